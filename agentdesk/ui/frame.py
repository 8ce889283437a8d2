"""Write only the cells that differ from what the terminal already shows.

Textual redraws whole regions: a keystroke in a text area is eleven thousand bytes, of which a hundred matter. Here each
frame is laid over a picture of the terminal, and only cells whose letter or pen is another are written. Where the
terminal may measure a letter differently than we do (joined emoji, marks), the rest of its row is written again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from rich.cells import split_graphemes
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from agentdesk.ui.sgr import PLAIN, Pen, turn

GAP = 5
"""So many unchanged cells of the same pen are written again rather than stepped over."""
FEW = 200
"""So many runs of letters are put into the order that takes fewest bytes; a whole frame is written from the top."""
_SYSTEMS = {"standard": ColorSystem.STANDARD, "256": ColorSystem.EIGHT_BIT, "truecolor": ColorSystem.TRUECOLOR}
_ATTRIBUTES = (("bold", "1"), ("dim", "2"), ("italic", "3"), ("underline", "4"), ("blink", "5"), ("blink2", "6"),
               ("reverse", "7"), ("conceal", "8"), ("strike", "9"), ("underline2", "21"), ("frame", "51"),
               ("encircle", "52"), ("overline", "53"))


_SEEN_ON_BLANKS = frozenset({"4", "7", "9", "21", "51", "52", "53"})
"""Attributes that show on a cell without a letter."""


class Cell(NamedTuple):
    """What one place of the terminal shows; the right half of a wide letter is an empty text.

    A blank cell's pen has no ink: whatever ink it is written with, it looks the same.
    """

    text: str
    pen: Pen
    unsure: bool = False
    """True when terminals may differ about how wide this is."""


_SIGNS = str.maketrans("·…↑↓←→–—•“”‘’", "-.^v<>--*\"\"''")
"""What stands for our own signs, and for the usual quotes, where a terminal has plain characters only."""

Row = list[Cell | None]
"""None where we do not know what the terminal shows."""


class Frame:
    """The picture of the terminal, and the writer of what differs from it."""

    def __init__(self, *, ascii_signs: bool = False) -> None:
        """``ascii_signs``: dots, arrows and the like are written as plain characters of the same width."""
        self._ascii_signs = ascii_signs
        self._rows: list[Row] = []
        self._pens: dict[Style | None, Pen] = {}
        self._blanks: dict[Pen, Cell] = {}
        self._system: ColorSystem | None = None
        self._letters: dict[str, tuple[tuple[str, int, bool], ...]] = {}
        self._plain: dict[Pen, _Plain] = {}
        self._unsure: set[int] = set()
        """Rows with a cell that terminals may measure differently."""
        self._held: Pen | None = None
        """The pen that the terminal was left with; None when that is not known."""

    def reset(self) -> None:
        """Forget what the terminal shows: the next frame is written whole."""
        self._rows = []
        self._unsure.clear()
        self._held = None

    def forget_pens(self) -> None:
        """The colours are others now."""
        self._pens.clear()
        self._blanks.clear()
        self._plain.clear()

    def update(self, update: CompositorUpdate, console: Console) -> str:
        """The sequences that turn what the terminal shows into this update's frame."""
        system = _SYSTEMS.get(console.color_system or "", ColorSystem.TRUECOLOR)
        if system is not self._system:
            self._system = system
            self._pens.clear()
        out = _Writer(self._held or PLAIN)
        if isinstance(update, LayoutUpdate):
            width = update.region.right
            self._fit(width, update.region.bottom)
            for y, strips in enumerate(update.strips, update.region.y):
                self._lay(out, y, update.region.x, strips, width)
        elif isinstance(update, ChopsUpdate):
            width = max((ends[-1] for ends in update.chop_ends if ends), default=0)
            self._fit(width, len(update.chops))
            for y, first, last in update.spans:
                for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                    if strip is None or x >= last or end <= first:
                        continue
                    start = max(first - x, 0)
                    piece = strip if not start and end <= last else strip.crop(start, min(end, last) - x)
                    self._lay(out, y, x + start, (piece,), width)
        else:
            self.reset()
            return update.render_segments(console)
        if not out.runs:
            return ""
        written, pen = out.finish()
        if self._held is None:
            written = "\x1b[m" + written
        self._held = pen
        return written

    def _fit(self, width: int, height: int) -> None:
        """Make the picture this large; what is new is unknown."""
        if len(self._rows) != height or (self._rows and len(self._rows[0]) != width):
            self._rows = [[None] * width for _ in range(height)]
            self._unsure.clear()

    def _lay(self, out: _Writer, y: int, x: int, strips: Iterable[Strip], width: int) -> None:
        """Lay a stretch of a row over the picture and write what differs."""
        row = self._rows[y]
        cells: list[Cell] = []
        sure = y not in self._unsure
        for strip in strips:
            for text, style, _control in strip:
                sure = self._cells(cells, text, style) and sure
        del cells[width - x:]
        if cells and cells[-1].text and _wide(cells[-1].text) and x + len(cells) == width:
            cells[-1] = self._blank(cells[-1].pen)
        before = row[x:x + len(cells)]
        if before == cells:
            return
        if sure:
            row[x:x + len(cells)] = cells
            out.put_all(y, [at for at, (old, new) in enumerate(zip(before, cells, strict=True), x)
                            if old is not new and old != new], row, width)
            return
        all_of_it = False
        for at, cell in enumerate(cells, x):
            old = row[at]
            if old == cell and not all_of_it:
                continue
            all_of_it = all_of_it or cell.unsure or (old is not None and old.unsure)
            row[at] = cell
            out.put(y, at, cell, row, width)
        if all_of_it:
            for at in range(x + len(cells), width):
                known = row[at]
                if known is not None:
                    out.put(y, at, known, row, width)
        if any(cell is not None and cell.unsure for cell in row):
            self._unsure.add(y)
        else:
            self._unsure.discard(y)

    def _cells(self, cells: list[Cell], text: str, style: Style | None) -> bool:
        """Add the text's cells; False when terminals may measure one of them differently.

        A mark of no width belongs to the cell before it, which is where terminals keep it.
        """
        pen = self._pens.get(style)
        if pen is None:
            if len(self._pens) > 4_000:
                self.forget_pens()
            pen = self._pens[style] = self._pen(style)
        blank = self._blank(pen)
        if self._ascii_signs and not text.isascii():
            text = text.translate(_SIGNS)
        if text.isascii() or _PLAIN_TEXT.fullmatch(text):
            plain = self._plain.get(pen)
            if plain is None:
                plain = self._plain[pen] = _Plain(pen, blank)
            cells.extend(map(plain.__getitem__, text))
            return True
        sure, lead = True, ""
        for letter, size, unsure in self._split(text):
            if size == 0:
                sure = False
                if cells:
                    last = -2 if not cells[-1].text and len(cells) > 1 else -1
                    cells[last] = Cell(cells[last].text + letter, cells[last].pen, True)
                elif letter.startswith(("\u2066", "\u2067", "\u2068")):
                    lead = letter
                continue
            sure = sure and not unsure
            cells.append(Cell(lead + letter, pen, unsure or bool(lead)) if lead or letter != " " else blank)
            lead = ""
            if size == 2:
                cells.append(Cell("", pen))
        return sure

    def _blank(self, pen: Pen) -> Cell:
        """A cell without a letter."""
        found = self._blanks.get(pen)
        if found is None:
            plain = not pen.link and _SEEN_ON_BLANKS.isdisjoint(pen.attributes)
            found = self._blanks[pen] = Cell(" ", Pen((), "", pen.ground) if plain else pen)
        return found

    def _split(self, text: str) -> tuple[tuple[str, int, bool], ...]:
        """Letters with their width, and whether a terminal may see it otherwise."""
        found = self._letters.get(text)
        if found is None:
            if len(self._letters) > 2_000:
                self._letters.clear()
            spans = [(text[start:end], size) for start, end, size in split_graphemes(text)[0]]
            found = self._letters[text] = tuple((letter, size, _unsure(letter, size)) for letter, size in spans)
        return found

    def _pen(self, style: Style | None) -> Pen:
        """A style as the terminal takes it."""
        if style is None:
            return PLAIN
        system = self._system or ColorSystem.TRUECOLOR
        attributes = tuple(code for name, code in _ATTRIBUTES if getattr(style, name))
        ink = ";".join(style.color.downgrade(system).get_ansi_codes()) if style.color else "39"
        ground = ";".join(style.bgcolor.downgrade(system).get_ansi_codes(foreground=False)) if style.bgcolor else "49"
        return Pen(attributes, ink, ground, style.link or "")


