"""What is pasted, or comes over the line as noise: it is text, it is cleaned, and it presses no keys."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.ui.driver import Pastes
from tests.hostile.scene import write_home
from tests.hostile.wire import foreign
from tests.terminal.harness import Terminal, run

BAD = "one\x1b[31mtwo\x1b]52;c;ZXZpbA==\x07three\x9b2J\u202efour\u200bfive\x00six\x01"
CLEAN = "one␛[31mtwo␛]52;c;ZXZpbA==␇three�2Jfourfivesix␁"
"""What is left of it: what acts is pictured or gone. Textual drops NUL by itself."""
PIECES = st.text("ab\x1b[0~12q;", max_size=30)
BEGIN, END = "\x1b[200~", "\x1b[201~"


@given(PIECES, PIECES, PIECES)
def test_pastes_come_out_the_same_however_they_arrive(before: str, inside: str, after: str) -> None:
    whole = f"{before}{BEGIN}{inside}{END}{after}"
    one_by_one = Pastes()
    assert "".join(map(one_by_one.feed, whole)) == Pastes().feed(whole)


@given(PIECES.filter(lambda text: BEGIN not in text), PIECES.filter(lambda text: "\x1b[201" not in text))
def test_only_what_is_inside_a_paste_loses_its_escapes(before: str, inside: str) -> None:
    inside += "."
    assert Pastes().feed(f"{before}.{BEGIN}{inside}{END}\x1bq") == (
        f"{before}.{BEGIN}{inside.replace(chr(27), '␛')}{END}\x1bq")


def test_keys_outside_a_paste_are_never_held_back() -> None:
    pastes = Pastes()
    for key in ("\x1b", "[", "A", "\x1b[", "200", "q", "\x1b[2", "J"):
        assert pastes.feed(key) == key


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A desk with two posts."""
    home = tmp_path / "home"
    write_home(home, {"one": "Where is my parcel?", "two": "Nobody answers"})
    run("sync", home=home)
    return home


def test_what_is_pasted_is_cleaned_and_presses_no_keys(home: Path) -> None:
    with Terminal(home=home) as terminal:
        terminal.wait_for("? keys")
        terminal.settle(0.3)
        terminal.paste("\x1bq\x1b\x1bqqqd:quit\r\x1b[Bq")
        terminal.send(b"\xff\xfe\x80\xc3(")
        terminal.settle(0.2)
        assert terminal.running
        for key, field in ((":", " : "), ("/", " > "), ("t", " > ")):
            terminal.press(key)
            terminal.wait_for(field)
            terminal.paste(BAD)
            terminal.wait_for(CLEAN[:30])
            terminal.press("escape")
            terminal.wait_gone(CLEAN[:30])
        terminal.press("r")
        terminal.wait_for("^s send")
        terminal.paste(f"{BAD}\r\nand a second line")
        terminal.wait_for("and a second line")
        terminal.wait_for("Cleaned: ")
        terminal.wait_for("saved")
        terminal.press("ctrl+s")
        terminal.wait_for("held")
        terminal.press("shift+tab")
        for _ in range(3):
            terminal.press("escape")
        terminal.press("q")
        assert terminal.ended() == 0
    assert foreign(bytes(terminal.raw), start=True, end=True) == []
    with closing(sqlite3.connect(home / "data" / "desk.sqlite3")) as db:
        ((body,),) = db.execute("SELECT body FROM outbox").fetchall()
    text = json.loads(body)["text"]
    assert text.startswith(f"{CLEAN}\nand a second line")
    assert foreign(text.replace("\n", " ").encode()) == []


def test_a_reply_from_the_shell_is_cleaned_too(home: Path) -> None:
    done = run("reply", "1", home=home, stdin=f"{BAD}\n")
    assert done.returncode == 0, done.stderr
    written = json.loads((home.parent / "posts.replies.jsonl").read_text().splitlines()[0])["text"]
    assert written.startswith(CLEAN.replace("five", "five␀"))
    assert foreign(written.replace("\n", " ").encode()) == []
