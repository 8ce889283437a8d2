"""The clocks on a conversation: due instants out of a policy and facts, and how a due time reads.

Nothing here counts down: a clock is an instant, and only ``standing`` and ``left`` compare it with the present.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, Millis
from agentdesk.model.conversation import ClockKind, DueClock, ServerDue, State
from agentdesk.rules.calendar import ALWAYS, Calendar

UNSET_BEFORE: Millis = 366 * DAY
"""Help desks write 1970 for «no due time»; anything before this is taken as that."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules must know of a conversation; all instants are the platform's, never in the future."""

    created_at: Millis
    state: State = State.OPEN
    first_in_at: Millis | None = None
    unanswered_since: Millis | None = None
    """The first inbound message that nobody has answered."""
    first_out_at: Millis | None = None
    last_in_at: Millis | None = None
    last_out_at: Millis | None = None
    waiting_since: Millis | None = None
    """Since when we wait for the customer, if we do."""
    pauses: tuple[tuple[Millis, Millis], ...] = ()
    """The stretches in which we waited for the customer before, oldest first."""
    server_due: tuple[ServerDue, ...] = ()
    promises: tuple[DueClock, ...] = ()
    """Open promises, made by ``promised``."""
    source: str = ""
    channel: str = ""
    queue: str = ""
    status: str = ""
    priority: str = ""
    assignee: str = ""
    lang: str = ""
    incident: str = ""
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    followers: int | None = None
    vip: bool = False
    burst: int = 0
    """Unanswered inbound messages."""
    messages: int = 0
    indirect: bool = False


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Targets for some conversations, counted in one calendar; None for no such target."""

    name: str = ""
    calendar: Calendar = ALWAYS
    first: Millis | None = None
    next: Millis | None = None
    resolution: Millis | None = None
    expectation: Millis | None = None
    """When customers expect a reply."""
    tell: Millis | None = 2 * HOUR
    """Until the customer hears that a ticket elsewhere is solved; None for no clock."""
    soon: Millis | None = None
    """How long before it is due a clock is «soon»; None for a quarter of the target."""


class Standing(StrEnum):
    """How a due time stands to the present."""

    OK = "ok"
    SOON = "soon"
    LATE = "late"


def promised(due_at: Millis, made_at: Millis, words: str) -> DueClock:
    """The clock of a promise."""
    return DueClock(kind=ClockKind.PROMISE, due_at=due_at, soon_at=due_at, started_at=made_at, words=words)


def clocks(policy: Policy, facts: Facts) -> tuple[DueClock, ...]:
    """Every clock on the conversation, earliest due first.

    A first or next reply is due only while a message is unanswered; the resolution until it is done, standing still
    while we wait for the customer; a promise until it is kept, whatever the state. A due time that the help desk gives
    replaces ours of the same kind.
    """
    found: list[DueClock] = []
    if facts.state is not State.DONE:
        server = _server_dues(facts.server_due) if facts.server_due else {}
        if facts.unanswered_since is not None:
            found.extend(_reply(policy, facts, facts.unanswered_since, server))
        found.extend(_resolution(policy, facts, server))
    for promise in facts.promises:
        if promise.due_at >= UNSET_BEFORE:
            found.append(_given(policy, ClockKind.PROMISE, promise.due_at, promise.started_at, words=promise.words))
    if len(found) > 1:
        found.sort(key=_due)
    return tuple(found)


def leading(found: tuple[DueClock, ...]) -> DueClock | None:
    """The running clock that is due first; None when none runs."""
    return min((clock for clock in found if clock.paused_since is None), key=_due, default=None)


def standing(due_at: Millis | None, soon_at: Millis | None, now: Millis) -> Standing:
    """Whether a due time is far off, near, or past."""
    if due_at is None:
        return Standing.OK
    if due_at <= now:
        return Standing.LATE
    return Standing.SOON if soon_at is not None and soon_at <= now else Standing.OK


def seconds_shown(due_at: Millis, now: Millis) -> bool:
    """True while ``left`` shows seconds, so that the text changes every second: within an hour either side."""
    return abs(due_at - now) < HOUR


def left(due_at: Millis, now: Millis) -> str:
    """The time left in at most 8 cells: ``0:07:05``, from an hour on ``3:10``, ``2d 04h``, ``12d``; minus when late."""
    rest = due_at - now
    sign = "-" if rest <= 0 else ""
    rest = abs(rest)
    if rest < HOUR:
        return f"{sign}0:{rest // MINUTE:02}:{rest // SECOND % 60:02}"
    if rest < DAY:
        return f"{sign}{rest // HOUR}:{rest // MINUTE % 60:02}"
    days = rest // DAY
    if days < 10:
        return f"{sign}{days}d {rest // HOUR % 24:02}h"
    return f"{sign}{min(days, 99_999)}d"


def _due(clock: DueClock) -> Millis:
    return clock.due_at


def _server_dues(given: tuple[ServerDue, ...]) -> dict[ClockKind, Millis]:
    """The earliest real due time of each kind."""
    found: dict[ClockKind, Millis] = {}
    for due in given:
        if due.due_at >= UNSET_BEFORE and due.due_at < found.get(due.kind, due.due_at + 1):
            found[due.kind] = due.due_at
    return found


def _reply(policy: Policy, facts: Facts, since: Millis, server: dict[ClockKind, Millis]) -> list[DueClock]:
    """The first or next reply that is owed since ``since``."""
    begun, last_out = facts.first_in_at, facts.last_out_at
    answered = begun is not None and last_out is not None and last_out >= begun
    kind = ClockKind.NEXT if answered else ClockKind.FIRST
    target = policy.next if answered else policy.first
    expected = None if policy.expectation is None else policy.calendar.add(since, policy.expectation)
    if kind in server:
        return [_given(policy, kind, server[kind], since, expected, by_server=True)]
    if target is None:
        return []
    due_at = policy.calendar.add(since, target)
    return [
        DueClock(
            kind=kind, due_at=due_at, soon_at=policy.calendar.add(since, _until_soon(policy, target)), started_at=since,
            expected_at=expected if expected is not None and expected < due_at else None,
            calendar=policy.calendar.name, policy=policy.name,
        )
    ]


def _resolution(policy: Policy, facts: Facts, server: dict[ClockKind, Millis]) -> list[DueClock]:
    """The end by which all must be settled, counted from the customer's first message."""
    since = facts.first_in_at
    if ClockKind.RESOLUTION in server:
        start = facts.created_at if since is None else since
        return [_given(policy, ClockKind.RESOLUTION, server[ClockKind.RESOLUTION], start, by_server=True)]
    if since is None or policy.resolution is None:
        return []
    return [
        DueClock(
            kind=ClockKind.RESOLUTION, due_at=_paused_add(policy.calendar, facts, since, policy.resolution),
            soon_at=_paused_add(policy.calendar, facts, since, _until_soon(policy, policy.resolution)),
            started_at=since, calendar=policy.calendar.name, policy=policy.name,
            paused_since=facts.waiting_since if facts.state is State.WAITING else None,
        )
    ]


def _given(
    policy: Policy, kind: ClockKind, due_at: Millis, since: Millis, expected: Millis | None = None, *,
    words: str = "", by_server: bool = False,
) -> DueClock:
    """A clock whose due time is fixed from outside; soon goes by the plain time between."""
    whole = max(0, due_at - since)
    return DueClock(
        kind=kind, due_at=due_at, soon_at=min(due_at, since + _until_soon(policy, whole)), started_at=since,
        expected_at=expected if expected is not None and expected < due_at else None, words=words, by_server=by_server,
    )


def _until_soon(policy: Policy, target: Millis) -> Millis:
    """How much of ``target`` passes before it is soon."""
    return target - (target // 4 if policy.soon is None else min(policy.soon, target))


def _paused_add(calendar: Calendar, facts: Facts, since: Millis, length: Millis) -> Millis:
    """``calendar.add`` that skips the stretches in which we waited for the customer."""
    at = since
    for begun, ended in facts.pauses:
        if ended <= at:
            continue
        worked = calendar.between(at, begun)
        if worked >= length:
            break
        length -= worked
        at = ended
    return calendar.add(at, length)
