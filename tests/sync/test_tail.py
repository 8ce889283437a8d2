"""What came in since a reply was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdesk.model.clock import HOUR, MINUTE, ManualClock
from agentdesk.model.message import Direction
from agentdesk.store import outbox, tail
from agentdesk.store.db import Db
from tests.fakes.desk import LittleDesk, rulebook
from tests.fakes.platform import Fault, Platform


def looked(desk: LittleDesk, entry_id: int) -> tail.Tail:
    return desk.store.write_now(lambda db: _look(db, desk, entry_id))


def _look(db: Db, desk: LittleDesk, entry_id: int) -> tail.Tail:
    return tail.look(db, desk.entry(entry_id))


async def test_nothing_new_is_nothing(desk: LittleDesk) -> None:
    assert looked(desk, desk.reply("c1", "Hello")) == tail.Tail()


async def test_the_customers_new_words_come_first(desk: LittleDesk, platform: Platform, clock: ManualClock) -> None:
    entry_id = desk.reply("c1", "Hello")
    platform.write("c1", "One more thing")
    clock.advance(MINUTE)
    platform.colleague("c1", "I take this one", "Sam")
    await desk.pull()
    assert looked(desk, entry_id).stop == "Customer c1 wrote again before your reply went"


async def test_a_colleague_is_named(desk: LittleDesk, platform: Platform) -> None:
    entry_id = desk.reply("c1", "Hello")
    platform.colleague("c1", "I take this one", "Sam")
    await desk.pull()
    assert looked(desk, entry_id).stop == "Sam answered before your reply went"


async def test_new_words_are_new_although_our_clock_dated_what_we_said_last(
        tmp_path: Path, clock: ManualClock) -> None:
    true = ManualClock(clock.now())
    platform = Platform(true)
    clock.advance(6 * HOUR)
    desk = LittleDesk(tmp_path, clock, platform)
    platform.write("c1", "Hello?")
    await desk.pull()
    desk.connector.faults.append(Fault.CUT_BEFORE)
    said = desk.reply("c1", "It is on its way")
    await desk.send()
    desk.store.write_now(lambda db: outbox.settle(db, said, desk.agent, clock.now(), rulebook()))
    entry_id = desk.reply("c1", "And comes tomorrow")
    true.advance(MINUTE)
    platform.write("c1", "It is here now")
    await desk.pull()
    assert looked(desk, entry_id).stop == "Customer c1 wrote again before your reply went"


async def test_other_conversations_do_not_matter(desk: LittleDesk, platform: Platform) -> None:
    entry_id = desk.reply("c1", "Hello")
    platform.write("c2", "Something else")
    await desk.pull()
    assert looked(desk, entry_id) == tail.Tail()


async def test_what_was_taken_back_a_note_and_what_others_say_stop_nothing(
        desk: LittleDesk, platform: Platform) -> None:
    entry_id = desk.reply("c1", "Hello")
    platform.delete(platform.write("c1", "Forget it").ref)
    platform.write("c1", "Depot says number 14", direction=Direction.NOTE)
    platform.write("c1", "Same here", direction=Direction.ASIDE)
    await desk.pull()
    assert looked(desk, entry_id) == tail.Tail()


@pytest.mark.parametrize(("before", "stops"), [(30 * MINUTE, True), (2 * HOUR, False)])
async def test_a_late_message_is_new_when_it_is_not_older_than_what_was_read(
        desk: LittleDesk, platform: Platform, clock: ManualClock, before: int, stops: bool) -> None:
    entry_id = desk.reply("c1", "Hello")
    platform.write("c1", "This came a long way", at=clock.now() - MINUTE - before)
    await desk.pull()
    assert bool(looked(desk, entry_id).stop) is stops


async def test_without_anything_read_only_what_came_after_the_writing_counts(desk: LittleDesk, platform: Platform,
                                                                            clock: ManualClock) -> None:
    entry_id = desk.reply("c1", "Hello", seen=0)
    assert looked(desk, entry_id) == tail.Tail()
    clock.advance(MINUTE)
    platform.write("c1", "One more thing")
    await desk.pull()
    assert looked(desk, entry_id).stop


async def test_our_own_words_after_a_first_attempt_are_our_reply_and_no_colleagues(desk: LittleDesk,
                                                                                  platform: Platform) -> None:
    desk.connector.faults.append(Fault.CUT_AFTER)
    entry_id = desk.reply("c1", "@jane  Hello https://acme.example/x")
    await desk.send()
    await desk.pull()
    assert looked(desk, entry_id).twin_ref == "m3"
