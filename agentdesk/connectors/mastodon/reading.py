"""Pulling: what is addressed to us, what we said ourselves elsewhere, and where we are in both.

Notifications are paged forward with ``min_id`` (https://docs.joinmastodon.org/methods/notifications/#get): ``since_id``
jumps to the newest and leaves holes. Ids are opaque; what is new is what stands before the last known one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentdesk.config.sources import MastodonSource
from agentdesk.connectors.answers import emptied
from agentdesk.connectors.cursors import read_cursor, write_cursor
from agentdesk.connectors.foreign import reject, web_url
from agentdesk.connectors.items import instant, one, read
from agentdesk.connectors.mastodon import setback
from agentdesk.connectors.mastodon.approvals import Approvals
from agentdesk.connectors.mastodon.client import PAGE, Listing, MastodonClient, Pairs, path
from agentdesk.connectors.mastodon.listening import Heard, Listener
from agentdesk.connectors.mastodon.speak import Speaker
from agentdesk.connectors.mastodon.threads import Threads, join
from agentdesk.connectors.mastodon.wire import Notice, Status, raw_id
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Message
from agentdesk.model.page import Gap, Page, Reject

WALK = 25
"""Pages that are read back at most, on first connect or after a long silence."""
DEEP_EVERY = 10
FILL_PAGE = 20
ASKED: Pairs = [("types[]", "mention"), ("include_filtered", "true")]


class Cursor(msgspec.Struct, omit_defaults=True):
    """Where we are."""

    v: int = 1
    n: str = ""
    """The newest notification that was handed over."""
    na: int = 0
    """When it was made."""
    o: str = ""
    """The newest status of our own that was handed over."""
    since: int = 0
    """When we first connected."""
    fill: tuple[int, str] | None = None
    """While history is brought in: time and id of the last item that was."""
    heard: dict[str, str] = {}
    """How far each thing that we listen for has been heard."""
    tops: str = ""
    """What stood at the top of those listings."""
    threads: dict[str, list[str]] = {}
    """What ``Threads`` remembers."""
    waiting: dict[str, str] = {}
    """What ``Approvals`` knows to wait."""
    ahead: setback.Ahead | None = None
    """What is known of the server's clock."""


