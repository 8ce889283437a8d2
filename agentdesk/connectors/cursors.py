"""How cursors are kept: JSON with its version, and beginning anew where a stored one cannot be read."""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

VERSION = 1


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
