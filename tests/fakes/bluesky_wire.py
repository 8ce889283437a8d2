"""What the fake network's calls answer with."""

from __future__ import annotations

from datetime import UTC, datetime

from agentdesk.model.clock import Millis


class Refusal(Exception):
    """An error answer, by its name."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name, self.message = status, name, message


def iso(at: Millis) -> str:
    """A time as the servers write it."""
    return datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
