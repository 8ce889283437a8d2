"""Changes to the configuration's text that keep its comments, layout and order.

Every change is checked by reading the result: it must differ from what was there by the change alone, and load.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agentdesk.config.load import interpret
from agentdesk.config.schema import Config
from agentdesk.config.values import Validator
from agentdesk.config.walk import is_blank
from agentdesk.config.yaml import List, Map, Node, Scalar, parse, read_bytes
from agentdesk.errors import ConfigError, Refused
from agentdesk.paths import make_private, write_private

Value = str | int | float | bool | None
_PLAIN = re.compile(r"(?:[A-Za-z_/^.]|~/)[\w./:@~^+-]*(?<!:)|\d{1,9}(?:ms|[wdhms])")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
EMPTY = "version: 1\n"
"""What a configuration begins as."""


def append_source(text: str, source: Mapping[str, Any]) -> str:
    """Return the configuration's ``text`` with one more source; its values are texts, numbers, lists and maps."""
    root = parse(text, "config.yaml").root
    expected = as_map(root.to_plain())
    expected["sources"] = [*(expected.get("sources") or []), _as_read(source)]
    section = root.entries.get("sources") if isinstance(root, Map) else None
    lines, end = split_lines(text)
    if section is None:
        lines += [*([""] if lines else []), "sources:", *_block(source, 2)]
    elif isinstance(root, Map) and (is_blank(section) or (isinstance(section, List) and not section.items)):
        if isinstance(section, List) and section.flow:
            lines[section.line - 1] = _without(lines[section.line - 1], section)
        lines[root.keys["sources"].line : root.keys["sources"].line] = _block(source, 2)
    elif isinstance(section, List) and not section.flow:
        indent = section.column - 1
        at = after_block(lines, last_line(section), indent)
        lines[at:at] = _block(source, indent)
    else:
        raise cannot("sources is not written as a list with dashes")
    return checked(lines, end, expected)


def prepared(
    path: Path,
    change: Callable[[str], str],
    *,
    begin: str = EMPTY,
    query_problem: Validator | None = None,
) -> tuple[str, Config]:
    """What the configuration file would be after a change, without writing it; ``begin`` is what a new one holds."""
    real = path.resolve()
    text = read_bytes(real, path.name).decode("utf-8") if real.exists() else begin
    fresh = change(text)
    config = interpret(parse(fresh, path.name), path.parent.absolute(), {}, query_problem=query_problem).config
    return fresh, config


def save(
    path: Path,
    change: Callable[[str], str],
    *,
    begin: str = EMPTY,
    query_problem: Validator | None = None,
) -> Config:
    """Change the configuration file, or begin one; what would not load is refused and the file stays as it is."""
    real = path.resolve()
    fresh, config = prepared(path, change, begin=begin, query_problem=query_problem)
    if not real.parent.exists():
        make_private(real.parent)
    write_private(real, fresh.encode())
    return config


def cannot(cause: str) -> Refused:
    """The refusal of a change that only a person can make."""
    return Refused("The configuration cannot be changed from here", cause, "Change the file by hand")


def checked(lines: list[str], end: str, expected: dict[str, Any]) -> str:
    """The lines as a text, once reading it gives exactly what is expected; refused otherwise."""
    text = end.join(lines) + end
    try:
        same = parse(text, "config.yaml").plain == expected
    except ConfigError:
        same = False
    if not same:
        raise cannot("The file is written in a way that does not let this be put in safely")
    return text


def split_lines(text: str) -> tuple[list[str], str]:
    """The lines without their ends, and the end that they have."""
    end = "\r\n" if "\r\n" in text else "\n"
    return text.removesuffix("\n").removesuffix("\r").split(end) if text else [], end


def as_map(plain: Any) -> dict[str, Any]:
    """A copy of what the file holds."""
    if plain is None:
        return {}
    if not isinstance(plain, dict):
        raise cannot("The file does not hold keys with values")
    return copy.deepcopy(plain)


def _as_read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_read(each) for key, each in value.items()}
    return [_as_read(each) for each in value] if isinstance(value, list | tuple) else value


def _without(line: str, section: List) -> str:
    """A line without the empty brackets that stand in it."""
    return (line[: section.column - 1].rstrip() + line[section.end[1] - 1 :]).rstrip()


def _block(source: Mapping[str, Any], indent: int) -> list[str]:
    pairs = [f"{render(str(key))}: {render(value)}" for key, value in source.items()]
    return [" " * indent + ("  " if at else "- ") + pair for at, pair in enumerate(pairs)]


def last_line(node: Node) -> int:
    """The last line on which something of ``node`` stands."""
    if isinstance(node, Scalar) or node.flow:
        line, column = node.end
        return line - 1 if column == 1 and line > node.line else line
    below = node.items if isinstance(node, List) else [*node.entries.values(), *node.keys.values()]
    return max((last_line(each) for each in below), default=node.line)


def after_block(lines: list[str], line: int, indent: int) -> int:
    """The position behind ``line`` and the comments below it that are indented deeper than ``indent``."""
    at = line
    for position in range(line, len(lines)):
        text = lines[position]
        if text.strip() and not (text.lstrip().startswith("#") and len(text) - len(text.lstrip()) > indent):
            break
        if text.strip():
            at = position + 1
    return at


def render(value: Any) -> str:
    """Write a value on one line so that reading it gives it back."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{render(str(key))}: {render(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(render, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return str(value)
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if plain else json.dumps(value, ensure_ascii=False)
