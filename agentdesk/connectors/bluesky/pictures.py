"""Pictures before they are posted: what they are, how large, and rid of what a camera wrote into them.

A phone's JPEG holds the place where it was taken; of all that only which way is up is kept, because the picture would
lie on its side without it.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from agentdesk.errors import Rejected, TooLong

MOST_BYTES = 2_000_000
_TEXT_CHUNKS = (b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME")
_SIDEWAYS = (5, 6, 7, 8)


class Picture(NamedTuple):
    """A picture ready to go."""

    data: bytes
    mime: str
    width: int
    height: int


def prepared(data: bytes, name: str) -> Picture:
    """Look at a file's own first bytes, never at its name; ``name`` is for words. Rejected when it is no picture."""
    if data.startswith(b"\xff\xd8\xff"):
        picture = _jpeg(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        picture = _png(data)
    elif data[:6] in (b"GIF87a", b"GIF89a"):
        picture = Picture(data, "image/gif", *struct.unpack_from("<HH", data.ljust(10, b"\0"), 6))
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        picture = Picture(data, "image/webp", 0, 0)
    else:
        raise Rejected(f"{name} is no picture", "Bluesky takes JPEG, PNG, WebP and GIF", "Attach a picture, or a link")
    if len(picture.data) > MOST_BYTES:
        raise TooLong(f"{name} is too large", f"It has {len(picture.data):,} bytes; {MOST_BYTES:,} are allowed",
                      "Make it smaller")
    return picture


def _jpeg(data: bytes) -> Picture:
    """Walk the segments before the picture itself, dropping application data other than its frame and colours."""
    kept = [data[:2]]
    width = height = 0
    turned = 1
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        kind = data[at + 1]
        if kind == 0xFF:
            at += 1
            continue
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at : at + 2 + size]
        if kind == 0xDA or size < 2 or len(segment) < size + 2:
            break
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC) and size >= 8:
            height, width = struct.unpack_from(">HH", segment, 5)
        if kind == 0xE1:
            turned = _turned(segment) if turned == 1 else turned
        # JFIF (E0), colours (E2) and Adobe's (EE) change how it looks; comments (FE) and the rest do not.
        if not (0xE0 <= kind <= 0xEF or kind == 0xFE) or kind in (0xE0, 0xE2, 0xEE):
            kept.append(segment)
        at += 2 + size
    if turned != 1:
        kept.insert(2 if len(kept) > 1 and kept[1][1] == 0xE0 else 1, _upright(turned))
    if turned in _SIDEWAYS:
        width, height = height, width
    return Picture(b"".join(kept) + data[at:], "image/jpeg", width, height)


def _turned(segment: bytes) -> int:
    """Which way is up, by the Exif tag 0x0112 of the first directory; 1 when it says nothing."""
    body = segment[10:]
    order = {b"II": "<", b"MM": ">"}.get(body[:2])
    if segment[4:10] != b"Exif\0\0" or order is None or len(body) < 8:
        return 1
    (first,) = struct.unpack_from(order + "I", body, 4)
    if first + 2 > len(body):
        return 1
    (count,) = struct.unpack_from(order + "H", body, first)
    for number in range(min(count, 100)):
        place = first + 2 + 12 * number
        if place + 12 > len(body):
            return 1
        tag, _, _, value = struct.unpack_from(order + "HHIH", body, place)
        if tag == 0x0112:
            return value if 1 <= value <= 8 else 1
    return 1


def _upright(turned: int) -> bytes:
    """An Exif segment that says which way is up and nothing else."""
    body = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, turned, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(data: bytes) -> Picture:
    """Keep the chunks that make the picture."""
    kept = [data[:8]]
    width, height = struct.unpack_from(">II", data, 16) if len(data) >= 24 else (0, 0)
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in _TEXT_CHUNKS:
            kept.append(data[at : at + 12 + size])
        at += 12 + size
    return Picture(b"".join(kept), "image/png", width, height)
