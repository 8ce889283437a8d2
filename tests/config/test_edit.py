"""Edits: the change alone, comments and layout kept, and nothing written that would not load."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.config.edit import append_source, render, save, set_value
from agentdesk.config.example import example_text
from agentdesk.config.load import load
from agentdesk.config.yaml import parse
from agentdesk.errors import ConfigError, Refused

SOURCE = {"kind": "file", "name": "new", "path": "~/new posts", "ours": ["Acme"], "token": {"command": ["pass", "x"]}}
BLOCK = """\
  - kind: file
    name: new
    path: "~/new posts"
    ours: [Acme]
    token: {command: [pass, x]}
"""
OLD = "sources:\n  - kind: file\n    name: old\n    path: x  # here\n"
REST = "\n# the rest\nui:\n  bell: true\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "sources:\n" + BLOCK),
        ("# mine\nversion: 1  # always\n", "# mine\nversion: 1  # always\n\nsources:\n" + BLOCK),
        ("version: 1", "version: 1\n\nsources:\n" + BLOCK),
        ("sources:\nui:\n  bell: true\n", "sources:\n" + BLOCK + "ui:\n  bell: true\n"),
        ("sources: []  # none yet\n", "sources:  # none yet\n" + BLOCK),
        ("sources:  # none yet\n  # - kind: rt\n", "sources:  # none yet\n" + BLOCK + "  # - kind: rt\n"),
        (OLD, OLD + BLOCK),
        (OLD + "    # letter: F\n" + REST, OLD + "    # letter: F\n" + BLOCK + REST),
        ("sources:\n- {kind: file, name: old, path: x}\n",
         "sources:\n- {kind: file, name: old, path: x}\n" + BLOCK.replace("\n  ", "\n").removeprefix("  ")),
    ],
)  # fmt: skip
def test_a_source_is_added_behind_the_others(before: str, after: str) -> None:
    assert append_source(before, SOURCE) == after


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("ui:\n  theme: dark  # calm\n", "ui.theme", "light", "ui:\n  theme: light  # calm\n"),
        ("ui: {theme: dark, bell: true}\n", "ui.theme", "a b", 'ui: {theme: "a b", bell: true}\n'),
        ("ui:\n  theme:   # none\n  bell: true\n", "ui.theme", "x", "ui:\n  theme: x   # none\n  bell: true\n"),
        ("ui:\n  theme: 'dark'\n", "ui.theme", "yes", 'ui:\n  theme: "yes"\n'),
        ("ui:\n  bell: true\n\nkeys:\n", "ui.theme", "x", "ui:\n  bell: true\n  theme: x\n\nkeys:\n"),
        ("ui:\n    bell: true\n    # end of ui\n# next\nkeys:\n", "ui.theme", "x",
         "ui:\n    bell: true\n    # end of ui\n    theme: x\n# next\nkeys:\n"),
        ("ui:\nkeys:\n", "ui.wide", 130, "ui:\n  wide: 130\nkeys:\n"),
        ("version: 1\n", "ui.bell", True, "version: 1\n\nui:\n  bell: true\n"),
        ("", "agent.name", "ann", "agent:\n  name: ann\n"),
        ("version: 1\n", "version", 1, "version: 1\n"),
        ("agent: {name: x}\n", "replies.hold", "10s", "agent: {name: x}\n\nreplies:\n  hold: 10s\n"),
        ("codes:\n  spam:\n    a: b\n", "codes.spam.c", "d e", 'codes:\n  spam:\n    a: b\n    c: "d e"\n'),
        ("ui:\r\n  theme: dark\r\n", "ui.theme", "x", "ui:\r\n  theme: x\r\n"),
    ],
)  # fmt: skip
def test_a_value_is_set_in_its_place(before: str, path: str, value: Any, after: str) -> None:
    assert set_value(before, path, value) == after


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("ui: {bell: true}\n", "ui.theme"),
        ("ui: dark\n", "ui.theme"),
        ("agent: {name: [a]}\n", "agent.name"),
        ("agent:\n  name: >\n    ann\n", "agent.name"),
        ("agent:\n  name: ann\n    bo\n", "agent.name"),
        ("- a\n", "agent.name"),
        ("agent: {name: x}\n...\n", "ui.theme"),
        ("sources: [{name: x}]\n", "sources.name"),
    ],
)
def test_what_cannot_be_changed_safely_is_left_to_a_person(text: str, path: str) -> None:
    with pytest.raises(Refused, match="cannot be changed from here") as error:
        set_value(text, path, "x")
    assert error.value.remedy == "Change the file by hand"


@pytest.mark.parametrize(
    "text", ["sources: [{kind: file, name: a, path: x}]\n", "sources: {a: b}\n", "sources: null\n", "- a\n"]
)
def test_a_source_is_not_squeezed_in(text: str) -> None:
    with pytest.raises(Refused):
        append_source(text, SOURCE)


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def test_the_example_keeps_all_its_comments() -> None:
    text = example_text()
    for path, value in (("ui.theme", "light"), ("agent.name", "Jürgen Ö"), ("replies.hold", "off"), ("ui.bell", True)):
        text = set_value(text, path, value)
    text = append_source(text, SOURCE)
    assert comments(text) == comments(example_text())
    plain = parse(text, "x").plain
    assert (plain["ui"]["theme"], plain["agent"]["name"], plain["ui"]["bell"]) == ("light", "Jürgen Ö", True)
    before = parse(example_text(), "x").plain["sources"]
    assert [source["name"] for source in plain["sources"]] == [*(source["name"] for source in before), "new"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]))
    | st.sampled_from(["yes", "null", "~", "0600", "9:30", "- a", "a: b", "a #b", "#a", "&a", "*a", "!a", "'", '"',
                       "a\\", "%", "@", "1.5", "...", "---"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("ab :#-", max_size=4), below, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(VALUES)
def test_what_is_written_is_read_again(value: object) -> None:
    assert parse(f"- {render(value)}\n", "x").plain == [value]
    assert parse(f"a: {{b: {render(value)}}} # c\n", "x").plain == {"a": {"b": value}}


# the file --------------------------------------------------------------------------------------------------------


def test_a_change_is_saved_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "conf" / "config.yaml"
    config = save(path, lambda text: append_source(text, {"kind": "file", "name": "a", "path": "x"}))
    assert config.sources[0].full_name == "file:a"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    save(path, lambda text: set_value(text, "ui.theme", "light"))
    it = load(path, {})
    assert (it.ui.theme, it.sources[0].full_name) == ("light", "file:a")


def test_what_would_not_load_is_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("# mine\nversion: 1\n")
    with pytest.raises(ConfigError) as error:
        save(path, lambda text: set_value(text, "ui.wide", "very"))
    assert error.value.problems == ("config.yaml:5: ui.wide: a whole number is needed",)
    with pytest.raises(ConfigError):
        save(path, lambda text: append_source(text, {"kind": "rt", "name": "a"}))
    with pytest.raises(ConfigError):
        save(path, lambda text: set_value(text, "ui.theme", "x"), validators={"theme": lambda text: "no such theme"})
    assert path.read_text() == "# mine\nversion: 1\n"


def test_the_environment_does_not_hide_what_would_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTDESK_THEME", "")
    monkeypatch.setenv("AGENTDESK_HOLD", "not a length")
    config = save(tmp_path / "config.yaml", lambda text: set_value(text, "ui.theme", "light"))
    assert config.ui.theme == "light"


def test_a_configuration_behind_a_link_stays_there(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.yaml", tmp_path / "config.yaml"
    real.write_text("version: 1\n")
    link.symlink_to(real)
    save(link, lambda text: set_value(text, "ui.theme", "light"))
    assert link.is_symlink()
    assert "light" in real.read_text()
