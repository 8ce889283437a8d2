"""All rules of one desk together, built once from the configuration and asked for every conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec

from agentdesk.errors import ConfigError, DeskError, UsageError
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import DueClock, Severity
from agentdesk.rules.calendar import ALWAYS, Calendar, Spans
from agentdesk.rules.match import Subject
from agentdesk.rules.order import rank
from agentdesk.rules.priority import Weight, weigh
from agentdesk.rules.query import Query, matches, parse
from agentdesk.rules.signals import Signals
from agentdesk.rules.sla import Facts, Policy, clocks, leading
from agentdesk.rules.terms import leaves

ROUND_THE_CLOCK = "24x7"
"""What policies call the calendar that never closes."""

POLICY_FIELDS = frozenset({
    "source", "channel", "kind", "severity", "assignee", "tag", "incident", "lang", "queue", "status", "priority",
    "name", "followers", "burst", "messages", "vip", "indirect",
})
"""What a policy's query may ask: facts that stay the same while clocks run."""


class Stand(msgspec.Struct, frozen=True):
    """How a conversation stands: all that the queue is sorted and drawn by."""

    clocks: tuple[DueClock, ...]
    severity: Severity
    reasons: tuple[str, ...]
    rank: int
    leading: DueClock | None
    """The running clock that is due first."""


class HoursLike(Protocol):
    """One stretch of opening hours, in minutes from midnight."""

    @property
    def day(self) -> int: ...
    @property
    def opens(self) -> int: ...
    @property
    def closes(self) -> int: ...


