"""The one edge function: nothing that acts gets through, and what people write gets through unharmed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from agentdesk.model.text import hides_direction, inert, inert_line
from agentdesk.ui.present import isolate, line, wrap
from tests.hostile.payloads import MARKUP, PAYLOADS
from tests.hostile.wire import foreign

NASTY = st.text(st.one_of(st.characters(), st.sampled_from(
    "\x1b\x07\x9b\x9d[]0;2Jm\\\u200d\u200c\ufe0f\u0301\u202e\u2067\u2069\u1161\U0001f469")), max_size=60)

KEPT = [
    "👩🏻‍❤️‍💋‍👨🏿", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🧑🏽‍🦽‍➡️", "❤️‍🔥", "1️⃣", "🇩🇪", "☺️", "🫨🫨🫨🫨🫨🫨🫨🫨🫨🫨",
    "می\u200cخواهم", "क्‍ष", "ကြွေးမြွှုံ့", "རྒྱུད", "ผู้ใหญ่นี้", "நீர்க்கொழும்பு", "שָׁלוֹם בְּרֵאשִׁ֖ית", "한국어", "\u1112\u1161\u11ab",
    "葛\U000e0100城", "Việt Nam, Ångström, ﷺ", "日本語、«quoted» “text” … — ₿ ½",
]
"""What people write: none of it may be changed."""


@pytest.mark.parametrize("name", PAYLOADS)
def test_nothing_acts_after_it(name: str) -> None:
    raw = PAYLOADS[name]
    assert foreign(inert(raw).replace("\n", " ").encode()) == []
    assert foreign(inert_line(raw).encode()) == []
    assert len(inert_line(raw)) <= 300


@pytest.mark.parametrize("name", PAYLOADS)
def test_lines_of_the_screen_hold_nothing_that_acts_whoever_made_the_text(name: str) -> None:
    raw = PAYLOADS[name][:30_000]
    for drawn in (line(raw, 40), *wrap(raw, 40)):
        assert "\n" not in drawn
        assert cell_len(drawn) <= 40
        assert len(drawn) <= 40 * 10
        assert foreign(drawn.encode()) == []


@given(NASTY)
def test_any_text(raw: str) -> None:
    text = inert(raw)
    assert inert(text) == text
    assert foreign(text.replace("\n", " ").encode()) == []
    assert foreign(line(raw, 12).encode()) == []
    assert all(foreign(part.encode()) == [] for part in wrap(raw, 12))


@pytest.mark.parametrize(("first", "last", "left"), [
    (0xD800, 0xDFFF, "\ufffd"), (0xE0000, 0xE00FF, ""), (0xE01F0, 0xE0FFF, ""),
])
def test_half_letters_are_seen_and_hidden_tags_go(first: int, last: int, left: str) -> None:
    codes = range(first, last + 1)
    assert inert("".join(f"a{chr(code)}" for code in codes)) == f"a{left}" * len(codes)


@pytest.mark.parametrize("text", KEPT)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize("name", MARKUP)
def test_markup_is_text(name: str) -> None:
    raw = MARKUP[name]
    assert inert(raw) == raw.replace("\x1b", "␛")


@pytest.mark.parametrize(("pile", "most"), [
    ("e" + "\u0301" * 2_000, 7), ("e" + "\u0301\u200d" * 2_000, 9), ("\u1100" + "\u1161" * 2_000, 9),
    ("\u0915" + "\u0903" * 2_000, 9), ("\U0001f469" + "\U0001f3fb" * 2_000, 9), ("\u200d" * 2_000, 8),
    ("A" + "\u20dd" * 99, 7),
])
def test_a_pile_on_one_letter_ends(pile: str, most: int) -> None:
    assert len(inert(pile)) <= most
    assert len(line(pile, 10, pad=False)) <= most


def test_a_chain_of_joined_pictures_comes_apart() -> None:
    chain = inert("\U0001f469" + "\u200d\U0001f469" * 3_000)
    assert max(part.count("\u200d") for part in _clusters(chain)) <= 4
    assert cell_len(chain) > 1_000


def _clusters(text: str) -> list[str]:
    from rich.cells import split_graphemes

    return [text[start:end] for start, end, _ in split_graphemes(text)[0]]


@pytest.mark.parametrize("raw", ["AAA\u202eevil", "\u200fx", "a\u061cb", "\u2067x\u2069"])
def test_hidden_direction_marks_are_noticed(raw: str) -> None:
    assert hides_direction(raw)
    assert not hides_direction(inert(raw))


@pytest.mark.parametrize("text", ["أين طردي؟ abc", "abc איפה", "می\u200cخواهم"])
def test_right_to_left_stands_in_an_isolate_of_our_own(text: str) -> None:
    assert isolate(inert(text)) == f"\u2068{text}\u2069"
    assert wrap(text, 40) == [f"\u2068{text}\u2069"]
    assert line(text, 40).startswith("\u2068")
    assert line(text, 40).rstrip().endswith("\u2069")


def test_a_word_of_a_million_letters_is_folded_in_no_time() -> None:
    for word in ("W" * 1_000_000, "é" * 300_000, "伊" * 100_000):
        begun = time.process_time()
        lines = wrap(word, 37, None, None)
        assert time.process_time() - begun < 3.0
        assert "".join(lines) == word
        assert all(cell_len(part) <= 37 for part in lines)


@pytest.mark.parametrize("cells", [1, 2, 3, 7])
@pytest.mark.parametrize("text", [
    "ab cdefghijk l", "   indented word", "é伊é伊é伊 x", "a 👩‍👩‍👧‍👦b", "伊", " " * 9 + "x"])
def test_folding_keeps_every_letter_and_its_width(text: str, cells: int) -> None:
    lines = wrap(text, cells)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cell_len(part) <= max(cells, 2) for part in lines)
