"""A store in the test's own folder, and short ways to make what goes into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agentdesk.config.schema import Config
from agentdesk.model.clock import ManualClock
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store.db import Store
from tests.store.scene import Scene


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the cache lies."""
    return tmp_path / "data" / "desk.sqlite3"


@pytest.fixture
def store(path: Path, clock: ManualClock) -> Iterator[Store]:
    """An empty store."""
    store = Store.open(path, clock)
    yield store
    store.close()


@pytest.fixture(scope="session")
def rulebook() -> Rulebook:
    """The rules of a configuration with nothing in it."""
    return Rulebook.build(Config(), ZoneInfo("UTC"))


@pytest.fixture
def scene(store: Store, clock: ManualClock, rulebook: Rulebook) -> Scene:
    """A store in which things can happen."""
    return Scene(store, clock, rulebook)
