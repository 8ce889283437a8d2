"""I8: schema steps are whole, preceded by a checked backup, and go on after a kill in any of them."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from agentdesk.errors import StoreDamaged, StoreFull, StoreTooNew
from agentdesk.model.clock import ManualClock
from agentdesk.store import opening
from agentdesk.store.db import Store
from tests.nothing_lost.conftest import Child, Runs
from tests.nothing_lost.store_child import STEPS

OLD = STEPS[:1]


def points(path: Path) -> list[str]:
    """The names of all steps of an upgrade."""
    Store.open(path, ManualClock(), steps=OLD).close()
    names: list[str] = []
    Store.open(path, ManualClock(), steps=STEPS, faults=names.append).close()
    return names


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {table: list(connection.execute(f"SELECT * FROM {table}")) for table in sorted(tables)}
    found["version"] = [(connection.pragma("user_version"),)]
    connection.close()
    return found


WHOLE = {"a": [(1, 100), (2, 200)], "c": [(100,), (200,)], "version": [(4,)]}


def test_every_step_has_its_points(tmp_path: Path) -> None:
    names = points(tmp_path / "d" / "x.sqlite3")
    assert names[:3] == ["backup:begin", "backup:written", "backup:done"]
    assert len(names) == 3 + 4 * 3


@pytest.mark.parametrize("kill_at", range(1, 16))
def test_killed_at_any_point_it_goes_on_and_loses_nothing(path: Path, child: Child, kill_at: int) -> None:
    Store.open(path, ManualClock(), steps=OLD).close()
    before = content(path)
    process = child("migrate", path, kill_at)
    process.communicate()
    assert process.returncode == -9
    assert content(path)["version"][0][0] in (1, 2, 3, 4)
    out, err = child("migrate", path, 0).communicate()
    assert out == "end\n", err
    assert content(path) == WHOLE
    backups = sorted(path.parent.glob("*.backup"))
    if kill_at > 2:
        assert backups
        assert content(backups[0]) == before


@pytest.mark.nightly
@pytest.mark.parametrize("kill_at", range(1, 16))
def test_killed_a_hundred_times(tmp_path: Path, child: Child, kill_at: int, runs: Runs) -> None:
    for number in range(100):
        path = tmp_path / str(number) / "desk.sqlite3"
        Store.open(path, ManualClock(), steps=OLD).close()
        child("migrate", path, kill_at).communicate()
        Store.open(path, ManualClock(), steps=STEPS).close()
        assert content(path) == WHOLE
    runs(100)


def test_a_new_file_needs_no_backup(path: Path) -> None:
    names: list[str] = []
    Store.open(path, ManualClock(), steps=STEPS, faults=names.append).close()
    assert not any(name.startswith("backup") for name in names)
    assert list(path.parent.glob("*.backup")) == []
    assert content(path) == WHOLE


def test_backups_are_private_and_only_the_last_three_are_kept(path: Path) -> None:
    clock = ManualClock()
    steps = tuple(f"CREATE TABLE t{n} (x)" for n in range(7))
    for number in range(1, 8):
        Store.open(path, clock, steps=steps[:number]).close()
        clock.advance(1)
    backups = sorted(path.parent.glob("*.backup"))
    assert [b.name.split(".")[1] for b in backups] == ["v4", "v5", "v6"]
    assert {b.stat().st_mode & 0o777 for b in backups} == {0o600}


def test_a_failing_step_changes_nothing(path: Path) -> None:
    Store.open(path, ManualClock(), steps=OLD).close()
    before = content(path)
    with pytest.raises(Exception, match="refused a statement"):
        Store.open(path, ManualClock(), steps=(*OLD, "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1);"))
    assert content(path) == before


def test_no_step_is_taken_without_a_whole_backup(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(path, ManualClock(), steps=OLD).close()
    before = content(path)

    def bad(copy: Path) -> None:
        raise StoreDamaged("The backup is not whole", "tried out")

    monkeypatch.setattr(opening, "check_copy", bad)
    with pytest.raises(StoreDamaged):
        Store.open(path, ManualClock(), steps=STEPS)
    assert content(path) == before


def test_a_full_disk_at_the_backup_changes_nothing(path: Path) -> None:
    Store.open(path, ManualClock(), steps=OLD).close()
    before = content(path)

    def full(name: str) -> None:
        if name == "backup:written":
            raise apsw.FullError("database or disk is full")

    with pytest.raises(StoreFull):
        Store.open(path, ManualClock(), steps=STEPS, faults=full)
    assert content(path) == before
    assert list(path.parent.glob("*.part")) == []


def test_two_processes_that_upgrade_at_once_take_each_step_once(path: Path, child: Child) -> None:
    Store.open(path, ManualClock(), steps=OLD).close()
    running = [child("migrate", path, 0) for _ in range(4)]
    assert [process.communicate() for process in running] == [("end\n", "")] * 4
    assert content(path) == WHOLE


def test_upgrade_old_program_upgrade(path: Path) -> None:
    Store.open(path, ManualClock(), steps=OLD).close()
    Store.open(path, ManualClock(), steps=STEPS).close()
    upgraded = path.read_bytes()
    with pytest.raises(StoreTooNew) as caught:
        Store.open(path, ManualClock(), steps=OLD)
    assert "schema 4" in caught.value.cause
    assert path.read_bytes() == upgraded
    Store.open(path, ManualClock(), steps=STEPS).close()
    assert content(path) == WHOLE
