"""Pulling from RT: where we are in the stream of transactions, and the first backfill by ticket.

The cursor is a transaction id, never a time: RT reads times in the API user's own zone. Ids are handed out before
their rows can be seen, so the newest stretch is read again each time and what was seen in it is skipped.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from agentdesk.config.sources import RtSource
from agentdesk.connectors.answers import emptied, nothing_shown
from agentdesk.connectors.cursors import read_cursor, write_cursor
from agentdesk.connectors.rt.client import ON_TICKETS, RtClient, any_of
from agentdesk.connectors.rt.speak import Speaker
from agentdesk.connectors.rt.wire import WRITTEN, Ticket, Transaction, instant
from agentdesk.errors import Gone
from agentdesk.model.clock import DAY, MINUTE, Clock, Millis
from agentdesk.model.page import Gap, Page, Reject

OVERLAP: Millis = 2 * MINUTE
SEEN_KEPT = 300
TICKETS_PER_PAGE = 20
DEEP_EVERY = 10
PATIENCE = 3
"""Every ten quiet pulls the listing is read past three empty pages: rows hidden from us may fill whole ones."""


class Cursor(msgspec.Struct, omit_defaults=True):
    """Where we are."""

    v: int = 1
    low: int = 0
    """Every transaction up to this id has been handed over."""
    seen: list[int] = []
    """Those above it that have been, too."""
    since: int = 0
    """When we first connected."""
    at: int = 0
    """When something new was last found."""
    last: str = ""
    """RT's time of the newest transaction in ``seen``: with another one there, it is another database."""
    phase: str = "live"
    """active and closed while the backfill runs, then live."""
    after: int = 0
    """The last ticket of the backfill."""
    closed: list[int] = []
    """Closed tickets that the backfill still brings."""
    done: int = 0
    total: int = 0


class Scope:
    """Which tickets are ours, as RT's two query languages say it."""

    def __init__(self, config: RtSource, queues: dict[int, str]) -> None:
        self.queues = queues
        self.query = config.query
        names = sorted(queues.values())
        self.tickets = any_of("Queue", names) + (f" AND ({config.query})" if config.query else "")
        # Moves are read from everywhere: a ticket that left our queues is found under its new one.
        self.transactions = f"{ON_TICKETS} AND ({any_of('TicketQueue', names)} OR Field = 'Queue')"

    def holds(self, ticket: Ticket) -> bool:
        """True when the ticket lies in one of our queues."""
        return ticket.Queue.Name in self.queues.values() or _number(ticket.Queue.id) in self.queues


