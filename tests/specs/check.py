"""Holding the fakes, and what the connectors ask of them, to the shapes in the vendors' own descriptions.

``described`` goes around a fake's ``handle``. What does not fit is kept in ``STRAYS``, which every test must leave
empty (``tests/conftest.py``): raised, it could be taken for a server's fault by the very code under test.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.fakes.wire import Reply
from tests.specs.amended import AMENDED, UNDESCRIBED

HERE = Path(__file__).parent
STRAYS: list[str] = []
"""What was asked or answered in this test and stands in no description."""
NAME = re.compile(rb'; name="([^"]*)"')
Json = dict[str, Any]
Handle = Callable[[Any, str, str, dict[str, str], bytes], Any]


class Call:
    """One route: what it may be asked, and what it answers."""

    def __init__(self, route: str, shape: Json, validator: Callable[[Json], Any], types: Json) -> None:
        self.route = route
        method, _, path = route.partition(" ")
        self.places = path.count("{")
        self.pattern = re.compile(re.escape(method) + " " + re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
        self.query = shape["query"]["properties"]
        self.body = shape.get("body")
        named = types.get((self.body or {}).get("$ref", "").rsplit("/", 1)[-1], self.body) or {}
        self.fields = named.get("properties", {})
        self.answers = shape["answers"]
        self._validators = {
            "asks with": validator(shape["query"]), **({"sends": validator(self.body)} if self.body else {}),
            **{f"answers {status}": validator(answer) for status, answer in self.answers.items() if answer}}

    def faults(self, part: str, data: Any) -> Iterator[str]:
        """What does not fit, with the field it stands in."""
        for error in self._validators[part].iter_errors(data) if part in self._validators else ():
            deep = _deepest(error)
            yield f"{self.route} {part} {deep.json_path}: {deep.message[:300]}"


class Spec:
    """One vendor's extract."""

    def __init__(self, name: str) -> None:
        document = amended(name)
        types = {kind: _closed(shape) for kind, shape in document["types"].items()}
        self.silent = {*UNDESCRIBED[name]}
        validator = _validator(types)
        calls = [Call(route, {part: _closed(shape) for part, shape in found.items()}, validator, types)
                 for route, found in document["routes"].items()]
        self.calls = sorted(calls, key=lambda call: call.places)
        self._fine: set[int] = set()

    def call(self, method: str, path: str) -> Call | None:
        """The route that a request is for; names go before placeholders."""
        return next((call for call in self.calls if call.pattern.fullmatch(f"{method} {path}")), None)

    def faults(self, method: str, url: str, headers: dict[str, str], body: bytes, reply: Reply | None) -> Iterator[str]:
        """What of a request, and of its answer where there is one, stands in no description."""
        parts = urlsplit(url)
        path = unquote(parts.path)
        call = self.call(method, path)
        if call is None:
            if not any(re.fullmatch(route, f"{method} {path}") for route in self.silent):
                yield f"{method} {path}: no such route"
            return
        seen = hash((call.route, parts.query, body, reply and (reply.status, reply.body())))
        if seen in self._fine:
            return
        found = [*call.faults("asks with", _query(parts.query, call.query)),
                 *self._sent(call, headers.get("content-type", ""), body),
                 *(self._answered(call, reply) if reply is not None else ())]
        yield from found
        if not found:
            self._fine.add(seen)

    def _sent(self, call: Call, kind: str, body: bytes) -> Iterator[str]:
        if not body or not kind.startswith(("application/json", "application/x-www-form", "multipart/")):
            return
        if call.body is None:
            yield from () if body == b"{}" else (f"{call.route} sends a body, and takes none",)
        elif kind.startswith("application/json"):
            yield from call.faults("sends", json.loads(body))
        elif kind.startswith("multipart/"):
            names = {name.decode().partition("[")[0] for name in NAME.findall(body)}
            yield from (f"{call.route} sends {name}, and knows none" for name in sorted(names - {*call.fields}))
        else:
            yield from call.faults("sends", _query(body.decode(), call.fields))

    def _answered(self, call: Call, reply: Reply) -> Iterator[str]:
        status = str(reply.status)
        if not status.startswith("2"):
            return
        if status not in call.answers:
            yield f"{call.route} answers {status}, and knows {[*call.answers]}"
        elif call.answers[status]:
            yield from call.faults(f"answers {status}", json.loads(reply.body()))


@functools.cache
def spec(name: str) -> Spec:
    """An extract, ready for use."""
    return Spec(name)


def described(handle: Handle) -> Handle:
    """For a fake's ``handle``: all that is asked and answered is compared with the extract named ``described_by``.

    A fake that says why in ``nonsense`` may answer what it likes.
    """
    @functools.wraps(handle)
    def compared(self: Any, method: str, url: str, headers: dict[str, str], body: bytes) -> Any:
        reply = handle(self, method, url, headers, body)
        given = None if self.nonsense else reply
        STRAYS.extend(f"{self.described_by}: {fault}"
                      for fault in spec(self.described_by).faults(method, url, headers, body, given))
        return reply
    return compared


def amended(name: str) -> Json:
    """An extract with what its vendor's servers do otherwise."""
    document: Json = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    for change in AMENDED[name]:
        place: Any = document
        for step in change.steps[:-1]:
            place = place[step]
        if change.shape is None:
            del place[change.steps[-1]]
        else:
            place[change.steps[-1]] = change.shape
    return document


def _validator(types: Json) -> Callable[[Json], Any]:
    """Makes validators that know these types, and look at the same thing once: lists come again and again."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    plain = Draft202012Validator.VALIDATORS["$ref"]
    fine: set[int] = set()

    def named(validator: Any, ref: str, instance: Any, schema: Any) -> Iterator[Any]:
        seen = hash((ref, repr(instance)))
        if seen not in fine:
            errors = list(plain(validator, ref, instance, schema))
            yield from errors
            if not errors:
                fine.add(seen)

    kind = extend(Draft202012Validator, {"$ref": named})
    return lambda shape: kind({**shape, "types": types})


def _closed(shape: Any) -> Any:
    """The same with objects that take nothing beyond their named properties."""
    if isinstance(shape, list):
        return [_closed(each) for each in shape]
    if not isinstance(shape, dict):
        return shape
    out = {name: _closed(each) for name, each in shape.items()}
    if out.get("type") in ("object", ["object", "null"]) and isinstance(out.get("properties"), dict):
        out.setdefault("additionalProperties", False)
    return out


def _query(text: str, properties: Json) -> Json:
    """A query or a form as an object, with numbers and lists where those are wanted."""
    found: Json = {}
    for full, value in parse_qsl(text, keep_blank_values=True):
        name, _, inner = full.partition("[")
        shape = properties.get(name, {})
        if inner.strip("[]"):
            found.setdefault(name, {})[inner.strip("[]")] = value
        elif "array" in str(shape.get("type")):
            found.setdefault(name, []).append(_typed(value, shape.get("items", {})))
        else:
            found[name] = _typed(value, shape)
    return found


def _typed(value: str, shape: Json) -> Any:
    kinds = str(shape.get("type"))
    if "boolean" in kinds and value in ("true", "false"):
        return value == "true"
    return int(value) if ("integer" in kinds or "number" in kinds) and re.fullmatch(r"-?\d+", value) else value


def _deepest(error: Any) -> Any:
    """Of the errors behind «none of these fits», the one that got farthest."""
    while error.context:
        error = max(error.context, key=lambda each: (len(each.path), each.validator != "type"))
    return error
