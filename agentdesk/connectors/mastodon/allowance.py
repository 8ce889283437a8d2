"""Our own count of what a server allows, so that we stop before it has to tell us to.

Mastodon counts 300 requests in five minutes for a token, and 300 requests in a quarter of an hour with paging
parameters for an account, whoever of its agents makes them (https://docs.joinmastodon.org/api/rate-limits/).
"""

from __future__ import annotations

from collections import deque

from agentdesk.connectors.answers import retry_after
from agentdesk.errors import RateLimited
from agentdesk.model.clock import MINUTE, SECOND, Clock, Millis
from agentdesk.model.page import Budget

PAGING_LIMIT = 240
"""Of the 300 that the account has; the rest is for colleagues who use it elsewhere."""
PAGING_WINDOW: Millis = 15 * MINUTE
RESERVE = 20
"""So many of the token's last requests are kept for what a person asked for: replies and actions."""
PAGING = frozenset(("min_id", "max_id", "since_id"))


class Allowance:
    """What is left for one token, and for paging."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._limit = 0
        self._left = 0
        self._resets_at: Millis | None = None
        self._paged: deque[Millis] = deque()

    def take(self, *, reading: bool, paging: bool) -> None:
        """Count a request that is about to be made; RateLimited when it would be one too many."""
        now = self._clock.now()
        resets_at = self._resets_at
        if resets_at is not None and now < resets_at:
            if self._left <= (min(RESERVE, self._limit // 10) if reading else 0):
                raise self._wait(resets_at - now, "the token's share for this stretch is used up")
            self._left -= 1
        elif resets_at is not None:
            self._resets_at = None
        if paging:
            while self._paged and self._paged[0] <= now - PAGING_WINDOW:
                self._paged.popleft()
            if len(self._paged) >= PAGING_LIMIT:
                raise self._wait(self._paged[0] + PAGING_WINDOW - now, "the account's share of paging is used up")
            self._paged.append(now)

    def note(self, headers: dict[str, str]) -> None:
        """Take over what an answer says; an answer of a narrower limit (deletions, files) is about that alone."""
        limit, left = _number(headers.get("x-ratelimit-limit")), _number(headers.get("x-ratelimit-remaining"))
        now = self._clock.now()
        seconds = retry_after({"x-ratelimit-reset": headers.get("x-ratelimit-reset", "")}, now)
        if limit is None or left is None or seconds is None or (self._limit and limit < self._limit):
            return
        self._limit, self._left, self._resets_at = limit, left, now + int(seconds * SECOND)

    def budget(self) -> Budget | None:
        """What is left of the token's share; None when the server never said."""
        if not self._limit:
            return None
        fresh = self._resets_at is None or self._clock.now() >= self._resets_at
        return Budget(left=self._limit if fresh else self._left, limit=self._limit,
                      resets_at=None if fresh else self._resets_at)

    def _wait(self, length: Millis, cause: str) -> RateLimited:
        seconds = max(1.0, length / SECOND)
        return RateLimited(f"{self._name}: waiting {seconds:.0f} s so that the server need not refuse us", cause,
                           "It goes on by itself", retry_after=seconds)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None
