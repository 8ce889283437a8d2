"""The configuration's shape as a JSON Schema, so that editors can complete and check the file while it is written."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import json
import sys
import types
from collections.abc import Collection
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from agentdesk.config.schema import Config
from agentdesk.config.section import Section
from agentdesk.config.shape import Between, Day, Length, Text, Url, Week
from agentdesk.config.sources import SOURCE_KINDS, USER_KINDS, SecretRef, SourceBase
from agentdesk.config.units import say_length
from agentdesk.config.values import OFF
from agentdesk.config.walk import hints_of, unwrap

_LENGTH = r"^(0|[0-9]+(ms|[wdhms])( ?[0-9]+(ms|[wdhms]))*)$"
_TEXT_OR_NUMBER = ["string", "number"]


def json_schema(others: Collection[type[SourceBase]] = ()) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the configuration file, with every field's description and default.

    ``others`` are the settings of kinds that other packages bring.
    """
    structs = [*(SOURCE_KINDS[kind] for kind in USER_KINDS), *others]
    kinds = [struct.kind for struct in structs]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "agentdesk configuration",
        **_struct(Config, kinds),
        "$defs": {
            "secret": _secret(),
            **{struct.kind: _source(struct, kinds) for struct in structs},
        },
    }


@functools.cache
def descriptions(module: str) -> dict[tuple[str, str], str]:
    """The docstring under each field of a module's structs, by struct and field."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, KeyError):  # installed without its source
        return {}
    found: dict[tuple[str, str], str] = {}
    for struct in tree.body:
        if not isinstance(struct, ast.ClassDef):
            continue
        for field, text in itertools.pairwise(struct.body):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match text:
                    case ast.Expr(value=ast.Constant(value=str(words))):
                        found[struct.name, field.target.id] = words
    return found


def describe(struct: type, field: str) -> str:
    """What a field is for, looked up through the struct's bases."""
    told = (descriptions(base.__module__).get((base.__name__, field)) for base in struct.__mro__)
    return next(filter(None, told), "")


def _struct(kind: type[Section], kinds: Collection[str]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name, hint in hints_of(kind).items():
        shape = _shape(hint, kinds)
        words = describe(kind, name)
        if words:
            shape["description"] = words
        default = _default(fields[name], hint)
        if default is not None:
            shape["default"] = default
        properties[name] = shape
    required = [name for name, field in fields.items() if field.required]
    out: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return out | {"required": required} if required else out


def _source(kind: type[SourceBase], kinds: Collection[str]) -> dict[str, Any]:
    out = _struct(kind, kinds)
    out["properties"] = {"kind": {"const": kind.kind}, **out["properties"]}
    out["required"] = ["kind", *out.get("required", ())]
    out["description"] = (kind.__doc__ or "").strip()
    return out


def example_block(kind: type[SourceBase]) -> str:
    """A source's block with every setting: what is needed stands there, the rest is commented out with its default."""
    lines = ["sources:", f"  - kind: {kind.kind}"]
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    common = SourceBase.__struct_fields__
    for name in sorted(fields, key=lambda name: (not fields[name].required, name != "name", name in common)):
        words = f"   # {' '.join(describe(kind, name).split())}".rstrip(" #")
        if fields[name].required:
            lines.append(f"    {name}:{words}")
        else:
            default = _default(fields[name], hints_of(kind)[name])
            shown = "" if default is None else f" {json.dumps(default, ensure_ascii=False)}"
            lines.append(f"    # {name}:{shown}{words}")
    return "\n".join(lines)


def _secret() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    values: dict[str, Any] = {
        "keyring": text,
        "command": {"type": "array", "items": {"type": _TEXT_OR_NUMBER}, "minItems": 1},
        "env": text,
        "file": text,
        "prompt": {"const": True},
    }
    choices = []
    for name, shape in values.items():
        properties = {name: shape} | ({"backend": text} if name == "keyring" else {})
        choices.append(
            {"type": "object", "additionalProperties": False, "properties": properties, "required": [name]}
        )
    return {"description": (SecretRef.__doc__ or "").strip(), "oneOf": choices}


def _shape(hint: Any, kinds: Collection[str]) -> dict[str, Any]:
    kind, marks, optional = unwrap(hint)
    for mark in marks:
        if isinstance(mark, Length):
            off = [{"enum": list(OFF)}] if optional or mark.least == 0 else []
            null = [{"type": "null"}] if optional else []
            return {"anyOf": [{"type": "string", "pattern": _LENGTH}, {"const": 0}, *off, *null]}
    bare = _bare(kind, marks, kinds)
    return {"anyOf": [bare, {"type": "null"}]} if optional else bare


def _bare(kind: Any, marks: tuple[Any, ...], kinds: Collection[str]) -> dict[str, Any]:
    if any(isinstance(mark, Week) for mark in marks):
        line = {"anyOf": [{"type": "string"}, {"type": "object"}]}
        return {"anyOf": [*line["anyOf"], {"type": "array", "items": line}]}
    if kind is SecretRef:
        return {"$ref": "#/$defs/secret"}
    if isinstance(kind, type) and issubclass(kind, Section):
        return _struct(kind, kinds)
    origin = get_origin(kind)
    if origin is Literal:
        return {"enum": [*get_args(kind), *(int(word) for word in get_args(kind) if word.isdecimal())]}
    if origin in (Union, types.UnionType):
        return {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in kinds]}
    if origin is tuple:
        return {"type": "array", "items": _shape(get_args(kind)[0], kinds)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _shape(get_args(kind)[1], kinds)}
    return _scalar(kind, marks)


def _scalar(kind: Any, marks: tuple[Any, ...]) -> dict[str, Any]:
    if kind is bool:
        return {"type": "boolean"}
    if kind is int or kind is float:
        out: dict[str, Any] = {"type": "integer" if kind is int else "number"}
        for mark in marks:
            if isinstance(mark, Between):
                out |= {"minimum": mark.least, "maximum": mark.most}
        return out
    for mark in marks:
        match mark:
            case Text(least=least, most=most, pattern=pattern):
                bounds = {"minLength": least, "maxLength": most}
                shape = bounds | ({"pattern": f"^({pattern})$"} if pattern else {})
                return {"type": _TEXT_OR_NUMBER, **shape}
            case Url():
                return {"type": "string", "format": "uri"}
            case Day():
                return {"type": "string", "format": "date"}
    return {"type": _TEXT_OR_NUMBER}


def _default(field: Any, hint: Any) -> Any:
    value = field.default
    if value is msgspec.NODEFAULT:
        return None
    _, marks, optional = unwrap(hint)
    if any(isinstance(mark, Length) for mark in marks):
        return "off" if value is None and optional else say_length(value)
    return value if isinstance(value, str | int | float) else None
