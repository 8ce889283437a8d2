"""What the fake network's calls answer with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agentdesk.model.clock import Millis


class Refusal(Exception):
    """An error answer, by its name."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name, self.message = status, name, message


@dataclass
class Reply:
    """What the server answers."""

    status: int
    data: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """The bytes on the wire; lone surrogates go out as JSON escapes, like everything that is not ASCII."""
        return json.dumps(self.data).encode()


def iso(at: Millis) -> str:
    """A time as the servers write it."""
    return datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
