"""Rules that were changed count for what is in the queue already, not only for what comes in from now on."""

from __future__ import annotations

import asyncio
import hashlib

import msgspec

from agentdesk import __version__
from agentdesk.desk.desk import Desk
from agentdesk.errors import DeskError
from agentdesk.model.events import Changed, Notice
from agentdesk.store import ranking, settings
from agentdesk.store.db import Db

AT_ONCE = 100
"""Conversations in one transaction, so that a draft does not wait for thousands."""
REST_S = 0.05
"""Seconds between two of them, in which keys are answered as fast as ever."""
_KEPT = "rules"
"""The setting that says by which rules the conversations stand."""


async def follow(desk: Desk) -> bool:
    """Let every conversation that is not done stand by the rules of now; True when they were others before."""
    mark = _mark(desk)
    if not desk.store.writable or settings.get(desk.store.reader, _KEPT) == mark:
        return False
    after = 0

    def some(db: Db) -> int:
        if not after:
            settings.put(db, _KEPT, "")  # by none in particular, until all of them do: this may be cut short
        return ranking.refresh_all(db, desk.rulebook, desk.now(), after=after, limit=AT_ONCE)

    try:
        after = await desk.store.write(some)
        while after:
            await asyncio.sleep(REST_S)
            after = await desk.store.write(some)
        await desk.store.write(lambda db: settings.put(db, _KEPT, mark))
    except DeskError as error:
        desk.emit(Notice(level="warning", text=f"The queue stands by the rules of before: {error.title}",
                         remedy="It is tried again at the next start"))
        return False
    desk.emit(Changed())
    return True


def _mark(desk: Desk) -> str:
    """Changes with everything that decides where a conversation stands."""
    it = desk.config
    told = msgspec.json.encode([it.calendars, it.policies, it.signals, desk.zone.key, __version__])
    return hashlib.blake2b(told, digest_size=16).hexdigest()
