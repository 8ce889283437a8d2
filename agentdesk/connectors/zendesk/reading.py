"""Pulling from Zendesk: the export of changes for administrators, the search for everybody else, the first backfill.

The export is complete and leaves out the last minute. The search runs late by minutes and shows a thousand tickets at
most, so it is walked by time, and its newest stretch is read again each time.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from agentdesk.config.sources import ZendeskSource
from agentdesk.connectors.answers import NothingShown, emptied
from agentdesk.connectors.cursors import going_on, read_cursor, write_cursor
from agentdesk.connectors.foreign import reject
from agentdesk.connectors.items import instant, iso
from agentdesk.connectors.zendesk.client import SEARCH_PAGES, Changes, Listing, ZendeskClient
from agentdesk.connectors.zendesk.speak import Speaker
from agentdesk.connectors.zendesk.wire import SOLVED, Comment, Ticket
from agentdesk.errors import BadAnswer, Gone, Rejected
from agentdesk.model.clock import MINUTE, SECOND, Clock, Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.message import Message
from agentdesk.model.page import Gap, Page, Reject

OVERLAP: Millis = 10 * MINUTE
"""The search index runs behind, by minutes when it is busy."""
BEFORE: Millis = 5 * MINUTE
"""The export begins this much before the first connect."""
SAME_SECOND: Millis = 3 * SECOND
"""A ticket that changed so lately is looked at once more."""
TICKETS_PER_PAGE = 20
SEEN_KEPT = 800
"""So many are remembered besides those that the next search shows again."""
EVER = "created>=2000-01-01T00:00:00Z"
OURS_KEPT = 3_000
BAD_KEPT = 50
TOO_RECENT = "StartTimeTooRecent"
TOO_LARGE = "larger than"
"""Of a ticket whose comments no answer can hold, the rest is shown."""


class Seen(msgspec.Struct, array_like=True):
    """A ticket as it was handed over last."""

    updated: int
    created: int
    comment: int
    """Its last comment."""
    again: bool = False
    """True when more may have happened in the second that it changed in."""


class Cursor(msgspec.Struct, omit_defaults=True):
    """Where we are."""

    v: int = 1
    after: str = ""
    """Where the export goes on; it begins at ``since``."""
    since: int = 0
    """By the search: every change up to here was handed over, but for those that show late."""
    looked: int = 0
    """When, by our clock, the last complete look began."""
    behind: int = 0
    """By the search: where it goes on after a second that it cannot show whole."""
    seen: dict[int, Seen] = {}
    """Tickets handed over lately."""
    todo: list[int] = []
    """Tickets of an export's page that are still to be handed over …"""
    unread: bool = False
    """… and whether there is more behind that page."""
    phase: str = "live"
    """open and solved while the backfill runs, then live."""
    at: int = 0
    """How far the backfill came, as the time it goes by …"""
    edge: list[int] = []
    """… and the tickets of that very second that it has handed over."""
    began: int = 0
    done: int = 0
    ours: list[int] = []
    """Open tickets handed over, where only some groups are watched: to notice those that are moved away."""
    bad: list[str] = []
    """What was set aside lately."""


