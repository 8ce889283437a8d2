"""A raw HTTP server on this machine that does exactly what a test writes, one function per connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Talk = Callable[["Call"], Awaitable[None]]


@dataclass
class Call:
    """One request, and the line to answer on."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter

    async def answer(self, status: int = 200, body: bytes = b"{}", **headers: str) -> None:
        """Send a complete answer."""
        named = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        named.update({name.replace("_", "-"): value for name, value in headers.items()})
        await self.head(status, named)
        await self.write(body)

    async def head(self, status: int, headers: dict[str, str]) -> None:
        """Send the head alone."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        await self.write(f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode())

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()


@dataclass
class Loopback:
    """The server; ``calls`` is everything that reached it."""

    talk: Talk
    secure: ssl.SSLContext | None = None
    calls: list[Call] = field(default_factory=list)
    open_now: int = 0
    most_open: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Loopback:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self.secure)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"http{'s' if self.secure else ''}://localhost:{port}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            while call := await self._read(reader, writer):
                self.calls.append(call)
                await self.talk(call)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            self.open_now -= 1
            self._tasks.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call | None:
        if writer.is_closing():
            return None
        first_byte = await reader.readexactly(1)
        if first_byte == b"\x16":  # a TLS hello on a plain port: answered as web servers do
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return None
        head = (first_byte + await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Call(method, target, headers, body, writer)
