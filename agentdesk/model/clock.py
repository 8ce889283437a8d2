"""Time as an argument: everything that needs the time is handed a Clock.

Stored times are UTC epoch milliseconds (``Millis``); no other module may ask the machine for the time.
"""

from __future__ import annotations

import time
from typing import Protocol, TypeAlias

Millis: TypeAlias = int
"""An instant (UTC epoch) or a length of time, in milliseconds."""

SECOND: Millis = 1_000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR


class Clock(Protocol):
    """What the time is, and how to wait."""

    def now(self) -> Millis:
        """The present instant."""
        ...

    async def sleep(self, length: Millis) -> None:
        """Wait for ``length`` of this clock's time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000

    async def sleep(self, length: Millis) -> None:
        await _pause(max(0, length) / 1_000)


class FastClock:
    """A clock that runs ``speed`` times as fast as the machine's from the moment it is made; for the demo.

    It begins at ``start``, or at the machine's time: a demo that was left goes on at the moment where it stopped.
    """

    def __init__(self, speed: float, start: Millis | None = None) -> None:
        self.speed = speed
        self._made = time.time_ns() // 1_000_000
        self._started = self._made if start is None else start

    def now(self) -> Millis:
        passed = time.time_ns() // 1_000_000 - self._made
        return self._started + int(passed * self.speed)

    async def sleep(self, length: Millis) -> None:
        await _pause(max(0, length) / 1_000 / self.speed)


async def _pause(seconds: float) -> None:
    """Wait; asyncio is imported where a loop runs anyway, so that what never waits starts without it."""
    import asyncio

    await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is told to move; for tests and simulations."""

    def __init__(self, at: Millis = 1_767_225_600_000) -> None:
        self.at = at

    def now(self) -> Millis:
        return self.at

    async def sleep(self, length: Millis) -> None:
        self.at += max(0, length)
        await _pause(0)

    def advance(self, length: Millis) -> None:
        """Move forward (or back, with a negative length)."""
        self.at += length
