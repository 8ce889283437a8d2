"""A little desk on a fake platform, with two conversations that wait for an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdesk.model.clock import MINUTE, ManualClock
from tests.fakes.desk import LittleDesk
from tests.fakes.platform import Platform


@pytest.fixture
def platform(clock: ManualClock) -> Platform:
    """The far side."""
    return Platform(clock)


@pytest.fixture
async def desk(tmp_path: Path, clock: ManualClock, platform: Platform) -> LittleDesk:
    """Ann's desk, which has pulled c1 and c2."""
    it = LittleDesk(tmp_path / "ann", clock, platform)
    platform.write("c1", "My parcel is lost")
    platform.write("c2", "My bill is wrong")
    await it.pull()
    clock.advance(MINUTE)
    return it
