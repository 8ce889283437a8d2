"""Looking again at a conversation that somebody opened, and back at what its customer wrote before.

What is new or was not known comes in beside all else; nobody waits for it.
"""

from __future__ import annotations

from agentdesk.desk.desk import Desk
from agentdesk.errors import DeskError, Gone, Rejected
from agentdesk.model.clock import MINUTE, Millis
from agentdesk.model.events import Notice
from agentdesk.model.text import inert_line
from agentdesk.store import conversations, customers, retention, sources

EVERY: Millis = MINUTE
"""One conversation is fetched at most this often because it was opened."""
KNOWN = 2_000
SPARE = 20
"""One part in so many of what a source allows is left to pulling and sending."""
SPARE_PAST = 2
"""The same when earlier conversations are fetched, which takes several requests and can wait."""
PAST = 20
"""Earlier conversations that are fetched of one person on one source."""
PLACES = 6
"""Sources on which one person's are looked for."""


async def look_again(desk: Desk, conversation_id: int) -> bool:
    """Fetch a conversation as it stands now, unless that was done lately or its source does not answer.

    True when it was fetched. What goes wrong here is the pull's to tell: it meets the same source.
    """
    engine, now = desk.engine, desk.now()
    if engine is None or now - desk.looked.get(conversation_id, -EVERY) < EVERY:
        return False
    it = conversations.get(desk.store.reader, conversation_id)
    if not _reachable(desk, it.source) or retention.emptied(desk.store.reader, it.source, it.ref):
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


async def look_back(desk: Desk, conversation_id: int) -> int:
    """Fetch what the customer and we said to each other before, the first time that they are looked at.

    Returns how many sources were asked. Only what is over comes in, and nothing of it enters the queue: so pulling must
    have brought what is new first. A source that holds everything here already is not asked.
    """
    engine = desk.engine
    if engine is None or desk.looking_back:
        return 0
    it = conversations.get(desk.store.reader, conversation_id)
    person = customers.get(desk.store.reader, it.customer_id)
    desk.looking_back, asked = True, 0
    try:
        for one in person.identities[:PLACES]:
            key = (one.source, one.profile.ref)
            if key in desk.looked_back or desk.caps(one.source).live or not (
                    engine.caught_up(one.source) and _reachable(desk, one.source, SPARE_PAST)):
                continue
            if len(desk.looked_back) > KNOWN:
                desk.looked_back.clear()
            desk.looked_back.add(key)
            asked += 1
            try:
                await engine.history(one.profile.ref, one.source, PAST)
            except Rejected:
                continue  # it does not know them any more
            except (DeskError, TimeoutError):  # the next pull says what is wrong with the source
                desk.looked_back.discard(key)
    finally:
        desk.looking_back = False
    return asked


def _reachable(desk: Desk, source: str, spare: int = SPARE) -> bool:
    """True when the source answers and can spare a request."""
    connector = desk.connectors.get(source)
    if connector is None or sources.state(desk.store.reader, source).state not in ("ok", "new"):
        return False
    budget = connector.budget()
    return budget is None or budget.left > budget.limit // spare
