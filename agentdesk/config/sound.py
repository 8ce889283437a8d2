"""What a configuration is without its mistakes, so that what is checked after reading can be too."""

from __future__ import annotations

from pathlib import Path

from agentdesk.config.checks import check
from agentdesk.config.schema import Config
from agentdesk.config.values import Validator
from agentdesk.config.walk import Walker
from agentdesk.config.yaml import List, Map, Node, Path_


def sound_part(root: Node, base: Path, query_problem: Validator | None = None) -> Config:
    """The configuration that a file would be if its entries with mistakes did not stand in it."""
    left: Node | None = root
    while isinstance(left, Map):
        walker = Walker(query_problem, base)
        config = walker.walk(left, Config, ())
        check(left, walker)
        if not walker.wrong:
            return config if isinstance(config, Config) else Config()
        left = _without(left, {_there(left, path) for path in walker.wrong}, ())
    return Config()


def _there(root: Node, path: Path_) -> Path_:
    """The path itself, or of what lacks the rest of it."""
    node = root
    for depth, step in enumerate(path):
        if isinstance(node, Map) and isinstance(step, str) and step in node.entries:
            node = node.entries[step]
        elif isinstance(node, List) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return path[:depth]
    return path


def _without(node: Node, gone: set[Path_], at: Path_) -> Node | None:
    """The same without what stands at these paths."""
    if at in gone:
        return None
    if isinstance(node, Map):
        entries = {key: _without(value, gone, (*at, key)) for key, value in node.entries.items()}
        left = {key: value for key, value in entries.items() if value is not None}
        return Map(node.file, node.line, node.column, left, node.keys)
    if isinstance(node, List):
        items = (_without(item, gone, (*at, place)) for place, item in enumerate(node.items))
        return List(node.file, node.line, node.column, tuple(item for item in items if item is not None))
    return node
