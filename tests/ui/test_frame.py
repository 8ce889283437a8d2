"""Only changed cells are written, and the terminal shows exactly what the full stream would have made it show."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import split_graphemes
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from agentdesk.ui.frame import Frame
from agentdesk.ui.sgr import PLAIN, Pen, turn

WIDTH, HEIGHT = 24, 6


def styles() -> list[Style | None]:
    """New ones each time: Rich keeps in a style what it once rendered to, whatever the colour system."""
    return [None, Style(), Style(color="#c3c9d4", bgcolor="#10141b"),
            Style(color="#eef1f6", bgcolor="#10141b", bold=True),
            Style(color="#ff6a80", bgcolor="#22304a", bold=True), Style(color="red"),
            Style(bgcolor="blue", underline=True), Style(reverse=True), Style(dim=True, italic=True),
            Style(bold=True, dim=True), Style(color="bright_black")]


STYLES = {system: styles() for system in ("truecolor", "256", "standard")}
ALPHABET = "ab .,:0123世界荷한ÄéЖあ…·▌◆✎é"


def seen(cell: pyte.screens.Char) -> object:
    """What a person sees of a cell: without a letter, only its background and its lines; never an isolate."""
    cell = cell._replace(data=cell.data.strip("\u2066\u2067\u2068\u2069"))
    if cell.data == " " and not (cell.reverse or cell.underscore or cell.strikethrough):
        return cell.bg
    return cell


class Terminal:
    """A terminal emulator that takes a letter with its marks as one, the way Textual measures it."""

    def __init__(self) -> None:
        self.screen = Graphemes(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed("\x1b[?7l")

    def feed(self, text: str) -> None:
        self.stream.feed(text)

    def cells(self) -> list[list[object]]:
        return [[seen(self.screen.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


class Graphemes(pyte.Screen):
    """pyte draws code point by code point and gives up at a joiner; terminals of today take whole letters."""

    def draw(self, data: str) -> None:
        for start, end, size in split_graphemes(data)[0]:
            letter = data[start:end]
            if size == 0:
                continue
            if self.cursor.x >= self.columns:
                self.cursor.x = self.columns - 1
            if size == 2 and self.cursor.x == self.columns - 1:
                letter, size = " ", 1
            line = self.buffer[self.cursor.y]
            line[self.cursor.x] = self.cursor.attrs._replace(data=letter)
            if size == 2:
                line[self.cursor.x + 1] = self.cursor.attrs._replace(data="")
            self.cursor.x = min(self.cursor.x + size, self.columns)


class CodePoints:
    """pyte as it is, for letters about which all agree."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed("\x1b[?7l")

    feed = Terminal.feed
    cells = Terminal.cells


def console(system: str = "truecolor") -> Console:
    return Console(file=io.StringIO(), color_system=system, width=WIDTH, force_terminal=True)  # type: ignore[arg-type]


def fit(parts: Iterable[tuple[str, int]], system: str = "truecolor") -> Strip:
    """A row of the frame: segments, cropped and filled to the width."""
    strip = Strip([Segment(text, STYLES[system][style]) for text, style in parts])
    return strip.adjust_cell_length(WIDTH, STYLES[system][2])


def layout(rows: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[one] for one in rows], Region(0, 0, WIDTH, HEIGHT))


def chops(rows: list[Strip], spans: list[tuple[int, int, int]], cut: int) -> ChopsUpdate:
    """An update of some spans, each row in two pieces as two panes would give it."""
    pieces = [dict(zip((0, cut), one.divide([cut, WIDTH]), strict=True)) for one in rows]
    return ChopsUpdate(pieces, spans, [[cut, WIDTH]] * HEIGHT)


letters = st.text(alphabet=ALPHABET, max_size=12)
parts = st.lists(st.tuples(letters, st.integers(0, 10)), max_size=5)
frames = st.lists(st.lists(parts, min_size=HEIGHT, max_size=HEIGHT), min_size=1, max_size=5)


@pytest.mark.parametrize("terminal", [Terminal, CodePoints])
@pytest.mark.parametrize("system", ["truecolor", "256", "standard"])
@given(frames=frames)
def test_whole_frames_come_out_cell_by_cell_the_same(terminal: type[Terminal], system: str,
                                                     frames: list[list[list[tuple[str, int]]]]) -> None:
    full, lean, frame = terminal(), terminal(), Frame()
    out = console(system)
    for rows in frames:
        update = layout([fit(one, system) for one in rows])
        full.feed(update.render_segments(out))
        lean.feed(frame.update(update, out))
        assert lean.cells() == full.cells()


@given(frames=frames, data=st.data())
def test_partial_updates_come_out_the_same(frames: list[list[list[tuple[str, int]]]], data: st.DataObject) -> None:
    full, lean, frame, out = Terminal(), Terminal(), Frame(), console()
    first = layout([fit(one) for one in frames[0]])
    full.feed(first.render_segments(out))
    lean.feed(frame.update(first, out))
    for rows in frames[1:]:
        cut = data.draw(st.integers(1, WIDTH - 1))
        spans = []
        for y in sorted(data.draw(st.sets(st.integers(0, HEIGHT - 1), min_size=1))):
            spans.append((y, 0, data.draw(st.sampled_from([cut, WIDTH]))))
        update = chops([fit(one) for one in rows], spans, cut)
        full.feed(update.render_segments(out))
        lean.feed(frame.update(update, out))
        assert lean.cells() == full.cells()


