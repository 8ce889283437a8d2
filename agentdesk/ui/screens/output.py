"""What a program of the person's own printed, to read."""

from __future__ import annotations

from agentdesk.model.text import inert
from agentdesk.ui.screens.listing import ListScreen, heading, paragraph
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.runs import BLANK, Row

LINES = 2_000


class OutputScreen(ListScreen):
    """Line after line, each broken where the screen ends."""

    context = "ledger"

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.title_words = title
        self.lines = inert(text).splitlines()

    def heading(self) -> Row:
        """Whose output it is."""
        return heading(self.title_words, len(self.lines), "y copies it")

    def blocks(self) -> list[Block]:
        """One block a line."""
        return [Block(tuple(paragraph(line, self.room, most=40)) if line.strip() else (BLANK,), number)
                for number, line in enumerate(self.lines[:LINES])]
