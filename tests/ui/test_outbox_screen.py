"""The outbox in every state of a reply: what is said is said whole, and only keys that do something are named."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agentdesk.desk import answer, find
from agentdesk.model.clock import HOUR, MINUTE
from agentdesk.model.outgoing import Receipt, SendState
from agentdesk.store import outbox
from agentdesk.store.db import Db
from agentdesk.ui.screens.outbox import TO_DO, OutboxScreen
from tests.desk.conftest import World
from tests.desk.test_answer import written
from tests.ui.over_desk import app_over, ready, screen_text, until

CANCEL, EDIT, NOW, SETTLE = "x take back", "e edit", "s send now", "a it did arrive"
WHY, DO = "The server did not answer in time", "Nothing to do: it is looked for every minute"
STATES: dict[SendState, tuple[Callable[[Db, int, int], object], set[str]]] = {
    SendState.HELD: (lambda db, one, now: None, {CANCEL, EDIT, NOW}),
    SendState.QUEUED: (lambda db, one, now: outbox.release(db, one, "ann", now), {CANCEL, EDIT, NOW}),
    SendState.SENDING: (lambda db, one, now: (outbox.release(db, one, "ann", now),
                                              outbox.start(db, one, "here", now, now)), set()),
    SendState.UNKNOWN: (lambda db, one, now: outbox.unknown(db, one, WHY, DO, now + MINUTE), {SETTLE, NOW}),
    SendState.REFUSED: (lambda db, one, now: outbox.refused(db, one, WHY, DO, now), {CANCEL, EDIT, NOW, SETTLE}),
    SendState.STOPPED: (lambda db, one, now: outbox.stopped(db, one, WHY, now), {CANCEL, EDIT, NOW, SETTLE}),
    SendState.NEEDS_HUMAN: (lambda db, one, now: outbox.needs_human(db, one, WHY, DO, now),
                            {CANCEL, EDIT, NOW, SETTLE}),
    SendState.SENT: (lambda db, one, now: outbox.sent(db, one, Receipt(ref="p1"), now), set()),
}
"""State → how an entry comes into it, and the keys that then do something."""


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 20)])
@pytest.mark.parametrize("state", STATES)
async def test_a_state_says_what_can_be_done_and_names_its_keys_only(world: World, state: SendState,
                                                                     size: tuple[int, int]) -> None:
    come, keys = STATES[state]
    number = await world.arrive("a")
    await answer.send(world.desk, written(world, number, "It arrives today"))
    entry = find.outbox(world.desk)[0].id
    world.desk.store.write_now(lambda db: come(db, entry, world.clock.now()))
    assert find.outbox(world.desk)[0].state is state
    app = app_over(world)
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot)
        app.open_screen(OutboxScreen())
        await until(pilot, lambda: "Customer a" in screen_text(app) and "? keys" in screen_text(app))
        text = screen_text(app)
        named = {key for key in (CANCEL, EDIT, NOW, SETTLE) if key in text.splitlines()[-1]}
        assert named == keys or (size[0] == 60 and named == keys - {SETTLE})
        assert TO_DO.get(state, "") in " ".join(text.replace("▌", " ").split())


async def test_the_keys_follow_the_cursor(world: World) -> None:
    for conversation in ("a", "b"):
        number = await world.arrive(conversation)
        await answer.send(world.desk, written(world, number, f"It arrives today, {conversation}"))
    world.clock.advance(HOUR)
    first = next(it.id for it in find.outbox(world.desk) if it.name == "Customer a")
    world.desk.store.write_now(lambda db: outbox.sent(db, first, Receipt(ref="p1"), world.clock.now()))
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await ready(app, pilot)
        app.open_screen(OutboxScreen())
        await until(pilot, lambda: CANCEL in screen_text(app))
        await pilot.press("j")
        await until(pilot, lambda: CANCEL not in screen_text(app))
