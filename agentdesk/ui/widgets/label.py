"""A few rows that somebody else lays out: titles, hints and other lines that only show something."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.strip import Strip

from agentdesk.ui.lines import Lines
from agentdesk.ui.widgets.runs import Row, spread, strip


class Label(Lines):
    """Draws its rows; takes the height they need, and on a change redraws only the cells that differ."""

    wheel = 0
    DEFAULT_CSS = """
    Label { height: 1; }
    """

    def __init__(self, rows: Sequence[Row] = (), *, ground: str = "base", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.ground = ground
        self._rows = list(rows)
        self.styles.height = max(1, len(self._rows))

    def put(self, *rows: Row) -> None:
        """Show these rows; without any the label takes no place."""
        old, self._rows = self._rows, list(rows)
        if len(old) != len(rows) or not rows:
            self.styles.height = max(1, len(rows))
            self.display = bool(rows)
            self.changed()
            return
        for y, (was, row) in enumerate(zip(old, rows, strict=True)):
            if was != row:
                x, width = changed_cells(was, row, max(1, self.size.width))
                self.redraw(y, x=x, width=width)

    def line_count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def draw(self, y: int, width: int) -> Strip:
        """One row."""
        return strip(self._rows[y], width, self.palette, self.ground)


def changed_cells(old: Row, new: Row, width: int) -> tuple[int, int]:
    """The first cell in which two rows differ, and how many cells from there to the last such one."""
    was, now = spread(old, width), spread(new, width)
    start = 0
    for a, b in zip(was, now, strict=False):
        if a != b:
            break
        start += cell_len(a.text)
    end = width
    for a, b in zip(reversed(was), reversed(now), strict=False):
        if a != b or end <= start:
            break
        end -= cell_len(a.text)
    return start, max(1, end - start)
