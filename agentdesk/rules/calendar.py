"""Business hours: when a clock runs, as instants; zones, daylight saving and holidays are settled here alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

from agentdesk.model.clock import MINUTE, Millis

DAY_MINUTES = 1_440
FIRST_YEAR = 1970
LAST_YEAR = 2200
"""Beyond these years a calendar counts round the clock: no real due time lies there."""

Spans = tuple[tuple[int, int], ...]
"""Opening and closing in minutes from midnight; a closing beyond 1440 is on the next day."""

_MIDNIGHT = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = -2 * DAY_MINUTES * MINUTE
_LAST = (datetime(LAST_YEAR, 1, 1, tzinfo=UTC) - _MIDNIGHT) // timedelta(milliseconds=1)


class _Row(NamedTuple):
    """The open stretches of the years from ``low`` up to, without, ``high``; replaced whole, so threads can share."""

    low: int
    high: int
    starts: list[Millis]
    ends: list[Millis]
    sums: list[Millis]
    """Open time before each stretch."""

    def passed(self, at: Millis) -> Millis:
        """Open time from the first stretch to ``at``."""
        place = bisect_right(self.starts, at) - 1
        if place < 0:
            return 0
        return self.sums[place] + min(at, self.ends[place]) - self.starts[place]

    def total(self) -> Millis:
        """Open time in all stretches."""
        return self.sums[-1] + self.ends[-1] - self.starts[-1] if self.starts else 0


class Calendar:
    """When the desk is open, and arithmetic in open time.

    The open stretches are laid out once per year as UTC instants; after that every question is a binary search.
    """

    def __init__(
        self,
        name: str,
        zone: ZoneInfo,
        weekly: Mapping[int, Spans],
        closed_days: frozenset[date] = frozenset(),
        *,
        open_days: frozenset[date] = frozenset(),
        holidays: Callable[[int], frozenset[date]] | None = None,
    ) -> None:
        """``weekly`` goes by weekday, Monday is 0; ``open_days`` are open even on a holiday.

        ``holidays`` gives the closed days of a year. A week without any open minute is refused with ValueError.
        """
        for day, spans in weekly.items():
            if not 0 <= day <= 6 or not all(0 <= start < end <= 2 * DAY_MINUTES for start, end in spans):
                raise ValueError(f"not opening hours: {day}: {spans}")
        if not any(weekly.values()):
            raise ValueError(f"the calendar {name} is never open")
        self.name = name
        self.zone = zone
        self._weekly = {day: tuple(spans) for day, spans in weekly.items()}
        self._closed = closed_days
        self._open = open_days
        self._holidays = holidays
        self._years: dict[int, list[tuple[Millis, Millis]]] = {}
        self._row = _Row(0, 0, [], [], [])

    def is_open(self, at: Millis) -> bool:
        """True when clocks run at ``at``."""
        row = self._reach(at)
        if row is None:
            return True
        place = bisect_right(row.starts, at) - 1
        return place >= 0 and at < row.ends[place]

    def next_open(self, at: Millis) -> Millis:
        """The first instant from ``at`` on at which clocks run; ``at`` itself when they run already."""
        row = self._reach(at)
        while row is not None:
            place = bisect_right(row.starts, at)
            if place and at < row.ends[place - 1]:
                return at
            if place < len(row.starts):
                return row.starts[place]
            row = self._longer(row)
        return at

    def add(self, at: Millis, length: Millis) -> Millis:
        """The instant by which ``length`` of open time has passed since ``at``; a closing before an opening."""
        row = self._reach(at)
        if length <= 0 or row is None:
            return at + max(0, length)
        goal = row.passed(at) + length
        while row.total() < goal:
            longer = self._longer(row)
            if longer is None:
                return at + length
            row = longer
        place = bisect_right(row.sums, goal - 1) - 1
        return row.starts[place] + goal - row.sums[place]

    def between(self, since: Millis, until: Millis) -> Millis:
        """How much open time lies from ``since`` to ``until``; 0 when they are the wrong way round."""
        if until <= since:
            return 0
        first, row = self._reach(since), self._reach(until)
        if first is None or row is None:
            return until - since
        if row.low > first.low:
            row = self._lay(first.low, row.high)
        return row.passed(until) - row.passed(since)

    # -- laying out ---------------------------------------------------------------------------------------------------

    def _reach(self, at: Millis) -> _Row | None:
        """The row that holds the years around ``at``; None where no calendar counts."""
        row = self._row
        if row.starts and row.starts[0] <= at < row.starts[-1]:
            return row
        if not _FIRST <= at < _LAST:
            return None
        year = (_MIDNIGHT + timedelta(milliseconds=at)).year
        low, high = max(FIRST_YEAR - 1, year - 1), min(LAST_YEAR, year + 1) + 1
        if row.low < row.high:
            if row.low <= low and high <= row.high:
                return row
            low, high = min(low, row.low), max(high, row.high)
        return self._lay(low, high)

    def _longer(self, row: _Row) -> _Row | None:
        """The row with one more year at its end; None when there are no more."""
        return self._lay(row.low, row.high + 1) if row.high <= LAST_YEAR else None

    def _lay(self, low: int, high: int) -> _Row:
        """Put the stretches of the years from ``low`` up to, without, ``high`` in one row, overlapping ones joined."""
        starts: list[Millis] = []
        ends: list[Millis] = []
        for year in range(low, high):
            if year not in self._years:
                self._years[year] = self._year(year)
            for start, end in self._years[year]:
                if ends and start <= ends[-1]:
                    ends[-1] = max(ends[-1], end)
                else:
                    starts.append(start)
                    ends.append(end)
        lengths = (end - start for start, end in zip(starts, ends, strict=True))
        sums = [0, *accumulate(lengths)][: len(starts)]
        self._row = _Row(low, high, starts, ends, sums)
        return self._row

    def _year(self, year: int) -> list[tuple[Millis, Millis]]:
        closed = self._closed | (self._holidays(year) if self._holidays else frozenset())
        out: list[tuple[Millis, Millis]] = []
        day = date(year, 1, 1)
        while day.year == year:
            if day not in closed or day in self._open:
                for start, end in self._weekly.get(day.weekday(), ()):
                    since, until = self._instant(day, start, fold=0), self._instant(day, end, fold=1)
                    if since < until:
                        out.append((since, until))
            day += timedelta(days=1)
        return sorted(out)

    def _instant(self, day: date, minute: int, *, fold: int) -> Millis:
        """The instant at which the wall clock of ``day`` shows ``minute``.

        A time that comes twice is its first coming for an opening, its second for a closing; a time that is skipped is
        the instant of the skip.
        """
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        wall = (midnight + timedelta(minutes=minute)).replace(fold=fold)
        at = _millis(wall)
        shown = (_MIDNIGHT + timedelta(milliseconds=at)).astimezone(self.zone)
        if shown.replace(tzinfo=None) == wall.replace(tzinfo=None):
            return at
        low, high = sorted((_millis(wall.replace(fold=0)), _millis(wall.replace(fold=1))))
        before = self._offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(middle) == before else (low, middle)
        return high

    def _offset(self, at: Millis) -> timedelta | None:
        return (_MIDNIGHT + timedelta(milliseconds=at)).astimezone(self.zone).utcoffset()


class _Always(Calendar):
    """Round the clock, every day."""

    def __init__(self) -> None:
        super().__init__("", ZoneInfo("UTC"), {0: ((0, DAY_MINUTES),)})

    def is_open(self, at: Millis) -> bool:
        return True

    def next_open(self, at: Millis) -> Millis:
        return at

    def add(self, at: Millis, length: Millis) -> Millis:
        return at + max(0, length)

    def between(self, since: Millis, until: Millis) -> Millis:
        return max(0, until - since)


ALWAYS: Calendar = _Always()
"""The calendar that never closes; its name is empty, as on a clock that runs round the clock."""


def _millis(wall: datetime) -> Millis:
    return (wall - _MIDNIGHT) // timedelta(milliseconds=1)
