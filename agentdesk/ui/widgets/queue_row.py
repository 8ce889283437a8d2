"""One row of the queue: what its countdown says and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from agentdesk.model.clock import DAY, Millis
from agentdesk.model.conversation import QueueRow, Severity, State
from agentdesk.rules.sla import left, seconds_shown
from agentdesk.ui.present import line, width
from agentdesk.ui.theme import Glyphs, Palette
from agentdesk.ui.widgets.when import MONTHS, WEEKDAYS, clock_time, day, local, moment

COUNTDOWN_AT = 4
"""The column in which the countdown begins; only cursor, mark and severity stand left of it."""
COUNTDOWN_CELLS = 10

Closed = Callable[[str, Millis], Millis | None]
"""(calendar, now) → when it opens again, or None while it is open."""
CursorLook = Literal["row", "bar"]


class Look(msgspec.Struct, frozen=True):
    """What all rows of one frame have in common."""

    palette: Palette
    agent: str
    width: int
    cursor: CursorLook
    focused: bool


def countdown(row: QueueRow, now: Millis, closed: Closed, zone: ZoneInfo, glyphs: Glyphs) -> tuple[str, str]:
    """The text of the clock column, ten cells wide, and its ink."""
    text, ink = _countdown(row, now, closed, zone, glyphs)
    return text.rjust(COUNTDOWN_CELLS)[:COUNTDOWN_CELLS], ink


def _countdown(row: QueueRow, now: Millis, closed: Closed, zone: ZoneInfo, glyphs: Glyphs) -> tuple[str, str]:
    if row.state is State.SNOOZED and row.snoozed_until is not None:
        return opening(row.snoozed_until, now, zone), "dim"
    if row.review:
        return "closed", "soon"
    if row.state is not State.OPEN or row.due_at is None:
        return (last_wrote(row.last_in_at, now, zone) if row.last_in_at is not None else ""), "dim"
    if now >= row.due_at:
        return aligned(row.due_at, now), "late"
    opens = closed(row.calendar, now) if row.calendar else None
    if opens is not None:
        when = opening(opens, now, zone)
        gap = " " if len(glyphs.paused) + 1 + len(when) <= COUNTDOWN_CELLS else ""
        return f"{glyphs.paused}{gap}{when}", "dim"
    if row.soon_at is not None and now >= row.soon_at:
        return aligned(row.due_at, now), "soon"
    return aligned(row.due_at, now), "praise" if row.severity is Severity.PRAISE else "ok"


def aligned(due_at: Millis, now: Millis) -> str:
    """The time left, hours and minutes always in the same columns: from an hour on the seconds are blank."""
    return left(due_at, now) + ("" if seconds_shown(due_at, now) else "   ")


def opening(at: Millis, now: Millis, zone: ZoneInfo) -> str:
    """When something begins again: ``14:30`` today, ``Mon 08:00`` this week, ``3 Dec`` later."""
    when = local(at, zone)
    if when.date() == local(now, zone).date():
        return clock_time(at, zone)
    if at - now < 7 * DAY:
        return f"{WEEKDAYS[when.weekday()]} {clock_time(at, zone)}"
    return f"{when.day} {MONTHS[when.month - 1]}"


def last_wrote(at: Millis, now: Millis, zone: ZoneInfo) -> str:
    """When the customer wrote last, within the clock column: ``Wed 02:51``, and ``14 Nov`` before this week."""
    exact = moment(at, now, zone)
    return exact if len(exact) <= COUNTDOWN_CELLS - 1 else day(at, now, zone)


def severity(row: QueueRow, glyphs: Glyphs) -> tuple[str, str]:
    """The sign of how bad it is, and its ink."""
    match row.severity:
        case Severity.CRITICAL:
            return glyphs.critical, "late"
        case Severity.HIGH:
            return glyphs.high, "soon"
        case Severity.PRAISE:
            return glyphs.praise, "praise"
    return glyphs.normal, "faint"


def marks(row: QueueRow, agent: str, glyphs: Glyphs) -> list[tuple[str, str]]:
    """The signs at the right end and their inks."""
    found: list[tuple[str, str]] = []
    more = max(row.unread, row.burst)
    if more > 1:
        found.append((f"+{min(more, 99)}", "dim"))
    if row.indirect:
        found.append((glyphs.heard, "dim"))
    if row.incident:
        found.append((glyphs.incident, "accent"))
    if row.unsent:
        found.append((glyphs.unsent, "soon"))
    holder = row.claim_agent or row.assignee
    if holder:
        found.append((glyphs.mine, "mine") if holder == agent else (glyphs.other, "mine"))
    if row.has_draft:
        found.append((glyphs.draft, "mine"))
    return found


def name_cells(width: int) -> int:
    """How wide the name column is in a list of this width."""
    return max(8, min(22, 14 + (width - 56) // 8))


class Part(NamedTuple):
    """A stretch of a row in one look, by meaning."""

    text: str
    ink: str
    ground: str
    bold: bool = False


def row_parts(row: QueueRow, look: Look, clock: tuple[str, str], *, cursor: bool, marked: bool) -> list[Part]:
    """The row from left to right; its cells add up to the width at most.

    Words on a lit row are all as bright: that shows where the cursor is, and costs a slow line the fewest pens.
    """
    glyphs = look.palette.glyphs
    under = "cursor" if cursor and look.cursor == "row" else "base"
    sign, sign_ink = severity(row, glyphs)
    text, clock_ink = clock
    fresh = row.unread > 0
    name = name_cells(look.width)
    tail = marks(row, look.agent, glyphs)
    tail_cells = sum(width(part) for part, _ in tail)
    room = look.width - (COUNTDOWN_AT + COUNTDOWN_CELLS + 1 + name + 3) - (tail_cells + 2 if tail else 1)
    lit = under == "cursor"
    bar_ink = "dim" if not look.focused else "accent" if look.cursor == "row" else "bright"
    parts = [
        Part(glyphs.bar if cursor else " ", bar_ink, under, cursor),
        Part(glyphs.selected if marked else " ", "accent", under),
        Part(sign.ljust(2), sign_ink, under, sign_ink in ("late", "soon")),
        Part(text, clock_ink, under, clock_ink in ("late", "soon")),
        Part(" ", "text", under),
        Part(line(row.name, name, tail=glyphs.ellipsis), "bright" if fresh or cursor else "text", under, cursor),
        Part(f" {line(row.letter, 1)} ", "bright" if lit else "accent", under),
    ]
    if room > 0:
        parts.append(Part(line(row.preview, room, tail=glyphs.ellipsis),
                          "bright" if lit else "text" if fresh else "dim", under))
    parts.append(Part(" ", "text", under))
    parts.extend(Part(part, ink, under) for part, ink in tail)
    if tail:
        parts.append(Part(" ", "text", under))
    return parts
