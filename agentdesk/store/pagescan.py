"""Reading rows straight from the pages of a database file whose head or tree is damaged.

SQLite needs an unbroken path from the first page to a row; this needs only the row's own page. What it finds is
believed only where the row's hash says so: pages may be old.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PAGE = 4_096
_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR = 0x0D, 0x0A, 0x02
_KINDS = {_TABLE_LEAF: (8, 0), _INDEX_LEAF: (8, 0), _INDEX_INTERIOR: (12, 4)}
"""Kind of page → length of its head, bytes before a cell's payload size."""
_MOST = 64 * 1024 * 1024


def records(path: Path) -> Iterator[tuple[int | None, list[Any]]]:
    """Every record on every page of the file and its log: the row's number (None in an index tree) and its values."""
    pages = _pages(path)
    for number, page in pages.items():
        yield from _records(pages, page, 100 if number == 1 else 0)


def _pages(path: Path) -> dict[int, bytes]:
    """The pages by number, as the log has them where it does."""
    data = path.read_bytes()
    size = int.from_bytes(data[16:18], "big") if data[:15] == b"SQLite format 3" else _PAGE
    size = 65_536 if size == 1 else size if size in (512, 1_024, 2_048, 8_192, 16_384, 32_768) else _PAGE
    pages = {at // size + 1: data[at : at + size] for at in range(0, len(data) - size + 1, size)}
    log = path.with_name(path.name + "-wal")
    frames = log.read_bytes() if log.exists() else b""
    salt = frames[16:24]
    for at in range(32, len(frames) - size - 23, size + 24):
        if frames[at + 8 : at + 16] == salt:
            pages[int.from_bytes(frames[at : at + 4], "big")] = frames[at + 24 : at + 24 + size]
    return pages


def _records(pages: dict[int, bytes], page: bytes, start: int) -> Iterator[tuple[int | None, list[Any]]]:
    kind = page[start]
    if kind not in _KINDS:
        return
    head, skip = _KINDS[kind]
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    for place in range(min(count, (len(page) - start - head) // 2)):
        at = start + head + place * 2
        try:
            yield _cell(pages, page, int.from_bytes(page[at : at + 2], "big") + skip, kind)
        except (IndexError, ValueError, KeyError):
            continue  # a damaged cell: the others on the page may be whole


def _cell(pages: dict[int, bytes], page: bytes, at: int, kind: int) -> tuple[int | None, list[Any]]:
    size, at = _varint(page, at)
    number = None
    if kind == _TABLE_LEAF:
        number, at = _varint(page, at)
    room = len(page)
    if size > _MOST:
        raise ValueError("no record is that long")
    limit = room - 35 if kind == _TABLE_LEAF else (room - 12) * 64 // 255 - 23
    if size <= limit:
        return number, _values(page[at : at + size])
    least = (room - 12) * 32 // 255 - 23
    local = least + (size - least) % (room - 4)
    local = local if local <= limit else least
    payload = bytearray(page[at : at + local])
    follow = int.from_bytes(page[at + local : at + local + 4], "big")
    while len(payload) < size:
        part = pages[follow]
        payload += part[4 : 4 + size - len(payload)]
        follow = int.from_bytes(part[:4], "big")
    return number, _values(bytes(payload))


def _values(payload: bytes) -> list[Any]:
    length, at = _varint(payload, 0)
    body, values = length, list[Any]()
    while at < length:
        kind, at = _varint(payload, at)
        value, body = _value(payload, body, kind)
        values.append(value)
    if body != len(payload):
        raise ValueError("the record does not end where it says")
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    if kind in (7, 10, 11):
        raise ValueError("no column holds that")
    if kind < 7:
        end = at + (0, 1, 2, 3, 4, 6, 8)[kind]
        return int.from_bytes(payload[at:end], "big", signed=True), end
    end = at + (kind - 12) // 2
    if end > len(payload):
        raise ValueError("the record is too short")
    piece = payload[at:end]
    return (piece.decode() if kind % 2 else piece), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(9):
        byte = data[at + place]
        if place == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("unreachable")
