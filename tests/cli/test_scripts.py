"""What a script reads back: which conversations a step touched, what could not be done, and the nearest word."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdesk.cli.exits import Exit
from tests.cli.conftest import Run


def ids(run: Run) -> list[int]:
    """The queue's numbers, worst first."""
    return [row["id"] for row in run("queue", "--json").lines]


def test_undo_names_the_conversations_that_it_changed(run: Run, posts: Path) -> None:
    run("sync")
    first, second, _ = ids(run)
    run("tag", "late", str(first), str(second))
    assert run("undo", "--json").lines == [{"done": "Undone: tagged (2 conversations)",
                                            "conversations": sorted([first, second]), "outbox": {}}]


def test_undo_says_what_it_had_to_leave(run: Run, posts: Path) -> None:
    run("sync")
    first = ids(run)[0]
    run("--agent", "bea", "tag", "late", str(first))
    run("--agent", "cy", "tag", "=-late", str(first))
    run("--agent", "cy", "tag", "night", str(first))
    answer = run("--agent", "bea", "undo")
    assert answer.code == Exit.OK
    assert "changed" in answer.err


@pytest.mark.parametrize(("word", "near"), [("queu", "queue"), ("snoze", "snooze"), ("ledgr", "ledger")])
def test_a_misspelt_command_is_told_the_nearest(run: Run, word: str, near: str) -> None:
    answer = run(word)
    assert (answer.code, answer.out) == (Exit.USAGE, "")
    assert answer.err.startswith(f"agentdesk: No such command '{word}'. Did you mean '{near}'?\n")


def test_a_word_that_is_like_none_is_no_command(run: Run) -> None:
    answer = run("xyzzy")
    assert answer.err.startswith("agentdesk: No such command 'xyzzy'.\n")