class Reader:
    """One account's pulls."""

    def __init__(self, config: RtSource, client: RtClient, speaker: Speaker, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._speaker = speaker
        self._clock = clock
        self._quiet = 0
        self.merged: dict[int, int] = {}
        """Tickets known to have become part of others."""

    async def pull(self, text: str | None, limit: int, scope: Scope) -> Page:
        """Bring what is new since the cursor."""
        cursor = read_cursor(text, Cursor)
        if cursor is None:
            return await self._begin(scope)
        if cursor.phase != "live":
            return await self._backfill(cursor, scope)
        page = await self._live(cursor, max(1, limit), scope)
        if page is not None:
            return page
        gap = Gap(reason="RT counts from the beginning again: it is another database now")
        return msgspec.structs.replace(await self._begin(scope), gap=gap)

    async def thread(self, number: int) -> Page:
        """One whole ticket, with what was merged into it."""
        found, rejects = await self._client.heads([number])
        heads = []
        if number not in found:
            data, _ = await self._client.ticket(number)
            target = int(data["id"])
            if target == number:
                raise nothing_shown(self._client.name, f"ticket {number} in its lists")
            self.merged[number] = target
            heads.append(self._speaker.merged(number, target))
            found, rejects = await self._client.heads([target])
            number = target
        rows, bad = await self._client.history(number)
        into = {row.ObjectId: number for row in rows}
        messages, unread = await self._speaker.messages(rows, found, into)
        return Page(
            messages=tuple(sorted(messages, key=lambda m: (m.created_at, int(m.ref)))),
            conversations=(*await self._speaker.conversations(found.values()), *heads),
            profiles=tuple(self._speaker.profiles(found.values())),
            rejects=(*rejects, *bad, *unread),
        )

    async def whole(self, tickets: dict[int, Ticket]) -> Page:
        """Several tickets with everything written on them."""
        rows: list[Transaction] = []
        rejects: list[Reject] = []
        if tickets:
            query = f"{ON_TICKETS} AND {any_of('TicketId', sorted(tickets))} AND {any_of('Type', sorted(WRITTEN))}"
            rows, rejects, _ = await self._client.transactions(query)
            if not (rows or rejects):
                raise nothing_shown(self._client.name, "transactions on tickets")
        messages, bad = await self._speaker.messages(rows, tickets, {})
        return Page(
            messages=tuple(sorted(messages, key=lambda m: (m.created_at, int(m.ref)))),
            conversations=tuple(await self._speaker.conversations(tickets.values())),
            profiles=tuple(self._speaker.profiles(tickets.values())),
            rejects=(*rejects, *bad),
        )

    async def _begin(self, scope: Scope) -> Page:
        """First connect: note where the stream stands before reading tickets, so that nothing falls between."""
        newest = await self._client.newest(scope.transactions, 50)
        cursor = Cursor(
            low=newest[0].id - 1 if newest else 0, seen=[row.id for row in newest],
            last=newest[-1].Created if newest else "",
            since=self._clock.now(), at=self._clock.now(), phase="active",
        )
        return await self._backfill(cursor, scope)

    async def _backfill(self, cursor: Cursor, scope: Scope) -> Page:
        if cursor.phase == "active":
            query = f"{scope.tickets} AND Status = '__Active__' AND id > {cursor.after}"
            tickets, rejects, total = await self._client.tickets(query, per_page=TICKETS_PER_PAGE)
            if cursor.after == 0:
                cursor.closed = await self._recently_closed(cursor, scope)
                cursor.total = (total or len(tickets)) + len(cursor.closed)
            if tickets:
                cursor.after = max(ticket.id for ticket in tickets)
            else:
                cursor.phase = "closed"
        else:
            ids, cursor.closed = cursor.closed[:TICKETS_PER_PAGE], cursor.closed[TICKETS_PER_PAGE:]
            found, rejects = await self._client.heads(ids) if ids else ({}, [])
            tickets = list(found.values())
        if not (tickets or rejects) and cursor.done:
            await self._check_shown(scope)
        if cursor.phase == "closed" and not cursor.closed:
            cursor.phase = "live"
        page = await self.whole({ticket.id: ticket for ticket in tickets})
        cursor.done += len(tickets)
        return msgspec.structs.replace(
            page, rejects=(*rejects, *page.rejects), cursor=write_cursor(cursor), more=cursor.phase != "live",
            backfill=True, total=max(cursor.total, cursor.done), done=cursor.done,
        )

    async def _check_shown(self, scope: Scope) -> None:
        """Before an empty list counts: that there are no tickets at all where there were some is not believed."""
        tickets, rejects, _ = await self._client.tickets(scope.tickets, per_page=1)
        if not (tickets or rejects):
            raise emptied(self._client.name, "tickets")

    async def _recently_closed(self, cursor: Cursor, scope: Scope) -> list[int]:
        """Ids of tickets that were closed lately, the latest first; a day more than asked, for time zones."""
        left = self._config.backfill_items
        if left <= 0 or self._config.backfill <= 0:
            return []
        since = datetime.fromtimestamp((cursor.since - self._config.backfill - DAY) / 1_000, UTC)
        query = f"{scope.tickets} AND Status = '__Inactive__' AND LastUpdated > '{since:%Y-%m-%d %H:%M:%S}'"
        ids: list[int] = []
        number = 1
        while len(ids) < left:
            rows, _, _ = await self._client.tickets(query, orderby="LastUpdated", order="DESC", page=number)
            fresh = [row.id for row in rows if row.id not in ids]
            if not fresh:
                break
            ids += fresh
            number += 1
        return ids[:left]

    async def _live(self, cursor: Cursor, limit: int, scope: Scope) -> Page | None:
        """What is new; None when the database is not the one that the cursor was made in."""
        query = f"{scope.transactions} AND id > {cursor.low}"
        known = set(cursor.seen)
        deep = self._quiet % DEEP_EVERY == 0
        patience = PATIENCE if deep and self._quiet else 0
        rows, rejects, ended = await self._client.transactions(query, enough=limit + len(known), patience=patience)
        if await self._replaced(cursor, rows, scope, deep=deep):
            return None
        new = [row for row in rows if row.id not in known]
        more = not ended or len(new) > limit
        new = new[:limit]
        fresh_rejects = [r for r in rejects if _number(r.where.rpartition(" ")[2]) not in known]
        self._quiet = 0 if new else self._quiet + 1
        if not new and not fresh_rejects:
            return self._nothing(cursor, rows)
        page = await self._changes(new, cursor, scope)
        handled = known | {row.id for row in new} | {_number(r.where.rpartition(" ")[2]) for r in fresh_rejects}
        last = max((row.id for row in new), default=cursor.low)
        moved = _advance(cursor, [row for row in rows if row.id <= last or not more], handled, self._clock.now())
        return msgspec.structs.replace(
            page, rejects=(*fresh_rejects, *page.rejects), cursor=write_cursor(moved), more=more
        )

    async def _replaced(self, cursor: Cursor, rows: list[Transaction], scope: Scope, *, deep: bool) -> bool:
        """True when RT was set back or replaced: then its numbers mean other things than when we last looked."""
        if cursor.seen:
            newest = max(cursor.seen)
            times = {row.id: row.Created for row in rows}
            if newest in times:
                return bool(cursor.last) and times[newest] != cursor.last
            return max(times, default=0) < newest and not await self._client.holds(newest)
        top = await self._client.newest(scope.transactions, 1) if deep else []
        return bool(top) and top[-1].id < cursor.low and not await self._client.holds(cursor.low)

    def _nothing(self, cursor: Cursor, rows: list[Transaction]) -> Page:
        """A quiet pull; the stretch that is read again shrinks once it is old enough."""
        if cursor.seen and self._clock.now() - cursor.at > 2 * OVERLAP:
            cursor.low, cursor.seen, cursor.last = max(cursor.low, *cursor.seen), [], ""
        return Page(cursor=write_cursor(cursor))

    async def _changes(self, rows: list[Transaction], cursor: Cursor, scope: Scope) -> Page:
        """What these transactions did: heads of the tickets they touched, and what was written."""
        for row in rows:
            if row.merged_into is not None:
                self.merged[row.ObjectId] = row.merged_into
        touched = {row.ObjectId for row in rows}
        found, rejects = await self._client.heads(touched | {self.merged[n] for n in touched if n in self.merged})
        for number in sorted(touched - set(found) - set(self.merged)):
            await self._find_merged(number)
        if not (found or rejects):
            await self._check_shown(scope)
        late = {self.merged[n] for n in touched if n in self.merged} - set(found)
        if late:
            more, bad = await self._client.heads(late)
            found.update(more)
            rejects += bad
        ours = await self._ours(found, scope)
        left = [ticket for number, ticket in found.items() if number not in ours and _moved(number, rows, scope)]
        into = {number: self._target(number) for number in touched}
        written = [row for row in rows if into[row.ObjectId] in ours]
        messages, unread = await self._speaker.messages(written, ours, into)
        page = Page(
            messages=tuple(messages), rejects=(*rejects, *unread),
            conversations=(
                *await self._speaker.conversations(ours.values()),
                *(self._speaker.moved(ticket) for ticket in left),
                *(self._speaker.merged(number, into[number]) for number in sorted(touched) if into[number] != number),
            ),
            profiles=tuple(self._speaker.profiles(ours.values())),
        )
        return _joined(page, await self.whole(self._unknown(ours, rows, cursor, scope)))

    async def _find_merged(self, number: int) -> None:
        """A ticket that no listing shows: merged into another, or hidden and none of our business."""
        try:
            data, _ = await self._client.ticket(number)
        except Gone:
            return
        target = _number(data.get("id"))
        if target and target != number:
            self.merged[number] = target

    def _target(self, number: int) -> int:
        seen = {number}
        while number in self.merged and self.merged[number] not in seen:
            number = self.merged[number]
            seen.add(number)
        return number

    async def _ours(self, found: dict[int, Ticket], scope: Scope) -> dict[int, Ticket]:
        """Those of the tickets that we watch."""
        ours = {number: ticket for number, ticket in found.items() if scope.holds(ticket)}
        if ours and scope.query:
            matching, _ = await self._client.heads(ours, f" AND ({scope.query})")
            ours = {number: ticket for number, ticket in ours.items() if number in matching}
        return ours

    def _unknown(
        self, ours: dict[int, Ticket], rows: list[Transaction], cursor: Cursor, scope: Scope
    ) -> dict[int, Ticket]:
        """Tickets that come to us with a past: moved into our queues, or older than the backfill went."""
        horizon = cursor.since - self._config.backfill
        moves = [row for row in rows if row.Field == "Queue" and _number(row.NewValue) in scope.queues]
        came = {row.ObjectId for row in moves if _number(row.OldValue) not in scope.queues}
        spoken = {self._target(row.ObjectId) for row in rows if row.Type == "Correspond"}
        return {
            number: ticket
            for number, ticket in ours.items()
            if number in came or (number in spoken and (instant(ticket.Created) or 0) < horizon)
        }


def _advance(cursor: Cursor, rows: list[Transaction], handled: set[int], now: Millis) -> Cursor:
    """Move the cursor over what was handled, but not over the newest stretch, in which ids may still turn up."""
    times = {row.id: instant(row.Created) or 0 for row in rows}
    newest = max(times.values(), default=0)
    settled = [number for number, at in times.items() if number in handled and at < newest - OVERLAP]
    low = max([cursor.low, *settled])
    seen = sorted(number for number in handled if number > low)
    if len(seen) > SEEN_KEPT:
        low, seen = seen[-SEEN_KEPT - 1], seen[-SEEN_KEPT:]
    created = {row.id: row.Created for row in rows}
    return msgspec.structs.replace(cursor, low=low, seen=seen, at=now, last=created.get(max(seen, default=0), ""))


def _moved(number: int, rows: list[Transaction], scope: Scope) -> bool:
    """True when one of these transactions took the ticket out of our queues."""
    moves = [row for row in rows if row.ObjectId == number and row.Field == "Queue"]
    return any(_number(row.OldValue) in scope.queues for row in moves)


def _joined(one: Page, other: Page) -> Page:
    """Two pages as one, each message once."""
    messages = {message.ref: message for message in (*other.messages, *one.messages)}
    heads = {head.ref: head for head in (*other.conversations, *one.conversations)}
    people = {person.ref: person for person in (*other.profiles, *one.profiles)}
    return Page(
        messages=tuple(sorted(messages.values(), key=lambda m: (m.created_at, int(m.ref)))),
        conversations=tuple(heads.values()), profiles=tuple(people.values()), rejects=(*one.rejects, *other.rejects),
    )


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isdecimal() else 0
