"""The sign-off: once, at the end, and gone again without a trace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.replies.signature import is_signed, sign, strip

signatures = st.sampled_from(["^AB", "-Becky", "/CH", "Ann from Acme", "– Jo", "☎ Ann"])


@pytest.mark.parametrize(
    ("text", "signature", "signed"),
    [
        ("On its way.", "^AB", "On its way. ^AB"),
        ("On its way.\n", "Ann from Acme", "On its way.\nAnn from Acme"),
        ("On its way. ^AB", "^AB", "On its way. ^AB"),
        ("On its way.^AB", "^AB", "On its way.^AB ^AB"),
        ("On its way.", "", "On its way."),
        ("", "^AB", ""),
        ("  ", "^AB", ""),
    ],
)
def test_sign(text: str, signature: str, signed: str) -> None:
    assert sign(text, signature) == signed


@given(st.text(max_size=60), signatures)
def test_signing_is_done_once_and_can_be_undone(text: str, signature: str) -> None:
    signed = sign(text, signature)
    assert sign(signed, signature) == signed
    assert is_signed(signed, signature) or not text.strip()
    if not is_signed(text, signature):
        assert strip(signed, signature) == text.rstrip()


@given(st.text(max_size=60))
def test_without_a_signature_only_the_end_is_trimmed(text: str) -> None:
    assert sign(text, "") == strip(text, "") == text.rstrip()
