"""What is measured: starts, keys, bytes, memory, search, import, the command line."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.bench.terminal import Picture, Program, surroundings

DESK = (sys.executable, "-m", "agentdesk")
SMALLEST = (sys.executable, "-m", "tests.bench.smallest")
EDITOR = (*SMALLEST, "editor")
BAR = {"AGENTDESK_CURSOR": "bar"}
"""The look of the cursor that agentdesk takes over SSH."""


@dataclass(frozen=True)
class Spread:
    """Measured values of one kind."""

    values: tuple[float, ...]

    @property
    def p50(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """Only one in twenty is larger."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


@dataclass
class Subject:
    """A program under measurement."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    columns: int = 120
    rows_seen: bytes = rb"Person \d"
    """What is on the screen once there are rows."""

    def run(self) -> Program:
        """Start it."""
        return Program(self.argv, self.env, columns=self.columns)

    def ready(self) -> Program:
        """Start it and wait until it rests."""
        program = self.run()
        program.read(8, quiet=1.5)
        return program


def desk(home: Path, columns: int = 120, env: Mapping[str, str] | None = None) -> Subject:
    """agentdesk over a home."""
    return Subject(DESK, {"AGENTDESK_HOME": str(home), **(env or {})}, columns)


@dataclass(frozen=True)
class Start:
    """One start, in milliseconds."""

    frame: float
    rows: float
    answers: float
    """Until a key that was typed as soon as rows were there has been answered."""
    cpu: float
    memory: float


def start(subject: Subject) -> Start:
    """Start once, and type ``j`` as soon as there are rows."""
    with subject.run() as program:
        while program.seen(subject.rows_seen) is None and program.read(10, until=b"Person"):
            pass
        program.write(b"j")
        program.read(8, quiet=1.5)
        cpu = program.cpu()
        rows, frame = program.seen(subject.rows_seen), program.seen(rb"agentdesk|Person \d")
        answers = _cursor_moved(program)
        if rows is None or frame is None or answers is None:
            raise RuntimeError("\n".join(["It did not start, or did not answer:", *program.screen()]))
        return Start(frame * 1_000, rows * 1_000, answers * 1_000, cpu * 1_000, program.memory())


def _cursor_moved(program: Program) -> float | None:
    """When the cursor stood on the second row."""
    picture = Picture(program.columns, program.lines)
    for at, data in program.chunks:
        picture.feed(data)
        cells = picture.cells.buffer
        if cells[1][0].reverse or (cells[3][0].data in "▌▎┃" and cells[2][0].data == " "):
            return at
    return None


def starts(subjects: Mapping[str, Subject], times: int) -> dict[str, dict[str, Spread]]:
    """Every subject started some times in turn, so that a busy moment of the machine hits all alike."""
    found: dict[str, list[Start]] = {name: [] for name in subjects}
    for _ in range(times):
        for name, subject in subjects.items():
            found[name].append(start(subject))
    return {name: {what: Spread(tuple(getattr(one, what) for one in many)) for what in
                   ("frame", "rows", "answers", "cpu", "memory")} for name, many in found.items()}


def keys(subjects: Mapping[str, Subject], key: bytes, times: int, rest: float, *, first: bytes = b""
         ) -> dict[str, tuple[Spread, Spread]]:
    """Milliseconds from key to paint and bytes written, the programs side by side, key by key in turn."""
    programs = {name: subject.ready() for name, subject in subjects.items()}
    paint: dict[str, list[float]] = {name: [] for name in subjects}
    size: dict[str, list[float]] = {name: [] for name in subjects}
    try:
        for program in programs.values():
            if first:
                program.write(first)
                program.read(3, quiet=0.8)
            program.key(key, 0.5)
        for _ in range(times):
            for name, program in programs.items():
                took, count = program.key(key, rest)
                size[name].append(count)
                if took is not None:
                    paint[name].append(took * 1_000)
    finally:
        for program in programs.values():
            program.end()
    return {name: (Spread(tuple(paint[name])), Spread(tuple(size[name]))) for name in subjects}


def hold(subject: Subject, key: bytes = b"j", seconds: float = 3.0, rate: float = 30.0) -> tuple[float, Spread]:
    """Bytes per key while a key is held down, and milliseconds from each key to the next paint."""
    with subject.ready() as program:
        program.key(key, 0.5)
        before = len(program.chunks)
        typed: list[float] = []
        begin = time.perf_counter()
        for number in range(int(seconds * rate)):
            typed.append(time.perf_counter() - program.began)
            program.write(key)
            program.read(max(begin + (number + 1) / rate - time.perf_counter(), 0.0001))
        program.read(0.05)
        chunks = program.chunks[before:]
        after = [next((at - when for at, _ in chunks if at > when), None) for when in typed]
        return sum(len(data) for _, data in chunks) / len(typed), Spread(tuple(w * 1_000 for w in after if w))


def idle(subject: Subject, seconds: float = 20.0) -> float:
    """Bytes for a second in which nothing is typed."""
    with subject.ready() as program:
        program.read(2)
        return len(program.read(seconds)) / seconds


def memory(subject: Subject, pages: int = 40) -> tuple[float, float]:
    """Resident megabytes after the start, and after paging through rows."""
    with subject.ready() as program:
        program.read(1)
        fresh = program.memory()
        for _ in range(pages):
            program.key(b"\x06", 0.05)
            program.key(b"j", 0.05)
        program.read(1, quiet=0.5)
        return fresh, program.memory()


SOUGHT = ("delivered", "refund order", "w00ca", '"parcel delivered"', "where is my account", "w0d3e w00af")
"""What somebody might look for: common words, rare ones, several words, a phrase."""


def search(home: Path, sentences: Sequence[str] = SOUGHT) -> Spread:
    """Milliseconds to the rows for every beginning of what somebody types, asked as the search screen asks.

    Each is asked three times and the middle one counts: a busy moment of the machine is no slow search.
    """
    import asyncio

    from agentdesk.config.schema import Config
    from agentdesk.desk import find
    from agentdesk.desk.desk import Desk
    from agentdesk.model.clock import SystemClock
    from agentdesk.replies.packs import Packs
    from agentdesk.rules.rulebook import Rulebook
    from agentdesk.store.db import Store

    clock, zone = SystemClock(), ZoneInfo("UTC")
    store = Store.open(home / "data" / "desk.sqlite3", clock)
    one = Desk(store=store, clock=clock, config=Config(), rulebook=Rulebook.build(Config(), zone), agent="ann",
               packs=Packs(), holder="bench", zone=zone)

    async def measure() -> Spread:
        took: dict[str, list[float]] = {text[:end]: [] for text in sentences for end in range(2, len(text) + 1)}
        await find.search(one, "delivered", limit=60)
        for _ in range(3):
            for typed, times in took.items():
                begin = time.perf_counter()
                await find.search(one, typed, limit=60)
                times.append((time.perf_counter() - begin) * 1_000)
        return Spread(tuple(statistics.median(times) for times in took.values()))

    try:
        return asyncio.run(measure())
    finally:
        store.close()


def bring_in(file: Path, count: int, folder: Path) -> tuple[float, float, float]:
    """Posts per second and per second of processor time through ``agentdesk import``, and its megabytes."""
    home = Path(tempfile.mkdtemp(prefix="import-", dir=folder))
    try:
        home.chmod(0o700)
        wall, cpu, peak = _timed([*DESK, "import", str(file), "--json"], {"AGENTDESK_HOME": str(home)})
        return count / wall, count / cpu, peak
    finally:
        shutil.rmtree(home)


def command(argv: Sequence[str], env: Mapping[str, str], times: int) -> tuple[Spread, Spread]:
    """Milliseconds on the clock and of processor time for a command that ends by itself."""
    runs = [_timed(argv, env) for _ in range(times)]
    return Spread(tuple(r[0] * 1_000 for r in runs)), Spread(tuple(r[1] * 1_000 for r in runs))


def _timed(argv: Sequence[str], env: Mapping[str, str]) -> tuple[float, float, float]:
    begin = time.perf_counter()
    process = subprocess.Popen(argv, env={**surroundings(), **env}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    wall = time.perf_counter() - begin
    if process.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {process.returncode}: {said.decode()[-500:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def imports(argv: Sequence[str], env: Mapping[str, str], wanted: Sequence[str]) -> tuple[int, dict[str, bool]]:
    """How many modules a command imports, and which of the heavy ones are among them."""
    run = subprocess.run([argv[0], "-X", "importtime", *argv[1:]], env={**surroundings(), **env},
                         capture_output=True, text=True, check=True)
    names = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}
    return len(names), {name: name in names for name in wanted}


def machine() -> str:
    """The machine in a line, without a name or a date."""
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown processor")
    total = int(Path("/proc/meminfo").read_text().split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} cores ({model}), {total:.0f} GB, Python {sys.version.split()[0]}, {_textual()}"


def _textual() -> str:
    from importlib.metadata import version

    return f"Textual {version('textual')}, SQLite {version('apsw')} (apsw)"
