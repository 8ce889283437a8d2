"""Why a conversation stands where it stands in the queue, in sentences."""

from __future__ import annotations

from agentdesk.desk import find
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
        it = find.conversation(self.desk, self.conversation_id)
        return heading(f"Why #{it.id} {it.name} stands here")

    def blocks(self) -> list[Block]:
        """One paragraph a sentence."""
        sentences = find.why(self.desk, self.conversation_id)
        if not sentences:
            return [empty("Nothing puts it before or behind others: it stands by when it came in.")]
        return [Block((*paragraph(words, min(self.room, 90)), BLANK), index) for index, words in enumerate(sentences)]
