"""The ledger's rows: appended, chained by hashes, never changed or removed."""

from __future__ import annotations

import functools
import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from agentdesk.model.clock import Millis
from agentdesk.model.ledger import LedgerEntry
from agentdesk.store.codec import pack, row_hash, unpack
from agentdesk.store.db import Db
from agentdesk.store.sqlite_errors import reading

DISPOSITIONS = ("answered", "linked", "not_actionable", "duplicate", "praise", "spam")
"""Actions that let a conversation leave the queue by a person's or a rule's word."""
HASHED = ("uid", "at", "agent", "os_user", "rule", "conversation_id", "customer_id", "source", "action", "code",
          "detail", "undoes")
"""The columns under a row's hash, in their order."""
_COLUMNS = "id, uid, at, agent, os_user, action, conversation_id, customer_id, source, code, rule, detail, undoes"


@functools.cache
def os_user() -> str:
    """The login name of whoever runs this process."""
    if sys.platform == "win32":
        return os.environ.get("USERNAME", "")
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def write(db: Db, *, at: Millis, agent: str, action: str, conversation_id: int | None = None,
          customer_id: int | None = None, source: str = "", code: str = "", rule: str = "",
          detail: dict[str, Any] | None = None, undoes: str = "") -> str:
    """Append one entry; returns its unique id. A ``batch`` in the detail makes it one that can be undone."""
    uid, user, text = uuid.uuid4().hex, os_user(), pack(detail or {})
    batch = str((detail or {}).get("batch", ""))
    before = db.value("SELECT hash FROM ledger ORDER BY id DESC LIMIT 1") or b""
    values = (uid, at, agent, user, rule, conversation_id, customer_id, source, action, code, text, undoes)
    db.run("INSERT INTO ledger (uid, at, agent, os_user, rule, conversation_id, customer_id, source, action, code, "
           "detail, undoes, batch, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
           *values, batch, chained(before, values))
    return uid


def chained(before: bytes, values: tuple[Any, ...]) -> bytes:
    """The hash of a row that follows one with the hash ``before``."""
    return row_hash(before.hex(), *values)


def of_conversation(db: Db, conversation_id: int, limit: int = 200) -> list[LedgerEntry]:
    """The newest ``limit`` entries about a conversation, oldest first."""
    rows = db.rows(f"SELECT {_COLUMNS} FROM ledger WHERE conversation_id = ? ORDER BY id DESC LIMIT ?",
                   conversation_id, limit)
    return _entries(db, reversed(rows))


def of_batch(db: Db, batch: str) -> list[LedgerEntry]:
    """All entries of one decision."""
    rows = db.rows(f"SELECT {_COLUMNS} FROM ledger WHERE batch = ? AND batch <> '' ORDER BY id", batch)
    return _entries(db, rows)


def last_undoable(db: Db, agent: str) -> LedgerEntry | None:
    """This agent's newest decision that can be taken back and was not yet."""
    row = db.row(f"SELECT {_COLUMNS} FROM ledger AS l WHERE agent = ? AND batch <> '' "
                 "AND NOT EXISTS (SELECT 1 FROM ledger AS u WHERE u.undoes = l.uid AND u.undoes <> '') "
                 "ORDER BY id DESC LIMIT 1", agent)
    return _entries(db, [row])[0] if row else None


def rows(db: Db, since: Millis, until: Millis) -> Iterator[LedgerEntry]:
    """Entries of the period [since, until), oldest first."""
    last = (since, 0)
    while found := db.rows(f"SELECT {_COLUMNS} FROM ledger WHERE (at, id) > (?, ?) AND at < ? ORDER BY at, id "
                           "LIMIT 1000", *last, until):
        yield from _entries(db, found)
        last = (found[-1][2], found[-1][0])


def verify(db: Db) -> list[str]:
    """Recompute the chain; returns what does not fit, in sentences."""
    problems: list[str] = []
    before, last = b"", 0
    while found := db.rows(f"SELECT id, hash, {', '.join(HASHED)} FROM ledger WHERE id > ? ORDER BY id LIMIT 2000",
                           last):
        for number, told, *values in found:
            if told != chained(before, tuple(values)):
                problems.append(f"Ledger entry {number} does not fit: it or the one before was changed or removed")
            before, last = told, number
    return problems


def _entries(db: Db, found: Iterable[tuple[Any, ...]]) -> list[LedgerEntry]:
    with reading(db.path):
        return [_entry(row) for row in found]


def _entry(row: tuple[Any, ...]) -> LedgerEntry:
    (number, uid, at, agent, user, action, conversation_id, customer_id, source, code, rule, detail, undoes) = row
    return LedgerEntry(id=number, uid=uid, at=at, agent=agent, os_user=user, action=action,
                       conversation_id=conversation_id, customer_id=customer_id, source=source, code=code, rule=rule,
                       detail=unpack(detail, dict), undoes=undoes)
