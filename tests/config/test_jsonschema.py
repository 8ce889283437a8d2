"""The JSON Schema: it describes what the loader takes, no more and no less."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from agentdesk.config import jsonschema
from agentdesk.config.example import example_text
from agentdesk.config.jsonschema import json_schema
from agentdesk.config.schema import Config
from agentdesk.config.sources import SOURCE_KINDS
from agentdesk.config.walk import hints_of
from agentdesk.config.yaml import parse
from tests.config.loading import mistakes

TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_type(value: Any, name: str) -> bool:
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else int | float) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def fits(value: Any, shape: dict[str, Any], root: dict[str, Any]) -> bool:
    """A small judge of the part of JSON Schema that is used here; unknown words are a KeyError."""
    return all(RULES[word](value, wanted, shape, root) for word, wanted in shape.items())


SILENT = ("description", "default", "title", "$schema", "$defs", "format")
RULES: dict[str, Any] = dict.fromkeys(SILENT, lambda *_: True) | {
    "$ref": lambda v, want, shape, root: fits(v, root["$defs"][want.rpartition("/")[2]], root),
    "type": lambda v, want, *_: any(is_type(v, each) for each in ([want] if isinstance(want, str) else want)),
    "const": lambda v, want, *_: v == want and type(v) is type(want),
    "enum": lambda v, want, *_: v in want,
    "anyOf": lambda v, want, shape, root: any(fits(v, each, root) for each in want),
    "oneOf": lambda v, want, shape, root: sum(fits(v, each, root) for each in want) == 1,
    "pattern": lambda v, want, *_: not isinstance(v, str) or bool(re.search(want, v)),
    "minLength": lambda v, want, *_: not isinstance(v, str) or len(v) >= want,
    "maxLength": lambda v, want, *_: not isinstance(v, str) or len(v) <= want,
    "minimum": lambda v, want, *_: not is_type(v, "number") or v >= want,
    "maximum": lambda v, want, *_: not is_type(v, "number") or v <= want,
    "minItems": lambda v, want, *_: not isinstance(v, list) or len(v) >= want,
    "items": lambda v, want, shape, root: not isinstance(v, list) or all(fits(each, want, root) for each in v),
    "required": lambda v, want, *_: not isinstance(v, dict) or set(want) <= set(v),
    "properties": lambda v, want, shape, root: not isinstance(v, dict)
    or all(fits(each, want[key], root) for key, each in v.items() if key in want),
    "additionalProperties": lambda v, want, shape, root: not isinstance(v, dict)
    or all(want is not False and fits(v[key], want, root) for key in set(v) - set(shape.get("properties", ()))),
}


def accepts(text: str) -> bool:
    schema = json_schema()
    return fits(parse(text, "x").plain, schema, schema)


def test_it_takes_the_example() -> None:
    assert accepts(example_text())


def test_it_is_json() -> None:
    assert json.loads(json.dumps(json_schema())) == json_schema()


GOOD = [
    "version: 1",
    "sources: [{kind: rt, name: a, url: https://rt.example, token: {keyring: a, backend: x.y}, poll: off}]",
    "sources: [{kind: rt, name: a, url: https://rt.example, token: {prompt: true}, queues: [1042]}]",
    "calendars: [{name: a, hours: {mon-fri: 08:00-18:00}}, {name: b, hours: ['sat: 08:00-18:00']}]",
    "policies: [{name: a, first: off, next: 1d 12h, soon: 5m}]",
    "ui: {colours: 16, idle_lock: off, key_hint: never}",
    "replies: {hold: 0}",
    "keys: {queue: {x: null, y: done}}",
    "signals: {a: -1.5}",
]
BAD = [
    "versoin: 1",
    "version: 2",
    "version: '1'",
    "sources: [{kind: mastadon, name: a}]",
    "sources: [{kind: rt, name: a}]",
    "sources: [{kind: rt, name: A, url: https://rt.example}]",
    "sources: [{kind: rt, name: a, url: https://rt.example, token: abc}]",
    "sources: [{kind: rt, name: a, url: https://rt.example, token: {env: A, file: b}}]",
    "sources: [{kind: rt, name: a, url: https://rt.example, token: {env: A, backend: b}}]",
    "sources: [{kind: rt, name: a, url: https://rt.example, paused: yes}]",
    "policies: [{name: a, first: 6}]",
    "policies: [{name: a, first: soon}]",
    "ui: {colours: purple}",
    "ui: {wide: 5}",
    "ui: {bell: 1}",
    "signals: {a: b}",
    "views: [{name: a, key: x}]",
    "agent: ann",
]


@pytest.mark.parametrize("text", GOOD)
def test_it_takes_what_the_loader_takes(text: str) -> None:
    assert mistakes(text) == []
    assert accepts(text)


@pytest.mark.parametrize("text", BAD)
def test_it_refuses_what_the_loader_refuses(text: str) -> None:
    assert mistakes(text)
    assert not accepts(text)


def test_every_key_is_in_it_with_its_description() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(hints_of(Config))
    for kind in ("rt", "file"):
        shape = schema["$defs"][kind]
        assert set(shape["properties"]) == {"kind"} | set(hints_of(SOURCE_KINDS[kind]))
        assert all("description" in each for name, each in shape["properties"].items() if name != "kind")
    assert "demo" not in schema["$defs"]


def test_defaults_are_written_as_in_the_file() -> None:
    ui = json_schema()["properties"]["ui"]["properties"]
    assert ui["theme"]["default"] == "dark"
    assert ui["key_hint"]["default"] == "300ms"
    policy = json_schema()["properties"]["policies"]["items"]["properties"]
    assert [policy[name]["default"] for name in ("first", "resolution", "soon")] == ["6h", "3d", "off"]


def test_without_the_source_only_descriptions_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(module: object) -> str:
        raise OSError

    jsonschema.descriptions.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(jsonschema.inspect, "getsource", gone)
        assert "description" not in json_schema()["properties"]["ui"]
    jsonschema.descriptions.cache_clear()
    assert "description" in json_schema()["properties"]["ui"]
