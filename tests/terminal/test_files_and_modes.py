"""What is written is for its owner only, whatever the umask; no planted link is followed; tables start no formula."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from agentdesk.cli.output import FORMULA_STARTS
from tests.terminal import crashing
from tests.terminal.harness import Terminal, run

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "=cmd|' /C calc'!A0",
            "\u200b=1+1", "\ufeff=1")


def write_home(home: Path, names: tuple[str, ...] = ("Jane", "Bo")) -> Path:
    """A desk on one file, somebody of each name in it; nothing else is made here, and that private."""
    (home / "config").mkdir(parents=True)
    for path in (home, home / "config"):
        path.chmod(0o700)
    posts = home.parent / "posts.jsonl"
    rows = [{"id": str(n), "author": f"c{n}", "author_name": name, "text": f"{name} Question", "tags": [name.strip()],
             "subject": name, "created_at": 1_700_000_000 + n, "attachments": [{"name": f"../../canary{n}"}]}
            for n, name in enumerate(names)]
    posts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = home / "config" / "config.yaml"
    config.write_text(f"agent: {{name: ann, zone: UTC}}\nreplies: {{hold: off}}\nsources:\n"
                      f"  - {{kind: file, name: p, path: {posts}}}\n")
    config.chmod(0o600)
    return posts


def open_to_others(folder: Path) -> list[str]:
    """What others could read, write or list."""
    found = []
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & 0o077 and not path.is_symlink():
            found.append(f"{path.relative_to(folder)} {mode:04o}")
    return found


@pytest.mark.parametrize("umask", [0o000, pytest.param(0o022, marks=pytest.mark.real)])
def test_everything_that_is_written_is_private(tmp_path: Path, umask: int) -> None:
    home = tmp_path / "home"
    posts = write_home(home)
    assert run("sync", home=home, umask=umask).returncode == 0
    assert run("reply", "1", home=home, umask=umask, stdin="We look into it today.").returncode == 0
    exported = tmp_path / "out" / "all.jsonl"
    exported.parent.mkdir()
    assert run("export", str(exported), home=home, umask=umask).returncode == 0
    editor = tmp_path / "editor"
    seen = tmp_path / "seen"
    editor.write_text(f"#!/bin/sh\nstat -c '%a' \"$1\" \"$(dirname \"$1\")\" > {seen}\n")
    editor.chmod(0o700)
    with Terminal("key", home=home, umask=umask, env={"EDITOR": str(editor)},
                  program=(sys.executable, crashing.__file__)) as terminal:
        terminal.wait_for("expected within")
        terminal.press("r")
        terminal.wait_for("^s send")
        terminal.send("A draft")
        terminal.wait_for("saved")
        terminal.press("ctrl+e")
        terminal.wait_for(lambda: seen.exists() and seen.read_text().count("\n") == 2)
        terminal.settle(0.3)
        terminal.send("\x1b[15~")
        assert terminal.ended() == 1
    assert seen.read_text().split() == ["600", "700"]
    assert open_to_others(home) == []
    assert {path.name for path in (home / "data").rglob("*")} >= {"desk.sqlite3", "crash"}
    for path in (exported, Path(f"{posts}.replies.jsonl")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    other = tmp_path / "fresh"
    assert run("config", "init", home=other, umask=umask).returncode == 0
    assert open_to_others(other) == []


def test_no_planted_link_is_followed(tmp_path: Path) -> None:
    home, victim = tmp_path / "home", tmp_path / "victim"
    write_home(home)
    victim.write_text("precious")
    (home / "data").mkdir(mode=0o700)
    (home / "data" / "desk.sqlite3").symlink_to(victim)
    done = run("sync", home=home)
    assert done.returncode == 6
    assert "desk.sqlite3" in done.stderr
    assert "next: " in done.stderr
    assert victim.read_text() == "precious"
    (home / "data" / "desk.sqlite3").unlink()
    exported = tmp_path / "out.jsonl"
    exported.symlink_to(victim)
    assert run("sync", home=home).returncode == 0
    assert run("export", str(exported), home=home).returncode == 5
    assert victim.read_text() == "precious"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.rename(home / "data", elsewhere / "data")
    (home / "data").symlink_to(elsewhere / "data")
    done = run("queue", home=home)
    assert done.returncode == 6
    assert "symbolic link" in done.stderr


def test_a_folder_that_others_may_enter_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_home(home)
    assert run("sync", home=home).returncode == 0
    for folder, mode in ((home / "data", 0o755), (home / "data", 0o770)):
        folder.chmod(mode)
        done = run("queue", home=home)
        assert done.returncode == 6
        assert "chmod 700" in done.stderr
        folder.chmod(0o700)
    assert run("queue", home=home).returncode == 0


def test_no_cell_of_a_table_starts_a_formula(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_home(home, FORMULAS)
    assert run("sync", home=home).returncode == 0
    done = run("queue", "--format", "csv", home=home)
    rows = list(csv.reader(io.StringIO(done.stdout)))
    assert len(rows) == len(FORMULAS) + 1
    cells = [cell for row in rows for cell in row]
    assert [cell for cell in cells if cell.startswith(FORMULA_STARTS)] == []
    assert sum(cell.startswith("'") for cell in cells) >= len(FORMULAS)
    assert not list(tmp_path.rglob("canary*")), "an attachment's name became a file"
