"""Every way in which a source can fail has words of its own on the screen, and says what to do next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentdesk.desk import answer, find
from agentdesk.errors import Ambiguous, AuthError, RateLimited, SourceError, Unavailable
from agentdesk.model.clock import MINUTE
from agentdesk.model.outgoing import Outgoing, Receipt, SendState
from agentdesk.store import sources
from agentdesk.ui.screens.outbox import OutboxScreen
from agentdesk.ui.screens.sources import SourcesScreen
from tests.desk.conftest import SOURCE, World
from tests.desk.test_answer import written
from tests.ui.over_desk import app_over, ready, screen_text, until


def tree(kind: type[SourceError] = SourceError) -> Iterator[type[SourceError]]:
    """Every kind of failure, the general ones first."""
    yield kind
    for narrower in kind.__subclasses__():
        yield from tree(narrower)


KINDS = [kind for kind in tree() if kind.__module__ == "agentdesk.errors"]
STATES = {AuthError: "sign-in refused", RateLimited: "again in ", Unavailable: "again in "}
"""What the state on the sources screen says besides."""


def plain(text: str) -> str:
    """What stands on a screen as one line, without the mark of the chosen row."""
    return " ".join(text.replace("▌", " ").split())


def test_each_kind_has_a_next_step_of_its_own() -> None:
    usual = [kind("It broke").remedy for kind in KINDS]
    assert len(KINDS) > 10
    assert all(usual)
    assert len(set(usual)) == len(usual)
    assert all(kind("It broke", "", "Do this").remedy == "Do this" for kind in KINDS)


async def test_a_pull_that_fails_says_what_happened_why_and_what_to_do(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot)
        screen = SourcesScreen()
        app.open_screen(screen)
        await until(pilot, lambda: app.screen is screen and screen.query("#list"))
        for kind in KINDS:
            world.connector.pull_errors.append(kind(f"A {kind.__name__} came", "The far side wanted it so"))
            result = await world.desk.connected().sync_once(SOURCE)
            assert type(result.error) is kind
            assert result.error.remedy == kind.usual
            screen.reload()
            await pilot.pause()
            shown = plain(screen_text(app))
            for words in (f"A {kind.__name__} came. The far side wanted it so", kind.usual):
                assert words in shown, (kind, shown)
            for narrow, state in STATES.items():
                if issubclass(kind, narrow):
                    assert state in shown.lower(), (kind, shown)
            kept = sources.state(world.desk.store.reader, SOURCE)
            assert kept.state != "ok"
        await world.sync()
        screen.reload()
        await pilot.pause()
        assert "came" not in screen_text(app)


async def test_a_reply_that_fails_says_what_happened_and_what_to_do(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[SourceError] = []

    async def send(out: Outgoing) -> Receipt:
        raise errors.pop()

    monkeypatch.setattr(world.connector, "send", send)
    ends: dict[str, SendState] = {}
    app = app_over(world)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot)
        for number, kind in enumerate(KINDS):
            world.clock.advance(2 * MINUTE)
            conversation = await world.arrive(f"c{number}", f"Where is parcel {number}?")
            sent = await answer.send(world.desk, written(world, conversation, f"Number {number} is on its way"), hold=0)
            errors.append(kind(f"A {kind.__name__} came", "The far side wanted it so"))
            world.desk.connected().senders[SOURCE].poke()
            await world.desk.connected().senders[SOURCE].once()
            (entry,) = [one for one in find.outbox(world.desk) if one.id == sent.entry_ids[0]]
            ends[kind.__name__] = entry.state
            assert entry.title == f"A {kind.__name__} came: The far side wanted it so", kind
            assert entry.remedy == (
                "It is being looked for by itself" if entry.state is SendState.UNKNOWN else kind.usual), kind
            screen = OutboxScreen()
            app.open_screen(screen)
            await until(pilot, lambda s=screen: app.screen is s and s.query("#list"))
            await pilot.pause()
            shown = plain(screen_text(app))
            assert plain(entry.title) in shown, (kind, shown)
            assert entry.remedy in shown, (kind, shown)
            screen.dismiss(None)
            await until(pilot, lambda s=screen: app.screen is not s)
            world.desk.store.write_now(lambda db, n=entry.id: db.run("DELETE FROM outbox WHERE id = ?", n))
    waits = {kind.__name__ for kind in (AuthError, RateLimited, Unavailable)}
    assert {name for name, state in ends.items() if state is SendState.QUEUED} == waits
    assert ends[Ambiguous.__name__] is SendState.UNKNOWN
    assert {ends[name] for name in ("Rejected", "Gone", "WindowClosed", "TooLong")} == {SendState.REFUSED}
