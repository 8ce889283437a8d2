"""One customer on the screen: likes, edits, private conversations, files, macros and offers, with keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from agentdesk.config.schema import FilesConfig
from agentdesk.desk import answer, find, people
from agentdesk.model.clock import SECOND
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment
from agentdesk.model.outgoing import OutKind, Verb
from agentdesk.model.page import RemoteCanned
from agentdesk.model.text import inert_line
from agentdesk.replies.packs import Packs
from agentdesk.replies.template import Canned
from agentdesk.store.people import People
from agentdesk.ui.app import DeskApp
from agentdesk.ui.screens.canned import CannedScreen
from agentdesk.ui.screens.dialogs import Ask, Choose, Confirm
from agentdesk.ui.widgets.customer_pane import CustomerPane
from agentdesk.ui.widgets.label import Label
from agentdesk.ui.widgets.thread import ThreadView
from tests.desk.conftest import SOURCE, World
from tests.ui.over_desk import app_over, ready, screen_text, shown, typed, until


@pytest.fixture(autouse=True)
def able(world: World) -> None:
    """The platform can do all of it."""
    world.connector.caps = msgspec.structs.replace(
        world.connector.caps, can_like=True, can_boost=True, can_follow=True, can_edit=True, can_delete=True,
        can_download=True, can_canned=True, max_uploads=2, max_alt=200, max_chars=None)


@asynccontextmanager
async def opened(world: World, number: int, size: tuple[int, int] = (140, 36)) -> AsyncIterator[
        tuple[DeskApp, Pilot[Any], ThreadView]]:
    """A conversation with the keys in its thread."""
    app = app_over(world)
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot)
        app.main.open_conversation(number)
        thread = app.main.query_one(ThreadView)
        await until(pilot, lambda: thread.has_focus and thread.selected is not None)
        yield app, pilot, thread


async def deliver(world: World) -> None:
    world.clock.advance(10 * SECOND)
    await world.sync()


async def answered(world: World, text: str = "We look into it now, Jane.") -> int:
    """A conversation that we have answered."""
    number = await world.arrive("a")
    await answer.send(world.desk, msgspec.structs.replace(answer.open_draft(world.desk, number), text=text))
    await deliver(world)
    return number


async def writes(app: DeskApp, pilot: Pilot[Any]) -> None:
    composer = app.main.composer
    await until(pilot, lambda: composer.is_open and app.focused is composer.editor and app.screen is app.main)


def head(app: DeskApp) -> str:
    label = app.main.composer.query_one("#composer-head", Label)
    return " ".join(label.draw(y, 100).text for y in range(label.line_count()))


def foot(app: DeskApp) -> str:
    label = app.main.composer.query_one("#composer-foot", Label)
    return " ".join(" ".join(label.draw(y, 90).text for y in range(label.line_count())).split())


async def test_a_like_is_for_the_message_under_the_cursor_and_shows_at_once(world: World) -> None:
    await world.arrive("a", "the first")
    world.clock.advance(3_600 * SECOND)
    number = await world.arrive("a", "the second")
    async with opened(world, number) as (app, pilot, thread):
        thread.top()
        await pilot.press("l")
        await until(pilot, lambda: "♥ liked by us" in shown(thread))
        first, second = find.thread(world.desk, number)
        assert (first.liked, second.liked) == (True, False)
        await pilot.press("b")
        await until(pilot, lambda: "♥ liked and boosted by us" in shown(thread))
        await deliver(world)
        await pilot.pause(0.3)
        assert "Sent" not in screen_text(app), "nothing that we wrote"
        await pilot.press("u", "u")
        await until(pilot, lambda: "by us" not in shown(thread))
        await pilot.press("F")
        pane = app.main.query_one(CustomerPane)
        await until(pilot, lambda: "followed by us" in shown(pane))


async def test_our_own_reply_gets_another_text_where_it_stands(world: World) -> None:
    number = await answered(world)
    async with opened(world, number) as (app, pilot, thread):
        await pilot.press("E")
        await writes(app, pilot)
        assert "another text for a reply of ours" in head(app)
        assert app.main.composer.editor.text == "We look into it now, Jane."
        await pilot.press("escape")
        await until(pilot, lambda: not app.main.composer.is_open)
        assert find.drafts(world.desk) == [], "what was only looked at is not kept"
        await pilot.press("E")
        await writes(app, pilot)
        app.main.composer.editor.move_cursor(app.main.composer.editor.document.end)
        await typed(pilot, " Today")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "another text is on its way" in shown(thread))
        await deliver(world)
        await until(pilot, lambda: "We look into it now, Jane. Today ^AN" in shown(thread))
        assert "edited by us" in shown(thread)
    assert world.platform.acts[-1].verb is Verb.EDIT


async def test_our_own_reply_is_deleted_after_asking(world: World) -> None:
    number = await answered(world)
    async with opened(world, number) as (app, pilot, thread):
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await until(pilot, lambda: "We look into it now" in screen_text(app))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is app.main)
        assert find.outbox(world.desk, unsettled_only=True) == []
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "its deletion is on its way" in shown(thread))
        await deliver(world)
        await until(pilot, lambda: "deleted by us" in shown(thread))


async def test_what_a_source_cannot_do_is_said_with_what_it_can(world: World) -> None:
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_boost=False)
    number = await world.arrive("a")
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("b")
        await until(pilot, lambda: "fake:acme cannot boost · What it can: reply" in screen_text(app))


# private conversations ------------------------------------------------------------------------------------------------


def with_canned(world: World, *more: Canned) -> None:
    world.desk.packs = Packs((*world.desk.packs.canned, *more))


async def test_a_public_reply_with_private_data_is_taken_to_a_private_conversation(world: World) -> None:
    world.connector.caps = msgspec.structs.replace(world.connector.caps, visibilities=("public",))
    with_canned(world, Canned(name="dm-sent", title="Told in private", kind="snippet",
                              text="{{ customer.first_name }}, we have sent you a private message."))
    number = await world.arrive("a")
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("r")
        await writes(app, pilot)
        await typed(pilot, "Call +44 20 7946 0958")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "take it to a private conversation with ^g" in foot(app))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "private message" in head(app))
        await writes(app, pilot)
        assert app.main.composer.editor.text == "Call +44 20 7946 0958"
        await until(pilot, lambda: [(d.kind, d.text) for d in find.drafts(world.desk)] == [
            (OutKind.DM, "Call +44 20 7946 0958")])
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await until(pilot, lambda: "Customer, we have sent you a private message." in screen_text(app))
        await pilot.press("y")
        await writes(app, pilot)
        await until(pilot, lambda: "Customer, we have" in app.main.composer.editor.text)
        assert app.main.composer.draft is not None
        assert app.main.composer.draft.kind is OutKind.REPLY
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not app.main.composer.is_open)
        await deliver(world)
        (link,) = find.links(world.desk, number)
        assert (link.kind, link.conversation_id) == ("dm", number)
        assert link.other_id is not None
        (back,) = find.links(world.desk, link.other_id)
        assert back.other_id == number
        mine = find.conversation(world.desk, link.other_id)
        assert mine.customer_id == find.conversation(world.desk, number).customer_id
        assert [it.message.text for it in find.thread(world.desk, link.other_id)] == ["Call +44 20 7946 0958 ^AN"]
        await pilot.press("M")
        await writes(app, pilot)
        assert app.main.composer.draft.conversation_id == link.other_id, "what was begun in private goes on there"


async def test_what_is_private_already_is_not_taken_anywhere(world: World) -> None:
    number = await world.arrive("a")
    world.desk.store.write_now(lambda db: db.run("UPDATE message SET visibility = 'direct'"))
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("M")
        await until(pilot, lambda: "private already" in screen_text(app))


# files ----------------------------------------------------------------------------------------------------------------


async def with_files(world: World, *names: str) -> int:
    message = world.platform.write("a", "See the photos")
    post = world.platform.posts[message.ref]
    for name in names:
        world.platform.files[f"https://files.example/{name}"] = f"content of {name}".encode()
    post.message = msgspec.structs.replace(post.message, attachments=tuple(
        Attachment(name=inert_line(name), url=f"https://files.example/{name}", size=20) for name in names))
    await world.sync()
    return int(world.desk.store.reader.value("SELECT id FROM conversation WHERE ref = 'a'"))


async def test_one_file_is_saved_with_one_key_and_several_are_chosen_from(world: World, tmp_path: Path) -> None:
    world.desk.config = msgspec.structs.replace(world.desk.config, files=FilesConfig(folder=str(tmp_path / "saved")))
    number = await with_files(world, "door.jpg", "label.pdf")
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await typed(pilot, "label")
        await pilot.press("enter")
        await until(pilot, lambda: "Saved as" in screen_text(app))
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await typed(pilot, "all")
        await pilot.press("enter")
        await until(pilot, lambda: "2 files saved in" in screen_text(app))
    assert sorted(path.name for path in (tmp_path / "saved").glob("*")) == ["door.jpg", "label (2).pdf", "label.pdf"]


async def test_a_file_is_attached_described_shown_kept_and_removed(
        world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map of the depot.png").write_bytes(b"x" * 4_200)
    (tmp_path / "more.txt").write_text("more")
    number = await world.arrive("a")
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("r")
        await writes(app, pilot)
        await typed(pilot, "I have attached a map")
        await until(pilot, lambda: "nothing is attached" in foot(app))
        assert "Attach the file with ^t" in foot(app)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await typed(pilot, "map")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: "What does map of the depot.png show?" in screen_text(app))
        await pilot.press("escape")
        await writes(app, pilot)
        await until(pilot, lambda: "map of the depot.png 4 kB" in head(app))
        assert "Without a description" in foot(app)
        await until(pilot, lambda: [len(d.uploads) for d in find.drafts(world.desk)] == [1])
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "map of" not in head(app))
        await app.call_verb(f'attach "{tmp_path}/map of the depot.png" alt="The depot"', where="composer")
        await until(pilot, lambda: "described" in head(app))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: not app.main.composer.is_open)
        (entry,) = find.outbox(world.desk)
        assert entry.out is not None
        assert [(it.name, it.alt) for it in entry.out.uploads] == [("map of the depot.png", "The depot")]
        await until(pilot, lambda: "map of the depot.png" in shown(app.main.query_one(ThreadView)))


async def test_a_name_that_no_file_has_is_asked_for_again_as_it_was_typed(world: World, tmp_path: Path) -> None:
    number = await world.arrive("a")
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("r")
        await writes(app, pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        first = app.screen
        await typed(pilot, "/no/such.png")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Ask) and app.screen is not first)
        await until(pilot, lambda: "There is no file /no/such.png. Attach which file?" in screen_text(app))
        await until(pilot, lambda: "> /no/such.png" in screen_text(app))
        await pilot.press("escape")
        await writes(app, pilot)


async def test_files_alone_are_a_draft_too(world: World, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    number = await world.arrive("a")
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("r")
        await writes(app, pilot)
        await app.call_verb(f"attach {tmp_path}/a.txt", where="composer")
        await until(pilot, lambda: "a.txt" in head(app))
        await pilot.press("escape")
        await until(pilot, lambda: not app.main.composer.is_open)
        assert [it.name for it in find.drafts(world.desk)[0].uploads] == ["a.txt"]
        await pilot.press("r")
        await writes(app, pilot)
        assert "a.txt" in head(app)
        await app.call_verb("detach a.txt", where="composer")
        await until(pilot, lambda: find.drafts(world.desk) == [])


# canned replies of the help desk --------------------------------------------------------------------------------------


MACRO = RemoteCanned(ref="7", name="refund-sent", title="Refund sent", text="Your refund is on its way.",
                     actions=("tag refund", "status stalled", "set_owner 4"))


async def test_a_macro_shows_what_it_does_and_does_it_once_the_reply_is_sent(world: World) -> None:
    world.platform.canned = (MACRO,)
    number = await world.arrive("a")
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("r")
        await writes(app, pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, CannedScreen))
        await typed(pilot, "refund")
        await until(pilot, lambda: "Your refund is on its way." in screen_text(app))
        text = screen_text(app)
        assert "from fake:acme" in text
        assert "when you say so, once it is sent: tag refund · status stalled" in text
        assert "not done here: set_owner 4" in text
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "set_owner" not in screen_text(app)
        await pilot.press("y")
        await writes(app, pilot)
        await until(pilot, lambda: "Once it is sent: tag refund · status stalled" in foot(app))
        calls = ("tag refund", "status stalled")
        await until(pilot, lambda: [d.calls for d in find.drafts(world.desk)] == [calls])
        app.main.composer.editor.move_cursor(app.main.composer.editor.document.end)
        await typed(pilot, " Best wishes")
        assert find.conversation(world.desk, number).tags == ()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: find.conversation(world.desk, number).status == "stalled")
        assert find.conversation(world.desk, number).tags == ("refund",)


async def test_a_macro_that_closes_the_ticket_lets_it_leave_the_queue_as_answered(world: World) -> None:
    world.platform.canned = (msgspec.structs.replace(MACRO, actions=("status resolved",)),)
    number = await world.arrive("a")
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("r")
        await writes(app, pilot)
        await app.call_verb("canned refund-sent", where="composer")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "Your refund" in app.main.composer.editor.text)
        await typed(pilot, " Best wishes")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: find.conversation(world.desk, number).state is State.DONE)
        assert find.conversation(world.desk, number).disposition is Disposition.ANSWERED


async def test_a_macros_doings_are_left_when_the_agent_says_no(world: World) -> None:
    world.platform.canned = (MACRO,)
    number = await world.arrive("a")
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("r")
        await writes(app, pilot)
        await app.call_verb("canned refund-sent", where="composer")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await until(pilot, lambda: "Your refund" in app.main.composer.editor.text)
        assert "Once it is sent" not in foot(app)


# one customer ---------------------------------------------------------------------------------------------------------


async def customer(world: World, ref: str) -> int:
    """Somebody writes; they are not looked up by themselves: what the fake tells of people would be less."""
    number = await world.arrive(ref)
    world.desk.looked[number] = world.clock.now() + 60 * SECOND
    world.desk.looked_back.add((SOURCE, f"c-{ref}"))
    return number


async def two(world: World) -> int:
    """Two customers with one mail; returns the first one's conversation."""
    number = await customer(world, "a")
    await customer(world, "b")
    mail = inert_line("jane@example.org")
    world.desk.store.write_now(lambda db: People(db, SOURCE, 1).bring_in(
        [Profile(ref=f"c-{ref}", name=inert_line(f"Customer {ref}"), contacts=(mail,)) for ref in "ab"], (), ()))
    return number


