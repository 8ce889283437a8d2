"""The first frame, painted before Textual is imported: the shell and the first rows, as the queue list draws them.

Importing the screen's libraries takes longer than reading the queue; so what people came for is shown meanwhile. The
app then paints the same cells over it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agentdesk.commands.keymap import WORDS, Keymap
from agentdesk.desk import find
from agentdesk.errors import DeskError
from agentdesk.ui.present import line
from agentdesk.ui.present import width as cells_of
from agentdesk.ui.rows import DeskRows
from agentdesk.ui.terminal import Settings
from agentdesk.ui.theme import Palette, choose_palette
from agentdesk.ui.widgets.queue_row import Look, Part, countdown, row_parts

if TYPE_CHECKING:
    from agentdesk.desk.desk import Desk
    from agentdesk.ui.shell import Shell


@contextmanager
def painted(desk: Desk, settings: Settings, themes: tuple[Path, ...], keymap: Keymap, shell: Shell) -> Iterator[str]:
    """Show the first frame while the body imports and makes the app; an error in it gives the terminal back.

    What is given is the frame without its rows, for the next start's shell.
    """
    out = sys.__stderr__
    palette, _ = choose_palette(settings, themes)
    if out is None or not out.isatty() or (settings.depth == "256" and not palette.theme.ansi and palette.colour):
        shell.leave()
        yield ""
        return
    size = os.get_terminal_size(out.fileno())
    try:
        shell.enter(frame(desk, palette, keymap, settings, size.columns, size.lines))
        yield frame(desk, palette, keymap, settings, size.columns, size.lines, rows=False)
    except BaseException:
        shell.leave()
        raise


def frame(desk: Desk, palette: Palette, keymap: Keymap, settings: Settings, columns: int, lines: int, *,
          rows: bool = True) -> str:
    """The whole first frame as the terminal takes it, or only its shell."""
    left, middle, right = widths(columns, settings)
    rest = [Part(" " * middle, "text", "panel"), Part(" " * right, "text", "side")]
    body = list(_body(desk, palette, settings, left, max(lines - 2, 1), rows))
    title = " agentdesk" if columns >= 64 else " desk"
    texts = [ansi([Part(title, "accent", "status", True)], palette, "status", columns)]
    texts += [ansi(row, palette, "base", left) + ansi(rest, palette, "side", middle + right) for row in body]
    texts.append(ansi(_keys(desk, keymap, columns, filled=rows), palette, "status", columns))
    return "".join(f"\x1b[{y}H{text}" for y, text in enumerate(texts[:lines], 1))


def widths(columns: int, settings: Settings) -> tuple[int, int, int]:
    """How wide list, conversation and customer are at the start; 0 for a pane that has no place."""
    right = min(max(columns // 5, 24), 34)
    if columns >= settings.wide:
        left = min(max(round((columns - right) * 0.54), 44), 84)
        return left, columns - left - right, right
    if columns >= settings.medium:
        left = max(columns // 2, 44)
        return left, columns - left, 0
    return columns, 0, 0


def _body(desk: Desk, palette: Palette, settings: Settings, width: int, height: int, filled: bool
          ) -> Iterator[list[Part]]:
    """The views and the first rows."""
    views = find.views(desk)
    tabs: list[Part] = []
    used = 0
    for place, view in enumerate(views):
        text = f" {view.key} {line(view.name, 14, pad=False)} " if view.key else f" {line(view.name, 14, pad=False)} "
        if used + cells_of(text) > width - 6:
            break
        used += cells_of(text)
        tabs.append(Part(text, "bright" if place == 0 else "dim", "cursor" if place == 0 else "base", place == 0))
    yield tabs
    source = DeskRows(desk)
    try:
        where = source.compile(views[0].query) if views and filled else None
    except DeskError:
        where = None
    rows = source.window(where, limit=height - 2) if where is not None else []
    look = Look(palette, desk.agent, width, "bar" if palette.few else settings.cursor, True)
    now = desk.now()
    for at in range(height - 1):
        if at >= len(rows):
            yield []
            continue
        clock = countdown(rows[at], now, source.closed, desk.zone, palette.glyphs)
        yield row_parts(rows[at], look, clock, cursor=at == 0, marked=False)


def _keys(desk: Desk, keymap: Keymap, width: int, *, filled: bool) -> list[Part]:
    """The key bar of the queue."""
    moment = "" if not filled or find.has_sources(desk) else "unconnected"
    bar = [(keys, WORDS.get(verb, verb)) for keys, verb in keymap.bar("queue", moment)]
    parts = [Part(" ", "text", "status")]
    for place in fitting([cells_of(keys) + cells_of(word) + 3 for keys, word in bar], width - 1):
        keys, word = bar[place]
        parts += [Part(keys, "key", "status"), Part(f" {word}  ", "dim", "status")]
    return parts


def fitting(cells: Sequence[int], width: int, kept: int = 1) -> list[int]:
    """Which of the words side by side there is room for, the first ones and before them the last ``kept``; places."""
    order = [*range(len(cells) - kept, len(cells)), *range(len(cells) - kept)] if len(cells) > kept else []
    found: list[int] = []
    for place in order or range(len(cells)):
        if cells[place] <= width:
            found.append(place)
            width -= cells[place]
    return sorted(found)


def ansi(parts: Iterable[Part], palette: Palette, ground: str, width: int) -> str:
    """A line in the terminal's own terms, filled up to its width."""
    out: list[str] = []
    used = 0
    for part in parts:
        used += cells_of(part.text)
        out.append(f"\x1b[{palette.codes(part.ink, part.ground, bold=part.bold)}m{part.text}")
    if used < width:
        out.append(f"\x1b[{palette.codes('text', ground)}m{' ' * (width - used)}")
    return "".join(out) + "\x1b[m" if width else ""
