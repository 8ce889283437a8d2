"""The calls of the Mastodon client interface (https://docs.joinmastodon.org/methods/), with what each answer means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple, NoReturn, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from agentdesk.config.sources import MastodonSource
from agentdesk.connectors.answers import Answer, failure
from agentdesk.connectors.http import Http, Params
from agentdesk.connectors.items import one, read
from agentdesk.connectors.login import again
from agentdesk.connectors.mastodon.allowance import PAGING, Allowance
from agentdesk.connectors.mastodon.wire import Account, Status, raw_id
from agentdesk.errors import AuthError, BadAnswer, Gone, Rejected, Unavailable
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.page import Reject

PAGE = 40
"""As many items as every listing of the family gives at once."""
LONGEST_FETCH_S = 60.0
_DEAD_TOKEN = ("invalid_token", "access token", "unauthorized", "not authenticated")
_SCOPE = ("authorized scopes", "insufficient permissions", "insufficient_scope", "token has insufficient")

T = TypeVar("T")
Pairs = list[tuple[str, str | int]]


class Listing(NamedTuple):
    """One page of a listing, as the server ordered it."""

    items: list[Any]
    newer: str
    """Where paging forward goes on: the server's own mark, else the first item's id."""
    older: str

    def above(self, mark: str) -> list[Any]:
        """What stands before the last known item: newer, for every listing begins with the newest."""
        return list(takewhile(lambda item: not mark or raw_id(item) != mark, self.items))


class Context(NamedTuple):
    """What stands around a status."""

    above: list[Status]
    below: list[Status]
    rejects: list[Reject]
    again_s: float | None = None
    """The server is still fetching replies from elsewhere: when it is to be asked again."""


class MastodonClient:
    """One account's requests; nothing here knows the model."""

    def __init__(
        self, config: MastodonSource, clock: Clock, token: Callable[[], str], http: Http | None = None
    ) -> None:
        self.name = config.full_name
        self.allowance = Allowance(self.name, clock)

        def line() -> Http:
            return Http(config.url, clock=clock, name=self.name, timeout_s=config.timeout / SECOND,
                        ca_file=config.ca_file, headers=lambda: {"Authorization": f"Bearer {token()}"})

        self.http = http or line()
        self._posting = http or line()
        """Every post has a connection of its own: some servers close used ones without a word, and a reply that is
        written to such a one may or may not have arrived."""

    async def close(self) -> None:
        """Close the connections."""
        await self.http.close()
        if self._posting is not self.http:
            await self._posting.close()

    async def get(self, path: str, params: Params | None = None) -> Answer:
        """Read; once more when the line was closed under us, as some of these servers do between two requests."""
        for last in (False, True):
            self.allowance.take(reading=True, paging=_pages(params))
            try:
                answer = await self.http.get(path, params)
            except Rejected as error:
                raise self._sorted(error) from error
            except Unavailable as error:
                if last or not _closed_under_us(error):
                    raise
                continue
            self.allowance.note(answer.headers)
            return answer
        raise AssertionError

    async def data(self, path: str, params: Params | None = None) -> Any:
        """Read one thing."""
        return (await self.get(path, params)).json(self.name)

    async def maybe(self, path: str, params: Params | None = None) -> Any:
        """Read one thing that not every server of the family has; None where it is missing or broken."""
        try:
            return await self.data(path, params)
        except (Rejected, AuthError, BadAnswer, Unavailable):
            return None

    async def listing(self, path: str, params: Pairs) -> Listing:
        """Read one page of a listing."""
        answer = await self.get(path, params)
        items = answer.json(self.name)
        if not isinstance(items, list):
            raise BadAnswer(f"{self.name}: bad answer from the server", f"{path} is no list", "Check url:")
        links = _links(answer.headers.get("link", ""))
        ids = [number for number in map(raw_id, items) if number]
        return Listing(items[: 4 * PAGE], links.get("min_id") or (ids[0] if ids else ""),
                       links.get("max_id") or (ids[-1] if ids else ""))

    async def status(self, ref: str) -> Status:
        """One status; Gone when it was deleted or is hidden from us."""
        return self.one(await self.data(f"/api/v1/statuses/{path(ref)}"), Status)

    async def account(self, ref: str) -> Account:
        """One account."""
        return self.one(await self.data(f"/api/v1/accounts/{path(ref)}"), Account)

    async def context(self, ref: str) -> Context:
        """What stands above a status and below it: https://docs.joinmastodon.org/methods/statuses/#context."""
        answer = await self.get(f"/api/v1/statuses/{path(ref)}/context")
        data = answer.json(self.name)
        if not isinstance(data, dict):
            raise BadAnswer(f"{self.name}: bad answer from the server", "the context is no object", "Check url:")
        above, bad = read(_list(data.get("ancestors")), Status, "status")
        below, worse = read(_list(data.get("descendants")), Status, "status")
        return Context(above, below, bad + worse, _again(answer.headers.get("mastodon-async-refresh", "")))

    async def write(
        self, method: str, address: str, data: Mapping[str, Any] | None = None, *, safe: bool = True, key: str = "",
        content: bytes | None = None, kind: str = "", accept: tuple[int, ...] = (),
    ) -> Answer:
        """Change something. ``safe`` says that doing it twice is harmless; ``key`` is our id for it."""
        self.allowance.take(reading=False, paging=False)
        line = self.http if safe else self._posting
        headers = {} if safe else {"Connection": "close"}
        if key:
            headers["Idempotency-Key"] = key
        if kind:
            headers["Content-Type"] = kind
        try:
            answer = await line.request(
                method, address, json=dict(data) if data is not None else None, content=content, headers=headers,
                safe=safe, accept=accept,
            )
        except Rejected as error:
            raise self._sorted(error) from error
        self.allowance.note(answer.headers)
        return answer

    def refuse(self, answer: Answer) -> NoReturn:
        """Raise what an answer stands for that was accepted only to be looked at."""
        error = failure(answer, name=self.name, host=self.http.host, safe=False, now=self.http.clock.now())
        raise self._sorted(error) if isinstance(error, Rejected) else error

    def one(self, data: Any, kind: type[T]) -> T:
        """Check one thing; BadAnswer when it is not what it should be."""
        try:
            return one(data, kind)
        except (msgspec.ValidationError, ValueError, RecursionError, OverflowError) as error:
            raise BadAnswer(f"{self.name}: bad answer from the server", str(error)[:200], "Check url:") from error

    def _sorted(self, error: Rejected) -> Rejected | AuthError:
        """A refusal that is about the token, whatever status the server gave it."""
        said = error.cause.lower()
        if isinstance(error, Gone):
            return error
        if any(words in said for words in _SCOPE):
            return AuthError(f"{self.name}: the token may not do this", error.cause,
                             f"{again(self.name)} and allow all of it")
        if said.startswith(("http 400", "http 403")) and any(words in said for words in _DEAD_TOKEN):
            return AuthError(f"{self.name}: {self.http.host} does not accept the token", error.cause, again(self.name))
        return error


