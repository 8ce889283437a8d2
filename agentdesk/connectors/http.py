"""The one doorway to the network: every request of every connector goes through ``Http``.

It keeps the promises that connectors rely on: one absolute deadline per request, a limit on what is read, the token
only in headers and only to the configured origin, and an error that tells «not processed» from «perhaps processed».
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

import agentdesk
from agentdesk.connectors.answers import Answer, asked_once, describe, failure
from agentdesk.connectors.body import TooMuch, raw, unpacker
from agentdesk.connectors.certificates import ssl_context
from agentdesk.connectors.meter import Meter
from agentdesk.errors import Ambiguous, BadAnswer, ConfigError, Rejected, SourceError, Unavailable
from agentdesk.model.clock import Clock
from agentdesk.model.text import inert_line

if TYPE_CHECKING:
    import httpx

JSON_LIMIT = 8 * 1024 * 1024
MAX_REDIRECTS = 4
POOL = 2
SAVE_LIMIT_S = 600.0
"""The longest that fetching a file may take."""
KEEP_ALIVE_S = 1.0
"""Idle connections are dropped early: a reply must not be written to one that the server is about to close."""
HIDDEN = "•••"
LEAST_SECRET = 12
"""Shorter ones could be ordinary words."""
_SECRET_HEADER = re.compile("auth|token|key|secret|cookie|password", re.IGNORECASE)

Params = Mapping[str, str | int] | list[tuple[str, str | int]]


class Http:
    """Requests to one origin under one account."""

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        name: str,
        headers: Callable[[], Mapping[str, str]] | None = None,
        timeout_s: float = 30.0,
        ca_file: str = "",
        proxy: str = "",
        limit: int = JSON_LIMIT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self.clock = clock
        self.base_url = base_url.rstrip("/")
        self.origin = _origin(_checked(self.base_url, name))
        self.host = self.origin[1]
        self._headers = headers
        self._timeout_s = timeout_s
        self._ca_file = ca_file
        self._proxy = proxy
        self._limit = limit
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self.meter = Meter()

    def url(self, path: str, params: Params | None = None) -> str:
        """The full address of ``path`` below the configured one."""
        address = path if "://" in path else self.base_url + path
        if params:
            pairs = params if isinstance(params, list) else list(params.items())
            address += ("&" if "?" in address else "?") + urlencode(pairs)
        return address

    def local(self, link: str) -> str:
        """Return a link that the server gave as an address on the configured origin; refuse any other host."""
        address = self._joined(self.base_url + "/", link)
        if _origin(urlsplit(address)) != self.origin:
            raise BadAnswer(
                f"{self.name}: the server sent a link to another host",
                f"it points to {inert_line(urlsplit(address).netloc, limit=100)}",
                f"Nothing was sent there; check the address in url: against what {self.host} calls itself",
            )
        return address

    def _joined(self, base: str, link: str) -> str:
        """Where a link leads; one that is no address at all is a broken answer."""
        try:
            return urlsplit(urljoin(base, link)).geturl()
        except ValueError as error:
            raise BadAnswer(f"{self.name}: the server sent a link that leads nowhere",
                            str(inert_line(link, limit=100)), "If it stays, check the address in url:") from error

    async def get(self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Read; follows redirects on the same origin. Any failure proves that nothing was changed."""
        return await self.request("GET", path, params=params, headers=headers, safe=True)

    async def request(
        self,
        method: str,
        path: str,
        *,
        safe: bool,
        params: Params | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (),
    ) -> Answer:
        """Make one request and return a 2xx answer, or one whose status is in ``accept``.

        ``safe`` says that doing it twice, or not knowing whether it was done, is harmless: then an unclear outcome is
        ``Unavailable``, else ``Ambiguous``.
        """
        address = self.local(self.url(path, params))
        body, sent = content, dict(headers or {})
        if json is not None:
            import msgspec

            body = msgspec.json.encode(json)
            sent.setdefault("Content-Type", "application/json")
        for _ in range(MAX_REDIRECTS):
            answer = await self._once(method, address, body, sent, safe)
            if answer.ok or answer.status in accept:
                return answer
            if method not in ("GET", "HEAD") or answer.status not in (301, 302, 303, 307, 308):
                raise failure(answer, name=self.name, host=self.host, safe=safe, now=self.clock.now())
            address = self.local(self._joined(address, answer.headers.get("location", "")))
        raise BadAnswer(f"{self.name}: {self.host} redirects in circles", remedy="Check the address in url:")

    async def save(self, link: str, out: BinaryIO, limit: int, *, elsewhere: bool = False) -> None:
        """Write a file that the server names into ``out``; Rejected when it is larger than ``limit`` bytes.

        The token goes to the configured origin only. ``elsewhere`` lets the file lie on another public https host.
        """
        address = self._joined(self.base_url + "/", link)
        for _ in range(MAX_REDIRECTS):
            if not (elsewhere and _public(urlsplit(address))):
                address = self.local(address)
            goes_on = await self._save_once(address, out, limit)
            if not goes_on:
                return
            address = self._joined(address, goes_on)
        raise BadAnswer(f"{self.name}: {self.host} redirects in circles", remedy="Open the file on the platform")

    async def _save_once(self, address: str, out: BinaryIO, limit: int) -> str:
        """Fetch one address into ``out``; returns where it is redirected to, empty when the file is there."""
        import httpx

        client = await self._open()
        ours = _origin(urlsplit(address)) == self.origin
        own = dict(self._headers()) if self._headers and ours else {}
        request = client.build_request("GET", address, headers={**own, "Accept": "*/*"})
        try:
            async with asyncio.timeout(max(SAVE_LIMIT_S, self._timeout_s)):
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    if response.status_code in (301, 302, 303, 307, 308):
                        return str(response.headers.get("location", ""))
                    if not response.is_success:
                        answer = Answer(status=response.status_code, headers=_lower(response.headers),
                                        body=await self._read(response), url=address)
                        raise asked_once(failure(_without(_secrets(own), answer), name=self.name,
                                                  host=str(request.url.host), safe=True, now=self.clock.now()))
                    await self._copy(response, out, limit)
                finally:
                    await response.aclose()
                    client.cookies.clear()
        except (httpx.HTTPError, TimeoutError, TooMuch) as error:
            raise asked_once(self._lost(describe(error), safe=True)) from error
        return ""

    async def _copy(self, response: httpx.Response, out: BinaryIO, limit: int) -> None:
        """Write the body as it comes, never more than ``limit`` bytes, also after unpacking."""
        unpack = unpacker(response.headers.get("content-encoding", ""))
        written = 0
        async for chunk in raw(response):
            data = unpack(chunk, limit + 1 - written) if unpack else chunk
            written += len(data)
            if written > limit:
                raise Rejected(f"{self.name}: the file is larger than {limit // 1024} KiB",
                               remedy="Open it on the platform")
            out.write(data)
        unpack.end() if unpack else None

    async def _once(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], safe: bool) -> Answer:
        import httpx

        client = await self._open()
        progress = _Progress()
        own = dict(self._headers()) if self._headers else {}
        request = client.build_request(
            method, url, content=body, headers={**own, **headers}, extensions={"trace": progress.note}
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    data = await self._read(response)
                finally:
                    await response.aclose()
                    client.cookies.clear()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise self._unreachable(describe(error)) from error
        except TimeoutError as error:
            cause = f"no complete answer within {self._timeout_s:g} s"
            raise self._lost(cause, safe or progress.only_connecting) from error
        except httpx.HTTPError as error:
            raise self._lost(describe(error), safe) from error
        except TooMuch as error:
            raise self._unreadable(str(error), safe) from error
        told = _lower(response.headers)
        self.meter.note(told, self.clock.now())
        answer = Answer(status=response.status_code, headers=told, body=data, url=url)
        return _without(_secrets({**own, **headers}), answer)

    async def stream_request(self, path: str, quiet_s: float) -> tuple[httpx.Request, httpx.AsyncClient]:
        """A request for a stream that may be silent for ``quiet_s`` seconds, and what to send it with."""
        client = await self._open()
        own = dict(self._headers()) if self._headers else {}
        headers = {**own, "Accept": "text/event-stream"}
        request = client.build_request("GET", self.local(self.url(path)), headers=headers)
        request.extensions["timeout"] = {**request.extensions["timeout"], "read": quiet_s}
        return request, client

    async def _read(self, response: httpx.Response) -> bytes:
        """Read the body as it comes over the wire, never more than the limit, also after unpacking."""
        unpack = unpacker(response.headers.get("content-encoding", ""))
        data, packed = bytearray(), 0
        async for chunk in raw(response):
            packed += len(chunk)
            data += unpack(chunk, self._limit + 1 - len(data)) if unpack else chunk
            if max(packed, len(data)) > self._limit:
                raise TooMuch(f"the answer is larger than {self._limit // 1024} KiB")
        unpack.end() if unpack else None
        return bytes(data)

    def _unreachable(self, cause: str) -> SourceError:
        return Unavailable(
            f"{self.name}: {self.host} cannot be reached", cause,
            "It is tried again by itself; check the network and url:",
        )

    def _lost(self, cause: str, safe: bool) -> SourceError:
        if safe:
            return Unavailable(f"{self.name}: {self.host} did not answer", cause, "It is tried again by itself")
        return Ambiguous(
            f"{self.name}: the line broke before {self.host} answered", cause,
            "It is being looked for on the server before anything is sent again",
        )

    def _unreadable(self, cause: str, safe: bool) -> SourceError:
        if safe:
            title = f"{self.name}: bad answer from {self.host}"
            return BadAnswer(title, cause, "If it stays, check the address in url:")
        return Ambiguous(
            f"{self.name}: the answer of {self.host} could not be read", cause,
            "It is being looked for on the server before anything is sent again",
        )

    async def _open(self) -> httpx.AsyncClient:
        """Make the client on first use; certificates are read in a thread, they take a while."""
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(self._make_client)
            return self._client

    def _make_client(self) -> httpx.AsyncClient:
        import httpx

        lines = self._transport is None and self.origin[0] == "https"
        secure: Any = ssl_context(self._ca_file, self.name) if lines else False
        return httpx.AsyncClient(
            transport=self._transport,
            verify=secure or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
            proxy=self._proxy or None,
            follow_redirects=False,
            limits=httpx.Limits(
                max_connections=POOL, max_keepalive_connections=POOL, keepalive_expiry=KEEP_ALIVE_S
            ),
            timeout=httpx.Timeout(self._timeout_s, connect=min(10.0, self._timeout_s)),
            headers={
                "User-Agent": f"agentdesk/{agentdesk.__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()


class Walk:
    """Counts the pages of one listing and stops a server that never ends it or leads in circles."""

    def __init__(self, name: str, budget: int = 50) -> None:
        self._name = name
        self._left = budget
        self._seen: set[str] = set()

    def enter(self, mark: str) -> bool:
        """Say whether the page ``mark`` may still be fetched; a page seen before is a broken answer."""
        if mark in self._seen:
            raise BadAnswer(f"{self._name}: the server's pages lead in circles", "the same page came up twice")
        self._seen.add(mark)
        self._left -= 1
        return self._left >= 0


class _Progress:
    """How far a request got, told by the transport; without such news it is taken to have been sent."""

    def __init__(self) -> None:
        self.only_connecting = False

    async def note(self, event: str, info: Mapping[str, Any]) -> None:
        if event.startswith("connection.") and event.endswith(".started"):
            self.only_connecting = True
        elif "send_request" in event:
            self.only_connecting = False


def _checked(base_url: str, name: str) -> SplitResult:
    """Refuse addresses that would carry the token in the clear."""
    parts = urlsplit(base_url)
    if parts.username is not None or parts.password is not None:
        remedy = "Take it out and name the token's place in token:"
        raise ConfigError(f"{name}: url: holds a name or password", remedy=remedy)
    if parts.scheme == "https" and parts.hostname:
        return parts
    if parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return parts
    raise ConfigError(
        f"{name}: url: must begin with https://",
        f"{inert_line(base_url, limit=100)} would send the token in the clear",
        "Plain http:// is allowed for this machine only (127.0.0.1, localhost)",
    )


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    try:
        port = parts.port
    except ValueError:
        port = -1
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), port or {"https": 443, "http": 80}.get(scheme, 0)


def _public(parts: SplitResult) -> bool:
    """True for an https address of a named host: never this machine, nor one in the local network by its number."""
    host = (parts.hostname or "").rstrip(".").lower()
    named = "." in host and not host.rpartition(".")[2].isdecimal() and not host.endswith((".local", ".localhost"))
    return parts.scheme == "https" and named and parts.username is None


def _secrets(headers: Mapping[str, str]) -> list[str]:
    """What of our own headers must never come back: into an error's words, a message, a log."""
    return [word for name, value in headers.items() if _SECRET_HEADER.search(name)
            for word in value.split()[-1:] if len(word) >= LEAST_SECRET]


def _without(secrets: list[str], answer: Answer) -> Answer:
    """The answer with our secrets hidden: some servers and proxies repeat what they were sent."""
    for secret in secrets:
        headers = {name: value.replace(secret, HIDDEN) for name, value in answer.headers.items()}
        body = answer.body.replace(secret.encode(), HIDDEN.encode())
        answer = Answer(status=answer.status, headers=headers, body=body, url=answer.url)
    return answer


def _lower(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
