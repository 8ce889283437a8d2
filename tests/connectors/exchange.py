"""What tests of connectors do with every source alike: pull it to its end, look at what came, ask it for something."""

from __future__ import annotations

from typing import Any

from agentdesk.connectors.base import Connector
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.message import Message, Visibility
from agentdesk.model.outgoing import Action, Outgoing, OutKind, Verb
from agentdesk.model.page import Page


async def drain(connector: Connector, cursor: str | None = None, limit: int = 100) -> tuple[list[Page], str]:
    """Pull until there is no more; the pages, and the cursor behind them."""
    pages: list[Page] = []
    for _ in range(300):
        pages.append(await connector.pull(cursor, limit))
        cursor = pages[-1].cursor
        assert cursor is not None
        if not pages[-1].more:
            return pages, cursor
    raise AssertionError("pulling never ends")


def told(pages: list[Page]) -> list[Message]:
    """Every message of the pages."""
    return [message for page in pages for message in page.messages]


def texts(pages: list[Page]) -> list[str]:
    """What they say."""
    return [message.text for message in told(pages)]


def heads(pages: list[Page]) -> dict[str, RemoteConversation]:
    """Every conversation by its ref, as it was told last."""
    return {head.ref: head for page in pages for head in page.conversations}


def out(ref: object, text: str = "hello", client_id: str = "c1", kind: OutKind = OutKind.REPLY,
        **more: Any) -> Outgoing:
    """A reply at a help desk, with what the test names and the usual for the rest."""
    return Outgoing(client_id=client_id, conversation_ref=str(ref), kind=kind, text=text,
                    visibility=Visibility.DIRECT, **more)


def act(ref: object, verb: Verb, value: str = "", **more: str) -> Action:
    """Something to be done to a conversation."""
    return Action(verb=verb, conversation_ref=str(ref), value=value, **more)
