"""Clocks: which there are, when they are due, when they stand still, and how they read."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, Millis
from agentdesk.model.conversation import ClockKind, DueClock, ServerDue, State
from agentdesk.rules.calendar import Calendar
from agentdesk.rules.sla import (
    Facts,
    Policy,
    Standing,
    clocks,
    leading,
    left,
    promised,
    seconds_shown,
    standing,
)

T = 1_780_300_800_000  # Mon 2026-06-01 08:00 UTC
FIRST, NEXT, RESOLUTION, PROMISE = ClockKind.FIRST, ClockKind.NEXT, ClockKind.RESOLUTION, ClockKind.PROMISE
POLICY = Policy(name="p", first=4 * HOUR, next=2 * HOUR, resolution=2 * DAY, expectation=HOUR)
OFFICE = Calendar("office", ZoneInfo("UTC"), dict.fromkeys(range(5), ((9 * 60, 17 * 60),)))


def facts(**given_: object) -> Facts:
    values: dict[str, object] = {"created_at": T, "first_in_at": T, "unanswered_since": T, "last_in_at": T}
    return Facts(**(values | given_))  # type: ignore[arg-type]


def by_kind(found: tuple[DueClock, ...]) -> dict[ClockKind, DueClock]:
    assert len({clock.kind for clock in found}) == len(found)
    return {clock.kind: clock for clock in found}


def test_a_new_question_owes_a_first_reply_and_a_resolution() -> None:
    found = by_kind(clocks(POLICY, facts()))
    assert set(found) == {FIRST, RESOLUTION}
    assert found[FIRST].due_at == T + 4 * HOUR
    assert found[FIRST].soon_at == T + 3 * HOUR
    assert found[FIRST].expected_at == T + HOUR
    assert found[FIRST].policy == "p"
    assert found[FIRST].calendar == ""
    assert found[RESOLUTION].due_at == T + 2 * DAY
    assert found[RESOLUTION].expected_at is None


def test_the_clock_starts_at_the_first_of_a_burst() -> None:
    found = by_kind(clocks(POLICY, facts(unanswered_since=T, last_in_at=T + HOUR, burst=4)))
    assert found[FIRST].started_at == T


def test_a_question_after_our_answer_owes_a_next_reply() -> None:
    asked_again = facts(first_out_at=T + HOUR, last_out_at=T + HOUR, unanswered_since=T + 5 * HOUR)
    found = by_kind(clocks(POLICY, asked_again))
    assert set(found) == {NEXT, RESOLUTION}
    assert found[NEXT].due_at == T + 7 * HOUR


def test_our_post_before_their_first_word_is_no_answer() -> None:
    found = by_kind(clocks(POLICY, facts(created_at=T - DAY, first_out_at=T - DAY, last_out_at=T - DAY)))
    assert FIRST in found


def test_without_an_unanswered_message_no_reply_is_owed() -> None:
    answered = facts(unanswered_since=None, last_out_at=T + HOUR, first_out_at=T + HOUR, state=State.WAITING,
                     waiting_since=T + HOUR, server_due=(ServerDue(kind=NEXT, due_at=T),))
    assert set(by_kind(clocks(POLICY, answered))) == {RESOLUTION}


def test_without_targets_there_are_no_clocks() -> None:
    assert clocks(Policy(expectation=HOUR), facts()) == ()
    assert leading(()) is None


def test_done_leaves_only_promises() -> None:
    promise = promised(T + DAY, T, "call back")
    done = facts(state=State.DONE, promises=(promise,), server_due=(ServerDue(kind=RESOLUTION, due_at=T + HOUR),))
    (only,) = clocks(POLICY, done)
    assert (only.kind, only.due_at, only.words) == (PROMISE, T + DAY, "call back")
    assert only.soon_at == T + DAY * 3 // 4


def test_waiting_pauses_the_resolution_and_it_goes_on_later() -> None:
    waiting = facts(unanswered_since=None, state=State.WAITING, waiting_since=T + HOUR, last_out_at=T + HOUR)
    (paused,) = clocks(POLICY, waiting)
    assert paused.paused_since == T + HOUR
    assert paused.due_at == T + 2 * DAY
    assert leading((paused,)) is None
    back = facts(unanswered_since=T + 6 * HOUR, last_out_at=T + HOUR, pauses=((T + HOUR, T + 6 * HOUR),))
    assert by_kind(clocks(POLICY, back))[RESOLUTION].due_at == T + 2 * DAY + 5 * HOUR


def test_a_pause_over_closed_hours_costs_only_open_ones() -> None:
    policy = Policy(resolution=8 * HOUR, calendar=OFFICE)
    # asked Mon 10:00, answered Mon 16:00 (6 h used), asked again Tue 10:00: 2 h are left
    ten = T + 2 * HOUR
    paused = facts(first_in_at=ten, unanswered_since=ten + DAY, last_out_at=ten + 6 * HOUR,
                   pauses=((ten + 6 * HOUR, ten + DAY),))
    assert by_kind(clocks(policy, paused))[RESOLUTION].due_at == ten + DAY + 2 * HOUR


def test_pauses_after_the_due_time_do_not_move_it() -> None:
    policy = Policy(resolution=HOUR)
    late = facts(pauses=((T + 2 * HOUR, T + 5 * HOUR),))
    assert by_kind(clocks(policy, late))[RESOLUTION].due_at == T + HOUR


@given(st.lists(st.integers(0, 5 * DAY), min_size=0, max_size=8, unique=True), st.integers(MINUTE, 3 * DAY))
def test_pauses_and_their_sum_agree_round_the_clock(marks: list[int], target: Millis) -> None:
    marks = sorted(marks)[: len(marks) // 2 * 2]
    pauses = tuple((T + a, T + b) for a, b in zip(marks[::2], marks[1::2], strict=True))
    due = by_kind(clocks(Policy(resolution=target), facts(pauses=pauses)))[RESOLUTION].due_at
    before = sum(min(b, due) - a for a, b in pauses if a < due)
    assert due == T + target + before


def test_business_hours_hold_for_target_soon_and_expectation() -> None:
    policy = Policy(first=4 * HOUR, expectation=HOUR, calendar=OFFICE)
    (clock,) = clocks(policy, facts())  # 08:00, an hour before opening
    assert (clock.expected_at, clock.soon_at, clock.due_at) == (T + 2 * HOUR, T + 4 * HOUR, T + 5 * HOUR)
    assert clock.calendar == "office"


@pytest.mark.parametrize(("soon", "length"), [(None, HOUR), (30 * MINUTE, 30 * MINUTE), (9 * HOUR, 4 * HOUR), (0, 0)])
def test_soon_is_a_quarter_or_a_fixed_length(soon: Millis | None, length: Millis) -> None:
    (clock,) = clocks(Policy(first=4 * HOUR, soon=soon), facts())
    assert clock.due_at - clock.soon_at == length


def test_an_expectation_after_the_target_is_left_out() -> None:
    (clock,) = clocks(Policy(first=HOUR, expectation=HOUR), facts())
    assert clock.expected_at is None


def test_the_help_desks_own_due_time_replaces_ours() -> None:
    given_ = facts(server_due=(ServerDue(kind=FIRST, due_at=T + 3 * HOUR), ServerDue(kind=RESOLUTION,
        due_at=T + 9 * DAY)))
    found = by_kind(clocks(POLICY, given_))
    assert found[FIRST].due_at == T + 3 * HOUR
    assert found[FIRST].by_server
    assert found[FIRST].expected_at == T + HOUR
    assert found[RESOLUTION].due_at == T + 9 * DAY


@pytest.mark.parametrize("nothing", [0, -5, 3_600_000, 31_536_000_000])
def test_1970_is_no_due_time(nothing: Millis) -> None:
    found = by_kind(clocks(POLICY, facts(server_due=(ServerDue(kind=FIRST, due_at=nothing),))))
    assert not found[FIRST].by_server


def test_of_two_due_times_of_a_kind_the_earlier_counts() -> None:
    dues = tuple(ServerDue(kind=RESOLUTION, due_at=T + hours * HOUR) for hours in (5, 3, 8))
    assert by_kind(clocks(POLICY, facts(server_due=dues)))[RESOLUTION].due_at == T + 3 * HOUR


def test_the_earliest_running_clock_leads() -> None:
    found = clocks(POLICY, facts(promises=(promised(T + HOUR, T, "x"), promised(T + 9 * DAY, T, "y"))))
    lead = leading(found)
    assert lead is not None
    assert lead.words == "x"
    assert [clock.due_at for clock in found] == sorted(clock.due_at for clock in found)


instants = st.integers(T - 30 * DAY, T + 30 * DAY)
policies = st.builds(
    Policy, first=st.none() | st.integers(MINUTE, 9 * DAY), next=st.none() | st.integers(MINUTE, 9 * DAY),
    resolution=st.none() | st.integers(MINUTE, 9 * DAY), expectation=st.none() | st.integers(MINUTE, DAY),
    soon=st.none() | st.integers(0, DAY), calendar=st.sampled_from([OFFICE, Policy().calendar]),
)
any_facts = st.builds(
    Facts, created_at=instants, state=st.sampled_from(State), first_in_at=st.none() | instants,
    unanswered_since=st.none() | instants, last_out_at=st.none() | instants, waiting_since=st.none() | instants,
    pauses=st.lists(st.tuples(instants, instants).map(sorted).map(tuple), max_size=3).map(sorted).map(tuple),
    server_due=st.lists(st.builds(ServerDue, kind=st.sampled_from(ClockKind), due_at=st.integers(0, T))).map(tuple),
)


@given(policies, any_facts)
def test_whatever_the_facts_clocks_are_in_order(policy: Policy, it: Facts) -> None:
    found = clocks(policy, it)
    assert found == clocks(policy, it)
    by_kind(found)
    for clock in found:
        assert clock.soon_at <= clock.due_at
        assert clock.expected_at is None or clock.expected_at < clock.due_at
        assert clock.kind not in (FIRST, NEXT) or it.unanswered_since is not None
        assert clock.paused_since is None or it.state is State.WAITING


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        (7 * MINUTE + 5 * SECOND, "0:07:05"), (HOUR - 1, "0:59:59"), (HOUR, "1:00"), (3 * HOUR + 10 * MINUTE, "3:10"),
        (DAY - 1, "23:59"), (DAY, "1d 00h"), (2 * DAY + 4 * HOUR, "2d 04h"), (10 * DAY - 1, "9d 23h"), (10 * DAY,
            "10d"),
        (12 * DAY + 23 * HOUR, "12d"), (SECOND - 1, "0:00:00"), (1, "0:00:00"), (0, "-0:00:00"), (-1, "-0:00:00"),
        (-12 * MINUTE - 40 * SECOND, "-0:12:40"), (-3 * HOUR - 10 * MINUTE, "-3:10"), (-DAY, "-1d 00h"),
        (-9 * DAY, "-9d 00h"), (-12 * DAY, "-12d"), (10**16, "99999d"), (-(10**16), "-99999d"),
    ],
)
def test_how_a_due_time_reads(rest: Millis, text: str) -> None:
    assert left(T + rest, T) == text


rests = st.one_of(st.integers(-2 * HOUR, 2 * HOUR), st.integers(-12 * DAY, 12 * DAY), st.integers(-(10**15), 10**15))


@given(rests)
def test_the_text_is_narrow_and_its_sign_says_late(rest: Millis) -> None:
    text = left(T + rest, T)
    assert len(text) <= 8
    assert text.startswith("-") is (standing(T + rest, None, T) is Standing.LATE)
    assert (text.count(":") == 2) is seconds_shown(T + rest, T)


@pytest.mark.parametrize(
    ("due", "soon", "state"),
    [
        (None, None, "ok"), (T + 1, None, "ok"), (T + 1, T + 1, "ok"),
        (T + 1, T, "soon"), (T, T - 1, "late"), (T, None, "late"),
    ],
)
def test_standing(due: Millis | None, soon: Millis | None, state: str) -> None:
    assert standing(due, soon, T) == state
