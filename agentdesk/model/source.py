"""How a source stands: whether it answers, what it said last, and what it could not show."""

from __future__ import annotations

import msgspec

from agentdesk.model.clock import MINUTE, Millis
from agentdesk.model.page import Account, Budget

SKEW_TOLD: Millis = 2 * MINUTE
"""A difference between our clock and a server's that is worth telling."""
ANEW = ""
"""A cursor that says: begin anew."""
NOTHING = "The source shows nothing at all, but conversations of it are open here"
"""Why an empty answer is a gap."""


class SourceState(msgspec.Struct, frozen=True, kw_only=True):
    """One source as the cache knows it."""

    name: str
    kind: str
    letter: str
    state: str = "new"
    """new, ok, retry, offline, auth, empty, stopped or paused."""
    account: Account | None = None
    cursor: str | None = None
    cursor_at: Millis | None = None
    backfilled: bool = False
    """True once the history of the first connect is in."""
    last_try_at: Millis | None = None
    last_ok_at: Millis | None = None
    next_try_at: Millis | None = None
    title: str = ""
    """What went wrong last, in words."""
    cause: str = ""
    remedy: str = ""
    failures: int = 0
    """Failures in a row."""
    gaps: int = 0
    """Stretches that it could not show and that are still open."""
    package: str = ""
    """The distribution and version that its connector comes from; empty for a built-in one."""
    rejects: int = 0
    """Items that could not be understood and lie in quarantine."""
    budget: Budget | None = None
    """The requests that the server still allows; None when it does not say."""
    skew: Millis | None = None
    """How far the server's clock is ahead of ours; None when it does not say."""
    configured: bool = True
    """False for one that nobody asks: it was taken out of the configuration, or a file was read in under its name."""


class OpenGap(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a source that nobody could see yet."""

    id: int
    source: str
    reason: str
    since: Millis | None
    until: Millis | None
    found_at: Millis


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """An item that could not be understood, as it came."""

    id: int
    source: str
    place: str
    reason: str
    raw: str
    found_at: Millis
