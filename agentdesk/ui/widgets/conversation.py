"""The conversation pane: a head above a thread."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from agentdesk.model.clock import Millis
from agentdesk.ui.widgets.header import ConversationHeader
from agentdesk.ui.widgets.thread import ThreadView


class ConversationPane(Vertical):
    """One conversation, the one it was told."""

    DEFAULT_CSS = """
    ConversationPane { height: 1fr; width: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.header = ConversationHeader()
        self.thread = ThreadView()

    def compose(self) -> ComposeResult:
        """Head above thread."""
        yield self.header
        yield self.thread

    @property
    def conversation_id(self) -> int | None:
        """The conversation that is shown."""
        return self.thread.conversation_id

    def show(self, conversation_id: int | None) -> None:
        """Show this conversation."""
        self.header.show(conversation_id)
        self.thread.show(conversation_id)

    def reload(self) -> None:
        """Read again what is shown, after it changed."""
        self.header.reload()
        self.thread.reload()

    def tick(self, now: Millis) -> None:
        """One second passed."""
        self.header.tick(now)
        self.thread.tick(now)
