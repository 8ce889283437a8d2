"""Knowing the same text again, whatever a platform did to its spaces, links and leading handles."""

from __future__ import annotations

import hashlib
import re

from agentdesk.model.words import tokens
from agentdesk.store.codec import storable

_HANDLES = re.compile(r"\A\s*(?:@[^\s@]+(?:@[^\s@]+)?[\s:,]+)+")
_LINK = re.compile(r"https?://\S+|www\.\S+")


def likeness(text: str) -> bytes:
    """A short hash that is the same for two texts with the same words; empty for an empty text."""
    plain = _LINK.sub(" ", _HANDLES.sub("", storable(text)))
    words = " ".join(tokens(plain)) or " ".join(storable(text).split())
    return hashlib.blake2b(words.encode(), digest_size=16).digest() if words else b""
