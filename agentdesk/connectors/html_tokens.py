"""HTML cut into texts and tags in one pass, in time that grows with its length whatever it holds.

The standard library's parser takes minutes for a mail of unclosed tags or comments, and stops at some nonsense.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import msgspec

_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_GAP = re.compile(r"[\s/]*")
_ATTRIBUTE = re.compile(r"([^\s/>][^\s/>=]*)(\s*=\s*)?")
_BARE = re.compile(r"[^\s>]*")
_RAW_ENDS = {name: re.compile(f"</{name}", re.I) for name in ("script", "style")}


class Tag(msgspec.Struct, frozen=True):
    """A tag; names in small letters, the first of equal attributes counts."""

    name: str
    closes: bool = False
    attributes: dict[str, str] = {}


def tokens(html: str) -> Iterator[str | Tag]:
    """Texts (entities decoded once) and tags in order; comments, declarations and scripts are left out."""
    return _Scanner(html).run()


class _Scanner:
    """Never looks twice for what is known to be missing: that keeps it linear."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._at = 0
        self._end_known = 0
        self._comments_end = True
        self._quotes_close = True

    def run(self) -> Iterator[str | Tag]:
        html = self._html
        while self._at < len(html):
            start = html.find("<", self._at)
            if start < 0:
                yield _decoded(html[self._at :])
                return
            if start > self._at:
                yield _decoded(html[self._at : start])
            self._at = start
            found = self._markup()
            if found == "<" and self._end(start) < 0:
                yield _decoded(html[start:])
                return
            if found:
                yield found

    def _end(self, start: int) -> int:
        """The next «>», or -1; looked for once."""
        if 0 <= self._end_known < start or self._end_known == 0:
            self._end_known = self._html.find(">", start)
        return self._end_known

    def _markup(self) -> str | Tag:
        """What begins at a «<»; moves on behind it. Empty text for what is left out."""
        html, start = self._html, self._at
        after = html[start + 1 : start + 2]
        closes = after == "/"
        name = _NAME.match(html, start + 2 if closes else start + 1)
        if name is not None and name[0].isascii():
            return self._tag(name[0].lower(), name.end(), closes)
        if html.startswith("<!--", start):
            end = html.find("-->", start + 4) if self._comments_end else -1
            self._comments_end = end >= 0
            self._at = end + 3 if end >= 0 else start + 4
            return ""
        if after in ("!", "?", "/") and after and (end := self._end(start)) >= 0:
            self._at = end + 1
            return ""
        self._at = start + 1
        return "<"

    def _tag(self, name: str, at: int, closes: bool) -> str | Tag:
        start = self._at
        attributes: dict[str, str] = {}
        end = self._attributes(at, attributes) if self._quotes_close else -1
        if end < 0:  # some quotation mark never closes: from here on a tag ends at the next «>»
            self._quotes_close = False
            end = self._end(start) + 1
            if end == 0:
                self._at = start + 1
                return "<"
        self._at = end
        if not closes and name in _RAW_ENDS:
            found = _RAW_ENDS[name].search(self._html, end)
            self._at = found.start() if found else len(self._html)
        return Tag(name, closes, attributes)

    def _attributes(self, at: int, found: dict[str, str]) -> int:
        """Read attributes up to the end of the tag: the place behind it, or -1 when it never ends."""
        html = self._html
        while True:
            at = _GAP.match(html, at).end()  # type: ignore[union-attr]
            if at >= len(html):
                return -1
            if html[at] == ">":
                return at + 1
            name = _ATTRIBUTE.match(html, at)
            assert name is not None  # noqa: S101 - one character that is no gap and no end always matches
            at = name.end()
            value = ""
            if name[2]:
                if html[at : at + 1] in ('"', "'"):
                    close = html.find(html[at], at + 1)
                    if close < 0:
                        return -1
                    value, at = html[at + 1 : close], close + 1
                else:
                    bare = _BARE.match(html, at)
                    assert bare is not None  # noqa: S101 - it matches nothing, too
                    value, at = bare[0], bare.end()
            found.setdefault(name[1].lower(), _decoded(value))


def _decoded(text: str) -> str:
    """Entities into characters; absurdly long numbers stay as they are."""
    if "&" not in text:
        return text
    try:
        return unescape(text)
    except ValueError:
        return text
