"""Feeds keep the part of the contract that can be kept without an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentdesk.config.sources import RssSource
from agentdesk.connectors.rss.connector import RssConnector
from agentdesk.model.clock import ManualClock
from agentdesk.testing.suite import ConnectorContract, Held, World, skip
from tests.fakes.rss import FakeHosts
from tests.fakes.wire import Fault, Line

FEED = "https://news.example/feed.xml"


class RssWorld(World):
    """One feed that people publish in."""

    def __init__(self, clock: ManualClock, kind: str) -> None:
        self.clock = clock
        self.hosts = FakeHosts(clock)
        self.feed = self.hosts.add(FEED, kind=kind, size=60)
        self.line = Line(self.hosts.handle)
        self.connector = self.connect()

    def connect(self) -> RssConnector:
        return RssConnector(RssSource(name="news", feeds=(FEED,)), self.clock, self.line.transport())

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        if thread:
            skip("an entry has no thread")
        return self.hosts.post(self.feed, text).id

    async def copies(self, text: str) -> int:
        return 0

    async def restart(self) -> None:
        await self.connector.close()
        self.connector = self.connect()

    async def hostile(self, text: str) -> None:
        small = "".join(c for c in text[:3_000] if c.isprintable() or c in "\n\t")
        self.hosts.post(self.feed, small + "AAA", title=small[:200], author=small[:200], link=f"https://x.example/{small[:50]}",
                        id=small[:250])
        self.hosts.post(self.feed, "", raw=(
            f"<item><title>AAA {text[:500]}</title>"
            f"<description><![CDATA[<p>{text[:2_000]}</p>]]></description></item>"))

    async def garbage(self) -> None:
        self.hosts.post(self.feed, "", raw="<item><pubDate>yesterday</pubDate><nonsense/></item>" if
                        self.feed.kind == "rss" else "<entry><updated>yesterday</updated></entry>")

    async def gap(self) -> None:
        self.feed.items.clear()

    async def delete_thread(self, thread: str) -> None:
        self.feed.items = [item for item in self.feed.items if item.id != thread]

    def hold_back(self, what: Held) -> None:
        if what == "messages":
            skip("there is one list only")
        self.feed.empty = bool(what)

    def rate_limit(self, headers: dict[str, str], body: bytes) -> None:
        self.line.faults.append(Fault("status", status=429, headers=headers, body=body))


class TestRss(ConnectorContract):
    """RSS 2.0 and Atom."""

    @pytest.fixture(params=["rss", "atom"])
    async def world(self, clock: ManualClock, request: pytest.FixtureRequest) -> AsyncIterator[RssWorld]:
        world = RssWorld(clock, request.param)
        yield world
        await world.connector.close()
