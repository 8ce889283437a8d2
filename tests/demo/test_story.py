"""The schedule is a pure function of the seed and keeps the pace that was promised."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agentdesk.connectors.demo.content import Content
from agentdesk.connectors.demo.story import FIRST, Story
from agentdesk.model.clock import HOUR, MINUTE, SECOND

seeds = st.integers(min_value=0, max_value=2**31)


def written(content: Content) -> int:
    return len(content.opening) + len(content.events)


def test_the_same_seed_tells_the_same_story_in_whatever_order_it_is_asked(content: Content) -> None:
    one, other = Story(content, 7), Story(content, 7)
    forward = [one.slot(n) for n in range(150)]
    backward = [other.slot(n) for n in reversed(range(150))]
    assert forward == backward[::-1]
    troubles = [one.trouble("bluesky", at) for at in range(0, HOUR, 10 * SECOND)]
    assert troubles == [other.trouble("bluesky", at) for at in reversed(range(0, HOUR, 10 * SECOND))][::-1]


def test_another_seed_tells_another_story_with_the_same_beginning(content: Content) -> None:
    one, other = Story(content, 1), Story(content, 2)
    opening, whole = len(content.opening), written(content)
    assert [one.slot(n).event for n in range(opening)] == [other.slot(n).event for n in range(opening)]
    assert [one.slot(n).event for n in range(whole)] != [other.slot(n).event for n in range(whole)]


@given(seed=seeds)
def test_every_written_event_comes_once_and_at_a_human_pace(content: Content, seed: int) -> None:
    story = Story(content, seed)
    slots = [story.slot(n) for n in range(written(content) + 20)]
    events = [slot.event for slot in slots if slot.event]
    assert sorted(events) == sorted(e.id for e in (*content.opening, *content.events))
    assert slots[0].at == FIRST
    gaps = [after.at - before.at for before, after in pairwise(slots)]
    assert all(25 * SECOND <= gap <= 60 * SECOND for gap in gaps[: written(content) - 1])
    assert all(60 * SECOND <= gap <= 150 * SECOND for gap in gaps[written(content):])


@given(seed=seeds)
def test_troubles_are_short_come_one_at_a_time_and_are_of_both_kinds(content: Content, seed: int) -> None:
    story = Story(content, seed)
    seen = {}
    for at in range(0, 2 * HOUR, 5 * SECOND):
        now = [t for place in ("mastodon", "bluesky", "helpdesk") if (t := story.trouble(place, at))]
        assert len(now) <= 1
        seen |= {t.since: t for t in now}
    assert all(20 * SECOND <= t.until - t.since <= 75 * SECOND for t in seen.values())
    assert min(seen) >= 5 * MINUTE, "the first minutes belong to the newcomer"
    assert {t.limited for t in seen.values()} == {True, False}
    assert {t.words.source for t in seen.values()} == {"mastodon", "bluesky", "helpdesk"}


@given(seed=seeds, at=st.integers(min_value=0, max_value=5 * HOUR))
def test_the_next_change_is_the_next_edge_of_a_trouble(content: Content, seed: int, at: int) -> None:
    story = Story(content, seed)
    edge = story.next_change(at)
    assert edge > at

    def standing(when: int) -> list[object]:
        return [story.trouble(place, when) for place in ("mastodon", "bluesky", "helpdesk")]

    assert standing(edge) != standing(edge - 1)
    assert standing(at) == standing((at + edge) // 2) == standing(edge - 1)


@given(seed=seeds)
def test_answers_get_lost_rarely_and_never_among_the_first_three(content: Content, seed: int) -> None:
    story = Story(content, seed)
    lost = [n for n in range(1, 201) if story.loses_answer(n)]
    assert 4 <= lost[0] <= 6
    assert len(lost) <= 45


@given(seed=seeds, conversation=st.text(max_size=20), number=st.integers(0, 5))
def test_a_customer_takes_forty_seconds_to_two_minutes(
        content: Content, seed: int, conversation: str, number: int) -> None:
    delay = Story(content, seed).answer_delay(conversation, number)
    assert 40 * SECOND <= delay <= 120 * SECOND


def test_stock_words_are_not_said_twice_while_others_are_left(content: Content) -> None:
    story = Story(content, 1)
    used: list[str] = []
    for number in range(len(content.answers["late"]["en"])):
        used.append(story.stock_answer("late", "en", f"talk-{number}", used))
    assert sorted(used) == sorted(content.answers["late"]["en"])
    assert story.stock_answer("late", "en", "one more", used) in used
    assert story.stock_answer("spam", "en", "nobody", []) == ""
    assert story.stock_answer("app", "ja", "no words in that language", []) in content.answers["app"]["en"]
