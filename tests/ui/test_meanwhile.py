"""What happens while something else is awaited: keys that come all at once, a slow cache, two verbs that cross."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual import events
from textual.app import App

from agentdesk.desk import answer, carrying, files, find
from agentdesk.desk.answer import Sent
from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused, StoreError
from agentdesk.model.conversation import State
from agentdesk.model.outgoing import Draft, OutKind
from agentdesk.replies.template import Canned
from agentdesk.ui import writing as additions
from agentdesk.ui.app import DeskApp
from agentdesk.ui.screens import canned as picker
from tests.desk.conftest import World
from tests.desk.test_escalate import Two, two
from tests.ui.over_desk import app_over, ready, screen_text, typed, until
from tests.ui.test_composer import writing

__all__ = ["two"]


def all_at_once(app: DeskApp, *keys: str) -> None:
    """Keys in one piece, as a slow line brings them."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


def texts(world: World) -> list[str]:
    return [draft.text for draft in find.drafts(world.desk)]


@pytest.mark.parametrize("text", ["a", "abc", "abcdefghijklmnopqrstuvwxyz"])
async def test_letters_that_come_together_with_the_key_that_keeps_them_are_kept(world: World, text: str) -> None:
    async with writing(world) as (app, pilot, composer, _):
        all_at_once(app, *text, "escape")
        await until(pilot, lambda: not composer.is_open)
        assert texts(world) == [text]


@pytest.mark.parametrize("text", ["a", "abc", "abcdefghijklmnopqrstuvwxyz"])
async def test_letters_that_come_together_with_the_key_that_sends_are_sent(world: World, text: str) -> None:
    async with writing(world) as (app, pilot, composer, _):
        await typed(pilot, "so ")
        await composer.flush()
        all_at_once(app, *text, "ctrl+s")
        await until(pilot, lambda: not composer.is_open)
        assert [it.out.text for it in find.outbox(world.desk) if it.out] == [f"so {text} ^AN"]
        assert texts(world) == []


async def test_letters_that_come_together_with_the_end_are_kept(world: World) -> None:
    async with writing(world) as (app, pilot, _, _):
        all_at_once(app, *"abc")
        await app.leave()
        await pilot.pause()
    assert texts(world) == ["abc"]


async def test_letters_of_which_nobody_has_heard_at_the_end_are_kept(world: World) -> None:
    async with writing(world) as (app, _, composer, _):
        composer.editor.insert("abc")
        app.exit()
    assert texts(world) == ["abc"]


async def test_what_is_typed_while_the_draft_is_stored_to_be_put_away_is_kept(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    save = answer.save

    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "Half")

        async def slow(desk: Desk, draft: Draft) -> int:
            at = await save(desk, draft)
            if draft.text == "Half":
                composer.editor.insert(" a sentence")
                await until(pilot, lambda: composer.draft is not None and composer.draft.text == "Half a sentence")
            return at

        monkeypatch.setattr(answer, "save", slow)
        composer.keeper.change(reply_to_ref="x")
        await composer.postpone()
        assert not composer.is_open
        assert texts(world) == ["Half a sentence"]


