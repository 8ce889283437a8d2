"""One line to a mail server: bytes in and out with limits, TLS that is always checked, and breaks told apart.

The two mail protocols are spoken here rather than by a library: exactly once depends on knowing which bytes had left
when a line broke, and what a server may send is limited before it is read.
"""

from __future__ import annotations

import asyncio
import ssl

LONGEST_LINE = 2 * 1024 * 1024
"""A search may name very many mails in one line."""
SIGNED_PORTS = {"imap": (993, 143), "smtp": (465, 587)}
"""For each protocol the port that begins with TLS and the one that begins in the clear and changes to TLS."""
UPGRADING = (143, 587, 25)
"""Ports on which TLS begins with a command."""
LOCAL = ("localhost", "127.0.0.1", "::1")


class LineBroken(Exception):
    """The line is gone: what was under way has no answer."""


class TooMuch(Exception):
    """The server sends more than is ever read."""


class Line:
    """A connection; every reading may wait for ever, so callers set a deadline around it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self.host = host

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None) -> Line:
        """Connect, at once with TLS where a context is given; OSError when that fails."""
        reader, writer = await asyncio.open_connection(
            host, port, ssl=tls, server_hostname=host if tls else None, limit=LONGEST_LINE
        )
        return cls(reader, writer, host)

    async def upgrade(self, tls: ssl.SSLContext) -> None:
        """Go on with TLS; anything that was sent in the clear after the command is an attack."""
        try:
            async with asyncio.timeout(0):
                early = await self._reader.read(1)
        except TimeoutError:
            early = b""
        if early:
            raise LineBroken("the server, or somebody between, sent words in the clear after TLS was agreed on")
        await self._writer.start_tls(tls, server_hostname=self.host)

    async def line(self) -> bytes:
        """The next line without its end."""
        try:
            data = await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            raise LineBroken("the server closed the line") from error
        except asyncio.LimitOverrunError as error:
            raise TooMuch(f"a line of more than {LONGEST_LINE // 1024} KiB") from error
        except OSError as error:
            raise LineBroken(str(error) or type(error).__name__) from error
        return data.rstrip(b"\r\n")

    async def exactly(self, count: int) -> bytes:
        """So many bytes."""
        try:
            return await self._reader.readexactly(count)
        except asyncio.IncompleteReadError as error:
            raise LineBroken("the server closed the line") from error
        except OSError as error:
            raise LineBroken(str(error) or type(error).__name__) from error

    async def write(self, data: bytes) -> None:
        """Hand bytes to the network."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise LineBroken(str(error) or type(error).__name__) from error

    @property
    def broken(self) -> bool:
        """True when the far side is known to have gone."""
        return self._writer.is_closing() or self._reader.at_eof()

    async def close(self) -> None:
        """Let go at once, without any more words."""
        self._writer.transport.abort()
        await asyncio.sleep(0)
