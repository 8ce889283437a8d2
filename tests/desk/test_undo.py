"""Taking a decision back after the world went on: what came in since stays seen, what others did stays done."""

from __future__ import annotations

from msgspec.structs import replace

from agentdesk.desk import answer, decide, find, inbox
from agentdesk.model.clock import HOUR, MINUTE
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.events import Notice
from agentdesk.model.outgoing import SendState, Verb
from tests.desk.conftest import World
from tests.fakes.platform import Fault


def notices(world: World) -> list[str]:
    """What is told from now on; grows."""
    heard: list[str] = []

    def listen(event: object) -> None:
        if isinstance(event, Notice):
            heard.append(event.text)

    world.desk.subscribe(listen)
    return heard


def asked(world: World) -> list[tuple[Verb, str]]:
    """What the source was asked to do."""
    return [(act.verb, act.value) for act in world.platform.acts]


async def later(world: World) -> None:
    """Let what is held leave."""
    world.clock.advance(MINUTE)
    await world.sync()


async def test_undoing_a_reopening_does_not_bury_what_came_in_since(world: World) -> None:
    number = await world.arrive("a")
    await inbox.dispose(world.desk, [number], Disposition.PRAISE)
    await inbox.reopen(world.desk, [number])
    world.clock.advance(MINUTE)
    await world.arrive("a", "It is broken, please help")
    await decide.undo(world.desk)
    it = find.conversation(world.desk, number)
    assert (it.state, it.burst) == (State.OPEN, 2)


async def test_undoing_the_waking_of_a_snoozed_one_does_not_hide_what_came_in_since(world: World) -> None:
    number = await world.arrive("a")
    await inbox.snooze(world.desk, [number], world.clock.now() + 3 * HOUR)
    await inbox.reopen(world.desk, [number])
    await world.arrive("a", "Hello?")
    await decide.undo(world.desk)
    assert find.conversation(world.desk, number).state is State.OPEN


async def test_undoing_a_reopening_puts_it_back_where_nothing_came_in(world: World) -> None:
    number = await world.arrive("a")
    await inbox.dispose(world.desk, [number], Disposition.PRAISE)
    await inbox.reopen(world.desk, [number])
    await decide.undo(world.desk)
    it = find.conversation(world.desk, number)
    assert (it.state, it.disposition, it.burst) == (State.DONE, Disposition.PRAISE, 0)


async def test_undoing_a_reopening_does_not_bury_a_reply_that_did_not_go(world: World) -> None:
    number = await world.arrive("a")
    await inbox.dispose(world.desk, [number], Disposition.PRAISE)
    await inbox.reopen(world.desk, [number])
    draft = replace(answer.open_draft(world.desk, number), text="Thank you for the kind words")
    await answer.send(world.desk, draft, hold=0)
    world.connector.faults.append(Fault.REFUSED)
    await later(world)
    told = notices(world)
    await decide.undo(world.desk)
    it = find.conversation(world.desk, number)
    assert (it.state, it.disposition) == (State.OPEN, None)
    assert told == [f"#{number} stays in the queue: what was to be sent did not go"]


async def test_undo_does_not_take_back_what_a_colleague_decided_since(world: World) -> None:
    number = await world.arrive("a")
    await inbox.dispose(world.desk, [number], Disposition.ANSWERED)
    await later(world)
    await world.arrive("a", "One more thing")
    world.clock.advance(MINUTE)
    world.desk.agent = "bo"
    await inbox.dispose(world.desk, [number], Disposition.ANSWERED)
    world.desk.agent = "ann"
    heard = notices(world)
    await decide.undo(world.desk)
    it = find.conversation(world.desk, number)
    assert (it.state, it.disposition) == (State.DONE, Disposition.ANSWERED)
    assert any("changed by somebody since" in text for text in heard)


async def test_undoing_a_claim_that_a_colleague_won_does_not_free_theirs(world: World) -> None:
    number = await world.arrive("a")
    world.platform.claims["a"] = "bo"
    await inbox.claim(world.desk, [number])
    await later(world)
    assert [entry.state for entry in find.outbox(world.desk)] == [SendState.REFUSED]
    await decide.undo(world.desk)
    await later(world)
    assert Verb.RELEASE not in [verb for verb, _ in asked(world)]


async def test_a_status_that_a_colleague_changed_since_stays_there_too(world: World) -> None:
    number = await world.arrive("a")
    await inbox.set_status(world.desk, [number], "open")
    await later(world)
    await inbox.set_status(world.desk, [number], "stalled")
    await later(world)
    world.desk.store.write_now(lambda db: db.run("UPDATE conversation SET status = 'waiting' WHERE id = ?", number))
    await decide.undo(world.desk)
    await later(world)
    assert find.conversation(world.desk, number).status == "waiting"
    assert asked(world) == [(Verb.STATUS, "open"), (Verb.STATUS, "stalled")]


async def test_a_ticket_that_was_closed_by_mistake_is_open_again_there(world: World) -> None:
    number = await world.arrive("a")
    await inbox.set_status(world.desk, [number], "stalled")
    await later(world)
    await inbox.dispose(world.desk, [number], Disposition.ANSWERED)
    await later(world)
    await decide.undo(world.desk)
    await later(world)
    assert asked(world)[1:] == [(Verb.STATUS, "resolved"), (Verb.STATUS, "stalled")]
    assert find.conversation(world.desk, number).state is State.OPEN


async def test_tags_that_the_help_desk_tells_back_are_still_ours_to_take_back(world: World) -> None:
    number = await world.arrive("a")
    await inbox.tag(world.desk, [number], ["lost", "depot"])
    await later(world)
    world.desk.store.write_now(
        lambda db: db.run("UPDATE conversation SET tags = '[\"depot\",\"lost\"]' WHERE id = ?", number))
    heard = notices(world)
    await decide.undo(world.desk)
    assert find.conversation(world.desk, number).tags == ()
    assert heard == []


async def test_a_claim_that_was_lengthened_is_taken_back_without_a_word(world: World) -> None:
    number = await world.arrive("a")
    await inbox.claim(world.desk, [number])
    world.clock.advance(10 * MINUTE)
    await inbox.renew_claim(world.desk, number)
    heard = notices(world)
    await decide.undo(world.desk)
    it = find.conversation(world.desk, number)
    assert (it.claim_agent, it.claim_until) == ("", None)
    assert heard == []
