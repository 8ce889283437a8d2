"""Lengths of time, opening hours, days and zones as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.config.schema import OFFICE_HOURS, Hours
from agentdesk.config.shape import CENTURY
from agentdesk.config.units import (
    UNITS,
    check_overlap,
    parse_day,
    parse_hours,
    parse_length,
    parse_zone,
    say_length,
)
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND


@pytest.mark.parametrize(
    ("text", "length"),
    [("6h", 6 * HOUR), ("5s", 5 * SECOND), ("90m", 90 * MINUTE), ("3d", 3 * DAY), ("2w", 14 * DAY), ("300ms", 300),
     ("1d 12h", 36 * HOUR), ("1d12h", 36 * HOUR), ("1h 30m 5s", 5405 * SECOND), ("0", 0), ("0s", 0),
     (" 6h ", 6 * HOUR)],
)
def test_lengths_are_read(text: str, length: int) -> None:
    assert parse_length(text) == length


@pytest.mark.parametrize(
    "text",
    ["", "6", "h", "6 h", "6H", "-6h", "+6h", "1.5h", "6h,", "6hours", "6h 6h", "30m 1h", "1h  30m", "1h m", "1e3s",
     "٦h", "9999999999s", "999999999d", "6h\n5m", "off", "PT6H", "0x6h", "1M"],
)
def test_other_texts_are_no_lengths(text: str) -> None:
    with pytest.raises(ValueError, match=r"length of time|from large to small|century"):
        parse_length(text)


@given(st.integers(0, CENTURY))
def test_a_length_that_is_said_is_read_again(length: int) -> None:
    assert parse_length(say_length(length)) == length


@given(st.integers(1, 99_999), st.sampled_from(sorted(UNITS)))
def test_one_unit_multiplies(number: int, unit: str) -> None:
    length = number * UNITS[unit]
    if length <= CENTURY:
        assert parse_length(f"{number}{unit}") == length
    else:
        with pytest.raises(ValueError, match="century"):
            parse_length(f"{number}{unit}")


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from(sorted(UNITS))), min_size=1, max_size=5))
def test_units_go_from_large_to_small(parts: list[tuple[int, str]]) -> None:
    text = " ".join(f"{number}{unit}" for number, unit in parts)
    sizes = [UNITS[unit] for _, unit in parts]
    if sizes == sorted(set(sizes), reverse=True):
        assert parse_length(text) == sum(number * size for (number, _), size in zip(parts, sizes, strict=True))
    else:
        with pytest.raises(ValueError, match="from large to small"):
            parse_length(text)


@given(st.text(max_size=12))
def test_any_text_is_a_length_or_refused_in_words(text: str) -> None:
    try:
        assert 0 <= parse_length(text) <= CENTURY
    except ValueError as error:
        reason = str(error)
    else:
        reason = "read"
    assert reason
    assert "invalid literal" not in reason


@pytest.mark.parametrize(
    ("line", "hours"),
    [
        ("mon-fri: 09:00-17:00", OFFICE_HOURS),
        ("Mon-Fri: 9:00 - 17:00", OFFICE_HOURS),
        ("sat: 10:00-14:00", (Hours(5, 600, 840),)),
        ("sat,sun: 10:00-14:00", (Hours(5, 600, 840), Hours(6, 600, 840))),
        ("sat-mon: 10:00-11:00", (Hours(5, 600, 660), Hours(6, 600, 660), Hours(0, 600, 660))),
        ("mon: 08:00-12:00, 13:00-18:00", (Hours(0, 480, 720), Hours(0, 780, 1080))),
        ("daily: 00:00-24:00", tuple(Hours(day, 0, 1440) for day in range(7))),
        ("fri: 22:00-06:00", (Hours(4, 1320, 1440), Hours(5, 0, 360))),
        ("sun: 22:00-06:00", (Hours(6, 1320, 1440), Hours(0, 0, 360))),
        ("mon: 22:00-00:00", (Hours(0, 1320, 1440),)),
    ],
)
def test_opening_hours_are_read(line: str, hours: tuple[Hours, ...]) -> None:
    assert parse_hours(line) == hours


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "not opening hours"),
        ("mon-fri", "not opening hours"),
        ("mon-fri 8-18", "not opening hours"),
        ("mon-fri: closed", "not opening hours"),
        ("mon-fri: 8-18", "not a span"),
        ("monday: 08:00-18:00", "days are mon"),
        ("mon-: 08:00-18:00", "days are mon"),
        ("mon,,tue: 08:00-18:00", "days are mon"),
        ("mon: 08:60-18:00", "no such time"),
        ("mon: 24:00-25:00", "no such time"),
        ("mon: 08:00-24:30", "no such time"),
        ("mon: 08:00-08:00", "empty"),
    ],
)
def test_other_texts_are_no_opening_hours(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_hours(line)


def test_spans_may_touch_but_not_overlap() -> None:
    check_overlap(parse_hours("mon: 08:00-12:00, 12:00-18:00"))
    assert check_overlap((Hours(1, 0, 1), Hours(0, 0, 1))) == (Hours(0, 0, 1), Hours(1, 0, 1))
    with pytest.raises(ValueError, match="two spans overlap on tue"):
        check_overlap(parse_hours("mon-tue: 22:00-02:00") + parse_hours("tue: 01:00-03:00"))


@pytest.mark.parametrize("text", ["2026-12-24", "2024-02-29"])
def test_days_are_read(text: str) -> None:
    assert parse_day(text) == text


@pytest.mark.parametrize(
    "text", ["", "24.12.2026", "2026-2-3", "2026-02-30", "2025-02-29", "20261224", "2026-12-24T00:00", "٢٠٢٦-12-24"]
)
def test_other_texts_are_no_days(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a day|no such day"):
        parse_day(text)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])
def test_zones_are_read(name: str) -> None:
    assert parse_zone(name) == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [("Berlin", '"Europe/Berlin"'), ("new york", '"America/New_York"'), ("Europe/Berln", '"Europe/Berlin"'),
     ("europe/berlin", '"Europe/Berlin"'), ("CET+1:00", "Europe/Berlin"), ("../../etc/passwd", "Europe/Berlin"),
     ("/etc/localtime", "Europe/Berlin"), ("America", "America/"), ("a\0b", "names look like")],
)
def test_other_texts_are_no_zones(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match="no such time zone") as error:
        parse_zone(name)
    assert hint in str(error.value)
