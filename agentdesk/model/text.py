"""Text from outside, made inert: the one edge function that every foreign string passes.

``Inert`` is the only type the model accepts for text that somebody else wrote, and ``inert()`` is the only way to
make one. What is stored can therefore never move the cursor, write the clipboard or turn the line around.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NewType

Inert = NewType("Inert", str)
"""Text without control, bidi-override, invisible or lone-surrogate characters. Newlines are kept."""

MAX_TEXT = 1_000_000
MAX_LINE_FIELD = 300
MAX_MARKS = 6
"""Combining marks on one letter; Burmese and pointed Hebrew need five."""
MAX_ATTACHED = 8
"""Marks, vowel signs, joiners and skin tones on one letter; Burmese needs seven."""
MAX_JOINTS = 4
"""Letters joined into one; a family needs three."""
_PARTS = (("\u1161", "\u11ff"), ("\ud7b0", "\ud7ff"), ("\U00013430", "\U0001345f"),
          ("\U0001f3fb", "\U0001f3ff"))
"""Korean vowels and finals written apart, hieroglyph joiners, skin tones."""

_TABLE: dict[int, str | None] = {}
for _code in range(0x20):
    _TABLE[_code] = chr(0x2400 + _code)
for _code in range(0x80, 0xA0):
    _TABLE[_code] = "\ufffd"
_TABLE[0x7F] = "\u2421"
_TABLE[ord("\n")] = "\n"
_TABLE[ord("\t")] = "    "
for _code in (ord("\r"), 0x85, 0x2028, 0x2029):
    _TABLE[_code] = "\n"
_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
for _code in _BIDI:
    _TABLE[_code] = None
# U+200D joins emoji and U+FE0F selects them: both stay.
_INVISIBLE = (0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x200B, *range(0x2060, 0x2066),
              *range(0x206A, 0x2070), 0x3164, 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFFC), *range(0x1BCA0, 0x1BCA4),
              *range(0x1D173, 0x1D17B))
_TABLE.update(dict.fromkeys(_INVISIBLE))
_SURROGATES, _TAGS = re.compile("[\ud800-\udfff]"), re.compile("[\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]")
"""Half letters and hidden tags; thousands, so not in the table."""

_DIRECTION_MARKS = frozenset(chr(code) for code in _BIDI)


def inert(raw: str, *, limit: int = MAX_TEXT) -> Inert:
    """Return ``raw`` with everything removed or made visible that could act on a terminal.

    C0 controls become their visible pictures, C1 controls and lone surrogates U+FFFD, tabs four spaces; bidi controls
    and invisible characters go; at most six marks and eight attachments stay on one letter, four joints in one
    picture; at most ``limit`` characters stay.
    """
    text = raw[:limit]
    if text.isascii() and text.isprintable():
        return Inert(text)
    text = text.replace("\r\n", "\n").translate(_TABLE)
    return Inert(text if text.isascii() else _limit_marks(_TAGS.sub("", _SURROGATES.sub("\ufffd", text))))


def inert_line(raw: str, *, limit: int = MAX_LINE_FIELD) -> Inert:
    """``inert()`` for one-line fields (names, subjects, tags): white space is folded into single spaces."""
    return Inert(" ".join(inert(raw, limit=limit * 4).split())[:limit])


def hides_direction(raw: str) -> bool:
    """True when ``raw`` holds hidden direction marks, which are removed and must be announced."""
    return not raw.isascii() and not _DIRECTION_MARKS.isdisjoint(raw)


def _limit_marks(text: str) -> str:
    """Drop what is piled on one letter beyond its sixth mark or eighth attachment, and joints beyond the fourth.

    A pile has the width of its letter, so it could be as long as its author liked and would be written for one cell.
    """
    out: list[str] = []
    marks = attached = joints = 0
    joined = False
    for char in text:
        if char > "\u02ff" and (kind := _attaches(char)):
            marks += kind == "mark"
            fits = attached < MAX_ATTACHED and marks <= MAX_MARKS and (kind != "joint" or joints < MAX_JOINTS)
            if fits:
                attached += 1
                joints += kind == "joint"
                joined = joined or kind == "joint"
                out.append(char)
            continue
        marks = attached = 0
        joints = joints if joined else 0
        joined = False
        out.append(char)
    return "".join(out)


def _attaches(char: str) -> str:
    """How a letter hangs on the one before it: "mark", "joint" or "part"; empty for one that stands by itself."""
    if char == "\u200d":
        return "joint"
    kind = unicodedata.category(char)
    if kind in ("Mn", "Me"):
        return "mark"
    if kind == "Mc" or char == "\u200c" or any(low <= char <= high for low, high in _PARTS):
        return "part"
    # Letters that this Python does not know yet may be marks; new pictures and ideographs stand by themselves.
    return "part" if kind == "Cn" and char < "\U0001f000" else ""
