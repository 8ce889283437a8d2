"""New words and the history behind them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.model.quoting import own_words

HISTORY = "> Dear Jane,\n> it is on its way.\n> Sam"


def test_history_at_the_end_is_told_apart() -> None:
    assert own_words(f"It is not here.\n\n{HISTORY}") == ("It is not here.", 3)


def test_its_introduction_goes_with_it() -> None:
    said = f"It is not here.\n\nOn Monday, Sam at the support\nwrote:\n\n{HISTORY}\n"
    assert own_words(said) == ("It is not here.", 5)
    assert own_words(f"He said:\n{HISTORY}")[1] == 0, "without other words it is all that is said"


@pytest.mark.parametrize("text", [
    "plain words", "", ">\n>\n>", HISTORY, f"\n{HISTORY}", "a > b\n>c", f"{HISTORY}\n\nI answer below",
    f"one\n{HISTORY}\ntwo", "short\n> one\n> two",
])
def test_everything_else_stays_whole(text: str) -> None:
    assert own_words(text) == (text, 0)


@given(st.lists(st.sampled_from(["> a", ">", "b", "", "c:", " ", ">> d"]), max_size=12).map("\n".join))
def test_nothing_of_ones_own_is_ever_left_out(text: str) -> None:
    own, left = own_words(text)
    assert text.startswith(own)
    rest = [line for line in text[len(own):].split("\n") if line.strip("> ")]
    assert left in (0, len(rest))
    words = [line for line in rest if not line.startswith(">")]
    assert not left or len(words) <= 3
    assert own.strip() or not text.strip()
