"""The fake Chatwoot keeps the connector to the contract, without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentdesk.config.sources import ChatwootSource
from agentdesk.connectors.chatwoot.client import LIST_LIMIT, ChatwootClient
from agentdesk.connectors.chatwoot.connector import ChatwootConnector
from agentdesk.connectors.http import Http
from agentdesk.model.clock import MINUTE, ManualClock, Millis
from tests.contract.suite import Ahead, ConnectorContract, LineWorld
from tests.fakes.chatwoot import ACCOUNT, FakeChatwoot
from tests.fakes.hosts import hold, sent_in_forms
from tests.fakes.wire import Line

BASE = "https://chat.example"


class ChatwootWorld(LineWorld):
    """A fake Chatwoot as customers and colleagues move it."""

    sends = (("POST", "/conversations"),)
    lists = (r"/conversations$|/messages$", r"/messages$")

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.server = FakeChatwoot(clock, BASE)
        self.line = Line(self.server.handle)
        self.connector: ChatwootConnector = self.connect()

    def connect(self, who: int = 7, **config: object) -> ChatwootConnector:
        """A connector for one agent."""
        source = ChatwootSource(name="care", url=BASE, account=ACCOUNT, **config)  # type: ignore[arg-type]
        token = self.server.agents[who].token
        client = ChatwootClient(source, self.clock, lambda: token)
        client.http = Http(BASE, clock=self.clock, name="chatwoot:care", transport=self.line.transport(),
                           headers=client.headers, limit=LIST_LIMIT)
        return ChatwootConnector(source, self.clock, lambda: token, client=client)

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        return str(self.server.writes(text, talk=int(thread or 0)))

    async def colleague_answers(self, thread: str, text: str) -> None:
        self.server.says(8, int(thread), text)

    async def copies(self, text: str) -> int:
        return self.server.copies(text)

    async def notes(self, text: str) -> int:
        return self.server.copies(text, private=True)

    async def files(self, text: str) -> list[tuple[bytes, str]]:
        (word,) = [word for word in self.server.words if text in (word.content or "")]
        sent = sent_in_forms(self.line.seen, "/messages") or sent_in_forms(self.line.seen, "/conversations")
        assert [len(data) for data in sent] == [file["file_size"] for file in word.files]
        return [(data, "") for data in sent]

    async def customer_sends_file(self, text: str) -> tuple[str, bytes]:
        content = hold(self.line, "/active_storage/", b"the photo")
        return str(self.server.writes(text, files=[self.server.file("x", "photo.jpg", len(content))])), content

    async def holds(self, name: str, text: str) -> None:
        self.server.canned = [{"id": 1, "account_id": ACCOUNT, "short_code": name, "content": text}]

    async def tickets(self, text: str) -> int:
        return self.server.copies(text, private=True)

    async def restart(self) -> None:
        await self.connector.close()
        self.connector = self.connect()

    async def hostile(self, text: str) -> None:
        small = text[:5_000]
        server = self.server
        person = server.contact(small, "jane@example.test", phone_number=small, identifier=small,
                                additional={"description": small, "social_profiles": {"x": small}})
        files = [server.file("x", small, 10, fallback_title=small, transcribed_text=small),
                 server.file("x", "y", 10, data_url=small, file_type=small)]
        talk = server.begin(person, labels=[small], status="open", additional={"mail_subject": small, "referer": small},
                            custom={"order": small}, sla={"sla_name": small})
        server.writes(text, talk=talk.id, files=files, attributes={"in_reply_to": small})
        server.writes("", talk=talk.id, attributes={"items": [{"title": small}]})
        server.writes("", talk=talk.id, content_type="incoming_email", attributes={"email": {"subject": small}})
        server.add(talk.id, 3, text, content_type="input_csat", attributes={
            "submitted_values": {"csat_survey_response": {"rating": 1, "feedback_message": text}}})
        server.add(talk.id, 3, text, attributes={"submitted_values": [{"title": small, "value": small}],
                                                 "submitted_email": small})
        server.add(talk.id, 1, text, status="failed", sender={"id": 4, "name": small, "email": small, "type": "user"},
                   attributes={"external_error": small})
        server.inboxes[1]["name"] = small
        server.set_status(talk.id, "resolved", small)

    async def garbage(self) -> None:
        it = self.server.begin(self.server.contact("Bo Larsen", "bo@example.test"))
        self.server.nonsense = "a message that is none"
        self.server.writes("odd one", talk=it.id, broken=True)

    async def gap(self) -> None:
        """Another database: ids begin again."""
        self.server.talks.clear()
        self.server.words.clear()
        self.server.next_word = 0
        self.clock.advance(5 * MINUTE)
        await self.restart()

    async def colleague_claims(self, thread: str) -> str:
        self.server.assign(int(thread), 8)
        return self.server.agents[8].name

    async def delete_thread(self, thread: str) -> None:
        del self.server.talks[int(thread)]
        self.server.words = [word for word in self.server.words if word.talk != int(thread)]

    def clock_off(self, by: Millis) -> None:
        self.line.clock = self.server.clock = Ahead(self.clock, by)

    def expire_token(self) -> None:
        for agent in self.server.agents.values():
            agent.token = "revoked"


class TestChatwoot(ConnectorContract):
    """A Chatwoot of today."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[ChatwootWorld]:
        world = ChatwootWorld(clock)
        yield world
        await world.connector.close()


class TestOlderChatwoot(ConnectorContract):
    """One that knows no window of change, keeps no time of ours, and has short pages."""

    test_hostile_text_is_inert_in_every_field = None  # type: ignore[assignment]  # the words come in the same way

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[ChatwootWorld]:
        world = ChatwootWorld(clock)
        world.server.knows_window = world.server.keeps_written_at = False
        world.server.per_page = 4
        yield world
        await world.connector.close()
