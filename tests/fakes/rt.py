"""A small Request Tracker with a memory: the REST 2.0 calls that the connector uses, with RT 5.0.3's own manners.

Ids are numbers alone and strings in lists, nothing is "", refusals come with HTTP 200, lists have no next page and
drop hidden rows after counting them; see ``tests/real/test_rt.py`` for the same on a real one.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from agentdesk.model.clock import Clock
from tests.fakes.rtsql import matcher
from tests.fakes.wire import Reply

UNSET = "1970-01-01T00:00:00Z"
KEY_FIELD, TAG_FIELD = "External ID", "Tags"
QUEUES = {3: "Support", 4: "Billing", 5: "Secret"}
STATUSES = ("new", "open", "stalled", "resolved", "rejected")
WRITTEN = ("Create", "Correspond", "Comment")


@dataclass
class User:
    """An account."""

    id: int
    name: str
    real_name: str = ""
    email: str = ""
    privileged: bool = False
    token: str = ""


@dataclass
class Ticket:
    """A ticket."""

    id: int
    queue: int
    subject: str
    requestors: list[str]
    creator: str
    created: str
    status: str = "new"
    owner: str = "Nobody"
    priority: int = 0
    due: str = UNSET
    tags: list[str] = field(default_factory=list)
    effective: int = 0
    updated: str = ""
    updated_by: str = "RT_System"


@dataclass
class Row:
    """A transaction."""

    id: int
    kind: str
    ticket: int
    creator: str
    created: str
    field: str = ""
    old: str = ""
    new: str = ""
    key: str = ""
    hidden: bool = False
    broken: bool = False
    of: str = "RT::Ticket"


@dataclass
class Part:
    """An attachment."""

    id: int
    row: int
    mime: str
    content: str
    name: str = ""
    size: int | None = None


class FakeRt:
    """The server: world controls above, requests below."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.users: dict[str, User] = {}
        self.tickets: dict[int, Ticket] = {}
        self.rows: list[Row] = []
        self.parts: list[Part] = []
        self.queues = dict(QUEUES)
        self.key_field = True
        self.tag_field = True
        self.requests: list[tuple[str, str]] = []
        self.closed_queues: set[int] = set()
        self.before_put: list[Callable[[], None]] = []
        self.who: User = self.user("RT_System")
        self.user("Nobody")
        self.user("agent1", "Ada Agent", "agent1@desk.test", privileged=True, token="1-28-aaa")
        self.user("agent2", "Bo Agent", "agent2@desk.test", privileged=True, token="1-30-bbb")
        self._next_row = 100

    # the world ------------------------------------------------------------------------------------------------------

    def user(self, name: str, real: str = "", email: str = "", *, privileged: bool = False, token: str = "") -> User:
        number = int(token.split("-")[1]) if token else 100 + len(self.users)
        return self.users.setdefault(name, User(number, name, real, email or (name if "@" in name else ""),
                                                privileged, token))

    def mail(self, sender: str, text: str, *, subject: str = "Question", ticket: int = 0, queue: int = 3,
             real: str = "", mime: str = "text/plain", files: Iterable[tuple[str, str]] = ()) -> int:
        """A customer writes: a new ticket, or more on one."""
        self.user(sender, real or sender.split("@")[0].title(), sender)
        if not ticket:
            ticket = max(self.tickets, default=0) + 1
            self.tickets[ticket] = Ticket(ticket, queue, subject, [sender], sender, self._now())
            self.row("Create", ticket, "RT_System", of="RT::Group")  # other things have the same numbers
            row = self.row("Create", ticket, sender)
        else:
            row = self.row("Correspond", ticket, sender)
            if self.tickets[ticket].status == "resolved":
                self._set(self.tickets[ticket], "status", "open", "Status", "RT_System")
        self.part(row, mime, text)
        for name, kind in files:
            self.part(row, kind, "", name=name, size=1_000)
        return ticket

    def write(self, who: str, ticket: int, text: str, kind: str = "Correspond", key: str = "") -> int:
        """An agent writes."""
        row = self.row(kind, ticket, who, key=key)
        self.part(row, "text/plain", text)
        return row

    def row(self, kind: str, ticket: int, creator: str, **more: Any) -> int:
        """Add a transaction."""
        self._next_row += 1
        self.rows.append(Row(self._next_row, kind, ticket, creator, self._now(), **more))
        if ticket in self.tickets:
            self.tickets[ticket].updated, self.tickets[ticket].updated_by = self._now(), creator
        return self._next_row

    def part(self, row: int, mime: str, content: str, *, name: str = "", size: int | None = None) -> int:
        """Add an attachment."""
        number = len(self.parts) + 1
        self.parts.append(Part(number, row, mime, content, name, size))
        return number

    def merge(self, old: int, new: int, who: str = "agent2") -> None:
        """Make one ticket part of another."""
        self.tickets[old].effective = new
        known = self.tickets[new].requestors
        known += [name for name in self.tickets[old].requestors if name not in known]
        link = f"fsck.com-rt://desk.test/ticket/{new}"
        self.row("AddLink", old, who, field="MergedInto", new=link)
        self.row("AddLink", new, who, field="MergedInto", new=link)

    def move(self, ticket: int, queue: int, who: str = "agent2") -> None:
        """Put a ticket into another queue."""
        old, self.tickets[ticket].queue = self.tickets[ticket].queue, queue
        self.row("Set", ticket, who, field="Queue", old=str(old), new=str(queue))

    def give(self, ticket: int, owner: str, who: str = "") -> None:
        """Change a ticket's owner."""
        self._set(self.tickets[ticket], "owner", owner, "Owner", who or owner)

    def opened(self, text: str) -> list[int]:
        """The tickets whose first words begin like that."""
        rows = {row.id: row.ticket for row in self.rows if row.kind == "Create"}
        return [rows[part.row] for part in self.parts if part.row in rows and part.content.startswith(text)]

    def copies(self, text: str, kind: str = "Correspond") -> int:
        """How often a text stands on the server."""
        rows = {row.id for row in self.rows if row.kind == kind}
        return sum(part.row in rows and part.content.strip() == text.strip() for part in self.parts)

    # requests -------------------------------------------------------------------------------------------------------

    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer one request."""
        parts = urlsplit(url)
        path = unquote(parts.path).removeprefix("/REST/2.0")
        params = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.requests.append((method, path))
        token = headers.get("authorization", "").removeprefix("token ")
        user = next((u for u in self.users.values() if u.token and u.token == token), None)
        if user is None:
            return Reply(401, {"message": "Unauthorized"})
        self.who = user
        kind = headers.get("content-type", "")
        if method == "POST" and kind.startswith("multipart/form-data;"):
            data = _form(kind, body)
        elif method in ("PUT", "POST") and "application/json" not in kind:
            return Reply(415, {"message": "Unsupported Media Type"})
        else:
            data = json.loads(body) if body else {}
        if any(ord(letter) > 255 for file in data.get("Attachments", []) for letter in file.get("FileName", "")):
            return Reply(500, None)  # in JSON; in a form it is fine
        for pattern, verb, work in self._routes():
            if method == verb and (found := re.fullmatch(pattern, path)):
                return work(*found.groups(), params=params, data=data, headers=headers)
        return Reply(404, {"message": "Not Found"})

    def _routes(self) -> list[tuple[str, str, Callable[..., Reply]]]:
        return [
            (r"/rt", "GET", lambda **_: Reply(200, {"Version": "5.0.3"})),
            (r"/user/(.+)", "GET", self._user),
            (r"/queues/all", "GET", self._queues),
            (r"/queue/(\d+)", "GET", self._queue),
            (r"/tickets", "GET", self._tickets),
            (r"/ticket", "POST", self._create),
            (r"/ticket/(\d+)", "GET", self._ticket),
            (r"/ticket/(\d+)", "PUT", self._put),
            (r"/ticket/(\d+)/(take|steal|untake)", "PUT", self._take),
            (r"/ticket/(\d+)/(correspond|comment)", "POST", self._write),
            (r"/ticket/(\d+)/history", "GET", self._history),
            (r"/transactions", "GET", self._transactions),
            (r"/transaction/(\d+)", "GET", self._transaction),
            (r"/attachments", "GET", self._attachments),
            (r"/attachment/(\d+)", "GET", self._attachment),
        ]

    def _user(self, name: str, **_: Any) -> Reply:
        for user in self.users.values():
            if name in (user.name, str(user.id)):
                return Reply(200, {"id": user.id, "Name": user.name, "RealName": user.real_name,
                                   "EmailAddress": user.email, "Privileged": int(user.privileged),
                                   "Created": "2025-01-01T00:00:00Z"})
        return Reply(404, {"message": "Not Found"})

    def _queues(self, params: dict[str, str], **_: Any) -> Reply:
        items = [{"id": str(n), "type": "queue", "Name": name, "Lifecycle": "default"}
                 for n, name in self.queues.items() if name != "Secret"]
        return self._list(items, params, None)

    def _queue(self, number: str, **_: Any) -> Reply:
        keys = [{"name": KEY_FIELD}] if self.key_field else []
        tags = [{"name": TAG_FIELD}, {"name": "Order ID"}] if self.tag_field else []
        return Reply(200, {"id": int(number), "TicketTransactionCustomFields": keys, "TicketCustomFields": tags})

    def _tickets(self, params: dict[str, str], **_: Any) -> Reply:
        try:
            test = matcher(params["query"], self._ticket_value)
        except ValueError as error:
            return Reply(400, {"message": str(error)})
        rows = [t for t in self.tickets.values()
                if self._sees(t) and not t.effective and t.status != "deleted" and test(t)]
        key = {"LastUpdated": lambda t: t.updated}.get(params.get("orderby", "id"), lambda t: t.id)
        rows.sort(key=key, reverse=params.get("order") == "DESC")
        return self._list([self._columns(t) for t in rows], params, len(rows))

    def _ticket_value(self, ticket: Ticket, name: str) -> Any:
        active = ticket.status in ("new", "open", "stalled")
        values: dict[str, Any] = {
            "id": ticket.id, "Queue": self.queues[ticket.queue], "LastUpdated": ticket.updated.replace("T", " ")[:19],
            "Status": [ticket.status, "__Active__" if active else "__Inactive__"], "Owner": ticket.owner,
            "Requestor.Name": ticket.requestors, "Subject": ticket.subject,
            "Requestor.EmailAddress": [self.users[name].email for name in ticket.requestors if name in self.users],
            "Requestor.RealName": [self.users[name].real_name for name in ticket.requestors if name in self.users],
        }
        if name not in values:
            raise ValueError(f"Unknown field: {name}")
        return values[name]

    def _columns(self, ticket: Ticket) -> dict[str, Any]:
        tags = [{"id": "3", "type": "customfield", "name": TAG_FIELD, "values": ticket.tags}] if self.tag_field else []
        return {
            "id": str(ticket.id), "type": "ticket", "Subject": ticket.subject, "Status": ticket.status,
            "Queue": {"id": str(ticket.queue), "Name": self.queues[ticket.queue], "type": "queue"},
            "Owner": self._person(ticket.owner), "Creator": self._person(ticket.creator),
            "Requestor": [self._person(name) for name in ticket.requestors], "Cc": [], "Created": ticket.created,
            "LastUpdated": ticket.updated, "Due": ticket.due, "Priority": str(ticket.priority), "SLA": "",
            "CustomFields": [*tags, {"id": "2", "type": "customfield", "name": "Order ID", "values": []}],
        }

    def _ticket(self, number: str, **_: Any) -> Reply:
        ticket = self._load(number)
        if ticket is None:
            return Reply(404, {"message": "Not Found"})
        if not self._sees(ticket):
            return Reply(403, {"message": "Forbidden"})
        data = {**self._columns(ticket), "id": ticket.id, "LastUpdatedBy": {"id": ticket.updated_by, "type": "user"}}
        return Reply(200, data, {"etag": f'"{self._etag(ticket)}"'})

    def _create(self, data: dict[str, Any], **_: Any) -> Reply:
        if not data.get("Queue"):
            return Reply(400, {"message": "Could not create ticket. Queue not set"})
        queue = next((n for n, name in self.queues.items() if name.casefold() == str(data["Queue"]).casefold()), 0)
        if not queue:
            return Reply(400, {"message": "Unable to find queue"})
        if queue in self.closed_queues:
            name = self.queues[queue]
            return Reply(403, {"message": f"No permission to create tickets in the queue '{name}'"})
        requestor = str(data.get("Requestor") or "")
        if requestor:
            self.user(requestor, "", requestor)
        number = max(self.tickets, default=0) + 1
        self.tickets[number] = Ticket(number, queue, str(data.get("Subject") or "No Subject"),
                                      [requestor] if requestor else [], self.who.name, self._now())
        if self.tag_field:
            self.tickets[number].tags = list(data.get("CustomFields", {}).get(TAG_FIELD, []))
        row = self.row("Create", number, self.who.name)  # transaction fields are not taken here
        self._frame(row, data)
        self.part(row, data.get("ContentType", "text/plain"), str(data.get("Content", "")))
        self._hang(row, data)
        return Reply(201, {"id": str(number), "type": "ticket", "_url": f"/REST/2.0/ticket/{number}"},
                     {"location": f"/REST/2.0/ticket/{number}"})

    def _put(self, number: str, data: dict[str, Any], headers: dict[str, str], **_: Any) -> Reply:
        ticket = self._load(number)
        if ticket is None:
            return Reply(404, {"message": "Not Found"})
        if self._stale(ticket, headers):
            return Reply(412, {"message": "Precondition Failed"})
        said: list[str] = []
        for name, value in data.items():
            if name == "Status" and value not in STATUSES:
                said.append(f"Ticket {number}: Status '{value}' isn't a valid status for this ticket.")
            elif name == "Owner" and not (value == "Nobody" or self.users.get(value, self.who).privileged):
                said.append(f"Ticket {number}: That user may not own tickets in that queue")
            elif name in ("Status", "Owner"):
                self._set(ticket, name.lower(), value, name, self.who.name)
                said.append(f"Ticket {number}: {name} changed")
            elif name == "Priority":
                self._set(ticket, "priority", int(value), name, self.who.name)
                said.append(f"Ticket {number}: Priority changed from 'Low' to 'High'")
            elif name == "CustomFields" and self.tag_field:
                self._set(ticket, "tags", list(value[TAG_FIELD]), "CustomField", self.who.name)
                said.append("added as a value for Tags")
        return Reply(200, said)

    def _take(self, number: str, verb: str, headers: dict[str, str], **_: Any) -> Reply:
        ticket = self._load(number)
        if ticket is None:
            return Reply(404, {"message": "Not Found"})
        if self._stale(ticket, headers):
            return Reply(412, {"message": "Precondition Failed"})
        me = self.who.name
        if verb == "take" and ticket.owner != "Nobody":
            same = ticket.owner == me
            return Reply(200, ["That user already owns that ticket" if same else
                               "You can only take tickets that are unowned"])
        old, new = ticket.owner, "Nobody" if verb == "untake" else me
        self._set(ticket, "owner", new, "Owner", me)
        return Reply(200, [f"Owner changed from {old} to {new}"])

    def _write(self, number: str, verb: str, data: dict[str, Any], headers: dict[str, str], **_: Any) -> Reply:
        ticket = self._load(number)
        if ticket is None:
            return Reply(404, {"message": "Not Found"})
        if "if-match" in headers:
            return Reply(412, {"message": "Precondition Failed"})
        if data.get("Content") in ("", "0", None):
            data["Content"] = "This transaction appears to have no content"
        elif "ContentType" not in data:
            return Reply(400, {"message": "ContentType is a required field for application/json"})
        key = str(data.get("TxnCustomFields", {}).get(KEY_FIELD, "")) if self.key_field else ""
        row = self.row(verb.title(), ticket.id, self.who.name, key=key)
        self._frame(row, data)
        self.part(row, "text/plain", data["Content"])
        self._hang(row, data)
        return Reply(201, ["Correspondence added"], {"location": f"/REST/2.0/transaction/{row}"})

    def _frame(self, row: int, data: dict[str, Any]) -> None:
        """What has files hangs in a frame of its own, as in a mail."""
        if data.get("Attachments") or data.get("files"):
            self.part(row, "multipart/mixed", "")

    def _hang(self, row: int, data: dict[str, Any]) -> None:
        for file in data.get("Attachments", []):
            content = base64.b64decode(file["FileContent"], validate=True).decode("latin-1")
            name = "".join(letter if letter.isascii() else "\ufffd" for letter in file["FileName"])
            self.part(row, file["FileType"], content, name=name)
        for name, kind, content in data.get("files", []):
            self.part(row, kind, content.decode("latin-1"), name=name)

    def _history(self, number: str, params: dict[str, str], **_: Any) -> Reply:
        ticket = self._load(number)
        ids = {t.id for t in self.tickets.values() if ticket and ticket.id in (t.id, t.effective)}
        return self._rows([row for row in self.rows if row.ticket in ids and row.of == "RT::Ticket"], params)

    def _transactions(self, params: dict[str, str], **_: Any) -> Reply:
        try:
            test = matcher(params["query"], self._row_value)
        except ValueError as error:
            return Reply(400, {"message": str(error)})
        rows = sorted((r for r in self.rows if test(r)), key=lambda r: r.id, reverse=params.get("order") == "DESC")
        return self._rows(rows, params)

    def _transaction(self, number: str, **_: Any) -> Reply:
        row = next((row for row in self.rows if row.id == int(number)), None)
        if row is None:
            return Reply(500, {"message": "Internal Server Error"})
        if row.hidden or not self._sees(self.tickets[row.ticket]):
            return Reply(403, {"message": "Forbidden"})
        return Reply(200, {"id": row.id, "Type": row.kind})

    def _row_value(self, row: Row, name: str) -> Any:
        ticket = self.tickets[row.ticket]
        values: dict[str, Any] = {
            "id": row.id, "ObjectType": row.of, "ObjectId": row.ticket, "TicketId": row.ticket,
            "Type": row.kind, "Field": row.field, "Creator": row.creator, "TicketQueue": self.queues[ticket.queue],
            f"CF.{{{KEY_FIELD}}}": row.key,
        }
        if name not in values:
            raise ValueError(f"Unknown field: {name}")
        return values[name]

    def _rows(self, rows: list[Row], params: dict[str, str]) -> Reply:
        page = self._page(rows, params)
        items = [self._row(row) for row in page if not row.hidden and self._sees(self.tickets[row.ticket])]
        return self._list(items, {}, None)

    def _row(self, row: Row) -> dict[str, Any]:
        if row.broken:
            return {"id": str(row.id), "type": "transaction", "Type": 7, "Created": [], "ObjectId": {"no": "number"}}
        return {
            "id": str(row.id), "type": "transaction", "Type": row.kind, "Creator": self._person(row.creator),
            "Created": row.created, "ObjectId": str(row.ticket), "Object": "", "Field": row.field, "OldValue": row.old,
            "NewValue": row.new,
            "CustomFields": [{"id": "5", "name": KEY_FIELD, "values": [row.key] if row.key else []}],
        }

    def _attachments(self, params: dict[str, str], **_: Any) -> Reply:
        wanted: dict[str, set[int]] = {}
        for limit in json.loads(params["query"]):
            behind = range(limit["value"] + 1, self._next_row + 1) if limit["operator"] == ">" else [limit["value"]]
            wanted.setdefault(limit["field"], set()).update(behind)
        ids, owners = wanted.get("id"), wanted.get("TransactionId")
        rows = [p for p in self.parts if (ids is None or p.id in ids) and (owners is None or p.row in owners)]
        hidden = {row.id for row in self.rows if row.hidden
                  or (row.ticket in self.tickets and not self._sees(self.tickets[row.ticket]))}
        items = []
        for part in self._page(rows, params):
            size = len(part.content.encode("utf-8", "replace")) if part.size is None else part.size
            item = {"id": str(part.id), "type": "attachment", "TransactionId": str(part.row), "ContentType": part.mime,
                    "Filename": part.name, "ContentLength": str(size)}
            if "Content" in params["fields"].split(","):
                item["Content"] = part.content
            if part.row not in hidden:
                items.append(item)
        return self._list(items, {}, None)

    def _attachment(self, number: str, **_: Any) -> Reply:
        if int(number) > len(self.parts):
            return Reply(500, {"message": "Internal Server Error"})
        part = self.parts[int(number) - 1]
        content = base64.b64encode(part.content.encode("utf-8", "replace")).decode()
        return Reply(200, {"id": part.id, "Content": content, "ContentType": part.mime})

    # small things ---------------------------------------------------------------------------------------------------

    def _page(self, rows: list[Any], params: dict[str, str]) -> list[Any]:
        size = min(int(params.get("per_page", 20)), 100)
        start = (int(params.get("page", 1)) - 1) * size
        return rows[start : start + size]

    def _list(self, items: list[Any], params: dict[str, str], total: int | None) -> Reply:
        page = self._page(items, params) if params else items
        size = min(int(params.get("per_page", 20)), 100)
        said = {"count": len(page), "total": total, "pages": None, "per_page": size, "page": 1, "items": page}
        return Reply(200, said)

    def _person(self, name: str) -> dict[str, str]:
        user = self.users.get(name)
        return {"id": name, "type": "user", "Name": name, "RealName": user.real_name if user else "",
                "EmailAddress": user.email if user else ""}

    def _load(self, number: str) -> Ticket | None:
        ticket = self.tickets.get(int(number))
        return self.tickets.get(ticket.effective) if ticket and ticket.effective else ticket

    def _sees(self, ticket: Ticket) -> bool:
        return self.queues[ticket.queue] != "Secret"

    def _etag(self, ticket: Ticket) -> int:
        return max((r.id for r in self.rows if r.ticket == ticket.id and r.of == "RT::Ticket"), default=0)

    def _stale(self, ticket: Ticket, headers: dict[str, str]) -> bool:
        if self.before_put:
            self.before_put.pop(0)()
        return "if-match" in headers and headers["if-match"] != f'"{self._etag(ticket)}"'

    def _set(self, ticket: Ticket, attribute: str, value: Any, name: str, who: str) -> None:
        old = getattr(ticket, attribute)
        setattr(ticket, attribute, value)
        self.row("Set" if name != "Status" else "Status", ticket.id, who, field=name, old=str(old), new=str(value))

    def _now(self) -> str:
        return datetime.fromtimestamp(self.clock.now() // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _form(kind: str, body: bytes) -> dict[str, Any]:
    """What came as a form: the fields of its part JSON, and the files."""
    parts = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=HTTP).iter_parts()
    data: dict[str, Any] = {}
    for part in parts:
        content = part.get_payload(decode=True)
        if part.get_param("name", header="content-disposition") == "JSON":
            data |= json.loads(content)
        else:
            data.setdefault("files", []).append((part.get_filename(), part.get_content_type(), content))
    return data
