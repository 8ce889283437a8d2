"""The fake servers of the Mastodon family keep the connector to the contract, without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentdesk.config.sources import MastodonSource
from agentdesk.connectors.http import Http
from agentdesk.connectors.mastodon.connector import MastodonConnector
from agentdesk.errors import Ambiguous
from agentdesk.model.clock import ManualClock, Millis
from agentdesk.model.outgoing import OutKind, Unsure, Verb
from tests.contract.suite import Ahead, ConnectorContract, LineWorld, skip
from tests.fakes.hosts import sent_in_forms
from tests.fakes.mastodon import DOMAIN, FakeMastodon, Person
from tests.fakes.wire import Fault, Line

BASE = f"https://{DOMAIN}"


class MastodonWorld(LineWorld):
    """A fake server as customers and colleagues move it."""

    lists = (r"/(notifications|statuses|context)$|/timelines/", r"/context$")

    def __init__(self, clock: ManualClock, software: str = "mastodon") -> None:
        self.clock = clock
        self.far = FakeMastodon(clock, software)
        self.jane = self.far.person("jane", "far.example", "Jane Doe")
        self.line = Line(self.far.handle)
        self.roots: dict[str, str] = {}
        self.connector = self.connect()

    def connect(self, **config: object) -> MastodonConnector:
        """A connector for the account."""
        settings: dict[str, object] = {"name": "acme", "url": BASE, **config}
        http = Http(BASE, clock=self.clock, name="mastodon:acme", transport=self.line.transport(),
                    headers=lambda: {"Authorization": "Bearer token-acme-0123456789"})
        return MastodonConnector(MastodonSource(**settings), self.clock, lambda: "token-acme-0123456789",  # type: ignore[arg-type]
                                 http)

    def says(self, text: str, *, thread: str = "", who: Person | None = None, visibility: str = "public") -> str:
        """A customer names us; returns the conversation."""
        who = who or self.jane
        post = self.far.post(who, f"@acme {text}", to=self.roots.get(thread, ""), visibility=visibility)
        conversation = thread or f"{post.id}/{who.id}"
        self.roots[conversation] = post.id
        return conversation

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        return self.says(text, thread=thread)

    async def colleague_answers(self, thread: str, text: str) -> None:
        self.far.post(self.far.us, f"@jane@far.example {text}", to=self.roots[thread])

    async def copies(self, text: str) -> int:
        return self.far.copies(text)

    async def reactions(self, verb: Verb, ref: str) -> int:
        return ((self.far.us.id, ref) in {Verb.LIKE: self.far.liked, Verb.BOOST: self.far.boosted}[verb]) + 0

    async def customer_waits(self, text: str) -> str:
        if self.far.software != "gotosocial":
            return await super().customer_waits(text)
        ours = self.far.post(self.far.us, "News from Acme")
        self.far.asks_first = True
        post = self.far.post(self.jane, f"@acme {text}", to=ours.id)
        return f"{ours.id}/{self.jane.id}" if post.pending else ""

    async def seen_by_all(self, text: str) -> bool:
        return any(text in post.text and not post.pending for post in self.far.posts.values())

    async def files(self, text: str) -> list[tuple[bytes, str]]:
        (post,) = [post for post in self.far.posts.values() if post.author == self.far.us.id and text in post.text]
        sent = sent_in_forms(self.line.seen, "/media")
        return list(zip(sent, [self.far.media[ref]["description"] for ref in post.media], strict=True))

    async def customer_sends_file(self, text: str) -> tuple[str, bytes]:
        self.far.media["x"] = {"id": "x", "type": "image", "url": "https://cdn.example/x.png", "description": None}
        post = self.far.post(self.jane, f"@acme {text}", media=["x"])
        return f"{post.id}/{self.jane.id}", b"a picture"

    async def restart(self) -> None:
        await self.connector.close()
        self.connector = self.connect()

    async def hostile(self, text: str) -> None:
        small = text[:5_000]
        self.far.nonsense = "a kind of file that is none"
        eve = self.far.person("eve", "evil.example", small)
        eve.note = f"<p>{text}</p>"
        eve.fields = [{"name": small, "value": small, "verified_at": "2026-01-01T00:00:00Z"}]
        number = self.far.new_id()
        self.far.media[number] = {"id": number, "type": small, "url": f"https://cdn.example/{small}",
                                  "description": text}
        post = self.far.post(eve, "@acme " + text, media=[number], spoiler=small, language=small,
                             poll={"options": [{"title": small}]}, url=f"https://evil.example/{small}")
        self.far.post(eve, "@acme x", content=f"<p>{text}</p><a href='{small}'>{small}</a>", to=post.id)

    async def garbage(self) -> None:
        self.far.nonsense = "a notification that is none"
        post = self.far.post(self.jane, "x")
        self.far.ring("mention", post, broken=True)

    async def gap(self) -> None:
        """Another database: notifications count from the beginning again."""
        if self.far.software == "gotosocial":
            skip("ids made of the time go on in any database")
        self.far.bells.clear()
        self.far.rung = 33
        self.far.posts.clear()
        self.clock.advance(5_000)
        await self.restart()

    async def delete_thread(self, thread: str) -> None:
        root = thread.partition("/")[0]
        for ref in [root, *[post.id for post in self.far.posts.values() if post.author == self.jane.id]]:
            self.far.delete(ref)

    def clock_off(self, by: Millis) -> None:
        self.line.clock = self.far.clock = Ahead(self.clock, by)

    def expire_token(self) -> None:
        self.far.us.token = ""


class TestMastodon(ConnectorContract):
    """Mastodon itself."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[MastodonWorld]:
        world = MastodonWorld(clock)
        yield world
        await world.connector.close()


class TestGoToSocial(ConnectorContract):
    """GoToSocial: no keys, other ids."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[MastodonWorld]:
        world = MastodonWorld(clock, "gotosocial")
        yield world
        await world.connector.close()


class TestSnac(ConnectorContract):
    """snac: listings without an end or a way forward, and one id for everybody who is named."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[MastodonWorld]:
        world = MastodonWorld(clock, "snac")
        yield world
        await world.connector.close()

    async def verdict_on_a_private_message(self, world: MastodonWorld, fault: str) -> object:
        out = await self.beginning(world, OutKind.DM, "Did this land?")
        started = world.clock.now()
        world.line.faults.append(Fault(fault, method="POST"))
        with pytest.raises(Ambiguous):
            await world.connector.send(out)
        self.later(world)
        return await world.connector.reconcile(out, started)

    @pytest.mark.parametrize("kind", [OutKind.DM])
    async def test_what_began_is_found_again_when_the_answer_is_lost(  # type: ignore[override]
        self, world: MastodonWorld, kind: OutKind
    ) -> None:
        """It lists public posts only: whether a private one is there nobody can tell, so a person must."""
        assert isinstance(await self.verdict_on_a_private_message(world, "cut"), Unsure)

    @pytest.mark.parametrize("kind", [OutKind.DM])
    async def test_what_did_not_begin_is_absent_and_can_be_tried_again(  # type: ignore[override]
        self, world: MastodonWorld, kind: OutKind
    ) -> None:
        assert isinstance(await self.verdict_on_a_private_message(world, "lose"), Unsure)

    async def test_another_beginning_is_not_taken_for_ours(self, world: MastodonWorld) -> None:  # type: ignore[override]
        first = await self.beginning(world, OutKind.DM, "The first one", "begin-1")
        second = await self.beginning(world, OutKind.DM, "The second one", "begin-2")
        started = world.clock.now()
        await world.connector.send(first)
        self.later(world)
        assert isinstance(await world.connector.reconcile(second, started), Unsure)
