"""Two hands on one thing: a list and the composer, a program and the composer, another window, another editor."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from agentdesk.commands.registry import Registry
from agentdesk.commands.scripts import with_scripts
from agentdesk.config.schema import CommandConfig
from agentdesk.desk import escalate, find, people, script
from agentdesk.desk.desk import Desk
from agentdesk.model.message import StoredMessage
from agentdesk.model.outgoing import OutKind
from agentdesk.model.text import inert, inert_line
from agentdesk.store import intake
from agentdesk.sync.plan import plan
from agentdesk.ui import external_editor
from agentdesk.ui.app import DeskApp
from agentdesk.ui.screens.dialogs import Ask, Choose, Confirm
from agentdesk.ui.screens.drafts import DraftsScreen
from agentdesk.ui.screens.search import SearchScreen
from tests.desk.conftest import SOURCE, World
from tests.desk.test_escalate import Two, two
from tests.ui.over_desk import app_over, ready, screen_text, typed, until
from tests.ui.test_composer import foot, writing

__all__ = ["two"]


async def test_a_draft_that_is_thrown_away_in_the_list_is_not_left_in_the_composer(world: World) -> None:
    async with writing(world) as (app, pilot, composer, _):
        await typed(pilot, "Never mind")
        await composer.flush()
        await app.call_verb("drafts")
        await until(pilot, lambda: isinstance(app.screen, DraftsScreen) and app.screen.is_mounted)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Confirm) and app.screen.is_mounted)
        await pilot.press("y")
        await until(pilot, lambda: find.drafts(world.desk) == [] and isinstance(app.screen, DraftsScreen))
        await until(pilot, lambda: "No drafts" in screen_text(app))
        assert not composer.is_open
        app.screen.dismiss(None)
        await until(pilot, lambda: app.screen is app.main)
        await until(pilot, lambda: "Never mind" not in screen_text(app))
    assert find.drafts(world.desk) == []


@pytest.mark.parametrize("where", ["counts", "judge"])
async def test_a_mistake_of_our_own_in_what_runs_by_itself_is_told_once(
        world: World, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    app, reports, said, tried = app_over(world), list[BaseException](), list[str](), list[int]()
    app._on_crash = lambda error: reports.append(error) or "A report is in x"  # type: ignore[func-returns-value]

    async def broken(desk: Desk, *_: object) -> Any:
        tried.append(1)
        raise ZeroDivisionError

    async with app.run_test(size=(140, 36)) as pilot:
        await ready(app, pilot)
        monkeypatch.setattr(find, "counts" if where == "counts" else "bounded", broken)
        say = app.say
        monkeypatch.setattr(app, "say", lambda level, text, *rest, **more: (said.append(text),
                                                                            say(level, text, *rest, **more)))
        for times in (1, 2, 3):
            app.main.refresh_counts() if where == "counts" else app.main._judge()
            await until(pilot, lambda times=times: len(tried) >= times)
        await until(pilot, lambda: "went wrong inside agentdesk (ZeroDivisionError)" in screen_text(app))
        await pilot.pause()
    assert len(reports) == 1
    assert len(said) == 1


async def test_a_search_that_fails_by_a_mistake_of_our_own_says_so(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(desk: Desk, text: str, limit: int = 60, before: int | None = None) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(find, "search", broken)
    app = app_over(world)
    async with app.run_test(size=(140, 36)) as pilot:
        await ready(app, pilot)
        app.open_screen(SearchScreen())
        await until(pilot, lambda: "Type words" in screen_text(app))
        await typed(pilot, "parcel")
        await until(pilot, lambda: "went wrong inside agentdesk" in screen_text(app))
        assert "Looking" not in screen_text(app)


async def test_a_note_that_another_window_wrote_meanwhile_is_shown_before_it_is_replaced(world: World) -> None:
    number = await world.arrive("a")
    customer = find.conversation(world.desk, number).customer_id
    app = app_over(world)
    async with app.run_test(size=(140, 36)) as pilot:
        await ready(app, pilot)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, Ask) and app.screen.is_mounted)
        await typed(pilot, "Rang twice")
        await people.set_note(world.desk, customer, "Deaf: write only")
        await pilot.press("enter")
        await until(pilot, lambda: "Deaf: write only" in screen_text(app))
        assert find.customer(world.desk, customer).note == "Deaf: write only"
        assert "Rang twice" in screen_text(app)
        await typed(pilot, ". Deaf")
        await pilot.press("enter")
        await until(pilot, lambda: find.customer(world.desk, customer).note == "Rang twice. Deaf")


PROGRAM = CommandConfig(name="where", run=("/bin/true",), output="draft")


def app_with(world: World, command: CommandConfig) -> DeskApp:
    app = app_over(world)
    app.registry, _ = with_scripts(Registry([*app.registry]), [command])
    return app


@pytest.mark.parametrize("called", ["beside what is written", "before it was begun"])
async def test_what_a_program_prints_goes_below_what_is_being_written(
        world: World, monkeypatch: pytest.MonkeyPatch, called: str) -> None:
    gate = asyncio.Event()

    async def slow(desk: Desk, command: CommandConfig, ids: object) -> script.Said:
        await gate.wait()
        return script.Said(0, inert("Your parcel is in Leeds."), inert_line(""))

    monkeypatch.setattr(script, "run", slow)
    await world.arrive("a")
    app = app_with(world, PROGRAM)
    async with app.run_test(size=(140, 36)) as pilot:
        await ready(app, pilot)
        if called == "before it was begun":
            await app.call_verb("where")
        await app.main.compose_reply(1, OutKind.REPLY)
        composer = app.main.composer
        composer.editor.insert("Hello")
        await composer.flush()
        if called == "beside what is written":
            await app.call_verb("where")
        composer.editor.insert(", we looked.")
        gate.set()
        await until(pilot, lambda: "Leeds" in composer.editor.text)
        composer.editor.insert(" So")
        await composer.flush()
        assert "another window" not in foot(composer)
        assert composer.editor.text == "Hello, we looked. So\n\nYour parcel is in Leeds."
        assert [it.text for it in find.drafts(world.desk)] == [composer.editor.text]


async def test_a_message_that_comes_between_two_looks_is_not_taken_as_read(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with writing(world) as (_, pilot, composer, number):
        await typed(pilot, "On its way")
        await world.arrive("a", "Second")
        await composer.send()
        assert composer.is_open
        world.platform.write("a", "Third")
        page = await world.connector.thread("a")
        thread, desk = find.thread, world.desk

        def third_comes() -> None:
            monkeypatch.setattr(find, "thread", thread)
            desk.store.write_now(lambda db: intake.apply(
                db, plan(SOURCE, page, intake.held(db, SOURCE, page), "thread", desk.now()), desk.now(), desk.rulebook))

        def then(desk: Desk, conversation_id: int, **more: Any) -> list[StoredMessage]:
            try:
                return thread(desk, conversation_id, **more)
            finally:
                third_comes()

        monkeypatch.setattr(find, "thread", then)
        await composer.send()
        third = max(it.id for it in thread(desk, number))
        sent = [entry.seen_message_id for entry in find.outbox(desk) if entry.out]
        assert all(seen < third for seen in sent), (sent, third)


async def test_what_the_own_editor_saved_just_before_the_end_is_kept(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = asyncio.Event()

    async def run(app: object, words: list[str]) -> None:
        _write(Path(words[-1]), "Begun, and saved at the last moment\n")
        saved.set()
        await asyncio.Event().wait()

    monkeypatch.setenv("EDITOR", "some editor --wait")
    monkeypatch.setattr(external_editor, "_run", run)
    monkeypatch.setattr(external_editor, "WATCH_S", 600)
    async with writing(world) as (app, pilot, _, _):
        await typed(pilot, "Begun")
        await pilot.press("ctrl+e")
        await until(pilot, saved.is_set)
        await app.leave()
        await pilot.pause()
    assert [it.text for it in find.drafts(world.desk)] == ["Begun, and saved at the last moment"]


def _write(path: Path, text: str) -> None:
    path.write_text(text)


async def test_a_question_that_comes_late_takes_no_letters_from_a_reply(
        two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, search = asyncio.Event(), escalate.search
    number = await two.world.arrive("a")
    other = await two.world.arrive("b")
    two.rt.write("5512", "Refund please")

    async def slow(desk: Desk, source: str, words: str) -> Any:
        await gate.wait()
        return await search(desk, source, words)

    monkeypatch.setattr(escalate, "search", slow)
    app = app_over(two.world)
    async with app.run_test(size=(140, 36)) as pilot:
        await ready(app, pilot)
        await pilot.press("&")
        await until(pilot, lambda: isinstance(app.screen, Choose) and app.screen.is_mounted)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Ask) and app.screen.is_mounted)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        await app.main.compose_reply(other, OutKind.REPLY)
        await typed(pilot, "Dear")
        gate.set()
        await until(pilot, lambda: "A question waits" in screen_text(app) or isinstance(app.screen, Choose))
        await typed(pilot, " you")
        composer = app.main.composer
        assert composer.editor.text == "Dear you"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Choose) and app.screen.is_mounted)
        assert not composer.is_open
        await pilot.press("enter")
        await until(pilot, lambda: find.links(two.desk, number))


async def test_what_was_read_of_the_own_editor_before_its_end_does_not_replace_the_end(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now, read, gate = external_editor._now, threading.Event(), threading.Event()
    begun, end = asyncio.Event(), asyncio.Event()

    def slow(path: Path) -> str:
        found = now(path)
        read.set()
        gate.wait(20)
        return found

    async def run(app: object, words: list[str]) -> None:
        _write(Path(words[-1]), "Begun, and more\n")
        begun.set()
        await end.wait()
        _write(Path(words[-1]), "Begun, and ended\n")

    monkeypatch.setenv("EDITOR", "some editor --wait")
    monkeypatch.setattr(external_editor, "_run", run)
    monkeypatch.setattr(external_editor, "_now", slow)
    monkeypatch.setattr(external_editor, "WATCH_S", 600)
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "Begun")
        await pilot.press("ctrl+e")
        await until(pilot, begun.is_set)
        storing = asyncio.create_task(composer.flush())
        await until(pilot, read.is_set)
        end.set()
        await until(pilot, lambda: composer.editor.text == "Begun, and ended")
        gate.set()
        await storing
        assert composer.editor.text == "Begun, and ended"