async def test_what_is_being_sent_is_neither_put_away_nor_thrown_away_nor_exchanged(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    send, gate = answer.send, asyncio.Event()

    async def slow(desk: Desk, draft: Draft, override: frozenset[str] = frozenset(), *, split: bool = False) -> Sent:
        await gate.wait()
        return await send(desk, draft, override, split=split)

    monkeypatch.setattr(answer, "send", slow)
    async with writing(world) as (app, pilot, composer, _):
        other = await world.arrive("b")
        await typed(pilot, "On its way")
        sending = asyncio.create_task(composer.send())
        await until(pilot, lambda: composer.editor.read_only)
        for verb in (composer.postpone, composer.discard, lambda: app.main.compose_reply(other, OutKind.NOTE)):
            with pytest.raises(Refused, match="being sent"):
                await verb()
        with pytest.raises(Refused, match="being sent"):
            composer.switch_visibility()
        gate.set()
        await sending
        assert not composer.is_open
        assert [it.out.text for it in find.outbox(world.desk) if it.out] == ["On its way ^AN"]
        assert texts(world) == []


async def test_what_is_typed_while_a_text_is_taken_elsewhere_goes_along(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    save = answer.save

    async with writing(world) as (app, pilot, composer, number):
        await typed(pilot, "Call us")

        async def slow(desk: Desk, draft: Draft) -> int:
            at = await save(desk, draft)
            if draft.kind is OutKind.REPLY and draft.text == "Call us":
                composer.editor.insert(" at noon")
                await until(pilot, lambda: composer.draft is not None and composer.draft.text == "Call us at noon")
            return at

        monkeypatch.setattr(answer, "save", slow)
        composer.keeper.change(reply_to_ref="x")
        await app.main.compose_reply(number, OutKind.DM, take=True)
        assert composer.editor.text == "Call us at noon"
        assert [(it.kind, it.text) for it in find.drafts(world.desk)] == [(OutKind.DM, "Call us at noon")]


async def test_a_file_that_is_still_being_read_is_not_left_behind(
        world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connector.caps = msgspec.structs.replace(world.connector.caps, max_uploads=2)
    (tmp_path / "map.txt").write_text("map")
    read = files.attach

    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "See the map")

        async def slow(desk: Desk, draft: Draft, named: str, alt: str = "") -> Draft:
            await composer.send()
            assert composer.is_open
            return await read(desk, draft, named, alt)

        monkeypatch.setattr(files, "attach", slow)
        await additions.attach(composer, str(tmp_path / "map.txt"))
        await composer.send()
        assert not composer.is_open
    (entry,) = find.outbox(world.desk)
    assert entry.out is not None
    assert [it.name for it in entry.out.uploads] == ["map.txt"]


async def test_a_file_is_never_attached_to_what_was_opened_since(
        world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connector.caps = msgspec.structs.replace(world.connector.caps, max_uploads=2)
    (tmp_path / "map.txt").write_text("map")
    read = files.attach

    async with writing(world) as (app, pilot, composer, _):
        other = await world.arrive("b")
        await typed(pilot, "See the map")

        async def slow(desk: Desk, draft: Draft, named: str, alt: str = "") -> Draft:
            await app.main.compose_reply(other, OutKind.REPLY)
            return await read(desk, draft, named, alt)

        monkeypatch.setattr(files, "attach", slow)
        with pytest.raises(Refused, match=r"map\.txt is not attached"):
            await additions.attach(composer, str(tmp_path / "map.txt"))
        assert composer.draft is not None
        assert composer.draft.conversation_id == other
        assert composer.draft.uploads == ()


async def test_a_canned_reply_is_never_put_into_what_was_opened_since(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with writing(world) as (app, _, composer, _):
        other = await world.arrive("b")

        async def slow(app_: App[Any], chosen: Canned, conversation_id: int) -> dict[str, str]:
            await app.main.compose_reply(other, OutKind.REPLY)
            return {"tracking_number": "1"}

        monkeypatch.setattr(picker, "values_for", slow)
        await additions.pick_canned(composer, "delay")
        assert composer.draft is not None
        assert composer.draft.conversation_id == other
        assert composer.editor.text == ""


async def test_what_cannot_be_begun_leaves_what_is_written_beside_its_conversation(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with writing(world) as (app, pilot, composer, number):
        other = await world.arrive("b")
        await typed(pilot, "To a")

        def refused(desk: Desk, conversation_id: int, kind: OutKind = OutKind.REPLY, message_id: int = 0) -> Draft:
            raise Refused("Nothing can be written here", "")

        monkeypatch.setattr(answer, "open_draft", refused)
        with pytest.raises(Refused):
            await app.main.compose_reply(other, OutKind.NOTE)
        assert composer.editor.text == "To a"
        assert app.main.conversation is not None
        assert app.main.conversation.conversation_id == number


async def test_a_ticket_whose_files_took_long_does_not_take_the_keys_from_what_was_begun_since(
        two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    carry = carrying.carry
    number = await two.world.arrive("a", "Where is it?")
    app = app_over(two.world)
    async with app.run_test(size=(140, 36)) as pilot:
        await ready(app, pilot)
        other = await two.world.arrive("b")

        async def slow(desk: Desk, draft: Draft) -> tuple[Draft, tuple[carrying.Left, ...]]:
            await app.main.compose_reply(other, OutKind.REPLY)
            app.main.composer.editor.insert("Half a sen")
            return await carry(desk, draft)

        monkeypatch.setattr(carrying, "carry", slow)
        await pilot.press("e")
        await until(pilot, lambda: "This is kept as a draft" in screen_text(app))
        await typed(pilot, "tence")
        composer = app.main.composer
        assert composer.draft is not None
        assert composer.draft.conversation_id == other
        assert composer.editor.text == "Half a sentence"
        assert [it.conversation_id for it in find.drafts(two.desk) if it.kind is OutKind.TICKET] == [number]


async def test_what_was_decided_before_leaving_is_decided(world: World) -> None:
    gate = threading.Event()
    number = await world.arrive("a", "Thanks")
    app = app_over(world)
    async with app.run_test(size=(140, 36)) as pilot:
        await ready(app, pilot)
        busy = asyncio.create_task(world.desk.store.write(lambda _: gate.wait(20)))
        await app.call_verb("thanks")
        await until(pilot, lambda: world.desk.store._jobs.qsize())
        asyncio.get_running_loop().call_later(0.05, gate.set)
        await app.leave()
    assert await busy
    world.desk.store.write_now(lambda _: None)
    assert find.conversation(world.desk, number).state is State.DONE


async def test_figures_that_cannot_be_counted_any_more_say_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_over(world)
    async with app.run_test(size=(140, 36)) as pilot:
        await ready(app, pilot)

        async def failing(desk: Desk) -> find.Counts:
            raise StoreError("The cache cannot be read", "disk I/O error", "Look at the disk")

        monkeypatch.setattr(find, "counts", failing)
        app.main.refresh_counts()
        await until(pilot, lambda: "The cache cannot be read" in screen_text(app))
