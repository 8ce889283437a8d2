"""How cursors are kept: JSON with its version, and beginning anew where a stored one cannot be read.

Also where to go on by the time of a server whose clock was set meanwhile.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from agentdesk.model.clock import SECOND, Millis

VERSION = 1
ROUNDED: Millis = 5 * SECOND
"""What servers tell of their clock is this exact at least."""


class Versioned(Protocol):
    """A cursor that says by ``v`` how it is to be read."""

    v: int


T = TypeVar("T", bound=Versioned)


def read_cursor(text: str | None, kind: type[T]) -> T | None:
    """A stored cursor; None for none, or for one that this version cannot read: what is held is known by its ids."""
    if not text:
        return None
    try:
        cursor = msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError:
        return None
    return cursor if cursor.v == VERSION else None


def write_cursor(cursor: Versioned) -> str:
    """The cursor as text."""
    return msgspec.json.encode(cursor).decode()


def going_on(since: Millis, looked: Millis, skew: Millis | None) -> Millis:
    """From which instant of the server's clock on changes are to be read that were not there at the last look.

    ``since`` is the last change that was read, ``looked`` when that look began by our clock; 0 for not known. Where the
    server's clock was set back meanwhile, new changes are dated before ``since``, but not before that look.
    """
    if not looked or skew is None or looked + skew >= since - ROUNDED:
        return since
    return looked + skew
