"""A name that a customer chose mentions nobody when it stands in our reply."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.replies.mention import silent


@pytest.mark.parametrize(("name", "said"), [
    ("Jane Doe", "Jane Doe"), ("@everyone Jane", "everyone Jane"), ("Jane (@jane@x.example)", "Jane (jane@x.example)"),
    ("Jane @ work", "Jane @ work"), ("jane@example.org", "jane@example.org"), ("@@jane", "jane"), ("＠jane", "jane"),
    ("@＠@jane", "jane"), ("a/@jane", "a/jane"), ("", ""),
])
def test_only_what_would_call_somebody_goes(name: str, said: str) -> None:
    assert silent(name) == said


@given(st.text(alphabet="@＠ab /.:-_é\n", max_size=40))
def test_nothing_is_left_that_platforms_read_as_a_mention(name: str) -> None:
    said = silent(name)
    assert not re.search(r"(?<![\w@])[@＠]\w", said)
    assert silent(said) == said
    assert said.replace("@", "").replace("＠", "") == name.replace("@", "").replace("＠", "")
