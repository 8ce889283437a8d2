"""A server whose ids are made of its time, and whose clock is set: nothing is missed whenever one looks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentdesk.connectors.mastodon.setback import SET, Ahead, Back, noticed, over
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND

NOW = 1_767_225_600_000
STEPS = st.lists(st.one_of(
    st.tuples(st.just("set"), st.integers(-2 * DAY, 2 * DAY).filter(lambda by: abs(by) > 2 * SET)),
    st.tuples(st.just("write"), st.integers(1, 5)),
    st.tuples(st.just("look"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 3 * HOUR))), max_size=40)


@given(STEPS, st.integers(-DAY, DAY))
def test_whatever_is_written_is_above_what_is_known_or_in_the_stretch_that_is_read_again(
    steps: list[tuple[str, int]], skew: int
) -> None:
    now, written, taken = NOW, list[int](), set[int]()
    newest, known = 0, noticed(None, skew, NOW, 0, NOW)

    was_set = False

    def look() -> None:
        nonlocal newest, known, was_set
        was_set = False
        fresh = {at for at in written if at > newest}
        known = noticed(known, skew, now, newest, NOW)
        newest = max([newest, *fresh])
        taken.update(fresh, (at for at in written if known.back is not None and at >= known.back.since))
        known = over(known, now)

    for what, size in steps:
        now += 1
        if what == "set":
            if was_set:  # two at once may look like none
                look()
            skew, was_set = skew + size, True
        elif what == "write":
            for _ in range(size):
                now += 1
                written.append(now + skew)
        elif what == "look":
            look()
        else:
            now += size
    look()
    assert set(written) <= taken


def test_nothing_is_read_again_while_the_clock_goes_on_or_once_it_has_caught_up() -> None:
    known = noticed(None, 0, NOW, NOW - MINUTE, NOW - HOUR)
    assert known == Ahead(0)
    assert noticed(known, SECOND, NOW, NOW, NOW - HOUR) == known, "a second means nothing"
    assert noticed(known, HOUR, NOW, NOW, NOW - HOUR) == Ahead(HOUR)
    back = noticed(known, -HOUR, NOW, NOW - MINUTE, NOW - DAY)
    assert back == Ahead(-HOUR, Back(NOW - MINUTE - HOUR, NOW))
    assert over(back, NOW + HOUR) == back
    assert over(back, NOW + HOUR + 2 * SET) == Ahead(-HOUR)


def test_a_server_whose_newest_is_dated_ahead_was_set_back_before_we_came() -> None:
    assert noticed(None, 0, NOW, NOW + HOUR, NOW) == Ahead(0, Back(NOW, NOW + HOUR))
