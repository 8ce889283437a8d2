"""Hosts in letters of other scripts are shown as they are looked up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.model.address import disguised, spelled

LIKE_APPLE = "\u0430\u0440\u0440\u04cf\u0435.com"


@pytest.mark.parametrize(("address", "out"), [
    ("https://apple.com/x?y#z", "https://apple.com/x?y#z"),
    (f"https://{LIKE_APPLE}/x", "https://xn--80ak6aa92e.com/x"),
    (f"https://jane:pw@{LIKE_APPLE}:8080/{LIKE_APPLE}", f"https://jane:pw@xn--80ak6aa92e.com:8080/{LIKE_APPLE}"),
    ("https://b\u00e4nk.example", "https://xn--bnk-qla.example"),
    ("https://example\u3002com/", "https://example.com/"),
    ("http://[bad", "http://[bad"),
    ("", ""),
])
def test_an_address_goes_out_in_ascii(address: str, out: str) -> None:
    assert spelled(address) == out


@pytest.mark.parametrize(("text", "hosts"), [
    ("Is https://apple.com/é safe?", []),
    (f"Log in at https://{LIKE_APPLE}/login, please. https://{LIKE_APPLE}", [(LIKE_APPLE, "xn--80ak6aa92e.com")]),
    (f"here <HTTPS://apple.com@{LIKE_APPLE}:443/x>", [(LIKE_APPLE, "xn--80ak6aa92e.com")]),
    (f"{LIKE_APPLE} without a scheme", []),
])
def test_hosts_in_other_letters_are_found_in_a_text(text: str, hosts: list[tuple[str, str]]) -> None:
    assert disguised(text) == hosts


def test_no_more_than_a_few_are_named() -> None:
    assert len(disguised(" ".join(f"https://{letter}.example" for letter in "äöüßé"))) == 3


@given(st.text(max_size=80))
def test_whatever_stands_there_comes_out_in_ascii(text: str) -> None:
    assert all(name.isascii() for _, name in disguised(f"see https://{text} and http://ä{text}"))
    spelled(f"https://{text}/")
