"""The world goes on by itself, exactly as its seed says, survives restarts, and keeps what we sent exactly once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdesk.connectors.demo.content import Content
from agentdesk.connectors.demo.run import CATCH_UP, STANDSTILL
from agentdesk.connectors.demo.state import StateFile, WorldState
from agentdesk.connectors.demo.world import DemoWorld, begin
from agentdesk.errors import Ambiguous, Refused, StoreDamaged, Unavailable
from agentdesk.model.clock import HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.message import Direction, Message, Visibility
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Verb

PLACES = ("mastodon", "bluesky", "helpdesk")


def world_of(content: Content, clock: ManualClock, seed: int = 1, state: bytes | None = None) -> DemoWorld:
    kept = begin(content, clock.now(), seed) if state is None else msgspec.json.decode(state, type=WorldState)
    return DemoWorld(content, kept, StateFile(None), clock)


def told(world: DemoWorld) -> list[object]:
    """Everything that anybody can see of a world, in order, apart from the clock's times."""
    return [(place, server.kept.log, [(m.ref, m.text, m.deleted, m.direction) for m in server.kept.messages.values()],
             [(h.ref, h.status, h.assignee, h.closed) for h in server.kept.conversations.values()])
            for place, server in world.servers.items()]


def out(conversation: str, text: str = "We are on it.", **more: object) -> Outgoing:
    given_by = {"client_id": f"id-{conversation}-{text}", "kind": OutKind.REPLY, "visibility": Visibility.PUBLIC,
                "agent": "ann", **more}
    return msgspec.convert({"conversation_ref": conversation, "text": text, **given_by}, Outgoing)


def of(world: DemoWorld, place: str, conversation: str, direction: Direction = Direction.IN) -> list[Message]:
    return [m for m in world.servers[place].messages(conversation) if m.direction is direction]


async def pass_time(world: DemoWorld, clock: ManualClock, length: int) -> None:
    for _ in range(length // (5 * SECOND)):
        clock.advance(5 * SECOND)
        world.advance()


# -- determinism ------------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), steps=st.lists(st.tuples(
    st.integers(0, 5 * MINUTE), st.none() | st.integers(0, STANDSTILL) | st.integers(STANDSTILL + 1, 400 * HOUR)),
    max_size=30))
