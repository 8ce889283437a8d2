"""A server's clock that is set back: ids are made of its time, so what is new is listed below what was known before.

Snowflakes and ULIDs both begin with the time: https://github.com/ulid/spec.
"""

from __future__ import annotations

import msgspec

from agentdesk.model.clock import SECOND, Millis

SET: Millis = 3 * SECOND
"""A smaller difference is the second to which servers tell their time, and the way the answer took."""


class Back(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of the server's time that it goes through twice."""

    since: Millis
    """Nothing that came after its clock was set is dated before this."""
    until: Millis
    """From then on what is new is listed above everything else again."""


class Ahead(msgspec.Struct, frozen=True, array_like=True):
    """How far a server's clock is ahead of ours as far as we know, and what it goes through twice at present."""

    by: Millis
    back: Back | None = None


def noticed(known: Ahead | None, skew: Millis, now: Millis, newest: Millis, first: Millis) -> Ahead:
    """What the latest answer tells of the server's clock.

    ``newest`` is what was known before that answer, dated by that clock; ``first`` is when we came, by ours.
    """
    there = now + skew
    if known is None:
        return Ahead(skew, Back(first + skew, newest) if newest > there + SET else None)
    if abs(skew - known.by) <= SET:
        return known
    if skew > known.by:
        return Ahead(skew, known.back)
    since = known.back.since if known.back else max(newest, first + known.by)
    until = max(now + known.by, known.back.until if known.back else 0)
    return Ahead(skew, Back(min(there, since - (known.by - skew)), until))


def over(known: Ahead, now: Millis) -> Ahead:
    """The same, without a stretch that the server has gone through by now; to be asked after what was in it is read."""
    done = known.back is not None and now + known.by > known.back.until + SET
    return Ahead(known.by) if done else known
