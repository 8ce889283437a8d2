"""The rulebook: from the configuration to how a conversation stands."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.config.schema import CalendarConfig, Config, Hours, PolicyConfig
from agentdesk.errors import ConfigError, UsageError
from agentdesk.model.clock import DAY, HOUR, MINUTE, Millis
from agentdesk.model.conversation import ClockKind, Severity
from agentdesk.rules.calendar import ALWAYS
from agentdesk.rules.rulebook import NEVER, POLICY_FIELDS, Rulebook, policy_query
from agentdesk.rules.sla import Facts
from agentdesk.rules.terms import FIELDS, FLAGS

T = 1_780_300_800_000  # Mon 2026-06-01 08:00 UTC
BERLIN = ZoneInfo("Europe/Berlin")


def facts(**given_: object) -> Facts:
    values: dict[str, object] = {"created_at": T, "first_in_at": T, "unanswered_since": T, "last_in_at": T}
    return Facts(**(values | given_))  # type: ignore[arg-type]


def test_the_default_configuration_sets_targets() -> None:
    book = Rulebook.build(Config(), BERLIN)
    stand = book.stand(facts(), "where is my parcel")
    assert stand.leading is not None
    assert stand.leading.kind is ClockKind.FIRST
    assert stand.leading.due_at == T + 6 * HOUR == stand.rank
    assert stand.leading.expected_at == T + HOUR
    assert stand.severity is Severity.NORMAL


BOOK = Rulebook.build(
    Config(
        calendars=(
            CalendarConfig(name="office", zone="Europe/Berlin", holidays="DE-BY"),
            CalendarConfig(name="shop", hours=(Hours(0, 600, 720), Hours(0, 780, 900)), closed=("2026-06-01",)),
        ),
        policies=(
            PolicyConfig(name="urgent", when="severity:critical", first=15 * MINUTE, resolution=None),
            PolicyConfig(name="praise", when="praise", first=2 * DAY, resolution=None, expectation=None),
            PolicyConfig(name="rt", when="source:rt tag:billing", calendar="office", first=2 * HOUR),
            PolicyConfig(name="shop", when="queue:Shop or name:acme", calendar="shop", first=HOUR, soon=10 * MINUTE),
            PolicyConfig(name="refunds", when='refund or "money back"', first=3 * HOUR),
            PolicyConfig(name="reach", when="followers>10k or vip", first=30 * MINUTE),
        ),
    ),
    BERLIN,
)


@pytest.mark.parametrize(
    ("given_", "text", "policy", "length"),
    [
        ({}, "I need insulin", "urgent", 15 * MINUTE),
        ({}, "thank you so much", "praise", 2 * DAY),
        ({"source": "rt:support", "tags": ("Billing",)}, "hello", "rt", 2 * HOUR),
        ({}, "I want my money  back", "refunds", 3 * HOUR),
        ({"vip": True}, "hello", "reach", 30 * MINUTE),
        ({"followers": 10_001}, "hello", "reach", 30 * MINUTE),
    ],
)
def test_the_first_policy_that_matches_counts(given_: dict[str, object], text: str, policy: str,
    length: Millis) -> None:
    (first, *_) = BOOK.stand(facts(**given_), text).clocks
    assert first.policy == policy
    assert first.due_at == T + length


def test_calendars_from_the_configuration() -> None:
    (first, *_) = BOOK.stand(facts(queue="shop"), "hello").clocks
    # closed on 1 June; open Mondays 10 to 12 and 13 to 15 in Berlin
    assert first.due_at == T + 7 * DAY + HOUR
    assert first.soon_at == first.due_at - 10 * MINUTE
    assert not BOOK.calendar("office").is_open(T + 3 * DAY)  # Corpus Christi, a holiday in Bavaria
    assert BOOK.calendar("office").is_open(T + 2 * DAY)
    assert BOOK.calendar("gone") is ALWAYS


def test_without_a_policy_there_is_no_clock_and_the_last_place() -> None:
    stand = BOOK.stand(facts(), "hello")
    assert stand.clocks == ()
    assert stand.leading is None
    assert stand.rank > BOOK.stand(facts(), "refund").rank


def test_first_due_for_reports() -> None:
    assert BOOK.first_due(source="rt:support", tags=("billing",), severity="normal", at=T) == (T + 2 * HOUR, T + HOUR)
    assert BOOK.first_due(source="x", tags=(), severity="praise", at=T) == (T + 2 * DAY, NEVER)
    assert BOOK.first_due(source="x", tags=(), severity="normal", at=T) == (NEVER, NEVER)


def test_every_mistake_is_told_at_once() -> None:
    config = Config(
        calendars=(CalendarConfig(name="never", hours=()), CalendarConfig(name="moon", holidays="ZZ")),
        policies=(
            PolicyConfig(name="a", when="late"), PolicyConfig(name="b", when="sorce:x"),
            PolicyConfig(name="c", calendar="ofice"),
        ),
    )
    with pytest.raises(ConfigError) as caught:
        Rulebook.build(config, BERLIN)
    problems = caught.value.problems
    assert [problem.split(":")[1].strip() for problem in problems] == ["never", "moon", "a", "b", "c"]
    assert "cannot go by «late»" in problems[2]
    assert "Did you mean «source»" in problems[3]
    assert "Known are: 24x7" in problems[4]


@pytest.mark.parametrize("name", sorted({*FIELDS, *FLAGS} - POLICY_FIELDS))
def test_policies_cannot_go_by_what_changes_while_clocks_run(name: str) -> None:
    text = {"disposition": "disposition:spam", "state": "state:open"}.get(name)
    text = text or (name if name in FLAGS else f"{name}>1h" if name in ("age", "wait", "left") else f"{name}:1")
    with pytest.raises(UsageError):
        policy_query(text)
    with pytest.raises(UsageError):
        policy_query(f"vip or -({text} refund)")


def test_signal_words_come_from_the_configuration() -> None:
    book = Rulebook.build(Config(signals={"depot": 10.0}), BERLIN)
    stand = book.stand(facts(), "at the depot")
    assert stand.severity is Severity.CRITICAL
    assert stand.rank == T + 6 * HOUR - 4 * HOUR


@given(st.text(max_size=200), st.integers(0, 10**7), st.integers(0, 30), st.booleans(), st.text(max_size=10))
def test_the_same_facts_always_stand_the_same(text: str, followers: int, burst: int, vip: bool, priority: str) -> None:
    it = facts(followers=followers, burst=burst, vip=vip, priority=priority)
    one, two = BOOK.stand(it, text), BOOK.stand(it, text)
    assert one == two
    if one.leading is not None:
        assert one.rank <= one.leading.due_at
