"""The queue on the screen: a virtual list whose strips are kept per row version."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import QueueRow
from agentdesk.ui.lines import Lines, fitted, spread
from agentdesk.ui.present import seg
from agentdesk.ui.rows import Rows
from agentdesk.ui.widgets.queue_model import QueueModel
from agentdesk.ui.widgets.queue_row import COUNTDOWN_AT, COUNTDOWN_CELLS, Look, countdown, row_parts
from agentdesk.ui.widgets.runs import Row, Run, flow, keyed, strip

if TYPE_CHECKING:
    from agentdesk.desk.find import Where

STRIPS = 120
"""Drawn rows kept at most."""


class QueueList(Lines, can_focus=True):
    """Conversations in queue order; the last line of the pane is its foot: new arrivals and marks."""

    DEFAULT_CSS = "QueueList { height: 1fr; }"

    class Moved(Message):
        """The cursor stands on another conversation, or on none."""

        def __init__(self, conversation_id: int | None) -> None:
            super().__init__()
            self.conversation_id = conversation_id

    class Opened(Message):
        """A conversation was clicked twice."""

        def __init__(self, conversation_id: int) -> None:
            super().__init__()
            self.conversation_id = conversation_id

    def __init__(self, source: Rows, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.model = QueueModel(source)
        self.marks: dict[int, None] = {}
        self.touched = False
        """True once the agent has called any verb: from then on nothing is put in unasked."""
        self.empty: tuple[str, ...] = ("Nobody is waiting",)
        """What an empty view says; the first line says what is so, the others what to do: ``{verb}`` is its keys."""
        self._mark_from: int | None = None
        self._told: int | None = None
        self._strips: dict[tuple[Any, ...], Strip] = {}
        self._clocks: dict[int, tuple[str, str]] = {}

    @property
    def current(self) -> QueueRow | None:
        """The row under the cursor."""
        return self.model.current

    @property
    def current_id(self) -> int | None:
        """The conversation under the cursor."""
        return self.model.current_id

    def selection(self, count: int | None = None) -> tuple[int, ...]:
        """Marked conversations; else ``count`` rows from the cursor; else the one under it."""
        if self.marks:
            return tuple(self.marks)
        at = self.model.cursor
        return tuple(row.id for row in self.model.rows[at:at + (count or 1)])

    # -- what is shown ---------------------------------------------------------------------------------------------

    def load(self, query: str, keep: int | None = None, judged: Where | None = None) -> None:
        """Show a view; the cursor stays on ``keep`` when that is in it. UsageError when the query cannot be read."""
        before = self.model.query
        self.model.load(query, keep, judged)
        if query != before:
            self.marks.clear()
            self._mark_from = None
        self._show()

    def reload(self) -> None:
        """Show what has arrived; the cursor stays on its conversation."""
        self.model.show_new()
        self._show()

    def refetch(self, ids: Iterable[int] = ()) -> None:
        """Take in that conversations (none named: any) look different."""
        self.model.refetch(ids)
        standing = {row.id for row in self.model.rows}
        for gone in [one for one in self.marks if one in set(ids) and one not in standing]:
            del self.marks[gone]
        self._show()

    def _show(self) -> None:
        """Redraw what the model says is different, and say where the cursor is."""
        model = self.model
        if model.all_dirty:
            self.refresh()
        else:
            width = self.size.width
            regions = [Region(0, at - model.first, width, 1) for at in model.dirty
                       if at >= 0 and 0 <= at - model.first < model.body]
            if -1 in model.dirty:
                regions.append(Region(0, self.size.height - 1, width, 1))
            if regions:
                self.refresh(*regions)
        model.dirty.clear()
        model.all_dirty = False
        if self._told != model.current_id:
            self._told = model.current_id
            self.post_message(self.Moved(self._told))

    # -- moving ----------------------------------------------------------------------------------------------------

    def move(self, count: int) -> None:
        """Move the cursor by rows."""
        self.model.move(count)
        self._show()

    def half(self, count: int) -> None:
        """Move window and cursor by half a window."""
        self.model.shift(count * max(self.model.body // 2, 1))
        self._show()

    def page_by(self, count: int) -> None:
        """Move window and cursor by a window."""
        self.model.shift(count * max(self.model.body - 1, 1))
        self._show()

    def top(self) -> None:
        """Go to the first row there is now, with what has arrived."""
        self.load(self.model.query, judged=self.model.judged)

    def show_first(self) -> None:
        """Bring the rows above into sight, as far as the cursor stays there."""
        self.model.show_first()
        self._show()

    def bottom(self) -> None:
        """Go to the last row there is now."""
        self.model.bottom()
        self._show()

    def go_to(self, conversation_id: int) -> bool:
        """Put the cursor on a conversation; False when it is not in this view."""
        found = self.model.go_to(conversation_id)
        self._show()
        return found

    # -- marks -----------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        row = self.current
        if row is None:
            return
        if row.id in self.marks:
            del self.marks[row.id]
        else:
            self.marks[row.id] = None
        self._mark_from = row.id
        self.model.dirty |= {self.model.cursor, -1}
        self.move(1)

    def mark_range(self) -> None:
        """Mark everything from the row marked last to the cursor."""
        rows = self.model.rows
        start = next((at for at, row in enumerate(rows) if row.id == self._mark_from), self.model.cursor)
        low, high = sorted((start, self.model.cursor))
        self.marks.update(dict.fromkeys(row.id for row in rows[low:high + 1]))
        self.refresh()

    def mark_shown(self) -> None:
        """Mark the rows in sight; when all of them are, take their marks away."""
        shown = [row.id for row in self.model.in_sight()]
        if all(one in self.marks for one in shown):
            for one in shown:
                del self.marks[one]
        else:
            self.marks.update(dict.fromkeys(shown))
        self.refresh()

    def unmark(self) -> bool:
        """Take all marks away; False when there were none."""
        had = bool(self.marks)
        self.marks.clear()
        self._mark_from = None
        if had:
            self.refresh()
        return had

    # -- drawing ---------------------------------------------------------------------------------------------------

    def line_count(self) -> int:
        """Rows held."""
        return len(self.model.rows)

    def draw(self, y: int, width: int) -> Strip:
        """The row at this place of the rows held."""
        row = self.model.rows[y]
        app = self.desk_app
        clock = self._clock(row, app.desk.now())
        self._clocks[row.id] = clock
        cursor, marked = y == self.model.cursor, row.id in self.marks
        key = (row.id, row.version, clock, cursor, cursor and self.has_focus, marked, width)
        found = self._strips.get(key)
        if found is None:
            if len(self._strips) > STRIPS:
                self._strips.clear()
            look = Look(app.palette, app.desk.agent, width, "bar" if app.palette.few else app.settings.cursor,
                        self.has_focus)
            parts = row_parts(row, look, clock, cursor=cursor, marked=marked)
            style = app.palette.style
            found = self._strips[key] = Strip([seg(p.text, style(p.ink, p.ground, bold=p.bold)) for p in parts])
        return found

    def render_line(self, y: int) -> Strip:
        """One line of the window: a row, an empty state, or the foot."""
        width = self.size.width
        fill = self.palette.style("text", self.ground)
        if y == self.size.height - 1:
            return self._draw_foot(width)
        at = self.model.first + y
        if at < len(self.model.rows):
            return fitted(self.draw(at, width), width, fill)
        hints = self._hints(width) if not self.model.rows else []
        if 1 <= y <= len(hints):
            return strip(hints[y - 1], width, self.palette, self.ground)
        return Strip.blank(width, fill)

    def _hints(self, width: int) -> list[Row]:
        """What an empty view says, over as many lines as it takes."""
        keymap = self.desk_app.keymap

        def key_of(verb: str) -> str:
            return keymap.key_of("queue", verb) or keymap.key_of("sources", verb)

        lines = [runs for number, words in enumerate(self.empty)
                 for runs in flow(keyed(words, key_of, "dim" if number else "text"), width - 4, gap=Run(" "))]
        return [Row((Run("   "), *runs)) for runs in lines]

    def _draw_foot(self, width: int) -> Strip:
        style, ground, glyphs = self.palette.style, self.ground, self.palette.glyphs
        left: list[Segment] = []
        right: list[Segment] = []
        if self.model.fresh:
            left = [seg(f"    {len(self.model.fresh)} new", style("accent", ground, bold=True)),
                    seg(f" {glyphs.dot} ", style("faint", ground)), seg(".", style("key", ground)),
                    seg(" shows it" if len(self.model.fresh) == 1 else " shows them", style("dim", ground))]
        if self.marks:
            right = [seg(f"{glyphs.selected} {len(self.marks)} marked", style("accent", ground)),
                     seg(f" {glyphs.dot} ", style("faint", ground)), seg("*", style("key", ground)),
                     seg(" clears ", style("dim", ground))]
        return spread(left, right, width, style("text", ground))

    def _clock(self, row: QueueRow, now: Millis) -> tuple[str, str]:
        app = self.desk_app
        return countdown(row, now, self.model.source.closed, app.desk.zone, app.palette.glyphs)

    def recolour(self) -> None:
        """The theme or the glyphs are others: draw all anew."""
        self._strips.clear()
        self.refresh()

    def tick(self, now: Millis) -> None:
        """Redraw the countdowns in sight whose text is another now: one small region each, at the left edge."""
        shown = self.model.in_sight()
        if len(self._clocks) > 4 * len(shown) + 40:
            self._clocks = {row.id: self._clocks[row.id] for row in shown if row.id in self._clocks}
        changed = [Region(COUNTDOWN_AT, y, COUNTDOWN_CELLS, 1) for y, row in enumerate(shown)
                   if self._clocks.get(row.id) != self._clock(row, now)]
        if changed:
            self.refresh(*changed)

    # -- events ----------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Another height shows other rows; the cursor stays in sight."""
        self._strips.clear()
        self.model.body = max(self.size.height - 1, 1)
        self.model.smooth = self.desk_app.settings.scroll == "smooth"
        if self.model.where is not None:
            self.model.fill()
        self.model.settle()
        self._show()

    def on_focus(self) -> None:
        """The cursor's bar lights up."""
        self.model.dirty.add(self.model.cursor)
        self._show()

    def on_blur(self) -> None:
        """The cursor's bar goes dim."""
        self.model.dirty.add(self.model.cursor)
        self._show()

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor there, a second one opens; a click on the foot shows what is new."""
        event.stop()
        if event.y == self.size.height - 1:
            if self.model.fresh:
                self.reload()
            return
        at = self.model.first + event.y
        if at < len(self.model.rows):
            self.model.put(at)
            self._show()
            if event.chain == 2:
                self.post_message(self.Opened(self.model.rows[self.model.cursor].id))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the window; the cursor stays on its conversation."""
        event.stop()
        event.prevent_default()
        self.model.scroll(self.wheel)
        self._show()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the window; the cursor stays on its conversation."""
        event.stop()
        event.prevent_default()
        self.model.scroll(-self.wheel)
        self._show()
