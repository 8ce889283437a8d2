"""The head of a conversation as rows: who, where, every clock, who has it, and what stands in the way of a reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from agentdesk.model.clock import HOUR, Millis
from agentdesk.model.conversation import ClockKind, Conversation, DueClock, Link, State
from agentdesk.model.message import Visibility
from agentdesk.rules.sla import Standing, left, standing
from agentdesk.ui.present import line
from agentdesk.ui.present import width as wide
from agentdesk.ui.theme import UNICODE, Glyphs
from agentdesk.ui.widgets.runs import Row, Run, cells, flow
from agentdesk.ui.widgets.when import length, moment

KINDS = {ClockKind.FIRST: "first reply", ClockKind.NEXT: "next reply", ClockKind.RESOLUTION: "resolution",
         ClockKind.PROMISE: "promise"}
"""What a clock counts to, in words."""

Item = tuple[Run, ...]


@dataclass(frozen=True)
class Page:
    """What the head is laid out with."""

    width: int
    zone: ZoneInfo
    now: Millis
    agent: str
    glyphs: Glyphs = UNICODE
    opens: Millis | None = None
    """When the calendar of the leading clock opens again; None while it is open."""
    links: tuple[Link, ...] = ()
    """Tickets and posts that it is tied to."""


def rows(it: Conversation, page: Page, visibility: Visibility | None, vip: bool = False, most: int = 9) -> list[Row]:
    """All rows of the head, drawn together when there would be more than ``most``.

    Their number changes only with the conversation and the width.
    """
    drawn = _apart(it, page, visibility, vip)
    if len(drawn) <= most:
        return drawn
    place = it.source + (f" · {visibility.value}" if visibility is not None else "")
    items = [*_told_below(it, page), *_clocks(it, page), *ties(page), *_claim(it, page), *_expected(it, page),
             *_facts(it, page, place)]
    if it.subject:
        items.append((Run(line(it.subject, 40, pad=False), "text"),))
    lock = drawn[-1:] if it.locked_reason else []
    flowing = [_row(runs) for runs in flow(items, max(10, page.width - 2), gap=Run("   "))]
    return [_title(it, page, "", vip), *flowing[:max(0, most - 1 - len(lock))], *lock]


def _apart(it: Conversation, page: Page, visibility: Visibility | None, vip: bool) -> list[Row]:
    """Each kind of fact on rows of its own."""
    room = max(10, page.width - 2)
    place = it.source + (f" · {visibility.value}" if visibility is not None else "")
    state = 0 if _told_below(it, page) else cells(_state(it, page))
    taken = len(f"#{it.id} ") + wide(it.name) + len(place) + (5 if vip else 0) + (state + 2 if state else 0) + 4
    beside = taken <= page.width
    drawn = [_title(it, page, place if beside else "", vip)]
    if it.subject:
        drawn.append(_row((Run(line(it.subject, room, pad=False), "bright"),)))
    drawn.extend(_row(runs) for runs in flow([*_clocks(it, page), *_expected(it, page)], room, gap=Run("   ")))
    facts = [*_told_below(it, page), *ties(page), *_claim(it, page), *_facts(it, page, "" if beside else place)]
    drawn.extend(_row(runs) for runs in flow(facts, room))
    if it.locked_reason:
        words = f"{page.glyphs.cross} no reply can be sent: {it.locked_reason}"
        drawn.append(_row((Run(line(words, room, pad=False), "late"),)))
    return drawn


def _row(runs: Sequence[Run]) -> Row:
    return Row((Run(" "), *runs))


def _title(it: Conversation, page: Page, place: str, vip: bool) -> Row:
    """Number, name, source and visibility; the state at the right edge when it is not open."""
    right = () if _told_below(it, page) else _state(it, page)
    state = cells(right) + 1 if right else 0
    number = f"#{it.id} "
    room = max(4, page.width - 2 - len(number) - state - (5 if vip else 0))
    name = line(it.name or "unknown", min(room, max(10, room - len(place) - 2)) if place else room, pad=False)
    runs = [Run(" "), Run(number, "dim"), Run(name, "bright", bold=True)]
    if vip:
        runs.append(Run("  VIP", "praise"))
    if place:
        runs.append(Run(f"  {line(place, len(place), pad=False)}", "dim"))
    return Row(tuple(runs), (*right, Run(" ")) if right else ())


def _told_below(it: Conversation, page: Page) -> list[Item]:
    """How it stands, where the name would have to make way for that."""
    state = _state(it, page)
    tight = len(f"#{it.id} ") + wide(it.name or "unknown") + cells(state) + 9 > page.width
    return [state] if state and (tight or cells(state) >= page.width // 2) else []


def _state(it: Conversation, page: Page) -> tuple[Run, ...]:
    """How it stands when it is not open."""
    match it.state:
        case State.OPEN:
            return ()
        case State.WAITING:
            return (Run("waiting for the customer", "dim"),)
        case State.SNOOZED:
            until = f" until {moment(it.snoozed_until, page.now, page.zone)}" if it.snoozed_until else ""
            return (Run(f"snoozed{until}", "mine"),)
        case State.DONE if it.review:
            return (Run("review", "soon", bold=True),)
        case State.DONE:
            if it.disposition is None:
                ended = "closed at the source" if it.remote_closed else "history, old when it was read in"
            else:
                ended = it.disposition.value.replace("_", " ")
            code = f" {line(it.disposition_code, 20, pad=False)}" if it.disposition_code else ""
            return (Run(f"{page.glyphs.check} done: {ended}{code}", "ok"),)


def _clocks(it: Conversation, page: Page) -> list[Item]:
    """Every clock, the one due first in front; those that stand still come last."""
    clocks = sorted(it.clocks, key=lambda clock: (clock.paused_since is not None, clock.due_at))
    return [_clock(clock, page) for clock in clocks]


def _expected(it: Conversation, page: Page) -> list[Item]:
    """What the customer expects, where that is earlier than our own target."""
    clock = min((c for c in it.clocks if c.expected_at is not None), key=lambda c: c.due_at, default=None)
    if clock is None or clock.expected_at is None:
        return []
    return [_expectation(clock.expected_at, clock.started_at, page)]


def _clock(clock: DueClock, page: Page) -> Item:
    """One clock: sign, time left, what it counts to, and its state in a word when that matters."""
    name = KINDS[clock.kind] + (f": {line(clock.words, 44, pad=False)}" if clock.words else "")
    tail = ", help desk's" if clock.by_server else ""
    if clock.paused_since is not None:
        rest = left(clock.due_at, clock.paused_since)
        return Run(f"{page.glyphs.paused} {rest}", "dim"), Run(f" {name}{tail} paused", "dim")
    state = standing(clock.due_at, clock.soon_at, page.now)
    if clock.calendar and page.opens is not None and state is not Standing.LATE:
        opens = moment(page.opens, page.now, page.zone)
        return Run(f"{page.glyphs.paused} {left(clock.due_at, page.now)}", "dim"), Run(f" {name} until {opens}", "dim")
    sign = {Standing.LATE: page.glyphs.critical, Standing.SOON: page.glyphs.high, Standing.OK: page.glyphs.normal}
    word = "" if state is Standing.OK else f" {state.value}"
    return (Run(f"{sign[state]} {left(clock.due_at, page.now)}{word}", state.value, bold=state is not Standing.OK),
            Run(f" {name}", "dim" if state is Standing.OK else "text"), Run(tail, "dim"))


def _expectation(at: Millis, since: Millis, page: Page) -> Item:
    """When customers expect an answer, earlier than our own target."""
    usual = length(at - since)
    if at > page.now:
        return (Run(f"expected within {usual}", "dim"),)
    over = page.now - at
    ago = f"{length(over - over % HOUR if over > 2 * HOUR else over)} ago"
    return (Run(f"{page.glyphs.warn} expected within {usual}, passed {ago}", "warn"),)


def _claim(it: Conversation, page: Page) -> list[Item]:
    """Who has it, while the claim lasts."""
    if not it.claim_agent or (it.claim_until or 0) <= page.now:
        return []
    until = moment(it.claim_until or 0, page.now, page.zone)
    if it.claim_agent == page.agent:
        return [(Run(f"{page.glyphs.mine} yours until {until}", "mine"),)]
    holder = line(it.claim_agent, 20, pad=False)
    return [(Run(f"{page.glyphs.other} {holder} has it until {until}", "warn"),)]


def ties(page: Page) -> list[Item]:
    """Tickets that it is tied to, and of a ticket its posts: ``rt#5512 open → depot``."""
    return [tie(link, page.glyphs) for link in page.links if link.kind == "ticket"]


