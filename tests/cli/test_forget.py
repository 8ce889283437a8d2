"""Forgetting a profile: nothing unsent is lost by it, nothing of it stays, and other profiles stay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentdesk.cli.exits import Exit
from agentdesk.model.clock import MINUTE, SystemClock
from agentdesk.paths import places
from agentdesk.store import leases
from agentdesk.store.db import Store
from agentdesk.sync.holder import identity
from tests.cli.conftest import Run
from tests.cli.test_main import number_of


def left(home: Path) -> list[str]:
    """Every file below the home, but for the posts themselves."""
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


def home_of() -> Path:
    return Path(os.environ["AGENTDESK_HOME"])


def test_the_cache_goes_and_the_configuration_stays(run: Run, posts: Path) -> None:
    run("sync")
    assert any(name.startswith("data/") for name in left(home_of()))
    answer = run("forget", "--yes", "default")
    assert answer.code == Exit.OK
    assert "default is forgotten" in answer.out
    assert not [name for name in left(home_of()) if name.startswith("data/")]
    assert "config/config.yaml" in left(home_of())
    assert run("forget", "--yes", "default", "--config").code == Exit.OK
    assert not [name for name in left(home_of()) if name.startswith(("data/", "config/"))]
    assert "nothing to forget" in run("forget", "--yes", "default").out


@pytest.mark.parametrize("named", ["", "defualt", "demo"])
def test_another_name_forgets_nothing(run: Run, posts: Path, named: str) -> None:
    run("sync")
    before = left(home_of())
    answer = run("forget", "--yes", named)
    assert answer.code == Exit.USAGE
    assert "Nothing was removed" in answer.err
    assert left(home_of()) == before


def test_what_is_nowhere_else_is_not_lost_by_it(run: Run, posts: Path) -> None:
    run("sync")
    path = places().database
    store = Store.open(path, SystemClock())
    number = int(number_of(run, "Jane Doe"))
    store.write_now(lambda db: db.run(
        "INSERT INTO outbox (client_id, conversation_id, source, kind, agent, state, body, created_at, hold_until, "
        "next_try_at, seen_message_id, hash) VALUES ('c', ?, 's', 'reply', 'ann', 'queued', '{}', 1, 1, 1, 0, '')",
        number))
    store.close()
    answer = run("forget", "--yes", "default")
    assert answer.code == Exit.REFUSED
    assert "1 unsent reply would be lost" in answer.err
    assert path.exists()
    assert run("forget", "--yes", "default", "--unsent").code == Exit.OK
    assert not path.exists()


def test_a_profile_in_use_is_not_taken_away(run: Run, posts: Path) -> None:
    run("sync")
    path = places().database
    store = Store.open(path, SystemClock())
    now = SystemClock().now()
    other = identity()
    store.write_now(lambda db: leases.take(db, "collect:x", other, now + MINUTE, now, lambda _: True))
    store.close()
    answer = run("forget", "--yes", "default", "--unsent")
    assert answer.code == Exit.REFUSED
    assert f"Process {os.getpid()}" in answer.err
    assert path.exists()


def test_tokens_are_removed_or_named(run: Run, posts: Path, tmp_path: Path) -> None:
    token = tmp_path / "keep" / "token"
    token.parent.mkdir(mode=0o700)
    token.write_text("s3cret-token-value\n")
    token.chmod(0o600)
    config = home_of() / "config" / "config.yaml"
    config.write_text("sources:\n"
                      f"  - {{kind: rt, name: a, url: 'https://rt.example', token: {{file: {token}}}}}\n"
                      "  - {kind: rt, name: b, url: 'https://rt.example', token: {env: RT_TOKEN}}\n")
    answer = run("forget", "--yes", "default")
    assert answer.code == Exit.OK
    assert not token.exists()
    assert "rt:a: file" in answer.err
    assert "rt:b: its token stays in the environment variable RT_TOKEN" in answer.err


def test_other_profiles_stay(run: Run, posts: Path) -> None:
    run("--profile", "night", "sync")
    run("sync")
    run("forget", "--yes", "default")
    assert places("night").database.exists()
    assert not places().database.exists()


def test_a_link_in_place_of_the_folder_is_not_followed(run: Run, posts: Path, tmp_path: Path) -> None:
    run("sync")
    elsewhere = tmp_path / "elsewhere"
    where = places().data_dir
    where.rename(elsewhere)
    where.symlink_to(elsewhere)
    assert run("forget", "--yes", "default", "--unsent").code == Exit.STORE
    assert (elsewhere / "desk.sqlite3").exists()
