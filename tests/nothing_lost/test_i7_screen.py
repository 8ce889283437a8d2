"""I7 at the terminal: a full disk, a read-only one, damage, a newer file: told in a sentence, nothing written over."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.nothing_lost.test_i7_disk import fill
from tests.terminal.harness import Terminal, run

STORE = 6
"""The exit code for a cache that cannot be used."""


def write_home(home: Path, posts: int = 40) -> Path:
    """A desk on one file, its posts fetched; returns the cache."""
    (home / "config").mkdir(parents=True)
    for path in (home, home / "config"):
        path.chmod(0o700)
    where = home.parent / "posts.jsonl"
    rows = [{"id": str(n), "author": f"c{n}", "text": f"Question {n} " * 20, "created_at": 1_700_000_000 + n}
            for n in range(posts)]
    where.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "config" / "config.yaml").write_text(
        f"agent: {{name: ann, zone: UTC}}\nsources:\n  - {{kind: file, name: p, path: {where}}}\n")
    assert run("sync", home=home).returncode == 0
    return home / "data" / "desk.sqlite3"


def refused(home: Path) -> str:
    """Start the screen over a cache that it must not use: a sentence, a code, the terminal as it was."""
    with Terminal(home=home) as terminal:
        assert terminal.ended() == STORE, terminal.text
        assert not terminal.alternate
        assert terminal.modes() == terminal.modes_before
    assert b"Traceback" not in terminal.raw
    assert not list(home.glob("data/crash/*"))
    return " ".join(terminal.text.split())


def test_a_cache_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = write_home(tmp_path / "home")
    garbage = random.Random(1).randbytes(20_000)
    for other in path.parent.glob("desk.sqlite3-*"):
        other.unlink()
    path.write_bytes(garbage)
    said = refused(tmp_path / "home")
    assert "is damaged" in said
    assert "desk.sqlite3" in said
    assert "agentdesk doctor --rescue" in said
    assert path.read_bytes() == garbage
    for words in (("queue",), ("drafts", "--json"), ("sync",)):
        done = run(*words, home=tmp_path / "home")
        assert (done.returncode, done.stdout) == (STORE, "")
        assert "next: " in done.stderr
    assert path.read_bytes() == garbage


def test_a_newer_cache_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = write_home(tmp_path / "home")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA user_version = 9999")
    before = path.read_bytes()
    said = refused(tmp_path / "home")
    assert "9999" in said
    assert "newer" in said
    assert path.read_bytes() == before


def mount(folder: Path, *options: str) -> bool:
    """True when it could be mounted: by root, and where that is allowed."""
    return os.geteuid() == 0 and subprocess.run(["mount", *options, str(folder)], capture_output=True).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mount(folder, "-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs"):
        pytest.skip("needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_read_only_disk_can_be_read(disk: Path) -> None:
    home = disk / "home"
    write_home(home)
    assert mount(disk, "-o", "remount,ro")
    with Terminal(home=home, env={"HOME": "/proc/nowhere"}) as terminal:
        terminal.wait_for("Question 0")
        terminal.wait_for("expected within")
        terminal.press("enter")
        terminal.wait_for("Make the folder writable")
        terminal.wait_for("Make the folder writable")
        terminal.press("J")
        terminal.wait_for("Question 1 Question 1 Question 1")
        terminal.press("r")
        terminal.wait_for(re.compile(r"\^s send|reading only"))
        if terminal.sees("^s send"):
            terminal.send("Words on a disk that takes none")
            terminal.wait_for("not saved")
            assert terminal.sees("Words on a disk that takes none")
        terminal.signal(15)
        assert terminal.ended() == 0
    assert b"Traceback" not in terminal.raw
    assert not list(home.glob("data/crash/*"))


@pytest.mark.real
@pytest.mark.parametrize("home_is_full", [False, True], ids=["copy elsewhere", "nowhere to copy"])
def test_a_draft_on_a_full_disk_stays_until_there_is_room(disk: Path, tmp_path: Path, home_is_full: bool) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    path = write_home(disk / "home")
    with Terminal(home=disk / "home", env={"HOME": "/proc/nowhere" if home_is_full else str(other)},
                  size=(200, 40)) as terminal:
        terminal.wait_for("expected within")
        terminal.press("r")
        terminal.wait_for("^s send")
        terminal.send("Before, ")
        terminal.wait_for(lambda: drafts(path) == ["Before, "])
        fill(disk)
        terminal.send("with the reserve, ")
        terminal.wait_for(lambda: drafts(path) == ["Before, with the reserve, "])
        filler = fill(disk)
        terminal.send("and beyond")
        terminal.wait_for("not saved: The disk is full")
        assert drafts(path) == ["Before, with the reserve, "]
        rescued = list(other.rglob("*.txt"))
        if home_is_full:
            terminal.wait_for("stands only on this screen")
            assert rescued == []
        else:
            terminal.wait_for("A copy is in")
            assert [one.read_text() for one in rescued] == ["Before, with the reserve, and beyond"]
            assert rescued[0].stat().st_mode & 0o777 == 0o600
        terminal.press("escape")
        terminal.wait_for("The draft stays open")
        assert terminal.sees("and beyond")
        filler.unlink()
        terminal.wait_for(lambda: drafts(path) == ["Before, with the reserve, and beyond"])
        terminal.wait_gone("⚠ not saved")
        assert list(other.rglob("*.txt")) == []
        for words in (" and on", " and on"):  # the reserve may have been laid anew
            filler = fill(disk)
            terminal.send(words)
            terminal.settle(0.5)
            terminal.pump_for(0.5)
        terminal.wait_for("⚠ not saved")
        start = len(terminal.raw)
        terminal.signal(15)
        assert terminal.ended() == 0
        left = terminal.raw[start:].decode()
        if home_is_full:
            assert "could be kept nowhere" in left
            assert left.rstrip().endswith("and beyond and on and on")
        else:
            assert [one.read_text() for one in other.rglob("*.txt")] == [
                "Before, with the reserve, and beyond and on and on"]
        filler.unlink()


def drafts(path: Path) -> list[str]:
    """The drafts in the cache."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return [row[0] for row in db.execute("SELECT text FROM draft")]


@pytest.mark.parametrize("seed", [
    pytest.param(1, marks=pytest.mark.real), *(pytest.param(n, marks=pytest.mark.nightly) for n in range(2, 200))])
def test_damage_while_it_runs_is_told(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = write_home(tmp_path / "home", 300)
    with Terminal(home=tmp_path / "home") as terminal:
        terminal.wait_for("expected within")
        size = path.stat().st_size
        with path.open("r+b") as file:
            for _ in range(chance.choice((1, 5, 40))):
                file.seek(chance.randrange(0, max(1, size - 600)))
                file.write(chance.randbytes(chance.randrange(1, 600)))
        for key in ("pagedown", "enter", "J", "J", "w", "escape", "O", "escape", "L", "escape", "escape", "G", "/",
                    *"que", "escape", "r", *"words", "escape", "2", "1", "q"):
            terminal.press(key)
            terminal.settle(0.05)
            if not terminal.running:
                break
        for _ in range(8):
            if terminal.running:
                terminal.press("escape", "shift+tab", "q")
                terminal.settle(0.1)
        code = terminal.ended()
    assert code in (0, STORE), terminal.text
    assert b"Traceback" not in terminal.raw
    assert not list((tmp_path / "home").glob("data/crash/*")), "a report of a mistake of our own"
