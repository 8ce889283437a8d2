"""Making an extract: facts without text from the three kinds of description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.specs.extract import Source, extract, written

OPENAPI: dict[str, Any] = {
    "openapi": "3.0.3", "info": {"version": "9"},
    "paths": {"/things/{id}": {
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
        "put": {
            "summary": "words",
            "parameters": [{"$ref": "#/components/parameters/page"},
                           {"name": "ids[]", "in": "query", "required": True, "schema": {"type": "array", "items": {
                               "type": "string", "description": "words"}}}],
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
            "responses": {"200": {"content": {"application/json": {"schema": {"allOf": [
                {"$ref": "#/components/schemas/Thing"},
                {"type": "object", "required": ["at"], "properties": {"at": {"type": "string", "format": "date"}}}]}}}},
                "404": {"description": "words"}}}}},
    "components": {
        "parameters": {"page": {"name": "page", "in": "query", "schema": {"type": "integer", "maximum": 9}}},
        "schemas": {"Thing": {"type": "object", "description": "words", "required": ["name"], "properties": {
            "name": {"type": "string", "enum": ["a", "b"]}, "up": {"$ref": "#/components/schemas/Thing"},
            "note": {"type": "string", "nullable": True}}}}},
}
THING = {"type": "object", "required": ["name"], "properties": {
    "name": {"type": "string", "enum": ["a", "b"]}, "up": {"$ref": "#/types/Thing"},
    "note": {"type": ["string", "null"]}}}


def taken(found: Path, route: str, *, says_null: bool = True) -> dict[str, Any]:
    """The extract of one route."""
    return extract(Source("https://x", "MIT", "9", route, says_null), found)


def test_openapi_gives_names_types_lists_and_what_is_required(tmp_path: Path) -> None:
    found = tmp_path / "openapi.json"
    found.write_text(json.dumps(OPENAPI), encoding="utf-8")
    shapes = taken(found, "PUT /things/{id}")
    assert shapes["about"] == {"url": "https://x", "version": "9", "licence": "MIT"}
    assert shapes["types"] == {"Thing": THING}
    whole = {**THING["properties"], "at": {"type": "string"}}  # type: ignore[dict-item]
    assert shapes["routes"] == {"PUT /things/{id}": {
        "query": {"type": "object", "required": ["ids"], "properties": {
            "page": {"type": "integer", "maximum": 9}, "ids": {"type": "array", "items": {"type": "string"}}}},
        "body": {"$ref": "#/types/Thing"},
        "answers": {"200": {"type": "object", "required": ["at", "name"], "properties": whole}}}}
    assert json.loads(written(shapes)) == shapes
    assert "words" not in written(shapes)


def test_where_nothing_is_said_of_null_everything_may_be(tmp_path: Path) -> None:
    found = tmp_path / "openapi.json"
    found.write_text(json.dumps(OPENAPI), encoding="utf-8")
    name = taken(found, "PUT /things/{id}", says_null=False)["types"]["Thing"]["properties"]["name"]
    assert name == {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]}


def test_swagger_forms_become_one_object(tmp_path: Path) -> None:
    found = tmp_path / "swagger.yaml"
    found.write_text("""
swagger: "2.0"
info: {version: "9"}
basePath: /api
paths:
  /v1/posts:
    post:
      parameters:
      - {name: status, in: formData, type: string, required: true}
      - {name: "media[]", in: formData, type: array, items: {type: string}}
      - {name: "poll[options][]", in: formData, type: array, items: {type: string}}
      responses:
        "200": {schema: {$ref: "#/definitions/post"}}
definitions:
  post: {type: object, properties: {id: {type: string, x-go-name: ID}}}
""", encoding="utf-8")
    shapes = taken(found, "POST /api/v1/posts")
    assert shapes["routes"]["POST /api/v1/posts"] == {
        "query": {"type": "object", "properties": {}}, "answers": {"200": {"$ref": "#/types/post"}},
        "body": {"type": "object", "required": ["status"], "properties": {
            "status": {"type": "string"}, "media": {"type": "array", "items": {"type": "string"}},
            "poll": {"type": "object"}}}}
    assert shapes["types"] == {"post": {"type": "object", "properties": {"id": {"type": "string"}}}}


def test_lexicons_give_the_same_with_unions_told_apart_by_their_type(tmp_path: Path) -> None:
    folder = tmp_path / "org" / "example"
    folder.mkdir(parents=True)
    main = {"type": "query", "parameters": {"type": "params", "required": ["uri"], "properties": {
        "uri": {"type": "string", "format": "at-uri"}, "limit": {"type": "integer", "maximum": 100}}},
        "output": {"schema": {"type": "object", "required": ["item"], "nullable": ["note"], "properties": {
            "item": {"type": "union", "refs": ["#thing"]}, "note": {"type": "string", "description": "words"}}}}}
    thing = {"type": "object", "properties": {"picture": {"type": "blob"}}}
    (folder / "get.json").write_text(json.dumps({"defs": {"main": main, "thing": thing}}), encoding="utf-8")
    shapes = taken(tmp_path, "GET /xrpc/org.example.get")
    call = shapes["routes"]["GET /xrpc/org.example.get"]
    assert call["query"] == {"type": "object", "required": ["uri"], "properties": {
        "uri": {"type": "string"}, "limit": {"type": "integer", "maximum": 100}}}
    given = call["answers"]["200"]
    assert given["required"] == ["item"]
    assert given["properties"]["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert given["properties"]["item"]["allOf"] == [
        {"if": {"properties": {"$type": {"const": "org.example.get#thing"}}, "required": ["$type"]},
         "then": {"$ref": "#/types/org.example.get.thing"}}]
    kind = shapes["types"]["org.example.get.thing"]["properties"]
    assert kind["$type"] == {"const": "org.example.get#thing"}
    assert kind["picture"]["required"] == ["$type", "mimeType", "ref", "size"]
