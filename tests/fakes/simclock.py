"""A clock whose sleepers wake in order when a test lets time pass; nobody really waits."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable

from agentdesk.model.clock import Millis


class SimClock:
    """Simulated time: ``run_until`` wakes one sleeper after the other, letting everything settle in between."""

    def __init__(self, at: Millis = 1_767_225_600_000) -> None:
        self.at = at
        self._count = 0
        self._sleepers: list[tuple[Millis, int, asyncio.Future[None]]] = []

    def now(self) -> Millis:
        return self.at

    async def sleep(self, length: Millis) -> None:
        self._count += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.at + max(0, length), self._count, future))
        await future

    async def run_for(self, length: Millis, settle: Callable[[], Awaitable[object]]) -> None:
        """Let ``length`` pass; ``settle`` waits until everything that could happen now has happened."""
        end = self.at + length
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self.at = max(self.at, at)
                future.set_result(None)
                await settle()
        self.at = end
        await settle()

    def shift(self, length: Millis) -> None:
        """Set the clock forward or back: sleepers wait as long as before, as they do on a real machine."""
        self.at += length
        self._sleepers = [(at + length, count, future) for at, count, future in self._sleepers]
