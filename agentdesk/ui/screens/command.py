"""The command line and the palette: one list of all commands, typed with arguments or searched by what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Input

from agentdesk.commands.registry import Verb, usable
from agentdesk.errors import UsageError
from agentdesk.ui.lines import Lines, spread
from agentdesk.ui.present import clean, line, seg
from agentdesk.ui.screens.base import PassingScreen

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp

MOST = 12
"""Commands in sight."""


class Offers(Lines):
    """What the line may become, one a row: the words, what they do, the key."""

    ground = "popup"
    DEFAULT_CSS = "Offers { height: auto; max-height: 12; }"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, str, str]] = []
        self.cursor = 0

    def put(self, rows: list[tuple[str, str, str]]) -> None:
        """Show these; the first is chosen."""
        self.rows, self.cursor = rows, 0
        height = max(min(len(rows), MOST), 1)
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.changed()
        self.move_to(0)

    def move(self, count: int) -> None:
        """Choose another."""
        if self.rows:
            self.cursor = (self.cursor + count) % len(self.rows)
            self.reveal(self.cursor)
            self.refresh()

    def line_count(self) -> int:
        """One a row, or one that says there is none."""
        return max(len(self.rows), 1)

    def draw(self, y: int, width: int) -> Strip:
        """One row."""
        style = self.palette.style
        if not self.rows:
            return Strip([seg("   no such command", style("dim", self.ground))])
        words, title, key = self.rows[y]
        ground = "cursor" if y == self.cursor else self.ground
        bar = self.palette.glyphs.bar if y == self.cursor else " "
        fill = style("text", ground)
        name = max(min(width // 2, 34), 12)
        right = [seg(f"  {key} ", style("key", ground))]
        room = width - name - 4 - right[0].cell_length
        left = [seg(f"{bar} ", style("accent", ground)),
                seg(line(words, name), style("bright", ground, bold=y == self.cursor)),
                seg("  " + line(title, room, pad=False), style("dim", ground))]
        return spread(left, right, width, fill, 0)

    def on_click(self, event: events.Click) -> None:
        """A click runs one."""
        event.stop()
        if event.y + self.first_line < len(self.rows):
            self.cursor = event.y + self.first_line
            cast(CommandScreen, self.screen).finish()


class CommandScreen(PassingScreen, ModalScreen[Any], inherit_bindings=False):
    """A line at the bottom with what it may become above it; the result is the call to make."""

    context = "prompt"
    DEFAULT_CSS = """
    CommandScreen { background: transparent; align: left bottom; }
    CommandScreen #command { height: auto; width: 100%; background: $desk-popup; }
    CommandScreen #line { height: 1; background: $desk-popup; }
    CommandScreen #sign { width: 3; height: 1; background: $desk-popup; color: $desk-key; }
    CommandScreen Input > .input--placeholder { color: $desk-faint; }
    CommandScreen Input { width: 1fr; background: $desk-popup; color: $desk-bright; }
    """

    def __init__(self, *, search: bool, start: str = "", where: str = "queue") -> None:
        super().__init__()
        self._search = search
        self._start = start
        self._where = where

    def compose(self) -> ComposeResult:
        """Offers above, the line below."""
        with Vertical(id="command"):
            yield Offers()
            with Horizontal(id="line"):
                yield Sign(" > " if self._search else " : ")
                yield CommandField(self._start, select_on_focus=False, placeholder=self._hint)

    @property
    def _hint(self) -> str:
        """What stands in the line while it is empty."""
        words = "what it does" if self._search else "a command"
        keys = " · Tab completes · Enter runs it · Esc leaves"
        return (words + keys).replace("·", self.desk_app.palette.glyphs.dot)

    def on_mount(self) -> None:
        """All commands at first."""
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()
        self._offer(self._start)

    @property
    def desk_app(self) -> DeskApp:
        """The app, by its own type."""
        return cast("DeskApp", self.app)

    @property
    def offers(self) -> Offers:
        """The list."""
        return self.query_one(Offers)

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Other offers for another line."""
        event.stop()
        self._offer(event.value)

    def _offer(self, text: str) -> None:
        app = self.desk_app
        if self._search:
            found = [one for one in app.registry if self._fits(one, text)]
            found.sort(key=lambda one: (not usable(one, self._where), not one.title.lower().startswith(text.lower())))
            self.offers.put([self._row(one) for one in found])
            return
        rows: list[tuple[str, str, str]] = []
        for full in app.registry.complete(text, self._where if not text else None):
            name = full.split(" ", 1)[0]
            one = app.registry[name]
            rows.append(self._row(one) if full == name else (full, one.title, ""))
        self.offers.put(rows or self._usage(text))

    def _usage(self, text: str) -> list[tuple[str, str, str]]:
        """The verb being typed, when nothing is left to complete."""
        name = text.split(" ", 1)[0]
        return [(self.desk_app.registry[name].usage, self.desk_app.registry[name].title, "")] if (
            name in self.desk_app.registry) else []

    def _row(self, one: Verb) -> tuple[str, str, str]:
        key = self.desk_app.keymap.key_of(self._where, one.name)
        return (one.title, one.brief, key) if self._search else (one.usage, one.title, key)

    @staticmethod
    def _fits(one: Verb, text: str) -> bool:
        hay = f"{one.name} {one.title} {one.doc}".lower()
        return all(word in hay for word in text.lower().split())

    def on_key(self, event: events.Key) -> None:
        """Up and down choose, Tab completes, Enter runs, Esc goes away."""
        moves = {"down": 1, "up": -1, "ctrl+n": 1, "ctrl+p": -1, "pagedown": MOST - 1, "pageup": 1 - MOST}
        if event.key == "escape":
            self.dismiss(None)
        elif event.key == "enter":
            self.finish()
        elif event.key == "tab":
            self._complete()
        elif event.key == "up" and not self._search and not self.query_one(Input).value:
            self._recall()
        elif event.key in moves:
            self.offers.move(moves[event.key])
        elif event.key == "backspace" and not self.query_one(Input).value:
            self.dismiss(None)
        else:
            return
        event.stop()
        event.prevent_default()

    def _recall(self) -> None:
        """Earlier lines."""
        if self.desk_app.command_history:
            field = self.query_one(Input)
            field.value = self.desk_app.command_history[-1]
            field.cursor_position = len(field.value)

    def _chosen(self) -> Verb | None:
        """The verb of the chosen row, in a search."""
        offers = self.offers
        if not offers.rows:
            return None
        title = offers.rows[offers.cursor][0]
        return next((one for one in self.desk_app.registry if one.title == title), None)

    def _complete(self) -> None:
        """Put the chosen offer into the line."""
        offers = self.offers
        if not offers.rows:
            return
        field = self.query_one(Input)
        if self._search:
            chosen = self._chosen()
            if chosen is not None:
                self._search = False
                self.query_one(Sign).put(" : ")
                field.value = chosen.name + (" " if chosen.params else "")
        else:
            words = offers.rows[offers.cursor][0]
            name = words.split(" ", 1)[0]
            typed = field.value
            full = words if " " in typed and words.startswith(typed.rpartition(" ")[0]) else name
            field.value = full if full.endswith("=") else full + " "
        field.cursor_position = len(field.value)

    def finish(self) -> None:
        """Run what is typed or chosen."""
        text = self.query_one(Input).value.strip()
        if self._search:
            chosen = self._chosen()
            self.dismiss(chosen.name if chosen is not None else None)
            return
        registry = self.desk_app.registry
        name = text.split(" ", 1)[0]
        if name not in registry and self.offers.rows and " " not in text:
            text = self.offers.rows[self.offers.cursor][0].split(" ", 1)[0]
        try:
            registry.parse(text)
        except UsageError as error:
            self.dismiss(None)
            self.desk_app.say("error", str(error))
            return
        self.desk_app.command_history = (*self.desk_app.command_history[-49:], text)
        self.dismiss(text)


class CommandField(Input):
    """The line: what is pasted into it comes out inert and on one line."""

    def validate_value(self, value: str) -> str:
        """The value as it may be drawn."""
        return clean(value).replace("\n", " ")


class Sign(Lines):
    """The sign before the line."""

    ground = "popup"
    DEFAULT_CSS = "Sign { width: 3; height: 1; }"

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def put(self, text: str) -> None:
        """Another sign."""
        self.text = text
        self.refresh()

    def line_count(self) -> int:
        """One."""
        return 1

    def draw(self, y: int, width: int) -> Strip:
        """The sign."""
        return Strip([seg(self.text, self.palette.style("key", self.ground, bold=True))])
