"""The fake Zendesk keeps the connector to the contract, without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentdesk.config.sources import ZendeskSource
from agentdesk.connectors.http import JSON_LIMIT, Http
from agentdesk.connectors.zendesk.client import authorization
from agentdesk.connectors.zendesk.connector import ZendeskConnector
from agentdesk.model.clock import ManualClock, Millis
from agentdesk.testing.suite import Ahead, ConnectorContract, LineWorld
from agentdesk.testing.wire import Line
from tests.fakes.hosts import hold
from tests.fakes.zendesk import FakeZendesk

BASE = "https://acme.zendesk.example"
JANE = "jane@example.test"


class ZendeskWorld(LineWorld):
    """A fake Zendesk as customers and colleagues move it."""

    sends = (("PUT", "/tickets"), ("POST", "/tickets"))
    lists = (r"/incremental/|/search$|/show_many$|/comments$", r"/comments$")

    def __init__(self, clock: ManualClock, who: str = "ada@desk.example") -> None:
        self.clock = clock
        self.zendesk = FakeZendesk(clock)
        self.line = Line(self.zendesk.handle)
        self.who = who
        self.connector = self.connect()

    def connect(
        self, who: str = "", *, oauth: bool = False, limit: int = JSON_LIMIT, **config: object
    ) -> ZendeskConnector:
        """A connector for one agent."""
        user = self.zendesk.user("", who or self.who)
        settings: dict[str, object] = {
            "name": "desk", "url": BASE, "user": "" if oauth else user.email, **config}
        source = ZendeskSource(**settings)  # type: ignore[arg-type]
        http = Http(f"{BASE}/api/v2", clock=self.clock, name="zendesk:desk", transport=self.line.transport(),
                    limit=limit, headers=lambda: authorization(source.user, user.token))
        return ZendeskConnector(source, self.clock, lambda: user.token, http)

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        return str(self.zendesk.write(JANE, text, ticket=int(thread or 0), name="Jane Doe"))

    async def colleague_answers(self, thread: str, text: str) -> None:
        self.zendesk.add(int(thread), self.colleague, text)

    @property
    def colleague(self) -> int:
        """The other agent."""
        other = self.zendesk.agent if self.who == self.zendesk.admin.email else self.zendesk.admin
        return other.id

    async def copies(self, text: str) -> int:
        return self.zendesk.copies(text)

    async def notes(self, text: str) -> int:
        return self.zendesk.copies(text, public=False)

    async def files(self, text: str) -> list[tuple[bytes, str]]:
        (comment,) = [comment for comment in self.zendesk.comments if text in comment.text]
        sent = [request.content for request in self.line.seen if request.url.path.endswith("/uploads")]
        assert [len(data) for data in sent] == [file["size"] for file in comment.files]
        return [(data, "") for data in sent]

    async def customer_sends_file(self, text: str) -> tuple[str, bytes]:
        content = hold(self.line, "zdusercontent", b"the photo")
        file = {"id": 1, "file_name": "photo.jpg", "content_type": "image/jpeg", "size": len(content),
                "content_url": "https://x.zdusercontent.example/photo"}
        return str(self.zendesk.write(JANE, text, files=[file])), content

    async def holds(self, name: str, text: str) -> None:
        said = [{"field": "comment_value", "value": ["channel:all", text]}]
        self.zendesk.macros = [{"id": 1, "title": name, "active": True, "actions": said}]

    async def tickets(self, text: str) -> int:
        return self.zendesk.copies(text, public=False)

    async def restart(self) -> None:
        await self.connector.close()
        self.connector = self.connect()

    async def hostile(self, text: str) -> None:
        small, text = text[:5_000], text[:64_000]
        self.zendesk.nonsense = "the words stand in lists of fixed values too"
        file = {"id": 1, "file_name": small, "content_type": small, "content_url": small, "size": 5}
        number = self.zendesk.write(JANE, text, subject=small, name=small, channel=small, files=[file],
                                    key={"agentdesk": small})
        ticket = self.zendesk.tickets[number]
        ticket.tags, ticket.priority, ticket.status = [small], small, small
        ticket.extra.update({"custom_fields": [{"id": 77, "value": small}], small: small, "type": small})
        self.zendesk.users[ticket.requester].extra = {"details": small, "phone": small, "locale": small}
        self.zendesk.write(JANE, text, ticket=number, html=f"<p>{text}</p><a href='{small}'>{small}</a>")
        self.zendesk.add(number, self.colleague, text, public=False, key={"agentdesk": small})
        self.zendesk.tickets[number].status = "open"
        self.zendesk.reindex()

    async def garbage(self) -> None:
        number = min(self.zendesk.tickets)
        self.zendesk.nonsense = "a comment that is none"
        self.zendesk.add(number, self.colleague, "", broken=True)

    async def colleague_claims(self, thread: str) -> str:
        self.zendesk.tickets[int(thread)].assignee = self.colleague
        self.zendesk.touch(int(thread))
        return self.zendesk.users[self.colleague].email

    async def delete_thread(self, thread: str) -> None:
        del self.zendesk.tickets[int(thread)]
        self.zendesk.reindex()

    async def merge(self, old: str, new: str) -> None:
        self.zendesk.merge(int(old), int(new))

    def clock_off(self, by: Millis) -> None:
        self.line.clock = self.zendesk.clock = Ahead(self.clock, by)

    def expire_token(self) -> None:
        for user in self.zendesk.users.values():
            user.token = ""


class TestZendeskByExport(ConnectorContract):
    """An administrator, who may use the export of changes."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[ZendeskWorld]:
        world = ZendeskWorld(clock)
        yield world
        await world.connector.close()


class TestZendeskBySearch(ConnectorContract):
    """An agent, who may only search."""

    test_hostile_text_is_inert_in_every_field = None  # type: ignore[assignment]  # the same words, read the same way

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[ZendeskWorld]:
        world = ZendeskWorld(clock, "bo@desk.example")
        yield world
        await world.connector.close()
