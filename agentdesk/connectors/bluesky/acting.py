"""Likes, reposts, follows and deletions: records in our own repository; doing one twice changes nothing more."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from agentdesk.connectors.bluesky import wire
from agentdesk.connectors.bluesky.posts import Posts
from agentdesk.connectors.bluesky.speak import CHAT
from agentdesk.connectors.bluesky.wire import FOLLOW, LIKE, POST, REPOST, Person, author_of
from agentdesk.connectors.items import iso, one
from agentdesk.errors import Gone, Rejected
from agentdesk.model.clock import MINUTE, Clock, Millis
from agentdesk.model.outgoing import Action, Verb

OFF = "off"
KNOWN = 1_000
FRESH: Millis = 2 * MINUTE
"""So long our own memory is believed before the network's."""
LOOKED_THROUGH = 3
"""Pages of our own records that are looked through for one that the network does not show yet."""
WORDS = {
    Verb.EDIT: ("posts cannot be changed there", "Delete it and write it anew"),
    Verb.MARK_READ: ("reading is not told to the server", "It would mark everything read for your colleagues too"),
}


class Actor:
    """Carries out one account's actions."""

    def __init__(self, posts: Posts, clock: Clock) -> None:
        self._posts = posts
        self._client = posts.client
        self._clock = clock
        self._made: OrderedDict[tuple[str, str], tuple[str, Millis]] = OrderedDict()
        """What we did lately and the network may not show yet: the record's key, empty when it was taken back."""

    async def act(self, action: Action) -> None:
        """Do one repeatable thing."""
        name = self._client.name
        match action.verb:
            case Verb.LIKE | Verb.BOOST:
                await self._mark(action, LIKE if action.verb is Verb.LIKE else REPOST)
            case Verb.FOLLOW:
                await self._follow(action)
            case Verb.DELETE:
                await self._delete(action.message_ref)
            case _:
                why, remedy = WORDS.get(action.verb, ("Bluesky knows no such thing", "It is kept on this desk only"))
                raise Rejected(f"{name}: {why}", f"{action.verb.value} cannot be done there", remedy)

    async def _mark(self, action: Action, collection: str) -> None:
        """Like or repost one post, or take that back."""
        uri = wire.plain_uri(action.message_ref or action.conversation_ref)
        if wire.address(uri) is None:
            raise Rejected(f"{self._client.name}: only posts can be liked or reposted",
                           remedy="Choose a post in public")
        post = (await self._posts.fetch([uri])).get(uri)
        if post is None and action.value != OFF:
            raise Gone(f"{self._client.name}: the post is not there any more",
                       "It was deleted, or it is hidden from us")
        standing = (post.viewer.like if collection == LIKE else post.viewer.repost) if post else ""
        subject = {"uri": uri, "cid": post.cid} if post else {"uri": uri}
        await self._set(collection, uri, subject, standing, on=action.value != OFF)

    async def _follow(self, action: Action) -> None:
        did = action.customer_ref or wire.parts_of(action.conversation_ref)[1]
        if not wire.is_did(did):
            raise Rejected(f"{self._client.name}: nobody is named to follow", remedy="Choose a customer's post")
        person = one(await self._client.get("app.bsky.actor.getProfile", [("actor", did)]), Person)
        if person.did == self._posts.me:
            raise Rejected(f"{self._client.name}: that is our own account", remedy="Choose a customer's post")
        await self._set(FOLLOW, did, did, person.viewer.following, on=action.value != OFF)

    async def _set(self, collection: str, key: str, subject: Any, standing: str, *, on: bool) -> None:
        """Make a record about ``subject`` or take it back, unless it is so already."""
        rkey, at = self._made.get((collection, key), ("", -FRESH))
        if not 0 <= self._clock.now() - at < FRESH:
            rkey = standing.rpartition("/")[2] if author_of(standing) == self._posts.me else ""
        if not rkey:
            rkey = await self._find(collection, key)
        if on and not rkey:
            record = {"$type": collection, "subject": subject, "createdAt": iso(self._clock.now())}
            body = {"repo": self._posts.me, "collection": collection, "record": record}
            # A second one about the same replaces the first, so that a lost answer does no harm.
            data = await self._client.post("com.atproto.repo.createRecord", body, safe=True)
            self._remember(collection, key, str(data.get("uri") or "").rpartition("/")[2])
        elif not on and rkey:
            await self._remove(collection, rkey)
            self._remember(collection, key, "")

    async def _find(self, collection: str, key: str) -> str:
        """Look for a record about ``key`` among our newest: the network is slower than our own repository."""
        pairs: list[tuple[str, str | int]] = [("repo", self._posts.me), ("collection", collection), ("limit", 100)]
        async for items in self._client.pages("com.atproto.repo.listRecords", pairs, "records", LOOKED_THROUGH):
            for item in items:
                value = item.get("value") if isinstance(item, dict) else None
                subject = value.get("subject") if isinstance(value, dict) else None
                if key in (subject, subject.get("uri") if isinstance(subject, dict) else None):
                    return str(item.get("uri") or "").rpartition("/")[2]
        return ""

    async def _delete(self, ref: str) -> None:
        """Delete a post of our own."""
        name = self._client.name
        if ref.startswith(CHAT):
            raise Rejected(f"{name}: direct messages stay with the other side", "They can be hidden for us alone",
                           "Write another one that sets it right")
        found = wire.address(wire.plain_uri(ref))
        if found is None or found.did != self._posts.me or found.collection != POST:
            raise Rejected(f"{name}: only our own posts can be deleted", remedy="Choose one of our own")
        await self._remove(POST, found.rkey)
        self._posts.memory.forget(wire.plain_uri(ref))

    async def _remove(self, collection: str, rkey: str) -> None:
        body = {"repo": self._posts.me, "collection": collection, "rkey": rkey}
        await self._client.post("com.atproto.repo.deleteRecord", body, safe=True)

    def _remember(self, collection: str, key: str, rkey: str) -> None:
        self._made[collection, key] = rkey, self._clock.now()
        while len(self._made) > KNOWN:
            self._made.popitem(last=False)
