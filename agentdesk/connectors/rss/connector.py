"""Feeds as one source: each entry a conversation of its own, heard and never answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from agentdesk.config.sources import ListenConfig, RssSource
from agentdesk.connectors.base import Connector, Verdict
from agentdesk.connectors.foreign import ref
from agentdesk.connectors.listening import Ears
from agentdesk.connectors.rss.fetching import Fetched, Fetcher, Place
from agentdesk.connectors.rss.reading import Entry
from agentdesk.errors import Gone, RateLimited, Rejected, SourceError, Unavailable
from agentdesk.model.capability import Caps
from agentdesk.model.clock import DAY, MINUTE, SECOND, Clock, Millis
from agentdesk.model.customer import Profile
from agentdesk.model.outgoing import Absent, Action, Outgoing, Receipt
from agentdesk.model.page import Account, Budget, Gap, Page
from agentdesk.model.text import inert_line

if TYPE_CHECKING:
    import httpx

POLL: Millis = 15 * MINUTE
MOST_SEEN = 2_500
"""So many entries of all feeds together are remembered."""
LEAST_SEEN = 20
LONGEST_REST: Millis = DAY
TO_THE_PAGE = "Copy the address of the entry's own page with o"


class _Cursor(msgspec.Struct, frozen=True):
    """How far every feed has been read."""

    v: int = 1
    feeds: dict[str, Place] = {}


class RssConnector(Connector):
    """The feeds of one source."""

    def __init__(self, config: RssSource, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.name = config.full_name
        self.caps = Caps(letter=config.letter or "N", can_reply=False, poll_s=(config.poll or POLL) / SECOND)
        self._config = config
        self._clock = clock
        self._feeds = tuple(dict.fromkeys(config.feeds))
        self._fetcher = Fetcher(config, clock, transport)
        self._ears = Ears(config.listen)
        self._rests: dict[str, Millis] = {}
        """Feed → until when its server wants to be left alone, or said that nothing changes."""
        self._troubles: dict[str, SourceError] = {}
        self._moved: dict[str, str] = {}
        self._gone: set[str] = set()

    async def verify(self) -> Account:
        """Fetch every feed once; an error only when none of them can be read."""
        for feed, found in (await self._fetch(self._feeds, {})).items():
            self._note(feed, found)
        if len(self._troubles) == len(self._feeds):
            raise self._troubles[self._feeds[0]]
        count = len(self._feeds)
        return Account(ref=self.name, handle=inert_line(f"{count} feed{'' if count == 1 else 's'}"),
                       server=", ".join(dict.fromkeys(feed.split("/")[2] for feed in self._feeds))[:200],
                       warnings=self._warnings())

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """What is new in the feeds that are due; a feed that was never read brings history."""
        places = _places(cursor, self._feeds)
        due = [feed for feed in self._feeds if self._rests.get(feed, 0) <= self._clock.now()]
        new = [feed for feed in due if feed not in places or places[feed].history]
        known = [feed for feed in due if feed not in new and not places[feed].gone]
        gathered = await self._gather(new, places, limit)
        is_history = gathered.has_read
        if not is_history:
            gathered = await self._gather(known, places, limit)
        page = gathered.page(backfill=is_history)
        after = places | gathered.places
        self._gone = {feed for feed in after if after[feed].gone}
        self._raise_if_nothing_answers()
        cursor_after = msgspec.json.encode(_Cursor(feeds={feed: after[feed] for feed in self._feeds if feed in after}))
        return msgspec.structs.replace(page, cursor=cursor_after.decode(), warnings=self._warnings(),
                                       more=page.more or (is_history and bool(known)))

    async def _gather(self, feeds: list[str], places: dict[str, Place], limit: int) -> _Gathered:
        """Fetch feeds and take up what they tell."""
        most_seen = max(LEAST_SEEN, MOST_SEEN // len(self._feeds))
        gathered = _Gathered(self._config, self._ears, self._clock.now(), limit, most_seen)
        for feed, told in (await self._fetch(feeds, places)).items():
            self._note(feed, told)
            if isinstance(told, Fetched):
                gathered.look(feed, told, places.get(feed))
            elif isinstance(told, Gone):
                gathered.places[feed] = Place(gone=True)
        return gathered

    async def _fetch(self, feeds: Sequence[str], places: dict[str, Place]) -> dict[str, Fetched | SourceError]:
        async def one(feed: str) -> Fetched | SourceError:
            try:
                return await self._fetcher.fetch(feed, places.get(feed))
            except SourceError as error:  # one broken feed does not stop the others
                return error

        return dict(zip(feeds, await asyncio.gather(*map(one, feeds)), strict=True))

    def _note(self, feed: str, found: Fetched | SourceError) -> None:
        """Remember how a feed answered, and until when to leave it alone."""
        now = self._clock.now()
        self._rests.pop(feed, None)
        if isinstance(found, Fetched):
            self._troubles.pop(feed, None)
            self._moved.pop(feed, None)
            if found.moved:
                self._moved[feed] = found.moved
            if found.fresh_for:
                self._rests[feed] = now + found.fresh_for
            return
        self._troubles[feed] = found
        wait = found.retry_after if isinstance(found, RateLimited | Unavailable) else None
        if wait:
            self._rests[feed] = now + min(int(wait * SECOND), LONGEST_REST)

    def _raise_if_nothing_answers(self) -> None:
        """A source of which no feed can be read is in trouble itself."""
        if any(feed not in self._troubles and feed not in self._gone for feed in self._feeds):
            return
        living = [error for feed, error in self._troubles.items() if feed not in self._gone]
        if living:
            raise min(living, key=lambda error: getattr(error, "retry_after", None) or 0.0)
        raise Rejected(f"{self.name}: every feed has ended for good", "Their servers say 410 Gone",
                       "Take them out of feeds:")

    def _warnings(self) -> tuple[str, ...]:
        """What is wrong with single feeds, in words."""
        said = [f"{error.title.removeprefix(self.name + ': ')}. {error.cause}. {error.remedy}".replace("..", ".")
                for error in self._troubles.values()]
        said += [f"{feed} has ended for good. Take it out of feeds:" for feed in self._feeds
                 if feed in self._gone and feed not in self._troubles]
        said += [f"{feed} has moved for good to {inert_line(target, limit=300)}. Put that into feeds:"
                 for feed, target in self._moved.items()]
        return tuple(said)

    async def _everything(self) -> list[Entry]:
        """All entries that the feeds hold now, oldest first."""
        found = await self._fetch(self._feeds, {})
        told = [each for each in found.values() if isinstance(each, Fetched)]
        if not told:
            raise next(each for each in found.values() if isinstance(each, SourceError))
        entries = {entry.key: entry for each in told if each.document for entry in each.document.entries
                   if entry.message}
        return sorted(entries.values(), key=_created)

    async def thread(self, conversation_ref: str) -> Page:
        """The entry, as long as its feed lists it."""
        found = [entry for entry in await self._everything() if entry.message and
                 entry.message.ref == conversation_ref]
        if not found:
            raise Gone(f"{self.name}: the feed does not list this entry any more", "Feeds hold their newest entries",
                       "What is stored here stays; o copies the address of its page")
        return _page(found)

    async def customer(self, customer_ref: str) -> Profile:
        """What the feeds tell of an author: a name."""
        for entry in await self._everything():
            if entry.profile is not None and entry.profile.ref == customer_ref:
                return entry.profile
        raise Gone(f"{self.name}: no entry is by {ref(customer_ref)} any more")

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """An author's entries, as far as the feeds list them."""
        found = [entry for entry in await self._everything() if entry.message and
                 entry.message.author.ref == customer_ref]
        return msgspec.structs.replace(_page(found[-limit:]), backfill=True)

    def freeze(self, out: Outgoing) -> str:
        """Nothing: nothing is ever sent."""
        return ""

    async def send(self, out: Outgoing) -> Receipt:
        """Refused: nobody listens on the other side of a feed."""
        raise Rejected(f"{self.name}: nothing can be sent to a feed", remedy=TO_THE_PAGE)

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Nothing ever left for there."""
        return Absent()

    async def act(self, action: Action) -> None:
        """Refused, as sending is."""
        raise Rejected(f"{self.name}: nothing can be done to a feed", remedy=TO_THE_PAGE)

    def budget(self) -> Budget | None:
        """What the feeds' hosts still allow."""
        return self._fetcher.budget()

    def skew(self) -> Millis | None:
        """How far the feeds' hosts are ahead of us."""
        return self._fetcher.skew()

    def hear(self, listen: tuple[ListenConfig, ...]) -> None:
        """Take entries by these from now on."""
        self._ears.change(listen)

    def hints(self) -> None:
        """Feeds do not say when something is new."""
        return

    async def close(self) -> None:
        """Close the connections."""
        await self._fetcher.close()


