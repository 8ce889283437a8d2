"""What leaves the desk: frozen replies, actions on a conversation, and what came of them."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.message import Visibility


class SendState(StrEnum):
    """The life of an outbox entry.

    held → queued → sending → sent, or refused, or unknown (→ sent, queued, needs_human); stopped waits for the agent
    because something new came in; cancelled never left.
    """

    HELD = "held"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    STOPPED = "stopped"
    NEEDS_HUMAN = "needs_human"
    CANCELLED = "cancelled"


UNSETTLED = (SendState.HELD, SendState.QUEUED, SendState.SENDING, SendState.REFUSED, SendState.UNKNOWN,
             SendState.STOPPED, SendState.NEEDS_HUMAN)
"""States of entries that still need the desk or a person."""


class OutKind(StrEnum):
    """What an outbox entry carries."""

    REPLY = "reply"
    NOTE = "note"
    ACTION = "action"


class Verb(StrEnum):
    """What can be asked of a source besides a reply or a note."""

    CLAIM = "claim"
    RELEASE = "release"
    ASSIGN = "assign"
    STATUS = "status"
    PRIORITY = "priority"
    TAGS = "tags"
    LIKE = "like"
    FOLLOW = "follow"
    MARK_READ = "mark_read"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do on a source; repeating it changes nothing more."""

    verb: Verb
    conversation_ref: str
    value: str = ""
    """Agent, status or priority; for tags a JSON object ``{"add": [...], "remove": [...]}``."""
    message_ref: str = ""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A reply or note frozen for sending: nothing in it changes any more."""

    client_id: str
    """Made once when frozen; the key under which it lands at most once."""
    conversation_ref: str
    kind: OutKind
    text: str
    visibility: Visibility
    reply_to_ref: str = ""
    customer_ref: str = ""
    customer_handle: str = ""
    agent: str = ""
    created_at: Millis = 0
    extra: str = ""
    """What the connector froze with it (a record key, the full record), as JSON."""


class OutboxEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An outbox row."""

    id: int
    conversation_id: int
    source: str
    state: SendState
    out: Outgoing | None
    """The reply or note; None for an action."""
    action: Action | None
    agent: str
    client_id: str
    kind: OutKind
    name: str
    """The customer's name, for the list."""
    created_at: Millis
    hold_until: Millis
    next_try_at: Millis
    first_try_at: Millis | None
    attempts: int
    checks: int
    """How often it was looked for on the far side."""
    seen_message_id: int
    """The last message the agent had seen when it was frozen."""
    remote_ref: str
    sent_at: Millis | None
    title: str
    """What went wrong, in words."""
    remedy: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The source took it. ``ref`` may be empty when the server does not say."""

    ref: str = ""
    url: str = ""
    created_at: Millis | None = None
    pending: bool = False
    """Accepted, but a moderator must let it through."""


class Found(msgspec.Struct, frozen=True):
    """Reading back found our reply."""

    receipt: Receipt


class Absent(msgspec.Struct, frozen=True):
    """Reading back proves that our reply is not there."""


class Unsure(msgspec.Struct, frozen=True):
    """Reading back proves nothing yet."""

    why: str = ""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Text being written, one per conversation, agent and kind."""

    conversation_id: int
    agent: str
    kind: OutKind
    text: str
    visibility: Visibility
    canned: str = ""
    """Name of the canned reply it began with."""
    canned_text: str = ""
    """That reply's text as inserted, to see whether it was edited."""
    reply_to_ref: str = ""
    seen_message_id: int = 0
    started_at: Millis = 0
    saved_at: Millis = 0
    name: str = ""
    source: str = ""
