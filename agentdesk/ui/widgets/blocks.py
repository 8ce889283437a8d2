"""A scrolling pane of blocks of rows with a cursor on one block: the base of the thread, the customer and all lists."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from textual import events
from textual.message import Message
from textual.strip import Strip

from agentdesk.ui.lines import Lines
from agentdesk.ui.widgets.runs import Row, Run, strip


class Block(NamedTuple):
    """Rows that belong together; one that cannot be selected is a heading or an empty state."""

    rows: tuple[Row, ...]
    key: Hashable = None
    selectable: bool = True


class Blocks(Lines, can_focus=True):
    """Blocks one below the other; the cursor is a bar at the left edge and the background of the block's own rows."""

    cursor_ground = "cursor"
    """The background under the selected block; empty for none."""
    bar_always = False
    """True draws the cursor without the focus too."""

    class Moved(Message):
        """The cursor is on another block."""

        def __init__(self, blocks: Blocks, key: Hashable) -> None:
            super().__init__()
            self.blocks = blocks
            self.key = key

        @property
        def control(self) -> Blocks:
            """The pane it happened in."""
            return self.blocks

    class Chosen(Moved):
        """The block under the cursor was chosen."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.blocks: list[Block] = []
        self.starts: list[int] = []
        self.rows: list[Row] = []
        self.cursor = -1

    # -- content ---------------------------------------------------------------------------------------------------

    def fill(self, blocks: Sequence[Block], key: Hashable = None) -> None:
        """Take new blocks; the cursor goes to ``key``, stays on its block by key, or goes to the nearest place."""
        wanted = key if key is not None else self.key
        before = self.cursor
        self.blocks = list(blocks)
        self._flatten()
        keys = [block.key if block.selectable else None for block in self.blocks]
        if wanted is not None and wanted in keys:
            self.cursor = keys.index(wanted)
        else:
            self.cursor = self._selectable(min(max(before, 0), len(self.blocks) - 1), 1)
        self.changed()

    def replace(self, index: int, block: Block) -> None:
        """Put a block in the place of another; only rows that differ are redrawn when it is as tall."""
        old = self.blocks[index]
        if old == block:
            return
        self.blocks[index] = block
        if len(old.rows) != len(block.rows):
            self._flatten()
            self.changed()
            return
        start = self.starts[index]
        for number, (was, row) in enumerate(zip(old.rows, block.rows, strict=True)):
            if was != row:
                self.rows[start + number] = row
                self.redraw(start + number)

    def _flatten(self) -> None:
        self.rows, self.starts = [], []
        for block in self.blocks:
            self.starts.append(len(self.rows))
            self.rows.extend(block.rows)

    @property
    def key(self) -> Hashable:
        """The key of the block under the cursor; None when there is none."""
        return self.blocks[self.cursor].key if 0 <= self.cursor < len(self.blocks) else None

    # -- drawing ---------------------------------------------------------------------------------------------------

    def line_count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def draw(self, y: int, width: int) -> Strip:
        """One row, with the cursor's mark when it belongs to the selected block."""
        row = self.rows[y]
        if (self.has_focus or self.bar_always) and self._is_selected(y) and row.left:
            first = row.left[0]
            bar = self.palette.glyphs.bar[:1]
            left = (Run(bar, "accent"), first._replace(text=first.text[1:]), *row.left[1:])
            plain = self.desk_app.settings.cursor == "bar"
            row = row._replace(left=left, ground=row.ground if plain else self.cursor_ground or row.ground)
        return strip(row, width, self.palette, self.ground)

    def _is_selected(self, y: int) -> bool:
        if not 0 <= self.cursor < len(self.starts) or not self.blocks[self.cursor].selectable:
            return False
        start = self.starts[self.cursor]
        return start <= y < start + len(self.blocks[self.cursor].rows)

    def redraw_block(self, index: int) -> None:
        """Redraw all rows of a block."""
        if 0 <= index < len(self.starts):
            self.redraw(self.starts[index], len(self.blocks[index].rows))

    def on_focus(self) -> None:
        """The cursor appears."""
        self.redraw_block(self.cursor)

    def on_blur(self) -> None:
        """The cursor goes."""
        self.redraw_block(self.cursor)

    # -- moving ----------------------------------------------------------------------------------------------------

    @property
    def at_end(self) -> bool:
        """True when the last row is in sight."""
        return self.first_line >= self.last_top

    @property
    def last_top(self) -> int:
        """The first row in sight when scrolled to the end."""
        return max(0, len(self.rows) - self.size.height)

    def move(self, count: int) -> None:
        """Move the cursor by blocks; a block taller than the window is first scrolled through."""
        if not self.blocks or self._scroll_within(count):
            return
        step = 1 if count > 0 else -1
        index = self._selectable(self.cursor + step, step, wrap=False)
        for _ in range(abs(count) - 1):
            index = self._selectable(index + step, step, wrap=False)
        if index == self.cursor:
            self.move_by(-len(self.rows) if count < 0 else len(self.rows))
        else:
            self.select(index)

    def steer(self, key: str) -> bool:
        """Move as a key says that the field beside this list leaves to it; False when it says nothing of that."""
        match key:
            case "down" | "ctrl+n":
                self.move(1)
            case "up" | "ctrl+p":
                self.move(-1)
            case "pagedown":
                self.page_by(1)
            case "pageup":
                self.page_by(-1)
            case _:
                return False
        return True

    def half(self, count: int) -> None:
        """Scroll by half a window, and bring the cursor along."""
        self._scroll_by(count, max(1, self.size.height // 2))

    def page_by(self, count: int) -> None:
        """Scroll by a window, and bring the cursor along."""
        self._scroll_by(count, max(1, self.size.height - 2))

    def top(self) -> None:
        """Go to the first block."""
        self.select(self._selectable(0, 1))
        self.move_by(-len(self.rows))

    def bottom(self) -> None:
        """Go to the last block."""
        self.select(self._selectable(len(self.blocks) - 1, -1))
        self.move_by(len(self.rows))

    def choose(self) -> None:
        """Choose the block under the cursor."""
        if self.key is not None:
            self.post_message(self.Chosen(self, self.key))

    def select(self, index: int) -> None:
        """Put the cursor on a block and bring it into sight."""
        before, self.cursor = self.cursor, index
        if before != index:
            self.redraw_block(before)
            self.redraw_block(index)
            self.post_message(self.Moved(self, self.key))
        self.show_block(index)

    def show_block(self, index: int) -> None:
        """Scroll as little as brings the whole block, or its beginning, into sight."""
        if not 0 <= index < len(self.starts) or not self.size.height:
            return
        first, last = self._span(index)
        top, height = self.first_line, self.size.height
        if first < top or last - first + 1 >= height:
            self.move_to(first)
        elif last >= top + height:
            self.move_to(last - height + 1)

    def _span(self, index: int) -> tuple[int, int]:
        """First and last row to bring into sight with a block: headings above the first and rows below the last too."""
        first = self.starts[index]
        last = first + len(self.blocks[index].rows) - 1
        if not any(block.selectable for block in self.blocks[:index]):
            first = 0
        if not any(block.selectable for block in self.blocks[index + 1:index + 3]) and index + 3 >= len(self.blocks):
            last = len(self.rows) - 1
        return first, last

    def _selectable(self, index: int, step: int, *, wrap: bool = True) -> int:
        """The nearest block from ``index`` on that can be selected, else the cursor's own place."""
        place = index
        while 0 <= place < len(self.blocks):
            if self.blocks[place].selectable:
                return place
            place += step
        return self._selectable(index, -step, wrap=False) if wrap else self.cursor

    def _scroll_within(self, count: int) -> bool:
        """Scroll inside a block taller than the window; False when its edge in that direction is in sight."""
        if not 0 <= self.cursor < len(self.starts):
            return False
        first = self.starts[self.cursor]
        last = first + len(self.blocks[self.cursor].rows) - 1
        top, height = self.first_line, self.size.height
        if last - first + 1 <= height:
            return False
        if count > 0 and last >= top + height:
            self.move_to(min(last - height + 1, top + height - 2))
            return True
        if count < 0 and first < top:
            self.move_to(max(first, top - height + 2))
            return True
        return False

    def _scroll_by(self, count: int, rows: int) -> None:
        """Scroll, then put the cursor on a block in sight."""
        self.move_by(count * rows)
        if not self.starts:
            return
        top = self.first_line
        if self.at_end and count > 0:
            index = self._selectable(len(self.blocks) - 1, -1)
        elif top == 0 and count < 0:
            index = self._selectable(0, 1)
        else:
            index = self._selectable(min(bisect_right(self.starts, top + 1), len(self.starts) - 1), 1)
        before, self.cursor = self.cursor, index
        self.redraw_block(before)
        self.redraw_block(index)
        if before != index:
            self.post_message(self.Moved(self, self.key))

    def on_click(self, event: events.Click) -> None:
        """A click selects, a second one on the same block chooses."""
        index = bisect_right(self.starts, event.y + self.first_line) - 1
        if not 0 <= index < len(self.blocks) or not self.blocks[index].selectable:
            return
        if index == self.cursor and event.chain > 1:
            self.choose()
        self.select(index)
