"""Measures agentdesk beside the smallest Textual app and prints one table.

    python -m tests.bench                 everything, with a cache of 390,000 conversations (made once, some minutes)
    python -m tests.bench --quick         20,000 conversations and fewer rounds
    python -m tests.bench --only start    start, keys, bytes, memory, search, import or cli
    python -m tests.bench --write         put the table into docs/measurements.md too
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from agentdesk.model.clock import HOUR
from tests.bench import figures, made
from tests.bench.figures import BAR, DESK, EDITOR, SMALLEST, Subject, desk
from tests.bench.table import DOCUMENT, Row, as_text, document, ratio
from tests.bench.terminal import ROOT

HEAVY = ("textual", "httpx", "keyring", "asyncio", "click", "jinja2", "holidays", "regex", "yaml", "ssl")


class Bench:
    """One run over homes of two sizes."""

    def __init__(self, folder: Path, large: int, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        now = time.time_ns() // 1_000_000
        self.now = now
        self.small, self.large = made.home(folder, 1_000, now), made.home(folder, large, now)
        self.size = f"{large // 1_000}k"
        self.smallest = Subject(SMALLEST)

    def start(self) -> Iterator[Row]:
        """From the command to rows, and to a key that is answered."""
        found = figures.starts({"min": self.smallest, "1k": desk(self.small), "many": desk(self.large)}, self.rounds)
        small, mine, many = found["min"], found["1k"], found["many"]
        goals = {"frame": 0.3, "rows": 1.3, "answers": 0.0, "cpu": 0.0}
        words = {"frame": "start to first frame, ms", "rows": "start to first rows, ms",
                 "answers": "start to a key answered, ms", "cpu": "processor time of a start, ms"}
        for what, title in words.items():
            times = many[what].p50 / small[what].p50
            goal = goals[what]
            yield Row(title, f"{small[what].p50:.0f}", f"{mine[what].p50:.0f}", f"{many[what].p50:.0f}",
                      f"{times:.2f} × min", f"≤ {goal} × min" if goal else "", not goal or times <= goal)

    def keys(self) -> Iterator[Row]:
        """From a key to its paint, and what it costs on the line."""
        times = 10 * self.rounds
        alone = figures.keys({"min": Subject(SMALLEST, columns=80), "1k": desk(self.small, 80),
                              "many": desk(self.large, 80)}, b"j", 3 * times, 0.06)
        yield self._paint("key to paint, list alone (80 columns), p50 / p95 ms", alone, 1.2)
        three = figures.keys({"min": self.smallest, "1k": desk(self.small), "many": desk(self.large)}, b"j", times,
                             0.4)
        yield self._paint("key to paint, three panes (120 columns), p50 / p95 ms", three, 0.0)
        small, mine, many = (three[name][1].p50 for name in ("min", "1k", "many"))
        yield Row("bytes when the panes have followed a key", f"{small:.0f}", f"{mine:.0f}", f"{many:.0f}",
                  ratio(many, small), "", True)
        yield from self._typing(times)

    def _typing(self, times: int) -> Iterator[Row]:
        area = figures.keys({"min": Subject(EDITOR)}, b"a", times, 0.12)["min"]
        found = figures.keys({"1k": desk(self.small), "many": desk(self.large)}, b"a", times, 0.12, first=b"r")
        mine, many = found["1k"], found["many"]
        worst = many[0].p95 / area[0].p95
        yield Row("typing in the composer (min: bare TextArea), p50 / p95 ms", f"{area[0].p50:.1f} / {area[0].p95:.1f}",
                  f"{mine[0].p50:.1f} / {mine[0].p95:.1f}", f"{many[0].p50:.1f} / {many[0].p95:.1f}",
                  f"{worst:.2f} × min at p95", "≤ 1.2 × TextArea", worst <= 1.2)
        yield Row("bytes per typed character", f"{area[1].p50:.0f}", f"{mine[1].p50:.0f}", f"{many[1].p50:.0f}",
                  ratio(many[1].p50, area[1].p50), "≤ 130", many[1].p50 <= 130)

    def _paint(self, title: str, found: dict[str, tuple[figures.Spread, figures.Spread]], goal: float) -> Row:
        small, mine, many = (found[name][0] for name in ("min", "1k", "many"))
        beside, grown = many.p95 / small.p95, many.p95 / mine.p95
        said = f"p95 ≤ 1.1 × 1k, ≤ {goal} × min" if goal else "p95 ≤ 1.1 × 1k"
        return Row(title, f"{small.p50:.1f} / {small.p95:.1f}", f"{mine.p50:.1f} / {mine.p95:.1f}",
                   f"{many.p50:.1f} / {many.p95:.1f}", f"p95 {beside:.2f} × min, {grown:.2f} × 1k", said,
                   grown <= 1.1 and (not goal or beside <= goal))

    def bytes(self) -> Iterator[Row]:
        """What a key, a held key and a second cost on the line."""
        times = 4 * self.rounds
        for look, env in (("a background under the cursor", {}), ("a bar and bold, as over SSH", BAR)):
            found = figures.keys({"min": self.smallest, "1k": desk(self.small, env=env),
                                  "many": desk(self.large, env=env)}, b"j", times, 0.06)
            small, mine, many = (found[name][1].p50 for name in ("min", "1k", "many"))
            yield Row(f"bytes per j, {look}", f"{small:.0f}", f"{mine:.0f}", f"{many:.0f}", ratio(many, small),
                      "≤ 130", many <= 130)
        for look, env in (("a background", {}), ("a bar and bold", BAR)):
            held = [figures.hold(one)[0] for one in (self.smallest, desk(self.small, env=env),
                                                     desk(self.large, env=env))]
            yield Row(f"bytes per j held (30/s), {look}", f"{held[0]:.0f}", f"{held[1]:.0f}", f"{held[2]:.0f}",
                      ratio(held[2], held[0]), "≤ 480", held[2] <= 480)
        for title, within, goal in (("over a day", 24, "≤ 100"), ("all within the hour", 1, "")):
            home = made.ticking_home(self.folder, time.time_ns() // 1_000_000, within=within * HOUR)
            size = figures.idle(desk(home))
            yield Row(f"bytes per idle second, 40 clocks {title}", f"{figures.idle(self.smallest, 4):.0f}",
                      f"{size:.0f}", "", "", goal, not goal or size <= 100)

    def memory(self) -> Iterator[Row]:
        """Megabytes in use."""
        small, mine, many = (figures.memory(one) for one in (self.smallest, desk(self.small), desk(self.large)))
        for place, title in enumerate(("memory after the start, MB", "memory after paging, MB")):
            times = many[place] / small[place]
            yield Row(title, f"{small[place]:.0f}", f"{mine[place]:.0f}", f"{many[place]:.0f}", f"{times:.2f} × min",
                      "≤ 1.5 × min", times <= 1.5)

    def search(self) -> Iterator[Row]:
        """From typed words to rows."""
        mine, many = figures.search(self.small), figures.search(self.large)
        yield Row("search as you type, p50 / p95 ms to rows", "", f"{mine.p50:.1f} / {mine.p95:.1f}",
                  f"{many.p50:.1f} / {many.p95:.1f}", "", "p95 ≤ 10 ms", many.p95 <= 10)

    def bring_in(self) -> Iterator[Row]:
        """Posts a second."""
        count = 8_000 * self.rounds
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            file = made.posts(Path(folder) / "posts.jsonl", count)
            wall, cpu, peak = figures.bring_in(file, count, Path(folder))
        yield Row("import with full text, posts a second", "", f"{wall:,.0f}", "", f"{cpu:,.0f} per processor second",
                  "≥ 5,000", wall >= 5_000)
        yield Row("memory of an import at most, MB", "", f"{peak:.0f}", "", "", "", True)

    def cli(self) -> Iterator[Row]:
        """Commands without a screen."""
        queue = [*DESK, "queue", "--json"]
        envs = [{"AGENTDESK_HOME": str(home)} for home in (self.small, self.large)]
        times = self.rounds
        bare = figures.command([sys.executable, "-c", "pass"], {}, times)
        mine, many = (figures.command(queue, env, times) for env in envs)
        yield Row("agentdesk queue --json (min: a bare Python), ms", f"{bare[0].p50:.0f}", f"{mine[0].p50:.0f}",
                  f"{many[0].p50:.0f}", f"{many[1].p50:.0f} ms of processor time", "", True)
        count, heavy = figures.imports(queue, envs[0], HEAVY)
        there = [name for name in HEAVY if heavy[name]]
        yield Row("modules it imports", "", f"{count}", "", "with " + (", ".join(there) or "none of the heavy ones"),
                  "no textual, httpx, keyring", not {"textual", "httpx", "keyring"} & set(there))


def main(argv: list[str]) -> int:
    """Measure and print; always 0, because nothing here is asserted."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "agentdesk-bench")
    said = parser.parse_args(argv)
    said.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    bench = Bench(said.folder, 20_000 if said.quick else 390_000, said.rounds or (3 if said.quick else 7))
    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "start": bench.start, "keys": bench.keys, "bytes": bench.bytes, "memory": bench.memory,
        "search": bench.search, "import": bench.bring_in, "cli": bench.cli}
    rows: list[Row] = []
    for name, part in parts.items():
        if not said.only or name in said.only:
            sys.stderr.write(f"{name} …\n")
            rows += part()
    print(as_text(rows, bench.size))
    if said.write:
        (ROOT / DOCUMENT).write_text(document(rows, bench.size, figures.machine()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
