"""The shapes that Zammad answers with, read tolerantly.

They follow https://docs.zammad.org/en/latest/api/ticket/index.html, /api/ticket/articles.html and /api/user.html.
"""

from __future__ import annotations

from typing import Any

import msgspec

NOBODY = 1
"""The user who owns what nobody owns."""
KEY = "agentdesk"
"""Under this name our own id lies in an article's or ticket's preferences, which Zammad keeps as they are."""

NEW, OPEN, REMINDER, PENDING, CLOSED, MERGED, REMOVED = range(1, 8)
"""State types: their numbers are the same everywhere, while states and their names differ."""
_TYPES = {"new": NEW, "open": OPEN, "pending reminder": REMINDER, "pending close": PENDING, "closed": CLOSED,
          "merged": MERGED, "removed": REMOVED}
_SENDERS = {1: "Agent", 2: "Customer", 3: "System"}
_ARTICLE_TYPES = {
    1: "email", 2: "sms", 3: "chat", 4: "fax", 5: "phone", 6: "twitter status", 7: "twitter direct-message",
    8: "facebook feed post", 9: "facebook feed comment", 10: "note", 11: "web", 12: "telegram personal-message",
    13: "facebook direct-message", 14: "whatsapp message",
}


class State(msgspec.Struct, frozen=True):
    """A ticket state."""

    id: int
    name: str
    state_type_id: int = 0
    active: bool = True

    @property
    def type(self) -> int:
        """What kind of state it is."""
        return self.state_type_id or _TYPES.get(self.name.casefold(), OPEN)

    @property
    def closed(self) -> bool:
        """True for states in which a ticket needs nobody any more."""
        return self.type in (CLOSED, MERGED, REMOVED)

    @property
    def waits(self) -> bool:
        """True for states that end at a set time."""
        return self.type in (REMINDER, PENDING)


class Priority(msgspec.Struct, frozen=True):
    """A ticket priority."""

    id: int
    name: str
    active: bool = True


class Group(msgspec.Struct, frozen=True):
    """A group of agents, which holds tickets."""

    id: int
    name: str
    active: bool = True
    email_address_id: int | None = None


class User(msgspec.Struct, frozen=True):
    """An agent or a customer."""

    id: int
    login: str = ""
    firstname: str = ""
    lastname: str = ""
    email: str = ""
    phone: str = ""
    mobile: str = ""
    note: str = ""
    vip: bool = False
    active: bool = True
    created_at: str = ""
    preferences: Any = None

    @property
    def name(self) -> str:
        """What people call them."""
        return f"{self.firstname} {self.lastname}".strip() or self.email or self.login or f"user {self.id}"


class Ticket(msgspec.Struct, frozen=True):
    """A ticket's head."""

    id: int
    updated_at: str
    created_at: str = ""
    number: str | int = ""
    title: str = ""
    group_id: int = 0
    owner_id: int = NOBODY
    customer_id: int = 0
    state_id: int = 0
    priority_id: int = 0
    article_count: int = 0
    pending_time: str = ""
    create_article_type_id: int = 0
    first_response_at: str = ""
    first_response_escalation_at: str = ""
    update_escalation_at: str = ""
    close_at: str = ""
    close_escalation_at: str = ""
    escalation_at: str = ""
    updated_by_id: int = 0
    preferences: Any = None

    @property
    def opened_by(self) -> str:
        """The channel it came in by."""
        return _ARTICLE_TYPES.get(self.create_article_type_id, "")


class File(msgspec.Struct, frozen=True):
    """A file on an article."""

    id: int
    filename: str = ""
    size: int | str = 0
    preferences: Any = None


class Article(msgspec.Struct, frozen=True):
    """One entry of a ticket."""

    id: int
    ticket_id: int
    created_at: str
    updated_at: str = ""
    type: str = ""
    type_id: int = 0
    sender: str = ""
    sender_id: int = 0
    from_: str = msgspec.field(name="from", default="")
    to: str = ""
    cc: str = ""
    reply_to: str = ""
    subject: str = ""
    body: str = ""
    content_type: str = "text/html"
    internal: bool = False
    message_id: str = ""
    created_by_id: int = 0
    created_by: str = ""
    origin_by_id: int = 0
    attachments: list[File] = []
    preferences: Any = None

    @property
    def channel(self) -> str:
        """How it came or went: email, note, phone, …"""
        return self.type or _ARTICLE_TYPES.get(self.type_id, "note")

    @property
    def by(self) -> str:
        """Agent, Customer or System."""
        return self.sender or _SENDERS.get(self.sender_id, "Customer")

    @property
    def author_id(self) -> int:
        """Who said it; an agent may have written it down for them."""
        return self.origin_by_id or self.created_by_id

    @property
    def key(self) -> str:
        """Our own id, if it was sent from a desk like this one."""
        return preference(self.preferences, KEY)


def preference(held: object, *path: str) -> str:
    """A text out of preferences, however they look; empty when it is not there."""
    for name in path:
        held = held.get(name) if isinstance(held, dict) else None
    return str(held) if isinstance(held, str | int | float) else ""


KNOWN = frozenset(Ticket.__struct_fields__) | {
    "organization_id", "article_ids", "note", "last_contact_at", "last_contact_agent_at", "last_contact_customer_at",
    "last_owner_update_at", "last_close_at", "first_response_in_min", "first_response_diff_in_min", "update_in_min",
    "update_diff_in_min", "close_in_min", "close_diff_in_min", "created_by_id", "create_article_sender_id", "type",
    "time_unit", "ticket_time_accounting_ids", "ticket_time_accounting", "checklist_id", "referencing_checklist_ids",
    "referencing_checklist_ticket_ids", "mention_ids", "shared_draft_id", "external_organization_id", "tags", "group",
    "owner", "customer", "organization", "state", "priority", "articles", "created_by", "updated_by",
    "create_article_type", "create_article_sender", "time_units_per_type", "ai_agent_running",
}
"""What every Zammad's tickets have; other fields were made by the desk itself."""
