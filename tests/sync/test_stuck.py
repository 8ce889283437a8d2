"""What could stay as it is for ever without anybody noticing: half-sent replies, tasks that do not end, lost words."""

from __future__ import annotations

import asyncio
import contextlib

from agentdesk.errors import StoreFull
from agentdesk.model.clock import ManualClock
from agentdesk.model.events import OutboxChanged
from agentdesk.model.outgoing import SendState
from agentdesk.store import outbox, sources
from agentdesk.sync.engine import Engine
from tests.fakes.desk import SOURCE, LittleDesk, rulebook
from tests.fakes.platform import Fault, Platform


def state_of(desk: LittleDesk) -> str:
    """How the source stands in the cache."""
    return sources.state(desk.store.reader, SOURCE).state


async def test_a_sender_that_is_ended_ends_although_nothing_can_be_written_down(desk: LittleDesk) -> None:
    entry_id = desk.reply("c1", "Hello")
    desk.connector.faults.append(Fault.HANG_AFTER)
    task = asyncio.get_running_loop().create_task(desk.sender.run())
    await desk.connector.hanging.wait()

    def full(name: str) -> None:
        raise StoreFull("The disk is full")

    desk.faults = full
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait_for(task, 30)
    assert task.cancelled(), "it went on after it was told to end"
    desk.faults = None
    await desk.send()
    assert desk.state(entry_id) in (SendState.UNKNOWN, SendState.SENT)


async def test_what_a_dead_process_was_sending_is_unknown_even_where_nobody_sends_any_more(
        desk: LittleDesk, clock: ManualClock) -> None:
    entry_id = desk.reply("c1", "Hello")
    desk.connector.faults.append(Fault.KILL_AFTER)
    assert not await desk.send_or_die()
    assert desk.state(entry_id) is SendState.SENDING
    bare = Engine(desk.store, {}, rulebook(), clock, desk.events.append, desk.holder,
                  alive=lambda holder: holder.partition("@")[0] in desk.living)
    await bare.recover(clock.now())
    assert desk.state(entry_id) is SendState.UNKNOWN
    told = [e.state for e in desk.events if isinstance(e, OutboxChanged) and e.entry_id == entry_id]
    assert told[-1] is SendState.UNKNOWN
    desk.store.write_now(lambda db: outbox.settle(db, entry_id, "ann", clock.now(), rulebook()))
    assert desk.state(entry_id) is SendState.SENT


async def test_what_a_dead_process_was_sending_is_unknown_while_its_source_is_paused(
        desk: LittleDesk, clock: ManualClock) -> None:
    entry_id = desk.reply("c1", "Hello")
    desk.connector.faults.append(Fault.KILL_AFTER)
    assert not await desk.send_or_die()
    await desk.engine.pause(SOURCE)
    await desk.send()
    await desk.engine.recover(clock.now())
    assert desk.state(entry_id) is SendState.UNKNOWN


async def test_what_a_living_process_is_sending_is_left_alone(desk: LittleDesk, clock: ManualClock) -> None:
    entry_id = desk.reply("c1", "Hello")
    desk.connector.faults.append(Fault.HANG_BEFORE)
    task = asyncio.get_running_loop().create_task(desk.send())
    await desk.connector.hanging.wait()
    await desk.engine.recover(clock.now())
    assert desk.state(entry_id) is SendState.SENDING
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_pause_during_a_pull_stays_a_pause(desk: LittleDesk, platform: Platform) -> None:
    await desk.engine.pause(SOURCE)
    await desk.collector.collect()
    assert state_of(desk) == "paused"
    await desk.collector.failed(TimeoutError())
    assert state_of(desk) == "paused"
    await desk.engine.resume(SOURCE)
    await desk.collector.collect()
    assert state_of(desk) == "ok"
