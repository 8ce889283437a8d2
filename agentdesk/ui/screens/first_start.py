"""What is shown when nothing is configured yet: three ways to begin, and what to type for each."""

from __future__ import annotations

from collections.abc import Hashable

from agentdesk.ui.screens.listing import ListScreen, heading, paragraph
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.runs import BLANK, Row, Run

WAYS: tuple[tuple[str, str, str, str], ...] = (
    ("demo", "Look around first", "agentdesk demo",
     "A made-up parcel company with customers who write while you watch. Nothing leaves this machine."),
    ("setup", "Connect a source", "agentdesk config init",
     "Writes a commented configuration and says where it is. Name your help desk in it, put its token into the keyring "
     "with agentdesk secret set, and let agentdesk doctor try it."),
    ("file", "Open a file", "agentdesk import posts.jsonl",
     "Reads posts or mails from JSON lines or CSV into the queue, years of them too."),
)
"""Value, title, command and what it does."""


class FirstStartScreen(ListScreen):
    """No configuration was found."""

    context = "list"

    def __init__(self, config_file: str = "") -> None:
        super().__init__()
        self.config_file = config_file

    def heading(self) -> Row:
        """Who speaks."""
        return heading("agentdesk", None, "one terminal, every customer who is waiting")

    def blocks(self) -> list[Block]:
        """The three ways."""
        width = min(self.room, 88)
        where = f" There is no configuration at {self.config_file} yet." if self.config_file else ""
        intro = f"Nothing is connected.{where} Choose how to begin:"
        found = [Block((BLANK, *paragraph(intro, width), BLANK), None, False)]
        for value, title, command, words in WAYS:
            rows = [Row((Run("   "), Run(title, "bright", bold=True), Run(f"   {command}", "accent"))),
                    *paragraph(words, width, "dim"), BLANK]
            found.append(Block(tuple(rows), value))
        return found

    def chosen(self, key: Hashable) -> None:
        """Begin that way."""
        self.dismiss(str(key))
