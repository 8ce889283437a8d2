"""One line of text to type into: it draws itself, cleans what is pasted, and leaves every other key to its screen."""

from __future__ import annotations

from rich.cells import cell_len, split_graphemes
from textual import events
from textual.message import Message
from textual.strip import Strip

from agentdesk.model.text import inert_line
from agentdesk.ui.lines import Lines
from agentdesk.ui.widgets.runs import CARET, Row, Run, strip

LONGEST_SECRET = 16_384
LONGEST = 4_000
"""More than this is not typed into one line."""


class Field(Lines, can_focus=True):
    """A line editor: what stands before the cursor and what behind it."""

    ground = "popup"
    wheel = 0
    DEFAULT_CSS = """
    Field { height: 1; }
    """

    class Changed(Message):
        """The text is another one."""

        def __init__(self, field: Field, value: str) -> None:
            super().__init__()
            self.field = field
            self.value = value

        @property
        def control(self) -> Field:
            """The field."""
            return self.field

    def __init__(self, value: str = "", *, prompt: str = "", hint: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.prompt = prompt
        self.hint = hint
        self._before = _letters(inert_line(value, limit=LONGEST))
        self._after: list[str] = []

    @property
    def value(self) -> str:
        """The text."""
        return "".join((*self._before, *self._after))

    def put(self, value: str) -> None:
        """Replace the text, with the cursor behind it."""
        self._set(_letters(inert_line(value, limit=LONGEST)), [])

    def line_count(self) -> int:
        """Always one."""
        return 1

    def draw(self, y: int, width: int) -> Strip:
        """Prompt, text with the cursor in sight, or the hint while there is no text."""
        lead = f" {self.prompt}" + (" " if self.prompt else "")
        runs = [Run(lead, "accent")]
        if not self._before and not self._after:
            runs += [_cursor(" ", self.has_focus), Run(self.hint, "faint")]
            return self._drawn(runs, width)
        room = max(4, width - cell_len(lead) - 2)
        before, used = [], 0
        for letter in reversed(self._before):
            used += cell_len(letter)
            if used > room:
                break
            before.append(letter)
        under = self._after[0] if self._after else " "
        runs += [Run("".join(reversed(before)), "bright"), _cursor(under, self.has_focus),
                 Run("".join(self._after[1:]), "bright")]
        return self._drawn(runs, width)

    def _drawn(self, runs: list[Run], width: int) -> Strip:
        return strip(Row(tuple(runs)), width, self.palette, self.ground)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Printable keys write text."""
        return character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        """Write and edit; everything else goes on to the screen."""
        if event.character is not None and event.is_printable:
            if len(self._before) + len(self._after) < LONGEST:
                self._set([*self._before, *_letters(inert_line(event.character) or event.character)], self._after)
        elif not self._edit(event.key):
            return
        event.stop()
        event.prevent_default()

    def _edit(self, key: str) -> bool:
        """Carry out an editing key; False when it is none."""
        before, after = self._before, self._after
        match key:
            case "left" | "ctrl+b" if before:
                self._set(before[:-1], [before[-1], *after])
            case "right" | "ctrl+f" if after:
                self._set([*before, after[0]], after[1:])
            case "home" | "ctrl+a":
                self._set([], before + after)
            case "end" | "ctrl+e":
                self._set(before + after, [])
            case "backspace" | "ctrl+h" if before:
                self._set(before[:-1], after)
            case "delete" | "ctrl+d" if after:
                self._set(before, after[1:])
            case "ctrl+u":
                self._set([], after)
            case "ctrl+k":
                self._set(before, [])
            case "ctrl+w" | "ctrl+backspace":
                text = "".join(before).rstrip()
                self._set(_letters(text[:text.rfind(" ") + 1]), after)
            case "left" | "right" | "backspace" | "delete":
                pass
            case _:
                return False
        return True

    def on_paste(self, event: events.Paste) -> None:
        """Put a paste in, cleaned and on one line."""
        event.stop()
        event.prevent_default()
        room = LONGEST - len(self._before) - len(self._after)
        self._set([*self._before, *_letters(inert_line(event.text, limit=max(0, room)))], self._after)

    def _set(self, before: list[str], after: list[str]) -> None:
        was = self.value
        self._before, self._after = before, after
        self.redraw(0)
        if self.value != was:
            self.post_message(self.Changed(self, self.value))

    def on_focus(self) -> None:
        """The cursor appears."""
        self.redraw(0)

    def on_blur(self) -> None:
        """The cursor goes."""
        self.redraw(0)


class HiddenField(Field):
    """A line that is drawn as dots, keeps every sign as it was typed, and tells nobody what it holds."""

    def take(self) -> str:
        """What was typed; the field is empty after."""
        value = self.value
        self._before, self._after = [], []
        return value

    def draw(self, y: int, width: int) -> Strip:
        """Dots for what is there, the hint while there is nothing."""
        lead = Run(f" {self.prompt} ", "accent")
        count = len(self._before) + len(self._after)
        if not count:
            return self._drawn([lead, _cursor(" ", self.has_focus), Run(self.hint, "faint")], width)
        dots = self.palette.glyphs.dot * min(count, max(1, width - 6))
        return self._drawn([lead, Run(dots, "bright"), _cursor(" ", self.has_focus)], width)

    def on_key(self, event: events.Key) -> None:
        """Write and delete."""
        if event.character is not None and event.is_printable:
            self._put(event.character)
        elif not self._edit(event.key):
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """The first line of what is pasted; no sign of it is changed."""
        event.stop()
        event.prevent_default()
        self._put(next(iter(event.text.strip("\r\n").splitlines()), ""))

    def _put(self, text: str) -> None:
        room = LONGEST_SECRET - len(self._before) - len(self._after)
        self._set([*self._before, *text[:max(0, room)]], self._after)

    def _set(self, before: list[str], after: list[str]) -> None:
        self._before, self._after = before, after
        self.redraw(0)


def _letters(text: str) -> list[str]:
    """The text as what a person takes for letters."""
    if text.isascii():
        return list(text)
    spans, _ = split_graphemes(text)
    return [text[start:end] for start, end, _ in spans]


def _cursor(letter: str, shown: bool) -> Run:
    return Run(letter, CARET if shown else "bright")
