"""The order of the queue and the sentences that explain it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.model.clock import DAY, HOUR, MINUTE, Millis
from agentdesk.model.conversation import ClockKind, Conversation, Disposition, DueClock, Severity, State
from agentdesk.model.text import Inert
from agentdesk.rules.order import ADVANCE, HEARD, NO_CLOCK, rank, why

NOW = 1_780_300_800_000  # Mon 2026-06-01 08:00 UTC
UTC = ZoneInfo("UTC")

instants = st.integers(0, 4_102_444_800_000)
severities = st.sampled_from(Severity)


@given(instants, severities, instants, severities)
def test_every_clock_comes_before_none(due: Millis, one: Severity, last: Millis, other: Severity) -> None:
    assert rank(due, one, last) < rank(None, other, last)
    assert rank(None, other, None) < 2**53


@given(instants, instants, severities)
def test_the_earlier_due_comes_first(one: Millis, two: Millis, severity: Severity) -> None:
    assert (rank(one, severity, None) < rank(two, severity, None)) is (one < two)


@given(instants)
def test_severity_only_brings_forward(due: Millis) -> None:
    ranks = [rank(due, severity, None) for severity in (Severity.CRITICAL, Severity.HIGH, Severity.NORMAL)]
    assert ranks == sorted(ranks)
    assert max(rank(due, severity, None) for severity in Severity) == due


def test_advances() -> None:
    assert rank(NOW, Severity.HIGH, None) == NOW - HOUR
    assert rank(NOW, Severity.CRITICAL, None) == NOW - 4 * HOUR
    assert rank(NOW, Severity.PRAISE, None) == NOW
    assert set(ADVANCE) == set(Severity)


@given(instants, severities, instants)
def test_what_was_only_heard_comes_later_than_what_is_addressed_to_us(
    due: Millis, severity: Severity, last: Millis
) -> None:
    for first_due in (due, None):
        assert rank(first_due, severity, last, indirect=True) == rank(first_due, severity, last) + HEARD
    assert rank(due, severity, last, indirect=True) < NO_CLOCK


def test_without_clocks_who_wrote_longest_ago_comes_first() -> None:
    assert NO_CLOCK < rank(None, Severity.NORMAL, NOW - DAY) < rank(None, Severity.NORMAL, NOW)


def conversation(clocks: tuple[DueClock, ...], **changed: object) -> Conversation:
    values: dict[str, object] = {
        "id": 1, "source": "mastodon:acme", "ref": "r", "customer_id": 1, "name": Inert("Jane"), "subject": Inert(""),
        "url": "", "state": State.OPEN, "severity": Severity.NORMAL, "reasons": (), "status": "", "assignee": "",
        "priority": "", "queue": "", "tags": (), "incident": "", "fields": {}, "claim_agent": "", "claim_until": None,
        "snoozed_until": None, "created_at": NOW, "first_in_at": NOW, "unanswered_since": NOW, "last_in_at": NOW,
        "last_out_at": None, "unread": 0, "messages": 1, "disposition": None, "disposition_code": "",
        "locked_reason": "",
        "version": 1, "backfill": False,
    }
    return Conversation(clocks=clocks, **(values | changed))  # type: ignore[arg-type]


def clock(kind: ClockKind, due_at: Millis, **more: object) -> DueClock:
    return DueClock(kind=kind, due_at=due_at, soon_at=due_at, started_at=NOW - HOUR, **more)  # type: ignore[arg-type]


def test_why_says_every_number() -> None:
    clocks = (
        clock(ClockKind.FIRST, NOW + 2 * HOUR, policy="fast", calendar="office", expected_at=NOW - MINUTE),
        clock(ClockKind.RESOLUTION, NOW + 3 * DAY, by_server=True),
        clock(ClockKind.PROMISE, NOW + 4 * HOUR, words="call back"),
    )
    it = conversation(clocks, severity=Severity.HIGH, reasons=("VIP", "says «cancel my»"))
    assert why(it, NOW, UTC) == [
        "The first reply is due today 10:00, in 2:00 (policy fast, calendar office).",
        "Customers would have expected an answer by today 07:59.",
        "Severity is high (VIP; says «cancel my»): sorted 1 hour earlier.",
        "So it stands as if due today 09:00.",
        "Resolution: due Thu 08:00 (set by the help desk).",
        "Promise «call back»: due today 12:00 (promised).",
    ]


def test_why_says_that_it_was_heard() -> None:
    heard = clock(ClockKind.FIRST, NOW + 2 * HOUR, policy="heard")
    later = "It was heard by listening, not addressed to us: sorted 1 hour later."
    assert why(conversation((heard,), indirect=True), NOW, UTC)[2:] == [later, "So it stands as if due today 11:00."]
    assert why(conversation((heard,), indirect=True, severity=Severity.HIGH), NOW, UTC)[2:] == [later]
    assert why(conversation((), indirect=True), NOW, UTC)[2:] == [later]


def test_why_says_that_it_is_late_or_paused() -> None:
    clocks = (
        clock(ClockKind.NEXT, NOW - 12 * MINUTE, policy="p"),
        clock(ClockKind.RESOLUTION, NOW + DAY, policy="p", paused_since=NOW - HOUR),
    )
    lines = why(conversation(clocks), NOW, UTC)
    assert lines[0] == "The next reply was due today 07:48, 0:12:00 ago (policy p, round the clock)."
    assert lines[1] == "Severity is normal: no change to its place."
    assert lines[2] == "Resolution: stands still since today 07:00, while we wait for the customer."


@pytest.mark.parametrize(("fields", "words"), [
    ({"state": State.DONE, "disposition": Disposition.PRAISE}, "It is done"),
    ({"state": State.DONE, "remote_closed": True}, "It is done"),
    ({"state": State.DONE}, "It is history: it was old when it was read in"),
    ({"state": State.OPEN}, "follows all that have one; sorted by its last message"),
])
def test_why_without_a_clock(fields: dict[str, object], words: str) -> None:
    assert words in why(conversation((), **fields), NOW, UTC)[0]
