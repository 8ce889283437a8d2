"""Writing a reply with keys: storing, counting, guards, sending, canned replies, and never losing a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual import events
from textual.pilot import Pilot

from agentdesk.desk import answer, find
from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused, StoreFull
from agentdesk.model.clock import HOUR
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Draft, OutKind, SendState
from agentdesk.model.text import MAX_TEXT
from agentdesk.paths import places
from agentdesk.ui import external_editor
from agentdesk.ui.app import DeskApp
from agentdesk.ui.screens.canned import CannedScreen
from agentdesk.ui.screens.dialogs import Ask, Confirm
from agentdesk.ui.widgets import composer_layout
from agentdesk.ui.widgets.composer import Composer
from agentdesk.ui.widgets.composer_layout import Note
from agentdesk.ui.widgets.label import Label
from agentdesk.ui.widgets.thread import ThreadView
from tests.desk.conftest import World
from tests.ui.over_desk import app_over, ready, screen_text, typed, until


@asynccontextmanager
async def writing(world: World, key: str = "r", size: tuple[int, int] = (140, 36)
                  ) -> AsyncIterator[tuple[DeskApp, Pilot[Any], Composer, int]]:
    """The composer open on one conversation."""
    number = await world.arrive("a")
    app = app_over(world)
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot)
        await pilot.press(key)
        await until(pilot, lambda: app.main.composer.is_open and app.focused is app.main.composer.editor)
        yield app, pilot, app.main.composer, number


def head(composer: Composer) -> str:
    return composer.query_one("#composer-head", Label).draw(0, composer.size.width).text


def foot(composer: Composer) -> str:
    label = composer.query_one("#composer-foot", Label)
    return " ".join(" ".join(label.draw(y, composer.size.width).text for y in range(label.line_count())).split())


async def test_what_is_typed_is_stored_by_itself(world: World) -> None:
    async with writing(world) as (_, pilot, _, _):
        await typed(pilot, "On its way")
        await until(pilot, lambda: [d.text for d in find.drafts(world.desk)] == ["On its way"])


async def test_saved_is_said_only_after_the_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, save = asyncio.Event(), answer.save

    async def late(desk: Desk, draft: Draft) -> int:
        await gate.wait()
        return await save(desk, draft)

    monkeypatch.setattr(answer, "save", late)
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "Hm")
        composer._store_now()
        await pilot.pause(0.05)
        assert "saved" not in head(composer)
        gate.set()
        await until(pilot, lambda: "saved" in head(composer))
        gate.clear()
        await typed(pilot, ".")
        assert "saved" not in head(composer)
        gate.set()
        gate.set()


async def test_the_line_above_counts_as_the_channel_does(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        assert "reply  public" in head(composer)
        await typed(pilot, "12345")
        assert "191 left" in head(composer)  # 200, five letters and « ^AN»


async def test_the_sign_off_stands_behind_the_text(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "On its way")
        await until(pilot, lambda: composer.editor.render_line(0).text.rstrip().endswith("^AN"))
        assert "On its way" in composer.editor.render_line(0).text
        assert composer.editor.text == "On its way"


async def test_escape_keeps_the_draft_and_says_so(world: World) -> None:
    async with writing(world) as (app, pilot, composer, number):
        await typed(pilot, "Half a sent")
        await pilot.press("escape")
        await until(pilot, lambda: not composer.is_open)
        assert "Kept as a draft" in screen_text(app)
        assert [(d.conversation_id, d.text) for d in find.drafts(world.desk)] == [(number, "Half a sent")]
        await pilot.press("r")
        await until(pilot, lambda: composer.is_open)
        assert composer.editor.text == "Half a sent"


async def test_sending_holds_the_reply_and_closes_the_composer(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "It arrives today")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not composer.is_open)
        entry = find.outbox(world.desk)[0]
        assert (entry.state, entry.out and entry.out.text) == (SendState.HELD, "It arrives today ^AN")
        assert find.drafts(world.desk) == []


async def test_pressing_send_again_while_the_cache_is_slow_sends_once(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "On its way")
        await asyncio.gather(composer.send(), composer.send(), composer.send())
        await until(pilot, lambda: not composer.is_open)
        assert [entry.out.text for entry in find.outbox(world.desk) if entry.out] == ["On its way ^AN"]
        assert find.drafts(world.desk) == []


async def test_a_draft_that_could_not_be_stored_before_is_no_draft_again_behind_what_was_sent(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    save, send = answer.save, answer.send

    async def full(desk: Desk, draft: Draft) -> int:
        raise StoreFull("The disk is full")

    async def slow(*given: Any, **more: Any) -> answer.Sent:
        monkeypatch.setattr(answer, "save", save)
        freezing = asyncio.get_running_loop().create_task(send(*given, **more))
        await asyncio.sleep(0)
        await composer.flush()
        return await freezing

    monkeypatch.setattr(answer, "save", full)
    monkeypatch.setattr(answer, "send", slow)
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "On its way")
        await composer.send()
        await until(pilot, lambda: not composer.is_open)
        assert [entry.out.text for entry in find.outbox(world.desk) if entry.out] == ["On its way ^AN"]
        assert find.drafts(world.desk) == []


async def test_a_guard_stops_once_and_says_how_to_go_on(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "Call 0151 23456789")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Not sent" in foot(composer))
        assert "private data" in foot(composer)
        assert "press ^s again" in foot(composer)
        assert find.outbox(world.desk) == []
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not composer.is_open)
        assert len(find.outbox(world.desk)) == 1


async def test_what_was_accepted_must_be_accepted_again_after_a_change(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "Call 0151 23456789")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Not sent" in foot(composer))
        await typed(pilot, "0")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Not sent" in foot(composer))
        assert find.outbox(world.desk) == []


async def test_a_guard_is_shown_while_writing_too(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "Dear [name],")
        await until(pilot, lambda: "not filled in" in foot(composer))
        assert "^s twice" in foot(composer)


async def test_what_does_not_fit_is_marked_and_can_be_split(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        composer.editor.put("A sentence of words. " * 14)
        await pilot.pause()
        assert "too long" in head(composer)
        limit = composer.keeper.limit_index()
        assert limit is not None
        assert 150 < limit < 200
        assert any(segment.style and segment.style.underline for y in range(8)
                   for segment in composer.editor.render_line(y))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "again to split it into a thread" in foot(composer))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not composer.is_open)
        assert len(find.outbox(world.desk)) == 2


async def test_who_can_read_it_is_switched_with_a_key_and_kept(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "Privately")
        await pilot.press("ctrl+o")
        assert "reply  direct" in head(composer)
        await until(pilot, lambda: [d.visibility for d in find.drafts(world.desk)] == [Visibility.DIRECT])
        await pilot.press("ctrl+o")
        assert "reply  public" in head(composer)


async def test_where_a_reply_cannot_be_private_the_key_that_can_is_named(world: World) -> None:
    world.connector.caps = msgspec.structs.replace(world.connector.caps, direct_apart=True)
    async with writing(world) as (app, pilot, composer, _):
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "takes it to a private conversation" in screen_text(app))
        assert "reply  public" in head(composer)


async def test_a_paste_is_cleaned_and_the_difference_told(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        composer.editor.post_message(events.Paste("call\x1b]52;c;ZXZpbA==\x07 us\u202e now\u200b\r\nplease"))
        await until(pilot, lambda: "please" in composer.editor.text)
        assert "\x1b" not in composer.editor.text
        assert "\u202e" not in composer.editor.text
        assert composer.editor.text.endswith("now\nplease")
        await until(pilot, lambda: "Cleaned" in foot(composer))
        for part in ("2 control characters", "hidden direction marks", "1 invisible character"):
            assert part in foot(composer)


async def test_what_is_being_written_stays_in_sight_when_warnings_take_room(world: World) -> None:
    async with writing(world, size=(120, 36)) as (app, pilot, composer, _):
        app.post_message(events.Paste("x" * 350))
        await until(pilot, lambda: "too long" in foot(composer))
        await typed(pilot, " mail me at jane@example.org or 4111 1111 1111 1111")
        await until(pilot, lambda: "Private data" in foot(composer))
        editor = composer.editor
        await until(pilot, lambda: editor.size.height <= 4 and "saved" in head(composer))
        await pilot.pause()
        assert editor.content_region.contains_point(editor.cursor_screen_offset)


async def test_a_paste_keeps_its_lines_as_terminals_send_them(world: World) -> None:
    async with writing(world) as (app, pilot, composer, _):
        app.post_message(events.Paste("Dear Jane,\r\ryour parcel\r\nis here.\n^AN"))
        await until(pilot, lambda: composer.editor.text)
        assert composer.editor.text == "Dear Jane,\n\nyour parcel\nis here.\n^AN"
        assert "Cleaned" not in foot(composer)


async def test_what_a_paste_has_too_much_is_told(world: World) -> None:
    async with writing(world) as (app, pilot, composer, _):
        app.post_message(events.Paste("a line of ten\r" * (MAX_TEXT // 14) + "b" * (MAX_TEXT % 14 + 5)))
        await until(pilot, lambda: len(composer.editor.text) == MAX_TEXT)
        await until(pilot, lambda: "Cleaned: 5 characters at the end left out" in foot(composer))
        await composer.flush()
        composer._judge()
        assert "Cleaned: 5 characters at the end left out" in foot(composer), "until the next key"


async def test_a_canned_reply_asks_for_what_is_missing_and_is_text_then(world: World) -> None:
    async with writing(world) as (app, pilot, composer, _):
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, CannedScreen))
        await typed(pilot, "delay")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await typed(pilot, "HP1")
        await pilot.press("enter")
        await until(pilot, lambda: "parcel HP1 is late" in composer.editor.text)
        assert "delay not edited" in head(composer)
        await typed(pilot, " My fault.")
        assert "delay edited" in head(composer)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not composer.is_open)


async def test_an_unedited_canned_reply_is_told(world: World) -> None:
    async with writing(world) as (_, pilot, composer, _):
        composer.keeper.change(canned="delay", canned_text="Sorry for that")
        composer.editor.put("Sorry for that")
        await pilot.pause()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "was not edited" in foot(composer))


async def test_a_message_that_comes_in_meanwhile_stops_sending_once(world: World) -> None:
    async with writing(world) as (_, pilot, composer, number):
        await typed(pilot, "It arrives today")
        await world.arrive("a", "Never mind, it is here")
        await until(pilot, lambda: "1 new message came in while you wrote" in foot(composer))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "again to send all the same" in foot(composer))
        assert find.outbox(world.desk) == []
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not composer.is_open)
        newest = find.thread(world.desk, number)[-1].id
        assert find.outbox(world.desk)[0].seen_message_id == newest


async def test_a_message_that_comes_in_after_the_first_press_stops_sending_too(world: World) -> None:
    async with writing(world) as (_, pilot, composer, number):
        await typed(pilot, "It arrives today")
        await world.arrive("a", "Never mind, it is here")
        await composer.send()
        assert "again to send all the same" in foot(composer)
        await world.arrive("a", "But it is broken")
        await composer.send()
        assert find.outbox(world.desk) == []
        assert "2 new messages came in" in foot(composer)
        await composer.send()
        await until(pilot, lambda: not composer.is_open)
        assert find.outbox(world.desk)[0].seen_message_id == find.thread(world.desk, number)[-1].id


async def test_words_that_come_late_are_taken_for_seen_once_they_were_shown(world: World) -> None:
    async with writing(world) as (_, pilot, composer, number):
        await typed(pilot, "It arrives today")
        world.platform.write("a", "Sent before, here after", at=world.clock.now() - HOUR)
        await world.sync()
        await composer.send()
        await composer.send()
        await until(pilot, lambda: not composer.is_open)
        newest = max(it.id for it in find.thread(world.desk, number))
        assert find.outbox(world.desk)[0].seen_message_id == newest


@pytest.mark.parametrize(("key", "left"), [("n", True), ("escape", True), ("enter", True), ("y", False)])
async def test_throwing_away_asks_first(world: World, key: str, left: bool) -> None:
    async with writing(world) as (app, pilot, composer, _):
        await typed(pilot, "Maybe")
        await pilot.press("ctrl+x")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press(key)
        await until(pilot, lambda: app.screen is app.main)
        await until(pilot, lambda: composer.is_open is left)
        await composer.flush()
        assert bool(find.drafts(world.desk)) is left


async def test_what_is_stored_while_it_is_thrown_away_stays_away(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drop = answer.discard

    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "Maybe")

        async def beaten_by_the_timer(desk: Desk, draft: Draft) -> None:
            await drop(desk, draft)
            composer.keeper.change(text="Maybe not")
            storing.append(asyncio.create_task(composer.flush()))
            await pilot.pause(0.05)

        storing: list[asyncio.Task[None]] = []
        monkeypatch.setattr(answer, "discard", beaten_by_the_timer)
        await pilot.press("ctrl+x", "y")
        await until(pilot, lambda: not composer.is_open)
        await asyncio.gather(*storing)
        assert storing
        assert find.drafts(world.desk) == []


async def test_a_full_disk_leaves_the_text_on_the_screen_and_a_copy_beside(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    save = answer.save

    async def full(desk: object, draft: object) -> int:
        raise StoreFull("The disk is full", "", "Free some room")

    async with writing(world) as (_, pilot, composer, number):
        monkeypatch.setattr(answer, "save", full)
        await typed(pilot, "Precious words")
        await until(pilot, lambda: "not saved" in head(composer))
        assert "The disk is full" in foot(composer)
        copy = world.desk.store.path.parent / "rescue" / f"draft-{number}-reply.txt"
        await until(pilot, lambda: copy.exists() and copy.read_text() == "Precious words")
        assert copy.stat().st_mode & 0o777 == 0o600
        with pytest.raises(Refused):
            await composer.postpone()
        assert composer.is_open
        monkeypatch.setattr(answer, "save", save)
        await composer.flush()
        assert "not saved" not in head(composer)
        assert [d.text for d in find.drafts(world.desk)] == ["Precious words"]
        assert not copy.exists()


async def test_a_mistake_of_our_own_while_storing_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(desk: Desk, draft: Draft) -> int:
        raise ValueError("nobody thought of this")

    save = answer.save
    monkeypatch.setattr(answer, "save", broken)
    async with writing(world) as (app, pilot, composer, _):
        await typed(pilot, "On its way")
        composer._store_now()
        await until(pilot, lambda: "went wrong inside agentdesk (ValueError)" in screen_text(app))
        monkeypatch.setattr(answer, "save", save)
        assert composer.editor.text == "On its way"


async def test_words_of_another_window_are_not_written_over(world: World) -> None:
    async with writing(world) as (_, pilot, composer, number):
        await typed(pilot, "Here")
        await composer.flush()
        other = answer.open_draft(world.desk, number)
        world.clock.advance(1)
        await answer.save(world.desk, msgspec.structs.replace(other, text="Here, and there"))
        await typed(pilot, "!")
        await composer.flush()
        assert "written in another window" in foot(composer)
        assert [draft.text for draft in find.drafts(world.desk)] == ["Here, and there"]
        copy = world.desk.store.path.parent / "rescue" / f"draft-{number}-reply.txt"
        assert copy.read_text() == "Here!"


async def test_a_reply_that_is_taken_back_joins_what_is_being_written(world: World) -> None:
    async with writing(world) as (app, pilot, composer, number):
        await typed(pilot, "It left at noon")
        await composer.send()
        entry = find.outbox(world.desk)[0].id
        await app.main.compose_reply(number, OutKind.REPLY)
        await typed(pilot, "And it rains")
        await composer.flush()
        await answer.take_back(world.desk, entry)
        await until(pilot, lambda: "It left at noon" in composer.editor.text and "And it rains" in composer.editor.text)
        await typed(pilot, " here")
        await composer.flush()
        assert "another window" not in foot(composer)
        assert [draft.text for draft in find.drafts(world.desk)] == [composer.editor.text]


async def test_who_types_on_while_the_disk_is_slow_is_no_other_window(world: World,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    save, begun, go = answer.save, list[str](), asyncio.Event()

    async def slow(desk: Desk, draft: Draft) -> int:
        at = await save(desk, draft)
        begun.append(draft.text)
        await go.wait()
        return at

    async with writing(world) as (_, pilot, composer, _):
        monkeypatch.setattr(answer, "save", slow)
        await typed(pilot, "Here")
        composer._store_now()
        await until(pilot, lambda: begun == ["Here"])
        world.clock.advance(1)
        await typed(pilot, "!")
        stored = asyncio.create_task(composer.flush())
        await pilot.pause()
        go.set()
        await stored
        assert composer.keeper.trouble is None
        assert [draft.text for draft in find.drafts(world.desk)] == ["Here!"]


async def test_leaving_stores_what_was_typed_in_the_last_moment(world: World) -> None:
    async with writing(world) as (app, pilot, _, _):
        await typed(pilot, "Last words")
        await app.leave()
        assert [d.text for d in find.drafts(world.desk)] == ["Last words"]


async def test_going_to_another_pane_stores_at_once(world: World) -> None:
    async with writing(world) as (app, pilot, composer, _):
        await typed(pilot, "Aside")
        app.main.queue.focus()
        await until(pilot, lambda: not composer.keeper.unsaved)
        assert [d.text for d in find.drafts(world.desk)] == ["Aside"]


async def test_a_note_is_for_colleagues(world: World) -> None:
    async with writing(world, "n") as (_, pilot, composer, _):
        assert "note  only colleagues read it" in head(composer)
        await typed(pilot, "Rings the bell")
        assert "^AN" not in composer.editor.render_line(0).text
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not composer.is_open)
        assert find.outbox(world.desk)[0].kind is OutKind.NOTE


async def test_the_own_editor_brings_its_text_back_cleaned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def run(app: object, words: list[str]) -> None:
        editor(Path(words[-1]))

    def editor(path: Path) -> None:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent == places("night").runtime_dir
        seen.append(path.read_text())
        path.write_text("Written\x1b[2J outside\n")

    world.desk.profile = "night"
    monkeypatch.setenv("EDITOR", "some editor --wait")
    monkeypatch.setattr(external_editor, "_run", run)
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "Begun")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: "outside" in composer.editor.text)
        assert seen == ["Begun"]
        assert composer.editor.text == "Written␛[2J outside"


async def test_what_is_saved_in_the_own_editor_is_a_draft_before_that_one_ends(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def run(app: object, words: list[str]) -> None:
        editor(Path(words[-1]))
        await ended.wait()
        raise Refused("The editor broke down")

    def editor(path: Path) -> None:
        path.write_text("Begun, and saved in between\n")

    monkeypatch.setenv("EDITOR", "some editor --wait")
    monkeypatch.setattr(external_editor, "_run", run)
    async with writing(world) as (_, pilot, composer, _):
        await typed(pilot, "Begun")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: [d.text for d in find.drafts(world.desk)] == ["Begun, and saved in between"])
        ended.set()
        await until(pilot, lambda: composer.editor.text == "Begun, and saved in between")
        await typed(pilot, "!")
        await composer.flush()
        assert "saved in between" in find.drafts(world.desk)[0].text


async def test_without_an_editor_it_says_how_to_name_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    async with writing(world) as (app, pilot, composer, _):
        await typed(pilot, "Begun")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: "No editor is set" in screen_text(app))
        assert composer.editor.text == "Begun"


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 20)])
async def test_it_fits_small_screens(world: World, size: tuple[int, int]) -> None:
    async with writing(world, size=size) as (app, pilot, composer, _):
        await typed(pilot, "Call 0151 23456789")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Not sent" in foot(composer))
        text = screen_text(app)
        for part in ("reply", "Call 0151 23456789", "Not sent", "Where is my parcel?"):
            assert part in text


async def test_from_the_thread_a_reply_answers_the_message_under_the_cursor(world: World) -> None:
    world.platform.write("a", "the first question")
    world.clock.advance(HOUR)
    number = await world.arrive("a", "the second question")
    app = app_over(world)
    async with app.run_test(size=(160, 36)) as pilot:
        await ready(app, pilot)
        await pilot.press("enter", "g", "g")
        thread = app.main.query_one(ThreadView)
        await until(pilot, lambda: thread.selected_text == "the first question")
        await pilot.press("r")
        await until(pilot, lambda: app.main.composer.is_open)
        assert "to Customer a 00:00" in head(app.main.composer)
        await typed(pilot, "To the first")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: find.outbox(world.desk))
        out = find.outbox(world.desk)[0].out
        assert out is not None
        assert out.reply_to_ref == find.thread(world.desk, number)[0].message.ref


async def test_from_the_list_a_reply_answers_the_last_message(world: World) -> None:
    world.platform.write("a", "the first question")
    world.clock.advance(HOUR)
    async with writing(world) as (_, _, composer, number):
        assert "to Customer" not in head(composer)
        assert composer.draft is not None
        assert composer.draft.reply_to_ref == find.thread(world.desk, number)[-1].message.ref


def test_in_little_room_how_to_go_on_is_cut_last() -> None:
    note = Note("Private data in a public reply: mail address «a@b.example», telephone number «0151 23456789»",
                "Take it out, make it a direct message with ^o, or press ^s again to send it all the same")
    rows = ["".join(run.text for run in row.left) for row in composer_layout.foot((note,), 60, most=3)]
    assert len(rows) == 3
    assert "Private data in a public reply" in rows[0]
    assert " ".join(" ".join(rows[1:]).split()) == note.how


async def test_the_way_out_of_the_composer_is_named_on_every_screen(world: World) -> None:
    async with writing(world, size=(60, 20)) as (app, pilot, _, _):
        await until(pilot, lambda: "Esc postpone" in screen_text(app))
