"""A conversation that is opened is fetched as it stands now: at most once a minute, only from a source that answers."""

from __future__ import annotations

import pytest

from agentdesk.desk import find, fresh
from agentdesk.errors import Unavailable
from agentdesk.model.clock import MINUTE, SECOND
from agentdesk.model.events import Event, Notice
from agentdesk.model.page import Budget
from agentdesk.store import sources
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
