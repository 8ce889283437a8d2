"""Packs: what is read, what is told about what cannot be, and how replies are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.bootstrap import PACKAGE
from agentdesk.config.yaml import read_all
from agentdesk.model.message import Visibility
from agentdesk.replies.guards import GuardFacts
from agentdesk.replies.guards import check as guard
from agentdesk.replies.packs import Packs, check, load, search
from agentdesk.replies.template import Canned, fill, missing, names, render


def pack(folder: Path, **files: str) -> Packs:
    """Write the files and read the folder."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_yml", ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load([folder], read_all)


def test_one_reply_a_file_is_named_after_it(tmp_path: Path) -> None:
    packs = pack(tmp_path, refund_yaml="text: |\n  Hi {{ customer.first_name }},\n  it is on its way.\n\n")
    assert packs.problems == ()
    (canned,) = packs.canned
    assert canned == Canned(
        name="refund", title="refund", text="Hi {{ customer.first_name }},\nit is on its way.", source="refund.yaml"
    )


def test_a_list_and_all_its_fields(tmp_path: Path) -> None:
    packs = pack(tmp_path, team__de_yml="""
replies:
  - name: tut-leid
    title: Entschuldigung
    kind: reply
    tags: [sorry, de]
    lang: de
    text: Das tut mir leid, {{ wann }}.
    hints: {wann: "Bis wann"}
  - {name: no, text: Nein, tags: "a, b"}
  - {name: 9.5, text: 12}
""")
    assert packs.problems == ()
    assert packs.get("tut-leid") == Canned(
        name="tut-leid", title="Entschuldigung", kind="reply", tags=("sorry", "de"), lang="de",
        text="Das tut mir leid, {{ wann }}.", hints={"wann": "Bis wann"}, source="team/de.yml",
    )
    no = packs.get("no")
    assert no is not None
    assert (no.title, no.tags) == ("no", ("a", "b"))
    assert packs.get("9.5") is not None
    assert packs.get("gone") is None


def test_several_documents(tmp_path: Path) -> None:
    packs = pack(tmp_path, many_yaml="name: a\ntext: A\n---\nname: b\ntext: B\n---\ntext: C\n")
    assert [canned.name for canned in packs.canned] == ["a", "b"]
    assert "many.yaml" in packs.problems[0]
    assert "name" in packs.problems[0]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("text: a\ntilte: b\n", 2, "did you mean title?"),
        ("name: a\ntitle: b\n", 1, "text: is missing"),
        ("name: a b\ntext: x\n", 1, "letters, digits"),
        ("name: a\nkind: answer\ntext: x\n", 2, "reply or snippet"),
        ("name: a\ntext: [x]\n", 2, "must be text"),
        ("name: a\ntext: true\n", 2, "must be text"),
        ("name: a\ntext: x\ntags: {a: b}\n", 3, "list of words"),
        ("name: a\ntext: x\nhints: [a]\n", 3, "what to say"),
        ("name: a\ntitle: |\n  two\n  lines\ntext: x\n", 2, "one line"),
        ("replies: x\n", 1, "must be a list"),
        ("replies:\n  - x\n", 2, "a reply with name and text"),
        ("lang: en\nreplies: []\n", 1, "beside replies"),
        ("- a\n- b\n", 1, "a reply with name and text"),
        ("name: a\nname: b\ntext: x\n", 2, "the same key"),
        ("name: a\ntext: 'x\n", 2, "quotes"),
        ("replies:\n  - {name: a, text: x}\n  - {name: a, text: y}\n", 3, "already"),
        (f"name: a\ntext: {'x' * 10_001}\n", 2, "longer than"),
    ],
)
def test_a_broken_file_is_told_with_its_line_and_takes_none_along(tmp_path: Path, text: str, line: int,
    words: str) -> None:
    packs = pack(tmp_path, bad_yaml=text, good_yaml="text: fine\n")
    (problem,) = packs.problems
    assert problem.startswith(f"bad.yaml:{line}:")
    assert words in problem
    assert packs.get("good") is not None


