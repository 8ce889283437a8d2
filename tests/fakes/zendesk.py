"""A small Zendesk with a memory: the calls that the connector uses, with Zendesk's own manners.

Times are whole seconds; a stale ``updated_stamp`` is 409; creation knows its Idempotency-Key for two hours and updates
know none; closed tickets take nothing; the export leaves out the last minute and is for administrators; the search runs
behind and shows a thousand; what stands in braces in a comment is filled in; refusals name each field.
"""

from __future__ import annotations

import base64
import html
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
from tests.specs.check import described

ORDER = ("new", "open", "pending", "hold", "solved", "closed")
REMEMBERED_S = 7_200


@dataclass
class User:
    """An account."""

    id: int
    name: str
    email: str = ""
    role: str = "end-user"
    token: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Ticket:
    """A ticket."""

    id: int
    subject: Any
    requester: int
    created: str
    updated: str
    status: str = "new"
    assignee: int | None = None
    group: int | None = 10
    priority: str | None = None
    tags: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    generated: int = 0


@dataclass
class Comment:
    """A comment."""

    id: int
    ticket: int
    author: int
    text: str
    created: str
    public: bool = True
    html: str = ""
    key: dict[str, Any] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    channel: str = "api"
    source: dict[str, Any] | None = None
    broken: bool = False


class Refusal(Exception):
    """The server says no."""

    def __init__(self, status: int, data: dict[str, Any]) -> None:
        super().__init__(str(data))
        self.status, self.data = status, data


def invalid(name: str, said: str) -> Refusal:
    """A record that fails its own rules."""
    details = {name: [{"description": said, "error": "InvalidValue"}]}
    return Refusal(422, {"error": "RecordInvalid", "description": "Record validation errors", "details": details})


