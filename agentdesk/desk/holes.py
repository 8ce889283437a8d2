"""Stretches of messages that a source could not show: a person looks at the platform itself, and says so."""

from __future__ import annotations

from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused
from agentdesk.model.events import SourceChanged
from agentdesk.model.source import OpenGap
from agentdesk.store import sources


def holes(desk: Desk, source: str) -> list[OpenGap]:
    """Those of a source that nobody has looked at, oldest first; NotFound for an unknown source."""
    sources.state(desk.store.reader, source)
    return sources.gaps(desk.store.reader, source)


async def settle(desk: Desk, source: str) -> str:
    """Somebody read there what could not be fetched: it is not shown as missing any more."""
    now = desk.now()
    if not holes(desk, source):
        raise Refused(f"{source} could show everything", "", "There is nothing to look for")
    number = await desk.store.write(lambda db: sources.settle_gaps(db, source, desk.agent, now))
    desk.emit(SourceChanged(source=source))
    return f"{number} stretch{'es' if number != 1 else ''} of {source} looked at by {desk.agent}; the ledger keeps it"
