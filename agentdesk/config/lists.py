"""Putting values into the configuration's lists, and taking them out again, with everything else left as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentdesk.config.edit import (
    Value,
    after_block,
    as_map,
    cannot,
    checked,
    last_line,
    render,
    split_lines,
)
from agentdesk.config.walk import is_blank
from agentdesk.config.yaml import List, Map, Node, Path_, Scalar, dotted, parse


def add_item(text: str, path: Path_, value: Value | dict[str, Any]) -> str:
    """Return the configuration's ``text`` with one more value at the end of the list at ``path``.

    Only the last key of the path may be missing. A value that stands there already is not added again.
    """
    root = parse(text, "config.yaml").root
    expected = as_map(root.to_plain())
    above, key = _above(root, path), str(path[-1])
    node = above.entries.get(key)
    held = _reach(expected, path[:-1])
    if node is not None and not isinstance(node, List) and not is_blank(node):
        raise cannot(f"{dotted(path)} is not a list")
    if isinstance(node, List) and value in node.to_plain():
        return text
    held[key] = [*(held.get(key) or []), value]
    lines, end = split_lines(text)
    if isinstance(node, List) and node.items and not node.flow:
        at = after_block(lines, last_line(node), node.column - 1)
        lines.insert(at, f"{' ' * (node.column - 1)}- {render(value)}")
    elif isinstance(node, List):
        _before_end(lines, node, render(value))
    elif node is not None:
        _fill(lines, above, key, f"[{render(value)}]")
    elif above.flow:
        _before_end(lines, above, f"{key}: [{render(value)}]")
    else:
        _insert(lines, above, key, [value])
    return checked(lines, end, expected)


def drop_item(text: str, path: Path_, value: Value) -> str:
    """Return the configuration's ``text`` without a value of the list at ``path``; the same when it is not there."""
    root = parse(text, "config.yaml").root
    expected = as_map(root.to_plain())
    above, key = _above(root, path), str(path[-1])
    node = above.entries.get(key)
    if not isinstance(node, List) or value not in node.to_plain():
        return text
    at = node.to_plain().index(value)
    held = _reach(expected, path[:-1])
    held[key] = [each for place, each in enumerate(held[key]) if place != at]
    lines, end = split_lines(text)
    item = node.items[at]
    if not isinstance(item, Scalar) or item.end[0] != item.line:
        raise cannot(f"{dotted(path)} holds values over several lines")
    if not node.flow:
        del lines[item.line - 1]
        if len(node.items) == 1:
            _fill(lines, above, key, "[]")
    elif node.end[0] == node.line:
        parts = [_written(lines, each) for place, each in enumerate(node.items) if place != at]
        line = lines[node.line - 1]
        lines[node.line - 1] = f"{line[: node.column - 1]}[{', '.join(parts)}]{line[node.end[1] - 1 :]}"
    else:
        raise cannot(f"{dotted(path)} is written over several lines")
    return checked(lines, end, expected)


def put_map(text: str, path: Path_, value: dict[str, Any]) -> str:
    """Return the configuration's ``text`` with a small map as the value of a key, which may be missing."""
    root = parse(text, "config.yaml").root
    expected = as_map(root.to_plain())
    above, key = _above(root, path), str(path[-1])
    node = above.entries.get(key)
    _reach(expected, path[:-1])[key] = value
    lines, end = split_lines(text)
    if node is None:
        if above.flow:
            _before_end(lines, above, f"{key}: {render(value)}")
        else:
            _insert(lines, above, key, value)
    elif is_blank(node):
        _fill(lines, above, key, render(value))
    elif isinstance(node, Map) and not node.flow:
        last = last_line(node)
        if any(line.lstrip().startswith("#") for line in lines[node.line - 1 : last]):
            raise cannot(f"{dotted(path)} has comments in it")
        del lines[node.line - 1 : last]
        _fill(lines, above, key, render(value))
    elif isinstance(node, Map | Scalar) and node.end[0] == node.line:
        line = lines[node.line - 1]
        lines[node.line - 1] = line[: node.column - 1] + render(value) + line[node.end[1] - 1 :]
    else:
        raise cannot(f"{dotted(path)} is written over several lines")
    return checked(lines, end, expected)


def _above(root: Node, path: Path_) -> Map:
    """The section that the last key of ``path`` lies in."""
    node: Node | None = root
    for step in path[:-1]:
        if isinstance(node, Map) and isinstance(step, str):
            node = node.entries.get(step)
        elif isinstance(node, List) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            node = None
    if not isinstance(node, Map):
        raise cannot(f"{dotted(path[:-1])} is not a section with keys")
    return node


def _reach(tree: Any, path: Sequence[str | int]) -> dict[str, Any]:
    for step in path:
        tree = tree[step]
    found: dict[str, Any] = tree
    return found


def _insert(lines: list[str], section: Map, key: str, value: Any) -> None:
    """Put a key that is not there at the end of its section."""
    indent = section.column - 1
    at = after_block(lines, last_line(section), indent - 1) if indent else len(lines)
    lines.insert(at, f"{' ' * indent}{render(key)}: {render(value)}")


def _written(lines: list[str], node: Node) -> str:
    """A value as it stands in the file."""
    if not isinstance(node, Scalar) or node.end[0] != node.line:
        raise cannot("The list holds values over several lines")
    return lines[node.line - 1][node.column - 1 : node.end[1] - 1]


def _before_end(lines: list[str], node: List | Map, words: str) -> None:
    """Put words before the bracket or brace that ends a flow."""
    line, column = node.end
    text = lines[line - 1]
    body, rest = text[: column - 2], text[column - 2 :]
    below = node.items if isinstance(node, List) else tuple(node.entries.values())
    comma = ", " if below and not _ends_in_comma(lines, below[-1], node) else ""
    gap = "" if comma or body.endswith(("[", "{", " ")) or not body else " "
    lines[line - 1] = f"{body.rstrip() if comma and body.strip() else body}{comma}{gap}{words}{rest}"


def _ends_in_comma(lines: list[str], last: Node, around: List | Map) -> bool:
    """True when a comma stands behind the last value of a flow already."""
    (line, column), (end_line, end_column) = last.end, around.end
    between = [lines[at - 1] for at in range(line, end_line + 1)]
    between[-1] = between[-1][: end_column - 2]
    between[0] = between[0][column - 1 :]
    return any("," in part.partition(" #")[0] for part in between)


def _fill(lines: list[str], section: Map, key: str, words: str) -> None:
    """Put words behind a key that has no value."""
    where = section.keys[key]
    line = lines[where.line - 1]
    colon = line.index(":", where.end[1] - 1) + 1
    lines[where.line - 1] = f"{line[:colon]} {words}{line[colon:]}"
