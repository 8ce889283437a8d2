"""The smallest Textual apps to compare with: one list that answers to j, and a bare text area."""

from __future__ import annotations

import sys
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import TextArea

PLAIN, UNDER = Style(), Style(reverse=True)


class SmallList(Widget):
    """Rows drawn by line, one of them under the cursor."""

    at = 0

    def render_line(self, y: int) -> Strip:
        """A row in one style."""
        return Strip([Segment(f"row {y} Person {y}", UNDER if y == self.at else PLAIN)])


class SmallestList(App[None]):
    """One list; ``j`` moves the cursor and redraws two rows."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("j", "down", "down")]

    def compose(self) -> ComposeResult:
        yield SmallList()

    def action_down(self) -> None:
        """Move on, from the last row back to the first."""
        rows = self.query_one(SmallList)
        old, rows.at = rows.at, (rows.at + 1) % rows.size.height
        rows.refresh(*(Region(0, y, rows.size.width, 1) for y in (old, rows.at)))


class SmallestEditor(App[None]):
    """One text area whose cursor does not blink."""

    ENABLE_COMMAND_PALETTE = False

    def compose(self) -> ComposeResult:
        yield TextArea("Person")

    def on_mount(self) -> None:
        """Give it the keys."""
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.focus()


if __name__ == "__main__":
    (SmallestEditor() if "editor" in sys.argv else SmallestList()).run()
