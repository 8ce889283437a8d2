"""How values become what SQLite can hold: text without lone surrogates, JSON, and the hashes of precious rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_LEAST, _MOST = -(2**63), 2**63 - 1


def storable(value: Any) -> Any:
    """Return ``value`` as SQLite takes it: lone surrogates spelled out, whole numbers within 64 bits."""
    kind = type(value)
    if kind is str:
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "backslashreplace").decode()
        return value
    if kind is int:
        return max(_LEAST, min(_MOST, value))
    if isinstance(value, str):
        return storable(str(value))
    return value


def storable_rows(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """``storable`` for every value of every row."""
    for row in rows:
        yield tuple(map(storable, row))


def pack(value: Any) -> str:
    """Return ``value`` (a struct, list or dict) as JSON text that SQLite takes."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:
        import json

        plain = msgspec.to_builtins(value)
        return json.dumps(_clean(plain), ensure_ascii=False, separators=(",", ":"))


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {storable(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return storable(value)


def unpack(text: str | bytes, kind: type[T]) -> T:
    """The value that ``pack`` wrote."""
    return msgspec.json.decode(text, type=kind)


def row_hash(*values: Any) -> bytes:
    """A 16-byte hash over values in their order; tells a damaged row from a whole one."""
    import hashlib

    return hashlib.blake2b(pack([storable(v) for v in values]).encode(), digest_size=16).digest()
