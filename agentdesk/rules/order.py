"""The order of the queue: the clock that runs out first, brought forward by severity; and why, in sentences."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from agentdesk.model.clock import HOUR, Millis
from agentdesk.model.conversation import ClockKind, Conversation, DueClock, Severity, State
from agentdesk.rules.sla import Standing, leading, left, standing
from agentdesk.rules.times import length_words, say

ADVANCE: dict[Severity, Millis] = {
    Severity.CRITICAL: 4 * HOUR,
    Severity.HIGH: HOUR,
    Severity.NORMAL: 0,
    Severity.PRAISE: 0,
}
"""How much earlier than its due time a conversation is sorted; nothing that is addressed to us is ever put back."""

HEARD: Millis = HOUR
"""How much later a conversation is sorted that was only heard by listening: what is addressed to us goes first."""

NO_CLOCK = 4_000_000_000_000_000
"""Added to the rank of conversations without a running clock, so that they follow all that have one."""

KIND_WORDS = {
    ClockKind.FIRST: "first reply",
    ClockKind.NEXT: "next reply",
    ClockKind.RESOLUTION: "resolution",
    ClockKind.PROMISE: "promise",
}
"""What a clock is called on screen."""


def rank(first_due: Millis | None, severity: Severity, last_in_at: Millis | None, *, indirect: bool = False) -> int:
    """The sort key, smaller first: due instant less severity's advance; without a clock, oldest last message first."""
    later = (HEARD if indirect else 0) - ADVANCE[severity]
    if first_due is None:
        return NO_CLOCK + (last_in_at or 0) + later
    return first_due + later


def why(conversation: Conversation, now: Millis, zone: ZoneInfo) -> list[str]:
    """Sentences that say why a conversation stands where it stands, with every number that counts."""
    lead = leading(conversation.clocks)
    out = [_lead_words(lead, now, zone) if lead else _no_clock_words(conversation, now, zone)]
    if lead and lead.expected_at is not None:
        verb = "would have expected" if lead.expected_at <= now else "expect"
        out.append(f"Customers {verb} an answer by {say(lead.expected_at, now, zone)}.")
    reasons = f" ({'; '.join(conversation.reasons)})" if conversation.reasons else ""
    advance = ADVANCE[conversation.severity]
    if advance:
        out.append(f"Severity is {conversation.severity.value}{reasons}: sorted {length_words(advance)} earlier.")
    else:
        out.append(f"Severity is {conversation.severity.value}{reasons}: no change to its place.")
    later = HEARD if conversation.indirect else 0
    if later:
        out.append(f"It was heard by listening, not addressed to us: sorted {length_words(later)} later.")
    if lead and advance != later:
        out.append(f"So it stands as if due {say(lead.due_at - advance + later, now, zone)}.")
    out.extend(_other_words(clock, now, zone) for clock in conversation.clocks if clock is not lead)
    return out


def _lead_words(clock: DueClock, now: Millis, zone: ZoneInfo) -> str:
    late = standing(clock.due_at, clock.soon_at, now) is Standing.LATE
    name = f"{KIND_WORDS[clock.kind]}{_promise_words(clock)}"
    start = f"The {name} {'was' if late else 'is'} due {say(clock.due_at, now, zone)}"
    rest = left(clock.due_at, now).removeprefix("-")
    return f"{start}, {rest} ago ({_origin(clock)})." if late else f"{start}, in {rest} ({_origin(clock)})."


def _origin(clock: DueClock) -> str:
    """Where the due time comes from."""
    if clock.by_server:
        return "set by the help desk"
    if clock.kind is ClockKind.PROMISE:
        return "promised"
    hours = f"calendar {clock.calendar}" if clock.calendar else "round the clock"
    return f"policy {clock.policy}, {hours}" if clock.policy else hours


def _no_clock_words(conversation: Conversation, now: Millis, zone: ZoneInfo) -> str:
    if conversation.state is State.DONE:
        if conversation.disposition is None and not conversation.remote_closed:
            return "It is history: it was old when it was read in, and never in the queue. A new message opens it."
        return "It is done: no clock runs."
    last = f"; sorted by its last message, {say(conversation.last_in_at, now, zone)}" if conversation.last_in_at else ""
    return f"No clock runs, so it follows all that have one{last}."


def _other_words(clock: DueClock, now: Millis, zone: ZoneInfo) -> str:
    name = f"{KIND_WORDS[clock.kind].capitalize()}{_promise_words(clock)}"
    if clock.paused_since is not None:
        return f"{name}: stands still since {say(clock.paused_since, now, zone)}, while we wait for the customer."
    return f"{name}: due {say(clock.due_at, now, zone)} ({_origin(clock)})."


def _promise_words(clock: DueClock) -> str:
    return f" «{clock.words}»" if clock.words else ""
