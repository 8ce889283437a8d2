"""Sending what lies in the outbox, one outcome at a time."""

from __future__ import annotations

import asyncio

import pytest

from agentdesk.errors import AuthError, BadAnswer, Conflict, Unavailable
from agentdesk.model.clock import HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.conversation import State
from agentdesk.model.events import ClaimLost, OutboxChanged
from agentdesk.model.outgoing import Absent, OutKind, SendState, Verb
from agentdesk.store import conversations
from tests.fakes.desk import SOURCE, LittleDesk, until_settled
from tests.fakes.platform import Fault, Platform
from tests.store.scene import claim


async def test_a_reply_arrives_once_and_the_conversation_waits(desk: LittleDesk, platform: Platform) -> None:
    entry_id = desk.reply("c1", "So sorry, looking into it")
    await desk.send()
    entry = desk.entry(entry_id)
    assert entry.state is SendState.SENT
    assert platform.copies(entry.client_id) == 1
    it = conversations.get(desk.store.reader, entry.conversation_id)
    assert it.state is State.WAITING
    assert it.unanswered_since is None
    states = [e.state for e in desk.events if isinstance(e, OutboxChanged)]
    assert states == [SendState.SENDING, SendState.SENT]


async def test_sending_is_written_down_before_the_first_byte(desk: LittleDesk) -> None:
    entry_id = desk.reply("c1", "Hello")
    seen: list[SendState] = []
    desk.connector.before_send = lambda out: seen.append(desk.state(entry_id))
    await desk.send()
    assert seen == [SendState.SENDING]


async def test_what_is_held_does_not_leave_before_its_time(desk: LittleDesk, clock: ManualClock) -> None:
    entry_id = desk.reply("c1", "Hello", hold=5 * SECOND)
    clock.advance(5 * SECOND - 1)
    await desk.send()
    assert desk.state(entry_id) is SendState.HELD
    clock.advance(1)
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT


async def test_new_words_of_the_customer_stop_a_reply(desk: LittleDesk, platform: Platform) -> None:
    entry_id = desk.reply("c1", "It comes tomorrow")
    platform.write("c1", "It just came, thank you")
    await desk.send()
    entry = desk.entry(entry_id)
    assert entry.state is SendState.STOPPED
    assert "Customer c1 wrote again" in entry.title
    assert platform.copies(entry.client_id) == 0
    assert any("Not sent" in text for text in desk.notices())
    assert "m3" in desk.refs(), "what stopped it is stored and can be read"


async def test_a_colleagues_answer_stops_a_reply(desk: LittleDesk, platform: Platform) -> None:
    entry_id = desk.reply("c1", "It comes tomorrow")
    platform.colleague("c1", "It is at the depot", "Sam")
    await desk.send()
    assert desk.state(entry_id) is SendState.STOPPED
    assert "Sam answered" in desk.entry(entry_id).title


async def test_a_person_can_send_a_stopped_reply_all_the_same(desk: LittleDesk, platform: Platform) -> None:
    entry_id = desk.reply("c1", "It comes tomorrow")
    platform.write("c1", "Hello?")
    await desk.send()
    desk.release(entry_id)
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT


async def test_old_messages_that_come_late_do_not_stop_a_reply(desk: LittleDesk, platform: Platform,
                                                              clock: ManualClock) -> None:
    entry_id = desk.reply("c1", "It comes tomorrow")
    platform.write("c1", "An older post of the same thread", at=clock.now() - 30 * HOUR)
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT


async def test_two_replies_of_one_agent_go_one_after_the_other(desk: LittleDesk, platform: Platform) -> None:
    one, two = desk.reply("c1", "Part one"), desk.reply("c1", "Part two")
    await desk.send()
    assert [desk.state(one), desk.state(two)] == [SendState.SENT, SendState.SENT]
    texts = [p.message.text for p in platform.visible("c1")]
    assert texts == ["My parcel is lost", "Part one", "Part two"]


