"""I11: SIGHUP, SIGTERM, a dropped line, a mistake of our own: state durable, terminal restored, no secrets told."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentdesk.cli.entry import hung_up
from tests.terminal import crashing
from tests.terminal.harness import Terminal
from tests.terminal.rt_server import RtServer, serving

TOKEN = {"RT_TOKEN": "1-28-aaa"}
ENDS: dict[str, Callable[[Terminal], None]] = {
    "SIGTERM": lambda terminal: terminal.signal(signal.SIGTERM),
    "SIGHUP": lambda terminal: terminal.signal(signal.SIGHUP),
    "line drops": lambda terminal: terminal.hang_up(),
}
SETTLED_OR_KNOWN = {"held", "queued", "sent", "unknown", "needs_human", "refused", "stopped", "cancelled"}
"""Every state but «sending»: nobody sends any more."""


def home_of(folder: Path, server: RtServer, hold: str = "off") -> Path:
    """A desk with one RT source."""
    home = folder / "home"
    (home / "config").mkdir(parents=True)
    for path in (home, home / "config"):
        path.chmod(0o700)
    (home / "config" / "config.yaml").write_text(
        f"agent: {{name: ann, zone: UTC}}\nreplies: {{hold: {hold}}}\nsources:\n{server.config()}")
    return home


def look_up(home: Path, sql: str) -> list[Any]:
    """What the cache holds, and that it is whole; nothing when its first transaction did not end."""
    with closing(sqlite3.connect(home / "data" / "desk.sqlite3")) as db:
        assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        if db.execute("PRAGMA user_version").fetchone() == (0,):
            assert db.execute("SELECT name FROM sqlite_schema").fetchall() == []
            return []
        return list(db.execute(sql))


def begin(terminal: Terminal, words: str) -> None:
    """Begin a reply to the first conversation and write."""
    terminal.wait_for("open 2")
    terminal.wait_for("expected within")
    terminal.press("r")
    terminal.wait_for("^s send")
    terminal.send(words)
    terminal.wait_for(words[-20:])


@pytest.mark.parametrize("end", ["SIGTERM", "line drops", pytest.param("SIGHUP", marks=pytest.mark.real)])
def test_a_reply_in_flight_is_unknown_and_the_draft_is_there(tmp_path: Path, end: str) -> None:
    with serving("Where is my parcel?", "And mine?") as server:
        home = home_of(tmp_path, server)
        server.silent.set()
        with Terminal(home=home, env=TOKEN) as terminal:
            begin(terminal, "We are looking into it")
            terminal.press("ctrl+s")
            terminal.wait_for(server.taken.is_set)
            terminal.press("shift+tab", "j", "j")
            terminal.press("r")
            terminal.wait_for("^s send")
            terminal.send("A second answer, half writt")
            terminal.wait_for("half writt")
            ENDS[end](terminal)
            assert terminal.ended() in (0, 129, 143)
            if end != "line drops":
                assert not terminal.alternate
                assert terminal.raw.rfind(b"\x1b[?25h") > terminal.raw.rfind(b"\x1b[?25l")
                assert terminal.modes() == terminal.modes_before
        assert look_up(home, "SELECT state FROM outbox") == [("unknown",)]
        assert look_up(home, "SELECT text FROM draft") == [("A second answer, half writt",)]
        assert look_up(home, "SELECT * FROM lease") == []
        assert server.rt.copies("We are looking into it") == 1


@pytest.mark.parametrize("number", [
    signal.SIGTERM, *(pytest.param(number, marks=pytest.mark.real) for number in (signal.SIGHUP, signal.SIGINT))],
    ids=lambda number: number.name)
@pytest.mark.parametrize("frames", [1, 2], ids=["first frame", "Textual"])
def test_an_end_in_the_first_moments_is_tidy(tmp_path: Path, frames: int, number: signal.Signals) -> None:
    with Terminal("demo", home=tmp_path / "home") as terminal:
        terminal.wait_for(lambda: terminal.raw.count(b"\x1b[?1049h") >= frames)
        terminal.signal(number)
        assert terminal.ended() in (0, -number)
        assert not terminal.alternate
        assert terminal.raw.rfind(b"\x1b[?25h") > terminal.raw.rfind(b"\x1b[?25l")
        assert terminal.modes() == terminal.modes_before
        assert b"Traceback" not in terminal.raw


WRITING = """
import os, sys, threading
from agentdesk.ui.restore_terminal import give_back_when_ended

def write():
    sys.__stderr__.write("\\x1b[?1049h")
    sys.__stderr__.flush()

def late(*args, kill=os.kill):
    other = threading.Thread(target=write)
    other.start()
    other.join()
    kill(*args)

