"""Pulling from Zammad: tickets by the time of their last change, and the first backfill.

Whatever happens on a ticket moves its ``updated_at``. The newest stretch is read again each time, because changes show
late (a transaction, the search index), and what was seen in it is skipped. Lists are walked by time, never by page
number: a ticket that changes meanwhile moves to the end and would push another one over the edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from agentdesk.config.sources import ZammadSource
from agentdesk.connectors.answers import emptied, nothing_shown
from agentdesk.connectors.cursors import going_on, read_cursor, write_cursor
from agentdesk.connectors.foreign import reject
from agentdesk.connectors.http import Walk
from agentdesk.connectors.items import instant
from agentdesk.connectors.zammad.client import Listing, Want, ZammadClient, ids
from agentdesk.connectors.zammad.speak import Speaker, undelivered
from agentdesk.connectors.zammad.wire import CLOSED, Article, Ticket
from agentdesk.errors import BadAnswer, Gone
from agentdesk.model.clock import HOUR, MINUTE, Clock, Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.message import Message
from agentdesk.model.page import Gap, Page, Undelivered

OVERLAP: Millis = 2 * MINUTE
INDEX_OVERLAP: Millis = 15 * MINUTE
"""The search index runs behind, by minutes when it is busy."""
WIDE: Millis = 2 * HOUR
WIDE_EVERY = 40
"""So often a quiet pull through the search index looks further back."""
TICKETS_PER_PAGE = 20
OURS_KEPT = 4_000
BAD_KEPT = 50
LIST_BUDGET = 60
TOO_LARGE = "larger than"
"""Of a ticket whose articles no answer can hold, the rest is shown."""
NAMES_FOR: Millis = 10 * MINUTE
"""Names of states and groups that turn out to be new are asked for this often at most."""


class Seen(msgspec.Struct, array_like=True):
    """A ticket as it was handed over last."""

    updated: int
    created: int
    article: int
    """Its last article."""
    count: int


class Cursor(msgspec.Struct, omit_defaults=True):
    """Where we are."""

    v: int = 1
    since: int = 0
    """Every change up to here was handed over, but for those that show late."""
    looked: int = 0
    """When, by our clock, the last complete look began."""
    seen: dict[int, Seen] = {}
    """Tickets that changed within the overlap before it."""
    phase: str = "live"
    """open and closed while the backfill runs, then live."""
    at: int = 0
    """How far the backfill came, as the time it goes by …"""
    after: int = 0
    """… and the ticket's number."""
    began: int = 0
    done: int = 0
    ours: list[int] = []
    """Open tickets handed over, where only some groups are watched: to notice those that are moved away."""
    bad: list[str] = []
    """What was set aside lately."""


