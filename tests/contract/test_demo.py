"""The demo's three sources keep the contract, on a world without a story of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import msgspec
import pytest

from agentdesk.connectors.demo import connector as demo_connector
from agentdesk.connectors.demo.connector import DemoConnector
from agentdesk.connectors.demo.content import Content, Event, Home, Outage, Person, Post, Talk, load
from agentdesk.connectors.demo.shelf import content
from agentdesk.connectors.demo.state import StateFile, WorldState
from agentdesk.connectors.demo.story import Trouble
from agentdesk.connectors.demo.world import DemoWorld, begin
from agentdesk.model.clock import MINUTE, ManualClock
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import Verb
from agentdesk.model.page import RemoteCanned
from tests.contract.suite import ConnectorContract, World

Place = Literal["mastodon", "bluesky", "helpdesk"]


def quiet(content: Content) -> Content:
    """The content without anybody in it and with nothing that ever happens."""
    return msgspec.structs.replace(
        content, people={}, talks={}, opening=(),
        events=tuple(Event(id=f"nothing-{number}", talk="nowhere") for number in range(100)))


class DemoSide(World):
    """One server of the demo, moved by hand."""

    def __init__(self, place: Place, content: Content, clock: ManualClock, patch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.content = content
        self.clock = clock
        self.patch = patch
        self.number = 0
        self._go_on(begin(content, clock.now(), 1))

    def _go_on(self, state: WorldState) -> None:
        self.world = DemoWorld(self.content, state, StateFile(None), self.clock)
        self.connector = DemoConnector(self.world, self.place)

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        if thread:
            self.world.stage.say(self.world.servers[self.place], thread, Post(text=text), self.clock.now())
            return thread
        self.number += 1
        return self._begin(Person(name="Jane", on={self.place: Home(handle="@jane")}), text)

    def _begin(self, person: Person, text: str, **more: object) -> str:
        talk = Talk(id=f"t-{self.number}", who=f"jane-{self.number}", topic="late", source=self.place,
                    posts=(Post(text=text),))
        talk = msgspec.structs.replace(talk, **more)
        self.world.stage.begin(talk, talk.who, person, self.clock.now())
        return talk.id

    async def colleague_answers(self, thread: str, text: str) -> None:
        self.world.stage.say(self.world.servers[self.place], thread, Post(text=text, by="sam"), self.clock.now())

    def _copies(self, text: str, direction: Direction) -> int:
        kept = self.world.servers[self.place].kept
        return sum(m.text == text and m.direction is direction for m in kept.messages.values())

    async def copies(self, text: str) -> int:
        return self._copies(text, Direction.OUT)

    async def notes(self, text: str) -> int:
        return self._copies(text, Direction.NOTE)

    async def reactions(self, verb: Verb, ref: str) -> int:
        return self.world.servers[self.place].kept.likes.count(f"{verb}:{ref}")

    async def customer_sends_file(self, text: str) -> tuple[str, bytes]:
        self.number += 1
        who = Person(name="Jane", on={self.place: Home(handle="@jane")})
        ref = self._begin(who, text, posts=(Post(text=text, files=("photo.jpg 2 kB | The doorstep",)),))
        kept = self.world.servers[self.place].kept.messages.values()
        (file,) = [file for message in kept for file in message.attachments]
        return ref, content(kept, file.url)

    async def holds(self, name: str, text: str) -> None:
        mine = RemoteCanned(ref="99", name=name, title=name.title(), text=text)
        self.patch.setattr(demo_connector, "CANNED", (*demo_connector.CANNED, mine))

    async def tickets(self, text: str) -> int:
        return self._copies(text, Direction.NOTE)

    async def restart(self) -> None:
        self._go_on(msgspec.json.decode(msgspec.json.encode(self.world.state), type=WorldState))

    async def hostile(self, text: str) -> None:
        self.number += 1
        home = Home(handle=text, bio=text, mail=text, phone=text)
        self._begin(Person(name=text, on={self.place: home}), text, subject=text, tags=(text,))

    async def gap(self) -> None:
        self.world.state.started_at += 1
        await self.restart()

    async def colleague_claims(self, thread: str) -> str:
        assert self.world.stage.play(Event(id="x", talk=thread, claim="noor", always=True), self.clock.now())
        return "Noor"

    async def delete_thread(self, thread: str) -> None:
        del self.world.servers[self.place].kept.conversations[thread]

    def unreachable(self) -> None:
        words = Outage(source=self.place, title="It is out", cause="It is", remedy="Wait")
        now = self.world.state.elapsed
        troubles = [Trouble(now, now + MINUTE, words, False)]
        self.patch.setattr(self.world, "trouble", lambda place: troubles.pop() if troubles else None)

    def lose_answer(self) -> None:
        self.patch.setattr(self.world.story, "loses_answer", lambda number: number == self.world.state.sends)


class DemoContract(ConnectorContract):
    """What all three have in common."""

    place: Place

    @pytest.fixture
    async def world(self, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DemoSide]:
        side = DemoSide(self.place, quiet(load()), clock, monkeypatch)
        yield side
        await side.connector.close()


class TestMastodonLike(DemoContract):
    """A network that keeps our key."""

    place: Place = "mastodon"


class TestBlueskyLike(DemoContract):
    """A network whose record keys we choose."""

    place: Place = "bluesky"


class TestHelpDesk(DemoContract):
    """A help desk that can only be asked by text."""

    place: Place = "helpdesk"

    @pytest.fixture
    async def world(self, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DemoSide]:
        side = DemoSide(self.place, quiet(load()), clock, monkeypatch)
        side.searched = "jane"
        yield side
        await side.connector.close()
