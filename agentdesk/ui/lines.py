"""The base of everything that is drawn by line: no layout, no markup, only the lines that changed are redrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from agentdesk.ui.theme import Palette

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp


class Lines(ScrollView, can_focus=False):
    """A pane that draws itself line by line and scrolls by whole lines.

    A subclass gives ``line_count()`` and ``draw(y, width)``; ``y`` counts from the top of the content. It calls
    ``changed()`` when the number of lines may differ and ``redraw(first, count)`` when only their look does. Neither
    ever starts a layout: unlike a plain ScrollView, another number of lines does not make Textual place anything anew.
    """

    DEFAULT_CSS = """
    Lines { overflow: hidden hidden; scrollbar-size: 0 0; height: 1fr; }
    """
    ground = "base"
    """The name of the background under everything in this pane."""
    wheel = 3
    """Lines for one notch of the mouse wheel; 0 leaves the wheel to somebody else."""

    virtual_size: reactive[Size] = reactive(Size(0, 0), layout=False, repaint=False)

    @property
    def desk_app(self) -> DeskApp:
        """The app, by its own type."""
        return cast("DeskApp", self.app)

    @property
    def palette(self) -> Palette:
        """The colours and glyphs of the moment."""
        return self.desk_app.palette

    def line_count(self) -> int:
        """How many lines there are to scroll over."""
        raise NotImplementedError

    def draw(self, y: int, width: int) -> Strip:
        """Line ``y`` of the content, any width: it is cropped and filled up."""
        raise NotImplementedError

    @property
    def first_line(self) -> int:
        """The content line at the upper edge of the window."""
        return round(self.scroll_y)

    def changed(self) -> None:
        """The content has another length or all of it looks different: stay within it and redraw."""
        self.virtual_size = Size(self.size.width, self.line_count())
        lowest = max(self.line_count() - self.size.height, 0)
        if self.scroll_y > lowest:
            self.set_reactive(Lines.scroll_y, lowest)
            self.set_reactive(Lines.scroll_target_y, lowest)
        self.refresh()

    def redraw(self, first: int, count: int = 1, *, x: int = 0, width: int | None = None) -> None:
        """Redraw ``count`` lines from ``first``, or only the cells from ``x`` on; lines out of sight cost nothing."""
        upper = max(first - self.first_line, 0)
        lower = min(first + count - self.first_line, self.size.height)
        if lower > upper:
            self.refresh(Region(x, upper, self.size.width - x if width is None else width, lower - upper))

    def move_to(self, first: int) -> None:
        """Scroll so that this content line stands at the upper edge, as far as there is content."""
        self.scroll_to(y=max(first, 0), animate=False, force=True)

    def move_by(self, lines: int) -> None:
        """Scroll by some lines."""
        self.move_to(self.first_line + lines)

    def reveal(self, first: int, count: int = 1) -> None:
        """Scroll no further than needed to bring some lines into sight."""
        if first < self.first_line:
            self.move_to(first)
        elif first + count > self.first_line + self.size.height:
            self.move_to(min(first, first + count - self.size.height))

    def render_line(self, y: int) -> Strip:
        """One line of the window, as Textual asks for it."""
        width = self.size.width
        row = y + self.first_line
        fill = self.palette.style("text", self.ground)
        strip = self.draw(row, width) if 0 <= row < self.line_count() else Strip.blank(width, fill)
        return fitted(strip, width, fill)

    def _size_updated(self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True) -> bool:
        """Draw every line of the new size: Textual marks those of the old one.

        After a scroll it may have measured already, and then sends no Resize that would mend that.
        """
        another = self._size != size
        told = super()._size_updated(size, virtual_size, container_size, layout)
        if another:
            self.refresh()
        return told

    def on_resize(self) -> None:
        """Another width may mean another number of lines."""
        self.changed()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the window, never the cursor."""
        if self.wheel:
            event.stop()
            event.prevent_default()
            self.move_by(self.wheel)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the window, never the cursor."""
        if self.wheel:
            event.stop()
            event.prevent_default()
            self.move_by(-self.wheel)


def fitted(strip: Strip, width: int, fill: Style) -> Strip:
    """The strip at exactly this width: cropped, or filled up with blank cells."""
    length = strip.cell_length
    if length == width:
        return strip
    if length > width:
        return strip.crop(0, width)
    return Strip([*strip, Segment(" " * (width - length), fill)], width)


def spread(left: list[Segment], right: list[Segment], width: int, fill: Style, gap: int = 1) -> Strip:
    """``left`` at the left edge and ``right`` at the right one; what does not fit on the left is cut."""
    tail = Strip(right)
    room = max(width - tail.cell_length - (gap if right else 0), 0)
    head = fitted(Strip(left), room, fill)
    middle = [Segment(" " * (width - room - tail.cell_length), fill)] if width > room + tail.cell_length else []
    return fitted(Strip([*head, *middle, *tail]), width, fill)
