"""Drafts, canned replies, guards, the hold, and what becomes of a reply."""

from __future__ import annotations

import msgspec
import pytest

from agentdesk.commands.keymap import Keymap
from agentdesk.desk import answer, find
from agentdesk.errors import Refused
from agentdesk.model.capability import Counter
from agentdesk.model.clock import SECOND
from agentdesk.model.conversation import State
from agentdesk.model.message import Author, Direction, Visibility
from agentdesk.model.outgoing import Draft, OutKind, SendState
from agentdesk.model.text import inert_line
from tests.desk.conftest import World
from tests.fakes.platform import Fault


def written(world: World, number: int, text: str, **more: object) -> Draft:
    """A draft with this text."""
    return msgspec.structs.replace(answer.open_draft(world.desk, number), text=text, **more)


async def deliver(world: World) -> None:
    """Let the hold pass and send."""
    world.clock.advance(10 * SECOND)
    await world.sync()


async def test_a_draft_comes_back_as_it_was_left(world: World) -> None:
    number = await world.arrive("a")
    await answer.save(world.desk, written(world, number, "Half a sent"))
    assert answer.open_draft(world.desk, number).text == "Half a sent"
    assert [draft.conversation_id for draft in find.drafts(world.desk)] == [number]
    await answer.save(world.desk, written(world, number, "  "))
    assert find.drafts(world.desk) == []


async def test_where_no_notes_are_kept_the_key_is_named_that_writes_one_elsewhere(world: World) -> None:
    number = await world.arrive("a")
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_note=False)
    with pytest.raises(Refused) as caught:
        answer.open_draft(world.desk, number, OutKind.NOTE)
    assert caught.value.remedy.endswith(f": {Keymap.build().key_of('queue', 'customer-note')}")


async def test_drafts_are_each_agents_own(world: World) -> None:
    number = await world.arrive("a")
    await answer.save(world.desk, written(world, number, "Ann's words"))
    world.desk.agent = "bo"
    assert answer.open_draft(world.desk, number).text == ""


async def test_a_reply_lands_once_signed_and_waits_for_the_customer(world: World) -> None:
    number = await world.arrive("a")
    await answer.save(world.desk, written(world, number, "It arrives today"))
    sent = await answer.send(world.desk, answer.open_draft(world.desk, number))
    assert find.drafts(world.desk) == []
    await deliver(world)
    assert world.platform.copies(find.outbox(world.desk)[0].client_id) == 1
    outs = [m.message.text for m in find.thread(world.desk, number) if m.message.direction is Direction.OUT]
    assert outs == ["It arrives today ^AN"]
    assert find.conversation(world.desk, number).state is State.WAITING
    assert len(sent.entry_ids) == 1


async def test_within_the_hold_a_reply_can_be_taken_back_and_is_a_draft_again(world: World) -> None:
    number = await world.arrive("a")
    await answer.send(world.desk, written(world, number, "Too quick"))
    entry = answer.held(world.desk)
    assert entry is not None
    draft = await answer.cancel(world.desk, entry.id)
    assert draft.text == "Too quick"
    await deliver(world)
    assert world.platform.history == []
    assert answer.held(world.desk) is None


async def test_a_split_reply_comes_back_whole(world: World) -> None:
    number = await world.arrive("a")
    text = " ".join(f"This is sentence {n} of a rather long reply." for n in range(12))
    sent = await answer.send(world.desk, written(world, number, text), split=True)
    assert len(sent.entry_ids) > 2
    draft = await answer.cancel(world.desk, sent.entry_ids[-1])
    assert draft.text == text
    assert answer.open_draft(world.desk, number).text == text
    await deliver(world)
    assert world.platform.history == []


async def test_what_is_taken_back_joins_what_was_written_since(world: World) -> None:
    number = await world.arrive("a")
    sent = await answer.send(world.desk, written(world, number, "First thought"))
    await answer.save(world.desk, written(world, number, "Second thought"))
    draft = await answer.cancel(world.desk, sent.entry_ids[0])
    assert "First thought" in draft.text
    assert "Second thought" in draft.text
    assert "^AN" not in draft.text


async def test_sent_cannot_be_taken_back(world: World) -> None:
    number = await world.arrive("a")
    sent = await answer.send(world.desk, written(world, number, "Gone"))
    await deliver(world)
    with pytest.raises(Refused):
        await answer.cancel(world.desk, sent.entry_ids[0])


async def test_something_new_stops_a_reply_and_shows_it(world: World) -> None:
    number = await world.arrive("a")
    await answer.send(world.desk, written(world, number, "Please send the number"))
    world.platform.write("a", "Never mind, it came")
    await deliver(world)
    (entry,) = find.outbox(world.desk)
    assert entry.state is SendState.STOPPED
    assert world.platform.copies(entry.client_id) == 0
    await answer.retry(world.desk, entry.id)
    await world.sync()
    assert world.platform.copies(entry.client_id) == 1


