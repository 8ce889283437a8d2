"""I3: what was typed more than a second ago survives a kill: the real program, real keys, a random moment."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.terminal.harness import Terminal

KEYS_A_SECOND = 15
WORDS = ("we", "are", "sorry", "your", "parcel", "depot", "driver", "tomorrow", "please", "thank", "number", "again")
ALLOWED_S = 1.0


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo desk whose first day is set up."""
    home = tmp_path_factory.mktemp("typing") / "home"
    with Terminal("demo", "--fresh", home=home) as terminal:
        terminal.wait_for("expected within")
        terminal.wait_for("● mastodon")
        terminal.settle(0.5)
        terminal.press("q")
        assert terminal.ended() == 0
    return home


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.nightly) for n in range(1, 1_000))])
def test_a_kill_while_typing_loses_at_most_a_second(prepared: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    with Terminal("demo", home=home) as terminal:
        terminal.wait_for("expected within")
        terminal.press("r")
        terminal.wait_for("^s send")
        length = chance.randrange(4, 40)
        text = " ".join(chance.choice(WORDS) for _ in range(20))[:length]
        typed: list[float] = []
        for key in text:
            terminal.send(key)
            typed.append(time.monotonic())
            terminal.pump_for(chance.uniform(0.5, 1.5) / KEYS_A_SECOND)
        terminal.pump_for(chance.choice((0.0, 0.0, chance.uniform(0.0, 1.2))))
        terminal.kill()
        killed = time.monotonic()
    with closing(sqlite3.connect(home / "data" / "profiles" / "demo" / "desk.sqlite3")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = db.execute("SELECT text FROM draft").fetchall()
    stored = rows[0][0] if rows else ""
    due = sum(killed - at > ALLOWED_S for at in typed)
    assert text.startswith(stored)
    assert len(stored) >= due, f"typed {text!r}, stored {stored!r}, {due} keys were older than {ALLOWED_S} s"


def test_a_kill_keeps_what_was_attached(prepared: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    (tmp_path / "a.txt").write_text("the form")
    with Terminal("demo", home=home) as terminal:
        terminal.wait_for("expected within")
        terminal.press("r")
        terminal.wait_for("^s send")
        terminal.send("\x14")
        terminal.wait_for("Attach which file?")
        terminal.send(f"{tmp_path}/a.txt\r")
        terminal.wait_for("a.txt 8 B")
        terminal.wait_for("saved")
        terminal.kill()
    with closing(sqlite3.connect(home / "data" / "profiles" / "demo" / "desk.sqlite3")) as db:
        ((text, uploads),) = db.execute("SELECT text, uploads FROM draft").fetchall()
    assert (text, [it["name"] for it in json.loads(uploads)]) == ("", ["a.txt"])
    with Terminal("demo", home=home) as terminal:
        terminal.wait_for("expected within")
        terminal.press("r")
        terminal.wait_for("a.txt 8 B")
        terminal.kill()