def path(ref: str) -> str:
    """An id as a part of an address."""
    return quote(ref, safe="")


def _pages(params: Params | None) -> bool:
    pairs = params if isinstance(params, list) else list((params or {}).items())
    return any(name in PAGING for name, _ in pairs)


def _closed_under_us(error: Unavailable) -> bool:
    import httpx

    return isinstance(error.__cause__, httpx.ReadError | httpx.RemoteProtocolError | httpx.WriteError)


def _again(header: str) -> float | None:
    """When to ask again, of «id="…", retry=3»: https://docs.joinmastodon.org/entities/AsyncRefresh/."""
    found = re.search(r"\bretry=(\d{1,4})\b", header[:500])
    return None if found is None else max(1.0, min(float(found[1]), LONGEST_FETCH_S))


def _links(header: str) -> dict[str, str]:
    """The paging marks of a Link header. Its addresses are the server's idea of itself: only their marks are used."""
    found: dict[str, str] = {}
    for part in header.split(">")[:4]:
        _, _, address = part.partition("<")
        try:
            query = parse_qs(urlsplit(address).query)
        except ValueError:
            continue
        for name in ("min_id", "max_id"):
            if query.get(name):
                found.setdefault(name, query[name][0])
    return found


def _list(value: Any) -> Sequence[Any]:
    return value[:5_000] if isinstance(value, list) else []
