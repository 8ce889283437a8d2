"""A small Chatwoot with a memory: the calls that the connector uses, with the server's own manners.

Times are seconds and lose their fractions but for ``updated_at``; messages have ids over all conversations; sent text
runs through Liquid; whoever assigns last wins; a token that may not do a thing gets 401; a message that carries a
``source_id`` is not delivered.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from agentdesk.model.clock import Clock
from tests.fakes.chatwoot_form import form
from tests.fakes.chatwoot_liquid import rendered
from tests.fakes.wire import Reply
from tests.specs.check import described

PER_PAGE, TAIL = 25, 20
IN, OUT, ACTIVITY, TEMPLATE = 0, 1, 2, 3
ACCOUNT = 3


@dataclass
class Agent:
    """Somebody who answers."""

    id: int
    name: str
    email: str
    token: str
    role: str = "agent"
    inboxes: tuple[int, ...] = (1, 2, 4, 5)


@dataclass
class Contact:
    """A customer."""

    id: int
    name: str
    created_at: float
    email: str | None = None
    phone_number: str | None = None
    identifier: str | None = None
    additional: dict[str, Any] = field(default_factory=dict)
    blocked: bool = False
    sources: dict[int, str] = field(default_factory=dict)


@dataclass
class Talk:
    """A conversation."""

    id: int
    inbox: int
    contact: int
    created_at: float
    updated_at: float
    active_at: float
    status: str = "open"
    priority: str | None = None
    labels: list[str] = field(default_factory=list)
    assignee: int = 0
    team: int = 0
    can_reply: bool = True
    snoozed_until: str | None = None
    waiting_since: float = 0
    first_reply: float = 0
    additional: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    sla: dict[str, Any] = field(default_factory=dict)


@dataclass
class Word:
    """A message."""

    id: int
    talk: int
    kind: int
    content: str | None
    created_at: float
    sender: dict[str, Any] | None = None
    private: bool = False
    content_type: str = "text"
    attributes: dict[str, Any] = field(default_factory=dict)
    status: str = "sent"
    source_id: str | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    broken: bool = False


class Refusal(Exception):
    """The server says no."""

    def __init__(self, status: int, data: Any) -> None:
        super().__init__(str(data))
        self.reply = Reply(status, data)


class FakeChatwoot:
    """The server: world controls above, requests below."""

    described_by = "chatwoot"
    nonsense = ""
    """Why it answers what no server would, while it does."""

    def __init__(self, clock: Clock, site: str = "https://chat.example") -> None:
        self.clock = clock
        self.site = site
        self.agents = {7: Agent(7, "Ada Agent", "ada@desk.test", "tok-ada-0123456789"),
                       8: Agent(8, "Bo Agent", "bo@desk.test", "tok-bo-0123456789"),
                       9: Agent(9, "Root Admin", "root@desk.test", "tok-root-0123456789", "administrator")}
        self.inboxes: dict[int, dict[str, Any]] = {
            1: {"name": "Website", "channel_type": "Channel::WebWidget"},
            2: {"name": "Mail", "channel_type": "Channel::Email"},
            3: {"name": "Secret", "channel_type": "Channel::Api"},
            4: {"name": "Desk", "channel_type": "Channel::Api"},
            5: {"name": "WhatsApp", "channel_type": "Channel::Whatsapp"},
        }
        self.teams = [{"id": 5, "name": "depot"}]
        self.canned: list[dict[str, Any]] = []
        self.macros: list[dict[str, Any]] = []
        self.contacts: dict[int, Contact] = {}
        self.talks: dict[int, Talk] = {}
        self.words: list[Word] = []
        self.delivered: list[str] = []
        """What reached customers through a channel."""
        self.requests: list[tuple[str, str]] = []
        self.drops_underscores = False
        self.knows_window = True
        self.keeps_written_at = True
        self.per_page = PER_PAGE
        self.version = "4.3.0"
        self.before: list[tuple[str, Callable[[], None]]] = []
        self.who = self.agents[7]
        self.next_word = 100
        self._tick = 0

    # the world ------------------------------------------------------------------------------------------------------

    def contact(self, name: str, email: str | None = None, **more: Any) -> Contact:
        """A customer, by mail address or anew."""
        found = next((c for c in self.contacts.values() if email and c.email == email), None)
        if found is None:
            number = max(self.contacts, default=20) + 1
            found = self.contacts[number] = Contact(number, name, self._now(), email, **more)
        return found

    def begin(self, contact: Contact, inbox: int = 1, **more: Any) -> Talk:
        """A new conversation without words."""
        number, now = max(self.talks, default=0) + 1, self._now()
        self.join(contact, inbox)
        self.talks[number] = Talk(number, inbox, contact.id, now, now, now, **more)
        return self.talks[number]

    def join(self, contact: Contact, inbox: int) -> str:
        """Give a contact an id of its own in an inbox."""
        return contact.sources.setdefault(inbox, str(uuid.UUID(int=contact.id * 1000 + inbox)))

    def writes(self, text: str | None, *, talk: int = 0, email: str = "jane@example.test", name: str = "Jane Doe",
               inbox: int = 1, **more: Any) -> int:
        """A customer writes; what was resolved or snoozed opens again."""
        it = self.talks[talk] if talk else self.begin(self.contact(name, email), inbox)
        if it.status in ("resolved", "snoozed"):
            it.status = "open"
        person = self.contacts[it.contact]
        self.add(it.id, IN, text, sender=self._person(person), **more)
        it.waiting_since = it.waiting_since or self._now()
        return it.id

    def says(self, agent: int, talk: int, text: str, **more: Any) -> Word:
        """An agent writes in Chatwoot itself."""
        it = self.talks[talk]
        if not more.get("private"):
            it.first_reply, it.waiting_since = it.first_reply or self._now(), 0
        return self.add(talk, OUT, text, sender=self._user(self.agents[agent]), **more)

    def add(self, talk: int, kind: int, text: str | None, **more: Any) -> Word:
        """Add a message."""
        self.next_word += 1
        word = Word(self.next_word, talk, kind, text, self._now(), **more)
        self.words.append(word)
        self.touch(talk, active=True)
        return word

    def touch(self, talk: int, *, active: bool = False) -> None:
        """Note that a conversation changed."""
        it = self.talks[talk]
        self._tick += 1
        it.updated_at = self._now() + self._tick / 1_000_000
        it.active_at = self._now() if active else it.active_at

    def assign(self, talk: int, agent: int) -> None:
        """Give a conversation to somebody."""
        self.talks[talk].assignee = agent
        name = self.agents[agent].name if agent else "nobody"
        self.add(talk, ACTIVITY, f"Assigned to {name} by {self.who.name}")

    def set_status(self, talk: int, status: str, by: str) -> None:
        """Change a status, with the line that Chatwoot writes about it."""
        self.talks[talk].status = status
        self.add(talk, ACTIVITY, f"Conversation was marked {status} by {by}")

    def delete(self, word: Word) -> None:
        """An agent deletes a message: its text is replaced."""
        word.content, word.attributes, word.files = "This message was deleted", {"deleted": True}, []
        self.touch(word.talk)

    def copies(self, text: str, *, private: bool = False) -> int:
        """How often an agent's text stands on the server."""
        return sum(w.kind == OUT and w.private is private and w.content == text for w in self.words)

    # requests -------------------------------------------------------------------------------------------------------

    @described
    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer one request."""
        parts = urlsplit(url)
        params = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        path = unquote(parts.path).removeprefix(f"/api/v1/accounts/{ACCOUNT}")
        self.requests.append((method, path))
        try:
            self._sign_in(headers, path)
            kind = headers.get("content-type", "")
            data = form(kind, body) if kind.startswith("multipart") else json.loads(body) if body else {}
            self._meanwhile(path)
            reply = self._route(method, path, params, data)
        except Refusal as refusal:
            return refusal.reply
        reply.headers.setdefault("date", formatdate(self._now(), usegmt=True))
        return reply

    def _sign_in(self, headers: dict[str, str], path: str) -> None:
        dashed, underscored = headers.get("api-access-token"), headers.get("api_access_token")
        token = dashed or (None if self.drops_underscores else underscored)
        agent = next((a for a in self.agents.values() if token and a.token == token), None)
        if agent is None and path != "/api":
            raise Refusal(401, {"error": "Invalid Access Token"})
        self.who = agent or self.who
        if path.startswith("/api/v1/accounts/"):
            raise Refusal(401, {"error": "You are not authorized to access this account"})

    def _meanwhile(self, path: str) -> None:
        for rule in list(self.before):
            if rule[0] in path:
                self.before.remove(rule)
                rule[1]()

    def _route(self, method: str, path: str, params: dict[str, str], data: dict[str, Any]) -> Reply:
        routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", r"/api", lambda **_: {"version": self.version, "queue_services": "ok", "data_services": "ok"}),
            ("GET", r"/api/v1/profile", self._profile),
            ("GET", r"/inboxes", lambda **_: {"payload": [{"id": n, **box} for n, box in self.inboxes.items()
                                                          if self._sees(n)]}),
            ("GET", r"/conversations", self._list),
            ("POST", r"/conversations", self._create),
            ("GET", r"/conversations/(\d+)", lambda number, **_: self._talk(self._load(number))),
            ("GET", r"/conversations/(\d+)/messages", self._messages),
            ("POST", r"/conversations/(\d+)/messages", self._write),
            ("DELETE", r"/conversations/(\d+)/messages/(\d+)", self._delete),
            ("POST", r"/conversations/(\d+)/assignments", self._assign),
            ("POST", r"/conversations/(\d+)/toggle_status", self._status),
            ("POST", r"/conversations/(\d+)/toggle_priority", self._priority),
            ("POST", r"/conversations/(\d+)/labels", self._labels),
            ("POST", r"/conversations/(\d+)/update_last_seen", lambda number, **_: self._talk(self._load(number))),
            ("GET", r"/contacts/search", self._search),
            ("GET", r"/contacts/(\d+)", lambda number, **_: {"payload": self._contact(self._load_contact(number))}),
            ("GET", r"/contacts/(\d+)/conversations", self._talks_of),
            ("POST", r"/contacts", self._new_contact),
            ("POST", r"/contacts/(\d+)/contact_inboxes", self._join),
            ("GET", r"/canned_responses", lambda **_: self.canned),
            ("GET", r"/macros", lambda **_: {"payload": self.macros}),
            ("GET", r"/agents", lambda **_: [self._agent(agent) for agent in self.agents.values()]),
            ("GET", r"/teams", lambda **_: self.teams),
        ]
        for verb, pattern, work in routes:
            if verb == method and (found := re.fullmatch(pattern, path)):
                return Reply(200, work(*found.groups(), params=params, data=data))
        raise Refusal(404, {"error": "Resource could not be found"})

    def _profile(self, **_: Any) -> dict[str, Any]:
        account = {"id": ACCOUNT, "name": "Acme", "role": self.who.role, "availability": "online"}
        own = {name: value for name, value in self._agent(self.who).items()
               if name not in ("availability_status", "auto_offline", "thumbnail")}
        return {**own, "access_token": self.who.token, "pubsub_token": f"pub-{self.who.id}",
                "account_id": ACCOUNT, "accounts": [account]}

    def _list(self, params: dict[str, str], **_: Any) -> dict[str, Any]:
        rows = [t for t in self.talks.values() if self._sees(t.inbox)]
        if "inbox_id" in params:
            rows = [t for t in rows if t.inbox == int(params["inbox_id"])]
        if "q" in params:
            words = params["q"].lower()
            holds = {w.talk for w in self.words if w.kind in (IN, OUT) and words in (w.content or "").lower()}
            rows = [t for t in rows if t.id in holds]
        elif params.get("status", "open") != "all":
            rows = [t for t in rows if t.status == params.get("status", "open")]
        counts = {"mine_count": sum(t.assignee == self.who.id for t in rows), "all_count": len(rows),
                  "assigned_count": sum(bool(t.assignee) for t in rows),
                  "unassigned_count": sum(not t.assignee for t in rows)}
        rows.sort(key=lambda t: (t.active_at, t.id), reverse=True)
        if "updated_within" in params and self.knows_window:
            rows = [t for t in rows if t.updated_at > self._now() - int(params["updated_within"])]
        else:
            start = (int(params.get("page", 1)) - 1) * self.per_page
            rows = rows[start : start + self.per_page]
        return {"data": {"meta": counts, "payload": [self._talk(t) for t in rows]}}

    def _create(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        inbox = self.inboxes.get(data["inbox_id"])
        if inbox is None:
            raise Refusal(404, {"error": "Resource could not be found"})
        if not self._sees(data["inbox_id"]):
            raise Refusal(401, {"error": "You are not authorized to do this action"})
        person = self._load_contact(str(data["contact_id"]))
        if person.sources.get(data["inbox_id"]) != data["source_id"]:
            raise AssertionError("another contact's source_id")
        if inbox["channel_type"] == "Channel::Email" and not person.email:
            raise Refusal(422, {"error": "param is missing or the value is empty: contact email"})
        if inbox["channel_type"] == "Channel::Whatsapp" and not person.phone_number:
            raise Refusal(422, {"error": "param is missing or the value is empty: contact phone number"})
        it = None
        if inbox.get("lock_to_single_conversation"):
            it = next((t for t in reversed(self.talks.values())
                       if (t.contact, t.inbox) == (person.id, data["inbox_id"])), None)
        if it is None:
            it = self.begin(person, data["inbox_id"], status=data.get("status", "open"),
                            additional=data.get("additional_attributes", {}))
        if data.get("message"):
            self._post(it, data["message"], data["message"].get("attachments", []))
        return self._talk(it)

    def _messages(self, number: str, params: dict[str, str], **_: Any) -> dict[str, Any]:
        it = self._load(number)
        rows = [w for w in self.words if w.talk == it.id and w.id < int(params.get("before", 1 << 60))]
        rows = sorted(rows, key=lambda w: (w.created_at, w.id))[-TAIL:]
        return {"meta": {"labels": it.labels, "contact": self._person(self.contacts[it.contact])},
                "payload": [self._word(w) for w in rows]}

    def _write(self, number: str, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        it = self._load(number)
        word = self._post(it, data, data.get("attachments", []))
        return {**self._word(word), "echo_id": data.get("echo_id")}

    def _post(self, it: Talk, data: dict[str, Any], files: list[dict[str, Any]]) -> Word:
        lately = [w for w in self.words if w.talk == it.id and w.created_at >= self._now() - 60]
        if len(lately) >= 200:
            raise Refusal(422, {"error": "Validation failed: Too many messages"})
        if len(files) > 15:
            raise Refusal(422, {"error": "Validation failed: Attachments exceeded maximum allowed"})
        person = self.contacts[it.contact]
        values = {"contact.name": person.name, "contact.email": person.email or "", "agent.name": self.who.name}
        attributes = {k: v for k, v in data.get("content_attributes", {}).items() if k in ("in_reply_to", "items")}
        if self.keeps_written_at and data.get("external_created_at"):
            attributes["external_created_at"] = data["external_created_at"]
        private = data.get("private") in (True, "true")
        word = self.says(self.who.id, it.id, rendered(data["content"], values), private=private, attributes=attributes,
                         files=[self.file(f"{n}.bin", f["name"], len(f["content"])) for n, f in enumerate(files)])
        if not private and not word.source_id and it.can_reply:
            self.delivered.append(word.content or "")
        elif not private:
            word.status, word.attributes["external_error"] = "failed", "(#131047) Re-engagement message"
        return word

    def _delete(self, number: str, message: str, **_: Any) -> dict[str, Any]:
        it = self._load(number)
        word = next((w for w in self.words if (w.id, w.talk) == (int(message), it.id)), None)
        if word is None:
            raise Refusal(404, {"error": "Resource could not be found"})
        self.delete(word)
        return self._word(word)

    def _assign(self, number: str, data: dict[str, Any], **_: Any) -> Any:
        it = self._load(number)
        if "assignee_id" in data:
            agent = self.agents.get(data["assignee_id"])
            self.assign(it.id, agent.id if agent else 0)
            return self._agent(agent) if agent else None
        it.team = data["team_id"]
        self.touch(it.id)
        return next((team for team in self.teams if team["id"] == it.team), None)

    def _status(self, number: str, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        it = self._load(number)
        self.set_status(it.id, data["status"], self.who.name)
        if it.status == "open" and self.who.role == "agent":
            self.assign(it.id, self.who.id)
        return {"meta": {}, "payload": {"success": True, "current_status": it.status, "conversation_id": it.id}}

    def _priority(self, number: str, data: dict[str, Any], **_: Any) -> None:
        it = self._load(number)
        it.priority = data["priority"]
        self.touch(it.id)

    def _labels(self, number: str, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        it = self._load(number)
        it.labels = [label for text in data["labels"] for label in text.split(",")]
        self.touch(it.id)
        return {"payload": it.labels}

    def _search(self, params: dict[str, str], **_: Any) -> dict[str, Any]:
        words = params["q"].strip()
        rows = [c for c in self.contacts.values() if (c.email or c.phone_number or c.identifier) and (
            any(words.lower() in (text or "").lower() for text in (c.name, c.email, c.phone_number))
            or words in (c.identifier or ""))]
        return {"meta": {"count": len(rows), "current_page": 1}, "payload": [self._contact(c) for c in rows[:15]]}

    def _talks_of(self, number: str, **_: Any) -> dict[str, Any]:
        person = self._load_contact(number)
        rows = [t for t in self.talks.values() if t.contact == person.id and self._sees(t.inbox)]
        rows.sort(key=lambda t: (t.active_at, t.id), reverse=True)
        return {"payload": [self._talk(t) for t in rows[:20]]}

    def _new_contact(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        for name in ("identifier", "email"):
            if data.get(name) and any(getattr(c, name) == data[name] for c in self.contacts.values()):
                message = f"{name.title()} has already been taken"
                raise Refusal(422, {"message": message, "attributes": [name]})
        made = self.contact(data["name"], data.get("email") or None, identifier=data.get("identifier"))
        source = self.join(made, data["inbox_id"])
        return {"payload": {"contact": self._contact(made), "contact_inbox": {"inbox": {}, "source_id": source}}}

    def _join(self, number: str, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"source_id": self.join(self._load_contact(number), data["inbox_id"]), "inbox": {"id": data["inbox_id"]}}

    # what things look like ------------------------------------------------------------------------------------------

    def _talk(self, it: Talk) -> dict[str, Any]:
        said = [w for w in self.words if w.talk == it.id]
        spoken = [w for w in said if w.kind != ACTIVITY]
        meta = {"sender": self._contact(self.contacts[it.contact], alone=False), "hmac_verified": False,
                "channel": self.inboxes[it.inbox]["channel_type"]}
        if it.assignee:
            meta["assignee"] = self._agent(self.agents[it.assignee])
        if it.team:
            meta["team"] = next(team for team in self.teams if team["id"] == it.team)
        return {
            "meta": meta, "id": it.id, "uuid": str(uuid.UUID(int=it.id)), "account_id": ACCOUNT, "inbox_id": it.inbox,
            "messages": [self._pushed(w) for w in said[-1:]], "status": it.status, "priority": it.priority,
            "labels": it.labels, "can_reply": it.can_reply, "muted": False, "snoozed_until": it.snoozed_until,
            "created_at": int(it.created_at), "updated_at": it.updated_at, "timestamp": int(it.active_at),
            "last_activity_at": int(it.active_at), "first_reply_created_at": int(it.first_reply),
            "waiting_since": int(it.waiting_since), "unread_count": 0, "agent_last_seen_at": 0,
            "assignee_last_seen_at": 0, "contact_last_seen_at": 0, "custom_attributes": it.custom,
            "additional_attributes": it.additional, "sla_policy_id": None,
            "last_non_activity_message": self._pushed(spoken[-1]) if spoken else None,
            **({"applied_sla": it.sla} if it.sla else {}),
        }

    def _word(self, w: Word) -> dict[str, Any]:
        if w.broken:
            return {"id": w.id, "content": [], "message_type": "sideways", "created_at": {"no": "time"}}
        said: dict[str, Any] = {
            "id": w.id, "content": w.content, "inbox_id": self.talks[w.talk].inbox, "conversation_id": w.talk,
            "message_type": w.kind, "content_type": w.content_type, "status": w.status, "private": w.private,
            "content_attributes": w.attributes, "created_at": int(w.created_at), "source_id": w.source_id,
        }
        return {**said, **({"sender": w.sender} if w.sender else {}), **({"attachments": w.files} if w.files else {})}

    def _pushed(self, w: Word) -> dict[str, Any]:
        """A message inside a conversation's head carries more, and some times as text."""
        return self._word(w) if w.broken else {**self._word(w), "updated_at": "2026-01-01T00:00:00.000Z",
                                               "processed_message_content": w.content, "sentiment": {}}

    def _contact(self, c: Contact, *, alone: bool = True) -> dict[str, Any]:
        """With the inboxes it is known in; not where it stands inside a conversation."""
        inboxes = [{"source_id": source, "inbox": {"id": inbox}} for inbox, source in c.sources.items()]
        return {
            "id": c.id, "name": c.name, "email": c.email, "phone_number": c.phone_number, "identifier": c.identifier,
            "additional_attributes": c.additional, "custom_attributes": {}, "blocked": c.blocked, "thumbnail": "",
            "created_at": int(c.created_at), "availability_status": "offline",
            **({"contact_inboxes": inboxes} if alone else {}),
        }

    def _person(self, c: Contact) -> dict[str, Any]:
        return {"id": c.id, "name": c.name, "email": c.email, "phone_number": c.phone_number, "type": "contact",
                "identifier": c.identifier, "additional_attributes": c.additional, "custom_attributes": {},
                "thumbnail": "", "blocked": c.blocked}

    def _user(self, agent: Agent) -> dict[str, Any]:
        return {"id": agent.id, "name": agent.name, "available_name": agent.name, "type": "user", "thumbnail": "",
                "avatar_url": "", "availability_status": "online"}

    def _agent(self, agent: Agent) -> dict[str, Any]:
        return {"id": agent.id, "account_id": ACCOUNT, "name": agent.name, "available_name": agent.name,
                "email": agent.email, "role": agent.role, "confirmed": True, "availability_status": "online",
                "auto_offline": True, "thumbnail": ""}

    def file(self, path: str, name: str, size: int, **more: Any) -> dict[str, Any]:
        """An attachment behind a signed address of the server, which leads on to the storage."""
        return {"id": self.next_word, "message_id": self.next_word, "file_type": "file", "account_id": ACCOUNT,
                "extension": None, "file_size": size, "thumb_url": "", "width": None, "height": None,
                "data_url": f"{self.site}/rails/active_storage/blobs/redirect/c2lnbmVk/{name or path}", **more}

    # small things ---------------------------------------------------------------------------------------------------

    def _load(self, number: str) -> Talk:
        it = self.talks.get(int(number))
        if it is None:
            raise Refusal(404, {"error": "Resource could not be found"})
        if not self._sees(it.inbox):
            raise Refusal(401, {"error": "You are not authorized to do this action"})
        return it

    def _load_contact(self, number: str) -> Contact:
        found = self.contacts.get(int(number))
        if found is None:
            raise Refusal(404, {"error": "Resource could not be found"})
        return found

    def _sees(self, inbox: int) -> bool:
        return self.who.role == "administrator" or inbox in self.who.inboxes

    def _now(self) -> float:
        return self.clock.now() / 1_000
