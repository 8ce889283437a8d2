"""Leases, words, and waiting."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from agentdesk.errors import StoreFull, Unavailable
from agentdesk.model.clock import SECOND, ManualClock
from agentdesk.store import leases
from agentdesk.sync import frame
from tests.fakes.desk import LittleDesk
from tests.fakes.platform import Platform
from tests.fakes.simclock import SimClock


async def test_a_lease_is_kept_without_writing_until_it_is_nearly_over(desk: LittleDesk, clock: ManualClock) -> None:
    it = desk.engine.frame
    assert await it.own("collect:x") == desk.holder
    writes: list[str] = []
    desk.faults = writes.append
    clock.advance(9 * SECOND)
    assert await it.own("collect:x") == desk.holder
    assert writes == []
    clock.advance(2 * SECOND)
    await it.renew()
    assert leases.holder(desk.store.reader, "collect:x", clock.now() + 29 * SECOND) == desk.holder


async def test_a_living_holder_keeps_its_lease_and_a_dead_or_silent_one_loses_it(desk: LittleDesk,
                                                                                clock: ManualClock) -> None:
    it = desk.engine.frame
    for living in (True, False):
        until = clock.now() + 30 * SECOND
        desk.store.write_now(lambda db, u=until: leases.take(db, "send:x", "other", u, clock.now(), lambda _: False))
        (desk.living.add if living else desk.living.discard)("other")
        assert await it.own("send:x") == ("other" if living else desk.holder)
    desk.living.add("other")
    desk.store.write_now(lambda db: leases.drop(db, "send:x", desk.holder))
    it.leases.clear()
    desk.store.write_now(lambda db: leases.take(db, "send:x", "other", clock.now() + 1, clock.now(), lambda _: False))
    clock.advance(2)
    assert await it.own("send:x") == desk.holder, "a lease that ran out is free, whoever lives"


async def test_leases_given_up_are_free_at_once(desk: LittleDesk, clock: ManualClock) -> None:
    it = desk.engine.frame
    await it.own("collect:x")
    await it.own("send:x")
    it.drop()
    assert leases.holder(desk.store.reader, "collect:x", clock.now()) == ""
    assert leases.holder(desk.store.reader, "send:x", clock.now()) == ""
    it.drop()


def test_errors_are_said_in_words_that_cannot_act_on_a_terminal() -> None:
    said = frame.words(Unavailable("down\x1b[2J", "no\x00route", "wait\u202e"), "rt:support")
    assert "\x1b" not in said.title
    assert "\x00" not in said.cause
    assert "\u202e" not in said.remedy
    assert frame.words(KeyError("x"), "rt:support").title == "rt:support failed unexpectedly"
    assert frame.words(TimeoutError(), "rt:support").title == "rt:support did not answer in time"


def test_the_line_leaves_out_what_is_not_known() -> None:
    assert frame.Words("It failed", "", "").line == "It failed"
    assert frame.Words("It failed", "no route", "").line == "It failed: no route"


def test_a_full_disk_is_not_the_sources_fault() -> None:
    assert not frame.from_source(StoreFull("full"))
    assert frame.from_source(Unavailable("down"))
    assert frame.from_source(KeyError("x"))


async def test_rest_ends_by_time_or_by_a_call() -> None:
    sim, wake = SimClock(), asyncio.Event()

    async def settle() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    loop = asyncio.get_running_loop()
    resting = loop.create_task(frame.rest(sim, 5 * SECOND, wake))
    await sim.run_for(4 * SECOND, settle)
    assert not resting.done()
    await sim.run_for(SECOND, settle)
    assert resting.done()
    resting = loop.create_task(frame.rest(sim, 5 * SECOND, wake))
    await settle()
    wake.set()
    await settle()
    assert resting.done()
    assert not wake.is_set()


async def test_an_answer_that_crossed_ours_is_told_and_written_down(desk: LittleDesk, platform: Platform) -> None:
    platform.pull_out = False
    desk.connector.before_send = lambda out: platform.colleague("c1", "From Sam")
    desk.reply("c1", "From Ann")
    await desk.send()
    await desk.engine.refresh("c1", "fake:acme")
    assert sum("Answered twice" in text for text in desk.notices()) == 1
    assert desk.store.reader.value("SELECT count(*) FROM ledger WHERE action = 'answered_twice'") == 1


async def test_a_lease_that_is_taken_while_we_are_cancelled_is_given_up_too(
        desk: LittleDesk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    it, take, began, gate = desk.engine.frame, leases.take, threading.Event(), threading.Event()

    def slow(*args: Any) -> str:
        began.set()
        gate.wait(20)
        return take(*args)

    monkeypatch.setattr(leases, "take", slow)
    owning = asyncio.create_task(it.own("collect:x"))
    await asyncio.to_thread(began.wait, 20)
    owning.cancel()
    await asyncio.gather(owning, return_exceptions=True)
    gate.set()
    it.drop()
    assert leases.holder(desk.store.reader, "collect:x", clock.now()) == ""
