"""TicketSQL for the fake RT: a tiny reader of the conditions that RT itself would run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_TOKEN = re.compile(r"\s*(\(|\)|AND\b|OR\b|!=|>=|<=|=|>|<|LIKE\b|CF\.\{[^}]*\}|[\w.]+|'(?:\\.|[^'\\])*')", re.I)


def matcher(query: str, value: Callable[[Any, str], Any]) -> Callable[[Any], bool]:
    """Compile ``query``; ``value(row, field)`` gives a row's value (or list of values). ValueError when it is wrong."""
    tokens: list[str] = []
    at = 0
    query = query.strip()
    while at < len(query):
        found = _TOKEN.match(query, at)
        if found is None:
            raise ValueError(f"Wrong query, expecting a KEYWORD in '{query[:at]}<--here {query[at:]}'")
        tokens.append(found[1])
        at = found.end()
        while at < len(query) and query[at] == " ":
            at += 1
    test, left = _either(tokens)
    if left:
        raise ValueError(f"Wrong query near {left[0]}")
    return lambda row: test(row, value)


Test = Callable[[Any, Callable[[Any, str], Any]], bool]


def _either(tokens: list[str]) -> tuple[Test, list[str]]:
    one, tokens = _both(tokens)
    tests = [one]
    while tokens and tokens[0].upper() == "OR":
        one, tokens = _both(tokens[1:])
        tests.append(one)
    return (lambda row, value: any(test(row, value) for test in tests)), tokens


def _both(tokens: list[str]) -> tuple[Test, list[str]]:
    one, tokens = _single(tokens)
    tests = [one]
    while tokens and tokens[0].upper() == "AND":
        one, tokens = _single(tokens[1:])
        tests.append(one)
    return (lambda row, value: all(test(row, value) for test in tests)), tokens


def _single(tokens: list[str]) -> tuple[Test, list[str]]:
    if not tokens:
        raise ValueError("Incomplete query")
    if tokens[0] == "(":
        test, tokens = _either(tokens[1:])
        if not tokens or tokens[0] != ")":
            raise ValueError("Incomplete query")
        return test, tokens[1:]
    if len(tokens) < 3:
        raise ValueError("Incomplete query")
    field, op, wanted = tokens[0], tokens[1].upper(), tokens[2]
    if wanted.startswith("'"):
        wanted = re.sub(r"\\(.)", r"\1", wanted[1:-1])
    return (lambda row, value: _compare(value(row, field), op, wanted)), tokens[3:]


def _compare(have: Any, op: str, wanted: str) -> bool:
    values = have if isinstance(have, list | tuple | set) else [have]
    return any(_one(value, op, wanted) for value in values)


def _one(value: Any, op: str, wanted: str) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    left: Any = value
    right: Any = wanted
    if isinstance(value, int):
        right = int(wanted) if wanted.lstrip("-").isdigit() else wanted
        left = value if isinstance(right, int) else str(value)
    elif op in ("=", "!="):
        left, right = str(value).casefold(), wanted.casefold()
    match op:
        case "=":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case ">":
            return bool(left > right)
        case "<":
            return bool(left < right)
        case ">=":
            return bool(left >= right)
        case "<=":
            return bool(left <= right)
        case _:
            return wanted.casefold() in str(value).casefold()
