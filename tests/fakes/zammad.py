"""A small Zammad with a memory: the calls that the connector uses, with Zammad 6's own manners.

Every change moves a ticket's ``updated_at``; the last owner wins; nothing is idempotent; mail leaves for every article
of the type «email», internal or not; the search index runs behind the database; refusals are 422 with ``error`` and
``error_human``; what goes wrong inside is a masked 500.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from agentdesk.model.clock import Clock
from tests.fakes.wire import Reply

TYPES = {"email": 1, "sms": 2, "chat": 3, "fax": 4, "phone": 5, "twitter status": 6, "note": 10, "web": 11,
         "telegram personal-message": 12, "facebook feed post": 8, "facebook feed comment": 9, "whatsapp message": 14}
SENDERS = {"Agent": 1, "Customer": 2, "System": 3}
STATES = [(1, "new", 1), (2, "open", 2), (3, "pending reminder", 3), (4, "closed", 5), (5, "merged", 6),
          (6, "removed", 7), (7, "pending close", 4), (8, "waiting for depot", 2)]


@dataclass
class User:
    """An account."""

    id: int
    login: str
    firstname: str = ""
    lastname: str = ""
    email: str = ""
    agent: bool = False
    token: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Ticket:
    """A ticket."""

    id: int
    title: Any
    group: int
    customer: int
    created: str
    updated: str
    by: int
    state: int = 1
    owner: int = 1
    priority: int = 2
    opened_by: str = "email"
    tags: list[str] = field(default_factory=list)
    preferences: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Article:
    """An article."""

    id: int
    ticket: int
    type: str
    sender: str
    by: int
    body: str
    created: str
    updated: str
    internal: bool = False
    content_type: str = "text/html"
    from_: str = ""
    to: str = ""
    subject: str = ""
    message_id: str = ""
    in_reply_to: str = ""
    origin: int | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    preferences: dict[str, Any] = field(default_factory=dict)
    broken: bool = False


class Refusal(Exception):
    """The server says no."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class FakeZammad:
    """The server: world controls above, requests below."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.users: dict[int, User] = {}
        self.tickets: dict[int, Ticket] = {}
        self.articles: list[Article] = []
        self.histories: dict[int, list[dict[str, Any]]] = {}
        self.groups = {1: "Users", 2: "Sales::Billing", 5: "Secret"}
        self.addresses: dict[int, int | None] = {1: 1, 2: 2, 5: 3}
        self.mails: list[tuple[str, str]] = []
        self.requests: list[tuple[str, str]] = []
        self.text_modules: list[Any] = []
        self.macros: list[Any] = []
        self.conditions = True
        """False for a server that finds tickets by its search index only."""
        self.keeps_preferences = True
        self.new_tags = True
        self.index: dict[int, dict[str, Any]] = {}
        self.index_lag = False
        self.before_put: list[Callable[[], None]] = []
        self.after_put: list[Callable[[], None]] = []
        self._next = {"ticket": 0, "article": 0, "user": 10}
        self.users[1] = User(1, "-")
        self.agent1 = self.user("agent1@desk.example", "Ada", "Agent", agent=True, token="token-of-agent-1")
        self.agent2 = self.user("agent2@desk.example", "Bo", "Agent", agent=True, token="token-of-agent-2")
        self.who = self.agent1

    # the world ------------------------------------------------------------------------------------------------------

    def user(self, login: str, first: str = "", last: str = "", *, agent: bool = False, token: str = "",
             email: str | None = None) -> User:
        """A user, found by login or made."""
        for user in self.users.values():
            if login and user.login == login.lower():
                return user
        number = self._id("user")
        mail = (login if "@" in login and not login.startswith("@") else "") if email is None else email
        self.users[number] = User(number, login.lower() or f"auto-{number}", first, last, mail, agent, token)
        return self.users[number]

    def write(self, sender: str, text: str, *, ticket: int = 0, title: Any = "Question", group: int = 1,
              channel: str = "email", name: str = "", **more: Any) -> int:
        """A customer writes: a new ticket, or more on one."""
        first, _, last = (name or sender.split("@")[0].title()).partition(" ")
        user = self.user(sender, first, last)
        if not ticket:
            ticket = self._open(title, group, user.id, user.id, channel)
        elif self.tickets[ticket].state in (3, 4, 7):
            self.tickets[ticket].state = 2
        more.setdefault("from_", f"{user.firstname} {user.lastname} <{user.email or user.login}>")
        more.setdefault("message_id", f"<{ticket}.{self._next['article']}@mail.example>" if channel == "email" else "")
        self.add(ticket, user.id, text, type=channel, sender="Customer", **more)
        return ticket

    def add(self, ticket: int, by: int, text: str, *, type: str = "email", sender: str = "Agent",  # noqa: A002
            **more: Any) -> Article:
        """Add an article."""
        number, now = self._id("article"), self._now()
        article = Article(number, ticket, type, sender, by, text, now, now, **more)
        self.articles.append(article)
        self.touch(ticket)
        return article

    def touch(self, ticket: int) -> None:
        """Every change moves the ticket's time."""
        self.tickets[ticket].updated = self._now()
        if not self.index_lag:
            self.reindex()

    def reindex(self) -> None:
        """Let the search index catch up."""
        self.index = {number: self._row(ticket) for number, ticket in self.tickets.items()}

    def merge(self, old: int, new: int) -> None:
        """Make one ticket part of another: its articles move over."""
        for article in self.articles:
            if article.ticket == old:
                article.ticket, article.updated = new, self._now()
        self.tickets[old].state = 5
        self.histories.setdefault(old, []).append({
            "id": self._id("article"), "o_id": old, "type": "merged_into", "object": "Ticket", "id_from": old,
            "id_to": new, "created_by_id": self.agent2.id, "created_at": self._now()})
        self.add(old, self.agent2.id, "merged", type="note")
        self.touch(new)

    def copies(self, text: str, *, internal: bool = False) -> int:
        """How often an agent's text stands on the server."""
        return sum(a.body == text and a.internal is internal and a.sender == "Agent" for a in self.articles)

    # requests -------------------------------------------------------------------------------------------------------

    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer one request."""
        parts = urlsplit(url)
        path = unquote(parts.path).removeprefix("/api/v1")
        params = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.requests.append((method, path))
        token = headers.get("authorization", "").removeprefix("Token token=")
        user = next((u for u in self.users.values() if u.token and u.token == token), None)
        if user is None:
            return Reply(401, {"error": "Invalid token!"})
        self.who = user
        data = json.loads(body) if body else {}
        for pattern, verb, work in self._routes():
            if method == verb and (found := re.fullmatch(pattern, path)):
                try:
                    reply = work(*found.groups(), params=params, data=data)
                except Refusal as no:
                    reply = Reply(no.status, {"error": str(no), "error_human": str(no)})
                reply.headers["date"] = formatdate(self.clock.now() // 1_000, usegmt=True)
                return reply
        return Reply(404, {"error": f"No route matches [{method}] {path}"})

    def _routes(self) -> list[tuple[str, str, Callable[..., Reply]]]:
        return [
            (r"/users/me", "GET", lambda **_: Reply(200, self._user_row(self.who))),
            (r"/users/search", "GET", self._user_search),
            (r"/users/(\d+)", "GET", self._user),
            (r"/version", "GET", lambda **_: self._no(403, "Not authorized (user)!")),
            (r"/ticket_states", "GET", lambda **_: Reply(200, [
                {"id": i, "name": n, "state_type_id": t, "active": i != 6, "note": None} for i, n, t in STATES])),
            (r"/ticket_priorities", "GET", lambda **_: Reply(200, [
                {"id": i, "name": n, "active": True} for i, n in ((1, "1 low"), (2, "2 normal"), (3, "3 high"))])),
            (r"/groups", "GET", lambda **_: Reply(200, [
                {"id": i, "name": n, "active": True, "email_address_id": self.addresses[i]}
                for i, n in self.groups.items() if n != "Secret"])),
            (r"/text_modules", "GET", lambda **_: self._for_agents(self.text_modules)),
            (r"/macros", "GET", lambda **_: self._for_agents(self.macros)),
            (r"/tickets/search", "POST", self._search),
            (r"/tickets/search", "GET", self._search),
            (r"/tickets", "POST", self._create),
            (r"/tickets/(\d+)", "GET", lambda number, **_: Reply(200, self._full([self._load(number)], one=True))),
            (r"/tickets/(\d+)", "PUT", self._put),
            (r"/ticket_articles/by_ticket/(\d+)", "GET", self._articles),
            (r"/ticket_articles", "POST", self._post),
            (r"/ticket_attachment/(\d+)/(\d+)/(\d+)", "GET", self._file),
            (r"/ticket_history/(\d+)", "GET", lambda number, **_: Reply(
                200, {"history": self.histories.get(self._load(number).id, []), "assets": {}})),
            (r"/tags", "GET", lambda params, **_: Reply(200, {"tags": list(self._load(params["o_id"]).tags)})),
            (r"/tags/add", "POST", self._tag),
            (r"/tags/remove", "DELETE", self._untag),
        ]

    def _for_agents(self, rows: list[Any]) -> Reply:
        return Reply(200, rows) if self.who.agent else self._no(403, "Not authorized (user)!")

    def _no(self, status: int, said: str) -> Reply:
        raise Refusal(status, said)

    def _load(self, number: Any) -> Ticket:
        ticket = self.tickets.get(int(number))
        if ticket is None:
            raise Refusal(404, "Couldn't find Ticket with 'id'=" + str(number))
        if not self._sees(ticket):
            raise Refusal(403, "Not authorized")
        return ticket

    def _sees(self, ticket: Ticket) -> bool:
        return self.who.agent and self.groups[ticket.group] != "Secret"

    def _user(self, number: str, **_: Any) -> Reply:
        user = self.users.get(int(number))
        return Reply(200, self._user_row(user)) if user else self._no(404, "No such object")

    def _user_search(self, params: dict[str, str], **_: Any) -> Reply:
        words = params["query"].lower()
        found = [u for u in self.users.values() if u.id > 1 and words in
                 f"{u.firstname} {u.lastname} {u.login} {u.email}".lower()]
        return Reply(200, [self._user_row(user) for user in found][: int(params.get("limit", 50))])

    def _user_row(self, user: User) -> dict[str, Any]:
        return {"id": user.id, "login": user.login, "firstname": user.firstname, "lastname": user.lastname,
                "email": user.email or None, "phone": "", "mobile": "", "active": True, "note": None, "vip": False,
                "preferences": {"locale": "en-us"}, "created_at": "2025-01-01T00:00:00.000Z",
                "role_ids": [2 if user.agent else 3], **user.extra}

    def _row(self, t: Ticket) -> dict[str, Any]:
        ids = [a.id for a in self.articles if a.ticket == t.id]
        return {
            "id": t.id, "group_id": t.group, "priority_id": t.priority, "state_id": t.state, "organization_id": None,
            "number": f"67{t.id:03}", "title": t.title, "owner_id": t.owner, "customer_id": t.customer, "note": None,
            "first_response_at": None, "first_response_escalation_at": None, "update_escalation_at": None,
            "close_at": None, "close_escalation_at": None, "escalation_at": None, "pending_time": None,
            "create_article_type_id": TYPES[t.opened_by], "create_article_sender_id": 2, "article_count": len(ids),
            "article_ids": ids, "preferences": t.preferences, "created_by_id": t.by, "updated_by_id": t.by,
            "created_at": t.created, "updated_at": t.updated, **t.extra,
        }

    def _full(self, tickets: list[Ticket], *, one: bool = False, total: int = 0) -> dict[str, Any]:
        people = {number for t in tickets for number in (t.customer, t.owner, t.by)}
        assets = {"Ticket": {str(t.id): self._row(t) for t in tickets},
                  "User": {str(n): self._user_row(self.users[n]) for n in people}}
        head = {"id": tickets[0].id} if one else {"record_ids": [t.id for t in tickets], "total_count": total}
        return {**head, "assets": assets}

    def _search(self, params: dict[str, str], data: dict[str, Any], **_: Any) -> Reply:
        query, condition = params.get("query", ""), data.get("condition") or {}
        if condition and not self.conditions:
            return self._no(422, "Conditions are not supported")
        rows = {number: self._row(ticket) for number, ticket in self.tickets.items()}
        if condition:
            found = [n for n, row in rows.items() if all(self._holds(row, k, v) for k, v in condition.items())]
        elif query:
            found = [n for n, row in self.index.items() if n in rows and self._hit(row, query)]
        else:
            found = list(rows)
        found = [n for n in found if self._sees(self.tickets[n])]
        for name, order in reversed(list(zip(params.get("sort_by", "updated_at").split(","),
                                             params.get("order_by", "desc").split(","), strict=True))):
            found.sort(key=lambda n, name=name: rows[n][name], reverse=order == "desc")  # type: ignore[misc]
        size = min(int(params.get("per_page", 50)), 200)
        start = (int(params.get("page", 1)) - 1) * size
        page = [self.tickets[n] for n in found[start : start + size]]
        return Reply(200, self._full(page, total=len(found)))

    def _holds(self, row: dict[str, Any], name: str, test: dict[str, Any]) -> bool:
        held, value = row[name.removeprefix("ticket.")], test.get("value")
        match test["operator"]:
            case "after (absolute)":
                return bool(held >= value)
            case "before (absolute)":
                return bool(held <= value)
            case "is" if test.get("pre_condition") == "current_user.id":
                return bool(held == self.who.id)
            case "is":
                return str(held) in list(value or [])
        raise Refusal(422, f"Invalid operator {test['operator']}")

    def _hit(self, row: dict[str, Any], query: str) -> bool:
        for term in query.split(" AND "):
            if (range_ := re.fullmatch(r'(\w+):(>=|<=)"(.+)"', term)):
                name, sign, value = range_.groups()
                if not (row[name] >= value if sign == ">=" else row[name] <= value):
                    return False
            elif (listed := re.fullmatch(r"(\w+):\(?([\d OR]+)\)?", term)):
                if str(row[listed[1]]) not in listed[2].split(" OR "):
                    return False
            elif term != "id:>0":
                words = " ".join([str(row["title"]), row["number"],
                                  *(a.body + a.from_ for a in self.articles if a.ticket == row["id"])])
                if term.lower() not in words.lower():
                    return False
        return True

    def _create(self, data: dict[str, Any], **_: Any) -> Reply:
        person = data.get("customer", {})
        if person.get("email") and not re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", person["email"]):
            return self._no(422, f"Invalid email '{person['email']}'")
        login = person.get("login") or person.get("email") or ""
        customer = self.user(login, person.get("firstname", ""), person.get("lastname", ""))
        if data["group_id"] not in self.groups:
            return self._no(422, "Invalid value for param 'group_id'")
        number = self._open(data["title"], data["group_id"], customer.id, self.who.id, data["article"]["type"])
        if self.keeps_preferences:
            self.tickets[number].preferences = data.get("preferences", {})
        self.tickets[number].tags = [t.strip() for t in data.get("tags", "").split(",") if t.strip()]
        self._write(number, data["article"])
        return Reply(201, self._row(self.tickets[number]))

    def _put(self, number: str, data: dict[str, Any], **_: Any) -> Reply:
        ticket = self._load(number)
        if self.before_put:
            self.before_put.pop(0)()
        state = next((s for s in STATES if s[0] == data.get("state_id")), None)
        if state and state[2] in (3, 4) and not data.get("pending_time"):
            return self._no(422, "Missing required value for field 'pending_time'!")
        for name, key in (("owner_id", "owner"), ("state_id", "state"), ("priority_id", "priority")):
            if name in data:
                setattr(ticket, key, data[name])
        if "pending_time" in data:
            ticket.extra["pending_time"] = data["pending_time"]
        if not self.users[ticket.owner].agent:
            ticket.owner = 1
        if self.after_put:
            self.after_put.pop(0)()
        self.touch(ticket.id)
        return Reply(200, self._row(ticket))

    def _articles(self, number: str, **_: Any) -> Reply:
        ticket = self._load(number)
        rows = sorted((a for a in self.articles if a.ticket == ticket.id), key=lambda a: (a.created, a.id))
        return Reply(200, [self._article_row(a) for a in rows])

    def _article_row(self, a: Article) -> dict[str, Any]:
        if a.broken:
            return {"id": a.id, "ticket_id": {"no": "number"}, "created_at": [], "body": None}
        files = [{"id": place, "store_file_id": 7, "filename": f["filename"], "size": str(f["size"]),
                  "preferences": {"Content-Type": f["mime"], **f.get("preferences", {})}}
                 for place, f in enumerate(a.files, a.id * 100)]
        by = self.users.get(a.by, self.users[1])
        return {
            "id": a.id, "ticket_id": a.ticket, "type_id": TYPES[a.type], "sender_id": SENDERS[a.sender],
            "from": a.from_ or f"{by.firstname} {by.lastname}", "to": a.to or None, "cc": None,
            "subject": a.subject or None, "reply_to": None, "message_id": a.message_id or None, "in_reply_to": None,
            "content_type": a.content_type, "body": a.body, "internal": a.internal, "preferences": a.preferences,
            "updated_by_id": a.by, "created_by_id": a.by, "origin_by_id": a.origin, "created_at": a.created,
            "updated_at": a.updated, "attachments": files, "type": a.type, "sender": a.sender, "created_by": by.login,
            "updated_by": by.login,
        }

    def _post(self, data: dict[str, Any], **_: Any) -> Reply:
        ticket = self._load(data["ticket_id"])
        return Reply(201, self._article_row(self._write(ticket.id, data)))

    def _write(self, number: int, data: dict[str, Any]) -> Article:
        if data.get("body") is None:
            raise Refusal(422, "Need at least an 'article body' field.")
        if data["type"] == "email":
            if "@" not in data.get("to", ""):
                raise Refusal(422, "Sending an email without a valid recipient is not possible.")
            if self.addresses[self.tickets[number].group] is None:
                raise Refusal(500, "Error ID x1: Please contact your administrator.")
            self.mails.append((data["to"], data["body"]))
        files = [{"filename": f["filename"], "mime": f["mime-type"], "data": base64.b64decode(f["data"]),
                  "size": len(base64.b64decode(f["data"]))} for f in data.get("attachments", [])]
        kept = data.get("preferences", {}) if self.keeps_preferences else {}
        if self.tickets[number].state == 1 and not data["internal"]:
            self.tickets[number].state = 2
        return self.add(number, self.who.id, data["body"], type=data["type"], sender=data["sender"], files=files,
                        internal=data["internal"], content_type=data["content_type"], preferences=kept,
                        to=data.get("to", ""), in_reply_to=data.get("in_reply_to", ""), subject=data.get("subject", ""))

    def _file(self, ticket: str, article: str, number: str, **_: Any) -> Reply:
        self._load(ticket)
        found = next(a for a in self.articles if a.id == int(article))
        return Reply(200, raw=found.files[int(number) - found.id * 100]["data"])

    def _tag(self, data: dict[str, Any], **_: Any) -> Reply:
        ticket = self._load(data["o_id"])
        known = {tag for other in self.tickets.values() for tag in other.tags}
        if not self.new_tags and data["item"] not in known:
            return self._no(403, "Not authorized")
        if data["item"] not in ticket.tags:
            ticket.tags.append(data["item"])
            self.touch(ticket.id)
        return Reply(201, True)

    def _untag(self, data: dict[str, Any], **_: Any) -> Reply:
        ticket = self._load(data["o_id"])
        ticket.tags = [tag for tag in ticket.tags if tag != data["item"]]
        self.touch(ticket.id)
        return Reply(200, True)

    # small things ---------------------------------------------------------------------------------------------------

    def _open(self, title: Any, group: int, customer: int, by: int, channel: str) -> int:
        number, now = self._id("ticket"), self._now()
        self.tickets[number] = Ticket(number, title, group, customer, now, now, by, opened_by=channel)
        return number

    def _id(self, kind: str) -> int:
        self._next[kind] += 1
        return self._next[kind]

    def _now(self) -> str:
        at = datetime.fromtimestamp(self.clock.now() / 1_000, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
