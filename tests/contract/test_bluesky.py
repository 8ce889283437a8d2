"""The fake network keeps the connector to the contract."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from agentdesk.config.sources import BlueskySource
from agentdesk.connectors.bluesky.connector import BlueskyConnector
from agentdesk.connectors.http import Http
from agentdesk.model.clock import SECOND, ManualClock, Millis
from agentdesk.model.outgoing import Verb
from tests.contract.suite import Ahead, ConnectorContract, LineWorld
from tests.fakes.bluesky import POST, FakeBluesky, Row
from tests.fakes.hosts import hold
from tests.fakes.wire import Line

BASE = "https://pds.example"
PASSWORD = "good-pass-word-1"


class BlueskyWorld(LineWorld):
    """The fake network as customers and colleagues move it."""

    sends = (("", "putRecord"), ("", "sendMessage"))
    lists = ("listNotifications|listRecords|getLog|listConvos|getMessages|getPosts|getProfiles",
             "getMessages|getPosts|getProfiles")

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.net = FakeBluesky(clock)
        self.net.lag = 3 * SECOND
        self.line = Line(self.net.handle)
        self.jane = self.net.account("jane.example", "Jane Doe")
        self.connector = self.connect()

    def connect(self, **config: object) -> BlueskyConnector:
        """A connector for the account."""
        settings: dict[str, object] = {"name": "acme", "handle": "acme.example", "url": BASE, **config}
        http = Http(f"{BASE}/xrpc", clock=self.clock, name="bluesky:acme", transport=self.line.transport())
        return BlueskyConnector(
            BlueskySource(**settings), self.clock, lambda: PASSWORD, http)  # type: ignore[arg-type]

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        if thread.startswith("chat:"):
            self.net.chat.write(self.jane.did, self.net.me.did, text)
            return thread
        if thread:
            self._say(self.jane, text, self._last(thread))
            return thread
        return self._say(self.jane, text, None).uri

    def _say(self, who: object, text: str, reply: Row | None) -> Row:
        """A post whose mark covers nothing, so that its text is exactly what was asked for."""
        mark = {"index": {"byteStart": 0, "byteEnd": 0},
                "features": [{"$type": "app.bsky.richtext.facet#mention", "did": self.net.me.did}]}
        return self.net.post(who, text, reply=reply, facets=[mark])  # type: ignore[arg-type]

    def _last(self, thread: str) -> Row:
        rows = [row for row in self.net.rows.values()
                if row.uri == thread or row.value.get("reply", {}).get("root", {}).get("uri") == thread]
        return rows[-1]

    async def colleague_answers(self, thread: str, text: str) -> None:
        self.net.post(self.net.me, text, reply=self._last(thread))

    async def copies(self, text: str) -> int:
        return len(self.net.posts(self.net.me.did, text))

    async def reactions(self, verb: Verb, ref: str) -> int:
        kind = {Verb.LIKE: "app.bsky.feed.like", Verb.BOOST: "app.bsky.feed.repost"}[verb]
        return sum(row.uri.startswith(f"at://{self.net.me.did}/{kind}/") and row.value["subject"]["uri"] == ref
                   for row in self.net.rows.values())

    async def files(self, text: str) -> list[tuple[bytes, str]]:
        (post,) = self.net.posts(self.net.me.did, text)
        return [(self.net.blobs[image["image"]["ref"]["$link"]][1], image["alt"])
                for image in post.value["embed"]["images"]]

    async def customer_sends_file(self, text: str) -> tuple[str, bytes]:
        image = {"alt": "", "image": {"$type": "blob", "ref": {"$link": "bafkreiphoto"}, "mimeType": "image/jpeg",
                                      "size": 7}}
        post = self.net.post(self.jane, text, mention=[self.net.me],
                             embed={"$type": "app.bsky.embed.images", "images": [image]})
        return post.uri, hold(self.line, "cdn.bsky.app/bafkreiphoto", b"picture")

    async def privately(self, text: str) -> int:
        return sum(message["text"] == text and message["sender"]["did"] == self.net.me.did
                   for convo in self.net.chat.convos.values() for message in convo.messages)

    async def restart(self) -> None:
        await self.connector.close()
        self.connector = self.connect()

    async def hostile(self, text: str) -> None:
        small = text[:3_000]
        mallory = self.net.account("mallory.example", small, bio=small)
        quoted = self.net.post(self.net.me, small)
        link = {"index": {"byteStart": 0, "byteEnd": len(small.encode("utf-8", "surrogatepass"))},
                "features": [{"$type": "app.bsky.richtext.facet#link", "uri": small}]}
        marked = [{"index": {"byteStart": 0, "byteEnd": 0},
                   "features": [{"$type": "app.bsky.richtext.facet#mention", "did": self.net.me.did}]}]
        root = self.net.post(mallory, text, facets=[*marked, link], langs=[small], tags=[small])
        self.net.post(mallory, text, reply=root, facets=[*marked], embed={
            "$type": "app.bsky.embed.external",
            "external": {"uri": small, "title": small, "description": small}})
        self.net.post(mallory, text, reply=root, facets=[*marked], embed={
            "$type": "app.bsky.embed.images",
            "images": [{"alt": small, "image": {"ref": {"$link": small}, "mimeType": small, "size": 1}}]})
        self.net.post(mallory, text, facets=[*marked], quote=quoted)
        mallory.handle = small or "x"
        self.net.chat.write(mallory.did, self.net.me.did, text, facets=[link])

    async def garbage(self) -> None:
        self.net.nonsense = "a notification that is none"
        uri = f"at://{self.jane.did}/{POST}/{self.net.key()}"
        self.net.raw_notifications.append({"uri": uri, "cid": 7, "reason": "mention", "record": {"text": []},
                                           "author": None, "indexedAt": "2026-01-01T00:00:00.000Z"})

    async def gap(self) -> None:
        """More notifications at once than are read."""
        self.connector._reader.pages = 1
        spam = self.net.account("spam.example", "Spam")
        for number in range(220):
            self.clock.advance(SECOND)
            self._say(spam, f"spam {number}", None)

    async def delete_thread(self, thread: str) -> None:
        self.net.rows.pop(thread, None)

    def clock_off(self, by: Millis) -> None:
        self.line.clock = self.net.clock = Ahead(self.clock, by)

    def expire_token(self) -> None:
        self.net.revoke()


class TestBluesky(ConnectorContract):
    """Posts through an account whose app password allows direct messages."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[BlueskyWorld]:
        world = BlueskyWorld(clock)
        yield world
        await world.connector.close()


