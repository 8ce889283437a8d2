"""Posts by their addresses: fetched many at a time, put into the conversation that they belong to, told to the model.

A conversation is what one customer and we say to each other in one thread: an announcement of ours with five hundred
answers is five hundred conversations, and two customers who name us below the same post are two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from agentdesk.connectors.bluesky import wire
from agentdesk.connectors.bluesky.client import Client, Pairs
from agentdesk.connectors.bluesky.known import Memory
from agentdesk.connectors.bluesky.speak import Speaker, post_url, profile
from agentdesk.connectors.bluesky.wire import Person, Post, Record, author_of
from agentdesk.connectors.foreign import reject
from agentdesk.connectors.items import one
from agentdesk.errors import Gone, Rejected
from agentdesk.model.clock import HOUR, Clock, Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Direction, Message
from agentdesk.model.page import Reject
from agentdesk.model.text import inert_line

PER_CALL = 25
PROFILE_AGE: Millis = 6 * HOUR
KNOWN_PROFILES = 5_000
MOST_ABOVE = 1_000
UNREADABLE = (msgspec.ValidationError, ValueError, RecursionError, OverflowError)
"""What reading an item that does not fit may end with."""


class Posts:
    """The posts that one account is shown."""

    def __init__(self, client: Client, clock: Clock, speaker: Speaker, memory: Memory) -> None:
        self.client = client
        self.speaker = speaker
        self.memory = memory
        self._clock = clock
        self._profiles: dict[str, Millis] = {}

    @property
    def me(self) -> str:
        """Our own account."""
        return self.speaker.me

    async def fetch(self, uris: Iterable[str]) -> dict[str, Post]:
        """These posts as they stand now; deleted and hidden ones are missing."""
        found: dict[str, Post] = {}
        wanted = list(dict.fromkeys(uri for uri in uris if wire.address(uri)))
        for start in range(0, len(wanted), PER_CALL):
            pairs: Pairs = [("uris", uri) for uri in wanted[start : start + PER_CALL]]
            data = await self.client.get("app.bsky.feed.getPosts", pairs)
            good, _ = read(data.get("posts"), "post")
            found.update((post.uri, post) for post in good)
        return found

    async def conversation(self, uri: str, reply: wire.Reply | None) -> str:
        """The conversation that a post stands in; empty while only we speak."""
        author, root = author_of(uri), reply.root.uri if reply else uri
        if author == self.me:
            author = await self._answered(reply.parent.uri) if reply else ""
        return wire.conversation_of(root, author) if author else ""

    async def _answered(self, uri: str) -> str:
        """Whom we answer with a post below ``uri``: the author nearest above who is not us; empty for nobody."""
        if author_of(uri) != self.me:
            return author_of(uri)
        known = self.memory.post(uri)
        if known is not None:
            return wire.parts_of(known.conversation)[1] if known.conversation else ""
        try:
            data = await self.client.get("app.bsky.feed.getPostThread",
                                         [("uri", uri), ("depth", 0), ("parentHeight", 100)])
        except Gone:
            return ""
        node: Any = data.get("thread")
        for _ in range(MOST_ABOVE):
            if not isinstance(node, dict):
                break
            post = node.get("post")
            author = author_of(str((post if isinstance(post, dict) else node).get("uri") or ""))
            if author and author != self.me:
                return author
            node = node.get("parent")
        return ""

    async def place(self, post: Post) -> str:
        """Find out a post's conversation and remember both."""
        conversation = await self.conversation(post.uri, post.record.reply)
        self.memory.view(post, conversation, wire.written_at(post.record, post.indexedAt, post.uri))
        return conversation

    async def profiles(self, people: Iterable[Person]) -> list[Profile]:
        """These accounts with their reach, those that were not told lately."""
        now = self._clock.now()
        named = sorted(people, key=lambda person: bool(person.handle))
        wanted = {person.did: person for person in named if person.did != self.me
                  and now - self._profiles.get(person.did, -PROFILE_AGE) >= PROFILE_AGE}
        dids = list(wanted)
        told: list[Profile] = []
        for start in range(0, len(dids), PER_CALL):
            pairs: Pairs = [("actors", did) for did in dids[start : start + PER_CALL]]
            try:
                data = await self.client.get("app.bsky.actor.getProfiles", pairs)
            except Rejected:
                data = {}  # names alone are better than no page
            items = data.get("profiles")
            for item in items if isinstance(items, list) else ():
                try:
                    person = one(item, Person)
                    if person.did in wanted:
                        told.append(profile(person))
                        wanted.pop(person.did)
                        self._profiles[person.did] = now
                except UNREADABLE:
                    continue  # told by its name below
        if len(self._profiles) > KNOWN_PROFILES:
            self._profiles.clear()
        return told + [profile(person) for person in wanted.values()]

    def heads(self, messages: Sequence[Message], shown: dict[str, Post]) -> list[RemoteConversation]:
        """The conversations that these messages stand in."""
        found: dict[str, list[Message]] = {}
        for message in messages:
            found.setdefault(message.conversation_ref, []).append(message)
        return [self.head(ref, rows, shown) for ref, rows in found.items()]

    def head(self, ref: str, messages: Sequence[Message], shown: dict[str, Post]) -> RemoteConversation:
        """One conversation as far as it is known; below a post of our own its subject is what we had posted."""
        root, customer = wire.parts_of(ref)
        theirs = [m for m in messages if m.direction is Direction.IN]
        last = theirs[-1] if theirs else None
        ours = shown.get(root) if author_of(root) == self.me else None
        return RemoteConversation(
            ref=ref,
            customer_ref=customer,
            subject=inert_line(f"on our post: {ours.record.text}" if ours else "", limit=200),
            url=post_url(theirs[0].ref if theirs else root),
            updated_at=max((m.created_at for m in messages if m.direction is not Direction.ASIDE), default=None),
            locked_reason="" if last is None or last.can_reply else self._locked(shown.get(last.ref)),
        )

    def _locked(self, post: Post | None) -> str:
        """Why nobody may answer a post, in words."""
        if post is None:
            return "It is not shown to us: deleted, or one of us has blocked the other"
        if post.author.viewer.blockedBy:
            return "They have blocked us"
        if post.author.viewer.blocking:
            return "We have blocked them: unblock them in the app first"
        return "Only some may reply here, and we are not among them" if post.viewer.replyDisabled else ""

    async def exists(self, uri: str) -> bool:
        """Whether a post's own repository still holds it; what is merely hidden does."""
        found = wire.address(uri)
        if found is None:
            return False
        try:
            await self.client.get("com.atproto.repo.getRecord", [
                ("repo", found.did), ("collection", found.collection), ("rkey", found.rkey)])
        except Gone:
            return False
        return True


def read(items: Any, where: str) -> tuple[list[Post], list[Reject]]:
    """Read posts one by one; those that do not fit are set aside."""
    good: list[Post] = []
    bad: list[Reject] = []
    for item in items if isinstance(items, list) else ():
        try:
            good.append(wire.post(item))
        except UNREADABLE as error:
            bad.append(unreadable(item, where, error))
    return good, bad


def unreadable(item: Any, where: str, error: Exception) -> Reject:
    """An item that does not fit."""
    uri = item.get("uri") if isinstance(item, dict) else None
    return reject(f"{where} {uri if isinstance(uri, str) else '?'}", str(error), item)


def as_record(value: Any) -> Record:
    """Read a post's record alone."""
    return one(value, Record)
