"""The shapes that Chatwoot answers with, read tolerantly: seconds, ISO times and nothing alike, numbers as text.

Field names are those of the public API description (developers.chatwoot.com/api-reference).
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from agentdesk.connectors.items import instant as iso_instant
from agentdesk.model.clock import Millis

INCOMING, OUTGOING, ACTIVITY, TEMPLATE = 0, 1, 2, 3
KINDS = {"incoming": INCOMING, "outgoing": OUTGOING, "activity": ACTIVITY, "template": TEMPLATE}
_MILLIS_FROM = 100_000_000_000
"""A number above this counts milliseconds, below it seconds."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An agent, a bot or a contact where one is mentioned."""

    id: int
    name: str = ""
    available_name: str = ""
    email: str = ""
    phone_number: str = ""
    identifier: str = ""
    type: str = ""
    blocked: bool = False
    created_at: int | float | str = 0
    additional_attributes: dict[str, Any] = {}
    custom_attributes: dict[str, Any] = {}
    contact_inboxes: list[Any] = []

    @property
    def shown(self) -> str:
        """What people call them."""
        return self.name or self.available_name or self.email or self.phone_number or f"contact {self.id}"


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """Who a conversation is with and who has it."""

    sender: Person | None = None
    channel: str = ""
    assignee: Person | None = None
    team: dict[str, Any] = {}


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation's head; ``id`` is the number that people see."""

    id: int
    inbox_id: int = 0
    status: str = ""
    priority: str = ""
    labels: list[str] = []
    snoozed_until: int | float | str = 0
    can_reply: bool = True
    muted: bool = False
    created_at: int | float | str = 0
    updated_at: int | float | str = 0
    last_activity_at: int | float | str = 0
    first_reply_created_at: int | float | str = 0
    waiting_since: int | float | str = 0
    custom_attributes: dict[str, Any] = {}
    additional_attributes: dict[str, Any] = {}
    applied_sla: dict[str, Any] = {}
    messages: list[Any] = []
    last_non_activity_message: Any = None
    meta: Meta = Meta()

    @property
    def stamp(self) -> str:
        """When it changed last, as the server wrote it: only compared, never counted with."""
        return str(self.updated_at or self.last_activity_at)

    @property
    def last_told(self) -> list[Any]:
        """The last messages that the head itself carries, each once."""
        found = {str(item.get("id")): item for item in (self.last_non_activity_message, *self.messages)
                 if isinstance(item, dict)}
        return list(found.values())


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A message."""

    id: int
    message_type: int | str
    created_at: int | float | str
    content: str = ""
    content_type: str = "text"
    content_attributes: Any = None
    status: str = ""
    private: bool = False
    sender: Person | None = None
    attachments: list[Any] = []

    @property
    def kind(self) -> int:
        """Its type as a number; the API writes numbers, webhooks words."""
        if isinstance(self.message_type, int):
            return self.message_type
        return KINDS[self.message_type] if self.message_type in KINDS else int(self.message_type)

    @property
    def more(self) -> dict[str, Any]:
        """Its content attributes; some versions hand them out as JSON inside a string."""
        value = self.content_attributes
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                value = None
        return value if isinstance(value, dict) else {}

    @property
    def deleted(self) -> bool:
        """True when an agent deleted it: the text that is left is the server's."""
        return bool(self.more.get("deleted"))


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """An inbox: one channel through which customers write."""

    id: int
    name: str = ""
    channel_type: str = ""
    reauthorization_required: bool = False


def instant(value: object) -> Millis | None:
    """A time in milliseconds, given as seconds, milliseconds or ISO text; None where Chatwoot means «never» (0)."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return iso_instant(value)
    if not isinstance(value, int | float) or not 0 < value < _MILLIS_FROM * 1_000:
        return None
    return round(value if value > _MILLIS_FROM else value * 1_000)
