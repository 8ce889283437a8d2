"""Reading an OpenAPI 3 or Swagger 2 description down to bare shapes: names, types, what is required or listed."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
KEPT = ("type", "enum", "const", "required", "minimum", "maximum", "maxItems")


class OpenApi:
    """One description; ``routes`` and ``types`` give what a few routes need of it.

    ``says_null``: it marks what may be null. One that does not is read as if everything might be.
    """

    def __init__(self, document: Json, *, says_null: bool = True) -> None:
        self.document = document
        self.says_null = says_null
        self.types: Json = {}

    @property
    def version(self) -> str:
        """The version it gives itself."""
        return str(self.document["info"].get("version", ""))

    def routes(self, wanted: list[str]) -> Json:
        """The shapes of these routes, each ``METHOD /path/{name}``; the types they mention are in ``types``."""
        return {route: self._route(*route.split(" ", 1)) for route in wanted}

    def _route(self, method: str, path: str) -> Json:
        base = str(self.document.get("basePath", "")).rstrip("/")
        item = self.document["paths"][path.removeprefix(base)]
        call = item[method.lower()]
        given = [self._found(each) for each in (*item.get("parameters", []), *call.get("parameters", []))]
        route: Json = {"query": self._names([each for each in given if each["in"] == "query"])}
        body = self._body(call, given)
        if body is not None:
            route["body"] = body
        route["answers"] = {status: self._answer(self._found(answer)) for status, answer in call["responses"].items()
                            if str(status).startswith("2")}
        return route

    def _names(self, given: list[Json]) -> Json:
        """Parameters as one object; ``ids[]`` is the name ``ids``, ``poll[options]`` a part of ``poll``."""
        properties: Json = {}
        for each in given:
            name, _, inner = each["name"].partition("[")
            properties[name] = {"type": "object"} if inner.strip("[]") else self._bare(each.get("schema") or each)
        required = sorted({each["name"].partition("[")[0] for each in given if each.get("required")})
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}

    def _body(self, call: Json, given: list[Json]) -> Json | None:
        whole = next((each for each in given if each["in"] == "body"), None)
        if whole is not None:
            return self._shape(whole["schema"])
        fields = [each for each in given if each["in"] == "formData"]
        if fields:
            return self._names(fields)
        content = self._found(call.get("requestBody", {})).get("content", {})
        schemas = [each["schema"] for each in content.values() if "schema" in each]
        return self._shape(schemas[0]) if schemas else None

    def _answer(self, answer: Json) -> Json | None:
        content = answer.get("content", {}).get("application/json", answer)
        return self._shape(content["schema"]) if content.get("schema") else None

    def _bare(self, schema: Json) -> Json:
        """A parameter's schema; in Swagger 2 the parameter is its own, and ``required`` says another thing there."""
        return self._shape({name: value for name, value in schema.items() if name != "required"})

    def _found(self, thing: Json) -> Json:
        """What a reference leads to."""
        while "$ref" in thing:
            place: Any = self.document
            for step in thing["$ref"].removeprefix("#/").split("/"):
                place = place[step.replace("~1", "/").replace("~0", "~")]
            thing = place
        return thing

    def _shape(self, schema: Json) -> Json:
        """A schema without anything but the facts; types that it names are taken along."""
        if "allOf" in schema:
            return self._shape(self._merged(schema))
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            if name not in self.types:
                self.types[name] = {}
                self.types[name] = self._shape(self._found(schema))
            return self._or_null({"$ref": f"#/types/{name}"}, schema)
        out = {name: schema[name] for name in KEPT if name in schema and not isinstance(schema[name], bool)}
        if "properties" in schema:
            out = {**out, "type": out.get("type", "object"),
                   "properties": {name: self._property(part) for name, part in schema["properties"].items()}}
        if "required" in out:
            out["required"] = sorted(out["required"])
        if isinstance(schema.get("items"), dict):
            out["items"] = self._shape(schema["items"])
        if isinstance(schema.get("additionalProperties"), dict):
            out["additionalProperties"] = self._shape(schema["additionalProperties"])
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            out["anyOf"] = [self._shape(each) for each in choices]
        return self._or_null(out, schema)

    def _property(self, schema: Json) -> Json:
        shape = self._shape(schema)
        return shape if self.says_null else self._or_null(shape, {"nullable": True})

    def _or_null(self, shape: Json, schema: Json) -> Json:
        if not schema.get("nullable"):
            return shape
        if "type" not in shape or "enum" in shape:
            return {"anyOf": [shape, {"type": "null"}]} if shape else shape
        kinds = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
        return {**shape, "type": [*dict.fromkeys([*kinds, "null"])]}

    def _merged(self, schema: Json) -> Json:
        """All parts of an ``allOf`` as one object."""
        whole: Json = {name: value for name, value in schema.items() if name != "allOf"}
        for part in schema["allOf"]:
            part = self._found(part)
            part = self._merged(part) if "allOf" in part else part
            properties = {**whole.get("properties", {}), **part.get("properties", {})}
            required = [*whole.get("required", []), *part.get("required", [])]
            whole = {**whole, **part, "properties": properties, "required": required}
        return {name: value for name, value in whole.items() if value or name == "nullable"}
