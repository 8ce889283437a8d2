"""The status bar: how the sources stand, how much waits, what has not left yet."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip

from agentdesk.desk.find import Counts
from agentdesk.model.clock import Millis
from agentdesk.model.source import SourceState
from agentdesk.ui.lines import Lines, spread
from agentdesk.ui.present import line, seg
from agentdesk.ui.theme import Palette
from agentdesk.ui.widgets.when import clock_time, short_left

TROUBLE = {"retry": "retry", "offline": "offline", "auth": "sign in again", "stopped": "stopped", "new": "connecting",
           "empty": "shows nothing"}
"""The word for a source that is not well."""
LEVELS = ("full", "short", "trouble", "tight", "bare")
"""How much is said of the sources, as far as there is room: names; letters; letters of those that are not well; the
others only counted, and words only where a person must act; no words."""


class StatusBar(Lines):
    """One line at the top; only its own cells are ever redrawn."""

    DEFAULT_CSS = "StatusBar { height: 1; }"
    ground = "status"
    wheel = 0

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.sources: tuple[SourceState, ...] = ()
        self.counts: Counts | None = None
        """None until they were counted: no figure is better than a wrong one."""
        self.progress = ""
        """Long work that goes on, in words."""
        self._drawn: Strip | None = None

    def put(self, *, sources: Sequence[SourceState] | None = None, counts: Counts | None = None,
            progress: str | None = None) -> None:
        """Take in what is different and redraw if it shows."""
        self.sources = tuple(it for it in sources if it.configured) if sources is not None else self.sources
        self.counts = counts if counts is not None else self.counts
        self.progress = progress if progress is not None else self.progress
        self.tick(self.desk_app.desk.now())

    def tick(self, now: Millis) -> None:
        """Redraw when the text is another now."""
        if self._drawn is not None and self._make(self.size.width, now) != self._drawn:
            self.refresh()

    def line_count(self) -> int:
        """One."""
        return 1

    def draw(self, y: int, width: int) -> Strip:
        """The line."""
        self._drawn = self._make(width, self.desk_app.desk.now())
        return self._drawn

    def _make(self, width: int, now: Millis) -> Strip:
        desk = self.desk_app.desk
        style, fill = self.palette.style, self.palette.style("text", self.ground)
        right = self._figures(width, clock_time(now, desk.zone), desk.agent)
        room = width - sum(part.cell_length for part in right) - 1
        left = [seg(" agentdesk" if width >= 64 else " desk", style("accent", self.ground, bold=True))]
        if self.progress:
            left += [seg("  ", fill), seg(line(self.progress, max(room - 14, 0), pad=False),
                                              style("dim", self.ground))]
            return spread(left, right, width, fill)
        room -= left[0].cell_length
        parts: list[Segment] = []
        for names in LEVELS:
            parts = self._told(now, names)
            if sum(part.cell_length for part in parts) <= room:
                break
        return spread([*left, *parts], right, width, fill)

    def _told(self, now: Millis, names: str) -> list[Segment]:
        """The sources, one after the other; at the last levels those that are well are a number at the end."""
        palette, counted = self.palette, names in ("tight", "bare")
        shown = [one for one in self.sources if one.state != "ok" or not counted]
        parts = [part for one in shown for part in source_parts(one, now, palette, self.ground, names)]
        well = len(self.sources) - len(shown)
        if well:
            parts += [seg(f" {palette.glyphs.up}", palette.style("ok", self.ground)),
                      seg(f" {well}", palette.style("dim", self.ground))]
        return parts

    def _figures(self, width: int, clock: str, agent: str) -> list[Segment]:
        """The right end; what matters least goes first when it is narrow."""
        style = self.palette.style
        gap = "  " if width >= 72 else " "
        found = [*self._counted(), (line(agent, 12, pad=False), "dim", 100), (clock, "dim", 76)]
        parts: list[Segment] = []
        for text, ink, least in found:
            if text and width >= least:
                loud = ink in ("late", "soon")
                parts.append(seg(gap + text, style(ink, self.ground, bold=loud)))
        parts.append(seg(" ", style("text", self.ground)))
        return parts

    def _counted(self) -> list[tuple[str, str, int]]:
        """The figures: text, ink, and the least width that they are worth."""
        counts = self.counts
        if counts is None:
            return []
        return [
            (f"late {counts.late}", "late" if counts.late else "faint", 0),
            (f"soon {counts.soon}", "soon" if counts.soon else "faint", 30),
            (f"open {counts.open}", "text", 50),
            (f"waiting {counts.waiting}", "dim", 88),
            (f"review {counts.review}" if counts.review else "", "text", 100),
            (f"{self.palette.glyphs.unsent} {counts.unsent} unsent" if counts.unsent else "", "mine", 0),
        ]


def source_parts(one: SourceState, now: Millis, palette: Palette, ground: str, names: str = "full") -> list[Segment]:
    """A source as glyph, name, and a word when it is not well; ``names`` is one of the levels."""
    style, glyphs = palette.style, palette.glyphs
    kind, _, label = one.name.partition(":")
    if one.state == "ok":
        glyph, ink, word = glyphs.up, "ok", ""
    elif one.state == "paused":
        glyph, ink, word = glyphs.down, "faint", "paused"
    elif one.state in ("retry", "empty", "new"):
        glyph, ink, word = glyphs.trouble, "soon", TROUBLE[one.state]
        if one.state == "retry" and one.next_try_at is not None and one.next_try_at > now:
            word += f" {short_left(one.next_try_at, now)}"
    else:
        glyph, ink, word = glyphs.down, "late", TROUBLE.get(one.state, one.state)
    letter = one.letter if names == "short" or word else ""
    name = (kind if kind != "demo" else label or kind) if names == "full" else letter
    if names == "tight" and one.state == "auth":
        word = "sign in"
    lead = "  " if names == "full" else " "
    parts = [seg(lead, style("text", ground)), seg(glyph, style(ink, ground))]
    if name:
        parts.append(seg(" " + name, style("dim" if not word or one.state == "paused" else ink, ground)))
    if word and names != "bare" and (names != "tight" or ink == "late"):
        parts.append(seg(" " + word, style(ink, ground)))
    return parts
