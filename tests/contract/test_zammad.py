"""The fake Zammad keeps the connector to the contract, without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from agentdesk.config.sources import ZammadSource
from agentdesk.connectors.http import Http
from agentdesk.connectors.zammad.connector import ZammadConnector
from agentdesk.model.clock import SECOND, ManualClock, Millis
from agentdesk.testing.suite import Ahead, ConnectorContract, LineWorld
from agentdesk.testing.wire import Fault, Line
from tests.fakes.zammad import FakeZammad

BASE = "https://zammad.example"
JANE = "jane@example.test"


class Wire(Line):
    """A line whose faults of writing do not meet the search, which is a POST too."""

    def _fault(self, request: httpx.Request) -> Fault | None:
        if request.method == "POST" and request.url.path.endswith("/search"):
            waiting, self.faults = self.faults, [fault for fault in self.faults if fault.method != "POST"]
            found = super()._fault(request)
            self.faults = waiting
            return found
        return super()._fault(request)


class ZammadWorld(LineWorld):
    """A fake Zammad as customers and colleagues move it."""

    sends = (("POST", "/ticket"),)
    lists = (r"/tickets/search$|/by_ticket/|/tags$", r"/by_ticket/")

    def __init__(self, clock: ManualClock, *, exact: bool = True) -> None:
        self.clock = clock
        self.zammad = FakeZammad(clock)
        self.zammad.conditions = exact
        self.line = Wire(self.zammad.handle)
        self.connector = self.connect()

    def connect(self, who: str = "agent1@desk.example", **config: object) -> ZammadConnector:
        """A connector for one agent."""
        token = self.zammad.user(who).token
        settings: dict[str, object] = {"name": "desk", "url": BASE, "ticket_group": "Users", **config}
        http = Http(f"{BASE}/api/v1", clock=self.clock, name="zammad:desk", transport=self.line.transport(),
                    headers=lambda: {"Authorization": f"Token token={token}"})
        return ZammadConnector(ZammadSource(**settings), self.clock, lambda: token, http)  # type: ignore[arg-type]

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        return str(self.zammad.write(JANE, text, ticket=int(thread or 0), name="Jane Doe", content_type="text/plain"))

    async def colleague_answers(self, thread: str, text: str) -> None:
        self.zammad.add(int(thread), self.zammad.agent2.id, text)

    async def copies(self, text: str) -> int:
        return self.zammad.copies(text)

    async def notes(self, text: str) -> int:
        return self.zammad.copies(text, internal=True)

    async def files(self, text: str) -> list[tuple[bytes, str]]:
        (article,) = [article for article in self.zammad.articles if text in article.body]
        return [(file["data"], "") for file in article.files]

    async def customer_sends_file(self, text: str) -> tuple[str, bytes]:
        content = b"the photo"
        file = {"filename": "photo.jpg", "mime": "image/jpeg", "size": len(content), "data": content}
        return str(self.zammad.write(JANE, text, files=[file])), content

    async def holds(self, name: str, text: str) -> None:
        self.zammad.text_modules = [{"id": 1, "name": name, "keywords": name, "active": True, "content": text}]

    async def tickets(self, text: str) -> int:
        opened = {a.ticket for a in self.zammad.articles if a.body == text and a.internal}
        return sum(self.zammad.tickets[number].by == self.zammad.agent1.id for number in opened)

    async def restart(self) -> None:
        await self.connector.close()
        self.connector = self.connect()

    async def hostile(self, text: str) -> None:
        small = text[:5_000]
        number = self.zammad.write(
            JANE, text, title=small, name=f"{small} {small}", from_=small, subject=small, message_id=small,
            files=[{"filename": small, "mime": small, "size": 1}], preferences={"agentdesk": small},
        )
        ticket = self.zammad.tickets[number]
        ticket.tags = [small]
        ticket.extra.update({small: small, "number": small, "pending_time": small, "order_no": small})
        self.zammad.users[ticket.customer].extra = {"note": small, "phone": small, "preferences": {"locale": small}}
        self.zammad.write(JANE, f"<p>{text}</p><a href='{small}'>{small}</a>", ticket=number)
        self.zammad.add(number, self.zammad.agent2.id, text, type="note", internal=True,
                        preferences={"agentdesk": small, "delivery_status": "fail", "delivery_status_message": small})

    async def garbage(self) -> None:
        number = min(self.zammad.tickets)
        self.zammad.add(number, self.zammad.agent2.id, "", broken=True)

    async def gap(self) -> None:
        """Another database: tickets are counted from the beginning again."""
        self.zammad.tickets.clear()
        self.zammad.articles.clear()
        self.zammad._next.update(ticket=0, article=0)
        self.clock.advance(SECOND)
        await self.restart()

    async def colleague_claims(self, thread: str) -> str:
        self.zammad.tickets[int(thread)].owner = self.zammad.agent2.id
        self.zammad.touch(int(thread))
        return self.zammad.agent2.login

    async def delete_thread(self, thread: str) -> None:
        del self.zammad.tickets[int(thread)]
        self.zammad.reindex()

    async def merge(self, old: str, new: str) -> None:
        self.zammad.merge(int(old), int(new))

    def clock_off(self, by: Millis) -> None:
        self.line.clock = self.zammad.clock = Ahead(self.clock, by)

    def expire_token(self) -> None:
        for user in self.zammad.users.values():
            user.token = ""


class TestZammad(ConnectorContract):
    """Zammad as it is: tickets are found in its database."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[ZammadWorld]:
        world = ZammadWorld(clock)
        yield world
        await world.connector.close()


class TestZammadBySearchIndex(ConnectorContract):
    """A Zammad that takes no conditions: tickets are found through its search index."""

    test_hostile_text_is_inert_in_every_field = None  # type: ignore[assignment]  # the same words, read the same way

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[ZammadWorld]:
        world = ZammadWorld(clock, exact=False)
        yield world
        await world.connector.close()
