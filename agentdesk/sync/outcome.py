"""What the end of an attempt means for an outbox entry. Pure: errors and verdicts in, the next state out."""

from __future__ import annotations

from typing import Literal, TypeAlias

from agentdesk.errors import AuthError, Conflict, RateLimited, Rejected, Unavailable
from agentdesk.model.capability import Caps, SendStrength
from agentdesk.model.clock import MINUTE, SECOND, Millis
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import OutboxEntry, OutKind
from agentdesk.sync import pace

Next: TypeAlias = Literal["retry", "refused", "unknown", "look"]
"""retry: proven not accepted. refused: for good. unknown: only reading back can tell. look: read back at once."""

BETWEEN_ABSENTS: Millis = 2 * MINUTE
"""Two readings that do not show the reply must lie this far apart to prove that it is not there."""
UNSURE_LIMIT = 3
ACTION_TRIES = 8
REPLAY_SHARE = 5 / 6
"""The part of a server's memory for our ids that we rely on."""
FIRST_LOOK: Millis = 2 * SECOND
LOOKS: tuple[Millis, ...] = (5 * SECOND, 30 * SECOND, 2 * MINUTE, 5 * MINUTE)


def after_error(error: BaseException, *, action: bool) -> Next:
    """What an attempt that ended with ``error`` means; whatever is not proven is unknown."""
    if isinstance(error, (RateLimited, Unavailable, AuthError)):
        return "retry"
    if isinstance(error, Conflict):
        return "refused" if action else "look"
    if isinstance(error, Rejected):
        return "refused"
    return "retry" if action else "unknown"


def holds_source(error: BaseException) -> bool:
    """True when the error concerns the whole source, so that the next entry would meet it too."""
    return isinstance(error, (RateLimited, AuthError))


def retry_at(entry: OutboxEntry, error: BaseException, now: Millis) -> Millis:
    """When an entry that was proven not accepted may be tried again."""
    wanted = pace.asked(error) if isinstance(error, Exception) else 0
    return now + max(wait(entry), wanted)


def wait(entry: OutboxEntry) -> Millis:
    """How long an entry rests after that many attempts."""
    return pace.backoff(f"{entry.source} {entry.id}", max(1, entry.attempts))


def first_look_at(caps: Caps, now: Millis) -> Millis:
    """When reading back can first prove something."""
    return now + max(FIRST_LOOK, caps.consistency_lag_s * SECOND)


def next_look_at(checks: int, now: Millis) -> Millis:
    """When to read back again after that many looks."""
    return now + LOOKS[min(max(checks, 0), len(LOOKS) - 1)]


def may_repeat(caps: Caps, entry: OutboxEntry, now: Millis) -> bool:
    """True when sending the same again cannot land twice: the server knows our id and still remembers it.

    ``now`` is by the server's clock, as the first try is.
    """
    strength, first = _strength(caps, entry), entry.first_try_at
    if strength not in (SendStrength.KEY, SendStrength.CLIENT_KEY, SendStrength.PUT):
        return False
    if caps.replay_s is None:
        return strength is not SendStrength.KEY
    return first is not None and 0 <= now - first < caps.replay_s * SECOND * REPLAY_SHARE


def may_repeat_unread(caps: Caps, entry: OutboxEntry, now: Millis) -> bool:
    """True when it may be sent again although reading back proved nothing: never where a repeat overwrites."""
    return _strength(caps, entry) is not SendStrength.PUT and may_repeat(caps, entry, now)


def _strength(caps: Caps, entry: OutboxEntry) -> SendStrength:
    if entry.kind is OutKind.TICKET:
        return caps.open_strength
    private = entry.kind is OutKind.DM or (entry.out is not None and entry.out.visibility is Visibility.DIRECT)
    return caps.direct_strength if private and caps.direct_strength is not None else caps.send_strength


def proven_absent(first_absent_at: Millis, now: Millis) -> bool:
    """True when two complete readings, minutes apart, did not show it."""
    return now - first_absent_at >= BETWEEN_ABSENTS
