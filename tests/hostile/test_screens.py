"""Every screen of the real program over text that means harm: the terminal hears only us, and keys are answered."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.hostile.payloads import GIVEN, LETTERS, MARKUP, PAYLOADS, SIZE
from tests.hostile.scene import made
from tests.hostile.wire import foreign
from tests.terminal.harness import Terminal, run

AS_IT_CAME = {("message", "raw"), ("source", "cursor")}
"""Columns that keep what came as it came; nothing draws them."""
SCREENS = {"w": "Why", "O": "Outbox", "L": "Ledger", "S": "Sources", "D": "Drafts", "?": "Keys"}


def tour(terminal: Terminal, conversations: int, whole: bool = True) -> None:
    """Look at everything there is to look at; not ``whole`` leaves out what is drawn like something else."""
    terminal.wait_for("? keys")
    terminal.settle(0.3)
    for key in ("enter", *"J" * conversations, "Z", "Z", "tab", "j", "G", "tab"):
        press(terminal, key)
    for screen, title in SCREENS.items():
        press(terminal, screen)
        terminal.wait_for(title)
        press(terminal, "down", "pagedown")
        press(terminal, "escape")
    more = ("t", "a", "T", ":keep\r", ":status\r") if whole else ()
    for keys in ("/AAA", "d", ":customer-note\r", ":customer-split\r", *more):
        press(terminal, *keys)
        press(terminal, "escape")
    press(terminal, "escape", "escape", "G", "g", "g", "r")
    terminal.wait_for("^s send")
    press(terminal, "ctrl+r")
    terminal.wait_for("Canned")
    for key in ("down", "up", "enter", "escape", "escape", "escape"):
        press(terminal, key)
    for size in ((80, 24), (60, 20)) if whole else ((70, 24),):
        terminal.resize(*size)
        terminal.settle(0.2)
        press(terminal, "tab", "tab", "tab", "ctrl+l")


def press(terminal: Terminal, *keys: str) -> None:
    """Press keys and let the screen follow."""
    terminal.press(*keys)
    terminal.settle(0.06)
    assert terminal.running, terminal.text


def leave(terminal: Terminal) -> None:
    """Leave, from wherever one is."""
    for _ in range(6):
        if terminal.running:
            terminal.press("escape", "q")
            terminal.settle(0.1)
    assert terminal.ended() == 0, terminal.text


def test_what_a_source_sends_is_stored_inert(tmp_path: Path) -> None:
    home = made(tmp_path / "home", PAYLOADS)
    found = []
    with closing(sqlite3.connect(home / "data" / "desk.sqlite3")) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            if table.startswith(("message_text", "sqlite_")):
                continue
            names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            for row in db.execute(f"SELECT * FROM {table}"):
                for name, value in zip(names, row, strict=True):
                    text = value.decode() if isinstance(value, bytes) and name not in ("hash", "likeness") else value
                    if isinstance(text, str) and (table, name) not in AS_IT_CAME:
                        found += [f"{table}.{name}: {one}" for one in foreign(text.replace("\n", " ").encode())]
        assert db.execute("SELECT count(*) FROM message").fetchone() == (len(PAYLOADS) + 1,)
        assert db.execute("SELECT count(*) FROM quarantine").fetchone() == (1,)
    assert found == []


RARE = [pytest.param(words, marks=pytest.mark.real) for words in (
    ("sources",), ("queue", "--json"), ("customer", "1"), ("drafts",), ("outbox",), ("ledger", "1"), ("report",),
    ("doctor",), ("queue", "\x1b[2J:x"), ("queue", "--view", "\x9b2J"), ("do", "\x1b[2J"))]


@pytest.mark.parametrize("words", [
    *RARE, ("queue",), ("queue", "--format", "csv"), ("sources", "--json"), ("search", "AAA"), ("show", "1"),
    ("ledger", "1", "--json"), ("show", "\x1b]0;x\x07"),
])
def test_what_commands_print_is_inert(spoiled: Path, words: tuple[str, ...]) -> None:
    done = run(*words, home=spoiled)
    assert done.returncode != 1, done.stderr
    assert foreign((done.stdout + done.stderr).replace("\n", " ").encode(), piles="--json" in words) == []


def test_every_screen_over_a_spoiled_cache(tmp_path: Path) -> None:
    home = made(tmp_path / "home", PAYLOADS, spoiled=True)
    with Terminal(home=home, size=(170, 60)) as terminal:
        tour(terminal, 2, whole=False)
        leave(terminal)
    assert foreign(bytes(terminal.raw), start=True, end=True) == []
    assert not list(home.glob("data/crash/*"))


@pytest.mark.real
@pytest.mark.parametrize("size", [(190, 90), (120, 36), (80, 24)])
@pytest.mark.parametrize("spoiled", [False, True], ids=["sent", "stored"])
def test_every_post_on_every_screen(tmp_path: Path, spoiled: bool, size: tuple[int, int]) -> None:
    home = made(tmp_path / "home", PAYLOADS, spoiled=spoiled)
    with Terminal(home=home, size=size, env={"AGENTDESK_REPAINT": "all" if size[0] == 120 else ""}) as terminal:
        tour(terminal, len(PAYLOADS) + 1)
        leave(terminal)
    assert foreign(bytes(terminal.raw), start=True, end=True) == []
    assert not list(home.glob("data/crash/*"))


WORST = {**SIZE, **{name: PAYLOADS[name] for name in (
    "big1mb", "lines100k", "combining", "emoji_chain", "jamo_flood", "joiners_only", "brackets", "many_spaces")}}


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used: what an answer costs, however busy the machine is."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_worst_posts_do_not_hold_up_a_key(tmp_path: Path) -> None:
    home = made(tmp_path / "home", WORST)
    slow = []
    with Terminal(home=home) as terminal:
        terminal.wait_for("? keys")
        terminal.settle(0.3)
        for key in ("enter", *["Z", "Z", "J"] * len(WORST)):
            before, sent = cpu(terminal.pid), len(terminal.raw)
            terminal.press(key)
            terminal.settle(0.03)
            if cpu(terminal.pid) - before > 1.0 or len(terminal.raw) - sent > 400_000:
                slow.append((key, terminal.text.splitlines()[1], cpu(terminal.pid) - before, len(terminal.raw) - sent))
        leave(terminal)
    assert slow == []


MEANT = {
    "family": "look: 👩‍👩‍👧‍👦 and 🏳️‍🌈 and 👍🏽",
    "override": GIVEN["rlo"],
    "arabic": LETTERS["arabic"],
    "click": MARKUP["click"],
    "close": MARKUP["close_unopened"],
    "link": GIVEN["markup_link"],
    "osc52": GIVEN["osc52_st"],
}


def test_what_is_meant_as_text_is_shown_as_text(tmp_path: Path) -> None:
    home = made(tmp_path / "home", MEANT)
    with Terminal(home=home, size=(230, 40)) as terminal:
        terminal.wait_for("? keys")
        terminal.settle(0.3)
        for text in ("[@click=app.quit]quit[/]", "[/b][/][/foo bar]", "AAA[link=http://evil.example]c[/link]ZZZ",
                     "␛]52;c;ZXZpbA==␛\\", "أين طردي؟"):
            assert terminal.sees(text), text
        row, column = next((y, line.index("[@click")) for y, line in enumerate(terminal.screen.shown())
                           if "[@click" in line)
        for kind in "Mm":
            terminal.send(f"\x1b[<0;{column + 3};{row + 1}{kind}")
        terminal.settle()
        seen = ""
        for _ in MEANT:
            press(terminal, "enter")
            seen += terminal.text
            press(terminal, "escape", "j")
        assert "idden direction marks" in seen, seen
        leave(terminal)
    raw = terminal.raw.decode()
    for picture in ("👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽"):
        assert picture in raw
    assert re.search("\u2068[^\u2069]*\u0623", raw), "right-to-left text has no isolate of its own"
    assert raw.count("\u2068") >= 2
    assert "\x1b]8" not in raw