def test_hidden_files_other_files_and_missing_folders_are_left_alone(tmp_path: Path) -> None:
    packs = pack(tmp_path, **{".hidden_yaml": "text: x", ".git__x_yaml": "text: x", "note.txt": "x", "empty_yaml": ""})
    assert packs == Packs()
    assert load([tmp_path / "gone"], read_all) == Packs()


def test_the_first_folder_counts(tmp_path: Path) -> None:
    pack(tmp_path / "mine", hello_yaml="text: mine\n")
    pack(tmp_path / "team", hello_yaml="text: team\n", other_yaml="text: other\n")
    packs = load([tmp_path / "mine", tmp_path / "team"], read_all)
    assert [(canned.name, canned.text) for canned in packs.canned] == [("hello", "mine"), ("other", "other")]


def test_what_is_in_a_file_is_made_inert(tmp_path: Path) -> None:
    packs = pack(tmp_path, a_yaml='title: "red\\u202e"\ntext: "a\\u001b[31mb"\n')
    (canned,) = packs.canned
    assert canned.title == "red"
    assert "\x1b" not in canned.text


def test_templates_are_checked_apart(tmp_path: Path) -> None:
    packs = pack(tmp_path, a_yaml="text: '{{ x() }}'\n", b_yaml="text: '{{ x }}'\n", c_yaml="text: |\n  a\n  {{ b\n")
    assert packs.problems == ()
    problems = check(packs)
    assert len(problems) == 2
    assert problems[0].startswith("a.yaml: a: text, line 1")
    assert problems[1].startswith("c.yaml: c: text, line 2")


def canned(name: str, title: str = "", text: str = "", **more: object) -> Canned:
    return Canned(name=name, title=title, text=text, **more)  # type: ignore[arg-type]


ALL = Packs((
    canned("ask-dm", "Ask for a message", "Could you write to us?", tags=("private",)),
    canned("ask-order", "Order number", "Which order?", lang="en"),
    canned("bitte", "Bestellnummer", "Welche Bestellung? order", lang="de", kind="reply"),
    canned("orders", "All about", "x", tags=("ask",)),
))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["ask-dm", "ask-order", "bitte", "orders"]),
        ("ord", ["ask-order", "orders", "bitte"]),
        ("ORDER number", ["ask-order"]),
        ("ask", ["ask-dm", "ask-order", "orders"]),
        ("private", ["ask-dm"]),
        ("write us", ["ask-dm"]),
        ("rder", []),
        ("ask zebra", []),
    ],
)
def test_search(words: str, found: list[str]) -> None:
    assert [it.name for it in search(ALL, words)] == found


def test_search_by_kind_and_language() -> None:
    assert [it.name for it in search(ALL, "", kind="reply")] == ["bitte"]
    assert [it.name for it in search(ALL, "", lang="de")] == ["ask-dm", "bitte", "orders"]


@given(st.text(max_size=20))
def test_any_words_may_be_searched(words: str) -> None:
    found = search(ALL, words)
    assert all(it in ALL.canned for it in found)
    assert len(found) <= len(ALL.canned)


def test_the_starter_pack_is_whole() -> None:
    packs = load([PACKAGE / "replies" / "builtin" / "starter"], read_all)
    assert check(packs) == ()
    tags = {tag for it in packs.canned for tag in it.tags}
    assert {"greeting", "apology", "dm", "order", "thanks", "close", "praise"} <= tags
    for it in packs.canned:
        asked = [name for name in names(it.text) if "." not in name]
        assert set(it.hints) == set(asked), it.name
        values = {"customer": {"first_name": "Jane", "name": "Jane Doe"}, "agent": {"name": "Ann"}}
        for name in missing(it.text, values):
            values = fill(values, name, "4411")
        text = render(it.text, values)
        assert len(text) <= 240, it.name
        assert guard(GuardFacts(text=text, visibility=Visibility.PUBLIC)) == (), it.name
