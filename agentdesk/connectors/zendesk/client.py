"""Zendesk's calls, and what each answer means; nothing here knows the model.

See https://developer.zendesk.com/api-reference/ticketing/introduction/ and …/ticketing/ticket-management/search/,
…/incremental_exports/.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from agentdesk.config.sources import ZendeskSource
from agentdesk.connectors.answers import Answer, nothing_shown
from agentdesk.connectors.http import Http, Walk
from agentdesk.connectors.items import one, read
from agentdesk.connectors.zendesk.wire import SYSTEM_FIELDS, Comment, Field, Group, Identity, Ticket, User
from agentdesk.errors import Ambiguous, BadAnswer, Gone, Rejected, SourceError
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.page import Reject
from agentdesk.model.text import inert_line

PER_PAGE = 100
ANSWER_LIMIT = 32 * 1024 * 1024
"""A hundred long comments, each in three forms, are one answer."""
SEARCH_PAGES = 10
"""A search shows a thousand results; asking for more is refused."""
COMMENT_PAGES = 50
"""A ticket holds five thousand comments at most."""
SIDE = "users,groups,slas"
_UNFIT = str.maketrans(dict.fromkeys('":<>=*()|', " "))

T = TypeVar("T")


class Listing(msgspec.Struct):
    """Tickets with the people on them."""

    tickets: list[Ticket] = []
    users: dict[int, User] = {}
    groups: dict[int, Group] = {}
    rejects: list[Reject] = []


class Changes(msgspec.Struct):
    """One answer of a listing of changes."""

    tickets: list[Ticket]
    rejects: list[Reject]
    after: str = ""
    """Where the export goes on."""
    last: bool = True
    """True when there is no more behind it."""


class ZendeskClient:
    """The calls."""

    def __init__(self, config: ZendeskSource, clock: Clock, token: Callable[[], str], http: Http | None = None) -> None:
        self.name = config.full_name
        self.site = config.url.rstrip("/")
        self.me = 0
        self.http = http or Http(
            self.site + "/api/v2",
            clock=clock,
            name=self.name,
            headers=lambda: authorization(config.user, token()),
            timeout_s=config.timeout / SECOND,
            ca_file=config.ca_file,
            limit=ANSWER_LIMIT,
        )

    def there(self, at: Millis) -> Millis:
        """An instant of our clock by the server's."""
        return at + (self.http.meter.skew or 0)

    async def get(self, path: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """Read one resource; the answer is always an object."""
        answer = await self.http.get(path, params)
        data = answer.json(self.name)
        if not isinstance(data, dict):
            raise self._bad(f"{path} is no object")
        return data

    async def write(
        self, method: str, path: str, body: Mapping[str, Any], *, safe: bool, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Change something; a refusal carries what Zendesk says of each field."""
        answer = await self.http.request(
            method, path, json=dict(body), safe=safe, headers=headers, accept=(400, 422))
        if not answer.ok:
            raise Rejected(f"{self.name}: {self.http.host} refuses", f"HTTP {answer.status}: {reasons(answer)}",
                           "Change what is asked for; trying again will not help")
        try:
            data = answer.json(self.name) if answer.body.strip() else {}
        except BadAnswer as error:
            if safe:
                raise
            raise Ambiguous(f"{self.name}: the answer of {self.http.host} could not be read", error.cause,
                            "It is being looked for on the server") from error
        return data if isinstance(data, dict) else {}

    async def upload(self, name: str, mime: str, data: bytes) -> str:
        """Hand a file over; what comes back stands for it in a comment. One that is never used is dropped there."""
        path = f"/uploads?filename={quote(name, safe='')}"
        headers = {"Content-Type": mime or "application/octet-stream"}
        answer = await self.http.request("POST", path, content=data, headers=headers, safe=True)
        held = answer.json(self.name)
        token = held.get("upload", {}).get("token") if isinstance(held, dict) else None
        if not isinstance(token, str):
            raise self._bad("it did not say how it calls the file")
        return token

    async def whoami(self) -> User | None:
        """Our own user."""
        data = await self.get("/users/me")
        users, _ = read([data.get("user")], User, "user")
        return users[0] if users else None

    async def listed(self, path: str, key: str, kind: type[T], pages: int = 10) -> list[T]:
        """A list such as groups or macros, page by page; what does not fit is left out."""
        found: list[T] = []
        walk, after = Walk(self.name, pages), ""
        while walk.enter(after):
            params: dict[str, str | int] = {"page[size]": PER_PAGE, **({"page[after]": after} if after else {})}
            data = await self.get(path, params)
            found += read(_rows(data, key), kind, key)[0]
            after = _next(data)
            if not after:
                break
        return found

    async def fields(self) -> dict[int, str]:
        """Titles of the fields that this desk's tickets have besides Zendesk's own."""
        try:
            found = await self.listed("/ticket_fields", "ticket_fields", Field)
        except Rejected:
            return {}  # their values then go without a title, which is to say unseen
        return {it.id: it.title for it in found if it.active and it.type not in SYSTEM_FIELDS}

    async def export(self, after: str, start: int) -> Changes:
        """What changed since a mark, for administrators; the last minute is not in it."""
        params: dict[str, str | int] = {"cursor": after} if after else {"start_time": start}
        data = await self.get("/incremental/tickets/cursor", {**params, "per_page": PER_PAGE})
        good, bad = read(_rows(data, "tickets"), Ticket, "ticket")
        goes_on = data.get("after_cursor")
        return Changes(tickets=good, rejects=bad, after=goes_on if isinstance(goes_on, str) else "",
                       last=data.get("end_of_stream") is not False)

    async def search(self, query: str, *, sort: str, order: str, page: int = 1, per_page: int = PER_PAGE) -> Changes:
        """One page of tickets that fit; the index behind it runs late, and it ends after a thousand."""
        data = await self.get("/search", {
            "query": f"type:ticket {query}", "sort_by": sort, "sort_order": order, "page": page, "per_page": per_page,
        })
        rows = [row for row in _rows(data, "results") if not isinstance(row, dict) or row.get("result_type") in (
            None, "ticket")]
        good, bad = read(rows, Ticket, "ticket")
        return Changes(tickets=good, rejects=bad, last=not rows or not data.get("next_page"))

    async def tickets(self, numbers: Sequence[int]) -> Listing:
        """These tickets as they stand, with due times and people; deleted and hidden ones are missing."""
        found = Listing()
        for start in range(0, len(numbers), PER_PAGE):
            ids = ",".join(map(str, numbers[start : start + PER_PAGE]))
            data = await self.get("/tickets/show_many", {"ids": ids, "include": SIDE})
            self._take(found, data, _rows(data, "tickets"))
        return found

    async def ticket(self, number: int) -> Listing:
        """One ticket; Gone where there is none for us."""
        data = await self._of_ticket(number, f"/tickets/{number}", {"include": SIDE})
        found = Listing()
        self._take(found, data, [data.get("ticket")])
        if not found.tickets or found.tickets[0].id != number:
            raise self._bad(f"/tickets/{number} is no ticket")
        if found.tickets[0].status == "deleted":
            raise self._gone(number)
        return found

    async def requested(self, user: int, limit: int) -> list[int]:
        """The numbers of the latest tickets that a customer asked for."""
        params: dict[str, str | int] = {"sort_by": "updated_at", "sort_order": "desc", "per_page": limit}
        data = await self.get(f"/users/{user}/tickets/requested", params)
        return [ticket.id for ticket in read(_rows(data, "tickets"), Ticket, "ticket")[0]][:limit]

    async def comments(
        self, number: int, *, behind: int = 0, pages: int = COMMENT_PAGES
    ) -> tuple[list[Comment], dict[int, User], list[Reject]]:
        """What is written on a ticket after the comment ``behind``, oldest first, with who wrote it."""
        found: list[Comment] = []
        users: dict[int, User] = {}
        rejects: list[Reject] = []
        walk, after = Walk(self.name, pages), ""
        while walk.enter(after):
            params: dict[str, str | int] = {"page[size]": PER_PAGE, "sort": "-created_at", "include": "users"}
            data = await self._of_ticket(
                number, f"/tickets/{number}/comments", {**params, **({"page[after]": after} if after else {})})
            good, bad = read(_rows(data, "comments"), Comment, "comment")
            if not (good or bad or found or rejects):
                raise nothing_shown(self.name, f"comments on ticket {number}")
            found += [comment for comment in good if comment.id > behind]
            rejects += [item for item in bad if _number(item.where) > behind]
            users.update((user.id, user) for user in read(_rows(data, "users", required=False), User, "user")[0])
            after = _next(data)
            if not after or any(comment.id <= behind for comment in good):
                break
        return sorted(found, key=lambda comment: (comment.created_at, comment.id)), users, rejects

    async def user(self, number: int) -> User | None:
        """One user; None when there is no such one for us."""
        try:
            data = await self.get(f"/users/{number}")
        except Rejected:
            return None
        users, _ = read([data.get("user")], User, "user")
        return users[0] if users else None

    async def identities(self, number: int) -> list[Identity]:
        """Every way to reach a user; none where we may not see them."""
        try:
            data = await self.get(f"/users/{number}/identities")
        except Rejected:
            return []
        return read(_rows(data, "identities"), Identity, "identity")[0]

    async def people(self, words: str, limit: int = 10) -> list[User]:
        """Users whose name or mail address has these words."""
        plain = plain_words(words)
        if not plain:
            return []
        data = await self.get("/users/search", {"query": plain, "per_page": limit})
        return read(_rows(data, "users"), User, "user")[0][:limit]

    async def suspended(self) -> int:
        """How many mails Zendesk holds back; 0 where we may not see them."""
        try:
            data = await self.get("/suspended_tickets", {"per_page": 1})
        except Rejected:
            return 0
        count = data.get("count")
        return count if isinstance(count, int) else len(_rows(data, "suspended_tickets", required=False))

    async def _of_ticket(self, number: int, path: str, params: Mapping[str, str | int]) -> dict[str, Any]:
        try:
            return await self.get(path, params)
        except Rejected as error:
            if isinstance(error, Gone) or "HTTP 403" in error.cause:
                raise self._gone(number) from error
            raise

    def _take(self, found: Listing, data: Mapping[str, Any], rows: Iterable[Any]) -> None:
        good, bad = read(rows, Ticket, "ticket")
        found.tickets += good
        found.rejects += bad
        found.users.update((user.id, user) for user in read(_rows(data, "users", required=False), User, "user")[0])
        found.groups.update((it.id, it) for it in read(_rows(data, "groups", required=False), Group, "group")[0])

    def _gone(self, number: int) -> SourceError:
        return Gone(f"{self.name}: ticket {number} is not there any more",
                    "It was deleted, or the token may not see it", "Look for it in Zendesk")

    def _bad(self, cause: str) -> BadAnswer:
        return BadAnswer(f"{self.name}: bad answer from the server", cause, "If it stays, check the address in url:")


def authorization(user: str, token: str) -> dict[str, str]:
    """The header for an API token of a user, or for an OAuth token."""
    if not user:
        return {"Authorization": f"Bearer {token}"}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}/token:{token}".encode()).decode()}


def reasons(answer: Answer) -> str:
    """What Zendesk says of each field that it refuses, else its own sentence."""
    try:
        data = answer.json("")
    except BadAnswer:
        return answer.words()
    details = data.get("details") if isinstance(data, dict) else None
    said = [str(item.get("description") or item.get("error") or "") for items in
            (details.values() if isinstance(details, dict) else []) for item in
            (items if isinstance(items, list) else []) if isinstance(item, dict)]
    if not said and isinstance(data, dict) and isinstance(data.get("description"), str):
        said = [data["description"]]
    return str(inert_line("; ".join(filter(None, said)), limit=300)) or answer.words()


def plain_words(words: str) -> str:
    """Words that mean nothing but themselves to the search."""
    kept = [word.lstrip("-+") for word in words.translate(_UNFIT).split()]
    return " ".join(word for word in kept if word and word not in ("AND", "OR", "NOT"))[:200]


def made(data: Mapping[str, Any], key: str, kind: type[T]) -> T | None:
    """What an answer says was made; None when that cannot be read."""
    try:
        return one(data.get(key), kind)
    except (msgspec.ValidationError, ValueError):
        return None


def _rows(data: Mapping[str, Any], key: str, *, required: bool = True) -> list[Any]:
    rows = data.get(key)
    if isinstance(rows, list):
        return rows
    if required:
        raise BadAnswer("Zendesk: bad answer from the server", f"there is no list of {key}", "If it stays, check url:")
    return []


def _next(data: Mapping[str, Any]) -> str:
    """Where a list goes on; empty at its end."""
    meta = data.get("meta")
    after = meta.get("after_cursor") if isinstance(meta, dict) and meta.get("has_more") else None
    return after if isinstance(after, str) else ""


def _number(where: str) -> int:
    tail = where.rpartition(" ")[2]
    return int(tail) if tail.isdecimal() else 1 << 62
