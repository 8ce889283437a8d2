"""Recognising our own reply on the far side by its text, where nothing better came back with it."""

from __future__ import annotations

import unicodedata

from agentdesk.model.text import inert

LOOK_BACK = 120_000
"""How much earlier than the first attempt, in milliseconds, a copy may be dated: clocks differ."""


def normal(text: str) -> str:
    """A text as it survives a server's own handling: composed characters, single spaces, no invisible ones."""
    return " ".join(unicodedata.normalize("NFC", inert(text)).split())


def same_text(ours: str, theirs: str) -> bool:
    """True when ``theirs`` is what became of ``ours``; text added below it by the server does not count against it."""
    mine, other = normal(ours), normal(theirs)
    return bool(mine) and (mine == other or (len(mine) >= 40 and other.startswith(mine + " ")))
