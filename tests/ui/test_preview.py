"""The preview beside a list reaches as far down as the list."""

from __future__ import annotations

import pytest

from agentdesk.ui.screens.canned import CannedScreen
from agentdesk.ui.screens.listing import Preview
from tests.desk.conftest import World
from tests.ui.over_desk import app_over, ready, until


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_the_preview_ends_above_the_keys(world: World, size: tuple[int, int]) -> None:
    number = await world.arrive("a")
    app = app_over(world)
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot)
        app.open_screen(CannedScreen(number))
        await until(pilot, lambda: app.screen.query(Preview) and app.screen.query_one(Preview).region.height)
        assert app.screen.query_one(Preview).region.bottom == size[1] - 1
