"""What a page means for what we hold: the actions that one transaction will carry out."""

from __future__ import annotations

from typing import Literal

import msgspec

from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Message
from agentdesk.model.page import Gap, Reject, Undelivered


class HeldMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The little we need to know of a message that is stored already."""

    id: int
    conversation_ref: str
    text: str
    edited_at: int | None
    deleted: bool
    indirect: bool = False
    pending: bool = False
    emptied: bool = False
    """The texts of its conversation were removed on purpose, after the time set for keeping them."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What the cache holds of the things on a page."""

    messages: dict[str, HeldMessage] = {}
    open_conversations: int = 0
    """Open ones on this source, to judge a suddenly empty answer."""
    known_empty: bool = False
    """A person has looked there and found nothing, and nothing has come since."""
    own_sends: dict[str, str] = {}
    """client id → remote ref of our own replies, so that they are not taken for a colleague's."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The actions for one page of one source; carried out together with the move of its cursor."""

    source: str
    conversations: tuple[RemoteConversation, ...] = ()
    profiles: tuple[Profile, ...] = ()
    add: tuple[Message, ...] = ()
    edit: tuple[Message, ...] = ()
    """Stored already, with another text now: the earlier text is kept."""
    delete: tuple[str, ...] = ()
    """Refs of messages that their authors deleted: marked, never removed."""
    direct: tuple[str, ...] = ()
    """Refs of messages that were only heard so far and turn out to be addressed to us."""
    approved: tuple[str, ...] = ()
    """Refs of messages that waited for our approval and do not any more."""
    undelivered: tuple[Undelivered, ...] = ()
    """Messages of ours that did not reach the customer."""
    same: int = 0
    rejects: tuple[Reject, ...] = ()
    gap: Gap | None = None
    cursor: str | None = None
    backfill: bool = False
    purpose: Literal["pull", "thread", "history"] = "pull"
    """Only a pull moves the cursor."""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A message of ours that was not delivered: its conversation is in the queue again."""

    conversation_id: int
    name: str
    """The customer's."""
    reason: str
    quiet: bool = False
    """True for history, which raises no alarms."""


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What the transaction did."""

    arrived: tuple[int, ...] = ()
    """Conversations with new inbound messages."""
    touched: tuple[int, ...] = ()
    """Conversations that look different now."""
    messages: int = 0
    """New inbound messages."""
    reopened: tuple[int, ...] = ()
    answered_twice: tuple[int, ...] = ()
    """Conversations in which a colleague's answer crossed ours."""
    undelivered: tuple[Failed, ...] = ()
    gap: Gap | None = None
    """What the source could not show, or what it showed too little to be believed."""
    closed: tuple[int, ...] = ()
    """Conversations that their source closed, for a person to look at."""
    solved: tuple[tuple[int, str], ...] = ()
    """Posts that came back because a ticket was solved, and what it is called."""
