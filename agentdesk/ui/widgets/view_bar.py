"""The views of the queue as a line of words: which one is shown, and how much is in it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip

from agentdesk.ui.lines import Lines, spread
from agentdesk.ui.present import line, seg

REST = 3
"""Cells for the keys of the views that there is no room for."""


class ViewBar(Lines):
    """``1 all  2 mine  3 late …`` and the number of conversations at the right."""

    DEFAULT_CSS = "ViewBar { height: 1; }"
    ground = "base"
    wheel = 0

    class Picked(Message):
        """A view was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.views: tuple[tuple[str, str], ...] = ()
        self.active = ""
        self.total = ""
        self.filter = ""
        """A query that is no saved view, shown instead of one."""
        self._places: list[tuple[int, int, str]] = []

    def put(self, *, views: Sequence[tuple[str, str]] | None = None, active: str | None = None,
            total: str | None = None, filter: str | None = None) -> None:  # noqa: A002
        """Take in what is different and redraw if it shows."""
        new = (tuple(views) if views is not None else self.views, self.active if active is None else active,
               self.total if total is None else total, self.filter if filter is None else filter)
        if new != (self.views, self.active, self.total, self.filter):
            self.views, self.active, self.total, self.filter = new
            self.refresh()

    def line_count(self) -> int:
        """One."""
        return 1

    def draw(self, y: int, width: int) -> Strip:
        """The line; views that do not fit are left out from the end, but never the active one; their keys stay."""
        style, fill = self.palette.style, self.palette.style("text", self.ground)
        right = [seg(f"{self.total} ", style("dim", self.ground))] if self.total else []
        room = width - len(self.total) - 2
        self._places = []
        left: list[Segment] = []
        at = 0
        if self.filter:
            text = f" {line('/ ' + self.filter, max(min(room - 12, 60), 8), pad=False)} "
            left.append(seg(text, style("bright", "cursor", bold=True)))
            at += left[0].cell_length
        shown = self._fitting(room - at)
        rest = self._rest(shown)
        if at + sum(cells for _, _, cells in shown) + len(rest) > room:
            shown = self._fitting(room - at - REST)
            rest = self._rest(shown)
        for key, label, cells in shown:
            on = key == self.active and not self.filter
            ground = "cursor" if on else self.ground
            left += [seg(f" {key} " if key else " ", style("bright" if on else "faint", ground, bold=on)),
                     seg(f"{label} ", style("bright" if on else "dim", ground, bold=on))]
            self._places.append((at, at + cells, key))
            at += cells
        if rest and at + len(rest) <= room:
            left.append(seg(rest, style("faint", self.ground)))
        return spread(left, right, width, fill)

    def _fitting(self, room: int) -> list[tuple[str, str, int]]:
        """Key, name and cells of the views that there is room for."""
        found: list[tuple[str, str, int]] = []
        at, full = 0, False
        for place, (key, name) in enumerate(self.views):
            label = line(name, 14, pad=False)
            cells = len(key) + seg(label).cell_length + (3 if key else 2)
            later = any(other == self.active for other, _ in self.views[place + 1:])
            reserve = 16 if later and not self.filter else 0
            full = full or at + cells > room - reserve
            if full and (key != self.active or self.filter):
                continue
            found.append((key, label, cells))
            at += cells
        return found

    def _rest(self, shown: Sequence[tuple[str, str, int]]) -> str:
        """The keys of the other views, in at most as many cells as are kept for them: ``7 8`` or ``6…9``."""
        there = {key for key, _, _ in shown}
        keys = [key for key, _ in self.views if key and key not in there]
        glyphs = self.palette.glyphs
        dash = glyphs.rule if glyphs.ellipsis.isascii() else glyphs.ellipsis
        return " ".join(keys) if len(keys) < 3 else f"{keys[0]}{dash}{keys[-1]}"

    def on_click(self, event: events.Click) -> None:
        """A click shows the view."""
        event.stop()
        for start, end, key in self._places:
            if start <= event.x < end:
                self.post_message(self.Picked(key))
