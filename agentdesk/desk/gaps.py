"""Stretches of messages that a source could not show: a person looks at the platform itself, and says so."""

from __future__ import annotations

from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused
from agentdesk.model.events import SourceChanged
from agentdesk.model.source import OpenGap
from agentdesk.store import sources


def of(desk: Desk, source: str) -> list[OpenGap]:
    """Those of a source that nobody has looked at, oldest first; NotFound for an unknown source."""
    it = sources.state(desk.store.reader, source)
    found = sources.gaps(desk.store.reader, source)
    if it.state == "empty":
        found.append(OpenGap(id=0, source=source, reason=it.title, since=it.last_ok_at, until=it.last_try_at,
                             found_at=it.last_try_at or desk.now()))
    return found


async def settle(desk: Desk, source: str) -> str:
    """Somebody read there what could not be fetched: it is not shown as missing any more."""
    now = desk.now()
    if not of(desk, source):
        raise Refused(f"{source} could show everything", "", "There is nothing to look for")
    number = await desk.store.write(lambda db: sources.settle_gaps(db, source, desk.agent, now))
    if desk.engine is not None and source in desk.engine.collectors and not desk.engine.collectors[source].pace.stopped:
        desk.engine.poke(source)
    desk.emit(SourceChanged(source=source))
    return f"{number} stretch{'es' if number != 1 else ''} of {source} looked at by {desk.agent}; the ledger keeps it"
