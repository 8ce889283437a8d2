"""Bringing in what is new: notifications, what this account wrote anywhere, direct messages, and what was overheard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from agentdesk.config.sources import BlueskySource
from agentdesk.connectors.bluesky.aside import Aside
from agentdesk.connectors.bluesky.chats import Chats, News
from agentdesk.connectors.bluesky.client import Client, Pairs, denied
from agentdesk.connectors.bluesky.cursor import SWEEP_EVERY, VERSION, Caught, Cursor, Item, Limits, catch_up, dump, load
from agentdesk.connectors.bluesky.listening import Heard, Listener
from agentdesk.connectors.bluesky.posts import UNREADABLE, Posts, as_record, read, unreadable
from agentdesk.connectors.bluesky.wire import POST, Person, Post, author_of, parts_of, tid_at
from agentdesk.connectors.items import instant
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.message import Message
from agentdesk.model.page import Gap, Page, Reject

REASONS = ("mention", "reply", "quote")
"""Notifications that are words to us; likes, follows and reposts are none."""
PAGES = 50


class Batch(msgspec.Struct):
    """A page in the making."""

    messages: list[Message] = []
    rejects: list[Reject] = []
    shown: dict[str, Post] = {}
    people: list[Person] = []


class Reader:
    """The pull of one account."""

    def __init__(self, config: BlueskySource, clock: Clock, posts: Posts, chats: Chats, listener: Listener) -> None:
        self._config = config
        self._clock = clock
        self._posts = posts
        self._client: Client = posts.client
        self._chats = chats
        self._listener = listener
        self.chatting = Aside(clock)
        self.listening = Aside(clock)
        self.chat_allowed = bool(config.chat)
        self.pages = PAGES

    async def pull(self, text: str | None, limit: int) -> Page:
        """Bring what is new since a cursor; without one, the latest history."""
        now = self._clock.now()
        cursor = load(text) or Cursor(v=VERSION, back=now)
        limit = max(1, min(limit, 200))
        if not cursor.back and self._listener.ears and (page := await self._new_terms(cursor, limit)):
            return page
        limits = Limits(pages=self.pages, skew=self._skew(), first=self._config.backfill,
                        first_items=self._config.backfill_items)
        posts = await catch_up(self._notifications(), cursor.posts, now, limit, limits)
        # Our own records are dated by whoever wrote them: by this machine, among others.
        by_us = msgspec.structs.replace(limits, skew=min(limits.skew, 0))
        own = await catch_up(self._own_records(), cursor.own, now, limit, by_us)
        batch = Batch()
        await self._take(posts, own, batch)
        chat = await self._chat(cursor, now)
        heard = await self._hear(cursor, limit)
        await self._overheard(heard, batch)
        more = posts.more or own.more or (heard is not None and heard.more)
        fresh = msgspec.structs.replace(
            cursor, posts=posts.stream, own=own.stream, back=cursor.back if more else 0,
            log=chat.log if chat else cursor.log, chats=chat.chats if chat else cursor.chats,
            heard=heard.marks if heard else cursor.heard)
        page = await self._page(batch, chat)
        if not (page.messages or page.rejects or more or fresh != cursor):
            self.chatting.tell()
            self.listening.tell()
        return msgspec.structs.replace(page, cursor=dump(fresh), more=more, backfill=bool(cursor.back),
                                       gap=_gap(posts, self.pages))

    def _skew(self) -> Millis:
        """How far the server's clock is ahead, rounded down by what its answers leave open."""
        skew = self._client.http.meter.skew
        return 0 if skew is None else skew - 2 * SECOND

    async def _page(self, batch: Batch, chat: News | None) -> Page:
        """Put a page together, oldest first."""
        profiles = await self._posts.profiles(batch.people)
        heads = self._posts.heads(batch.messages, batch.shown)
        if chat is not None:
            batch.messages += chat.messages
            batch.rejects += chat.rejects
            told = {profile.ref for profile in profiles}
            profiles += [profile for profile in chat.profiles if profile.ref not in told]
            heads += chat.conversations
        unique = {(m.ref, m.text): m for m in batch.messages}
        return Page(
            messages=tuple(sorted(unique.values(), key=lambda m: m.created_at)), conversations=tuple(heads),
            profiles=tuple(profiles), rejects=tuple(batch.rejects))

    # mentions, and what we write -------------------------------------------------------------------------------------

    async def _notifications(self) -> AsyncIterator[list[Item]]:
        """What the network says was written to us, newest first by the date that it is listed under."""
        pairs: Pairs = [("limit", 100), *(("reasons", reason) for reason in REASONS)]
        async for items in self._client.pages("app.bsky.notification.listNotifications", pairs, "notifications",
                                              self.pages):
            last = self._clock.now()
            page = []
            for item in items:
                listed = item if isinstance(item, dict) else {}
                last = instant(listed.get("indexedAt")) or last
                if listed.get("reason", "mention") in REASONS:
                    key = f"{listed.get('uri')} {listed.get('cid')}" if listed.get("uri") else str(item)[:500]
                    page.append(Item(key, last, item))
            yield page

    async def _own_records(self) -> AsyncIterator[list[Item]]:
        """Our own posts from our own repository, newest first: nothing lags there."""
        pairs: Pairs = [("repo", self._posts.me), ("collection", POST), ("limit", 100)]
        async for items in self._client.pages("com.atproto.repo.listRecords", pairs, "records", self.pages):
            last = self._clock.now()
            page = []
            for item in items:
                listed = item if isinstance(item, dict) else {}
                uri = str(listed.get("uri") or "")
                last = tid_at(uri.rpartition("/")[2]) or last
                page.append(Item(f"{uri} {listed.get('cid')}", last, item))
            yield page

    async def _take(self, posts: Caught, own: Caught, batch: Batch) -> None:
        """Read what both listings brought and find each post's conversation."""
        told, bad = read([item.value for item in posts.items], "notification")
        batch.rejects += bad
        written = [post for item in own.items if (post := self._ours(item.value, batch)) is not None]
        batch.shown = await self._posts.fetch([*(post.uri for post in told), *_context(told, self._posts.me)])
        for post in told:
            self._say(post, await self._place(post, batch), batch, direct=True)
        for post in written:
            conversation = await self._place(post, batch)
            if conversation and post.record.reply is not None:
                self._say(post, conversation, batch, direct=True)

    def _ours(self, item: Any, batch: Batch) -> Post | None:
        """One of our own records as a post; a broken one matters to nobody else and is set aside."""
        try:
            uri, cid = str(item["uri"]), str(item["cid"])
            return Post(uri=uri, cid=cid, record=as_record(item["value"]), author=self._posts.speaker.names.get(
                self._posts.me, Person(did=self._posts.me)))
        except (*UNREADABLE, LookupError, TypeError) as error:
            batch.rejects.append(unreadable(item, "own post", error))
            return None

    async def _place(self, post: Post, batch: Batch) -> str:
        """A post's conversation; empty for one that cannot be placed, which is set aside."""
        try:
            return await self._posts.place(batch.shown.get(post.uri, post))
        except UNREADABLE as error:
            batch.rejects.append(unreadable(msgspec.to_builtins(post), "post", error))
            return ""

    def _say(
        self, post: Post, conversation: str, batch: Batch, *, direct: bool, overheard: bool = False
    ) -> None:
        """Add a post to the page as it stands now, and its author."""
        if not conversation:
            return
        now = batch.shown.get(post.uri, post)
        try:
            batch.messages.append(
                self._posts.speaker.message(now, conversation, direct=direct, overheard=overheard))
        except UNREADABLE as error:
            batch.rejects.append(unreadable(msgspec.to_builtins(now), "post", error))
            return
        ours = now.author.did == self._posts.me
        batch.people.append(Person(did=parts_of(conversation)[1]) if ours else now.author)

    # besides ---------------------------------------------------------------------------------------------------------

    async def _chat(self, cursor: Cursor, now: Millis) -> News | None:
        """Direct messages, where the account may have them."""
        if not self.chat_allowed:
            return None
        sweep = now - cursor.posts.swept >= SWEEP_EVERY

        async def look() -> News:
            if cursor.log:
                return await self._chats.news(cursor.log, cursor.chats, sweep=sweep)
            since = now - self._config.backfill if self._config.backfill_items else now
            return await self._chats.begin(since)

        news = await self.chatting.run(look)
        if news is None and self.chatting.trouble is not None and denied(self.chatting.trouble):
            self.chat_allowed = False
        return news

    async def _hear(self, cursor: Cursor, limit: int) -> Heard | None:
        """What the search finds for the terms that are due."""
        if not self._listener.ears:
            return None
        return await self.listening.run(lambda: self._listener.hear(cursor.heard, self._posts.me, limit))

    async def _new_terms(self, cursor: Cursor, limit: int) -> Page | None:
        """A page of its own for what is listened for since now: its past raises no alarms."""
        if all(term.key in cursor.heard for term in self._listener.ears.terms):
            return None
        heard = await self._hear(cursor, limit)
        if heard is None or not heard.history:
            return None
        batch = Batch()
        await self._overheard(heard, batch, history=True)
        fresh = msgspec.structs.replace(cursor, heard=heard.marks)
        return msgspec.structs.replace(await self._page(batch, None), cursor=dump(fresh), more=True, backfill=True)

    async def _overheard(self, heard: Heard | None, batch: Batch, *, history: bool = False) -> None:
        """Add hits; those that speak to us after all are no hearsay, and come as notifications where it is history."""
        for post in heard.posts.values() if heard else ():
            direct = self._posts.speaker.speaks_to_us(post.record)
            if direct and history:
                continue
            conversation = await self._place(post, batch)
            self._say(post, conversation, batch, direct=direct, overheard=True)
            batch.shown.setdefault(post.uri, post)


def _context(posts: list[Post], me: str) -> list[str]:
    """Our own posts under which these stand: they say what it is about."""
    return [post.record.reply.root.uri for post in posts
            if post.record.reply is not None and author_of(post.record.reply.root.uri) == me]


def _gap(caught: Caught, pages: int) -> Gap | None:
    if caught.lost_since is None:
        return None
    return Gap(reason=f"More than {pages * 100} notifications came at once: the oldest of them were not read",
               since=caught.lost_since, until=caught.lost_until)
