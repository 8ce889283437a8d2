"""The picker of canned replies: search as you type, with the text in sight before it is taken."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import App

from agentdesk.desk import answer, canned
from agentdesk.errors import DeskError
from agentdesk.replies.template import Canned
from agentdesk.ui.present import line, wrap
from agentdesk.ui.screens import dialogs
from agentdesk.ui.screens.listing import ListScreen, empty, heading
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.field import Field
from agentdesk.ui.widgets.runs import BLANK, Row, Run, fold

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp


class CannedScreen(ListScreen):
    """All canned replies and snippets that fit the words typed."""

    context = "search"
    has_field = True
    has_preview = True
    field_hint = "words of its name, title, tags or text"

    def __init__(self, conversation_id: int, name: str = "") -> None:
        super().__init__()
        self.conversation_id = conversation_id
        self._words = name
        self._found: list[Canned] = []

    def on_mount(self) -> None:
        """Begin with the words that were given."""
        self._search()
        super().on_mount()
        if self._words:
            self.query_one(Field).put(self._words)

    def _search(self) -> None:
        self._found = answer.find_canned(self.desk, self._words, self.conversation_id)

    def heading(self) -> Row:
        """How many fit."""
        return heading("Canned replies", len(self._found))

    def blocks(self) -> list[Block]:
        """Title, kind and tags."""
        if not self._found:
            if self._words:
                return [empty("Nothing fits these words.\nBackspace widens the search.")]
            return [empty("There are no canned replies.\nPut YAML files with them into the folder named by "
                          "replies.packs in the configuration.")]
        names = min(20, max(len(_called(it)) for it in self._found))
        return [Block((_row(it, self.room, names),), (it.origin, it.name)) for it in self._found]

    def preview(self, key: Hashable) -> list[Row]:
        """The text as it will be put in, and what will be asked for."""
        it = next((one for one in self._found if (one.origin, one.name) == key), None)
        if it is None:
            return []
        width = max(20, (self.size.width - self.room if self.size.width >= self.side_from else self.size.width) - 3)
        kind = "whole reply" if it.kind == "reply" else "snippet"
        tags = " ".join(f"#{tag}" for tag in it.tags)
        facts = " · ".join(part for part in (kind, it.source if it.origin else "", it.lang, tags) if part)
        rows = [BLANK, Row((Run(f" {line(it.title, width, pad=False)}", "bright", bold=True),)),
                Row((Run(f" {line(facts, width, pad=False)}", "dim"),)), *_doings(it, width), BLANK]
        try:
            needed = answer.missing(self.desk, it, self.conversation_id)
            values = {name: f"[{name}]" for name in needed}
            text = answer.fill(self.desk, it, self.conversation_id, values)
        except DeskError as error:
            return [*rows, *(Row((Run(f" {part}", "late"),)) for part in fold(str(error), width, 6))]
        if needed:
            rows.insert(-1, Row((Run(f" asks for {line(', '.join(needed), width, pad=False)}", "soon"),)))
        return [*rows, *(Row((Run(f" {part}", "text"),)) for part in wrap(text, width, 40))]

    @on(Field.Changed)
    def typed(self, event: Field.Changed) -> None:
        """Other words."""
        event.stop()
        self._words = event.value
        self._search()
        self.reload()
        self.list.top()

    def chosen(self, key: Hashable) -> None:
        """Take one."""
        it = next((one for one in self._found if (one.origin, one.name) == key), None)
        if it is not None:
            self.dismiss(it)


def _called(it: Canned) -> str:
    """What stands behind the title: where it was fetched from, else what it is called."""
    return it.source if it.origin else it.name


def _row(it: Canned, width: int, names: int) -> Row:
    kind = Run("reply   " if it.kind == "reply" else "snippet ", "dim")
    name = Run(line(_called(it), names, pad=False), "note" if it.origin else "dim")
    return Row((Run("   "), Run(line(it.title, max(10, width - names - 14)), "bright"), Run("  "), kind, name))


def _doings(it: Canned, width: int) -> list[Row]:
    """What a help desk's macro does besides: what is asked about here, and what is not done here."""
    rows: list[Row] = []
    for words, calls, ink in (("when you say so, once it is sent", canned.calls(it), "soon"),
                              ("not done here", canned.refused(it), "dim")):
        if calls:
            rows += [Row((Run(f" {part}", ink),)) for part in fold(f"{words}: {' · '.join(calls)}", width, 2)]
    return rows


async def pick(app: App[Any], conversation_id: int, name: str = "") -> Canned | None:
    """Let the agent choose one; a name that fits exactly needs no screen."""
    desk = _desk_app(app).desk
    exact = canned.named(desk, name)
    if exact is not None:
        return exact
    chosen = await app.push_screen_wait(CannedScreen(conversation_id, name))
    return chosen if isinstance(chosen, Canned) else None


async def values_for(app: App[Any], chosen: Canned, conversation_id: int) -> dict[str, str] | None:
    """Ask for every value the canned reply needs and nobody knows; None when the agent thought better of it."""
    values: dict[str, str] = {}
    for name in answer.missing(_desk_app(app).desk, chosen, conversation_id):
        hint = chosen.hints.get(name, f"goes into «{chosen.title}»")
        given = await dialogs.ask(app, name.replace(".", " ").replace("_", " "), hint=hint,
                                  check=lambda text: "" if text.strip() else "It cannot be empty")
        if not given:
            return None
        values[name] = given
    return values


def _desk_app(app: App[Any]) -> DeskApp:
    from typing import cast

    return cast("DeskApp", app)
