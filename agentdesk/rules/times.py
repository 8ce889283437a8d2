"""Times as people type and read them, always in a named zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn
from zoneinfo import ZoneInfo

from agentdesk.errors import UsageError
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, Millis

EXAMPLES = "2h, 90m, 3d, 17:00, tomorrow, tomorrow 9:30, mon, mon 14:30, next week, 2026-12-01 17:00"
"""What ``parse_when`` understands, for messages and prompts."""

MORNING = 9 * 60
"""The minute of the day that a bare day stands for."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_LENGTH = re.compile(r"(?:in )?((?:\d{1,5} ?[wdhm] ?)+)")
_PART = re.compile(r"(\d{1,5}) ?([wdhm])")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))? ?(am|pm)?")
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_JOINED = re.compile(r"(-\d{1,2})t(\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 10 * 366 * DAY


def parse_when(text: str, now: Millis, zone: ZoneInfo) -> Millis:
    """The future instant that ``text`` names; anything else is a UsageError with examples.

    Lengths count in plain time except whole days, which keep the time on the wall; a bare day is nine in the morning; a
    bare time is its next coming; a weekday is the next one, never today.
    """
    words = " ".join(_JOINED.sub(r"\1 \2", text.lower()).replace(" at ", " ").split())
    if not words:
        raise UsageError("No time was given", remedy=f"Write one of: {EXAMPLES}.")
    at = _length(words, now, zone) or _moment(text, words, now, zone)
    if at <= now:
        raise UsageError(f"«{text}» lies in the past", f"It would be {say(at, now, zone)}.", "Give a later time.")
    if at - now > _MOST:
        raise UsageError(f"«{text}» is more than ten years away", remedy="Give an earlier time.")
    return at


def say(at: Millis, now: Millis, zone: ZoneInfo) -> str:
    """An instant for reading, as short as is clear at ``now``: ``today 17:00``, ``Sat 09:14``, ``1 Dec 2027 09:00``."""
    there, here = _local(at, zone), _local(now, zone)
    clock = f"{there.hour:02}:{there.minute:02}"
    days = (there.date() - here.date()).days
    if days == 0:
        return f"today {clock}"
    if -7 < days < 7:
        return f"{_DAYS[there.weekday()].capitalize()} {clock}"
    year = f" {there.year}" if there.year != here.year else ""
    return f"{there.day} {_MONTHS[there.month - 1]}{year} {clock}"


def length_words(length: Millis) -> str:
    """A length of time in words, at most two units: ``4 hours``, ``1 day 3 hours``, ``40 seconds``."""
    parts: list[str] = []
    for size, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second")):
        count, length = divmod(length, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 seconds"


def _length(words: str, now: Millis, zone: ZoneInfo) -> Millis | None:
    found = _LENGTH.fullmatch(words)
    if not found:
        return None
    at, days = now, 0
    for count, unit in _PART.findall(found[1]):
        if unit in "wd":
            days += int(count) * (7 if unit == "w" else 1)
        else:
            at += int(count) * _UNITS[unit]
    if not days:
        return at
    if days * DAY > _MOST:
        return at + days * DAY
    return _millis(_local(at, zone) + timedelta(days=days)) + at % SECOND


def _moment(text: str, words: str, now: Millis, zone: ZoneInfo) -> Millis:
    """A day, a time, or both."""
    today = _local(now, zone).date()
    first, _, rest = words.partition(" ")
    if first == "next" and rest:
        second, _, rest = rest.partition(" ")
        day = today + timedelta(days=7 - today.weekday()) if second == "week" else _weekday(second, today)
    else:
        day = _day(first, today, text)
    if day is None:
        minute = _clock(words, text)
        at = _at(today, minute, zone)
        return at if at > now else _at(today + timedelta(days=1), minute, zone)
    return _at(day, _clock(rest, text) if rest else MORNING, zone)


def _day(word: str, today: date, text: str) -> date | None:
    """The day that ``word`` names; None when it names none."""
    if word in ("today", "tonight"):
        return today
    if word in ("tomorrow", "tom"):
        return today + timedelta(days=1)
    found = _DATE.fullmatch(word)
    if found:
        try:
            return date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError:
            raise UsageError(f"There is no day «{word}»", remedy="Write year-month-day, as in 2026-12-01.") from None
    return _weekday(word, today)


def _weekday(word: str, today: date) -> date | None:
    for number, (short, long) in enumerate(zip(_DAYS, _LONG_DAYS, strict=True)):
        if word == short or (len(word) > 2 and long.startswith(word)):
            return today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)
    return None


def _clock(words: str, text: str) -> int:
    """The minute of the day that ``words`` name."""
    found = _CLOCK.fullmatch(words)
    if not found or (found[2] is None and found[3] is None and len(words) > 2):
        _refuse(text)
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if not 1 <= hour <= 12:
            _refuse(text)
        hour = hour % 12 + (12 if found[3] == "pm" else 0)
    if hour > 23 or minute > 59:
        _refuse(text)
    return hour * 60 + minute


def _refuse(text: str) -> NoReturn:
    raise UsageError(f"«{text}» is not a time", remedy=f"Write one of: {EXAMPLES}.")


def _at(day: date, minute: int, zone: ZoneInfo) -> Millis:
    """The instant at which the wall clock of ``day`` shows ``minute``; the first of two, or after a skipped hour."""
    return _millis(datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone))


def _local(at: Millis, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(seconds=at // SECOND)).astimezone(zone)


def _millis(moment: datetime) -> Millis:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