class Reader:
    """One account's pulls."""

    def __init__(self, config: ZendeskSource, client: ZendeskClient, speaker: Speaker, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._speaker = speaker
        self._clock = clock
        self.exports = False
        """True when this account may use the export."""
        self._looked = 0
        self._reached: dict[int, int] = {}
        self.watched: frozenset[int] | None = None
        """Groups by number; None for all."""

    async def pull(self, text: str | None, limit: int) -> Page:
        """Bring what is new since the cursor."""
        cursor = read_cursor(text, Cursor)
        if cursor is None:
            now = self._client.there(self._clock.now())
            self._looked = self._clock.now() - BEFORE
            return await self._backfill(Cursor(since=now - BEFORE, looked=self._looked, began=now, phase="open"))
        if cursor.phase != "live":
            return await self._backfill(cursor)
        most = max(1, min(limit, TICKETS_PER_PAGE))
        if self.exports:
            return await self._exported(cursor, text or "", most)
        return await self._searched(cursor, text or "", most)

    async def thread(self, number: int) -> Page:
        """One whole ticket."""
        return await self.whole(await self._client.ticket(number), {})

    async def whole(self, listing: Listing, known: dict[int, Seen]) -> Page:
        """Tickets with what is written on them; of those ``known`` only what is new since."""
        self._speaker.meet(listing.users)
        self._speaker.groups.update(listing.groups)
        messages: list[Message] = []
        heads: list[RemoteConversation] = []
        rejects: list[Reject] = list(listing.rejects)
        people: list[int] = []
        for ticket in listing.tickets:  # grows by what merged ones became part of
            before = known.get(ticket.id)
            try:
                comments, users, bad = await self._client.comments(ticket.id, behind=before.comment if before else 0)
            except Gone:
                continue  # deleted or hidden since it was listed: thread() says so to whoever asks
            except NothingShown:
                if before is not None or await self._shows_no_comments(known):
                    raise
                comments, users, bad = [], {}, []
            except BadAnswer as error:
                if TOO_LARGE not in error.cause:
                    raise
                rejects.append(reject(f"ticket {ticket.id}", f"its comments: {error.cause}", {"id": ticket.id}))
                heads.append(await self._speaker.conversation(ticket))
                continue
            self._reached[ticket.id] = max([0, *(c.id for c in comments), *(_number(item.where) for item in bad)])
            self._speaker.meet(users)
            heads.append(await self._speaker.conversation(ticket))
            heads += await self._mergers(ticket, comments, listing)
            said, unread = await self._speaker.messages(ticket, comments)
            messages += said
            rejects += [*bad, *unread]
            people += [ticket.requester_id, *(number for number, user in users.items() if not user.staff)]
        return Page(
            messages=tuple(sorted(messages, key=lambda m: (m.created_at, int(m.ref)))), conversations=tuple(heads),
            profiles=tuple(self._speaker.profiles(people)), rejects=tuple(rejects),
        )

    async def _shows_no_comments(self, known: dict[int, Seen]) -> bool:
        """True when not even a ticket that had comments shows any: then a ticket without them proves nothing."""
        numbers = [number for number, seen in known.items() if seen.comment]
        try:
            if numbers:
                await self._client.comments(numbers[-1], pages=1)
        except NothingShown:
            return True
        except Gone:
            return False
        return False

    async def _mergers(
        self, ticket: Ticket, comments: Iterable[Comment], listing: Listing
    ) -> list[RemoteConversation]:
        """Heads of merged tickets, together with the ticket that they are part of now, where we watch that one."""
        found = []
        for head in self._speaker.mergers(ticket, comments):
            target = int(head.merged_into)
            if target not in [known.id for known in listing.tickets]:
                try:
                    other = await self._client.ticket(target)
                except Gone:
                    continue
                if not self._watches(other.tickets[0]):
                    continue
                self._speaker.meet(other.users)
                self._speaker.groups.update(other.groups)
                listing.tickets.append(other.tickets[0])
            found.append(head)
        return found

    async def _backfill(self, cursor: Cursor) -> Page:
        """History by the search: what is open, then what was solved lately, the latest first."""
        if cursor.phase == "open":
            query = "status<solved" + (f" created>={iso(cursor.at, millis=False)}" if cursor.at else "")
            changes = await self._behind(cursor, query, "created_at", "asc")
        else:
            oldest = cursor.began - self._config.backfill
            query = f"status>=solved updated>={iso(max(0, oldest), millis=False)}"
            query += f" updated<={iso(cursor.at, millis=False)}" if cursor.at else ""
            changes = await self._behind(cursor, query, "updated_at", "desc")
            room = max(0, self._config.backfill_items - cursor.done)
            changes.last = changes.last or len(changes.tickets) >= room
            changes.tickets = changes.tickets[:room]
        if changes.last and not (changes.tickets or changes.rejects) and cursor.seen:
            at_all = await self._client.search(EVER, sort="created_at", order="desc", per_page=1)
            if not (at_all.tickets or at_all.rejects):
                raise emptied(self._client.name, "tickets")
        for ticket in changes.tickets:
            at = _created(ticket) if cursor.phase == "open" else _updated(ticket)
            cursor.edge = [ticket.id] if at != cursor.at else [*cursor.edge, ticket.id]
            cursor.at = at
        cursor.done += len(changes.tickets) if cursor.phase == "solved" else 0
        if changes.last:
            nothing = self._config.backfill <= 0 or self._config.backfill_items <= 0
            cursor.phase = "solved" if cursor.phase == "open" and not nothing else "live"
            cursor.at, cursor.edge = 0, []
        page = await self._hand_over(cursor, [ticket.id for ticket in changes.tickets], changes)
        return msgspec.structs.replace(page, cursor=write_cursor(cursor), more=cursor.phase != "live", backfill=True)

    async def _behind(self, cursor: Cursor, query: str, sort: str, order: str) -> Changes:
        """The next stretch of a walk by time: tickets that it has not handed over, at most a page of them."""
        known = set(cursor.edge)
        for page in range(1, SEARCH_PAGES + 1):
            changes = await self._client.search(query, sort=sort, order=order, page=page)
            fresh = [ticket for ticket in changes.tickets if ticket.id not in known]
            if fresh or changes.last:
                changes.last = changes.last and len(fresh) <= TICKETS_PER_PAGE
                changes.tickets = fresh[:TICKETS_PER_PAGE]
                return changes
        return Changes([], [])

    async def _exported(self, cursor: Cursor, text: str, limit: int) -> Page:
        """What changed by the export; its pages are larger than ours, so the rest of one is kept in the cursor."""
        rejects: list[Reject] = []
        gone: list[RemoteConversation] = []
        if not cursor.todo:
            changes = await self._export(cursor)
            stands = changes.last or changes.after == cursor.after
            if not changes.tickets and not changes.rejects and stands:
                return Page(cursor=text)
            gone = [self._speaker.deleted(ticket) for ticket in changes.tickets if ticket.status == "deleted"
                    and ticket.id in cursor.seen]
            fresh = [t for t in changes.tickets if t.status != "deleted"
                     and (_is_changed(t, cursor.seen) or cursor.seen[t.id].again)]
            cursor.todo = list(dict.fromkeys(ticket.id for ticket in fresh))
            rejects = [item for item in changes.rejects if item.where not in cursor.bad]
            cursor.after, cursor.unread = changes.after or cursor.after, not stands
        taken, cursor.todo = cursor.todo[:limit], cursor.todo[limit:]
        page = await self._hand_over(cursor, taken, Changes([], rejects))
        cursor.since = max([cursor.since, *(seen.updated for seen in cursor.seen.values())])
        return msgspec.structs.replace(page, conversations=(*page.conversations, *gone), cursor=write_cursor(cursor),
                                       more=bool(cursor.todo) or cursor.unread)

    async def _export(self, cursor: Cursor) -> Changes:
        """The next page of the export; a mark that Zendesk does not know any more is replaced by the time."""
        try:
            return await self._client.export(cursor.after, max(0, cursor.since) // SECOND)
        except Rejected as error:
            if "HTTP 403" in error.cause or not (cursor.after or TOO_RECENT in error.cause):
                raise
            now = self._client.there(self._clock.now())  # Zendesk's clock may have been set back
            cursor.after, cursor.since = "", min(cursor.since, now) - BEFORE
            return await self._client.export("", max(0, cursor.since) // SECOND)

    async def _searched(self, cursor: Cursor, text: str, limit: int) -> Page:
        """What changed by the search."""
        now = self._clock.now()
        fresh, rejects, ended, reached = await self._changed(cursor, limit)
        if ended and len(fresh) <= limit:
            cursor.looked = self._looked = now
        new = [item for item in rejects if item.where not in cursor.bad]
        taken = [ticket.id for ticket in fresh[:limit]]
        again = [number for number, seen in cursor.seen.items() if seen.again and number not in taken]
        if not fresh and not new and ended and not again:
            return Page(cursor=text)
        lost = None
        if not fresh and not ended:  # more changes in one second than a search shows
            cursor.since, cursor.behind = max(cursor.since, reached), reached + SECOND
            cursor.looked = self._looked = now
            lost = Gap(reason="More tickets changed in one second than Zendesk's search shows",
                       since=reached, until=reached + SECOND)
        cursor.since = max([cursor.since, *(_updated(ticket) for ticket in fresh[:limit])])
        if self._client.http.meter.skew is not None:  # a time that has not come there is no place to go on from
            cursor.since = min(cursor.since, self._client.there(now))
        page = await self._hand_over(cursor, taken + again[: limit - len(taken)], Changes([], new))
        low = cursor.since - OVERLAP
        cursor.seen = {number: seen for number, seen in cursor.seen.items() if seen.updated >= low}
        return msgspec.structs.replace(page, cursor=write_cursor(cursor), gap=lost,
                                       more=len(fresh) > len(taken) or not ended)

    async def _changed(self, cursor: Cursor, limit: int) -> tuple[list[Ticket], list[Reject], bool, Millis]:
        """Tickets that changed since they were seen: (those, rejects, whether all were listed, how far it went)."""
        start, page = max(0, cursor.since - OVERLAP, cursor.behind), 1
        fresh: dict[int, Ticket] = {}
        rejects: list[Reject] = []
        for _ in range(3 * SEARCH_PAGES):
            query = f"updated>={iso(start, millis=False)}"
            changes = await self._client.search(query, sort="updated_at", order="asc", page=page)
            earlier = going_on(cursor.since, max(cursor.looked, self._looked), self._client.http.meter.skew)
            if earlier < cursor.since:
                cursor.since, cursor.looked, self._looked = earlier, self._clock.now(), self._clock.now()
                start, page, fresh, rejects, cursor.behind = max(0, earlier - OVERLAP), 1, {}, [], 0
                continue
            rejects += [item for item in changes.rejects if item.where not in {known.where for known in rejects}]
            fresh.update((t.id, t) for t in changes.tickets if _is_changed(t, cursor.seen))
            if changes.last or len(fresh) > limit:
                return sorted(fresh.values(), key=_updated), rejects, changes.last, start
            last = max((_updated(ticket) for ticket in changes.tickets), default=start)
            start, page = (last, 1) if last > start else (start, page + 1)
            if page > SEARCH_PAGES:
                break
        return sorted(fresh.values(), key=_updated), rejects, False, start

    async def _hand_over(self, cursor: Cursor, numbers: list[int], changes: Changes) -> Page:
        """These tickets as they stand now, of known ones only what is new; notes what was handed over."""
        listing = await self._client.tickets(numbers) if numbers else Listing()
        await self._look_for_missing(numbers, listing)
        place = {number: at for at, number in enumerate(numbers)}
        listing.tickets.sort(key=lambda ticket: place.get(ticket.id, 0))
        known = {number: seen for number, seen in cursor.seen.items() if seen.comment}
        everything = listing.tickets
        ours = [ticket for ticket in everything if self._watches(ticket)]
        left = [ticket for ticket in everything if not self._watches(ticket) and ticket.id in cursor.ours]
        page = await self.whole(msgspec.structs.replace(listing, tickets=ours), known)
        moved = [await self._speaker.moved(ticket) for ticket in left]
        self._note(cursor, everything)
        cursor.bad = [*cursor.bad, *(item.where for item in changes.rejects)][-BAD_KEPT:]
        return msgspec.structs.replace(page, conversations=(*page.conversations, *moved),
                                       rejects=(*changes.rejects, *page.rejects))

    async def _look_for_missing(self, numbers: list[int], listing: Listing) -> None:
        """Tickets that changed and are not shown among others are asked for one by one: only Gone is believed."""
        shown = {ticket.id for ticket in listing.tickets}
        for number in [number for number in numbers if number not in shown]:
            try:
                one = await self._client.ticket(number)
            except Gone:
                continue
            listing.tickets += one.tickets
            listing.users.update(one.users)
            listing.groups.update(one.groups)

    def _note(self, cursor: Cursor, tickets: Iterable[Ticket]) -> None:
        """Write down what was handed over."""
        now = self._client.there(self._clock.now())
        for ticket in tickets:
            before = cursor.seen.pop(ticket.id, None)
            comment = max(self._reached.pop(ticket.id, 0), before.comment if before else 0)
            again = abs(now - _updated(ticket)) < SAME_SECOND
            cursor.seen[ticket.id] = Seen(_updated(ticket), _created(ticket), comment, again)
            if self.watched is not None:
                keeps = self._watches(ticket) and ticket.status not in SOLVED
                cursor.ours = [number for number in cursor.ours if number != ticket.id] + [ticket.id] * keeps
        low, spare = cursor.since - OVERLAP, len(cursor.seen) - SEEN_KEPT
        cursor.seen = {number: seen for place, (number, seen) in enumerate(cursor.seen.items())
                       if place >= spare or seen.updated >= low}
        cursor.ours = cursor.ours[-OURS_KEPT:]

    def _watches(self, ticket: Ticket) -> bool:
        return self.watched is None or ticket.group_id in self.watched


def _number(where: str) -> int:
    tail = where.rpartition(" ")[2]
    return int(tail) if tail.isdecimal() else 0


def _updated(ticket: Ticket) -> Millis:
    return instant(ticket.updated_at) or 0


def _created(ticket: Ticket) -> Millis:
    return instant(ticket.created_at) or 0


def _is_changed(ticket: Ticket, seen: dict[int, Seen]) -> bool:
    before = seen.get(ticket.id)
    return before is None or (before.updated, before.created) != (_updated(ticket), _created(ticket))
