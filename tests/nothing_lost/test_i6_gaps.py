"""I6: gaps are known: every stretch a source could not show is a gap that is kept and shown, and closes nothing."""

from __future__ import annotations

import os
import random
from pathlib import Path

import msgspec
import pytest

from agentdesk.model.clock import MINUTE, ManualClock
from agentdesk.model.page import Gap, Page
from agentdesk.store import sources
from tests.fakes import checker
from tests.fakes.desk import SOURCE, LittleDesk
from tests.fakes.platform import FakeConnector, Platform

SEEDS = 500 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 25
CIRCLE = "circle"


class Careless(FakeConnector):
    """A server that loses, mixes up, repeats and cuts short what it shows, and knows when it lost something."""

    chance: random.Random
    lost: set[str]
    gaps: list[str]
    circles: int = 0
    known: list[str]
    """Cursors it gave out in this run of pages."""

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        how = self.chance.choice(["whole", "mixed", "short", "again", "lose", "circle", "empty"])
        self.known = [*self.known, cursor or "0"]
        at = int(cursor or 0)
        if how == "empty" and cursor is not None:
            return self._through(Page(cursor=cursor))
        if how == "circle" and len(self.known) > 2:
            self.circles += 1
            return self._through(Page(cursor=self.known[-2], more=True), circle=True)
        if how == "lose" and at + 1 < len(self.platform.order):
            return self._lose(at)
        start = max(0, at - 3) if how == "again" else at
        page = await super().pull(str(start), 2 if how == "short" else limit)
        if how == "mixed":
            messages = list(page.messages)
            self.chance.shuffle(messages)
            page = msgspec.structs.replace(page, messages=tuple(messages))
        if how == "again" and int(page.cursor or 0) <= at:
            page = msgspec.structs.replace(page, cursor=str(at), more=False)
        return self._through(page)

    def _lose(self, at: int) -> Page:
        end = min(len(self.platform.order), at + self.chance.randint(1, 3))
        self.lost |= set(self.platform.order[at:end])
        reason = f"What came between {at} and {end} is not kept any more"
        self.gaps.append(reason)
        return self._through(Page(cursor=str(end), gap=Gap(reason=reason), more=end < len(self.platform.order)))

    def _through(self, page: Page, *, circle: bool = False) -> Page:
        if not page.more or circle:
            self.known = []
        return page


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_holes_told_are_holes_made(tmp_path: Path, clock: ManualClock, seed: int) -> None:
    platform = Platform(clock)
    desk = LittleDesk(tmp_path, clock, platform)
    careless = Careless(platform, SOURCE, limit=4)
    careless.chance, careless.lost, careless.gaps, careless.known = random.Random(seed), set(), [], []
    desk.connector = careless
    desk.close()
    desk.open()
    for _ in range(12):
        for number in range(careless.chance.randint(0, 5)):
            platform.write(f"c{number}", f"Post {len(platform.order)}")
            clock.advance(MINUTE)
        await desk.pull()
        clock.advance(MINUTE)
    cursor = int(sources.state(desk.store.reader, SOURCE).cursor or 0)
    shown = set(platform.order[:cursor])
    assert set(desk.refs()) >= shown - careless.lost, "nothing is lost but what the source itself lost"
    found = [gap.reason for gap in sources.gaps(desk.store.reader, SOURCE)]
    assert [reason for reason in found if CIRCLE not in reason] == list(dict.fromkeys(careless.gaps))
    assert any(CIRCLE in reason for reason in found) == (careless.circles > 0)
    assert desk.store.reader.value("SELECT count(*) FROM conversation WHERE state <> 'open'") == 0
    assert checker.queue(desk) == []
    assert len(desk.refs()) == len(set(desk.refs()))


async def test_empty_after_full_closes_nothing_and_is_told(tmp_path: Path, clock: ManualClock) -> None:
    platform = Platform(clock)
    desk = LittleDesk(tmp_path, clock, platform)
    for number in range(30):
        platform.write(f"c{number}", "Help")
    await desk.pull()
    for _ in range(3):
        desk.store.write_now(lambda db: sources.set_cursor(db, SOURCE, None, clock.now()))
        desk.connector.pages.append(Page(cursor="0", removed=tuple(platform.posts)))
        await desk.pull()
    assert desk.store.reader.value("SELECT count(*) FROM conversation WHERE state = 'open'") == 30
    assert desk.store.reader.value("SELECT count(*) FROM message WHERE deleted_at IS NOT NULL") == 0
    [gap] = sources.gaps(desk.store.reader, SOURCE)
    assert "shows nothing at all" in gap.reason


async def test_a_hole_and_its_cursor_are_kept_together(tmp_path: Path, clock: ManualClock) -> None:
    platform = Platform(clock)
    desk = LittleDesk(tmp_path, clock, platform)
    desk.connector.pages.append(Page(cursor="7", gap=Gap(reason="The cursor was too old", since=1, until=2)))

    def die(name: str) -> None:
        if name == "commit":
            raise RuntimeError("the power failed")

    desk.faults = die
    await desk.collector.turn()
    desk.faults = None
    assert sources.gaps(desk.store.reader, SOURCE) == []
    assert sources.state(desk.store.reader, SOURCE).cursor is None
    desk.connector.pages.append(Page(cursor="7", gap=Gap(reason="The cursor was too old", since=1, until=2)))
    clock.advance(MINUTE)
    await desk.collector.turn()
    assert [g.reason for g in sources.gaps(desk.store.reader, SOURCE)] == ["The cursor was too old"]
    assert sources.state(desk.store.reader, SOURCE).cursor == "7"
