"""Looking over a live file for what was promised about it, and saving what can be read of a damaged one."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import apsw

from agentdesk.errors import StoreDamaged
from agentdesk.model.clock import DAY, Millis
from agentdesk.model.finding import Finding
from agentdesk.store import drafts, ledger, opening, outbox
from agentdesk.store.codec import row_hash
from agentdesk.store.db import Db, Store

__all__ = ["Finding", "check", "linked_version", "rescue", "set_aside"]

_RESCUE = "Run agentdesk doctor --rescue FILE, then start anew"
_SHOWN = 10
_LEFT = (*ledger.DISPOSITIONS, "closed_elsewhere")
"""Ledger actions that account for a conversation being done."""


def linked_version() -> str:
    """The version of the SQLite library in use."""
    return apsw.sqlite_lib_version()


def check(store: Store) -> list[Finding]:
    """Everything that is not as promised: pages, hashes, chain, queue, figures, cursors; empty when all is well."""
    if opening.linked_version() < opening.SAFE_SQLITE:
        found = [Finding(area="sqlite", text=f"SQLite {linked_version()} can lose data when two programs write at once",
                         remedy="Update apsw")]
    else:
        found = []
    reader = store.new_reader()
    try:
        pages = [row[0] for row in reader.rows("PRAGMA quick_check(20)") if row[0] != "ok"]
        if pages:
            return found + [Finding(area="file", text=text, remedy=_RESCUE) for text in pages]
        now = store.clock.now()
        return found + [each for look in _LOOKS for each in look(reader, now)]
    except StoreDamaged as error:
        return [*found, Finding(area="file", text=f"{error.title}: {error.cause}", remedy=_RESCUE)]
    finally:
        reader.close()


def _hashes(db: Db, now: Millis) -> Iterator[Finding]:
    for area, damaged in (("draft", drafts.damaged(db)), ("outbox", outbox.damaged(db))):
        for what in damaged:
            yield Finding(area=area, text=f"The {what} is not what was written", remedy=_RESCUE)
    for text in ledger.verify(db)[:_SHOWN]:
        yield Finding(area="ledger", text=text, remedy="Compare with a backup; the other entries are whole")


def _queue(db: Db, now: Millis) -> Iterator[Finding]:
    """I4: nothing has left the queue without somebody's word."""
    marks = ", ".join("?" * len(_LEFT))
    for (number,) in db.rows(
            "SELECT id FROM conversation AS c WHERE state = 'done' AND backfill = 0 "
            f"AND NOT EXISTS (SELECT 1 FROM ledger AS l WHERE l.conversation_id = c.id AND l.action IN ({marks})) "
            "LIMIT ?", *_LEFT, _SHOWN):
        yield Finding(area="queue", text=f"#{number} is done and nobody said so", remedy=f"agentdesk reopen {number}")
    for (number,) in db.rows(
            "SELECT DISTINCT c.id FROM message AS m JOIN conversation AS c ON c.id = m.conversation_id "
            "WHERE m.direction = 'in' AND m.handled_at IS NULL AND c.state IN ('done', 'waiting') LIMIT ?", _SHOWN):
        yield Finding(area="queue", text=f"#{number} holds a message that nobody answered or disposed of",
                      remedy=f"agentdesk reopen {number}")


def _figures(db: Db, now: Millis) -> Iterator[Finding]:
    """Kept figures against what they count."""
    for (number,) in db.rows(
            "SELECT c.id FROM conversation AS c WHERE c.state IN ('open', 'snoozed') AND c.burst <> (SELECT count(*) "
            "FROM message AS m WHERE m.conversation_id = c.id AND m.direction = 'in' AND m.handled_at IS NULL) LIMIT ?",
            _SHOWN):
        yield Finding(area="queue", text=f"#{number} shows a wrong number of unanswered messages")
    for state, kept, real in db.rows(
            "SELECT t.state, t.conversations, (SELECT count(*) FROM conversation AS c WHERE c.state = t.state) AS n "
            "FROM tally AS t WHERE t.conversations <> n"):
        yield Finding(area="queue", text=f"{kept} conversations are counted as {state}, there are {real}")
    for (number,) in db.rows(
            "SELECT c.id FROM conversation AS c WHERE c.unsent <> (SELECT count(*) FROM outbox AS o "
            "WHERE o.conversation_id = c.id AND o.state NOT IN ('sent', 'cancelled') AND o.kind <> 'action') LIMIT ?",
            _SHOWN):
        yield Finding(area="outbox", text=f"#{number} shows a wrong number of unsent replies")


