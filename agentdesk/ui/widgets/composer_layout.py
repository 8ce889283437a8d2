"""What stands above and below the text that is being written: pure layout."""

from __future__ import annotations

from dataclasses import dataclass

from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import OutKind
from agentdesk.ui.present import line
from agentdesk.ui.theme import UNICODE, Glyphs
from agentdesk.ui.widgets.runs import Row, Run, cells, fold


@dataclass(frozen=True)
class Facts:
    """How the draft stands."""

    kind: OutKind = OutKind.REPLY
    visibility: Visibility = Visibility.PUBLIC
    room: int | None = None
    """What the channel's count leaves; None without a limit."""
    to: str = ""
    """Whom and when it answers, where that is not the last message."""
    canned: str = ""
    edited: bool = False
    saved: str = ""
    """``saved``, ``typing`` or ``not saved``; empty while there is nothing to save."""
    files: tuple[tuple[str, str, bool], ...] = ()
    """What is attached: name, size, and whether it is described."""


NAMES = {OutKind.NOTE: "note", OutKind.TICKET: "ticket", OutKind.DM: "private message",
         OutKind.EDIT: "another text for a reply of ours"}


@dataclass(frozen=True)
class Note:
    """One line below the text: what is wrong or new, and which key goes on."""

    text: str
    how: str = ""
    ink: str = "warn"


def head(facts: Facts, width: int, glyphs: Glyphs = UNICODE) -> Row:
    """Where the text goes, how much room is left, where it came from, and whether it is kept."""
    note = facts.kind is OutKind.NOTE
    must = [Run(" "), Run(NAMES.get(facts.kind, "reply"), "note" if note else "accent", bold=True), Run("  ")]
    narrow = facts.visibility in (Visibility.DIRECT, Visibility.INTERNAL)
    ticket = facts.kind is OutKind.TICKET
    words = "only colleagues read it" if note else facts.visibility.value
    if ticket:
        words = f"to {line(facts.to, 40, pad=False)}" if facts.to else "for colleagues"
    must.append(Run(words, "note" if note else "mine" if narrow else "bright"))
    if facts.room is not None:
        late = facts.room < 0
        must.append(Run(f"{glyphs.dot:^3}", "faint"))
        must.append(Run(f"{-facts.room} too long" if late else f"{facts.room} left",
                        "late" if late else "soon" if facts.room < 20 else "dim"))
    saved = (Run(facts.saved, "late" if facts.saved == "not saved" else "faint"), Run(" ")) if facts.saved else ()
    room = width - cells(saved) - 1
    if facts.to and not ticket and cells(must) + cells((Run(facts.to),)) + 6 <= room:
        must.extend((Run(f"{glyphs.dot:^3}", "faint"), Run(f"to {facts.to}", "accent")))
    origin = next((item for item in _origins(facts) if cells(must) + 3 + cells(item) <= room), None)
    if origin is not None:
        must.extend((Run(f"{glyphs.dot:^3}", "faint"), *origin))
    return Row(tuple(must), saved)


def files(facts: Facts, width: int, glyphs: Glyphs = UNICODE) -> list[Row]:
    """The line with what is attached; none while nothing is."""
    runs: list[Run] = [Run(" ")]
    for number, (name, size, described) in enumerate(facts.files):
        more = len(facts.files) - number
        part = [Run(f"{glyphs.file} ", "dim"), Run(line(name, 30, pad=False), "text"), Run(f" {size}", "dim"),
                Run(" described" if described else "", "faint"), Run("   ")]
        if cells(runs) + cells(part) > width - 9 and number:
            runs.append(Run(f"and {more} more", "dim"))
            break
        runs += part
    return [Row(tuple(runs))] if facts.files else []


def _origins(facts: Facts) -> tuple[tuple[Run, ...], ...]:
    """Where the text came from, in ever fewer words."""
    if not facts.canned:
        return ()
    state = Run("edited", "dim") if facts.edited else Run("not edited", "warn")
    name = line(facts.canned, 28, pad=False)
    return ((Run(f"canned: {name} ", "dim"), state), (Run(f"{name} ", "dim"), state), (state,))


def foot(notes: tuple[Note, ...], width: int, glyphs: Glyphs = UNICODE, most: int = 6) -> list[Row]:
    """The lines below the text: what is wrong, then dimly how to go on; at most ``most``.

    Where there is little room, what is wrong is cut before how to go on is.
    """
    rows: list[Row] = []
    for words, ways in ((3, 3), (2, 3), (1, 3), (1, 2), (1, 1)):
        rows = [row for note in notes for row in _note(note, width, glyphs, words, ways)]
        if len(rows) <= most:
            return rows
    indent = " " * (len(glyphs.warn) + 2)
    return [*rows[:most - 1], Row((Run(f"{indent}{len(rows) - most + 1} more lines", "dim"),))]


def _note(note: Note, width: int, glyphs: Glyphs, words: int, ways: int) -> list[Row]:
    """One note in at most so many lines for what is wrong, and so many for how to go on."""
    indent = " " * (len(glyphs.warn) + 2)
    room = max(10, width - len(indent) - 1)
    sign = f" {glyphs.warn} " if note.ink in ("warn", "late") else indent
    rows = [Row((Run(indent if number else sign, note.ink), Run(part, note.ink)))
            for number, part in enumerate(fold(note.text, room, words))]
    if note.how:
        rows.extend(Row((Run(indent), Run(part, "dim"))) for part in fold(note.how, room, ways))
    return rows
