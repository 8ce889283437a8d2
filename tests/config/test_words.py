"""The nearest known word."""

from __future__ import annotations

import pytest

from agentdesk.config.words import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "near"), [("mastadon", "mastodon"), ("MASTODON", "mastodon"), ("tok", "token"), ("zzz", ""), ("", "")]
)
def test_the_nearest_word_is_found(word: str, near: str) -> None:
    assert nearest(word, ["mastodon", "token", "theme"]) == near
    assert did_you_mean(word, ["mastodon", "token", "theme"]) == (f'; did you mean "{near}"?' if near else "")


def test_a_huge_word_takes_no_time() -> None:
    assert nearest("x" * 1_000_000, ["theme"] * 50) == ""