class _Plain(dict[str, Cell]):
    """The cells of plain letters in one pen, each made once: what did not change is the same object."""

    def __init__(self, pen: Pen, blank: Cell) -> None:
        super().__init__({" ": blank})
        self._pen = pen

    def __missing__(self, letter: str) -> Cell:
        made = self[letter] = Cell(letter, self._pen)
        return made


@dataclass(slots=True)
class _Run:
    """Letters side by side, written with one pen."""

    y: int
    x: int
    pen: Pen
    end: int
    text: list[str] = field(default_factory=list)
    open: bool = True
    """True while the terminal's cursor surely stands at its end."""


class _Writer:
    """Collects cells into as few bytes as it can, for a terminal that was left with some pen."""

    def __init__(self, held: Pen) -> None:
        self.runs: list[_Run] = []
        self._held = held
        self._sure = True

    def put(self, y: int, x: int, cell: Cell, row: Row, width: int) -> None:
        """Write one cell; the right half of a wide letter is written with its left one."""
        if not cell.text:
            return
        self._reach(y, x, row)
        run = self.runs[-1] if self.runs else None
        pen = self._pen_for(cell)
        if run is None or not run.open or (run.y, run.end, run.pen) != (y, x, pen):
            run = _Run(y, x, pen, x)
            self.runs.append(run)
        run.text.append(cell.text)
        run.end = x + (2 if _wide(cell.text) else 1)
        run.open = not cell.unsure and run.end < width
        self._sure = self._sure and not cell.unsure

    def put_all(self, y: int, places: list[int], row: Row, width: int) -> None:
        """Write the cells at these places of a row in which all letters are sure; neighbours in one pen at once."""
        done = -1
        for place, x in enumerate(places, 1):
            cell = row[x]
            if x < done or cell is None:
                continue
            self.put(y, x, cell, row, width)
            run = self.runs[-1]
            if not run.open or run.end != x + 1:
                continue
            pen = run.pen
            shows_on_blanks = pen.link or not _SEEN_ON_BLANKS.isdisjoint(pen.attributes)
            for other in places[place:]:
                cell = row[other]
                if other != run.end or other + 1 >= width or cell is None or not cell.text or _wide(cell.text):
                    break
                if cell.pen != pen and (shows_on_blanks or cell.pen.ink or cell.pen.ground != pen.ground):
                    break
                run.text.append(cell.text)
                run.end += 1
            done = run.end

    def _pen_for(self, cell: Cell) -> Pen:
        """The cell's pen; for a blank one, whatever is nearest to the pen in hand."""
        if cell.pen.ink:
            return cell.pen
        held = self.runs[-1].pen if self.runs else self._held
        if held.link or not _SEEN_ON_BLANKS.isdisjoint(held.attributes):
            return Pen((), held.ink, cell.pen.ground)
        return held if held.ground == cell.pen.ground else held._replace(ground=cell.pen.ground)

    def _reach(self, y: int, x: int, row: Row) -> None:
        """Get the last run to end at a cell, over a few unchanged ones by writing them again."""
        run = self.runs[-1] if self.runs else None
        if run is None or not run.open or run.y != y or not 0 < x - run.end <= GAP:
            return
        between = [cell for cell in row[run.end:x] if cell is not None and cell.text and not cell.unsure]
        if len(between) == x - run.end and all(self._pen_for(cell) == run.pen and cell.text.isascii()
                                               for cell in between):
            run.text.extend(cell.text for cell in between)
            run.end = x

    def finish(self) -> tuple[str, Pen]:
        """All that was collected, and the pen that the terminal is left with.

        What is written with one pen comes together where that is shorter; never where terminals may measure a letter
        otherwise, because then what stands behind it must come after it, nor where a cell is written twice.
        """
        found = _sequence(self.runs, self._held)
        if self._sure and len(self.runs) <= FEW and not self._twice():
            order = {self._held: 0}
            for run in self.runs:
                order.setdefault(run.pen, len(order))
            found = min(found, _sequence(sorted(self.runs, key=lambda run: order[run.pen]), self._held),
                        key=lambda one: len(one[0]))
        return found

    def _twice(self) -> bool:
        """True when a cell is written more than once."""
        ordered = sorted(self.runs, key=lambda run: (run.y, run.x))
        return any(a.y == b.y and a.end > b.x for a, b in pairwise(ordered))