os.kill = late
give_back_when_ended()
write()
threading.Event().wait()
"""
"""A thread that gets its turn between giving back and the end."""


def test_nothing_is_written_after_the_terminal_was_given_back(tmp_path: Path) -> None:
    with Terminal(home=tmp_path / "home", program=(sys.executable, "-c", WRITING)) as terminal:
        terminal.wait_for(lambda: terminal.alternate)
        terminal.signal(signal.SIGTERM)
        assert terminal.ended() == -signal.SIGTERM
        assert not terminal.alternate


@pytest.mark.parametrize("frames", [1, 2], ids=["first frame", "Textual"])
def test_a_line_that_drops_in_the_first_moments_is_no_mistake_of_ours(tmp_path: Path, frames: int) -> None:
    with Terminal("demo", home=tmp_path / "home") as terminal:
        terminal.wait_for(lambda: terminal.raw.count(b"\x1b[?1049h") >= frames)
        terminal.hang_up()
        assert terminal.ended() in (0, -signal.SIGHUP, 129)
    assert list((tmp_path / "home").rglob("crash-*")) == []


def test_a_terminal_that_is_gone_is_known_from_one_that_never_was() -> None:
    master, slave = os.openpty()
    here, there = os.pipe()
    assert not hung_up(slave)
    assert not hung_up(here)
    os.close(master)
    assert hung_up(slave)
    for fd in (slave, here, there):
        os.close(fd)


@pytest.mark.real
def test_a_thread_that_hangs_keeps_nobody(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    home, posts = tmp_path / "home", tmp_path / "posts.jsonl"
    (home / "config").mkdir(parents=True)
    for path in (home, home / "config"):
        path.chmod(0o700)
    (home / "config" / "config.yaml").write_text(
        "agent: {name: ann, zone: UTC}\nreplies: {hold: off}\nsources:\n"
        f"  - {{kind: file, name: p, path: {posts}}}\n")
    rows = [{"id": str(n), "author": f"c{n}", "text": f"Question {n}", "created_at": n + 10**9} for n in range(2)]
    posts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with open(f"{posts}.replies.jsonl", "w") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        with Terminal(home=home) as terminal:
            begin(terminal, "It hangs")
            terminal.press("ctrl+s")
            terminal.wait_for(lambda: look_up(home, "SELECT state FROM outbox") == [("sending",)])
            terminal.press("shift+tab", "q")
            assert terminal.ended(10) == 0
            assert terminal.modes() == terminal.modes_before
    assert look_up(home, "SELECT state FROM outbox") == [("unknown",)]


@pytest.mark.parametrize("seed", [
    pytest.param(0, marks=pytest.mark.real), *(pytest.param(n, marks=pytest.mark.nightly) for n in range(1, 200))])
def test_an_end_at_any_moment(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with serving("Where is my parcel?", "And mine?") as server:
        home = home_of(tmp_path, server, "1s")
        if chance.random() < 0.5:
            server.silent.set()
        with Terminal(home=home, env=TOKEN) as terminal:
            typed = 0
            end = chance.uniform(0.0, 4.0)
            for key in ("r", *"Dear customer, ", "ctrl+s", "escape", "j", "r", *"and to you too, ", "ctrl+s", "q"):
                pause = chance.uniform(0.0, 0.25)
                if typed + pause > end:
                    break
                typed += pause
                terminal.pump_for(pause)
                if terminal.running:
                    terminal.press(key)
            chance.choice([*ENDS.values()])(terminal)
            code = terminal.ended()
            if terminal.raw or (home / "data").exists():  # else the line may be gone before anything began on it
                assert code in (0, -signal.SIGHUP, -signal.SIGTERM, 129, 143)
            if terminal.master >= 0:
                assert not terminal.alternate
        assert list(home.rglob("crash-*")) == []
        if (home / "data" / "desk.sqlite3").exists():
            states = {row[0] for row in look_up(home, "SELECT state FROM outbox")}
            assert states <= SETTLED_OR_KNOWN
        with Terminal(home=home, env=TOKEN) as terminal:
            terminal.wait_for("open ")
            terminal.wait_for(lambda: look_up(home, "SELECT count(*) FROM outbox WHERE state = 'sending'") == [(0,)])
            terminal.signal(signal.SIGTERM)
            assert terminal.ended() == 0
        for text in ("Dear customer,", "and to you too,"):
            assert server.rt.copies(text) <= 1


PLACES = {"mount": "", "painted": "", "key": "\x1b[15~", "worker": "\x1b[15~", "tick": ""}


def crash_reports(home: Path) -> list[Path]:
    """The reports, each a private file in a private folder and free of anybody's text."""
    folder = home / "data" / "profiles" / "demo" / "crash"
    found = sorted(folder.glob("*"))
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in found:
        assert path.stat().st_mode & 0o777 == 0o600
        text = path.read_text()
        assert "RuntimeError" in text
        assert "crashing.py" in text
        assert crashing.TOKEN not in text
        assert crashing.LETTER not in text
    return found


@pytest.mark.parametrize("place", ["mount", "key", *(pytest.param(place, marks=pytest.mark.real) for place in (
    "painted", "worker", "tick"))])
def test_a_mistake_ends_with_words_and_a_code_and_without_secrets(tmp_path: Path, place: str) -> None:
    home = tmp_path / "home"
    with Terminal(place, "demo", "--fresh", home=home, umask=0, env={"TERM": "xterm-256color"},
                  program=(sys.executable, crashing.__file__)) as terminal:
        if PLACES[place]:
            terminal.wait_for("? keys")
            terminal.pump_for(1.0)
            terminal.send(PLACES[place])
        assert terminal.ended() == 1
        assert not terminal.alternate
        assert terminal.modes() == terminal.modes_before
        assert "stopped because of a mistake of its own" in terminal.text
        assert "start it again" in terminal.text
        assert str(tmp_path.name) in terminal.text.replace("\n", "")
    for secret in (crashing.TOKEN, crashing.LETTER, "Traceback"):
        assert secret.encode() not in terminal.raw
    assert len(crash_reports(home)) == 1


def test_a_verb_that_fails_is_told_and_the_desk_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Terminal("verb", "demo", "--fresh", home=home, program=(sys.executable, crashing.__file__)) as terminal:
        terminal.wait_for("? keys")
        terminal.pump_for(1.0)
        terminal.send("\x1b[15~")
        terminal.wait_for("That went wrong inside agentdesk (RuntimeError)")
        terminal.press("j", "escape", "q")
        assert terminal.ended() == 0
    for secret in (crashing.TOKEN, crashing.LETTER, "Traceback"):
        assert secret.encode() not in terminal.raw
    assert len(crash_reports(home)) == 1
