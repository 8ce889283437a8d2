"""What a script reads back: which conversations a step touched, what could not be done, and the nearest word."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdesk.cli.exits import Exit
from agentdesk.model.clock import SystemClock
from tests.cli.conftest import Run
from tests.fakes.mastodon import FakeMastodon
from tests.fakes.serve import serving


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


def with_settings(posts: Path, text: str) -> None:
    """Add to the configuration of the desk that ``posts`` made."""
    path = posts.parent / "home" / "config" / "config.yaml"
    path.write_text(path.read_text() + text)


def program(folder: Path, *lines: str) -> Path:
    """A program of one's own."""
    path = folder / "order"
    path.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    path.chmod(0o700)
    return path


def test_what_a_program_of_ones_own_shows_is_part_of_the_one_answer(run: Run, posts: Path, tmp_path: Path) -> None:
    mine = program(tmp_path, "echo on the van")
    with_settings(posts, f"commands:\n  - {{name: order, run: [{mine}], output: show}}\n")
    run("sync")
    answer = run("do", "order", "1", "--json")
    assert answer.lines == [{"done": "", "conversations": [1], "outbox": {}, "output": "on the van\n"}]
    assert run("do", "order", "1").out.startswith("on the van\n")


def test_a_program_called_like_a_verb_is_a_mistake_with_its_line(run: Run, posts: Path, tmp_path: Path) -> None:
    with_settings(posts, f"commands:\n  - {{name: order, run: [{program(tmp_path)}]}}\n"
                         f"  - {{name: claim, run: [{program(tmp_path)}]}}\n")
    answer = run("config", "validate")
    assert answer.code == Exit.CONFIG
    assert 'config.yaml:8: commands[1].name: agentdesk has a command "claim" already' in answer.err


def test_the_keys_that_are_listed_are_those_that_work(run: Run, posts: Path) -> None:
    with_settings(posts, 'keys:\n  queue: {"z o": claim, "Z": snooze 2h}\n  list: {"x": null, "question_mark": keys}\n')
    found = {(row["context"], row["keys"]): row["calls"] for row in run("keys", "--json").lines}
    assert found["queue", "z o"] == "claim"
    assert found["queue", "Z"] == "snooze 2h"
    assert found["list", "x"] == ""
    assert found["list", "?"] == "keys"
    assert found["list", "j"] == "down"


def test_a_note_where_there_are_none_is_refused_before_it_lies_in_the_outbox(run: Run, tmp_path: Path) -> None:
    far = FakeMastodon(SystemClock())
    far.post(far.person("jane", "far.example", "Jane Doe"), "@acme Where is it?")
    folder = tmp_path / "home" / "config"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "token").touch(mode=0o600)
    (folder / "token").write_text(far.us.token)
    with serving(far.handle) as url:
        (folder / "config.yaml").write_text(
            f'sources:\n  - {{kind: mastodon, name: acme, url: "{url}", token: {{file: {folder / "token"}}}}}\n')
        run("sync")
        (number,) = ids(run)
        answer = run("note", str(number), "--text", "She rang twice")
        assert (answer.code, answer.out) == (Exit.REFUSED, "")
        assert "mastodon:acme keeps no notes" in answer.err
        assert run("outbox", "--json").lines == []
    assert run("do", 'customer-note "She rang twice"', str(number)).code == Exit.OK
    (shown,) = run("customer", str(number), "--json").lines
    assert shown["customer"]["note"] == "She rang twice"


def test_a_remedy_typed_as_it_stands_means_the_profile_it_was_said_of(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "config" / "profiles" / "night"
    folder.mkdir(parents=True, mode=0o700)
    for each in (tmp_path / "home", tmp_path / "home" / "config", tmp_path / "home" / "config" / "profiles"):
        each.chmod(0o700)
    assert "next: agentdesk --profile night config init writes one" in run("--profile", "night", "config",
                                                                           "validate").err
    far = FakeMastodon(SystemClock())
    (folder / "token").touch(mode=0o600)
    (folder / "token").write_text("a dead one")
    again = "Sign in again: agentdesk --profile night login mastodon acme"
    with serving(far.handle) as url:
        (folder / "config.yaml").write_text(
            f'sources:\n  - {{kind: mastodon, name: acme, url: "{url}", token: {{file: {folder / "token"}}}}}\n')
        told = run("--profile", "night", "sync").err
        assert again in told
        assert "agentdesk login" not in told, "what came up on the way means that profile too"
        assert again in run("--profile", "night", "sources").out
        assert again in run("--profile", "night", "doctor").out


@pytest.mark.parametrize("words", [("--profile", "night", "verbs"), ("verbs",)])
def test_the_report_of_a_crash_is_in_the_profile_it_happened_in(run: Run, tmp_path: Path, words: tuple[str, ...],
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a mistake of ours")

    if len(words) == 1:
        monkeypatch.setenv("AGENTDESK_PROFILE", "night")
    monkeypatch.setattr("agentdesk.cli.output.text", broken)
    monkeypatch.setattr("agentdesk.cli.output.table", broken)
    answer = run(*words)
    data = tmp_path / "home" / "data"
    assert answer.code == Exit.ERROR
    (report,) = (data / "profiles" / "night" / "crash").iterdir()
    assert str(report) in answer.err
    assert not (data / "crash").exists()


def test_a_profile_that_cannot_be_one_is_told_in_words_without_a_command_too(run: Run,
                                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTDESK_PROFILE", "../x")
    assert "cannot be a profile's name" in run("queue").err
    assert "Traceback" not in run().err


def test_a_promise_is_kept_by_its_number_in_its_own_conversation_only(run: Run, posts: Path) -> None:
    run("sync")
    first, second, _ = map(str, ids(run))
    run("promise", "2h", "call back", first)
    run("promise", "3h", "send a form", second)
    run("promise", "4h", "ask the depot", second)
    (mine,) = run("show", first, "--json").lines[0]["promises"]
    assert mine["words"] == "call back"
    refused = run("do", f"keep {mine['id']}", second)
    assert (refused.code, refused.out) == (Exit.NOT_FOUND, "")
    assert "send a form" in refused.err
    assert run("show", first, "--json").lines[0]["promises"] == [mine]
    asked = run("do", "keep", second)
    assert (asked.code, "(send a form), " in asked.err) == (Exit.USAGE, True)
    assert run("do", f"keep {mine['id']}", first).code == Exit.OK
    assert run("show", first, "--json").lines[0]["promises"] == []
