"""The Bluesky connector on a real AT Protocol network: its directory, an account's server, and the network's view."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import struct
import time
import uuid
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agentdesk.config.sources import BlueskySource, ListenConfig
from agentdesk.connectors.bluesky.connector import BlueskyConnector
from agentdesk.connectors.bluesky.signing import Finder
from agentdesk.errors import Ambiguous, AuthError, Gone, RateLimited, Rejected, Unavailable
from agentdesk.model.clock import DAY, MINUTE, SECOND, ManualClock
from agentdesk.model.message import Direction, Kind, Message, Visibility
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Upload, Verb
from tests.contract.suite import ConnectorContract, World
from tests.fakes.bluesky_wire import iso
from tests.real.bluesky_net import POST, ChatService, Network, Person, shared_network, until
from tests.real.conftest import Faulty, run, worker
from tests.real.described import described

pytestmark = pytest.mark.real

Connect = Callable[..., BlueskyConnector]
PORT = int(os.environ.get("BSKY_TEST_PORT", "2580"))


@pytest.fixture(scope="session")
def net(testrun_uid: str) -> Iterator[Network]:
    """The network."""
    with shared_network(testrun_uid, PORT) as network:
        yield network


@pytest.fixture(scope="session")
def faulty_net(net: Network, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """The account's server behind the fault proxy."""
    folder = str(tmp_path_factory.mktemp("fault"))
    env = {"FAULT_DIR": folder, "HOME": folder}
    port = PORT + 20 + worker(worker_id)
    yield Faulty(json.loads(run("fault-proxy", "up", net.url.replace("localhost", "127.0.0.1"), str(port), env=env)))
    run("fault-proxy", "down", env=env)


@pytest.fixture
def faults(faulty_net: Faulty) -> Iterator[Faulty]:
    """The proxy without rules left from other tests."""
    faulty_net.clear()
    yield faulty_net
    faulty_net.clear()


@pytest.fixture(autouse=True)
def _held_to_the_description() -> Iterator[None]:
    """Compare what is asked and answered with the lexicons."""
    with described("bluesky", {r"GET /did:plc:\w+: no such route": "the directory's: https://web.plc.directory/api"}):
        yield