async def test_an_offer_is_shown_and_taken_with_one_key_and_taken_back(world: World) -> None:
    number = await two(world)
    async with opened(world, number) as (app, pilot, _):
        pane = app.main.query_one(CustomerPane)
        pane.reload()
        flat = " ".join(shown(pane).split())
        assert "Also Customer b on fake:acme?" in flat
        assert "same mail" in flat
        assert "= same ! another" in flat
        await pilot.press("=")
        await until(pilot, lambda: "Also Customer b" not in shown(pane) and "before 1" in shown(pane))
        await pilot.press("u")
        await until(pilot, lambda: "Also Customer b" in " ".join(shown(pane).split()))
        await pilot.press("!")
        await until(pilot, lambda: "Also Customer b" not in " ".join(shown(pane).split()))
        assert len(find.customer(world.desk, find.conversation(world.desk, number).customer_id).identities) == 1
        await pilot.press("!")
        await until(pilot, lambda: "Nobody is offered" in screen_text(app))


async def test_an_identity_is_taken_away_again_and_the_customer_is_noted_with_keys(world: World) -> None:
    number = await two(world)
    one = find.conversation(world.desk, number).customer_id
    await people.merge(world.desk, one, people.offers(world.desk, one)[0].customer_id)
    async with opened(world, number) as (app, pilot, _):
        app.main.show_pane("customer")
        await pilot.press("|")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(find.customer(world.desk, one).identities) == 1)
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press("v")
        await until(pilot, lambda: find.customer(world.desk, one).vip)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await typed(pilot, "likes tea")
        await pilot.press("enter")
        await until(pilot, lambda: find.customer(world.desk, one).note == "likes tea")


