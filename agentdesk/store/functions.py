"""What SQL alone cannot compare: letters of every script without case, words without accents."""

from __future__ import annotations

import functools
from typing import Any

import apsw

from agentdesk.model.words import tokens


def add(connection: apsw.Connection) -> None:
    """Make the functions known to a connection."""
    connection.create_scalar_function("casefold", _casefold, 1, deterministic=True)
    connection.create_scalar_function("has_words", has_words, 3, deterministic=True)


def has_words(*given: Any) -> int:
    """``has_words(text, wanted, open_end)``: 1 when those words stand in the text in a row.

    With ``open_end`` the last may go on.
    """
    text, wanted, open_end = given
    if not text:
        return 0
    run, said = _tokens(wanted), tokens(text)
    size = len(run)
    for start in range(len(said) - size + 1):
        part = said[start : start + size]
        if part == run or (open_end and part[:-1] == run[:-1] and part[-1].startswith(run[-1])):
            return 1
    return 0


@functools.lru_cache(maxsize=64)
def _tokens(wanted: str) -> list[str]:
    return tokens(wanted)


def _casefold(*given: Any) -> str:
    return str(given[0] or "").casefold()
