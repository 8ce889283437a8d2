"""A ticket that is being written, as one text: a few lines that say where it goes, a blank line, then its words.

It is edited like a reply and kept like a draft, so everything about it is on the screen and survives whatever happens.
"""

from __future__ import annotations

import msgspec

from agentdesk.errors import UsageError
from agentdesk.model.outgoing import Outgoing
from agentdesk.model.text import inert, inert_line

HEADS = ("To", "Place", "Subject", "Tags", "Note")
MAX_SUBJECT = 200
"""Longer subjects are cut by one help desk or another."""
_YES, _NO = ("yes", "y", "true", "on", "1"), ("no", "n", "false", "off", "0", "")


class TicketText(msgspec.Struct, frozen=True, kw_only=True):
    """What a new ticket says and where it is to be opened."""

    source: str
    """The help desk."""
    subject: str
    text: str
    place: str = ""
    """Queue, group or inbox there; empty for the usual one."""
    tags: tuple[str, ...] = ()
    note_back: bool | None = None
    """Leave an internal note where it comes from, once it has landed; None where no notes are kept."""

    @property
    def written(self) -> str:
        """The same as one text to be edited."""
        heads = [("To", self.source), ("Place", self.place), ("Subject", self.subject), ("Tags", ", ".join(self.tags))]
        if self.note_back is not None:
            heads.append(("Note", "yes" if self.note_back else "no"))
        lines = "".join(f"{name}: {value}".rstrip() + "\n" for name, value in heads)
        return f"{lines}\n{self.text}"


def read(written: str) -> TicketText:
    """Take the text apart again; UsageError names the line that cannot be understood."""
    lines = inert(written).lstrip("\n").split("\n")
    heads: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            break
        name, colon, value = line.partition(":")
        known = next((head for head in HEADS if head.casefold() == name.strip().casefold()), None)
        if not colon or known is None:
            raise UsageError(f"Line {number} of the ticket is not one of its first lines", line.strip()[:80],
                             "Leave a blank line before the text; the first lines are " + ", ".join(HEADS))
        if known in heads:
            raise UsageError(f"Line {number} of the ticket says {known} once more", "", "Take one of the two out")
        heads[known] = inert_line(value, limit=1_000)
    else:
        number += 1
    return TicketText(source=heads.get("To", ""), place=heads.get("Place", ""), subject=heads.get("Subject", ""),
                  tags=tuple(filter(None, (tag.strip() for tag in heads.get("Tags", "").split(",")))),
                  note_back=_said(heads["Note"]) if "Note" in heads else None,
                  text="\n".join(lines[number:]).strip())


def of(out: Outgoing, source: str) -> TicketText:
    """The text that a frozen ticket was."""
    return TicketText(source=source, place=out.place, subject=out.subject, tags=out.tags, text=out.text,
                  note_back=out.note_back)


def _said(value: str) -> bool:
    if value.casefold() in _YES:
        return True
    if value.casefold() in _NO:
        return False
    raise UsageError(f"Note: {value} is neither yes nor no", "", "Say Note: yes or Note: no")
