"""Files that are not quite as they should be, read in from the shell: what is wrong is said with what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentdesk.cli.exits import Exit
from agentdesk.store import transfer
from tests.cli.conftest import Run

COLUMNS = ("--column", "id=Nr", "--column", "author=Mail", "--column", "text=Words", "--column", "created_at=Date")


def table(path: Path, encoding: str) -> Path:
    """A table whose words no other encoding reads the same way."""
    path.write_bytes("Nr;Mail;Words;Date\n1;jörg@example.org;Grüße;2026-01-05 09:00\n".encode(encoding))
    return path


def test_another_encoding_is_named_and_then_read(run: Run, tmp_path: Path) -> None:
    path = str(table(tmp_path / "old.csv", "latin-1"))
    first = run("import", path, *COLUMNS)
    assert first.out == "0 messages stored under file:old, 1 line rejected\n"
    assert first.code == Exit.SOURCE
    assert run("import", path, *COLUMNS, "--again", "--json").code == Exit.SOURCE
    assert "not UTF-8 at byte 4; say how the file is encoded: encoding: in the configuration, --encoding" in first.err
    again = run("import", path, *COLUMNS, "--encoding", "latin-1", "--again")
    assert again.out == "1 message stored under file:old, 0 lines rejected\n"
    assert again.code == Exit.OK
    assert [hit["author"] for hit in run("search", "Grüße", "--json").lines] == ["jörg@example.org"]


def test_a_header_in_another_encoding_asks_for_the_encoding_not_for_columns(run: Run, tmp_path: Path) -> None:
    answer = run("import", str(table(tmp_path / "wide.csv", "utf-16")), *COLUMNS)
    assert answer.code == Exit.SOURCE
    assert "next: Say how the file is encoded" in answer.err


def test_a_misspelt_field_is_named(run: Run, tmp_path: Path) -> None:
    answer = run("import", str(table(tmp_path / "old.csv", "utf-8")), *COLUMNS, "--column", "autor=Nr")
    assert answer.code == Exit.SOURCE
    assert 'no field is called "autor"; did you mean "author"?' in answer.err


def test_a_line_that_is_no_json_says_where_it_stops_to_be(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"id": 1, "author": "a", "text": "b" "created_at": 0}\nnot json\n')
    said = run("import", str(path)).err
    assert "posts.jsonl line 1: not JSON from column 38 on: Expecting ',' delimiter\n" in said
    assert "posts.jsonl line 2: not JSON from column 1 on: Expecting value\n" in said


@pytest.mark.parametrize("source", ["nope", "rt:forms", "file:", "file:a b", "file:../x"])
def test_only_a_source_of_files_can_hold_a_file(run: Run, tmp_path: Path, source: str) -> None:
    answer = run("import", str(table(tmp_path / "old.csv", "utf-8")), *COLUMNS, "--source", source)
    assert (answer.code, answer.out) == (Exit.USAGE, "")
    assert "--source file:forms" in answer.err
    assert run("sources", "--json").lines == []


def test_a_source_that_is_not_in_the_configuration_is_told_apart(run: Run, posts: Path, tmp_path: Path) -> None:
    run("import", str(table(tmp_path / "old.csv", "utf-8")), *COLUMNS)
    assert [(it["name"], it["configured"]) for it in run("sources", "--json").lines] == [
        ("file:old", False), ("file:posts", True)]
    assert "file:old    not configured" in run("sources").out


def test_a_customer_without_an_outcome_and_a_conversation_without_files_are_told_in_words(
    run: Run, posts: Path
) -> None:
    run("sync")
    assert "None" not in run("customer", "1").out
    answer = run("files", "1")
    assert (answer.code, answer.out, answer.err) == (Exit.OK, "", "No files came with it\n")


def test_what_is_no_whole_export_is_not_put_back(run: Run, posts: Path, tmp_path: Path) -> None:
    run("sync")
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    run("export", str(whole))
    cut.write_text("".join(whole.read_text().splitlines(keepends=True)[:-1]))
    for path, code in ((cut, Exit.USAGE), (table(tmp_path / "old.csv", "latin-1"), Exit.USAGE),
                       (tmp_path / "none.jsonl", Exit.NOT_FOUND), (tmp_path, Exit.NOT_FOUND)):
        answer = run("--profile", "other", "import", "--archive", str(path))
        assert (answer.code, answer.out) == (code, ""), path
        assert "mistake of its own" not in answer.err
        assert "--profile other" not in answer.err, "that one is empty: an export of it mends nothing"
    assert run("--profile", "other", "import", "--archive", str(whole)).code == Exit.OK


def test_an_export_without_its_last_line_is_put_back_once_a_person_added_it(
    run: Run, posts: Path, tmp_path: Path
) -> None:
    run("sync")
    whole, early, again = (tmp_path / name for name in ("whole.jsonl", "early.jsonl", "again.jsonl"))
    run("export", str(whole))
    *lines, _ = whole.read_text().splitlines(keepends=True)
    early.write_text("".join(lines))
    assert "counts the others, is missing" in run("--profile", "other", "import", "--archive", str(early)).err
    early.write_text("".join([*lines, f'{{"end": {{"rows": {len(lines) - 1}}}}}\n']))
    assert run("--profile", "other", "import", "--archive", str(early)).code == Exit.OK
    run("--profile", "other", "export", str(again))
    assert again.read_text() == whole.read_text()


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="stdin has no name here")
def test_an_export_is_put_back_out_of_a_pipe(run: Run, posts: Path, tmp_path: Path) -> None:
    run("sync")
    run("export", str(tmp_path / "whole.jsonl"))
    words = [sys.executable, "-m", "agentdesk", "--profile", "other", "import", "--archive", "/dev/stdin"]
    done = subprocess.run(words, input=(tmp_path / "whole.jsonl").read_bytes(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (Exit.OK, b"")


def test_an_export_that_the_disk_does_not_take_whole_leaves_nothing_behind(
    run: Run, posts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("sync")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(transfer, "export", full)
    answer = run("export", str(tmp_path / "all.jsonl"))
    assert (answer.code, (tmp_path / "all.jsonl").exists()) == (Exit.STORE, False)
    assert "cannot be written\n  why: No space left on device\n  next: Free some room" in answer.err
