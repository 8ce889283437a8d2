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
    """What an outbox entry carries: words into a conversation, the start of a new one, or a thing to do.

    TICKET opens a ticket at a help desk for a conversation elsewhere. DM opens a private conversation with a customer.
    EDIT is for drafts only: another text for a message of ours, which leaves as an action.
    """

    REPLY = "reply"
    NOTE = "note"
    TICKET = "ticket"
    DM = "dm"
    EDIT = "edit"
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
    BOOST = "boost"
    FOLLOW = "follow"
    EDIT = "edit"
    DELETE = "delete"
    APPROVE = "approve"
    REJECT = "reject"
    MARK_READ = "mark_read"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do on a source; repeating it changes nothing more."""

    verb: Verb
    conversation_ref: str
    value: str = ""
    """Agent, status or priority; for tags a JSON object ``{"add": [...], "remove": [...]}``; for an edit the new text;
    for like, boost and follow ``off`` takes it back."""
    message_ref: str = ""
    """The message that is liked, boosted, edited, deleted, approved or rejected."""
    customer_ref: str = ""
    """Whom to follow."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that goes with a reply; it is read when the reply leaves."""

    path: str
    """Absolute."""
    name: str
    mime: str
    size: int
    """Bytes when it was attached."""
    digest: str
    """SHA-256 of its content when it was attached: another content is not sent."""
    alt: str = ""
    """What it shows, for those who cannot see it."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A reply, a note or the start of a conversation, frozen for sending: nothing in it changes any more."""

    client_id: str
    """Made once when frozen; the key under which it lands at most once."""
    conversation_ref: str
    """Where it goes; for a ticket or a DM the conversation that it comes from, on whatever source that is."""
    kind: OutKind
    text: str
    visibility: Visibility
    reply_to_ref: str = ""
    customer_ref: str = ""
    customer_handle: str = ""
    agent: str = ""
    created_at: Millis = 0
    subject: str = ""
    """Of a new ticket."""
    customer_name: str = ""
    customer_mail: str = ""
    """For a new ticket: where the customer can be reached, when we know."""
    place: str = ""
    """For a new ticket: the queue, inbox or group; empty for the source's usual one."""
    tags: tuple[str, ...] = ()
    """For a new ticket."""
    uploads: tuple[Upload, ...] = ()
    note_back: bool | None = None
    """For a new ticket: leave an internal note where it comes from, once it has landed; None where none is kept."""
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
    """The new message."""
    conversation_ref: str = ""
    """For a ticket or a DM: the conversation that began."""
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
    uploads: tuple[Upload, ...] = ()
    """Files that go with it."""
    calls: tuple[str, ...] = ()
    """Verb calls to carry out once it is sent, such as those of a help desk's macro."""
    started_at: Millis = 0
    saved_at: Millis = 0
    name: str = ""
    source: str = ""