async def test_a_colleagues_answer_stops_ours(world: World) -> None:
    number = await world.arrive("a")
    await answer.send(world.desk, written(world, number, "Mine"))
    world.platform.colleague("a", "Theirs")
    await deliver(world)
    (entry,) = find.outbox(world.desk)
    assert entry.state is SendState.STOPPED


async def test_an_unknown_outcome_is_settled_by_a_person(world: World) -> None:
    number = await world.arrive("a")
    world.connector.faults.append(Fault.TIMEOUT_AFTER)
    sent = await answer.send(world.desk, written(world, number, "Perhaps"))
    await deliver(world)
    assert find.outbox(world.desk)[0].state is SendState.UNKNOWN
    await answer.settle_as_sent(world.desk, sent.entry_ids[0])
    assert find.outbox(world.desk, unsettled_only=True) == []
    assert find.ledger(world.desk, number)[-1].agent == "ann"


async def test_guards_stop_until_overridden(world: World) -> None:
    number = await world.arrive("a")
    draft = written(world, number, "Write to me at jane.doe@example.org or 020 7946 0958")
    sent = await answer.send(world.desk, draft)
    assert sent.entry_ids == ()
    assert sent.warnings
    again = await answer.send(world.desk, draft, frozenset(w.code for w in sent.warnings))
    assert len(again.entry_ids) == 1


async def test_too_long_can_be_split_into_parts_that_fit(world: World) -> None:
    number = await world.arrive("a")
    draft = written(world, number, "This is a sentence of some length. " * 12)
    assert [w.code for w in (await answer.send(world.desk, draft)).warnings] == ["too_long"]
    sent = await answer.send(world.desk, draft, split=True)
    assert len(sent.entry_ids) > 1
    for _ in sent.entry_ids:
        await deliver(world)
    texts = [p.message.text for p in world.platform.visible("a") if p.message.direction is Direction.OUT]
    assert len(texts) == len(sent.entry_ids)
    assert all(len(text) <= 200 for text in texts)
    assert texts[-1].endswith(f"^AN {len(texts)}/{len(texts)}")


async def test_room_counts_the_sign_off(world: World) -> None:
    number = await world.arrive("a")
    assert answer.room(world.desk, written(world, number, "x" * 100)) == 200 - 100 - len(" ^AN")


async def test_room_in_private_is_that_of_private_messages(world: World) -> None:
    number = await world.arrive("a")
    source = find.conversation(world.desk, number).source
    world.desk.connectors[source].caps = msgspec.structs.replace(world.desk.caps(source), direct_max_chars=1_000)
    draft = written(world, number, "x" * 100)
    assert answer.room(world.desk, draft) == 200 - 100 - len(" ^AN")
    private = msgspec.structs.replace(draft, visibility=Visibility.DIRECT)
    assert answer.room(world.desk, private) == 1_000 - 100 - len(" ^AN")


async def test_a_reply_is_never_wider_than_what_the_customer_wrote(world: World) -> None:
    number = await world.arrive("a")
    assert answer.visibilities(world.desk, number, OutKind.REPLY)[0] is Visibility.PUBLIC
    message = world.platform.write("b", "In private")
    post = world.platform.posts[message.ref]
    post.message = msgspec.structs.replace(message, visibility=Visibility.DIRECT)
    await world.sync()
    private = int(world.desk.store.reader.value("SELECT id FROM conversation WHERE ref = 'b'"))
    assert answer.visibilities(world.desk, private, OutKind.REPLY) == (Visibility.DIRECT,)
    assert answer.visibilities(world.desk, private, OutKind.NOTE) == (Visibility.INTERNAL,)


async def test_where_private_talks_are_apart_no_reply_to_a_public_post_is_offered_as_one(world: World) -> None:
    number = await world.arrive("a")
    world.connector.caps = msgspec.structs.replace(world.connector.caps, direct_apart=True)
    assert answer.visibilities(world.desk, number, OutKind.REPLY) == (Visibility.PUBLIC,)
    how = [w.how for w in answer.check(world.desk, written(world, number, "Call +44 20 7946 0958"))]
    assert any("private conversation" in words and "direct message" not in words for words in how)
    message = world.platform.write("b", "In private")
    world.platform.posts[message.ref].message = msgspec.structs.replace(message, visibility=Visibility.DIRECT)
    await world.sync()
    private = int(world.desk.store.reader.value("SELECT id FROM conversation WHERE ref = 'b'"))
    assert answer.visibilities(world.desk, private, OutKind.REPLY) == (Visibility.DIRECT,)


