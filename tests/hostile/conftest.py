"""A spoiled home, made once for the tests that only look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.payloads import PAYLOADS
from tests.hostile.scene import made


@pytest.fixture(scope="session")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose cache holds the payloads as they are in every column."""
    return made(tmp_path_factory.mktemp("spoiled") / "home", PAYLOADS, spoiled=True)
