"""The shapes that AT Protocol servers answer with, read tolerantly, and the few forms of ids and times they use.

What a post carries beside its words (facets, embeds) is kept as it came: one odd facet must not hide a post.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

import msgspec

from agentdesk.connectors.items import instant, one
from agentdesk.model.clock import DAY, HOUR, Millis

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"
FOLLOW = "app.bsky.graph.follow"

BESIDE = "#"
"""Parts a post's address from the customer whose conversation it stands in; no address holds it."""
LATE: Millis = HOUR
"""A post that its author dates further back than this before it appeared is dated by its appearance."""

_URI = re.compile(r"at://(did:[a-z]+:[A-Za-z0-9._:%-]{1,200})"
                  r"/([A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)+\.[A-Za-z][A-Za-z0-9]*)"
                  r"/(?!\.{1,2}$)([A-Za-z0-9._~:-]{1,512})")
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")
_TID = re.compile(r"[234567abcdefghij][2-7a-z]{12}")
_SIGNS = "234567abcdefghijklmnopqrstuvwxyz"


class Ref(msgspec.Struct, frozen=True):
    """A record and the version that is meant."""

    uri: str
    cid: str


class Reply(msgspec.Struct, frozen=True):
    """What a post answers, and the post that began it all."""

    root: Ref
    parent: Ref


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A post as its author wrote it."""

    text: str
    createdAt: str = ""
    langs: Any = None
    tags: Any = None
    reply: Reply | None = None
    facets: Any = None
    embed: Any = None

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages it names."""
        return _texts(self.langs)

    @property
    def hashtags(self) -> tuple[str, ...]:
        """Hashtags that do not stand in the text."""
        return _texts(self.tags)


class Label(msgspec.Struct, frozen=True):
    """A moderator's or the author's own word about something."""

    val: str = ""
    neg: bool = False


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody or something stands to us; record addresses where we did something."""

    following: str = ""
    blocking: str = ""
    blockedBy: bool = False
    like: str = ""
    repost: str = ""
    replyDisabled: bool = False


class Verified(msgspec.Struct, frozen=True):
    """What trusted verifiers say of an account."""

    verifiedStatus: str = ""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An account as it is shown beside a post, in a chat, or by itself."""

    did: str
    handle: str = ""
    displayName: str = ""
    description: str = ""
    followersCount: int | None = None
    followsCount: int | None = None
    postsCount: int | None = None
    createdAt: str = ""
    labels: list[Label] = []
    viewer: Seen = Seen()
    verification: Verified = Verified()
    chatDisabled: bool = False


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A post as the network shows it; a notification is one too."""

    uri: str
    cid: str
    author: Person
    record: Record
    indexedAt: str = ""
    embed: Any = None
    viewer: Seen = Seen()
    labels: list[Label] = []
    replyCount: int = 0

    @property
    def ref(self) -> Ref:
        """Its address and version."""
        return Ref(self.uri, self.cid)


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A direct message; what has no text is an event or was deleted."""

    id: str
    rev: str = ""
    text: str | None = None
    facets: Any = None
    embed: Any = None
    sender: Person | None = None
    sentAt: str = ""


class Convo(msgspec.Struct, frozen=True, kw_only=True):
    """A private conversation."""

    id: str
    rev: str = ""
    members: list[Person] = []
    status: str = "accepted"
    lastMessage: Any = None
    kind: Any = None


class Address(msgspec.Struct, frozen=True):
    """The parts of a record's address."""

    did: str
    collection: str
    rkey: str


def address(uri: str) -> Address | None:
    """Take an ``at://`` address apart; None for anything else."""
    found = _URI.fullmatch(uri)
    return Address(*found.groups()) if found else None


def conversation_of(root: str, customer: str) -> str:
    """The ref of what one customer and we say to each other in one thread."""
    return root if author_of(root) == customer else f"{root}{BESIDE}{customer}"


def parts_of(ref: str) -> tuple[str, str]:
    """The first post of the thread that a conversation is part of, and its customer."""
    root, _, customer = ref.partition(BESIDE)
    return root, customer or author_of(root)


def plain_uri(ref: str) -> str:
    """The address of the post that a message shows, also where it is a copy for a conversation of others."""
    return ref.partition(BESIDE)[0]


def author_of(uri: str) -> str:
    """Whose record it is; empty when it is no address."""
    found = address(uri)
    return found.did if found else ""


def is_did(text: str) -> bool:
    """True for an account's lasting id."""
    return bool(_DID.fullmatch(text))


def post(item: Any) -> Post:
    """Read a post or notification; ValueError or ValidationError when it is none."""
    found = one(item, Post)
    if address(found.uri) is None or not found.cid or len(found.uri) > 200:
        raise ValueError("no address or version")
    if not is_did(found.author.did):
        raise ValueError("no author")
    return found


def written_at(record: Record, indexed_at: str, uri: str) -> Millis:
    """When a post was written: its author's word where that is plausible, else when the network saw it."""
    said, seen = instant(record.createdAt), instant(indexed_at)
    if said is None:
        said = seen if seen is not None else tid_at(uri.rpartition("/")[2])
    if said is None:
        raise ValueError(f"{record.createdAt[:40]!r} is no time")
    if seen is not None and not 0 <= seen - said <= LATE:
        return seen
    return said


def tid(at: Millis, seed: str) -> str:
    """A record key for this instant; the same seed gives the same key (https://atproto.com/specs/tid)."""
    mark = int.from_bytes(blake2b(seed.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    micros = at * 1_000 + mark % 1_000_000
    value = (micros << 10 | (mark >> 40) & 1_023) & ((1 << 63) - 1)
    return "".join(_SIGNS[value >> 5 * place & 31] for place in range(12, -1, -1))


def tid_at(rkey: str) -> Millis | None:
    """The instant in a record key; None when it holds none."""
    if not _TID.fullmatch(rkey):
        return None
    value = 0
    for sign in rkey:
        value = value << 5 | _SIGNS.index(sign)
    at = (value >> 10) // 1_000
    return at if at > DAY else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value[:20] if isinstance(item, str)) if isinstance(value, list) else ()
