"""What a server's answers tell besides their content: how many requests are left, and what time it is there."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from agentdesk.connectors.answers import retry_after
from agentdesk.model.clock import SECOND, Millis
from agentdesk.model.page import Budget

LEFT = ("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining")
LIMIT = ("x-ratelimit-limit", "ratelimit-limit", "x-rate-limit-limit", "x-rate-limit", "x-ratelimit-total")
RESET = ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset")
MOST = 10**9


class Meter:
    """The latest that one server told."""

    def __init__(self) -> None:
        self.budget: Budget | None = None
        """None while it does not say."""
        self.skew: Millis | None = None
        """How far its clock is ahead of ours; a second either way means nothing."""

    def note(self, headers: Mapping[str, str], now: Millis) -> None:
        """Read an answer's headers, their names in lower case."""
        left, limit = _number(headers, LEFT), _number(headers, LIMIT)
        if left is not None:
            kept = self.budget.limit if self.budget is not None else left
            wait = retry_after({name: headers[name] for name in RESET if headers.get(name)}, now)
            self.budget = Budget(left=left, limit=limit if limit is not None else max(kept, left),
                                 resets_at=None if wait is None else now + round(wait * SECOND))
        there = _instant(headers.get("date", ""))
        if there is not None:
            self.skew = there - now


def _number(headers: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    for name in names:
        value = headers.get(name, "").partition(",")[0].partition(";")[0].strip()
        if value.isascii() and value.isdecimal() and len(value) < 10:
            return min(int(value), MOST)
    return None


def _instant(value: str) -> Millis | None:
    try:
        return round(parsedate_to_datetime(value).timestamp() * SECOND) if value else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
