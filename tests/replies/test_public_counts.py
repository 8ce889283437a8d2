"""Our counters against the cases that the platforms themselves publish; ``tests/data`` names where each comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentdesk.model.capability import Caps, Counter
from agentdesk.replies.length import count

CASES = json.loads((Path(__file__).parent.parent / "data" / "counting.json").read_text())


def counted(text: str, counter: Counter) -> int:
    """The length of a text as a channel with this counter has it."""
    return count(text, Caps(letter="X", counter=counter))


@pytest.mark.parametrize(("text", "length"), CASES["mastodon"])
def test_mastodons_own_cases(text: str, length: int) -> None:
    assert counted(text, Counter.GRAPHEME_URL23) == length


@pytest.mark.parametrize(("text", "length"), CASES["links"])
def test_links_are_those_that_mastodon_finds_where_a_protocol_stands_before_them(text: str, length: int) -> None:
    """From the cases that its expression descends from, without those of one shortener, which it does not know."""
    assert counted(text, Counter.GRAPHEME_URL23) == length


@pytest.mark.parametrize(("text", "length"), CASES["weighted"])
def test_weighted_counts(text: str, length: int) -> None:
    assert counted(text, Counter.WEIGHTED) == length


@pytest.mark.parametrize(("text", "size", "length"), CASES["graphemes"])
def test_blueskys_graphemes_and_bytes(text: str, size: int, length: int) -> None:
    assert (counted(text, Counter.BYTES), counted(text, Counter.GRAPHEME_BYTES)) == (size, length)
