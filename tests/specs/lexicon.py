"""Reading AT Protocol lexicons (https://atproto.com/specs/lexicon) down to the same bare shapes as the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]
RECORDS = ("app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost")
"""What a record may be that is written: the lexicon of the call says only ``unknown``."""
LINK: Json = {"type": "object", "required": ["$link"], "properties": {"$link": {"type": "string"}}}
BLOB: Json = {"type": "object", "required": ["$type", "mimeType", "ref", "size"], "properties": {
    "$type": {"const": "blob"}, "mimeType": {"type": "string"}, "size": {"type": "integer"}, "ref": LINK}}
PLAIN = {"string": "string", "token": "string", "integer": "integer", "boolean": "boolean"}


class Lexicons:
    """A folder of lexicons; ``routes`` and ``types`` give what a few calls need of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.types: Json = {}
        self._read: dict[str, Json] = {}

    def routes(self, wanted: list[str]) -> Json:
        """The shapes of these calls, each ``METHOD /xrpc/name``; the types they mention are in ``types``."""
        return {route: self._call(route.rsplit("/", 1)[1]) for route in wanted}

    def _call(self, name: str) -> Json:
        main = self._load(name)["defs"]["main"]
        query = main.get("parameters")
        call: Json = {"query": self._shape(query, name) if query else {"type": "object", "properties": {}}}
        if "schema" in main.get("input", {}):
            call["body"] = self._shape(main["input"]["schema"], name)
            if "record" in call["body"]["properties"]:
                call["body"]["properties"]["record"] = self._one_of(list(RECORDS), closed=False)
        given = main.get("output", {}).get("schema")
        return {**call, "answers": {"200": self._shape(given, name) if given else None}}

    def _load(self, name: str) -> Json:
        if name not in self._read:
            path = self.folder.joinpath(*name.split(".")).with_suffix(".json")
            self._read[name] = json.loads(path.read_text(encoding="utf-8"))
        return self._read[name]

    def _shape(self, schema: Json, home: str) -> Json:
        kinds: dict[str, Callable[[Json, str], Json]] = {
            "object": self._object, "params": self._object, "array": self._array, "union": self._union,
            "ref": lambda each, near: self._named(_whole(each["ref"], near)),
            "record": lambda each, near: self._object(each["record"], near),
            "blob": lambda *_: BLOB, "cid-link": lambda *_: LINK,
            "bytes": lambda *_: {"type": "object"}, "unknown": lambda *_: {"type": "object"},
        }
        kind = schema["type"]
        if kind in kinds:
            return kinds[kind](schema, home)
        limits = {name: schema[name] for name in ("enum", "const", "minimum", "maximum") if name in schema}
        return {"type": PLAIN[kind], **limits}

    def _object(self, schema: Json, home: str) -> Json:
        properties = {name: self._shape(part, home) for name, part in schema.get("properties", {}).items()}
        for name in schema.get("nullable", []):
            properties[name] = {"anyOf": [properties[name], {"type": "null"}]}
        required = sorted(schema.get("required", []))
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}

    def _array(self, schema: Json, home: str) -> Json:
        most = {"maxItems": schema["maxLength"]} if "maxLength" in schema else {}
        return {"type": "array", "items": self._shape(schema["items"], home), **most}

    def _union(self, schema: Json, home: str) -> Json:
        return self._one_of([_whole(ref, home) for ref in schema["refs"]], closed=bool(schema.get("closed")))

    def _one_of(self, names: list[str], *, closed: bool) -> Json:
        """An object that says by ``$type`` which it is; an open union may hold others still to come."""
        kind = {"enum": names} if closed else {"type": "string"}
        return {"type": "object", "required": ["$type"], "properties": {"$type": kind}, "additionalProperties": True,
                "allOf": [{"if": {"properties": {"$type": {"const": name}}, "required": ["$type"]},
                           "then": self._named(name)} for name in names]}

    def _named(self, name: str) -> Json:
        key = name.replace("#", ".")
        if key not in self.types:
            self.types[key] = {}
            lexicon, _, part = name.partition("#")
            shape = self._shape(self._load(lexicon)["defs"][part or "main"], lexicon)
            if shape.get("type") == "object" and "allOf" not in shape:
                shape["properties"] = {"$type": {"const": name}, **shape["properties"]}
            self.types[key] = shape
        return {"$ref": f"#/types/{key}"}


def _whole(ref: str, home: str) -> str:
    """A reference with the name of its lexicon."""
    return (home + ref if ref.startswith("#") else ref).removesuffix("#main")
