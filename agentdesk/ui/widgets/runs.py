"""Runs of text in named inks, and how a row of them becomes a strip: what every self-drawing widget is made of.

Layout functions return rows, which need neither a terminal nor a palette; only ``strip()`` turns a row into what
Textual draws. Text written by others must have passed ``present`` before it becomes a run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, split_text
from rich.style import Style
from textual.strip import Strip

from agentdesk.ui.present import line, seg, wrap
from agentdesk.ui.theme import Palette

ISOLATES = "\u2066\u2067\u2068"
POP = "\u2069"


class Run(NamedTuple):
    """A stretch of text in one ink."""

    text: str
    ink: str = "text"
    bold: bool = False


class Row(NamedTuple):
    """One line: runs from the left, runs at the right edge, what it belongs to and the background it stands on."""

    left: tuple[Run, ...] = ()
    right: tuple[Run, ...] = ()
    key: Hashable = None
    ground: str = ""


BLANK = Row()


def fold(words: str, width: int, most: int = 3) -> list[str]:
    """Words over at most ``most`` lines, the last one cut when there is more."""
    width = max(4, width)
    parts = wrap(words[:width * (most + 2) * 2], width, None, None)
    return parts if len(parts) <= most else [*parts[:most - 1], line(" ".join(parts[most - 1:]), width, pad=False)]


def cells(runs: Iterable[Run]) -> int:
    """How many cells the runs take."""
    return sum(cell_len(run.text) for run in runs)


def clip(text: str, width: int, end: str = "…") -> str:
    """``text`` cut to ``width`` cells, with ``end`` where something was cut; an opened isolate is closed again."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    kept, _ = split_text(text, max(0, width - cell_len(end)))
    opened = sum(kept.count(mark) for mark in ISOLATES) - kept.count(POP)
    return kept + POP * max(0, opened) + clip(end, width, "")


def fit(runs: Sequence[Run], width: int, end: str = "…") -> tuple[Run, ...]:
    """The runs cut to ``width`` cells."""
    kept: list[Run] = []
    room = width
    for run in runs:
        size = cell_len(run.text)
        if size > room:
            if room <= 0 and kept and run.text.strip():
                kept[-1] = kept[-1]._replace(text=clip(kept[-1].text + end, cell_len(kept[-1].text), end))
            kept.append(run._replace(text=clip(run.text, room, end)))
            break
        if run.text:
            kept.append(run)
        room -= size
    return tuple(kept)


DOT = Run(" · ", "dim")


def flow(items: Sequence[Sequence[Run]], width: int, *, gap: Run = DOT, indent: int = 0) -> list[tuple[Run, ...]]:
    """Items set one after the other with ``gap`` between, broken into lines where the width ends."""
    lines: list[list[Run]] = []
    line: list[Run] = []
    used = 0
    for item in items:
        size, room = cells(item), width - (indent if lines else 0)
        if line and used + cell_len(gap.text) + size > room:
            lines.append(line)
            line, used = [], 0
            room = width - indent
        if line:
            line.append(gap)
            used += cell_len(gap.text)
        line.extend(fit(item, room) if size > room else item)
        used += min(size, room)
    if line:
        lines.append(line)
    pad = (Run(" " * indent),) if indent else ()
    return [tuple(runs) if i == 0 else pad + tuple(runs) for i, runs in enumerate(lines)]


def spread(row: Row, width: int, end: str = "…") -> tuple[Run, ...]:
    """The row's runs over exactly ``width`` cells; the left side is cut for the right one, unless that is too wide."""
    right = row.right
    size = cells(right)
    if size > max(1, width // 2):
        right, size = (), 0
    left = fit(row.left, width - size - (1 if size > 1 else 0), end)
    used = cells(left)
    middle = width - used - size
    return (*left, Run(" " * middle), *right) if middle > 0 else (*left, *right)


def keyed(words: str, key_of: Callable[[str], str], ink: str = "dim") -> list[tuple[Run, ...]]:
    """The words of a hint one by one; ``{verb}`` stands for the keys that call it."""
    found: list[tuple[Run, ...]] = []
    for word in words.split():
        verb = word[1:-1] if word.startswith("{") and word.endswith("}") else ""
        found.append((Run(key_of(verb) or f":{verb}", "key") if verb else Run(word, ink),))
    return found


CARET = "caret"
"""The ink of a cursor in a line of text."""
_REVERSE = Style(reverse=True)


_PLAIN = str.maketrans({"·": "-", "…": "~", "«": '"', "»": '"', "↑": "^", "↓": "v", "‖": "|", "—": "-", "–": "-"})
"""Our own signs where the terminal has plain letters only; each is as wide as what it stands for."""


def ruled(row: Row, width: int, palette: Palette, ground: str, beside: str = "panel") -> Row:
    """The row with a rule in its middle where a theme cannot tell its background from the one beside it."""
    if palette.ground(ground) != palette.ground(beside):
        return row
    gap = "" if cells(row.right) > 1 else " "  # with more there is one already
    room = width - cells(row.left) - cells(row.right) - 2
    if room < 2:
        return row
    return row._replace(left=(*row.left, Run(" " + palette.glyphs.rule * room + gap, "faint")))


def strip(row: Row, width: int, palette: Palette, ground: str = "base") -> Strip:
    """Draw a row over ``width`` cells."""
    bg = row.ground or ground
    drawn = []
    plain = palette.glyphs.rule.isascii() and palette.glyphs.dot.isascii()
    for run in spread(row, width):
        if plain and not run.text.isascii():
            run = run._replace(text=run.text.translate(_PLAIN))
        if run.ink == CARET:
            drawn.append(seg(run.text, palette.style("bright", bg) + _REVERSE))
        elif run.text:
            drawn.append(seg(run.text, palette.style(run.ink, bg, bold=run.bold)))
    return Strip(drawn, max(0, width))
