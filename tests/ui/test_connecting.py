"""Connecting a source on the screen: asked at the lower edge, told above, tried at once, and no token in sight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events
from textual.screen import Screen

from agentdesk.config.load import load
from agentdesk.model.clock import ManualClock
from agentdesk.ui.app import DeskApp
from agentdesk.ui.screens.connecting import ConnectScreen
from agentdesk.ui.screens.dialogs import Ask, AskSecret, Choose
from agentdesk.ui.screens.first_start import FirstStartScreen
from agentdesk.ui.screens.sources import SourcesScreen
from agentdesk.ui.widgets.field import HiddenField
from tests.desk.conftest import World
from tests.fakes.rt import FakeRt
from tests.fakes.serve import serving
from tests.ui.over_desk import app_over, ready, screen_text, typed, until

CANARY = "1-77-screenCanary7f3e9b"


@pytest.fixture
def rt(clock: ManualClock) -> FakeRt:
    made = FakeRt(clock)
    made.user("ann", "Ann Agent", "ann@desk.test", privileged=True, token=CANARY)
    return made


@pytest.fixture
def url(rt: FakeRt) -> Iterator[str]:
    with serving(rt.handle) as where:
        yield where


@pytest.fixture
def config(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "home" / "config" / "config.yaml"
    world.desk.config_file = path
    return path


def begin(config: Path, text: str) -> None:
    """Write a configuration."""
    config.parent.mkdir(parents=True, mode=0o700)
    config.write_text(text)


def holds_canary(config: Path) -> bool:
    """True when the token stands in the configuration."""
    return "Canary" in config.read_text()


def over(app: DeskApp) -> ConnectScreen:
    """The screen below the questions."""
    return next(screen for screen in app.screen_stack if isinstance(screen, ConnectScreen))


def asks(app: DeskApp, kind: type[Screen[object]], title: str) -> bool:
    """True when this question stands at the lower edge."""
    return isinstance(app.screen, kind) and app.screen.is_running and title in screen_text(app)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_a_source_is_connected(world: World, url: str, config: Path, size: tuple[int, int]) -> None:
    app = app_over(world)
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot)
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, SourcesScreen) and "a connect" in screen_text(app))
        await pilot.press("a")
        await until(pilot, lambda: asks(app, Choose, "Which kind of source"))
        await typed(pilot, "rt\n")
        await until(pilot, lambda: asks(app, Ask, "Where is your RT?"))
        await typed(pilot, url + "\n")
        await until(pilot, lambda: asks(app, AskSecret, "The token"))
        text = screen_text(app)
        assert f"{url}/Prefs/AuthTokens.html" in text
        assert f"Where is your RT? {url}" in text
        assert "It begins with 1- and is shown once" in text, "what was told is not hidden by the question"
        field = app.screen.query_one(HiddenField)
        field.post_message(events.Paste(CANARY + "\rsecond line\r"))
        await until(pilot, lambda: "····" in screen_text(app))
        assert "Canary" not in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: asks(app, Ask, "Name of the source"))
        assert field.value == ""
        text = screen_text(app)
        assert "We are Ann Agent (ann)" in text
        await pilot.press("ctrl+u")
        await typed(pilot, "support\n")
        await until(pilot, lambda: asks(app, Choose, "Where to keep the token"))
        await pilot.press("enter")
        await until(pilot, lambda: "rt:support is connected" in screen_text(app))
        assert "Canary" not in screen_text(app)
        assert "Canary" not in repr(over(app)._told)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SourcesScreen))
        await until(pilot, lambda: "rt:support" in screen_text(app))
    await world.desk.connectors["rt:support"].close()
    assert [one.full_name for one in load(config).sources] == ["rt:support"]
    assert not holds_canary(config)


async def test_a_source_is_signed_in_again(world: World, rt: FakeRt, url: str, config: Path) -> None:
    begin(config, f"sources:\n  - {{kind: rt, name: support, url: \"{url}\", token: {{prompt: true}}}}\n")
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot)
        await app.call_verb("login rt support")
        await until(pilot, lambda: asks(app, AskSecret, "The token"))
        await typed(pilot, "1-99-wrong\n")
        await until(pilot, lambda: asks(app, Choose, "How to go on"))
        assert "does not accept the token" in screen_text(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: asks(app, AskSecret, "The token"))
        await typed(pilot, CANARY + "\n")
        await until(pilot, lambda: "is signed in again" in screen_text(app))
        assert "when the next start asks" in screen_text(app)
    await world.desk.connectors["rt:support"].close()


async def test_leaving_writes_nothing(world: World, config: Path) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot)
        await app.call_verb("login rt")
        await until(pilot, lambda: asks(app, Ask, "Where is your RT?"))
        await pilot.press("escape")
        await until(pilot, lambda: "Nothing was written" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
    assert not config.parent.exists()


async def test_the_first_start_leads_there(world: World, config: Path) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot)
        app.show_first_start()
        await until(pilot, lambda: isinstance(app.screen, FirstStartScreen) and "Connect a source" in screen_text(app))
        await pilot.press("j", "enter")
        await until(pilot, lambda: asks(app, Choose, "Which kind of source"))


async def test_the_sources_screen_signs_in_to_the_one_under_the_cursor(world: World, config: Path) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot)
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, SourcesScreen) and "fake:acme" in screen_text(app))
        await pilot.press("s")
        await until(pilot, lambda: "Sign in again to fake:acme" in screen_text(app))
        await until(pilot, lambda: "There is no kind of source called fake" in screen_text(app))


async def test_an_address_to_open_can_be_copied(world: World, config: Path) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot)
        address = "https://social.example/oauth/authorize?" + "a" * 200
        copied: list[str] = []

        async def copy(text: str) -> str:
            copied.append(text)
            return "Copied it"

        app.front.copy = copy  # type: ignore[method-assign]
        screen = ConnectScreen("rt")
        app.push_screen(screen)
        await until(pilot, lambda: asks(app, Ask, "Where is your RT?"))
        screen.say(f"Open this:\n{address}")
        assert screen.address == address
        app.push_screen(AskSecret("Code", "as shown", screen.address))
        await until(pilot, lambda: asks(app, AskSecret, "Code"))
        await pilot.press("ctrl+y")
        await until(pilot, lambda: "Copied it" in screen_text(app))
        assert copied == [address]


async def test_a_hidden_field_keeps_every_sign_and_shows_none(world: World) -> None:
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot)
        answers: list[object] = []
        app.push_screen(AskSecret("Password", ""), answers.append)
        await until(pilot, lambda: isinstance(app.screen, AskSecret) and app.screen.is_running)
        field = app.screen.query_one(HiddenField)
        field.post_message(events.Paste("a  b\u202ec\r\nsecond line"))
        await pilot.press("space", "x", "backspace", "é", "enter")
        await until(pilot, lambda: bool(answers))
        assert answers == ["a  b\u202ec é"]
        assert field.value == ""


async def test_what_is_typed_ahead_of_a_list_narrows_it_before_enter_takes(world: World) -> None:
    from agentdesk.commands.context import Choice

    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot)
        answers: list[object] = []
        choices = (Choice("mastodon", "mastodon", "smart"), Choice("rss", "rss"), Choice("rt", "rt"))
        app.push_screen(Choose("Which", choices), answers.append)
        await until(pilot, lambda: isinstance(app.screen, Choose) and app.screen.is_running)
        for key in ("r", "t"):
            app.post_message(events.Key(key, key))
        app.post_message(events.Key("enter", "\r"))
        await until(pilot, lambda: bool(answers))
        assert answers == ["rt"]
