"""Holding what real servers are asked and answer to the same descriptions as the fakes (``tests/specs``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from agentdesk.connectors.answers import Answer
from agentdesk.connectors.http import Http
from tests.specs.check import STRAYS, spec


@dataclass(frozen=True)
class Said:
    """An answer as it is compared."""

    status: int
    headers: dict[str, str]
    data: bytes

    def body(self) -> bytes:
        """The bytes on the wire."""
        return self.data


@contextmanager
def described(name: str, beside: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, what goes over every connector's line is compared with an extract.

    ``beside`` holds, as patterns with the reason, how this server differs from it. What is no JSON was put there by a
    fault.
    """
    once = Http._once

    async def compared(self: Http, method: str, url: str, body: bytes | None, headers: Mapping[str, str],
                       safe: bool) -> Answer:
        answer = await once(self, method, url, body, headers, safe)
        told = {key.lower(): value for key, value in headers.items()}
        said = Said(answer.status, answer.headers, answer.body) if _is_json(answer.body) else None
        STRAYS.extend(f"{name}: {fault}" for fault in spec(name).faults(method, url, told, body or b"", said)
                      if not any(re.search(pattern, fault) for pattern in beside))
        return answer

    with patch.object(Http, "_once", compared):
        yield


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
