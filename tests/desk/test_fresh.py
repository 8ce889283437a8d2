"""A conversation that is opened is fetched as it stands now: at most once a minute, only from a source that answers."""

from __future__ import annotations

import msgspec
import pytest

from agentdesk.desk import find, fresh
from agentdesk.errors import Gone, Unavailable
from agentdesk.model.clock import DAY, MINUTE, SECOND
from agentdesk.model.conversation import State
from agentdesk.model.events import Event, Notice
from agentdesk.model.message import Author, Message
from agentdesk.model.page import Budget
from agentdesk.model.text import inert_line
from agentdesk.store import retention, sources
from tests.desk.conftest import SOURCE, World


def fetched(world: World) -> int:
    return sum(what == "thread" for _, what in world.connector.calls)


async def test_what_is_new_comes_in_at_most_once_a_minute(world: World) -> None:
    number = await world.arrive("a")
    world.platform.colleague("a", "I am on it")
    assert await fresh.look_again(world.desk, number)
    assert [it.message.text for it in find.thread(world.desk, number)] == ["Where is my parcel?", "I am on it"]
    world.clock.advance(59 * SECOND)
    assert not await fresh.look_again(world.desk, number)
    other = await world.arrive("b")
    assert await fresh.look_again(world.desk, other)
    world.clock.advance(SECOND)
    assert await fresh.look_again(world.desk, number)
    assert fetched(world) == 3


async def test_a_source_that_does_not_answer_is_left_alone(world: World) -> None:
    number = await world.arrive("a")
    world.connector.thread_errors.append(Unavailable("Down"))
    assert not await fresh.look_again(world.desk, number)
    world.clock.advance(MINUTE)
    now = world.clock.now()
    world.desk.store.write_now(lambda db: sources.note_failure(db, SOURCE, "offline", "Down", "", "", now))
    assert not await fresh.look_again(world.desk, number)
    assert fetched(world) == 1
    world.desk.connectors.clear()
    assert not await fresh.look_again(world.desk, number)
    world.desk.engine = None
    assert not await fresh.look_again(world.desk, number)


async def test_what_pulling_and_sending_need_is_not_spent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number = await world.arrive("a")
    monkeypatch.setattr(world.connector, "budget", lambda: Budget(left=15, limit=300))
    assert not await fresh.look_again(world.desk, number)
    monkeypatch.setattr(world.connector, "budget", lambda: Budget(left=16, limit=300))
    assert await fresh.look_again(world.desk, number)


async def test_what_is_not_there_any_more_is_said(world: World) -> None:
    number = await world.arrive("a")
    world.platform.gone.add("a")
    heard: list[Event] = []
    world.desk.subscribe(heard.append)
    assert not await fresh.look_again(world.desk, number)
    assert any(isinstance(e, Notice) and "any more" in e.text for e in heard)
    assert len(find.thread(world.desk, number)) == 1


JANE = Author(ref="c-a", name=inert_line("Customer a"))


def before(world: World, conversation: str, days: int, *, answered: bool = False) -> None:
    """Something that the customer of «a» wrote long before we were connected."""
    at = world.clock.now() - days * DAY
    kept = [world.platform.write(conversation, f"About {conversation}", author=JANE, at=at)]
    if answered:
        colleague = world.platform.colleague(conversation, "Done")
        kept.append(msgspec.structs.replace(colleague, created_at=at + MINUTE))
        world.platform.posts[colleague.ref].message = kept[-1]
    unseen(world, kept)


def unseen(world: World, messages: list[Message]) -> None:
    """Pulls do not bring these: they lie before the cursor."""
    for message in messages:
        world.platform.order.remove(message.ref)


def threads(world: World, number: int) -> dict[str, State]:
    customer = find.conversation(world.desk, number).customer_id
    return {it.ref: it.state for it in find.earlier(world.desk, customer)}


async def test_earlier_conversations_come_when_a_customer_is_looked_at_first(world: World) -> None:
    number = await world.arrive("a")
    before(world, "old", 300)
    before(world, "answered", 5, answered=True)
    before(world, "owed", 5)
    queue = world.desk.store.reader.value("SELECT count(*) FROM conversation WHERE state = 'open'")
    assert await fresh.look_back(world.desk, number) == 1
    assert threads(world, number) == {"a": State.OPEN, "old": State.DONE, "answered": State.WAITING}, (
        "what may still need us is left to the pull")
    assert world.desk.store.reader.value("SELECT count(*) FROM conversation WHERE state = 'open'") == queue
    assert not world.desk.store.reader.value("SELECT sum(unread) FROM conversation WHERE ref <> 'a'")
    assert await fresh.look_back(world.desk, number) == 0
    assert sum(what == "history" for _, what in world.connector.calls) == 1
    world.platform.write("owed", "Hello?", author=JANE)
    await world.sync()
    assert threads(world, number)["owed"] is State.OPEN


async def test_looking_back_waits_for_a_source_that_answers_and_can_spare_it(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number = await world.arrive("a")
    monkeypatch.setattr(world.connector, "budget", lambda: Budget(left=150, limit=300))
    assert await fresh.look_back(world.desk, number) == 0
    monkeypatch.setattr(world.connector, "budget", lambda: Budget(left=151, limit=300))
    collector = world.desk.connected().collectors[SOURCE]
    collector.caught_up = False
    assert await fresh.look_back(world.desk, number) == 0, "what is new comes first, with its clocks"
    collector.caught_up = True
    answers: list[Exception] = [Unavailable("Down"), Gone("Nobody of that name")]

    async def history(customer_ref: str, limit: int = 20) -> None:
        raise answers.pop(0)

    monkeypatch.setattr(world.connector, "history", history)
    asked = [await fresh.look_back(world.desk, number) for _ in range(3)]
    assert asked == [1, 1, 0], "down is tried again, gone is not"
    world.desk.looked_back.clear()
    world.connector.caps = msgspec.structs.replace(world.connector.caps, live=True)
    assert await fresh.look_back(world.desk, number) == 0
    world.desk.engine = None
    assert await fresh.look_back(world.desk, number) == 0


async def test_texts_that_were_removed_here_do_not_come_back(world: World) -> None:
    number = await world.arrive("a")
    before(world, "old", 300)
    await fresh.look_back(world.desk, number)
    world.desk.looked_back.clear()
    old = int(world.desk.store.reader.value("SELECT id FROM conversation WHERE ref = 'old'"))
    now = world.clock.now()
    assert world.desk.store.write_now(lambda db: retention.empty_done(db, now)) == 1
    assert await fresh.look_back(world.desk, number) == 1
    assert not await fresh.look_again(world.desk, old)
    assert [it.message.text for it in find.thread(world.desk, old)] == [""]
