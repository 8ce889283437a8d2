"""Claiming, putting aside, and the ways out of the queue, with their ledger rows and their undo."""

from __future__ import annotations

import json

import pytest

from agentdesk.desk import answer, decide, find, inbox
from agentdesk.errors import NotFound, Refused
from agentdesk.model.clock import HOUR, MINUTE
from agentdesk.model.conversation import ClockKind, Disposition, State
from agentdesk.model.outgoing import OutKind, SendState, Verb
from tests.desk.conftest import SOURCE, World


def open_ids(world: World) -> list[int]:
    """What the queue shows."""
    return [row.id for row in find.window(world.desk, find.compile_view(world.desk, "state:open"))]


async def test_a_claim_is_ours_and_the_source_hears_of_it(world: World) -> None:
    number = await world.arrive("a")
    assert await inbox.claim(world.desk, [number]) == "Yours"
    it = find.conversation(world.desk, number)
    assert (it.claim_agent, it.claim_until) == ("ann", world.clock.now() + 15 * MINUTE)
    world.clock.advance(MINUTE)
    await world.sync()
    assert [act.verb for act in world.platform.acts] == [Verb.CLAIM]


async def test_a_colleagues_claim_refuses_ours_and_names_them(world: World) -> None:
    number = await world.arrive("a")
    world.desk.agent = "bo"
    await inbox.claim(world.desk, [number])
    world.desk.agent = "ann"
    with pytest.raises(Refused, match="bo has #"):
        await inbox.claim(world.desk, [number])
    assert await inbox.claim(world.desk, [number], steal=True) == "Yours"
    assert find.conversation(world.desk, number).claim_agent == "ann"


async def test_a_claim_that_ran_out_is_free(world: World) -> None:
    number = await world.arrive("a")
    world.desk.agent = "bo"
    await inbox.claim(world.desk, [number])
    world.desk.agent = "ann"
    world.clock.advance(16 * MINUTE)
    assert await inbox.claim(world.desk, [number]) == "Yours"


async def test_only_our_own_claims_can_be_released(world: World) -> None:
    number = await world.arrive("a")
    with pytest.raises(Refused, match="None of these is yours"):
        await inbox.release(world.desk, [number])
    await inbox.claim(world.desk, [number])
    await inbox.release(world.desk, [number])
    assert find.conversation(world.desk, number).claim_agent == ""


async def test_snoozed_leaves_the_queue_and_comes_back_by_itself(world: World) -> None:
    number = await world.arrive("a")
    await inbox.snooze(world.desk, [number], world.clock.now() + HOUR)
    assert open_ids(world) == []
    world.clock.advance(HOUR)
    await world.desk.connected().housekeeping(world.clock.now())
    assert open_ids(world) == [number]


async def test_a_new_message_wakes_a_snoozed_one_at_once(world: World) -> None:
    number = await world.arrive("a")
    await inbox.snooze(world.desk, [number], world.clock.now() + HOUR)
    await world.arrive("a", "Hello?")
    assert open_ids(world) == [number]


async def test_what_came_in_while_one_chose_is_not_finished_with_it(world: World) -> None:
    number, other = await world.arrive("a"), await world.arrive("b")
    seen = inbox.seen(world.desk, [number, other])
    await world.arrive("a", "It is urgent now")
    with pytest.raises(Refused, match="wrote again"):
        await inbox.dispose(world.desk, [number, other], Disposition.PRAISE, seen=seen)
    with pytest.raises(Refused, match="wrote again"):
        await inbox.snooze(world.desk, [number, other], world.clock.now() + HOUR, seen=seen)
    assert open_ids(world) == [number, other]
    await inbox.dispose(world.desk, [number, other], Disposition.PRAISE, seen=inbox.seen(world.desk, [number, other]))
    assert open_ids(world) == []


async def test_our_own_words_that_come_in_meanwhile_stop_nothing(world: World) -> None:
    number = await world.arrive("a")
    seen = inbox.seen(world.desk, [number])
    world.platform.colleague("a", "It is on its way")
    await world.sync()
    await inbox.dispose(world.desk, [number], Disposition.ANSWERED, seen=seen)
    assert find.conversation(world.desk, number).state is State.DONE


async def test_snoozing_into_the_past_is_refused(world: World) -> None:
    number = await world.arrive("a")
    with pytest.raises(Refused, match="has passed"):
        await inbox.snooze(world.desk, [number], world.clock.now())


