"""The composer's text field: a TextArea that cleans what is pasted, shows the sign-off and marks what is too long."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from agentdesk.model.text import MAX_TEXT, hides_direction, inert
from agentdesk.ui.present import seg

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp
    from agentdesk.ui.theme import Palette

GROUND = "composer"


class Editor(TextArea):
    """Plain text over several lines, without blinking, markup or colours of its own."""

    DEFAULT_CSS = """
    Editor, Editor:focus { border: none; padding: 1 1 0 1; height: 1fr; scrollbar-size: 0 0; }
    """

    class Cleaned(Message):
        """Something was taken out of a text before it was put in."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(soft_wrap=True, show_line_numbers=False, highlight_cursor_line=False, compact=True, id=id)
        self.cursor_blink = False
        self.match_cursor_bracket = False
        self._tail = ""
        self._limit: int | None = None

    @property
    def palette(self) -> Palette:
        """The colours and glyphs of the moment."""
        return cast("DeskApp", self.app).palette

    def on_mount(self) -> None:
        """Take the palette's colours."""
        self.recolour()

    def recolour(self) -> None:
        """Take the palette's colours, after it changed too."""
        style = self.palette.style
        base = style("bright", GROUND)
        self.register_theme(TextAreaTheme(name="desk", base_style=base, cursor_style=base + Style(reverse=True),
                                          selection_style=style("bright", "cursor")))
        self.theme = "desk"
        self.styles.background = self.palette.ground(GROUND)
        self.refresh()

    def on_resize(self) -> None:
        """What is being written stays in sight when warnings below it take room, or the terminal is another size."""
        self.call_after_refresh(self.scroll_cursor_visible)

    # -- what is shown besides the text ----------------------------------------------------------------------------

    def show_tail(self, tail: str) -> None:
        """Show this (the sign-off) dimly behind the text."""
        if tail != self._tail:
            self._tail = tail
            self.refresh()

    def show_limit(self, index: int | None) -> None:
        """Mark everything from this character on as too long for the channel."""
        if index != self._limit:
            self._limit = index
            self.notify_style_update()
            self.refresh()

    def get_line(self, line_index: int) -> Text:
        """One line of the text, what is too long in the colour of «late» and underlined."""
        line = super().get_line(line_index)
        if self._limit is not None:
            before = self.text[:self._limit]
            row, column = before.count("\n"), len(before) - before.rfind("\n") - 1
            if line_index > row:
                column = 0
            if line_index >= row:
                line.stylize(self.palette.style("late", GROUND, underline=True), column)
        return line

    def render_line(self, y: int) -> Strip:
        """One line of the window, with the sign-off behind the last line of the text or below it."""
        strip = super().render_line(y)
        if not self._tail or not self.text:
            return strip
        last = self.wrapped_document.height - 1 - self.scroll_offset.y
        used = cell_len(self.wrapped_document.get_sections(self.document.line_count - 1)[-1]) + 1
        fits = used + cell_len(self._tail) <= strip.cell_length
        if y != (last if fits else last + 1):
            return strip
        start = used if fits else 0
        end = start + cell_len(self._tail)
        sign = Strip([seg(self._tail, self.palette.style("dim", GROUND))], end - start)
        return Strip.join([strip.crop(0, start), sign, strip.crop(end)])

    # -- what comes in ---------------------------------------------------------------------------------------------

    async def heed_keys(self) -> None:
        """Wait until every key typed before now is in the text: a slow line brings many at once."""
        taken = asyncio.Event()
        if self.call_later(taken.set):
            await taken.wait()

    def edit(self, edit: Edit) -> EditResult:
        """Clean whatever is put in, typed, pasted or inserted, and tell when that took something out."""
        clean = inert(edit.text)
        words = cleaned_words(edit.text) if clean != edit.text else ""
        edit.text = clean
        result = super().edit(edit)
        if words:
            self.post_message(self.Cleaned(words))  # after the change, which takes away what was told before it
        return result

    def load(self, text: str) -> None:
        """Replace everything, cleaned, with the cursor at the end."""
        self.load_text(inert(text))
        self.move_cursor(self.document.end)

    def put(self, text: str) -> None:
        """Insert at the cursor, or in the place of the selection; one undo step of its own."""
        self.history.checkpoint()
        start, end = self.selection
        self.replace(text, start, end, maintain_selection_offset=False)
        self.history.checkpoint()

    def put_below(self, text: str) -> None:
        """Add a paragraph at the end, the cursor staying where it is; one undo step of its own."""
        here = self.selection
        self.history.checkpoint()
        self.insert(f"\n\n{text}" if self.text.strip() else text, self.document.end)
        self.history.checkpoint()
        if self.text != text:
            self.selection = here


def cleaned_words(raw: str) -> str:
    """What ``inert()`` changes in a text, in words; empty when only line ends and tabs."""
    control = sum(1 for char in raw if unicodedata.category(char) == "Cc" and char not in "\n\r\t")
    parts = []
    if len(raw) > MAX_TEXT:
        parts.append(f"{len(raw) - MAX_TEXT:,} characters at the end left out")
    if control:
        parts.append(f"{control} control character{'s' if control > 1 else ''} made visible")
    if hides_direction(raw):
        parts.append("hidden direction marks removed")
    unseen = sum(1 for char in raw if unicodedata.category(char) in ("Cf", "Cs", "Lo") and inert(char) != char)
    marks = sum(1 for char in raw if hides_direction(char))
    if unseen > marks:
        count = unseen - marks
        parts.append(f"{count} invisible character{'s' if count > 1 else ''} removed")
    return ", ".join(parts)
