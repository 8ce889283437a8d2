"""Make docs/promise.md from test results: each line of the promise with its tests and how often they ran.

    python docs/promise.py RESULTS.xml [MORE.xml …]

RESULTS.xml is what ``pytest --junitxml=RESULTS.xml -o junit_family=xunit1`` wrote; .ci/nightly runs the long counts
and then this. A line whose tests failed, or did not run, says so.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import msgspec

PAGE = Path(__file__).parent / "promise.md"
LINES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("I0", "The screen says *saved*, *queued* or *sent* only after the commit",
     ("test_i0_said_and_done", "test_i0_screen")),
    ("I1", "Fetched messages are stored in the same transaction that moves the cursor", ("test_i1_pages_and_cursor",)),
    ("I2", "A reply reaches the platform exactly once, or is shown as unknown until it is settled",
     ("test_i2_exactly_once", "test_i2_machine", "test_i2_begun", "tests.real.test_rt")),
    ("I3", "A draft survives `kill -9` with at most the last second missing", ("test_i3_typing",)),
    ("I4", "Nothing leaves the queue without a disposition by a named person or rule", ("test_i4_queue",)),
    ("I4b", "What is edited or deleted upstream stays, marked, with its earlier text",
     ("test_i4b_edits_and_deletions",)),
    ("I5", "Two agents never both answer silently", ("test_i5_two_agents",)),
    ("I6", "What a source could not show is recorded as a gap; an empty answer deletes nothing", ("test_i6_gaps",)),
    ("I7", "A full or read-only disk and a damaged file are one sentence with a remedy; reading goes on",
     ("test_i7_disk", "test_i7_screen")),
    ("I8", "Changes of the cache form are backed up and resumable; an older agentdesk leaves a newer cache alone",
     ("test_i8_migrations",)),
    ("I9", "Due times are instants and do not move with the machine's clock",
     ("test_i9_wall_clock", "tests.rules.test_sla")),
    ("I10", "Several processes may share a cache; one collects and sends", ("test_i10_several_processes",)),
    ("I11", "A dropped line or a signal loses nothing and gives the terminal back", ("test_i11_signals",)),
    ("I12", "A reply can be taken back while it is held", ("test_i12_undo",)),
    ("I13", "Rate limits and outages delay, never drop; the order in a conversation is kept", ("test_i13_storms",)),
    ("I14", "Everything can leave as JSON lines and come back the same", ("test_i14_export",)),
    ("all", "A simulated night of typing, sending, crashes, full disks and clock jumps breaks none of these",
     ("test_night_shift",)),
    ("text", "Nothing that others wrote reaches the terminal as a command, or is read as markup", ("tests.hostile",)),
    ("tokens", "No token in a log, a traceback, the cache, an export, the screen or a child's environment",
     ("test_secrets_canaries",)),
)
HEAD = """# What is promised about your data

Each line names the tests that try to break it and how often they ran in the last long run. *Runs* are the seeds, kills,
faults and steps that those tests went through. This page is made by `docs/promise.py` from the tests' own results;
every ordinary run of the tests uses small seeded counts, and a seed that fails is printed and repeats exactly.

| | promise | tests | cases | runs | failed |
|---|---|---|---|---|---|
"""
TAIL = """
The long counts are run with

    .ci/nightly

which ends by writing this page. Some cases need root (a full or read-only disk) or `tmux` and `faketime`; without them
they are skipped and not counted.

## Not promised

Data after the account's token was revoked; posts that a platform never showed us; power loss on disks that lie about
flushes; the demo's world, which is a toy with a single window.
"""


class Count(msgspec.Struct):
    """What came of one file's tests."""

    passed: int = 0
    runs: int = 0
    failed: int = 0
    skipped: int = 0


def count(results: list[Path]) -> dict[str, Count]:
    """The results by the tests' module; of a case in several files the last counts."""
    cases: dict[tuple[str, str], ElementTree.Element] = {}
    for path in results:
        for case in ElementTree.parse(path).iter("testcase"):  # noqa: S314 - written by our own test run
            cases[case.get("classname", ""), case.get("name", "")] = case
    found: dict[str, Count] = defaultdict(Count)
    for (module, _), case in cases.items():
        one = found[module]
        if case.find("skipped") is not None:
            one.skipped += 1
        elif case.find("failure") is not None or case.find("error") is not None:
            one.failed += 1
        else:
            one.passed += 1
            runs = [node.get("value", "1") for node in case.iter("property") if node.get("name") == "runs"]
            one.runs += int(runs[-1]) if runs else 1
    return found


def row(line: str, words: str, tests: tuple[str, ...], found: dict[str, Count]) -> str:
    """One row of the table."""
    mine = [one for module, one in found.items() for test in tests
            if module == test or module.endswith(f".{test}") or f".{test}." in f".{module}."]
    named = ", ".join(f"`{test.removeprefix('tests.')}`" for test in tests)
    passed, runs, failed = (sum(getattr(one, name) for one in mine) for name in ("passed", "runs", "failed"))
    shown = (f"{passed:,}", f"{runs:,}", f"**{failed}**" if failed else "0") if passed + failed else ("not run", "", "")
    return f"| {line} | {words} | {named} | {' | '.join(shown)} |\n"


def page(found: dict[str, Count]) -> str:
    """The whole page."""
    return HEAD + "".join(row(*line, found) for line in LINES) + TAIL


if __name__ == "__main__":
    PAGE.write_text(page(count([Path(name) for name in sys.argv[1:]])))
    print(PAGE)
