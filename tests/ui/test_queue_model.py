"""The queue list's memory: windows, an anchored cursor, arrivals that wait to be shown."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agentdesk.model.clock import DAY, HOUR
from agentdesk.model.conversation import State
from agentdesk.ui.theme import ASCII, UNICODE, Glyphs
from agentdesk.ui.widgets.queue_model import KEPT, WINDOW, QueueModel, key_of
from agentdesk.ui.widgets.queue_row import countdown
from tests.ui.fakes import NOON, FakeRows, row


def model(count: int, body: int = 20) -> QueueModel:
    """A model over this many rows, loaded."""
    made = QueueModel(FakeRows(row(n) for n in range(1, count + 1)))
    made.body = body
    made.load("")
    made.dirty.clear()
    made.all_dirty = False
    return made


def test_moving_inside_the_window_touches_two_rows() -> None:
    it = model(1000)
    it.move(1)
    assert (it.cursor, it.first, it.dirty, it.all_dirty) == (1, 0, {0, 1}, False)


def test_leaving_the_window_scrolls_by_half_a_page_or_smoothly() -> None:
    it = model(1000)
    it.move(20)
    assert (it.cursor, it.first, it.all_dirty) == (20, 10, True)
    it = model(1000)
    it.smooth = True
    it.move(20)
    assert (it.cursor, it.first) == (20, 1)


def test_walking_through_a_year_keeps_little_in_memory() -> None:
    it = model(20_000)
    for _ in range(700):
        it.shift(19)
        assert len(it.rows) <= KEPT + WINDOW
    assert it.current_id == 1 + 700 * 19
    for _ in range(700):
        it.shift(-19)
        assert len(it.rows) <= KEPT + WINDOW
    assert it.current_id == 1
    it.bottom()
    assert it.current_id == 20_000
    it.move(-1)
    assert it.current_id == 19_999
    assert it.source.most <= KEPT + 2 * WINDOW  # type: ignore[attr-defined]


def test_arrivals_are_counted_and_never_inserted() -> None:
    it = model(30)
    it.move(5)
    source = it.source
    assert isinstance(source, FakeRows)
    source.put(row(100, rank=0))
    source.put(row(101, rank=NOON * 2))
    it.refetch({100, 101})
    assert it.fresh == {100, 101}
    assert [one.id for one in it.rows] == list(range(1, 31))
    assert it.current_id == 6
    it.reload()
    assert it.rows[0].id == 100
    assert it.current_id == 6
    assert it.fresh == set()


@pytest.mark.parametrize(("rank", "at", "cursor"), [(0, 0, 19), (0, 0, 5), (NOON * 2, 100, 5), (NOON * 2, 100, 60)])
def test_what_is_new_comes_into_sight_beside_the_cursor(rank: int, at: int, cursor: int) -> None:
    it = model(100)
    it.move(cursor)
    source = it.source
    assert isinstance(source, FakeRows)
    source.put(row(500, rank=rank))
    it.refetch({500})
    it.show_new()
    assert it.current_id == cursor + 1
    assert it.first <= it.cursor < it.first + it.body
    assert it.rows[at].id == 500
    reachable = abs(at - it.cursor) < it.body
    assert (500 in {one.id for one in it.in_sight()}) == reachable
    assert it.fresh == set()


def test_an_arrival_far_beyond_the_window_is_counted_too() -> None:
    it = model(1000)
    source = it.source
    assert isinstance(source, FakeRows)
    source.put(row(5000, rank=NOON * 2))
    it.refetch({5000})
    assert it.fresh == {5000}


def test_an_arrival_that_leaves_again_is_not_counted_any_more() -> None:
    it = model(30)
    source = it.source
    assert isinstance(source, FakeRows)
    source.put(row(100, rank=0))
    it.refetch({100})
    source.drop(100)
    it.refetch({100})
    assert it.fresh == set()


def test_the_first_arrival_in_an_empty_view_is_shown() -> None:
    it = model(0)
    source = it.source
    assert isinstance(source, FakeRows)
    source.put(row(1))
    it.refetch({1})
    assert it.current_id == 1


def test_changed_rows_are_replaced_where_they_stand() -> None:
    it = model(30)
    source = it.source
    assert isinstance(source, FakeRows)
    source.change(4, unread=3)
    source.change(9, rank=0)
    it.refetch({4, 9})
    assert [one.id for one in it.rows] == list(range(1, 31))
    assert it.rows[3].unread == 3
    assert it.dirty == {3, 8}
    assert not it.all_dirty


def test_a_row_that_leaves_hands_the_cursor_to_the_next() -> None:
    it = model(30)
    it.move(5)
    source = it.source
    assert isinstance(source, FakeRows)
    source.drop(6)
    it.refetch({6})
    assert it.current_id == 7
    source.drop(2)
    it.refetch({2})
    assert it.current_id == 7
    for number in range(8, 31):
        source.drop(number)
    source.drop(7)
    it.refetch(range(7, 31))
    assert it.current_id == 5


def test_another_view_keeps_the_cursor_on_its_conversation() -> None:
    it = model(500)
    it.move(150)
    it.load("parcel 1", it.current_id)
    assert it.current_id == 151
    it.load("parcel 9", it.current_id)
    assert it.current_id == 9


def test_going_to_a_conversation_far_away() -> None:
    it = model(5000)
    assert it.go_to(4000)
    assert it.current_id == 4000
    assert not it.go_to(6000)
    assert it.current_id == 4000


class Walk(RuleBasedStateMachine):
    """Whatever is done: the rows held are a stretch of what was there, and the cursor is among those in sight."""

    @initialize(count=st.sampled_from([0, 1, 5, 199, 200, 201, 650]))
    def start(self, count: int) -> None:
        self.source = FakeRows(row(n) for n in range(1, count + 1))
        self.it = QueueModel(self.source)
        self.it.body = 12
        self.it.load("")
        self.next = 10_000

    @rule(count=st.integers(-450, 450))
    def move(self, count: int) -> None:
        self.it.move(count)

    @rule(count=st.integers(-40, 40))
    def shift(self, count: int) -> None:
        self.it.shift(count)

    @rule()
    def bottom(self) -> None:
        self.it.bottom()

    @rule()
    def reload(self) -> None:
        before = self.it.current_id
        self.it.show_new()
        if before in self.source.rows:
            assert self.it.current_id == before

    @rule(rank=st.integers(NOON, NOON * 2))
    def arrive(self, rank: int) -> None:
        self.next += 1
        before, shown = self.it.current_id, [one.id for one in self.it.rows]
        self.source.put(row(self.next, rank=rank))
        self.it.refetch({self.next})
        if shown:
            assert self.it.current_id == before
            assert [one.id for one in self.it.rows] == shown
            assert self.next in self.it.fresh

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        if not self.it.rows:
            return
        gone = data.draw(st.sampled_from([one.id for one in self.it.rows]))
        before = self.it.current_id
        self.source.drop(gone)
        self.it.refetch({gone})
        assert gone not in {one.id for one in self.it.rows}
        if before != gone:
            assert self.it.current_id == before

    @rule(data=st.data())
    def change(self, data: st.DataObject) -> None:
        if not self.it.rows:
            return
        which = data.draw(st.sampled_from([one.id for one in self.it.rows]))
        before = self.it.current_id
        self.source.change(which, unread=self.source.rows[which].unread + 1)
        self.it.refetch({which})
        held = next(one for one in self.it.rows if one.id == which)
        assert held.version == self.source.rows[which].version
        assert self.it.current_id == before

    @invariant()
    def sound(self) -> None:
        if not hasattr(self, "it"):
            return
        it = self.it
        ids = [one.id for one in it.rows]
        assert len(ids) == len(set(ids))
        assert bool(it.rows) == bool(self.source.rows)
        if it.rows:
            assert it.first <= it.cursor < it.first + it.body
            assert it.first >= 0
            assert 0 <= it.cursor < len(it.rows)
        assert not it.fresh & set(ids)


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@given(st.lists(st.integers(-300, 300), max_size=12))
def test_moves_land_where_a_plain_list_would(moves: list[int]) -> None:
    it, at = model(900), 0
    for count in moves:
        it.move(count)
        at = min(max(at + count, 0), 899)
        assert it.current_id == at + 1


def test_keys_are_rank_then_number() -> None:
    one = row(3)
    assert key_of(msgspec.structs.replace(one, rank=5)) == (5, 3)


@pytest.mark.parametrize(("ago", "said"), [(3 * HOUR, "09:00"), (3 * DAY, "Tue 12:00"), (20 * DAY, "31 Jan"),
                                           (400 * DAY, "16 Jan 25")])
def test_what_is_done_says_when_it_was_in_whole_words(ago: int, said: str) -> None:
    at = 1_771_588_800_000  # Fri 20 Feb 2026 12:00 UTC
    text, _ = countdown(msgspec.structs.replace(row(1), state=State.DONE, last_in_at=at - ago), at,
                        FakeRows().closed, ZoneInfo("UTC"), UNICODE)
    assert text.strip() == said


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize(("ahead", "said"), [
    (3 * HOUR, "15:00"), (20 * HOUR, "Fri 08:00"), (2 * DAY + 2 * HOUR, "Sat 14:00"), (8 * DAY, "9 Jan")])
def test_when_hours_begin_again_is_written_as_every_other_time(glyphs: Glyphs, ahead: int, said: str) -> None:
    noon = 1_767_268_800_000  # Thu 1 Jan 2026 12:00 UTC
    waits = msgspec.structs.replace(row(1), due_at=noon + 9 * DAY, soon_at=noon + 8 * DAY, calendar="office")
    text, _ = countdown(waits, noon, lambda calendar, now: noon + ahead, ZoneInfo("UTC"), glyphs)
    assert text.strip().removeprefix(glyphs.paused).strip() == said
    snoozed = msgspec.structs.replace(row(1), state=State.SNOOZED, snoozed_until=noon + ahead)
    text, _ = countdown(snoozed, noon, lambda calendar, now: None, ZoneInfo("UTC"), glyphs)
    assert text.strip() == said