def test_the_same_frame_again_writes_nothing() -> None:
    frame, out = Frame(), console()
    rows = [fit([("where is my parcel", 2)]) for _ in range(HEIGHT)]
    assert frame.update(layout(rows), out)
    assert frame.update(layout([fit([("where is my parcel", 2)]) for _ in range(HEIGHT)]), out) == ""


def test_one_letter_costs_one_letter() -> None:
    frame, out = Frame(), console()
    frame.update(layout([fit([("0:07:05 Bo", 2)]) for _ in range(HEIGHT)]), out)
    written = frame.update(layout([fit([("0:07:04 Bo" if y == 3 else "0:07:05 Bo", 2)]) for y in range(HEIGHT)]), out)
    assert written == "\x1b[4;7H4"


def test_a_terminal_of_plain_characters_gets_plain_signs_and_peoples_own_letters() -> None:
    frame, out, terminal = Frame(ascii_signs=True), console(), Terminal()
    terminal.feed(frame.update(layout([fit([("↑↓ move · “Zoë” 伊藤…", 2)]) for _ in range(HEIGHT)]), out))
    assert terminal.screen.display[0].rstrip() == '^v move - "Zoë" 伊藤.'


def test_after_a_reset_everything_is_written_again() -> None:
    frame, out = Frame(), console()
    update = layout([fit([("abc", 2)]) for _ in range(HEIGHT)])
    first = frame.update(update, out)
    frame.reset()
    assert frame.update(update, out) == first


def test_another_size_is_written_whole() -> None:
    frame, out = Frame(), console()
    frame.update(layout([fit([("abc", 2)]) for _ in range(HEIGHT)]), out)
    wider = LayoutUpdate([[fit([("abc", 2)]).extend_cell_length(WIDTH + 2)] for _ in range(HEIGHT)],
                         Region(0, 0, WIDTH + 2, HEIGHT))
    assert frame.update(wider, out).count("abc") == HEIGHT


@pytest.mark.parametrize("before", ["👩‍👩‍👧 hello", "❤️ thanks", "🇩🇪 hallo", "plain text"])
@pytest.mark.parametrize("after", ["👩‍👩‍👧 bye", "no emoji now", "🙂 ok"])
def test_letters_that_terminals_measure_differently_rewrite_their_row(before: str, after: str) -> None:
    full, lean, frame, out = Terminal(), Terminal(), Frame(), console()
    for text in (before, after, before):
        update = layout([fit([(text, 2)]) for _ in range(HEIGHT)])
        full.feed(update.render_segments(out))
        written = frame.update(update, out)
        lean.feed(written)
        assert lean.cells() == full.cells()


def test_text_behind_an_unsure_letter_is_placed_and_not_left_to_chance() -> None:
    frame, out = Frame(), console()
    written = frame.update(layout([fit([("👩‍👩‍👧x", 0)]) for _ in range(HEIGHT)]), out)
    assert "👩‍👩‍👧\x1b[1;3Hx" in written


def test_right_to_left_isolates_stay_with_their_letters() -> None:
    frame, out = Frame(), console()
    written = frame.update(layout([fit([("a ", 0), ("\u2068طرد\u2069 b", 0)]) for _ in range(HEIGHT)]), out)
    assert written.count("\u2068") == written.count("\u2069") == HEIGHT
    assert "a \u2068\x1b[1;3Hط" in written


class Marks(Graphemes):
    """A terminal that keeps marks of no width with the cell before them, wherever they come."""

    def draw(self, data: str) -> None:
        for start, end, size in split_graphemes(data)[0]:
            if size:
                super().draw(data[start:end])
            elif self.cursor.x:
                cell = self.buffer[self.cursor.y][self.cursor.x - 1]
                self.buffer[self.cursor.y][self.cursor.x - 1] = cell._replace(data=cell.data + data[start:end])


def test_no_isolate_is_left_behind_when_its_letters_go() -> None:
    frame, out, terminal = Frame(), console(), Marks(WIDTH, HEIGHT)
    stream = pyte.Stream(terminal)
    for parts in ([("a ", 0), ("\u2068طرد\u2069", 1)], [("a b", 0)], [("a ", 0), ("\u2068رد\u2069", 1)], [("", 0)]):
        stream.feed(frame.update(layout([fit(parts) for _ in range(HEIGHT)]), out))
        marks = [mark for y in range(HEIGHT) for x in range(WIDTH) for mark in terminal.buffer[y][x].data
                 if mark in "\u2068\u2069"]
        assert len(marks) == 2 * HEIGHT * (len(parts) - 1)


pens = st.builds(Pen, st.lists(st.sampled_from(["1", "2", "3", "4", "7"]), unique=True).map(lambda c: tuple(sorted(c))),
                 st.sampled_from(["39", "31", "38;2;1;2;3"]), st.sampled_from(["49", "44", "48;2;1;2;3"]), st.just(""))


@given(st.lists(pens, max_size=8))
def test_any_pen_can_turn_into_any_other(chain: list[Pen]) -> None:
    turned, plain = Terminal(), Terminal()
    held = PLAIN
    for at, pen in enumerate(chain):
        turned.feed(turn(held, pen) + "x")
        codes = ";".join(["0", *pen.attributes, pen.ink, pen.ground])
        plain.feed(f"\x1b[{codes}mx")
        held = pen
        assert turned.screen.buffer[0][at] == plain.screen.buffer[0][at]
    assert turn(held, held) == ""
