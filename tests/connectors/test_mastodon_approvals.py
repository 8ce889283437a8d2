"""Replies that a GoToSocial account holds back until it approves them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentdesk.connectors.cursors import read_cursor
from agentdesk.connectors.mastodon import approvals
from agentdesk.connectors.mastodon.reading import Cursor
from agentdesk.errors import Rejected, Unavailable
from agentdesk.model.clock import SECOND, ManualClock
from agentdesk.model.outgoing import Action, Verb
from agentdesk.model.page import Page
from tests.contract.test_mastodon import MastodonWorld
from tests.fakes.mastodon import Post, Wish
from tests.fakes.wire import Fault


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[MastodonWorld]:
    world = MastodonWorld(clock, "gotosocial")
    world.far.asks_first = True
    yield world
    await world.connector.close()


def answers_us(world: MastodonWorld, text: str = "@acme May I?") -> Post:
    """Jane answers a post of ours."""
    ours = world.far.post(world.far.us, "News from Acme")
    world.clock.advance(SECOND)
    return world.far.post(world.jane, text, to=ours.id)


async def pull(world: MastodonWorld, cursor: str | None = None) -> tuple[Page, str]:
    """All that is new, as one page."""
    pages: list[Page] = []
    while not pages or pages[-1].more:
        pages.append(await world.connector.pull(cursor))
        assert pages[-1].cursor is not None
        cursor = pages[-1].cursor
    assert cursor is not None
    return Page(messages=tuple(m for page in pages for m in page.messages), backfill=pages[-1].backfill,
                removed=tuple(ref for page in pages for ref in page.removed),
                rejects=tuple(one for page in pages for one in page.rejects)), cursor


async def test_one_that_waited_before_we_came_is_history(world: MastodonWorld) -> None:
    post = answers_us(world)
    page, _ = await pull(world)
    assert page.backfill
    assert [(m.ref, m.text, m.pending) for m in page.messages] == [(post.id, "May I?", True)]


async def test_one_that_does_not_name_us_waits_too(world: MastodonWorld) -> None:
    _, cursor = await pull(world)
    post = answers_us(world, "May I?")
    page, cursor = await pull(world, cursor)
    assert [(m.ref, m.pending) for m in page.messages] == [(post.id, True)]
    assert (await pull(world, cursor))[0].messages == (), "it is told once"


@pytest.mark.parametrize("text", ["@acme May I?", "May I?"])
async def test_an_approval_on_the_website_is_seen_whether_or_not_we_are_named(
    world: MastodonWorld, text: str
) -> None:
    post = answers_us(world, text)
    _, cursor = await pull(world)
    world.far.decide(post.id, "authorize")
    page, cursor = await pull(world, cursor)
    assert [(m.ref, m.text, m.pending) for m in page.messages] == [(post.id, "May I?", False)]
    assert page.removed == ()
    page, _ = await pull(world, cursor)
    assert (page.messages, page.removed) == ((), ())


async def test_a_rejection_on_the_website_and_a_deletion_by_the_author_are_seen(world: MastodonWorld) -> None:
    rejected, deleted = answers_us(world), answers_us(world)
    _, cursor = await pull(world)
    world.far.decide(rejected.id, "reject")
    world.far.delete(deleted.id)
    page, cursor = await pull(world, cursor)
    assert sorted(page.removed) == sorted((rejected.id, deleted.id))
    assert (await pull(world, cursor))[0].removed == ()


async def test_a_server_that_cannot_show_a_decided_request_does_not_stop_everything(world: MastodonWorld) -> None:
    post = answers_us(world)
    _, cursor = await pull(world)
    world.far.decide(post.id, "reject")
    world.line.faults.append(Fault("status", status=500, path="/interaction_requests/"))
    page, cursor = await pull(world, cursor)
    assert page.removed == (post.id,)


async def test_one_that_cannot_be_asked_for_still_waits(world: MastodonWorld) -> None:
    post = answers_us(world)
    _, cursor = await pull(world)
    world.far.decide(post.id, "authorize")
    world.far.bells.clear()
    world.line.faults.append(Fault("status", status=500, path="/interaction_requests/"))
    page, cursor = await pull(world, cursor)
    assert (page.messages, page.removed) == ((), ())
    assert [m.pending for m in (await pull(world, cursor))[0].messages] == [False]


async def test_those_that_cannot_be_asked_for_keep_nobody_else_waiting(
    world: MastodonWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals, "DECIDED_AT_ONCE", 1)
    posts = [answers_us(world) for _ in range(2)]
    _, cursor = await pull(world)
    known = read_cursor(cursor, Cursor)
    assert known is not None
    stuck = next(iter(known.waiting))
    (other,) = [post for post in posts if world.far.wishes[stuck].post != post.id]
    for post in posts:
        world.far.decide(post.id, "authorize")
    world.far.bells.clear()
    world.line.faults.append(Fault("status", status=500, path=f"/interaction_requests/{stuck}", times=9))
    found: list[str] = []
    for _ in range(3):
        page, cursor = await pull(world, cursor)
        found += [message.ref for message in page.messages]
    assert found == [other.id]


async def test_more_than_one_page_of_them(world: MastodonWorld) -> None:
    _, cursor = await pull(world)
    posts = [answers_us(world) for _ in range(170)]
    page, cursor = await pull(world, cursor)
    assert {m.ref for m in page.messages if m.pending} == {post.id for post in posts}
    for post in posts[:50]:
        world.far.decide(post.id, "reject")
    gone: list[str] = []
    for _ in range(3):
        page, cursor = await pull(world, cursor)
        gone += page.removed
    assert sorted(gone) == sorted(post.id for post in posts[:50])


async def test_those_that_stand_far_down_come_and_go_too(
    world: MastodonWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals, "PAGES", 1)
    monkeypatch.setattr(approvals, "PAGE", 10)
    monkeypatch.setattr(approvals, "_ASKED", [("reblogs", "false"), ("limit", 10)])
    _, cursor = await pull(world)
    posts = [answers_us(world) for _ in range(45)]
    came: list[str] = []
    for _ in range(8):
        page, cursor = await pull(world, cursor)
        came += [m.ref for m in page.messages if m.pending]
        assert page.removed == ()
    assert set(came) == {post.id for post in posts}
    await world.connector.act(Action(verb=Verb.APPROVE, conversation_ref="", message_ref=posts[1].id))
    assert not posts[1].pending
    world.far.decide(posts[0].id, "reject")
    world.far.decide(posts[-1].id, "reject")
    gone: list[str] = []
    for _ in range(20):
        asked = len(world.line.seen)
        page, cursor = await pull(world, cursor)
        gone += page.removed
        assert len(world.line.seen) - asked < 12, "it does not eat up what the server allows"
    assert sorted(gone) == sorted((posts[0].id, posts[-1].id))


async def test_a_request_that_says_nothing_is_set_aside(world: MastodonWorld) -> None:
    _, cursor = await pull(world)
    world.far.wishes["w"] = Wish("w", "nothing", world.far.now())
    post = answers_us(world)
    page, cursor = await pull(world, cursor)
    assert [m.ref for m in page.messages] == [post.id]
    assert [one.where for one in page.rejects] == ["reply that waits w"]
    for _ in range(2):
        page, cursor = await pull(world, cursor)
        assert page.rejects == (), "it is set aside once"
        assert (page.messages, page.removed) == ((), ())
    later = answers_us(world)
    own = next(wish.id for wish in world.far.wishes.values() if wish.post == later.id)
    del world.far.wishes[own]
    world.far.wishes["w"].post = later.id
    page, cursor = await pull(world, cursor)
    assert [m.ref for m in page.messages] == [later.id], "it can be read now"
    world.far.decide(later.id, "reject")
    assert (await pull(world, cursor))[0].removed == (later.id,)


async def test_the_note_that_the_server_writes_below_is_no_text_of_theirs(world: MastodonWorld) -> None:
    post = answers_us(world)
    assert "pending your approval" in world.far.status(post)["content"]
    page = await world.connector.thread(f"{post.parent}/{world.jane.id}")
    assert [(m.text, m.pending) for m in page.messages if m.ref == post.id] == [("May I?", True)]


async def test_who_writes_such_a_note_themselves_waits_for_nothing(world: MastodonWorld) -> None:
    world.far.asks_first = False
    post = answers_us(world, "@acme see /settings/user/interaction_requests/1")
    page = await world.connector.thread(f"{post.parent}/{world.jane.id}")
    assert [m.pending for m in page.messages if m.ref == post.id] == [False]
    assert "interaction_requests" in page.messages[-1].text


async def test_a_colleague_who_was_first_is_no_error(world: MastodonWorld) -> None:
    post = answers_us(world)
    await world.connector.verify()
    do = Action(verb=Verb.APPROVE, conversation_ref=f"{post.parent}/{world.jane.id}", message_ref=post.id)
    world.line.faults.append(Fault("status", status=404, method="POST"))
    await world.connector.act(do)
    assert post.pending, "the fault stood for the colleague"
    world.far.decide(post.id, "reject")
    with pytest.raises(Rejected):
        await world.connector.act(do)


async def test_an_approval_that_does_not_get_through_stops_the_answer(world: MastodonWorld) -> None:
    from tests.connectors.test_mastodon_sending import landed, out

    post = answers_us(world)
    await world.connector.verify()
    world.line.faults.append(Fault("refuse", method="POST"))
    thread = f"{post.parent}/{world.jane.id}"
    with pytest.raises(Unavailable):
        await world.connector.send(out(world, thread, reply_to_ref=post.id))
    assert landed(world) == []
    await world.connector.send(out(world, thread, reply_to_ref=post.id))
    assert (post.pending, len(landed(world))) == (False, 1)


@pytest.mark.parametrize(("software", "approves"), [("gotosocial", True), ("mastodon", False), ("akkoma", False)])
async def test_only_gotosocial_is_asked(clock: ManualClock, software: str, approves: bool) -> None:
    world = MastodonWorld(clock, software)
    await pull(world)
    assert world.connector.caps.can_approve is approves
    asked = [path for _, path, _ in world.far.requests if path == "/api/v1/interaction_requests"]
    assert bool(asked) is approves
    await world.connector.close()


async def test_an_older_server_without_such_a_listing_is_read_all_the_same(world: MastodonWorld) -> None:
    world.far.asks_first = False
    await world.connector.verify()
    world.line.faults.append(Fault("status", status=404, path="/interaction_requests"))
    world.says("hello")
    page, _ = await pull(world)
    assert [m.text for m in page.messages] == ["hello"]
