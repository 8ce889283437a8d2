"""The one way text that somebody else wrote is drawn.

Whatever comes out of this module is one line (or a list of lines) of inert text measured in terminal cells: control,
bidi and invisible characters are gone or pictured, right-to-left stretches stand in an isolate of our own, and nothing
is ever read as markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.cells import cell_len, split_graphemes

from agentdesk.model.text import inert

if TYPE_CHECKING:
    from rich.segment import Segment
    from rich.style import Style
    from textual.content import Content

MAX_LINES = 400
"""A message longer than this many lines is cut until the agent asks for all of it."""
MAX_CHARS = 20_000
SHOW_ALL = "… cut here · {more} more characters · Z shows all"

_ISOLATE, _POP = "\u2068", "\u2069"
_RTL = ((0x0590, 0x08FF), (0xFB1D, 0xFDFF), (0xFE70, 0xFEFF), (0x10800, 0x10FFF), (0x1E800, 0x1EFFF))


def clean(text: str) -> str:
    """The text without anything that could act on a terminal; newlines are kept."""
    return text if text.isascii() and text.isprintable() else inert(text)


def flat(text: str) -> str:
    """``clean()`` on one line: white space folded into single spaces."""
    return text if text.isascii() and text.isprintable() and "  " not in text else " ".join(clean(text).split())


def width(text: str) -> int:
    """How many cells the text takes."""
    return cell_len(text)


def seg(text: str, style: Style | None = None) -> Segment:
    """A piece of a drawn line; anything that could act on a terminal or break the line is taken out once more."""
    from rich.segment import Segment  # the first frame is painted without it

    if text.isascii() and text.isprintable():
        return Segment(text, style)
    if text.count(_ISOLATE) == text.count(_POP):
        parts = [clean(part).replace("\n", " ") for part in text.replace(_POP, _ISOLATE).split(_ISOLATE)]
        marks = [char for char in text if char in (_ISOLATE, _POP)]
        joined = "".join(part + mark for part, mark in zip(parts, [*marks, ""], strict=True))
        return Segment(joined, style)
    return Segment(clean(text).replace("\n", " "), style)


def content(text: str) -> Content:
    """One line for the parts of Textual that would read a plain string as markup."""
    from textual.content import Content  # the first frame is painted without it

    return Content(flat(text))


def line(text: str, cells: int, *, pad: bool = True, tail: str = "…") -> str:
    """The text on one line of exactly ``cells`` cells (at most, with ``pad`` off), cut with ``tail`` when too long."""
    if cells <= 0:
        return ""
    shown = flat(text[: cells * 12 + 200])
    size = cell_len(shown)
    if size > cells:
        shown = _crop(shown, cells - cell_len(tail)).rstrip() + tail if cells > cell_len(tail) else _crop(shown, cells)
        size = cell_len(shown)
    shown = isolate(shown)
    return shown + " " * (cells - size) if pad else shown


def isolate(text: str) -> str:
    """The text in an isolate of our own when any of it runs from right to left, so that it cannot turn its row around.

    Only for text that is inert already.
    """
    if text.isascii() or not any(low <= ord(char) <= high for char in text for low, high in _RTL):
        return text
    return f"{_ISOLATE}{text}{_POP}"


def wrap(text: str, cells: int, max_lines: int | None = MAX_LINES, max_chars: int | None = MAX_CHARS) -> list[str]:
    """The text as lines of at most ``cells`` cells, broken at spaces where it can be.

    Beyond ``max_lines`` or ``max_chars`` it is cut and a line says how much more there is; None lifts the limit.
    """
    cells = max(cells, 1)
    total = len(text)
    kept = text if max_chars is None or total <= max_chars else text[:max_chars]
    lines: list[str] = []
    used = 0
    full = False
    for paragraph in clean(kept).split("\n"):
        for piece in _fold(paragraph, cells):
            if max_lines is not None and len(lines) >= max_lines:
                full = True
                break
            lines.append(isolate(piece))
            used += len(piece) + 1
        if full:
            break
    if full or len(kept) < total:
        more = max(total - min(used, total), 1)
        lines.append(line(SHOW_ALL.format(more=f"{more:,}"), cells, pad=False))
    return lines


def _fold(paragraph: str, cells: int) -> Iterator[str]:
    """One paragraph as lines of at most ``cells`` cells; leading spaces of the paragraph are kept."""
    if paragraph.isascii():
        if len(paragraph) <= cells:
            yield paragraph.rstrip()
            return
    elif cell_len(paragraph) <= cells:
        yield paragraph.rstrip()
        return
    row, size = "", 0
    for word, room in _words(paragraph):
        if size + room <= cells:
            row, size = row + word, size + room
            continue
        bare = word.rstrip(" ")
        bare_size = cell_len(bare)
        if size + bare_size <= cells:
            yield row + bare
            row, size = "", 0
            continue
        if row.strip():
            yield row.rstrip()
            row, size = "", 0
        *full, (last, last_size) = _cut(bare, cells - size, cells)
        for piece, _ in full:
            yield row + piece
            row, size = "", 0
        trailing = len(word) - len(bare)
        row, size = row + last + " " * trailing, size + last_size + trailing
    if row.strip() or not row:
        yield row.rstrip()


def _cut(word: str, first: int, cells: int) -> Iterator[tuple[str, int]]:
    """A word in pieces with their widths: what fits into ``first`` cells, then into whole lines; at least one piece."""
    start, room = 0, first
    if word.isascii():
        while len(word) - start > room:
            yield word[start:start + room], room
            start, room = start + room, cells
        yield word[start:], len(word) - start
        return
    size = 0
    for low, _, wide in split_graphemes(word)[0]:
        if size + wide > room and (low > start or room < cells):
            yield word[start:low], size
            start, size, room = low, 0, cells
        size += wide
    yield word[start:], size


def _words(paragraph: str) -> Iterator[tuple[str, int]]:
    """Words with the spaces behind them, and their width; wide scripts may break between any two letters."""
    start = 0
    length = len(paragraph)
    while start < length:
        end = start
        while end < length and paragraph[end] != " ":
            end += 1
        while end < length and paragraph[end] == " ":
            end += 1
        word = paragraph[start:end]
        start = end
        if word.isascii():
            yield word, len(word)
            continue
        spans, total = split_graphemes(word)
        if not any(size == 2 for _, _, size in spans):
            yield word, total
            continue
        held = ""
        held_size = 0
        for low, high, size in spans:
            if size == 2 and held and word[low:low + 1] not in _NO_BREAK_BEFORE:
                yield held, held_size
                held, held_size = "", 0
            held += word[low:high]
            held_size += size
            if size == 2:
                following = word[high:high + 1]
                if following not in _NO_BREAK_BEFORE:
                    yield held, held_size
                    held, held_size = "", 0
        if held:
            yield held, held_size


_NO_BREAK_BEFORE = frozenset(" 、。，．！？）」』】〉》ー…,.!?)]")


def _crop(text: str, cells: int) -> str:
    """As much of the text as fits into ``cells`` cells, whole characters only."""
    if text.isascii():
        return text[:cells]
    spans, _ = split_graphemes(text)
    size = 0
    for start, _end, room in spans:
        if size + room > cells:
            return text[:start]
        size += room
    return text
