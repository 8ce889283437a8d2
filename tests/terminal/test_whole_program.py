"""One sitting at the demo desk, in a real terminal: read, answer, leave, come back; and a kill in mid-sentence."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyte

from tests.terminal.harness import Terminal

BRIEFLY = {"AGENTDESK_HOLD": "2s"}
CONNECTED = re.compile(r"open [67]\d ")
ANSWER = "I rang the depot about it"


def look_up(home: Path, sql: str, *params: object) -> list[Any]:
    """What the demo's cache holds."""
    with closing(sqlite3.connect(f"file:{home}/data/profiles/demo/desk.sqlite3?mode=ro", uri=True)) as db:
        return list(db.execute(sql, params))


def under_cursor(terminal: Terminal) -> str:
    """Whose row the cursor is on."""
    row = next(row for row in terminal.text.splitlines() if row.startswith("▌"))
    return row[14:28].strip()


def shown_number(terminal: Terminal) -> int:
    """The number of the conversation in the middle pane."""
    found = re.search(r"#(\d+) ", terminal.text)
    assert found is not None, terminal.text
    return int(found[1])


def begin_reply(terminal: Terminal, words: str) -> None:
    """Open a reply to what is selected and write."""
    terminal.press("r")
    terminal.wait_for("^s send")
    terminal.send(words)
    terminal.wait_for(words[-12:])


def test_answer_leave_and_come_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Terminal("demo", "--fresh", "--seed", "1", home=home, env=BRIEFLY) as terminal:
        terminal.wait_for(CONNECTED)
        terminal.wait_for("● mastodon")
        name = under_cursor(terminal)
        terminal.press("enter")
        terminal.wait_for("Esc back")
        number = shown_number(terminal)
        begin_reply(terminal, ANSWER)
        terminal.press("ctrl+s")
        terminal.wait_for(re.compile(r"⇡ ann\s+held 0:0\d"))
        terminal.wait_for("⇡ 1 unsent")
        terminal.wait_for("✓ Sent")
        terminal.wait_for(lambda: under_cursor(terminal) != name)
        terminal.settle(0.4)
        assert shown_number(terminal) == number, "another customer's thread came under the keys"
        assert ANSWER in terminal.text
        assert not terminal.sees("held 0:")
        terminal.press("shift+tab")
        terminal.wait_for(lambda: shown_number(terminal) != number)
        terminal.press("q")
        assert terminal.ended() == 0
        assert not terminal.alternate
        assert terminal.modes() == terminal.modes_before
        assert terminal.text
        assert terminal.screen.cursor.attrs == pyte.Screen(1, 1).cursor.attrs, "a pen is left behind"
    assert look_up(home, "SELECT state, unsent FROM conversation WHERE id = ?", number) == [("waiting", 0)]
    assert look_up(home, "SELECT count(*) FROM message WHERE ours = 1 AND text LIKE ?", f"{ANSWER}%") == [(1,)]

    with Terminal("demo", home=home) as terminal:
        terminal.wait_for(CONNECTED)
        assert name not in terminal.text.split("Sent")[0][:4_000]
        terminal.send(f":open {number}\r")
        terminal.wait_for(ANSWER[:24])
        terminal.wait_for(f"#{number} ")
        assert name in terminal.text
        assert "waiting" in terminal.text
        terminal.press("q")
        assert terminal.ended() == 0


def test_leaving_twice_is_leaving_once(tmp_path: Path) -> None:
    with Terminal("demo", "--fresh", "--seed", "1", home=tmp_path / "home") as terminal:
        terminal.wait_for("? keys")
        terminal.send("qqq")
        assert terminal.ended() == 0
        assert "stopped because" not in terminal.text


def test_what_was_typed_a_second_ago_survives_a_kill(tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = "The line is about to go dead"
    with Terminal("demo", "--fresh", "--seed", "1", home=home, env=BRIEFLY) as terminal:
        terminal.wait_for(CONNECTED)
        begin_reply(terminal, words)
        number = shown_number(terminal)
        terminal.pump_for(1.0)
        terminal.kill()
    assert look_up(home, "SELECT conversation_id, text FROM draft") == [(number, words)]
    ((name,),) = look_up(home, f"SELECT name FROM conversation WHERE id = {number}")

    with Terminal("demo", home=home) as terminal:
        terminal.wait_for(CONNECTED)
        terminal.press("D")
        terminal.wait_for(words[:20])
        assert name[:10] in terminal.text
        terminal.press("enter")
        terminal.wait_for("^s send")
        terminal.wait_for(words)
        terminal.press("escape")
        terminal.wait_for("Kept as a draft")
        terminal.press("q")
        assert terminal.ended() == 0
