"""All drafts of this agent: nothing that was typed is lost."""

from __future__ import annotations

from collections.abc import Hashable

from agentdesk.desk import find
from agentdesk.model.outgoing import Draft, OutKind
from agentdesk.ui.present import line
from agentdesk.ui.screens.listing import ListScreen, empty, heading
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.runs import BLANK, Row, Run
from agentdesk.ui.widgets.when import moment

KINDS = {OutKind.NOTE: "note", OutKind.TICKET: "ticket", OutKind.DM: "private", OutKind.EDIT: "edit"}
"""What a draft is, where that is more than who can read it."""


class DraftsScreen(ListScreen):
    """Newest first; Enter goes on writing."""

    context = "drafts"
    needs_row = True

    def __init__(self) -> None:
        super().__init__()
        self._drafts: list[Draft] = []

    @property
    def draft(self) -> Draft | None:
        """The draft under the cursor."""
        index = self.list.key
        return self._drafts[index] if isinstance(index, int) and index < len(self._drafts) else None

    @property
    def selection(self) -> tuple[int, ...]:
        """The conversation of the draft."""
        return (self.draft.conversation_id,) if self.draft is not None else ()

    def reload(self) -> None:
        """Read them again."""
        self._drafts = find.drafts(self.desk)
        super().reload()

    def heading(self) -> Row:
        """How many there are."""
        return heading("Drafts", len(self._drafts), "written down as you type")

    def blocks(self) -> list[Block]:
        """Where to, when, and how it begins."""
        if not self._drafts:
            return [empty("No drafts.\nWhat you write and do not send is kept here.")]
        now, zone = self.desk.now(), self.desk.zone
        found = []
        for index, it in enumerate(self._drafts):
            kind = KINDS.get(it.kind, it.visibility.value)
            first = Row((Run("   "), Run(line(it.name or f"#{it.conversation_id}", 24), "bright", bold=True),
                         Run(f" {kind} · {line(it.source, 24, pad=False)}", "dim")),
                        (Run(f"{moment(it.saved_at, now, zone)} ", "dim"),))
            files = f"{self.desk_app.palette.glyphs.file} {len(it.uploads)}  " if it.uploads else ""
            second = Row((Run("   "), Run(files, "dim"),
                          Run(line(it.text, self.room - 4 - len(files), pad=False), "text")))
            found.append(Block((first, second, BLANK), index))
        return found

    def chosen(self, key: Hashable) -> None:
        """Go on writing."""
        draft = self.draft
        if draft is not None:
            self.dismiss(None)
            app = self.desk_app
            app.work(app.main.compose_reply(draft.conversation_id, draft.kind))
