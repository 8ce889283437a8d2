"""What a pull brings: a page of messages with what belongs to them, and where to go on."""

from __future__ import annotations

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Message
from agentdesk.model.text import Inert


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """An item that could not be understood: kept and shown, never dropped."""

    where: str
    """Id, line number or place in the answer."""
    reason: str
    raw: str
    """The item itself, at most a few thousand characters."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch that the source could not show us; continuity is not proven over it."""

    reason: str
    since: Millis | None = None
    until: Millis | None = None


class Undelivered(msgspec.Struct, frozen=True, kw_only=True):
    """A message of ours that the source took, and then could not deliver."""

    ref: str
    """The message, or empty where only our own id for it is known."""
    reason: str
    """Why, in words."""
    client_id: str = ""
    """Our own id for it, when the server gives it back."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to a pull; messages oldest first. The same cursor again brings the same or more."""

    messages: tuple[Message, ...] = ()
    conversations: tuple[RemoteConversation, ...] = ()
    profiles: tuple[Profile, ...] = ()
    rejects: tuple[Reject, ...] = ()
    cursor: str | None = None
    more: bool = False
    """True when another pull right away would bring more."""
    gap: Gap | None = None
    backfill: bool = False
    """True for history brought in on first connect: it raises no alarms."""
    total: int | None = None
    """How much there is in all, for progress, when known."""
    done: int | None = None
    removed: tuple[str, ...] = ()
    """Refs of messages that the source says were deleted."""
    undelivered: tuple[Undelivered, ...] = ()
    """Messages of ours that did not reach the customer; saying so again, or before the message, does no harm."""
    again_s: float | None = None
    """Of a thread: the server is still fetching the rest of it, and it is worth reading again after so many seconds."""
    warnings: tuple[str, ...] | None = None
    """What is wrong with a part of the source though the rest goes on, in words; None says nothing about that."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are on a source, as it says."""

    ref: str
    handle: Inert
    name: Inert = Inert("")
    server: str = ""
    scopes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the server hides from us or cannot do, in words."""


class RemoteCanned(msgspec.Struct, frozen=True, kw_only=True):
    """A canned reply or macro that the help desk itself holds."""

    ref: str
    name: str
    """What agents type to find it."""
    title: str
    text: str
    """In our own template language: the server's own placeholders are translated or left as plain words."""
    actions: tuple[str, ...] = ()
    """What else it does there, as verb calls of ours, such as ``status solved`` or ``tag refund``."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests the server still allows us, as its last answer said."""

    left: int
    limit: int
    resets_at: Millis | None = None
