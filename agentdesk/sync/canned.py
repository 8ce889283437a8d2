"""Fetching the canned replies that a help desk holds: on connecting, then once a day."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator

from agentdesk.connectors.base import Connector
from agentdesk.model.clock import DAY, HOUR, MINUTE, Millis
from agentdesk.model.page import RemoteCanned
from agentdesk.model.text import inert, inert_line
from agentdesk.store import canned
from agentdesk.sync.frame import Frame

LIMIT_S = 60
"""Seconds after which a help desk that has not answered is asked again later."""
FRESH: Millis = 10 * MINUTE
"""What was fetched this shortly before, also by another process, is not fetched again on connecting."""
MOST = 2_000
LONGEST = 10_000
_STRANGE = re.compile(r"[^\w.-]+")


class CannedKeeper:
    """The canned replies of one source; whatever goes wrong with them never stops a pull."""

    def __init__(self, frame: Frame, connector: Connector) -> None:
        self.frame = frame
        self.connector = connector
        self._next_at: Millis = 0

    async def look(self) -> bool:
        """Fetch them when it is time; True when they were fetched."""
        now = self.frame.now()
        if not self.connector.caps.can_canned or now < self._next_at:
            return False
        name = self.connector.name
        before = canned.fetched_at(self.frame.store.reader, name)
        if self._next_at == 0 and before is not None and 0 <= now - before < FRESH:
            self._next_at = before + DAY
            return False
        self._next_at = now + HOUR  # unless it goes well
        async with asyncio.timeout(LIMIT_S):
            found = await self.connector.canned()
        await self.frame.store.write(lambda db: canned.replace(db, name, clean(found), now))
        self._next_at = now + DAY
        return True


def clean(found: Iterable[RemoteCanned]) -> Iterator[RemoteCanned]:
    """What can be kept of them: inert, bounded, each with a name that can be typed."""
    for number, it in enumerate(found):
        if number == MOST:
            return
        title, text = inert_line(it.title or it.name, limit=200), inert(it.text, limit=LONGEST)
        name = _STRANGE.sub("-", inert_line(it.name or it.title, limit=60).lower()).strip("-.")
        actions = tuple(str(inert_line(call, limit=200)) for call in it.actions[:20])
        if name and (text.strip() or actions):
            yield RemoteCanned(ref=inert_line(it.ref), name=name, title=title or name, text=text, actions=actions)
