"""Single values: text from the file to what the schema's marks ask for; every refusal is a ValueError in words."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from agentdesk.config.shape import Between, Day, Filter, Length, Place, Regex, Text, Url, Zone
from agentdesk.config.units import parse_day, parse_length, parse_zone, say_length
from agentdesk.config.words import did_you_mean
from agentdesk.config.yaml import Scalar
from agentdesk.model.text import inert

Validator = Callable[[str], str | None]
"""Judges text; the answer is the reason against it, or None."""

OFF = ("off", "never")
"""What stands for no length of time."""
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")
_BOOLS = {"1": True, "yes": True, "on": True, "true": True, "0": False, "no": False, "off": False, "false": False}


def convert(scalar: Scalar, kind: Any, marks: tuple[Any, ...], query_problem: Validator | None,
            base: Path) -> Any:
    """Turn a scalar into a ``kind`` (str, int, float, bool or a Literal) that bears ``marks``."""
    if get_origin(kind) is Literal:
        return _choice(scalar.text, get_args(kind))
    if kind is bool:
        return _bool(scalar)
    if any(isinstance(mark, Length) for mark in marks):
        return _length(scalar, next(mark for mark in marks if isinstance(mark, Length)))
    if kind is int or kind is float:
        return _number(scalar, kind, marks)
    text = _text(scalar.text, next((mark for mark in marks if isinstance(mark, Text)), Text(most=2_000)))
    for mark in marks:
        text = _marked(text, mark, query_problem, base)
    return text


def _marked(text: str, mark: Any, query_problem: Validator | None, base: Path) -> str:
    match mark:
        case Filter() if text and query_problem is not None:
            reason = query_problem(text)
            if reason:
                raise ValueError(reason)
        case Zone() if text:
            return parse_zone(text)
        case Day():
            return parse_day(text)
        case Url(query=query):
            return _url(text, query)
        case Regex():
            try:
                re.compile(text)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error.msg}") from None
        case Place() if text:
            return str(base / os.path.expanduser(text))
    return text


def _choice(text: str, known: tuple[str, ...]) -> str:
    if text not in known:
        raise ValueError(f"{quote(text)} is not one of {', '.join(known)}{did_you_mean(text, known)}")
    return text


def quote(text: str) -> str:
    """``text`` in quotes, made harmless and short."""
    shown = inert(text, limit=60).replace("\n", " ")
    return f'"{shown}"'


def _bool(scalar: Scalar) -> bool:
    value = scalar.to_plain()
    if isinstance(value, bool):
        return value
    if scalar.line == 0 and scalar.text.lower() in _BOOLS:
        return _BOOLS[scalar.text.lower()]
    raise ValueError("true or false is needed")


def _length(scalar: Scalar, mark: Length) -> int:
    if scalar.text in OFF and mark.least == 0:
        return 0
    value = scalar.to_plain()
    if isinstance(value, int | float) and value != 0:
        raise ValueError("a length of time needs a unit; write it like 6h, 90m, 5s or 1d 12h")
    length = parse_length(scalar.text)
    if length < mark.least:
        raise ValueError(f"must be at least {say_length(mark.least)}")
    if length > mark.most:
        raise ValueError(f"must be at most {say_length(mark.most)}")
    return length


def _number(scalar: Scalar, kind: Any, marks: tuple[Any, ...]) -> int | float:
    value = scalar.to_plain()
    words = "a whole number" if kind is int else "a number"
    if isinstance(value, bool) or not isinstance(value, int if kind is int else int | float):
        raise ValueError(f"{words} is needed{', without quotes' if scalar.quoted else ''}")
    for mark in marks:
        if isinstance(mark, Between) and not mark.least <= value <= mark.most:
            if mark.least == mark.most:
                raise ValueError(f"only {mark.least:g} is known to this agentdesk")
            raise ValueError(f"must be from {mark.least:g} to {mark.most:g}")
    number: int | float = kind(value)
    return number


def _text(text: str, mark: Text) -> str:
    if "\n" in text:
        raise ValueError("holds a line break")
    shown = text.replace("\t", " ") if mark.tab else text
    if inert(shown) != shown:
        raise ValueError("holds a control or invisible character")
    if not text and mark.least:
        raise ValueError("needs a value")
    if mark.pattern and not re.fullmatch(mark.pattern, text):
        raise ValueError(mark.words)
    if len(text) > mark.most:
        raise ValueError(f"longer than {mark.most} characters")
    return text


def _url(text: str, query: bool) -> str:
    """Check an address without ever repeating it: a password may stand in it."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("not an address; write it like https://desk.example") from None
    if parts.username is not None or parts.password is not None or (parts.query and not query) or parts.fragment:
        none = "user, password or fragment" if query else "user, password, query or fragment"
        raise ValueError(f"an address here holds no {none}; secrets go under token")
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("not an address; write it like https://desk.example")
    if parts.scheme == "http" and not _LOOPBACK.fullmatch(host):
        raise ValueError("http is not protected; only https is allowed, except towards this machine")
    return text if query else text.rstrip("/")
