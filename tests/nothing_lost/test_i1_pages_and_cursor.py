"""I1: posts of a page are durable in the same transaction that moves the cursor, whatever kills the process."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agentdesk.model.clock import ManualClock
from agentdesk.store import integrity, sources
from agentdesk.store.db import Store
from tests.nothing_lost.conftest import Child, Runs
from tests.nothing_lost.store_child import SOURCE, server


def refs(store: Store) -> list[str]:
    return [row[0] for row in store.reader.rows("SELECT ref FROM message ORDER BY id")]


def look(path: Path, seed: int, acknowledged: str) -> None:
    """After a kill: all that was said to be stored is there, and exactly what the cursor covers, nothing twice."""
    store = Store.open(path, ManualClock())
    try:
        covered: list[str] = []
        cursor = sources.state(store.reader, SOURCE).cursor if sources.all(store.reader) else None
        for page in server(seed):
            if cursor is None or int(page.cursor or 0) > int(cursor):
                break
            covered += [m.ref for m in page.messages]
        assert sorted(refs(store)) == sorted(covered)
        assert int(cursor or 0) >= int(acknowledged or 0)
        assert integrity.check(store) == []
    finally:
        store.close()


def killed_and_resumed(path: Path, child: Child, seed: int, kills: int) -> int:
    """A backfill that is killed ``kills`` times at random steps; returns how often it really was."""
    dice, killed, acknowledged = random.Random(seed), 0, ""
    for _ in range(kills):
        process = child("backfill", path, seed, dice.randrange(1, 260))
        out, err = process.communicate()
        stored = [line.split()[1] for line in out.splitlines() if line.startswith("stored")]
        acknowledged = stored[-1] if stored else acknowledged
        assert process.returncode in (0, -9), err
        if path.exists():
            look(path, seed, acknowledged)
        if process.returncode == 0:
            return killed
        killed += 1
    out, err = child("backfill", path, seed, 0).communicate()
    assert out.endswith("end\n"), err
    return killed


def test_kill_at_random_steps_of_a_backfill(path: Path, child: Child, runs: Runs) -> None:
    killed = killed_and_resumed(path, child, 1, 8)
    assert killed >= 3
    runs(killed)
    store = Store.open(path, ManualClock())
    assert sorted(refs(store)) == sorted(m.ref for page in server(1) for m in page.messages)
    store.close()


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100))
def test_kill_at_a_thousand_random_steps(path: Path, child: Child, seed: int, runs: Runs) -> None:
    runs(killed_and_resumed(path, child, seed, 10))
    store = Store.open(path, ManualClock())
    assert sorted(refs(store)) == sorted(m.ref for page in server(seed) for m in page.messages)
    store.close()
