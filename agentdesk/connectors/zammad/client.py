"""Zammad's calls, and what each answer means; nothing here knows the model.

Tickets are found by conditions on the database where the server takes them, else through its search index, which runs
behind. See https://docs.zammad.org/en/latest/api/ticket/index.html and /api/intro.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from agentdesk.config.sources import ZammadSource
from agentdesk.connectors.answers import Answer
from agentdesk.connectors.http import Http
from agentdesk.connectors.items import iso, one, read
from agentdesk.connectors.zammad.wire import Article, State, Ticket, User
from agentdesk.errors import BadAnswer, Gone, Rejected
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.page import Reject

PER_PAGE = 100
ANSWER_LIMIT = 32 * 1024 * 1024
"""All articles of a ticket come in one answer, mails with their history."""
_UNFIT = str.maketrans(dict.fromkeys('+=&|><!(){}[]^"~*?:\\/;', " "))
"""Signs that mean something to the search index; a person's words have none of them."""

T = TypeVar("T")


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickets to list; what is left out matters not."""

    updated_from: Millis | None = None
    updated_to: Millis | None = None
    created_from: Millis | None = None
    states: tuple[int, ...] | None = None
    customer: int | None = None
    mine: bool = False
    """Only those that we opened."""

    def condition(self) -> dict[str, Any]:
        """For the database."""
        found: dict[str, Any] = {}
        if self.updated_from is not None and self.updated_to is None:
            found["ticket.updated_at"] = {"operator": "after (absolute)", "value": iso(self.updated_from)}
        if self.updated_to is not None:
            found["ticket.updated_at"] = {"operator": "before (absolute)", "value": iso(self.updated_to)}
        if self.created_from is not None:
            found["ticket.created_at"] = {"operator": "after (absolute)", "value": iso(self.created_from)}
        if self.states is not None:
            found["ticket.state_id"] = {"operator": "is", "value": [str(number) for number in self.states]}
        if self.customer is not None:
            value = [str(self.customer)]
            found["ticket.customer_id"] = {"operator": "is", "pre_condition": "specific", "value": value}
        if self.mine:
            found["ticket.created_by_id"] = {"operator": "is", "pre_condition": "current_user.id"}
        return found

    def query(self, me: int) -> str:
        """For the search index."""
        parts = []
        if self.updated_from is not None:
            parts.append(f"updated_at:>={_quoted(self.updated_from)}")
        if self.updated_to is not None:
            parts.append(f"updated_at:<={_quoted(self.updated_to)}")
        if self.created_from is not None:
            parts.append(f"created_at:>={_quoted(self.created_from)}")
        if self.states is not None:
            parts.append(f"state_id:({' OR '.join(map(str, self.states))})")
        if self.customer is not None:
            parts.append(f"customer_id:{self.customer}")
        if self.mine:
            parts.append(f"created_by_id:{me}")
        return " AND ".join(parts) or "id:>0"


class Listing(msgspec.Struct):
    """Tickets in the order that was asked for, with the people on them."""

    tickets: list[Ticket] = []
    raw: dict[int, dict[str, Any]] = {}
    users: dict[int, User] = {}
    rejects: list[Reject] = []
    last: bool = True
    """True when there is no page behind this one."""


class ZammadClient:
    """The calls."""

    def __init__(self, config: ZammadSource, clock: Clock, token: Callable[[], str], http: Http | None = None) -> None:
        self.name = config.full_name
        self.site = config.url.rstrip("/")
        self.exact = True
        """False when tickets can only be found through the search index."""
        self.me = 0
        self.http = http or Http(
            self.site + "/api/v1",
            clock=clock,
            name=self.name,
            headers=lambda: {"Authorization": f"Token token={token()}"},
            timeout_s=config.timeout / SECOND,
            ca_file=config.ca_file,
            limit=ANSWER_LIMIT,
        )

    def there(self, at: Millis) -> Millis:
        """An instant of our clock by the server's."""
        return at + (self.http.meter.skew or 0)

    async def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """Read one resource."""
        answer = await self.http.get(path, params)
        return answer.json(self.name)

    async def rows(self, path: str, kind: type[T], where: str) -> list[T]:
        """A short list that comes whole, such as states; what does not fit is left out."""
        data = await self.get(path, {"per_page": 500})
        if not isinstance(data, list):
            raise self._bad(f"{path} is no list")
        return read(data, kind, where)[0]

    async def states(self) -> dict[int, State]:
        """Every ticket state by number."""
        return {state.id: state for state in await self.rows("/ticket_states", State, "state")}

    async def search(self, want: Want, *, sort: str = "updated_at", order: str = "asc", page: int = 1,
                     per_page: int = PER_PAGE) -> Listing:
        """One page of tickets, by time and then by number."""
        params: dict[str, str | int] = {
            "full": "true", "page": page, "per_page": per_page, "sort_by": f"{sort},id", "order_by": f"{order},{order}",
        }
        if self.exact:
            path, body = self.http.url("/tickets/search", params), {"condition": want.condition()}
            answer = await self.http.request("POST", path, json=body, safe=True)
        else:
            answer = await self.http.get("/tickets/search", {**params, "query": want.query(self.me)})
        return self._listing(answer.json(self.name), per_page, page)

    async def lookup(self, words: str, limit: int) -> Listing:
        """Tickets that hold these words."""
        plain = plain_words(words)
        if not plain:
            return Listing()
        params: dict[str, str | int] = {"full": "true", "query": plain, "per_page": limit, "page": 1}
        answer = await self.http.get("/tickets/search", {**params, "sort_by": "updated_at", "order_by": "desc"})
        return self._listing(answer.json(self.name), limit)

    async def people(self, words: str, limit: int = 10) -> list[User]:
        """Users whose name, login or mail address has these words."""
        plain = plain_words(words)
        if not plain:
            return []
        data = await self.get("/users/search", {"query": plain, "limit": limit, "per_page": limit})
        return read(data if isinstance(data, list) else [], User, "user")[0]

    async def user(self, number: int) -> User | None:
        """One user; None when there is no such one, or we may not see them."""
        try:
            data = await self.get(f"/users/{number}")
        except Rejected:
            return None
        good, _ = read([data], User, "user")
        return good[0] if good else None

    async def ticket(self, number: int) -> tuple[Ticket, dict[str, Any], dict[int, User]]:
        """A ticket as it stands: (its head, the head as it came, the people on it)."""
        data = await self._of_ticket(number, f"/tickets/{number}", {"full": "true"})
        full = isinstance(data, dict) and "assets" in data
        listing = self._listing({"record_ids": [number], **data} if full else [data], 1)
        if not listing.tickets or listing.tickets[0].id != number:
            raise self._bad(f"/tickets/{number} is no ticket")
        return listing.tickets[0], listing.raw[number], listing.users

    async def articles(self, number: int) -> tuple[list[Article], list[Reject]]:
        """Everything written on one ticket, oldest first."""
        data = await self._of_ticket(number, f"/ticket_articles/by_ticket/{number}", {"expand": "true"})
        if not isinstance(data, list):
            raise self._bad("the articles of a ticket are no list")
        return read(data, Article, "article")

    async def tags(self, number: int) -> list[str]:
        """A ticket's tags."""
        data = await self._of_ticket(number, "/tags", {"object": "Ticket", "o_id": number})
        found = data.get("tags") if isinstance(data, dict) else None
        return [str(tag) for tag in found] if isinstance(found, list) else []

    async def merged_into(self, number: int) -> int:
        """The ticket that a merged one became part of, by its history; 0 where that does not tell."""
        try:
            data = await self.get(f"/ticket_history/{number}")
        except Rejected:
            return 0
        rows = data.get("history") if isinstance(data, dict) else None
        told = [row.get("id_to") for row in rows if isinstance(row, dict) and row.get("type") == "merged_into"
                ] if isinstance(rows, list) else []
        return next((into for into in reversed(told) if isinstance(into, int) and into != number), 0)

    async def put(self, number: int, fields: Mapping[str, Any]) -> None:
        """Set fields of a ticket; doing it again changes nothing."""
        await self.http.request("PUT", f"/tickets/{number}", json=dict(fields), safe=True)

    async def tag(self, number: int, tag: str, *, add: bool) -> None:
        """Add or remove one tag."""
        body = {"item": tag, "object": "Ticket", "o_id": number}
        method, path = ("POST", "/tags/add") if add else ("DELETE", "/tags/remove")
        await self.http.request(method, path, json=body, safe=True)

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Write something that would be there twice if it were sent twice."""
        return await self.http.request("POST", path, json=dict(body), safe=False)

    async def _of_ticket(self, number: int, path: str, params: Mapping[str, str | int]) -> Any:
        """Read something of a ticket; Gone where it is not there, or hidden from us."""
        try:
            return await self.get(path, params)
        except Rejected as error:
            if isinstance(error, Gone) or "HTTP 403" in error.cause:
                raise Gone(f"{self.name}: ticket {number} is not there any more",
                           "It was deleted, or lies in a group that the token may not see") from error
            raise

    def _listing(self, data: Any, per_page: int, page: int = 1) -> Listing:
        """Tickets out of an answer, whichever of its versions' forms it has."""
        if isinstance(data, list):
            held = {str(place): item for place, item in enumerate(data)}
            ids: list[Any] = list(held)
            assets: dict[str, Any] = {"Ticket": held}
            total: Any = None
        elif isinstance(data, dict):
            assets = data["assets"] if isinstance(data.get("assets"), dict) else {}
            named = data.get("record_ids", data.get("tickets"))
            ids = named if isinstance(named, list) else []
            total = data.get("total_count")
        else:
            raise self._bad("the list of tickets is none")
        rows = assets.get("Ticket")
        by_id = rows if isinstance(rows, dict) else {}
        items = [by_id[str(number)] for number in ids if str(number) in by_id]
        good, bad = read(items, Ticket, "ticket")
        people = assets.get("User")
        users = read(people.values() if isinstance(people, dict) else [], User, "user")[0]
        more = len(ids) >= per_page or (isinstance(total, int) and total > (page - 1) * per_page + len(ids))
        raw = {item["id"]: item for item in items if isinstance(item, dict) and isinstance(item.get("id"), int)}
        return Listing(tickets=good, raw=raw, users={user.id: user for user in users}, rejects=bad,
                       last=not ids or not more)

    def _bad(self, cause: str) -> BadAnswer:
        return BadAnswer(f"{self.name}: bad answer from the server", cause, "If it stays, check the address in url:")


def plain_words(words: str) -> str:
    """Words that mean nothing but themselves to the search index."""
    kept = [word.lstrip("-") for word in words.translate(_UNFIT).split()]
    return " ".join(word for word in kept if word and word not in ("AND", "OR", "NOT"))[:200]


def _quoted(at: Millis) -> str:
    return '"' + iso(at) + '"'


def made(answer: Answer, kind: type[T], name: str) -> T | None:
    """What an answer says was made; None when that cannot be read."""
    try:
        return one(answer.json(name), kind)
    except (BadAnswer, msgspec.ValidationError, ValueError):
        return None


def ids(items: Iterable[State | Ticket]) -> tuple[int, ...]:
    """Their numbers."""
    return tuple(item.id for item in items)
