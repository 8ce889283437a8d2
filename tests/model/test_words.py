"""What people type as a number is one, or nothing."""

from __future__ import annotations

import pytest

from agentdesk.model.words import whole_number


@pytest.mark.parametrize(("text", "number"), [
    ("12", 12), ("-3", -3), ("+4", 4), ("\u0663", 3), ("9" * 18, 10**18 - 1),
    ("", None), ("-", None), ("+-5", None), ("--5", None), ("\u00b2", None), ("1.5", None), ("9" * 19, None),
    ("9" * 5_000, None),
])
def test_a_number_as_it_is_typed(text: str, number: int | None) -> None:
    assert whole_number(text) == number
