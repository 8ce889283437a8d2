"""I2 for what begins a conversation: each ticket and private message lands once, tied to where it comes from."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import HOUR, MINUTE, SECOND
from agentdesk.model.outgoing import OutKind, SendState
from agentdesk.store import begun, ledger, links
from tests.fakes import checker
from tests.fakes.desk import LittleDesk, until_settled
from tests.fakes.platform import APPLIES, Fault, Killed, Platform
from tests.nothing_lost.conftest import Runs
from tests.nothing_lost.test_i2_exactly_once import FAULTS, KillAt, begin, folder, verdict

__all__ = ["folder"]
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
SEEDS = 60 if NIGHTLY else 4
KINDS = (OutKind.TICKET, OutKind.DM)
STRENGTHS = tuple(SendStrength) if NIGHTLY else (SendStrength.NONE, SendStrength.KEY)


def ties(desk: LittleDesk, platform: Platform, ref: str = "c1") -> list[str]:
    """What is wrong with the ties of one conversation: what was sent is tied once, to something that there is."""
    db, number = desk.store.reader, desk.conversation(ref)
    found = [link for link in links.of(db, number) if not link.back]
    sent = [e for e in ledger.of_conversation(db, number) if e.action in begun.ACTIONS.values()]
    problems = [f"{link.label} is tied, and nobody opened it" for link in found if link.ref not in platform.begun]
    problems += [f"{link.label} is tied twice" for link in found if [one.ref for one in found].count(link.ref) > 1]
    told = {e.detail["ref"] for e in sent}
    return problems + [f"{ref} was opened and is not tied" for ref in told - {link.ref for link in found} if ref]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_one_fault_on_the_first_attempt(folder: Path, kind: OutKind, fault: Fault) -> None:
    desk, platform, clock = await begin(folder, SendStrength.NONE)
    entry_id = desk.reply("c1", "Their parcel is lost", kind=kind)
    desk.connector.faults.append(fault)
    await until_settled(desk, [entry_id], clock.advance)
    verdict(desk, platform)
    assert ties(desk, platform) == []
    entry = desk.entry(entry_id)
    if fault in APPLIES or fault in (Fault.LATE, Fault.LIMITED, Fault.OFFLINE, Fault.SIGNED_OUT):
        assert entry.state is SendState.SENT, entry.title
        assert len(links.of(desk.store.reader, entry.conversation_id)) == 1
    else:
        assert entry.state in (SendState.REFUSED, SendState.NEEDS_HUMAN)
        assert platform.begun == {}
    desk.close()


async def steps_of(place: Path, kind: OutKind, strength: SendStrength, fault: Fault) -> int:
    """How many steps the store takes from freezing to settled."""
    desk, _, clock = await begin(place, strength)
    counting = desk.faults = KillAt(-1)
    entry_id = desk.reply("c1", "Their parcel is lost", kind=kind)
    desk.connector.faults.append(fault)
    await until_settled(desk, [entry_id], clock.advance)
    desk.close()
    return counting.count


async def one_kill(place: Path, kind: OutKind, strength: SendStrength, fault: Fault, step: int) -> None:
    """The same flow, killed at one step of the store."""
    desk, platform, clock = await begin(place, strength)
    desk.connector.faults.append(fault)
    desk.faults = KillAt(step)
    try:
        entry_id = desk.reply("c1", "Their parcel is lost", kind=kind)
    except Killed:
        desk.restart()
        found = desk.store.reader.value("SELECT id FROM outbox")
        if found is None:
            desk.close()
            return  # the agent never saw «queued»: the draft is still there
        entry_id = int(found)
    await until_settled(desk, [entry_id], clock.advance)
    verdict(desk, platform)
    assert ties(desk, platform) == []
    clock.advance(HOUR)
    await desk.send_or_die()
    assert begun.unread(desk.store.reader, desk.connector.name) == [], "what began is read, whenever we were killed"
    desk.close()


@pytest.mark.parametrize(("strength", "fault"), [
    (SendStrength.NONE, Fault.NONE), (SendStrength.NONE, Fault.CUT_AFTER)])
@pytest.mark.parametrize("kind", KINDS)
async def test_killed_at_every_step_of_the_store(folder: Path, kind: OutKind, strength: SendStrength, fault: Fault,
                                                 runs: Runs) -> None:
    steps = await steps_of(folder / "count", kind, strength, fault)
    assert steps > 15
    for step in range(1, steps + 1, 1 if NIGHTLY else 2):
        run = folder / str(step)
        await one_kill(run, kind, strength, fault, step)
        shutil.rmtree(run)
    runs(steps)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("strength", STRENGTHS)
async def test_storms_of_faults_and_kills(folder: Path, strength: SendStrength, seed: int) -> None:
    chance = random.Random(f"begun {strength} {seed}")
    desk, platform, clock = await begin(folder, strength, lag_s=chance.choice([0, 20]), echo=chance.random() < 0.3)
    entries = [desk.reply("c1", f"Words {n}", to=f"slot {n}", kind=chance.choice((*KINDS, OutKind.REPLY)))
               for n in range(3)]
    desk.connector.faults.extend(chance.choice(FAULTS) for _ in range(chance.randint(0, 5)))
    for _ in range(3):
        desk.faults = KillAt(chance.randint(1, 60))
        for _ in range(chance.randint(1, 4)):
            await desk.send_or_die()
            clock.advance(chance.choice([SECOND, 10 * SECOND, 3 * MINUTE, 20 * MINUTE]))
            assert [p for p in checker.sends(platform, desk) if "times" in p or "called sent" in p] == []
    desk.restart()
    await until_settled(desk, entries, clock.advance)
    verdict(desk, platform)
    assert ties(desk, platform) == []
    desk.close()
