"""Names that customers chose, put into our own replies: nobody is to be called by them by accident."""

from __future__ import annotations

import re

_CALL = re.compile(r"(?:[@＠]{2,}|(?<!\w)[@＠])(?=\w)")
"""An @ that platforms read as a mention: before a word and not inside one, as it is in a mail address."""


def silent(text: str) -> str:
    """``text`` without the @ that would mention somebody; mail addresses stay as they are."""
    return _CALL.sub("", text)
