"""I9: the machine's clock jumps and changes to summer time; deadlines stay what they were, and the desk goes on."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.terminal.harness import Terminal, run
from tests.terminal.rt_server import serving

FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/local/lib", "/usr/lib")
LIBRARY = next((path for folder in FOLDERS for path in [Path(folder, "faketime", "libfaketime.so.1")] if path.exists()),
               None)
pytestmark = [pytest.mark.real, pytest.mark.skipif(LIBRARY is None, reason="needs libfaketime")]

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
"""An hour in spring and autumn, half an hour, and an hour back during Ramadan."""
CHANGES = (datetime(2026, 3, 29, 0, 59, 40, tzinfo=UTC), datetime(2026, 10, 25, 0, 59, 40, tzinfo=UTC),
           datetime(2026, 3, 8, 6, 59, 40, tzinfo=UTC), datetime(2026, 11, 1, 5, 59, 40, tzinfo=UTC))
"""Twenty seconds before clocks change in Europe or America."""
JUMPS = [timedelta(seconds=1), timedelta(seconds=-1), timedelta(hours=1), timedelta(hours=-1), timedelta(days=1),
         timedelta(days=-1), timedelta(days=365), timedelta(days=-365)]
DEADLINES = "SELECT ref, due_at, soon_at, clock_kind, rank, first_in_at, state, clocks FROM conversation ORDER BY ref"


class Machine:
    """A machine whose clock is in the test's hand."""

    def __init__(self, folder: Path, zone: str) -> None:
        self.file = folder / "time"
        self.env = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                    "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "TZ": zone}

    def set(self, at: datetime) -> None:
        """The clock goes on from this instant; libfaketime reads local time."""
        offset = at - datetime.now(UTC)
        self.file.write_text(f"{offset.total_seconds():+.0f}\n")


def write_home(folder: Path, at: datetime) -> Path:
    """A desk with office hours and round the clock, and posts around an instant."""
    home = folder / "home"
    (home / "config").mkdir(parents=True)
    for path in (home, home / "config"):
        path.chmod(0o700)
    posts = folder / "posts.jsonl"
    rows = [{"id": str(n), "author": f"c{n}", "text": f"Question {n}" + (" about my invoice" if n % 2 else ""),
             "created_at": (at - timedelta(minutes=40 * n)).isoformat()} for n in range(12)]
    posts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "config" / "config.yaml").write_text(f"""
agent: {{name: ann, zone: UTC}}
calendars:
  - {{name: office, zone: Europe/Berlin, hours: "mon-sun: 01:00-05:00"}}
policies:
  - {{name: invoices, when: invoice, calendar: office, first: 2h}}
  - {{name: rest, first: 6h}}
sources:
  - {{kind: file, name: p, path: {posts}}}
""")
    return home


def deadlines(home: Path) -> list[tuple[object, ...]]:
    """Every clock in the cache."""
    with closing(sqlite3.connect(f"file:{home}/data/desk.sqlite3?mode=ro", uri=True)) as db:
        return list(db.execute(DEADLINES))


@pytest.mark.parametrize("change", CHANGES, ids=lambda at: at.strftime("%d %b"))
def test_deadlines_are_the_same_in_every_zone_before_and_after_the_change(tmp_path: Path, change: datetime) -> None:
    found = []
    for zone in ("UTC", *ZONES):
        for hours in (0, 2):
            folder = tmp_path / zone.replace("/", "-") / str(hours)
            folder.mkdir(parents=True)
            machine = Machine(folder, zone)
            machine.set(change + timedelta(hours=hours, seconds=5))
            home = write_home(folder, change)
            done = run("sync", home=home, env=machine.env)
            assert done.returncode == 0, done.stderr
            found.append(deadlines(home))
    assert len(found[0]) == 12
    assert all(each == found[0] for each in found)
    for ref, due_at, *_ in found[0]:
        if int(str(ref)) % 2 == 0:
            created = change - timedelta(minutes=40 * int(str(ref)))
            assert due_at == int(created.timestamp()) * 1_000 + 6 * 3_600_000


