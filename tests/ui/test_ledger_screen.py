"""The ledger on terminals of every width: what a decision was about can be read whole."""

from __future__ import annotations

import pytest

from agentdesk.desk import inbox
from agentdesk.model.conversation import Disposition
from agentdesk.ui.screens.ledger import LedgerScreen
from tests.desk.conftest import World
from tests.ui.over_desk import app_over, ready, screen_text, until

REASON = "the depot in the north found the second parcel behind the door of the first one"


@pytest.mark.parametrize(("size", "beside"), [((160, 36), True), ((80, 24), True), ((60, 20), False)])
async def test_what_a_decision_was_about_stands_there_whole(world: World, size: tuple[int, int], beside: bool) -> None:
    number = await world.arrive("a")
    await inbox.dispose(world.desk, [number], Disposition.NOT_ACTIONABLE, code="thanks", reason=REASON)
    app = app_over(world)
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot)
        app.open_screen(LedgerScreen(number))
        await until(pilot, lambda: "not actionable" in screen_text(app))
        text = screen_text(app)
        assert REASON in " ".join(text.replace("▌", " ").split())
        assert "…" not in text
        decided = next(line for line in text.splitlines() if "not actionable" in line)
        assert ("the depot" in decided) is beside
