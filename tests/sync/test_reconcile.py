"""Reconciling replies whose outcome is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdesk.errors import Rejected, Unavailable
from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import HOUR, MINUTE, SECOND, ManualClock, Millis
from agentdesk.model.outgoing import Absent, OutKind, SendState, Unsure
from tests.fakes.desk import LittleDesk, until_settled
from tests.fakes.platform import Fault, Platform


@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.ERROR_AFTER, Fault.TIMEOUT_AFTER, Fault.GARBAGE_AFTER])
async def test_an_unknown_outcome_is_found_by_reading_back(desk: LittleDesk, platform: Platform, clock: ManualClock,
                                                           fault: Fault) -> None:
    desk.connector.faults.append(fault)
    entry_id = desk.reply("c1", "Hello")
    await desk.send()
    assert desk.state(entry_id) is SendState.UNKNOWN
    clock.advance(10 * SECOND)
    await desk.send()
    entry = desk.entry(entry_id)
    assert entry.state is SendState.SENT
    assert entry.remote_ref
    assert platform.copies(entry.client_id) == 1


async def test_what_never_arrived_is_offered_after_two_looks_and_not_sent_again(
        desk: LittleDesk, platform: Platform, clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.CUT_BEFORE)
    entry_id = desk.reply("c1", "Hello")
    await until_settled(desk, [entry_id], clock.advance)
    entry = desk.entry(entry_id)
    assert entry.state is SendState.NEEDS_HUMAN
    assert entry.title == "It did not arrive"
    assert entry.attempts == 1
    looks = [at for at, what in desk.connector.calls if what == "reconcile"]
    assert len(looks) == 2
    assert looks[1] - looks[0] >= 2 * MINUTE
    desk.release(entry_id)
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT
    assert platform.copies(entry.client_id) == 1


@pytest.mark.parametrize(("readings", "title", "looks"), [
    ([], "It did not arrive", 2), ([Unsure("half a page")] * 5, "It is not certain whether it arrived", 3),
], ids=["absent", "unsure"])
async def test_who_only_fetches_now_and_then_is_asked_too(
        desk: LittleDesk, clock: ManualClock, readings: list[Unsure], title: str, looks: int) -> None:
    """Each look is another process's, as with ``agentdesk sync`` from a timer."""
    desk.connector.faults.append(Fault.CUT_BEFORE)
    desk.connector.read_errors.extend(readings)
    entry_id = desk.reply("c1", "Hello")
    await desk.send()
    for _ in range(looks):
        assert desk.state(entry_id) is SendState.UNKNOWN
        desk.restart()
        clock.advance(6 * MINUTE)
        await desk.send()
    assert desk.state(entry_id) is SendState.NEEDS_HUMAN
    assert desk.entry(entry_id).title.startswith(title)
    assert sum(what == "reconcile" for _, what in desk.connector.calls) == looks


async def test_two_looks_close_together_by_two_processes_prove_nothing(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.CUT_BEFORE)
    entry_id = desk.reply("c1", "Hello")
    await desk.send()
    clock.advance(MINUTE)
    await desk.send()
    desk.restart()
    clock.advance(SECOND)
    await desk.send()
    assert desk.state(entry_id) is SendState.UNKNOWN


async def test_a_platform_that_knows_our_id_gets_it_again_by_itself(tmp_path: Path, clock: ManualClock) -> None:
    platform = Platform(clock, strength=SendStrength.KEY, replay_s=3_600)
    desk = LittleDesk(tmp_path, clock, platform)
    platform.write("c1", "Hello?")
    await desk.pull()
    desk.connector.faults.extend([Fault.CUT_BEFORE, Fault.ERROR_BEFORE])
    entry_id = desk.reply("c1", "Hello")
    await until_settled(desk, [entry_id], clock.advance)
    assert desk.state(entry_id) is SendState.SENT
    assert desk.entry(entry_id).attempts == 3
    assert platform.copies(desk.entry(entry_id).client_id) == 1


