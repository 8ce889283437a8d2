"""The thread pane over a real store: following, moving, older messages, news while reading, what is on its way."""

from __future__ import annotations

import pytest

from agentdesk.desk import answer, find
from agentdesk.model.clock import HOUR, MINUTE, SECOND
from agentdesk.model.message import Direction
from agentdesk.ui.app import DeskApp
from agentdesk.ui.screens import panes
from agentdesk.ui.widgets.thread import ThreadView
from tests.desk.conftest import World
from tests.desk.test_answer import written
from tests.ui.over_desk import app_over, shown, until


def thread_of(app: DeskApp) -> ThreadView:
    pane = app.main.conversation
    assert pane is not None
    return pane.thread


async def long_thread(world: World, count: int = 150) -> int:
    """A conversation of many messages an hour apart, all read."""
    begin = world.clock.now() - (count + 1) * HOUR
    for number in range(count):
        who = Direction.OUT if number % 3 == 2 else Direction.IN
        world.platform.write("long", f"message number {number} of many", at=begin + number * HOUR, direction=who)
    number = await world.arrive("long", "the very last one")
    world.desk.store.write_now(lambda db: db.run("UPDATE conversation SET unread = 0"))
    return number


async def test_the_pane_shows_the_conversation_under_the_cursor(world: World) -> None:
    await world.arrive("a", "Where is my blue parcel?")
    app = app_over(world)
    async with app.run_test(size=(140, 36)) as pilot:
        await until(pilot, lambda: app.main.conversation and "blue parcel" in shown(thread_of(app)))


async def test_it_follows_the_cursor_after_a_rest_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await world.arrive("a", "the first")
    world.clock.advance(MINUTE)
    second = await world.arrive("b", "the second")
    app = app_over(world)
    async with app.run_test(size=(140, 36)) as pilot:
        await until(pilot, lambda: app.main.conversation and thread_of(app).conversation_id == first)
        reads = []
        thread = thread_of(app)
        show = thread.show
        thread.show = lambda number: (reads.append(number), show(number))[1]  # type: ignore[method-assign,func-returns-value]
        monkeypatch.setattr(panes, "REST", 1.0)
        await pilot.press("j", "k", "j", "k", "j")
        await until(pilot, lambda: thread.conversation_id == second)
        assert reads == [second]


async def test_older_messages_come_as_the_reader_goes_up(world: World) -> None:
    number = await long_thread(world)
    app = app_over(world)
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation and thread_of(app).conversation_id == number)
        thread = thread_of(app)
        assert "the very last one" in shown(thread)
        assert "number 12 " not in shown(thread)
        assert "earlier messages" in shown(thread)
        thread.focus()
        await pilot.press("g", "g")
        await until(pilot, lambda: "message number 0 of many" in shown(thread))
        assert thread.selected is not None
        assert thread.selected.message.text == "message number 0 of many"
        await pilot.press("G")
        assert thread.selected.message.text == "the very last one"
        assert thread.at_end


async def test_reading_a_step_back_keeps_the_lines_where_they_are(world: World) -> None:
    number = await long_thread(world)
    app = app_over(world)
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation and thread_of(app).conversation_id == number)
        thread = thread_of(app)
        rows = thread.line_count()
        thread.move_to(2)
        before = thread.draw(thread.first_line + 3, 60).text
        await until(pilot, lambda: thread.line_count() > rows)
        assert thread.draw(thread.first_line + 3, 60).text == before


async def test_news_below_are_told_and_do_not_move_the_reader(world: World) -> None:
    number = await long_thread(world, 50)
    app = app_over(world)
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation and thread_of(app).conversation_id == number)
        thread = thread_of(app)
        thread.focus()
        await pilot.press("ctrl+u", "ctrl+u")
        place, key = thread.first_line, thread.key
        await world.arrive("long", "and another thing")
        thread.reload()
        assert (thread.first_line, thread.key) == (place, key)
        assert "1 new below" in thread.render_line(thread.size.height - 1).text
        await pilot.press("G")
        assert "new below" not in thread.render_line(thread.size.height - 1).text
        assert thread.selected is not None
        assert thread.selected.message.text == "and another thing"