def tie(link: Link, glyphs: Glyphs = UNICODE) -> Item:
    """One tie: what it is called, how it stands, and who has it."""
    name = line(link.label or link.url or "a ticket", 30, pad=False)
    if link.back:
        return (Run("ticket of ", "dim"), Run(name, "text"))
    runs = [Run(name, "text")]
    if link.status:
        runs.append(Run(f" {line(link.status, 16, pad=False)}", "ok" if link.closed else "soon"))
    if link.queue or link.assignee:
        runs.append(Run(f" {glyphs.arrow} {line(link.queue or link.assignee, 16, pad=False)}", "dim"))
    return tuple(runs)


def _facts(it: Conversation, page: Page, place: str) -> list[Item]:
    """Where it is when the title has no room for that, then help desk, tags and incident."""
    items: list[Item] = [(Run(line(place, len(place), pad=False), "dim"),)] if place else []
    if it.review:
        items.append((Run("closed at the source, nobody looked", "soon"),))
    if it.indirect:
        items.append((Run(f"{page.glyphs.heard} heard, not addressed to us", "accent"),))
    if it.status:
        items.append((Run(line(it.status, 20, pad=False), "text"),))
    if it.assignee:
        items.append((Run("with ", "dim"), Run(line(it.assignee, 20, pad=False), "text")))
    if it.priority:
        items.append((Run("priority ", "dim"), Run(line(it.priority, 16, pad=False), "text")))
    if it.queue:
        items.append((Run(line(it.queue, 20, pad=False), "dim"),))
    if it.incident:
        items.append((Run(f"{page.glyphs.incident} {line(it.incident, 24, pad=False)}", "accent"),))
    if it.tags:
        items.append(tuple(Run(("" if i == 0 else " ") + f"#{line(tag, 24, pad=False)}", "dim")
                           for i, tag in enumerate(it.tags)))
    return items
