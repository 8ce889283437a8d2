"""The night shift, from seeds: 400 steps for each of a few here, 10,000 for each of many at night."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nothing_lost.conftest import Runs
from tests.nothing_lost.night_people import STEPS as PEOPLE
from tests.nothing_lost.night_shift import STEPS as MACHINES
from tests.nothing_lost.night_shift import NightShift

SEEDS = [int(seed) for seed in os.environ.get("NIGHT_SHIFT_SEEDS", "").split(",") if seed] or list(range(8))
STEPS = int(os.environ.get("NIGHT_SHIFT_STEPS", "400"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of durable writes."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_night_shift_loses_nothing(folder: Path, seed: int, runs: Runs) -> None:
    shift = NightShift(seed, folder)
    await shift.run(STEPS)
    runs(STEPS)
    shift.close()


async def test_a_seed_tells_the_same_story_twice(folder: Path) -> None:
    stories = []
    for name in ("one", "two"):
        shift = NightShift(3, folder / name)
        await shift.run(150)
        stories.append([*shift.steps, *((e.at, e.what, e.client_id, e.ref, e.by) for e in shift.platform.history)])
        shift.close()
    assert stories[0] == stories[1]
    assert len(stories[0]) > 155


async def test_every_kind_of_step_goes_through(folder: Path) -> None:
    """A step that is always refused would prove nothing."""
    taken: set[str] = set()
    for seed in (100, 101, 102):
        shift = NightShift(seed, folder / str(seed))
        await shift.run(300)
        taken |= shift.taken.keys()
        shift.close()
    assert {step.__name__ for step in PEOPLE | MACHINES} - taken == set()


@pytest.mark.nightly
@pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "nightly", reason="ten thousand steps a seed")
@pytest.mark.parametrize("seed", range(1_000, 1_000 + int(os.environ.get("NIGHT_SHIFT_COUNT", "25"))))
async def test_a_long_night_shift_loses_nothing(folder: Path, seed: int, runs: Runs) -> None:
    shift = NightShift(seed, folder)
    await shift.run(10_000, look=500)
    runs(10_000)
    shift.close()
