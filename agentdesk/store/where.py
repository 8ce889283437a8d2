"""A view as SQL: a condition over ``conversation AS c`` with its values; the order is always rank, then id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import State
from agentdesk.store.codec import pack

WAITING_RANK = 5_000_000_000_000_000
"""Beyond every open one, those without a clock included."""
SNOOZED_RANK = 6_000_000_000_000_000
DONE_RANK = 9_000_000_000_000_000


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations a view holds."""

    sql: str = "c.state = 'open'"
    params: tuple[Any, ...] = ()
    slow: bool = False
    """True when rows take long to judge (words, names, kinds): read such a view in a thread."""


OWED = ("SELECT coalesce(min(created_at) FILTER (WHERE indirect = 0), min(created_at)), count(*) FROM message "
        "WHERE conversation_id = ?1 AND direction = 'in' AND handled_at IS NULL")
"""What is unanswered in conversation ?1: since when and how much. Being addressed starts the clock, not being heard."""

OPEN = Where()
"""Everything that needs us."""


def among(ids: Sequence[int]) -> Where:
    """These conversations and no others."""
    return Where(sql="c.id IN (SELECT value FROM json_each(?))", params=(pack(list(ids)),))


def resting_rank(state: State | str, at: Millis | None) -> int:
    """The rank of a conversation that does not need us: after all open ones; the done ones newest first."""
    instant = at or 0
    if state == State.WAITING:
        return WAITING_RANK + instant
    if state == State.SNOOZED:
        return SNOOZED_RANK + instant
    return DONE_RANK - instant
