"""The fake RT keeps the connector to the contract, without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentdesk.config.sources import RtSource
from agentdesk.connectors.http import Http
from agentdesk.connectors.rt.connector import RtConnector
from agentdesk.model.clock import ManualClock, Millis
from tests.contract.suite import Ahead, ConnectorContract, LineWorld
from tests.fakes.rt import FakeRt
from tests.fakes.wire import Line

BASE = "https://rt.example"


class RtWorld(LineWorld):
    """A fake RT as customers and colleagues move it."""

    lists = (r"/(tickets|transactions|history|attachments)$", r"/(tickets|attachments)$")
    searched = "Jane Doe"

    def __init__(self, clock: ManualClock, *, keyed: bool = True) -> None:
        self.clock = clock
        self.rt = FakeRt(clock)
        self.rt.key_field = keyed
        self.line = Line(self.rt.handle)
        self.keyed = keyed
        self.connector = self.connect()

    def connect(self, who: str = "agent1", **config: object) -> RtConnector:
        """A connector for one agent."""
        settings: dict[str, object] = {
            "name": "support", "url": BASE, "queues": ("Support",), "tags_field": "Tags",
            "client_id_field": "External ID" if self.keyed else "", **config,
        }
        token = self.rt.users[who].token
        http = Http(f"{BASE}/REST/2.0", clock=self.clock, name="rt:support", transport=self.line.transport(),
                    headers=lambda: {"Authorization": f"token {token}"})
        return RtConnector(RtSource(**settings), self.clock, lambda: token, http)  # type: ignore[arg-type]

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        return str(self.rt.mail("jane@example.test", text, ticket=int(thread or 0), real="Jane Doe"))

    async def colleague_answers(self, thread: str, text: str) -> None:
        self.rt.write("agent2", int(thread), text)

    async def copies(self, text: str) -> int:
        return self.rt.copies(text)

    async def customer_sends_file(self, text: str) -> tuple[str, bytes]:
        number = self.rt.mail("jane@example.test", text, files=[("photo.jpg", "image/jpeg")])
        self.rt.parts[-1].content, self.rt.parts[-1].size = "the photo", None
        return str(number), b"the photo"

    async def files(self, text: str) -> list[tuple[bytes, str]]:
        (row,) = {part.row for part in self.rt.parts if text in part.content and not part.name}
        return [(part.content.encode(), "") for part in self.rt.parts if part.row == row and part.name]

    async def tickets(self, text: str) -> int:
        return len(self.rt.opened(text))

    async def notes(self, text: str) -> int:
        return self.rt.copies(text, "Comment")

    async def restart(self) -> None:
        await self.connector.close()
        self.connector = self.connect()

    async def hostile(self, text: str) -> None:
        small = text[:5_000]
        number = self.rt.mail(
            "jane@example.test", text, subject=small, real=small, files=[(small, small), (small, "image/png")]
        )
        self.rt.tickets[number].tags = [small]
        html = f"<p>{text}</p><a href='{small}'>{small}</a>"
        self.rt.mail("jane@example.test", html, ticket=number, mime="text/html")
        self.rt.tickets[number].status = small
        self.rt.row("Set", number, small, field=small, old=small, new=small, key=small)
        self.rt.write(small, number, text, "Comment", key=small)

    async def garbage(self) -> None:
        self.rt.row("Correspond", 1, "jane@example.test", broken=True)

    async def gap(self) -> None:
        """Another database: ids begin again."""
        self.rt.tickets.clear()
        self.rt.rows.clear()
        self.rt._next_row = 10
        await self.restart()

    async def colleague_claims(self, thread: str) -> str:
        self.rt.give(int(thread), "agent2")
        return "agent2"

    async def delete_thread(self, thread: str) -> None:
        del self.rt.tickets[int(thread)]
        self.rt.rows = [row for row in self.rt.rows if row.ticket != int(thread)]

    async def merge(self, old: str, new: str) -> None:
        self.rt.merge(int(old), int(new))

    def clock_off(self, by: Millis) -> None:
        self.line.clock = self.rt.clock = Ahead(self.clock, by)

    def expire_token(self) -> None:
        for user in self.rt.users.values():
            user.token = ""


class TestRtWithClientIds(ConnectorContract):
    """RT with the transaction field that holds our ids."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[RtWorld]:
        world = RtWorld(clock)
        yield world
        await world.connector.close()


class TestRtWithoutClientIds(ConnectorContract):
    """RT as it comes: replies are recognised by their text."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[RtWorld]:
        world = RtWorld(clock, keyed=False)
        yield world
        await world.connector.close()
