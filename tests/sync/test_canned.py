"""The canned replies that a help desk holds: on connecting, daily, kept when they cannot be had."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.errors import Rejected, Unavailable
from agentdesk.model.clock import DAY, HOUR, MINUTE, ManualClock
from agentdesk.model.events import Notice
from agentdesk.model.page import RemoteCanned
from agentdesk.store import canned, sources
from agentdesk.sync.canned import MOST, clean
from tests.fakes.desk import SOURCE, LittleDesk
from tests.fakes.platform import Platform

HELLO = RemoteCanned(ref="1", name="hello", title="Hello", text="Hi {{ customer.first_name }}")
SOLVED = RemoteCanned(ref="2", name="Solved & thanks!", title="Solved", text="Done.", actions=("status solved",))


@pytest.fixture
def desk(tmp_path: Path, clock: ManualClock) -> LittleDesk:
    it = LittleDesk(tmp_path / "ann", clock, Platform(clock, canned=(HELLO, SOLVED)))
    it.connector.caps = msgspec.structs.replace(it.connector.caps, can_canned=True)
    return it


def asked(desk: LittleDesk) -> int:
    return sum(what == "canned" for _, what in desk.connector.calls)


def kept(desk: LittleDesk) -> list[str]:
    return [it.name for _, it in canned.all(desk.store.reader)]


async def test_they_are_fetched_on_connecting_and_then_daily(desk: LittleDesk, clock: ManualClock) -> None:
    await desk.pull()
    assert (asked(desk), kept(desk)) == (1, ["hello", "solved-thanks"])
    assert canned.all(desk.store.reader)[1][1].actions == ("status solved",)
    for _ in range(23):
        clock.advance(HOUR)
        await desk.pull()
    assert asked(desk) == 1
    desk.platform.canned = (HELLO,)
    clock.advance(HOUR)
    await desk.pull()
    assert (asked(desk), kept(desk)) == (2, ["hello"])


async def test_they_are_there_without_a_line_and_not_fetched_at_every_start(desk: LittleDesk,
                                                                          clock: ManualClock) -> None:
    await desk.pull()
    desk.restart()
    assert kept(desk) == ["hello", "solved-thanks"]
    clock.advance(5 * MINUTE)
    await desk.pull()
    assert asked(desk) == 1
    clock.advance(DAY - 5 * MINUTE)
    await desk.pull()
    assert asked(desk) == 2
    clock.advance(HOUR)
    desk.restart()
    await desk.pull()
    assert asked(desk) == 3


@pytest.mark.parametrize("error", [Rejected("No right to see them"), Unavailable("Down"), ValueError("surprise")])
async def test_a_failure_concerns_them_alone(desk: LittleDesk, clock: ManualClock, error: Exception) -> None:
    await desk.pull()
    clock.advance(DAY)
    desk.connector.canned_errors.append(error)
    desk.platform.write("a", "Where is it?")
    await desk.pull()
    assert desk.refs() == ["m1"]
    assert sources.state(desk.store.reader, SOURCE).failures == 0
    assert kept(desk) == ["hello", "solved-thanks"]
    assert any(isinstance(e, Notice) and "Canned replies" in e.text for e in desk.events)
    clock.advance(MINUTE)
    await desk.pull()
    assert asked(desk) == 2
    clock.advance(HOUR)
    await desk.pull()
    assert asked(desk) == 3


async def test_a_source_that_holds_none_is_not_asked(tmp_path: Path, clock: ManualClock) -> None:
    desk = LittleDesk(tmp_path / "bob", clock, Platform(clock))
    await desk.pull()
    assert asked(desk) == 0


@given(st.lists(st.builds(RemoteCanned, ref=st.text(max_size=5), name=st.text(max_size=80), title=st.text(max_size=300),
                          text=st.text(max_size=50), actions=st.lists(st.text(max_size=20), max_size=3).map(tuple)),
                max_size=6))
def test_whatever_is_told_can_be_kept_and_typed(found: list[RemoteCanned]) -> None:
    for it in clean(found):
        assert it.name
        assert not any(c.isspace() for c in it.name)
        assert "\x1b" not in it.title + it.text + "".join(it.actions)
        assert len(it.title) <= 200


def test_an_endless_list_is_cut() -> None:
    assert len(list(clean(RemoteCanned(ref=str(n), name=f"n{n}", title="", text="x") for n in range(MOST + 5)))) == MOST
