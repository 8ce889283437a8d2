"""What a source can do, declared by its connector and asked by everybody above it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SendStrength(StrEnum):
    """What keeps a reply from landing twice on this platform.

    KEY: a header with our id. CLIENT_KEY: we choose the record's id. PUT: sent to a fixed place. CONTENT: the server
    refuses the same text for a while. ONCE: only one reply is ever possible. NONE: only reading back can tell.
    """

    KEY = "key"
    CLIENT_KEY = "client_key"
    PUT = "put"
    CONTENT = "content"
    ONCE = "once"
    NONE = "none"


class Counter(StrEnum):
    """How the channel counts the length of a text."""

    CODEPOINT = "codepoint"
    GRAPHEME = "grapheme"
    GRAPHEME_URL23 = "grapheme_url23"
    GRAPHEME_BYTES = "grapheme_bytes"
    WEIGHTED = "weighted"
    BYTES = "bytes"


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """The capabilities of one source; ``verify()`` may narrow them."""

    letter: str
    """One letter that stands for the channel in the queue."""
    can_reply: bool = True
    can_dm: bool = False
    can_note: bool = False
    can_assign: bool = False
    can_status: bool = False
    can_tag: bool = False
    can_priority: bool = False
    can_open: bool = False
    """A ticket can be opened here for a conversation elsewhere."""
    can_like: bool = False
    can_boost: bool = False
    can_follow: bool = False
    can_edit: bool = False
    can_delete: bool = False
    can_approve: bool = False
    """Replies to us may be held back until we approve or reject them."""
    can_search: bool = False
    """``find()`` looks through what the server holds."""
    can_download: bool = False
    """Attachments can be fetched."""
    can_canned: bool = False
    """The server holds canned replies of its own."""
    max_uploads: int = 0
    """Files that may go with one reply; 0 for none."""
    max_upload_bytes: int | None = None
    max_alt: int | None = None
    """Longest description of a file, in characters."""
    open_places: tuple[str, ...] = ()
    """The places of which a new ticket must name one; empty where one is usual."""
    statuses: tuple[str, ...] = ()
    closed_status: str = ""
    """The status a conversation gets when it is done; empty where there is none."""
    send_strength: SendStrength = SendStrength.NONE
    open_strength: SendStrength = SendStrength.NONE
    """The same for opening a ticket."""
    direct_strength: SendStrength | None = None
    """The same for private messages, where it differs."""
    replay_s: int | None = None
    """Seconds for which the server remembers our id."""
    max_chars: int | None = None
    """Longest reply in the counter's units; None for no limit."""
    max_bytes: int | None = None
    direct_max_chars: int | None = None
    """Longest private message, where that is another length; so is ``direct_max_bytes``."""
    direct_max_bytes: int | None = None
    counter: Counter = Counter.GRAPHEME
    url_length: int = 23
    visibilities: tuple[str, ...] = ("public",)
    """What a reply may be, first the usual one."""
    direct_apart: bool = False
    """A private message is a conversation of its own: no reply to a public message can be one."""
    mentions: bool = False
    """A reply begins with the customer's handle, written by the connector where the text lacks it; it counts."""
    consistency_lag_s: int = 0
    """Seconds after a send before reading back can prove its absence."""
    poll_s: float = 30.0
    """Seconds between pulls when all is well."""
    live: bool = False
    """True when pulls cost nothing (in process or a local file)."""

    def privately(self) -> Caps:
        """The same with the limits of private messages."""
        if self.direct_max_chars is None:
            return self
        return msgspec.structs.replace(self, max_chars=self.direct_max_chars, max_bytes=self.direct_max_bytes)
