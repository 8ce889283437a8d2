"""The one doorway: hostile and broken servers on real sockets, and what each failure proves."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import ssl
import subprocess
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentdesk.connectors.http import JSON_LIMIT, Http, Walk
from agentdesk.errors import (
    Ambiguous,
    AuthError,
    BadAnswer,
    ConfigError,
    Conflict,
    DeskError,
    Gone,
    RateLimited,
    Rejected,
    SourceError,
    TooLong,
    Unavailable,
)
from agentdesk.model.clock import ManualClock
from tests.servers.loopback import Call, Loopback, Talk

TOKEN = "canary-token-41f7"


def doorway(url: str, **more: Any) -> Http:
    """An Http with a token, impatient."""
    settings: dict[str, Any] = {"timeout_s": 2.0, "headers": lambda: {"Authorization": f"token {TOKEN}"}, **more}
    return Http(url, clock=ManualClock(), name="rt:x", **settings)


async def ask(talk: Talk, method: str = "GET", *, safe: bool | None = None, **more: Any) -> tuple[Any, Loopback]:
    """One request to a server that talks like this: (answer or error, server)."""
    async with Loopback(talk) as server:
        http = doorway(server.url, **more)
        try:
            result: Any = await http.request(method, "/thing", safe=method == "GET" if safe is None else safe)
        except DeskError as error:
            result = error
        finally:
            await http.close()
        return result, server


def says(status: int, body: bytes = b"{}", **headers: str) -> Talk:
    async def talk(call: Call) -> None:
        await call.answer(status, body, **headers)

    return talk


async def hang_up(call: Call) -> None:
    call.writer.close()


async def half(call: Call) -> None:
    await call.head(200, {"Content-Length": "100"})
    await call.write(b'{"id"')
    call.writer.close()


async def test_a_good_answer_is_read_and_carries_the_token_in_a_header() -> None:
    answer, server = await ask(says(200, b'{"id": 7}'))
    assert answer.json("rt:x") == {"id": 7}
    sent = server.calls[0].headers
    assert sent["authorization"] == f"token {TOKEN}"
    assert sent["accept-encoding"] == "identity"
    assert sent["user-agent"].startswith("agentdesk/")
    assert TOKEN not in server.calls[0].target


@pytest.mark.parametrize(("status", "kind"), [
    (400, Rejected), (401, AuthError), (403, Rejected), (404, Gone), (409, Conflict), (410, Gone), (412, Conflict),
    (413, TooLong), (422, Rejected), (429, RateLimited),
])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_a_refusal_means_does_not_depend_on_the_method(method: str, status: int, kind: type) -> None:
    error, _ = await ask(says(status, b'{"message": "not today"}'), method)
    assert type(error) is kind
    assert "not today" in error.cause
    assert error.title.startswith("rt:x: ")
    assert error.remedy


async def test_what_is_not_allowed_says_who_can_allow_it_and_where_to_look() -> None:
    refused, _ = await ask(says(403, b'{"error": "no permission"}'))
    unfit, _ = await ask(says(422, b'{"error": "bad title"}'))
    assert "allowed there" in refused.remedy
    assert "agentdesk doctor" in refused.remedy
    assert "trying again will not help" in unfit.remedy


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520])
async def test_server_trouble_proves_nothing_about_a_write(status: int) -> None:
    read, _ = await ask(says(status, b"<html>oops</html>", Retry_After="9"))
    assert type(read) is Unavailable
    assert read.retry_after == 9
    assert "<html>" not in str(read)
    write, server = await ask(says(status), "POST")
    assert type(write) is Ambiguous
    assert len(server.calls) == 1, "a write is never repeated by itself"


@pytest.mark.parametrize("talk", [hang_up, half])
async def test_a_broken_line_is_ambiguous_for_writes_only(talk: Talk) -> None:
    read, _ = await ask(talk)
    assert type(read) is Unavailable
    write, server = await ask(talk, "POST")
    assert type(write) is Ambiguous
    repeatable, _ = await ask(talk, "PUT", safe=True)
    assert type(repeatable) is Unavailable
    assert len(server.calls) == 1


async def test_nobody_listening_proves_that_nothing_was_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    http = doorway(url)
    for method in ("GET", "POST"):
        with pytest.raises(Unavailable) as caught:
            await http.request(method, "/x", safe=False)
        assert "nothing listens" in caught.value.cause
    await http.close()


async def test_a_name_that_does_not_resolve_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nowhere)
    http = doorway("https://nowhere.example")
    with pytest.raises(Unavailable) as caught:
        await http.request("POST", "/x", safe=False)
    assert "not known" in caught.value.cause
    await http.close()


class Stuck(httpx.AsyncBaseTransport):
    """Tells how far it got, then hangs."""

    def __init__(self, *events: str) -> None:
        self.events = events

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for event in self.events:
            await request.extensions["trace"](event, {})
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize(("events", "kind"), [
    ((), Ambiguous),
    (("connection.connect_tcp.started",), Unavailable),
    (("connection.connect_tcp.started", "connection.start_tls.started"), Unavailable),
    (("connection.connect_tcp.started", "http11.send_request_headers.started"), Ambiguous),
    (("http11.send_request_headers.started",), Ambiguous),
])
async def test_the_deadline_tells_connecting_from_sending(events: tuple[str, ...], kind: type) -> None:
    http = doorway("https://slow.example", transport=Stuck(*events), timeout_s=0.05)
    with pytest.raises(SourceError) as caught:
        await http.request("POST", "/x", safe=False)
    assert type(caught.value) is kind
    await http.close()


async def test_one_byte_at_a_time_ends_at_the_deadline() -> None:
    async def drip(call: Call) -> None:
        await call.head(200, {"Content-Length": "1000"})
        while True:
            await call.write(b"x")
            await asyncio.sleep(0.05)

    loop = asyncio.get_running_loop()
    started = loop.time()
    error, _ = await ask(drip, timeout_s=0.4)
    assert type(error) is Unavailable
    assert "0.4 s" in error.cause
    assert loop.time() - started < 20.0, "the whole answer takes 50 s"


async def test_an_endless_answer_is_cut_at_the_limit() -> None:
    async def endless(call: Call) -> None:
        await call.head(200, {"Content-Type": "application/json"})
        while True:
            await call.write(b" " * 65_536)

    error, _ = await ask(endless, timeout_s=20.0)
    assert type(error) is BadAnswer
    assert f"{JSON_LIMIT // 1024} KiB" in error.cause


async def test_packed_answers_are_unpacked_only_up_to_the_limit() -> None:
    bomb = gzip.compress(b" " * (96 * 1024 * 1024), compresslevel=9)
    assert len(bomb) < 200_000
    async with Loopback(says(200, bomb, Content_Encoding="gzip")) as server:
        http = doorway(server.url, timeout_s=20.0)
        tracemalloc.start()
        try:
            with pytest.raises(BadAnswer):
                await http.get("/bomb")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            await http.close()
    assert peak < 4 * JSON_LIMIT
    answer, _ = await ask(says(200, gzip.compress(b'{"a": 1}'), Content_Encoding="gzip"))
    assert answer.json("rt:x") == {"a": 1}
    error, _ = await ask(says(200, b"?", Content_Encoding="br"))
    assert type(error) is BadAnswer
    error, _ = await ask(says(200, b"not gzip", Content_Encoding="gzip"), "POST")
    assert type(error) is Ambiguous


async def test_redirects_are_followed_by_reads_on_the_same_host_only() -> None:
    async def there(call: Call) -> None:
        if call.target == "/thing":
            await call.answer(302, Location="/elsewhere")
        else:
            await call.answer(200, b'"here"')

    answer, server = await ask(there)
    assert answer.json("rt:x") == "here"
    assert [c.target for c in server.calls] == ["/thing", "/elsewhere"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_secret_follows_a_redirect_to_another_host(status: int) -> None:
    async with Loopback(says(200)) as thief:
        error, _ = await ask(says(status, Location=f"{thief.url}/steal"))
        assert type(error) is BadAnswer
        assert "another host" in error.title
        assert thief.calls == []


async def test_a_redirect_to_what_is_no_address_is_an_error_in_words() -> None:
    for nowhere in ("//[", "https://[::1/x", "http://[x]:y/"):
        error, _ = await ask(says(302, Location=nowhere))
        assert type(error) in (BadAnswer, Unavailable)
    with pytest.raises(BadAnswer, match="leads nowhere"):
        doorway("https://rt.example").local("//[")


@pytest.mark.parametrize(("status", "kind"), [(301, Rejected), (307, Rejected), (308, Rejected),
                                              (302, Ambiguous), (303, Ambiguous)])
async def test_writes_never_follow_a_redirect(status: int, kind: type) -> None:
    error, server = await ask(says(status, Location="/elsewhere"), "POST")
    assert type(error) is kind
    assert [c.target for c in server.calls] == ["/thing"]


async def test_redirects_in_circles_end() -> None:
    error, server = await ask(says(302, Location="/thing"))
    assert type(error) is BadAnswer
    assert len(server.calls) < 10


@pytest.mark.parametrize("link", [
    "http://evil.example/x", "https://localhost.evil.example/", "//evil.example/x", "http://localhost:1/x",
    "http://localhost@evil.example/", "ftp://localhost/x", "http://localhost:notaport/",
])
def test_links_to_other_hosts_are_refused(link: str) -> None:
    http = doorway("http://localhost:8080/REST/2.0")
    with pytest.raises(BadAnswer):
        http.local(link)


@pytest.mark.parametrize(("link", "full"), [
    ("/x?page=2", "http://localhost:8080/x?page=2"),
    ("http://localhost:8080/REST/2.0/y", "http://localhost:8080/REST/2.0/y"),
    ("HTTP://LOCALHOST:8080/y", "http://LOCALHOST:8080/y"),
    ("y", "http://localhost:8080/REST/2.0/y"),
])
def test_links_on_the_same_host_are_taken(link: str, full: str) -> None:
    assert doorway("http://localhost:8080/REST/2.0").local(link) == full


@pytest.mark.parametrize("url", [
    "http://rt.example", "http://127.0.0.2", "http://localhost.example", "ftp://rt.example", "rt.example", "",
    "https://", "https://ann:secret@rt.example", "http://10.0.0.1",
])
def test_addresses_that_would_send_the_token_in_the_clear_are_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        doorway(url)
    assert "secret" not in str(caught.value)
    assert caught.value.remedy


async def test_cookies_are_not_kept() -> None:
    async with Loopback(says(200, Set_Cookie="session=1")) as server:
        http = doorway(server.url)
        await http.get("/a")
        await http.get("/b")
        await http.close()
        assert [c.headers.get("cookie") for c in server.calls] == [None, None]


async def test_at_most_two_connections_at_a_time() -> None:
    async def slow(call: Call) -> None:
        await asyncio.sleep(0.05)
        await call.answer()

    async with Loopback(slow) as server:
        http = doorway(server.url)
        await asyncio.gather(*(http.get(f"/{n}") for n in range(8)))
        await http.close()
        assert server.most_open <= 2
        assert len(server.calls) == 8


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    answer, _ = await ask(says(200, b"1"))
    assert answer.json("rt:x") == 1


async def test_the_token_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for talk in (says(200), says(401, b'{"message": "no"}'), says(500), hang_up):
        result, _ = await ask(talk, "POST")
        assert TOKEN not in repr(result)
        assert TOKEN not in str(result)
    assert TOKEN not in caplog.text


# TLS ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """Make self-signed certificates for a name."""
    folder = tmp_path_factory.mktemp("tls")

    def make(name: str) -> tuple[Path, Path]:
        key, cert = folder / f"{name}.key", folder / f"{name}.pem"
        if not cert.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}", "-addext",
                 f"subjectAltName=DNS:{name}"],
                check=True, capture_output=True,
            )
        return cert, key

    return make


def serving(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


async def test_an_untrusted_certificate_stops_everything(certificate: Callable[[str], tuple[Path, Path]]) -> None:
    async with Loopback(says(200), secure=serving(*certificate("localhost"))) as server:
        http = doorway(server.url)
        with pytest.raises(Unavailable) as caught:
            await http.request("POST", "/x", safe=False)
        await http.close()
    assert "not trusted" in caught.value.cause
    assert "ca_file" in caught.value.cause
    assert server.calls == []


async def test_ca_file_adds_an_authority(certificate: Callable[[str], tuple[Path, Path]]) -> None:
    cert, key = certificate("localhost")
    async with Loopback(says(200, b"2"), secure=serving(cert, key)) as server:
        http = doorway(server.url, ca_file=str(cert))
        assert (await http.get("/x")).json("rt:x") == 2
        await http.close()


async def test_a_certificate_for_another_name_is_refused(certificate: Callable[[str], tuple[Path, Path]]) -> None:
    cert, key = certificate("other.example")
    async with Loopback(says(200), secure=serving(cert, key)) as server:
        http = doorway(server.url, ca_file=str(cert))
        with pytest.raises(Unavailable) as caught:
            await http.get("/x")
        await http.close()
    assert "not trusted" in caught.value.cause
    assert server.calls == []


async def test_tls_to_a_plain_port_is_said_in_words(certificate: Callable[[str], tuple[Path, Path]]) -> None:
    async with Loopback(says(200)) as server:
        http = doorway(server.url.replace("http:", "https:"))
        with pytest.raises(Unavailable) as caught:
            await http.get("/x")
        await http.close()
    assert caught.value.cause


async def test_a_ca_file_that_is_none_is_a_configuration_mistake(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("not a certificate")
    for name in ("bad.pem", "missing.pem"):
        http = doorway("https://rt.example", ca_file=str(tmp_path / name))
        with pytest.raises(ConfigError):
            await http.get("/x")


# pages --------------------------------------------------------------------------------------------------------------


def test_a_walk_ends_at_its_budget_and_at_a_page_seen_before() -> None:
    walk = Walk("rt:x", budget=3)
    assert [walk.enter(str(n)) for n in range(4)] == [True, True, True, False]
    walk = Walk("rt:x")
    walk.enter("a")
    walk.enter("b")
    with pytest.raises(BadAnswer):
        walk.enter("a")


def test_headers_are_asked_for_at_each_request() -> None:
    """A token that was stored anew is used without a restart."""
    tokens = iter(["one", "two"])
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    def headers() -> Mapping[str, str]:
        return {"Authorization": next(tokens)}

    async def run() -> None:
        http = doorway("https://rt.example", headers=headers, transport=httpx.MockTransport(answer))
        await http.get("/a")
        await http.get("/b")
        await http.close()

    asyncio.run(run())
    assert seen == ["one", "two"]
