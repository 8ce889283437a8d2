"""The body of an answer as it comes over the wire: its bytes, and unpacking them within a bound."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from agentdesk.model.text import inert_line

if TYPE_CHECKING:
    import httpx


class TooMuch(Exception):
    """The answer is larger than we read, or packed in a way we do not unpack."""


async def raw(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body's bytes as sent; an in-memory answer has them already."""
    if response.is_stream_consumed:
        yield response.content
        return
    async for chunk in response.aiter_raw():
        yield chunk


PIECE = b"\x1f"
"""How another piece begins; anything else behind a piece is no part of the body."""


class Unpacker:
    """A bounded decompressor; a body may be packed in several pieces, one behind the other."""

    def __init__(self) -> None:
        self._engine = _engine()
        self._begun = False

    def __call__(self, chunk: bytes, room: int) -> bytes:
        """What the next bytes hold, at most ``room``."""
        found = bytearray()
        try:
            while chunk and len(found) < max(1, room):
                if self._engine.eof:
                    chunk = chunk.lstrip(b"\0")
                    if not chunk.startswith(PIECE):
                        break
                    self._engine = _engine()
                self._begun = True
                found += self._engine.decompress(chunk, max(1, room) - len(found))
                chunk = self._engine.unused_data
        except zlib.error as error:
            raise TooMuch("it is packed and damaged") from error
        return bytes(found)

    def end(self) -> None:
        """The body is over: TooMuch when it is not over for us."""
        if self._begun and not self._engine.eof:
            raise TooMuch("it is packed and ends too early")


def unpacker(encoding: str) -> Unpacker | None:
    """What unpacks the answers of servers that pack although we ask them not to; None where nothing is packed."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise TooMuch(f"it is packed as {inert_line(encoding, limit=40)}, which was not asked for")
    return Unpacker()


def _engine() -> zlib._Decompress:
    return zlib.decompressobj(zlib.MAX_WBITS | 32)
