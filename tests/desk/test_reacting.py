"""Likes, boosts, follows, another text, deletion, approval: they arrive once, leave a mark, can be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from agentdesk.desk import answer, decide, find, reacting
from agentdesk.desk.desk import Desk
from agentdesk.desk.reacting import message_for
from agentdesk.errors import NotFound, Refused, Rejected
from agentdesk.model.clock import SECOND
from agentdesk.model.conversation import State
from agentdesk.model.events import Event, Notice
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import OutKind, SendState, Verb
from agentdesk.store import integrity
from tests.desk.conftest import World


@pytest.fixture(autouse=True)
def able(world: World) -> None:
    """The platform can do all of it."""
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_like=True, can_boost=True, can_follow=True,
                                                   can_edit=True, can_delete=True)


async def deliver(world: World) -> None:
    world.clock.advance(10 * SECOND)
    await world.sync()


def done(world: World) -> list[tuple[Verb, str, str]]:
    return [(act.verb, act.message_ref, act.value) for act in world.platform.acts]


async def answered(world: World) -> int:
    """A conversation that we have answered."""
    number = await world.arrive("a")
    draft = msgspec.structs.replace(answer.open_draft(world.desk, number), text="We look into it, it will be fine.")
    await answer.send(world.desk, draft)
    await deliver(world)
    return number


def own(world: World, number: int) -> str:
    return find.thread(world.desk, number)[-1].message.text


async def test_a_like_goes_to_the_last_message_and_shows_at_once(world: World) -> None:
    number = await world.arrive("a")
    await world.arrive("a", "Hello?")
    assert await reacting.like(world.desk, number) == "Liked"
    first, last = find.thread(world.desk, number)
    assert (first.liked, last.liked) == (False, True)
    assert done(world) == []
    await deliver(world)
    assert done(world) == [(Verb.LIKE, last.message.ref, "")]
    assert await reacting.like(world.desk, number, first.id) == "Liked"
    assert await reacting.like(world.desk, number) == "Like taken back"
    assert [it.liked for it in find.thread(world.desk, number)] == [True, False]
    await deliver(world)
    assert done(world)[1:] == [(Verb.LIKE, first.message.ref, ""), (Verb.LIKE, last.message.ref, "off")]
    assert [it.action for it in find.ledger(world.desk, number) if it.agent] == ["liked", "liked", "unliked"]


async def test_the_ledger_names_what_two_likes_at_once_did(world: World) -> None:
    number = await world.arrive("a")
    await asyncio.gather(reacting.like(world.desk, number), reacting.like(world.desk, number))
    assert sorted(it.action for it in find.ledger(world.desk, number) if it.agent) == ["liked", "unliked"]


async def test_following_is_seen_with_the_customer(world: World) -> None:
    number = await world.arrive("a")
    assert await reacting.follow(world.desk, number) == "You follow Customer a"
    person = find.customer(world.desk, find.conversation(world.desk, number).customer_id)
    assert [it.followed for it in person.identities] == [True]
    await deliver(world)
    assert world.platform.acts[-1].customer_ref == "c-a"
    assert await reacting.follow(world.desk, number) == "You no longer follow Customer a"
    assert not find.customer(world.desk, person.id).identities[0].followed


@pytest.mark.parametrize("late", [False, True])
async def test_each_of_them_can_be_undone_before_and_after_it_left(world: World, late: bool) -> None:
    number = await world.arrive("a")
    for react, verb in ((reacting.like, Verb.LIKE), (reacting.boost, Verb.BOOST), (reacting.follow, Verb.FOLLOW)):
        world.platform.acts.clear()
        await react(world.desk, number)
        if late:
            await deliver(world)
        assert verb.value[:4] in await decide.undo(world.desk)
        await deliver(world)
        assert [it[::2] for it in done(world)] == ([(verb, ""), (verb, "off")] if late else [])
        (stored,) = find.thread(world.desk, number)
        person = find.customer(world.desk, find.conversation(world.desk, number).customer_id)
        assert not (stored.liked)
        assert not (stored.boosted)
        assert not (person.identities[0].followed)


async def test_what_the_platform_refuses_loses_its_mark(world: World) -> None:
    number = await world.arrive("a")
    world.connector.act_errors.append(Rejected("You are blocked"))
    await reacting.like(world.desk, number)
    await deliver(world)
    assert not find.thread(world.desk, number)[0].liked
    (entry,) = find.outbox(world.desk, unsettled_only=True)
    assert (entry.state, entry.title) == (SendState.REFUSED, "You are blocked")
    await answer.retry(world.desk, entry.id)
    await deliver(world)
    assert find.thread(world.desk, number)[0].liked, "tried again by a person, it went through"


async def test_what_a_source_cannot_do_is_refused_naming_what_it_can(world: World) -> None:
    number = await world.arrive("a")
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_like=False, can_edit=False,
                                                   can_delete=False)
    for call in (reacting.like(world.desk, number), reacting.delete(world.desk, number)):
        with pytest.raises(Refused, match="fake:acme cannot") as caught:
            await call
        assert "boost" in caught.value.cause
        assert "reply" in caught.value.cause
        assert "like" not in caught.value.cause
    with pytest.raises(Refused, match="cannot edit"):
        answer.open_draft(world.desk, number, OutKind.EDIT)


async def test_another_text_for_a_reply_of_ours(world: World) -> None:
    number = await answered(world)
    draft = answer.open_draft(world.desk, number, OutKind.EDIT)
    assert draft.text == "We look into it, it will be fine.", "without the sign-off, which is added again"
    await answer.save(world.desk, msgspec.structs.replace(draft, text="We look into it today."))
    assert answer.open_draft(world.desk, number, OutKind.EDIT).text == "We look into it today."
    sent = await answer.send(world.desk, answer.open_draft(world.desk, number, OutKind.EDIT))
    assert sent.warnings == ()
    assert find.drafts(world.desk) == []
    assert own(world, number) == "We look into it, it will be fine. ^AN", "not before the platform took it"
    await deliver(world)
    assert done(world) == [(Verb.EDIT, "m2", "We look into it today. ^AN")]
    last = find.thread(world.desk, number)[-1]
    assert (last.message.text, last.earlier_texts) == (
        "We look into it today. ^AN", ("We look into it, it will be fine. ^AN",))
    assert (await find.search(world.desk, "today"))[0].message_id == last.id
    await decide.undo(world.desk)
    await deliver(world)
    assert own(world, number) == "We look into it, it will be fine. ^AN"
    assert integrity.check(world.desk.store) == []


async def test_an_edit_is_guarded_like_a_reply_and_undone_while_it_is_held(world: World) -> None:
    number = await answered(world)
    draft = msgspec.structs.replace(answer.open_draft(world.desk, number, OutKind.EDIT), text="Call +44 20 7946 0958")
    assert [w.code for w in (await answer.send(world.desk, draft)).warnings] == ["private"]
    await answer.send(world.desk, draft, frozenset({"private"}))
    await decide.undo(world.desk)
    await deliver(world)
    assert done(world) == []


async def test_only_what_left_through_this_desk_can_be_changed(world: World) -> None:
    number = await world.arrive("a")
    with pytest.raises(Refused, match="no reply of ours") as none:
        answer.open_draft(world.desk, number, OutKind.EDIT)
    assert none.value.cause
    assert none.value.remedy
    theirs = find.thread(world.desk, number)[0]
    with pytest.raises(Refused, match="not one of ours"):
        await reacting.delete(world.desk, number, theirs.id)
    other = await world.arrive("b")
    with pytest.raises(NotFound, match="is not in"):
        await reacting.like(world.desk, other, theirs.id)


async def test_a_second_edit_does_not_swallow_the_first(world: World) -> None:
    number = await answered(world)
    first = message_for(world.desk, number, ours=True)
    draft = msgspec.structs.replace(answer.open_draft(world.desk, number, OutKind.EDIT), text="Half a new text")
    await answer.save(world.desk, draft)
    world.platform.write("a", "Thanks")
    await world.sync()
    await answer.send(world.desk, msgspec.structs.replace(answer.open_draft(world.desk, number), text="Gladly, Jane."))
    await deliver(world)
    second = message_for(world.desk, number, ours=True)
    assert second.id != first.id
    with pytest.raises(Refused, match="Another reply"):
        answer.open_draft(world.desk, number, OutKind.EDIT, second.id)
    assert answer.open_draft(world.desk, number, OutKind.EDIT, first.id).text == "Half a new text"
    assert answer.open_draft(world.desk, number, OutKind.EDIT).text == "Half a new text"


async def test_a_deleted_reply_is_marked_once_it_is_gone(world: World) -> None:
    number = await answered(world)
    await reacting.delete(world.desk, number)
    await world.sync()
    last = find.thread(world.desk, number)[-1]
    assert (last.message.direction, last.deleted_at) == (Direction.OUT, world.clock.now())
    assert done(world) == [(Verb.DELETE, last.message.ref, "")]
    with pytest.raises(Refused, match="no reply of ours"):
        await reacting.delete(world.desk, number)
    with pytest.raises(Refused, match="deleted"):
        await reacting.like(world.desk, number, last.id)
    assert "delete_asked" in [it.action for it in find.ledger(world.desk, number)]


async def waits(world: World, text: str = "May I ask something?") -> int:
    """A customer's answer that the platform holds back until we approve it."""
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_approve=True)
    post = world.platform.posts[world.platform.write("a", text).ref]
    post.message = msgspec.structs.replace(post.message, pending=True)
    await world.sync()
    return int(world.desk.store.reader.value("SELECT id FROM conversation WHERE ref = 'a'"))


