"""Something read besides the mentions, whose trouble must not hold the mentions back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from agentdesk.errors import BadAnswer, RateLimited, Rejected, SourceError, Unavailable
from agentdesk.model.clock import MINUTE, SECOND, Clock, Millis

FIRST_REST: Millis = 30 * SECOND
LONGEST_REST: Millis = 10 * MINUTE
TOLD_FROM = 3
"""After so many failures in a row the trouble is told as the source's own, as soon as there is nothing else to tell."""

T = TypeVar("T")


class Aside:
    """Tries one part of a source, leaves it alone for a while when it fails, and keeps its last trouble."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._rest_until: Millis = 0
        self.trouble: SourceError | None = None
        """Why it does not work at present."""
        self._untold = False

    async def run(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """Do it unless it rests; None when it rests or fails. A dead session is everybody's trouble."""
        now = self._clock.now()
        if now < self._rest_until:
            return None
        try:
            done = await work()
        except (Unavailable, RateLimited, BadAnswer, Rejected) as error:
            self._failures += 1
            asked = getattr(error, "retry_after", None) or 0.0
            rest = min(LONGEST_REST, FIRST_REST * 2 ** min(self._failures - 1, 8))
            self._rest_until = now + max(rest, int(asked * SECOND))
            self.trouble = error
            self._untold = self._failures >= TOLD_FROM
            return None
        self._failures, self._rest_until, self.trouble, self._untold = 0, 0, None, False
        return done

    def tell(self) -> None:
        """Raise trouble that lasts, once after each try."""
        if self._untold and self.trouble is not None:
            self._untold = False
            raise self.trouble
