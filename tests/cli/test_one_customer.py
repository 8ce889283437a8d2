"""One customer from the shell: what keys do on the screen, a script can do too."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from agentdesk.cli.exits import Exit
from tests.cli.conftest import Run


@pytest.fixture
def demo(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The desk of Harbour Post, with its first day in the cache."""
    monkeypatch.setenv("AGENTDESK_HOME", str(tmp_path / "home"))
    assert run("demo", "--headless").code == Exit.OK

    def call(*words: str, stdin: str = "") -> object:
        return run("--profile", "demo", *words, stdin=stdin)

    return call  # type: ignore[return-value]


def number_of(run: Run, name: str, source: str) -> str:
    """The open conversation of a person on a source."""
    rows = run("queue", f"state:open source:{source}", "--json").lines
    return str(next(row["id"] for row in rows if row["name"] == name))


def test_like_edit_delete_and_what_is_refused(demo: Run) -> None:
    number = number_of(demo, "Tom Beckett", "demo:mastodon")
    assert demo("do", "like", number).out == "Liked\n"
    assert demo("do", "follow", number).out == "You follow Tom Beckett\n"
    refused = demo("do", "boost", number_of(demo, "Tom Beckett", "demo:helpdesk"))
    assert refused.code == Exit.REFUSED
    assert "What it can: reply, notes, assign" in refused.err
    assert demo("do", "edit text=Better", number).code == Exit.REFUSED, "nothing of ours is there yet"
    assert demo("reply", number, stdin="We look into it now, Tom, and come back today.").out == "Sent\n"
    assert demo("do", 'edit text="We look into it, Tom."', number).code == Exit.OK
    assert demo("sync").code in (Exit.OK, Exit.FINDINGS)
    said = [row["message"]["text"] for row in demo("show", number, "--json").lines[0]["messages"]]
    assert said[-1] == "We look into it, Tom. ^AN"
    assert demo("do", "delete-reply", number).out == "It is being deleted\n"
    assert [row["action"] for row in demo("ledger", number, "--json").lines if row["agent"] == "ann"][:2] == [
        "liked", "followed"]


def test_a_claim_reaches_the_help_desk_at_once(demo: Run) -> None:
    number = number_of(demo, "Tom Beckett", "demo:helpdesk")
    assert demo("claim", number).out == "Yours\n"
    assert demo("outbox", "--json").lines == []
    demo("sync")
    assert [row["assignee"] for row in demo("queue", "mine", "--json").lines] == ["Harbour Post"]


def test_one_person_is_offered_put_together_and_taken_apart(demo: Run) -> None:
    number = number_of(demo, "Tom Beckett", "demo:mastodon")
    assert "may also be Tom Beckett (demo:helpdesk tom@beckett.example): same mail" in demo("customer", number).out
    assert demo("do", "customer-merge", number).out == "One customer now: Tom Beckett\n"
    told = json.loads(demo("customer", number, "--json").out)
    assert len(told["customer"]["identities"]) == 2
    assert told["offers"] == []
    assert {row["source"] for row in told["conversations"]} == {"demo:mastodon", "demo:helpdesk"}
    assert demo("do", "customer-split identity=demo:helpdesk", number).out == "Two customers now\n"
    assert demo("undo").out == "Undone: identity split\n"
    assert demo("do", "customer-vip", number).out == "VIP\n"


def test_files_are_listed_and_saved(demo: Run, tmp_path: Path) -> None:
    number = number_of(demo, "Beatrix Lenz", "demo:helpdesk")
    names = [row["name"] for row in demo("files", number, "--json").lines]
    assert "estimate_luthier.pdf" in names
    folder = tmp_path / "saved"
    saved = demo("files", number, "estimate_luthier.pdf", "--to", str(folder))
    assert saved.out == f"{folder / 'estimate_luthier.pdf'}\n"
    assert stat.S_IMODE((folder / "estimate_luthier.pdf").stat().st_mode) == 0o600
    assert demo("files", number, "nothing.txt").code == Exit.NOT_FOUND
    assert demo("do", f"save-attachment estimate_luthier.pdf into={folder}", number).out == (
        f"Saved as {folder / 'estimate_luthier (2).pdf'}\n")


def test_a_file_goes_with_a_reply_as_it_was_attached(demo: Run, tmp_path: Path) -> None:
    number = number_of(demo, "Tom Beckett", "demo:mastodon")
    path = tmp_path / "form.png"
    path.write_bytes(b"\x89PNG the form")
    warned = demo("reply", number, "--attach", str(path), stdin="Here is the form, Tom, please have a look.")
    assert warned.code == Exit.REFUSED
    assert "no_alt" in warned.err
    assert demo("reply", number, "--attach", str(path), "--alt", "The claim form",
                stdin="Here is the form, Tom, please have a look.").out == "Sent\n"
    told = demo("show", number, "--json").lines[0]["messages"][-1]["message"]
    assert told["direction"] == "out"
    assert demo("reply", number, "--alt", "x", stdin="Hello").code == Exit.USAGE
    demo("reply", number, "--attach", str(path), "--alt", "The form", "--offline", stdin="And once more the form, Tom.")
    path.write_bytes(b"\x89PNG something else")
    demo("sync")
    assert "not what it was" in json.dumps(demo("outbox", "--json").lines)


def test_a_private_conversation_begins_from_the_shell(demo: Run) -> None:
    number = number_of(demo, "Tom Beckett", "demo:mastodon")
    assert demo("do", "dm", number).code == Exit.USAGE
    assert demo("do", 'dm text="Hello Tom, may we have your number here?"', number).out == "On its way in private\n"