def _sequence(runs: Sequence[_Run], pen: Pen) -> tuple[str, Pen]:
    """Runs one after the other, and the pen in hand then."""
    parts: list[str] = []
    y = x = -1
    for run in runs:
        if run.y == y and run.x > x:
            parts.append(f"\x1b[{run.x - x}C" if run.x - x > 1 else "\x1b[C")
        elif (run.y, run.x) != (y, x):
            parts.append(f"\x1b[{run.y + 1};{run.x + 1}H" if run.x else f"\x1b[{run.y + 1}H")
        parts.append(turn(pen, run.pen))
        parts.extend(run.text)
        pen = run.pen
        y, x = (run.y, run.end) if run.open else (-1, -1)
    return "".join(parts), pen


def _unsure(letter: str, size: int) -> bool:
    """True when terminals may take another width for a letter than we do."""
    if len(letter) > 1:
        return True
    code = ord(letter)
    if size == 2:
        return not (0x2E80 <= code <= 0xD7A3 or 0xF900 <= code <= 0xFAFF or 0xFE30 <= code <= 0xFE6F
                    or 0xFF00 <= code <= 0xFFE6 or 0x20000 <= code <= 0x3FFFF)
    return 0x2600 <= code <= 0x27BF and code not in _PLAIN_SIGNS


_PLAIN_SIGNS = frozenset(map(ord, "✓✗✎♥⚠☐☑"))
_PLAIN_TEXT = re.compile("[ -~¡-¬®-ʯΑ-ΡΣ-ώА-я‐-‧‰-⁞←-↙─-▟◆◇●○◐-◕✓✗✎]*")
"""Text of letters that every terminal shows in one cell each, and that join with nothing."""


def _wide(text: str) -> bool:
    """True for a letter of two cells."""
    return not text.isascii() and sum(size for _, _, size in split_graphemes(text)[0]) == 2


class Changed(CompositorUpdate):
    """An update that writes only what differs from what the terminal shows."""

    def __init__(self, update: CompositorUpdate, frame: Frame) -> None:
        self.update = update
        self.frame = frame

    def render_segments(self, console: Console) -> str:
        """The sequences for the cells that differ."""
        return self.frame.update(self.update, console)
