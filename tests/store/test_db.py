"""The one writer: whole transactions, in order, durable when told so; errors in words; private files."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from agentdesk.errors import StoreDamaged, StoreError, StoreFull, StoreReadOnly, StoreTooNew
from agentdesk.model.clock import ManualClock
from agentdesk.store import files, opening
from agentdesk.store.db import Db, Store
from agentdesk.store.sqlite_errors import in_words


def put(name: str, value: str = "x") -> Callable[[Db], int]:
    return lambda db: db.run("INSERT INTO setting VALUES (?, ?)", name, value)


def names(store: Store) -> list[str]:
    return [row[0] for row in store.reader.rows("SELECT name FROM setting ORDER BY name")]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_everything_is_private_from_its_creation(path: Path, clock: ManualClock, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = Store.open(path, clock)
        store.write_now(put("a"))
        found = {f.name: mode(f) for f in path.parent.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert set(found) == {"desk.sqlite3", "desk.sqlite3-wal", "desk.sqlite3-shm", "ballast"}
    assert set(found.values()) == {0o600}
    assert mode(path.parent) == 0o700


def test_what_the_contract_asks_of_the_file(store: Store) -> None:
    writer = store._writer
    assert writer is not None
    assert [writer.value(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")] == ["wal", 2, 1]
    assert store.reader.value("PRAGMA query_only") == 1
    assert opening.linked_version() >= opening.SAFE_SQLITE
    assert store.warnings == []


def test_the_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StoreReadOnly):
        store.reader.run("INSERT INTO setting VALUES ('a', 'b')")


async def test_writes_come_in_the_order_they_were_asked_for(store: Store) -> None:
    order: list[int] = []
    await asyncio.gather(*(store.write(lambda db, n=n: order.append(n)) for n in range(50)))  # type: ignore[misc]
    store.write_now(lambda db: order.append(50))
    assert order == list(range(51))


async def test_all_writes_are_in_one_thread_of_its_own(store: Store) -> None:
    threads = {await store.write(lambda db: threading.get_ident()) for _ in range(3)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_an_error_undoes_everything_and_reaches_the_caller(store: Store) -> None:
    def work(db: Db) -> None:
        db.run("INSERT INTO setting VALUES ('a', 'b')")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await store.write(work)
    with pytest.raises(KeyError, match="mine"):
        store.write_now(work)
    assert names(store) == []
    await store.write(put("c"))
    assert names(store) == ["c"]


async def test_a_write_inside_a_write_is_refused_instead_of_waiting_for_ever(store: Store) -> None:
    await store.write(put("a"))
    with pytest.raises(StoreError, match="inside a write"):
        await store.write(lambda db: store.write_now(put("b")))


async def test_a_cancelled_wait_before_its_turn_changes_nothing(store: Store) -> None:
    gate = threading.Event()
    first = asyncio.ensure_future(store.write(lambda db: gate.wait(5)))
    second = asyncio.ensure_future(store.write(put("late")))
    await asyncio.sleep(0.01)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await first
    await store.write(put("after"))
    assert names(store) == ["after"]


async def test_closing_finishes_what_was_asked_for(path: Path, clock: ManualClock) -> None:
    store = Store.open(path, clock)
    pending = [asyncio.ensure_future(store.write(put(f"n{n:02}"))) for n in range(20)]
    await asyncio.sleep(0)
    store.close()
    store.close()
    await asyncio.gather(*pending)
    with pytest.raises(StoreError, match="closed"):
        await store.write(put("x"))
    again = Store.open(path, clock)
    assert len(names(again)) == 20
    again.close()


def test_another_process_is_seen_once_and_we_are_not(path: Path, clock: ManualClock) -> None:
    one, two = Store.open(path, clock), Store.open(path, clock)
    try:
        one.write_now(put("a"))
        assert not one.seen_elsewhere()
        assert two.seen_elsewhere()
        assert not two.seen_elsewhere()
        two.write_now(put("b"))
        one.write_now(put("c"))
        assert one.seen_elsewhere()
        assert not one.seen_elsewhere()
        assert names(one) == names(two) == ["a", "b", "c"]
    finally:
        one.close()
        two.close()


def test_a_reader_that_only_reads_sees_others_too(path: Path, clock: ManualClock) -> None:
    store = Store.open(path, clock)
    looker = Store.open(path, clock, read_only=True)
    assert not looker.seen_elsewhere()
    store.write_now(put("a"))
    assert looker.seen_elsewhere()
    assert names(looker) == ["a"]
    with pytest.raises(StoreReadOnly):
        looker.write_now(put("b"))
    looker.close()
    store.close()


def test_a_thread_reads_with_its_own_connection(store: Store) -> None:
    store.write_now(put("a"))
    found: list[object] = []

    def read() -> None:
        reader = store.new_reader()
        found.append(reader.value("SELECT count(*) FROM setting"))
        reader.close()

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert found == [1]


@pytest.mark.parametrize("what", ["folder mode", "file mode", "file link", "folder link", "wal link", "no plain file"])
def test_what_others_could_touch_is_refused_with_the_command_that_mends_it(path: Path, clock: ManualClock,
                                                                           what: str) -> None:
    Store.open(path, clock).close()
    target = path.parent
    remedy = "rm "
    if what == "folder mode":
        path.parent.chmod(0o755)
        remedy = f"chmod 700 {path.parent}"
    elif what == "file mode":
        path.chmod(0o640)
        target, remedy = path, f"chmod 600 {path}"
    elif what == "file link":
        path.rename(path.with_name("real"))
        path.symlink_to(path.with_name("real"))
        target = path
    elif what == "folder link":
        path.parent.rename(path.parent.with_name("real"))
        path.parent.symlink_to(path.parent.with_name("real"))
    elif what == "wal link":
        target = path.with_name(path.name + "-wal")
        target.unlink()
        target.symlink_to("/etc/passwd")
    else:
        path.unlink()
        path.mkdir(mode=0o700)
        target, remedy = path, "mv "
    with pytest.raises(StoreError) as caught:
        Store.open(path, clock)
    assert str(target) in caught.value.title
    assert remedy in caught.value.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_somebody_else_is_refused(path: Path, clock: ManualClock) -> None:
    Store.open(path, clock).close()
    os.chown(path, 12345, -1)
    with pytest.raises(StoreError, match="belongs to somebody else"):
        Store.open(path, clock)


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path, clock: ManualClock) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"my precious notes, not a database" * 200)
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match="damaged"):
        Store.open(path, clock)
    assert path.read_bytes() == before


def test_somebody_elses_database_is_refused_and_left_as_it_is(path: Path, clock: ManualClock) -> None:
    path.parent.mkdir(mode=0o700)
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE theirs (x); PRAGMA user_version = 7")
    other.close()
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a cache of agentdesk"):
        Store.open(path, clock)
    assert path.read_bytes() == before


def test_a_newer_file_is_refused_naming_the_versions_and_not_written(path: Path, clock: ManualClock) -> None:
    Store.open(path, clock, steps=("CREATE TABLE a (x);", "CREATE TABLE b (x);")).close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreTooNew, match="newer") as caught:
            Store.open(path, clock, read_only=read_only, steps=("CREATE TABLE a (x);",))
        assert "schema 2" in caught.value.cause
        assert "knows 1" in caught.value.cause
    assert path.read_bytes() == before


def test_reading_only_needs_a_file(path: Path, clock: ManualClock) -> None:
    with pytest.raises(StoreReadOnly, match="no cache"):
        Store.open(path, clock, read_only=True)
    assert not path.parent.exists()


@pytest.mark.parametrize(("error", "kind"), [
    (apsw.FullError("disk full"), StoreFull), (apsw.ReadOnlyError("ro"), StoreReadOnly),
    (apsw.CantOpenError("x"), StoreReadOnly), (apsw.CorruptError("x"), StoreDamaged),
    (apsw.NotADBError("x"), StoreDamaged), (apsw.BusyError("x"), StoreError),
    (apsw.IOError("x"), StoreError), (apsw.SQLError("x"), StoreError),
])
def test_every_trouble_is_told_with_path_cause_and_remedy(error: apsw.Error, kind: type[StoreError],
                                                          path: Path) -> None:
    told = in_words(error, path)
    assert type(told) is kind
    assert str(path.parent) in f"{told.title} {told.cause}"
    assert told.cause
    assert told.remedy


def test_a_busy_file_is_told_in_words(store: Store, path: Path) -> None:
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    assert store._writer is not None
    store._writer.connection.set_busy_timeout(1)
    with pytest.raises(StoreError, match="in use"):
        store.write_now(put("a"))
    other.execute("ROLLBACK")
    other.close()
    store.write_now(put("a"))


MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /home rw - nfs4 server:/home rw
31 30 0:41 / /home/ann/fast rw - xfs /dev/sdb rw
32 21 0:42 / /mnt/with\\040space rw - cifs //server/share rw
33 21 0:43 / /mnt/ssh rw - fuse.sshfs ann@host: rw
"""


@pytest.mark.parametrize(("folder", "kind"), [
    ("/var/lib", ""), ("/home/ann/.local", "nfs4"), ("/home/ann/fast/x", ""), ("/mnt/with space/x", "cifs"),
    ("/mnt/ssh/x", "fuse.sshfs"), ("/homes", ""),
])
def test_a_network_disk_is_known_by_its_mount(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert files.network_mount(Path(folder), mounts) == kind
    assert files.network_mount(Path(folder), tmp_path / "none") == ""


def test_on_a_network_disk_there_is_no_shared_log_and_a_warning(path: Path, clock: ManualClock,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "network_mount", lambda folder: "nfs4")
    store = Store.open(path, clock)
    assert "network disk (nfs4)" in store.warnings[0]
    store.write_now(put("a"))
    assert names(store) == ["a"]
    assert store._writer is not None
    assert store._writer.value("PRAGMA journal_mode") == "truncate"
    assert not path.with_name(path.name + "-wal").exists()
    store.close()
