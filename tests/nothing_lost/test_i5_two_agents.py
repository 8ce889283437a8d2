"""I5: two agents never both answer silently: a double answer is stopped, or told on both desks.

Every interleaving of two desks' requests is tried: each request to the platform waits until the schedule lets it go.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import MINUTE, SECOND, ManualClock
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import Outgoing, Receipt, SendState, Verb
from agentdesk.model.page import Page
from tests.fakes.desk import SOURCE, LittleDesk
from tests.fakes.platform import FakeConnector, Platform
from tests.nothing_lost.conftest import Runs

POINTS = 4
"""Places where one desk's flow can be held: the thread asked and answered, the reply on its way and answered."""


class Gated(FakeConnector):
    """A connector whose requests wait at a gate before and after they reach the platform."""

    gate: Gate | None = None

    async def thread(self, conversation_ref: str) -> Page:
        await self._wait()
        page = await super().thread(conversation_ref)
        await self._wait()
        return page

    async def send(self, out: Outgoing) -> Receipt:
        await self._wait()
        receipt = await super().send(out)
        await self._wait()
        return receipt

    async def _wait(self) -> None:
        if self.gate is not None:
            await self.gate.wait(self.agent)


class Gate:
    """Lets one desk after the other take its next step."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Event] = {}
        self._arrived = asyncio.Event()

    async def wait(self, agent: str) -> None:
        event = self.waiting[agent] = asyncio.Event()
        self._arrived.set()
        await event.wait()

    async def reached(self, agent: str, task: asyncio.Task[None]) -> None:
        """Wait until that desk stands at the gate or has come to its end."""
        task.add_done_callback(lambda _: self._arrived.set())
        while not task.done() and agent not in self.waiting:
            self._arrived.clear()
            await self._arrived.wait()

    async def run(self, desks: Sequence[LittleDesk], schedule: Iterator[int]) -> None:
        """Run both senders to their end; ``schedule`` says whose step is next while both wait."""
        loop = asyncio.get_running_loop()
        tasks = {desk.agent: loop.create_task(desk.send()) for desk in desks}
        while True:
            for agent, task in tasks.items():
                await self.reached(agent, task)
            ready = sorted(agent for agent, task in tasks.items() if not task.done())
            if not ready:
                break
            chosen = ready[next(schedule) % len(ready)] if len(ready) > 1 else ready[0]
            self.waiting.pop(chosen).set()
        for task in tasks.values():
            task.result()


def desks_on(folder: Path, clock: ManualClock, platform: Platform, agents: Sequence[str]) -> list[LittleDesk]:
    found = []
    for agent in agents:
        desk = LittleDesk(folder / agent, clock, platform, agent=agent)
        desk.connector = Gated(platform, SOURCE, agent)
        desk.close()
        desk.open()
        found.append(desk)
    return found


def judge(platform: Platform, ref: str, desks: Sequence[LittleDesk], entries: Sequence[int]) -> str:
    """How it ended; fails when a double answer was silent on any desk."""
    answers = [p for p in platform.visible(ref) if p.message.direction is Direction.OUT]
    states = [desk.state(entry) for desk, entry in zip(desks, entries, strict=True)]
    assert states.count(SendState.SENT) == len(answers)
    assert set(states) <= {SendState.SENT, SendState.STOPPED}
    if len(answers) < 2:
        assert SendState.STOPPED in states
        return "stopped"
    for desk in desks:
        number = desk.conversation(ref)
        told = [e for e in desk.events if getattr(e, "conversation_id", 0) == number
                and "Answered twice" in getattr(e, "text", "")]
        assert told, f"{desk.agent} was not told of the double answer in {ref}"
        assert desk.store.reader.value("SELECT count(*) FROM message WHERE conversation_id = ? AND direction = 'out'",
                                       number) == 2
    return "told"


async def afterwards(desks: Sequence[LittleDesk], clock: ManualClock) -> None:
    """Let the later readings happen."""
    for wait in (5 * SECOND, 4 * MINUTE, MINUTE):
        clock.advance(wait)
        for desk in desks:
            await desk.sender.turn()


def schedules() -> list[tuple[int, ...]]:
    """Every order in which two flows of so many steps can be woven together."""
    steps = 2 * POINTS
    return [tuple(int(n in ones) for n in range(steps)) for ones in itertools.combinations(range(steps), POINTS)]


async def test_two_desks_with_their_own_caches_in_every_order(tmp_path: Path, clock: ManualClock, runs: Runs) -> None:
    platform = Platform(clock, pull_out=False)
    desks = desks_on(tmp_path, clock, platform, ("ann", "bob"))
    ends: list[str] = []
    for number, schedule in enumerate(schedules()):
        ref = f"c{number}"
        platform.write(ref, "My parcel is lost")
        for desk in desks:
            await desk.pull()
        clock.advance(MINUTE)
        entries = [desk.reply(ref, f"Answer of {desk.agent}") for desk in desks]
        gate = Gate()
        for desk in desks:
            desk.connector.gate = gate  # type: ignore[attr-defined]
        await gate.run(desks, itertools.chain(schedule, itertools.repeat(0)))
        for desk in desks:
            desk.connector.gate = None  # type: ignore[attr-defined]
        await afterwards(desks, clock)
        ends.append(judge(platform, ref, desks, entries))
    assert set(ends) == {"stopped", "told"}, "both ends must have been seen, or the schedules test nothing"
    runs(len(ends))


async def test_a_colleague_on_the_platforms_own_page_at_every_moment(tmp_path: Path, clock: ManualClock) -> None:
    platform = Platform(clock, pull_out=False)
    [desk] = desks_on(tmp_path, clock, platform, ("ann",))
    for moment in range(POINTS + 1):
        ref = f"c{moment}"
        platform.write(ref, "My parcel is lost")
        await desk.pull()
        clock.advance(MINUTE)
        entry_id = desk.reply(ref, "Answer of ann")
        gate = Gate()
        desk.connector.gate = gate  # type: ignore[attr-defined]
        task = asyncio.get_running_loop().create_task(desk.send())
        for step in range(POINTS + 1):
            await gate.reached("ann", task)
            if step == moment:
                platform.colleague(ref, "Answer of Sam")
            if not task.done():
                gate.waiting.pop("ann").set()
        await task
        desk.connector.gate = None  # type: ignore[attr-defined]
        await afterwards([desk], clock)
        told = any("Answered twice" in text for text in desk.notices())
        assert desk.state(entry_id) is (SendState.STOPPED if moment < 1 else SendState.SENT)
        assert told or moment < 1
        desk.events.clear()


@pytest.mark.parametrize("order", [("ann", "bob"), ("bob", "ann")])
async def test_two_agents_at_one_cache_never_answer_twice(tmp_path: Path, clock: ManualClock,
                                                         order: tuple[str, str]) -> None:
    platform = Platform(clock)
    one = LittleDesk(tmp_path / "shared", clock, platform, agent="ann")
    other = LittleDesk(tmp_path / "shared", clock, platform, agent="bob", living=one.living)
    desks = {"ann": one, "bob": other}
    platform.write("c1", "My parcel is lost")
    await one.pull()
    entries = {agent: desks[agent].reply("c1", f"Answer of {agent}") for agent in order}
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.create_task(desks[agent].send()) for agent in order))
    await one.send()
    states = {agent: one.state(entry) for agent, entry in entries.items()}
    assert states == {order[0]: SendState.SENT, order[1]: SendState.STOPPED}
    assert one.connector.most_in_flight + other.connector.most_in_flight == 1, "one sender at any time"


async def test_eight_processes_at_one_cache_send_everything_once(tmp_path: Path, clock: ManualClock) -> None:
    platform = Platform(clock)
    first = LittleDesk(tmp_path / "shared", clock, platform)
    desks = [first] + [LittleDesk(tmp_path / "shared", clock, platform, living=first.living) for _ in range(7)]
    for number in range(16):
        platform.write(f"c{number}", "Help")
    await first.pull()
    entries = []
    for number, desk in enumerate(desks):
        desk.written = 100 * number
        entries += [desk.reply(f"c{number}", "Hello"), desk.reply(f"c{number + 8}", "Hello")]
    for round_ in range(8):
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.create_task(desk.send()) for desk in desks))
        if round_ < 6:
            desks.pop(0).close()  # the holder dies, and another takes over
    assert [desks[0].state(e) for e in entries] == [SendState.SENT] * 16
    assert sum(e.what == "copy" for e in platform.history) == 16


async def test_where_the_platform_has_an_owner_the_second_claim_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    platform = Platform(clock)
    desks = desks_on(tmp_path, clock, platform, ("ann", "bob"))
    platform.write("c1", "My parcel is lost")
    for desk in desks:
        await desk.pull()
    entries = [desk.act("c1", Verb.CLAIM) for desk in desks]
    for desk in desks:
        await desk.send()
    assert [d.state(e) for d, e in zip(desks, entries, strict=True)] == [SendState.SENT, SendState.REFUSED]


async def test_only_one_reply_is_ever_possible_and_the_second_is_told(tmp_path: Path, clock: ManualClock) -> None:
    platform = Platform(clock, strength=SendStrength.ONCE, pull_out=False)
    desks = desks_on(tmp_path, clock, platform, ("ann", "bob"))
    platform.write("c1", "Two stars")
    for desk in desks:
        await desk.pull()
    entries = [desk.reply("c1", f"Thank you from {desk.agent}", to="m1") for desk in desks]
    gate = Gate()
    for desk in desks:
        desk.connector.gate = gate  # type: ignore[attr-defined]
    await gate.run(desks, itertools.cycle((0, 1)))
    assert [d.state(e) for d, e in zip(desks, entries, strict=True)] == [SendState.SENT, SendState.REFUSED]
    assert "only once" in desks[1].entry(entries[1]).title
