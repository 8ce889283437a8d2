"""Where reading stands: a watermark for each listing, and what was seen around it.

Listings come newest first and know no «since». They are read down to the watermark, and now and then further down,
because a post whose author dates it back is listed where its date puts it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from agentdesk.model.clock import DAY, MINUTE, Millis

OVERLAP: Millis = MINUTE
"""Read on below the watermark for so long: the network lists posts in a slightly different order than they came."""
SWEEP_EVERY: Millis = 10 * MINUTE
SWEEP_DEPTH: Millis = 2 * DAY
SWEEP_PAGES = 20
MARK_SIGNS = 8
_NEVER: Millis = 1 << 60


class Stream(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far one listing was read."""

    at: Millis = 0
    """Everything up to here was taken."""
    since: Millis = 0
    """What is older was there before we came, or is too old to be remembered."""
    swept: Millis = 0
    seen: tuple[str, ...] = ()
    """Marks of what was taken, newest first."""


class Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The connector's cursor; as JSON it is what everybody else stores."""

    v: int
    posts: Stream = Stream()
    """Mentions, replies and quotes."""
    own: Stream = Stream()
    """What this account writes, wherever it is written."""
    log: str = ""
    """The position in the log of direct messages."""
    chats: str = ""
    """The newest revision of a private conversation that was looked through."""
    heard: dict[str, str] = {}
    """A stream for each thing listened for."""
    back: Millis = 0
    """While history is brought in: the instant of the first connect."""


VERSION = 1


def load(text: str | None) -> Cursor | None:
    """Read a cursor; None (begin anew) for one that is not ours or not of this version."""
    if not text:
        return None
    try:
        found = msgspec.json.decode(text, type=Cursor)
    except (msgspec.DecodeError, ValueError):
        return None
    return found if found.v == VERSION else None


def dump(cursor: Cursor) -> str:
    """The cursor as text; the same cursor is always the same text."""
    return msgspec.json.encode(cursor).decode()


class Item(NamedTuple):
    """One entry of a listing."""

    key: str
    """What makes it this entry in this version."""
    at: Millis
    value: Any

    @property
    def mark(self) -> str:
        """A short form of its key."""
        return blake2b(self.key.encode("utf-8", "replace"), digest_size=MARK_SIGNS // 2).hexdigest()


class Caught(NamedTuple):
    """What reading a listing brought."""

    items: list[Item]
    """What is new, oldest first."""
    stream: Stream
    more: bool
    lost_since: Millis | None = None
    """The listing was too long to be read to the watermark: from here on something is missing."""
    lost_until: Millis | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a listing is read and remembered."""

    skew: Millis = 0
    """How far the server's clock is ahead of ours: what was there before we came is judged by its clock."""

    pages: int = 50
    remembered: int = 2_000
    first: Millis = 7 * DAY
    """How far back on first connect …"""
    first_items: int = 200
    """… and how much at most."""


async def catch_up(
    pages: AsyncIterator[list[Item]], stream: Stream, now: Millis, limit: int, limits: Limits
) -> Caught:
    """Read a listing from its top down to where it was read before, and return the oldest of what is new."""
    begins = stream.at == 0
    if begins and not limits.first_items:
        return Caught([], Stream(at=now + limits.skew, since=now + limits.skew, swept=now), False)
    sweeps = not begins and now - stream.swept >= SWEEP_EVERY
    since = now + limits.skew - limits.first if begins else stream.since
    floor = since if begins else max(since, stream.at - OVERLAP)
    deep = min(floor, max(since, now - SWEEP_DEPTH)) if sweeps else floor
    listed, reached = await _read(pages, floor, deep, limits, limits.first_items if begins else 0)
    listed = [item for item in listed if item.at >= since]
    seen = set(stream.seen)
    new = sorted({item.mark: item for item in listed if item.mark not in seen}.values(), key=lambda item: item.at)
    if begins:
        new = new[-limits.first_items:]
        since = new[0].at if len(new) == limits.first_items else since
    taken, more = new[:limit], len(new) > limit
    # What was never read and what is empty differ: the mark moves to now when there is nothing.
    at = max([stream.at, *(item.at for item in (taken if more else listed))]) or now + limits.skew
    swept = now if begins or (sweeps and not more) else stream.swept
    marks = _remember(stream, listed, taken, limits, whole=sweeps and not more and reached <= deep)
    lost = (stream.at, listed[-1].at) if reached > stream.at and not begins and listed else (None, None)
    return Caught(taken, Stream(at=at, since=since, swept=swept, seen=marks), more, *lost)


async def _read(
    pages: AsyncIterator[list[Item]], floor: Millis, deep: Millis, limits: Limits, enough: int
) -> tuple[list[Item], Millis]:
    """Everything listed down to ``deep``, newest first, and down to which instant that is."""
    listed: list[Item] = []
    number = 0
    async for page in pages:
        number += 1
        listed += page
        lowest = min((item.at for item in page), default=_NEVER)
        if lowest < deep or 0 < enough <= len(listed):
            return listed, 0
        if number >= (SWEEP_PAGES if lowest < floor else limits.pages):
            return listed, lowest
    return listed, 0


def _remember(stream: Stream, listed: list[Item], taken: list[Item], limits: Limits, *, whole: bool) -> tuple[str, ...]:
    """The marks to keep: after a whole look all that is listed still, otherwise what was known and what is new."""
    marks = dict.fromkeys(item.mark for item in sorted(taken, key=lambda item: -item.at))
    known = set(stream.seen)
    if whole:
        marks |= dict.fromkeys(item.mark for item in listed if item.mark in known)
    else:
        marks |= dict.fromkeys(stream.seen)
    return tuple(marks)[: limits.remembered]
