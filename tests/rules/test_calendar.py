"""Business hours: arithmetic against a minute-by-minute count, over daylight saving in four zones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, Millis
from agentdesk.rules.calendar import ALWAYS, Calendar, Spans

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns")
OFFICE: dict[int, Spans] = dict.fromkeys(range(5), ((9 * 60, 17 * 60),))


def at(text: str, zone: str = "UTC") -> Millis:
    """The instant at which the wall clock in ``zone`` shows ``text``."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000)


def local(instant: Millis, zone: str) -> datetime:
    return datetime.fromtimestamp(instant / 1_000, tz=UTC).astimezone(ZoneInfo(zone))


office = Calendar("office", ZoneInfo("Europe/Berlin"), OFFICE, frozenset({date(2026, 12, 25)}))
around = Calendar("around", ZoneInfo("Europe/Berlin"), dict.fromkeys(range(7), ((0, 1440),)))
nights = Calendar("nights", ZoneInfo("Europe/Berlin"), dict.fromkeys(range(7), ((22 * 60, 30 * 60),)))
split_shift = Calendar("split", ZoneInfo("America/New_York"), {1: ((480, 720), (780, 1_020)), 5: ((600, 840),)})
CALENDARS = [
    office, around, nights, split_shift,
    *(Calendar(zone, ZoneInfo(zone), OFFICE | {6: ((60, 240),)}) for zone in ZONES),
]

instants = st.one_of(
    st.integers(at("2025-12-01T00:00"), at("2027-02-01T00:00")),
    # the hours around the changes of 2026 in the four zones
    st.sampled_from(["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"]).flatmap(
        lambda day: st.integers(at(f"{day}T00:00") - DAY, at(f"{day}T00:00") + DAY)
    ),
)
calendars = st.sampled_from(CALENDARS)
lengths = st.integers(1, 40 * DAY) | st.integers(1, 2 * HOUR)


@pytest.mark.parametrize(
    ("start", "length", "due"),
    [
        ("2026-06-01T10:00", 2 * HOUR, "2026-06-01T12:00"),
        ("2026-06-01T16:00", 1 * HOUR, "2026-06-01T17:00"),
        ("2026-06-01T16:00", 2 * HOUR, "2026-06-02T10:00"),
        ("2026-06-05T16:30", 1 * HOUR, "2026-06-08T09:30"),
        ("2026-06-06T12:00", 1 * MINUTE, "2026-06-08T09:01"),
        ("2026-06-01T17:00", 1 * MINUTE, "2026-06-02T09:01"),
        ("2026-12-24T16:00", 2 * HOUR, "2026-12-28T10:00"),
        ("2026-03-27T16:00", 2 * HOUR, "2026-03-30T10:00"),
        ("2026-10-23T16:00", 2 * HOUR, "2026-10-26T10:00"),
    ],
)
def test_office_hours(start: str, length: Millis, due: str) -> None:
    assert office.add(at(start, "Europe/Berlin"), length) == at(due, "Europe/Berlin")


def test_a_day_of_25_and_of_23_hours() -> None:
    assert around.between(at("2026-10-25T00:00", "Europe/Berlin"), at("2026-10-26T00:00", "Europe/Berlin")) == 25 * HOUR
    assert around.between(at("2026-03-29T00:00", "Europe/Berlin"), at("2026-03-30T00:00", "Europe/Berlin")) == 23 * HOUR


def test_hours_that_begin_in_the_skipped_hour_begin_at_the_skip() -> None:
    early = Calendar("early", ZoneInfo("Europe/Berlin"), {6: ((150, 240),)})
    skip = at("2026-03-29T01:00")
    assert not early.is_open(skip - 1)
    assert early.is_open(skip)
    assert early.between(skip - DAY, skip + DAY) == HOUR


def test_hours_over_the_doubled_hour_count_both() -> None:
    early = Calendar("early", ZoneInfo("Europe/Berlin"), {6: ((120, 180),)})
    assert early.between(at("2026-10-25T00:00"), at("2026-10-25T12:00")) == 2 * HOUR


def test_nights_belong_to_the_day_they_begin_on() -> None:
    late = Calendar("late", ZoneInfo("UTC"), {4: ((22 * 60, 30 * 60),)}, frozenset({date(2026, 6, 12)}))
    assert late.next_open(at("2026-06-01T00:00")) == at("2026-06-05T22:00")
    assert late.is_open(at("2026-06-06T05:59"))
    assert not late.is_open(at("2026-06-06T06:00"))
    assert late.next_open(at("2026-06-06T06:00")) == at("2026-06-19T22:00")


