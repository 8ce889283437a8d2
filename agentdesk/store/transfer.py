"""Everything out as JSON lines and back in: an export of what was imported is the same, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from agentdesk.errors import Refused, UsageError
from agentdesk.store.db import Db
from agentdesk.store.migrations import STEPS

FORMAT = 1
END = "end"
"""What the last line is called: a copy that was cut off between two lines has none."""
ANOTHER = "Name a file that was exported from the desk that is to be put back"
"""No command is named: it would be called in the profile that is still empty."""
_TABLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("setting", ("name",)), ("source", ("name",)), ("gap", ("id",)), ("quarantine", ("id",)), ("customer", ("id",)),
    ("identity", ("source", "ref")), ("identity_key", ("key", "source", "ref")), ("conversation", ("id",)),
    ("message", ("id",)), ("message_edit", ("id",)), ("undelivered", ("source", "ref", "client_id")),
    ("draft", ("conversation_id", "agent", "kind")), ("outbox", ("id",)), ("ledger", ("id",)), ("promise", ("id",)),
    ("link", ("id",)), ("reaction", ("source", "kind", "ref")),
    ("stranger", ("source", "ref", "other_source", "other_ref")), ("canned", ("source", "ref")),
    ("import_job", ("path",)))
"""All tables that hold something of their own, in an order in which they can be filled, with their keys.

Left out are what belongs to running processes (lease) and what is made of the rest (tally, the full-text index).
"""
_MUST_BE_EMPTY = ("customer", "conversation", "message", "draft", "outbox", "ledger")
_BATCH = 1_000


def export(db: Db, out: TextIO) -> dict[str, int]:
    """Write every row of every table; returns how many of each."""
    db.rows("BEGIN")
    try:
        out.write(json.dumps({"agentdesk": FORMAT, "schema": len(STEPS)}) + "\n")
        counts = {table: _write(db, table, key, out) for table, key in _TABLES}
        out.write(json.dumps({END: {"rows": sum(counts.values())}}) + "\n")
        return counts
    finally:
        db.rows("ROLLBACK")


def load(db: Db, lines: Iterable[str]) -> dict[str, int]:
    """Fill an empty file from an export; returns how many rows of each table. All in the caller's transaction."""
    numbered = enumerate((line for line in lines if line.strip()), 1)
    _check_head(next(numbered, (1, ""))[1])
    for table in _MUST_BE_EMPTY:
        if db.value(f"SELECT EXISTS (SELECT 1 FROM {table})"):
            raise Refused("This profile is not empty", f"There is something in {table}",
                          "Import into a new profile: agentdesk --profile NAME import")
    counts = dict.fromkeys((table for table, _ in _TABLES), 0)
    for table, _ in _TABLES:
        db.run(f"DELETE FROM {table}")
    for table, columns, rows in _batches(numbered, counts):
        db.many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows)
    db.run("INSERT INTO message_text (message_text) VALUES ('rebuild')")
    return counts


def _write(db: Db, table: str, key: tuple[str, ...], out: TextIO) -> int:
    columns = [row[1] for row in db.rows(f"PRAGMA table_info({table})")]
    names, order, number = ", ".join(columns), ", ".join(key), 0
    last: tuple[Any, ...] | None = None
    while True:
        after = f"WHERE ({order}) > ({', '.join('?' * len(key))})" if last is not None else ""
        rows = db.rows(f"SELECT {names} FROM {table} {after} ORDER BY {order} LIMIT {_BATCH}", *(last or ()))
        for row in rows:
            told = {name: _out(value) for name, value in zip(columns, row, strict=True)}
            out.write(json.dumps({table: told}, ensure_ascii=False, separators=(",", ":")) + "\n")
        number += len(rows)
        if len(rows) < _BATCH:
            return number
        held = dict(zip(columns, rows[-1], strict=True))
        last = tuple(held[name] for name in key)


def _out(value: Any) -> Any:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _in(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


def _check_head(line: str) -> None:
    try:
        head = json.loads(line)
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("agentdesk") != FORMAT:
        raise UsageError("This is not an export of agentdesk", "Its first line does not say so", ANOTHER)
    if head.get("schema") != len(STEPS):
        raise UsageError("This export is of another version",
                         f"It is at schema {head.get('schema')}, this program reads {len(STEPS)}",
                         "Use the version that wrote it, upgrade there, and export again")


def _batches(numbered: Iterator[tuple[int, str]],
             counts: dict[str, int]) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
    """Rows of one table with the same columns together."""
    table, columns, rows = "", list[str](), list[list[Any]]()
    wrong = "Its last line, which counts the others, is missing"
    for number, line in numbered:
        name, row = _row(number, line, counts)
        if name == END:
            whole = row == {"rows": sum(counts.values())} and next(numbered, None) is None
            wrong = "" if whole else "Lines are missing from it, or follow its last one"
            break
        if rows and (name != table or list(row) != columns or len(rows) >= _BATCH):
            yield table, columns, rows
            rows = []
        table, columns = name, list(row)
        rows.append([_in(value) for value in row.values()])
        counts[name] += 1
    if wrong:
        raise UsageError("This export is not whole", wrong, "Nothing was imported. Export once more from the desk that "
                         "it is of; the manual says how what is there is put back where that desk is gone")
    if rows:
        yield table, columns, rows


def _row(number: int, line: str, counts: dict[str, int]) -> tuple[str, dict[str, Any]]:
    try:
        ((name, row),) = json.loads(line).items()
        if (name in counts or name == END) and all(column.isidentifier() for column in row):
            return name, row
    except (ValueError, AttributeError, TypeError):
        name = ""
    raise UsageError(f"Line {number} of the export cannot be read", f"It names no known table {name}".strip(),
                     "Nothing was imported. Is the file whole?")
