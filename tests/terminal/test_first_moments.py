"""The first moments: what is on the screen before anything is imported, and keys that are typed by then."""

from __future__ import annotations

import json
import re
import stat
import time
from pathlib import Path

import pytest

from tests.terminal.harness import Terminal, run

TEXT = "Where is my parcel then"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A profile with three conversations."""
    folder = tmp_path / "home"
    (folder / "config").mkdir(mode=0o700, parents=True)
    folder.chmod(0o700)
    posts = tmp_path / "posts.jsonl"
    posts.write_text("".join(json.dumps({
        "id": f"p{number}", "author": f"u{number}", "author_name": f"Customer {number}", "text": f"{TEXT} {number}",
        "created_at": int(time.time()) - 600 + number * 60}) + "\n" for number in range(3)))
    (folder / "config" / "config.yaml").write_text(
        f"version: 1\nsources:\n  - {{kind: file, name: posts, path: {posts}}}\n")
    synced = run("sync", home=folder)
    assert synced.returncode == 0, synced.stderr
    return folder


def sit_down(home: Path) -> bytes:
    """One sitting that is ended in an orderly way; all that was written."""
    with Terminal(home=home) as terminal:
        terminal.wait_for("Customer 2")
        terminal.wait_for("open 3")
        terminal.press("q")
        assert terminal.ended() == 0
        terminal.look()
        assert not terminal.alternate
        assert terminal.modes() == terminal.modes_before
        return bytes(terminal.raw)


def test_the_second_start_begins_with_the_shell_of_the_first(home: Path) -> None:
    first = sit_down(home)
    kept = home / "data" / "shell"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    shell = kept.read_bytes().partition(b"\n")[2]
    assert b"1 all" in shell
    assert b"Customer" not in shell
    assert shell not in first
    second = sit_down(home)
    assert second.startswith(b"\x1b[?1049h\x1b[?25l" + shell)
    assert second.index(b"Customer 2") > len(shell)
    assert second.count(b"\x1b[?1049h\x1b[?25l") == 1


def test_a_shell_for_another_terminal_or_configuration_is_not_shown(home: Path) -> None:
    sit_down(home)
    shell = (home / "data" / "shell").read_bytes().partition(b"\n")[2]
    with Terminal(home=home, size=(100, 30)) as terminal:
        terminal.wait_for("Customer 2")
        assert not bytes(terminal.raw).startswith(b"\x1b[?1049h\x1b[?25l" + shell)
    config = home / "config" / "config.yaml"
    config.write_text(config.read_text() + "views: [{key: 1, name: mine, query: mine}]\n")
    with Terminal(home=home) as terminal:
        terminal.wait_for("1 mine")
        assert shell not in bytes(terminal.raw)


def test_a_shell_that_others_can_read_or_write_is_not_shown(home: Path) -> None:
    sit_down(home)
    kept = home / "data" / "shell"
    kept.chmod(0o644)
    shell = kept.read_bytes().partition(b"\n")[2]
    with Terminal(home=home) as terminal:
        terminal.wait_for("Customer 2")
        assert shell not in bytes(terminal.raw)


def test_keys_of_the_first_moments_count_and_are_not_written_into_the_frame(home: Path) -> None:
    sit_down(home)
    with Terminal(home=home) as terminal:
        terminal.wait_for("1 all")
        terminal.send("jj")
        terminal.wait_for(re.compile(r"^▌.* Customer 2 ", re.MULTILINE))
        assert "jj" not in terminal.text


def test_what_stops_the_start_is_said_on_the_terminal_as_it_was(home: Path) -> None:
    sit_down(home)
    database = home / "data" / "desk.sqlite3"
    for path in database.parent.glob("desk.sqlite3*"):
        path.unlink()
    database.write_bytes(b"this is no database" * 100)
    database.chmod(0o600)
    with Terminal(home=home) as terminal:
        assert terminal.ended() == 6
        terminal.look()
        assert not terminal.alternate
        assert terminal.modes() == terminal.modes_before
        assert "agentdesk" in terminal.text
        assert "1 all" not in terminal.text
