"""What the program may say to a terminal, exactly; whatever else is among its bytes came from somebody else."""

from __future__ import annotations

import re
import unicodedata

_SEQUENCE = re.compile(
    r"\x1b\[(?P<params>[0-?]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b(?P<other>.?)", re.DOTALL)
_PLACE = re.compile(r"(\d|\d\d|1\d\d)(;(\d|\d\d|[12]\d\d))?")
_SGR = frozenset({"0", "1", "2", "3", "4", "7", "9", "22", "23", "24", "27", "29", "39", "49"})
_START = frozenset({"?1049h", "?25l", "?1000h", "?1006h", "?1004h", ">25u", "?2026$p", "?2048$p", "?2004h", "?7l"})
_END = frozenset({"?2004l", "?7h", "?1006l", "?1000l", "?1004l", "<u", "?1049l", "?25h"})
_POINTER = "22;default"
"""Textual sets the shape of the mouse pointer for every screen; the only operating system command there is."""
_HIDDEN = frozenset({
    0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029,
    *range(0x202A, 0x202F), *range(0x2060, 0x2068), *range(0x206A, 0x2070), 0x3164, 0xFEFF, 0xFFA0,
    *range(0xFFF0, 0xFFFC), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE0100),
    *range(0xE01F0, 0xE1000)})
"""Letters that show nothing or turn others around; the isolates U+2068 and U+2069 are our own."""
MOST_MARKS = 8


def foreign(raw: bytes, *, start: bool = False, end: bool = False, piles: bool = False) -> list[str]:
    """Everything in the bytes that is not ours; ``start`` and ``end`` allow what is said once at those moments.

    ``piles`` allows letters with any number of marks: JSON may not drop them.
    """
    found: list[str] = []
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return [f"not UTF-8 at byte {error.start}: {raw[error.start - 20:error.start + 20]!r}"]
    at = 0
    for match in _SEQUENCE.finditer(text):
        found += _letters(text[at:match.start()], end, piles)
        at = match.end()
        if not _ours(match, start, end):
            found.append(f"{match[0]!r} before {text[at:at + 30]!r}")
    return found + _letters(text[at:], end, piles)


def _ours(match: re.Match[str], start: bool, end: bool) -> bool:
    if match["osc"] is not None:
        return match["osc"] == _POINTER
    if match["final"] is None:
        return False
    whole = f"{match['params']}{match['between']}{match['final']}"
    if (start and whole in _START) or (end and whole in _END):
        return True
    if match["between"]:
        return False
    if match["final"] == "H":
        return match["params"] == "" or _PLACE.fullmatch(match["params"]) is not None
    if match["final"] == "C":
        return match["params"] == "" or match["params"].isdigit()
    return match["final"] == "m" and _pen(match["params"])


def _pen(params: str) -> bool:
    """True for attributes and 24-bit colours: the program never names one of the sixteen, posts like to."""
    words = params.split(";") if params else []
    while words:
        if words[0] in ("38", "48"):
            if words[1:2] != ["2"] or len(words) < 5 or not all(word.isdigit() for word in words[2:5]):
                return False
            del words[:5]
        elif words[0] in _SGR:
            del words[0]
        else:
            return False
    return True


def _letters(text: str, end: bool, piles: bool) -> list[str]:
    found: list[str] = []
    if text.isascii() and text.isprintable():
        return found
    marks = 0
    for at, char in enumerate(text):
        code = ord(char)
        if (code < 0x20 and not (end and char in "\r\n")) or 0x7F <= code < 0xA0 or code in _HIDDEN:
            found.append(f"U+{code:04X} in {text[max(at - 15, 0):at + 15]!r}")
        joins = unicodedata.category(char) in ("Mn", "Me") or code in (0x200C, 0x200D)
        marks = marks + 1 if joins else 0
        if marks == MOST_MARKS + 1 and not piles:
            found.append(f"a pile of marks in {text[max(at - 15, 0):at + 15]!r}")
    return found
