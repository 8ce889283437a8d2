"""I10: several processes share one cache: nothing is lost or doubled, and a dead holder's lease frees itself."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agentdesk.model.clock import ManualClock, SystemClock
from agentdesk.model.outgoing import SendState
from agentdesk.store import drafts, integrity, leases, ledger
from agentdesk.store.db import Store
from tests.fakes.desk import LittleDesk
from tests.fakes.platform import Platform
from tests.nothing_lost.conftest import Child


def written(path: Path) -> dict[str, list[str]]:
    store = Store.open(path, ManualClock())
    try:
        assert ledger.verify(store.reader) == []
        assert integrity.check(store) == []
        found: dict[str, list[str]] = {}
        for entry in ledger.rows(store.reader, 0, 2**60):
            found.setdefault(entry.agent, []).append(entry.code)
        for agent, codes in found.items():
            assert sorted(d.conversation_id for d in drafts.all(store.reader, agent)) == sorted(map(int, codes))
        return found
    finally:
        store.close()


@pytest.mark.parametrize(("processes", "each"), [(2, 40), (8, 15)])
def test_everything_that_several_wrote_is_there_once(path: Path, child: Child, processes: int, each: int) -> None:
    running = {f"p{n}": child("write", path, f"p{n}", each) for n in range(processes)}
    for process in running.values():
        out, err = process.communicate()
        assert out.endswith("end\n"), err
    assert written(path) == {name: [str(n) for n in range(each)] for name in running}


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.nightly) for n in range(2, 30))])
def test_one_that_is_killed_disturbs_nobody(path: Path, child: Child, seed: int) -> None:
    dice = random.Random(seed)
    victim, other = child("write", path, "victim", 10_000), child("write", path, "other", 60)
    assert victim.stdout is not None
    said = [victim.stdout.readline() for _ in range(dice.randrange(1, 40))]
    victim.kill()
    said += victim.stdout.readlines()
    out, err = other.communicate()
    assert out.endswith("end\n"), err
    found = written(path)
    assert found["other"] == [str(n) for n in range(60)]
    acknowledged = [line.split()[1] for line in said if line.endswith("\n") and line.startswith("stored")]
    assert found["victim"][:len(acknowledged)] == acknowledged
    assert len(found["victim"]) <= len(acknowledged) + 1


def test_a_dead_holders_lease_is_taken_over_at_the_next_look(path: Path, child: Child) -> None:
    first = child("lease", path, 60_000)
    assert first.stdout is not None
    assert first.stdout.readline().startswith("mine")
    second = child("lease", path, 60_000)
    assert second.stdout is not None
    assert second.stdout.readline().startswith("theirs")
    first.kill()
    first.wait()
    killed_at = SystemClock().now()
    while not (line := second.stdout.readline()).startswith("mine"):
        assert line.startswith("theirs")
        assert int(line.split()[1]) <= killed_at


def test_only_one_at_a_time_holds_a_lease(path: Path, child: Child) -> None:
    running = [child("lease", path, 60_000) for _ in range(4)]
    said = [process.stdout.readline() for process in running if process.stdout is not None]
    for process in running:
        process.kill()
    assert len(said) == 4
    assert sum(line.startswith("mine") for line in said) == 1


def test_a_lease_runs_out_is_renewed_and_given_back(path: Path) -> None:
    store = Store.open(path, ManualClock())

    def take(holder: str, now: int, *, alive: bool = True) -> str:
        return store.write_now(lambda db: leases.take(db, "x", holder, now + 10, now, lambda h: alive))

    assert take("a", 0) == "a"
    assert take("b", 5) == "a"
    assert take("a", 6) == "a"
    assert take("b", 15) == "a"
    assert take("b", 16) == "b"
    assert take("a", 17, alive=False) == "a"
    assert leases.holder(store.reader, "x", 26) == "a"
    assert leases.holder(store.reader, "x", 27) == ""
    store.write_now(lambda db: leases.drop(db, "x", "b"))
    assert take("c", 20) == "a"
    store.write_now(lambda db: leases.drop(db, "x", "a"))
    assert take("c", 20) == "c"
    store.close()


async def test_one_process_collects_and_sends_for_a_source_until_it_ends(tmp_path: Path, clock: ManualClock) -> None:
    platform, living = Platform(clock), set[str]()
    for ref in ("c1", "c2"):
        platform.write(ref, "Where is my parcel?")
    ann, bob = (LittleDesk(tmp_path / "one", clock, platform, agent=agent, living=living) for agent in ("ann", "bob"))
    await ann.pull()
    ann.reply("c1", "We are looking")
    await ann.send()
    entry = ann.reply("c2", "We are looking here too")
    for turn in (bob.collector.turn, bob.send):
        await turn()
    assert (bob.connector.calls, bob.state(entry)) == ([], SendState.QUEUED)
    ann.close()
    await bob.send()
    assert bob.state(entry) is SendState.SENT
    bob.close()
