"""Folders and files that may not be read or written: every command says so, and doctor finds it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdesk.cli.exits import Exit
from tests.cli.conftest import Run

ROOT = os.geteuid() == 0
PLAIN = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if ROOT else []
"""What takes from root that permissions do not count for it."""

pytestmark = pytest.mark.skipif(ROOT and shutil.which("setpriv") is None, reason="root may do everything here")


def plainly(*words: str) -> subprocess.CompletedProcess[str]:
    """Run agentdesk as somebody for whom permissions count."""
    return subprocess.run([*PLAIN, sys.executable, "-m", "agentdesk", *words], capture_output=True, text=True,
                          check=False)


@pytest.fixture
def home(run: Run, posts: Path, tmp_path: Path) -> Iterator[Path]:
    """A desk that has something in it; every folder is given back at the end."""
    run("sync")
    yield tmp_path / "home"
    for folder in (tmp_path / "home", tmp_path / "home" / "config", tmp_path / "home" / "data"):
        folder.chmod(0o700)


@pytest.mark.parametrize("words", [("queue",), ("sync",), ("config", "validate"), ("config", "init"), ("login", "rt")])
def test_a_configuration_folder_that_may_not_be_looked_into(home: Path, words: tuple[str, ...]) -> None:
    (home / "config").chmod(0)
    said = plainly(*words)
    assert said.returncode in (Exit.CONFIG, Exit.USAGE)
    assert "mistake of its own" not in said.stderr
    if words[0] != "login":
        assert "Permission denied" in said.stderr


def test_doctor_finds_a_configuration_folder_that_may_not_be_looked_into(home: Path) -> None:
    (home / "config").chmod(0)
    said = plainly("doctor", "--offline", "--json")
    assert said.returncode == Exit.FINDINGS
    assert any(check["area"] == "configuration" and "Permission denied" in check["text"]
               for check in map(json.loads, said.stdout.splitlines()))


def test_a_data_folder_that_may_not_be_looked_into(home: Path) -> None:
    (home / "data").chmod(0)
    said = plainly("queue")
    assert (said.returncode, "Permission denied" in said.stderr) == (Exit.STORE, True)
    found = plainly("doctor", "--offline", "--json")
    assert (found.returncode, found.stderr) == (Exit.FINDINGS, "")
    (bad,) = (check for check in map(json.loads, found.stdout.splitlines()) if check["level"] == "bad")
    assert (bad["area"], "Permission denied" in bad["text"]) == ("cache", True)


def test_doctor_finds_a_cache_that_can_only_be_read_and_its_remedy_mends_it(home: Path) -> None:
    (home / "data").chmod(0o500)
    assert plainly("queue").returncode == Exit.OK
    said = plainly("doctor", "--offline")
    assert said.returncode == Exit.FINDINGS
    assert f"✗ cache: {home / 'data'} cannot be written" in said.stdout
    (home / "data").chmod(0o700)
    assert plainly("doctor", "--offline").returncode == Exit.OK