@pytest.mark.parametrize("how", [Disposition.ANSWERED, Disposition.PRAISE, Disposition.LINKED])
async def test_done_names_who_how_and_closes_the_ticket(world: World, how: Disposition) -> None:
    number = await world.arrive("a")
    await inbox.dispose(world.desk, [number], how, reason="called back")
    it = find.conversation(world.desk, number)
    assert (it.state, it.disposition) == (State.DONE, how)
    last = find.ledger(world.desk, number)[-1]
    assert (last.agent, last.action, last.detail["reason"]) == ("ann", how.value, "called back")
    world.clock.advance(MINUTE)
    await world.sync()
    assert [(act.verb, act.value) for act in world.platform.acts] == [(Verb.STATUS, "resolved")]


@pytest.mark.parametrize("how", [Disposition.NOT_ACTIONABLE, Disposition.SPAM])
async def test_these_need_a_code(world: World, how: Disposition) -> None:
    number = await world.arrive("a")
    with pytest.raises(Refused, match="needs a code"):
        await inbox.dispose(world.desk, [number], how)
    assert open_ids(world) == [number]


async def test_a_duplicate_names_another_conversation_that_exists(world: World) -> None:
    first, second = await world.arrive("a"), await world.arrive("b")
    for wrong in (None, second):
        with pytest.raises(Refused):
            await inbox.dispose(world.desk, [second], Disposition.DUPLICATE, of=wrong)
    with pytest.raises(NotFound):
        await inbox.dispose(world.desk, [second], Disposition.DUPLICATE, of=999)
    await inbox.dispose(world.desk, [second], Disposition.DUPLICATE, of=first)
    assert open_ids(world) == [first]
    assert find.ledger(world.desk, second)[-1].detail["of"] == first


async def test_a_new_message_reopens_what_was_done(world: World) -> None:
    number = await world.arrive("a")
    await inbox.dispose(world.desk, [number], Disposition.PRAISE)
    world.clock.advance(MINUTE)
    await world.arrive("a", "One more thing")
    it = find.conversation(world.desk, number)
    assert (it.state, it.disposition) == (State.OPEN, None)


async def test_all_or_none_of_a_marked_set(world: World) -> None:
    mine, theirs = await world.arrive("a"), await world.arrive("b")
    world.desk.agent = "bo"
    await inbox.claim(world.desk, [theirs])
    world.desk.agent = "ann"
    with pytest.raises(Refused):
        await inbox.claim(world.desk, [mine, theirs])
    assert find.conversation(world.desk, mine).claim_agent == ""


@pytest.mark.parametrize("how", [Disposition.SPAM, Disposition.NOT_ACTIONABLE])
@pytest.mark.parametrize("code", ["", "advrt"])
async def test_a_way_out_that_needs_a_code_takes_known_ones_only(world: World, how: Disposition, code: str) -> None:
    number = await world.arrive("a")
    with pytest.raises(Refused, match="code") as caught:
        await inbox.dispose(world.desk, [number], how, code=code)
    assert "Codes: " in caught.value.remedy
    assert open_ids(world) == [number]


async def test_undo_takes_back_a_whole_marked_set_and_only_once(world: World) -> None:
    ids = [await world.arrive(name) for name in "abc"]
    await inbox.dispose(world.desk, ids, Disposition.SPAM, code="advert")
    assert open_ids(world) == []
    assert await decide.undo(world.desk) == "Undone: spam (3 conversations)"
    assert sorted(open_ids(world)) == sorted(ids)
    with pytest.raises(Refused, match="nothing to undo"):
        await decide.undo(world.desk)


async def test_undo_before_the_source_heard_keeps_it_quiet_and_after_takes_it_back(world: World) -> None:
    number = await world.arrive("a")
    await inbox.dispose(world.desk, [number], Disposition.ANSWERED)
    await decide.undo(world.desk)
    world.clock.advance(MINUTE)
    await world.sync()
    assert world.platform.acts == []
    await inbox.claim(world.desk, [number])
    world.clock.advance(MINUTE)
    await world.sync()
    await decide.undo(world.desk)
    world.clock.advance(MINUTE)
    await world.sync()
    assert [act.verb for act in world.platform.acts] == [Verb.CLAIM, Verb.RELEASE]


