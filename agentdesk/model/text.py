"""Text from outside, made inert: the one edge function that every foreign string passes.

``Inert`` is the only type the model accepts for text that somebody else wrote, and ``inert()`` is the only way to
make one. What is stored can therefore never move the cursor, write the clipboard or turn the line around.
"""

from __future__ import annotations

import unicodedata
from typing import NewType

Inert = NewType("Inert", str)
"""Text without control, bidi-override, invisible or lone-surrogate characters. Newlines are kept."""

MAX_TEXT = 1_000_000
MAX_LINE_FIELD = 300
MAX_MARKS = 4

_TABLE: dict[int, str | None] = {}
for _code in range(0x20):
    _TABLE[_code] = chr(0x2400 + _code)
for _code in range(0x80, 0xA0):
    _TABLE[_code] = "\ufffd"
for _code in range(0xD800, 0xE000):
    _TABLE[_code] = "\ufffd"
_TABLE[0x7F] = "\u2421"
_TABLE[ord("\n")] = "\n"
_TABLE[ord("\t")] = "    "
_TABLE[ord("\r")] = None
for _code in (0x85, 0x2028, 0x2029):
    _TABLE[_code] = "\n"
_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
for _code in _BIDI:
    _TABLE[_code] = None
# U+200D joins emoji and U+FE0F selects them: both stay.
_INVISIBLE = (0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x200B, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064,
              0x3164, 0xFEFF, 0xFFA0, *range(0x206A, 0x2070), *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080))
for _code in _INVISIBLE:
    _TABLE[_code] = None

_DIRECTION_MARKS = frozenset(chr(code) for code in _BIDI)


def inert(raw: str, *, limit: int = MAX_TEXT) -> Inert:
    """Return ``raw`` with everything removed or made visible that could act on a terminal.

    C0 controls become their visible pictures, C1 controls and lone surrogates U+FFFD, tabs four spaces; bidi controls
    and invisible characters go; at most four combining marks stay on one letter; at most ``limit`` characters stay.
    """
    text = raw[:limit]
    if text.isascii() and text.isprintable():
        return Inert(text)
    text = text.replace("\r\n", "\n").translate(_TABLE)
    return Inert(text if text.isascii() else _limit_marks(text))


def inert_line(raw: str, *, limit: int = MAX_LINE_FIELD) -> Inert:
    """``inert()`` for one-line fields (names, subjects, tags): white space is folded into single spaces."""
    return Inert(" ".join(inert(raw, limit=limit * 4).split())[:limit])


def hides_direction(raw: str) -> bool:
    """True when ``raw`` holds hidden direction marks, which are removed and must be announced."""
    return not raw.isascii() and not _DIRECTION_MARKS.isdisjoint(raw)


def _limit_marks(text: str) -> str:
    """Drop combining marks beyond the fourth on one letter."""
    out: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if char > "\u02ff" and unicodedata.category(char) in ("Mn", "Me") else 0
        if marks <= MAX_MARKS:
            out.append(char)
    return "".join(out)
