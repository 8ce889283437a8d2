"""The server's event stream, as a hint that something may be new: https://docs.joinmastodon.org/methods/streaming/.

Mastodon sends server-sent events; GoToSocial, Pleroma and Akkoma speak over a web socket only. Events are never taken
for data: a stream forgets what happened while it was down, so each one only causes a pull.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Literal
from urllib.parse import urlsplit

import agentdesk
from agentdesk.config.sources import MastodonSource
from agentdesk.connectors.answers import describe
from agentdesk.connectors.certificates import ssl_context
from agentdesk.connectors.http import Http
from agentdesk.connectors.stream import lines
from agentdesk.errors import Unavailable
from agentdesk.model.clock import SECOND, Clock

PATH = "/api/v1/streaming/user/notification"
SOCKET_PATH = "/api/v1/streaming?stream=user"
QUIET_S = 90.0
"""The server says something every quarter of a minute, if only a heartbeat."""
OPEN_S = 15.0
BIGGEST = 1024 * 1024
NEWS = frozenset(("notification", "notifications_merged", "conversation", "status.update", "delete"))
_PROTOCOL = re.compile(r"[\w.!#$%&'*+^`|~-]+", re.ASCII)
"""What may stand where these servers look for the token of a socket."""


class Stream:
    """The stream of one account."""

    def __init__(
        self, config: MastodonSource, clock: Clock, token: Callable[[], str],
        make: Callable[..., Http] = Http,
    ) -> None:
        self._config = config
        self._clock = clock
        self._token = token
        self._make = make
        self._http: Http | None = None

    def allowed(self, stream_url: str) -> bool:
        """True when the token may go there: the server's own host, or one below it."""
        return bool(self._base(stream_url))

    def events(self, kind: Literal["sse", "socket"], stream_url: str) -> AsyncIterator[None]:
        """Yield once when the stream begins, and for every event that may mean something new."""
        base = self._base(stream_url)
        return self._sent_events(base) if kind == "sse" else self._socket(base)

    async def _sent_events(self, base: str) -> AsyncIterator[None]:
        http = self._http = self._make(
            base, clock=self._clock, name=self._config.full_name,
            headers=lambda: {"Authorization": f"Bearer {self._token()}"}, timeout_s=self._config.timeout / SECOND,
            ca_file=self._config.ca_file,
        )
        event, begun = "", False
        try:
            async for line in lines(http, PATH, quiet_s=QUIET_S):
                line = line.strip()
                if not begun or (not line and event in NEWS):
                    begun = True
                    yield None
                if line.startswith(b"event:"):
                    event = line[6:].strip().decode("ascii", "replace")
                elif not line:
                    event = ""
        finally:
            await http.close()

    async def _socket(self, base: str) -> AsyncIterator[None]:
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException
        from websockets.typing import Subprotocol

        name, token = self._config.full_name, self._token()
        secure = await asyncio.to_thread(ssl_context, self._config.ca_file, name) if base.startswith("https") else None
        try:
            async with connect(
                "ws" + base.removeprefix("http").rstrip("/") + SOCKET_PATH, ssl=secure, origin=None, proxy=None,
                additional_headers={"Authorization": f"Bearer {token}"}, max_size=BIGGEST, max_queue=64,
                subprotocols=[Subprotocol(token)] if _PROTOCOL.fullmatch(token) else None, open_timeout=OPEN_S,
                close_timeout=2, compression=None, user_agent_header=f"agentdesk/{agentdesk.__version__}",
            ) as line:
                yield None
                async for frame in line:
                    if told(frame):
                        yield None
        except (WebSocketException, OSError, TimeoutError) as error:
            # The library's words may repeat what was sent, so only their kind is told.
            cause = describe(error) if isinstance(error, OSError) else type(error).__name__
            raise Unavailable(f"{name}: the line for news ended", cause, "Pulling goes on without it") from error

    async def close(self) -> None:
        """Close the line."""
        if self._http is not None:
            await self._http.close()

    def _base(self, stream_url: str) -> str:
        """Where to ask; empty when that is a stranger's host. Without a named one it is the server's own."""
        own = urlsplit(self._config.url)
        try:
            there = urlsplit(stream_url.strip())
            host, port = (there.hostname or "").lower(), there.port
        except ValueError:
            return ""
        if not host:
            return self._config.url
        mine = (own.hostname or "").lower()
        if host != mine and not host.endswith(f".{mine}"):
            return ""
        scheme = "https" if there.scheme in ("wss", "https") else own.scheme
        return f"{scheme}://{host}" + (f":{port}" if port else "")


def told(frame: str | bytes) -> bool:
    """True when a frame tells of something new; whatever cannot be read tells nothing."""
    try:
        data = json.loads(frame)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and data.get("event") in NEWS
