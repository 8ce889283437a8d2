"""The figures of a period: how much came, how fast it was answered, and how it left the queue."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from agentdesk.model.clock import DAY, HOUR, Millis
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store.db import Db

AGES = (("under 1 h", HOUR), ("1 to 6 h", 6 * HOUR), ("6 to 24 h", DAY), ("1 to 3 days", 3 * DAY), ("over 3 days", 0))


class Replies(msgspec.Struct, frozen=True, kw_only=True):
    """First replies to conversations that began in the period; lengths in milliseconds, shares from 0 to 1."""

    conversations: int
    answered: int
    answered_share: float | None
    mean: Millis | None
    median: Millis | None
    p90: Millis | None
    within_target: float | None
    within_expectation: float | None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a breakdown."""

    name: str
    arrivals: int = 0
    answered: int = 0
    median: Millis | None = None
    within_target: float | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All the figures of one period [since, until)."""

    since: Millis
    until: Millis
    inbound: int
    outbound: int
    replies: Replies
    open_by_age: dict[str, int]
    dispositions: dict[str, int]
    codes: dict[str, int]
    by_source: tuple[Row, ...]
    by_agent: tuple[Row, ...]
    by_hour: tuple[Row, ...]


class _Case(msgspec.Struct, frozen=True):
    """One conversation that began in the period."""

    source: str
    began: Millis
    replied: Millis | None
    target: Millis
    expected: Millis


def report(db: Db, rulebook: Rulebook, since: Millis, until: Millis, now: Millis, zone: ZoneInfo) -> Report:
    """Count one period. Conversations count where they began, messages and dispositions where they happened."""
    cases = list(_cases(db, rulebook, since, until))
    messages = dict(db.rows("SELECT direction, count(*) FROM message WHERE created_at >= ? AND created_at < ? "
                            "GROUP BY direction", since, until))
    codes, how = _dispositions(db, since, until)
    return Report(
        since=since, until=until, inbound=messages.get("in", 0), outbound=messages.get("out", 0),
        replies=_replies(cases), open_by_age=_ages(db, now), dispositions=how, codes=codes,
        by_source=tuple(_row(name, [c for c in cases if c.source == name])
                        for name in sorted({c.source for c in cases})),
        by_agent=_agents(db, since, until), by_hour=_hours(cases, zone))


def _cases(db: Db, rulebook: Rulebook, since: Millis, until: Millis) -> Iterable[_Case]:
    rows = db.rows("SELECT source, tags, first_in_at, first_out_at, severity FROM conversation "
                   "WHERE first_in_at >= ? AND first_in_at < ?", since, until)
    for source, tags, began, replied, severity in rows:
        target, expected = rulebook.first_due(source=source, tags=tuple(msgspec.json.decode(tags)), severity=severity,
                                              at=began)
        answered = replied if replied is not None and replied >= began else None
        yield _Case(source, began, answered, target, expected)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _replies(cases: Sequence[_Case]) -> Replies:
    times = sorted(c.replied - c.began for c in cases if c.replied is not None)
    in_target = sum(1 for c in cases if c.replied is not None and c.replied <= c.target)
    expected = sum(1 for c in cases if c.replied is not None and c.replied <= c.expected)
    return Replies(
        conversations=len(cases), answered=len(times), answered_share=_share(len(times), len(cases)),
        mean=round(statistics.fmean(times)) if times else None,
        median=round(statistics.median(times)) if times else None,
        p90=times[min(len(times) - 1, int(len(times) * 0.9))] if times else None,
        within_target=_share(in_target, len(cases)), within_expectation=_share(expected, len(cases)))


def _row(name: str, cases: Sequence[_Case]) -> Row:
    figures = _replies(cases)
    return Row(name=name, arrivals=len(cases), answered=figures.answered, median=figures.median,
               within_target=figures.within_target)


def _ages(db: Db, now: Millis) -> dict[str, int]:
    """Open conversations by how long they have waited for us."""
    found: dict[str, int] = {name: 0 for name, _ in AGES}
    for (since,) in db.rows("SELECT coalesce(unanswered_since, last_in_at, created_at) FROM conversation "
                            "WHERE state = 'open'"):
        age = now - since
        found[next((name for name, limit in AGES if age < limit), AGES[-1][0])] += 1
    return found


def _dispositions(db: Db, since: Millis, until: Millis) -> tuple[dict[str, int], dict[str, int]]:
    """Codes and dispositions given in the period and not undone since."""
    rows = db.rows(
        "SELECT action, code, count(*) FROM ledger AS l WHERE at >= ? AND at < ? "
        "AND action IN ('answered', 'linked', 'not_actionable', 'duplicate', 'praise', 'spam') "
        "AND NOT EXISTS (SELECT 1 FROM ledger AS u WHERE u.undoes = l.uid) GROUP BY action, code", since, until)
    how: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for action, code, number in rows:
        how[action] += number
        if code:
            codes[f"{action}: {code}"] += number
    return dict(codes.most_common()), dict(how.most_common())


def _agents(db: Db, since: Millis, until: Millis) -> tuple[Row, ...]:
    rows: list[tuple[Any, ...]] = db.rows(
        "SELECT agent, sum(action = 'sent'), count(DISTINCT conversation_id) FROM ledger "
        "WHERE at >= ? AND at < ? AND agent <> '' GROUP BY agent ORDER BY 2 DESC, 1", since, until)
    return tuple(Row(name=agent, arrivals=worked, answered=sent) for agent, sent, worked in rows)


def _hours(cases: Sequence[_Case], zone: ZoneInfo) -> tuple[Row, ...]:
    """By the local hour in which conversations began."""
    by_hour: dict[int, list[_Case]] = {}
    for case in cases:
        by_hour.setdefault(datetime.fromtimestamp(case.began / 1000, UTC).astimezone(zone).hour, []).append(case)
    return tuple(_row(f"{hour:02d}:00", by_hour[hour]) for hour in sorted(by_hour))
