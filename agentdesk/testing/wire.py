"""Carrying requests to a fake server in the same process, with faults on the line on demand.

For connectors that go through ``connectors.http.Http``: hand it ``Line(handler).transport()``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Protocol

import httpx

from agentdesk.model.clock import Clock


class Reply(Protocol):
    """What a fake server answers."""

    status: int
    headers: dict[str, str]

    def body(self) -> bytes:
        """The bytes on the wire."""
        ...


Handler = Callable[[str, str, dict[str, str], bytes], Reply]


@dataclass
class Fault:
    """One thing that goes wrong, for the next request it fits.

    refuse: nothing listens. lose: the line breaks before the server reads. cut: it breaks after the server has done it.
    lie: done, but answered with ``status``. status: answered so without being done. garbage: done, answered with HTML.
    """

    kind: str
    method: str = ""
    path: str = ""
    status: int = 502
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"message": "injected"}'
    times: int = 1


class Line:
    """An httpx transport to a handler."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.faults: list[Fault] = []
        self.seen: list[httpx.Request] = []
        self.clock: Clock | None = None
        """The server's own clock; when there is one, every answer tells the time by it, as servers do."""
        self.hollow = ""
        """A pattern: in answers to reading from paths that it fits, every list is empty."""

    def transport(self) -> httpx.MockTransport:
        """For ``Http(transport=…)``."""
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        fault = self._fault(request)
        kind = fault.kind if fault else ""
        if kind == "refuse":
            raise httpx.ConnectError("connection refused", request=request)
        if kind == "lose":
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        if fault and kind == "status":
            return httpx.Response(fault.status, headers=fault.headers, content=fault.body)
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = self.handler(request.method, str(request.url), headers, request.content)
        if kind == "cut":
            raise httpx.ReadError("connection reset", request=request)
        if fault and kind == "lie":
            return httpx.Response(fault.status, headers=fault.headers, content=fault.body)
        if kind == "garbage":
            return httpx.Response(200, headers={"content-type": "text/html"}, content=b"<html>not JSON</html>")
        dated = {} if self.clock is None else {"date": formatdate(self.clock.now() // 1_000, usegmt=True)}
        body = reply.body()
        if self.hollow and reply.status == 200 and re.search(self.hollow, request.url.path):
            body = json.dumps(_hollowed(json.loads(body))).encode()
        return httpx.Response(reply.status, headers={**dated, **reply.headers}, content=body)

    def _fault(self, request: httpx.Request) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method in ("", request.method) and fault.path in request.url.path:
                fault.times -= 1
                return fault
        return None


def _hollowed(data: Any) -> Any:
    """An answer whose lists have nothing in them: no rows, nothing counted, no place to go on from."""
    if isinstance(data, list):
        return []
    if not isinstance(data, dict):
        return data
    kept = {name: _hollowed(value) for name, value in data.items() if "cursor" not in name}
    return {name: 0 if "count" in name or name == "total" else value for name, value in kept.items()}
