"""The base of the screens that are a list: a title, rows with a cursor, and the keys that work here."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, ClassVar, TypeAlias, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.strip import Strip

from agentdesk.model.clock import Millis
from agentdesk.ui.lines import Lines
from agentdesk.ui.present import line
from agentdesk.ui.screens.base import PassingScreen
from agentdesk.ui.widgets.blocks import Block, Blocks
from agentdesk.ui.widgets.field import Field
from agentdesk.ui.widgets.key_bar import KeyBar
from agentdesk.ui.widgets.label import Label
from agentdesk.ui.widgets.runs import BLANK, Row, Run, fold, ruled, strip

if TYPE_CHECKING:
    from agentdesk.desk.desk import Desk
    from agentdesk.ui.app import DeskApp


BlockList: TypeAlias = list[Block]
RowList: TypeAlias = list[Row]


class ListScreen(PassingScreen, inherit_bindings=False):
    """One list over the whole terminal. A subclass gives ``heading()``, ``blocks()`` and reacts to ``chosen()``."""

    context: ClassVar[str] = "list"
    """Whose keys work here."""
    ticks: ClassVar[bool] = False
    """True when its rows tell of time."""
    needs_row: ClassVar[bool] = False
    """True when its own keys are about the selected row: an empty list does not promise them."""
    has_field: ClassVar[bool] = False
    """True puts a field to type into above the list."""
    field_hint: ClassVar[str] = ""
    field_keys: ClassVar[tuple[tuple[str, str, str], ...]] = (("Enter", "take", ""), ("↑↓", "move", ""),
                                                              ("Esc", "leave", ""))
    """The key bar while the field has the keys; of an empty list only the last."""
    has_preview: ClassVar[bool] = False
    """True shows a preview of the selected row: beside the list when there is room, else below it."""
    side_from: ClassVar[int] = 100
    """Columns from which the preview stands beside the list."""

    DEFAULT_CSS = """
    ListScreen { layout: vertical; overflow: hidden hidden; background: $desk-base; }
    ListScreen #body { height: 1fr; layout: vertical; }
    ListScreen #body.-side { layout: horizontal; }
    ListScreen #list { height: 1fr; width: 1fr; margin-top: 1; }
    ListScreen #preview { height: 40%; width: 100%; }
    ListScreen #body.-side #preview { height: 100%; width: 1fr; }
    """

    def compose(self) -> ComposeResult:
        """Title, field, list, preview, keys."""
        yield Label(ground="status", id="title")
        if self.has_field:
            yield ListField(prompt=">", hint=self.field_hint)
        with Horizontal(id="body"):
            yield ScreenList(id="list")
            if self.has_preview:
                yield Preview(id="preview")
        yield KeyBar()

    @property
    def desk_app(self) -> DeskApp:
        """The app, by its own type."""
        return cast("DeskApp", self.app)

    @property
    def desk(self) -> Desk:
        """The desk."""
        return self.desk_app.desk

    @property
    def list(self) -> Blocks:
        """The list, for the keys that move its cursor."""
        return self.query_one("#list", ScreenList)

    @property
    def selection(self) -> tuple[int, ...]:
        """What verbs called here are about."""
        return ()

    @property
    def bar_context(self) -> str:
        """Whose keys stand in the key bar."""
        return "global" if self.needs_row and self.list.key is None else self.context

    def on_mount(self) -> None:
        """Read and show."""
        if self.has_field:
            self.list.bar_always = True
            self.set_focus(self.query_one(Field), scroll_visible=False)
        else:
            self.set_focus(self.list, scroll_visible=False)
        self.reload()
        self.list.top()

    def on_resize(self) -> None:
        """Another width breaks the rows anew."""
        self.query_one("#body").set_class(self.has_preview and self.size.width >= self.side_from, "-side")
        if self.is_mounted:
            self.reload()

    def heading(self) -> Row:
        """The line at the top."""
        raise NotImplementedError

    def blocks(self) -> BlockList:
        """The rows."""
        raise NotImplementedError

    def chosen(self, key: Hashable) -> None:
        """Enter on a row."""

    def preview(self, key: Hashable) -> RowList:
        """What is shown of the selected row."""
        return []

    @property
    def room(self) -> int:
        """Cells across the list."""
        beside = self.has_preview and self.size.width >= self.side_from
        return max(20, self.size.width // 2 if beside else self.size.width)

    def reload(self) -> None:
        """Read again and show; the cursor stays on its row."""
        title = ruled(self.heading(), self.size.width, self.desk_app.palette, "status", "base")
        self.query_one("#title", Label).put(title)
        self.list.fill(self.blocks())
        if self.has_field:
            self.query_one(KeyBar).put(keys=self.field_keys if self.list.key is not None else self.field_keys[-1:])
        else:
            self.desk_app.show_keys()
        self._show_preview()

    def tick(self, now: Millis) -> None:
        """One second passed: rows whose words changed are redrawn."""
        self.query_one(KeyBar).tick(now)
        if not self.ticks:
            return
        fresh = self.blocks()
        pane = self.list
        if [b.key for b in fresh] != [b.key for b in pane.blocks]:
            pane.fill(fresh)
            return
        for index, block in enumerate(fresh):
            pane.replace(index, block)

    def on_key(self, event: events.Key) -> None:
        """While the field has the keys, those that move go to the list."""
        if not self.has_field:
            return
        if event.key == "enter":
            self.list.choose()
        elif event.key == "escape":
            self.dismiss(None)
        elif not self.list.steer(event.key):
            return
        event.stop()
        event.prevent_default()

    @on(Blocks.Chosen)
    def on_chosen(self, event: Blocks.Chosen) -> None:
        """Enter or a double click on a row."""
        event.stop()
        self.chosen(event.key)

    @on(Blocks.Moved)
    def on_moved(self, event: Blocks.Moved) -> None:
        """Another row is selected."""
        if type(event) is Blocks.Moved:
            event.stop()
            self._show_preview()
            if not self.has_field:
                self.desk_app.show_keys()

    def _show_preview(self) -> None:
        if self.has_preview:
            self.query_one("#preview", Preview).put(*self.preview(self.list.key))


class ScreenList(Blocks):
    """The list of a list screen."""


class ListField(Field):
    """The field of a list screen; keys that move go on to the list below it."""

    ground = "composer"


class Preview(Lines):
    """What the selected row holds."""

    ground = "panel"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._rows: list[Row] = []

    def put(self, *rows: Row) -> None:
        """Show these rows from the top."""
        self._rows = list(rows)
        self.move_to(0)
        self.changed()

    def line_count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def draw(self, y: int, width: int) -> Strip:
        """One row."""
        return strip(self._rows[y], width, self.palette, self.ground)


def empty(words: str, *then: tuple[str, str], width: int = 80) -> Block:
    """What a list says when there is nothing in it, and the keys that go on."""
    rows = [BLANK, *(row for part in words.split("\n") for row in paragraph(part, width))]
    for key, what in then:
        rows.append(Row((Run("   "), Run(key, "key"), Run(f"  {what}", "dim"))))
    return Block(tuple(rows), None, False)


def heading(words: str, count: int | None = None, aside: str = "") -> Row:
    """A title with a number, and something dim at the right edge."""
    runs = [Run(f" {words}", "accent", bold=True)]
    if count is not None:
        runs.append(Run(f"  {count:,}", "dim"))
    return Row(tuple(runs), (Run(f"{line(aside, 60, pad=False)} ", "dim"),) if aside else ())


def paragraph(words: str, width: int, ink: str = "text", indent: int = 3, most: int = 4) -> list[Row]:
    """Words over a few rows."""
    return [Row((Run(" " * indent), Run(part, ink))) for part in fold(words, width - indent - 1, most)]
