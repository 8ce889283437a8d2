"""The Bluesky connector against a network with a memory: its dialect, its traps, and what broken servers do to it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agentdesk.config.sources import ListenConfig
from agentdesk.connectors.bluesky import sign_in as package_sign_in
from agentdesk.connectors.bluesky.connector import BlueskyConnector
from agentdesk.connectors.bluesky.signing import BLUESKY, DIRECTORY, RESOLVER, Finder, sign_in
from agentdesk.errors import (
    Ambiguous,
    AuthError,
    BadAnswer,
    Conflict,
    Gone,
    RateLimited,
    Rejected,
    SourceError,
    TooLong,
    Unavailable,
    WindowClosed,
)
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.message import Direction, Kind, Message, Visibility
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Unsure, Upload, Verb
from agentdesk.model.page import Page
from tests.connectors.asking import Answers
from tests.connectors.exchange import drain
from tests.contract.test_bluesky import BASE, PASSWORD, BlueskyWorld
from tests.fakes.bluesky import POST
from tests.fakes.wire import Fault, Line


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[BlueskyWorld]:
    made = BlueskyWorld(clock)
    made.net.lag = 0
    yield made
    await made.connector.close()


def said(pages: list[Page]) -> list[Message]:
    return [message for page in pages for message in page.messages]


def out(ref: str, text: str, **more: Any) -> Outgoing:
    settings: dict[str, Any] = {
        "client_id": f"c-{text[:20]}", "conversation_ref": ref, "kind": OutKind.REPLY, "text": text, "agent": "ann",
        "visibility": Visibility.DIRECT if ref.startswith("chat:") else Visibility.PUBLIC,
        "created_at": 1_767_225_600_000, **more}
    return Outgoing(**settings)


# sessions -----------------------------------------------------------------------------------------------------------


async def test_one_sign_in_serves_until_the_session_cannot_be_refreshed(
    world: BlueskyWorld, clock: ManualClock
) -> None:
    await drain(world.connector)
    first = await world.connector._client.session()
    clock.advance(3 * HOUR)
    await drain(world.connector)
    second = await world.connector._client.session()
    assert (first.access != second.access, first.refresh != second.refresh, world.net.logins) == (True, True, 1)
    clock.advance(100 * DAY)
    await drain(world.connector)
    assert world.net.logins == 2


async def test_many_calls_at_once_renew_the_session_once(world: BlueskyWorld) -> None:
    import asyncio

    await world.connector.verify()
    world.net.expire()
    world.net.calls.clear()
    await asyncio.gather(*(world.connector.customer(world.jane.did) for _ in range(6)))
    assert world.net.calls.count("com.atproto.server.refreshSession") == 1
    assert world.net.logins == 1


async def test_a_session_that_ends_again_and_again_does_not_sign_in_for_ever(
    world: BlueskyWorld, clock: ManualClock
) -> None:
    for number in range(10):
        world.net.tokens.clear()
        clock.advance(SECOND)
        await world.connector.customer(world.jane.did)
        assert world.net.logins == number + 1
    world.net.tokens.clear()
    with pytest.raises(RateLimited) as caught:
        await world.connector.customer(world.jane.did)
    assert 280 < caught.value.retry_after <= 300
    assert world.net.logins == 10
    clock.advance(5 * MINUTE)
    await world.connector.customer(world.jane.did)


async def test_a_session_that_ran_out_is_renewed_in_the_middle_of_sending(world: BlueskyWorld) -> None:
    root = world.net.post(world.jane, "Help", mention=[world.net.me])
    await drain(world.connector)
    world.net.expire()
    await world.connector.send(out(root.uri, "Sure"))
    convo = world.net.chat.write(world.jane.did, world.net.me.did, "Psst")
    world.net.expire()
    await world.connector.send(out(f"chat:{convo}", "Yes?"))
    assert (await world.copies("Sure"), await world.privately("Yes?"), world.net.logins) == (1, 1, 1)


async def test_a_token_that_is_stale_at_once_is_an_auth_error_not_a_loop(world: BlueskyWorld) -> None:
    world.line.faults.append(Fault("status", path="getProfile", status=400, times=9,
                                   body=b'{"error":"ExpiredToken","message":"Token has expired"}'))
    with pytest.raises(AuthError):
        await world.connector.verify()
    assert len(world.net.calls) <= 4


@pytest.mark.parametrize(("status", "words"), [
    ("takendown", "taken this account down"), ("suspended", "suspended"), ("deactivated", "deactivated")])
async def test_an_account_that_is_not_active_is_told_as_that(world: BlueskyWorld, status: str, words: str) -> None:
    await world.connector.verify()
    world.net.me.status = status
    world.net.expire()
    with pytest.raises(AuthError) as caught:
        await world.connector.pull(None)
    assert words in caught.value.title
    assert caught.value.remedy


async def test_a_code_from_the_mail_means_that_it_is_no_app_password(world: BlueskyWorld) -> None:
    world.net.me.code = True
    connector = world.connect()
    connector._client._password = lambda: "own"
    with pytest.raises(AuthError) as caught:
        await connector.verify()
    assert "app password" in caught.value.remedy


async def test_nothing_secret_is_repeated_by_anybody(world: BlueskyWorld) -> None:
    session = await world.connector._client.session()
    assert session.access not in repr(session)
    echo = json.dumps({"error": "AuthenticationRequired", "message": f"no {PASSWORD} {session.access}"}).encode()
    other = world.connect()
    world.line.faults.append(Fault("status", path="createSession", status=401, body=echo.replace(
        session.access.encode(), b"")))
    with pytest.raises(AuthError) as caught:
        await other.verify()
    assert PASSWORD not in str(caught.value)
    world.line.faults.append(Fault("status", path="getProfile", status=403, body=echo))
    with pytest.raises(SourceError) as refused:
        await world.connector.verify()
    assert session.access not in str(refused.value)


async def test_bluesky_s_front_door_leads_to_the_account_s_own_host(world: BlueskyWorld, clock: ManualClock) -> None:
    from agentdesk.connectors.http import Http

    world.net.home = "https://morel.us-east.host.bsky.network"
    made = world.connect(url="https://bsky.social")
    made._client.login = made._client.http = Http(
        "https://bsky.social/xrpc", clock=clock, name="bluesky:acme", transport=world.line.transport())
    made._client._http = lambda config, at, url: Http(  # type: ignore[method-assign]
        f"{url}/xrpc", clock=clock, name="bluesky:acme", transport=world.line.transport())
    account = await made.verify()
    assert not any("lives on" in warning for warning in account.warnings)
    hosts = {request.url.host: request.url.path for request in world.line.seen}
    assert hosts["bsky.social"] == "/xrpc/com.atproto.server.createSession"
    assert "morel.us-east.host.bsky.network" in hosts
    world.net.home = "https://evil.example"
    world.line.seen.clear()
    account = await world.connect().verify()
    assert any("lives on https://evil.example" in warning for warning in account.warnings)
    assert {request.url.host for request in world.line.seen} == {"pds.example"}, "a token never follows such words"


async def test_the_budget_is_what_the_last_answer_said(world: BlueskyWorld, clock: ManualClock) -> None:
    assert world.connector.budget() is None
    world.net.headers = {"RateLimit-Limit": "3000", "RateLimit-Remaining": "2988",
                         "RateLimit-Reset": str(clock.now() // 1_000 + 120), "RateLimit-Policy": "3000;w=300"}
    await world.connector.pull(None)
    budget = world.connector.budget()
    assert budget is not None
    assert (budget.left, budget.limit, budget.resets_at) == (2_988, 3_000, clock.now() + 120_000)


# who we are ---------------------------------------------------------------------------------------------------------


async def test_verify_says_what_is_hidden_and_what_cannot_be_done(world: BlueskyWorld) -> None:
    account = await world.connector.verify()
    assert (account.handle, account.name, account.warnings) == ("acme.example", "Acme", ())
    assert world.connector.caps.can_dm
    world.net.me.incoming = "following"
    assert any("cannot write to us first" in w for w in (await world.connect().verify()).warnings)
    world.net.me.passwords[PASSWORD] = "com.atproto.appPass"
    plain = world.connect()
    account = await plain.verify()
    assert account.scopes == ("app password",)
    assert any("does not allow direct messages" in w for w in account.warnings)
    assert not plain.caps.can_dm
    with pytest.raises(Rejected) as caught:
        await plain.send(out("chat:convo1", "hello"))
    assert "direct messages" in caught.value.title
    world.net.me.passwords[PASSWORD] = "com.atproto.access"
    assert any("own password" in w for w in (await world.connect().verify()).warnings)
    world.net.search_down = True
    listening = world.connect(listen=(ListenConfig(name="us", words=("acme",)),), chat="")
    warnings = (await listening.verify()).warnings
    assert any("overheard" in w for w in warnings)
    assert any("left alone" in w for w in warnings)
    world.net.me.handle = "handle.invalid"
    assert any("handle" in w for w in (await world.connector.verify()).warnings)


# reading ------------------------------------------------------------------------------------------------------------


async def test_likes_are_no_words_and_one_post_is_one_message(world: BlueskyWorld) -> None:
    ours = world.net.post(world.net.me, "News!")
    world.net.post(world.jane, "Hey", mention=[world.net.me], reply=ours, quote=ours)
    world.net.write(world.jane.did, "app.bsky.feed.like", world.net.key(), {
        "$type": "app.bsky.feed.like", "subject": {"uri": ours.uri, "cid": ours.cid}})
    pages, _ = await drain(world.connector)
    assert [(m.text, m.kind, m.conversation_ref) for m in said(pages)] == [
        ("Hey @acme.example", Kind.REPLY, f"{ours.uri}#{world.jane.did}")]
    asked = [r.url.params.get_list("reasons") for r in world.line.seen if "listNotifications" in r.url.path]
    assert asked[0] == ["mention", "reply", "quote"]


async def test_below_our_own_post_every_customer_begins_a_conversation(world: BlueskyWorld, clock: ManualClock) -> None:
    ours = world.net.post(world.net.me, "Closed on Monday")
    more = world.net.post(world.net.me, "and on Tuesday", reply=ours)
    bo = world.net.account("bo.example", "Bo")
    clock.advance(SECOND)
    first = world.net.post(world.jane, "Why?", reply=ours)
    world.net.post(bo, "Ok", reply=more)
    answer = world.net.post(world.net.me, "Holiday", reply=first)
    clock.advance(SECOND)
    world.net.post(world.jane, "Ah", reply=answer)
    pages, cursor = await drain(world.connect())
    hers, his = f"{ours.uri}#{world.jane.did}", f"{ours.uri}#{bo.did}"
    assert {m.text: m.conversation_ref for m in said(pages)} == {"Why?": hers, "Ok": his, "Holiday": hers, "Ah": hers}
    heads = {head.ref: head for page in pages for head in page.conversations}
    assert heads[hers].subject == "on our post: Closed on Monday"
    assert (heads[hers].customer_ref, heads[his].customer_ref) == (world.jane.did, bo.did)
    clock.advance(SECOND)
    beside = world.net.post(bo, "Hm, Jane?", reply=answer)
    clock.advance(SECOND)
    world.net.post(world.net.me, "All good", reply=world.net.post(world.net.me, "Well", reply=answer))
    pages, _ = await drain(world.connect(), cursor)  # a new process knows nothing and asks for what stands above
    assert {m.text: m.conversation_ref for m in said(pages)} == {"Hm, Jane?": his, "Well": hers, "All good": hers}
    thread = await world.connect().thread(hers)
    assert thread.conversations[0].subject == "on our post: Closed on Monday"
    assert [(m.text, m.direction) for m in thread.messages] == [
        ("Closed on Monday", Direction.ASIDE), ("Why?", Direction.IN), ("Holiday", Direction.OUT), ("Ah", Direction.IN),
        ("Hm, Jane?", Direction.ASIDE), ("Well", Direction.OUT), ("All good", Direction.OUT)]
    assert beside.uri not in [m.ref for m in thread.messages], "it stands in his conversation under its own ref"
    assert {"Ok", "Hm, Jane?"} <= {m.text for m in (await world.connect().thread(his)).messages}
    receipt = await world.connect().send(out(his, "Thanks, Bo"))
    assert world.net.rows[receipt.ref].value["reply"]["parent"]["uri"] == beside.uri


async def test_what_others_say_among_themselves_is_aside(world: BlueskyWorld, clock: ManualClock) -> None:
    bo = world.net.account("bo.example", "Bo")
    root = world.net.post(bo, "Parcels these days")
    chatter = world.net.post(world.jane, "Tell me", reply=root)
    clock.advance(SECOND)
    asked = world.net.post(world.jane, "You?", mention=[world.net.me], reply=chatter)
    clock.advance(SECOND)
    answer = world.net.post(world.net.me, "Sorry!", reply=asked)
    clock.advance(SECOND)
    world.net.post(world.net.account("eve.example"), "lol", reply=chatter)
    world.net.post(world.net.account("kim.example"), "me too", reply=answer)
    pages, _ = await drain(world.connector)
    hers = f"{root.uri}#{world.jane.did}"
    assert {m.text: m.conversation_ref == hers for m in said(pages)} == {
        "You? @acme.example": True, "Sorry!": True, "me too": False}
    for connector in (world.connector, world.connect()):
        page = await connector.thread(hers)
        assert page.conversations[0].customer_ref == world.jane.did
        assert {m.text: (m.direction, m.indirect) for m in page.messages if m.text != "lol"} == {
            "Parcels these days": (Direction.ASIDE, False), "Tell me": (Direction.IN, True),
            "You? @acme.example": (Direction.IN, False), "Sorry!": (Direction.OUT, False),
            "me too": (Direction.ASIDE, False)}
    aside = next(m for m in page.messages if m.text == "me too")
    await world.connector.act(Action(verb=Verb.LIKE, conversation_ref=hers, message_ref=aside.ref))
    assert [row.value["subject"]["uri"] for row in world.net.rows.values() if "like" in row.uri] == [
        aside.ref.partition("#")[0]]


async def test_what_is_missing_from_a_thread_keeps_its_place(world: BlueskyWorld, clock: ManualClock) -> None:
    bo = world.net.account("bo.example", "Bo", blocks={world.net.me.did})
    root = world.net.post(world.jane, "Help", mention=[world.net.me])
    clock.advance(SECOND)
    hidden = world.net.post(bo, "secret", reply=root)
    clock.advance(SECOND)
    below = world.net.post(world.jane, "right", reply=hidden)
    page = await world.connector.thread(root.uri)
    assert [(m.ref, m.text, m.deleted, m.can_reply) for m in page.messages][1] == (
        f"{hidden.uri}#{world.jane.did}", "", False, False)
    assert page.messages[1].attachments[0].name.startswith("A post that is not shown")
    assert page.messages[1].author.ref == bo.did
    assert below.uri not in [m.ref for m in page.messages], "the network shows nothing below it"
    blocked = await world.connector.thread(hidden.uri)
    assert blocked.conversations[0].locked_reason
    with pytest.raises(Rejected):
        await world.connector.send(out(hidden.uri, "hello", reply_to_ref=hidden.uri))


async def test_a_deleted_post_is_named_and_its_thread_goes_on(world: BlueskyWorld, clock: ManualClock) -> None:
    root = world.net.post(world.jane, "Help", mention=[world.net.me])
    clock.advance(SECOND)
    answer = world.net.post(world.net.me, "How?", reply=root)
    clock.advance(SECOND)
    second = world.net.post(world.jane, "Like so", reply=answer)
    clock.advance(SECOND)
    third = world.net.post(world.jane, "forget that", reply=second)
    await drain(world.connector)
    world.net.delete(third)
    assert (await world.connector.thread(root.uri)).removed == (third.uri,)
    world.net.delete(root)
    page = await world.connector.thread(root.uri)
    assert page.removed == (root.uri,)
    tomb = next(m for m in page.messages if m.ref == root.uri)
    assert (tomb.text, tomb.deleted, tomb.direction) == ("", True, Direction.IN)
    assert {m.text for m in page.messages} == {"", "How?", "Like so"}
    receipt = await world.connector.send(out(root.uri, "Thanks", reply_to_ref=second.uri))
    assert world.net.rows[receipt.ref].value["reply"]["root"]["uri"] == root.uri
    page = await world.connect().thread(root.uri)
    assert "Like so" in [m.text for m in page.messages], "a new process finds what is left by what she lately wrote"
    world.net.delete(second)
    with pytest.raises(Gone):
        await world.connect().thread(root.uri)


async def test_a_hidden_post_is_not_called_deleted(world: BlueskyWorld, clock: ManualClock) -> None:
    bo = world.net.account("bo.example", "Bo")
    root = world.net.post(world.jane, "Help", mention=[world.net.me])
    clock.advance(SECOND)
    world.net.post(bo, "me too", reply=root, mention=[world.net.me])
    await drain(world.connector)
    bo.blocks.add(world.net.me.did)
    assert (await world.connector.thread(root.uri)).removed == ()


async def test_a_deep_thread_comes_whole(world: BlueskyWorld, clock: ManualClock) -> None:
    world.net.depth = 4
    last = root = world.net.post(world.jane, "0", mention=[world.net.me])
    for number in range(1, 20):
        clock.advance(SECOND)
        last = world.net.post(world.jane if number % 2 else world.net.me, str(number), reply=last)
    page = await world.connector.thread(root.uri)
    assert [m.text.split()[0] for m in page.messages] == [str(number) for number in range(20)]


async def test_a_post_that_is_dated_back_comes_and_its_date_is_not_believed_too_far(
    world: BlueskyWorld, clock: ManualClock
) -> None:
    for number in range(3):
        world.net.post(world.jane, f"{number}", mention=[world.net.me])
    _, cursor = await drain(world.connector)
    world.net.post(world.jane, "late", mention=[world.net.me], at=clock.now() - 20 * HOUR)
    ahead = world.net.post(world.jane, "ahead", mention=[world.net.me], at=clock.now() + 9 * DAY)
    clock.advance(11 * MINUTE)
    found = said((await drain(world.connector, cursor))[0])
    assert {m.text.split()[0] for m in found} == {"late", "ahead"}
    assert next(m for m in found if m.ref == ahead.uri).created_at == ahead.seen_at


async def test_an_edited_post_is_told_again(world: BlueskyWorld, clock: ManualClock) -> None:
    root = world.net.post(world.jane, "My nmae is Jane", mention=[world.net.me])
    _, cursor = await drain(world.connector)
    world.net.write(world.jane.did, POST, root.rkey, {**root.value, "text": "My name is Jane"})
    found = said((await drain(world.connector, cursor))[0])
    assert [(m.ref, m.text) for m in found] == [(root.uri, "My name is Jane")]


async def test_what_hangs_on_a_post_is_listed(world: BlueskyWorld) -> None:
    bo = world.net.account("bo.example", "Bo")
    quoted = world.net.post(bo, "see here", facets=[{
        "index": {"byteStart": 4, "byteEnd": 8},
        "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://evil.example"}]}])
    gone = world.net.post(bo, "regret")
    posts = [
        world.net.post(world.jane, "quote", mention=[world.net.me], quote=quoted),
        world.net.post(world.jane, "lost", mention=[world.net.me], quote=gone),
        world.net.post(world.jane, "card", mention=[world.net.me], embed={
            "$type": "app.bsky.embed.external", "external": {
                "uri": "https://a.example", "title": "A page", "description": "About"}}),
        world.net.post(world.jane, "pictures", mention=[world.net.me], embed={
            "$type": "app.bsky.embed.images", "images": [
                {"alt": "a crack", "image": {"ref": {"$link": "b1"}, "mimeType": "image/png", "size": 9}},
                {"alt": "", "image": {"ref": {"$link": "b2"}, "mimeType": "image/png", "size": 9}}]}),
        world.net.post(world.jane, "both", mention=[world.net.me], embed={
            "$type": "app.bsky.embed.recordWithMedia",
            "record": {"record": {"uri": quoted.uri, "cid": quoted.cid}},
            "media": {"$type": "app.bsky.embed.video", "alt": "it rolls", "video": {
                "$type": "blob", "ref": {"$link": "v1"}, "mimeType": "video/mp4", "size": 9}}}),
        world.net.post(world.jane, "odd", mention=[world.net.me], embed={"$type": "x", "record": [1], "media": "?"})]
    world.net.delete(gone)
    found = {m.ref: m.attachments for m in said((await drain(world.connector))[0])}
    parts = [[(a.name, a.url, a.alt) for a in found[post.uri]] for post in posts]
    page = f"https://bsky.app/profile/{bo.did}/post/"
    assert parts == [
        [("quoted post of @bo.example", page + quoted.rkey, "see here <https://evil.example>")],
        [("quoted post (deleted)", page + gone.rkey, "")],
        [("A page", "https://a.example", "About")],
        [("picture 1", "https://cdn.bsky.app/b1", "a crack"), ("picture 2", "https://cdn.bsky.app/b2", "")],
        [("quoted post of @bo.example", page + quoted.rkey, "see here <https://evil.example>"),
         ("video", "https://video.bsky.app/v1/p.m3u8", "it rolls")],
        [],
    ]


async def test_where_nobody_may_answer_the_conversation_is_locked(world: BlueskyWorld) -> None:
    gated = world.net.post(world.jane, "friends only", mention=[world.net.me])
    world.net.gated.add(gated.uri)
    page = (await drain(world.connector))[0][0]
    assert [(m.can_reply, page.conversations[0].locked_reason[:4]) for m in page.messages] == [(False, "Only")]
    with pytest.raises(Rejected) as caught:
        await world.connector.send(out(gated.uri, "may I", reply_to_ref=gated.uri))
    assert "only some" in caught.value.cause
    assert world.net.posts(world.net.me.did, "may I") == []


async def test_profiles_come_with_their_reach_once_in_a_while(world: BlueskyWorld, clock: ManualClock) -> None:
    world.jane.followers = 12_400
    world.net.post(world.jane, "one", mention=[world.net.me])
    pages, cursor = await drain(world.connector)
    profile = pages[0].profiles[0]
    assert (profile.ref, profile.followers, profile.verified, profile.url) == (
        world.jane.did, 12_400, "domain", f"https://bsky.app/profile/{world.jane.did}")
    clock.advance(MINUTE)
    world.net.post(world.jane, "two", mention=[world.net.me])
    pages, cursor = await drain(world.connector, cursor)
    assert [page.profiles for page in pages] == [()]
    clock.advance(7 * HOUR)
    world.net.post(world.jane, "three", mention=[world.net.me])
    assert (await drain(world.connector, cursor))[0][0].profiles


async def test_history_can_be_left_out_or_cut(world: BlueskyWorld, clock: ManualClock) -> None:
    for number in range(6):
        world.net.post(world.jane, f"old {number}", mention=[world.net.me])
        clock.advance(HOUR)
    some = world.connect(backfill_items=2)
    pages, cursor = await drain(some)
    assert [m.text.split("@")[0].strip() for m in said(pages)] == ["old 4", "old 5"]
    assert all(page.backfill for page in pages)
    none = world.connect(backfill_items=0)
    pages, cursor = await drain(none)
    assert said(pages) == []
    world.net.post(world.jane, "new", mention=[world.net.me])
    pages, _ = await drain(none, cursor)
    assert [(m.text, page.backfill) for page in pages for m in page.messages] == [("new @acme.example", False)]


@pytest.mark.parametrize("skew", [-10 * MINUTE, 10 * MINUTE])
@pytest.mark.parametrize("items", [0, 200])
async def test_a_clock_that_is_off_loses_nothing(clock: ManualClock, skew: int, items: int) -> None:
    from email.utils import formatdate

    world = BlueskyWorld(ManualClock(clock.at + skew))
    world.net.lag = 0
    world.net.headers = {"Date": formatdate(world.clock.now() / 1_000, usegmt=True)}
    world.net.post(world.jane, "before", mention=[world.net.me])
    world.clock.advance(HOUR)
    clock.advance(HOUR)
    world.net.headers = {"Date": formatdate(world.clock.now() / 1_000, usegmt=True)}
    desk = world.connect(backfill_items=items)
    for part in (desk._reader, desk._posts, desk._writer, desk._client):
        part._clock = clock
    desk._client.http.clock = clock
    await desk.verify()
    pages, cursor = await drain(desk)
    assert [m.text.split()[0] for m in said(pages)] == (["before"] if items else [])
    for number in range(3):
        world.clock.advance(4 * SECOND)
        clock.advance(4 * SECOND)
        root = world.net.post(world.jane, f"{number}", mention=[world.net.me])
        pages, cursor = await drain(desk, cursor)
        assert [m.ref for m in said(pages)] == [root.uri]
    receipt = await desk.send(out(root.uri, "An answer", created_at=clock.now()))
    pages, cursor = await drain(desk, cursor)
    assert [m.ref for m in said(pages)] == [receipt.ref]
    await desk.close()


async def test_whom_a_colleague_answered_is_known_by_name(world: BlueskyWorld, clock: ManualClock) -> None:
    root = world.net.post(world.jane, "Just musing")
    _, cursor = await drain(world.connector)
    world.net.post(world.net.me, "Nice thought", reply=root)
    pages, _ = await drain(world.connector, cursor)
    assert [(head.customer_ref, head.ref) for head in pages[0].conversations] == [(world.jane.did, root.uri)]
    assert [profile.name for profile in pages[0].profiles] == ["Jane Doe"]


async def test_a_cursor_of_another_version_reads_everything_again(world: BlueskyWorld) -> None:
    world.net.post(world.jane, "hello", mention=[world.net.me])
    _, cursor = await drain(world.connector)
    for other in ('{"v":99}', "nonsense"):
        assert [m.text for m in said((await drain(world.connector, other))[0])] == ["hello @acme.example"]
    assert said((await drain(world.connector, cursor))[0]) == []


async def test_a_server_that_does_not_change_the_refresh_token_is_fine(world: BlueskyWorld) -> None:
    session = await world.connector._client.session()
    world.net.expire()
    world.net._number -= 1  # the same tokens once more
    await world.connector.verify()
    assert (await world.connector._client.session()).refresh == session.refresh


# listening ----------------------------------------------------------------------------------------------------------


async def test_hits_are_overheard_and_mentions_stay_mentions(world: BlueskyWorld, clock: ManualClock) -> None:
    listen = (ListenConfig(name="us", words=("Acme",), phrases=("parcel depot",), tags=("acmefail",),
                           languages=("en",), exclude=("acme acres",), exclude_authors=("troll.example",)),)
    desk = world.connect(listen=listen)
    _, cursor = await drain(desk)
    clock.advance(2 * MINUTE)
    world.net.post(world.jane, "acme lost my parcel", langs=["en"])
    world.net.post(world.jane, "The parcel depot is shut")
    world.net.post(world.jane, "again #acmefail")
    world.net.post(world.jane, "acme and a mention", mention=[world.net.me])
    world.net.post(world.jane, "acme est perdu", langs=["fr"])
    world.net.post(world.jane, "Welcome to acme acres")
    world.net.post(world.jane, "acmeist poets")
    world.net.post(world.net.account("troll.example"), "acme again")
    world.net.post(world.net.me, "acme answers")
    found = []
    for _ in range(4):
        pages, cursor = await drain(desk, cursor)
        found += said(pages)
        clock.advance(2 * MINUTE)
    assert {(m.text, m.indirect, m.direction) for m in found} == {
        ("acme lost my parcel", True, Direction.IN), ("The parcel depot is shut", True, Direction.IN),
        ("again #acmefail", True, Direction.IN), ("acme and a mention @acme.example", False, Direction.IN)}
    asked = {r.url.params["q"] for r in world.line.seen if "searchPosts" in r.url.path}
    assert asked == {"Acme", '"parcel depot"', "#acmefail"}


async def test_the_search_is_asked_once_a_minute_but_what_was_not_kept_is_asked_again(
    world: BlueskyWorld, clock: ManualClock
) -> None:
    desk = world.connect(listen=(ListenConfig(name="us", words=("acme",)),))
    _, cursor = await drain(desk)
    clock.advance(2 * MINUTE)
    world.net.post(world.jane, "acme one")
    pages, later = await drain(desk, cursor)
    assert len(said(pages)) == 1
    world.net.calls.clear()
    await drain(desk, later)
    assert "app.bsky.feed.searchPosts" not in world.net.calls
    assert len(said((await drain(desk, cursor))[0])) == 1, "that answer was never stored"


async def test_what_is_listened_for_since_now_has_a_past_without_alarms(
    world: BlueskyWorld, clock: ManualClock
) -> None:
    _, cursor = await drain(world.connector)
    world.net.post(world.jane, "acme yesterday")
    clock.advance(DAY)
    world.net.post(world.jane, "hello", mention=[world.net.me])
    desk = world.connect(listen=(ListenConfig(name="us", words=("acme",)),))
    pages, cursor = await drain(desk, cursor)
    assert [(m.text, page.backfill) for page in pages for m in page.messages] == [
        ("acme yesterday", True), ("hello @acme.example", False)]
    fewer, more = json.loads(cursor), json.loads((await drain(world.connect(listen=()), cursor))[1])
    assert "word:acme" in fewer["heard"]
    assert more["posts"] == fewer["posts"]


async def test_a_search_that_fails_does_not_hold_the_mentions_back(world: BlueskyWorld, clock: ManualClock) -> None:
    desk = world.connect(listen=(ListenConfig(name="us", words=("acme",)),))
    _, cursor = await drain(desk)
    world.net.search_down = True
    for number in range(12):
        clock.advance(11 * MINUTE)
        world.net.post(world.jane, f"hello {number}", mention=[world.net.me])
        pages, cursor = await drain(desk, cursor)
        assert len(said(pages)) == 1
    with pytest.raises(Rejected) as caught:
        await drain(desk, cursor)
    assert "search" in caught.value.cause
    await drain(desk, cursor)


# direct messages ----------------------------------------------------------------------------------------------------


async def test_requests_from_strangers_are_read_and_accepted_with_the_answer(
    world: BlueskyWorld, clock: ManualClock
) -> None:
    _, cursor = await drain(world.connector)
    convo = world.net.chat.write(world.jane.did, world.net.me.did, "May I ask?")
    pages, cursor = await drain(world.connector, cursor)
    head = pages[0].conversations[0]
    assert (head.ref, head.customer_ref, head.status) == (f"chat:{convo}", world.jane.did, "request")
    assert [(m.kind, m.visibility, m.author.name) for m in said(pages)] == [(Kind.DM, Visibility.DIRECT, "Jane Doe")]
    await world.connector.send(out(f"chat:{convo}", "Yes, see example.com"))
    assert world.net.me.did in world.net.chat.convos[convo].accepted
    sent = world.net.chat.convos[convo].messages[-1]
    assert sent["facets"][0]["features"][0]["uri"] == "https://example.com"


async def test_what_the_log_did_not_tell_is_found_by_looking_through(world: BlueskyWorld, clock: ManualClock) -> None:
    _, cursor = await drain(world.connector)
    world.net.chat.write(world.jane.did, world.net.me.did, "Hello?")
    world.net.chat.log.clear()
    pages, cursor = await drain(world.connector, cursor)
    assert said(pages) == []
    clock.advance(11 * MINUTE)
    pages, cursor = await drain(world.connector, cursor)
    assert [m.text for m in said(pages)] == ["Hello?"]
    clock.advance(11 * MINUTE)
    assert said((await drain(world.connector, cursor))[0]) == []


async def test_only_words_in_the_log_count(world: BlueskyWorld) -> None:
    convo = world.net.chat.between(world.jane.did, world.net.me.did)
    world.net.chat.add(convo, world.jane.did, "hi")
    _, cursor = await drain(world.connector)
    kinds: list[Any] = [
        {"$type": "chat.bsky.convo.defs#logReadMessage", "convoId": convo.id},
        {"$type": "chat.bsky.convo.defs#logDeleteMessage", "convoId": convo.id, "message": {"id": "x"}},
        {"$type": "chat.bsky.convo.defs#logCreateMessage", "convoId": convo.id, "message": {
            "$type": "chat.bsky.convo.defs#deletedMessageView", "id": "x", "rev": "x", "sender": {"did": "x"},
            "sentAt": "2026-01-01T00:00:00Z"}},
        {"$type": "chat.bsky.convo.defs#logCreateMessage", "convoId": convo.id, "message": "nonsense"}, "nonsense"]
    world.net.nonsense = "entries that are none"
    for number, entry in enumerate(kinds):
        world.net.chat.log.append((f"4{number:012d}", world.net.me.did, entry))
    pages, cursor = await drain(world.connector, cursor)
    assert said(pages) == []
    assert len([r for page in pages for r in page.rejects]) == 1
    assert said((await drain(world.connector, cursor))[0]) == []


async def test_chat_trouble_does_not_hold_the_mentions_back(world: BlueskyWorld, clock: ManualClock) -> None:
    _, cursor = await drain(world.connector)
    world.net.chat.down = True
    for number in range(3):
        clock.advance(11 * MINUTE)
        world.net.post(world.jane, f"hello {number}", mention=[world.net.me])
        pages, cursor = await drain(world.connector, cursor)
        assert len(said(pages)) == 1
    convo = world.net.chat.write(world.jane.did, world.net.me.did, "in private")
    world.net.chat.down = False
    clock.advance(11 * MINUTE)
    pages, _ = await drain(world.connector, cursor)
    assert [(m.text, m.conversation_ref) for m in said(pages)] == [("in private", f"chat:{convo}")]


async def test_what_the_chat_says_of_the_account_does_not_stop_the_posts(
    world: BlueskyWorld, clock: ManualClock
) -> None:
    _, cursor = await drain(world.connector)
    world.line.faults.append(Fault("status", path="getLog", status=400, times=99,
                                   body=b'{"error":"AccountSuspended","message":"Account is suspended from chat"}'))
    clock.advance(MINUTE)
    world.net.post(world.jane, "hello", mention=[world.net.me])
    pages, _ = await drain(world.connector, cursor)
    assert len(said(pages)) == 1
    with pytest.raises(Rejected):
        await world.connector.send(out("chat:convo1", "hello"))


async def test_a_lost_direct_message_is_never_sent_on_a_guess(world: BlueskyWorld, clock: ManualClock) -> None:
    convo = f"chat:{world.net.chat.write(world.jane.did, world.net.me.did, 'Hi')}"
    await drain(world.connector)
    assert world.connector.freeze(out(convo, "x")) == ""
    message = out(convo, "Your refund is on its way", created_at=clock.now())
    world.line.faults.append(Fault("cut", path="sendMessage"))
    with pytest.raises(Ambiguous):
        await world.connector.send(message)
    assert isinstance(await world.connect().reconcile(message, clock.now()), Found)
    again = await world.connect().send(message)
    assert await world.privately("Your refund is on its way") == 1
    second = msgspec.structs.replace(message, client_id="another", created_at=clock.now() + 5 * MINUTE)
    clock.advance(5 * MINUTE)
    assert (await world.connector.send(second)).ref != again.ref
    assert await world.privately("Your refund is on its way") == 2, "the same words later are another message"
    world.line.faults.append(Fault("garbage", path="sendMessage"))
    with pytest.raises(Ambiguous):
        await world.connector.send(out(convo, "Garbled", created_at=clock.now()))
    assert isinstance(await world.connector.reconcile(out(convo, "Garbled"), clock.now()), Found)
    missing = out(convo, "Never", created_at=clock.now())
    assert isinstance(await world.connector.reconcile(missing, clock.now()), Unsure)
    clock.advance(MINUTE)
    assert await world.connector.reconcile(missing, clock.now() - MINUTE) == Absent()
    for number in range(120):
        clock.advance(SECOND)
        world.net.chat.add(world.net.chat.convos[convo.removeprefix("chat:")], world.jane.did, f"{number}")
    assert isinstance(await world.connector.reconcile(missing, clock.now() - 3 * MINUTE), Unsure)


@pytest.mark.parametrize(("incoming", "words"), [
    ("none", "no direct messages"), ("following", "only from accounts that they follow")])
async def test_why_somebody_cannot_be_written_to_is_said(world: BlueskyWorld, incoming: str, words: str) -> None:
    root = world.net.post(world.jane, "Help", mention=[world.net.me])
    world.jane.incoming = incoming
    with pytest.raises(Rejected) as caught:
        await world.connector.send(out(root.uri, "Hi", kind=OutKind.DM, customer_ref=world.jane.did,
                                       visibility=Visibility.DIRECT))
    assert words in caught.value.title
    assert caught.value.remedy


async def test_a_talk_begins_by_handle_too_and_blocks_and_locks_are_said(world: BlueskyWorld) -> None:
    direct = {"kind": OutKind.DM, "visibility": Visibility.DIRECT}
    receipt = await world.connector.send(out("elsewhere", "Hi", customer_handle="@jane.example", **direct))
    assert receipt.conversation_ref == "chat:convo1"
    world.net.chat.convos["convo1"].kind = {
        "$type": "chat.bsky.convo.defs#groupConvo", "name": "Parcels", "createdAt": "2026-01-01T00:00:00.000Z",
        "lockStatus": "locked", "lockStatusModerationOverride": False, "memberCount": 3, "memberLimit": 50}
    page = await world.connector.thread("chat:convo1")
    assert page.conversations[0].locked_reason == "The conversation is locked"
    with pytest.raises(WindowClosed):
        await world.connector.send(out("chat:convo1", "Still there?"))
    with pytest.raises(Rejected):
        await world.connector.send(out("elsewhere", "Hi", **direct))
    with pytest.raises(Gone):
        await world.connector.send(out("elsewhere", "Hi", customer_handle="@nobody.example", **direct))
    with pytest.raises(TooLong):
        await world.connector.send(out("chat:convo1", "x" * 1_001))
    world.jane.blocks.add(world.net.me.did)
    with pytest.raises(Rejected, match="blocked"):
        await world.connector.send(out("elsewhere", "Ho", customer_ref=world.jane.did, **direct))


# sending ------------------------------------------------------------------------------------------------------------


async def test_what_was_frozen_is_what_lands(world: BlueskyWorld, clock: ManualClock) -> None:
    bo = world.net.account("bo.example", "Bo")
    root = world.net.post(world.jane, "Ayuda", mention=[world.net.me], langs=["es"])
    await drain(world.connector)
    reply = out(root.uri, "Ask @bo.example, @no.example or example.com #help", reply_to_ref=root.uri)
    frozen = json.loads(world.connector.freeze(reply))
    assert frozen["record"]["langs"] == ["es"]
    assert frozen["record"]["reply"]["parent"] == {"uri": root.uri, "cid": root.cid}
    assert "facets" not in frozen["record"], "nobody has told us yet who @bo.example is"
    reply = msgspec.structs.replace(reply, extra=json.dumps(frozen))
    clock.advance(3 * HOUR)
    receipt = await world.connect().send(reply)
    value = world.net.rows[receipt.ref].value
    assert {name: value[name] for name in frozen["record"]} == frozen["record"]
    assert [facet["features"][0] for facet in value["facets"]] == [
        {"$type": "app.bsky.richtext.facet#mention", "did": bo.did},
        {"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com"},
        {"$type": "app.bsky.richtext.facet#tag", "tag": "help"}]
    assert receipt.ref.endswith(frozen["rkey"])
    assert receipt.created_at == reply.created_at
    body = json.loads(next(r.content for r in world.line.seen if "putRecord" in r.url.path))
    assert body["swapRecord"] is None


async def test_a_second_try_lands_nothing_new_whatever_has_changed_meanwhile(world: BlueskyWorld) -> None:
    root = world.net.post(world.jane, "Help", mention=[world.net.me])
    reply = out(root.uri, "Sure")
    world.line.faults.append(Fault("cut", path="putRecord"))
    with pytest.raises(Ambiguous):
        await world.connector.send(reply)
    world.net.write(world.jane.did, POST, root.rkey, {**root.value, "text": "Help, please"})  # another version by now
    again = await world.connect().send(reply)
    assert len(world.net.posts(world.net.me.did, "Sure")) == 1
    world.net.delete(root)
    assert (await world.connect().send(reply)).ref == again.ref, "it has landed, so that it is no refusal"
    other = out(root.uri, "Sure!", client_id=reply.client_id)
    with pytest.raises(Conflict):
        await world.connect().send(other)


async def test_a_reply_to_the_whole_conversation_answers_its_last_words(
    world: BlueskyWorld, clock: ManualClock
) -> None:
    root = world.net.post(world.jane, "One", mention=[world.net.me])
    clock.advance(SECOND)
    second = world.net.post(world.jane, "Two", reply=root)
    clock.advance(SECOND)
    world.net.post(world.net.account("eve.example"), "lol", reply=root)
    first = await world.connector.send(out(root.uri, "A", created_at=clock.now()))
    clock.advance(SECOND)
    more = await world.connect().send(out(root.uri, "B", created_at=clock.now()))
    parents = [world.net.rows[r.ref].value["reply"]["parent"]["uri"] for r in (first, more)]
    assert parents == [second.uri, first.ref]


async def test_parts_hang_on_each_other_before_the_network_shows_them(world: BlueskyWorld) -> None:
    world.net.lag = 10 * SECOND
    root = world.net.post(world.jane, "Long story?", mention=[world.net.me])
    parts = [out(root.uri, f"part {number}/3", reply_to_ref=root.uri) for number in (1, 2, 3)]
    receipts = [await world.connector.send(part) for part in parts]
    parents = [world.net.rows[r.ref].value["reply"]["parent"]["uri"] for r in receipts]
    assert parents == [root.uri, receipts[0].ref, receipts[1].ref]
    assert (await world.connector.send(parts[0])).ref == receipts[0].ref
    assert len(world.net.rows) == 4


@pytest.mark.parametrize("text", ["a" * 300, "é" * 300, "👨‍👩‍👧‍👧" * 120, "漢" * 300,
                                  "see https://example.com/" + "a" * 276])
async def test_a_text_at_the_limit_goes_and_one_more_does_not(world: BlueskyWorld, text: str) -> None:
    root = world.net.post(world.jane, "Help", mention=[world.net.me])
    await world.connector.send(out(root.uri, text))
    assert len(world.net.posts(world.net.me.did, text)) == 1
    with pytest.raises(TooLong):
        await world.connector.send(out(root.uri, text + text[-1] * (1 if len(text) < 700 else 7)))


async def test_what_bluesky_has_no_place_for_is_refused(world: BlueskyWorld) -> None:
    root = world.net.post(world.jane, "Help", mention=[world.net.me])
    for wrong in (out(root.uri, "psst", visibility=Visibility.DIRECT), out(root.uri, "note", kind=OutKind.NOTE),
                  out(root.uri, "ticket", kind=OutKind.TICKET), out("elsewhere", "where?"),
                  out(root.uri, "x", extra="{}"), out(root.uri, "  ")):
        with pytest.raises(Rejected) as caught:
            await world.connector.send(wrong)
        assert caught.value.remedy or caught.value.cause
    assert [row for row in world.net.rows.values() if row.did == world.net.me.did] == []


def upload(file: Path, data: bytes, alt: str = "") -> Upload:
    file.write_bytes(data)
    return Upload(path=str(file), name=file.name, mime="image/png", size=len(data), alt=alt,
                  digest=hashlib.sha256(data).hexdigest())


async def test_pictures_go_with_their_descriptions(world: BlueskyWorld, tmp_path: Path) -> None:
    root = world.net.post(world.jane, "Where?", mention=[world.net.me])
    picture = upload(tmp_path / "plan.gif", b"GIF89a\x04\0\x03\0 the picture", "A plan of the depot")
    reply = out(root.uri, "Here", uploads=(picture,))
    receipt = await world.connector.send(reply)
    image = world.net.rows[receipt.ref].value["embed"]["images"][0]
    assert (image["alt"], image["image"]["mimeType"], image["aspectRatio"]) == (
        "A plan of the depot", "image/gif", {"width": 4, "height": 3})
    assert (await world.connect().send(reply)).ref == receipt.ref
    page = await world.connector.thread(root.uri)
    assert [a.alt for m in page.messages for a in m.attachments] == ["A plan of the depot"]
    paper = upload(tmp_path / "bill.pdf", b"%PDF-1.7")
    changed = msgspec.structs.replace(picture, digest="0" * 64)
    for wrong in ((paper,), (changed,), (picture,) * 5):
        with pytest.raises(Rejected):
            await world.connector.send(out(root.uri, "And here", uploads=wrong))
    with pytest.raises(Rejected):
        await world.connector.send(out("chat:convo1", "And here", uploads=(picture,)))
    assert world.net.posts(world.net.me.did, "And here") == []


# acting -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [Verb.LIKE, Verb.BOOST, Verb.FOLLOW])
@pytest.mark.parametrize("lag", [0, 10 * SECOND])
async def test_acts_can_be_repeated_and_taken_back_before_the_network_shows_them(
    world: BlueskyWorld, verb: Verb, lag: int
) -> None:
    root = world.net.post(world.jane, "Thank you!", mention=[world.net.me])
    world.net.lag = lag
    before = len(world.net.rows)

    async def act(connector: BlueskyConnector, value: str = "") -> int:
        await connector.act(Action(verb=verb, conversation_ref=root.uri, message_ref=root.uri, value=value,
                                   customer_ref=world.jane.did))
        return len(world.net.rows) - before

    assert await act(world.connector) == 1
    assert await act(world.connector) == 1
    assert await act(world.connect()) == 1, "another process finds it too"
    assert await act(world.connect(), "off") == 0
    assert await act(world.connector, "off") == 0
    assert await act(world.connect()) == 1


async def test_what_a_colleague_took_back_in_the_app_can_be_done_again(world: BlueskyWorld, clock: ManualClock) -> None:
    root = world.net.post(world.jane, "Thank you!", mention=[world.net.me])
    like = Action(verb=Verb.LIKE, conversation_ref=root.uri, message_ref=root.uri)
    await world.connector.act(like)
    for row in [row for row in world.net.rows.values() if row.did == world.net.me.did]:
        world.net.delete(row)
    clock.advance(3 * MINUTE)
    await world.connector.act(like)
    assert [row.value["subject"]["uri"] for row in world.net.rows.values() if row.did == world.net.me.did] == [root.uri]


async def test_only_our_own_posts_are_deleted_and_nothing_is_edited(world: BlueskyWorld) -> None:
    root = world.net.post(world.jane, "Hi", mention=[world.net.me])
    ours = await world.connector.send(out(root.uri, "Oops"))
    delete = Action(verb=Verb.DELETE, conversation_ref=root.uri, message_ref=ours.ref)
    await world.connector.act(delete)
    await world.connector.act(delete)
    assert list(world.net.rows) == [root.uri]
    for verb, ref in ((Verb.DELETE, root.uri), (Verb.DELETE, "chat:convo1/m1"), (Verb.DELETE, ""),
                      (Verb.EDIT, ours.ref), (Verb.MARK_READ, ""), (Verb.LIKE, "chat:convo1/m1"),
                      (Verb.BOOST, ours.ref)):
        with pytest.raises(Rejected) as caught:
            await world.connector.act(Action(verb=verb, conversation_ref="chat:convo1", message_ref=ref))
        assert caught.value.remedy or caught.value.cause
    with pytest.raises(Rejected):
        await world.connector.act(Action(verb=Verb.FOLLOW, conversation_ref=root.uri, customer_ref=world.net.me.did))
    assert list(world.net.rows) == [root.uri]


# looking up ---------------------------------------------------------------------------------------------------------


async def test_history_and_search(world: BlueskyWorld, clock: ManualClock) -> None:
    root = world.net.post(world.jane, "Where is my parcel", mention=[world.net.me])
    clock.advance(SECOND)
    world.net.post(world.net.me, "On its way", reply=root)
    world.net.post(world.jane, "Nice weather, no parcel")
    world.net.chat.write(world.jane.did, world.net.me.did, "My street is Elm")
    history = await world.connector.history(world.jane.did)
    assert {m.text for m in history.messages} == {"Where is my parcel @acme.example", "On its way", "My street is Elm"}
    found = await world.connector.find("parcel")
    assert {(m.text, m.indirect) for m in found.messages} == {
        ("Where is my parcel @acme.example", False), ("Nice weather, no parcel", True)}
    by_handle = await world.connector.find("@jane.example")
    assert {m.ref for m in by_handle.messages} == {m.ref for m in found.messages}
    assert (await world.connector.find("  ")).messages == ()
    with pytest.raises(Gone):
        await world.connector.find("@nobody.example")
    with pytest.raises(Gone):
        await world.connector.customer("did:plc:nobody")
    assert [c.id for c in world.net.chat.convos.values()] == ["convo1"], "looking begins no talk"


async def test_pictures_are_fetched_without_the_session(world: BlueskyWorld) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"picture")

    await world.connector.verify()
    http = world.connector._client.http
    await http.close()
    http._transport = httpx.MockTransport(answer)
    held = io.BytesIO()
    await world.connector.download("https://cdn.bsky.app/img/x@jpeg", held, 1_000)
    assert held.getvalue() == b"picture"
    assert "authorization" not in seen[0].headers
    with pytest.raises(Rejected):
        await world.connector.download("https://cdn.bsky.app/img/x@jpeg", io.BytesIO(), 3)


# broken servers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "kind"), [
    (b"<html>", BadAnswer), (b"[]", BadAnswer), (b'{"notifications":7}', BadAnswer), (b"\xff\xfe", BadAnswer),
    (b'{"notifications":[],"cursor":7}', None), (b"[" * 100_000, BadAnswer)])
async def test_nonsense_is_said_to_be_nonsense(world: BlueskyWorld, body: bytes, kind: type[Exception] | None) -> None:
    await world.connector.verify()
    world.line.faults.append(Fault("status", path="listNotifications", status=200, body=body))
    if kind is None:
        assert (await world.connector.pull(None)).messages == ()
        return
    with pytest.raises(kind):
        await world.connector.pull(None)


async def test_endless_and_circling_pages_end(world: BlueskyWorld) -> None:
    await world.connector.verify()
    world.line.faults.append(Fault("status", path="listNotifications", status=200, times=999,
                                   body=b'{"notifications":[],"cursor":"same"}'))
    with pytest.raises(BadAnswer):
        await world.connector.pull(None)


@pytest.mark.parametrize("item", [
    7, None, "text", [], {}, {"uri": 7}, {"uri": "at://did:plc:a/app.bsky.feed.post/x"},
    {"uri": "at://did:plc:a/app.bsky.feed.post/x", "cid": "c", "author": {"did": "nobody"}, "record": {"text": "x"}},
    {"uri": "at://did:plc:a/app.bsky.feed.post/x", "cid": "c", "author": {"did": "did:plc:a"}, "record": "x"},
    {"uri": "at://did:plc:a/app.bsky.feed.post/x", "cid": "c", "author": {"did": "did:plc:a"},
     "record": {"text": "x", "createdAt": "soon"}}])
async def test_an_item_that_does_not_fit_is_set_aside_once(world: BlueskyWorld, item: Any) -> None:
    if isinstance(item, dict):
        item = {"reason": "mention", "indexedAt": "", **item}
    world.net.nonsense = "a notification that is none"
    world.net.raw_notifications.append(item)
    world.net.post(world.jane, "fine", mention=[world.net.me])
    pages, cursor = await drain(world.connector)
    assert [m.text for m in said(pages)] == ["fine @acme.example"]
    assert len([r for page in pages for r in page.rejects]) == 1
    pages, _ = await drain(world.connector, cursor)
    assert [r for page in pages for r in page.rejects] == []


async def test_an_empty_list_where_there_was_much_loses_nothing(world: BlueskyWorld, clock: ManualClock) -> None:
    for number in range(5):
        world.net.post(world.jane, f"{number}", mention=[world.net.me])
    _, cursor = await drain(world.connector)
    rows, world.net.rows = world.net.rows, {}
    clock.advance(11 * MINUTE)
    pages, cursor = await drain(world.connector, cursor)
    assert [(page.messages, page.removed) for page in pages] == [((), ())]
    world.net.rows = rows
    world.net.post(world.jane, "new", mention=[world.net.me])
    clock.advance(MINUTE)
    assert "new @acme.example" in [m.text for m in said((await drain(world.connector, cursor))[0])]


async def test_a_server_that_leads_elsewhere_gets_no_token(world: BlueskyWorld) -> None:
    await world.connector.verify()
    world.line.faults.append(Fault("status", path="listNotifications", status=302,
                                   headers={"Location": "https://evil.example/"}))
    with pytest.raises(BadAnswer):
        await world.connector.pull(None)
    assert {request.url.host for request in world.line.seen} == {"pds.example"}


@pytest.mark.parametrize(("status", "name", "kind"), [
    (400, "InvalidRequest", Rejected), (403, "Forbidden", Rejected), (404, "XRPCNotSupported", Gone),
    (500, "InternalServerError", Unavailable), (502, "UpstreamFailure", Unavailable),
    (401, "AccountTakedown", AuthError), (400, "RepoTakendown", Gone), (501, "MethodNotImplemented", Rejected)])
async def test_every_refusal_has_words_and_a_next_step(
    world: BlueskyWorld, status: int, name: str, kind: type[SourceError]
) -> None:
    await world.connector.verify()
    body = json.dumps({"error": name, "message": "no\x1b[31m"}).encode()
    world.line.faults.append(Fault("status", path="listNotifications", status=status, times=3, body=body))
    with pytest.raises(kind) as caught:
        await world.connector.pull(None)
    assert caught.value.title
    assert caught.value.cause
    assert caught.value.remedy
    assert "\x1b" not in str(caught.value)


# signing in ---------------------------------------------------------------------------------------------------------


def finder(clock: ManualClock, pages: dict[str, Any]) -> Finder:
    """A finder in a world of these addresses."""
    def answer(request: httpx.Request) -> httpx.Response:
        found = pages.get(str(request.url))
        if found is None:
            return httpx.Response(400, json={"error": "HandleNotFound"})
        return httpx.Response(200, content=found if isinstance(found, bytes) else json.dumps(found).encode())

    return Finder(clock, transport=httpx.MockTransport(answer))


def document(home: str) -> dict[str, Any]:
    return {"id": "did:plc:x", "service": [{"id": "#other"}, {"id": "#atproto_pds", "serviceEndpoint": home}]}


RESOLVE = f"{RESOLVER}/xrpc/com.atproto.identity.resolveHandle?handle="


async def test_signing_in_asks_for_the_handle_and_an_app_password(clock: ManualClock) -> None:
    person = Answers("@Acme.bsky.social ", " abcd-efgh-ijkl-mnop\n")
    found = await package_sign_in(person, clock)
    assert (found.name, found.settings, found.secret) == (
        "acme", {"handle": "acme.bsky.social"}, "abcd-efgh-ijkl-mnop")
    assert person.asked == ["Handle", "secret: App password"]
    assert any("bsky.app/settings/app-passwords" in words for words in person.told)
    assert "abcd" not in repr(found)


async def test_a_name_alone_and_an_address_are_understood(clock: ManualClock) -> None:
    person = Answers("", "acme", "p")
    assert (await sign_in(person, clock, finder(clock, {}))).settings == {"handle": "acme.bsky.social"}
    person = Answers("https://bsky.app/profile/acme.bsky.social/", "p")
    assert (await sign_in(person, clock, finder(clock, {}))).settings == {"handle": "acme.bsky.social"}


async def test_the_server_is_found_from_the_handle(clock: ManualClock) -> None:
    by_network = finder(clock, {RESOLVE + "acme.example": {"did": "did:plc:x"},
                                f"{DIRECTORY}/did:plc:x": document("https://pds.example/")})
    found = await sign_in(Answers("acme.example", "p"), clock, by_network)
    assert found.settings == {"handle": "acme.example", "url": "https://pds.example"}
    by_host = finder(clock, {"https://acme.example/.well-known/atproto-did": b"did:web:home.example\n",
                             "https://home.example/.well-known/did.json": document("https://pds.example")})
    assert (await sign_in(Answers("acme.example", "p"), clock, by_host)).settings["url"] == "https://pds.example"
    theirs = finder(clock, {RESOLVE + "acme.example": {"did": "did:plc:x"},
                            f"{DIRECTORY}/did:plc:x": document("https://morel.us-east.host.bsky.network")})
    assert "url" not in (await sign_in(Answers("acme.example", "p"), clock, theirs)).settings


@pytest.mark.parametrize("pages", [
    {}, {RESOLVE + "acme.example": {"did": "nonsense"}}, {RESOLVE + "acme.example": []},
    {RESOLVE + "acme.example": {"did": "did:plc:x"}, f"{DIRECTORY}/did:plc:x": document("http://plain.example")},
    {RESOLVE + "acme.example": {"did": "did:web:user@evil.example"}}])
async def test_a_server_that_cannot_be_found_is_asked_for(clock: ManualClock, pages: dict[str, Any]) -> None:
    person = Answers("acme.example", "https://pds.example/", "p")
    assert (await sign_in(person, clock, finder(clock, pages))).settings["url"] == "https://pds.example"
    assert any("could not be found" in words for words in person.told)
    person = Answers("acme.example", "", "p")
    assert "url" not in (await sign_in(person, clock, finder(clock, pages))).settings
    assert BLUESKY


def test_connecting_opens_nothing(clock: ManualClock) -> None:
    from agentdesk.config.sources import BlueskySource
    from agentdesk.connectors.bluesky import connect

    made = connect(BlueskySource(name="acme", handle="acme.bsky.social"), clock=clock, token=lambda: "p")
    assert (made.name, made.caps.letter, made.caps.counter.value) == ("bluesky:acme", "B", "grapheme_bytes")
    assert Line(lambda *_: None).seen == []  # type: ignore[arg-type,return-value]
    assert BASE
