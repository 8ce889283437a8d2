"""Zammad and Zendesk behind the whole engine: what customers write arrives, and an answer lands exactly once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from agentdesk.connectors.base import Connector
from agentdesk.model.clock import MINUTE, SECOND, ManualClock, Millis
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Action, Outgoing, OutKind, SendState, Verb
from agentdesk.store import conversations, outbox, sources
from agentdesk.store.db import Store
from agentdesk.sync.engine import Engine
from agentdesk.testing.world import Ahead, ticket
from tests.contract.test_zammad import ZammadWorld
from tests.contract.test_zendesk import ZendeskWorld
from tests.fakes.desk import rulebook

HelpDesk = ZammadWorld | ZendeskWorld


class Desk:
    """One agent's cache and engine on one help desk."""

    def __init__(self, world: HelpDesk, folder: Path) -> None:
        self.world, self.path, self.written = world, folder / "desk.db", 0
        self.open()

    def open(self) -> None:
        """Start the program."""
        connector: Connector = self.world.connector
        self.source = connector.name
        self.store = Store.open(self.path, self.world.clock)
        self.store.write_now(lambda db: sources.ensure(db, self.source, "x", "X"))
        self.engine = Engine(self.store, {self.source: connector}, rulebook(), self.world.clock, lambda _: None,
                             f"here:1:1:{self.written}", alive=lambda _: False)

    async def restart(self) -> None:
        """Kill it and start it again."""
        self.store.close()
        await self.world.restart()
        self.written += 100
        self.open()

    async def sync(self) -> None:
        """Pull and send what is due."""
        result = await self.engine.sync_once(self.source)
        assert result.error is None, result.error

    def freeze(self, ref: str, text: str, kind: OutKind = OutKind.REPLY, out: Outgoing | None = None) -> int:
        """What the composer does."""
        number, now = conversations.by_ref(self.store.reader, self.source, ref), self.world.clock.now()
        assert number is not None
        self.written += 1
        seen = int(self.store.reader.value("SELECT max(id) FROM message WHERE conversation_id = ?", number) or 0)
        frozen = out or Outgoing(
            client_id=f"ann-{self.written}", conversation_ref=ref, kind=kind, text=text, visibility=Visibility.DIRECT,
            agent="ann", created_at=now)
        return self.store.write_now(lambda db: outbox.freeze(
            db, number, frozen, agent="ann", hold_until=now, seen_message_id=seen, now=now, source=self.source))

    def act(self, ref: str, verb: Verb, value: str = "") -> int:
        """What a key does."""
        number, now = conversations.by_ref(self.store.reader, self.source, ref), self.world.clock.now()
        assert number is not None
        action = Action(verb=verb, conversation_ref=ref, value=value)
        return self.store.write_now(lambda db: outbox.freeze_action(db, number, self.source, action, "ann", now))

    def state(self, entry: int) -> SendState:
        """Where an outbox row stands."""
        return outbox.get(self.store.reader, entry).state

    async def settle(self, entry: int) -> SendState:
        """Let time pass until nothing more happens by itself."""
        for _ in range(30):
            await self.sync()
            if self.state(entry) not in (SendState.QUEUED, SendState.UNKNOWN, SendState.SENDING, SendState.HELD):
                break
            self.world.clock.advance(2 * MINUTE)
        return self.state(entry)

    def rows(self, text: str) -> int:
        """How often a text stands in the cache."""
        return int(self.store.reader.value("SELECT count(*) FROM message WHERE text = ?", text))


MAKERS: dict[str, Callable[[ManualClock], HelpDesk]] = {
    "zammad": ZammadWorld,
    "zammad by index": lambda clock: ZammadWorld(clock, exact=False),
    "zendesk": ZendeskWorld,
    "zendesk by search": lambda clock: ZendeskWorld(clock, "bo@desk.example"),
}


