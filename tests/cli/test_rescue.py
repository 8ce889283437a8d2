"""Getting on with a damaged cache: what people wrote is saved, the file is kept, and a new one begins."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from agentdesk.cli.exits import Exit
from agentdesk.paths import places
from tests.cli.conftest import Run
from tests.cli.test_main import number_of

ANSWER = "It comes tomorrow, promised"


@pytest.fixture
def cache(run: Run, posts: Path) -> Path:
    """A cache with a reply that waits."""
    run("sync")
    assert run("reply", number_of(run, "Jane Doe"), "--text", ANSWER, "--offline").code == Exit.OK
    return places("default").database


def harm(path: Path) -> bytes:
    """Damage the head of the file, as a bad disk would; returns what is there now."""
    data = random.Random(1).randbytes(4_000) + path.read_bytes()[4_000:]
    path.write_bytes(data)
    return data


def test_a_damaged_cache_is_put_aside_once_what_people_wrote_is_saved(run: Run, cache: Path, tmp_path: Path) -> None:
    damaged, saved = harm(cache), tmp_path / "saved.jsonl"
    refused = run("queue")
    assert refused.code == Exit.STORE
    assert "doctor --rescue FILE --aside" in refused.err
    answer = run("doctor", "--rescue", str(saved), "--aside")
    assert answer.code == Exit.OK
    assert "start agentdesk" in answer.err
    assert saved.stat().st_mode & 0o777 == 0o600
    rows = [json.loads(line) for line in saved.read_text().splitlines()]
    assert [json.loads(row["row"]["body"])["text"] for row in rows if row["table"] == "outbox"] == [f"{ANSWER} ^AN"]
    (kept,) = (path for path in cache.parent.glob("*.damaged-*") if not path.name.endswith(("-wal", "-shm")))
    assert kept.read_bytes() == damaged
    assert run("sync").code == Exit.OK
    assert len(run("queue", "--json").lines) == 3


def test_a_sound_cache_is_never_put_aside(run: Run, cache: Path, tmp_path: Path) -> None:
    answer = run("doctor", "--rescue", str(tmp_path / "saved"), "--aside")
    assert answer.code == Exit.REFUSED
    assert "is sound" in answer.err
    assert cache.exists()
    assert not (tmp_path / "saved").exists()


def test_nothing_is_put_aside_unsaved(run: Run, cache: Path, tmp_path: Path) -> None:
    harm(cache)
    assert run("doctor", "--aside").code == Exit.USAGE
    taken = tmp_path / "taken"
    taken.write_text("mine")
    answer = run("doctor", "--rescue", str(taken), "--aside")
    assert answer.code == Exit.REFUSED
    assert "Name a new file" in answer.err
    assert taken.read_text() == "mine"
    assert run("doctor", "--rescue", str(tmp_path / "no" / "folder"), "--aside").code == Exit.STORE
    assert cache.exists()


def test_a_profile_without_a_cache_says_so(run: Run, tmp_path: Path) -> None:
    answer = run("doctor", "--rescue", str(tmp_path / "saved"))
    assert answer.code == Exit.NOT_FOUND
    assert "no cache" in answer.err
    assert not (tmp_path / "saved").exists()
