"""The pull loop of one source."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from agentdesk.errors import AuthError, BadAnswer, RateLimited, Unavailable
from agentdesk.model.clock import HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.events import Arrived, Notice, Progress, SourceChanged
from agentdesk.model.page import Budget, Page
from agentdesk.store import sources
from agentdesk.sync import collector
from tests.fakes.desk import SOURCE, LittleDesk
from tests.fakes.platform import Platform, circle, gap


@pytest.fixture
def platform(clock: ManualClock) -> Platform:
    return Platform(clock)


@pytest.fixture
def desk(tmp_path: Path, clock: ManualClock, platform: Platform) -> LittleDesk:
    return LittleDesk(tmp_path / "ann", clock, platform)


def pulls(desk: LittleDesk) -> int:
    return sum(what == "pull" for _, what in desk.connector.calls)


async def test_all_pages_come_in_and_the_cursor_stands_behind_them(desk: LittleDesk, platform: Platform) -> None:
    for number in range(25):
        platform.write(f"c{number}", f"Post {number}")
    desk.connector.limit = 10
    await desk.collector.turn()
    assert desk.refs() == [f"m{n}" for n in range(1, 26)]
    assert sources.state(desk.store.reader, SOURCE).cursor == "25"
    assert sum(e.messages for e in desk.events if isinstance(e, Arrived)) == 25


async def test_nothing_new_costs_no_write_of_pages(desk: LittleDesk, platform: Platform) -> None:
    platform.write("c1", "Hello")
    await desk.pull()
    desk.events.clear()
    await desk.pull()
    assert [e for e in desk.events if isinstance(e, Arrived)] == []
    assert len(desk.refs()) == 1


async def test_the_source_is_asked_at_its_own_pace(desk: LittleDesk, clock: ManualClock) -> None:
    for _ in range(100):
        await desk.collector.turn()
        clock.advance(SECOND)
    assert 3 <= pulls(desk) <= 5


async def test_a_failure_is_told_in_words_with_the_next_try(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.pull_errors.append(Unavailable("acme.example cannot be reached", "DNS", "Check the network"))
    await desk.collector.turn()
    state = sources.state(desk.store.reader, SOURCE)
    assert (state.state, state.title, state.cause, state.remedy) == (
        "offline", "acme.example cannot be reached", "DNS", "Check the network")
    assert state.next_try_at is not None
    assert state.next_try_at > clock.now()
    assert any(isinstance(e, SourceChanged) for e in desk.events)
    clock.advance(3 * SECOND)
    await desk.collector.turn()
    assert sources.state(desk.store.reader, SOURCE).state == "ok"


async def test_what_nobody_foresaw_is_told_too_and_ends_nothing(desk: LittleDesk, platform: Platform,
                                                                clock: ManualClock) -> None:
    platform.write("c1", "Hello")
    desk.connector.pull_errors.append(KeyError("surprise\x1b[2J"))
    await desk.collector.turn()
    state = sources.state(desk.store.reader, SOURCE)
    assert state.state == "retry"
    assert "KeyError" in state.cause
    assert "\x1b" not in state.cause
    clock.advance(MINUTE)
    await desk.collector.turn()
    assert desk.refs() == ["m1"]


async def test_retry_after_is_honoured(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.pull_errors.append(RateLimited("Slow down", retry_after=600))
    await desk.collector.turn()
    for _ in range(59):
        clock.advance(10 * SECOND)
        desk.collector.poke()
        await desk.collector.turn()
    assert pulls(desk) == 1
    clock.advance(11 * SECOND)
    await desk.collector.turn()
    assert pulls(desk) == 2


async def test_a_dead_token_is_not_tried_again_until_told(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.pull_errors.append(AuthError("The token is dead"))
    await desk.collector.turn()
    assert sources.state(desk.store.reader, SOURCE).state == "auth"
    clock.advance(1_000 * MINUTE)
    await desk.collector.turn()
    assert pulls(desk) == 1
    desk.engine.poke(SOURCE)
    await desk.collector.turn()
    assert pulls(desk) == 2
    assert sources.state(desk.store.reader, SOURCE).state == "ok"


async def test_a_circle_of_cursors_ends_with_a_hole_told_once(desk: LittleDesk, clock: ManualClock) -> None:
    desk.connector.pages.extend([Page(cursor="1", more=True), Page(cursor="2", more=True), circle("1")])
    await desk.collector.turn()
    assert pulls(desk) == 3
    assert sources.state(desk.store.reader, SOURCE).gaps == 1
    assert sum("circle" in text for text in desk.notices()) == 1
    for _ in range(3):
        clock.advance(10 * MINUTE)
        desk.connector.pages.append(circle("1"))
        await desk.collector.turn()
    assert sources.state(desk.store.reader, SOURCE).gaps == 1
    assert sum("circle" in text for text in desk.notices()) == 1


async def test_an_endless_source_gives_the_others_their_turn(desk: LittleDesk) -> None:
    desk.connector.pages.extend(Page(cursor=str(n), more=True) for n in range(1, 500))
    await desk.collector.turn()
    assert pulls(desk) == 50
    assert desk.collector.pace.due(desk.clock.now()), "the rest follows at once"
    await desk.collector.turn()
    assert pulls(desk) == 100


async def test_pages_without_end_and_without_news_are_asked_for_at_the_usual_pace(
        desk: LittleDesk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "IN_VAIN", 70)
    desk.connector.pages.extend(Page(cursor=str(n), more=True) for n in range(1, 200))
    result = await desk.engine.sync_once(SOURCE)
    assert (result.pages, result.error) == (70, None)
    assert sources.state(desk.store.reader, SOURCE).cursor == "70", "it goes on from there"
    await desk.collector.turn()
    assert pulls(desk) == 70, "not before its next turn"
    clock.advance(MINUTE)
    while desk.collector.pace.due(clock.now()):
        await desk.collector.turn()
    assert pulls(desk) == 140
    assert sum("held nothing new" in text for text in desk.notices()) == 1


async def test_many_pages_of_news_are_brought_in_at_once(
        desk: LittleDesk, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "IN_VAIN", 10)
    desk.connector.limit = 1
    for number in range(30):
        platform.write("c1", f"Post {number}")
    assert (await desk.engine.sync_once(SOURCE)).messages == 30
    assert not any("held nothing new" in text for text in desk.notices())


async def test_a_hole_is_kept_and_shown(desk: LittleDesk) -> None:
    desk.connector.pages.append(gap("The cursor has expired"))
    result = await desk.engine.sync_once(SOURCE)
    assert result.gap
    assert [g.reason for g in sources.gaps(desk.store.reader, SOURCE)] == ["The cursor has expired"]


async def test_a_suddenly_empty_source_closes_nothing(desk: LittleDesk, platform: Platform) -> None:
    for number in range(10):
        platform.write(f"c{number}", "Help")
    await desk.pull()
    desk.store.write_now(lambda db: sources.set_cursor(db, SOURCE, None, 0))
    desk.connector.pages.append(Page(cursor="10"))
    await desk.pull()
    assert desk.store.reader.value("SELECT count(*) FROM conversation WHERE state = 'open'") == 10
    assert len(sources.gaps(desk.store.reader, SOURCE)) == 1


async def test_backfill_shows_how_far_it_is(desk: LittleDesk) -> None:
    desk.connector.pages.extend([Page(cursor="1", more=True, backfill=True, done=100, total=250),
                                 Page(cursor="2", more=False, backfill=True, done=250, total=250)])
    await desk.collector.turn()
    steps = [(e.done, e.total, e.finished) for e in desk.events if isinstance(e, Progress)]
    assert steps == [(100, 250, False), (250, 250, True)]


async def test_only_the_holder_of_the_lease_pulls_and_a_dead_one_loses_it(tmp_path: Path, clock: ManualClock,
                                                                          platform: Platform) -> None:
    one = LittleDesk(tmp_path / "shared", clock, platform)
    other = LittleDesk(tmp_path / "shared", clock, platform, agent="bob", living=one.living)
    await one.collector.turn()
    await other.collector.turn()
    assert (pulls(one), pulls(other)) == (1, 0)
    assert other.collector.elsewhere == one.holder
    one.close()
    await other.collector.turn()
    assert pulls(other) == 1
    assert other.collector.elsewhere == ""


async def test_a_headless_sync_says_who_collects_instead(tmp_path: Path, clock: ManualClock,
                                                        platform: Platform) -> None:
    one = LittleDesk(tmp_path / "shared", clock, platform)
    other = LittleDesk(tmp_path / "shared", clock, platform, agent="bob", living=one.living)
    await one.pull()
    result = await other.engine.sync_once(SOURCE)
    assert result.elsewhere == one.holder
    assert pulls(other) == 0


async def test_a_headless_sync_pulls_sends_and_counts(desk: LittleDesk, platform: Platform) -> None:
    platform.write("c1", "Hello")
    first = await desk.engine.sync_once(SOURCE)
    assert (first.messages, first.conversations, first.sent, first.error) == (1, 1, 0, None)
    desk.reply("c1", "Hello to you")
    assert (await desk.engine.sync_once(SOURCE)).sent == 1


async def test_a_headless_sync_hands_over_the_failure(desk: LittleDesk) -> None:
    desk.connector.pull_errors.append(BadAnswer("Garbage", "not JSON", "Try later"))
    result = await desk.engine.sync_once(SOURCE)
    assert isinstance(result.error, BadAnswer)
    assert sources.state(desk.store.reader, SOURCE).title == "Garbage"


async def test_a_paused_source_is_left_alone(desk: LittleDesk, clock: ManualClock, platform: Platform) -> None:
    platform.write("c1", "Hello")
    await desk.engine.pause(SOURCE)
    await desk.collector.turn()
    assert (await desk.engine.sync_once(SOURCE)).paused
    assert await desk.engine.send_once(SOURCE) == 0
    assert desk.connector.calls == []
    assert sources.state(desk.store.reader, SOURCE).state == "paused"
    await desk.engine.resume(SOURCE)
    await desk.collector.turn()
    assert desk.refs() == ["m1"]


async def test_hints_make_it_sooner_but_not_more_than_once_a_second(desk: LittleDesk, clock: ManualClock) -> None:
    await desk.collector.turn()
    for _ in range(20):
        desk.collector.hint()
        await desk.collector.turn()
        clock.advance(100)
    assert pulls(desk) <= 3


async def test_the_budget_and_a_clock_that_is_off_are_noted_and_told_once(
        desk: LittleDesk, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    left, skew = Budget(left=7, limit=300), [3 * MINUTE]
    monkeypatch.setattr(desk.connector, "budget", lambda: left)
    monkeypatch.setattr(desk.connector, "skew", lambda: skew[0])
    for _ in range(3):
        await desk.pull()
    state = sources.state(desk.store.reader, SOURCE)
    assert (state.budget, state.skew) == (left, 3 * MINUTE)
    told = [text for text in desk.notices() if "clock" in text]
    assert told == [f"This machine's clock is 3 minutes behind that of {SOURCE}"]
    skew[0] = SECOND
    await desk.pull()
    assert f"The clock of {SOURCE} or of this machine was set, by 2 minutes 59 seconds" in desk.notices()
    skew[0] = -3 * MINUTE
    await desk.pull()
    assert [text for text in desk.notices() if "ahead of" in text]


async def test_the_lag_is_how_late_messages_come_in(desk: LittleDesk, platform: Platform, clock: ManualClock) -> None:
    assert sources.lag(desk.store.reader, SOURCE) is None
    for number in range(5):
        platform.write(f"c{number}", "Hello")
        clock.advance(number * MINUTE)
        await desk.pull()
    assert sources.lag(desk.store.reader, SOURCE) == 2 * MINUTE


async def test_what_is_wrong_with_a_part_is_told_once_and_kept_where_sources_are_shown(
    desk: LittleDesk, platform: Platform, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = desk.connector.pull
    wrong: tuple[str, ...] | None = ("one feed is broken",)

    async def half(cursor: str | None, limit: int = 100) -> Page:
        return msgspec.structs.replace(await pull(cursor, limit), warnings=wrong)

    monkeypatch.setattr(desk.connector, "pull", half)

    async def told() -> list[str]:
        desk.events.clear()
        clock.advance(HOUR)
        await desk.collector.turn()
        return [event.text for event in desk.events if isinstance(event, Notice) and "broken" in event.text]

    def kept() -> tuple[str, ...]:
        account = sources.state(desk.store.reader, SOURCE).account
        assert account is not None
        return account.warnings

    assert await told() == [f"{SOURCE}: one feed is broken"]
    assert kept() == ("one feed is broken",)
    assert await told() == []
    wrong = None
    assert await told() == []
    assert kept() == ("one feed is broken",)
    wrong = ("one feed is broken", "another is broken")
    assert await told() == [f"{SOURCE}: another is broken"]
    wrong = ()
    assert await told() == []
    assert kept() == ()
