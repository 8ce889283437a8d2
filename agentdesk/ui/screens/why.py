"""Why a conversation stands where it stands in the queue, in sentences."""

from __future__ import annotations

from agentdesk.desk import find
from agentdesk.errors import NotFound
from agentdesk.ui.screens.listing import ListScreen, empty, heading, paragraph
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.runs import BLANK, Row


class WhyScreen(ListScreen):
    """The rules' own words; nothing here is guessed."""

    context = "ledger"

    def __init__(self, conversation_id: int) -> None:
        super().__init__()
        self.conversation_id = conversation_id

    @property
    def selection(self) -> tuple[int, ...]:
        """The conversation."""
        return (self.conversation_id,)

    def heading(self) -> Row:
        """Which conversation it is about."""
        try:
            name = f" {find.conversation(self.desk, self.conversation_id).name}"
        except NotFound:
            name = ""
        return heading(f"Why #{self.conversation_id}{name} stands here")

    def blocks(self) -> list[Block]:
        """One paragraph a sentence."""
        try:
            sentences = find.why(self.desk, self.conversation_id)
        except NotFound as error:
            return [empty(self.desk.typed(f"{error.title}: the cache lost it. Look with agentdesk doctor."))]
        if not sentences:
            return [empty("Nothing puts it before or behind others: it stands by when it came in.")]
        return [Block((*paragraph(words, min(self.room, 90)), BLANK), index) for index, words in enumerate(sentences)]
