"""The demo's three sources, as the desk sees them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from agentdesk.config.sources import DemoSource
from agentdesk.connectors import registry
from agentdesk.connectors.base import Connector
from agentdesk.connectors.demo import connect
from agentdesk.connectors.demo.connector import CAPS, DemoConnector
from agentdesk.connectors.demo.world import SOURCES, DemoWorld
from agentdesk.errors import (
    BadAnswer,
    ConfigError,
    Conflict,
    Gone,
    RateLimited,
    Rejected,
    TooLong,
    Unavailable,
    WindowClosed,
)
from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import MINUTE, SECOND, ManualClock
from agentdesk.model.conversation import ClockKind
from agentdesk.model.message import Direction, Kind, Visibility
from agentdesk.model.outgoing import Action, Found, Outgoing, OutKind, Unsure, Verb
from agentdesk.model.page import Page


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[DemoWorld]:
    """A world that is not kept."""
    made = DemoWorld.open(None, clock)
    yield made
    made.close()


@pytest.fixture
def sources(world: DemoWorld) -> dict[str, Connector]:
    """Its sources by their short names."""
    return {name.partition(":")[2]: connector for name, connector in world.connectors().items()}


def out(conversation: str, text: str = "We are on it.", **more: object) -> Outgoing:
    visibility = Visibility.DIRECT if conversation.isdigit() else Visibility.PUBLIC
    given = {"client_id": f"id-{text[:20]}", "kind": OutKind.REPLY, "visibility": visibility, "agent": "ann", **more}
    return msgspec.convert({"conversation_ref": conversation, "text": text, **given}, Outgoing)


async def pages(connector: Connector, limit: int = 100) -> list[Page]:
    found = [await connector.pull(None, limit)]
    while found[-1].more:
        found.append(await connector.pull(found[-1].cursor, limit))
    return found


@pytest.mark.parametrize("place", SOURCES)
async def test_first_connect_brings_all_that_there_is_as_history(sources: dict[str, Connector], place: str) -> None:
    found = await pages(sources[place], 20)
    assert len(found) > 2
    for page in found:
        assert page.backfill
        assert len(page.messages) <= 20
        assert [m.created_at for m in page.messages] == sorted(m.created_at for m in page.messages)
        heads = {head.ref: head for head in page.conversations}
        assert all(m.conversation_ref in heads for m in page.messages)
        people = {profile.ref for profile in page.profiles}
        assert all(head.customer_ref in people for head in heads.values())
    refs = [m.ref for page in found for m in page.messages]
    assert len(refs) == len(set(refs))
    assert found[-1].done == found[-1].total
    closed = [page.conversations[0].closed for page in await pages(sources[place], 1)]
    assert closed == sorted(closed, reverse=True), "what is settled comes first"


async def test_what_happens_during_the_first_connect_is_not_history(
        sources: dict[str, Connector], clock: ManualClock) -> None:
    first = await sources["mastodon"].pull(None, 50)
    clock.advance(20 * SECOND)
    second = await sources["mastodon"].pull(first.cursor, 50)
    third = await sources["mastodon"].pull(second.cursor, 50)
    assert [page.backfill for page in (first, second, third)] == [True, True, False]
    assert [m.conversation_ref for m in third.messages] == ["sail"]
    assert not third.more


async def test_the_same_cursor_brings_the_same_or_more(sources: dict[str, Connector], clock: ManualClock) -> None:
    last = (await pages(sources["mastodon"]))[-1]
    assert (await sources["mastodon"].pull(last.cursor)).messages == ()
    clock.advance(20 * SECOND)
    first = await sources["mastodon"].pull(last.cursor)
    assert [m.conversation_ref for m in first.messages] == ["sail"]
    clock.advance(2 * MINUTE)
    second = await sources["mastodon"].pull(last.cursor)
    assert {m.ref for m in first.messages} < {m.ref for m in second.messages}


async def test_a_cursor_of_another_world_is_a_gap_and_nonsense_is_refused(
        sources: dict[str, Connector], world: DemoWorld) -> None:
    page = await sources["mastodon"].pull("1-12345:80")
    assert page.gap is not None
    assert page.messages
    name = str((await sources["mastodon"].pull(None)).cursor).partition(":")[0]
    with pytest.raises(BadAnswer):
        await sources["mastodon"].pull(f"{name}:eighty")


async def test_edits_change_the_text_and_deletions_are_told_in_each_networks_way(
        sources: dict[str, Connector], world: DemoWorld, clock: ManualClock) -> None:
    marked, removed, edited = [], [], []
    cursors = {place: (await pages(sources[place]))[-1].cursor for place in SOURCES}
    for _ in range(80):
        clock.advance(30 * SECOND)
        for place, connector in sources.items():
            try:
                page = await connector.pull(cursors[place])
            except (Unavailable, RateLimited):
                continue
            cursors[place] = page.cursor
            marked += [(place, m.ref) for m in page.messages if m.deleted]
            edited += [m.ref for m in page.messages if m.edited_at is not None]
            removed += [(place, ref) for ref in page.removed]
    assert ("mastodon", "posted-my-phone.1") in marked
    assert {place for place, _ in removed} == {"bluesky"}
    assert "late-night-rant.1" in edited
    assert (await sources["bluesky"].thread("address-in-public")).messages == ()
    assert world.servers["bluesky"].next_ref("address-in-public") == "address-in-public.2", "no id comes twice"


async def test_a_source_drops_out_with_words_and_comes_back(sources: dict[str, Connector], clock: ManualClock) -> None:
    down: dict[str, list[Unavailable | RateLimited]] = {place: [] for place in SOURCES}
    for _ in range(60 * 12):
        clock.advance(5 * SECOND)
        for place, connector in sources.items():
            try:
                await connector.verify()
            except (Unavailable, RateLimited) as error:
                down[place].append(error)
    told = [error for errors in down.values() for error in errors]
    assert all(error.title and error.cause and error.remedy for error in told)
    assert all(error.retry_after is not None and 0 < error.retry_after <= 75 for error in told)
    assert all(any(isinstance(error, Unavailable) for error in errors) for errors in down.values())
    assert any(isinstance(error, RateLimited) for error in told)
    assert sum(map(len, down.values())) < 60 * 12 * 3 / 10, "mostly all is well"


async def test_nothing_is_sent_while_a_source_is_out(
        sources: dict[str, Connector], world: DemoWorld, clock: ManualClock) -> None:
    for _ in range(100):
        clock.advance(5 * SECOND)
        world.advance()
        place = next((p for p in SOURCES if (t := world.trouble(p)) and not t.limited), "")
        if place:
            break
    ref = next(iter(world.servers[place].kept.conversations))
    before = world.state.sends
    with pytest.raises(Unavailable):
        await sources[place].send(out(ref))
    with pytest.raises(Unavailable):
        await sources[place].reconcile(out(ref), clock.now())
    assert world.state.sends == before


async def test_where_the_server_keeps_our_id_the_same_send_twice_is_one_message(sources: dict[str, Connector]) -> None:
    for place, ref in (("mastodon", "sourdough"), ("bluesky", "switching")):
        first = await sources[place].send(out(ref))
        second = await sources[place].send(out(ref))
        assert first == second
        ours = [m for m in (await sources[place].thread(ref)).messages if m.direction is Direction.OUT]
        assert [(m.ref, m.client_id) for m in ours] == [(first.ref, out(ref).client_id)]


async def test_the_help_desk_knows_no_ids_and_is_asked_by_text(
        sources: dict[str, Connector], clock: ManualClock) -> None:
    desk, reply = sources["helpdesk"], out("5552", "Dear Mr Finch,\n\nof course.  \n")
    assert desk.caps.send_strength is SendStrength.NONE
    assert isinstance(await desk.reconcile(reply, clock.now()), Unsure)
    receipt = await desk.send(reply)
    verdict = await desk.reconcile(reply, clock.now())
    assert isinstance(verdict, Found)
    assert verdict.receipt == receipt
    again = await desk.send(reply)
    assert again.ref != receipt.ref, "a second send is a second mail, as on a real one"
    message = (await desk.thread("5552")).messages[-1]
    assert (message.author.name, message.client_id) == ("ann", "")


async def test_freezing_fixes_the_record_key_only_where_we_choose_it(sources: dict[str, Connector]) -> None:
    assert json.loads(sources["bluesky"].freeze(out("switching")))["rkey"] == out("switching").client_id
    assert sources["mastodon"].freeze(out("sourdough")) == ""
    assert sources["helpdesk"].freeze(out("5552")) == ""


async def test_a_reply_stops_the_help_desks_own_clock(sources: dict[str, Connector]) -> None:
    before = (await sources["helpdesk"].thread("5546")).conversations[0]
    assert {due.kind for due in before.due or ()} == {ClockKind.FIRST, ClockKind.RESOLUTION}
    await sources["helpdesk"].send(out("5546"))
    after = (await sources["helpdesk"].thread("5546")).conversations[0]
    assert {due.kind for due in after.due or ()} == {ClockKind.RESOLUTION}
    assert after.status == "open"


async def test_a_note_stays_inside_and_stops_nothing(sources: dict[str, Connector]) -> None:
    note = out("5552", "Handle with care.", kind=OutKind.NOTE, visibility=Visibility.INTERNAL)
    await sources["helpdesk"].send(note)
    page = await sources["helpdesk"].thread("5552")
    assert (page.messages[-1].direction, page.messages[-1].visibility) == (Direction.NOTE, Visibility.INTERNAL)
    assert page.conversations[0].status == "new"
    assert {due.kind for due in page.conversations[0].due or ()} == {ClockKind.FIRST}
    with pytest.raises(Rejected):
        await sources["mastodon"].send(out("sourdough", kind=OutKind.NOTE, visibility=Visibility.INTERNAL))


async def test_what_a_channel_refuses_is_refused_in_words(sources: dict[str, Connector]) -> None:
    with pytest.raises(Rejected, match="nothing to send"):
        await sources["bluesky"].send(out("switching", " \n"))
    with pytest.raises(TooLong):
        await sources["bluesky"].send(out("switching", "x" * 301))
    await sources["bluesky"].send(out("switching", "👩‍👩‍👧" * 60))
    with pytest.raises(WindowClosed):
        await sources["bluesky"].send(out("locked-replies"))
    with pytest.raises(Rejected):
        await sources["bluesky"].send(out("switching", visibility=Visibility.DIRECT))
    with pytest.raises(Gone):
        await sources["bluesky"].send(out("never-was"))
    with pytest.raises(Gone):
        await sources["mastodon"].send(out("sourdough", reply_to_ref="sourdough.99"))
    direct = await sources["mastodon"].send(out("sourdough", visibility=Visibility.DIRECT))
    message = next(m for m in (await sources["mastodon"].thread("sourdough")).messages if m.ref == direct.ref)
    assert (message.kind, message.visibility) == (Kind.DM, Visibility.DIRECT)


async def test_a_reply_to_a_post_that_was_taken_back_is_refused(
        sources: dict[str, Connector], clock: ManualClock) -> None:
    for _ in range(50):
        clock.advance(5 * SECOND)
        await sources["mastodon"].verify()
    with pytest.raises(Gone, match="deleted"):
        await sources["mastodon"].send(out("posted-my-phone", reply_to_ref="posted-my-phone.1"))


async def test_a_ticket_is_claimed_unless_a_colleague_has_it(sources: dict[str, Connector]) -> None:
    desk = sources["helpdesk"]

    async def assignee(ref: str) -> str | None:
        return (await desk.thread(ref)).conversations[0].assignee

    for _ in range(2):
        await desk.act(Action(verb=Verb.CLAIM, conversation_ref="5552", value="ann"))
    assert await assignee("5552") == "ann"
    with pytest.raises(Conflict) as told:
        await desk.act(Action(verb=Verb.CLAIM, conversation_ref="5512", value="ann"))
    assert told.value.holder == "Sam"
    with pytest.raises(Conflict):
        await desk.act(Action(verb=Verb.RELEASE, conversation_ref="5512", value="ann"))
    await desk.act(Action(verb=Verb.ASSIGN, conversation_ref="5512", value="ann"))
    assert await assignee("5512") == "ann"
    await desk.act(Action(verb=Verb.RELEASE, conversation_ref="5512", value="ann"))
    assert await assignee("5512") == ""


async def test_status_priority_and_tags_change_and_repeating_changes_nothing_more(
        sources: dict[str, Connector], world: DemoWorld) -> None:
    desk = sources["helpdesk"]
    actions = (Action(verb=Verb.STATUS, conversation_ref="5548", value="solved"),
               Action(verb=Verb.PRIORITY, conversation_ref="5548", value="urgent"),
               Action(verb=Verb.TAGS, conversation_ref="5548", value='{"add": ["police"], "remove": ["damage"]}'))
    for action in actions:
        await desk.act(action)
    head = (await desk.thread("5548")).conversations[0]
    assert (head.status, head.closed, head.priority, head.tags) == ("solved", True, "urgent", ("police",))
    before = world.servers["helpdesk"].changes
    for action in actions:
        await desk.act(action)
    assert world.servers["helpdesk"].changes == before
    for verb, value in ((Verb.STATUS, "sleeping"), (Verb.PRIORITY, "sky-high"), (Verb.TAGS, "police")):
        with pytest.raises(Rejected):
            await desk.act(Action(verb=verb, conversation_ref="5548", value=value))
    with pytest.raises(Gone):
        await desk.act(Action(verb=Verb.CLAIM, conversation_ref="1", value="ann"))


async def test_a_source_does_only_what_it_declares(sources: dict[str, Connector], world: DemoWorld) -> None:
    for place, caps in CAPS.items():
        ref = {"mastodon": "sourdough", "bluesky": "switching", "helpdesk": "5552"}[place]
        for verb, can in ((Verb.CLAIM, caps.can_assign), (Verb.STATUS, caps.can_status), (Verb.LIKE, caps.can_like),
                          (Verb.FOLLOW, caps.can_follow), (Verb.TAGS, caps.can_tag)):
            value = {Verb.STATUS: "open", Verb.TAGS: "{}"}.get(verb, "")
            if can:
                await sources[place].act(Action(verb=verb, conversation_ref=ref, value=value))
            else:
                with pytest.raises(Rejected):
                    await sources[place].act(Action(verb=verb, conversation_ref=ref, value=value))
    assert len(world.servers["mastodon"].kept.likes) == 2


async def test_a_person_has_a_profile_and_a_history(sources: dict[str, Connector]) -> None:
    jane = await sources["mastodon"].customer("jane")
    assert (jane.name, jane.handle, jane.followers) == ("Jane Thorne", "@jane@social.example", 12400)
    page = await sources["mastodon"].history("jane")
    assert {head.ref for head in page.conversations} == {"number-14", "jane-may", "jane-thanks"}
    assert page.backfill
    assert len((await sources["mastodon"].history("jane", 1)).conversations) == 1
    assert (await sources["helpdesk"].customer("person-jane")).contacts
    for call in (sources["mastodon"].customer, sources["mastodon"].history, sources["mastodon"].thread):
        with pytest.raises(Gone):
            await call("nobody")


async def test_text_that_could_act_on_a_terminal_is_inert_and_its_original_is_kept(
        sources: dict[str, Connector]) -> None:
    log = (await sources["helpdesk"].thread("5543")).messages[0]
    assert "\x1b" not in log.text
    assert "\x1b[31m" in log.raw
    plain = (await sources["helpdesk"].thread("5552")).messages[0]
    assert plain.raw == ""


async def test_hints_come_when_something_happens_and_after_an_outage(world: DemoWorld, clock: ManualClock) -> None:
    connector = DemoConnector(world, "mastodon")
    hints = connector.hints()
    cursor = (await pages(connector))[-1].cursor
    started, arrived = clock.now(), 0
    while clock.now() < started + 10 * MINUTE:
        await asyncio.wait_for(anext(hints), 30)
        page = await connector.pull(cursor)
        arrived += bool(page.messages)
        cursor = page.cursor
    assert arrived >= 4
    assert clock.now() - started < 20 * MINUTE
    await connector.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(anext(hints), 30)


async def test_hints_wait_out_an_outage(world: DemoWorld, clock: ManualClock) -> None:
    connector = DemoConnector(world, "helpdesk")
    hints = connector.hints()
    seen_trouble = False
    while clock.now() < world.state.started_at + 8 * MINUTE:
        before = clock.now()
        await asyncio.wait_for(anext(hints), 30)
        assert world.trouble("helpdesk") is None, "no hint while a pull would fail"
        slept = range(before - world.state.started_at, clock.now() - world.state.started_at, SECOND)
        seen_trouble = seen_trouble or any(world.story.trouble("helpdesk", at) for at in slept)
    assert seen_trouble


async def test_who_we_are_is_said(sources: dict[str, Connector]) -> None:
    account = await sources["helpdesk"].verify()
    assert (account.handle, account.server) == ("care@harbourpost.example", "the demo")


async def test_the_registry_can_make_a_source_of_a_passing_world(clock: ManualClock) -> None:
    made = registry.create(DemoSource(name="bluesky", seed=3, trouble=False), clock=clock)
    assert (made.name, made.caps.letter) == ("demo:bluesky", "B")
    for _ in range(300):
        clock.advance(5 * SECOND)
        await made.pull(None)
    with pytest.raises(ConfigError):
        connect(DemoSource(name="pigeon"), clock=clock)
