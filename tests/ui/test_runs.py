"""Rows of runs: what is cut is marked as cut, wherever the cut falls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentdesk.ui.widgets.runs import Run, cells, fit

WORDS = st.lists(st.text("abc ö箱", min_size=1, max_size=6), min_size=1, max_size=5)


@given(words=WORDS, width=st.integers(1, 30))
def test_a_cut_row_ends_in_the_mark_of_a_cut(words: list[str], width: int) -> None:
    runs = [Run(word, "bright" if number % 2 else "text") for number, word in enumerate(words)]
    found = fit(runs, width)
    text = "".join(run.text for run in found)
    assert cells(found) <= width
    if cells(runs) <= width:
        assert text == "".join(words)
    elif not "".join(words)[len(text):].isspace():
        assert text.endswith("…")


def test_a_cut_between_two_runs_is_marked_too() -> None:
    runs = (Run("left "), Run("Depot", bold=True), Run(" North"))
    assert [run.text for run in fit(runs, 10)] == ["left ", "Depo…", ""]
    assert [run.text for run in fit((*runs[:2], Run(" ")), 10)] == ["left ", "Depot", ""]
