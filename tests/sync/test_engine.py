"""The engine as a whole: its tasks, its chores, and what the desk asks of it; in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from agentdesk.errors import AuthError, BadAnswer, NotFound, StoreFull, Unavailable
from agentdesk.model.clock import HOUR, MINUTE, SECOND
from agentdesk.model.conversation import State
from agentdesk.model.events import Changed
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import SendState
from agentdesk.model.page import Page
from agentdesk.store import conversations, decisions, leases, sources
from agentdesk.store.db import Db
from tests.fakes.desk import SOURCE, LittleDesk
from tests.fakes.platform import FakeConnector, Fault, Platform
from tests.fakes.simclock import SimClock
from tests.store.scene import claim


@pytest.fixture
def sim() -> SimClock:
    return SimClock()


@pytest.fixture
def platform(sim: SimClock) -> Platform:
    return Platform(sim)


@pytest.fixture
def desk(tmp_path: Path, sim: SimClock, platform: Platform) -> LittleDesk:
    return LittleDesk(tmp_path / "ann", sim, platform)


def settled(*desks: LittleDesk) -> Callable[[], Awaitable[None]]:
    """Wait until every task of those desks waits for time to pass."""

    async def settle() -> None:
        for _ in range(6):
            for desk in desks:
                await desk.store.write(lambda db: None)
            for _ in range(10):
                await asyncio.sleep(0)

    return settle


@asynccontextmanager
async def running(*desks: LittleDesk) -> AsyncIterator[None]:
    tasks = [asyncio.get_running_loop().create_task(desk.engine.run()) for desk in desks]
    await settled(*desks)()
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks), "the engine ends only when it is told to"


async def test_it_pulls_and_sends_by_itself(desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    async with running(desk):
        platform.write("c1", "Hello")
        await sim.run_for(MINUTE, settled(desk))
        assert desk.refs() == ["m1"]
        entry_id = desk.reply("c1", "Hello to you", hold=5 * SECOND)
        desk.engine.poke_outbox()
        await sim.run_for(4 * SECOND, settled(desk))
        assert desk.state(entry_id) is SendState.HELD
        await sim.run_for(3 * SECOND, settled(desk))
        assert desk.state(entry_id) is SendState.SENT


async def test_one_sources_failure_is_its_own(desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    broken = FakeConnector(Platform(sim), "fake:broken")
    broken.pull_errors.extend([RecursionError("deep"), BadAnswer("?"), Unavailable("down"), MemoryError()] * 500)
    desk.store.write_now(lambda db: sources.ensure(db, "fake:broken", "fake", "F"))
    desk.engine.add(broken)
    async with running(desk):
        for number in range(5):
            platform.write(f"c{number}", "Hello")
            await sim.run_for(2 * MINUTE, settled(desk))
        assert len(desk.refs()) == 5
        assert sources.state(desk.store.reader, "fake:broken").failures > 3
        assert sources.state(desk.store.reader, SOURCE).state == "ok"


async def test_a_source_can_join_while_it_runs(desk: LittleDesk, sim: SimClock) -> None:
    late = FakeConnector(Platform(sim), "fake:late")
    late.platform.write("c1", "Hello")
    desk.store.write_now(lambda db: sources.ensure(db, "fake:late", "fake", "F"))
    async with running(desk):
        desk.engine.add(late)
        await sim.run_for(SECOND, settled(desk))
        assert desk.refs() == ["m1"]


async def test_a_hint_brings_news_within_a_second(desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    desk.connector.hint = asyncio.Event()
    async with running(desk):
        await sim.run_for(5 * SECOND, settled(desk))
        platform.write("c1", "Hello")
        desk.connector.hint.set()
        await settled(desk)()
        await sim.run_for(SECOND, settled(desk))
        assert desk.refs() == ["m1"]


async def test_a_poke_pulls_now(desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    async with running(desk):
        await sim.run_for(5 * SECOND, settled(desk))
        platform.write("c1", "Hello")
        desk.engine.poke(SOURCE)
        await settled(desk)()
        assert desk.refs() == ["m1"]


async def test_a_snooze_ends_by_itself(desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    platform.write("c1", "Hello")
    async with running(desk):
        await sim.run_for(SECOND, settled(desk))
        number = desk.conversation("c1")
        until = sim.now() + MINUTE
        desk.store.write_now(lambda db: decisions.write(
            db, number, {"state": State.SNOOZED.value, "snoozed_until": until}))
        await sim.run_for(50 * SECOND, settled(desk))
        assert conversations.get(desk.store.reader, number).state is State.SNOOZED
        await sim.run_for(20 * SECOND, settled(desk))
        it = conversations.get(desk.store.reader, number)
        assert (it.state, it.snoozed_until) == (State.OPEN, None)
        [entry] = desk.store.reader.rows("SELECT action, rule FROM ledger WHERE action = 'woken'")
        assert entry == ("woken", "snooze over")
        assert Changed(conversation_ids=(number,)) in desk.events


async def test_a_claim_that_nobody_renews_runs_out(desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    platform.write("c1", "Hello")
    async with running(desk):
        await sim.run_for(SECOND, settled(desk))
        number = desk.conversation("c1")
        desk.store.write_now(lambda db: claim(db, number, "bob", sim.now() + MINUTE))
        await sim.run_for(2 * MINUTE, settled(desk))
        assert conversations.get(desk.store.reader, number).claim_agent == ""


async def test_an_idle_engine_writes_next_to_nothing(desk: LittleDesk, sim: SimClock) -> None:
    async with running(desk):
        await sim.run_for(MINUTE, settled(desk))
        writes: list[str] = []
        desk.faults = writes.append
        before = len(writes)
        await sim.run_for(10 * MINUTE, settled(desk))
        commits = sum(name == "write:1" for name in writes[before:])
        assert commits < 10 * 6 + 25, "a lease renewed every 10 s, a poll noted every 30"


async def test_leases_are_kept_while_it_runs_and_given_up_at_the_end(desk: LittleDesk, sim: SimClock) -> None:
    async with running(desk):
        for _ in range(20):
            await sim.run_for(30 * SECOND, settled(desk))
            assert leases.holder(desk.store.reader, f"collect:{SOURCE}", sim.now()) == desk.holder
    assert leases.holder(desk.store.reader, f"collect:{SOURCE}", sim.now()) == ""


async def test_only_one_of_two_processes_collects(tmp_path: Path, sim: SimClock, platform: Platform) -> None:
    one = LittleDesk(tmp_path / "shared", sim, platform)
    other = LittleDesk(tmp_path / "shared", sim, platform, agent="bob", living=one.living)
    settle = settled(one, other)
    async with running(one, other):
        await sim.run_for(3 * MINUTE, settle)
        mine, theirs = (one, other) if one.connector.calls else (other, one)
        assert mine.connector.calls
        assert theirs.connector.calls == []
        assert theirs.collector.elsewhere == mine.holder
    one.close()
    other.close()


async def test_a_dead_holder_is_replaced_within_two_seconds(tmp_path: Path, sim: SimClock, platform: Platform) -> None:
    dead = LittleDesk(tmp_path / "shared", sim, platform)
    other = LittleDesk(tmp_path / "shared", sim, platform, agent="bob", living=dead.living)
    await dead.pull()
    async with running(other):
        await sim.run_for(10 * SECOND, settled(other))
        assert other.connector.calls == []
        dead.close()
        await sim.run_for(2 * SECOND, settled(other))
        assert "pull" in [what for _, what in other.connector.calls]
    other.close()


async def test_what_another_process_wrote_is_seen(tmp_path: Path, sim: SimClock, platform: Platform) -> None:
    one = LittleDesk(tmp_path / "shared", sim, platform)
    other = LittleDesk(tmp_path / "shared", sim, platform, agent="bob", living=one.living)
    platform.write("c1", "Hello")
    await one.pull()
    async with running(other):
        await sim.run_for(3 * SECOND, settled(other))
        other.events.clear()
        platform.write("c2", "Hello too")
        await one.pull()
        await sim.run_for(3 * SECOND, settled(other))
        assert Changed() in other.events
    one.close()
    other.close()


async def test_a_pause_outlives_the_program(desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    platform.write("c1", "Hello")
    await desk.engine.pause(SOURCE)
    desk.restart()
    async with running(desk):
        await sim.run_for(MINUTE, settled(desk))
        assert desk.connector.calls == []
        await desk.engine.resume(SOURCE)
        await sim.run_for(SECOND, settled(desk))
        assert desk.refs() == ["m1"]


async def test_a_reply_from_a_process_that_may_not_send_is_sent_by_the_one_that_may(
        tmp_path: Path, sim: SimClock, platform: Platform) -> None:
    one = LittleDesk(tmp_path / "shared", sim, platform)
    other = LittleDesk(tmp_path / "shared", sim, platform, agent="bob", living=one.living)
    platform.write("c1", "Hello")
    settle = settled(one, other)
    async with running(one, other):
        await sim.run_for(3 * SECOND, settle)
        entry_id = other.reply("c1", "Hello to you")
        other.engine.poke_outbox()
        await sim.run_for(10 * SECOND, settle)
        assert other.state(entry_id) is SendState.SENT
        assert platform.copies(other.entry(entry_id).client_id) == 1
    one.close()
    other.close()


async def test_a_sleep_of_the_machine_is_noticed(desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    async with running(desk):
        await sim.run_for(10 * SECOND, settled(desk))
        platform.write("c1", "Hello")
        desk.events.clear()
        sim.at += 10 * HOUR
        await sim.run_for(6 * SECOND, settled(desk))
        assert desk.refs() == ["m1"]
        assert Changed() in desk.events


async def test_a_clock_set_back_holds_nothing_up_and_is_told(desk: LittleDesk, platform: Platform,
                                                            sim: SimClock) -> None:
    async with running(desk):
        await sim.run_for(10 * SECOND, settled(desk))
        desk.engine.collectors[SOURCE].connector.pull_errors.append(Unavailable("down"))  # type: ignore[attr-defined]
        await sim.run_for(40 * SECOND, settled(desk))
        sim.shift(-3 * HOUR)
        await sim.run_for(10 * SECOND, settled(desk))
        assert any("set back" in text for text in desk.notices())
        platform.write("c1", "Hello")
        await sim.run_for(2 * MINUTE, settled(desk))
        assert desk.refs() == ["m1"]


async def test_a_clock_set_back_makes_nothing_in_the_outbox_wait_longer(desk: LittleDesk, platform: Platform,
                                                                       sim: SimClock) -> None:
    platform.write("c1", "Hello")
    platform.write("c2", "Hello")
    async with running(desk):
        await sim.run_for(10 * SECOND, settled(desk))
        desk.connector.faults.append(Fault.OFFLINE)
        retried = desk.reply("c2", "Hello to you")
        desk.engine.poke_outbox()
        await sim.run_for(SECOND, settled(desk))
        assert desk.state(retried) is SendState.QUEUED
        held = desk.reply("c1", "Hello to you", hold=8 * SECOND)
        sim.shift(-3 * HOUR)
        await sim.run_for(6 * SECOND, settled(desk))
        assert desk.state(held) is SendState.HELD, "what is left of the time for second thoughts is still left"
        await sim.run_for(20 * SECOND, settled(desk))
        assert (desk.state(held), desk.state(retried)) == (SendState.SENT, SendState.SENT)


async def test_what_was_written_before_the_clock_was_set_back_leaves_after_a_start(
        desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    platform.write("c1", "Hello")
    await desk.pull()
    entry_id = desk.reply("c1", "Hello to you", hold=5 * SECOND)
    sim.shift(-3 * HOUR)
    desk.restart()
    async with running(desk):
        await sim.run_for(10 * SECOND, settled(desk))
        assert desk.state(entry_id) is SendState.SENT


async def test_a_connector_that_cannot_be_closed_does_not_keep_the_new_one_out(
        desk: LittleDesk, platform: Platform, sim: SimClock, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stuck() -> None:
        raise RuntimeError("the line is gone already")

    monkeypatch.setattr(desk.connector, "close", stuck)
    async with running(desk):
        await desk.engine.exchange(FakeConnector(platform, SOURCE, "ann"))
        platform.write("c1", "Hello")
        await sim.run_for(MINUTE, settled(desk))
        assert desk.refs() == ["m1"]
        assert any("the line is gone already" in text for text in desk.notices())


async def test_a_process_whose_token_is_dead_leaves_the_source_to_one_whose_token_lives(
        tmp_path: Path, sim: SimClock, platform: Platform) -> None:
    one = LittleDesk(tmp_path / "shared", sim, platform)
    other = LittleDesk(tmp_path / "shared", sim, platform, agent="bob", living=one.living)
    settle = settled(one, other)
    platform.write("c1", "Hello")
    async with running(one):
        await sim.run_for(5 * SECOND, settle)
        entry_id = one.reply("c1", "Hello to you", hold=MINUTE)
        one.connector.pull_errors.extend([AuthError("The token is dead")] * 50)
        one.engine.poke(SOURCE)
        await sim.run_for(5 * SECOND, settle)
        async with running(other):
            platform.write("c2", "Hello?")
            await sim.run_for(2 * MINUTE, settle)
            assert {"m1", "m2"} <= set(one.refs())
            assert one.state(entry_id) is SendState.SENT
            assert platform.copies(one.entry(entry_id).client_id) == 1
            assert sources.state(one.store.reader, SOURCE).state == "ok"
        await sim.run_for(30 * SECOND, settled(one))
        assert sources.state(one.store.reader, SOURCE).state == "auth", "nobody collects it now, and that is said"
    one.close()
    other.close()


async def test_a_pause_in_one_window_is_one_in_every_other(tmp_path: Path, sim: SimClock, platform: Platform) -> None:
    one = LittleDesk(tmp_path / "shared", sim, platform)
    other = LittleDesk(tmp_path / "shared", sim, platform, agent="bob", living=one.living)
    async with running(one):
        await sim.run_for(5 * SECOND, settled(one))
        await other.engine.pause(SOURCE)
        await sim.run_for(5 * SECOND, settled(one))
        platform.write("c1", "Hello")
        await sim.run_for(3 * MINUTE, settled(one))
        assert one.refs() == []
        assert sources.state(one.store.reader, SOURCE).state == "paused"
        await other.engine.resume(SOURCE)
        await sim.run_for(5 * SECOND, settled(one))
        assert one.refs() == ["m1"]
    one.close()
    other.close()


async def test_a_full_disk_is_told_once_and_survived(desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    def full(name: str) -> None:
        if name == "commit":
            raise StoreFull("The disk is full", "No room for the cache", "Free some room")

    async with running(desk):
        await sim.run_for(10 * SECOND, settled(desk))
        platform.write("c1", "Hello")
        desk.faults = full
        await sim.run_for(2 * MINUTE, _loose)
        assert any("disk is full" in text for text in desk.notices())
        assert sum("disk is full" in text for text in desk.notices()) < 15
        desk.faults = None
        await sim.run_for(20 * MINUTE, settled(desk))
        assert desk.refs() == ["m1"]


async def _loose() -> None:
    """Settle without the store, which refuses to write."""
    for _ in range(6):
        await asyncio.sleep(0.002)


async def test_a_thread_is_refreshed_on_demand_and_old_words_raise_no_alarm(desk: LittleDesk, platform: Platform,
                                                                           sim: SimClock) -> None:
    platform.pull_out = False
    platform.write("c1", "Hello")
    await desk.pull()
    platform.colleague("c1", "Hello from Sam")
    applied = await desk.engine.refresh("c1", SOURCE)
    assert applied.touched == (desk.conversation("c1"),)
    assert [m.message.direction for m in conversations.thread(desk.store.reader, desk.conversation("c1"))] == [
        Direction.IN, Direction.OUT]


async def test_a_customers_history_is_fetched_on_demand(desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    platform.write("c1", "Hello")
    await desk.pull()
    desk.store.write_now(_forget_cursor)
    applied = await desk.engine.history("c-c1", SOURCE)
    assert applied.messages == 0
    with pytest.raises(NotFound):
        await desk.engine.refresh("c1", "fake:nobody")


async def test_a_thread_that_its_server_is_still_fetching_is_read_once_more(
        desk: LittleDesk, platform: Platform, sim: SimClock, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.write("c1", "Hello")
    await desk.pull()
    whole, read = desk.connector.thread, []

    async def thread(ref: str) -> Page:
        read.append(ref)
        return msgspec.structs.replace(await whole(ref), again_s=3.0)

    def texts() -> list[str]:
        return [m.message.text for m in conversations.thread(desk.store.reader, desk.conversation("c1"))]

    monkeypatch.setattr(desk.connector, "thread", thread)
    for _ in range(2):
        await desk.engine.refresh("c1", SOURCE)
    platform.order.remove(platform.write("c1", "from elsewhere").ref)
    await desk.sender.turn()
    assert (texts(), len(read)) == (["Hello"], 2)
    sim.shift(4 * SECOND)
    for _ in range(3):
        await desk.sender.turn()
    assert (texts(), len(read)) == (["Hello", "from elsewhere"], 3), "once, whatever it says then"


def _forget_cursor(db: Db) -> None:
    sources.set_cursor(db, SOURCE, None, 0)


async def test_a_source_that_is_signed_in_twice_at_once_is_sent_to_by_one(
        desk: LittleDesk, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    monkeypatch.setattr(desk.connector, "close", slow)
    async with running(desk):
        await asyncio.gather(*(desk.engine.exchange(FakeConnector(platform, SOURCE, "ann")) for _ in range(2)))
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert names.count(f"send {SOURCE}") == names.count(f"collect {SOURCE}") == 1


async def test_errors_on_demand_come_to_the_caller(desk: LittleDesk) -> None:
    desk.connector.thread_errors.append(Unavailable("down"))
    with pytest.raises(Unavailable):
        await desk.engine.refresh("c1", SOURCE)


async def test_cancelled_in_the_middle_of_sending_it_ends_at_once_and_says_unknown(
        desk: LittleDesk, platform: Platform, sim: SimClock) -> None:
    platform.write("c1", "Hello")
    async with running(desk):
        await sim.run_for(SECOND, settled(desk))
        desk.connector.faults.append(Fault.HANG_AFTER)
        entry_id = desk.reply("c1", "Hello to you")
        desk.engine.poke_outbox()
        await desk.connector.hanging.wait()
    assert desk.state(entry_id) is SendState.UNKNOWN
