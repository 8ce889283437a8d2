"""A queue without a store: rows in a sorted list, asked the way the store is."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import Any

import msgspec

from agentdesk.model.clock import HOUR, MINUTE, Millis
from agentdesk.model.conversation import ClockKind, QueueRow, Severity, State
from agentdesk.model.text import Inert
from agentdesk.store.where import Where
from agentdesk.ui.rows import Key

NOON: Millis = 1_767_225_600_000


def row(number: int, *, due: Millis | None = None, rank: int | None = None, **fields: Any) -> QueueRow:
    """A row of the queue, with what the test names and the usual for the rest."""
    due_at = NOON + 6 * HOUR + number * MINUTE if due is None else due
    plain: dict[str, Any] = {
        "id": number, "source": "mastodon:acme", "letter": "M", "name": Inert(f"Customer {number}"),
        "preview": Inert(f"where is my parcel {number}"), "state": State.OPEN, "severity": Severity.NORMAL,
        "rank": due_at if rank is None else rank, "due_at": due_at, "soon_at": due_at - HOUR,
        "clock_kind": ClockKind.FIRST, "calendar": "", "last_in_at": NOON - HOUR, "snoozed_until": None, "unread": 0,
        "burst": 1, "assignee": "", "claim_agent": "", "claim_until": None, "has_draft": False, "unsent": 0,
        "tags": (), "incident": "", "version": 1}
    return QueueRow(**{**plain, **fields})


class FakeRows:
    """Rows in queue order; a query is a word that the preview must hold, or nothing."""

    def __init__(self, rows: Iterable[QueueRow] = ()) -> None:
        self.rows = {one.id: one for one in rows}
        self.keys = sorted((one.rank, one.id) for one in self.rows.values())
        self.asked = 0
        self.most = 0

    def put(self, one: QueueRow) -> None:
        """Add or change a row."""
        self.drop(one.id)
        self.rows[one.id] = one
        insort(self.keys, (one.rank, one.id))

    def change(self, number: int, **fields: Any) -> None:
        """Change a row the way the store does: its version grows."""
        old = self.rows[number]
        self.put(msgspec.structs.replace(old, version=old.version + 1, **fields))

    def drop(self, number: int) -> None:
        """Take a row out."""
        old = self.rows.pop(number, None)
        if old is not None:
            self.keys.remove((old.rank, old.id))

    def compile(self, query: str) -> Where:
        return Where(sql=query)

    def _all(self, where: Where) -> list[Key]:
        return [key for key in self.keys if where.sql in self.rows[key[1]].preview]

    def window(self, where: Where, *, after: Key | None = None, before: Key | None = None,
               limit: int = 200) -> list[QueueRow]:
        keys = self._all(where)
        self.asked += 1
        if before is not None:
            end = bisect_left(keys, before)
            found = keys[max(end - limit, 0):end]
        else:
            start = bisect_right(keys, after) if after is not None else 0
            found = keys[start:start + limit]
        self.most = max(self.most, len(found))
        return [self.rows[number] for _, number in found]

    def around(self, where: Where, conversation_id: int, limit: int = 200) -> list[QueueRow]:
        one = self.rows.get(conversation_id)
        if one is None or (one.rank, one.id) not in self._all(where):
            return []
        above = self.window(where, before=(one.rank, one.id), limit=limit // 2)
        return above + self.window(where, after=(one.rank, one.id - 1), limit=limit - len(above))

    def closed(self, calendar: str, now: Millis) -> Millis | None:
        return now + 8 * HOUR if calendar == "closed" else None
