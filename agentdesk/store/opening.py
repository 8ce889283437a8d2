"""How a database file is opened: created private, checked, upgraded after a checked backup, and set to be durable."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

import apsw

from agentdesk.errors import StoreDamaged, StoreError, StoreReadOnly, StoreTooNew
from agentdesk.model.clock import Clock
from agentdesk.paths import make_private
from agentdesk.store import files, functions
from agentdesk.store.sqlite_errors import in_words

APPLICATION_ID = 0x41474453
SAFE_SQLITE = (3, 51, 3)
"""Earlier releases can lose committed pages when two connections write and checkpoint at once."""
BACKUPS_KEPT = 3
_WAIT_MS = 15_000

Faults = Callable[[str], None]


def prepare(path: Path, read_only: bool) -> None:
    """See to it that folder and file are there and private before SQLite touches them."""
    if read_only:
        if not path.exists():
            raise StoreReadOnly(f"There is no cache at {path}", "It is opened for reading only", "Start agentdesk once")
    else:
        make_private(path.parent)
        files.create_private(path)
    for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        files.refuse_foreign(each)


def writer(path: Path, clock: Clock, steps: tuple[str, ...], warnings: list[str],
           faults: Faults | None) -> apsw.Connection:
    """The writing connection of an up-to-date file."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=200)
    try:
        connection.set_busy_timeout(_WAIT_MS)
        functions.add(connection)
        check_version(connection, path, len(steps))
        network = files.network_mount(path.parent)
        _set_journal(connection, path, network, warnings)
        connection.execute("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; "
                           "PRAGMA cache_size=-16000; PRAGMA journal_size_limit=16777216")
        migrate(connection, path, clock, steps, faults or (lambda name: None))
        if linked_version() < SAFE_SQLITE:
            warnings.append(f"SQLite {apsw.sqlite_lib_version()} can lose data when two programs write at once: "
                            "use one agentdesk at a time, or update apsw")
    except BaseException:
        connection.close()
        raise
    return connection


def linked_version() -> tuple[int, ...]:
    """The version of the SQLite library in use."""
    return tuple(int(part) for part in apsw.sqlite_lib_version().split("."))


def reader(path: Path, version: int, *, read_only: bool) -> apsw.Connection:
    """A reading connection of a file that is known to fit this program."""
    connection = connect_reader(path, read_only=read_only)
    try:
        found = check_version(connection, path, version)
        if found < version:
            raise StoreError(f"{path} must be upgraded first", f"It is at schema {found}, this program reads {version}",
                             "Start agentdesk once where the folder can be written")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path, *, read_only: bool) -> apsw.Connection:
    """A connection that refuses to write."""
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE
    connection = apsw.Connection(str(path), flags=flags, statementcachesize=200)
    connection.set_busy_timeout(_WAIT_MS)
    functions.add(connection)
    connection.execute("PRAGMA query_only=1; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-2000")
    return connection


def check_version(connection: apsw.Connection, path: Path, known: int) -> int:
    """The file's schema version; refuses a newer file, a foreign one and one that is no database."""
    version, mark = int(connection.pragma("user_version") or 0), int(connection.pragma("application_id") or 0)
    if version and mark != APPLICATION_ID:
        raise StoreError(f"{path} is not a cache of agentdesk", "Another program's mark is in it",
                         "Move it away, or set AGENTDESK_HOME to another folder")
    if not version and connection.execute("SELECT count(*) FROM sqlite_schema").get:
        raise StoreError(f"{path} is not a cache of agentdesk", "It is somebody else's database",
                         "Move it away, or set AGENTDESK_HOME to another folder")
    if version > known:
        raise StoreTooNew(f"{path} was written by a newer agentdesk",
                          f"The file is at schema {version}, this program knows {known}",
                          "Use the newer program; this one has changed nothing")
    return version


def _set_journal(connection: apsw.Connection, path: Path, network: str, warnings: list[str]) -> None:
    """Write-ahead log on a local disk; a rollback journal on a network one, where the log cannot be shared."""
    if network:
        connection.pragma("journal_mode", "TRUNCATE")
        warnings.append(f"{path.parent} lies on a network disk ({network}): use one agentdesk at a time there, "
                        "or set AGENTDESK_HOME to a local folder")
        return
    connection.pragma("journal_mode", "WAL")
    keep = array("i", [1])  # the log stays beside the file, so that a folder that became read-only can still be read
    connection.file_control("main", apsw.SQLITE_FCNTL_PERSIST_WAL, keep.buffer_info()[0])


def migrate(connection: apsw.Connection, path: Path, clock: Clock, steps: tuple[str, ...], faults: Faults) -> None:
    """Bring the file to the newest schema; each step commits together with its own number."""
    version = int(connection.pragma("user_version") or 0)
    if 0 < version < len(steps):
        back_up(connection, path, clock, version, faults)
    for number, script in enumerate(steps[version:], version + 1):
        faults(f"step:{number}:begin")
        connection.execute("BEGIN IMMEDIATE")
        try:
            if int(connection.pragma("user_version") or 0) < number:
                connection.execute(script)
                faults(f"step:{number}:done")
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={number}")
            faults(f"step:{number}:commit")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        faults(f"step:{number}:committed")


def back_up(connection: apsw.Connection, path: Path, clock: Clock, version: int, faults: Faults) -> None:
    """Write a copy of the file as it is and check it; only then may the file be changed."""
    target = path.with_name(f"{path.stem}.v{version}.{clock.now()}.backup")
    import secrets

    part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    files.create_private(part)
    try:
        faults("backup:begin")
        connection.execute("VACUUM INTO ?", (str(part),))
        faults("backup:written")
        if check_copy(part) == version:
            part.replace(target)
        faults("backup:done")
    except apsw.Error as error:
        raise in_words(error, path) from error
    finally:
        part.unlink(missing_ok=True)
    _tidy(path)


def check_copy(copy: Path) -> int:
    """Refuse a backup that is not whole; returns its schema version, a newer one when another process was faster."""
    connection = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        said, version = connection.pragma("quick_check"), int(connection.pragma("user_version") or 0)
    finally:
        connection.close()
    if said != "ok":
        raise StoreDamaged("The backup before the upgrade is not whole", str(said),
                           "The cache was not touched. Run agentdesk doctor")
    return version


def _tidy(path: Path) -> None:
    """Remove all but the newest backups, and what a killed process left half written an hour before the newest."""
    backups = sorted(path.parent.glob(f"{path.stem}.v*.backup"), key=lambda each: each.stat().st_mtime_ns)
    for old in backups[:-BACKUPS_KEPT]:
        old.unlink(missing_ok=True)
    for part in path.parent.glob(f"{path.stem}.v*.part") if backups else ():
        if part.stat().st_mtime < backups[-1].stat().st_mtime - 3_600:
            part.unlink(missing_ok=True)
