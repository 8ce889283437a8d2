"""The nearest known word, for kinder refusals."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that ``word`` was probably meant to be, or an empty text."""
    names = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower()[:60], names, 1, 0.6)
    return names[found[0]] if found else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean "…"?``, or an empty text."""
    near = nearest(word, known)
    return f'; did you mean "{near}"?' if near else ""