async def test_a_reader_at_the_end_stays_at_the_end(world: World) -> None:
    number = await long_thread(world, 50)
    app = app_over(world)
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation and thread_of(app).conversation_id == number)
        thread = thread_of(app)
        await world.arrive("long", "and another thing")
        thread.reload()
        assert thread.at_end
        await pilot.resize_terminal(140, 20)
        await pilot.pause()
        assert thread.at_end


async def test_unread_messages_have_a_line_above_them(world: World) -> None:
    await long_thread(world, 30)
    world.clock.advance(HOUR)
    world.platform.write("long", "new one")
    number = await world.arrive("long", "new two")
    app = app_over(world)
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation and thread_of(app).conversation_id == number)
        lines = shown(thread_of(app)).splitlines()
        rule = next(i for i, words in enumerate(lines) if " 2 new " in words)
        assert any("new one" in words for words in lines[rule:])
        assert not any("new one" in words for words in lines[:rule])


async def test_a_held_reply_stands_at_the_end_and_counts_down(world: World) -> None:
    number = await world.arrive("a")
    await answer.send(world.desk, written(world, number, "It is on its way"))
    app = app_over(world)
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation and "It is on its way ^AN" in shown(thread_of(app)))
        thread = thread_of(app)
        assert "held 0:05" in shown(thread)
        world.clock.advance(2 * SECOND)
        thread.tick(world.clock.now())
        assert "held 0:03" in shown(thread)
        entry_id = find.outbox(world.desk)[0].id
        await answer.cancel(world.desk, entry_id)
        thread.reload()
        assert "held" not in shown(thread)


async def test_a_reply_that_is_frozen_while_the_pane_has_no_room_stands_there_once_it_has(world: World) -> None:
    number = await world.arrive("a")
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: app.main.conversation and shown(thread_of(app)))
        thread = thread_of(app)
        thread.styles.width = 0
        await until(pilot, lambda: thread.size.width == 0)
        await answer.send(world.desk, written(world, number, "It is on its way"))
        thread.reload()
        thread.tick(world.clock.now())
        thread.styles.width = "1fr"
        await until(pilot, lambda: "held 0:05" in shown(thread))


async def test_moving_by_messages_and_copying_the_one_under_the_cursor(world: World) -> None:
    world.platform.write("a", "the first message")
    world.clock.advance(HOUR)
    await world.arrive("a", "the second message")
    app = app_over(world)
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation and "second message" in shown(thread_of(app)))
        thread = thread_of(app)
        thread.focus()
        await pilot.press("k")
        assert thread.selected_text == "the first message"
        await pilot.press("j")
        assert thread.selected_text == "the second message"


async def test_a_post_taller_than_the_window_is_scrolled_through(world: World) -> None:
    world.platform.write("a", "short")
    world.clock.advance(HOUR)
    number = await world.arrive("a", "\n".join(f"line {n}" for n in range(300)))
    app = app_over(world)
    async with app.run_test(size=(140, 24)) as pilot:
        await until(pilot, lambda: app.main.conversation and thread_of(app).conversation_id == number)
        thread = thread_of(app)
        thread.focus()
        assert "line 299" not in shown(thread)
        await pilot.press("Z")
        assert "line 299" in shown(thread)
        tops = []
        for _ in range(40):
            await pilot.press("j")
            tops.append(thread.first_line)
        assert tops[0] < tops[3] < tops[10]
        assert thread.at_end


async def test_an_empty_pane_says_what_to_do(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(140, 24)) as pilot:
        await until(pilot, lambda: app.main.conversation and "Nothing is selected" in shown(thread_of(app)))
