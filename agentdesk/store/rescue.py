"""Saving what can be read of a damaged file: drafts, replies, decisions and promises; the file itself is left alone."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import apsw

from agentdesk.model.clock import Millis
from agentdesk.store import ledger
from agentdesk.store.codec import row_hash
from agentdesk.store.migrations import STEPS
from agentdesk.store.pagescan import records

Row = dict[str, Any]
_PROBES = 5_000
"""So many rows are asked for one by one beyond the last that could be read in order."""


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

    Works on a copy. Rows whose hash does not fit are written too, marked ``"intact": false``.
    """
    counts: dict[str, int] = {}
    with _scratch(path) as folder:
        copy = Path(folder) / path.name
        for end in ("", "-wal"):
            part = path.with_name(path.name + end)
            if part.exists():
                shutil.copyfile(part, copy.with_name(copy.name + end))
        found, broken = _by_sqlite(copy)
        if broken:
            _by_pages(path, found)
    for table, rows in found.items():
        for key in sorted(rows, key=repr):
            row = rows[key]
            intact = _is_whole(table, row, rows)
            name = table if intact else f"{table} (damaged)"
            counts[name] = counts.get(name, 0) + 1
            out.write(json.dumps({"table": table, "intact": intact, "row": _plain(row)}) + "\n")
    return counts


def _scratch(path: Path) -> tempfile.TemporaryDirectory[str]:
    """A private folder to work in: beside the file, or elsewhere when that disk is full or read-only."""
    try:
        return tempfile.TemporaryDirectory(prefix=".rescue-", dir=path.parent)
    except OSError:
        return tempfile.TemporaryDirectory(prefix="agentdesk-rescue-")


def _by_sqlite(copy: Path) -> tuple[dict[str, dict[Any, Row]], bool]:
    """The rows that SQLite can still reach, by table and key, and whether it met damage."""
    found: dict[str, dict[Any, Row]] = {table: {} for table in _KEYS}
    broken = False
    connection = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute("PRAGMA cell_size_check=ON")
        for table, key in _KEYS.items():
            rows, bad = _salvage(connection, table, key[0])
            broken = broken or bad
            found[table] = {tuple(row[name] for name in key): row for row in rows}
    except apsw.Error:
        broken = True
    finally:
        connection.close()
    return found, broken


def _by_pages(path: Path, found: dict[str, dict[Any, Row]]) -> None:
    """Add whole rows that only their own page still has."""
    columns = _columns()
    late: dict[Any, Row] = {}
    for number, values in records(path):
        for table, names in columns.items():
            if len(values) != len(names):
                continue
            row = dict(zip(names, values, strict=True))
            if number is not None:
                row["id"] = number
            key = tuple(row[name] for name in _KEYS[table])
            if table == "ledger":
                late[key] = row
            elif key not in found[table] and _is_whole(table, row, {}):
                found[table][key] = row
    found["ledger"] = late | found["ledger"]


def _columns() -> dict[str, list[str]]:
    """The columns of the tables whose rows have a hash."""
    schema = apsw.Connection(":memory:")
    for step in STEPS:
        schema.execute(step)
    names = {table: [row[1] for row in schema.execute(f"PRAGMA table_info({table})")]
             for table in ("draft", "outbox", "ledger")}
    schema.close()
    return names


def _salvage(connection: apsw.Connection, table: str, key: str) -> tuple[list[Row], bool]:
    """All rows that can be reached: from the front, from the back, and one by one in between."""
    rows, broken = _read(connection, f"SELECT * FROM {table} NOT INDEXED ORDER BY {key}")
    if not broken:
        return rows, False
    back, _ = _read(connection, f"SELECT * FROM {table} NOT INDEXED ORDER BY {key} DESC")
    first = rows[-1][key] if rows else 0
    last = min(back[-1][key] if back else first + _PROBES, first + 200 * _PROBES)
    if rows or back:
        for number in range(first + 1, last):
            rows += _read(connection, f"SELECT * FROM {table} NOT INDEXED WHERE {key} = {number}")[0]
    return rows + back, True


def _read(connection: apsw.Connection, sql: str) -> tuple[list[Row], bool]:
    """The rows up to where the file is broken, and whether it is."""
    rows: list[Row] = []
    try:
        cursor = connection.execute(sql)
        for values in cursor:
            rows.append(dict(zip((name for name, _ in cursor.get_description()), values, strict=True)))
    except (apsw.Error, UnicodeDecodeError):
        return rows, True
    return rows, False


def _draft_is_whole(row: Row, others: dict[Any, Row]) -> bool:
    *values, told = row.values()
    return bool(told == row_hash(*values))


def _outbox_is_whole(row: Row, others: dict[Any, Row]) -> bool:
    frozen = [row[name] for name in ("client_id", "conversation_id", "kind", "agent", "body")]
    return bool(row["hash"] == row_hash(*frozen))


def _ledger_is_whole(row: Row, others: dict[Any, Row]) -> bool:
    before = others.get((row["id"] - 1,))
    if before is None and row["id"] > 1:
        return False
    values = tuple(row[name] for name in ledger.HASHED)
    return bool(row["hash"] == ledger.chained(before["hash"] if before else b"", values))


_KEYS: dict[str, tuple[str, ...]] = {
    "draft": ("conversation_id", "agent", "kind"), "outbox": ("id",), "ledger": ("id",), "promise": ("id",)}
_WHOLE: dict[str, Callable[[Row, dict[Any, Row]], bool]] = {
    "draft": _draft_is_whole, "outbox": _outbox_is_whole, "ledger": _ledger_is_whole}


def _is_whole(table: str, row: Row, others: dict[Any, Row]) -> bool:
    """True when the row is what was written, as far as a hash can tell."""
    try:
        return table not in _WHOLE or _WHOLE[table](row, others)
    except (TypeError, ValueError, AttributeError):
        return False


def _plain(row: Row) -> Row:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