@pytest.fixture
def clock() -> ManualClock:
    """Stands still at the present: the servers' times are the machine's."""
    return ManualClock(time.time_ns() // 1_000_000)


@pytest.fixture
def chat() -> Iterator[ChatService]:
    """A chat service that the account's server can reach."""
    service = ChatService()
    yield service
    service.close()


@pytest.fixture
def us(net: Network) -> Person:
    """The account that the desk answers for."""
    return net.person("acme")


@pytest.fixture
def jane(net: Network) -> Person:
    """A customer."""
    return net.person("jane")


@pytest.fixture
async def connect(net: Network, us: Person, clock: ManualClock) -> AsyncIterator[Connect]:
    """Make connectors for our account."""
    made: list[BlueskyConnector] = []

    def make(password: str = "", **config: object) -> BlueskyConnector:
        password = password or us.app_password()
        settings: dict[str, object] = {"name": "acme", "handle": us.handle, "url": net.url, "chat": "", **config}
        made.append(BlueskyConnector(BlueskySource(**settings), clock, lambda: password))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


async def drain(desk: BlueskyConnector, cursor: str | None = None) -> tuple[list[Message], str]:
    """Pull until there is no more."""
    found: list[Message] = []
    while True:
        page = await desk.pull(cursor)
        assert not page.rejects
        found += page.messages
        assert page.cursor
        cursor = page.cursor
        if not page.more:
            return found, cursor


async def there(get: Callable[[], Any]) -> None:
    """Wait for something without holding up the loop."""
    await asyncio.to_thread(until, get)


def answer(ref: str, text: str, clock: ManualClock, desk: BlueskyConnector | None = None, **more: Any) -> Outgoing:
    """A reply as it lies in the outbox."""
    out = Outgoing(client_id=str(uuid.uuid4()), conversation_ref=ref, kind=OutKind.REPLY, text=text,
                   visibility=Visibility.PUBLIC, agent="ann", created_at=clock.now(), **more)
    return msgspec.structs.replace(out, extra=desk.freeze(out)) if desk else out


def standing(net: Network, who: Person, text: str) -> list[dict[str, Any]]:
    """The posts of an account with this text."""
    return [record for record in net.records(who.did) if record["value"]["text"] == text]


# reading ------------------------------------------------------------------------------------------------------------


async def test_a_mention_an_answer_and_what_follows(
    net: Network, us: Person, jane: Person, connect: Connect, clock: ManualClock
) -> None:
    desk = connect()
    account = await desk.verify()
    assert (account.ref, account.handle, account.scopes) == (us.did, us.handle, ("app password",))
    _, cursor = await drain(desk)
    root = jane.post(f"@{us.handle} my router is dead, see https://example.com", to=us, exact=False)
    await there(lambda: us.notified(root["uri"]))
    found, cursor = await drain(desk, cursor)
    assert [(m.conversation_ref, m.kind, m.author.handle) for m in found] == [(root["uri"], Kind.MENTION, jane.handle)]
    receipt = await desk.send(answer(root["uri"], "Sorry to hear!", clock, desk, reply_to_ref=root["uri"]))
    await there(lambda: jane.notified(receipt.ref))
    back = jane.post("Still dead.", reply={"uri": receipt.ref, "cid": standing(net, us, "Sorry to hear!")[0]["cid"]})
    like = {"$type": "app.bsky.feed.like", "subject": {"uri": receipt.ref, "cid": back["cid"]},
            "createdAt": iso(clock.now())}
    jane.write(like)
    await there(lambda: us.notified(back["uri"]))
    desk = connect()  # a restart: nothing but the cursor is left
    found, cursor = await drain(desk, cursor)
    assert [(m.text, m.direction, m.kind) for m in found if m.direction is Direction.IN] == [
        ("Still dead.", Direction.IN, Kind.REPLY)]
    assert {m.conversation_ref for m in found} == {root["uri"]}
    assert (await drain(desk, cursor))[0] == []
    page = await desk.thread(root["uri"])
    assert [m.ref for m in page.messages] == sorted((m.ref for m in page.messages), key=lambda ref: [
        m.created_at for m in page.messages if m.ref == ref])
    assert {m.ref for m in page.messages} == {root["uri"], receipt.ref, back["uri"]}


async def test_a_post_that_is_dated_back_is_found(
    us: Person, jane: Person, connect: Connect, clock: ManualClock
) -> None:
    desk = connect()
    for number in range(3):
        made = jane.post(f"on time {number}", to=us)
    await there(lambda: us.notified(made["uri"]))
    _, cursor = await drain(desk)
    late = jane.post("from yesterday", to=us, createdAt=iso(clock.now() - DAY))
    await there(lambda: us.notified(late["uri"]))
    clock.advance(11 * MINUTE)
    found, cursor = await drain(desk, cursor)
    assert [m.text for m in found] == ["from yesterday"]
    clock.advance(11 * MINUTE)
    assert (await drain(desk, cursor))[0] == []


async def test_below_our_own_post_every_customer_has_a_conversation(
    net: Network, us: Person, jane: Person, connect: Connect, clock: ManualClock
) -> None:
    ours = us.post("We are closed on Monday")
    bo = net.person("bo")
    await there(lambda: jane.sees(ours["uri"]))
    first, second = jane.post("And Tuesday?", reply=ours), bo.post("Thanks!", reply=ours)
    for made in (first, second):
        await there(lambda made=made: us.notified(made["uri"]))
    told = us.post("Open", reply=first)
    await there(lambda: jane.notified(told["uri"]))
    again = jane.post("Good", reply=told)
    await there(lambda: us.notified(again["uri"]))
    desk = connect()
    page = await desk.pull(None)
    hers, his = f"{ours['uri']}#{jane.did}", f"{ours['uri']}#{bo.did}"
    assert {m.text: m.conversation_ref for m in page.messages} == {
        "And Tuesday?": hers, "Thanks!": his, "Open": hers, "Good": hers}
    heads = {head.ref: head.subject for head in page.conversations}
    assert heads[hers] == "on our post: We are closed on Monday"
    for connector in (desk, connect()):
        assert [(m.text, m.direction) for m in (await connector.thread(hers)).messages] == [
            ("We are closed on Monday", Direction.ASIDE), ("And Tuesday?", Direction.IN), ("Open", Direction.OUT),
            ("Good", Direction.IN)]


async def test_what_is_deleted_blocked_or_changed(
    net: Network, us: Person, jane: Person, connect: Connect, clock: ManualClock
) -> None:
    desk, bo = connect(), net.person("bo")
    root = jane.post("Help", to=us)
    await there(lambda: bo.sees(root["uri"]))
    middle = bo.post("Me too", reply=root)
    await there(lambda: jane.sees(middle["uri"]))
    below = jane.post("See?", reply=middle)
    await there(lambda: us.sees(below["uri"]))
    assert {m.text: m.direction for m in (await desk.thread(root["uri"])).messages} == {
        "Help": Direction.IN, "Me too": Direction.ASIDE, "See?": Direction.IN}
    bo.write({"$type": "app.bsky.graph.block", "subject": us.did, "createdAt": iso(clock.now())})
    await there(lambda: not us.sees(middle["uri"]))
    page = await desk.thread(root["uri"])
    blocked = next(m for m in page.messages if m.ref.startswith(middle["uri"]))
    assert (blocked.text, blocked.deleted, blocked.can_reply) == ("", False, False)
    assert "blocked" in blocked.attachments[0].name
    jane.delete(below["uri"])
    changed = {**net.value(root["uri"]), "text": "Help please"}
    jane.call("POST", "com.atproto.repo.putRecord", json={
        "repo": jane.did, "collection": POST, "rkey": root["uri"].rpartition("/")[2], "record": changed})
    await there(lambda: not us.sees(below["uri"]))
    await there(lambda: us.call("GET", "app.bsky.feed.getPosts", params={
        "uris": [root["uri"]]})["posts"][0]["record"]["text"] == "Help please")
    page = await desk.thread(root["uri"])
    assert page.removed == (below["uri"],)
    assert "Help please" in [m.text for m in page.messages]
    jane.delete(root["uri"])
    await there(lambda: not us.sees(root["uri"]))
    with pytest.raises(Gone):
        await connect().thread(root["uri"])


async def test_listening(us: Person, jane: Person, connect: Connect, clock: ManualClock) -> None:
    word = f"routerword{uuid.uuid4().hex[:8]}"
    desk = connect(listen=(ListenConfig(name="router", words=(word,)),))
    _, cursor = await drain(desk)
    plain = jane.post(f"my {word} broke")
    both = jane.post(f"my {word} broke, hello", to=us)
    await there(lambda: us.sees(plain["uri"]) and us.notified(both["uri"]))
    clock.advance(2 * MINUTE)
    found, cursor = await drain(desk, cursor)
    assert {m.ref: m.indirect for m in found} == {plain["uri"]: True, both["uri"]: False}
    clock.advance(2 * MINUTE)
    assert (await drain(desk, cursor))[0] == []
    assert {m.ref for m in (await desk.find(word)).messages} == {plain["uri"], both["uri"]}


# sending ------------------------------------------------------------------------------------------------------------


async def test_the_same_reply_lands_once_and_another_under_its_key_is_a_conflict(
    net: Network, us: Person, jane: Person, connect: Connect, clock: ManualClock
) -> None:
    desk, bo = connect(), net.person("bo")
    root = jane.post("Hello?", to=us)
    await there(lambda: us.notified(root["uri"]))
    text = f"Ask @{bo.handle}, or see example.com/help #sorry"
    out = answer(root["uri"], text, clock, desk)
    ends = await asyncio.gather(*(desk.send(out) for _ in range(4)), connect().send(out))
    assert len({receipt.ref for receipt in ends}) == 1
    assert len(standing(net, us, text)) == 1
    value = standing(net, us, text)[0]["value"]
    assert [facet["features"][0]["$type"].partition("#")[2] for facet in value["facets"]] == ["mention", "link", "tag"]
    await there(lambda: bo.notified(ends[0].ref))
    assert isinstance(await desk.reconcile(out, clock.now()), Found)
    with pytest.raises(Rejected):
        await desk.send(msgspec.structs.replace(out, text="Another", extra=out.extra.replace("Ask", "Tell")))


async def test_parts_of_a_reply_hang_on_each_other(
    net: Network, us: Person, jane: Person, connect: Connect, clock: ManualClock
) -> None:
    desk = connect()
    root = jane.post("A long story", to=us)
    await there(lambda: us.notified(root["uri"]))
    receipts = [await desk.send(answer(root["uri"], f"part {number}/3", clock, desk, reply_to_ref=root["uri"]))
                for number in (1, 2, 3)]
    parents = [net.value(receipt.ref)["reply"]["parent"]["uri"] for receipt in receipts]
    assert parents == [root["uri"], receipts[0].ref, receipts[1].ref]


async def test_where_nobody_may_answer_it_is_said(
    net: Network, us: Person, jane: Person, connect: Connect, clock: ManualClock
) -> None:
    desk, bo = connect(), net.person("bo")
    gated, ended = jane.post("Only friends", to=us), bo.post("Going", to=us)
    await there(lambda: us.sees(gated["uri"]))
    jane.call("POST", "com.atproto.repo.putRecord", json={
        "repo": jane.did, "collection": "app.bsky.feed.threadgate", "rkey": gated["uri"].rpartition("/")[2], "record": {
            "$type": "app.bsky.feed.threadgate", "post": gated["uri"], "allow": [], "createdAt": iso(clock.now())}})
    await there(lambda: us.call("GET", "app.bsky.feed.getPosts", params={
        "uris": [gated["uri"]]})["posts"][0]["viewer"].get("replyDisabled"))
    await there(lambda: us.notified(ended["uri"]))
    found, _ = await drain(desk)
    assert {m.text: m.can_reply for m in found} == {"Only friends": False, "Going": True}
    with pytest.raises(Rejected) as caught:
        await desk.send(answer(gated["uri"], "may I?", clock, desk))
    assert "only some" in caught.value.cause
    bo.delete(ended["uri"])
    await there(lambda: not us.sees(ended["uri"]))
    with pytest.raises(Gone):
        await desk.send(answer(ended["uri"], "too late", clock, desk, reply_to_ref=ended["uri"]))
    assert net.records(us.did) == []


LOST = [("cut_after", {}), ("hang_after", {"seconds": 3}), ("lie", {"status": 502}), ("truncate", {}), ("garbage", {})]


@pytest.mark.parametrize(("mode", "more"), LOST, ids=[mode for mode, _ in LOST])
async def test_an_answer_lost_after_the_request_never_doubles_a_reply(
    net: Network, us: Person, jane: Person, faults: Faulty, connect: Connect, clock: ManualClock, mode: str,
    more: dict[str, object],
) -> None:
    desk = connect(url=faults.url, timeout=2 * SECOND)
    root = jane.post("Hello?", to=us)
    await there(lambda: us.notified(root["uri"]))
    await drain(desk)
    out = answer(root["uri"], f"after {mode}", clock, desk)
    faults.add(mode=mode, method="POST", path="putRecord", **more)
    with pytest.raises(Ambiguous):
        await desk.send(out)
    assert [entry["upstream"] for entry in faults.clear()] == [200]
    again = connect()
    verdict = await again.reconcile(out, clock.now())
    assert isinstance(verdict, Found)
    assert (await again.send(out)).ref == verdict.receipt.ref
    assert len(standing(net, us, out.text)) == 1


async def test_a_request_lost_on_the_way_is_proven_absent_and_sent_again(
    net: Network, us: Person, jane: Person, faults: Faulty, connect: Connect, clock: ManualClock
) -> None:
    desk, started = connect(url=faults.url), clock.now()
    root = jane.post("Hello?", to=us)
    await there(lambda: us.notified(root["uri"]))
    await drain(desk)
    out = answer(root["uri"], "second try", clock, desk)
    faults.add(mode="cut_before", method="POST", path="putRecord")
    with pytest.raises(Ambiguous):
        await desk.send(out)
    assert not isinstance(await desk.reconcile(out, started), Absent)
    clock.advance(20 * SECOND)
    assert await desk.reconcile(out, started) == Absent()
    await desk.send(out)
    assert len(standing(net, us, out.text)) == 1


async def test_limits_and_trouble(
    us: Person, jane: Person, faults: Faulty, connect: Connect, clock: ManualClock
) -> None:
    desk = connect(url=faults.url)
    root = jane.post("Hello?", to=us)
    await there(lambda: us.notified(root["uri"]))
    await drain(desk)
    faults.add(mode="status", status=429, method="POST", headers={"Retry-After": "12"},
               body='{"error":"RateLimitExceeded","message":"Rate Limit Exceeded"}')
    with pytest.raises(RateLimited) as caught:
        await desk.send(answer(root["uri"], "too fast", clock, desk))
    assert caught.value.retry_after == 12
    faults.add(mode="status", status=502, path="listNotifications", body='{"error":"UpstreamFailure"}')
    with pytest.raises(Unavailable):
        await desk.pull(None)


def png(width: int, height: int, **text: str) -> bytes:
    """A picture with words in it that nobody should see."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x20\x80\xc0" * width for _ in range(height))
    words = b"".join(chunk(b"tEXt", f"{name}\0{value}".encode()) for name, value in text.items())
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + words
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


async def test_pictures_go_with_their_descriptions_and_without_what_the_camera_wrote(
    net: Network, us: Person, jane: Person, connect: Connect, clock: ManualClock, tmp_path: Path
) -> None:
    desk, file = connect(), tmp_path / "plan.png"
    file.write_bytes(png(4, 3, Location="52.5,13.4"))
    data = file.read_bytes()
    upload = Upload(path=str(file), name="plan.png", mime="image/png", size=len(data), alt="A plan of the depot",
                    digest=hashlib.sha256(data).hexdigest())
    root = jane.post("Where?", to=us)
    await there(lambda: us.notified(root["uri"]))
    out = answer(root["uri"], "Here", clock, desk, uploads=(upload,))
    receipt = await desk.send(out)
    assert (await connect().send(out)).ref == receipt.ref
    image = net.value(receipt.ref)["embed"]["images"][0]
    assert (image["alt"], image["aspectRatio"]) == ("A plan of the depot", {"width": 4, "height": 3})
    blob = net.http.get("com.atproto.sync.getBlob", params={"did": us.did, "cid": image["image"]["ref"]["$link"]})
    assert b"52.5" not in blob.content
    await there(lambda: us.sees(receipt.ref))
    shown = next(m for m in (await desk.thread(root["uri"])).messages if m.ref == receipt.ref)
    assert [(a.alt, a.url.startswith("http")) for a in shown.attachments] == [("A plan of the depot", True)]
    file.write_bytes(png(5, 3))
    with pytest.raises(Rejected):
        await desk.send(answer(root["uri"], "Here again", clock, desk, uploads=(upload,)))


# sessions -----------------------------------------------------------------------------------------------------------


async def test_a_session_that_ran_out_is_renewed_in_the_middle_of_sending(
    net: Network, us: Person, jane: Person, connect: Connect, clock: ManualClock
) -> None:
    password = us.app_password()
    desk = connect(password)
    root = jane.post("Hello?", to=us)
    await there(lambda: us.notified(root["uri"]))
    await drain(desk)
    session = await desk._client.session()
    desk._client._session = msgspec.structs.replace(session, access=us.stale_token())
    await desk.send(answer(root["uri"], "after the session ran out", clock, desk))
    fresh = await desk._client.session()
    assert fresh.refresh != session.refresh
    assert len(standing(net, us, "after the session ran out")) == 1
    name = us.call("GET", "com.atproto.server.listAppPasswords")["passwords"][-1]["name"]
    us.call("POST", "com.atproto.server.revokeAppPassword", json={"name": name})
    desk._client._session = msgspec.structs.replace(fresh, access=us.stale_token())
    with pytest.raises(AuthError) as caught:
        await desk.pull(None)
    assert "app password" in caught.value.remedy


async def test_what_the_server_says_of_an_account_is_told_in_words(net: Network, us: Person, connect: Connect) -> None:
    account = await connect("own password").verify()
    assert any("own password" in warning for warning in account.warnings)
    with pytest.raises(AuthError):
        await connect("wrong").verify()
    desk = connect()
    await desk.verify()
    net.take_down(us.did)
    session = await desk._client.session()
    desk._client._session = msgspec.structs.replace(session, access=us.stale_token())
    with pytest.raises(AuthError) as caught:
        await desk.pull(None)
    assert "taken this account down" in caught.value.title


async def test_the_server_is_found_from_the_handle(net: Network, us: Person, clock: ManualClock) -> None:
    finder = Finder(clock, resolver=net.url, directory=net.plc)
    assert await finder.server(us.handle) == net.url


# acting -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "collection"), [
    (Verb.LIKE, "app.bsky.feed.like"), (Verb.BOOST, "app.bsky.feed.repost"), (Verb.FOLLOW, "app.bsky.graph.follow")])
async def test_acts_can_be_repeated_and_taken_back(
    net: Network, us: Person, jane: Person, connect: Connect, verb: Verb, collection: str
) -> None:
    root = jane.post("Nice", to=us)
    await there(lambda: us.sees(root["uri"]))

    async def act(value: str) -> int:
        await connect().act(Action(verb=verb, conversation_ref=root["uri"], message_ref=root["uri"],
                                   customer_ref=jane.did, value=value))
        return len(net.records(us.did, collection))

    assert [await act(value) for value in ("", "", "off", "off", "", "off")] == [1, 1, 0, 0, 1, 0]


async def test_our_own_posts_can_be_deleted(net: Network, us: Person, jane: Person, connect: Connect) -> None:
    ours, theirs = us.post("oops"), jane.post("mine")
    desk = connect()
    for _ in range(2):
        await desk.act(Action(verb=Verb.DELETE, conversation_ref=ours["uri"], message_ref=ours["uri"]))
    assert net.records(us.did) == []
    with pytest.raises(Rejected):
        await desk.act(Action(verb=Verb.DELETE, conversation_ref=theirs["uri"], message_ref=theirs["uri"]))
    profile = await desk.customer(jane.did)
    assert (profile.handle, profile.posts is not None) == (jane.handle, True)


# direct messages ----------------------------------------------------------------------------------------------------


async def test_direct_messages_pass_through_the_accounts_server(
    net: Network, us: Person, jane: Person, connect: Connect, chat: ChatService, clock: ManualClock
) -> None:
    chat.knows(us)
    chat.knows(jane)
    service = f"{chat.did}#bsky_chat"
    plain = connect(chat=service)
    assert any("does not allow direct messages" in warning for warning in (await plain.verify()).warnings)
    assert not plain.caps.can_dm
    assert (await drain(plain))[0] == []
    desk = connect(us.app_password(privileged=True), chat=service)
    account = await desk.verify()
    assert desk.caps.can_dm
    assert account.scopes == ("app password with direct messages",)
    _, cursor = await drain(desk)
    convo = chat.net.chat.write(jane.did, us.did, "Psst, my address is 5 Elm Street")
    found, cursor = await drain(desk, cursor)
    assert [(m.text, m.conversation_ref, m.visibility) for m in found] == [
        ("Psst, my address is 5 Elm Street", f"chat:{convo}", Visibility.DIRECT)]
    out = Outgoing(client_id="d1", conversation_ref=f"chat:{convo}", kind=OutKind.REPLY, text="Thank you",
                   visibility=Visibility.DIRECT, agent="ann", created_at=clock.now())
    receipt = await desk.send(out)
    assert receipt.ref.startswith(f"chat:{convo}/")
    assert chat.net.chat.convos[convo].accepted >= {us.did}
    assert [m.text for m in (await desk.thread(f"chat:{convo}")).messages] == [
        "Psst, my address is 5 Elm Street", "Thank you"]


# the contract -------------------------------------------------------------------------------------------------------


class RealWorld(World):
    """A real network behind the fault proxy."""

    def __init__(self, net: Network, us: Person, jane: Person, faults: Faulty, connect: Connect,
                 clock: ManualClock) -> None:
        self.net, self.us, self.jane, self.faults, self.connect, self.clock = net, us, jane, faults, connect, clock
        self.password = us.app_password()
        self.last: dict[str, dict[str, Any]] = {}
        self.connector = connect(self.password, url=faults.url)

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        made = await asyncio.to_thread(self.jane.post, text, to=self.us, reply=self.last.get(thread))
        await there(lambda: self.us.notified(made["uri"]))
        self.last[thread or made["uri"]] = made
        return thread or str(made["uri"])

    async def colleague_answers(self, thread: str, text: str) -> None:
        made = await asyncio.to_thread(self.us.post, text, reply=self.last[thread])
        await there(lambda: self.us.sees(made["uri"]))

    async def copies(self, text: str) -> int:
        return len(standing(self.net, self.us, text))

    async def restart(self) -> None:
        self.connector = self.connect(self.password, url=self.faults.url)

    async def hostile(self, text: str) -> None:
        if "\0" in text:
            pytest.skip("the network drops a post with a NUL")
        small = text[:60]
        try:
            self.jane.call("POST", "com.atproto.repo.putRecord", json={
                "repo": self.jane.did, "collection": "app.bsky.actor.profile", "rkey": "self", "record": {
                    "$type": "app.bsky.actor.profile", "displayName": small, "description": small}})
            made = self.jane.post(text[:290], to=self.us, embed={
                "$type": "app.bsky.embed.external",
                "external": {"uri": "https://example.com", "title": small, "description": small}})
        except (httpx.HTTPStatusError, UnicodeEncodeError):
            pytest.skip("the network does not take this text")
        await there(lambda: self.us.notified(made["uri"]))

    async def gap(self) -> None:
        self.connector._reader.pages = 1
        facets = [{"index": {"byteStart": 0, "byteEnd": 0},
                   "features": [{"$type": "app.bsky.richtext.facet#mention", "did": self.us.did}]}]
        spam = self.net.person("spam")
        now = time.time_ns() // 1_000_000
        writes = [{"$type": "com.atproto.repo.applyWrites#create", "collection": POST, "value": {
            "$type": POST, "text": f"spam {number}", "createdAt": iso(now + number), "facets": facets}}
            for number in range(120)]
        await asyncio.sleep(1)
        spam.call("POST", "com.atproto.repo.applyWrites", json={"repo": spam.did, "writes": writes})
        await there(lambda: len(self.us.call("GET", "app.bsky.notification.listNotifications",
                                             params={"limit": 100})["notifications"]) == 100)

    async def delete_thread(self, thread: str) -> None:
        self.jane.delete(thread)
        await there(lambda: not self.us.sees(thread))

    def lose_request(self) -> None:
        self.faults.add(mode="cut_before", method="POST", path="putRecord")

    def lose_answer(self) -> None:
        self.faults.add(mode="cut_after", method="POST", path="putRecord")

    def rate_limit(self, headers: dict[str, str], body: bytes) -> None:
        if any(value.startswith(("Thu", "2026")) or (value.isdigit() and len(value) > 9) for value in headers.values()):
            pytest.skip("its clock is the machine's")
        self.faults.add(mode="status", status=429, headers=headers, body=body.decode())

    def expire_token(self) -> None:
        for held in self.us.call("GET", "com.atproto.server.listAppPasswords")["passwords"]:
            self.us.call("POST", "com.atproto.server.revokeAppPassword", json={"name": held["name"]})
        session = self.connector._client._session
        assert session is not None
        self.connector._client._session = msgspec.structs.replace(session, access=self.us.stale_token())


class TestRealBluesky(ConnectorContract):
    """A real network keeps the connector to the contract."""

    @pytest.fixture
    async def world(self, net: Network, us: Person, jane: Person, faults: Faulty, connect: Connect,
                    clock: ManualClock) -> RealWorld:
        return RealWorld(net, us, jane, faults, connect, clock)
