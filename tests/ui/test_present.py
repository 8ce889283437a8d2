"""Foreign text on its way to the screen: inert, measured in cells, wrapped, isolated, cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.testing.world import HOSTILE_POSTS
from agentdesk.ui.present import MAX_LINES, clean, flat, isolate, line, seg, width, wrap

HOSTILE = json.loads(HOSTILE_POSTS.read_text())
POSTS = [str(post) if isinstance(post, str) else json.dumps(post) for post in
         (HOSTILE if isinstance(HOSTILE, list) else HOSTILE.values())]
foreign = st.text(alphabet=st.characters(), max_size=200) | st.sampled_from(POSTS)
ISOLATES = "\u2068\u2069"
ACTING = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u061c\u200e\u200f\u2028\u2029\ufeff\u200b",
          *map(chr, range(0x202A, 0x202F)), "\u2066", "\u2067"} - {"\n"}


def acts(text: str) -> set[str]:
    """Characters that could act on a terminal or turn the line round; our own isolates only in pairs."""
    found = ACTING & set(text)
    if text.count("\u2068") != text.count("\u2069"):
        found.add("unpaired isolate")
    return found


@given(foreign, st.integers(0, 60))
def test_a_line_takes_exactly_its_cells_and_never_acts(text: str, cells: int) -> None:
    drawn = line(text, cells)
    assert width(drawn) == cells
    assert not acts(drawn)
    assert "\n" not in drawn
    assert width(line(text, cells, pad=False)) <= cells


@given(foreign, st.integers(1, 60))
def test_wrapped_lines_fit_and_never_act(text: str, cells: int) -> None:
    for drawn in wrap(text, cells):
        assert width(drawn) <= max(cells, 2)
        assert not acts(drawn)
        assert "\n" not in drawn


@given(foreign)
def test_segments_never_act(text: str) -> None:
    assert not acts(seg(text).text)
    assert "\n" not in seg(text).text
    assert seg(line(text, 30)).text == line(text, 30)


@given(st.text(alphabet="ab c世界…\n", max_size=120), st.integers(2, 20))
def test_wrapping_loses_no_letter(text: str, cells: int) -> None:
    assert "".join("".join(wrap(text, cells, None, None)).split()) == "".join(text.split())


@pytest.mark.parametrize(("text", "cells", "lines"), [
    ("The quick brown fox", 10, ["The quick", "brown fox"]),
    ("averyverylongword here", 8, ["averyver", "ylongwor", "d here"]),
    ("  indented\n\nnext", 20, ["  indented", "", "next"]),
    ("返金はいつになりますか？", 8, ["返金はい", "つになり", "ますか？"]),
    ("", 10, [""]),
    ("a b c", 1, ["a", "b", "c"]),
])
def test_wrapping(text: str, cells: int, lines: list[str]) -> None:
    assert wrap(text, cells) == lines


def test_long_texts_are_cut_and_say_how_much_more_there_is() -> None:
    many = "\n".join(str(n) for n in range(5_000))
    drawn = wrap(many, 40)
    assert len(drawn) == MAX_LINES + 1
    assert "more characters" in drawn[-1]
    assert len(wrap(many, 40, None, None)) == 5_000
    assert "more characters" in wrap("x" * 30_000, 60)[-1]


def test_a_megabyte_does_not_stop_a_frame() -> None:
    import time

    began = time.perf_counter()
    wrap("word " * 200_000, 60)
    line("x" * 1_000_000, 60)
    assert time.perf_counter() - began < 1.0


def test_right_to_left_text_stands_in_an_isolate_of_ours() -> None:
    assert isolate("abc") == "abc"
    assert isolate("طرد") == "\u2068طرد\u2069"
    assert line("طرد", 6) == "\u2068طرد\u2069   "
    assert seg("\u2069x\u2068 \u202eطرد").text.count("\u2068") == seg("\u2069x\u2068 \u202eطرد").text.count("\u2069")


def test_clean_keeps_newlines_and_flat_does_not() -> None:
    assert clean("a\nb\x1b[2J") == "a\nb␛[2J"
    assert flat("a\n  b") == "a b"
