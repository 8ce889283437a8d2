"""Marks and names on Bluesky against the cases that the network publishes; ``tests/data`` says where they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.connectors.bluesky import richtext, wire

DATA = Path(__file__).parent.parent / "data"
MARKS = json.loads((DATA / "facets.json").read_text())
SYNTAX = json.loads((DATA / "atproto_syntax.json").read_text())


class Everybody(dict[str, str]):
    """Finds each handle's account, which is called as the handle is."""

    def __missing__(self, handle: str) -> str:
        return handle

    def __contains__(self, handle: object) -> bool:
        return True

    def get(self, handle: str, default: Any = None) -> Any:
        return handle


def marked(text: str) -> list[list[Any]]:
    """Where each mark begins and ends in bytes, and what it says."""
    found = richtext.facets(text, richtext.find(text), Everybody())
    return [[mark["index"]["byteStart"], mark["index"]["byteEnd"],
             next(value for name, value in mark["features"][0].items() if name != "$type")] for mark in found]


@pytest.mark.parametrize(("text", "marks"), [*MARKS["marks"], *MARKS["tags"], *MARKS["cashtags"]])
def test_what_is_marked(text: str, marks: list[list[Any]]) -> None:
    assert marked(text) == marks


@pytest.mark.parametrize("handle", SYNTAX["handle valid"])
def test_handles_are_mentioned(handle: str) -> None:
    assert [(it.kind, it.value) for it in richtext.find(f"@{handle}")] == [("mention", handle.lower())]


@pytest.mark.parametrize("handle", SYNTAX["handle invalid"])
def test_what_is_no_handle_is_not_mentioned(handle: str) -> None:
    assert handle.lower() not in [it.value for it in richtext.find(f"@{handle}") if it.kind == "mention"]


@pytest.mark.parametrize("uri", SYNTAX["aturi valid"])
def test_addresses_of_records_are_taken_apart(uri: str) -> None:
    """Those of accounts and of whole collections are none of a record."""
    found = wire.address(uri)
    assert (found is not None) == (uri.startswith("at://did:") and uri.count("/") == 4)
    assert found is None or f"at://{found.did}/{found.collection}/{found.rkey}" == uri


@pytest.mark.parametrize("uri", SYNTAX["aturi invalid"])
def test_what_is_no_address_is_not_taken_for_one(uri: str) -> None:
    assert wire.address(uri) is None


@pytest.mark.parametrize("key", SYNTAX["tid invalid"])
def test_what_is_no_record_key_of_time_tells_no_time(key: str) -> None:
    assert wire.tid_at(key) is None


@pytest.mark.parametrize("key", SYNTAX["tid valid"])
def test_a_record_key_of_time_tells_it(key: str) -> None:
    assert wire.tid_at(key) is not None


@given(st.integers(10**11, 9 * 10**12), st.text(max_size=20))
def test_the_keys_that_we_make_are_such_keys(at: int, seed: str) -> None:
    made = wire.tid(at, seed)
    told = wire.tid_at(made)
    assert told is not None
    assert 0 <= told - at < 1_000
