"""What goes over the line between a connector and a fake server: the line itself lives in the package, for all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from agentdesk.testing.wire import Fault, Handler, Line

__all__ = ["Fault", "Handler", "Line", "Reply"]


@dataclass
class Reply:
    """What a fake server answers: data as JSON, or bytes as they are."""

    status: int
    data: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    def body(self) -> bytes:
        """The bytes on the wire; lone surrogates go out as JSON escapes, like everything that is not ASCII."""
        return self.raw if self.raw is not None else json.dumps(self.data).encode()
