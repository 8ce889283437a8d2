"""Small questions at the lower edge of the screen: a line of text, one of several, yes or no.

They have no box, only another background; what they ask about stays in sight. Each answers through
``push_screen_wait``, so whoever asks runs in a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from textual import events, on
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from agentdesk.commands.context import Choice
from agentdesk.ui.present import line, width
from agentdesk.ui.screens.base import PassingScreen
from agentdesk.ui.widgets.blocks import Block, Blocks
from agentdesk.ui.widgets.field import Field, HiddenField
from agentdesk.ui.widgets.label import Label
from agentdesk.ui.widgets.runs import Row, Run, fold, ruled

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp

LEAVING = ("escape", "ctrl+c", "ctrl+g")
BESIDE = 16
"""Cells for what stands beside the choices; with fewer it would be stubs, and is left out."""
LEAD = 6
"""Cells of a field that are not its hint's: the prompt, the cursor and the margins."""
MOST = 12
"""Choices in sight at once."""


async def ask(app: App[Any], title: str, *, default: str = "", hint: str = "",
              check: Callable[[str], str] | None = None,
              complete: Callable[[str], Sequence[str]] | None = None) -> str | None:
    """One line of text; None when the person thought better of it. Tab completes where that is possible."""
    return await app.push_screen_wait(Ask(title, default, hint, check, complete))


async def secret(app: App[Any], title: str, *, hint: str = "", copies: str = "") -> str | None:
    """One line that is not shown; None when the person thought better of it."""
    return await app.push_screen_wait(AskSecret(title, hint, copies))


async def choose(app: App[Any], title: str, choices: Sequence[Choice]) -> str | None:
    """The value of one of several choices; None when the person thought better of it."""
    return await app.push_screen_wait(Choose(title, choices))


async def confirm(app: App[Any], title: str, detail: str = "") -> bool:
    """Yes or no; everything but a plain yes is no."""
    return bool(await app.push_screen_wait(Confirm(title, detail)))


def keys(*pairs: tuple[str, str]) -> Row:
    """A line of keys and what they do."""
    runs = [Run(" ")]
    for key, words in pairs:
        runs += [Run(key, "key"), Run(f" {words}   ", "dim")]
    return Row(tuple(runs))


