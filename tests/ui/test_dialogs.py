"""Questions at the lower edge: asked, judged while typed, narrowed, refused; keys only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.pilot import Pilot

from agentdesk.commands.context import Choice
from agentdesk.ui.app import DeskApp
from agentdesk.ui.screens import dialogs
from agentdesk.ui.screens.dialogs import Ask, AskSecret, Choose, Confirm, narrowed
from agentdesk.ui.widgets.field import Field
from tests.desk.conftest import World
from tests.ui.over_desk import app_over, ready, screen_text, typed, until

FRUIT = (Choice("apple", "Apple", "green or red"), Choice("pear", "Pear", "green"), Choice("plum", "Plum", "blue"))


async def asked(app: DeskApp, pilot: Pilot[Any], question: Awaitable[Any], screen: type) -> asyncio.Future[Any]:
    """Ask beside the screen's own work; the future holds the answer."""
    await ready(app, pilot)
    answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        answered.set_result(await question)

    app.run_worker(work())
    await until(pilot, lambda: isinstance(app.screen, screen))
    await until(pilot, lambda: screen_text(app).strip())
    return answered


def even(text: str) -> str:
    return "" if text.isdigit() and int(text) % 2 == 0 else "That is not an even number"


async def test_a_line_is_asked_for_and_judged_while_it_is_typed(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        answer = await asked(app, pilot, dialogs.ask(app, "How many?", hint="2, 4, 6", check=even), Ask)
        assert "How many?" in screen_text(app)
        assert "2, 4, 6" in screen_text(app)
        await typed(pilot, "3")
        await until(pilot, lambda: "not an even number" in screen_text(app))
        await pilot.press("enter")
        assert not answer.done()
        await pilot.press("backspace", "4", "enter")
        assert await asyncio.wait_for(answer, 30) == "4"


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 20)])
@pytest.mark.parametrize("secret", [False, True])
async def test_a_hint_is_shown_whole_however_narrow_the_screen(world: World, size: tuple[int, int],
                                                               secret: bool) -> None:
    app = app_over(world)
    hint = "where the account is, such as mastodon.social or @acme@social.example"
    async with app.run_test(size=size) as pilot:
        question = dialogs.secret(app, "Server", hint=hint) if secret else dialogs.ask(app, "Server", hint=hint)
        answer = await asked(app, pilot, question, AskSecret if secret else Ask)
        await until(pilot, lambda: hint in " ".join(screen_text(app).split()))
        await until(pilot, lambda: "Enter accept" in screen_text(app).splitlines()[-1])
        await typed(pilot, "acme")
        await pilot.press("enter")
        given = await asyncio.wait_for(answer, 30)
        assert (given.reveal() if hasattr(given, "reveal") else given) == "acme"


async def test_the_answer_begins_with_what_is_known(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        answer = await asked(app, pilot, dialogs.ask(app, "Note", default="rings twice"), Ask)
        await typed(pilot, "!")
        await pilot.press("enter")
        assert await asyncio.wait_for(answer, 30) == "rings twice!"


@pytest.mark.parametrize("key", ["escape", "ctrl+c"])
async def test_thinking_better_of_it_answers_nothing(world: World, key: str) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        answer = await asked(app, pilot, dialogs.choose(app, "Which?", FRUIT), Choose)
        await pilot.press(key)
        assert await asyncio.wait_for(answer, 30) is None


@pytest.mark.parametrize(("width", "beside"), [(80, True), (40, False)])
async def test_what_stands_beside_choices_is_whole_or_left_out(world: World, width: int, beside: bool) -> None:
    app = app_over(world)
    async with app.run_test(size=(width, 20)) as pilot:
        app.push_screen(dialogs.Choose("Which?", [Choice("a", "A label of thirty cells, in all", "goes back home")]))
        await until(pilot, lambda: "A label of thirty" in screen_text(app))
        assert ("goes back home" in screen_text(app)) == beside
        assert "…" not in screen_text(app).split("Which?")[1]


async def test_typing_narrows_and_enter_takes(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        answer = await asked(app, pilot, dialogs.choose(app, "Which?", FRUIT), Choose)
        await typed(pilot, "green")
        await pilot.press("down", "enter")
        assert await asyncio.wait_for(answer, 30) == "pear"


async def test_what_fits_nothing_says_so_and_takes_nothing(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        answer = await asked(app, pilot, dialogs.choose(app, "Which?", FRUIT), Choose)
        await typed(pilot, "zzz")
        await pilot.press("enter")
        assert "nothing fits" in screen_text(app)
        assert not answer.done()
        await pilot.press("ctrl+u", "enter")
        assert await asyncio.wait_for(answer, 30) == "apple"


@pytest.mark.parametrize(("key", "yes"), [("y", True), ("n", False), ("enter", False), ("escape", False)])
async def test_only_a_plain_yes_is_yes(world: World, key: str, yes: bool) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        answer = await asked(app, pilot, dialogs.confirm(app, "Sure?", "It cannot be undone"), Confirm)
        await pilot.press("x")
        assert not answer.done()
        await pilot.press(key)
        assert await asyncio.wait_for(answer, 30) is yes


async def test_what_it_is_about_stays_in_sight(world: World) -> None:
    await world.arrive("a", "the words of the customer")
    app = app_over(world)
    async with app.run_test(size=(140, 36)) as pilot:
        await until(pilot, lambda: "the words of the customer" in screen_text(app))
        await asked(app, pilot, dialogs.confirm(app, "Sure?"), Confirm)
        await pilot.pause()
        assert "Sure?" in screen_text(app)
        assert app.screen.query_one("Vertical").region.height < 5


def test_choices_that_begin_with_the_word_come_first() -> None:
    choices = (Choice("x", "A plum tree"), Choice("y", "Plum"), Choice("z", "Apple"))
    assert [c.value for c in narrowed(choices, "plum")] == ["y", "x"]
    assert narrowed(choices, "  ") == choices


@given(st.text(max_size=20))
def test_narrowing_only_leaves_choices_out(words: str) -> None:
    assert set(narrowed(FRUIT, words)) <= set(FRUIT)


async def field_in(app: DeskApp, pilot: Pilot[Any]) -> Field:
    await asked(app, pilot, dialogs.ask(app, "Words"), Ask)
    return app.screen.query_one(Field)


async def test_the_field_edits_like_a_shell(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        field = await field_in(app, pilot)
        await typed(pilot, "one two three")
        await pilot.press("ctrl+w")
        assert field.value == "one two "
        await pilot.press("ctrl+a", "delete", "right", "backspace")
        assert field.value == "e two "
        await pilot.press("end", "left", "left", "ctrl+k")
        assert field.value == "e tw"
        await pilot.press("ctrl+u")
        assert field.value == ""


async def test_the_field_takes_letters_apart_as_people_do(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        field = await field_in(app, pilot)
        field.put("ne\u0301\U0001f468\u200d\U0001f469\u200d\U0001f467")
        await pilot.press("backspace")
        assert field.value == "ne\u0301"
        await pilot.press("backspace")
        assert field.value == "n"


async def test_a_paste_into_the_field_is_one_clean_line(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        field = await field_in(app, pilot)
        field.post_message(events.Paste("a\x1b[2Jb\nc\u202e"))
        await until(pilot, lambda: field.value)
        assert field.value == "a␛[2Jb c"


async def test_a_long_line_keeps_the_cursor_in_sight(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(60, 20)) as pilot:
        field = await field_in(app, pilot)
        field.put("start " + "x" * 200 + " end")
        assert "end" in field.draw(0, 60).text
        assert field.draw(0, 60).cell_length == 60
