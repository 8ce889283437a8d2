"""Mastodon's event stream, as a hint that something may be new: https://docs.joinmastodon.org/methods/streaming/.

Events are never taken for data: the stream forgets what happened while it was down, so each one only causes a pull.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

from agentdesk.config.sources import MastodonSource
from agentdesk.connectors.http import Http
from agentdesk.connectors.stream import lines
from agentdesk.model.clock import SECOND, Clock

PATH = "/api/v1/streaming/user/notification"
QUIET_S = 90.0
"""The server says something every quarter of a minute, if only a heartbeat."""
NEWS = frozenset((b"notification", b"notifications_merged", b"conversation", b"status.update", b"delete"))


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

    async def events(self, stream_url: str) -> AsyncIterator[None]:
        """Yield for every event that may mean something new, and once when the stream begins."""
        http = self._http = self._make(
            self._base(stream_url), clock=self._clock, name=self._config.full_name,
            headers=lambda: {"Authorization": f"Bearer {self._token()}"}, timeout_s=self._config.timeout / SECOND,
            ca_file=self._config.ca_file,
        )
        event, begun = b"", False
        try:
            async for line in lines(http, PATH, quiet_s=QUIET_S):
                line = line.strip()
                if not begun or (not line and event in NEWS):
                    begun = True
                    yield None
                if line.startswith(b"event:"):
                    event = line[6:].strip()
                elif not line:
                    event = b""
        finally:
            await http.close()

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
