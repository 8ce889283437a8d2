"""The real program in a pseudo-terminal: keys go in, bytes come out, and a picture of the terminal is kept.

Nothing here sleeps for a fixed time to see whether something happened: every wait ends as soon as what it waits for is
there, and fails with the screen when it is not there in time.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyte
from pyte.screens import wcwidth

import agentdesk

PACKAGE_ROOT = Path(agentdesk.__file__).resolve().parent.parent
PATIENCE = 20.0
"""Seconds after which something that should have come about counts as missing; a busy machine is slow."""
KEYS = {
    "enter": "\r", "escape": "\x1b", "tab": "\t", "shift+tab": "\x1b[Z", "backspace": "\x7f", "space": " ",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~",
    **{f"ctrl+{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"},
}
NO_WIDTH = frozenset("\u200b\u200c\u200d\u2060\u2068\u2069\ufe0e\ufe0f\ufeff")
_FOREIGN_TO_PYTE = re.compile(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$p")
"""Sequences of newer terminals that the picture does not know and would take for text."""


class Picture(pyte.Screen):
    """A terminal that takes isolates, joiners and selectors without stopping to draw."""

    def draw(self, data: str) -> None:
        """Letters of no width that do not combine leave no trace."""
        if not data.isascii():
            data = "".join(char for char in data if char not in NO_WIDTH)
        super().draw(data)

    def shown(self) -> list[str]:
        """Every row as text; half of a wide letter that was written over is a blank."""
        rows = []
        for y in range(self.lines):
            row, out, wide = self.buffer[y], [], False
            for x in range(self.columns):
                letter = row[x].data
                out.append(letter or ("" if wide else " "))
                wide = bool(letter) and wcwidth(letter[0]) == 2
            rows.append("".join(out))
        return rows


class Terminal:
    """One run of ``agentdesk`` (or of any Python code) in a terminal of its own."""

    def __init__(self, *words: str, home: Path, size: tuple[int, int] = (120, 36), env: Mapping[str, str] | None = None,
                 program: Sequence[str] | None = None, umask: int | None = None) -> None:
        self.columns, self.rows = size
        self.raw = bytearray()
        """Every byte that the program wrote."""
        self.screen = Picture(self.columns, self.rows)
        self._stream = pyte.ByteStream(self.screen)
        self._fed = 0
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
        self.modes_before = termios.tcgetattr(slave)
        self.tty = os.ttyname(slave)
        argv = [*(program or (sys.executable, "-m", "agentdesk")), *words]
        # A session leader that opens a terminal gets it as its controlling one: the program is hung up on when it goes.
        opened = f"exec 0<>{self.tty} 1>&0 2>&0; " + (f"umask {umask:03o}; " if umask is not None else "") + 'exec "$@"'
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", opened, "sh", *argv], start_new_session=True, env=environment(home, env),
            cwd=home.parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._slave = slave
        """Kept open, so that what the program wrote last can be read and the modes looked at after its end."""

    # -- life ------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self.hang_up()

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """True until the program has ended."""
        return self._process.poll() is None

    def hang_up(self) -> None:
        """Take the terminal away, as a dropped line does."""
        for number in (self.master, self._slave):
            if number >= 0:
                os.close(number)
        self.master = self._slave = -1

    def signal(self, number: int) -> None:
        """Send the program a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it without a warning."""
        self.signal(signal.SIGKILL)
        self.ended()

    def ended(self, seconds: float = PATIENCE) -> int:
        """Wait for the program's end; its exit code, negative for a signal."""
        end = time.monotonic() + seconds
        while self._process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"the program did not end\n{self.text}")
            self.pump(0.02)
        while self.pump(0.0):
            continue
        return self._process.wait()

    def modes(self) -> list[Any]:
        """How the terminal is set now (stty)."""
        return termios.tcgetattr(self._slave)

    # -- keys ------------------------------------------------------------------------------------------------------

    def send(self, data: str | bytes) -> None:
        """Type these characters."""
        left = data.encode() if isinstance(data, str) else data
        while left:
            _, ready, _ = select.select([], [self.master], [], 1.0)
            if ready:
                left = left[os.write(self.master, left[:512]):]
            self.pump(0.0)

    def press(self, *keys: str) -> None:
        """Press keys by name (``enter``, ``ctrl+s``) or letter; Escape gets the time that tells it from a sequence."""
        for key in keys:
            self.send(KEYS.get(key, key))
            if key == "escape":
                self.pump_for(0.15)

    def paste(self, text: str | bytes) -> None:
        """Paste, as a terminal with bracketed paste does."""
        data = text.encode() if isinstance(text, str) else text
        self.send(b"\x1b[200~" + data + b"\x1b[201~")

    def resize(self, columns: int, rows: int) -> None:
        """Another size, announced as terminals do."""
        self.columns, self.rows = columns, rows
        self.look()
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    # -- bytes -----------------------------------------------------------------------------------------------------

    def pump(self, seconds: float) -> bool:
        """Take what the program writes within a time; True when there was something."""
        if self.master < 0:
            time.sleep(seconds)
            return False
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 65_536)
        except OSError:
            return False
        self.raw += data
        return bool(data)

    def pump_for(self, seconds: float) -> None:
        """Let the program run for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.pump(left)

    def settle(self, quiet: float = 0.12, seconds: float = PATIENCE) -> None:
        """Wait until nothing was written for a moment (the ticking of the clocks aside, that is once a second)."""
        end = time.monotonic() + seconds
        while self.pump(quiet) and time.monotonic() < end:
            continue

    # -- what is seen ----------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Bring the picture of the terminal up to date."""
        new = bytes(self.raw[self._fed:])
        cut = new.rfind(b"\x1b", max(0, len(new) - 24))
        if cut >= 0 and not re.match(rb"\x1b(\[[0-9;:?<>=$]*[@-~]|[^\[])", new[cut:]):
            new = new[:cut]
        self._fed += len(new)
        self._stream.feed(_FOREIGN_TO_PYTE.sub(b"", new))

    @property
    def text(self) -> str:
        """What stands on the terminal."""
        self.look()
        return "\n".join(row.rstrip() for row in self.screen.shown())

    def sees(self, wanted: str | re.Pattern[str]) -> bool:
        """True when the words are on the screen now."""
        text = self.text
        return wanted in text if isinstance(wanted, str) else wanted.search(text) is not None

    def wait_for(self, wanted: str | re.Pattern[str] | Callable[[], object], seconds: float = PATIENCE) -> float:
        """Wait until the words are there (or the condition is true); how long it took."""
        begun = time.monotonic()
        end = begun + seconds
        while not (wanted() if callable(wanted) else self.sees(wanted)):
            if time.monotonic() > end or (not self.running and not self.pump(0.1)):
                raise AssertionError(f"not in {seconds:.0f} s: {wanted!r}\n{self.text}")
            if self.pump(0.1):
                while self.pump(0.005):
                    continue
        return time.monotonic() - begun

    def wait_gone(self, words: str, seconds: float = PATIENCE) -> float:
        """Wait until the words are no longer there."""
        return self.wait_for(lambda: words not in self.text, seconds)

    @property
    def alternate(self) -> bool:
        """True while the program uses the alternate screen."""
        return self.raw.rfind(b"\x1b[?1049h") > self.raw.rfind(b"\x1b[?1049l")


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the program sees of the world: little, and nothing of this machine's own desk."""
    found = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(home.parent), "AGENTDESK_HOME": str(home),
        "PYTHONPATH": str(PACKAGE_ROOT), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8", "TZ": "UTC",
        "TERM": "xterm-256color", "COLORTERM": "truecolor", "ESCDELAY": "50",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    return {**found, **(extra or {})}


def run(*words: str, home: Path, env: Mapping[str, str] | None = None, stdin: str = "", seconds: float = 60.0,
        umask: int = -1) -> subprocess.CompletedProcess[str]:
    """``agentdesk`` without a terminal, to its end."""
    return subprocess.run([sys.executable, "-m", "agentdesk", *words], env=environment(home, env), cwd=home.parent,
                          input=stdin, capture_output=True, text=True, timeout=seconds, check=False, umask=umask)
