"""The main screen, gesture by gesture, over a whole desk on a fake platform."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from agentdesk.commands.keymap import Keymap
from agentdesk.config.schema import DEFAULT_VIEWS
from agentdesk.desk import find, inbox
from agentdesk.model.clock import HOUR, MINUTE, SECOND
from agentdesk.model.conversation import State
from agentdesk.model.events import Arrived, Notice, Progress
from agentdesk.model.message import Author
from agentdesk.model.outgoing import OutKind
from agentdesk.model.text import Inert
from agentdesk.ui.app import DeskApp
from agentdesk.ui.bridge import News
from agentdesk.ui.screens.command import CommandScreen
from agentdesk.ui.screens.drafts import DraftsScreen
from agentdesk.ui.screens.help import HelpScreen
from agentdesk.ui.screens.search import SearchScreen
from agentdesk.ui.widgets.queue_list import QueueList
from agentdesk.ui.widgets.status_bar import StatusBar
from agentdesk.ui.widgets.view_bar import ViewBar
from tests.desk.conftest import SOURCE, World
from tests.store.scene import claim
from tests.ui.over_desk import app_over, screen_text, typed, until

WIDE, MEDIUM, NARROW, TINY = (140, 36), (104, 30), (80, 24), (60, 20)


async def customers(world: World, count: int, *, from_minute: int = 0) -> list[int]:
    """So many customers wrote, a minute apart; our numbers of their conversations, the first to write first."""
    for number in range(from_minute, from_minute + count):
        author = Author(ref=f"c{number}", name=Inert(f"Customer {number:02d}"), handle=Inert(f"@c{number}"))
        world.platform.write(f"conv{number}", f"where is parcel {number:02d}", author=author)
        world.clock.advance(MINUTE)
    await world.sync()
    rows = world.desk.store.reader.rows("SELECT ref, id FROM conversation")
    known = {str(ref): int(number) for ref, number in rows}
    return [known[f"conv{number}"] for number in range(from_minute, from_minute + count)]


@asynccontextmanager
async def running(world: World, size: tuple[int, int] = NARROW, **settings: Any
                  ) -> AsyncIterator[tuple[DeskApp, Pilot[Any]]]:
    """The app on a terminal of this size, with its panes there and its rows read."""
    app = app_over(world, **settings)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        yield app, pilot


def queue(app: DeskApp) -> QueueList:
    return app.main.queue


def bar(app: DeskApp) -> str:
    """The last line of the screen."""
    return screen_text(app).splitlines()[-1]


# -- moving ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keys", "at"), [
    ("j", 1), ("down down", 2), ("j j k", 1), ("k", 0), ("G", 59), ("end", 59), ("G g g", 0), ("G home", 0),
    ("ctrl+d", 10), ("ctrl+d ctrl+u", 0), ("pagedown", 19), ("ctrl+f ctrl+b", 0), ("pageup", 0),
])
async def test_moving_keys(world: World, keys: str, at: int) -> None:
    ids = await customers(world, 60)
    async with running(world) as (app, pilot):
        await pilot.press(*keys.split())
        assert queue(app).current_id == ids[at]


async def test_the_cursor_leaving_the_window_scrolls_by_half_a_page(world: World) -> None:
    await customers(world, 60)
    async with running(world) as (app, pilot):
        body = queue(app).model.body
        await pilot.press(*["j"] * body)
        assert queue(app).model.first == body // 2
    async with running(world, scroll="smooth") as (app, pilot):
        await pilot.press(*["j"] * body)
        assert queue(app).model.first == 1


async def test_a_held_key_is_folded_into_few_frames(world: World) -> None:
    ids = await customers(world, 60)
    async with running(world) as (app, pilot):
        frames: list[object] = []
        shown = app._display
        app._display = lambda *args: (frames.append(1), shown(*args))[1]  # type: ignore[method-assign,func-returns-value]
        for _ in range(30):
            app.post_message(key_press("j"))
        await until(pilot, lambda: queue(app).current_id == ids[30])
        assert len(frames) < 15


def key_press(key: str) -> Any:
    from textual import events

    return events.Key(key, key)


async def test_a_click_moves_a_second_opens_and_the_wheel_scrolls(world: World) -> None:
    ids = await customers(world, 60)
    async with running(world) as (app, pilot):
        await pilot.click(QueueList, offset=(10, 4))
        assert queue(app).current_id == ids[4]
        app.main.queue.post_message(wheel(app.main.queue))
        await until(pilot, lambda: queue(app).model.first == 3)
        assert queue(app).current_id == ids[4]
        await pilot.double_click(QueueList, offset=(10, 4))
        await until(pilot, lambda: app.key_context == "conversation")
        assert app.main.conversation is not None
        assert app.main.conversation.conversation_id == ids[7]


def wheel(widget: QueueList) -> Any:
    from textual import events

    return events.MouseScrollDown(widget, 5, 5, 0, 1, 0, False, False, False)


# -- what arrives ------------------------------------------------------------------------------------------------------


async def test_arrivals_are_counted_and_shown_on_demand_only(world: World) -> None:
    ids = await customers(world, 5)
    async with running(world) as (app, pilot):
        await pilot.press("j", "j")
        more = await customers(world, 3, from_minute=10)
        await until(pilot, lambda: len(queue(app).model.fresh) == 3)
        await until(pilot, lambda: "3 new · . shows them" in screen_text(app))
        assert [row.id for row in queue(app).model.rows] == ids
        assert queue(app).current_id == ids[2]
        await pilot.press(".")
        assert [row.id for row in queue(app).model.rows] == ids + more
        assert queue(app).current_id == ids[2]
        await pilot.pause()
        assert "new · ." not in screen_text(app)
        await customers(world, 1, from_minute=20)
        await until(pilot, lambda: "1 new · . shows it" in screen_text(app))


async def test_a_time_that_cannot_be_read_says_how_one_is_written(world: World) -> None:
    await customers(world, 1)
    async with running(world) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: "Snooze until" in screen_text(app))
        await typed(pilot, "xyz")
        await until(pilot, lambda: "«xyz» is not a time. Write one of: 2h" in screen_text(app))


async def test_the_first_arrival_in_an_empty_queue_comes_by_itself(world: World) -> None:
    async with running(world) as (app, pilot):
        assert "Nobody is waiting" in screen_text(app)
        ids = await customers(world, 1)
        await until(pilot, lambda: queue(app).current_id == ids[0])


async def test_history_above_an_untouched_cursor_comes_into_sight(world: World) -> None:
    late = await customers(world, 60)
    async with running(world) as (app, pilot):
        for hours in (9, 8, 7):
            world.platform.write(f"early{hours}", "since yesterday", at=world.clock.now() - hours * HOUR)
        await world.sync()
        world.desk.emit(Arrived(source=SOURCE, conversation_ids=(), messages=3, backfill=True))
        await until(pilot, lambda: queue(app).model.cursor == 3)
        assert queue(app).model.first == 0
        assert queue(app).current_id == late[0]


async def test_another_message_of_a_row_is_told_in_place(world: World) -> None:
    ids = await customers(world, 5)
    async with running(world) as (app, pilot):
        await pilot.press("j")
        world.platform.write("conv0", "and again", author=Author(ref="c0", name=Inert("Customer 00")))
        await world.sync()
        await until(pilot, lambda: "+2" in screen_text(app))
        assert queue(app).current_id == ids[1]


async def test_a_finished_row_hands_the_cursor_on(world: World) -> None:
    ids = await customers(world, 5)
    async with running(world) as (app, pilot):
        await pilot.press("j", "z")
        await until(pilot, lambda: queue(app).current_id == ids[2])
        assert find.conversation(world.desk, ids[1]).state is State.DONE
        await pilot.press("u")
        await until(pilot, lambda: find.conversation(world.desk, ids[1]).state is State.OPEN)


# -- the clock ---------------------------------------------------------------------------------------------------------


async def test_a_tick_redraws_only_the_countdowns_that_read_otherwise(world: World) -> None:
    await customers(world, 3)
    async with running(world) as (app, pilot):
        now = find.window(world.desk, find.compile_view(world.desk, ""))[0].due_at
        assert now is not None
        world.clock.at = now - HOUR + 30 * SECOND
        app.bridge.tick()
        await pilot.pause()
        assert "0:59:30" in screen_text(app)
        asked: list[Any] = []
        refresh = queue(app).refresh
        queue(app).refresh = lambda *regions, **more: (asked.append(regions), refresh(*regions, **more))[1]  # type: ignore[method-assign,assignment]
        world.clock.advance(SECOND)
        app.bridge.tick()
        assert [[(r.x, r.y, r.width, r.height) for r in regions] for regions in asked] == [[(4, 0, 10, 1)]]
        app.bridge.tick()
        await pilot.pause()
        asked.clear()
        app.bridge.tick()
        assert asked == []
        assert "0:59:29" in screen_text(app)


async def test_nothing_ticks_after_long_without_the_focus(world: World) -> None:
    await customers(world, 1)
    async with running(world) as (app, _pilot):
        app.bridge.blurred()
        ticks: list[int] = []
        app.tick = ticks.append  # type: ignore[method-assign]
        app.bridge.tick()
        world.clock.advance(10 * MINUTE)
        app.bridge.tick()
        assert len(ticks) == 1
        app.bridge.focused()
        assert len(ticks) == 2


# -- marks and what verbs are about ------------------------------------------------------------------------------------


async def test_marks_decide_what_verbs_are_about(world: World) -> None:
    ids = await customers(world, 5)
    async with running(world) as (app, pilot):
        assert app.main.selection == (ids[0],)
        await pilot.press("x", "j", "space")
        assert app.main.selection == (ids[0], ids[2])
        await until(pilot, lambda: "● 2 marked" in screen_text(app))
        await pilot.press("c")
        await until(pilot, lambda: find.conversation(world.desk, ids[2]).claim_agent == "ann")
        assert find.conversation(world.desk, ids[0]).claim_agent == "ann"
        assert find.conversation(world.desk, ids[1]).claim_agent == ""
        await until(pilot, lambda: not queue(app).marks)


async def test_marking_ranges_all_and_none(world: World) -> None:
    ids = await customers(world, 6)
    async with running(world) as (app, pilot):
        await pilot.press("j", "x", "j", "V")
        assert set(app.main.selection) == {ids[1], ids[2], ids[3]}
        await pilot.press("X")
        assert set(app.main.selection) == set(ids)
        await pilot.press("X")
        assert not queue(app).marks
        await pilot.press("x", "*")
        assert not queue(app).marks
        await pilot.press("x", "escape")
        assert not queue(app).marks


async def test_beside_the_list_verbs_are_about_the_shown_conversation(world: World) -> None:
    ids = await customers(world, 5)
    async with running(world, WIDE) as (app, pilot):
        await pilot.press("x", "x", "enter")
        assert app.main.selection == (ids[2],)


# -- views -------------------------------------------------------------------------------------------------------------


async def test_digits_show_views_and_empty_ones_say_what_to_do(world: World) -> None:
    ids = await customers(world, 3)
    async with running(world) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: "Nothing is yours yet" in screen_text(app))
        assert "c claims" in screen_text(app)
        await pilot.press("1", "j", "c")
        await until(pilot, lambda: find.conversation(world.desk, ids[1]).claim_agent == "ann")
        await pilot.press("2")
        await until(pilot, lambda: [row.id for row in queue(app).model.rows] == [ids[1]])
        await pilot.press("1")
        assert queue(app).current_id == ids[1]


async def test_every_shipped_view_says_something_of_its_own_when_empty(world: World) -> None:
    async with running(world) as (app, pilot):
        said = set()
        for view in find.views(world.desk):
            await pilot.press(view.key)
            said.add(queue(app).empty)
            assert len(queue(app).empty) > 1, view.name
        assert len(said) == len(find.views(world.desk))


async def test_a_filter_is_shown_and_escape_goes_back(world: World) -> None:
    await customers(world, 12)
    async with running(world) as (app, pilot):
        await pilot.press("f")
        assert isinstance(app.screen, CommandScreen)
        await typed(pilot, '"parcel 07"')
        await pilot.press("enter")
        await until(pilot, lambda: len(queue(app).model.rows) == 1)
        assert '"parcel 07"' in app.main.query_one(ViewBar).filter
        await pilot.press("escape")
        await until(pilot, lambda: len(queue(app).model.rows) == 12)


async def test_a_filter_without_rows_does_not_lose_the_place_of_the_cursor(world: World) -> None:
    ids = await customers(world, 60)
    async with running(world) as (app, pilot):
        await pilot.press(*["j"] * 7)
        line = queue(app).model.cursor - queue(app).model.first
        await app.call_verb("filter nowhere-to-be-found")
        await until(pilot, lambda: "Nothing matches" in screen_text(app))
        assert "Esc goes back to the view" in screen_text(app)
        await until(pilot, lambda: bar(app).split() == ["/", "find", ":", "command", "?", "keys"])
        await pilot.press("escape")
        await until(pilot, lambda: queue(app).current_id == ids[7])
        assert queue(app).model.cursor - queue(app).model.first == line
        await until(pilot, lambda: bar(app).startswith(" r reply"))
        await pilot.press("4")
        await until(pilot, lambda: not queue(app).model.rows)
        await pilot.press("1")
        assert queue(app).current_id == ids[7]


async def test_hints_of_an_empty_view_are_broken_between_words_and_name_the_keys_there_are(world: World) -> None:
    world.desk.config = msgspec.structs.replace(world.desk.config, views=DEFAULT_VIEWS)
    async with running(world, (40, 12)) as (app, pilot):
        await pilot.press("6")
        await until(pilot, lambda: "Nothing is put aside" in screen_text(app))
        assert "s puts a conversation aside until a\n   time" in screen_text(app)
        app.router.keymap = Keymap.build({"work": {"s": None, "b": "snooze"}})
        app.main.queue.refresh()
        await until(pilot, lambda: "b puts a conversation" in screen_text(app))
        app.router.keymap = Keymap.build({"work": {"s": None}})
        app.main.queue.refresh()
        await until(pilot, lambda: ":snooze puts a" in screen_text(app))


async def test_a_query_that_cannot_be_read_changes_nothing_and_says_why(world: World) -> None:
    await customers(world, 3)
    async with running(world) as (app, pilot):
        await app.call_verb("filter lat:3")
        await until(pilot, lambda: "lat" in bar(app))
        assert len(queue(app).model.rows) == 3
        assert app.main.query_one(ViewBar).filter == ""


async def test_views_without_room_keep_their_keys(world: World) -> None:
    async with running(world) as (app, pilot):
        await until(pilot, lambda: "1 all" in screen_text(app))
        views = app.main.query_one(ViewBar)
        names = ("all", "mine", "late", "praise", "north", "waiting", "snoozed", "review", "done")
        views.put(views=[(str(key), name) for key, name in enumerate(names, 1)], active="1", total="76")
        for width, end in ((100, "8 review  9 done"), (80, "8 review 9"), (60, "6 waiting 7…9"), (52, "5 north 6…9"),
                           (24, "2 mine 3…9")):
            text = views.draw(0, width).text.split()
            assert text[-1] == "76"
            assert " ".join(text[:-1]).endswith(" ".join(end.split())), width


async def test_views_are_clicked_too(world: World) -> None:
    async with running(world) as (app, pilot):
        await pilot.click(ViewBar, offset=(9, 0))
        await until(pilot, lambda: app.main.query_one(ViewBar).active == "2")


# -- shapes ------------------------------------------------------------------------------------------------------------


def panes(app: DeskApp) -> str:
    """Which panes are in sight."""
    return " ".join(name for name in ("left", "middle", "right") if app.main.query_one(f"#{name}").display)


@pytest.mark.parametrize(("size", "at_first"), [
    (WIDE, "left middle right"), (MEDIUM, "left middle"), (NARROW, "left"), (TINY, "left")])
async def test_there_are_as_many_panes_as_fit(world: World, size: tuple[int, int], at_first: str) -> None:
    await customers(world, 3)
    async with running(world, size) as (app, pilot):
        assert panes(app) == at_first
        text = screen_text(app)
        assert "where is parcel" in text
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: panes(app) == "left middle right")
        await pilot.resize_terminal(*TINY)
        await until(pilot, lambda: panes(app) == "left")


async def test_narrow_enter_opens_over_the_list_and_tab_goes_round(world: World) -> None:
    ids = await customers(world, 3)
    async with running(world) as (app, pilot):
        await pilot.press("j", "enter")
        assert panes(app) == "middle"
        assert app.main.conversation is not None
        assert app.main.conversation.conversation_id == ids[1]
        assert app.key_context == "conversation"
        await pilot.press("tab")
        assert (panes(app), app.key_context) == ("right", "customer")
        await pilot.press("tab")
        assert (panes(app), app.key_context) == ("left", "queue")
        await pilot.press("shift+tab")
        assert app.key_context == "customer"
        await pilot.press("escape")
        assert panes(app) == "left"
        await pilot.press("enter", "q")
        assert panes(app) == "left"
        assert app.is_running


async def test_next_and_previous_stay_in_the_pane(world: World) -> None:
    ids = await customers(world, 3)
    async with running(world) as (app, pilot):
        await pilot.press("enter", "J")
        assert app.main.conversation is not None
        assert app.main.conversation.conversation_id == ids[1]
        assert app.key_context == "conversation"
        await pilot.press("K")
        assert app.main.conversation.conversation_id == ids[0]


async def test_opening_counts_as_reading(world: World) -> None:
    ids = await customers(world, 2)
    async with running(world) as (_app, pilot):
        assert find.conversation(world.desk, ids[0]).unread == 1
        await pilot.press("enter")
        await until(pilot, lambda: find.conversation(world.desk, ids[0]).unread == 0)
        assert find.conversation(world.desk, ids[1]).unread == 1


# -- writing -----------------------------------------------------------------------------------------------------------


async def test_letters_go_into_the_text_and_the_keys_come_back_after_sending(world: World) -> None:
    await customers(world, 2)
    async with running(world) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: app.key_context == "composer")
        await typed(pilot, "jq")
        await until(pilot, lambda: app.main.composer.editor.text == "jq")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not app.main.writing)
        await until(pilot, lambda: app.key_context == "queue")
        entries = find.outbox(world.desk)
        assert [entry.kind for entry in entries] == [OutKind.REPLY]
        await until(pilot, lambda: "u takes it back" in bar(app))
        world.clock.advance(2 * SECOND)
        app.bridge.tick()
        await until(pilot, lambda: "3 s" in bar(app))


async def test_while_writing_the_cursor_does_not_take_the_conversation_away(world: World) -> None:
    ids = await customers(world, 3)
    async with running(world, WIDE) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: app.key_context == "composer")
        await typed(pilot, "a")
        await pilot.press("escape")
        await until(pilot, lambda: not app.main.writing)
        await pilot.press("r")
        await until(pilot, lambda: app.key_context == "composer")
        queue(app).move(1)
        await pilot.pause(0.15)
        assert app.main.conversation is not None
        assert app.main.conversation.conversation_id == ids[0]


async def test_leaving_stores_what_is_being_written(world: World) -> None:
    ids = await customers(world, 1)
    async with running(world) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: app.key_context == "composer")
        await typed(pilot, "not yet stored")
        await app.leave()
    drafts = find.drafts(world.desk)
    assert [(one.conversation_id, one.text) for one in drafts] == [(ids[0], "not yet stored")]
    assert app.return_code == 0


# -- bars --------------------------------------------------------------------------------------------------------------


async def test_chords_are_shown_while_they_wait_and_escape_lets_go(world: World) -> None:
    await customers(world, 3)
    async with running(world, key_hint=10) as (app, pilot):
        await pilot.press("j", "g")
        await until(pilot, lambda: bar(app).startswith(" g …"))
        await until(pilot, lambda: "g  To the first" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: bar(app).lstrip().startswith("r reply"))
        await pilot.press("g", "x")
        await until(pilot, lambda: "g x is not bound here" in bar(app))


async def test_a_key_that_means_nothing_says_so_and_where_keys_are_listed(world: World) -> None:
    ids = await customers(world, 3)
    async with running(world) as (app, pilot):
        await pilot.press("h")
        await until(pilot, lambda: "h is not bound here" in bar(app))
        assert "? lists the keys" in bar(app)
        await pilot.press("j")
        await until(pilot, lambda: bar(app).startswith(" r reply"))
        assert queue(app).current_id == ids[1]


@pytest.mark.parametrize("size", [TINY, NARROW, MEDIUM, WIDE])
async def test_the_way_back_stands_in_the_key_bar_of_every_size(world: World, size: tuple[int, int]) -> None:
    await customers(world, 3)
    async with running(world, size) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: bar(app).startswith(" r reply  c claim  d done  Tab pane"))
        assert "Esc back" in bar(app)
        assert "? keys" in bar(app)


async def test_the_key_bar_knows_where_it_is(world: World) -> None:
    await customers(world, 3)
    async with running(world) as (app, pilot):
        assert bar(app).startswith(" r reply")
        assert "? keys" in bar(app)
        await pilot.press("enter")
        await until(pilot, lambda: "n note" in bar(app))
        await pilot.press("r")
        await until(pilot, lambda: "^s send" in bar(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Nothing was written" in bar(app))
        await pilot.press("j")
        await until(pilot, lambda: "n note" in bar(app))


async def test_the_key_bar_is_the_composers_when_that_came_below_a_question(world: World) -> None:
    [number] = await customers(world, 1)
    async with running(world) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: "Snooze until" in screen_text(app))
        await app.main.compose_reply(number, OutKind.REPLY)
        await pilot.press("escape")
        await until(pilot, lambda: "^s send" in bar(app))


async def test_what_can_be_taken_back_is_said_with_the_key_for_that(world: World) -> None:
    [number] = await customers(world, 1)
    async with running(world) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: "u takes it back" in bar(app))
        await pilot.press("u")
        await until(pilot, lambda: "Undone" in bar(app))
        assert "takes it back" not in bar(app)
        assert find.conversation(world.desk, number).claim_agent == ""


async def test_what_changed_nothing_names_no_key_that_would_take_something_else_back(world: World) -> None:
    await customers(world, 1)
    async with running(world) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: "u takes it back" in bar(app))
        await app.call_verb("reopen")
        await until(pilot, lambda: "Already open" in bar(app))
        assert "takes it back" not in bar(app)


async def test_long_words_take_lines_and_go_away(world: World) -> None:
    async with running(world, TINY) as (app, pilot):
        app.say("error", "The helpdesk refuses the reply because the ticket was merged into another one",
                "Open the other ticket and answer there")
        await until(pilot, lambda: "answer there" in screen_text(app))
        assert "✗" in screen_text(app)
        await pilot.press("j")
        assert "answer there" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "answer there" not in screen_text(app))
        app.say("info", "Yours")
        await pilot.press("j")
        await until(pilot, lambda: "Yours" not in screen_text(app))


async def test_a_long_word_covers_rows_and_moves_none(world: World) -> None:
    await customers(world, 60)
    async with running(world) as (app, pilot):
        await pilot.press("G")
        before = (queue(app).size, queue(app).model.first, screen_text(app).splitlines()[:15])
        app.say("error", "One thing after another went wrong " * 8, "Mend it")
        await until(pilot, lambda: "Mend it" in screen_text(app))
        assert (queue(app).size, queue(app).model.first, screen_text(app).splitlines()[:15]) == before
        await pilot.press("escape")
        await until(pilot, lambda: "Mend it" not in screen_text(app))
        assert "where is parcel 59" in screen_text(app)


async def test_words_go_by_themselves_after_a_while(world: World) -> None:
    async with running(world) as (app, pilot):
        app.say("good", "Sent")
        await until(pilot, lambda: "✓ Sent" in bar(app))
        world.clock.advance(7 * SECOND)
        app.bridge.tick()
        await until(pilot, lambda: "Sent" not in bar(app))


async def test_the_status_bar_counts_and_names_trouble_in_words(world: World) -> None:
    await customers(world, 3)
    async with running(world, WIDE) as (app, pilot):
        await until(pilot, lambda: "open 3" in screen_text(app))
        status = app.main.query_one(StatusBar)
        state = find.sources(world.desk)[0]
        assert "● fake" in screen_text(app).splitlines()[0]
        for name, words in (("retry", "◐ fake retry 0:12"), ("offline", "○ fake offline"),
                            ("auth", "○ fake sign in again"), ("paused", "○ fake paused")):
            changed = msgspec.structs.replace(state, state=name, next_try_at=world.clock.now() + 12 * SECOND)
            status.put(sources=[changed])
            await until(pilot, lambda: words in screen_text(app).splitlines()[0])  # noqa: B023


async def test_nothing_is_counted_before_it_was_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await customers(world, 3)
    counted, real = asyncio.Event(), find.counts

    async def slow(desk: Any) -> find.Counts:
        await counted.wait()
        return await real(desk)

    monkeypatch.setattr(find, "counts", slow)
    async with running(world) as (app, pilot):
        await until(pilot, lambda: "Customer 00" in screen_text(app))
        assert not {"late", "soon", "open"} & set(screen_text(app).splitlines()[0].split())
        counted.set()
        await until(pilot, lambda: "open 3" in screen_text(app).splitlines()[0])


async def test_names_of_sources_stand_whole_as_long_as_there_is_room(world: World) -> None:
    async with running(world) as (app, pilot):
        await until(pilot, lambda: "open 0" in screen_text(app))
        state, status = find.sources(world.desk)[0], app.main.query_one(StatusBar)
        status.put(sources=[msgspec.structs.replace(state, state="ok", name=f"demo:{'x' * cells}")
                            for cells in (8, 9, 12)])
        drawn = {width: status._make(width, world.clock.now()).text for width in range(76, 88)}
        narrowest = min(width for width, text in drawn.items() if "x" * 12 in text)
        assert narrowest > 76
        assert " " * 4 not in drawn[narrowest]


async def test_a_source_in_trouble_is_named_on_every_width(world: World) -> None:
    async with running(world) as (app, pilot):
        await until(pilot, lambda: "open 0" in screen_text(app))
        state, status = find.sources(world.desk)[0], app.main.query_one(StatusBar)
        status.put(sources=[msgspec.structs.replace(state, state=how, name=f"{name}:acme", letter=name[0].upper())
                            for name, how in (("chatwoot", "auth"), ("file", "offline"), ("mastodon", "ok"),
                                              ("rt", "ok"), ("zammad", "ok"), ("zendesk", "ok"))])
        for width, words in ((160, "○ chatwoot sign in again  ○ file offline  ● mastodon"),
                             (120, "○ C sign in again ○ F offline ● M ● R ● Z ● Z "),
                             (84, "○ C sign in again ○ F offline ● ● ● ● "), (60, "○ C sign in ○ F offline ● 4 "),
                             (50, "○ C ○ F ● 4 ")):
            assert words in status._make(width, world.clock.now()).text, width


async def test_long_work_shows_how_far_it_is(world: World) -> None:
    async with running(world) as (app, pilot):
        world.desk.emit(Progress(task="Fetching history", done=1200, total=5000))
        await until(pilot, lambda: "Fetching history 1,200 of 5,000" in screen_text(app))
        world.desk.emit(Progress(task="Fetching history", done=5000, total=5000, finished=True))
        await until(pilot, lambda: "Fetching" not in screen_text(app))


async def test_notices_from_any_thread_are_said(world: World) -> None:
    import threading

    async with running(world) as (app, pilot):
        notice = Notice(level="warning", text="The disk is nearly full", remedy="Make room")
        threading.Thread(target=world.desk.emit, args=(notice,)).start()
        await until(pilot, lambda: "The disk is nearly full" in bar(app))


async def test_one_of_many_troubles_at_the_start_says_that_there_are_more(world: World) -> None:
    world.desk.warnings += ["keys.queue: 'Q': there is no command 'fly'", "bad.yaml:6: replies[1].titel: unknown"]
    async with running(world, theme="drak") as (app, pilot):
        await until(pilot, lambda: "2 more: agentdesk doctor lists them" in bar(app))
        assert "No theme is called drak" in screen_text(app)


async def test_a_storm_of_events_reaches_the_screen_folded(world: World) -> None:
    ids = await customers(world, 3)
    async with running(world) as (app, pilot):
        heard: list[object] = []
        was = app.heard
        app.heard = lambda news: (heard.append(news), was(news))[1]  # type: ignore[method-assign,func-returns-value]
        for _ in range(500):
            await inbox.mark_read(world.desk, ids[0])
        await until(pilot, lambda: heard)
        assert len(heard) < 100


# -- commands ----------------------------------------------------------------------------------------------------------


async def test_the_command_line_completes_and_runs(world: World) -> None:
    ids = await customers(world, 3)
    async with running(world) as (app, pilot):
        await pilot.press(":")
        await typed(pilot, "cla")
        await pilot.press("tab")
        await until(pilot, lambda: ": claim" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: find.conversation(world.desk, ids[0]).claim_agent == "ann")
        await pilot.press(":", "up")
        await until(pilot, lambda: ": claim" in screen_text(app))
        await pilot.press("escape")
        assert app.screen is app.main


async def test_the_palette_finds_commands_by_what_they_do(world: World) -> None:
    ids = await customers(world, 3)
    async with running(world) as (app, pilot):
        await pilot.press("ctrl+p")
        await typed(pilot, "you are on it")
        await until(pilot, lambda: "Claim" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: find.conversation(world.desk, ids[0]).claim_agent == "ann")


async def test_an_empty_command_line_says_what_goes_into_it(world: World) -> None:
    async with running(world, TINY, ascii=True) as (app, pilot):
        for key, words in (("ctrl+p", "> what it does"), (":", ": a command")):
            await pilot.press(key)
            await until(pilot, lambda: words in bar(app))  # noqa: B023
            assert "- Tab completes - Enter runs it - Esc leaves" in bar(app)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.main)


async def test_asking_for_a_theme_begins_with_the_one_that_is_shown(world: World) -> None:
    async with running(world, theme="light") as (app, pilot):
        await pilot.press("T")
        await until(pilot, lambda: "shown now" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        assert app.palette.name == "light"


async def test_a_call_that_cannot_be_read_says_what_is_nearest(world: World) -> None:
    async with running(world) as (app, pilot):
        await app.call_verb("clam")
        await until(pilot, lambda: "Nearest: claim" in bar(app))


async def test_a_verb_that_breaks_is_reported_and_the_desk_goes_on(world: World) -> None:
    said: list[str] = []

    def report(error: BaseException) -> str:
        said.append(type(error).__name__)
        return "The report is in /x"

    async def broken() -> None:
        raise ZeroDivisionError("secret text of a customer")

    async with running(world) as (app, pilot):
        app._on_crash = report
        app.work(broken())
        await until(pilot, lambda: "ZeroDivisionError" in screen_text(app))
        assert said == ["ZeroDivisionError"]
        assert "secret" not in screen_text(app)
        assert app.is_running


async def test_q_leaves_at_once_whatever_is_unsent(world: World) -> None:
    await customers(world, 1)
    async with running(world) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
        assert app.return_code == 0


async def ended(app: DeskApp) -> None:
    """Wait until the app has stopped; its pilot cannot, once it has."""
    for _ in range(500):
        if not app.is_running:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the app goes on")


@pytest.mark.parametrize("made", [DraftsScreen, HelpScreen, SearchScreen, lambda: CommandScreen(search=True)],
                         ids=["drafts", "help", "search", "commands"])
async def test_leaving_while_a_screen_opens_is_no_mistake(world: World, made: Callable[[], Screen[Any]]) -> None:
    await customers(world, 1)
    async with running(world) as (app, _):
        await app.leave()
        app.open_screen(made())
        await ended(app)
        assert app.return_code == 0


async def test_a_desk_without_sources_says_how_to_begin(world: World) -> None:
    world.desk.connectors.clear()
    world.desk.store.write_now(lambda db: db.run("DELETE FROM source"))
    async with running(world) as (app, _pilot):
        assert "No source is configured yet" in screen_text(app)
        assert "S and then a connects one" in screen_text(app)


async def test_after_long_without_a_key_everything_is_hidden_until_one_is_pressed(world: World) -> None:
    ids = await customers(world, 3)
    async with running(world, idle_lock=10 * MINUTE) as (app, pilot):
        world.clock.advance(9 * MINUTE)
        app.bridge.tick()
        await pilot.pause()
        assert "parcel" in screen_text(app)
        world.clock.advance(MINUTE)
        app.bridge.tick()
        await until(pilot, lambda: "Hidden" in screen_text(app))
        assert "parcel" not in screen_text(app)
        await pilot.press("j")
        await until(pilot, lambda: "parcel" in screen_text(app))
        assert queue(app).current_id == ids[0]


async def test_a_claim_lasts_while_somebody_works_on_what_is_open(world: World) -> None:
    [number] = await customers(world, 1)
    length = world.desk.config.replies.claim_for
    async with running(world) as (app, pilot):
        await pilot.press("enter")
        await app.call_verb("claim", where="conversation")
        await until(pilot, lambda: find.conversation(world.desk, number).claim_agent == world.desk.agent)
        began = find.conversation(world.desk, number).claim_until or 0
        for _ in range(8):
            world.clock.advance(length // 4)
            await pilot.press("j")
            app.tick(world.desk.now())
            await until(pilot, lambda: find.conversation(world.desk, number).claim_until == world.desk.now() + length)
        assert (find.conversation(world.desk, number).claim_until or 0) >= began + 2 * length
        assert "yours" in screen_text(app)
        held = find.conversation(world.desk, number).claim_until
        for _ in range(3):
            world.clock.advance(length // 4)
            app.tick(world.desk.now())
            await pilot.pause(0.05)
        assert find.conversation(world.desk, number).claim_until == held, "nobody has pressed a key"


async def test_a_claim_of_a_colleague_is_not_lengthened(world: World) -> None:
    [number] = await customers(world, 1)
    until_then = world.desk.now() + MINUTE
    world.desk.store.write_now(lambda db: claim(db, number, "bo", until_then))
    await inbox.renew_claim(world.desk, number)
    assert find.conversation(world.desk, number).claim_until == until_then


@pytest.mark.parametrize(("bell", "told"), [(True, 1), (False, 0)])
async def test_who_looks_elsewhere_is_notified_of_what_comes_in(world: World, monkeypatch: pytest.MonkeyPatch,
                                                                bell: bool, told: int) -> None:
    async with running(world, bell=bell) as (app, _pilot):
        said: list[str] = []
        monkeypatch.setattr(app, "write_raw", said.append)
        app.heard(News(arrived=2))
        assert said == [], "the terminal is in front"
        app.bridge.blurred()
        app.heard(News(arrived=2))
        app.heard(News(arrived=1))
        assert len(said) == told, "once a minute at most"
