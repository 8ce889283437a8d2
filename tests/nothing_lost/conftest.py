"""How often the long ones run, and how a child process is started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Child = Callable[..., "subprocess.Popen[str]"]
Runs = Callable[[int], None]


@pytest.fixture
def runs(record_property: Callable[[str, object], None]) -> Callable[[int], None]:
    """Say how many runs one test holds; ``docs/promise.py`` counts them."""
    return lambda count: record_property("runs", count)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the cache lies."""
    return tmp_path / "data" / "desk.sqlite3"


@pytest.fixture
def child() -> object:
    """Start ``store_child`` with the given words; whatever still runs at the end is ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-m", "tests.nothing_lost.store_child", *map(str, words)],
                                   cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
