"""Instants and lengths as people read them in the desk's time zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, Millis

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def local(at: Millis, zone: ZoneInfo) -> datetime:
    """The instant on the wall clock of ``zone``."""
    return datetime.fromtimestamp(at // SECOND, zone)


def clock_time(at: Millis, zone: ZoneInfo) -> str:
    """``09:14``."""
    return f"{local(at, zone):%H:%M}"


def day(at: Millis, now: Millis, zone: ZoneInfo) -> str:
    """The day as short as it stays clear: ``Sat`` within six days, ``14 Feb`` within this year, else ``14 Feb 24``."""
    when, today = local(at, zone), local(now, zone)
    apart = abs((today.date() - when.date()).days)
    if apart < 6:
        return WEEKDAYS[when.weekday()]
    short = f"{when.day} {MONTHS[when.month - 1]}"
    return short if when.year == today.year else f"{short} {when.year % 100:02d}"


def month(at: Millis, now: Millis, zone: ZoneInfo) -> str:
    """``May`` within eleven months, else ``May 24``."""
    when, today = local(at, zone), local(now, zone)
    name = MONTHS[when.month - 1]
    apart = (today.year - when.year) * 12 + today.month - when.month
    return name if apart < 11 else f"{name} {when.year % 100:02d}"


def moment(at: Millis, now: Millis, zone: ZoneInfo) -> str:
    """``09:14`` today, else with its day: ``Sat 09:14``."""
    same = local(at, zone).date() == local(now, zone).date()
    return clock_time(at, zone) if same else f"{day(at, now, zone)} {clock_time(at, zone)}"


def length(span: Millis) -> str:
    """A length of time in one or two units: ``40 s``, ``11 min``, ``3 h 20 min``, ``2 d 4 h``."""
    span = max(0, span)
    if span < MINUTE:
        return f"{span // SECOND} s"
    if span < HOUR:
        return f"{span // MINUTE} min"
    if span < DAY:
        rest = span % HOUR // MINUTE
        return f"{span // HOUR} h {rest} min" if rest else f"{span // HOUR} h"
    rest = span % DAY // HOUR
    return f"{span // DAY} d {rest} h" if rest and span < 10 * DAY else f"{span // DAY} d"


def short_left(until: Millis, now: Millis) -> str:
    """What is left of a short wait: ``0:04``."""
    seconds = max(0, until - now + SECOND - 1) // SECOND
    return f"{seconds // 60}:{seconds % 60:02d}"


def size(count: int | None) -> str:
    """A file's size: ``412 kB``."""
    if count is None:
        return ""
    for unit, step in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= step:
            amount = count / step
            return f"{amount:.1f} {unit}" if amount < 10 and unit != "kB" else f"{amount:.0f} {unit}"
    return f"{count} B"


def many(count: int) -> str:
    """A number of followers: ``950``, ``12.4k``, ``3.1M``."""
    if count < 1_000:
        return str(count)
    if count < 10_000:
        return f"{count / 1_000:.1f}k".replace(".0k", "k")
    if count < 100_000:
        return f"{count / 1_000:.1f}k".replace(".0k", "k")
    return f"{count // 1_000}k" if count < 1_000_000 else f"{count / 1_000_000:.1f}M".replace(".0M", "M")
