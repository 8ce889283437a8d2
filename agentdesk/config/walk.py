"""From a tree of nodes to the schema's structs, collecting every mistake instead of stopping at the first."""

from __future__ import annotations

import functools
import os
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from agentdesk.config.schema import Hours
from agentdesk.config.section import Section
from agentdesk.config.shape import BACKEND, VARIABLE, Length, Place, Text, Unique, Week
from agentdesk.config.sources import SOURCE_KINDS, USER_KINDS, SecretRef
from agentdesk.config.units import check_overlap, parse_hours, parse_spans
from agentdesk.config.values import OFF, Validator, convert, quote
from agentdesk.config.words import did_you_mean, nearest
from agentdesk.config.yaml import List, Map, Node, Path_, Scalar, dotted
from agentdesk.errors import ConfigError

_SECRET_KEY = re.compile(
    r"(?i)(.*[_-])?(token|pass|passwd|password|passphrase|secret|api[_-]?key|bearer|credentials?|authorization)"
)
NOT_HERE = (
    "a secret may not stand in this file; say where it is kept: {keyring: …}, {command: […]}, {env: …}, {file: …} "
    "or {prompt: true}"
)
_SECRET_KINDS = ("keyring", "command", "env", "file", "prompt")


class _Bad:
    """What a value that was refused becomes."""


BAD = _Bad()


@functools.cache
def hints_of(struct: type) -> dict[str, Any]:
    """The struct's fields with their types and marks, as the file may give them."""
    names = {field.name for field in msgspec.structs.fields(struct)}
    return {name: hint for name, hint in get_type_hints(struct, include_extras=True).items() if name in names}


def strange_fields(struct: type[Section]) -> list[str]:
    """The fields of a struct whose types cannot stand in the file."""
    try:
        hints = hints_of(struct)
    except (NameError, TypeError) as error:
        return [str(error)]
    return [name for name, hint in hints.items() if not _can_stand(hint)]


