"""Loading: the order of layers, where values come from, filters, and whose file it is."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.config.edit import render
from agentdesk.config.example import example_text
from agentdesk.config.load import ENVIRONMENT, explain, load
from agentdesk.config.schema import Config
from agentdesk.config.yaml import parse
from agentdesk.errors import ConfigError
from tests.config.loading import loaded, mistakes


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("version: 1\nui:\n  theme: from-file\n  bell: true\nagent: {name: bo}\n")
    return path


def test_command_line_over_environment_over_file_over_default(file: Path) -> None:
    environ = {"AGENTDESK_THEME": "from-environment"}
    overrides = {"ui.theme": "from-command-line"}
    assert load(None, {}).ui.theme == Config().ui.theme
    assert load(file, {}).ui.theme == "from-file"
    assert load(file, environ).ui.theme == "from-environment"
    assert load(file, environ, overrides).ui.theme == "from-command-line"
    assert load(None, environ).ui.theme == "from-environment"
    assert load(file, environ, overrides).ui.bell is True


def test_where_a_value_came_from_can_be_told(file: Path) -> None:
    found = explain(file, {"AGENTDESK_ZONE": "UTC"}, {"replies.hold": "9s"}).origins
    assert found == {
        "version": "config.yaml:1",
        "ui.theme": "config.yaml:3",
        "ui.bell": "config.yaml:4",
        "agent.name": "config.yaml:5",
        "agent.zone": "environment AGENTDESK_ZONE",
        "replies.hold": "command line",
    }


GOOD = {
    "AGENTDESK_AGENT": ("bo", lambda it: it.agent.name == "bo"),
    "AGENTDESK_SIGNATURE": ("^BO", lambda it: it.agent.signature == "^BO"),
    "AGENTDESK_ZONE": ("Asia/Tokyo", lambda it: it.agent.zone == "Asia/Tokyo"),
    "AGENTDESK_THEME": ("light", lambda it: it.ui.theme == "light"),
    "AGENTDESK_ASCII": ("1", lambda it: it.ui.ascii is True),
    "AGENTDESK_COLOURS": ("16", lambda it: it.ui.colours == "16"),
    "AGENTDESK_EDITOR": ("vi -n", lambda it: it.ui.editor == "vi -n"),
    "AGENTDESK_IDLE_LOCK": ("10m", lambda it: it.ui.idle_lock == 600_000),
    "AGENTDESK_HOLD": ("off", lambda it: it.replies.hold == 0),
}


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_every_variable_sets_its_value(name: str) -> None:
    text, holds = GOOD[name]
    assert holds(loaded("", {name: text}))
    assert not holds(loaded("", {"USER": "ann"}))
    assert loaded("", {name: "", "USER": "ann"}) == loaded("", {"USER": "ann"})


@pytest.mark.parametrize(("text", "value"), [("1", True), ("yes", True), ("True", True), ("0", False), ("off", False)])
def test_variables_may_say_yes_and_no(text: str, value: bool) -> None:
    assert loaded("ui: {ascii: true}", {"AGENTDESK_ASCII": text}).ui.ascii is value


def test_mistakes_of_variables_and_options_name_them_and_come_last() -> None:
    found = mistakes(
        "ui: {wide: x}\n",
        {"AGENTDESK_IDLE_LOCK": "later", "AGENTDESK_AGENT": "a\x1b[2J"},
        overrides={"ui.thme": "x", "ui.medium": 5, "nonesuch": "y", "ui.ascii": "perhaps"},
    )
    assert found[0] == "config.yaml:1: ui.wide: a whole number is needed"
    assert sorted(found[1:]) == [
        'command line: nonesuch: unknown key; known here: version, agent, sources, calendars, policies, views, '
        "replies, files, ui, keys, signals, privacy, commands, codes",
        "command line: ui.ascii: true or false is needed",
        "command line: ui.medium: must be from 40 to 1000",
        'command line: ui.thme: unknown key; did you mean "theme"?',
        "environment AGENTDESK_AGENT: agent.name: holds a control or invisible character",
        "environment AGENTDESK_IDLE_LOCK: ui.idle_lock: not a length of time; write it like 6h, 90m, 5s or 1d 12h",
    ]


def test_options_set_single_values_of_sections_only() -> None:
    assert mistakes("sources: []", overrides={"sources.0.name": "x"}) == [
        "command line: sources.0.name: only a single value of a section can be set here"
    ]
    it = loaded("ui:\n", overrides={"ui.bell": True, "ui.ascii": False, "ui.theme": None, "agent.signature": ""})
    assert (it.ui.bell, it.ui.ascii, it.ui.theme, it.agent.signature) == (True, False, Config().ui.theme, "")


@pytest.mark.parametrize(
    ("text", "environ", "name"),
    [("agent: {name: bo}", {"USER": "ann"}, "bo"), ("", {"LOGNAME": "lo", "USER": "ann"}, "lo"),
     ("", {"USER": "ann"}, "ann"), ("", {}, "agent"), ("", {"USER": "a\x1bb"}, "agent"),
     ("", {"USER": "x" * 99}, "x" * 60)],
)
def test_the_agent_is_the_login_name_unless_said(text: str, environ: dict[str, str], name: str) -> None:
    assert loaded(text, environ).agent.name == name


@pytest.mark.parametrize(
    ("colours", "environ", "used"),
    [("auto", {"NO_COLOR": "1"}, "none"), ("auto", {"NO_COLOR": ""}, "auto"), ("16", {"NO_COLOR": "1"}, "16"),
     ("auto", {"NO_COLOR": "1", "AGENTDESK_COLOURS": "truecolor"}, "truecolor")],
)
def test_no_color_is_obeyed_by_auto_only(colours: str, environ: dict[str, str], used: str) -> None:
    assert loaded(f"ui: {{colours: {colours}}}", environ).ui.colours == used


def test_whoever_knows_their_language_judges_filters() -> None:
    seen: list[str] = []

    def judge(text: str) -> str | None:
        seen.append(text)
        return "no query like that" if "bad" in text else None

    text = (
        "views:\n  - {name: a, query: late}\n  - {name: b, query: bad query}\n"
        "policies:\n  - {name: a, when: bad when}\n  - {name: b}\n"
    )
    assert mistakes(text, query_problem=judge) == [
        "config.yaml:3: views[1].query: no query like that",
        "config.yaml:5: policies[0].when: no query like that",
    ]
    assert seen == ["late", "bad query", "bad when"]


ANYTHING = st.sampled_from(
    [None, True, 0, -1, 10**20, 1.5, "", "x", "6h", "off", "9:30", "\x1b", "\u202e", "é" * 300, [], [[]], {},
     {"a": {}}, ["x"], [{"kind": "rt"}], {"env": "A"}, "https://[::1", "(", "Europe", "2026-13-01",
     "mon-fri: 25:00-26:00"]
)


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """The example with a few of its values replaced by anything, keys renamed or dropped."""
    tree = parse(example_text(), "x").plain
    for _ in range(draw(st.integers(1, 4))):
        node = tree
        for _ in range(draw(st.integers(0, 4))):
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            below = [key for key in keys if isinstance(node[key], dict | list) and node[key]]
            if not below:
                break
            node = node[draw(st.sampled_from(below))]
        key = draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        if isinstance(node, dict) and draw(st.booleans()):
            node[draw(st.text("abk_ \x1b", max_size=5))] = node.pop(key)
        else:
            node[key] = copy.deepcopy(draw(ANYTHING))
    return tree


@given(broken())
def test_whatever_is_broken_is_told_and_never_crashes(tree: dict[str, Any]) -> None:
    text = "".join(f"{render(key)}: {render(value)}\n" for key, value in tree.items())
    found = mistakes(text)
    assert all(problem.startswith("config.yaml:") and problem.isprintable() for problem in found)
    if not found:
        assert isinstance(loaded(text), Config)


def test_no_file_is_an_error_unless_it_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with pytest.raises(ConfigError, match="cannot be read"):
        load(path, {})
    assert load(path, {"USER": "ann"}, missing_ok=True) == load(None, {"USER": "ann"})


def test_paths_are_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "config.yaml").write_text("replies: {packs: [team, /abs]}\n")
    monkeypatch.chdir(tmp_path)
    assert load(Path("conf/config.yaml"), {}).replies.packs == (str(folder / "team"), "/abs")


def test_the_report_counts_and_lists(file: Path) -> None:
    file.write_text("ui: {x: 1}\n")
    with pytest.raises(ConfigError) as error:
        load(file, {})
    assert error.value.title == "The configuration has a mistake"
    file.write_text("ui: {x: 1, wide: y}\n")
    with pytest.raises(ConfigError) as error:
        load(file, {})
    assert error.value.title == "The configuration has 2 mistakes"
    assert len(error.value.problems) == 2
    assert error.value.exit_code == 3
    assert all(problem in str(error.value) for problem in error.value.problems)


@pytest.mark.parametrize("mode", [0o602, 0o666, 0o777])
def test_a_file_that_anybody_can_write_is_refused_with_a_remedy_that_works(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(ConfigError, match="written by anybody") as error:
        load(file, {})
    command, arguments = error.value.remedy.removeprefix("Run: ").split(" ", 1)
    assert (command, arguments) == ("chmod", f"o-w {file}")
    file.chmod(mode & ~0o002)
    load(file, {})


def test_a_file_of_somebody_else_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.stat_result((0o100644, 1, 1, 1, 4242, 4242, 1, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda self, **more: status)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        load(file, {})


def test_a_key_that_stands_twice_is_told_with_all_other_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("version: 1\nuii: {}\nagent: {name: bo, name: ann}\nui: {wide: yes}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert list(caught.value.problems) == [
        'config.yaml:2: uii: unknown key; did you mean "ui"?',
        "config.yaml:3: name: the same key stands in line 3 already",
        "config.yaml:4: ui.wide: a whole number is needed",
    ]
