"""The search screen while one types: what was found and then is not any more."""

from __future__ import annotations

from agentdesk.ui.screens.search import SearchScreen
from tests.desk.conftest import World
from tests.ui.over_desk import app_over, ready, screen_text, typed, until


async def test_nothing_found_is_no_row_to_choose(world: World) -> None:
    await world.arrive("a", "the parcel is wet")
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot)
        app.open_screen(SearchScreen())
        await until(pilot, lambda: "Type words" in screen_text(app))
        assert "Enter open" not in screen_text(app)
        await typed(pilot, "parcel")
        await until(pilot, lambda: "▌" in screen_text(app))
        assert "Enter open" in screen_text(app)
        await typed(pilot, "xyz")
        await until(pilot, lambda: "No message holds these words" in screen_text(app))
        assert "▌" not in screen_text(app)
        assert screen_text(app).splitlines()[-1] == " Esc leave"
        await pilot.press("enter")
        assert isinstance(app.screen, SearchScreen)
