"""The first screen tells what there is: no configuration, or one that names no source yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdesk.ui.screens.first_start import FirstStartScreen
from tests.desk.conftest import World
from tests.ui.over_desk import app_over, ready, screen_text, until


@pytest.mark.parametrize("written", [True, False])
async def test_a_configuration_that_is_there_is_not_said_to_be_missing(world: World, tmp_path: Path,
                                                                       written: bool) -> None:
    path = tmp_path / "config.yaml"
    if written:
        path.write_text("agent: {name: ann}\n")
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(app, pilot)
        app.open_screen(FirstStartScreen(str(path)))
        await until(pilot, lambda: "Connect a source" in screen_text(app))
        text = " ".join(screen_text(app).split())
        assert ("names no source yet" in text) is written
        assert ("There is no configuration at" in text) is not written
        assert ("agentdesk config init" in text) is not written