async def test_undo_leaves_alone_what_a_colleague_changed_since(world: World) -> None:
    number = await world.arrive("a")
    await inbox.tag(world.desk, [number], ["lost"])
    world.desk.agent = "bo"
    await inbox.tag(world.desk, [number], ["depot"])
    world.desk.agent = "ann"
    heard: list[object] = []
    world.desk.subscribe(heard.append)
    await decide.undo(world.desk)
    assert find.conversation(world.desk, number).tags == ("lost", "depot")
    assert any("changed by somebody since" in getattr(event, "text", "") for event in heard)


async def test_undo_is_the_agents_own(world: World) -> None:
    number = await world.arrive("a")
    await inbox.claim(world.desk, [number])
    world.desk.agent = "bo"
    with pytest.raises(Refused, match="nothing to undo"):
        await decide.undo(world.desk)


async def test_tags_go_to_the_help_desk_as_a_change(world: World) -> None:
    number = await world.arrive("a")
    await inbox.tag(world.desk, [number], ["lost", "depot"])
    await inbox.tag(world.desk, [number], [], ["lost"])
    assert find.conversation(world.desk, number).tags == ("depot",)
    world.clock.advance(MINUTE)
    await world.sync()
    assert [json.loads(act.value) for act in world.platform.acts] == [
        {"add": ["lost", "depot"], "remove": []}, {"add": [], "remove": ["lost"]}]
    assert await inbox.tag(world.desk, [number], ["depot"]) == "Nothing to change"


async def test_the_closing_status_is_not_a_way_around_a_disposition(world: World) -> None:
    number = await world.arrive("a")
    with pytest.raises(Refused, match="needs a disposition"):
        await inbox.set_status(world.desk, [number], "resolved")
    with pytest.raises(Refused, match="no status nosuch"):
        await inbox.set_status(world.desk, [number], "nosuch")
    await inbox.set_status(world.desk, [number], "stalled")
    assert find.conversation(world.desk, number).status == "stalled"


async def test_a_promise_is_a_clock_until_it_is_kept(world: World) -> None:
    number = await world.arrive("a")
    due = world.clock.now() + 2 * HOUR
    await inbox.promise(world.desk, number, due, "call back")
    clocks = {clock.kind: clock for clock in find.conversation(world.desk, number).clocks}
    assert (clocks[ClockKind.PROMISE].due_at, clocks[ClockKind.PROMISE].words) == (due, "call back")
    (promise,) = find.promises(world.desk, number)
    await inbox.keep(world.desk, promise.id)
    assert ClockKind.PROMISE not in {clock.kind for clock in find.conversation(world.desk, number).clocks}
    assert [entry.action for entry in find.ledger(world.desk, number)] == ["promised", "promise_kept"]


async def test_a_reply_on_its_way_may_end_as_answered_only(world: World) -> None:
    number = await world.arrive("a")
    draft = msgspec_text(world, number, "On its way")
    sent = await answer.send(world.desk, draft)
    assert sent.entry_ids
    with pytest.raises(Refused, match="not settled"):
        await inbox.dispose(world.desk, [number], Disposition.PRAISE)
    await inbox.dispose(world.desk, [number], Disposition.ANSWERED)
    world.clock.advance(MINUTE)
    await world.sync()
    assert find.outbox(world.desk, unsettled_only=True) == []
    assert find.conversation(world.desk, number).state is State.DONE


async def test_a_refused_reply_keeps_its_conversation_in_the_queue(world: World) -> None:
    from tests.fakes.platform import Fault

    number = await world.arrive("a")
    await answer.send(world.desk, msgspec_text(world, number, "It never arrives"))
    await inbox.dispose(world.desk, [number], Disposition.ANSWERED)
    world.connector.faults.append(Fault.REFUSED)
    world.clock.advance(MINUTE)
    await world.sync()
    assert [entry.state for entry in find.outbox(world.desk) if entry.kind is OutKind.REPLY] == [SendState.REFUSED]
    assert open_ids(world) == [number]


def msgspec_text(world: World, number: int, text: str) -> answer.Draft:
    """A draft with this text."""
    import msgspec

    return msgspec.structs.replace(answer.open_draft(world.desk, number), text=text)


async def test_no_number_is_an_error_in_words(world: World) -> None:
    with pytest.raises(NotFound):
        await inbox.claim(world.desk, [4711])
    with pytest.raises(Refused, match="Nothing is selected"):
        await inbox.claim(world.desk, [])
    assert world.desk.caps(SOURCE).letter == "F"
