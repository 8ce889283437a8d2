"""The strict YAML reader: what stays text, what is refused, and where it says so."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.config import yaml
from agentdesk.config.yaml import MAX_BYTES, MAX_DEPTH, dotted, parse, parse_all, read, read_all
from agentdesk.errors import ConfigError


def problems(data: bytes | str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as error:
        parse(data, "config.yaml")
    assert error.value.title == "config.yaml cannot be read"
    assert error.value.remedy
    return error.value.problems


@pytest.mark.parametrize(
    "text",
    ["y", "Y", "n", "yes", "no", "No", "NO", "on", "off", "On", "True", "FALSE", "Null", "9:30", "1:30", "0600",
     "0o600", "0x1F", "1_000", "1e3", ".5", "5.", "+.inf", ".nan", "-.inf", "2026-12-24", "2026-12-24 10:00:00", "=",
     "<<", "12e", "00", "-01", "1.10.2", "99999999999999999999"],
)
def test_what_plain_yaml_would_change_stays_text(text: str) -> None:
    assert parse(f"a: {text}", "x").plain == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-7", -7), ("42", 42),
     ("1.5", 1.5), ("-0.25", -0.25), ("'42'", "42"), ('"true"', "true"), ("''", ""), ("|\n  a\n  b\n", "a\nb\n")],
)
def test_only_plain_switches_and_numbers_are_more_than_text(text: str, value: object) -> None:
    plain = parse(f"a: {text}", "x").plain["a"]
    assert (type(plain), plain) == (type(value), value)


@pytest.mark.parametrize("key", ["on", "y", "no", "true", "null", "1", "0600", "~", "9:30", "<<"])
def test_keys_are_text_as_written(key: str) -> None:
    assert parse(f"{key}: 1", "x").plain == {key: 1}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "config.yaml:3: a: the same key stands in line 1 already"),
        ("a:\n  b: 1\n  'b': 2\n", "config.yaml:3: b: the same key stands in line 2 already"),
        ("a: &x 1", "config.yaml:1: anchors (&) and aliases (*) are not allowed"),
        ("a: 1\nb: *x", "config.yaml:2: anchors (&) and aliases (*) are not allowed"),
        ("a: !!python/object/apply:os.system [id]", "config.yaml:1: tags (!) are not allowed"),
        ("a: !!python/name:os.system", "config.yaml:1: tags (!) are not allowed"),
        ("a: !!str 1", "config.yaml:1: tags (!) are not allowed"),
        ("a: ! x", "config.yaml:1: tags (!) are not allowed"),
        ("--- !x\na: 1", "config.yaml:1: tags (!) are not allowed"),
        ("? [a]\n: 1", "config.yaml:1: a key must be text"),
        ("{a: 1}: 2", "config.yaml:1: a key must be text"),
        ("a: 1\n---\nb: 2", "config.yaml:3: a second document begins here"),
        ("a: b: c", "config.yaml:1: a colon where none belongs; put quotes around text that holds one"),
        ("a:\n\tb: 1", "config.yaml:2: indent with spaces"),
        ("a: @b", "config.yaml:1: indent with spaces, and put quotes"),
        ("a: 'b", "config.yaml:1: quotes or brackets that were opened are not closed"),
        ("a: [1\n", "config.yaml:1: brackets that were opened are not closed"),
        ("- a\nb: c", "config.yaml:2: the indentation does not fit the lines above"),
        ("a: 1\nb: \x1b[2J", "config.yaml:2: a control character (U+001B) is not allowed"),
        ("a: \x00", "config.yaml:1: a control character (U+0000) is not allowed"),
        ("a: \x9b", "config.yaml:1: a control character (U+009B) is not allowed"),
        (b"a: 1\nb: \xff", "config.yaml:2: not UTF-8"),
        ("a: 1\n".encode("utf-16"), "config.yaml:1: not UTF-8"),
        ("a: \ud800", "config.yaml:1: not UTF-8"),
    ],
)
def test_what_is_refused_is_told_with_its_line(data: bytes | str, problem: str) -> None:
    found = problems(data)
    assert found[0].startswith(problem), found


def test_all_refusals_come_at_once() -> None:
    found = problems("a: &x 1\nb: *x\nc: !!int 3\na: 4\nd: [")
    assert [text.split(":")[1] for text in found] == ["1", "2", "3", "4", "5"]


def test_a_billion_laughs_are_not_laughed() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    began = time.monotonic()
    found = problems("\n".join(lines))
    assert all("aliases" in text for text in found)
    assert time.monotonic() - began < 2


def test_depth_is_bounded() -> None:
    for opens, closes in (("[", "]"), ("{a: ", "}")):
        assert parse(opens * MAX_DEPTH + "1" + closes * MAX_DEPTH, "x").plain
        for levels in (MAX_DEPTH + 1, 100_000):
            found = problems(opens * levels + "1" + closes * levels)
            assert found[-1] == f"config.yaml:1: nested deeper than {MAX_DEPTH} levels"
    block = "\n".join(" " * n + "a:" for n in range(200))
    assert "nested deeper" in problems(block)[-1]


def test_size_is_bounded(tmp_path: Path) -> None:
    fits = "a: " + "x" * (MAX_BYTES - 3)
    assert len(parse(fits, "x").plain["a"]) == MAX_BYTES - 3
    assert problems(fits + "y") == ("config.yaml: larger than 1024 KiB",)
    big = tmp_path / "config.yaml"
    with big.open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(ConfigError) as error:
        read(big)
    assert error.value.problems == ("config.yaml: larger than 1024 KiB",)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "closed"])
def test_only_ordinary_files_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "config.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "closed":
        path.symlink_to(path)
    with pytest.raises(ConfigError, match="cannot be read") as error:
        read(path)
    assert str(path) in error.value.cause


def test_a_mark_at_the_beginning_and_windows_lines_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - c\r\n")
    document = read(path)
    assert document.plain == {"a": 1, "b": ["c"]}
    assert document.line(("b", 0)) == 3


def test_several_documents_are_read_where_they_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "pack.yaml"
    path.write_text("a: 1\n---\nb: 2\n---\n")
    assert [document.plain for document in read_all(path)] == [{"a": 1}, {"b": 2}, None]
    assert parse_all("", "x") == ()
    assert parse("# nothing\n", "x").plain is None


def test_every_place_knows_its_line() -> None:
    document = parse("# top\na:\n  - b: 1\n    c: [x,\n        y]\n\nd: >\n  text\n", "config.yaml")
    places = [("a",), ("a", 0), ("a", 0, "c"), ("a", 0, "c", 1), ("d",)]
    assert [document.line(place) for place in places] == [2, 3, 4, 5, 7]
    assert document.line(("a", 0, "none", "below")) == 3
    assert document.line(("none",)) == 2
    assert document.line(("a", 7)) == 2
    assert document.problem(("a", 0, "c", 1), "bad") == "config.yaml:5: a[0].c[1]: bad"
    assert document.problem((), "bad") == "config.yaml:2: bad"


def test_strange_keys_are_shown_harmlessly() -> None:
    assert dotted(("sources", 0, "kind")) == "sources[0].kind"
    assert dotted(("a\x1b[2J", "b")) == "a\\x1b[2J.b"
    assert len(dotted(("x" * 500,))) == 40


def test_no_text_of_the_file_stands_in_a_refusal() -> None:
    for text in ("!hunter2!x y", "%hunter2", "'hunter2", "*hunter2", "hunter2: x", "&hunter2 x", '"\\hunter2"',
                 "!hunter2 x", "@hunter2", "`hunter2", "[hunter2", "{hunter2: x", "|hunter2"):
        assert "hunter2" not in " ".join(problems(f"token: {text}")), text


@given(st.text(max_size=60))
def test_any_text_gives_data_or_a_refusal(text: str) -> None:
    found: tuple[str, ...] = ("config.yaml:1: none",)
    try:
        parse_all(text, "config.yaml")
    except ConfigError as error:
        found = error.problems
    assert found
    assert all(problem.startswith("config.yaml:") for problem in found)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | WORDS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text("abc-_. é", min_size=1), below, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_what_was_written_is_read(data: object) -> None:
    class Dumper(pyyaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    assert parse(pyyaml.dump(data, Dumper=Dumper, allow_unicode=True), "x").plain == data


def test_the_slow_parser_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: [1, 'x', y]\nb:\n  - c: no\n    d: >\n      t\n"
    fast = parse(text, "x").plain
    monkeypatch.setattr(yaml, "_LOADER", pyyaml.SafeLoader)
    assert parse(text, "x").plain == fast
    for bad in ("a: b: c", "a:\n\tb: 1", "a: 'b", "- a\nb: c", "a: [1\n", "a: *x", "a: !x y"):
        assert "hunter2" not in problems(bad)[0]
        assert problems(bad)[0].startswith("config.yaml:")