class ChatWorld(BlueskyWorld):
    """The same network, with customers who write in private."""

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        if not thread:
            number = len(self.net.accounts)
            self.jane = self.net.account(f"jane{number}.example", "Jane Doe")
        return "chat:" + self.net.chat.write(self._who(thread), self.net.me.did, text)

    def _who(self, thread: str) -> str:
        convo = self.net.chat.convos.get(thread.removeprefix("chat:"))
        return next(did for did in convo.members if did != self.net.me.did) if convo else self.jane.did

    async def colleague_answers(self, thread: str, text: str) -> None:
        self.net.chat.add(self.net.chat.convos[thread.removeprefix("chat:")], self.net.me.did, text)

    async def copies(self, text: str) -> int:
        return await self.privately(text)

    async def garbage(self) -> None:
        self.net.nonsense = "a message that is none"
        convo = next(iter(self.net.chat.convos.values()))
        message = self.net.chat.add(convo, self.jane.did, "broken")
        message |= {"sentAt": [], "sender": 7}

    async def gap(self) -> None:
        pytest.skip("the log loses nothing")

    async def delete_thread(self, thread: str) -> None:
        self.net.chat.convos.pop(thread.removeprefix("chat:"), None)


class TestBlueskyChat(ConnectorContract):
    """Direct messages alone: none of this is there for them."""

    test_liking_and_boosting_can_be_repeated_and_taken_back = None  # type: ignore[assignment]
    test_a_deletion_takes_our_words_away_and_only_those = None  # type: ignore[assignment]
    test_a_file_goes_along_with_what_it_shows = None  # type: ignore[assignment]
    test_searching_brings_what_holds_the_words = None  # type: ignore[assignment]
    test_a_customers_file_is_fetched_and_never_beyond_the_limit = None  # type: ignore[assignment]

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[ChatWorld]:
        world = ChatWorld(clock)
        yield world
        await world.connector.close()


def test_what_is_frozen_is_the_whole_record(clock: ManualClock) -> None:
    from agentdesk.testing.world import reply

    world = BlueskyWorld(clock)
    frozen = json.loads(world.connector.freeze(reply(f"at://did:plc:abc/{POST}/3mbd354p5fmeb", "see https://a.example")))
    assert frozen["record"]["createdAt"] == "2026-01-01T00:00:00.000Z"
    assert frozen["record"]["facets"][0]["index"] == {"byteStart": 4, "byteEnd": 21}
    assert len(frozen["rkey"]) == 13