async def test_a_second_agents_reply_on_the_same_cache_is_stopped(desk: LittleDesk) -> None:
    one = desk.reply("c1", "From Ann")
    desk.agent = "bob"
    two = desk.reply("c1", "From Bob")
    await desk.send()
    assert desk.state(one) is SendState.SENT
    assert desk.state(two) is SendState.STOPPED
    assert "ann answered" in desk.entry(two).title


async def test_a_refused_reply_keeps_its_text_and_says_why(desk: LittleDesk) -> None:
    desk.connector.faults.append(Fault.REFUSED)
    entry_id = desk.reply("c1", "Rude words")
    await desk.send()
    entry = desk.entry(entry_id)
    assert entry.state is SendState.REFUSED
    assert entry.title == "The server refuses this: The text is not allowed"
    assert entry.remedy == "Change it"
    assert entry.out is not None
    assert entry.out.text == "Rude words"


async def test_a_reply_to_something_that_is_gone_is_refused(desk: LittleDesk, platform: Platform) -> None:
    entry_id = desk.reply("c1", "Hello")
    platform.gone.add("c1")
    await desk.send()
    assert desk.state(entry_id) is SendState.REFUSED
    assert "not there any more" in desk.entry(entry_id).title


async def test_offline_is_a_state_and_not_an_error(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.thread_errors.append(Unavailable("No network"))
    entry_id = desk.reply("c1", "Hello")
    await desk.send()
    entry = desk.entry(entry_id)
    assert (entry.state, entry.title) == (SendState.QUEUED, "No network")
    assert entry.next_try_at > clock.now()
    clock.advance(MINUTE)
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT


async def test_a_server_that_asks_to_wait_is_left_alone_by_all(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.LIMITED)
    one, two = desk.reply("c1", "One"), desk.reply("c2", "Two")
    await desk.send()
    assert [desk.state(one), desk.state(two)] == [SendState.QUEUED, SendState.QUEUED]
    clock.advance(89 * SECOND)
    calls = len(desk.connector.calls)
    await desk.send()
    assert len(desk.connector.calls) == calls, "89 of 90 seconds: not a single request"
    clock.advance(60 * SECOND)
    await desk.send()
    assert [desk.state(one), desk.state(two)] == [SendState.SENT, SendState.SENT]


async def test_a_dead_token_stops_sending_until_told(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.SIGNED_OUT)
    entry_id = desk.reply("c1", "Hello")
    await desk.sender.turn()
    assert desk.state(entry_id) is SendState.QUEUED
    assert desk.store.reader.value("SELECT state FROM source WHERE name = ?", SOURCE) == "auth"
    clock.advance(24 * HOUR)
    await desk.sender.turn()
    assert desk.state(entry_id) is SendState.QUEUED
    desk.engine.poke(SOURCE)
    await desk.sender.turn()
    assert desk.state(entry_id) is SendState.SENT


async def test_one_entry_that_fails_does_not_block_the_others(desk: LittleDesk) -> None:
    desk.connector.thread_errors.append(BadAnswer("Garbage"))
    bad, good = desk.reply("c1", "One"), desk.reply("c2", "Two")
    await desk.send()
    assert [desk.state(bad), desk.state(good)] == [SendState.QUEUED, SendState.SENT]


async def test_what_lands_late_is_found_before_it_is_sent_again(desk: LittleDesk, platform: Platform,
                                                               clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.LATE)
    desk.connector.read_errors.extend([Absent(), Absent()])
    entry_id = desk.reply("c1", "Hello")
    await until_settled(desk, [entry_id], clock.advance)
    assert desk.state(entry_id) is SendState.NEEDS_HUMAN
    desk.release(entry_id)
    await until_settled(desk, [entry_id], clock.advance)
    entry = desk.entry(entry_id)
    assert entry.state is SendState.SENT
    assert entry.attempts == 1
    assert platform.copies(entry.client_id) == 1


async def test_being_stopped_in_the_middle_of_sending_is_written_down(desk: LittleDesk, platform: Platform,
                                                                     clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.HANG_AFTER)
    entry_id = desk.reply("c1", "Hello")
    task = asyncio.get_running_loop().create_task(desk.sender.turn())
    await desk.connector.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.state(entry_id) is SendState.UNKNOWN
    desk.restart()
    await until_settled(desk, [entry_id], clock.advance)
    assert desk.state(entry_id) is SendState.SENT
    assert platform.copies(desk.entry(entry_id).client_id) == 1


async def test_a_note_needs_no_reading_of_the_thread(desk: LittleDesk, platform: Platform) -> None:
    platform.write("c1", "Something new")
    entry_id = desk.reply("c1", "Call them back", kind=OutKind.NOTE)
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT
    assert "thread" not in [what for _, what in desk.connector.calls]


async def test_an_action_of_unknown_outcome_is_simply_done_again(desk: LittleDesk, platform: Platform,
                                                                 clock: ManualClock) -> None:
    desk.connector.act_errors.extend([TimeoutError(), BadAnswer("?")])
    entry_id = desk.act("c1", Verb.STATUS, "solved")
    await until_settled(desk, [entry_id], clock.advance)
    assert desk.state(entry_id) is SendState.SENT
    assert [a.value for a in platform.acts] == ["solved"]


async def test_an_action_that_never_ends_well_asks_a_person(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.act_errors.extend([BadAnswer("?")] * 50)
    entry_id = desk.act("c1", Verb.STATUS, "solved")
    await until_settled(desk, [entry_id], clock.advance)
    assert desk.state(entry_id) is SendState.NEEDS_HUMAN


async def test_a_claim_that_a_colleague_won_is_given_up_here(desk: LittleDesk, platform: Platform,
                                                            clock: ManualClock) -> None:
    platform.claims["c1"] = "sam"
    number = desk.conversation("c1")
    desk.store.write_now(lambda db: claim(db, number, "ann", clock.now() + HOUR))
    entry_id = desk.act("c1", Verb.CLAIM)
    await desk.send()
    assert desk.state(entry_id) is SendState.REFUSED
    assert conversations.get(desk.store.reader, number).claim_agent == ""
    [lost] = [e for e in desk.events if isinstance(e, ClaimLost)]
    assert (lost.conversation_id, lost.holder) == (number, "sam")


async def test_a_conflict_on_another_action_keeps_the_claim(desk: LittleDesk, clock: ManualClock) -> None:
    number = desk.conversation("c1")
    desk.store.write_now(lambda db: claim(db, number, "ann", clock.now() + HOUR))
    desk.connector.act_errors.append(Conflict("changed meanwhile"))
    entry_id = desk.act("c1", Verb.STATUS, "solved")
    await desk.send()
    assert desk.state(entry_id) is SendState.REFUSED
    assert conversations.get(desk.store.reader, number).claim_agent == "ann"


async def test_a_token_that_dies_while_reading_the_thread_sends_nothing(desk: LittleDesk) -> None:
    desk.connector.thread_errors.append(AuthError("dead"))
    entry_id = desk.reply("c1", "Hello")
    await desk.sender.turn()
    assert desk.state(entry_id) is SendState.QUEUED
    assert desk.sender.pace.stopped


async def test_an_answer_that_crossed_ours_is_found_by_a_later_reading(desk: LittleDesk, platform: Platform,
                                                                      clock: ManualClock) -> None:
    desk.connector.before_send = lambda out: platform.colleague("c1", "It is at the depot")
    entry_id = desk.reply("c1", "It comes tomorrow")
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT
    clock.advance(5 * SECOND)
    await desk.sender.turn()
    assert any("Answered twice" in text for text in desk.notices())


async def test_the_second_part_of_a_split_reply_does_not_go_without_the_first(desk: LittleDesk,
                                                                             clock: ManualClock) -> None:
    desk.connector.faults.append(Fault.REFUSED)
    one, two = desk.reply("c1", "Part one"), desk.reply("c1", "Part two")
    clock.advance(MINUTE)
    later = desk.reply("c1", "Written after the refusal")
    await desk.send()
    assert [desk.state(e) for e in (one, two, later)] == [SendState.REFUSED, SendState.STOPPED, SendState.SENT]
    assert desk.entry(two).title == "The part before it has not gone"
    desk.release(one)
    await desk.send()
    desk.release(two)
    await desk.send()
    assert [desk.state(one), desk.state(two)] == [SendState.SENT, SendState.SENT]
