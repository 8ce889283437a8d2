"""The comparison itself: what is wrong is told with its route and field, what is right passes, exceptions are real."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agentdesk.model.clock import ManualClock
from tests.fakes.bluesky import FakeBluesky
from tests.specs.amended import AMENDED, UNDESCRIBED, WITHOUT
from tests.specs.check import STRAYS, amended, described, spec

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.json"))
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PARTS = {"content-type": "multipart/form-data; boundary=x"}
TALK = "/api/v1/accounts/3/conversations/5"


@dataclass
class Said:
    """An answer of any kind."""

    data: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """The bytes on the wire."""
        return json.dumps(self.data).encode()


def faults(name: str, method: str, url: str, said: Said | None = None, body: bytes = b"",
           headers: dict[str, str] = JSON) -> list[str]:
    """What does not fit."""
    return list(spec(name).faults(method, url, headers, body, said))


def test_an_answer_of_another_shape_is_told_with_route_and_field() -> None:
    told = {"uri": "at://a", "cid": "c", "value": {}}
    url = "/xrpc/com.atproto.repo.getRecord?repo=a&collection=b&rkey=c"
    assert faults("bluesky", "GET", url, Said(told)) == []
    assert faults("bluesky", "GET", url, Said({**told, "uri": 7})) == [
        "GET /xrpc/com.atproto.repo.getRecord answers 200 $.uri: 7 is not of type 'string'"]
    assert faults("bluesky", "GET", url, Said({"uri": "at://a"})) == [
        "GET /xrpc/com.atproto.repo.getRecord answers 200 $: 'value' is a required property"]
    (more,) = faults("bluesky", "GET", url, Said({**told, "invented": 1}))
    assert more.startswith("GET /xrpc/com.atproto.repo.getRecord answers 200 $: ")
    assert "'invented'" in more


def test_a_fault_deep_in_a_list_names_its_place() -> None:
    ticket = {"requester_id": 7, "tags": ["a", "b"]}
    page = {"tickets": [ticket, {**ticket, "tags": ["a", 7]}]}
    assert faults("zendesk", "GET", "/api/v2/tickets/show_many?ids=1,2", Said(page)) == [
        "GET /api/v2/tickets/show_many answers 200 $.tickets[1].tags[1]: 7 is not of type 'string'"]


def test_what_is_one_of_several_is_held_to_the_one_it_says_it_is() -> None:
    view: dict[str, Any] = {"$type": "app.bsky.feed.defs#notFoundPost", "uri": "at://a", "notFound": True}
    url = "/xrpc/app.bsky.feed.getPostThread?uri=at://a"
    assert faults("bluesky", "GET", url, Said({"thread": view})) == []
    assert faults("bluesky", "GET", url, Said({"thread": {**view, "notFound": False}})) == [
        "GET /xrpc/app.bsky.feed.getPostThread answers 200 $.thread.notFound: True was expected"]


@pytest.mark.parametrize(("method", "url", "body", "headers", "wanted"), [
    ("GET", "/api/v1/accounts/3/conversations?status=gone", b"", JSON, "asks with $.status: 'gone' is not one of"),
    ("GET", "/api/v1/accounts/3/conversations?sort=x", b"", JSON, "asks with $: Additional properties"),
    ("GET", "/api/v1/accounts/3/conversations?page=two", b"", JSON, "asks with $.page: 'two' is not of type 'integer'"),
    ("POST", TALK + "/messages", b'{"content": "x", "privat": true}', JSON, "sends $: Additional properties"),
    ("POST", TALK + "/messages", b'{"private": true}', JSON, "sends $: 'content' is a required property"),
    ("POST", TALK + "/messages", b'--x\r\nContent-Disposition: form-data; name="privat"\r\n', PARTS, "sends privat"),
    ("POST", TALK + "/toggle_status", b"state=open", FORM, "sends $"),
    ("DELETE", TALK + "/messages/7", b'{"id": 7}', JSON, "sends a body, and takes none"),
])
def test_a_request_that_the_server_does_not_know_is_told(method: str, url: str, body: bytes, headers: dict[str, str],
                                                         wanted: str) -> None:
    found = faults("chatwoot", method, url, None, body, headers)
    assert wanted in found[0]
    assert found[0].startswith(f"{method} /api/v1/accounts/{{account_id}}/conversations")


def test_routes_and_successes_that_stand_nowhere_are_told() -> None:
    assert faults("chatwoot", "GET", "/api/v1/accounts/3/secrets") == ["GET /api/v1/accounts/3/secrets: no such route"]
    assert faults("chatwoot", "GET", "/api") == []
    assert faults("chatwoot", "GET", "/api/v1/profile", Said({}, 202)) == [
        "GET /api/v1/profile answers 202, and knows ['200']"]
    assert faults("chatwoot", "GET", "/api/v1/profile", Said({"error": 1}, 401)) == []


class FakeServer:
    """Answers what it is told to."""

    described_by, nonsense = "chatwoot", ""

    def __init__(self, data: Any) -> None:
        self.data = data

    @described
    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Said:
        """The same answer to everything."""
        return Said(self.data)


def test_what_a_fake_answers_is_kept_until_the_end_of_the_test() -> None:
    fake = FakeServer({"id": "seven"})
    fake.handle("GET", "/api/v1/profile", {}, b"")
    assert STRAYS == ["chatwoot: GET /api/v1/profile answers 200 $.id: 'seven' is not of type 'number', 'null'"]
    STRAYS.clear()
    fake.nonsense = "to see what happens"
    fake.handle("GET", "/api/v1/profile", {}, b"")
    assert STRAYS == []
    fake.handle("GET", "/api/v1/profile?all=1", {}, b"")
    assert [stray.partition(": ")[2][:32] for stray in STRAYS] == ["GET /api/v1/profile asks with $:"]
    STRAYS.clear()


def test_a_fake_that_learns_a_wrong_shape_is_found_out() -> None:
    net = FakeBluesky(ManualClock())
    url = f"/xrpc/com.atproto.identity.resolveHandle?handle={net.me.handle}"
    net.handle("GET", url, {}, b"")
    assert STRAYS == []
    net.me.did = 7  # type: ignore[assignment]
    net.handle("GET", url, {}, b"")
    assert STRAYS == ["bluesky: GET /xrpc/com.atproto.identity.resolveHandle answers 200 $.did: "
                      "7 is not of type 'string'"]
    STRAYS.clear()


@pytest.mark.parametrize("name", NAMES)
def test_an_extract_says_where_it_is_from_and_compiles(name: str) -> None:
    about = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))["about"]
    assert about["url"].startswith("https://")
    assert about["version"]
    assert about["licence"]
    assert spec(name).calls


@pytest.mark.parametrize("name", NAMES)
def test_every_exception_is_one(name: str) -> None:
    plain = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    for change in AMENDED[name]:
        place: Any = plain
        for step in change.steps:
            place = place.get(step, "nothing") if isinstance(place, dict) else "nothing"
        assert place != change.shape, f"the description says so itself: {change.steps}"
        assert change.why
    known = [re.sub(r"\{\w+\}", "1", route) for route in amended(name)["routes"]]
    assert [route for route in UNDESCRIBED[name] if any(re.fullmatch(route, each) for each in known)] == []

def test_every_fake_server_is_held_to_a_description_or_said_to_have_none() -> None:
    fakes = {path.stem: path.read_text(encoding="utf-8") for path in (HERE.parent / "fakes").glob("*.py")}
    loose = [name for name, text in fakes.items() if re.search(r"^    def handle\(", text, re.MULTILINE)
             and not re.search(r"@described\n    def handle\(", text)]
    assert sorted(loose) == sorted(WITHOUT)
