"""What happens while something else is awaited: keys that come all at once, a slow cache, two verbs that cross."""

from __future__ import annotations

import asyncio

import pytest
from textual import events

from agentdesk.desk import answer, find
from agentdesk.desk.answer import Sent
from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused
from agentdesk.model.outgoing import Draft, OutKind
from agentdesk.ui.app import DeskApp
from tests.desk.conftest import World
from tests.ui.over_desk import typed, until
from tests.ui.test_composer import writing


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
    other = await world.arrive("b")
    async with writing(world) as (app, pilot, composer, _):
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
