"""The queue list's memory: windows of rows around a cursor that is anchored on a conversation. Draws nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentdesk.model.conversation import QueueRow
from agentdesk.ui.rows import END, Key, Rows

if TYPE_CHECKING:
    from agentdesk.desk.find import Where

WINDOW = 200
"""Rows asked for at a time."""
KEPT = 3 * WINDOW
"""Rows held at most; those furthest from the cursor go."""
CHECKED = 24
"""Changed rows looked up one by one; with more than that the windows are read anew."""


def key_of(row: QueueRow) -> Key:
    """The row's place in the queue."""
    return row.rank, row.id


class QueueModel:
    """Rows, cursor, and the first row in sight.

    What arrives is only counted (``fresh``) until ``reload``; a row that changed is replaced where it stands; a row
    that left the view goes, and the cursor stays on its conversation, or on the one that takes its place.
    ``dirty`` collects the places to redraw; ``all_dirty`` means everything.
    """

    def __init__(self, source: Rows) -> None:
        self.source = source
        self.query = ""
        self.where: Where | None = None
        self.judged: Where | None = None
        """The view in a form that is quickly read, when it is slow to judge."""
        self.rows: list[QueueRow] = []
        self.cursor = 0
        self.first = 0
        self.body = 1
        """Rows in sight."""
        self.smooth = False
        """True to scroll by single rows instead of half pages."""
        self.fresh: set[int] = set()
        """Conversations that came into this view and are not shown yet."""
        self.dirty: set[int] = set()
        self.all_dirty = True
        self._before = False
        self._after = False
        self._place = 0
        """The line of the window that the cursor stood on when there were rows last."""

    @property
    def current(self) -> QueueRow | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    @property
    def current_id(self) -> int | None:
        """The conversation under the cursor."""
        row = self.current
        return row.id if row is not None else None

    def in_sight(self) -> list[QueueRow]:
        """The rows of the window."""
        return self.rows[self.first:self.first + self.body]

    # -- reading ---------------------------------------------------------------------------------------------------

    def load(self, query: str, keep: int | None = None, judged: Where | None = None) -> None:
        """Show a view; the cursor stays on ``keep`` when that is in it, else it goes to the top.

        UsageError when the query cannot be read; what was shown stays then. ``judged`` is the view in another form,
        for one whose rows take long to judge; then that is read until another one is given.
        """
        where = self.source.compile(query) if judged is None else judged
        self.judged = judged
        if self.rows:
            self._place = self.cursor - self.first
        self.query, self.where = query, where
        self.fresh.clear()
        rows = self.source.around(where, keep, WINDOW) if keep is not None else []
        held = next((at for at, row in enumerate(rows) if row.id == keep), None)
        if held is None:
            rows = self.source.window(where, limit=WINDOW)
            self._before = False
        else:
            self._before = bool(self.source.window(where, before=key_of(rows[0]), limit=1))
        self._after = bool(rows) and bool(self.source.window(where, after=key_of(rows[-1]), limit=1))
        self.rows = rows
        self.cursor = held or 0
        self.first = self.cursor - self._place if held is not None else 0
        self.settle()

    def reload(self) -> None:
        """Read the view anew around the cursor, with what has arrived."""
        if self.where is not None:
            self.load(self.query, self.current_id, self.judged)

    def show_new(self) -> None:
        """Read the view anew and bring the first of what has arrived into sight, as far as the cursor stays there."""
        fresh, self.fresh = self.fresh, set()
        self.reload()
        at = next((at for at, row in enumerate(self.rows) if row.id in fresh), None)
        if at is not None:
            low, high = max(self.cursor - self.body + 1, 0), self.cursor
            self.first = min(max(min(self.first, at), at - self.body + 1, low), high)

    def show_first(self) -> None:
        """Bring the rows above into sight, as far as the cursor stays there."""
        self.first = self.cursor - self.body + 1
        self.settle()

    def refetch(self, ids: Iterable[int] = ()) -> None:
        """Take in that conversations (none named: any) look different; nothing is inserted and nothing moves."""
        if self.where is None:
            return
        if not self.rows:
            self.load(self.query, judged=self.judged)
            return
        self.where = self.source.compile(self.query) if self.judged is None else self.judged
        rank, first_id = key_of(self.rows[0])
        after = (rank, first_id - 1) if self._before else None
        now = {row.id: row for row in self.source.window(self.where, after=after, limit=len(self.rows) + WINDOW)}
        shown = {row.id for row in self.rows}
        missing = [row.id for row in self.rows if row.id not in now]
        if len(missing) > CHECKED:
            self.reload()
            return
        beyond = key_of(self.rows[-1])
        inside = {one for one, row in now.items() if one not in shown and (key_of(row) < beyond or not self._after)}
        named = (self.fresh | set(ids)) - shown - inside
        outside = {one for one in sorted(named)[:CHECKED] if self._find(one) is not None}
        unchecked = self.fresh & set(sorted(named)[CHECKED:])
        fresh = inside | outside | unchecked
        if fresh != self.fresh:
            self.fresh = fresh
            self.dirty.add(-1)
        moved = {one: row for one in missing if (row := self._find(one)) is not None}
        self._replace({**now, **moved})

    def _rows(self, *, after: Key | None = None, before: Key | None = None, limit: int = WINDOW) -> list[QueueRow]:
        """Rows behind or before a place; none while no view is shown."""
        return [] if self.where is None else self.source.window(self.where, after=after, before=before, limit=limit)

    def _find(self, conversation_id: int) -> QueueRow | None:
        """The conversation's row as it is now, None when it is not in the view."""
        rows = self.source.around(self.where, conversation_id, 3) if self.where is not None else []
        return next((row for row in rows if row.id == conversation_id), None)

    def _replace(self, now: dict[int, QueueRow]) -> None:
        """Put fresh rows in the places of the old ones; those that left the view go."""
        old = self.rows
        kept = [now[row.id] for row in old if row.id in now]
        if len(kept) == len(old):
            self.dirty.update(at for at, row in enumerate(old) if row.version != kept[at].version or row != kept[at])
            self.rows = kept
            return
        above = sum(1 for row in old[:self.cursor] if row.id in now)
        hidden = sum(1 for row in old[:max(self.first, 0)] if row.id not in now)
        self.rows = kept
        self.cursor = above
        self.first -= hidden
        if not kept:
            self.load(self.query, judged=self.judged)
            return
        self.fill()
        self.settle()

    # -- moving ----------------------------------------------------------------------------------------------------

    def move(self, count: int) -> None:
        """Move the cursor by rows, reading more of the queue where it must."""
        self.put(self.cursor + count)

    def shift(self, rows: int) -> None:
        """Move window and cursor together."""
        self._grow(self.cursor + rows)
        self.first += rows
        self.cursor += rows
        self.settle()

    def scroll(self, rows: int) -> None:
        """Move the window and leave the cursor where it is, in sight or not."""
        self._grow(self.first + rows + (self.body if rows > 0 else 0))
        self.first = max(min(self.first + rows, len(self.rows) - self.body), 0)
        self.all_dirty = True

    def bottom(self) -> None:
        """Go to the last row there is now."""
        if self._after:
            self.rows = self._rows(before=END)
            self._after = False
            self._seen(self.rows)
            self._before = bool(self.rows) and bool(self._rows(before=key_of(self.rows[0]), limit=1))
        self.cursor = max(len(self.rows) - 1, 0)
        self.first = self.cursor - self.body + 1
        self.settle()

    def go_to(self, conversation_id: int) -> bool:
        """Put the cursor on a conversation; False when it is not in this view."""
        for at, row in enumerate(self.rows):
            if row.id == conversation_id:
                self.put(at)
                return True
        if self._find(conversation_id) is None:
            return False
        self.load(self.query, conversation_id, self.judged)
        return True

    def put(self, target: int) -> None:
        """Put the cursor on a place in the rows; what it leaves and reaches is redrawn, and nothing else."""
        offset = target - self.cursor
        self._grow(target)
        old = self.cursor
        new = min(max(old + offset, 0), max(len(self.rows) - 1, 0))
        self.cursor = new
        if self.first <= new < self.first + self.body:
            if new != old:
                self.dirty |= {old, new}
            return
        self._follow()
        self.settle()

    def _follow(self) -> None:
        """Bring the cursor into the window: by half pages, which costs least on a slow line, or just so far."""
        if self.smooth:
            self.first = max(min(self.first, self.cursor), self.cursor - self.body + 1)
            return
        half = max(self.body // 2, 1)
        if self.cursor < self.first:
            self.first -= -(-(self.first - self.cursor) // half) * half
        elif self.cursor >= self.first + self.body:
            self.first += -(-(self.cursor - self.first - self.body + 1) // half) * half

    def _grow(self, target: int) -> None:
        """Read windows until ``target`` is held or the queue ends; places shift when rows are put in front."""
        while target >= len(self.rows) - 1 and self._after:
            more = self._rows(after=key_of(self.rows[-1]))
            self._after = len(more) == WINDOW
            self.rows.extend(more)
            self._seen(more)
            target -= self._trim_head()
        while target <= 0 and self._before:
            more = self._rows(before=key_of(self.rows[0]))
            self._before = len(more) == WINDOW
            self.rows[:0] = more
            self._seen(more)
            self.cursor += len(more)
            self.first += len(more)
            target += len(more)
            self._trim_tail()

    def _seen(self, rows: list[QueueRow]) -> None:
        """Rows that are held now are not counted as new any more."""
        if self.fresh:
            self.fresh.difference_update(row.id for row in rows)
            self.dirty.add(-1)

    def _trim_head(self) -> int:
        """Forget rows far above; says how many."""
        extra = min(len(self.rows) - KEPT, self.cursor - WINDOW // 2, self.first)
        if extra <= 0:
            return 0
        del self.rows[:extra]
        self.cursor -= extra
        self.first -= extra
        self._before = True
        return extra

    def _trim_tail(self) -> None:
        """Forget rows far below."""
        keep = max(KEPT, self.cursor + WINDOW // 2, self.first + self.body + 1)
        if len(self.rows) > keep:
            del self.rows[keep:]
            self._after = True

    def fill(self) -> None:
        """Read on when the window could show more rows than are held."""
        if self._after and len(self.rows) < self.first + self.body + 1:
            self._grow(self.first + self.body)

    def settle(self) -> None:
        """Keep cursor and window within the rows; all is redrawn."""
        self.cursor = min(max(self.cursor, 0), max(len(self.rows) - 1, 0))
        if not self.first <= self.cursor < self.first + self.body:
            self.first = self.cursor - self.body // 2
        self.first = max(min(self.first, len(self.rows) - self.body), 0)
        self.all_dirty = True
