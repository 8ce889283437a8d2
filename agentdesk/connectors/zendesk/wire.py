"""The shapes that Zendesk answers with, read tolerantly.

They follow https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/, …/tickets/ticket_comments/ and
…/users/users/. Times are whole seconds.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from agentdesk.model.conversation import ClockKind

KEY = "agentdesk"
"""Under this name our own id lies in the custom metadata of a ticket's audit, which comes back with its comment."""
SOLVED = ("solved", "closed", "deleted")
STATUSES = ("new", "open", "pending", "hold", "solved")
"""What agents may set; closed comes by itself, for good."""
PRIORITIES = ("low", "normal", "high", "urgent")
STAFF = ("agent", "admin")
SYSTEM_FIELDS = frozenset(("subject", "description", "status", "tickettype", "priority", "group", "assignee",
                           "custom_status"))
"""Types of the ticket fields that every Zendesk has."""
ELSEWHERE = frozenset((
    "twitter", "twitter_dm", "twitter_favorite", "twitter_like", "facebook", "facebook_post", "facebook_message",
    "any_channel", "messaging", "native_messaging", "whatsapp", "instagram_dm", "line", "wechat", "telegram", "viber",
    "chat", "sunshine_conversations_api", "sunshine_conversations_facebook_messenger",
    "sunshine_conversations_twitter_dm",
))
"""Channels on which a comment by this interface stays inside Zendesk: the customer never gets it."""
METRICS = {
    "first_reply_time": ClockKind.FIRST, "next_reply_time": ClockKind.NEXT, "periodic_update_time": ClockKind.NEXT,
    "pausable_update_time": ClockKind.NEXT, "agent_work_time": ClockKind.RESOLUTION,
    "requester_wait_time": ClockKind.RESOLUTION, "total_resolution_time": ClockKind.RESOLUTION,
}


class User(msgspec.Struct, frozen=True):
    """An agent or a customer."""

    id: int
    name: str = ""
    email: str = ""
    phone: str = ""
    role: str = ""
    role_type: int | None = None
    only_private_comments: bool = False
    alias: str = ""
    active: bool = True
    suspended: bool = False
    locale: str = ""
    details: str = ""
    created_at: str = ""

    @property
    def staff(self) -> bool:
        """True for agents and administrators."""
        return self.role in STAFF

    @property
    def light(self) -> bool:
        """True for light agents, who see everything and change nothing but by notes."""
        return self.role == "agent" and self.role_type == 1

    @property
    def private_only(self) -> bool:
        """True when what they write never reaches a customer."""
        return self.light or (self.staff and self.only_private_comments)


class Group(msgspec.Struct, frozen=True):
    """A group of agents, which holds tickets."""

    id: int
    name: str = ""
    deleted: bool = False


class Via(msgspec.Struct, frozen=True):
    """How something came (https://developer.zendesk.com/documentation/ticketing/reference-guides/via-types)."""

    channel: str | int = ""
    source: Any = None

    @property
    def merger(self) -> bool:
        """True for Zendesk's word that one ticket became part of another."""
        rel = self.source.get("rel") if isinstance(self.source, dict) else None
        return rel == "merge" or str(self.channel) in ("merge", "19")

    @property
    def tickets(self) -> set[int]:
        """The tickets that it names."""
        found: set[int] = set()
        for side in ("from", "to") if isinstance(self.source, dict) else ():
            held = self.source.get(side)
            if isinstance(held, dict):
                several = held.get("ticket_ids")
                named = [held.get("ticket_id"), *(several if isinstance(several, list) else [])]
                found.update(number for number in named if isinstance(number, int))
        return found


class Value(msgspec.Struct, frozen=True):
    """What a ticket field holds."""

    id: int
    value: Any = None


class Ticket(msgspec.Struct, frozen=True):
    """A ticket's head."""

    id: int
    updated_at: str
    created_at: str = ""
    subject: str = ""
    status: str = ""
    priority: str = ""
    type: str = ""
    requester_id: int = 0
    assignee_id: int = 0
    group_id: int = 0
    problem_id: int = 0
    due_at: str = ""
    tags: list[Any] = []
    via: Via = Via()
    custom_fields: list[Value] = []
    followup_ids: list[int] = []
    from_messaging_channel: bool = False
    slas: Any = None

    @property
    def elsewhere(self) -> str:
        """The channel, if an answer by this interface would not reach the customer there."""
        channel = str(self.via.channel)
        return channel if channel in ELSEWHERE else "messaging" if self.from_messaging_channel else ""


class File(msgspec.Struct, frozen=True):
    """A file on a comment."""

    id: int = 0
    file_name: str = ""
    content_url: str = ""
    content_type: str = ""
    size: int = 0
    inline: bool = False
    malware_scan_result: str = ""


MERGED_TAG = "closed_by_merge"
"""Zendesk's own tag for tickets that became part of others."""
_INTO = re.compile(r"This request was closed and merged into request #(\d{1,18})\b")
_FROM = re.compile(r"Requests? #\d.{0,400} (?:was|were) closed and merged into this request", re.DOTALL)
"""How its word about that begins, unless the agent changes it."""


class Comment(msgspec.Struct, frozen=True):
    """One entry of a ticket."""

    id: int
    created_at: str
    type: str = "Comment"
    author_id: int = 0
    body: str = ""
    html_body: str = ""
    plain_body: str = ""
    public: bool = True
    attachments: list[File] = []
    via: Via = Via()
    metadata: Any = None

    @property
    def merger(self) -> bool:
        """True for a word about a merger, which answers nobody."""
        words = self.plain_body or self.body
        return self.via.merger or bool(_INTO.match(words) or _FROM.match(words))

    @property
    def named(self) -> set[int]:
        """The other tickets of the merger that it is about."""
        found = _INTO.match(self.plain_body or self.body)
        return self.via.tickets if self.via.merger else {int(found[1])} if found else set()

    @property
    def key(self) -> str:
        """Our own id, if it was sent from a desk like this one."""
        custom = self.metadata.get("custom") if isinstance(self.metadata, dict) else None
        held = custom.get(KEY) if isinstance(custom, dict) else None
        return held if isinstance(held, str) else ""


class Identity(msgspec.Struct, frozen=True):
    """One way to reach a user."""

    type: str = ""
    value: str = ""
    verified: bool = False


class Field(msgspec.Struct, frozen=True):
    """A field that tickets have here."""

    id: int
    title: str = ""
    type: str = ""
    active: bool = True