def pending(world: World, number: int) -> list[bool]:
    return [it.message.pending for it in find.thread(world.desk, number)]


async def test_what_waits_is_in_the_queue_and_is_approved(world: World) -> None:
    number = await waits(world)
    it = find.conversation(world.desk, number)
    assert (it.state, it.burst, it.unread, pending(world, number)) == (State.OPEN, 1, 1, [True])
    assert (await reacting.approve(world.desk, number)).startswith("Approved")
    assert pending(world, number) == [True], "not before the platform took it"
    await deliver(world)
    (stored,) = find.thread(world.desk, number)
    assert done(world) == [(Verb.APPROVE, stored.message.ref, "")]
    assert not stored.message.pending
    assert [row.action for row in find.ledger(world.desk, number) if row.agent] == ["approved", "approval_sent"]
    assert find.conversation(world.desk, number).state is State.OPEN, "the customer still waits for an answer"
    with pytest.raises(Refused, match="Nothing here waits"):
        await reacting.reject(world.desk, number, stored.id)


async def test_what_is_rejected_is_kept_here_marked_as_deleted(world: World) -> None:
    number = await waits(world)
    await reacting.reject(world.desk, number)
    await deliver(world)
    (stored,) = find.thread(world.desk, number)
    assert done(world) == [(Verb.REJECT, stored.message.ref, "")]
    assert (stored.message.text, stored.deleted_at is not None) == ("May I ask something?", True)
    assert integrity.check(world.desk.store) == []


