"""Whole threads as they stand now, with what is deleted or blocked kept in its place."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from agentdesk.connectors.bluesky import wire
from agentdesk.connectors.bluesky.posts import UNREADABLE, Posts, unreadable
from agentdesk.connectors.bluesky.wire import Post, author_of
from agentdesk.errors import Gone
from agentdesk.model.message import Message
from agentdesk.model.page import Page, Reject

DEPTH = 80
DEEPER = 12
"""So many times a thread is asked for further down, where the network cut it off."""
MOST_POSTS = 1_000
MOST_CHECKS = 10
"""So many posts that are not shown any more are looked for in their own repositories at once."""


class Thread(NamedTuple):
    """What a thread view showed."""

    posts: dict[str, Post]
    """In the order of the tree: a post comes after what it answers."""
    missing: dict[str, bool]
    """Addresses of posts that are not shown, True for blocked ones."""
    rejects: list[Reject]


class Threads:
    """Reads one account's view of threads."""

    def __init__(self, posts: Posts) -> None:
        self._posts = posts
        self._client = posts.client

    async def page(self, ref: str) -> Page:
        """One conversation; Gone when nothing of it is there any more."""
        thread, removed = await self._view(ref)
        messages: list[Message] = []
        rejects = list(thread.rejects)
        addressed, customer = self._addressed(ref, thread), self._customer(ref, thread)
        for post in thread.posts.values():
            try:
                self._posts.memory.view(post, ref, wire.written_at(post.record, post.indexedAt, post.uri))
                messages.append(self._posts.speaker.message(post, ref, direct=post.uri in addressed))
            except UNREADABLE as error:
                rejects.append(unreadable(msgspec.to_builtins(post), "post", error))
        for uri, blocked in thread.missing.items():
            direct = author_of(uri) == customer
            stand_in = self._posts.speaker.placeholder(uri, ref, blocked=blocked, direct=direct)
            if stand_in is not None:
                messages.append(stand_in)
        messages.sort(key=lambda message: message.created_at)
        removed += await self._removed(ref, thread)
        shown = dict(thread.posts)
        begun = shown.get(ref)
        if begun and begun.record.reply and author_of(begun.record.reply.root.uri) == self._posts.me:
            shown |= await self._posts.fetch([begun.record.reply.root.uri])
        people = [post.author for post in thread.posts.values() if post.uri in addressed]
        return Page(
            messages=tuple(messages), conversations=(self._posts.head(ref, messages, shown),),
            profiles=tuple(await self._posts.profiles(people)), rejects=tuple(rejects), removed=tuple(removed),
        )

    async def _view(self, ref: str) -> tuple[Thread, list[str]]:
        """The tree below ``ref``; where its beginning was deleted, the tree above and below a post we know."""
        try:
            return await self.tree(ref), []
        except Gone:
            rest = [post.ref.uri for post in self._posts.memory.of(ref) if post.ref.uri != ref]
            for uri in reversed(rest[-3:]):
                try:
                    return await self.tree(uri, above=True), [ref]
                except Gone:
                    continue
            raise

    async def tree(self, ref: str, *, above: bool = False) -> Thread:
        """What the network shows from one post on downwards, and above it when asked for."""
        thread = Thread({}, {}, [])
        todo, budget = [ref], DEEPER
        while todo and budget and len(thread.posts) < MOST_POSTS:
            budget -= 1
            uri = todo.pop(0)
            try:
                data = await self._client.get("app.bsky.feed.getPostThread", [
                    ("uri", uri), ("depth", DEPTH), ("parentHeight", DEPTH if above and uri == ref else 0)])
            except Gone:
                if uri == ref:
                    raise
                continue
            todo += self._walk(data.get("thread"), thread, above=above)
        return thread

    def _walk(self, root: Any, thread: Thread, *, above: bool) -> list[str]:
        """Take in a tree; returns posts whose answers were cut off."""
        cut: list[str] = []
        nodes = [root]
        while nodes and len(thread.posts) + len(thread.missing) < MOST_POSTS:
            node = nodes.pop()
            if not isinstance(node, dict):
                continue
            if "post" not in node:
                uri = node.get("uri")
                if isinstance(uri, str) and (node.get("notFound") or node.get("blocked")):
                    thread.missing[uri] = bool(node.get("blocked"))
                continue
            try:
                post = wire.post(node["post"])
            except UNREADABLE as error:
                thread.rejects.append(unreadable(node["post"], "post", error))
                continue
            if "replies" not in node and post.replyCount > 0 and post.uri not in thread.posts:
                cut.append(post.uri)
            thread.posts[post.uri] = post
            replies = node.get("replies")
            nodes += reversed(replies) if isinstance(replies, list) else ()
            if above and node.get("parent") is not None:
                nodes.append({**node["parent"], "replies": []} if isinstance(node["parent"], dict) else None)
        return cut

    def _addressed(self, ref: str, thread: Thread) -> set[str]:
        """Posts that speak to us: those of who began it, and what mentions, quotes or stands anywhere below us."""
        speaker, customer = self._posts.speaker, self._customer(ref, thread)
        found: set[str] = set()
        below: set[str] = set()
        for uri, post in thread.posts.items():
            parent = post.record.reply.parent.uri if post.record.reply else ""
            if parent in below or author_of(parent) == speaker.me:
                below.add(uri)
            if uri in below or post.author.did == customer or speaker.speaks_to_us(post.record):
                found.add(uri)
        return found

    def _customer(self, ref: str, thread: Thread) -> str:
        """Who began the conversation."""
        begun = thread.posts.get(ref)
        return begun.author.did if begun else author_of(ref)

    async def _removed(self, ref: str, thread: Thread) -> list[str]:
        """Posts that we knew here and that their authors have deleted."""
        lost = [post.ref.uri for post in self._posts.memory.of(ref)
                if post.ref.uri not in thread.posts and post.ref.uri not in thread.missing]
        if not lost or len(thread.posts) >= MOST_POSTS:
            return []
        still = await self._posts.fetch(lost)
        removed = []
        for uri in [uri for uri in lost if uri not in still][:MOST_CHECKS]:
            if not await self._posts.exists(uri):
                self._posts.memory.forget(uri)
                removed.append(uri)
        return removed

    async def latest(self, ref: str, without: str) -> Post | None:
        """The post that a reply to the whole conversation answers: the last that speaks to us, or ours below it."""
        thread, _ = await self._view(ref)
        addressed = self._addressed(ref, thread)
        chosen: Post | None = None
        for post in sorted(thread.posts.values(), key=lambda it: wire.written_at(it.record, it.indexedAt, it.uri)):
            ours = post.author.did == self._posts.me
            parent = post.record.reply.parent.uri if post.record.reply else ""
            follows = chosen is not None and parent == chosen.uri
            if post.uri != without and ((post.uri in addressed and not ours) or (ours and follows)):
                chosen = post
        return chosen
