"""What the demo remembers between runs, and the file it is in: written as a whole, held by one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Literal

import msgspec

from agentdesk.connectors.demo.server import Kept
from agentdesk.errors import StoreDamaged
from agentdesk.model.clock import Millis
from agentdesk.paths import make_private, write_private

FORMAT = 1
AFRESH = "Begin afresh: agentdesk demo --fresh"


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """Something that follows from what happened: a step of an event or ticket, or a customer's answer to us."""

    at: Millis
    """In story time."""
    order: int
    kind: Literal["step", "answer", "ticket"]
    key: str
    """The step's id, or the conversation."""
    number: int = 0
    direct: bool = False


class WorldState(msgspec.Struct, kw_only=True):
    """The whole world of one demo desk."""

    format: int = FORMAT
    seed: int
    started_at: Millis
    """When it was first started."""
    instant: Millis
    """The clock's time when it was last looked at."""
    elapsed: Millis = 0
    """Story time."""
    slot: int = 0
    """The next point of the schedule."""
    pending: list[Pending] = []
    servers: dict[str, Kept] = {}
    sends: int = 0
    order: int = 0
    replies: dict[str, int] = {}
    """How often we answered in a conversation; private answers are counted under ``ref dm``."""
    used: list[str] = []
    """Words from the stock that a customer has said already."""
    topics: dict[str, str] = {}
    """The topic of each conversation that was made up on the way."""


class StateFile:
    """The file that holds a world, and the lock that one process has on it; with no path, nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock: int | None = None

    def take(self) -> bool:
        """Hold the world for this process; False while another one does."""
        if self.path is None or self._lock is not None:
            return True
        make_private(self.path.parent)
        handle = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._lock = handle
        return True

    def drop(self) -> None:
        """Let another process have the world."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self) -> WorldState | None:
        """What was kept; None when there is nothing. StoreDamaged when it cannot be understood."""
        if self.path is None or not self.path.exists():
            return None
        try:
            state = msgspec.json.decode(self.path.read_bytes(), type=WorldState)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreDamaged(f"{self.path} cannot be read", str(error), AFRESH) from error
        if state.format != FORMAT:
            raise StoreDamaged(f"{self.path} is of another agentdesk", "", AFRESH)
        return state

    def encode(self, state: WorldState) -> bytes:
        """The world as it is at this moment; nothing where nothing is kept."""
        return b"" if self.path is None else msgspec.json.encode(state)

    def write(self, data: bytes) -> None:
        """Replace what was kept, durable when this returns."""
        if self.path is not None:
            write_private(self.path, data)

    def forget(self) -> None:
        """Remove what was kept."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
