"""Threads for what may hang: a name server, a network disk, another program's lock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor


class PassingThreads(ThreadPoolExecutor):
    """The event loop's threads; nobody waits for them once the agent has left."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work, drop what has not begun, and leave the rest to itself."""
        super().shutdown(wait=False, cancel_futures=True)