@pytest.mark.parametrize("kind", [OutKind.REPLY, OutKind.NOTE])
@pytest.mark.parametrize("first", [Unsure("half a page"), None], ids=["unsure", "read"])
async def test_a_clock_that_was_set_back_sends_nothing_twice(tmp_path: Path, clock: ManualClock, kind: OutKind,
                                                             first: Unsure | None) -> None:
    true = ManualClock(clock.now())
    platform = Platform(true, strength=SendStrength.KEY, replay_s=3_600)
    clock.advance(6 * HOUR)
    desk = LittleDesk(tmp_path, clock, platform)
    platform.write("c1", "Hello?")
    await desk.pull()
    desk.connector.faults.append(Fault.CUT_AFTER)
    desk.connector.read_errors.append(first)
    entry_id = desk.reply("c1", "Hello", kind=kind)
    await desk.send()
    true.advance(2 * HOUR)
    clock.advance(HOUR // 2)

    def advance(length: Millis) -> None:
        true.advance(length)
        clock.advance(length)

    await until_settled(desk, [entry_id], advance)
    entry = desk.entry(entry_id)
    assert (entry.state, entry.attempts) == (SendState.SENT, 1)
    assert platform.copies(entry.client_id) == 1


async def test_three_unsure_readings_ask_a_person(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.TIMEOUT_AFTER)
    desk.connector.read_errors.extend([Unsure("half a page"), ValueError("broken"), Unsure("half a page")])
    entry_id = desk.reply("c1", "Hello")
    await until_settled(desk, [entry_id], clock.advance)
    entry = desk.entry(entry_id)
    assert entry.state is SendState.NEEDS_HUMAN
    assert "not certain" in entry.title


async def test_a_reading_that_cannot_be_done_is_not_counted(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.TIMEOUT_AFTER)
    desk.connector.read_errors.extend([Unavailable("down")] * 6)
    entry_id = desk.reply("c1", "Hello")
    await until_settled(desk, [entry_id], clock.advance)
    assert desk.state(entry_id) is SendState.SENT


async def test_a_reading_that_is_refused_asks_a_person(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.TIMEOUT_AFTER)
    desk.connector.read_errors.append(Rejected("You may not read this"))
    entry_id = desk.reply("c1", "Hello")
    await until_settled(desk, [entry_id], clock.advance)
    assert desk.state(entry_id) is SendState.NEEDS_HUMAN


async def test_a_repetition_that_the_platform_notices_is_our_own_reply(tmp_path: Path, clock: ManualClock) -> None:
    platform = Platform(clock, strength=SendStrength.CONTENT, replay_s=600)
    desk = LittleDesk(tmp_path, clock, platform)
    platform.write("c1", "Hello?")
    await desk.pull()
    desk.connector.faults.append(Fault.CUT_AFTER)
    desk.connector.read_errors.extend([Absent(), Absent()])
    entry_id = desk.reply("c1", "Hello")
    await until_settled(desk, [entry_id], clock.advance)
    desk.connector.pages.clear()
    desk.connector.thread_errors.clear()
    desk.release(entry_id)
    await until_settled(desk, [entry_id], clock.advance)
    assert desk.state(entry_id) is SendState.SENT
    assert platform.copies(desk.entry(entry_id).client_id) == 1


async def test_words_that_stand_there_already_are_never_sent_again_by_themselves(tmp_path: Path,
                                                                               clock: ManualClock) -> None:
    platform = Platform(clock, strength=SendStrength.PUT)
    desk = LittleDesk(tmp_path, clock, platform)
    platform.write("c1", "Two stars")
    await desk.pull()
    desk.connector.faults.append(Fault.CUT_AFTER)
    desk.connector.read_errors.extend([Absent()] * 50)
    entry_id = desk.reply("c1", "Sorry to hear that", to="m1")
    await until_settled(desk, [entry_id], clock.advance)
    entry = desk.entry(entry_id)
    assert entry.state is SendState.NEEDS_HUMAN
    assert "The same words stand there" in entry.title
    assert entry.attempts == 1


async def test_a_clock_set_back_does_not_shorten_the_time_between_two_looks(desk: LittleDesk,
                                                                           clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.CUT_BEFORE)
    entry_id = desk.reply("c1", "Hello")
    await desk.send()
    clock.advance(5 * SECOND)
    await desk.send()
    assert desk.entry(entry_id).title == "Not found yet"
    clock.advance(-MINUTE)
    await desk.send()
    assert desk.state(entry_id) is SendState.UNKNOWN
    clock.advance(4 * MINUTE)
    await desk.send()
    clock.advance(4 * MINUTE)
    await desk.send()
    assert desk.state(entry_id) is SendState.NEEDS_HUMAN


@pytest.mark.parametrize("between", [None, Fault.OFFLINE], ids=["waits", "fails once more"])
async def test_what_waited_too_long_for_its_repetition_is_looked_for_first(
        tmp_path: Path, clock: ManualClock, between: Fault | None) -> None:
    """A platform forgets our ids: what was safe to repeat when that was decided is not an hour later."""
    platform = Platform(clock, strength=SendStrength.KEY, replay_s=3_600)
    platform.write("c1", "Where is my parcel?")
    desk = LittleDesk(tmp_path, clock, platform)
    await desk.pull()
    desk.connector.faults.append(Fault.CUT_AFTER)
    desk.connector.read_errors.append(Unsure("half a page"))
    entry_id = desk.reply("c1", "Hello", kind=OutKind.NOTE)
    await desk.send()
    clock.advance(MINUTE)
    await desk.send()
    assert desk.entry(entry_id).title.endswith("it is sent again under the same key")
    if between is not None:
        clock.advance(MINUTE)
        desk.connector.faults.append(between)
        await desk.send()
        assert desk.entry(entry_id).attempts == 2
    clock.advance(2 * HOUR)
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT
    assert platform.copies(desk.entry(entry_id).client_id) == 1
    desk.close()


async def test_what_was_never_accepted_goes_again_whenever_the_line_is_back(tmp_path: Path, clock: ManualClock) -> None:
    platform = Platform(clock, strength=SendStrength.KEY, replay_s=3_600)
    platform.write("c1", "Where is my parcel?")
    desk = LittleDesk(tmp_path, clock, platform)
    await desk.pull()
    desk.connector.faults.append(Fault.OFFLINE)
    entry_id = desk.reply("c1", "Hello")
    await desk.send()
    clock.advance(2 * HOUR)
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT
    assert "reconcile" not in [what for _, what in desk.connector.calls]
    desk.close()