class FakeZendesk:
    """The server: world controls above, requests below."""

    described_by = "zendesk"
    nonsense = ""
    """Why it answers what no server would, while it does."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.users: dict[int, User] = {}
        self.tickets: dict[int, Ticket] = {}
        self.comments: list[Comment] = []
        self.log: list[tuple[int, int]] = []
        self.true_clock = clock
        """What the export leaves out does not depend on how its clock is set."""
        self.logged: list[int] = []
        """When which ticket changed: what the export walks along."""
        self.groups = {10: "Support", 20: "Billing"}
        self.hidden: set[int] = set()
        self.macros: list[Any] = []
        self.suspended = 0
        self.delay_s = 0
        self.index_lag = False
        self.index: dict[int, dict[str, Any]] = {}
        self.keeps_metadata = True
        self.before_put: list[Callable[[], None]] = []
        self.uploads: dict[str, dict[str, Any]] = {}
        self.seen_keys: dict[str, tuple[int, Reply]] = {}
        self.requests: list[tuple[str, str]] = []
        self._next = {"ticket": 0, "comment": 1_000, "user": 360_000}
        self.admin = self.user("Ada Admin", "ada@desk.example", role="admin", token="token-ada")
        self.agent = self.user("Bo Agent", "bo@desk.example", role="agent", token="token-bo")
        self.who = self.admin

    # the world ------------------------------------------------------------------------------------------------------

    def user(self, name: str, email: str = "", *, role: str = "end-user", token: str = "", **extra: Any) -> User:
        """A user, found by mail address or made."""
        for user in self.users.values():
            if email and user.email == email.lower():
                return user
        number = self._id("user")
        self.users[number] = User(number, name, email.lower(), role, token, extra)
        return self.users[number]

    def write(self, sender: str, text: str, *, ticket: int = 0, subject: Any = "Question", group: int | None = 10,
              channel: str = "email", name: str = "", **more: Any) -> int:
        """A customer writes: a new ticket, or more on one."""
        user = self.user(name or sender.split("@")[0].title(), sender)
        if not ticket:
            ticket = self._id("ticket")
            now = self._now()
            self.tickets[ticket] = Ticket(ticket, subject, user.id, now, now, group=group,
                                          extra={"via": {"channel": channel, "source": {"from": {}, "to": {}}}})
        elif self.tickets[ticket].status in ("pending", "hold", "solved"):
            self.tickets[ticket].status = "open"
        self.add(ticket, user.id, text, channel=channel, **more)
        return ticket

    def add(self, ticket: int, author: int, text: str, **more: Any) -> Comment:
        """Add a comment."""
        comment = Comment(self._id("comment"), ticket, author, text, self._now(), **more)
        self.comments.append(comment)
        self.touch(ticket)
        return comment

    def merge(self, old: int, new: int, *, says_how: bool = True) -> None:
        """Make one ticket part of another: it is closed, and each gets a word about it; comments stay where they are.

        Without ``says_how`` only the words tell, not the way in which they came.
        """
        last = [c.text for c in self.comments if c.ticket == old][-1]
        self.tickets[old].status = "closed"
        self.tickets[old].tags = [*self.tickets[old].tags, "closed_by_merge"]
        words = {old: f'This request was closed and merged into request #{new} "Question".',
                 new: f'Request #{old} "Question" was closed and merged into this request. Last comment:\n\n{last}'}
        for number, place in ((old, {"ticket_id": new, "subject": "Question"}), (new, {"ticket_ids": [old]})):
            way = {"channel": "merge", "source": {"from": place, "to": {}, "rel": None}} if says_how else {}
            self.add(number, self.agent.id, words[number], **way)

    def touch(self, ticket: int) -> None:
        """Every change moves the ticket's time, by whole seconds."""
        self.tickets[ticket].updated = self._now()
        self.tickets[ticket].generated = self._seconds()
        self.log.append((self._seconds(), ticket))
        self.logged.append(self.true_clock.now() // 1_000)
        if not self.index_lag:
            self.reindex()

    def reindex(self) -> None:
        """Let the search index catch up."""
        self.index = {number: self._row(ticket) for number, ticket in self.tickets.items()}

    def copies(self, text: str, *, public: bool = True) -> int:
        """How often an agent's text stands on the server."""
        return sum(c.text == text and c.public is public and self.users[c.author].role != "end-user"
                   for c in self.comments)

    # requests -------------------------------------------------------------------------------------------------------

    @described
    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer one request."""
        parts = urlsplit(url)
        path = unquote(parts.path).removeprefix("/api/v2")
        params = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.requests.append((method, path))
        who = self._whose(headers.get("authorization", ""))
        limits = {"x-rate-limit": "700", "x-rate-limit-remaining": str(700 - len(self.requests)),
                  "ratelimit-reset": "42", "date": formatdate(self._seconds(), usegmt=True)}
        if who is None:
            return Reply(401, {"error": "Couldn't authenticate you"})
        self.who = who
        typed = "application/json" in headers.get("content-type", "")
        data = json.loads(body) if body and typed else {}
        for pattern, verb, work in self._routes():
            if method == verb and (found := re.fullmatch(pattern, path)):
                try:
                    reply = work(*found.groups(), params=params, data=data, headers=headers, body=body)
                except Refusal as no:
                    reply = Reply(no.status, no.data)
                reply.headers = {**limits, **reply.headers}
                return reply
        return Reply(404, {"error": "InvalidEndpoint", "description": "Not found"})

    def _whose(self, given: str) -> User | None:
        kind, _, secret = given.partition(" ")
        if kind == "Bearer":
            return next((u for u in self.users.values() if u.token and u.token == secret), None)
        mail, _, token = base64.b64decode(secret or "").decode().partition("/token:")
        return next((u for u in self.users.values() if u.email == mail and u.token and u.token == token), None)

    def _routes(self) -> list[tuple[str, str, Callable[..., Reply]]]:
        return [
            (r"/users/me", "GET", lambda **_: Reply(200, {"user": self._user_row(self.who)})),
            (r"/users/search", "GET", self._user_search),
            (r"/users/create_or_update", "POST", self._user_put),
            (r"/users/(\d+)", "GET", self._user),
            (r"/users/(\d+)/identities", "GET", self._identities),
            (r"/users/(\d+)/tickets/requested", "GET", self._requested),
            (r"/groups", "GET", lambda **_: Reply(200, {"groups": [
                {"id": i, "name": n, "deleted": False} for i, n in self.groups.items()], "meta": {"has_more": False}})),
            (r"/ticket_fields", "GET", lambda **_: Reply(200, {"ticket_fields": [
                {"id": 1, "title": "Subject", "type": "subject", "active": True},
                {"id": 77, "title": "Order number", "type": "text", "active": True}]})),
            (r"/macros/active", "GET", self._macros),
            (r"/suspended_tickets", "GET", lambda **_: Reply(200, {
                "suspended_tickets": [], "count": self.suspended})),
            (r"/incremental/tickets/cursor", "GET", self._export),
            (r"/search", "GET", self._search),
            (r"/tickets", "GET", self._by_external),
            (r"/tickets", "POST", self._create),
            (r"/tickets/show_many", "GET", self._many),
            (r"/tickets/(\d+)", "GET", self._show),
            (r"/tickets/(\d+)", "PUT", self._put),
            (r"/tickets/(\d+)/comments", "GET", self._comments),
            (r"/tickets/(\d+)/tags", "PUT", self._tags),
            (r"/tickets/(\d+)/tags", "DELETE", self._tags),
            (r"/uploads", "POST", self._upload),
        ]

    def _load(self, number: Any) -> Ticket:
        ticket = self.tickets.get(int(number))
        if ticket is None or int(number) in self.hidden:
            raise Refusal(404, {"error": "RecordNotFound", "description": "Not found"})
        return ticket

    def _user(self, number: str, **_: Any) -> Reply:
        if int(number) not in self.users:
            raise Refusal(404, {"error": "RecordNotFound", "description": "Not found"})
        return Reply(200, {"user": self._user_row(self.users[int(number)])})

    def _user_search(self, params: dict[str, str], **_: Any) -> Reply:
        words = params["query"].lower()
        found = [self._user_row(u) for u in self.users.values() if words in f"{u.name} {u.email}".lower()]
        return Reply(200, {"users": found, "next_page": None, "count": len(found)})

    def _user_put(self, data: dict[str, Any], **_: Any) -> Reply:
        given = data["user"]
        for user in self.users.values():
            if user.extra.get("external_id") == given["external_id"]:
                user.name = given["name"]
                return Reply(200, {"user": self._user_row(user)})
        user = self.user(given["name"], external_id=given["external_id"])
        return Reply(201, {"user": self._user_row(user)})

    def _identities(self, number: str, **_: Any) -> Reply:
        user = self.users[int(number)]
        rows = [{"type": "email", "value": user.email, "verified": True, "user_id": user.id}] if user.email else []
        rows += [{"type": kind, "value": value, "user_id": user.id} for kind, value in user.extra.get("identities", [])]
        return Reply(200, {"identities": rows, "count": len(rows)})

    def _requested(self, number: str, params: dict[str, str], **_: Any) -> Reply:
        rows = [self._row(t) for t in self.tickets.values() if t.requester == int(number) and t.id not in self.hidden]
        rows.sort(key=lambda row: str(row["updated_at"]), reverse=params.get("sort_order") == "desc")
        return Reply(200, {"tickets": rows[: int(params.get("per_page", 100))], "next_page": None})

    def _user_row(self, user: User) -> dict[str, Any]:
        return {"id": user.id, "name": user.name, "email": user.email or None, "role": user.role, "role_type": None,
                "phone": None, "active": True, "suspended": False, "only_private_comments": False, "locale": "en-US",
                "created_at": "2025-01-01T00:00:00Z", "details": None, "alias": None, "default_group_id": None,
                **{name: value for name, value in user.extra.items() if name != "identities"}}

    def _row(self, t: Ticket) -> dict[str, Any]:
        return {
            "id": t.id, "url": f"https://x/api/v2/tickets/{t.id}.json", "external_id": None, "subject": t.subject,
            "raw_subject": t.subject, "description": "…", "status": t.status, "priority": t.priority, "type": None,
            "requester_id": t.requester, "submitter_id": t.requester, "assignee_id": t.assignee, "group_id": t.group,
            "organization_id": None, "problem_id": None, "has_incidents": False, "due_at": None, "tags": list(t.tags),
            "custom_fields": [{"id": 77, "value": None}], "satisfaction_rating": None, "followup_ids": [],
            "via": {"channel": "email"}, "is_public": True, "created_at": t.created, "updated_at": t.updated,
            "generated_timestamp": t.generated, **t.extra,
        }

    def _sideload(self, tickets: list[Ticket]) -> dict[str, Any]:
        people = {n for t in tickets for n in (t.requester, t.assignee) if n in self.users}
        return {"users": [self._user_row(self.users[n]) for n in people],
                "groups": [{"id": i, "name": n} for i, n in self.groups.items()]}

    def _show(self, number: str, **_: Any) -> Reply:
        ticket = self._load(number)
        return Reply(200, {"ticket": self._row(ticket), **self._sideload([ticket])})

    def _many(self, params: dict[str, str], **_: Any) -> Reply:
        found = [self.tickets[n] for n in map(int, params["ids"].split(",")) if n in self.tickets
                 and n not in self.hidden]
        assert len(params["ids"].split(",")) <= 100
        return Reply(200, {"tickets": [self._row(t) for t in found], **self._sideload(found), "count": len(found)})

    def _by_external(self, params: dict[str, str], **_: Any) -> Reply:
        wanted = params["external_id"]
        rows = [self._row(t) for t in self.tickets.values() if t.extra.get("external_id") == wanted]
        return Reply(200, {"tickets": rows, "next_page": None})

    def _export(self, params: dict[str, str], **_: Any) -> Reply:
        if self.who.role != "admin":
            raise Refusal(403, {"error": {"title": "Forbidden", "message": "You do not have access to this page."}})
        if "cursor" in params:
            if not params["cursor"].startswith("c"):
                raise Refusal(400, {"error": "InvalidValue", "description": "Invalid cursor"})
            place = int(params["cursor"][1:])
        else:
            start = int(params["start_time"])
            if start > self._seconds() - 60:
                raise Refusal(400, {"error": "StartTimeTooRecent", "description": "Too recent start_time."})
            place = next((n for n, (at, _) in enumerate(self.log) if at >= start), len(self.log))
        settled = self.true_clock.now() // 1_000 - self.delay_s
        until = next((n for n, at in enumerate(self.logged) if at > settled), len(self.log))
        size = int(params.get("per_page", 1_000))
        end = max(place, min(place + size, until))
        later = {number for _, number in self.log[end:until]}  # a ticket comes once, where it changed last
        ids = dict.fromkeys(number for _, number in self.log[place:end] if number in self.tickets.keys() - later)
        rows = [self._row(self.tickets[number]) for number in ids]
        return Reply(200, {"tickets": rows, "after_cursor": f"c{end}", "after_url": "…", "before_cursor": None,
                           "end_of_stream": end >= until})

    def _search(self, params: dict[str, str], **_: Any) -> Reply:
        rows = [row for n, row in self.index.items() if n in self.tickets and n not in self.hidden
                and self._hit(row, params["query"])]
        rows.sort(key=lambda row: str(row[params["sort_by"]]), reverse=params["sort_order"] == "desc")
        size, page = int(params["per_page"]), int(params["page"])
        if page * size > 1_000:
            raise Refusal(422, {"error": "invalid", "description": "Invalid search: Requested response size was "
                                                                   "greater than Search Response Limits"})
        found = [{**row, "result_type": "ticket"} for row in rows[(page - 1) * size : page * size]]
        more = page * size < len(rows)
        return Reply(200, {"results": found, "count": len(rows), "next_page": "https://x/next" if more else None})

    def _hit(self, row: dict[str, Any], query: str) -> bool:
        words = []
        for term in query.split():
            if (found := re.fullmatch(r"(created|updated)(>=|<=)(\S+)", term)):
                held, sign, value = row[f"{found[1]}_at"], found[2], found[3]
                if not (held >= value if sign == ">=" else held <= value):
                    return False
            elif term in ("status<solved", "status>=solved"):
                if (ORDER.index(row["status"]) < 4 if row["status"] in ORDER else False) != (term == "status<solved"):
                    return False
            elif term != "type:ticket":
                words.append(term.lower())
        said = " ".join([str(row["subject"]), *(c.text for c in self.comments if c.ticket == row["id"])]).lower()
        return all(word in said for word in words)

    def _comments(self, number: str, params: dict[str, str], **_: Any) -> Reply:
        ticket = self._load(number)
        rows = sorted((c for c in self.comments if c.ticket == ticket.id), key=lambda c: (c.created, c.id),
                      reverse=params.get("sort") == "-created_at")
        size, start = int(params.get("page[size]", 100)), int(params.get("page[after]", 0))
        page = rows[start : start + size]
        people = {c.author for c in page if c.author in self.users}
        return Reply(200, {
            "comments": [self._comment_row(c) for c in page], "users": [self._user_row(self.users[n]) for n in people],
            "meta": {"has_more": start + size < len(rows), "after_cursor": str(start + size), "before_cursor": "x"},
        })

    def _comment_row(self, c: Comment) -> dict[str, Any]:
        if c.broken:
            return {"id": c.id, "created_at": [], "author_id": "nobody", "public": {}}
        rich = c.html or f'<div class="zd-comment" dir="auto">{html.escape(c.text).replace(chr(10), "<br>")}</div>'
        return {
            "id": c.id, "type": "Comment", "author_id": c.author, "body": c.text, "html_body": rich,
            "plain_body": c.text, "public": c.public, "attachments": c.files, "audit_id": c.id + 500_000,
            "via": {"channel": c.channel, "source": c.source or {"from": {}, "to": {}, "rel": None}},
            "created_at": c.created,
            "metadata": {"system": {"client": "agentdesk"}, "custom": c.key},
        }

    def _create(self, data: dict[str, Any], headers: dict[str, str], **_: Any) -> Reply:
        key = headers.get("idempotency-key", "")
        at, known = self.seen_keys.get(key, (0, None))
        if known is not None and self._seconds() - at < REMEMBERED_S:
            return Reply(known.status, known.data, {"x-idempotency-lookup": "hit"})
        given = data["ticket"]
        source = given.get("via_followup_source_id")
        if source and self._load(source).status != "closed":
            source = None
        requester = given.get("requester_id")
        if "requester" in given:
            mail = given["requester"]["email"]
            if not re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", mail):
                raise invalid("requester", f"Requester: Email: {mail} is not properly formatted")
            requester = self.user(given["requester"]["name"], mail).id
        number, now = self._id("ticket"), self._now()
        self.tickets[number] = Ticket(number, given["subject"], requester or self.who.id, now, now,
                                      group=given.get("group_id", 10), tags=list(given.get("tags", [])),
                                      extra={"external_id": given.get("external_id"), "via": {"channel": "api"}})
        if source:
            old = self.tickets[source]
            old.extra["followup_ids"] = [*old.extra.get("followup_ids", []), number]
        self._say(self.tickets[number], given)
        reply = Reply(201, {"ticket": self._row(self.tickets[number]), "audit": {"events": []}},
                      {"x-idempotency-lookup": "miss"})
        if key:
            self.seen_keys[key] = (self._seconds(), reply)
        return reply

    def _put(self, number: str, data: dict[str, Any], **_: Any) -> Reply:
        ticket, given = self._load(number), data["ticket"]
        if self.before_put:
            self.before_put.pop(0)()
        if ticket.status == "closed":
            raise invalid("status", "Status: closed prevents ticket update")
        if given.get("safe_update") and given["updated_stamp"] != ticket.updated:
            raise Refusal(409, {"error": "UpdateConflict", "description": "Safe Update prevented the update due to "
                                                                          "outdated ticket data."})
        if self.who.extra.get("role_type") == 1 and set(given) & {"status", "assignee_id", "priority"}:
            raise Refusal(403, {"error": {"title": "Forbidden", "message": "You do not have access to this page."}})
        if given.get("status") == "solved" and not (given.get("assignee_id") or ticket.assignee):
            raise invalid("base", "Assignee: is required when solving a ticket")
        for name, key in (("assignee_id", "assignee"), ("status", "status"), ("priority", "priority"),
                          ("group_id", "group")):
            if name in given:
                setattr(ticket, key, given[name])
        if given.get("assignee_id") and ticket.status == "new":
            ticket.status = "open"
        events = []
        if "comment" in given:
            comment = self._say(ticket, given)
            events = [{"id": comment.id, "type": "Comment", "public": comment.public}]
        self.touch(ticket.id)
        return Reply(200, {"ticket": self._row(ticket),
                           "audit": {"id": 5, "created_at": self._now(), "events": [{"type": "Change"}, *events]}})

    def _say(self, ticket: Ticket, given: dict[str, Any]) -> Comment:
        said = given["comment"]
        rich = said.get("html_body") or html.escape(said["body"])
        filled = re.sub(r"\{\{\s*ticket\.id\s*\}\}", str(ticket.id), rich)
        text = html.unescape(re.sub("<[^>]+>", "", filled.replace("<br>", "\n"))).replace("\u00a0", " ")
        public = said.get("public", True) and self.who.extra.get("role_type") != 1
        files = [self.uploads[token] for token in said.get("uploads", [])]
        kept = given.get("metadata", {}) if self.keeps_metadata else {}
        return self.add(ticket.id, self.who.id, text, public=public, key=kept, files=files,
                        html=f'<div class="zd-comment" dir="auto">{filled}</div>')

    def _tags(self, number: str, data: dict[str, Any], **_: Any) -> Reply:
        ticket = self._load(number)
        if ticket.status == "closed":
            raise invalid("status", "Status: closed prevents ticket update")
        method = self.requests[-1][0]
        if method == "PUT":
            ticket.tags += [tag for tag in data["tags"] if tag not in ticket.tags]
        else:
            ticket.tags = [tag for tag in ticket.tags if tag not in data["tags"]]
        self.touch(ticket.id)
        return Reply(200, {"tags": ticket.tags})

    def _upload(self, params: dict[str, str], headers: dict[str, str], body: bytes, **_: Any) -> Reply:
        token = f"up{len(self.uploads)}"
        self.uploads[token] = {
            "id": len(self.uploads), "file_name": params["filename"], "size": len(body), "inline": False,
            "content_type": headers["content-type"], "content_url": f"https://x.zdusercontent.example/{token}",
        }
        return Reply(201, {"upload": {"token": token, "attachment": self.uploads[token]}})

    def _macros(self, params: dict[str, str], **_: Any) -> Reply:
        start = int(params.get("page[after]", 0))
        return Reply(200, {"macros": self.macros[start : start + 100], "meta": {
            "has_more": start + 100 < len(self.macros), "after_cursor": str(start + 100)}})

    # small things ---------------------------------------------------------------------------------------------------

    def _id(self, kind: str) -> int:
        self._next[kind] += 1
        return self._next[kind]

    def _seconds(self) -> int:
        return self.clock.now() // 1_000

    def _now(self) -> str:
        return datetime.fromtimestamp(self._seconds(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
