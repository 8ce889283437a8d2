"""Replies, files, private messages and what else is done to posts, on the servers of the Mastodon family."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from agentdesk.connectors.mastodon.sending import addressed
from agentdesk.errors import Ambiguous, AuthError, Gone, RateLimited, Rejected, TooLong, Unavailable
from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Unsure, Upload, Verb
from tests.contract.test_mastodon import MastodonWorld
from tests.fakes.wire import Fault


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[MastodonWorld]:
    world = MastodonWorld(clock)
    yield world
    await world.connector.close()


def out(world: MastodonWorld, thread: str, text: str = "we are on it", **more: object) -> Outgoing:
    told: dict[str, object] = {
        "client_id": "c1", "conversation_ref": thread, "kind": OutKind.REPLY, "text": text,
        "visibility": Visibility.PUBLIC, "reply_to_ref": world.roots.get(thread, ""), "customer_ref": world.jane.id,
        "customer_handle": "@jane@far.example", **more,
    }
    return Outgoing(**told)  # type: ignore[arg-type]


def landed(world: MastodonWorld, text: str = "we are on it") -> list[str]:
    return [post.text for post in world.far.posts.values() if post.author == world.far.us.id and text in post.text]


# who sees it --------------------------------------------------------------------------------------------------------


async def test_a_reply_names_the_customer_once(world: MastodonWorld) -> None:
    thread = world.says("where is it?")
    await world.connector.send(out(world, thread))
    await world.connector.send(out(world, thread, "yes, @jane@far.example, we are on it too", client_id="c2"))
    assert landed(world, "we are on it") == ["@jane@far.example we are on it",
                                             "yes, @jane@far.example, we are on it too"]
    page = await world.connector.thread(thread)
    assert next(m.text for m in page.messages if m.direction is Direction.OUT) == "we are on it"
    assert all(post.parent == world.roots[thread] for post in world.far.posts.values() if post.author ==
               world.far.us.id)


def test_an_account_of_the_servers_own_is_named_in_short() -> None:
    assert addressed("hi", "ann", "social.example") == "@ann hi"
    assert addressed("hi", "ann@social.example", "social.example") == "@ann hi"
    assert addressed("hi @ann", "ann", "social.example") == "hi @ann"
    assert addressed("hi @jane", "jane@far.example", "social.example") == "@jane@far.example hi @jane"


@pytest.mark.parametrize(("theirs", "ours", "widest", "becomes"), [
    ("public", Visibility.PUBLIC, "public", "public"), ("public", Visibility.PUBLIC, "unlisted", "unlisted"),
    ("unlisted", Visibility.PUBLIC, "public", "unlisted"), ("private", Visibility.PUBLIC, "public", "private"),
    ("direct", Visibility.PUBLIC, "public", "direct"), ("public", Visibility.DIRECT, "public", "direct"),
    ("public", Visibility.FOLLOWERS, "unlisted", "private"), ("mystery", Visibility.PUBLIC, "public", "private"),
])
async def test_a_reply_is_never_wider_than_what_it_answers(
    world: MastodonWorld, theirs: str, ours: Visibility, widest: str, becomes: str
) -> None:
    world.far.nonsense = "a circle nobody knows" if theirs == "mystery" else ""
    world.connector = world.connect(visibility=widest)
    thread = world.says("hello", visibility=theirs)
    await world.connector.send(out(world, thread, visibility=ours))
    assert [post.visibility for post in world.far.posts.values() if post.author == world.far.us.id] == [becomes]


async def test_a_reply_keeps_the_warning_of_what_it_answers(world: MastodonWorld) -> None:
    post = world.far.post(world.jane, "@acme it burst", spoiler="an accident 🚑")
    thread = f"{post.id}/{world.jane.id}"
    await world.connector.send(out(world, thread, reply_to_ref=post.id))
    await world.connector.send(out(world, thread, "y" * (500 - len("@jane ") - 4), client_id="c2",
                                   reply_to_ref=post.id))
    ours = [one for one in world.far.posts.values() if one.author == world.far.us.id]
    assert [one.spoiler for one in ours] == ["an accident 🚑", "an a"]
    page = await world.connector.thread(thread)
    assert [m.text[:12] for m in page.messages] == ["[an accident", "we are on it", "y" * 12], "it is told once"
    assert isinstance(await world.connector.reconcile(out(world, thread, reply_to_ref=post.id), world.clock.now()),
                      Found)


async def test_a_private_reply_that_names_a_stranger_is_refused(clock: ManualClock) -> None:
    for software in ("mastodon", "gotosocial"):
        world = MastodonWorld(clock, software)
        world.far.person("bo", "other.example")
        thread = world.says("private", visibility="direct")
        with pytest.raises(Rejected) as caught:
            await world.connector.send(out(world, thread, "ask @bo@other.example about 4411"))
        assert "names" in caught.value.title
        assert landed(world, "4411") == []
        await world.connector.send(out(world, thread, "mail help@acme.example about 4411", client_id="c2"))
        assert len(landed(world, "4411")) == 1
        guards = [body.get("allowed_mentions") for body in world.far.bodies]
        assert guards == ([[world.jane.id]] * 2 if software == "mastodon" else [None])
        await world.connector.close()


async def test_in_public_the_agent_may_name_whom_they_like(world: MastodonWorld) -> None:
    world.far.person("bo", "other.example")
    await world.connector.send(out(world, world.says("hello"), "ask @bo@other.example"))
    assert "allowed_mentions" not in world.far.bodies[-1]


# exactly once -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("software", "strength"), [
    ("mastodon", SendStrength.KEY), ("pleroma", SendStrength.KEY), ("akkoma", SendStrength.KEY),
    ("gotosocial", SendStrength.NONE), ("snac", SendStrength.NONE), ("pixelfed", SendStrength.NONE),
    ("something", SendStrength.NONE),
])
async def test_the_key_goes_only_to_servers_that_know_it(clock: ManualClock, software: str,
                                                         strength: SendStrength) -> None:
    world = MastodonWorld(clock, software)
    await world.connector.verify()
    assert world.connector.caps.send_strength is strength
    assert (world.connector.caps.replay_s is None) is (strength is SendStrength.NONE)
    await world.connector.send(out(world, world.says("hello")))
    post = [request for request in world.line.seen if request.method == "POST"][-1]
    assert post.headers.get("idempotency-key") == ("c1" if strength is SendStrength.KEY else None)
    await world.connector.close()


async def test_a_repeated_key_that_ends_in_500_is_looked_for(world: MastodonWorld) -> None:
    thread = world.says("hello")
    world.far.retry_bug = True
    world.lose_answer()
    with pytest.raises(Ambiguous):
        await world.connector.send(out(world, thread))
    with pytest.raises(Ambiguous):
        await world.connector.send(out(world, thread))
    world.clock.advance(MINUTE)
    verdict = await world.connector.reconcile(out(world, thread), world.clock.now() - MINUTE)
    assert isinstance(verdict, Found)
    assert len(landed(world)) == 1


async def test_pleroma_repeats_a_refusal_and_the_next_key_gets_through(clock: ManualClock) -> None:
    world = MastodonWorld(clock, "pleroma")
    thread = world.says("hello")
    world.far.max_chars = 3
    with pytest.raises(TooLong):
        await world.connector.send(out(world, thread))
    world.far.max_chars = 500
    first = await world.connector.send(out(world, thread))
    assert (await world.connector.send(out(world, thread))).ref == first.ref
    assert len(landed(world)) == 1
    await world.connector.close()


async def test_a_reply_that_the_server_drops_in_silence_is_not_sent(world: MastodonWorld) -> None:
    thread = world.says("hello")
    world.far.drops = True
    with pytest.raises(Rejected) as caught:
        await world.connector.send(out(world, thread))
    assert "dropped" in caught.value.title
    world.far.drops = False
    assert (await world.connector.send(out(world, thread, client_id="c2"))).ref


async def test_a_look_that_fails_after_sending_takes_nothing_back(world: MastodonWorld) -> None:
    thread = world.says("hello")
    await world.connector.thread(thread)
    seen = len(world.line.seen)
    receipt = await world.connector.send(out(world, thread))
    paths = [request.url.path for request in world.line.seen[seen:]]
    assert paths[-1] == f"/api/v1/statuses/{receipt.ref}"
    trouble = Fault("status", method="GET", path=f"/{int(world.far.new_id()) + 7}", status=500, times=9)
    world.line.faults.append(trouble)
    assert (await world.connector.send(out(world, thread, client_id="c2"))).ref
    assert trouble.times < 9


@pytest.mark.parametrize(("software", "text"), [
    ("mastodon", "see https://example.org/help?x=1&y=2 #order"), ("gotosocial", "two\n\nparagraphs & <tags>"),
    ("snac", "plain words"),
])
async def test_a_reply_is_found_again_by_its_words(clock: ManualClock, software: str, text: str) -> None:
    world = MastodonWorld(clock, software)
    thread = world.says("hello")
    started = world.clock.now()
    world.lose_answer()
    with pytest.raises(Ambiguous):
        await world.connector.send(out(world, thread, text))
    world.says("one more thing", thread=thread)  # what it answers is not the last word any more
    world.clock.advance(MINUTE)
    wanted = out(world, thread, text, reply_to_ref=thread.partition("/")[0])
    assert isinstance(await world.connector.reconcile(wanted, started), Found)
    assert isinstance(await world.connector.reconcile(msgspec.structs.replace(wanted, reply_to_ref=""), started), Found)
    other = msgspec.structs.replace(wanted, text="something else")
    assert isinstance(await world.connector.reconcile(other, started), Absent)
    await world.connector.close()


async def test_a_clock_of_ours_that_is_ahead_hides_nothing(world: MastodonWorld) -> None:
    thread = world.says("hello")
    await world.connector.send(out(world, thread, "plain words"))
    world.connector._client.http.meter.skew = -6 * HOUR
    started = world.clock.now() + 6 * HOUR
    assert isinstance(await world.connector.reconcile(out(world, thread, "plain words"), started), Found)


async def test_markup_that_the_server_made_of_it_is_seen_through(world: MastodonWorld) -> None:
    thread = world.says("hello")
    started = world.clock.now()
    await world.connector.send(out(world, thread, "we *are* on it"))
    post = next(post for post in world.far.posts.values() if post.author == world.far.us.id)
    post.content = "<p>we <em>are</em> on it</p>"
    world.clock.advance(MINUTE)
    assert isinstance(await world.connector.reconcile(out(world, thread, "we *are* on it"), started), Found)


async def test_a_reply_is_found_although_what_it_answered_is_deleted(world: MastodonWorld) -> None:
    thread = world.says("hello")
    wanted, started = out(world, thread), world.clock.now()
    await world.connector.send(wanted)
    world.far.delete(thread.partition("/")[0])
    world.clock.advance(MINUTE)
    assert isinstance(await world.connector.reconcile(wanted, started), Found)
    absent = msgspec.structs.replace(wanted, text="never said")
    assert isinstance(await world.connector.reconcile(absent, started), Absent)


async def test_an_older_reply_with_the_same_words_is_not_this_one(world: MastodonWorld) -> None:
    thread, other = world.says("hello"), world.says("hello again")
    await world.connector.send(out(world, thread))
    started = world.clock.now()
    world.clock.advance(MINUTE)
    assert isinstance(await world.connector.reconcile(out(world, other), started), Absent)
    world.clock.advance(DAY)
    assert isinstance(await world.connector.reconcile(out(world, thread), world.clock.now() - MINUTE), Absent)


async def test_a_listing_that_does_not_reach_back_proves_nothing(world: MastodonWorld) -> None:
    thread = world.says("hello")
    started = world.clock.now()
    for number in range(330):
        world.far.post(world.far.us, f"busy {number}")
    world.clock.advance(MINUTE)
    assert isinstance(await world.connector.reconcile(out(world, thread), started), Unsure)


# refusals -----------------------------------------------------------------------------------------------------------


async def test_refusals_say_what_to_do(world: MastodonWorld) -> None:
    thread = world.says("hello")
    with pytest.raises(TooLong) as caught:
        await world.connector.send(out(world, thread, "x" * 600))
    assert "500" in caught.value.cause
    with pytest.raises(Rejected):
        await world.connector.send(out(world, thread, kind=OutKind.NOTE))
    world.far.delete(world.roots[thread])
    with pytest.raises(Gone):
        await world.connector.send(out(world, thread))
    assert landed(world) == []


async def test_a_token_without_the_right_is_said_to_lack_it(world: MastodonWorld) -> None:
    thread = world.says("hello")
    await world.connector.verify()
    world.line.faults.append(Fault("status", method="POST", status=403,
                                   body=b'{"error": "This action is outside the authorized scopes"}'))
    with pytest.raises(AuthError) as caught:
        await world.connector.send(out(world, thread))
    assert "login" in caught.value.remedy
    assert landed(world) == []


@pytest.mark.parametrize("kind", ["garbage", "lie"])
async def test_an_answer_that_confirms_nothing_is_looked_for(world: MastodonWorld, kind: str) -> None:
    thread = world.says("hello")
    world.line.faults.append(Fault(kind, method="POST", path="/api/v1/statuses", status=200, body=b"{}"))
    with pytest.raises(Ambiguous):
        await world.connector.send(out(world, thread))


# files --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def picture(tmp_path: Path) -> Upload:
    path = tmp_path / "label.png"
    path.write_bytes(b"\x89PNG label")
    return Upload(path=str(path), name='la"bel\n.png', mime="image/png", size=10,
                  digest=hashlib.sha256(b"\x89PNG label").hexdigest(), alt="The label, with number 4411 – größer")


@pytest.mark.parametrize("slow", [0, 3])
async def test_a_picture_goes_along_with_its_description(world: MastodonWorld, picture: Upload, slow: int) -> None:
    world.far.slow_media = slow
    await world.connector.send(out(world, world.says("hello"), uploads=(picture,)))
    (media,) = world.far.media.values()
    assert media["description"] == picture.alt
    post = next(post for post in world.far.posts.values() if post.author == world.far.us.id)
    assert post.media == [media["id"]]
    form = next(request for request in world.line.seen if request.url.path == "/api/v2/media").content
    assert b'filename="la_bel_.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG label\r\n--' in form


async def test_files_that_cannot_go_stop_the_reply(world: MastodonWorld, picture: Upload) -> None:
    thread = world.says("hello")
    await world.connector.verify()
    replace = msgspec.structs.replace
    for uploads in ((picture,) * 5, (replace(picture, alt="x" * 2_000),), (replace(picture, digest="0"),),
                    (replace(picture, path="/nowhere/at/all"),), (replace(picture, size=1 << 30),)):
        with pytest.raises(Rejected) as caught:
            await world.connector.send(out(world, thread, uploads=uploads))
        assert caught.value.remedy
    assert world.far.media == {}
    world.far.slow_media = 99
    with pytest.raises(Unavailable):
        await world.connector.send(out(world, thread, uploads=(picture,)))
    assert landed(world) == []


# private messages ---------------------------------------------------------------------------------------------------


def dm(world: MastodonWorld, thread: str, **more: object) -> Outgoing:
    return out(world, thread, "in private, please", kind=OutKind.DM, visibility=Visibility.DIRECT, reply_to_ref="",
               **more)


async def test_a_private_message_begins_a_conversation_that_goes_on(world: MastodonWorld) -> None:
    cursor = (await world.connector.pull(None)).cursor
    thread = world.says("hello")
    receipt = await world.connector.send(dm(world, thread))
    post = world.far.posts[receipt.ref]
    assert (post.text, post.visibility, post.parent) == ("@jane@far.example in private, please", "direct", "")
    assert receipt.conversation_ref == f"{receipt.ref}/{world.jane.id}"
    world.clock.advance(SECOND)
    world.far.post(world.jane, "@acme my order is 4411", to=receipt.ref, visibility="direct")
    page = await world.connector.pull(cursor)
    assert [(m.text, m.conversation_ref) for m in page.messages][-1] == ("my order is 4411", receipt.conversation_ref)
    whole = await world.connector.thread(receipt.conversation_ref)
    assert [(m.text, m.visibility) for m in whole.messages] == [("in private, please", Visibility.DIRECT),
                                                                ("my order is 4411", Visibility.DIRECT)]


async def test_an_id_of_another_source_never_leads_to_a_stranger(world: MastodonWorld) -> None:
    bo = world.far.person("bo", "other.example")
    receipt = await world.connector.send(dm(world, "at://x", customer_ref=bo.id))
    assert world.far.posts[receipt.ref].mentions == [world.jane.id]
    with pytest.raises(Gone):
        await world.connector.send(dm(world, "at://x", customer_ref="did:plc:x", customer_handle="@kim.bsky.social"))
    assert await world.copies("in private") == 1


# acting -------------------------------------------------------------------------------------------------------------


async def test_like_boost_and_follow_go_on_and_off(world: MastodonWorld) -> None:
    far, thread = world.far, world.says("hello")
    ref = world.roots[thread]
    for verb, held in ((Verb.LIKE, far.liked), (Verb.BOOST, far.boosted)):
        for value, left in (("", 1), ("", 1), ("off", 0), ("off", 0)):
            await world.connector.act(Action(verb=verb, conversation_ref=thread, value=value, message_ref=ref))
            assert len(held) == left
    await world.connector.act(Action(verb=Verb.LIKE, conversation_ref=thread, message_ref=f"{ref}~{world.jane.id}"))
    assert far.liked == {(far.us.id, ref)}
    for value, left in (("", {world.jane.id}), ("off", set())):
        await world.connector.act(Action(verb=Verb.FOLLOW, conversation_ref=thread, value=value,
                                         customer_ref=world.jane.id))
        assert far.follows == left
    with pytest.raises(Rejected):
        await world.connector.act(Action(verb=Verb.LIKE, conversation_ref=thread))


async def test_what_is_not_public_is_not_boosted(world: MastodonWorld) -> None:
    thread = world.says("hello", visibility="private")
    with pytest.raises(Rejected):
        await world.connector.act(Action(verb=Verb.BOOST, conversation_ref=thread, message_ref=world.roots[thread]))
    assert world.far.boosted == set()


async def test_an_edit_keeps_the_handle_the_files_and_the_warning(world: MastodonWorld, picture: Upload) -> None:
    thread = world.says("hello")
    receipt = await world.connector.send(out(world, thread, uploads=(picture,)))
    world.far.posts[receipt.ref].spoiler = "parcels"
    edit = Action(verb=Verb.EDIT, conversation_ref=thread, message_ref=receipt.ref, value="we are still on it")
    await world.connector.act(edit)
    post = world.far.posts[receipt.ref]
    assert (post.text, post.spoiler, len(post.media)) == ("@jane@far.example we are still on it", "parcels", 1)
    puts = len(world.far.bodies)
    await world.connector.act(edit)
    assert len(world.far.bodies) == puts, "the same text again is no edit"
    for value, ref in (("", receipt.ref), ("mine", world.roots[thread])):
        with pytest.raises(Rejected):
            await world.connector.act(msgspec.structs.replace(edit, value=value, message_ref=ref))


async def test_only_our_own_posts_are_deleted_and_twice_is_once(world: MastodonWorld) -> None:
    thread = world.says("hello")
    receipt = await world.connector.send(out(world, thread))
    delete = Action(verb=Verb.DELETE, conversation_ref=thread, message_ref=receipt.ref)
    await world.connector.act(delete)
    await world.connector.act(delete)
    assert receipt.ref not in world.far.posts
    with pytest.raises(Rejected):
        await world.connector.act(msgspec.structs.replace(delete, message_ref=world.roots[thread]))
    assert world.roots[thread] in world.far.posts


# limits -------------------------------------------------------------------------------------------------------------


async def pulled_until_told_to_wait(world: MastodonWorld, cursor: str | None) -> RateLimited:
    for _ in range(400):
        try:
            await world.connector.pull(cursor)
        except RateLimited as error:
            return error
    raise AssertionError


async def test_reading_stops_before_the_server_says_so_and_leaves_room_for_replies(world: MastodonWorld) -> None:
    thread = world.says("hello")
    cursor = (await world.connector.pull(None)).cursor
    world.far.limit_headers, world.far.left = True, 40
    error = await pulled_until_told_to_wait(world, cursor)
    assert error.retry_after == pytest.approx(120, abs=2)
    budget = world.connector.budget()
    assert budget is not None
    assert (budget.limit, budget.left) == (300, 20)
    await world.connector.act(Action(verb=Verb.LIKE, conversation_ref=thread, message_ref=world.roots[thread]))
    assert world.far.left > 0
    world.clock.advance(3 * MINUTE)
    world.far.left = 300
    await world.connector.pull(cursor)


async def test_paging_is_counted_for_the_account(world: MastodonWorld) -> None:
    cursor = (await world.connector.pull(None)).cursor
    world.says("hello")
    cursor = (await world.connector.pull(cursor)).cursor
    error = await pulled_until_told_to_wait(world, cursor)
    assert 800 < error.retry_after <= 900
    paged = [params for _, _, params in world.far.requests if {"min_id", "max_id", "since_id"} & params.keys()]
    assert len(paged) <= 240
    world.clock.advance(15 * MINUTE)
    await world.connector.pull(cursor)
