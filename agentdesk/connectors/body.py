"""The body of an answer as it comes over the wire: its bytes, and unpacking them within a bound."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable
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


def unpacker(encoding: str) -> Callable[[bytes, int], bytes] | None:
    """A bounded decompressor for servers that pack although we ask them not to."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise TooMuch(f"it is packed as {inert_line(encoding, limit=40)}, which was not asked for")
    engine = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def unpack(chunk: bytes, room: int) -> bytes:
        try:
            return engine.decompress(chunk, max(1, room))
        except zlib.error as error:
            raise TooMuch("it is packed and damaged") from error

    return unpack
