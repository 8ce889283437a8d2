"""How words are compared, without case, accents and width as the full-text index does it; and typed numbers."""

from __future__ import annotations

import re
import unicodedata

MOST_DIGITS = 18
"""So many fit into a column of the cache."""
_MARKS = dict.fromkeys((*range(0x0300, 0x0370), 0x0640, *range(0x064B, 0x0660), 0x0670))
_TOKEN = re.compile(r"[^\W_]+")
_QUOTES = {0x2018: "'", 0x2019: "'", 0x02BC: "'"}


def fold(text: str) -> str:
    """Return ``text`` in the form in which two spellings of one word are equal."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", text.translate(_QUOTES)).casefold()
    return unicodedata.normalize("NFC", folded.translate(_MARKS))


def tokens(text: str) -> list[str]:
    """Return the folded words of ``text``: runs of letters and digits."""
    return _TOKEN.findall(fold(text))


def whole_number(text: str) -> int | None:
    """The number that somebody typed; None for anything else, and for more digits than the cache holds."""
    digits = text[1:] if text.startswith(("+", "-")) else text
    return int(text) if digits.isdecimal() and len(digits) <= MOST_DIGITS else None