async def test_two_offers_are_chosen_from_and_the_one_under_the_cursor_wins(world: World) -> None:
    number = await two(world)
    await customer(world, "c")
    world.desk.store.write_now(lambda db: People(db, SOURCE, 1).bring_in(
        [Profile(ref="c-c", name=inert_line("Customer c"), contacts=(inert_line("jane@example.org"),))], (), ()))
    one = find.conversation(world.desk, number).customer_id
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("=")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await until(pilot, lambda: "Somebody else" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        app.main.show_pane("customer")
        pane = app.main.query_one(CustomerPane)
        pane.reload()
        second = people.offers(world.desk, one)[1].customer_id
        pane.select(next(n for n, block in enumerate(pane.blocks) if block.key == ("offer", second)))
        await pilot.press("=")
        await until(pilot, lambda: len(find.customer(world.desk, one).identities) == 2)
        assert {it.profile.ref for it in find.customer(world.desk, one).identities} == {"c-a", "c-c"}


async def test_a_status_and_a_kept_promise_have_keys(world: World) -> None:
    number = await world.arrive("a")
    async with opened(world, number) as (app, pilot, _):
        await pilot.press("H")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await typed(pilot, "stalled")
        await pilot.press("enter")
        await until(pilot, lambda: find.conversation(world.desk, number).status == "stalled")
        await app.call_verb('promise 2h "call back"')
        await until(pilot, lambda: len(find.promises(world.desk, number)) == 1)
        await pilot.press("Y")
        await until(pilot, lambda: find.promises(world.desk, number) == [])


async def test_a_conversation_that_is_opened_shows_what_is_new_there(world: World) -> None:
    number = await world.arrive("a")
    world.platform.colleague("a", "Sam is on it")
    async with opened(world, number) as (_, pilot, thread):
        await until(pilot, lambda: "Sam is on it" in shown(thread))


async def test_who_steps_through_many_fetches_only_where_they_rest(world: World) -> None:
    numbers = [await world.arrive(ref) for ref in "abcd"]
    async with opened(world, numbers[0]) as (app, pilot, _):
        await pilot.press("J", "J", "J")
        await until(pilot, lambda: any(what == "thread" for _, what in world.connector.calls))
        await pilot.pause(0.05)
        assert sum(what == "thread" for _, what in world.connector.calls) == 1
        assert list(world.desk.looked) == [app.main.conversation.conversation_id] if app.main.conversation else False