@pytest.fixture(params=list(MAKERS))
async def desk(request: pytest.FixtureRequest, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(MAKERS[request.param](clock), tmp_path)
    yield desk
    desk.store.close()
    await desk.world.connector.close()


async def asked(desk: Desk, text: str = "Where is it?") -> str:
    ref = await desk.world.customer_posts(text)
    await desk.sync()
    desk.world.clock.advance(MINUTE)
    return ref


async def test_a_question_arrives_and_its_answer_lands_once(desk: Desk) -> None:
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    assert await desk.settle(entry) is SendState.SENT
    await desk.restart()
    desk.world.clock.advance(MINUTE)
    await desk.sync()
    assert await desk.world.copies("It is on its way.") == 1
    assert (desk.rows("Where is it?"), desk.rows("It is on its way.")) == (1, 1)


@pytest.mark.parametrize("restart", [False, True])
async def test_a_lost_answer_is_found(desk: Desk, restart: bool) -> None:
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    desk.world.lose_answer()
    await desk.sync()
    assert desk.state(entry) is SendState.UNKNOWN
    if restart:
        await desk.restart()
    desk.world.clock.advance(2 * MINUTE)
    assert await desk.settle(entry) is SendState.SENT
    assert await desk.world.copies("It is on its way.") == 1
    assert desk.rows("It is on its way.") == 1


async def test_a_lost_request_is_a_persons_turn_and_goes_out_once(desk: Desk) -> None:
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    desk.world.lose_request()
    desk.world.clock.advance(SECOND)
    assert await desk.settle(entry) is SendState.NEEDS_HUMAN
    desk.world.line.faults.clear()
    now = desk.world.clock.now()
    desk.store.write_now(lambda db: outbox.release(db, entry, "ann", now))
    assert await desk.settle(entry) is SendState.SENT
    assert await desk.world.copies("It is on its way.") == 1


@pytest.mark.parametrize("by", [-10 * MINUTE, 10 * MINUTE])
async def test_a_server_whose_clock_is_off_loses_nothing(desk: Desk, by: Millis) -> None:
    far = desk.world.zammad if isinstance(desk.world, ZammadWorld) else desk.world.zendesk
    far.clock = Ahead(desk.world.clock, by)
    if isinstance(desk.world, ZammadWorld):
        desk.world.zammad.keeps_preferences = False
    else:
        desk.world.zendesk.keeps_metadata = False
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    desk.world.lose_answer()
    assert await desk.settle(entry) is SendState.SENT
    desk.world.clock.advance(MINUTE)
    await desk.world.customer_posts("thank you", thread=ref)
    await desk.sync()
    assert await desk.world.copies("It is on its way.") == 1
    assert (desk.rows("It is on its way."), desk.rows("thank you")) == (1, 1)


async def test_what_is_new_stops_a_reply(desk: Desk) -> None:
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    await desk.world.colleague_answers(ref, "I told her already")
    await desk.engine.senders[desk.source].once()
    assert desk.state(entry) is SendState.STOPPED
    assert await desk.world.copies("It is on its way.") == 0
    assert desk.rows("I told her already") == 1


async def test_a_ticket_that_is_gone_refuses_its_reply(desk: Desk) -> None:
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    await desk.world.delete_thread(ref)
    assert await desk.settle(entry) is SendState.REFUSED


async def test_a_ticket_is_opened_once_for_a_post_elsewhere(desk: Desk) -> None:
    ref = await asked(desk)
    out = ticket("The transcript", client_id="t-1", at=desk.world.clock.now())
    entry = desk.freeze(ref, "", out=out)
    desk.world.lose_answer()
    assert await desk.settle(entry) is SendState.SENT
    assert await desk.world.tickets("The transcript") == 1
    desk.world.clock.advance(MINUTE)
    await desk.sync()
    assert desk.rows("The transcript") == 1


async def test_keys_reach_the_help_desk_and_come_back(desk: Desk) -> None:
    ref = await asked(desk)
    await desk.world.connector.verify()
    closed = desk.world.connector.caps.closed_status
    entries = [desk.act(ref, Verb.CLAIM), desk.act(ref, Verb.TAGS, '{"add": ["late"]}'),
               desk.act(ref, Verb.STATUS, closed)]
    for entry in entries:
        assert await desk.settle(entry) is SendState.SENT
    desk.world.clock.advance(MINUTE)
    await desk.sync()
    number = conversations.by_ref(desk.store.reader, desk.source, ref)
    assert number is not None
    it = conversations.get(desk.store.reader, number)
    assert (it.status, it.tags, it.remote_closed) == (closed, ("late",), True)
