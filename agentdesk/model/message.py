"""Messages and what hangs on them, as connectors hand them over and the store keeps them."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.text import Inert


class Direction(StrEnum):
    """Who speaks: the customer (in), us (out), us among ourselves (note), or others around them in a thread (aside).

    An aside is shown where it stands; nobody waits for an answer to it.
    """

    IN = "in"
    OUT = "out"
    NOTE = "note"
    ASIDE = "aside"


class Visibility(StrEnum):
    """Who can read it, from widest to narrowest."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    FOLLOWERS = "followers"
    DIRECT = "direct"
    INTERNAL = "internal"


class Kind(StrEnum):
    """What it is on its platform."""

    MENTION = "mention"
    COMMENT = "comment"
    REPLY = "reply"
    DM = "dm"
    REVIEW = "review"
    POST = "post"
    TICKET = "ticket"


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came with a message; its content is never fetched for display."""

    name: Inert
    mime: str = ""
    size: int | None = None
    """Bytes, when the server says."""
    url: str = ""
    alt: Inert = Inert("")


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote a message: ``ref`` is the stable id on the source, ``handle`` what people type."""

    ref: str
    name: Inert = Inert("")
    handle: Inert = Inert("")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One post, comment, DM, mail or note as its source tells it.

    ``ref`` is the source's own id, unique within the source; times are UTC epoch milliseconds.
    """

    ref: str
    conversation_ref: str
    author: Author
    direction: Direction
    text: Inert
    created_at: Millis
    kind: Kind = Kind.POST
    visibility: Visibility = Visibility.PUBLIC
    parent_ref: str = ""
    raw: str = ""
    """The text before ``inert()``, kept only where that changed it."""
    edited_at: Millis | None = None
    deleted: bool = False
    attachments: tuple[Attachment, ...] = ()
    url: str = ""
    lang: str = ""
    rating: int | None = None
    client_id: str = ""
    """Our own id for it, when the server gives it back."""
    can_reply: bool = True
    indirect: bool = False
    """Found by listening, not addressed to us."""
    pending: bool = False
    """Held back by its server until we approve it: only its author and we see it."""


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as the cache holds it."""

    id: int
    conversation_id: int
    source: str
    message: Message
    seen_at: Millis
    deleted_at: Millis | None = None
    earlier_texts: tuple[Inert, ...] = ()
    """What it said before its author edited it, oldest first."""
    ours: bool = False
    """True when it left through this desk."""
    liked: bool = False
    """True when we like it, where it is; so is ``boosted``."""
    boosted: bool = False
    undelivered: str = ""
    """Why its platform could not deliver it, in words; empty while nothing of the kind is known."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a search found."""

    message_id: int
    conversation_id: int
    source: str
    letter: str
    name: Inert
    """The conversation's customer."""
    author: Inert
    direction: Direction
    created_at: Millis
    snippet: Inert
    """One line around the first place that was found."""
    state: str = ""