def test_holidays_come_by_year_and_open_days_win() -> None:
    asked: list[int] = []

    def holidays(year: int) -> frozenset[date]:
        asked.append(year)
        return frozenset({date(year, 6, 1), date(year, 6, 2)})

    festive = Calendar("f", ZoneInfo("UTC"), OFFICE, open_days=frozenset({date(2026, 6, 2)}), holidays=holidays)
    assert festive.next_open(at("2026-06-01T10:00")) == at("2026-06-02T09:00")
    assert not festive.is_open(at("2027-06-01T10:00"))
    assert len(asked) == len(set(asked))


def test_a_long_closure_is_stepped_over() -> None:
    closed = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(1_200))
    shut = Calendar("shut", ZoneInfo("UTC"), OFFICE, closed)
    assert shut.add(at("2026-01-05T10:00"), HOUR) == at("2029-04-16T10:00")
    assert shut.next_open(at("2026-01-05T10:00")) == at("2029-04-16T09:00")


@pytest.mark.parametrize("weekly", [{}, {0: ()}, {7: ((0, 10),)}, {0: ((10, 10),)}, {0: ((-1, 10),)}, {0: ((0,
    3_000),)}])
def test_impossible_hours_are_refused(weekly: dict[int, Spans]) -> None:
    with pytest.raises(ValueError, match="open"):
        Calendar("x", ZoneInfo("UTC"), weekly)


@pytest.mark.parametrize("far", [-(10**14), 8 * 10**12, 10**17])
def test_beyond_all_years_it_counts_round_the_clock(far: Millis) -> None:
    assert office.add(far, HOUR) == far + HOUR
    assert office.next_open(far) == far
    assert office.between(far, far + HOUR) == HOUR
    assert office.is_open(far)


@given(calendars, instants, lengths)
def test_add_and_between_are_inverse(calendar: Calendar, start: Millis, length: Millis) -> None:
    due = calendar.add(start, length)
    assert calendar.between(start, due) == length
    assert calendar.is_open(due - 1)


@given(calendars, instants, lengths, lengths)
def test_more_time_is_due_later_and_parts_add_up(calendar: Calendar, start: Millis, one: Millis, two: Millis) -> None:
    first = calendar.add(start, one)
    assert start < first < calendar.add(start, one + two)
    assert calendar.add(first, two) == calendar.add(start, one + two)


@given(calendars, instants, instants, lengths)
def test_a_later_start_is_never_due_earlier(calendar: Calendar, one: Millis, two: Millis, length: Millis) -> None:
    low, high = sorted((one, two))
    assert calendar.add(low, length) <= calendar.add(high, length)


@given(calendars, instants, instants, instants)
def test_stretches_add_up(calendar: Calendar, one: Millis, two: Millis, three: Millis) -> None:
    low, middle, high = sorted((one, two, three))
    assert calendar.between(low, middle) + calendar.between(middle, high) == calendar.between(low, high)
    assert 0 <= calendar.between(low, high) <= high - low
    assert low == middle or calendar.between(middle, low) == 0


@given(calendars, instants)
def test_next_open_is_the_first_open_instant(calendar: Calendar, start: Millis) -> None:
    opens = calendar.next_open(start)
    assert calendar.is_open(opens)
    assert calendar.between(start, opens) == 0
    assert (opens == start) is calendar.is_open(start)


@given(st.sampled_from(ZONES), instants, st.integers(0, 3 * DAY))
def test_as_a_walk_over_every_minute_counts(zone: str, start: Millis, length: Millis) -> None:
    """Open exactly while the wall clock says so, on days whose hours are clear of the change itself."""
    calendar = Calendar("x", ZoneInfo(zone), OFFICE)
    start -= start % MINUTE
    length -= length % MINUTE
    minutes = range(start, start + length, MINUTE)
    shown = (local(instant, zone) for instant in minutes)
    walked = sum(MINUTE for wall in shown if wall.weekday() < 5 and 9 <= wall.hour < 17)
    assert calendar.between(start, start + length) == walked


@given(instants, lengths)
def test_always(start: Millis, length: Millis) -> None:
    assert ALWAYS.add(start, length) == start + length
    assert ALWAYS.between(start, start + length) == length
    assert ALWAYS.next_open(start) == start
    assert ALWAYS.is_open(start)


@given(st.permutations([at("1999-05-05T10:00"), at("2026-06-01T10:00"), at("2040-01-09T10:00"),
    at("1971-03-03T09:00")]))
def test_the_order_of_questions_does_not_matter(order: list[Millis]) -> None:
    fresh = Calendar("fresh", ZoneInfo("Europe/Berlin"), OFFICE)
    answers = {start: fresh.add(start, 9 * HOUR + SECOND) for start in order}
    assert all(fresh.between(start, due) == 9 * HOUR + SECOND for start, due in answers.items())
    assert answers == {start: fresh.add(start, 9 * HOUR + SECOND) for start in reversed(order)}
