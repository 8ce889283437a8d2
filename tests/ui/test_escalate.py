"""Handing a post on with keys: the ticket is read and edited before it goes, and both sides show what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from agentdesk.desk import answer, escalate, find
from agentdesk.model.clock import HOUR, MINUTE
from agentdesk.model.conversation import State
from agentdesk.model.outgoing import OutKind, SendState
from agentdesk.ui.app import DeskApp
from agentdesk.ui.screens.dialogs import Ask, Choose
from agentdesk.ui.widgets.composer import Composer
from tests.desk.conftest import World
from tests.desk.test_escalate import RT, Two, old_ticket, two
from tests.ui.over_desk import app_over, ready, screen_text, shown, typed, until

__all__ = ["two"]
SIZES = [(140, 36), (80, 24)]


@asynccontextmanager
async def desk_on(world: World, size: tuple[int, int] = (140, 36)) -> AsyncIterator[tuple[DeskApp, Pilot[Any]]]:
    app = app_over(world)
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot)
        yield app, pilot


async def begun(app: DeskApp, pilot: Pilot[Any]) -> Composer:
    """The ticket is on the screen and has the keys."""
    await until(pilot, lambda: app.main.writing and app.focused is app.main.composer.editor)
    return app.main.composer


@pytest.mark.parametrize("size", SIZES)
async def test_e_shows_the_ticket_and_sends_it_after_another_key(two: Two, size: tuple[int, int]) -> None:
    number = await two.world.arrive("a", "Where is parcel 4411?")
    async with desk_on(two.world, size) as (app, pilot):
        await pilot.press("e")
        composer = await begun(app, pilot)
        await until(pilot, lambda: "ticket" in screen_text(app))
        text = screen_text(app)
        for part in ("To: rt:support", "Subject: Customer a: Where is parcel 4411?", "to rt:support", "Note: yes"):
            assert part in text, text
        assert two.rt.begun == {}
        await pilot.press("down", "end")
        await typed(pilot, "Depot")
        await until(pilot, lambda: "to rt:support Depot" in screen_text(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not composer.is_open)
        (entry,) = find.outbox(two.desk, unsettled_only=True)
        assert (entry.kind, entry.state, entry.source) == (OutKind.TICKET, SendState.HELD, RT)
        assert entry.out is not None
        assert entry.out.place == "Depot"
        assert entry.conversation_id == number
        await pilot.press("u")
        await begun(app, pilot)
        assert composer.editor.text.startswith("To: rt:support\nPlace: Depot\n")
        assert find.outbox(two.desk, unsettled_only=True) == []


async def test_what_was_typed_into_a_ticket_survives(two: Two) -> None:
    number = await two.world.arrive("a")
    async with desk_on(two.world) as (app, pilot):
        await pilot.press("e")
        composer = await begun(app, pilot)
        composer.editor.move_cursor(composer.editor.document.end)
        await typed(pilot, "Hurry")
        await pilot.press("escape")
        await until(pilot, lambda: not composer.is_open)
        await until(pilot, lambda: "e takes it up again" in screen_text(app))
    kept = escalate.begun(two.desk, number)
    assert kept is not None
    assert kept.text.endswith("Hurry")
    async with desk_on(two.world) as (app, pilot):
        await pilot.press("e")
        composer = await begun(app, pilot)
        assert composer.editor.text.endswith("Hurry")
        await pilot.press("escape", "D")
        await until(pilot, lambda: "ticket · fake:acme" in screen_text(app))


async def test_a_ticket_that_cannot_be_opened_says_why_and_stays(two: Two) -> None:
    await two.world.arrive("a")
    async with desk_on(two.world) as (app, pilot):
        await pilot.press("e")
        composer = await begun(app, pilot)
        await pilot.press("end", *["backspace"] * 7)
        for _ in range(2):
            await pilot.press("ctrl+s")
            await until(pilot, lambda: "opens no tickets" in screen_text(app))
        assert composer.is_open
        assert find.outbox(two.desk) == []


async def test_known_tickets_and_help_desks_are_offered(two: Two) -> None:
    await two.world.arrive("a")
    ticket = await old_ticket(two, "5512")
    mine = find.conversation(two.desk, ticket).customer_id
    number = await two.world.arrive("b")
    other = find.conversation(two.desk, number).customer_id
    from agentdesk.desk import people

    await people.merge(two.desk, other, mine)
    async with desk_on(two.world) as (app, pilot):
        app.main.open_conversation(number)
        await until(pilot, lambda: app.main.context == "conversation")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await until(pilot, lambda: "rt#5512" in screen_text(app))
        text = screen_text(app)
        assert "Open a ticket at rt:support" in text
        assert "Look for a ticket at rt:support" in text
        await typed(pilot, "5512")
        await pilot.press("enter")
        await until(pilot, lambda: bool(find.links(two.desk, number)))
        await until(pilot, lambda: "Tied to rt#5512" in screen_text(app))


async def test_a_ticket_is_looked_for_at_the_help_desk_with_keys(two: Two) -> None:
    number = await two.world.arrive("a")
    two.rt.write("5512", "Refund please")
    async with desk_on(two.world) as (app, pilot):
        await pilot.press("&")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Choose) and "1 ticket at rt:support" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "the same person" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
    (link,) = find.links(two.desk, number)
    assert link.label == "rt#5512"
    theirs = find.conversation(two.desk, link.other_id or 0).customer_id
    assert theirs != find.conversation(two.desk, number).customer_id


async def test_both_sides_show_the_tie_and_the_newest_words(two: Two) -> None:
    number, ticket = await two.opened()
    two.clock.advance(MINUTE)
    two.rt.colleague("t1", "We found the parcel", "Depot")
    await two.desk.connected().sync_once(RT)
    async with desk_on(two.world) as (app, pilot):
        app.main.open_conversation(number)
        await until(pilot, lambda: app.main.context == "conversation")
        await until(pilot, lambda: app.main.customer is not None and "rt#t1" in shown(app.main.customer))
        assert app.main.customer is not None
        pane = shown(app.main.customer)
        assert "linked 1" in pane
        assert "We found the parcel" in pane
        header = app.main.conversation
        assert header is not None
        await until(pilot, lambda: "rt#t1" in screen_text(app).split("linked")[0])
        app.main.open_conversation(ticket)
        await until(pilot, lambda: "ticket of fake#a" in screen_text(app))
        assert "fake#a" in shown(app.main.customer)


async def test_a_solved_ticket_brings_its_post_back_on_the_screen(two: Two) -> None:
    number, _ = await two.opened()
    sent = await answer.send(two.desk, _reply(two, number))
    assert sent.entry_ids
    await two.send()
    assert find.conversation(two.desk, number).state is State.WAITING
    two.rt.closed.add("t1")
    two.clock.advance(HOUR)
    await two.send()
    async with desk_on(two.world) as (app, pilot):
        await until(pilot, lambda: "Customer a" in screen_text(app))
        app.main.open_conversation(number)
        await until(pilot, lambda: "tell the customer: rt#t1" in screen_text(app))


def _reply(two: Two, number: int) -> Any:
    import msgspec

    return msgspec.structs.replace(answer.open_draft(two.desk, number), text="We have asked the depot")


async def test_what_was_closed_there_waits_in_its_own_view(two: Two) -> None:
    number = await two.world.arrive("a")
    two.clock.advance(MINUTE)
    two.world.platform.colleague("a", "All done")
    two.world.platform.closed.add("a")
    await two.world.sync()
    async with desk_on(two.world) as (app, pilot):
        await pilot.press("8")
        await until(pilot, lambda: "closed" in screen_text(app) and "Customer a" in screen_text(app))
        app.main.open_conversation(number)
        await until(pilot, lambda: "closed at the source, nobody looked" in screen_text(app))
        await pilot.press("escape")
        await pilot.press("U")
        await until(pilot, lambda: find.conversation(two.desk, number).state is State.OPEN)
