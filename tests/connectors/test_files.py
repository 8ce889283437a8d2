"""Files, both ways: what leaves is what was attached, what comes stays within limits; the token stays with us."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from agentdesk.connectors.body import Unpacker, unpacker
from agentdesk.connectors.files import contents
from agentdesk.connectors.http import Http
from agentdesk.errors import BadAnswer, Gone, RateLimited, Rejected, Unavailable
from agentdesk.model.clock import ManualClock
from agentdesk.model.outgoing import Upload

BASE = "https://desk.example"


class Net:
    """A made-up network: answers by address, and what was asked."""

    def __init__(self, answers: dict[str, httpx.Response]) -> None:
        self.answers = answers
        self.seen: list[httpx.Request] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        return self.answers[str(request.url)]

    def http(self, clock: ManualClock) -> Http:
        return Http(BASE, clock=clock, name="desk:x", headers=lambda: {"Authorization": "Bearer secret-secret-secret"},
                    transport=httpx.MockTransport(self.handle))


class Stream(httpx.AsyncByteStream):
    """A body that comes as it is on the wire."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.data


def moved(to: str) -> httpx.Response:
    return httpx.Response(302, headers={"location": to})


async def fetch(net: Net, clock: ManualClock, link: str, *, limit: int = 1_000, elsewhere: bool = False) -> bytes:
    http, out = net.http(clock), io.BytesIO()
    try:
        await http.save(link, out, limit, elsewhere=elsewhere)
    finally:
        await http.close()
    return out.getvalue()


async def test_a_file_on_our_origin_is_fetched_with_the_token(clock: ManualClock) -> None:
    net = Net({f"{BASE}/a.txt": httpx.Response(200, content=b"hello")})
    assert await fetch(net, clock, f"{BASE}/a.txt") == b"hello"
    assert net.seen[0].headers["authorization"].endswith("secret")
    assert net.seen[0].headers["accept"] == "*/*"


async def test_another_host_never_sees_the_token(clock: ManualClock) -> None:
    far = "https://files.cdn.example/a?sig=1"
    net = Net({f"{BASE}/a": moved(far), far: httpx.Response(200, content=b"far")})
    with pytest.raises(BadAnswer):
        await fetch(net, clock, f"{BASE}/a")
    assert await fetch(net, clock, f"{BASE}/a", elsewhere=True) == b"far"
    assert "authorization" not in net.seen[-1].headers


@pytest.mark.parametrize("link", [
    "http://files.example/a", "https://localhost/a", "https://127.0.0.1/a", "https://[::1]/a", "https://10.0.0.1/a",
    "https://router.local/a", "ftp://files.example/a", "https://user:pw@files.example/a", "file:///etc/passwd",
])
async def test_elsewhere_is_a_public_https_host(clock: ManualClock, link: str) -> None:
    net = Net({})
    with pytest.raises(BadAnswer):
        await fetch(net, clock, link, elsewhere=True)
    assert net.seen == []


async def test_a_file_that_is_too_large_stops_at_the_limit(clock: ManualClock) -> None:
    packed = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Stream(gzip.compress(b"x" * 100_000)))
    net = Net({f"{BASE}/big": httpx.Response(200, content=b"x" * 2_000), f"{BASE}/bomb": packed})
    for link in ("/big", "/bomb"):
        with pytest.raises(Rejected):
            await fetch(net, clock, link)
    assert await fetch(net, clock, "/big", limit=2_000) == b"x" * 2_000


def packed(data: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Stream(data))


async def test_a_packed_file_that_was_cut_is_not_taken_for_whole(clock: ManualClock) -> None:
    whole = gzip.compress(bytes(range(256)) * 3)
    net = Net({f"{BASE}/cut": packed(whole[:-9]), f"{BASE}/cut-json": packed(gzip.compress(b"[1, 2]")[:-8])})
    for link in ("/cut", "/cut-json"):
        with pytest.raises(Unavailable):
            await fetch(net, clock, link)


async def test_a_file_that_is_packed_in_pieces_comes_whole(clock: ManualClock) -> None:
    net = Net({f"{BASE}/two": packed(gzip.compress(b"one, ") + gzip.compress(b"two") + bytes(40)),
               f"{BASE}/none": packed(b"")})
    assert await fetch(net, clock, "/two") == b"one, two"
    assert await fetch(net, clock, "/none") == b""


@pytest.mark.parametrize("behind", [bytes(40), b"\n", b"\r\n<!-- served in 3 ms -->"])
def test_what_stands_behind_a_packed_answer_is_no_part_of_it(behind: bytes) -> None:
    unpack = unpacker("gzip")
    assert unpack is not None
    pieces = [gzip.compress(b"one, "), gzip.compress(b"two"), behind]
    assert b"".join(unpack(piece, 100) for piece in pieces) == b"one, two"
    unpack.end()
    assert Unpacker()(b"".join(pieces), 100) == b"one, two"


async def test_circles_refusals_and_outages_are_said(clock: ManualClock) -> None:
    net = Net({f"{BASE}/round": moved("/round"), f"{BASE}/gone": httpx.Response(404, json={"error": "no file"}),
               f"{BASE}/down": httpx.Response(503)})
    for link, kind in (("/round", BadAnswer), ("/gone", Gone), ("/down", Unavailable)):
        with pytest.raises(kind):
            await fetch(net, clock, link)


@pytest.mark.parametrize("status", [429, 503, None])
async def test_a_file_that_did_not_come_is_a_persons_to_ask_for_again(clock: ManualClock, status: int | None) -> None:
    class Broken(Net):
        def handle(self, request: httpx.Request) -> httpx.Response:
            if status is None:
                raise httpx.ReadError("cut", request=request)
            return httpx.Response(status, headers={"retry-after": "5"})

    with pytest.raises((Unavailable, RateLimited)) as caught:
        await fetch(Broken({}), clock, "/a.txt")
    assert caught.value.remedy.startswith("Try again in a moment")


async def test_only_what_was_attached_leaves(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    upload = Upload(path=str(path), name="a.txt", mime="text/plain", size=7,
                    digest=hashlib.sha256(b"content").hexdigest())
    assert await contents(upload, "desk:x") == b"content"
    for changed in (b"cOntent", b"content and more", b""):
        path.write_bytes(changed)
        with pytest.raises(Rejected, match="is not what it was"):
            await contents(upload, "desk:x")
    path.unlink()
    with pytest.raises(Rejected, match="cannot be read"):
        await contents(upload, "desk:x")
