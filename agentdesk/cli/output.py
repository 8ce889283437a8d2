"""Data to stdout as a table, JSON lines or CSV; talk to stderr. Nothing else in agentdesk prints."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from errno import EIO, EPIPE
from typing import Any

import msgspec

from agentdesk.errors import DeskError
from agentdesk.model.text import inert, inert_line
from agentdesk.paths import in_profile

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the start of a formula."""


CELL = 120
"""Characters of a table's cell, but for the last one in a line."""
WHOLE = 2_000
"""Characters of a line's last cell."""


def plain(value: object) -> Any:
    """Structs, enums and tuples as JSON's own types."""
    return msgspec.to_builtins(value)


class _Spelled(dict[int, str]):
    """Letters as JSON may hold them on a terminal: those that would act there are spelled out, which loses nothing."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = found = char if inert(char) == char else json.dumps(char)[1:-1]
        return found


_SPELLED = _Spelled()


def as_json(value: object) -> None:
    """One JSON document on one line, with nothing in it that acts on a terminal."""
    line = json.dumps(plain(value), ensure_ascii=not whole_unicode(), separators=(",", ":"))
    _put(line if line.isascii() and line.isprintable() else line.translate(_SPELLED))


def whole_unicode() -> bool:
    """True when stdout has bytes for every letter; where it has not, JSON spells them out, which loses nothing."""
    return (sys.stdout.encoding or "").lower().replace("_", "-").startswith("utf")


def as_lines(values: Iterable[object]) -> None:
    """One JSON document a line, as they come."""
    for value in values:
        as_json(value)


def as_csv(rows: Sequence[Mapping[str, object]]) -> None:
    """Comma separated, with a header; cells are inert, and those that look like formulas get a leading apostrophe."""
    if not rows:
        return
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    _put(out.getvalue(), end="")


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = inert(value)
    return "'" + text if text.startswith(FORMULA_STARTS) else text


def table(rows: Sequence[Mapping[str, object]], *, right: Sequence[str] = ()) -> None:
    """Columns by terminal cells; the header is the first row's keys. The last column is never cut."""
    if not rows:
        return
    names = list(rows[0])
    lines: list[list[str]] = [names]
    lines += [[*(_shortened(row, name) for name in names[:-1]), inert_line(str(row.get(names[-1], "")), limit=WHOLE)]
              for row in rows]
    widths = [max(width(line[place]) for line in lines) for place in range(len(names))]
    for line in lines:
        parts = []
        for name, cell, size in zip(names, line, widths, strict=True):
            gap = " " * (size - width(cell))
            parts.append(gap + cell if name in right else cell + gap)
        _put("  ".join(parts).rstrip())


def _shortened(row: Mapping[str, object], name: str) -> str:
    text = inert_line(str(row.get(name, "")), limit=WHOLE)
    return text if len(text) <= CELL else f"{text[:CELL - 1]}…"


def width(text: str) -> int:
    """Terminal cells that a text takes."""
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.combining(char) or char in ("\u200d", "\ufe0f"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def text(words: str) -> None:
    """Text of ours or of others, made safe, as data."""
    _put(inert(words))


def _put(words: str, end: str = "\n") -> None:
    with writing():
        print(words, end=end)


@contextmanager
def writing() -> Iterator[None]:
    """Say so when stdout takes no more, as on a full disk; that somebody went away is for ``entry`` to hear."""
    try:
        yield
    except OSError as error:
        if error.errno in (EPIPE, EIO):
            raise
        write_no_more()
        raise DeskError("The output cannot be written", error.strerror or str(error),
                        "Look where it goes to, then call again") from error


def write_no_more() -> None:
    """Let what is still to be written go nowhere, so that the end of the process does not fail on it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(words: str) -> None:
    """Talk: to stderr, never data."""
    print(inert(words), file=sys.stderr)


def complain(error: DeskError, profile: str = "default") -> None:
    """An error in up to three lines on stderr: what, why, what next."""
    say(f"agentdesk: {error.title}")
    problems = getattr(error, "problems", ())
    for problem in problems:
        say(f"  {problem}")
    if error.cause and not problems:
        say(f"  why: {error.cause}")
    if error.remedy:
        say(f"  next: {in_profile(error.remedy, profile)}")
