"""Files on their way: a host that holds one, and those in the forms that a connector sent."""

from __future__ import annotations

import re
from collections.abc import Iterable

import httpx

from tests.fakes.wire import Line

_PART = re.compile(rb'filename="[^"\r]*"[^\r]*\r\nContent-Type: [^\r]*\r\n\r\n(.*?)\r\n--', re.DOTALL)


class Held:
    """An answer that is a file."""

    status = 200

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.headers: dict[str, str] = {}

    def body(self) -> bytes:
        """The bytes on the wire."""
        return self.data


def hold(line: Line, where: str, data: bytes) -> bytes:
    """Every address with ``where`` in it gives this file from now on."""
    far = line.handler

    def handler(method: str, url: str, headers: dict[str, str], body: bytes) -> object:
        return Held(data) if method == "GET" and where in url else far(method, url, headers, body)

    line.handler = handler  # type: ignore[assignment]
    return data


def sent_in_forms(requests: Iterable[httpx.Request], path: str) -> list[bytes]:
    """The files in the forms that were sent to a path."""
    return [data for request in requests if path in request.url.path for data in _PART.findall(request.content)]
