"""Looking again at a conversation that somebody opened: what is new there comes in beside all else, nobody waits."""

from __future__ import annotations

from agentdesk.desk.desk import Desk
from agentdesk.errors import DeskError, Gone
from agentdesk.model.clock import MINUTE, Millis
from agentdesk.model.events import Notice
from agentdesk.model.text import inert_line
from agentdesk.store import conversations, sources

EVERY: Millis = MINUTE
"""One conversation is fetched at most this often because it was opened."""
KNOWN = 2_000
SPARE = 20
"""One part in so many of what a source allows is left to pulling and sending."""


async def look_again(desk: Desk, conversation_id: int) -> bool:
    """Fetch a conversation as it stands now, unless that was done lately or its source does not answer.

    True when it was fetched. What goes wrong here is the pull's to tell: it meets the same source.
    """
    engine, now = desk.engine, desk.now()
    if engine is None or now - desk.looked.get(conversation_id, -EVERY) < EVERY:
        return False
    it = conversations.get(desk.store.reader, conversation_id)
    if not _reachable(desk, it.source):
        return False
    if len(desk.looked) > KNOWN:
        desk.looked.clear()
    desk.looked[conversation_id] = now
    try:
        await engine.refresh(it.ref, it.source)
    except Gone as error:
        desk.emit(Notice(level="info", text=f"#{conversation_id} is not on {it.source} any more: "
                         f"{inert_line(error.title)}", remedy="What was said is kept here",
                         conversation_id=conversation_id))
        return False
    except (DeskError, TimeoutError):  # the next pull says what is wrong with the source
        return False
    return True


def _reachable(desk: Desk, source: str) -> bool:
    """True when the source answers and can spare a request."""
    connector = desk.connectors.get(source)
    if connector is None or sources.state(desk.store.reader, source).state not in ("ok", "new"):
        return False
    budget = connector.budget()
    return budget is None or budget.left > budget.limit // SPARE
