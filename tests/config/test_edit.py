"""Edits: the change alone, comments and layout kept, and nothing written that would not load."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.config.edit import append_source, render, save
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
VIEW = "views: [{name: a, query: x}]\n"
LIGHT = "ui: {theme: light}\n"
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
)
def test_a_source_is_added_behind_the_others(before: str, after: str) -> None:
    assert append_source(before, SOURCE) == after


@pytest.mark.parametrize(
    "text", ["sources: [{kind: file, name: a, path: x}]\n", "sources: {a: b}\n", "sources: null\n", "- a\n"]
)
def test_a_source_is_not_squeezed_in(text: str) -> None:
    with pytest.raises(Refused):
        append_source(text, SOURCE)


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def test_the_example_keeps_all_its_comments() -> None:
    text = append_source(example_text(), SOURCE)
    assert comments(text) == comments(example_text())
    plain = parse(text, "x").plain
    before = parse(example_text(), "x").plain["sources"]
    assert [source["name"] for source in plain["sources"]] == [*(source["name"] for source in before), "new"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]))
    | st.sampled_from(["yes", "null", "~", "0600", "9:30", "- a", "a: b", "a #b", "#a", "&a", "*a", "!a", "'", '"',
                       "a\\", "%", "@", "1.5", "...", "---"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("ab :#-", max_size=4), below, max_size=3),
    max_leaves=6,
)


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
    save(path, lambda text: text + LIGHT)
    it = load(path, {})
    assert (it.ui.theme, it.sources[0].full_name) == ("light", "file:a")


def test_what_would_not_load_is_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("# mine\nversion: 1\n")
    with pytest.raises(ConfigError) as error:
        save(path, lambda text: text + "ui: {wide: very}\n")
    assert error.value.problems == ("config.yaml:3: ui.wide: a whole number is needed",)
    with pytest.raises(ConfigError):
        save(path, lambda text: append_source(text, {"kind": "rt", "name": "a"}))
    with pytest.raises(ConfigError):
        save(path, lambda text: text + VIEW, query_problem=lambda text: "no such field")
    assert path.read_text() == "# mine\nversion: 1\n"


def test_the_environment_does_not_hide_what_would_not_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTDESK_THEME", "")
    monkeypatch.setenv("AGENTDESK_HOLD", "not a length")
    config = save(tmp_path / "config.yaml", lambda text: text + LIGHT)
    assert config.ui.theme == "light"


def test_a_configuration_behind_a_link_stays_there(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.yaml", tmp_path / "config.yaml"
    real.write_text("version: 1\n")
    link.symlink_to(real)
    save(link, lambda text: text + LIGHT)
    assert link.is_symlink()
    assert "light" in real.read_text()
