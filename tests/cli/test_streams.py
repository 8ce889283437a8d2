"""The three standing streams of a script: closed ones, full ones, readers that go away, and letters without bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentdesk.cli.exits import Exit
from tests.cli.conftest import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell opens and closes the streams")


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``$desk`` is agentdesk."""
    given = os.environ | {"PYTHONIOENCODING": "", "PYTHONUNBUFFERED": ""} | environment
    return subprocess.run(["sh", "-c", line.replace("$desk", f"{sys.executable} -m agentdesk")], env=given, text=True,
                          capture_output=True, check=False, encoding="utf-8", errors="replace")


@pytest.mark.parametrize(("words", "unbuffered"), [
    (["verbs"], ""), (["verbs"], "1"), (["show", "1"], ""), (["export"], "1"), (["queue", "--help"], "")])
def test_a_reader_who_went_away_is_no_error(run: Run, posts: Path, words: list[str], unbuffered: str) -> None:
    run("sync")
    reader, writer = os.pipe()
    os.close(reader)
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    try:
        done = subprocess.run([sys.executable, "-m", "agentdesk", *words], stdout=writer, stderr=subprocess.PIPE,
                              env=environment, text=True, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (Exit.OK, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize("words", ["verbs", "export", "--help", "--version", "queue --help"])
def test_a_full_disk_is_told_in_words(run: Run, posts: Path, words: str) -> None:
    run("sync")
    done = shell(f"$desk {words} >/dev/full")
    assert done.returncode == Exit.ERROR
    assert done.stderr == ("agentdesk: The output cannot be written\n  why: No space left on device\n"
                           "  next: Look where it goes to, then call again\n")


def test_talk_never_becomes_data_when_nobody_listens_to_it() -> None:
    done = shell("$desk queue 2>&-")
    assert (done.returncode, done.stdout) == (Exit.OK, "")
    assert shell("$desk show 1 2>&-").returncode == Exit.NOT_FOUND


def test_a_closed_stdout_takes_what_is_said_nowhere(run: Run, posts: Path) -> None:
    run("sync")
    done = shell("$desk queue >&-")
    assert (done.returncode, done.stderr) == (Exit.OK, "")


def test_a_closed_stdin_is_an_empty_one(run: Run, posts: Path) -> None:
    run("sync")
    done = shell("$desk claim --json - <&-")
    assert (done.returncode, json.loads(done.stdout)["conversations"]) == (Exit.OK, [])
    assert shell("$desk reply 1 <&-").returncode == Exit.REFUSED


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_the_terminal_has_no_bytes_for_are_spelled_out(run: Run, posts: Path, encoding: str) -> None:
    row = {"id": "4", "author": "omar", "author_name": "Ömar نا 🐝", "text": "طردي",
           "created_at": "2026-01-05T09:30:00Z"}
    with posts.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    run("sync")
    done = shell("$desk queue --json", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (Exit.OK, "")
    assert "Ömar نا 🐝" in [json.loads(line)["name"] for line in done.stdout.splitlines()]
    table = shell("$desk queue", PYTHONIOENCODING=encoding)
    assert (table.returncode, r"\u0646\u0627 \U0001f41d" in table.stdout) == (Exit.OK, True)
    whole = shell("$desk export", PYTHONIOENCODING=encoding)
    assert (whole.returncode, "Ömar نا 🐝" in whole.stdout) == (Exit.OK, True)


@pytest.mark.parametrize("words", [["show"], ["customer"], ["ledger"], ["reply"], ["note"], ["files"]])
def test_one_number_is_taken_from_stdin_and_no_other_count(run: Run, posts: Path, words: list[str]) -> None:
    run("sync")
    said = ["--text", "hello"] if words[0] in ("reply", "note") else []
    for given, count in (("", "None"), ("1\n2\n", "2")):
        answer = run(*words, "-", *said, stdin=given)
        assert (answer.code, answer.out) == (Exit.USAGE, "")
        assert f"{count} came on stdin" in answer.err
    assert run("show", "-", stdin="1\n").out.startswith("#1 ")


def test_a_pipe_without_numbers_leaves_nothing_to_do(run: Run, posts: Path) -> None:
    run("sync")
    answer = run("done", "not_actionable", "--code", "news", "-", "--json")
    assert (answer.code, answer.lines) == (Exit.OK, [{"done": "", "conversations": [], "outbox": {}}])
    assert answer.err == "No numbers came on stdin; nothing was done\n"