@pytest.mark.parametrize("zone", ZONES)
def test_the_screen_goes_on_over_the_change_and_over_every_jump(tmp_path: Path, zone: str) -> None:
    change = CHANGES[ZONES.index(zone)]
    machine = Machine(tmp_path, zone)
    machine.set(change)
    home = write_home(tmp_path, change)
    assert run("sync", home=home, env=machine.env).returncode == 0
    before = deadlines(home)
    with Terminal(home=home, env=machine.env) as terminal:
        terminal.wait_for("expected within")
        machine.set(change + timedelta(seconds=21))
        answered(terminal)
        assert deadlines(home) == before
        for jump in JUMPS:
            machine.set(change + timedelta(hours=2))
            answered(terminal)
            shown = clock_of(terminal)
            machine.set(change + timedelta(hours=2) + jump)
            if abs(jump) >= timedelta(minutes=2):
                terminal.wait_for(lambda shown=shown: clock_of(terminal) != shown)
            answered(terminal)
            assert deadlines(home) == before, jump
        terminal.press("q")
        assert terminal.ended() == 0
    assert deadlines(home) == before
    assert not list(home.glob("data/crash/*"))


def answered(terminal: Terminal) -> None:
    """A key is answered: the cursor goes down and up again."""
    for key in ("j", "k"):
        row = cursor_row(terminal)
        terminal.press(key)
        terminal.wait_for(lambda row=row: cursor_row(terminal) != row)


def cursor_row(terminal: Terminal) -> int:
    """The row with the cursor's bar."""
    return next((y for y, line in enumerate(terminal.text.splitlines()) if line.startswith("▌")), -1)


def clock_of(terminal: Terminal) -> str:
    """The countdown of the first row, without its seconds."""
    line = next(line for line in terminal.text.splitlines()[2:] if re.search(r"-?\d", line[4:14]))
    return line[4:14].strip().rsplit(":", 1)[0] if line[4:14].count(":") == 2 else line[4:14].strip()


def test_a_machine_whose_clock_runs_a_day_ahead_changes_no_deadline(tmp_path: Path) -> None:
    found = []
    for number, off in enumerate((timedelta(seconds=5), timedelta(days=1))):
        folder = tmp_path / str(number)
        folder.mkdir()
        machine = Machine(folder, "UTC")
        machine.set(CHANGES[0] + off)
        home = write_home(folder, CHANGES[0])
        assert run("sync", home=home, env=machine.env).returncode == 0
        found.append([row[:4] for row in deadlines(home)])
    assert found[0] == found[1]


@pytest.mark.parametrize("skew", [timedelta(), timedelta(days=1), timedelta(days=-1)], ids=["right", "ahead", "behind"])
def test_a_server_tells_a_machine_that_its_clock_is_off(tmp_path: Path, skew: timedelta) -> None:
    machine = Machine(tmp_path, "UTC")
    with serving("Where is my parcel?", "And mine?") as server:
        home = tmp_path / "home"
        (home / "config").mkdir(parents=True)
        (home / "config" / "config.yaml").write_text(
            "agent: {name: ann, zone: UTC}\npolicies: [{name: rest, first: 6h}]\nsources:\n" + server.config())
        for folder in (home, home / "config"):
            folder.chmod(0o700)
        token = server.rt.users["agent1"].token
        created = datetime.now(UTC)
        machine.set(created + skew)
        done = run("sync", home=home, env={**machine.env, "RT_TOKEN": token})
        assert done.returncode == 0, done.stderr
        for due_at in (row[1] for row in deadlines(home)):
            assert abs(int(str(due_at)) - round(created.timestamp() * 1_000) - 6 * 3_600_000) < 60_000
        told = run("sources", "--json", home=home)
        assert ("clock is" in done.stderr + done.stdout) == bool(skew), done.stderr
        assert abs(json.loads(told.stdout)["skew"] + skew.total_seconds() * 1_000) < 60_000
