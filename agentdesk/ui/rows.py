"""Where the queue list gets its rows from: bounded windows, read on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import QueueRow
from agentdesk.rules.calendar import ALWAYS

if TYPE_CHECKING:
    from agentdesk.desk.desk import Desk
    from agentdesk.desk.find import Where

Key = tuple[int, int]
"""A row's place in the queue: rank, then id."""
END: Key = (2**62, 2**62)
"""Behind every row."""


class Rows(Protocol):
    """What the list asks for; every answer is bounded by its limit and comes within a frame."""

    def compile(self, query: str) -> Where:
        """A query made ready for the other calls; UsageError when it cannot be read."""
        ...

    def window(self, where: Where, *, after: Key | None = None, before: Key | None = None,
               limit: int = 200) -> list[QueueRow]:
        """Rows behind or before a place, in queue order."""
        ...

    def around(self, where: Where, conversation_id: int, limit: int = 200) -> list[QueueRow]:
        """Rows with one conversation among them; empty when it is not in the view."""
        ...

    def closed(self, calendar: str, now: Millis) -> Millis | None:
        """When a business calendar opens again, None while it is open."""
        ...


class DeskRows:
    """Rows from the desk's store."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._closed: dict[tuple[str, Millis], Millis | None] = {}

    def compile(self, query: str) -> Where:
        """A query made ready for the store."""
        from agentdesk.desk import find

        return find.compile_view(self.desk, query)

    def window(self, where: Where, *, after: Key | None = None, before: Key | None = None,
               limit: int = 200) -> list[QueueRow]:
        """Rows behind or before a place, in queue order."""
        from agentdesk.desk import find

        return find.window(self.desk, where, after=after, before=before, limit=limit)

    def around(self, where: Where, conversation_id: int, limit: int = 200) -> list[QueueRow]:
        """Rows with one conversation among them; empty when it is not in the view."""
        from agentdesk.desk import find

        return find.around(self.desk, where, conversation_id, limit)

    def closed(self, calendar: str, now: Millis) -> Millis | None:
        """When a calendar opens again; asked once a minute for each, and the one that never closes not at all."""
        if calendar == ALWAYS.name:
            return None
        key = (calendar, now // 60_000)
        if key not in self._closed:
            if len(self._closed) > 64:
                self._closed.clear()
            found = self.desk.rulebook.calendars.get(calendar)
            self._closed[key] = None if found is None or found.is_open(now) else found.next_open(now)
        return self._closed[key]
