"""Lengths of time, opening hours, days and zones as people write them; every refusal is a ValueError in words."""

from __future__ import annotations

import datetime
import difflib
import itertools
import re
from zoneinfo import ZoneInfo, available_timezones

from agentdesk.config.schema import Hours
from agentdesk.config.shape import CENTURY
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, Millis

UNITS: dict[str, Millis] = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1}
_PART = re.compile(r"([0-9]{1,9})(ms|[wdhms])")
_LENGTH = re.compile(r"[0-9]{1,9}(ms|[wdhms])( ?[0-9]{1,9}(ms|[wdhms]))*")
_BAD_LENGTH = "not a length of time; write it like 6h, 90m, 5s or 1d 12h"

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*[-–]\s*([0-9]{1,2}):([0-9]{2})")
_LINE = re.compile(r"([a-z, -]+?)\s*:\s*([0-9].*)")


def parse_length(text: str) -> Millis:
    """Read ``6h``, ``90m`` or ``1d 12h``; units go from large to small, each at most once."""
    text = text.strip()
    if text == "0":
        return 0
    if not _LENGTH.fullmatch(text):
        raise ValueError(_BAD_LENGTH)
    parts = _PART.findall(text)
    sizes = [UNITS[unit] for _, unit in parts]
    if any(later >= earlier for earlier, later in itertools.pairwise(sizes)):
        raise ValueError("units go from large to small, each once, like 1d 12h")
    length = sum(int(number) * size for (number, _), size in zip(parts, sizes, strict=True))
    if length > CENTURY:
        raise ValueError("longer than a century")
    return length


def say_length(length: Millis) -> str:
    """Write a length so that ``parse_length()`` gives it back."""
    if length == 0:
        return "0s"
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        size = UNITS[unit]
        number, length = divmod(length, size)
        if number:
            parts.append(f"{number}{unit}")
    return " ".join(parts)


def parse_hours(line: str) -> tuple[Hours, ...]:
    """Read ``mon-fri: 08:00-12:00, 13:00-18:00``; a span over midnight is split at it."""
    found = _LINE.fullmatch(line.strip().lower())
    if not found:
        raise ValueError("not opening hours; write them like mon-fri: 08:00-18:00")
    return parse_spans(found[1], found[2])


def parse_spans(days: str, spans: str) -> tuple[Hours, ...]:
    """Read the days (``mon-fri``, ``sat, sun``, ``daily``) and the spans of one line apart."""
    out: list[Hours] = []
    for span in spans.split(","):
        opens, closes = _span(span.strip())
        for day in _days(days.strip().lower()):
            out.extend(_split(day, opens, closes))
    return tuple(out)


def check_overlap(hours: tuple[Hours, ...]) -> tuple[Hours, ...]:
    """Return the week in order; ValueError when two spans overlap."""
    week = tuple(sorted(hours))
    for first, second in itertools.pairwise(week):
        if first.day == second.day and second.opens < first.closes:
            raise ValueError(f"two spans overlap on {DAYS[first.day]}")
    return week


def _split(day: int, opens: int, closes: int) -> tuple[Hours, ...]:
    if closes > opens:
        return (Hours(day, opens, closes),)
    evening = Hours(day, opens, 1440)
    return (evening, Hours((day + 1) % 7, 0, closes)) if closes else (evening,)


def _span(text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text)
    if not found:
        raise ValueError("not a span of hours; write it like 08:00-18:00")
    opens, closes = (int(found[at]) * 60 + int(found[at + 1]) for at in (1, 3))
    if int(found[2]) > 59 or int(found[4]) > 59 or opens >= 1440 or closes > 1440:
        raise ValueError("there is no such time of day")
    if opens == closes:
        raise ValueError("the span is empty; a whole day is 00:00-24:00")
    return opens, closes


def _days(text: str) -> list[int]:
    if text == "daily":
        return list(range(7))
    out: list[int] = []
    for part in text.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        begin, end = _day(first), _day(last if dash else first)
        out.extend((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return out


def _day(text: str) -> int:
    if text not in DAYS:
        raise ValueError("days are mon, tue, wed, thu, fri, sat, sun, or daily")
    return DAYS.index(text)


def parse_day(text: str) -> str:
    """Check that ``text`` is a day such as ``2026-12-24``."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("not a day; write it like 2026-12-24")
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError("there is no such day") from None
    return text


def parse_zone(text: str) -> str:
    """Check that ``text`` is a time zone's name."""
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        names = {name.lower(): name for name in available_timezones() if "/" in name or name == "UTC"}
        near = difflib.get_close_matches(text.lower(), names, 1, 0.7)
        cities = [name for key, name in names.items() if key.rpartition("/")[2] == text.lower().replace(" ", "_")]
        hint = names[near[0]] if near else min(cities, default="")
        more = f'; did you mean "{hint}"?' if hint else "; names look like Europe/Berlin"
        raise ValueError("no such time zone" + more) from None
    return text
