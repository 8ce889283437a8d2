"""What happened, as frozen data; the screen's bridge alone turns it into something drawn."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.outgoing import SendState


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """New inbound messages were stored."""

    source: str
    conversation_ids: tuple[int, ...]
    messages: int
    backfill: bool = False


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Conversations look different now; an empty tuple means any may."""

    conversation_ids: tuple[int, ...] = ()


class SourceChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A source went on or off line, failed, or recovered."""

    source: str


class OutboxChanged(msgspec.Struct, frozen=True, kw_only=True):
    """An outbox entry moved to another state."""

    entry_id: int
    conversation_id: int
    state: SendState
    text: str = ""
    action: bool = False
    """True when it carries no words of ours, but something to do."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Long work goes on; ``total`` None when its end is not known."""

    task: str
    done: int
    total: int | None = None
    finished: bool = False


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person should read."""

    level: Literal["info", "good", "warning", "error"]
    text: str
    remedy: str = ""
    conversation_id: int = 0


class ClaimLost(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody else has the conversation we claimed."""

    conversation_id: int
    holder: str
    at: Millis


Event: TypeAlias = Arrived | Changed | SourceChanged | OutboxChanged | Progress | Notice | ClaimLost
