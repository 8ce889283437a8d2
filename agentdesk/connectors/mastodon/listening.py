"""Listening: hashtags by their timelines, words and phrases by the server's search where it has one.

https://docs.joinmastodon.org/methods/timelines/#tag, https://docs.joinmastodon.org/methods/search/: no server sees the
whole network, and search sees only what its authors opened to it. What other servers send is listed by when it was
written, not by when it came (https://github.com/mastodon/mastodon/blob/main/lib/mastodon/snowflake.rb): so the top of a
listing is compared with what stood there before, and paging from the last mark is only for what is above that.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from agentdesk.config.sources import ListenConfig, MastodonSource
from agentdesk.connectors.foreign import reject
from agentdesk.connectors.items import instant, one
from agentdesk.connectors.listening import Ears, Marks, Term
from agentdesk.connectors.mastodon.client import Listing, MastodonClient, Pairs, path
from agentdesk.connectors.mastodon.speak import Speaker
from agentdesk.connectors.mastodon.threads import Threads, join
from agentdesk.connectors.mastodon.wire import Status, raw_id
from agentdesk.errors import Rejected, Unavailable
from agentdesk.model.clock import MINUTE, Clock, Millis

if TYPE_CHECKING:
    from agentdesk.connectors.mastodon.reading import Gathered

EVERY: Millis = 2 * MINUTE
"""Between two rounds: each question costs one of the account's paging requests."""
AT_ONCE = 40
FRESH: Millis = 24 * 60 * MINUTE
"""How far back a first look at a term reaches, and how late something may come."""
SIGN = 8
"""So many letters stand for a status that was at the top of a listing."""


class Heard(NamedTuple):
    """How far each term was heard."""

    marks: dict[str, str]
    tops: str
    """Signs of what stood at the top of each listing."""


class Listener:
    """What one account listens for."""

    def __init__(self, config: MastodonSource, client: MastodonClient, speaker: Speaker, clock: Clock) -> None:
        self._ears = Ears(config.listen)
        self._client = client
        self._speaker = speaker
        self._clock = clock
        self._last: Millis | None = None
        self.deaf: list[str] = []
        """What the server did not let us ask for in the last round."""

    def change(self, listen: tuple[ListenConfig, ...]) -> None:
        """Listen by these entries from now on."""
        self._ears.change(listen)

    async def begin(self, gathered: Gathered, threads: Threads) -> Heard:
        """The first round, part of the history."""
        self._last = None
        return await self.listen(Heard({}, ""), gathered, threads)

    async def listen(self, held: Heard, gathered: Gathered, threads: Threads) -> Heard:
        """One round, when it is time; returns where to go on from."""
        marks = Marks(self._ears, held.marks)
        now = self._clock.now()
        if not self._ears or (self._last is not None and now - self._last < EVERY):
            return Heard(marks.plain(), held.tops) if self._ears else Heard({}, "")
        self.deaf = []
        before = {held.tops[at : at + SIGN] for at in range(0, len(held.tops), SIGN)}
        tops: dict[str, None] = {}
        for term in self._ears.terms:
            mark = marks.of(term)
            top = await self._ask(term, None)
            page = await self._ask(term, mark) if top and mark and mark not in map(raw_id, top.items) else top
            if top is None or page is None:
                continue
            fresh = page.above(mark or "")
            taken = set(map(raw_id, fresh))
            late = [item for item in top.items if raw_id(item) not in taken and _sign(item) not in before]
            for item in fresh:
                await self._take(item, gathered, threads, oldest=0 if mark else now - FRESH)
            for item in late:
                await self._take(item, gathered, threads, oldest=now - FRESH)
            marks.move(term, page.newer or mark or "")
            tops |= dict.fromkeys(map(_sign, top.items))
        self._last = now
        return Heard(marks.plain(), "".join(tops))

    async def _ask(self, term: Term, mark: str | None) -> Listing | None:
        """What the server has for one term; None where it cannot be asked."""
        since: Pairs = [("min_id", mark)] if mark else []
        try:
            if term.kind == "tag":
                return await self._client.listing(f"/api/v1/timelines/tag/{path(term.text)}",
                                                  [("limit", AT_ONCE), *since])
            words = f'"{term.text}"' if term.kind == "phrase" else term.text
            data = await self._client.data("/api/v2/search", [("q", words), ("type", "statuses"), ("limit", AT_ONCE),
                                                              *since])
        except (Rejected, Unavailable):
            self.deaf.append(term.text)
            return None
        items = data.get("statuses") if isinstance(data, dict) else None
        items = items[: 2 * AT_ONCE] if isinstance(items, list) else []
        return Listing(items, next(filter(None, map(raw_id, items)), ""), "")

    async def _take(self, item: Any, gathered: Gathered, threads: Threads, *, oldest: Millis) -> None:
        from agentdesk.connectors.mastodon.reading import head

        try:
            status = one(item, Status)
            author = status.account
            if author.ref == self._speaker.me or status.reblog is not None or (
                    instant(status.created_at) or 0) < oldest:
                return
            text = self._speaker.text(status, author.ref)
            if not self._ears.hears(text, status.language, str(self._speaker.handle(author.acct)),
                                    [tag.name for tag in status.tags]):
                return
            root = await threads.root_of(status)
            message = self._speaker.message(status, join(root, author.ref), customer=author.ref,
                                            indirect=not self._speaker.speaks_to(status, self._speaker.me))
        except (msgspec.ValidationError, ValueError, RecursionError, OverflowError) as error:
            gathered.rejects.append(reject(f"status {raw_id(item) or '?'}", str(error), item))
            return
        gathered.add(message, head(message.conversation_ref, author.ref, status if root == status.ref else None),
                     self._speaker.profile(author))


def _sign(item: Any) -> str:
    return blake2b(raw_id(item).encode("utf-8", "replace"), digest_size=SIGN // 2).hexdigest()