async def test_a_canned_reply_asks_for_what_is_missing_and_becomes_text(world: World) -> None:
    number = await world.arrive("a")
    (canned,) = answer.find_canned(world.desk, "delay")
    assert answer.missing(world.desk, canned, number) == ("tracking_number",)
    text = answer.fill(world.desk, canned, number, {"tracking_number": "HP1 {{ 7 * 7 }}"})
    assert text == "Hello Customer, parcel HP1 {{ 7 * 7 }} is late. Sorry. ann"


async def test_an_unedited_canned_reply_is_warned_of(world: World) -> None:
    number = await world.arrive("a")
    text = "Hello, your parcel is late. We are sorry for that."
    draft = written(world, number, text, canned="delay", canned_text=text)
    assert "unedited" in [w.code for w in answer.check(world.desk, draft)]
    edited = msgspec.structs.replace(draft, text=text + " It left Depot North at nine and is two streets away now.")
    assert "unedited" not in [w.code for w in answer.check(world.desk, edited)]


async def test_offline_everything_queues_and_goes_in_order_when_the_line_is_back(world: World) -> None:
    from agentdesk.errors import Unavailable

    number = await world.arrive("a")
    for text in ("One", "Two"):
        await answer.send(world.desk, written(world, number, text))
    world.connector.thread_errors.extend([Unavailable("No line")] * 2)
    await deliver(world)
    assert world.platform.history == []
    assert {e.state for e in find.outbox(world.desk)} == {SendState.QUEUED}
    for _ in range(6):
        world.clock.advance(120 * SECOND)
        await world.sync()
    texts = [p.message.text for p in world.platform.visible("a") if p.message.direction is Direction.OUT]
    assert texts == ["One ^AN", "Two ^AN"]


async def test_an_empty_reply_is_refused_in_words(world: World) -> None:
    number = await world.arrive("a")
    with pytest.raises(Refused, match="nothing to send"):
        await answer.send(world.desk, written(world, number, "  \n"))


async def test_a_note_stays_inside(world: World) -> None:
    number = await world.arrive("a")
    note = msgspec.structs.replace(answer.open_draft(world.desk, number, OutKind.NOTE), text="Rang twice")
    await answer.send(world.desk, note)
    await deliver(world)
    assert [p.message.direction for p in world.platform.visible("a")] == [Direction.IN, Direction.NOTE]
    assert find.conversation(world.desk, number).state is State.OPEN


async def test_the_handle_that_must_stand_before_a_reply_is_counted(world: World) -> None:
    jane = Author(ref="jane", name=inert_line("Jane"), handle=inert_line("@jane@far.example"))
    world.platform.write("a", "Where is my parcel?", author=jane)
    await world.sync()
    number = world.desk.store.reader.value("SELECT id FROM conversation WHERE ref = 'a'")
    world.connector.caps = msgspec.structs.replace(
        world.connector.caps, max_chars=100, counter=Counter.GRAPHEME_URL23)
    plain = answer.room(world.desk, written(world, number, "Hello"))
    world.connector.caps = msgspec.structs.replace(world.connector.caps, mentions=True)
    named = answer.room(world.desk, written(world, number, "Hello"))
    assert plain is not None
    assert named == plain - len("@jane ")
    by_hand = written(world, number, "@jane@far.example Hello")
    assert answer.room(world.desk, by_hand) == named, "typed by hand it takes the same room"


async def test_two_windows_that_write_one_draft_never_lose_words(world: World) -> None:
    number = await world.arrive("a")
    here = there = answer.open_draft(world.desk, number)
    here = msgspec.structs.replace(here, text="Written here")
    here = msgspec.structs.replace(here, saved_at=await answer.save(world.desk, here))
    world.clock.advance(SECOND)
    for text in ("Written there", ""):
        with pytest.raises(Refused, match="another window"):
            await answer.save(world.desk, msgspec.structs.replace(there, text=text))
    assert [draft.text for draft in find.drafts(world.desk)] == ["Written here"]
    await answer.save(world.desk, msgspec.structs.replace(here, text="Written here, and more"))
    there = answer.open_draft(world.desk, number)
    await answer.save(world.desk, msgspec.structs.replace(there, text="Read anew, then changed"))
    assert [draft.text for draft in find.drafts(world.desk)] == ["Read anew, then changed"]


async def test_a_private_word_is_answered_in_private_however_much_was_written_since(world: World) -> None:
    number = await world.arrive("a")
    world.desk.store.write_now(lambda db: db.run("UPDATE message SET visibility = 'direct'"))
    for part in range(70):
        world.platform.colleague("a", f"Part {part} of a long answer")
    await world.sync()
    assert answer.visibilities(world.desk, number, OutKind.REPLY) == (Visibility.DIRECT,)
    assert answer.open_draft(world.desk, number).visibility is Visibility.DIRECT
