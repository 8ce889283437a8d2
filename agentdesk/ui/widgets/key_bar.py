"""The last line: the keys that matter here, the keys pending, or a word to the agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip

from agentdesk.model.clock import SECOND, Millis
from agentdesk.ui.first_frame import fitting
from agentdesk.ui.lines import Lines, fitted, spread
from agentdesk.ui.present import flat, seg, wrap
from agentdesk.ui.present import width as cells_of

Level = Literal["info", "good", "warning", "error"]
INKS = {"info": "text", "good": "ok", "warning": "warn", "error": "error"}
STAY: dict[str, Millis] = {"info": 6 * SECOND, "good": 6 * SECOND, "warning": 15 * SECOND, "error": 60 * SECOND}
"""How long a word stays when no key takes it away."""
MOST = 5
"""Lines of a long word."""
NEXT = 12
"""Keys shown that may follow."""


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """Something said to the agent."""

    level: Level
    text: str
    remedy: str = ""
    until: Millis = 0
    countdown: Millis = 0
    """When set, the time left until then stands behind the text."""


class KeyBar(Lines):
    """One line at the bottom, more only while something long is said."""

    DEFAULT_CSS = "KeyBar { height: 1; dock: bottom; }"
    ground = "status"
    wheel = 0

    class Pressed(Message):
        """A key was clicked."""

        def __init__(self, verb: str) -> None:
            super().__init__()
            self.verb = verb

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.keys: tuple[tuple[str, str, str], ...] = ()
        self.pending = ""
        self.word: Word | None = None
        self._next: list[tuple[str, str]] = []
        self._places: list[tuple[int, int, str]] = []

    def put(self, *, keys: Sequence[tuple[str, str, str]] | None = None, pending: str | None = None) -> None:
        """Take in other keys (as shown, title, verb) or other pending strokes."""
        new_keys = tuple(keys) if keys is not None else self.keys
        new_pending = self.pending if pending is None else pending
        if (new_keys, new_pending) != (self.keys, self.pending):
            self.keys, self.pending = new_keys, new_pending
            self.refresh()

    def show_next(self, rows: Sequence[tuple[str, str]]) -> None:
        """Show above the pending strokes which keys may follow, and what they do; none takes them away."""
        if list(rows) != self._next:
            self._next = list(rows)[:NEXT]
            self._measure()

    def say(self, level: Level, text: str, remedy: str = "", *, countdown: Millis = 0) -> None:
        """Say something until a while has passed or the agent has gone on."""
        now = self.desk_app.desk.now()
        self.word = Word(level=level, text=flat(text), remedy=flat(remedy), until=max(now + STAY[level], countdown),
                         countdown=countdown)
        self._measure()

    def hush(self, *, errors: bool = True) -> bool:
        """Take the word away; with ``errors`` off, only what needs no attention. False when there was none."""
        if self.word is None or self.word.countdown or (not errors and self.word.level in ("warning", "error")):
            return False
        self.word = None
        self._measure()
        return True

    def stop_countdown(self) -> None:
        """What was counted down to is over: the word goes."""
        if self.word is not None and self.word.countdown:
            self.word = None
            self._measure()

    def tick(self, now: Millis) -> None:
        """Old words go; a countdown goes on."""
        if self.word is None:
            return
        if now >= self.word.until:
            self.word = None
            self._measure()
        elif self.word.countdown:
            self.refresh()

    def _measure(self) -> None:
        """Take as many lines as the word needs; a layout only when that number changes."""
        height = self.line_count()
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.refresh()

    def _lines(self) -> list[str]:
        """The word broken into lines; empty when it fits on one with its remedy."""
        if self.word is None:
            return []
        room = max(self.size.width - 4, 20)
        both = f"{self.word.text}  {self.word.remedy}".rstrip()
        if cells_of(both) + 8 <= room:
            return [both]
        return [*wrap(self.word.text, room, MOST - 1), *wrap(self.word.remedy, room, 2)][:MOST]

    def line_count(self) -> int:
        """One, or as many as the word or the next keys need."""
        return len(self._next) + 1 if self._next else max(len(self._lines()), 1)

    def draw(self, y: int, width: int) -> Strip:
        """The line."""
        self._places = []
        if self.pending:
            return self._draw_next(y, width) if y < len(self._next) else self._draw_pending(width)
        if self.word is not None:
            return self._draw_word(self.word, y, width)
        return self._draw_keys(width)

    def _draw_word(self, word: Word, y: int, width: int) -> Strip:
        style, fill = self.palette.style, self.palette.style("text", self.ground)
        lines = self._lines()
        if y >= len(lines):
            return Strip([])
        sign = {"warning": self.palette.glyphs.warn, "error": self.palette.glyphs.cross,
                "good": self.palette.glyphs.check}.get(word.level, self.palette.glyphs.dot)
        ink = style(INKS[word.level], self.ground, bold=word.level in ("warning", "error"))
        first = seg(f" {sign} " if y == 0 else "   ", ink)
        tail: list[Segment] = []
        if word.countdown and y == 0:
            left = max(word.countdown - self.desk_app.desk.now() + 999, 0) // SECOND
            tail = [seg(f" {left} s ", style("soon", self.ground, bold=True))]
        if len(lines) == 1:
            parts = [first, seg(word.text, ink)]
            if word.remedy:
                parts.append(seg(f"  {word.remedy}", style("dim", self.ground)))
            return spread(parts, tail, width, fill)
        cause = len(wrap(word.text, max(self.size.width - 4, 20), MOST - 1))
        return spread([first, seg(lines[y], ink if y < cause else style("dim", self.ground))], tail, width, fill)

    def _draw_next(self, y: int, width: int) -> Strip:
        key, title = self._next[y]
        style = self.palette.style
        parts = [seg(f" {self.pending} ", style("faint", "popup")), seg(key, style("key", "popup", bold=True)),
                 seg(f"  {title}", style("text", "popup"))]
        return fitted(Strip(parts), width, style("text", "popup"))

    def _draw_pending(self, width: int) -> Strip:
        style, fill = self.palette.style, self.palette.style("text", self.ground)
        left = [seg(" ", fill), seg(self.pending, style("key", self.ground, bold=True)),
                seg(f" {self.palette.glyphs.ellipsis}", style("dim", self.ground))]
        right = [seg("Esc", style("key", self.ground)), seg(" lets go ", style("dim", self.ground))]
        return spread(left, right, width, fill)

    def _draw_keys(self, width: int) -> Strip:
        style, fill = self.palette.style, self.palette.style("text", self.ground)
        parts: list[Segment] = [seg(" ", fill)]
        at = 1
        kept = 2 if len(self.keys) > 1 and self.keys[-2][2] == "back" else 1
        for place in fitting([_cells(one) for one in self.keys], width - 1, kept):
            cells = _cells(self.keys[place])
            key, title, verb = self.keys[place]
            parts += [seg(key, style("key", self.ground)), seg(f" {title}  ", style("dim", self.ground))]
            self._places.append((at, at + cells, verb))
            at += cells
        return fitted(Strip(parts), width, fill)

    def on_resize(self) -> None:
        """Another width may break a word otherwise."""
        self._measure()

    def on_click(self, event: events.Click) -> None:
        """A click on a key presses it; a click on a word takes it away."""
        event.stop()
        if self.word is not None:
            self.hush()
            return
        for start, end, verb in self._places:
            if start <= event.x < end:
                self.post_message(self.Pressed(verb))


def _cells(key: tuple[str, str, str]) -> int:
    return cells_of(key[0]) + cells_of(key[1]) + 3
