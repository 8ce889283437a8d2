"""Looking up what is not in the inbox: a customer's earlier threads with us, and posts that hold some words."""

from __future__ import annotations

from typing import Any

import msgspec

from agentdesk.connectors.bluesky import wire
from agentdesk.connectors.bluesky.aside import Aside
from agentdesk.connectors.bluesky.chats import Chats
from agentdesk.connectors.bluesky.posts import UNREADABLE, Posts, read, unreadable
from agentdesk.connectors.bluesky.threads import Threads
from agentdesk.connectors.bluesky.wire import Post
from agentdesk.errors import Gone, Rejected
from agentdesk.model.message import Message
from agentdesk.model.page import Page, Reject

WHOLE_THREADS = 8
"""So many of a customer's threads are read whole, the newest first."""


class Lookup:
    """Questions that an agent asks."""

    def __init__(self, posts: Posts, threads: Threads, chats: Chats, chatting: Aside) -> None:
        self._posts = posts
        self._threads = threads
        self._chats = chats
        self._chatting = chatting
        self._client = posts.client

    async def history(self, did: str, limit: int, *, privately: bool) -> Page:
        """The newest threads in which ``did`` spoke to us, whole, so that our answers come along."""
        theirs = await self._written_by(did) + await self._mentioning(did)
        refs: dict[str, None] = {}
        for post in theirs:
            if self._posts.speaker.speaks_to_us(post.record) and (ref := await self._posts.place(post)):
                refs[ref] = None
        private = await self._chatting.run(lambda: self._chats.with_account(did)) if privately else None
        pages = [private] if private is not None else []
        for ref in list(refs)[: min(limit, WHOLE_THREADS)]:
            try:
                pages.append(await self._threads.page(ref))
            except Gone:
                continue  # deleted since
        return _joined(pages)

    async def find(self, words: str, limit: int) -> Page:
        """Posts that hold these words; of an @handle what it wrote lately."""
        words = words.strip()
        if not words:
            return Page(backfill=True)
        limit = max(1, min(limit, 100))
        if words.startswith("@") and " " not in words:
            found = await self._written_by(words[1:])
        else:
            data = await self._client.get("app.bsky.feed.searchPosts", [
                ("q", words), ("sort", "latest"), ("limit", limit)])
            found, _ = read(data.get("posts"), "hit")
        return await self._told(found[:limit])

    async def _told(self, found: list[Post]) -> Page:
        messages: list[Message] = []
        rejects: list[Reject] = []
        for post in found:
            try:
                ref = await self._posts.place(post) or post.uri
                direct = self._posts.speaker.speaks_to_us(post.record)
                messages.append(self._posts.speaker.message(post, ref, direct=direct, overheard=True))
            except UNREADABLE as error:
                rejects.append(unreadable(msgspec.to_builtins(post), "post", error))
        messages.sort(key=lambda message: message.created_at)
        shown = {post.uri: post for post in found}
        return Page(messages=tuple(messages), conversations=tuple(self._posts.heads(messages, shown)),
                    profiles=tuple(await self._posts.profiles(post.author for post in found)),
                    rejects=tuple(rejects), backfill=True)

    async def _written_by(self, actor: str) -> list[Post]:
        """The newest posts of one account, answers included, reposts not."""
        data = await self._client.get("app.bsky.feed.getAuthorFeed", [
            ("actor", actor), ("filter", "posts_with_replies"), ("limit", 100)])
        feed: Any = data.get("feed")
        items = [item["post"] for item in feed if isinstance(item, dict) and "post" in item and "reason" not in item] \
            if isinstance(feed, list) else []
        return read(items, "post")[0]

    async def _mentioning(self, did: str) -> list[Post]:
        """What the search knows of their older posts to us; servers whose search cannot do that find nothing."""
        if not wire.is_did(did):
            return []
        try:
            data = await self._client.get("app.bsky.feed.searchPosts", [
                ("q", "*"), ("author", did), ("mentions", self._posts.me), ("sort", "latest"), ("limit", 50)])
        except Rejected:
            return []
        return read(data.get("posts"), "hit")[0]


def _joined(pages: list[Page]) -> Page:
    """Several threads as one page."""
    messages = sorted((m for page in pages for m in page.messages), key=lambda m: m.created_at)
    profiles = {profile.ref: profile for page in pages for profile in page.profiles}
    return Page(
        messages=tuple(messages), conversations=tuple(head for page in pages for head in page.conversations),
        profiles=tuple(profiles.values()), rejects=tuple(r for page in pages for r in page.rejects),
        removed=tuple(ref for page in pages for ref in page.removed), backfill=True)