def _cursors(db: Db, now: Millis) -> Iterator[Finding]:
    for name, cursor, at in db.rows("SELECT name, cursor, cursor_at FROM source"):
        if cursor is not None and (at is None or at > now + DAY):
            yield Finding(area="source", text=f"{name}: its cursor was moved at an impossible time",
                          remedy="Set the clock right")
    for (name,) in db.rows("SELECT DISTINCT source FROM conversation EXCEPT SELECT name FROM source"):
        yield Finding(area="source", text=f"{name} has conversations, but is not known as a source")


_LOOKS: tuple[Callable[[Db, Millis], Iterator[Finding]], ...] = (_hashes, _queue, _figures, _cursors)


def set_aside(path: Path, now: Millis) -> Path:
    """Move a damaged file and its log out of the way, never over another; returns where it lies now."""
    target = path.with_name(f"{path.name}.damaged-{now}")
    while target.exists():
        now += 1
        target = path.with_name(f"{path.name}.damaged-{now}")
    for end in ("-wal", "-shm", ""):
        part = path.with_name(path.name + end)
        if part.exists():
            part.rename(target.with_name(target.name + end))
    return target


def rescue(path: Path, out: TextIO) -> dict[str, int]:
    """Write every draft, outbox entry, ledger entry and promise that can be read, as JSON lines; counts by table.

    Works on a copy and touches nothing. Rows whose hash does not fit are written too, marked ``"intact": false``.
    """
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix=".rescue-", dir=path.parent) as folder:
        copy = Path(folder) / path.name
        for end in ("", "-wal"):
            part = path.with_name(path.name + end)
            if part.exists():
                shutil.copyfile(part, copy.with_name(copy.name + end))
        connection = _open_copy(copy)
        try:
            for table, key, verdict in _PRECIOUS:
                for row in _salvage(connection, table, key):
                    intact = verdict(row, connection)
                    name = table if intact else f"{table} (damaged)"
                    counts[name] = counts.get(name, 0) + 1
                    out.write(json.dumps({"table": table, "intact": intact, "row": _plain(row)}) + "\n")
        finally:
            connection.close()
    return counts


def _open_copy(copy: Path) -> apsw.Connection:
    connection = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.execute("PRAGMA cell_size_check=ON")
    return connection


def _salvage(connection: apsw.Connection, table: str, key: str) -> Iterator[dict[str, Any]]:
    """All rows that can be read: from the front, from the back, and one by one in between."""
    front, broken = _read(connection, f"SELECT * FROM {table} NOT INDEXED ORDER BY {key}")
    yield from front
    if not broken:
        return
    back, _ = _read(connection, f"SELECT * FROM {table} NOT INDEXED ORDER BY {key} DESC")
    first = front[-1][key] if front else 0
    last = back[-1][key] if back else first + 100_000
    for number in range(first + 1, last):
        yield from _read(connection, f"SELECT * FROM {table} NOT INDEXED WHERE {key} = {number}")[0]
    yield from (row for row in reversed(back) if row[key] > first)


def _read(connection: apsw.Connection, sql: str) -> tuple[list[dict[str, Any]], bool]:
    """The rows up to where the file is broken, and whether it is."""
    rows: list[dict[str, Any]] = []
    try:
        cursor = connection.execute(sql)
        for values in cursor:
            rows.append(dict(zip((name for name, _ in cursor.get_description()), values, strict=True)))
    except (apsw.Error, UnicodeDecodeError):
        return rows, True
    return rows, False


def _draft_is_whole(row: dict[str, Any], connection: apsw.Connection) -> bool:
    *values, told = row.values()
    return bool(told == row_hash(*values))


def _outbox_is_whole(row: dict[str, Any], connection: apsw.Connection) -> bool:
    frozen = [row[name] for name in ("client_id", "conversation_id", "kind", "agent", "body")]
    return bool(row["hash"] == row_hash(*frozen))


def _ledger_is_whole(row: dict[str, Any], connection: apsw.Connection) -> bool:
    before, broken = _read(connection, f"SELECT hash FROM ledger WHERE id = {int(row['id']) - 1}")
    values = tuple(row[name] for name in ledger.HASHED)
    return not broken and bool(row["hash"] == ledger.chained(before[0]["hash"] if before else b"", values))


def _is_whole(row: dict[str, Any], connection: apsw.Connection) -> bool:
    return True


_PRECIOUS: tuple[tuple[str, str, Callable[[dict[str, Any], apsw.Connection], bool]], ...] = (
    ("draft", "conversation_id", _draft_is_whole), ("outbox", "id", _outbox_is_whole),
    ("ledger", "id", _ledger_is_whole), ("promise", "id", _is_whole))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
