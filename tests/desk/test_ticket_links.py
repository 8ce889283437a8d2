"""Ties to tickets are taken back with u like other steps: with note and clocks, and never somebody else's."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agentdesk.desk import answer, decide, escalate, find, inbox
from agentdesk.errors import Refused
from agentdesk.model.clock import HOUR, MINUTE
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.events import Event, Notice
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import OutKind
from agentdesk.store import drafts, integrity
from tests.desk.conftest import World
from tests.desk.test_escalate import Two, old_ticket
from tests.desk.test_escalate import two as two


@pytest.fixture(autouse=True)
def _sound(world: World) -> object:
    """After each test the file must be as promised."""
    yield
    assert integrity.check(world.desk.store) == []


async def tied(two: Two) -> tuple[int, int]:
    """A post and the ticket that it was tied to by hand."""
    number, ticket = await two.world.arrive("a"), await old_ticket(two)
    await escalate.link(two.desk, number, str(ticket))
    return number, ticket


def labels(two: Two, number: int) -> list[str]:
    return [link.label for link in find.links(two.desk, number)]


def notes(two: Two) -> list[str]:
    return [p.message.text for p in two.rt.visible("5512") if p.message.direction is Direction.NOTE]


def heard(two: Two) -> list[str]:
    told: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Notice):
            told.append(event.text)

    two.desk.subscribe(listen)
    return told


async def test_u_takes_the_tie_back_with_its_note(two: Two) -> None:
    number, ticket = await tied(two)
    assert labels(two, number) == ["rt#5512"]
    said, front = await two.run("undo", number)
    assert said == "Undone: ticket linked"
    assert front.shown == [], "the note is no draft of anybody's"
    assert labels(two, number) == labels(two, ticket) == []
    assert find.conversation(two.desk, ticket).unsent == 0
    await two.send()
    assert notes(two) == []
    assert drafts.get(two.desk.store.reader, ticket, "ann", OutKind.NOTE) is None
    with pytest.raises(Refused, match="nothing to undo"):
        await decide.undo(two.desk)


async def test_a_note_that_has_left_is_told(two: Two) -> None:
    number, _ = await tied(two)
    await two.send()
    told = heard(two)
    await decide.undo(two.desk)
    assert labels(two, number) == []
    assert told == ["The note on rt#5512 is there already and stays"]
    assert len(notes(two)) == 1


async def test_a_note_that_a_person_took_back_is_not_missed(two: Two) -> None:
    number, ticket = await tied(two)
    (entry,) = find.outbox(two.desk, unsettled_only=True)
    await answer.cancel(two.desk, entry.id)
    told = heard(two)
    await decide.undo(two.desk)
    assert (labels(two, number), told) == ([], [])
    assert ticket


async def test_u_ties_again_what_was_untied_with_its_clock(two: Two) -> None:
    number, ticket = await tied(two)
    two.clock.advance(MINUTE)
    await inbox.dispose(two.desk, [number], Disposition.LINKED)
    await inbox.dispose(two.desk, [ticket], Disposition.ANSWERED)
    (clock,) = find.promises(two.desk, number)
    (before,) = find.links(two.desk, number)
    await escalate.unlink(two.desk, number, ticket)
    assert find.promises(two.desk, number) == []
    assert await decide.undo(two.desk) == "Undone: ticket unlinked"
    (after,) = find.links(two.desk, number)
    assert (after.id, after.made_at, after.agent) == (before.id, before.made_at, "ann")
    assert before.solved_at is not None
    assert after.solved_at == before.solved_at
    assert find.promises(two.desk, number) == [clock]


async def test_a_ticket_that_was_solved_meanwhile_brings_its_post_back(two: Two) -> None:
    number, ticket = await tied(two)
    await inbox.dispose(two.desk, [number], Disposition.LINKED)
    await escalate.unlink(two.desk, number, ticket)
    two.desk.agent = "bo"
    await inbox.dispose(two.desk, [ticket], Disposition.ANSWERED)
    assert find.conversation(two.desk, number).state is State.DONE
    two.desk.agent = "ann"
    await decide.undo(two.desk)
    assert find.conversation(two.desk, number).state is State.OPEN
    assert [p.words for p in find.promises(two.desk, number)] == ["tell the customer: rt#5512 is solved"]


async def test_a_clock_that_runs_again_brings_its_post_back(two: Two) -> None:
    number, ticket = await tied(two)
    await inbox.dispose(two.desk, [ticket], Disposition.ANSWERED)
    await escalate.unlink(two.desk, number, ticket)
    two.desk.agent = "bo"
    await inbox.dispose(two.desk, [number], Disposition.ANSWERED)
    two.desk.agent = "ann"
    await decide.undo(two.desk)
    assert find.conversation(two.desk, number).state is State.OPEN, "who was to be told something is in sight"
    (row,) = [entry for entry in find.ledger(two.desk, number) if entry.action == "reopened"]
    assert (row.rule, row.detail["was"]) == ("ticket solved", "done")


async def test_undoing_a_reopening_does_not_bury_a_clock_that_began_since(two: Two) -> None:
    number, ticket = await tied(two)
    await inbox.dispose(two.desk, [number], Disposition.LINKED)
    await inbox.reopen(two.desk, [number])
    two.desk.agent = "bo"
    await inbox.dispose(two.desk, [ticket], Disposition.ANSWERED)
    two.desk.agent = "ann"
    told = heard(two)
    await decide.undo(two.desk)
    assert find.conversation(two.desk, number).state is State.OPEN
    assert told == [f"#{number} stays in the queue: the customer is to be told of a solved ticket"]


async def test_a_clock_stays_away_where_somebody_else_has_decided_since(two: Two) -> None:
    number, ticket = await tied(two)
    await inbox.dispose(two.desk, [ticket], Disposition.ANSWERED)
    await inbox.dispose(two.desk, [number], Disposition.ANSWERED)
    assert find.promises(two.desk, number) == []
    two.desk.agent = "bo"
    two.clock.advance(MINUTE)
    await inbox.dispose(two.desk, [number], Disposition.PRAISE)
    two.desk.agent = "ann"
    await decide.undo(two.desk)
    assert find.conversation(two.desk, number).disposition is Disposition.PRAISE
    assert find.promises(two.desk, number) == []


async def test_somebody_elses_tie_and_a_tie_made_anew_are_left_alone(two: Two) -> None:
    number, ticket = await tied(two)
    two.clock.advance(HOUR)
    two.desk.agent = "bo"
    await escalate.unlink(two.desk, number, ticket)
    other = await old_ticket(two, "7001")
    await escalate.link(two.desk, number, str(other))
    two.desk.agent = "ann"
    told = heard(two)
    await decide.undo(two.desk)
    assert labels(two, number) == ["rt#7001"], "that one has the same number in the cache, and is bo's"
    assert any("taken away since" in text for text in told)
    two.desk.agent = "bo"
    await escalate.link(two.desk, number, str(ticket))
    told.clear()
    await decide.undo(two.desk)
    await decide.undo(two.desk)
    await decide.undo(two.desk)
    assert labels(two, number) == ["rt#5512"], "first the second tie, then the other ticket's, then the untying"


async def test_tied_again_by_somebody_else_it_is_tied_once(two: Two) -> None:
    number, ticket = await tied(two)
    await escalate.unlink(two.desk, number, ticket)
    two.desk.agent = "bo"
    await escalate.link(two.desk, number, str(ticket))
    two.desk.agent = "ann"
    told = heard(two)
    await decide.undo(two.desk)
    assert labels(two, number) == ["rt#5512"]
    assert told == ["rt#5512 is tied to this again already"]


async def test_a_reply_that_is_held_still_comes_first(two: Two) -> None:
    number, _ = await tied(two)
    draft = answer.open_draft(two.desk, number)


    await answer.send(two.desk, replace(draft, text="We look into it, it will be fine."))
    said, front = await two.run("undo", number)
    assert said == "Taken back; the text is a draft again"
    assert front.shown
    assert labels(two, number) == ["rt#5512"]
    await two.run("undo", number)
    assert labels(two, number) == []