class Gathered:
    """A page while it is put together."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.heads: dict[str, RemoteConversation] = {}
        self.people: dict[str, Profile] = {}
        self.rejects: list[Reject] = []
        self.removed: list[str] = []

    def add(self, message: Message, head: RemoteConversation, person: Profile | None) -> None:
        """Take in a message; one that was addressed to us, or is approved, wins over the same one before that."""
        known = self.messages.get(message.ref)
        if known is None or (known.indirect and not message.indirect) or (known.pending and not message.pending):
            self.messages[message.ref] = message
        if message.conversation_ref not in self.heads or head.url:
            self.heads[head.ref] = head
        if person is not None:
            self.people[person.ref] = person

    def page(self, **more: Any) -> Page:
        """All of it, oldest first."""
        return Page(messages=tuple(sorted(self.messages.values(), key=lambda m: (m.created_at, m.ref))),
                    conversations=tuple(self.heads.values()), profiles=tuple(self.people.values()),
                    rejects=tuple(self.rejects), **({"removed": tuple(self.removed)} | more))


class Reader:
    """One account's pulls."""

    def __init__(
        self, config: MastodonSource, client: MastodonClient, speaker: Speaker, threads: Threads,
        approvals: Approvals, clock: Clock,
    ) -> None:
        self._config = config
        self._client = client
        self._speaker = speaker
        self._threads = threads
        self._approvals = approvals
        self._clock = clock
        self.listener = Listener(config, client, speaker, clock)
        self._backlog: list[tuple[int, str, Any]] | None = None
        self._quiet = 0

    async def pull(self, text: str | None, limit: int) -> Page:
        """Bring what is new since the cursor."""
        cursor = read_cursor(text, Cursor)
        if cursor is None:
            return await self._begin()
        self._threads.load(cursor.threads)
        if cursor.fill is not None:
            return await self._fill(cursor)
        page = await self._live(cursor, max(1, min(limit, PAGE)))
        if page is not None:
            return page
        gap = Gap(reason="The server was set back or replaced: its notifications are others than we knew",
                  since=cursor.na or None)
        return msgspec.structs.replace(await self._begin(), gap=gap)

    async def _begin(self) -> Page:
        """First connect: what lies back, from notifications and from what we said, is brought in bit by bit."""
        now = self._clock.now()
        notices, own = await self._back("/api/v1/notifications", ASKED), await self._back(self._own_path(), _OWN)
        newest = next((raw_id(item) for item in notices if raw_id(item)), "")
        at = max((_at(item) for item in notices), default=0)
        cursor = Cursor(n=newest, na=at, o=next((raw_id(item) for item in own if raw_id(item)), ""), since=now,
                        fill=(0, ""), ahead=self._ahead(None, at, now))
        self._keep_backlog(notices, own, now)
        return await self._fill(cursor)

    async def _back(self, address: str, params: Pairs, since: Millis | None = None) -> list[Any]:
        """A listing from its newest item back to ``since``, or as far as history is wanted."""
        horizon = self._clock.now() - self._config.backfill if since is None else since
        found: list[Any] = []
        older = ""
        for _ in range(WALK):
            pairs: Pairs = [*params, ("limit", PAGE), *([("max_id", older)] if older else [])]
            page = await self._client.listing(address, pairs)
            ids = {raw_id(item) for item in found}
            fresh = [item for item in page.items if raw_id(item) not in ids or not raw_id(item)]
            found += fresh
            enough = since is None and len(found) >= max(1, self._config.backfill_items)
            if not fresh or len(page.items) < PAGE or enough or _at(page.items[-1]) < horizon or page.older == older:
                break
            older = page.older
        return found

    def _keep_backlog(self, notices: list[Any], own: list[Any], now: Millis) -> None:
        horizon = now - self._config.backfill
        items = [(_at(item), raw_id(item) or "?", item) for item in [*notices, *own]]
        recent = sorted((item for item in items if item[0] >= horizon or not item[0]), key=lambda item: item[:2])
        self._backlog = recent[-self._config.backfill_items:] if self._config.backfill_items else []

    async def _fill(self, cursor: Cursor) -> Page:
        """One more piece of the history."""
        if self._backlog is None:
            await self._restore_backlog(cursor)
        backlog, (at, ref) = self._backlog or [], cursor.fill or (0, "")
        left = [item for item in backlog if item[:2] > (at, ref)]
        piece, rest = left[:FILL_PAGE], left[FILL_PAGE:]
        gathered = Gathered()
        for _, _, item in piece:
            await self._take(item, gathered)
        if not rest:
            await self._approve(cursor, gathered)
        heard = Heard(cursor.heard, cursor.tops) if rest else await self.listener.begin(gathered, self._threads)
        cursor.fill = (piece[-1][0], piece[-1][1]) if rest else None
        (cursor.heard, cursor.tops), cursor.threads = heard, self._threads.plain()
        return gathered.page(cursor=write_cursor(cursor), more=bool(rest), backfill=True, total=len(backlog),
                             done=len(backlog) - len(rest))

    async def _restore_backlog(self, cursor: Cursor) -> None:
        """After a restart in the middle: the same again, without what came meanwhile."""
        notices, own = await self._back("/api/v1/notifications", ASKED), await self._back(self._own_path(), _OWN)
        if (cursor.n and not notices) or (cursor.o and not own):
            raise emptied(self._client.name, "notifications" if cursor.n and not notices else "posts of ours")
        self._keep_backlog(_up_to(notices, cursor.n, cursor.since), _up_to(own, cursor.o, cursor.since), cursor.since)

    async def _live(self, cursor: Cursor, limit: int) -> Page | None:
        """What is new; None when the server is not the one that the cursor was made on."""
        gathered = Gathered()
        notices = await self._newer("/api/v1/notifications", ASKED, cursor.n, limit)
        fresh = notices.above(cursor.n)
        if not fresh and cursor.n and self._quiet % DEEP_EVERY == 0 and await self._replaced(cursor):
            return None
        own = await self._newer(self._own_path(), _OWN, cursor.o, limit)
        said = own.above(cursor.o)
        again = await self._gone_through_twice(cursor)
        for item in reversed([*fresh, *said, *again]):
            await self._take(item, gathered)
        was = write_cursor(cursor)
        await self._approve(cursor, gathered)
        if fresh:
            cursor.n, cursor.na = notices.newer, max([cursor.na, *map(_at, fresh)])
        if said:
            cursor.o = own.newer
        more = len(fresh) >= limit or len(said) >= limit
        if not more:
            cursor.heard, cursor.tops = await self.listener.listen(
                Heard(cursor.heard, cursor.tops), gathered, self._threads)
        self._quiet = 0 if fresh or said else self._quiet + 1
        if gathered.messages:
            cursor.threads = self._threads.plain()
        text = write_cursor(cursor)
        return gathered.page(cursor=text, more=more and text != was)

    def _ahead(self, known: setback.Ahead | None, newest: Millis, first: Millis) -> setback.Ahead | None:
        """What is known of the server's clock after the latest answer."""
        skew = self._client.http.meter.skew
        return known if skew is None else setback.noticed(known, skew, self._clock.now(), newest, first)

    async def _gone_through_twice(self, cursor: Cursor) -> list[Any]:
        """What is dated since the server's clock was set back: paging from the cursor does not show it."""
        it = cursor.ahead = self._ahead(cursor.ahead, cursor.na, cursor.since)
        if it is None or it.back is None:
            return []
        listed = [*await self._back("/api/v1/notifications", ASKED, it.back.since),
                  *await self._back(self._own_path(), _OWN, it.back.since)]
        cursor.ahead = setback.over(it, self._clock.now())
        return [item for item in listed if _at(item) >= it.back.since - SECOND]

    async def _newer(self, address: str, params: Pairs, mark: str, limit: int) -> Listing:
        """The page behind ``mark``; without one, everything that there is."""
        if mark:
            return await self._client.listing(address, [*params, ("min_id", mark), ("limit", limit)])
        items: list[Any] = []
        older, newer = "", ""
        for _ in range(WALK):
            pairs: Pairs = [*params, ("limit", PAGE), *([("max_id", older)] if older else [])]
            page = await self._client.listing(address, pairs)
            newer = newer or page.newer
            known = {raw_id(item) for item in items}
            fresh = [item for item in page.items if raw_id(item) not in known]
            items += fresh
            if not fresh or len(page.items) < PAGE or page.older == older:
                break
            older = page.older
        return Listing(items, newer, older)

    async def _replaced(self, cursor: Cursor) -> bool:
        """True when there is something newer that paging from the cursor does not show: ids count anew.

        That the one we know is gone proves nothing: a deleted status takes its notification along.
        """
        page = await self._client.listing("/api/v1/notifications", [*ASKED, ("limit", 1)])
        return any(_at(item) > cursor.na + SECOND for item in page.items)

    def _own_path(self) -> str:
        return f"/api/v1/accounts/{path(self._speaker.me)}/statuses"

    async def _take(self, item: Any, gathered: Gathered) -> None:
        """Put a notification or a status of ours where it belongs."""
        where = f"{'status' if isinstance(item, dict) and 'account' in item and 'type' not in item else 'notification'}"
        try:
            if where == "status":
                await self._said(one(item, Status), gathered)
                return
            notice = one(item, Notice)
            if notice.type == "mention" and notice.status is not None:
                await self.addressed(notice.status, gathered)
        except (msgspec.ValidationError, ValueError, RecursionError, OverflowError) as error:
            gathered.rejects.append(reject(f"{where} {raw_id(item) or '?'}", str(error), item))

    async def _approve(self, cursor: Cursor, gathered: Gathered) -> None:
        """Replies that wait for our approval, and what became of those that did."""
        news = await self._approvals.news(cursor.waiting)
        told = [(status, True) for status in news.waiting] + [(status, False) for status in news.approved]
        for status, pending in told:
            try:
                await self.addressed(status, gathered, pending=pending)
            except ValueError as error:
                gathered.rejects.append(reject(f"status {status.ref}", str(error), status.ref))
        gathered.rejects += news.rejects
        gathered.removed += news.gone
        cursor.waiting = news.known

    async def addressed(self, status: Status, gathered: Gathered, *, pending: bool = False) -> str:
        """What a customer wrote to us; returns the conversation."""
        if status.account.ref == self._speaker.me:
            return ""
        root = await self._threads.root_of(status)
        customer = status.account.ref
        message = self._speaker.message(status, join(root, customer), customer=customer, pending=pending)
        gathered.add(message, head(message.conversation_ref, customer, status if root == status.ref else None),
                     self._speaker.profile(status.account))
        return message.conversation_ref

    async def _said(self, status: Status, gathered: Gathered) -> None:
        """What we said to somebody, here or in another program; what we said to everybody is no conversation."""
        if status.reblog is not None or status.account.ref != self._speaker.me:
            return
        customer = await self._threads.owner_of(status)
        if not customer:
            return
        root = await self._threads.root_of(status)
        message = self._speaker.message(status, join(root, customer), customer=customer)
        gathered.add(message, head(message.conversation_ref, customer, None), None)

    async def mentions_of(self, customer: str, limit: int) -> list[Status]:
        """What a person wrote to us lately, the newest first; some servers list everybody's, then it is looked for."""
        pairs: Pairs = [*ASKED, ("account_id", customer), ("limit", max(1, min(limit, PAGE)))]
        found: dict[str, Status] = {}
        older = ""
        for _ in range(WALK):
            behind: Pairs = [("max_id", older)] if older else []
            page = await self._client.listing("/api/v1/notifications", [*pairs, *behind])
            notices, _ = read(page.items, Notice, "notification")
            theirs = [notice.status for notice in notices if notice.type == "mention" and notice.status is not None
                      and notice.status.account.ref == customer]
            found |= {status.ref: status for status in theirs}
            if len(found) >= limit or len(theirs) == len(page.items) or page.older in ("", older):
                break
            older = page.older
        return list(found.values())[:limit]


_OWN: Pairs = [("exclude_reblogs", "true")]


def head(conversation_ref: str, customer: str, root: Status | None) -> RemoteConversation:
    """A conversation's head; a social thread has no subject, state or owner."""
    return RemoteConversation(ref=conversation_ref, customer_ref=customer,
                              url=web_url(root.url or root.uri) if root is not None else "")


def _up_to(items: list[Any], mark: str, since: Millis) -> list[Any]:
    """What was there when ``mark`` was the newest; by the time where that one is gone."""
    for place, item in enumerate(items):
        if mark and raw_id(item) == mark:
            return items[place:]
    return [item for item in items if mark and _at(item) <= since]


def _at(item: Any) -> Millis:
    text = item.get("created_at") if isinstance(item, dict) else None
    return (instant(text) if isinstance(text, str) else None) or 0
