"""Conversations: the thread between one customer and us on one source, and how it stands in the queue."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.message import Direction
from agentdesk.model.text import Inert


class State(StrEnum):
    """Where a conversation is: open needs us; waiting, snoozed and done do not for now."""

    OPEN = "open"
    WAITING = "waiting"
    SNOOZED = "snoozed"
    DONE = "done"


class Disposition(StrEnum):
    """How a conversation left the queue; there is no other way out."""

    ANSWERED = "answered"
    LINKED = "linked"
    NOT_ACTIONABLE = "not_actionable"
    DUPLICATE = "duplicate"
    PRAISE = "praise"
    SPAM = "spam"


class Severity(StrEnum):
    """How bad it is, worst first; PRAISE is its own kind."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    PRAISE = "praise"


class ClockKind(StrEnum):
    """What a clock counts to."""

    FIRST = "first"
    NEXT = "next"
    RESOLUTION = "resolution"
    PROMISE = "promise"


class DueClock(msgspec.Struct, frozen=True, kw_only=True):
    """One clock on a conversation: a due instant, never a running counter."""

    kind: ClockKind
    due_at: Millis
    soon_at: Millis
    """From here on the clock is «soon»."""
    started_at: Millis
    expected_at: Millis | None = None
    """When a customer expects an answer, earlier than our own target."""
    calendar: str = ""
    """Name of the business calendar it counts in; empty for round the clock."""
    policy: str = ""
    by_server: bool = False
    """True when the help desk gave this due time itself."""
    words: str = ""
    """For a promise: what was promised."""
    paused_since: Millis | None = None
    """Set while it does not run because we wait for the customer; ``due_at`` is then what it was at that instant."""


class ServerDue(msgspec.Struct, frozen=True, kw_only=True):
    """A due time that a help desk gives for one of its tickets."""

    kind: ClockKind
    due_at: Millis


class RemoteConversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as its source tells it; ``None`` means the source says nothing about it."""

    ref: str
    customer_ref: str = ""
    subject: Inert = Inert("")
    url: str = ""
    status: str | None = None
    """The source's own word, shown as is."""
    closed: bool | None = None
    """True when the source holds it closed."""
    assignee: str | None = None
    """The source's name of the agent who has it; empty for nobody."""
    priority: str | None = None
    tags: tuple[Inert, ...] | None = None
    due: tuple[ServerDue, ...] | None = None
    fields: dict[str, str] = {}
    queue: str = ""
    """The source's own queue, inbox or group."""
    updated_at: Millis | None = None
    locked_reason: str = ""
    """Why no reply can be sent here, in words; empty when one can."""
    merged_into: str = ""
    """The conversation that this one became part of; empty when it stands by itself."""


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the queue: all that the list draws, and nothing else."""

    id: int
    source: str
    letter: str
    name: Inert
    preview: Inert
    """The last inbound line, or the subject."""
    state: State
    severity: Severity
    rank: int
    """Sort key: the due instant brought forward by severity; smaller comes first."""
    due_at: Millis | None
    soon_at: Millis | None
    clock_kind: ClockKind | None
    calendar: str
    last_in_at: Millis | None
    snoozed_until: Millis | None
    unread: int
    burst: int
    """Unanswered inbound messages standing in this one row."""
    assignee: str
    claim_agent: str
    claim_until: Millis | None
    has_draft: bool
    unsent: int
    tags: tuple[str, ...]
    incident: str
    version: int
    """Grows with every change; a drawn line is kept while it stays the same."""
    review: bool = False
    """Closed by its source, and nobody here has looked at that."""
    indirect: bool = False
    """True while it was only heard by listening: nobody in it has addressed us, and we have not spoken."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A whole conversation's head, without its messages."""

    id: int
    source: str
    ref: str
    customer_id: int
    name: Inert
    subject: Inert
    url: str
    state: State
    severity: Severity
    reasons: tuple[str, ...]
    """Why its severity is what it is, in words."""
    status: str
    assignee: str
    priority: str
    queue: str
    tags: tuple[str, ...]
    incident: str
    fields: dict[str, str]
    clocks: tuple[DueClock, ...]
    claim_agent: str
    claim_until: Millis | None
    snoozed_until: Millis | None
    created_at: Millis
    first_in_at: Millis | None
    unanswered_since: Millis | None
    last_in_at: Millis | None
    last_out_at: Millis | None
    unread: int
    messages: int
    disposition: Disposition | None
    disposition_code: str
    locked_reason: str
    version: int
    backfill: bool
    unsent: int = 0
    """Replies and notes in the outbox that are not settled."""
    burst: int = 0
    first_out_at: Millis | None = None
    disposed_at: Millis | None = None
    remote_closed: bool = False
    """True while its source holds it closed."""
    review: bool = False
    """True while its source closed it and no person has looked at that."""
    has_draft: bool = False
    indirect: bool = False
    """True while it was only heard by listening."""


class ConversationBrief(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a customer's history: when, where, what about, and how it ended."""

    id: int
    source: str
    letter: str
    ref: str
    subject: Inert
    preview: Inert
    state: State
    severity: Severity
    status: str
    disposition: Disposition | None
    disposition_code: str
    created_at: Millis
    last_at: Millis
    """The last message either way."""
    messages: int
    incident: str = ""


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """Something promised to a customer by an instant."""

    id: int
    conversation_id: int
    agent: str
    words: str
    made_at: Millis
    due_at: Millis


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A tie from one conversation to another, or to a page elsewhere."""

    id: int
    conversation_id: int
    kind: str
    """ticket, duplicate, related, …"""
    other_id: int | None = None
    url: str = ""
    made_at: Millis = 0
    agent: str = ""
    name: Inert = Inert("")
    """The other conversation's customer."""
    customer_id: int = 0
    state: State | None = None
    status: str = ""
    source: str = ""
    ref: str = ""
    label: str = ""
    """How the other one is called: ``rt#5512``."""
    queue: str = ""
    assignee: str = ""
    back: bool = False
    """True when the tie was made from the other side: this one is its ticket."""
    closed: bool = False
    """True while the other one is done, or its source holds it closed."""
    solved_at: Millis | None = None
    last_direction: Direction | None = None
    """Of the newest message on the other side; None while there is none but what we opened it with."""
    last_by: Inert = Inert("")
    last_at: Millis | None = None
    last_text: Inert = Inert("")
