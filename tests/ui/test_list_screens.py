"""The screens that are lists: what they show, what Enter does, and what they say when they are empty."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from textual.geometry import Size
from textual.pilot import Pilot
from textual.screen import Screen

from agentdesk.desk import answer, find, inbox
from agentdesk.errors import Emptied
from agentdesk.model.clock import HOUR, MINUTE, SECOND
from agentdesk.model.conversation import Disposition
from agentdesk.model.outgoing import Action, SendState, Verb
from agentdesk.model.page import Gap
from agentdesk.store import outbox, sources
from agentdesk.store.db import Db
from agentdesk.ui.app import DeskApp
from agentdesk.ui.bridge import News
from agentdesk.ui.screens.canned import CannedScreen
from agentdesk.ui.screens.drafts import DraftsScreen
from agentdesk.ui.screens.first_start import FirstStartScreen
from agentdesk.ui.screens.help import HelpScreen
from agentdesk.ui.screens.ledger import LedgerScreen
from agentdesk.ui.screens.outbox import OutboxScreen
from agentdesk.ui.screens.search import SearchScreen, lit
from agentdesk.ui.screens.sources import SourcesScreen
from agentdesk.ui.screens.why import WhyScreen
from agentdesk.ui.widgets import thread_layout
from agentdesk.ui.widgets.label import Label
from agentdesk.ui.widgets.runs import Row, Run
from tests.desk.conftest import SOURCE, World
from tests.desk.test_answer import written
from tests.fakes.platform import Fault
from tests.ui.over_desk import app_over, ready, screen_text, typed, until


async def opened(app: DeskApp, pilot: Pilot[Any], screen: Screen[Any]) -> str:
    """Lay a screen over the main one; what stands on it."""
    await ready(app, pilot)
    app.open_screen(screen)
    await until(pilot, lambda: app.screen is screen and screen.query("#list"))
    await pilot.pause()
    return screen_text(app)


EMPTY = [
    (OutboxScreen, "Nothing is on its way"), (DraftsScreen, "No drafts"), (LedgerScreen, "No conversation is selected"),
    (SearchScreen, "Type words"),
]


@pytest.mark.parametrize(("screen", "words"), EMPTY)
@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 20)])
async def test_an_empty_list_says_what_to_do_next(world: World, screen: type[Screen[Any]], words: str,
                                                  size: tuple[int, int]) -> None:
    app = app_over(world)
    async with app.run_test(size=size) as pilot:
        assert words in await opened(app, pilot, screen())


async def test_the_outbox_shows_what_is_held_and_counts_down(world: World) -> None:
    number = await world.arrive("a")
    await answer.send(world.desk, written(world, number, "It arrives today"))
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        text = await opened(app, pilot, OutboxScreen())
        for part in ("Customer a", "held 0:05", "reply · public", "It arrives today ^AN", "goes by itself"):
            assert part in text
        world.clock.advance(2 * SECOND)
        app.tick(world.clock.now())
        await until(pilot, lambda: "held 0:03" in screen_text(app))


async def test_a_refused_reply_says_why_and_what_can_be_done(world: World) -> None:
    number = await world.arrive("a")
    world.connector.faults.append(Fault.REFUSED)
    await answer.send(world.desk, written(world, number, "It arrives today"))
    world.clock.advance(10 * SECOND)
    await world.sync()
    assert find.outbox(world.desk)[0].state is SendState.REFUSED
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        text = await opened(app, pilot, OutboxScreen())
        assert "refused" in text
        assert find.outbox(world.desk)[0].title in text
        assert "take it back, change it and send it again" in text
        await pilot.press("x")
        await until(pilot, lambda: find.outbox(world.desk)[0].state is SendState.CANCELLED)
        assert [d.text.removesuffix(" ^AN") for d in find.drafts(world.desk)] == ["It arrives today"]


async def test_a_claim_that_was_refused_is_removed_from_the_list(world: World) -> None:
    number = await world.arrive("a")
    now = world.clock.now()

    def refused(db: Db) -> None:
        entry = outbox.freeze_action(db, number, SOURCE, Action(verb=Verb.CLAIM, conversation_ref="a"), "ann", now)
        outbox.refused(db, entry, "bob has it", "Nothing to do", now)

    world.desk.store.write_now(refused)
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        assert "take it back to remove it" in await opened(app, pilot, OutboxScreen())
        await pilot.press("x")
        await until(pilot, lambda: find.outbox(world.desk, unsettled_only=True) == [])
        assert find.drafts(world.desk) == []


async def test_enter_on_an_outbox_entry_opens_its_conversation(world: World) -> None:
    first = await world.arrive("a")
    world.clock.advance(MINUTE)
    await world.arrive("b")
    await answer.send(world.desk, written(world, first, "It arrives today"))
    app = app_over(world)
    async with app.run_test(size=(140, 36)) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        await opened(app, pilot, OutboxScreen())
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        pane = app.main.conversation
        await until(pilot, lambda: pane is not None and pane.conversation_id == first)


async def test_the_ledger_tells_who_did_what_and_what_was_taken_back(world: World) -> None:
    number = await world.arrive("a")
    await inbox.claim(world.desk, [number])
    world.clock.advance(HOUR)
    await inbox.dispose(world.desk, [number], Disposition.NOT_ACTIONABLE, code="thanks", reason="said thanks")
    from agentdesk.desk import decide
    await decide.undo(world.desk)
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        text = await opened(app, pilot, LedgerScreen(number))
        for part in ("ann", "claimed", "not actionable", "thanks", "said thanks", "taken back", "undone"):
            assert part in text


async def test_a_source_in_trouble_says_why_and_what_to_do(world: World) -> None:
    world.desk.store.write_now(lambda db: sources.note_failure(
        db, SOURCE, "retry", "The server is busy", "It answered 503", "Nothing to do: it is asked again",
        world.clock.now(), world.clock.now() + 12 * SECOND))
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        text = await opened(app, pilot, SourcesScreen())
        for part in (SOURCE, "trying again in 0:12", "The server is busy. It answered 503", "Nothing to do",
                     "1 with trouble"):
            assert part in text
        world.clock.advance(5 * SECOND)
        app.tick(world.clock.now())
        await until(pilot, lambda: "trying again in 0:07" in screen_text(app))


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 20)])
async def test_remedies_on_the_screen_name_the_profile_they_are_for(world: World, size: tuple[int, int]) -> None:
    world.desk.profile = "night"
    remedy, again = "Sign in again: agentdesk login mastodon acme", "agentdesk --profile night login mastodon acme"
    number = await world.arrive("a")
    await answer.send(world.desk, written(world, number, "It arrives today"))
    entry = find.outbox(world.desk)[0].id
    now = world.clock.now()
    dead = "The token is dead"
    world.desk.store.write_now(lambda db: outbox.refused(db, entry, dead, remedy, now))
    world.desk.store.write_now(lambda db: sources.note_failure(db, SOURCE, "auth", dead, "", remedy, now))
    app = app_over(world)

    def stands(words: str) -> bool:
        return words in " ".join(screen_text(app).replace("▌", " ").split())

    async with app.run_test(size=size) as pilot:
        for screen, words in ((SourcesScreen(), again), (OutboxScreen(), again),
                              (FirstStartScreen(), "agentdesk --profile night import posts.jsonl")):
            await opened(app, pilot, screen)
            await until(pilot, lambda words=words: stands(words) and stands("Esc back"))
        app.say("error", "It is off", "agentdesk doctor shows more")
        await until(pilot, lambda: stands("agentdesk --profile night doctor shows more"))
    page = thread_layout.Page(width=80, zone=world.desk.zone, now=now, profile=world.desk.profile)
    rows = thread_layout.pending(find.outbox(world.desk)[0], page)
    assert again in " ".join(run.text for row in rows for run in row.left)


async def test_a_source_that_was_taken_out_of_the_configuration_is_no_trouble(world: World) -> None:
    def taken_out(db: Db) -> None:
        sources.ensure(db, "rt:gone", "rt", "R")
        sources.note_failure(db, "rt:gone", "stopped", "The keyring cannot be used", "", "", world.clock.now())

    world.desk.store.write_now(taken_out)
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: [it.name for it in app.main.status.sources] == [SOURCE])
        text = await opened(app, pilot, SourcesScreen())
        assert "rt:gone  not in the configuration" in text
        assert "keyring" not in text
        assert "with trouble" not in text


async def test_an_answer_without_news_shows_as_an_answer(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await world.sync()
        await opened(app, pilot, SourcesScreen())
        world.clock.advance(5 * MINUTE)
        app.tick(world.clock.now())
        await until(pilot, lambda: "last answer 5 min ago" in screen_text(app))
        await world.sync()
        app.tick(world.clock.now())
        await until(pilot, lambda: "last answer 5 min ago" not in screen_text(app))


async def test_what_could_not_be_fetched_is_told_until_somebody_looked_there(world: World) -> None:
    now = world.clock.now()
    gap = Gap(reason="More came than the feed lists", since=now - HOUR, until=now)
    world.desk.store.write_now(lambda db: sources.add_gap(db, SOURCE, gap, now))
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        text = await opened(app, pilot, SourcesScreen())
        assert "1 stretch of messages could not be fetched" in text
        assert "More came than the feed lists" in text
        await pilot.press("v")
        await until(pilot, lambda: "could not be fetched" not in screen_text(app))
        await pilot.press("v")
        await until(pilot, lambda: "could show everything" in screen_text(app))
    told = world.desk.store.reader.rows("SELECT agent, action, source FROM ledger WHERE action = 'looked_there'")
    assert told == [("ann", "looked_there", SOURCE)]


async def test_a_source_that_shows_nothing_any_more_is_well_when_somebody_has_looked(world: World) -> None:
    error = Emptied(f"{SOURCE}: the server shows no tickets any more", "There were some before")
    world.desk.store.write_now(lambda db: sources.note_failure(
        db, SOURCE, "empty", error.title, error.cause, error.remedy, world.clock.now()))
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        text = await opened(app, pilot, SourcesScreen())
        for part in ("shows nothing", "shows no tickets any more", "press v", "1 with trouble"):
            assert part in text
        await pilot.press("v")
        await until(pilot, lambda: "shows no" not in screen_text(app))
        assert "with trouble" not in screen_text(app)
    it = sources.state(world.desk.store.reader, SOURCE)
    assert (it.state, it.cursor, it.gaps) == ("new", "", 0)
    told = world.desk.store.reader.value("SELECT agent FROM ledger WHERE action = 'looked_there'")
    assert told == "ann"


async def test_a_source_can_be_paused_and_goes_on(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(app, pilot, SourcesScreen())
        await pilot.press("p")
        await until(pilot, lambda: find.sources(world.desk)[0].state == "paused")
        await until(pilot, lambda: "paused" in screen_text(app))
        await pilot.press("p")
        await until(pilot, lambda: find.sources(world.desk)[0].state != "paused")


async def test_drafts_are_listed_and_taken_up_again(world: World) -> None:
    number = await world.arrive("a")
    await answer.save(world.desk, written(world, number, "Half a sentence"))
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        text = await opened(app, pilot, DraftsScreen())
        assert "Customer a" in text
        assert "Half a sentence" in text
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main and app.main.composer.is_open)
        assert app.main.composer.editor.text == "Half a sentence"


async def test_search_finds_as_one_types_and_opens(world: World) -> None:
    number = await world.arrive("a", "My parcel has a dent the size of a badger")
    await world.arrive("b", "Something else")
    app = app_over(world)
    async with app.run_test(size=(140, 36)) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        await opened(app, pilot, SearchScreen())
        await typed(pilot, "badg")
        await until(pilot, lambda: "size of a badger" in screen_text(app))
        assert "Something else" not in screen_text(app)
        await typed(pilot, "erx")
        await until(pilot, lambda: "No message holds these words" in screen_text(app))
        await pilot.press("backspace")
        await until(pilot, lambda: "size of a badger" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        pane = app.main.conversation
        await until(pilot, lambda: pane is not None and pane.conversation_id == number)


async def test_search_can_begin_with_words(world: World) -> None:
    await world.arrive("a", "My parcel has a dent the size of a badger")
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(app, pilot, SearchScreen(text="badger"))
        await until(pilot, lambda: "size of a badger" in screen_text(app))


def test_words_that_were_found_stand_out() -> None:
    runs = lit("A parcel, parcels and [a] (b", "parcel (b")
    assert "".join(run.text for run in runs) == "A parcel, parcels and [a] (b"
    assert [run.text for run in runs if run.bold][:2] == ["parcel", "parcels"]


async def test_help_lists_the_keys_of_the_place_and_runs_one(world: World) -> None:
    number = await world.arrive("a")
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.pause()
        assert "in the queue" in screen_text(app)
        await typed(pilot, "say that you are on it")
        await until(pilot, lambda: "Claim" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: find.conversation(world.desk, number).claim_agent == "ann")
        assert app.screen is app.main


async def test_every_key_of_a_context_is_in_its_help(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        for context in ("queue", "conversation", "outbox", "composer", "customer"):
            screen = HelpScreen(context)
            await opened(app, pilot, screen)
            calls = {entry.call for entry in screen.entries()}
            for binding in app.keymap.bindings(context):
                if binding.verb in app.registry and binding.verb != "view":
                    assert binding.call in calls
            screen.dismiss(None)
            await until(pilot, lambda: app.screen is app.main)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 20)])
async def test_the_canned_picker_shows_the_text_before_it_is_taken(world: World, size: tuple[int, int]) -> None:
    number = await world.arrive("a")
    app = app_over(world)
    async with app.run_test(size=size) as pilot:
        text = await opened(app, pilot, CannedScreen(number))
        assert "Sorry for the delay" in text
        assert "Hello Customer, parcel" in " ".join(text.split())
        assert "asks for tracking_number" in text
        await typed(pilot, "nothing like it")
        await until(pilot, lambda: "Nothing fits these words" in screen_text(app))


async def test_why_is_told_in_sentences(world: World) -> None:
    number = await world.arrive("a")
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        text = " ".join((await opened(app, pilot, WhyScreen(number))).split())
        for sentence in find.why(world.desk, number):
            assert sentence in text


async def test_the_first_start_offers_ways_to_begin(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        text = await opened(app, pilot, FirstStartScreen("/home/ann/.config/agentdesk/config.yaml"))
        for part in ("agentdesk demo", "agentdesk login", "agentdesk config init", "agentdesk import posts.jsonl",
                     "config.yaml"):
            assert part in text
        assert text.splitlines()[-1].split() == ["Enter", "open", "Esc", "back", ":", "command", "?", "keys"]


async def test_a_list_keeps_its_cursor_when_it_is_read_again(world: World) -> None:
    numbers = [await world.arrive(name) for name in "abc"]
    for number in numbers:
        await answer.save(world.desk, written(world, number, f"to {number}"))
        await answer.send(world.desk, answer.open_draft(world.desk, number))
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = OutboxScreen()
        await opened(app, pilot, screen)
        await pilot.press("j")
        key = screen.list.key
        entry = msgspec.structs.replace(find.outbox(world.desk)[0])
        await answer.cancel(world.desk, entry.id)
        screen.reload()
        assert screen.list.key == key


async def test_news_and_ticks_reach_a_screen_only_when_it_has_its_widgets(world: World) -> None:
    await world.arrive("a")
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        app.push_screen(SourcesScreen())
        assert not app.screen.is_mounted
        app.heard(News())
        app.tick(world.desk.now())
        await until(pilot, lambda: "Sources" in screen_text(app))


@pytest.mark.parametrize("screen", [OutboxScreen, DraftsScreen])
async def test_an_empty_list_promises_no_key_that_needs_a_row(world: World, screen: type[Screen[Any]]) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        bar = (await opened(app, pilot, screen())).splitlines()[-1]
        assert "Esc back" in bar
        assert "take back" not in bar
        assert "throw away" not in bar


@pytest.mark.parametrize("width", [50, 60, 80, 120])
async def test_a_held_reply_in_the_outbox_is_told_whole_or_in_fewer_words(world: World, width: int) -> None:
    number = await world.arrive("a")
    await answer.save(world.desk, written(world, number, "on its way"))
    await answer.send(world.desk, answer.open_draft(world.desk, number))
    app = app_over(world)
    async with app.run_test(size=(width, 20)) as pilot:
        text = await opened(app, pilot, OutboxScreen())
        row = next(one for one in text.splitlines() if "held 0:0" in one)
        assert "…" not in row
        assert ("reply · public" in row) == (width >= 80)


async def test_without_sources_the_bar_offers_to_connect_one_and_nothing_else(world: World,
                                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        assert "sign in again" in (await opened(app, pilot, SourcesScreen())).splitlines()[-1]
        monkeypatch.setattr(find, "sources", lambda desk: [])
        bar = (await opened(app, pilot, SourcesScreen())).splitlines()[-1]
        assert bar.split() == ["a", "connect", "Esc", "back", ":", "command", "?", "keys"]


async def test_the_help_says_in_full_what_the_selected_key_does(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(60, 20)) as pilot:
        shown = await opened(app, pilot, HelpScreen("queue"))
        assert "taken up again; visibility=direct is a DM" in shown
        await pilot.press("down", "down")
        await until(pilot, lambda: "note that the customer never sees" in " ".join(screen_text(app).split()))


async def test_all_ways_to_begin_are_in_sight_on_a_small_screen(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(60, 20)) as pilot:
        shown = await opened(app, pilot, FirstStartScreen("/home/ann/.config/agentdesk/config.yaml"))
        for command in ("agentdesk demo", "agentdesk login", "agentdesk import", "agentdesk config init"):
            assert command in shown


async def test_a_pane_that_grows_draws_its_new_lines_without_waiting_for_a_resize(world: World) -> None:
    """Else what stood there before stays: a layout that was measured before it was due tells of no resize."""
    app = app_over(world)
    async with app.run_test(size=(60, 20)) as pilot:
        await opened(app, pilot, OutboxScreen())
        title = app.screen.query_one("#title", Label)
        title.put(*(Row((Run(f" row {number}"),)) for number in range(3)))
        await until(pilot, lambda: "row 2" in screen_text(app))
        title.put(Row((Run(" row 0"),)))
        await until(pilot, lambda: title.size.height == 1)
        tall = Size(60, 3)
        title._size_updated(tall, tall, tall)
        assert max(region.bottom for region in title._exchange_repaint_regions()) == title.region.y + 3
