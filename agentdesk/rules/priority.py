"""How bad a conversation is, and why in words; it only ever raises one above others and hides none."""

from __future__ import annotations

import re

import msgspec

from agentdesk.model.conversation import Severity
from agentdesk.rules.signals import Signals

CRITICAL_POINTS = 10.0
HIGH_POINTS = 4.0
PRAISE_POINTS = -2.0
WEAK_MOST = 3.0
"""Words below ``HIGH_POINTS`` add at most this together, so that mere complaining is never urgent by itself."""
VIP_POINTS = 4.0
REACH: tuple[tuple[int, float], ...] = ((100_000, 4.0), (10_000, 2.0))
"""Points by followers, most first."""
BURST: tuple[tuple[int, float], ...] = ((6, 4.0), (3, 2.0))
"""Points by messages without an answer, most first."""
PRIORITY: dict[str, float] = {
    "emergency": 10.0, "blocker": 10.0, "critical": 10.0, "urgent": 10.0, "p1": 10.0, "kritisch": 10.0, "urgente": 10.0,
    "high": 4.0, "important": 4.0, "p2": 4.0, "hoch": 4.0, "alta": 4.0, "haute": 4.0,
}
"""Points by what a help desk calls its priority."""
PRIORITY_NUMBER = 90
"""A bare number from here on counts as high; scales differ, and a small one says nothing."""
MAX_NAMED = 3

_PRIORITY_WORD = re.compile(r"[a-z]+\d?|\d+")


class Weight(msgspec.Struct, frozen=True):
    """A conversation's severity with the reasons for it."""

    severity: Severity
    points: float
    reasons: tuple[str, ...]


CALM = Weight(Severity.NORMAL, 0.0, ())
"""Nothing speaks for raising it."""


def weigh(
    text: str, *, followers: int | None = None, vip: bool = False, server_priority: str = "", burst: int = 0,
    signals: Signals,
) -> Weight:
    """Judge the unanswered ``text`` of a customer together with who says it and how often.

    Praise is only believed when nothing else is found and nothing in the text asks, denies or contrasts.
    """
    found = signals.find(text) if text else {}
    points, reasons = _words(found)
    if server_priority:
        more = priority_points(server_priority)
        if more:
            points += more
            reasons.append(f"priority «{server_priority}» on the help desk")
    if not points and _praises(found) and not signals.doubtful(text):
        return Weight(Severity.PRAISE, sum(found.values()), (_says([word for word, n in found.items() if n < 0]),))
    if vip:
        points += VIP_POINTS
        reasons.append("VIP")
    if followers and (more := _step(REACH, followers)):
        points += more
        reasons.append(f"{count_text(followers)} followers")
    if burst and (more := _step(BURST, burst)):
        points += more
        reasons.append(f"{burst} messages without an answer")
    if not points:
        return CALM
    return Weight(_severity(points), points, tuple(reasons))


def priority_points(priority: str) -> float:
    """What a help desk's own priority is worth."""
    words = _PRIORITY_WORD.findall(priority.lower())
    if len(words) == 1 and words[0].isdecimal():
        return HIGH_POINTS if int(words[0][:6]) >= PRIORITY_NUMBER else 0.0
    return max((PRIORITY.get(word, 0.0) for word in words), default=0.0)


def count_text(number: int) -> str:
    """A number as people say it: ``980``, ``12.4k``, ``3.1m``."""
    if number < 1_000:
        return str(number)
    unit, name = (1_000, "k") if number < 1_000_000 else (1_000_000, "m")
    tenths = number * 10 // unit
    return f"{tenths // 10}.{tenths % 10}{name}" if tenths % 10 else f"{tenths // 10}{name}"


def _severity(points: float) -> Severity:
    if points >= CRITICAL_POINTS:
        return Severity.CRITICAL
    return Severity.HIGH if points >= HIGH_POINTS else Severity.NORMAL


def _words(found: dict[str, float]) -> tuple[float, list[str]]:
    """Points and reason for the words that raise."""
    raising = {word: weight for word, weight in found.items() if weight > 0}
    if not raising:
        return 0.0, []
    strong = sum(weight for weight in raising.values() if weight >= HIGH_POINTS)
    weak = sum(weight for weight in raising.values() if weight < HIGH_POINTS)
    return strong + min(weak, WEAK_MOST), [_says(sorted(raising, key=raising.__getitem__, reverse=True))]


def _praises(found: dict[str, float]) -> bool:
    return sum(found.values()) <= PRAISE_POINTS


def _says(words: list[str]) -> str:
    return "says " + ", ".join(f"«{word}»" for word in words[:MAX_NAMED])


def _step(steps: tuple[tuple[int, float], ...], value: int) -> float:
    return next((points for least, points in steps if value >= least), 0.0)