def test_restarts_and_steps_of_any_length_tell_the_same_story(
        content: Content, seed: int, steps: list[tuple[int, int | None]]) -> None:
    """A desk that is closed and opened at any points, against one that is looked at every minute."""
    clock, total = ManualClock(), 0
    broken = world_of(content, clock, seed)
    for length, closed in steps:
        clock.advance(length)
        broken.advance()
        total += length
        if closed is not None:
            kept = msgspec.json.encode(broken.state)
            clock.advance(closed)
            broken = world_of(content, clock, state=kept)
            broken.advance()
            total += closed if closed <= STANDSTILL else CATCH_UP
    whole_clock = ManualClock()
    whole = world_of(content, whole_clock, seed)
    for step in [MINUTE] * (total // MINUTE) + [total % MINUTE]:
        whole_clock.advance(step)
        whole.advance()
    assert told(broken) == told(whole)
    assert broken.state.elapsed == whole.state.elapsed


async def test_the_same_replies_get_the_same_answers(content: Content) -> None:
    worlds = []
    for _ in range(2):
        clock = ManualClock()
        world = world_of(content, clock, 5)
        world.connectors()
        for ref in ("sourdough", "number-14"):
            await world.connectors()["demo:mastodon"].send(out(ref))
        await pass_time(world, clock, 6 * MINUTE)
        worlds.append(world)
    assert told(worlds[0]) == told(worlds[1])


def test_new_posts_carry_the_present_time_and_never_the_future(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    clock.advance(40 * SECOND)
    world.advance()
    sail = of(world, "mastodon", "sail")
    assert [m.created_at for m in sail] == [world.state.started_at + 18 * SECOND]
    kept = msgspec.json.encode(world.state)
    clock.advance(30 * HOUR)
    again = world_of(content, clock, state=kept)
    again.advance()
    everything = [m for server in again.servers.values() for m in server.kept.messages.values()]
    new = [m for m in everything if m.created_at > clock.now() - 20 * HOUR]
    assert 3 <= len(new) <= 10
    assert all(clock.now() - CATCH_UP <= m.created_at <= clock.now() for m in new)


def test_after_a_long_sleep_only_a_few_posts_have_come(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    before = sum(len(s.kept.messages) for s in world.servers.values())
    clock.advance(14 * HOUR)
    world.advance()
    new = sum(len(s.kept.messages) for s in world.servers.values()) - before
    assert 1 <= new <= 10
    assert world.state.elapsed < 10 * MINUTE


def test_a_clock_that_is_set_back_stops_the_story_and_breaks_nothing(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    clock.advance(MINUTE)
    world.advance()
    elapsed = world.state.elapsed
    clock.advance(-2 * HOUR)
    world.advance()
    assert world.state.elapsed == elapsed
    clock.advance(MINUTE)
    world.advance()
    assert world.state.elapsed == elapsed + MINUTE


async def test_people_keep_coming_when_the_written_story_is_told(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    await pass_time(world, clock, 100 * MINUTE)
    later = {ref for s in world.servers.values() for ref in s.kept.conversations} & set(world.state.topics)
    assert len(later) >= 15
    people = [s.kept.conversations[ref].customer_ref for s in world.servers.values()
              for ref in s.kept.conversations if ref in later]
    assert len(set(people)) < len(people), "somebody comes back"


# -- customers and colleagues -----------------------------------------------------------------------------------------


async def test_a_customer_answers_our_reply_in_their_own_words(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    await world.connectors()["demo:mastodon"].send(out("sourdough"))
    await pass_time(world, clock, 35 * SECOND)
    assert len(of(world, "mastodon", "sourdough")) == 1
    await pass_time(world, clock, 95 * SECOND)
    answers = [m.text for m in of(world, "mastodon", "sourdough")][1:]
    assert answers == ["Bernd thanks you and will travel with his lid ajar."]


async def test_two_parts_of_one_reply_get_one_answer(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    connector = world.connectors()["demo:mastodon"]
    await connector.send(out("number-14", "Hi Jane, 1/2"))
    await connector.send(out("number-14", "and 2/2"))
    await pass_time(world, clock, 3 * MINUTE)
    theirs = [m for m in of(world, "mastodon", "number-14") if m.created_at > world.state.started_at]
    assert sum(m.text.startswith("Thank you for answering at last") for m in theirs) == 1
    assert not any(m.text.startswith("Found.") for m in theirs)


async def test_private_things_are_said_in_private(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    connector = world.connectors()["demo:mastodon"]
    await connector.send(out("insulin-van", "Where to, please?", visibility=Visibility.DIRECT))
    await pass_time(world, clock, 2 * MINUTE + 10 * SECOND)
    said = [m for m in of(world, "mastodon", "insulin-van") if m.visibility is Visibility.DIRECT]
    assert len(said) == 1
    assert "Kelling Road 8" in said[0].text


async def test_notes_and_spam_are_not_answered(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    sources = world.connectors()
    note = out("5552", "Be kind.", kind=OutKind.NOTE, visibility=Visibility.INTERNAL)
    await sources["demo:helpdesk"].send(note)
    await sources["demo:mastodon"].send(out("scam-insure"))
    await pass_time(world, clock, 4 * MINUTE)
    assert len(of(world, "helpdesk", "5552")) == 1
    assert len(of(world, "mastodon", "scam-insure")) == 1


async def test_a_thankful_customer_opens_a_solved_ticket_again(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    desk = world.connectors()["demo:helpdesk"]
    await desk.send(out("5547", visibility=Visibility.DIRECT))
    await desk.act(Action(verb=Verb.STATUS, conversation_ref="5547", value="solved"))
    assert world.servers["helpdesk"].head("5547").closed
    await pass_time(world, clock, 2 * MINUTE + 10 * SECOND)
    head = world.servers["helpdesk"].head("5547")
    assert (head.status, head.closed) == ("open", False)
    assert len(of(world, "helpdesk", "5547")) == 2


async def test_colleagues_leave_alone_what_we_have(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    await world.connectors()["demo:helpdesk"].act(Action(verb=Verb.CLAIM, conversation_ref="5557", value="ann"))
    await pass_time(world, clock, 5 * MINUTE)
    assert world.servers["helpdesk"].head("5557").assignee == "ann"
    assert not of(world, "helpdesk", "5557", Direction.OUT)


async def test_left_to_itself_a_colleague_takes_it_and_answers(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    await pass_time(world, clock, 5 * MINUTE)
    assert world.servers["helpdesk"].head("5557").assignee == "Noor"
    assert [m.author.name for m in of(world, "helpdesk", "5557", Direction.OUT)] == ["Noor"]
    assert len(of(world, "helpdesk", "5557")) == 2


async def test_nobody_shouts_hello_after_they_were_answered(content: Content) -> None:
    clock = ManualClock()
    world = world_of(content, clock)
    await world.connectors()["demo:mastodon"].send(out("number-14"))
    world.state.pending.clear()
    await pass_time(world, clock, 5 * MINUTE)
    assert not any("nice lady" in m.text for m in of(world, "mastodon", "number-14"))


# -- what is kept -----------------------------------------------------------------------------------------------------


def opened(path: Path, clock: ManualClock, seed: int = 1, *, fresh: bool = False) -> DemoWorld:
    world = DemoWorld.open(path, clock, seed, fresh)
    world.connectors()
    return world


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a world is kept."""
    return tmp_path / "demo" / "world.json"


async def test_a_killed_desk_finds_its_reply_again(path: Path, clock: ManualClock) -> None:
    world = opened(path, clock)
    receipt = await world.connectors()["demo:bluesky"].send(out("switching"))
    world._file.drop()  # what the system does when a process is killed; nothing else is written
    again = opened(path, clock)
    connector = again.connectors()["demo:bluesky"]
    page = await connector.thread("switching")
    assert [m.ref for m in page.messages if m.direction is Direction.OUT] == [receipt.ref]
    assert (await connector.send(out("switching"))).ref == receipt.ref
    await pass_time(again, clock, 2 * MINUTE + 10 * SECOND)
    assert len(of(again, "bluesky", "switching")) >= 2, "the customer still answers"
    again.close()


def test_the_file_is_private_and_whole(path: Path, clock: ManualClock) -> None:
    world = opened(path, clock)
    world.hold()
    world.close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_bytes())["seed"] == 1
    assert DemoWorld.resume_at(path) == clock.now()


async def test_a_kept_world_keeps_its_seed_until_it_is_begun_afresh(path: Path, clock: ManualClock) -> None:
    first = opened(path, clock, 7)
    await first.connectors()["demo:mastodon"].send(out("sourdough"))
    first.close()
    second = opened(path, clock, 1)
    assert second.seed == 7
    assert of(second, "mastodon", "sourdough", Direction.OUT)
    second.close()
    third = opened(path, clock, 1, fresh=True)
    assert third.seed == 1
    assert not of(third, "mastodon", "sourdough", Direction.OUT)
    third.close()


async def test_one_process_at_a_time_moves_the_world(path: Path, clock: ManualClock) -> None:
    first, second = opened(path, clock), opened(path, clock)
    await first.connectors()["demo:mastodon"].send(out("sourdough"))
    with pytest.raises(Unavailable, match="another window"):
        await second.connectors()["demo:mastodon"].pull(None)
    with pytest.raises(Refused):
        DemoWorld.open(path, clock, 1, fresh=True)
    first.close()
    page = await second.connectors()["demo:mastodon"].thread("sourdough")
    assert any(m.direction is Direction.OUT for m in page.messages), "it goes on from what the first one kept"
    second.close()


async def test_closing_the_last_source_closes_the_world(path: Path, clock: ManualClock) -> None:
    world = DemoWorld.open(path, clock)
    sources = list(world.connectors().values())
    await sources[0].pull(None)
    for source in sources[:2]:
        await source.close()
        await source.close()
    other = StateFile(path)
    assert not other.take()
    await sources[2].close()
    assert other.take()
    other.drop()


@pytest.mark.parametrize("data", [b"", b"{", b'{"seed": 1}', b"\xff\xfe", b"[]"])
def test_a_damaged_world_is_told_with_the_way_out(path: Path, clock: ManualClock, data: bytes) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(data)
    with pytest.raises(StoreDamaged) as told_:
        DemoWorld.open(path, clock)
    assert "--fresh" in told_.value.remedy
    DemoWorld.open(path, clock, fresh=True).close()


def test_a_world_of_another_format_is_not_guessed_at(path: Path, clock: ManualClock) -> None:
    opened_ = opened(path, clock)
    opened_.hold()
    opened_.save()
    opened_.close()
    plain = json.loads(path.read_bytes())
    path.write_text(json.dumps({**plain, "format": 99}))
    with pytest.raises(StoreDamaged):
        DemoWorld.open(path, clock)


async def test_exactly_once_although_answers_get_lost(path: Path, clock: ManualClock) -> None:
    """Every source, forty replies, each killed or confirmed: looked for when unknown, sent again only when absent."""
    world = opened(path, clock)
    lost = 0
    refs = {place: [h.ref for h in world.servers[place].kept.conversations.values()
                    if not h.locked_reason and not h.closed][:14] for place in PLACES}
    for number in range(14):
        for place in PLACES:
            connector = world.connectors()[f"demo:{place}"]
            reply = out(refs[place][number], f"Reply number {number}",
                        visibility=Visibility.DIRECT if place == "helpdesk" else Visibility.PUBLIC)
            try:
                await connector.send(reply)
            except Ambiguous:
                lost += 1
                world._file.drop()
                world = opened(path, clock)
                clock.advance(4 * SECOND)
                verdict = await world.connectors()[f"demo:{place}"].reconcile(reply, clock.now() - 4 * SECOND)
                assert isinstance(verdict, Found)
    assert lost >= 1
    for place in PLACES:
        for number, ref in enumerate(refs[place]):
            ours = [m for m in of(world, place, ref, Direction.OUT) if m.text == f"Reply number {number}"]
            assert len(ours) == 1, (place, ref)
    world.close()


async def test_what_was_never_sent_is_proven_absent(path: Path, clock: ManualClock) -> None:
    world = opened(path, clock)
    for place, ref in (("mastodon", "sourdough"), ("bluesky", "switching"), ("helpdesk", "5552")):
        connector = world.connectors()[f"demo:{place}"]
        assert isinstance(await connector.reconcile(out(ref), clock.now() - 10 * SECOND), Absent)
    world.close()


def test_what_the_desk_knows_beforehand_leads_somewhere(content: Content) -> None:
    world = world_of(content, ManualClock())
    setup = world.setup
    assert 4 <= len(world.same_person) <= 6
    for source, ref in (known for group in setup.same_person for known in group):
        assert ref in world.servers[source.partition(":")[2]].kept.profiles
    for customer in setup.customers:
        source, ref = customer.who
        assert ref in world.servers[source.partition(":")[2]].kept.profiles
    for source, ref in (*(s.conversation for s in setup.snoozes), *(p.conversation for p in setup.promises),
                        *setup.incidents["Depot North"]):
        assert ref in world.servers[source.partition(":")[2]].kept.conversations
    assert len(setup.incidents["Depot North"]) >= 12
    assert all(s.until > world.state.started_at for s in setup.snoozes)
    assert any(c.vip and c.note for c in setup.customers)


async def test_saving_twice_at_once_leaves_the_later_world(path: Path, clock: ManualClock) -> None:
    world = opened(path, clock)
    world.hold()
    sources = world.connectors()
    await asyncio.gather(*(sources["demo:mastodon"].send(out("sourdough", f"Part {n}")) for n in range(3)))
    kept = StateFile(path).read()
    assert kept is not None
    assert kept.sends == 3
    world.close()