@pytest.mark.parametrize("call", [reacting.approve, reacting.reject])
async def test_either_is_taken_back_until_it_left_and_never_after(
    world: World, call: Callable[[Desk, int], Awaitable[str]]
) -> None:
    heard: list[Event] = []
    world.desk.subscribe(heard.append)
    number = await waits(world)
    assert f" in {world.desk.hold // SECOND} s" in await call(world.desk, number)
    await decide.undo(world.desk)
    await deliver(world)
    assert (done(world), pending(world, number)) == ([], [True])
    assert [it.text for it in heard if isinstance(it, Notice)] == []
    await call(world.desk, number)
    await deliver(world)
    await decide.undo(world.desk)
    await deliver(world)
    assert len(done(world)) == 1
    assert ["stays" in it.text for it in heard if isinstance(it, Notice)] == [True], "and that is said"


async def test_a_refused_approval_leaves_it_waiting(world: World) -> None:
    number = await waits(world)
    world.connector.act_errors.append(Rejected("It is gone"))
    await reacting.approve(world.desk, number)
    await deliver(world)
    assert pending(world, number) == [True]


async def test_where_nothing_waits_and_where_nothing_can(world: World) -> None:
    number = await world.arrive("b")
    with pytest.raises(Refused, match="cannot hold anything back"):
        await reacting.approve(world.desk, number)
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_approve=True)
    with pytest.raises(Refused, match="Nothing here waits"):
        await reacting.approve(world.desk, number)


async def test_an_approval_that_somebody_else_gave_is_seen(world: World) -> None:
    number = await waits(world)
    post = world.platform.posts[find.thread(world.desk, number)[0].message.ref]
    post.message = msgspec.structs.replace(post.message, pending=False)
    world.platform.order.append(post.message.ref)
    await world.sync()
    assert pending(world, number) == [False]