class _Gathered:
    """What the feeds of one pull bring, cut to a page."""

    def __init__(self, config: RssSource, ears: Ears, now: Millis, limit: int, most_seen: int) -> None:
        self._config = config
        self._ears = ears
        self._now = now
        self._limit = limit
        self._most_seen = most_seen
        self._new: list[tuple[Entry, str]] = []
        self._read: dict[str, tuple[Fetched, Place | None]] = {}
        self.places: dict[str, Place] = {}
        self._gap: Gap | None = None

    @property
    def has_read(self) -> bool:
        """True when at least one feed could be read."""
        return bool(self._read)

    def look(self, feed: str, told: Fetched, place: Place | None) -> None:
        """Find what is new or changed in one feed."""
        if told.document is None:
            return
        self._read[feed] = (told, place)
        seen = place.seen if place else {}
        entries = told.document.entries[: self._most_seen]
        if seen and entries and not any(entry.key in seen for entry in entries):
            self._gap = Gap(reason=f"{told.document.title}: more came than the feed lists; what is between was missed",
                            since=place.at if place else None, until=self._now)
        horizon = 0 if place else self._now - self._config.backfill
        for entry in {entry.key: entry for entry in reversed(entries)}.values():
            if seen.get(entry.key) != entry.said and self._wanted(entry) and _created(entry) >= horizon:
                self._new.append((entry, feed))

    def _wanted(self, entry: Entry) -> bool:
        """True for what is listened for; everything, where nothing is said."""
        if entry.message is None or not self._ears:
            return True
        it = entry.message
        return bool(self._ears.hears(it.text, it.lang, str(it.author.name)))

    def page(self, *, backfill: bool) -> Page:
        """The oldest of what is new; a feed is done when nothing of it waits for the next page."""
        self._new.sort(key=lambda pair: _created(pair[0]))
        if backfill:
            self._new = self._new[-self._config.backfill_items :] if self._config.backfill_items else []
        now, later = self._new[: self._limit], self._new[self._limit :]
        waiting = {entry.key for entry, _ in later}
        open_feeds = {feed for _, feed in later}
        for feed, (told, place) in self._read.items():
            self.places[feed] = self._place(told, place, waiting if feed in open_feeds else set())
        page = _page([entry for entry, _ in now])
        return msgspec.structs.replace(page, more=bool(later), gap=self._gap, backfill=backfill)

    def _place(self, told: Fetched, place: Place | None, waiting: set[str]) -> Place:
        """Where the feed has been read to. As long as something waits, its server is asked for the whole again."""
        entries = told.document.entries[: self._most_seen] if told.document else ()
        before = place.seen if place else {}
        seen = {entry.key: entry.said for entry in entries if entry.key not in waiting}
        if not entries:  # an empty answer is not believed: what was seen stays seen
            seen = before
        if seen == before and not waiting and place and (told.etag, told.modified) == (place.etag, place.modified):
            return place
        if waiting:
            return Place(seen=seen, at=self._now, history=place is None or place.history)
        return Place(etag=told.etag, modified=told.modified, seen=seen, at=self._now)


def _created(entry: Entry) -> Millis:
    return entry.message.created_at if entry.message else 0


def _page(entries: list[Entry]) -> Page:
    entries = sorted(entries, key=_created)
    return Page(
        messages=tuple(entry.message for entry in entries if entry.message),
        conversations=tuple(entry.head for entry in entries if entry.head),
        profiles=tuple({entry.profile.ref: entry.profile for entry in entries if entry.profile}.values()),
        rejects=tuple(entry.reject for entry in entries if entry.reject))


def _places(cursor: str | None, feeds: tuple[str, ...]) -> dict[str, Place]:
    """Where each configured feed stands; a cursor of another version means beginning anew."""
    try:
        held = msgspec.json.decode(cursor or "{}", type=_Cursor)
    except msgspec.DecodeError:
        return {}
    return {feed: held.feeds[feed] for feed in feeds if feed in held.feeds} if held.v == 1 and cursor else {}
