"""Search as you type over all messages, newest first; typing never waits for the answer."""

from __future__ import annotations

import re
from collections.abc import Hashable

from textual import on
from textual.timer import Timer

from agentdesk.desk import find
from agentdesk.errors import DeskError
from agentdesk.model.message import Direction, Hit
from agentdesk.ui.present import line
from agentdesk.ui.screens.listing import ListScreen, empty, heading
from agentdesk.ui.widgets.blocks import Block, Blocks
from agentdesk.ui.widgets.field import Field
from agentdesk.ui.widgets.queue_row import last_wrote
from agentdesk.ui.widgets.runs import Row, Run

PAUSE = 0.06
"""Seconds without a key until the search starts."""
STEP = 60
"""Messages found at a time; more come when the cursor nears the last."""
FIRST_LIMIT = 2
"""Fewer letters than this match nearly everything."""


class SearchScreen(ListScreen):
    """Messages that hold the words; Enter opens the conversation."""

    context = "search"
    has_field = True
    field_keys = (("Enter", "open", ""), ("↑↓", "move", ""), ("Esc", "leave", ""))
    field_hint = "words in any message; the last one may be unfinished"

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._start = text
        self._words = ""
        self._hits: list[Hit] = []
        self._more = False
        self._busy = False
        self._trouble = ""
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        """Begin with the words that were given."""
        super().on_mount()
        if self._start:
            self.query_one(Field).put(self._start)

    def heading(self) -> Row:
        """How many were found so far."""
        count = len(self._hits)
        more = "newest first" + (", more below" if self._more else "")
        return heading("Find", count if self._words else None, more if count else "")

    def blocks(self) -> list[Block]:
        """Time, who, where and the line with the words."""
        if self._trouble:
            return [empty(self._trouble)]
        if not self._words:
            return [empty("Type words that stand in a message, a name or a subject.\n"
                          "To narrow the queue instead, leave with Esc and use :filter.")]
        if not self._hits:
            none = "No message holds these words.\nFewer or shorter words find more."
            return [empty("Looking …" if self._busy else none)]
        now, zone = self.desk.now(), self.desk.zone
        return [Block((self._row(it, last_wrote(it.created_at, now, zone)),), it.message_id) for it in self._hits]

    def _row(self, it: Hit, when: str) -> Row:
        arrow = f"{self.desk_app.palette.glyphs.arrow} " if it.direction is Direction.OUT else ""
        ink = "note" if it.direction is Direction.NOTE else "mine" if it.direction is Direction.OUT else "bright"
        name = line(it.name, 18 if self.size.width >= 80 else 12)
        return Row((Run(f"   {when:>9} ", "dim"), Run(name, ink), Run(f" {it.letter} ", "accent"),
                    Run(arrow, "mine"), *lit(line(it.snippet, 400, pad=False), self._words)),
                   (Run(f" {it.state} ", "dim"),))

    @on(Field.Changed)
    def typed(self, event: Field.Changed) -> None:
        """Search once the keys rest for a moment."""
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, lambda: self._search(event.value))

    def _search(self, words: str) -> None:
        self._timer = None
        self._words = words.strip()
        if len(self._words) < FIRST_LIMIT:
            self._words, self._hits, self._more = "", [], False
            self.reload()
            return
        self._busy = True
        self.run_worker(self._look(self._words, None), group="search", exclusive=True, exit_on_error=False)

    async def _look(self, words: str, before: int | None) -> None:
        """Ask the store in a thread; an answer to words that are no longer there is dropped."""
        try:
            found = await find.search(self.desk, words, limit=STEP, before=before)
        except DeskError as error:
            found, self._trouble = [], str(error)
        except Exception as error:
            found, self._trouble = [], self.desk_app.went_wrong(error)
        else:
            self._trouble = ""
        if words != self._words:
            return
        self._busy = False
        found.sort(key=lambda hit: -hit.created_at)
        self._hits = [*self._hits, *found] if before is not None else found
        self._more = len(found) == STEP
        self.reload()
        if before is None:
            self.list.top()

    @on(Blocks.Moved)
    def near_the_end(self, event: Blocks.Moved) -> None:
        """Fetch more before the cursor reaches the last one."""
        pane = self.list
        if self._more and not self._busy and pane.cursor > len(self._hits) - 10:
            self._busy = True
            oldest = min(hit.message_id for hit in self._hits)
            self.run_worker(self._look(self._words, oldest), group="search", exit_on_error=False)

    def chosen(self, key: Hashable) -> None:
        """Open the conversation the message is in."""
        hit = next((it for it in self._hits if it.message_id == key), None)
        if hit is not None:
            self.dismiss(hit.conversation_id)

    @property
    def selection(self) -> tuple[int, ...]:
        """The conversation of the message under the cursor."""
        hit = next((it for it in self._hits if it.message_id == self.list.key), None)
        return (hit.conversation_id,) if hit is not None else ()


def lit(text: str, words: str) -> list[Run]:
    """The text with the places that begin like one of the words made brighter."""
    wanted = [re.escape(word) for word in words.split()]
    if not wanted:
        return [Run(text)]
    parts = re.split(rf"\b((?:{'|'.join(wanted)})\w*)", text, flags=re.IGNORECASE)
    return [Run(part, "bright", bold=True) if number % 2 else Run(part) for number, part in enumerate(parts) if part]
