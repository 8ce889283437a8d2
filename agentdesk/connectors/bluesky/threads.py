"""Whole threads as they stand now, with what is deleted or blocked kept in its place."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from agentdesk.connectors.bluesky import wire
from agentdesk.connectors.bluesky.posts import UNREADABLE, Posts, read, unreadable
from agentdesk.connectors.bluesky.wire import Post, author_of, parts_of, written_at
from agentdesk.errors import Gone
from agentdesk.model.clock import Millis
from agentdesk.model.message import Message
from agentdesk.model.page import Page, Reject

DEPTH = 80
DEEPER = 12
"""So many times a thread is asked for further down, where the network cut it off."""
MOST_POSTS = 1_000
MOST_ASIDES = 60
"""So many posts of others are shown around a conversation, the latest."""
MOST_CHECKS = 10
"""So many posts that are not shown any more are looked for in their own repositories at once."""
PLACES = 3
"""A customer's posts in a stranger's thread are looked for in so many places of it."""


class Thread(NamedTuple):
    """What a thread view showed."""

    posts: dict[str, Post]
    missing: dict[str, bool]
    """Addresses of posts that are not shown, True for blocked ones."""
    rejects: list[Reject]


class Threads:
    """Reads one account's view of threads."""

    def __init__(self, posts: Posts) -> None:
        self._posts = posts
        self._client = posts.client

    async def page(self, ref: str) -> Page:
        """One conversation with what others say around it; Gone when nothing of it is there any more."""
        thread, removed = await self._view(ref)
        root, _ = parts_of(ref)
        rejects = list(thread.rejects)
        messages = self._messages(ref, thread, rejects)
        removed = list(dict.fromkeys([*removed, *await self._removed(ref, thread)]))
        shown = dict(thread.posts)
        if author_of(root) == self._posts.me and root not in shown:
            shown |= await self._posts.fetch([root])
        people = [post.author for post in thread.posts.values() if post.author.did == parts_of(ref)[1]]
        return Page(
            messages=tuple(messages), conversations=(self._posts.head(ref, messages, shown),),
            profiles=tuple(await self._posts.profiles(people)), rejects=tuple(rejects), removed=tuple(removed),
        )

    def _messages(self, ref: str, thread: Thread, rejects: list[Reject]) -> list[Message]:
        """The conversation's own posts, the latest of what stands around them, and what is missing."""
        ours, customer = self._ours(ref, thread), parts_of(ref)[1]
        own: list[Message] = []
        around: list[Message] = []
        for post in thread.posts.values():
            try:
                mine = post.author.did == customer or post.uri in ours
                if mine:
                    self._posts.memory.view(post, ref, dated(post))
                direct = mine and (author_of(ref) == customer or self._speaks(post, thread))
                message = self._posts.speaker.message(post, ref, direct=direct, overheard=mine, aside=not mine)
                (own if mine else around).append(message)
            except UNREADABLE as error:
                rejects.append(unreadable(msgspec.to_builtins(post), "post", error))
        known = {post.ref.uri for post in self._posts.memory.of(ref)}
        for uri, blocked in thread.missing.items():
            if uri in known and not blocked and uri != parts_of(ref)[0]:
                continue  # named as removed
            stand_in = self._posts.speaker.placeholder(uri, ref, blocked=blocked, customer=customer)
            if stand_in is not None:
                own.append(stand_in)
        around.sort(key=lambda message: message.created_at)
        return sorted([*own, *around[-MOST_ASIDES:]], key=lambda message: message.created_at)

    def _speaks(self, post: Post, thread: Thread) -> bool:
        """True when a post is to us: it says so, or stands below something of ours."""
        if self._posts.speaker.speaks_to_us(post.record):
            return True
        return any(author == self._posts.me for author, _ in _above(post, thread))

    def _ours(self, ref: str, thread: Thread) -> set[str]:
        """Our own posts that answer this conversation's customer."""
        customer = parts_of(ref)[1]
        found = set()
        for uri, post in thread.posts.items():
            if post.author.did == self._posts.me:
                nearest = next((author for author, _ in _above(post, thread) if author != self._posts.me), "")
                if nearest == customer:
                    found.add(uri)
        return found

    async def _view(self, ref: str) -> tuple[Thread, list[str]]:
        """The customer's own thread from its top; in others' threads the parts that hold the customer's posts."""
        root, customer = parts_of(ref)
        if author_of(root) == customer:
            try:
                return await self.tree([root]), []
            except Gone:
                places = await self._places(ref)
                if not places:
                    raise
                return await self.tree(places, above=True), [root]
        return await self.tree(await self._places(ref) or [root], above=True), []

    async def _places(self, ref: str) -> list[str]:
        """Where in a thread its customer speaks: posts that we know, else what they lately wrote there."""
        root, customer = parts_of(ref)
        known = [post.ref.uri for post in self._posts.memory.of(ref) if post.author == customer]
        places = [uri for uri in known if uri != root]
        if not places:
            try:
                data = await self._client.get("app.bsky.feed.getAuthorFeed", [
                    ("actor", customer), ("filter", "posts_with_replies"), ("limit", 100)])
            except Gone:
                return []
            feed: Any = data.get("feed")
            items = [item.get("post") for item in feed if isinstance(item, dict)] if isinstance(feed, list) else []
            theirs = [post for post in read(items, "post")[0] if post.author.did == customer]
            places = [post.uri for post in reversed(theirs)
                      if post.record.reply is not None and post.record.reply.root.uri == root]
        return places[:1] + places[1:][-(PLACES - 1):]

    async def tree(self, places: list[str], *, above: bool = False) -> Thread:
        """What the network shows from these posts on downwards, and above them when asked for."""
        thread = Thread({}, {}, [])
        todo, budget, first = list(places), DEEPER, set(places)
        gone: Gone | None = None
        while todo and budget and len(thread.posts) < MOST_POSTS:
            budget -= 1
            uri = todo.pop(0)
            if uri in first and uri in thread.posts:
                continue
            height = DEPTH if above and uri in first else 0
            try:
                data = await self._client.get("app.bsky.feed.getPostThread", [
                    ("uri", uri), ("depth", DEPTH), ("parentHeight", height)])
            except Gone as error:
                gone = error
                continue
            todo += self._walk(data.get("thread"), thread, above=above)
        if gone is not None and not thread.posts:
            raise gone
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
            if above and isinstance(node.get("parent"), dict):
                nodes.append({**node["parent"], "replies": []})
        return cut

    async def _removed(self, ref: str, thread: Thread) -> list[str]:
        """Posts that we knew here and that their authors have deleted."""
        lost = [post.ref.uri for post in self._posts.memory.of(ref)
                if post.ref.uri not in thread.posts and not thread.missing.get(post.ref.uri)]
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
        """The post that a reply to the whole conversation answers: the customer's last, or ours that hangs on it."""
        thread, _ = await self._view(ref)
        root, customer = parts_of(ref)
        chosen: Post | None = None
        for post in sorted(thread.posts.values(), key=dated):
            parent = post.record.reply.parent.uri if post.record.reply else ""
            theirs = post.author.did == customer and (author_of(root) == customer or self._speaks(post, thread))
            follows = post.author.did == self._posts.me and chosen is not None and parent == chosen.uri
            if post.uri != without and (theirs or follows):
                chosen = post
        return chosen


def _above(post: Post, thread: Thread) -> list[tuple[str, str]]:
    """Authors and addresses of what stands above a post, as far as it is shown, the nearest first."""
    found: list[tuple[str, str]] = []
    here: Post | None = post
    while here is not None and here.record.reply is not None and len(found) < MOST_POSTS:
        uri = here.record.reply.parent.uri
        found.append((author_of(uri), uri))
        here = thread.posts.get(uri)
    return found


def dated(post: Post) -> Millis:
    """When a post was written; 0 where nothing says so."""
    try:
        return written_at(post.record, post.indexedAt, post.uri)
    except UNREADABLE:
        return 0
