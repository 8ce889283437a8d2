"""Looking over a live file for what was promised about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import apsw

from agentdesk.errors import StoreDamaged
from agentdesk.model.clock import DAY, Millis
from agentdesk.model.finding import Finding
from agentdesk.store import drafts, ledger, opening, outbox
from agentdesk.store.db import Db, Store
from agentdesk.store.rescue import rescue, set_aside

__all__ = ["Finding", "check", "linked_version", "rescue", "set_aside"]

_RESCUE = "Run agentdesk doctor --rescue FILE --aside, then start anew"
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