class Reader:
    """One account's pulls."""

    def __init__(self, config: ZammadSource, client: ZammadClient, speaker: Speaker, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._speaker = speaker
        self._clock = clock
        self._quiet = 0
        self._looked = 0
        self._named = 0
        self._reached: dict[int, int] = {}
        self.watched: frozenset[int] | None = None
        """Groups by number; None for all."""

    async def pull(self, text: str | None, limit: int) -> Page:
        """Bring what is new since the cursor."""
        cursor = read_cursor(text, Cursor)
        if cursor is None:
            return await self._begin()
        if cursor.phase != "live":
            return await self._backfill(cursor)
        page, reason = await self._live(cursor, text or "", max(1, min(limit, TICKETS_PER_PAGE)))
        if page is not None:
            return page
        return msgspec.structs.replace(await self._begin(), gap=Gap(reason=reason, since=cursor.since))

    async def thread(self, number: int) -> Page:
        """One whole ticket."""
        ticket, raw, users = await self._client.ticket(number)
        return await self.whole(Listing(tickets=[ticket], raw={number: raw}, users=users))

    async def whole(self, listing: Listing, known: dict[int, Seen] | None = None) -> Page:
        """Tickets with what is written on them; of those ``known`` only what is new since."""
        self._speaker.meet(listing.users)
        if not all(map(self._speaker.knows, listing.tickets)) and self._clock.now() - self._named >= NAMES_FOR:
            self._named = self._clock.now()
            await self._speaker.refresh()
        known = known or {}
        messages: list[Message] = []
        heads: list[RemoteConversation] = []
        rejects = list(listing.rejects)
        failed: list[Undelivered] = []
        people: list[int] = []
        for ticket in listing.tickets:  # grows by what merged ones became part of
            try:
                (articles, bad), tags = await asyncio.gather(
                    self._client.articles(ticket.id), self._client.tags(ticket.id))
                if ticket.article_count and not (articles or bad):
                    raise nothing_shown(self._client.name, f"articles on ticket {ticket.id}")
            except Gone:
                continue  # deleted or hidden since it was listed: thread() says so to whoever asks
            except BadAnswer as error:
                if TOO_LARGE not in error.cause:
                    raise
                rejects.append(reject(f"ticket {ticket.id}", f"its articles: {error.cause}", {"id": ticket.id}))
                heads.append(await self._speaker.conversation(ticket, listing.raw.get(ticket.id, {}), None))
                continue
            self._reached[ticket.id] = max([0, *(a.id for a in articles), *(_number(item.where, 0) for item in bad)])
            head = await self._speaker.conversation(ticket, listing.raw.get(ticket.id, {}), tags, articles)
            heads.append(await self._with_target(head, listing))
            before = known.get(ticket.id)
            fresh = [article for article in articles if _is_news(article, before)]
            said, unread = await self._speaker.messages(ticket, fresh)
            messages += said
            failed += undelivered(articles)
            rejects += unread + [item for item in bad if before is None or _number(item.where) > before.article]
            people += [ticket.customer_id, *(article.author_id for article in articles if article.by == "Customer")]
        return Page(
            messages=tuple(sorted(messages, key=lambda m: (m.created_at, int(m.ref)))), conversations=tuple(heads),
            profiles=tuple(self._speaker.profiles(people)), rejects=tuple(rejects), undelivered=tuple(failed),
        )

    async def _with_target(self, head: RemoteConversation, listing: Listing) -> RemoteConversation:
        """A merged ticket's head together with the ticket that it is part of now, where we watch that one."""
        target = int(head.merged_into or 0)
        if not target or target in [ticket.id for ticket in listing.tickets]:
            return head
        try:
            ticket, raw, users = await self._client.ticket(target)
        except Gone:
            return msgspec.structs.replace(head, merged_into="")
        if not self._watches(ticket):
            return msgspec.structs.replace(head, merged_into="")
        self._speaker.meet(users)
        listing.tickets.append(ticket)
        listing.raw[target] = raw
        return head

    async def _begin(self) -> Page:
        """First connect: note where the stream stands before reading tickets, so that nothing falls between."""
        newest = await self._client.search(Want(), order="desc", per_page=1)
        at = max((_updated(ticket) for ticket in newest.tickets), default=0)
        now = self._looked = self._clock.now()
        return await self._backfill(Cursor(since=at, looked=now, began=now, phase="open"))

    async def _backfill(self, cursor: Cursor) -> Page:
        states = self._speaker.states.values()
        if cursor.phase == "open":
            want = Want(created_from=cursor.at, states=ids(state for state in states if not state.closed))
            listing = await self._next(cursor, want, sort="created_at", order="asc")
        else:
            want = Want(updated_to=cursor.at or None, states=ids(state for state in states if state.type == CLOSED))
            listing = await self._next(cursor, want, sort="updated_at", order="desc")
            oldest, room = cursor.began - self._config.backfill, self._config.backfill_items - cursor.done
            kept = [ticket for ticket in listing.tickets if _updated(ticket) >= oldest][: max(0, room)]
            listing.last = listing.last or len(kept) < len(listing.tickets) or len(kept) == room
            listing.tickets = kept
        if listing.last and not (listing.tickets or listing.rejects) and cursor.since:
            at_all = await self._client.search(Want(), per_page=1)
            if not (at_all.tickets or at_all.rejects):
                raise emptied(self._client.name, "tickets")
        for ticket in listing.tickets:
            opened = cursor.phase == "open"
            cursor.at = (instant(ticket.created_at) or 0) if opened else _updated(ticket)
            cursor.after = ticket.id
        cursor.done += len(listing.tickets) if cursor.phase == "closed" else 0
        if listing.last:
            nothing = self._config.backfill <= 0 or self._config.backfill_items <= 0
            cursor.phase = "closed" if cursor.phase == "open" and not nothing else "live"
            cursor.at = cursor.after = 0
        ours = [ticket for ticket in listing.tickets if self._watches(ticket)]
        page = await self.whole(msgspec.structs.replace(listing, tickets=ours))
        self._note(cursor, listing.tickets)
        cursor.bad = [*cursor.bad, *(item.where for item in listing.rejects)][-BAD_KEPT:]
        return msgspec.structs.replace(page, cursor=write_cursor(cursor), more=cursor.phase != "live", backfill=True)

    async def _next(self, cursor: Cursor, want: Want, *, sort: str, order: str) -> Listing:
        """The next stretch of a walk by time: those behind the last one, at most a page of them."""
        walk = Walk(self._client.name, LIST_BUDGET)
        page = 1
        while walk.enter(str(page)):
            listing = await self._client.search(want, sort=sort, order=order, page=page)
            behind = [ticket for ticket in listing.tickets if _is_behind(ticket, cursor, sort, order)]
            if behind or listing.last:
                listing.last = listing.last and len(behind) <= TICKETS_PER_PAGE
                listing.tickets = behind[:TICKETS_PER_PAGE]
                listing.rejects = [item for item in listing.rejects if item.where not in cursor.bad]
                return listing
            page += 1
        return Listing()

    async def _live(self, cursor: Cursor, text: str, limit: int) -> tuple[Page | None, str]:
        """What is new; None and why when the server is not the one that the cursor was made on."""
        now = self._clock.now()
        fresh, found, ended = await self._changed(cursor, limit)
        replaced = await self._replaced(cursor, found)
        if replaced:
            return None, replaced
        rejects = [item for item in found.rejects if item.where not in cursor.bad]
        taken = fresh[:limit]
        if ended and len(taken) == len(fresh):
            cursor.looked = self._looked = now
        if not taken and not rejects:
            self._quiet += 1
            return Page(cursor=text), ""
        self._quiet = 0
        ours = [ticket for ticket in taken if self._watches(ticket)]
        left = [ticket for ticket in taken if not self._watches(ticket) and ticket.id in cursor.ours]
        page = await self.whole(msgspec.structs.replace(found, tickets=ours, rejects=rejects), cursor.seen)
        moved = [await self._speaker.moved(ticket) for ticket in left]
        cursor.since = max([cursor.since, *(_updated(ticket) for ticket in taken)])
        if self._client.http.meter.skew is not None:  # a time that has not come there is no place to go on from
            cursor.since = min(cursor.since, self._client.there(now))
        cursor.bad = [*cursor.bad, *(item.where for item in rejects)][-BAD_KEPT:]
        self._note(cursor, taken)
        more = len(fresh) > len(taken) or not ended
        return msgspec.structs.replace(
            page, conversations=(*page.conversations, *moved), cursor=write_cursor(cursor), more=more), ""

    async def _changed(self, cursor: Cursor, limit: int) -> tuple[list[Ticket], Listing, bool]:
        """Tickets that changed since they were seen: (those, everything listed, whether the list was read out)."""
        wide = not self._client.exact and self._quiet % WIDE_EVERY == WIDE_EVERY - 1
        start, page = cursor.since - (WIDE if wide else self._overlap), 1
        found, fresh = Listing(), dict[int, Ticket]()
        walk = Walk(self._client.name, LIST_BUDGET)
        while walk.enter(f"{start} {page}"):
            listing = await self._client.search(Want(updated_from=max(0, start)), page=page)
            looked = max(cursor.looked, self._looked)
            earlier = going_on(cursor.since, looked, self._client.http.meter.skew)
            if earlier < cursor.since:
                cursor.since, cursor.looked, self._looked = earlier, self._clock.now(), self._clock.now()
                start, page, fresh, found = earlier - self._overlap, 1, {}, Listing()
                continue
            _join(found, listing)
            fresh.update((ticket.id, ticket) for ticket in listing.tickets if _is_changed(ticket, cursor.seen))
            if listing.last or len(fresh) > limit:
                return sorted(fresh.values(), key=_updated), found, listing.last
            last = max((_updated(ticket) for ticket in listing.tickets), default=start)
            start, page = (last, 1) if last > start else (start, page + 1)
        return sorted(fresh.values(), key=_updated), found, False

    async def _replaced(self, cursor: Cursor, found: Listing) -> str:
        """Why this is not the server that we know: it was set back, or counts its tickets from the beginning again."""
        for ticket in found.tickets:
            before = cursor.seen.get(ticket.id)
            if before is not None and before.created != (instant(ticket.created_at) or 0):
                return "Zammad's tickets have other numbers than before: it is another database now"
        if found.tickets or not cursor.seen:
            return ""
        latest = sorted(cursor.seen, key=lambda number: cursor.seen[number].updated)[-3:]
        lost = 0
        for number in latest:
            try:
                ticket, _, _ = await self._client.ticket(number)
            except Gone:
                lost += 1
                continue
            if _updated(ticket) < cursor.seen[number].updated:
                return "Zammad was set back to an earlier state"
            return ""
        return "Zammad's tickets are not there any more: it is another database now" if lost >= 2 else ""

    def _note(self, cursor: Cursor, tickets: Iterable[Ticket]) -> None:
        """Write down what was handed over, and forget what lies behind the overlap."""
        for ticket in tickets:
            before = cursor.seen.get(ticket.id)
            article = max(self._reached.pop(ticket.id, 0), before.article if before else 0)
            cursor.seen[ticket.id] = Seen(
                _updated(ticket), instant(ticket.created_at) or 0, article, ticket.article_count)
            if self.watched is not None:
                keeps = self._watches(ticket) and not self._speaker.closed(ticket)
                cursor.ours = [number for number in cursor.ours if number != ticket.id] + [ticket.id] * keeps
        low = cursor.since - self._overlap
        cursor.seen = {number: seen for number, seen in cursor.seen.items() if seen.updated >= low}
        cursor.ours = cursor.ours[-OURS_KEPT:]

    def _watches(self, ticket: Ticket) -> bool:
        return self.watched is None or ticket.group_id in self.watched

    @property
    def _overlap(self) -> Millis:
        return OVERLAP if self._client.exact else INDEX_OVERLAP


def _updated(ticket: Ticket) -> Millis:
    return instant(ticket.updated_at) or 0


def _is_changed(ticket: Ticket, seen: dict[int, Seen]) -> bool:
    before = seen.get(ticket.id)
    return before is None or (before.updated, before.count) != (_updated(ticket), ticket.article_count)


def _is_news(article: Article, before: Seen | None) -> bool:
    """True for what was written or changed since the ticket was seen."""
    if before is None or article.id > before.article:
        return True
    return (instant(article.updated_at) or 0) > before.updated


def _is_behind(ticket: Ticket, cursor: Cursor, sort: str, order: str) -> bool:
    """True when a walk has not come to this ticket yet."""
    if not cursor.after:
        return True
    at = _updated(ticket) if sort == "updated_at" else instant(ticket.created_at) or 0
    here, last = (at, ticket.id), (cursor.at, cursor.after)
    return here > last if order == "asc" else here < last


def _join(found: Listing, more: Listing) -> None:
    """Add a page to what was listed before."""
    found.tickets += more.tickets
    found.raw.update(more.raw)
    found.users.update(more.users)
    known = {item.where for item in found.rejects}
    found.rejects += [item for item in more.rejects if item.where not in known]


def _number(where: str, unknown: int = 1 << 62) -> int:
    tail = where.rpartition(" ")[2]
    return int(tail) if tail.isdecimal() else unknown