class Sheet(PassingScreen, ModalScreen[Any], inherit_bindings=False):
    """A panel at the lower edge over a screen that stays as it is."""

    context = "prompt"
    DEFAULT_CSS = """
    Sheet { align: left bottom; }
    Sheet > Vertical { height: auto; width: 100%; background: $desk-popup; }
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self.styles.background = "transparent"
        self.title_row = Row((Run(f" {line(title, 200, pad=False)}", "accent", bold=True),))

    @property
    def desk_app(self) -> DeskApp:
        """The app, by its own type."""
        return cast("DeskApp", self.app)

    def asking(self, hint: str) -> tuple[Label, str]:
        """The title, and the hint for the field; one that is too long for that stands whole below the title."""
        title = ruled(self.title_row, self.app.size.width, self.desk_app.palette, "popup", "base")
        hint = line(hint, 200, pad=False)
        room = self.app.size.width - LEAD
        if width(hint) <= room:
            return Label((title,), ground="popup"), hint
        below = (Row((Run(f" {part}", "dim"),)) for part in fold(hint, room + LEAD - 2, 4))
        return Label((title, *below), ground="popup"), ""

    def on_mount(self) -> None:
        """The field has the keys from the first one on."""
        for field in self.query(Field):
            self.set_focus(field, scroll_visible=False)

    def on_key(self, event: events.Key) -> None:
        """Every key ends here: what is asked must be answered first."""
        event.stop()
        event.prevent_default()
        self.press(event.key)

    def press(self, key: str) -> None:
        """Carry out a key that the field did not take; Esc and ^C answer nothing."""
        if key in LEAVING:
            self.dismiss(None)


class Ask(Sheet):
    """One line of text."""

    def __init__(self, title: str, default: str, hint: str, check: Callable[[str], str] | None,
                 complete: Callable[[str], Sequence[str]] | None = None) -> None:
        super().__init__(title)
        self._complete = complete
        self._default = default
        self._hint = hint
        self._check = check

    def compose(self) -> ComposeResult:
        """Title, field, and what is wrong."""
        with Vertical():
            head, hint = self.asking(self._hint)
            yield head
            yield Field(self._default, prompt=">", hint=hint)
            yield Label((self._keys(),), ground="popup", id="under")

    @on(Field.Changed)
    def judge(self, event: Field.Changed) -> None:
        """Say at once what is wrong with what is typed."""
        event.stop()
        wrong = self._check(event.value) if self._check is not None and event.value.strip() else ""
        self._say(wrong)

    def _say(self, wrong: str) -> None:
        under = self.query_one("#under", Label)
        if wrong:
            under.put(Row((Run(f" {self.desk_app.palette.glyphs.warn} {line(wrong, 300, pad=False)}", "warn"),)))
        else:
            under.put(self._keys())

    def _keys(self) -> Row:
        tab = (("Tab", "complete"),) if self._complete is not None else ()
        return keys(("Enter", "accept"), *tab, ("Esc", "leave it"))

    def _fill_up(self, complete: Callable[[str], Sequence[str]]) -> None:
        """Write what all that fits begins with; what it may become then stands below."""
        field = self.query_one(Field)
        fits = list(complete(field.value))
        first, last = min(fits, default=""), max(fits, default="")
        common = first[:next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]
        if len(common) > len(field.value):
            field.put(common)
        if len(fits) > 1:
            names = "  ".join(one.rstrip("/").rpartition("/")[2] + ("/" if one.endswith("/") else "") for one in fits)
            self.query_one("#under", Label).put(Row((Run(f" {line(names, 200, pad=False)}", "dim"),)))
        elif not fits:
            self._say("nothing begins like this")

    def press(self, key: str) -> None:
        """Enter answers unless something is wrong; Tab completes."""
        if key == "tab" and self._complete is not None:
            self._fill_up(self._complete)
            return
        if key != "enter":
            super().press(key)
            return
        value = self.query_one(Field).value.strip()
        wrong = self._check(value) if self._check is not None and value else ""
        if wrong:
            self._say(wrong)
        else:
            self.dismiss(value)


class AskSecret(Sheet):
    """One line that is not shown: neither drawn, nor told to anybody before Enter, nor kept after."""

    def __init__(self, title: str, hint: str, copies: str = "") -> None:
        super().__init__(title)
        self._hint = hint
        self._copies = copies
        """What ^Y copies meanwhile: an address to open."""

    def compose(self) -> ComposeResult:
        """Title, field, keys."""
        with Vertical():
            head, hint = self.asking(self._hint)
            yield head
            yield HiddenField(prompt=">", hint=hint)
            copying = (("^Y", "copy the address"),) if self._copies else ()
            yield Label((keys(("Enter", "accept"), *copying, ("Esc", "leave it")),), ground="popup", id="under")

    def press(self, key: str) -> None:
        """Enter answers; what was typed goes out of the field either way."""
        if key == "ctrl+y" and self._copies:
            self.desk_app.work(self._copy())
        elif key == "enter":
            self.dismiss(self.query_one(HiddenField).take())
        else:
            if key in LEAVING:
                self.query_one(HiddenField).take()
            super().press(key)

    async def _copy(self) -> None:
        said = await self.desk_app.front.copy(self._copies)
        self.query_one("#under", Label).put(Row((Run(f" {said}", "ok"),)))


class Choose(Sheet):
    """One of several: arrows move, typing narrows, Enter takes."""

    DEFAULT_CSS = """
    Choose Blocks { height: auto; }
    """

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__(title)
        self._choices = tuple(choices)
        self._shown = self._choices
        self._words = ""

    def compose(self) -> ComposeResult:
        """Title, list, field."""
        with Vertical():
            yield Label((ruled(self.title_row, self.app.size.width, self.desk_app.palette, "popup", "base"),),
                        ground="popup")
            yield ChoiceList()
            yield Field(prompt=">", hint="type to narrow")
            yield Label((keys(("↑↓", "move"), ("Enter", "take"), ("Esc", "leave it")),), ground="popup")

    def on_mount(self) -> None:
        """Show all of them."""
        super().on_mount()
        self._fill()

    def on_resize(self) -> None:
        """More or fewer fit."""
        self._fill()

    def _fill(self) -> None:
        pane = self.query_one(ChoiceList)
        most = max(2, min(MOST, self.size.height - 5))
        pane.styles.height = max(1, min(most, len(self._choices)))
        label = max((len(line(c.label, 60, pad=False)) for c in self._choices), default=0)
        beside = self.size.width - min(60, label) - 5 >= BESIDE
        blocks = [Block((_choice(c, label, beside=beside),), c.value) for c in self._shown]
        pane.fill(blocks or [Block((Row((Run("   nothing fits; backspace widens", "dim"),)),), None, False)])
        pane.top() if blocks and pane.key is None else None

    @on(Field.Changed)
    def narrow(self, event: Field.Changed) -> None:
        """Keep the choices that hold every word typed; those that begin with them come first."""
        event.stop()
        self._narrow_by(event.value)

    def _narrow_by(self, words: str) -> None:
        if words != self._words:
            self._words, self._shown = words, narrowed(self._choices, words)
            self._fill()
            self.query_one(ChoiceList).top()

    @on(Blocks.Chosen)
    def take(self, event: Blocks.Chosen) -> None:
        """A choice was made."""
        event.stop()
        self.dismiss(str(event.key))

    def press(self, key: str) -> None:
        """Keys that the field leaves: movement and Enter."""
        pane = self.query_one(ChoiceList)
        if key == "enter":
            self._narrow_by(self.query_one(Field).value)
            pane.choose()
        elif not pane.steer({"tab": "down", "shift+tab": "up"}.get(key, key)):
            super().press(key)


class ChoiceList(Blocks):
    """The list of a dialog: its cursor shows while the field has the keys."""

    ground = "popup"
    bar_always = True
    can_focus = False


def _choice(choice: Choice, label: int, *, beside: bool) -> Row:
    name = line(choice.label, min(60, label))
    detail = (Run(f"  {line(choice.detail, 200, pad=False)}", "dim"),) if beside else ()
    return Row((Run(f"   {name}", "bright"), *detail))


def narrowed(choices: Sequence[Choice], words: str) -> tuple[Choice, ...]:
    """The choices that hold every word, in any case; those whose label or value begins with the first come first."""
    wanted = words.casefold().split()
    if not wanted:
        return tuple(choices)
    fits = [c for c in choices if all(w in f"{c.label} {c.value} {c.detail}".casefold() for w in wanted)]
    return tuple(sorted(fits, key=lambda c: not (c.label.casefold().startswith(wanted[0])
                                                  or c.value.casefold().startswith(wanted[0]))))


class Confirm(Sheet):
    """Yes or no: only ``y`` is yes."""

    def __init__(self, title: str, detail: str) -> None:
        super().__init__(title)
        self._detail = detail

    def compose(self) -> ComposeResult:
        """Title, what it means, and the two keys."""
        with Vertical():
            yield Label((ruled(self.title_row, self.app.size.width, self.desk_app.palette, "popup", "base"),),
                        ground="popup")
            if self._detail:
                yield Label([Row((Run(f" {part}", "text"),)) for part in fold(self._detail, 76, 4)], ground="popup")
            yield Label((keys(("y", "yes"), ("n", "no, leave it")),), ground="popup")

    def press(self, key: str) -> None:
        """``y`` is yes; Enter, Esc and ``n`` are no; anything else is not an answer."""
        if key in ("y", "Y"):
            self.dismiss("yes")
        elif key in ("n", "N", "enter"):
            self.dismiss(None)
        else:
            super().press(key)
