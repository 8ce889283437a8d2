"""Where the two servers of an account are, and how a protected line to them is opened."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Literal

from agentdesk.connectors.certificates import ssl_context
from agentdesk.connectors.mail.line import LOCAL, SIGNED_PORTS, UPGRADING, Line
from agentdesk.errors import ConfigError

CONNECT_S = 15.0


@dataclass
class Server:
    """One of the two."""

    host: str
    port: int
    at_once: bool
    """True when the line begins with TLS."""
    protected: bool
    """False only for this machine."""
    ca_file: str
    name: str
    timeout_s: float
    _context: ssl.SSLContext | None = None

    async def open(self) -> tuple[Line, ssl.SSLContext | None]:
        """Connect; says with what the line is still to be protected. OSError or TimeoutError when that fails."""
        context = await self._tls()
        async with asyncio.timeout(min(CONNECT_S, self.timeout_s)):
            line = await Line.open(self.host, self.port, context if self.at_once else None)
        return line, None if self.at_once else context

    async def _tls(self) -> ssl.SSLContext | None:
        """The certificates we trust; read in a thread, they take a while."""
        if self.protected and self._context is None:
            self._context = await asyncio.to_thread(ssl_context, self.ca_file, self.name)
        return self._context


def server(protocol: Literal["imap", "smtp"], where: str, security: str, *, ca_file: str, name: str,
           timeout_s: float) -> Server:
    """Read ``host`` or ``host:port`` from the settings; ConfigError when it would be spoken to in the clear."""
    host, port = split(where, name, protocol)
    usual = SIGNED_PORTS[protocol]
    if security == "none":
        if host not in LOCAL:
            raise ConfigError(
                f"{name}: {protocol}: cannot be spoken to in the clear", f"{host} is not this machine",
                "Use security: tls or security: starttls",
            )
        return Server(host, port or usual[1], False, False, ca_file, name, timeout_s)
    port = port or usual[1 if security == "starttls" else 0]
    at_once = security == "tls" and port not in UPGRADING
    return Server(host, port, at_once, True, ca_file, name, timeout_s)


def split(where: str, name: str, key: str) -> tuple[str, int]:
    """A host and the port that was named, 0 for none."""
    text = where.strip()
    host, port = text, ""
    if text.startswith("[") and "]" in text:
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or any(char.isspace() or char in "/@\\\"" for char in host) or (port and not port.isdecimal()):
        raise ConfigError(f"{name}: {key}: {where} is no server", remedy="Write host or host:port")
    number = int(port or 0)
    if number > 65_535:
        raise ConfigError(f"{name}: {key}: {number} is no port", remedy="Write host or host:port")
    return host, number
