"""What of a person's earlier conversations is taken in when nobody asked for one of them: what is over.

Looking back must put nothing into the queue. What may still need us comes by pulling, with its own clocks.
"""

from __future__ import annotations

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.message import Direction, Message
from agentdesk.model.page import Page
from agentdesk.store import conversations, retention
from agentdesk.store.db import Db
from agentdesk.store.transitions import HISTORY_HORIZON


def over(db: Db, source: str, page: Page, now: Millis) -> Page:
    """The page without what would come into the queue, and without what was emptied here on purpose."""
    said: dict[str, list[Message]] = {}
    for message in page.messages:
        said.setdefault(message.conversation_ref, []).append(message)
    closed = {head.ref: bool(head.closed) for head in page.conversations}
    wanted = {
        ref for ref in {*said, *closed} if not retention.emptied(db, source, ref) and (
            conversations.by_ref(db, source, ref) is not None or closed.get(ref, False)
            or _is_over(said.get(ref, []), now))
    }
    return msgspec.structs.replace(
        page, messages=tuple(m for m in page.messages if m.conversation_ref in wanted),
        conversations=tuple(head for head in page.conversations if head.ref in wanted), gap=None)


def _is_over(said: list[Message], now: Millis) -> bool:
    """True when the last word is ours, or the customer's is so old that nobody waits for an answer any more."""
    last_in = max((m.created_at for m in said if m.direction is Direction.IN), default=None)
    if last_in is None:
        return False
    return last_in < now - HISTORY_HORIZON or any(
        m.direction is Direction.OUT and m.created_at >= last_in for m in said)
