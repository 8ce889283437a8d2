"""A program in a pseudo-terminal: what it writes, and when."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

ROOT = Path(__file__).resolve().parents[2]


def surroundings() -> dict[str, str]:
    """An environment in which nothing changes how programs start, with modules compiled once and kept as installed."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("AGENTDESK", "SSH_", "TMUX", "STY", "NO_COLOR", "TEXTUAL", "PYTHON"))}
    return {**kept, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "agentdesk-bench" / "compiled")}


class Picture:
    """What a terminal shows after the bytes it was fed."""

    def __init__(self, columns: int, lines: int) -> None:
        self.cells = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.cells)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take in a chunk; a sequence that its end cuts in two waits for the next chunk."""
        data = self._rest + data
        cut = data.rfind(b"\x1b")
        whole = cut < 0 or re.match(rb"\x1b(\[[0-9;:<>=?$ ]*[@-~]|[^\[])", data[cut:]) is not None
        data, self._rest = (data, b"") if whole else (data[:cut], data[cut:])
        self._stream.feed(re.sub(rb"\x1b\[[<>=?][0-9;]*[$]?[a-zA-Z]", b"", data))

    @property
    def rows(self) -> list[str]:
        """The text of every row."""
        return list(self.cells.display)


class Program:
    """One run of a program; every chunk it wrote is kept with its time since the start, in seconds."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], *, columns: int = 120, lines: int = 40) -> None:
        self.columns, self.lines = columns, lines
        self.chunks: list[tuple[float, bytes]] = []
        full = {**surroundings(), "TERM": "xterm-256color", "COLORTERM": "truecolor", **env}
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execvpe(argv[0], list(argv), full)  # noqa: S606

    def read(self, seconds: float, *, quiet: float | None = None, until: bytes = b"") -> bytes:
        """What comes within ``seconds``; less when it is ``quiet`` for that long, or when ``until`` was seen."""
        start = time.perf_counter()
        got = b""
        while (left := start + seconds - time.perf_counter()) > 0:
            ready, _, _ = select.select([self.fd], [], [], left if quiet is None else min(left, quiet))
            if not ready:
                if quiet is not None:
                    break
                continue
            try:
                data = os.read(self.fd, 65_536)
            except OSError:
                break
            if not data:
                break
            self.chunks.append((time.perf_counter() - self.began, data))
            got += data
            if until and until in got:
                break
        return got

    def write(self, keys: bytes) -> None:
        """Type."""
        os.write(self.fd, keys)

    def key(self, keys: bytes, rest: float) -> tuple[float | None, int]:
        """Type and read for ``rest`` seconds: seconds until the first answer (None without one), and bytes."""
        self.read(0.001)
        start, held = time.perf_counter() - self.began, len(self.chunks)
        self.write(keys)
        size = len(self.read(rest))
        first = self.chunks[held][0] - start if len(self.chunks) > held else None
        return first, size

    def seen(self, pattern: bytes) -> float | None:
        """When a pattern had come in full, in seconds after the start."""
        got = b""
        for at, data in self.chunks:
            got += data
            if re.search(pattern, got):
                return at
        return None

    def screen(self) -> list[str]:
        """The rows of the terminal as they are now."""
        picture = Picture(self.columns, self.lines)
        for _, data in self.chunks:
            picture.feed(data)
        return picture.rows

    def memory(self) -> float:
        """Resident megabytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """Stop it; SIGTERM first, so that it can leave its files in order."""
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.perf_counter() + 3
        while time.perf_counter() < deadline:
            self.read(0.02)
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
