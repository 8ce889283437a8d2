"""I2: each reply reaches the platform exactly once, or is shown as not certain; never silently sent again."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import MINUTE, SECOND, ManualClock
from agentdesk.model.outgoing import Absent, SendState, Unsure
from tests.fakes import checker
from tests.fakes.desk import LittleDesk, until_settled
from tests.fakes.platform import APPLIES, Fault, Killed, Platform

REPLAY = {SendStrength.KEY: 3_600, SendStrength.CONTENT: 120}
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
SEEDS = 200 if NIGHTLY else 12
FAULTS = [f for f in Fault if f not in (Fault.HANG_AFTER, Fault.HANG_BEFORE)]
ENDLESS = [Fault.HANG_AFTER, Fault.HANG_BEFORE]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of durable writes."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


async def begin(folder: Path, strength: SendStrength, *, lag_s: int = 0, echo: bool = False) -> tuple[
        LittleDesk, Platform, ManualClock]:
    clock = ManualClock()
    platform = Platform(clock, strength=strength, replay_s=REPLAY.get(strength), lag_s=lag_s, echo=echo)
    desk = LittleDesk(folder, clock, platform)
    message = platform.write("c1", "My parcel is lost")
    await desk.pull()
    clock.advance(MINUTE)
    assert message.ref in desk.refs()
    return desk, platform, clock


def verdict(desk: LittleDesk, platform: Platform) -> None:
    problems = checker.sends(platform, desk, at_rest=True)
    history = "\n".join(f"{e.at} {e.what} {e.client_id} {e.ref}" for e in platform.history)
    assert problems == [], f"{problems}\n{history}"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("strength", SendStrength)
async def test_one_fault_on_the_first_attempt(folder: Path, strength: SendStrength, fault: Fault) -> None:
    desk, platform, clock = await begin(folder, strength)
    entry_id = desk.reply("c1", "So sorry", to="m1")
    desk.connector.faults.append(fault)
    await until_settled(desk, [entry_id], clock.advance)
    verdict(desk, platform)
    entry = desk.entry(entry_id)
    if fault in APPLIES or fault in (Fault.LATE, Fault.LIMITED, Fault.OFFLINE, Fault.SIGNED_OUT):
        assert entry.state is SendState.SENT, entry.title
    elif fault is Fault.REFUSED:
        assert entry.state is SendState.REFUSED
    elif strength in (SendStrength.KEY, SendStrength.CLIENT_KEY, SendStrength.PUT):
        assert entry.state is SendState.SENT, "safe to repeat, so it is repeated"
    else:
        assert entry.state is SendState.NEEDS_HUMAN, "never blindly sent again"
        assert platform.copies(entry.client_id) == 0
    desk.close()


@pytest.mark.parametrize("fault", ENDLESS)
@pytest.mark.parametrize("strength", SendStrength)
async def test_closed_while_no_answer_comes(folder: Path, strength: SendStrength, fault: Fault) -> None:
    desk, platform, clock = await begin(folder, strength)
    entry_id = desk.reply("c1", "So sorry", to="m1")
    desk.connector.faults.append(fault)
    task = asyncio.get_running_loop().create_task(desk.sender.turn())
    await desk.connector.hanging.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert desk.state(entry_id) is SendState.UNKNOWN
    desk.restart()
    await until_settled(desk, [entry_id], clock.advance)
    verdict(desk, platform)


class KillAt:
    """Ends the process at the n-th step of the store."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.count = 0
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.count += 1
        self.names.append(name)
        if self.count == self.step:
            raise Killed


async def steps_of(folder: Path, strength: SendStrength, fault: Fault) -> int:
    """How many steps the store takes from freezing to settled."""
    desk, _, clock = await begin(folder, strength)
    counting = desk.faults = KillAt(-1)
    entry_id = desk.reply("c1", "So sorry", to="m1")
    desk.connector.faults.append(fault)
    await until_settled(desk, [entry_id], clock.advance)
    desk.close()
    return counting.count


async def one_kill(template: Path, folder: Path, strength: SendStrength, fault: Fault, step: int) -> None:
    """The same flow, killed at one step of the store."""
    desk, platform, clock = await begin(folder, strength)
    desk.connector.faults.append(fault)
    desk.faults = KillAt(step)
    entry_id = 0
    try:
        entry_id = desk.reply("c1", "So sorry", to="m1")
    except Killed:
        desk.restart()
        found = desk.store.reader.value("SELECT id FROM outbox")
        if found is None:
            desk.close()
            return  # the agent never saw «queued»: the draft is still there
        entry_id = int(found)
    await until_settled(desk, [entry_id], clock.advance)
    verdict(desk, platform)
    desk.close()


KILLED = [(SendStrength.NONE, Fault.NONE), (SendStrength.NONE, Fault.CUT_AFTER), (SendStrength.KEY, Fault.ERROR_BEFORE)]
ALL = [(s, f) for s in SendStrength for f in FAULTS]


@pytest.mark.parametrize(("strength", "fault"), ALL if NIGHTLY else KILLED)
async def test_killed_at_every_step_of_the_store(folder: Path, strength: SendStrength, fault: Fault) -> None:
    steps = await steps_of(folder / "count", strength, fault)
    assert steps > 15
    for step in range(1, steps + 1):
        run = folder / str(step)
        await one_kill(folder, run, strength, fault, step)
        shutil.rmtree(run)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("strength", SendStrength)
async def test_storms_of_faults_and_kills(folder: Path, strength: SendStrength, seed: int) -> None:
    chance = random.Random(f"{strength} {seed}")
    desk, platform, clock = await begin(folder, strength, lag_s=chance.choice([0, 0, 20]), echo=chance.random() < 0.3)
    for number in range(2, 4):
        platform.write(f"c{number}", "Hello?")
    await desk.pull()
    entries = [desk.reply(f"c{chance.randint(1, 3)}", f"Answer {n}", to=f"slot {n}") for n in range(3)]
    desk.connector.faults.extend(chance.choice(FAULTS) for _ in range(chance.randint(0, 6)))
    desk.connector.read_errors.extend(
        chance.choice([None, None, Unsure("?"), Absent(), ValueError("?")])
        for _ in range(chance.randint(0, 3)))
    for _ in range(3):
        desk.faults = KillAt(chance.randint(1, 60))
        for _ in range(chance.randint(1, 4)):
            await desk.send_or_die()
            clock.advance(chance.choice([SECOND, 10 * SECOND, 3 * MINUTE, 20 * MINUTE]))
            assert [p for p in checker.sends(platform, desk) if "times" in p or "called sent" in p] == []
    desk.restart()
    await until_settled(desk, entries, clock.advance)
    verdict(desk, platform)
    desk.close()