class CalendarLike(Protocol):
    """What a calendar's configuration says."""

    @property
    def name(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def hours(self) -> Iterable[HoursLike]: ...
    @property
    def holidays(self) -> str: ...
    @property
    def closed(self) -> Iterable[str]: ...
    @property
    def open(self) -> Iterable[str]: ...


class PolicyLike(Protocol):
    """What a policy's configuration says."""

    @property
    def name(self) -> str: ...
    @property
    def when(self) -> str: ...
    @property
    def calendar(self) -> str: ...
    @property
    def first(self) -> Millis | None: ...
    @property
    def next(self) -> Millis | None: ...
    @property
    def resolution(self) -> Millis | None: ...
    @property
    def expectation(self) -> Millis | None: ...
    @property
    def tell(self) -> Millis | None: ...
    @property
    def soon(self) -> Millis | None: ...


class ConfigLike(Protocol):
    """The part of the configuration that holds rules."""

    @property
    def calendars(self) -> Iterable[CalendarLike]: ...
    @property
    def policies(self) -> Iterable[PolicyLike]: ...
    @property
    def signals(self) -> Mapping[str, float]: ...


class Rule(msgspec.Struct, frozen=True):
    """A policy and the conversations it is for; ``when`` None for all."""

    when: Query | None
    policy: Policy


class Rulebook:
    """Policies, calendars and signal words of one desk."""

    def __init__(
        self, rules: Iterable[Rule], *, calendars: Mapping[str, Calendar] | None = None, signals: Signals | None = None,
    ) -> None:
        """The first of ``rules`` that matches a conversation sets its targets; without a match it has none."""
        self.rules = tuple(rules)
        self.calendars = {"": ALWAYS, ROUND_THE_CLOCK: ALWAYS, **(calendars or {})}
        self.signals = signals or Signals()

    @classmethod
    def build(cls, config: ConfigLike, zone: ZoneInfo) -> Rulebook:
        """Make the rules that ``config`` describes, by default in ``zone``; a ConfigError holds every problem."""
        problems: list[str] = []
        calendars: dict[str, Calendar] = {ROUND_THE_CLOCK: ALWAYS}
        rules: list[Rule] = []
        for given in config.calendars:
            try:
                calendars[given.name] = calendar(given, zone)
            except (DeskError, ValueError) as error:
                problems.append(f"calendars: {given.name}: {error}")
        for policy in config.policies:
            try:
                rules.append(_rule(policy, calendars))
            except DeskError as error:
                problems.append(f"policies: {policy.name}: {error}")
        if problems:
            cause = "; ".join(problems)
            raise ConfigError("The rules cannot be used", cause, "agentdesk config validate says where",
                              tuple(problems))
        return cls(rules, calendars=calendars, signals=Signals(config.signals))

    def stand(self, facts: Facts, text: str = "") -> Stand:
        """Where a conversation stands by its facts and the ``text`` of its unanswered messages, whatever the time."""
        weight = weigh(
            text, followers=facts.followers, vip=facts.vip, server_priority=facts.priority, burst=facts.burst,
            signals=self.signals,
        )
        found = clocks(self._policy(facts, text, weight), facts)
        lead = leading(found)
        due_at = None if lead is None else lead.due_at
        place = rank(due_at, weight.severity, facts.last_in_at, indirect=facts.indirect)
        return Stand(found, weight.severity, weight.reasons, place, lead)

    def tell_by(self, facts: Facts, text: str, now: Millis) -> Millis | None:
        """By when the customer should hear of what became known ``now``; None where no clock is wanted."""
        weight = weigh(text, followers=facts.followers, vip=facts.vip, server_priority=facts.priority,
                       burst=facts.burst, signals=self.signals)
        policy = self._policy(facts, text, weight)
        return None if policy.tell is None else policy.calendar.add(now, policy.tell)

    def first_due(self, *, source: str, tags: tuple[str, ...], severity: str, at: Millis) -> tuple[Millis, Millis]:
        """When the first reply to a conversation begun ``at`` was due, and expected; ``NEVER`` where nothing is set."""
        subject = Subject(source=source, tags=tags, severity=severity)
        policy = next((r.policy for r in self.rules if r.when is None or matches(r.when, subject)), NO_POLICY)
        add = policy.calendar.add
        due = NEVER if policy.first is None else add(at, policy.first)
        return due, NEVER if policy.expectation is None else add(at, policy.expectation)

    def calendar(self, name: str) -> Calendar:
        """The calendar that a clock names; round the clock when it is not there any more."""
        return self.calendars.get(name, ALWAYS)

    def _policy(self, facts: Facts, text: str, weight: Weight) -> Policy:
        subject: Subject | None = None
        for rule in self.rules:
            if rule.when is None:
                return rule.policy
            subject = subject or _subject(facts, text, weight.severity)
            if matches(rule.when, subject):
                return rule.policy
        return NO_POLICY


NEVER: Millis = 8_000_000_000_000_000
"""An instant after all others."""

NO_POLICY = Policy()
"""Sets no targets."""


def calendar(given: CalendarLike, zone: ZoneInfo) -> Calendar:
    """Make a calendar from its configuration; UsageError or ValueError when it cannot be."""
    weekly: dict[int, Spans] = {}
    for hours in given.hours:
        weekly[hours.day] = (*weekly.get(hours.day, ()), (hours.opens, hours.closes))
    return Calendar(
        given.name, ZoneInfo(given.zone) if given.zone else zone, weekly,
        frozenset(date.fromisoformat(day) for day in given.closed),
        open_days=frozenset(date.fromisoformat(day) for day in given.open),
        holidays=_public_holidays(given.holidays) if given.holidays else None,
    )


def policy_query(text: str) -> Query | None:
    """Read a policy's query; None for all. UsageError when it asks for something that changes while clocks run."""
    query = parse(text)
    for leaf in leaves(query.root):
        name = getattr(leaf, "field", getattr(leaf, "name", ""))
        if name and name not in POLICY_FIELDS:
            known = ", ".join(sorted(POLICY_FIELDS))
            raise UsageError(f"A policy cannot go by «{name}»", "That changes while its clocks run", f"Use: {known}.")
    return None if query.everything else query


def _rule(given: PolicyLike, calendars: Mapping[str, Calendar]) -> Rule:
    if given.calendar not in calendars:
        raise UsageError(f"There is no calendar «{given.calendar}»", remedy=f"Known are: {', '.join(calendars)}.")
    policy = Policy(
        name=given.name, calendar=calendars[given.calendar], first=given.first, next=given.next,
        resolution=given.resolution, expectation=given.expectation, tell=given.tell, soon=given.soon,
    )
    return Rule(policy_query(given.when), policy)


def _public_holidays(place: str) -> Callable[[int], frozenset[date]]:
    """The public holidays of a country or a part of it (``DE``, ``DE-BY``), by year."""
    import holidays  # slow to import, and most desks name no country

    country, _, part = place.partition("-")

    def of_year(year: int) -> frozenset[date]:
        return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))

    try:
        of_year(2026)
    except NotImplementedError:
        title = f"No public holidays are known for «{place}»"
        raise UsageError(title, remedy="Name a country as in DE or DE-BY.") from None
    return of_year


def _subject(facts: Facts, text: str, severity: Severity) -> Subject:
    return Subject(
        state=facts.state, source=facts.source, channel=facts.channel, kinds=facts.kinds, severity=severity,
        assignee=facts.assignee, tags=facts.tags, incident=facts.incident, lang=facts.lang, queue=facts.queue,
        status=facts.status, priority=facts.priority, names=facts.names, texts=(text, *facts.names),
        followers=facts.followers, burst=facts.burst, messages=facts.messages, vip=facts.vip, indirect=facts.indirect,
    )
