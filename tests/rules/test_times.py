"""Times as typed and read, over daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.errors import UsageError
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, Millis
from agentdesk.rules.times import length_words, parse_when, say

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")]


def at(text: str, zone: ZoneInfo = BERLIN) -> Millis:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1_000)


NOW = at("2026-06-03T14:20:30")  # a Wednesday


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("2h", "2026-06-03T16:20:30"),
        ("90m", "2026-06-03T15:50:30"),
        ("in 90m", "2026-06-03T15:50:30"),
        ("1h30m", "2026-06-03T15:50:30"),
        ("1h 30m", "2026-06-03T15:50:30"),
        ("3d", "2026-06-06T14:20:30"),
        ("1w", "2026-06-10T14:20:30"),
        ("17:00", "2026-06-03T17:00"),
        ("9:30", "2026-06-04T09:30"),
        ("14:20", "2026-06-04T14:20"),
        ("5pm", "2026-06-03T17:00"),
        ("12am", "2026-06-04T00:00"),
        ("12:15 pm", "2026-06-04T12:15"),
        ("16", "2026-06-03T16:00"),
        ("today 18", "2026-06-03T18:00"),
        ("tomorrow", "2026-06-04T09:00"),
        ("tomorrow 9", "2026-06-04T09:00"),
        ("Tomorrow at 17:00", "2026-06-04T17:00"),
        ("tom 8pm", "2026-06-04T20:00"),
        ("mon", "2026-06-08T09:00"),
        ("mon 14:30", "2026-06-08T14:30"),
        ("thursday", "2026-06-04T09:00"),
        ("wed", "2026-06-10T09:00"),
        ("wed 23:59", "2026-06-10T23:59"),
        ("next fri 10", "2026-06-05T10:00"),
        ("next week", "2026-06-08T09:00"),
        ("next week 8:00", "2026-06-08T08:00"),
        ("2026-12-01", "2026-12-01T09:00"),
        ("2026-12-01 17:00", "2026-12-01T17:00"),
        ("2026-12-1t17:00", "2026-12-01T17:00"),
    ],
)
def test_understands(text: str, due: str) -> None:
    assert parse_when(text, NOW, BERLIN) == at(due)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "soon", "25:00", "9:75", "13pm", "0am", "930", "tomorrow soon", "mon 9 10", "2026-13-01", "2026-02-30",
     "next", "next year", "h", "2x", "-2h", "0m", "today 9", "2020-01-01", "9999d", "99999w", "2126-01-01",
     "9999-12-31 23:59"],
)
def test_refuses_what_is_no_future_time(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_when(text, NOW, BERLIN)
    assert caught.value.remedy


def test_a_day_keeps_the_time_on_the_wall_and_hours_pass_as_they_are() -> None:
    evening = at("2026-10-24T20:00")
    assert parse_when("1d", evening, BERLIN) == at("2026-10-25T20:00") == evening + 25 * HOUR
    assert parse_when("24h", evening, BERLIN) == evening + 24 * HOUR


def test_a_skipped_time_is_an_hour_later_and_a_doubled_one_its_first_coming() -> None:
    assert parse_when("2026-03-29 02:30", at("2026-03-01T00:00"), BERLIN) == at("2026-03-29T03:30")
    assert parse_when("2026-10-25 02:30", at("2026-10-01T00:00"), BERLIN) == at("2026-10-25T00:30", ZoneInfo("UTC"))


@given(st.text(alphabet="0123456789:-hdmw tomorwnexafriuspt", max_size=14), st.sampled_from(ZONES))
def test_any_text_is_a_future_time_or_refused(text: str, zone: ZoneInfo) -> None:
    try:
        due = parse_when(text, NOW, zone)
    except UsageError:
        return
    assert NOW < due < NOW + 3_700 * DAY


@given(st.integers(NOW - 900 * DAY, NOW + 900 * DAY), st.integers(0, 23), st.integers(0, 59), st.sampled_from(ZONES))
def test_a_time_of_day_is_its_next_coming(now: Millis, hour: int, minute: int, zone: ZoneInfo) -> None:
    due = parse_when(f"{hour}:{minute:02}", now, zone)
    assert now < due <= now + DAY + 2 * HOUR
    shown = datetime.fromtimestamp(due / 1_000, tz=UTC).astimezone(zone)
    skipped = shown.utcoffset() != datetime.fromtimestamp(due / 1_000 - 3_600, tz=UTC).astimezone(zone).utcoffset()
    assert (shown.hour, shown.minute) == (hour, minute) or skipped


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-06-03T17:00", "today 17:00"),
        ("2026-06-03T00:00", "today 00:00"),
        ("2026-06-04T09:00", "Thu 09:00"),
        ("2026-05-28T09:14", "Thu 09:14"),
        ("2026-06-09T09:00", "Tue 09:00"),
        ("2026-06-10T09:00", "10 Jun 09:00"),
        ("2026-05-27T09:00", "27 May 09:00"),
        ("2027-12-01T09:05", "1 Dec 2027 09:05"),
    ],
)
def test_says(text: str, said: str) -> None:
    assert say(at(text), NOW, BERLIN) == said


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (0, "0 seconds"), (SECOND, "1 second"), (90 * SECOND, "1 minute 30 seconds"), (HOUR, "1 hour"),
        (4 * HOUR, "4 hours"), (HOUR + 5 * SECOND, "1 hour"), (27 * HOUR, "1 day 3 hours"), (3 * DAY + MINUTE,
            "3 days"),
    ],
)
def test_lengths_in_words(length: Millis, words: str) -> None:
    assert length_words(length) == words
