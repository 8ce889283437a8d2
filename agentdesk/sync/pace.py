"""How often to ask: poll intervals, backoff after failures, and what a server says about waiting. Pure.

Jitter comes from the source's name and a running number, so that many desks do not ask in step and a test can repeat
what happened.
"""

from __future__ import annotations

import zlib
from typing import Literal, TypeAlias

import msgspec

from agentdesk.errors import AuthError, Emptied, RateLimited, Unavailable
from agentdesk.model.clock import MINUTE, SECOND, Millis

Trouble: TypeAlias = Literal["", "retry", "offline", "auth", "empty"]
"""What holds a source back: nothing, a failure, no connection, a dead token, or that it shows nothing any more."""

FIRST_WAIT: Millis = 2 * SECOND
LONGEST_WAIT: Millis = 10 * MINUTE
LONGEST_ASKED: Millis = 24 * 60 * MINUTE
"""A server that asks for more than a day is asked again after one."""
SHORTEST_POLL: Millis = 200
SHARE = 0.1
"""How far a poll may stray from its interval, as a share of it."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Where one source stands: when to ask next, and what held it back."""

    name: str
    poll: Millis
    next_at: Millis = 0
    failures: int = 0
    turns: int = 0
    trouble: Trouble = ""
    asked_until: Millis = 0
    """Until when the server itself wants to be left alone; nobody's impatience ends that."""

    @property
    def stopped(self) -> bool:
        """True when only a person can set it going again."""
        return self.trouble == "auth"

    def due(self, now: Millis) -> bool:
        """True when the source may be asked now."""
        return not self.stopped and now >= self.next_at

    def wait(self, now: Millis) -> Millis:
        """How long until it is due."""
        return max(0, self.next_at - now)


def pace(name: str, poll_s: float) -> Pace:
    """A source that has not been asked yet: due at once."""
    return Pace(name=name, poll=max(SHORTEST_POLL, int(poll_s * SECOND)))


def after_success(it: Pace, now: Millis, *, more: bool = False) -> Pace:
    """After an answer: again at once while there is more, else after the poll interval."""
    turns = it.turns + 1
    wait = 0 if more else int(it.poll * (1 - SHARE + 2 * SHARE * _fraction(it.name, turns)))
    return msgspec.structs.replace(it, next_at=now + wait, failures=0, turns=turns, trouble="")


def after_failure(it: Pace, error: Exception, now: Millis) -> Pace:
    """After a failure: as the server asks, else later and later; a dead token stops it, having nothing is none."""
    failures, turns = it.failures + 1, it.turns + 1
    trouble: Trouble = "offline" if isinstance(error, Unavailable) else "retry"
    if isinstance(error, AuthError):
        trouble = "auth"
    if isinstance(error, Emptied):
        return msgspec.structs.replace(after_success(it, now), failures=failures, trouble="empty")
    wanted = asked(error)
    return msgspec.structs.replace(it, next_at=now + max(backoff(it.name, failures), wanted), failures=failures,
                                   turns=turns, trouble=trouble, asked_until=now + wanted)


def at_once(it: Pace, now: Millis) -> Pace:
    """Told by a person or by the platform to ask now; what the server itself asked for is still kept."""
    at = max(now, it.asked_until)
    return msgspec.structs.replace(it, next_at=at if it.stopped else min(it.next_at, at),
                                   trouble="" if it.stopped else it.trouble)


def after_jump(it: Pace, jump: Millis) -> Pace:
    """After the clock was set back (a negative ``jump``): what was left to wait is still left, and no more."""
    if jump >= 0:
        return it
    return msgspec.structs.replace(it, next_at=it.next_at + jump, asked_until=it.asked_until + jump)


def backoff(name: str, failures: int) -> Millis:
    """How long to wait after that many failures in a row: doubled each time, capped, up to a quarter less by chance."""
    if failures <= 0:
        return 0
    whole = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures - 1, 20))
    return int(whole * (1 - 0.25 * _fraction(name, failures)))


def asked(error: Exception) -> Millis:
    """How long the server asks to wait; 0 when it says nothing."""
    seconds = error.retry_after if isinstance(error, (RateLimited, Unavailable)) else None
    if seconds is None or not seconds > 0:
        return 0
    return min(LONGEST_ASKED, int(min(seconds, LONGEST_ASKED / SECOND) * SECOND))


def _fraction(name: str, number: int) -> float:
    """A number in [0, 1) that looks like chance and is always the same for the same words."""
    return zlib.crc32(f"{name}/{number}".encode()) / 2**32
