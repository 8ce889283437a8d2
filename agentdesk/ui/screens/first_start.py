"""What is shown when no source is configured yet: ways to begin, and what to type for each."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from agentdesk.ui.screens.listing import ListScreen, heading, paragraph
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.runs import BLANK, Row, Run, cells

WAYS: tuple[tuple[str, str, str, str], ...] = (
    ("demo", "Look around first", "agentdesk demo",
     "A made-up parcel company with customers who write while you watch. Nothing leaves this machine."),
    ("login", "Connect a source", "agentdesk login",
     "Asks for what one account needs, says where to get its token, tries it at once and writes it down."),
    ("file", "Open a file", "agentdesk import posts.jsonl",
     "Reads posts or mails from JSON lines or CSV into the queue, years of them too."),
    ("setup", "Write the configuration by hand", "agentdesk config init",
     "Leaves a commented file and says where it is; agentdesk doctor tries what you put in."),
)
"""Value, title, command and what it does."""


class FirstStartScreen(ListScreen):
    """No configuration was found, or one without a source."""

    context = "list"
    moment = "first"

    def __init__(self, config_file: str = "") -> None:
        super().__init__()
        self.config_file = config_file
        self._written = bool(config_file) and Path(config_file).is_file()

    def heading(self) -> Row:
        """Who speaks."""
        return heading("agentdesk", None, "one terminal, every customer who is waiting")

    def blocks(self) -> list[Block]:
        """The ways."""
        width = min(self.room, 88)
        where = f" There is no configuration at {self.config_file} yet." if self.config_file else ""
        intro = f"Nothing is connected.{where} Choose how to begin:"
        if self._written:
            intro = f"The configuration {self.config_file} names no source yet. Write one into it, or choose:"
        gap = () if self.size.height < 24 else (BLANK,)
        found = [Block((*gap, *paragraph(intro, width), *gap), None, False)]
        for value, title, command, words in WAYS[:-1] if self._written else WAYS:
            call = Run(f"   {self.desk.typed(command)}", "accent")
            head = (Run("   "), Run(title, "bright", bold=True))
            rows = [*([Row((*head, call))] if cells((*head, call)) <= self.room else [Row(head), Row((call,))]),
                    *paragraph(self.desk.typed(words), width, "dim"), *gap]
            found.append(Block(tuple(rows), value))
        return found

    def chosen(self, key: Hashable) -> None:
        """Begin that way."""
        self.dismiss(str(key))