def _can_stand(hint: Any) -> bool:
    kind, _, _ = unwrap(hint)
    origin = get_origin(kind)
    if origin is tuple:
        return len(get_args(kind)) == 2 and get_args(kind)[1] is ... and _can_stand(get_args(kind)[0])
    if origin is dict:
        return all(map(_can_stand, get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Section):
        return kind is SecretRef or not strange_fields(kind)
    return kind in (str, int, float, bool) or origin is Literal


def unwrap(hint: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """Split a type into its bare kind, its marks, and whether it may be None."""
    marks: tuple[Any, ...] = ()
    optional = False
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            hint, *more = get_args(hint)
            marks += tuple(more)
        elif origin in (Union, types.UnionType) and type(None) in get_args(hint):
            optional = True
            hint = Union[tuple(arg for arg in get_args(hint) if arg is not type(None))]  # noqa: UP007 - built at run time
        else:
            return hint, marks, optional


def place(node: Node) -> str:
    """``config.yaml:14``, or the variable or option that the value came from."""
    return f"{node.file}:{node.line}" if node.line else node.file


class Walker:
    """Converts one configuration; ``problems`` and ``spots`` fill up on the way."""

    def __init__(self, query_problem: Validator | None, base: Path) -> None:
        self.query_problem = query_problem
        self.base = base
        self._noted: list[tuple[int, str]] = []
        self.spots: dict[str, str] = {}
        """Where each value that was given came from, by its dotted path."""
        self.wrong: list[Path_] = []
        """The paths of the mistakes so far."""

    @property
    def problems(self) -> list[str]:
        """The mistakes so far in the order of the file's lines, those of variables and options last."""
        return [text for _, text in sorted(self._noted, key=lambda noted: noted[0])]

    def say(self, node: Node, path: Path_, reason: str) -> _Bad:
        """Note a mistake; the answer stands in for the value."""
        where = f"{place(node)}: "
        text = f"{where}{dotted(path)}: {reason}" if path else where + reason
        self._noted.append((node.line or 1_000_000_000, text))
        self.wrong.append(path)
        return BAD

    def walk(self, node: Node, hint: Any, path: Path_) -> Any:
        """Convert ``node`` into what ``hint`` says, or ``BAD``."""
        kind, marks, optional = unwrap(hint)
        if optional and isinstance(node, Scalar) and self._is_off(node, marks):
            return None
        if any(isinstance(mark, Week) for mark in marks):
            return self._week(node, path)
        if kind is SecretRef:
            return self._secret(node, path)
        if isinstance(kind, type) and issubclass(kind, Section):
            return self._struct(node, kind, path)
        origin = get_origin(kind)
        if origin in (Union, types.UnionType):
            return self._source(node, path)
        if origin is tuple:
            return self._list(node, get_args(kind)[0], marks, path)
        if origin is dict:
            key, value = get_args(kind)
            return self._dict(node, key, value, path)
        if not isinstance(node, Scalar):
            return self.say(node, path, f"a single value is needed, not a {_shape(node)}")
        return self._value(node, kind, marks, path)

    def _is_off(self, node: Scalar, marks: tuple[Any, ...]) -> bool:
        if not node.quoted and node.to_plain() is None:
            return True
        return any(isinstance(mark, Length) for mark in marks) and node.text in OFF

    def _value(self, node: Scalar, kind: Any, marks: tuple[Any, ...], path: Path_) -> Any:
        if node.to_plain() is None:
            return self.say(node, path, "needs a value")
        try:
            value = convert(node, kind, marks, self.query_problem, self.base)
        except ValueError as error:
            return self.say(node, path, str(error))
        self.spots[dotted(path)] = place(node)
        return value

    def _struct(self, node: Node, kind: type[Section], path: Path_, tag: str = "") -> Any:
        if not isinstance(node, Map):
            return self.say(node, path, f"a section with keys is needed, not {_a_shape(node)}")
        hints = hints_of(kind)
        before = len(self._noted)
        values = {
            key: self.walk(value, hints[key], (*path, key))
            for key, value in node.entries.items()
            if self._known(node, key, hints, path, tag) and not is_blank(value)
        }
        for field in msgspec.structs.fields(kind):
            if field.required and field.name not in values:
                self.say(node, (*path, field.name), "needs a value" if field.name in node.entries else "is missing")
        return kind(**values) if len(self._noted) == before else BAD

    def _known(self, node: Map, key: str, hints: Mapping[str, Any], path: Path_, tag: str) -> bool:
        if key in hints:
            return True
        if key == tag and tag:
            return False
        where, value = node.keys[key], node.entries[key]
        near = nearest(key, hints)
        if _SECRET_KEY.fullmatch(key) and isinstance(value, Scalar) and value.text:
            self.say(where, (*path, key), NOT_HERE + (", under the key token" if "token" in hints else ""))
        else:
            hint = did_you_mean(key, hints) if near else f"; known here: {', '.join(hints)}"
            self.say(where, (*path, key), "unknown key" + hint)
        return False

    def _source(self, node: Node, path: Path_) -> Any:
        if not isinstance(node, Map):
            return self.say(node, path, f"a source with kind and name is needed, not {_a_shape(node)}")
        kind = node.entries.get("kind")
        if not isinstance(kind, Scalar) or not kind.text:
            self._struct_secrets(node, path)
            return self.say(node, (*path, "kind"), f"is missing; known kinds: {', '.join(sorted(USER_KINDS))}")
        if kind.text in USER_KINDS:
            return self._struct(node, SOURCE_KINDS[kind.text], path, tag="kind")
        return self._foreign(node, kind, path)

    def _foreign(self, node: Map, kind: Scalar, path: Path_) -> Any:
        """A source of a kind that another package brings; one that cannot be used is told when it is connected."""
        from agentdesk.config import plugins

        try:
            plugin = plugins.find(kind.text)
        except ConfigError:
            self._struct_secrets(node, path)
            struct = plugins.stand_in(kind.text)
            entries = {key: value for key, value in node.entries.items() if key in hints_of(struct)}
            known = Map(node.file, node.line, node.column, entries, node.keys)
            return self._struct(known, struct, path, tag="kind")
        if plugin is None:
            self._struct_secrets(node, path)
            names = sorted({*USER_KINDS, *(offer.kind for offer in plugins.offers())})
            near = did_you_mean(kind.text, names) or f"; known: {', '.join(names)}"
            return self.say(kind, (*path, "kind"), f"no connector {quote(kind.text)}{near}")
        return self._struct(node, plugin.settings, path, tag="kind")

    def _struct_secrets(self, node: Map, path: Path_) -> None:
        """Of a source whose kind is not known, at least the secrets can be judged."""
        for key, value in node.entries.items():
            if _SECRET_KEY.fullmatch(key) and isinstance(value, Scalar) and value.text:
                self.say(node.keys[key], (*path, key), NOT_HERE)

    def _list(self, node: Node, hint: Any, marks: tuple[Any, ...], path: Path_) -> Any:
        if is_blank(node):
            return ()
        if not isinstance(node, List):
            return self.say(node, path, f"a list is needed, such as [{'…' if isinstance(node, Map) else 'one, two'}]")
        values = tuple(self.walk(item, hint, (*path, at)) for at, item in enumerate(node.items))
        for mark in marks:
            if isinstance(mark, Unique):
                self._unique(node, mark.field, path)
        return BAD if any(value is BAD for value in values) else values

    def _unique(self, node: List, field: str, path: Path_) -> None:
        seen: dict[str, Scalar] = {}
        for at, item in enumerate(node.items):
            value = item.entries.get(field) if isinstance(item, Map) else None
            if not isinstance(value, Scalar) or not value.text:
                continue
            if value.text in seen:
                reason = f"{quote(value.text)} stands in line {seen[value.text].line} already"
                self.say(value, (*path, at, field), reason)
            seen.setdefault(value.text, value)

    def _dict(self, node: Node, key_hint: Any, hint: Any, path: Path_) -> Any:
        if is_blank(node):
            return {}
        if not isinstance(node, Map):
            return self.say(node, path, f"keys with values are needed, not {_a_shape(node)}")
        before = len(self._noted)
        out: dict[str, Any] = {}
        for key, value in node.entries.items():
            at = (*path, key)
            kind, marks, _ = unwrap(key_hint)
            name = self._value(Scalar(*_spot(node.keys[key]), key, True), kind, marks, at)
            out[key if name is BAD else name] = self.walk(value, hint, at)
        return out if len(self._noted) == before else BAD

    def _week(self, node: Node, path: Path_) -> Any:
        """Opening hours as one line, a map of days to spans, or a list of either."""
        before = len(self._noted)
        hours: list[Hours] = []
        for at, item in enumerate(node.items) if isinstance(node, List) else [(-1, node)]:
            self._hours(item, path if at < 0 else (*path, at), hours)
        try:
            return check_overlap(tuple(hours)) if len(self._noted) == before else BAD
        except ValueError as error:
            return self.say(node, path, str(error))

    def _hours(self, node: Node, path: Path_, out: list[Hours]) -> None:
        try:
            if isinstance(node, Scalar):
                out.extend(parse_hours(node.text))
                self.spots[dotted(path)] = place(node)
            elif isinstance(node, Map):
                for days, spans in node.entries.items():
                    for span in spans.items if isinstance(spans, List) else (spans,):
                        out.extend(parse_spans(days, span.text if isinstance(span, Scalar) else ""))
                self.spots[dotted(path)] = place(node)
            else:
                self.say(node, path, "not opening hours; write them like mon-fri: 08:00-18:00")
        except ValueError as error:
            self.say(node, path, str(error))

    def _secret(self, node: Node, path: Path_) -> Any:
        """A reference to a secret; nothing that stands here is ever repeated, it could be the secret itself."""
        if not isinstance(node, Map):
            return self.say(node, path, NOT_HERE)
        found = [key for key in node.entries if key in _SECRET_KINDS]
        strange = [key for key in node.entries if key not in (*_SECRET_KINDS, "backend")]
        if strange or len(found) != 1 or ("backend" in node.entries and found != ["keyring"]):
            return self.say(node, path, "exactly one of keyring, command, env, file or prompt is needed")
        kind, value = found[0], node.entries[found[0]]
        before = len(self._noted)
        ref = {"kind": kind} | self._secret_ref(kind, value, (*path, kind))
        backend = node.entries.get("backend")
        if backend is not None:
            name = self._value(backend, str, (BACKEND,), (*path, "backend")) if isinstance(backend, Scalar) else BAD
            if name is BAD:
                return BAD if len(self._noted) > before else self.say(backend, (*path, "backend"), "needs a name")
            ref["backend"] = name
        if len(self._noted) > before:
            return BAD
        self.spots[dotted(path)] = place(node)
        return SecretRef(**ref)

    def _secret_ref(self, kind: str, node: Node, path: Path_) -> dict[str, Any]:
        if kind == "command":
            if not isinstance(node, List) or not node.items:
                self.say(node, path, "a list of arguments is needed, such as [pass, show, desk/rt]")
                return {}
            words = self._list(node, Annotated[str, Text(0, 2_000)], (), path)
            return {} if words is BAD else {"command": (os.path.expanduser(words[0]), *words[1:])}
        if not isinstance(node, Scalar):
            self.say(node, path, "a single value is needed")
            return {}
        if kind == "prompt":
            if node.to_plain() is not True:
                self.say(node, path, "only true is possible here")
            return {}
        marks: dict[str, tuple[Any, ...]] = {"keyring": (Text(1, 120),), "env": (VARIABLE,), "file": (_FILE, Place())}
        return {"value": self._value(node, str, marks[kind], path)}


_FILE = Text(1, 1_000)


def _spot(node: Node) -> tuple[str, int, int]:
    return node.file, node.line, node.column


def is_blank(node: Node) -> bool:
    """True for a key with nothing after it, which counts as left out."""
    return isinstance(node, Scalar) and not node.quoted and not node.text


def _shape(node: Node) -> str:
    return "list" if isinstance(node, List) else "section with keys" if isinstance(node, Map) else "single value"


def _a_shape(node: Node) -> str:
    return f"a {_shape(node)}"
