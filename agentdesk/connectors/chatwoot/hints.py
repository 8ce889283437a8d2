"""News over Chatwoot's socket (Action Cable at /cable): only that something happened; pulling says what.

Nothing is repeated that was missed while the line was down, and a message can be told twice. Presence is never sent:
it would make Chatwoot hand conversations to an agent who only has a desk running.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import agentdesk
from agentdesk.connectors.answers import describe
from agentdesk.connectors.certificates import ssl_context
from agentdesk.errors import SourceError, Unavailable

SILENCE_S = 30.0
"""The server sends a sign of life every three seconds."""
OPEN_S = 15.0
BIGGEST = 1024 * 1024
EVENTS = ("message.", "conversation.", "assignee.", "team.")
IGNORED = ("conversation.typing_on", "conversation.typing_off", "conversation.read")


def address(site: str) -> str:
    """Where the socket is."""
    parts = urlsplit(site)
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{parts.path.rstrip('/')}/cable"


async def news(site: str, identifier: dict[str, Any], *, name: str, ca_file: str = "") -> AsyncIterator[None]:
    """Yield whenever something happened in the account; Unavailable when the line ends."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import WebSocketException

    secure = await asyncio.to_thread(ssl_context, ca_file, name) if site.startswith("https") else None
    try:
        async with connect(
            address(site), ssl=secure, origin=None, proxy=None, open_timeout=OPEN_S, close_timeout=2, max_size=BIGGEST,
            max_queue=64, user_agent_header=f"agentdesk/{agentdesk.__version__}", compression=None,
        ) as line:
            await line.send(json.dumps({"command": "subscribe", "identifier": json.dumps(identifier)}))
            while True:
                async with asyncio.timeout(SILENCE_S):
                    frame = await line.recv()
                if happened(frame, name):
                    yield
    except (WebSocketException, OSError, TimeoutError) as error:
        raise Unavailable(f"{name}: the line for news ended", describe(error), "Pulling goes on without it") from error


def happened(frame: str | bytes, name: str) -> bool:
    """True when a frame tells of something new; an error when the server ends the talk."""
    try:
        data = json.loads(frame)
    except (ValueError, RecursionError):
        return False
    if not isinstance(data, dict):
        return False
    if data.get("type") in ("reject_subscription", "disconnect"):
        raise _refused(name)
    message = data.get("message")
    event = message.get("event") if isinstance(message, dict) else None
    return isinstance(event, str) and event.startswith(EVENTS) and event not in IGNORED


def _refused(name: str) -> SourceError:
    return Unavailable(f"{name}: Chatwoot does not let us listen", remedy="Pulling goes on without it")
