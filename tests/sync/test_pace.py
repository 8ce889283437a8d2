"""How often a source is asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentdesk.errors import AuthError, BadAnswer, Emptied, RateLimited, Unavailable
from agentdesk.model.clock import MINUTE, SECOND
from agentdesk.sync import pace

NOW = 1_767_225_600_000


def test_a_new_source_is_due_at_once() -> None:
    assert pace.pace("rt:support", 30).due(NOW)


def test_the_next_poll_lies_within_a_tenth_of_the_interval_and_differs_between_turns() -> None:
    it, waits = pace.pace("rt:support", 30), set()
    for _ in range(20):
        it = pace.after_success(it, NOW)
        waits.add(it.next_at - NOW)
        assert 27 * SECOND <= it.next_at - NOW <= 33 * SECOND
    assert len(waits) > 10


def test_the_same_source_and_turn_give_the_same_wait() -> None:
    one = pace.after_success(pace.pace("rt:support", 30), NOW)
    assert one == pace.after_success(pace.pace("rt:support", 30), NOW)
    assert one.next_at != pace.after_success(pace.pace("rt:sales", 30), NOW).next_at


def test_more_to_come_is_fetched_at_once() -> None:
    assert pace.after_success(pace.pace("a", 30), NOW, more=True).next_at == NOW


def test_failures_wait_longer_each_time_up_to_the_cap() -> None:
    it, before = pace.pace("a", 30), 0
    for turn in range(30):
        it = pace.after_failure(it, Unavailable("down"), NOW)
        wait = it.next_at - NOW
        assert wait <= pace.LONGEST_WAIT
        if turn < 8:
            assert wait > before
        before = wait
    assert before >= pace.LONGEST_WAIT * 3 // 4
    assert it.trouble == "offline"


def test_success_forgets_failures() -> None:
    it = pace.after_failure(pace.pace("a", 30), BadAnswer("?"), NOW)
    assert it.trouble == "retry"
    it = pace.after_success(it, NOW)
    assert (it.failures, it.trouble) == (0, "")


def test_retry_after_is_honoured_even_when_somebody_is_impatient() -> None:
    it = pace.after_failure(pace.pace("a", 30), RateLimited("slow down", retry_after=600), NOW)
    assert it.next_at - NOW >= 600 * SECOND
    assert not pace.at_once(it, NOW).due(NOW + 599 * SECOND)
    assert pace.at_once(it, NOW).due(NOW + 600 * SECOND)


def test_impatience_ends_a_backoff_that_is_only_ours() -> None:
    it = pace.after_failure(pace.pace("a", 30), Unavailable("down"), NOW)
    assert not it.due(NOW)
    assert pace.at_once(it, NOW).due(NOW)


def test_a_dead_token_stops_until_told() -> None:
    it = pace.after_failure(pace.pace("a", 30), AuthError("dead"), NOW)
    assert it.stopped
    assert not it.due(NOW + 365 * 24 * 60 * MINUTE)
    assert pace.at_once(it, NOW).due(NOW)


def test_a_source_that_shows_nothing_any_more_is_asked_at_its_usual_pace() -> None:
    it = pace.pace("a", 30)
    for _ in range(20):
        it = pace.after_failure(it, Emptied("nothing"), NOW)
        assert 27 * SECOND <= it.next_at - NOW <= 33 * SECOND
    assert (it.trouble, it.failures, it.stopped) == ("empty", 20, False)


def test_nonsense_from_a_server_does_not_stop_us_for_ever() -> None:
    for nonsense in (float("nan"), float("inf"), 1e300, -5.0, 0.0):
        it = pace.after_failure(pace.pace("a", 30), RateLimited("?", retry_after=nonsense), NOW)
        assert NOW < it.next_at <= NOW + pace.LONGEST_ASKED


def test_a_clock_set_back_does_not_lengthen_a_wait() -> None:
    it = pace.after_failure(pace.pace("a", 30), RateLimited("?", retry_after=60), NOW)
    back = pace.after_jump(it, -3_600 * SECOND)
    assert back.wait(NOW - 3_600 * SECOND) == it.wait(NOW)
    assert pace.after_jump(it, 5 * MINUTE) == it


@given(st.text(max_size=20), st.integers(0, 10_000), st.floats(allow_nan=True, allow_infinity=True))
def test_no_wait_is_negative_or_beyond_a_day(name: str, failures: int, asked: float) -> None:
    assert 0 <= pace.backoff(name, failures) <= pace.LONGEST_WAIT
    assert 0 <= pace.asked(RateLimited("?", retry_after=asked)) <= pace.LONGEST_ASKED
