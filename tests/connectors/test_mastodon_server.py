"""What a server is, what it hides, how it calls us, and how one signs in there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agentdesk.config.sources import ListenConfig, MastodonSource
from agentdesk.connectors import mastodon
from agentdesk.connectors.http import Http
from agentdesk.connectors.mastodon.server import missing_scopes, policy_warnings
from agentdesk.connectors.mastodon.signing_in import server_url, sign_in
from agentdesk.connectors.mastodon.streaming import Stream, told
from agentdesk.errors import AuthError, BadAnswer, DeskError, Rejected, Unavailable
from agentdesk.model.capability import Caps, Counter, SendStrength
from agentdesk.model.clock import ManualClock
from tests.connectors.asking import Answers
from tests.contract.test_mastodon import MastodonWorld
from tests.fakes.mastodon import FakeMastodon
from tests.fakes.mastodon_shapes import POLICY
from tests.fakes.wire import Fault, Line
from tests.servers.loopback import Call, Loopback

TOKEN = "token-acme-0123456789"


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[MastodonWorld]:
    world = MastodonWorld(clock)
    yield world
    await world.connector.close()


# what it is ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("software", "strength", "counter", "chars"), [
    ("mastodon", SendStrength.KEY, Counter.GRAPHEME_URL23, 500),
    ("gotosocial", SendStrength.NONE, Counter.CODEPOINT, 5_000),
    ("akkoma", SendStrength.KEY, Counter.GRAPHEME, 5_000), ("snac", SendStrength.NONE, Counter.GRAPHEME, 100_000),
    ("pixelfed", SendStrength.NONE, Counter.CODEPOINT, 5_000), ("mystery", SendStrength.NONE, Counter.GRAPHEME, 5_000),
])
async def test_each_software_is_taken_for_what_it_says_it_is(
    clock: ManualClock, software: str, strength: SendStrength, counter: Counter, chars: int
) -> None:
    world = MastodonWorld(clock, software)
    account = await world.connector.verify()
    caps = world.connector.caps
    assert (caps.send_strength, caps.counter, caps.max_chars) == (strength, counter, chars)
    assert (account.handle, account.name, account.ref) == ("@acme@social.example", "Acme Care", world.far.us.id)
    assert account.server.startswith(f"{software} ")
    assert any("twice" in warning for warning in account.warnings) is (strength is SendStrength.NONE)
    assert (caps.max_uploads, caps.max_upload_bytes, caps.max_alt) == (4, 16_777_216, 1_500)
    await world.connector.close()


@pytest.mark.parametrize(("version", "strength"), [
    ("4.6.0", SendStrength.KEY), ("2.7.2 (compatible; Pleroma 2.5.0)", SendStrength.KEY),
    ("4.0.0 (not true; really snac/2.75)", SendStrength.NONE), ("", SendStrength.NONE),
])
async def test_without_nodeinfo_only_the_version_tells(world: MastodonWorld, version: str,
                                                       strength: SendStrength) -> None:
    world.line.faults.append(Fault("status", path="/.well-known/nodeinfo", status=404, times=9))
    said = {"domain": "social.example", "version": version, "configuration": {"statuses": {"max_characters": 500}}}
    world.line.faults.append(Fault("lie", path="/api/v2/instance", status=200, body=json.dumps(said).encode()))
    await world.connector.verify()
    assert world.connector.caps.send_strength is strength


async def test_a_token_that_is_refused_without_a_word_is_a_dead_one(world: MastodonWorld) -> None:
    world.line.faults.append(Fault("status", path="/verify_credentials", status=422, body=b""))
    with pytest.raises(AuthError) as caught:
        await world.connector.verify()
    assert "agentdesk login" in caught.value.remedy


async def test_before_anything_is_known_nothing_is_promised(world: MastodonWorld) -> None:
    assert world.connector.caps.send_strength is SendStrength.NONE
    assert world.connector.caps.max_chars == 500
    assert isinstance(world.connector.caps, Caps)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b'{"configuration": 7, "uri": ["x"], "version": {}}',
                                  b'{"configuration": {"statuses": {"max_characters": -5}, "urls": "x"}}'])
async def test_an_instance_that_says_nonsense_is_still_a_server(world: MastodonWorld, body: bytes) -> None:
    for path in ("/api/v1/instance", "/api/v2/instance", "/.well-known/nodeinfo"):
        world.line.faults.append(Fault("lie", path=path, status=200, body=body, times=9))
    account = await world.connector.verify()
    assert account.ref
    assert (world.connector.caps.max_chars or 0) >= 0


# what it hides ------------------------------------------------------------------------------------------------------


async def test_a_policy_that_hides_customers_is_said(world: MastodonWorld) -> None:
    assert (await world.connector.verify()).warnings == ()
    hides = {"for_not_following": "drop", "for_new_accounts": "filter", "for_private_mentions": "accept"}
    world.far.policy = {**POLICY, **hides}
    warnings = (await world.connector.verify()).warnings
    assert ["drops" in warning for warning in warnings] == [True, False]
    assert "whom the account does not follow" in warnings[0]
    assert "new accounts" in warnings[1]


def test_an_older_policy_is_read_too() -> None:
    assert len(policy_warnings({"filter_not_following": True, "filter_new_accounts": False})) == 1
    assert policy_warnings(None) == policy_warnings([]) == policy_warnings({}) == []


async def test_what_the_token_lacks_is_said(world: MastodonWorld) -> None:
    world.far.scopes = ["read", "write:statuses"]
    (warning,) = (await world.connector.verify()).warnings
    assert "write:media" in warning
    assert "read:notifications" not in warning
    assert "agentdesk login" in warning


def test_wide_scopes_hold_the_fine_ones() -> None:
    assert missing_scopes("") == missing_scopes("read write follow push") == ()
    assert missing_scopes("read write:statuses+write:media write:favourites follow write:conversations") == ()
    assert missing_scopes("write") == ("read:notifications", "read:statuses", "read:accounts", "read:search")


async def test_that_words_are_heard_only_in_part_is_said(world: MastodonWorld) -> None:
    world.connector = world.connect(listen=(ListenConfig(name="x", words=("acme",)),))
    assert any("search" in warning for warning in (await world.connector.verify()).warnings)
    world.connector = world.connect(listen=(ListenConfig(name="x", tags=("acme",)),))
    assert (await world.connector.verify()).warnings == ()


# how it calls -------------------------------------------------------------------------------------------------------


def stream(url: str, clock: ManualClock) -> Stream:
    return Stream(MastodonSource(name="acme", url=url), clock, lambda: TOKEN)


async def test_events_are_hints_and_heartbeats_are_none(clock: ManualClock) -> None:
    async def talk(call: Call) -> None:
        await call.head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        await call.write(b":thump\n\nevent: notification\ndata: {\"id\":\"34\"}\n\n:thump\n")
        await call.write(b"event: filters_changed\ndata: undefined\n\nevent: noti")
        await call.write(b"fication\ndata: {}\n\n")
        call.writer.close()

    async with Loopback(talk) as server:
        it = stream(server.url, clock)
        hints = [None async for _ in it.events("sse", "")]
        assert len(hints) == 3  # the line stands, and two notifications
        (call,) = server.calls
        assert call.target == "/api/v1/streaming/user/notification"
        assert call.headers["authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in call.target


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_a_refused_stream_is_said_and_ends(clock: ManualClock, status: int) -> None:
    async def talk(call: Call) -> None:
        await call.answer(status)

    async with Loopback(talk) as server:
        with pytest.raises(DeskError):
            await anext(stream(server.url, clock).events("sse", ""))


async def test_a_line_without_end_is_left(clock: ManualClock) -> None:
    async def talk(call: Call) -> None:
        await call.head(200, {"Connection": "close"})
        for _ in range(40):
            await call.write(b"x" * 65_536)
        call.writer.close()

    async with Loopback(talk) as server:
        with pytest.raises(Unavailable):
            await anext(stream(server.url, clock).events("sse", ""))


async def test_a_socket_gives_hints_and_keeps_the_token_out_of_its_address(clock: ManualClock) -> None:
    from websockets.asyncio.server import ServerConnection, serve

    seen: list[tuple[str, str, str]] = []

    async def talk(line: ServerConnection) -> None:
        assert line.request is not None
        seen.append((line.request.path, line.request.headers["Authorization"],
                     line.request.headers["Sec-WebSocket-Protocol"]))
        for frame in ('{"event": "notification", "payload": "{}"}', '{"event": "update"}', "nonsense", b"\xff", "[]",
                      '{"event": "delete", "payload": "7"}'):
            await line.send(frame)

    async with serve(talk, "127.0.0.1", 0, subprotocols=[TOKEN]) as server:  # type: ignore[list-item]
        port = next(iter(server.sockets)).getsockname()[1]
        it = stream(f"http://127.0.0.1:{port}", clock)
        async with asyncio.timeout(5):
            hints = [None async for _ in it.events("socket", f"ws://127.0.0.1:{port}")]
    assert len(hints) == 3  # the line stands, a notification, a deletion
    assert seen == [("/api/v1/streaming?stream=user", f"Bearer {TOKEN}", TOKEN)]


async def test_a_socket_that_nobody_opens_says_so_without_the_token(clock: ManualClock) -> None:
    async def talk(call: Call) -> None:
        await call.answer(403)

    async with Loopback(talk) as server:
        with pytest.raises(Unavailable) as caught:
            await anext(stream(server.url, clock).events("socket", ""))
    assert TOKEN not in str(caught.value)


def test_only_what_can_mean_something_new_is_a_hint() -> None:
    assert told('{"event": "notification"}')
    assert not told("[" * 100_000)
    assert not told('"notification"')


@pytest.mark.parametrize(("where", "goes"), [
    ("", True), ("wss://social.example", True), ("wss://streaming.social.example", True),
    ("wss://social.example:8443", True), ("wss://evil.example", False), ("wss://notsocial.example", False),
    ("wss://social.example.evil.example", False), ("wss://[", False), ("nonsense", True),
])
def test_the_token_goes_to_the_servers_own_hosts_only(clock: ManualClock, where: str, goes: bool) -> None:
    assert stream("https://social.example", clock).allowed(where) is goes


@pytest.mark.parametrize(("software", "url", "calls"), [
    ("mastodon", "wss://social.example", True), ("mastodon", "wss://elsewhere.example", False),
    ("gotosocial", "wss://social.example", True), ("snac", "wss://social.example", False),
])
async def test_a_server_that_does_not_call_is_asked(clock: ManualClock, software: str, url: str, calls: bool) -> None:
    world = MastodonWorld(clock, software)
    world.far.stream_url = url
    assert world.connector.hints() is not None, "before it is known, it may"
    account = await world.connector.verify()
    assert (world.connector.hints() is not None) is calls
    assert any("half minute" in warning for warning in account.warnings) is not calls
    await world.connector.close()


# signing in ---------------------------------------------------------------------------------------------------------


class Owner(Answers):
    """Opens the address that is told, allows it, and types the code."""

    def __init__(self, far: FakeMastodon, server: str, code: str = "") -> None:
        super().__init__(server)
        self.far, self.code = far, code

    async def secret(self, title: str, *, hint: str = "") -> str:
        address = next(text for text in self.told if text.startswith("https://"))
        return self.code or self.far.allow(address, self.far.us)


async def signed_in(far: FakeMastodon, owner: Owner, clock: ManualClock) -> Any:
    line = Line(far.handle)

    def make(url: str, **more: Any) -> Http:
        return Http(url, transport=line.transport(), **more)

    return await sign_in(owner, clock, make)


@pytest.mark.parametrize("pkce", [True, False])
@pytest.mark.parametrize("fine", [True, False])
async def test_signing_in_needs_no_browser_here(clock: ManualClock, pkce: bool, fine: bool) -> None:
    far = FakeMastodon(clock)
    far.pkce, far.fine_scopes = pkce, fine
    owner = Owner(far, "@acme@social.example")
    it = await signed_in(far, owner, clock)
    assert (it.name, it.settings, it.secret) == ("acme", {"url": "https://social.example"}, TOKEN)
    assert TOKEN not in repr(it)
    assert owner.asked == ["Server"]
    query = parse_qs(urlsplit(next(text for text in owner.told if text.startswith("https://"))).query)
    assert ("code_challenge" in query) is pkce
    assert query["scope"][0].startswith("read:notifications" if fine else "read ")


async def test_a_wrong_code_is_said_to_be_wrong(clock: ManualClock) -> None:
    far = FakeMastodon(clock)
    with pytest.raises(AuthError) as caught:
        await signed_in(far, Owner(far, "social.example", code="nonsense"), clock)
    assert "begin again" in caught.value.remedy
    assert "provided grant" in caught.value.cause


async def test_a_server_that_is_none_is_said_to_be_none(clock: ManualClock) -> None:
    far = FakeMastodon(clock)
    far.handle = lambda *_: type("A", (), {"status": 200, "headers": {}, "body": lambda self: b"<html>"})()  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(BadAnswer):
        await signed_in(far, Owner(far, "example.org"), clock)


@pytest.mark.parametrize(("given", "url"), [
    ("mastodon.social", "https://mastodon.social"), (" https://mastodon.social/ ", "https://mastodon.social"),
    ("@acme@social.example", "https://social.example"), ("acme@social.example", "https://social.example"),
    ("https://social.example/@acme", "https://social.example"), ("social.example:8443", "https://social.example:8443"),
    ("http://localhost:2980", "http://localhost:2980"),
])
def test_a_server_is_known_by_any_of_its_names(given: str, url: str) -> None:
    assert server_url(given) == url


@pytest.mark.parametrize("given", ["", "acme", "https://", "@acme"])
def test_what_is_no_server_is_refused(given: str) -> None:
    with pytest.raises(Rejected):
        server_url(given)


def test_the_package_offers_it() -> None:
    assert mastodon.sign_in.__doc__
