"""Rows that a damaged cache lost while they stand on the screen: said in a sentence, and the desk goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from agentdesk.model.clock import MINUTE
from agentdesk.ui.widgets.header import ConversationHeader
from tests.desk.conftest import World
from tests.ui.over_desk import app_over, ready, screen_text, until


async def customers(world: World, count: int) -> list[int]:
    """So many customers with one question each."""
    found = []
    for number in range(count):
        found.append(await world.arrive(f"c{number}", f"Question {number}"))
        world.clock.advance(MINUTE)
    return found


def lose(world: World, table: str, number: int) -> None:
    """Take a row away as damage does: nothing that belongs to it goes along."""
    with closing(sqlite3.connect(world.desk.store.path)) as db, db:
        assert db.execute(f"DELETE FROM {table} WHERE id = ?", (number,)).rowcount == 1


async def test_a_conversation_without_its_customer_is_still_read(world: World) -> None:
    _, second = await customers(world, 2)
    app = app_over(world)
    async with app.run_test(size=(160, 40)) as pilot:
        await ready(app, pilot)
        lose(world, "customer", int(world.desk.store.reader.value(
            "SELECT customer_id FROM conversation WHERE id = ?", second)))
        await pilot.press("j")
        await until(pilot, lambda: app.query_one(ConversationHeader).conversation_id == second)
        await until(pilot, lambda: f"#{second}" in screen_text(app) and "Question 1" in screen_text(app))
        assert app.is_running
        assert app.return_code is None


async def test_why_a_lost_conversation_stands_here_is_not_known(world: World) -> None:
    first, _ = await customers(world, 2)
    app = app_over(world)
    async with app.run_test(size=(160, 40)) as pilot:
        await ready(app, pilot)
        lose(world, "conversation", first)
        await pilot.press("w")
        await until(pilot, lambda: f"There is no conversation #{first}" in screen_text(app))
        assert "agentdesk doctor" in screen_text(app)
        await pilot.press("escape", "j", "enter")
        await until(pilot, lambda: "Question 1" in screen_text(app))


@pytest.mark.parametrize("way", ["from a screen", "by a double click"])
async def test_opening_a_lost_conversation_is_answered(world: World, way: str) -> None:
    first, _ = await customers(world, 2)
    app = app_over(world)
    async with app.run_test(size=(160, 40)) as pilot:
        await ready(app, pilot)
        lose(world, "conversation", first)
        if way == "from a screen":
            await pilot.press("O")
            await until(pilot, lambda: app.screen is not app.main)
            app.screen.dismiss(first)
        else:
            await pilot.click("#queue", offset=(4, 0), times=2)
        await until(pilot, lambda: f"There is no conversation #{first}" in screen_text(app))
        assert app.is_running
        assert app.return_code is None
