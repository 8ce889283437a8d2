"""HTML to plain text: what a person would read, with every link's true target in sight.

Nothing is fetched, nothing is run; entities are decoded once; the result still passes ``inert()`` like all foreign
text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from agentdesk.connectors.html_tokens import Tag, tokens

MAX_HTML = 1_000_000
_SPACED = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "pre", "blockquote", "dl"))
"""Blocks set off by an empty line."""
_BLOCKS = _SPACED | {
    "address", "article", "aside", "body", "center", "dd", "details", "dialog", "div", "dt", "fieldset", "figcaption",
    "figure", "footer", "form", "header", "li", "main", "nav", "section", "summary", "tr",
}
_CELLS = ("td", "th")
_SKIPPED = frozenset(("title", "template", "svg"))
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")
_HASHTAG = re.compile(r"#\w+")
_IS_HANDLE = re.compile(r"@?[\w.:-]+(?:@[\w.:-]+)?")
_QUOTE = "> "
_DEEPEST = 10


def html_to_text(html: str, known: Mapping[str, str] | None = None) -> str:
    """Return ``html`` as text: blocks on their own lines, quotations marked, link targets shown where they differ.

    ``known`` gives for link targets what stands for the whole link, such as the handle of who is mentioned; links that
    say they are a hashtag are shown by their text.
    """
    reader = _Reader(_SKIPPED, known or {})
    reader.read(html[:MAX_HTML])
    if reader.skips:  # never closed: better to show too much than to lose what was said
        reader = _Reader(frozenset(), known or {})
        reader.read(html[:MAX_HTML])
    return reader.text()


class _Reader:
    """Walks through tags, keeping lines."""

    def __init__(self, skipped: frozenset[str], known: Mapping[str, str]) -> None:
        self._skipped = skipped
        self._known = known
        self._handle: list[str] | None = None
        self._stands_for = ""
        self._hashtag = False
        self._skipping = ""
        self._depth = 0
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quotes = 0
        self._pre = 0
        self._lists: list[int] = []
        self._link = ""
        self._shown: list[str] = []

    @property
    def skips(self) -> bool:
        """True when something that is left out was never closed."""
        return self._depth > 0

    def read(self, html: str) -> None:
        """Take in a whole document."""
        for token in tokens(html):
            if isinstance(token, Tag):
                self._tag(token)
            elif not self._depth:
                self._text(token)
        self._end_link()

    def text(self) -> str:
        """The lines, never more than one empty line in a row."""
        out: list[str] = []
        for line in [*self._lines, "".join(self._line)]:
            shown = line.rstrip()
            if shown.strip("> "):
                out.append(shown)
            elif out and out[-1]:
                out.append("")
        return "\n".join(out).strip("\n")

    def _tag(self, tag: Tag) -> None:
        name = tag.name
        if self._depth:
            if name == self._skipping:
                self._depth += -1 if tag.closes else 1
        elif name in self._skipped and not tag.closes:
            self._skipping, self._depth = name, 1
        elif name == "a":
            self._end_link()
            if not tag.closes:
                self._begin_link(tag.attributes)
        elif name in _BLOCKS:
            self._end_handle()
            self._close(name) if tag.closes else self._open(name)
        elif not tag.closes:
            self._single(name, tag.attributes)

    def _single(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("br", "hr", "img"):
            self._end_handle()
        if name == "br":
            self._newline()
        elif name == "hr":
            self._break()
            self._write("----")
            self._break()
        elif name == "img":
            alt = _SPACE.sub(" ", attributes.get("alt", "")).strip()
            if alt:
                self._write(f"[{alt}]")
                self._shown.append(alt)
        elif name in _CELLS and self._said:
            self._write("  ")

    def _text(self, data: str) -> None:
        if self._handle is not None:
            self._handle.append(data)
            return
        if self._link:
            self._shown.append(data)
        if self._pre:
            head, *rest = data.replace("\r\n", "\n").split("\n")
            self._write(head)
            for line in rest:
                self._newline()
                self._write(line)
            return
        text = _SPACE.sub(" ", data)
        self._write(text.lstrip(" ") if not self._said or self._line[-1].endswith(" ") else text)

    @property
    def _said(self) -> bool:
        """True when the line under way holds more than quotation marks."""
        return bool(self._line) and not (len(self._line) == 1 and not self._line[0].strip("> "))

    def _write(self, text: str) -> None:
        if not text:
            return
        if not self._line and self._quotes:
            self._line.append(_QUOTE * min(self._quotes, _DEEPEST))
        self._line.append(text)

    def _newline(self) -> None:
        self._lines.append("".join(self._line))
        self._line = []

    def _break(self, *, spaced: bool = False) -> None:
        """Start a new line unless one has just been started."""
        if self._line:
            self._newline()
        if spaced and self._lines and self._lines[-1]:
            self._newline()

    def _open(self, name: str) -> None:
        self._break(spaced=name in _SPACED and not (name in ("ul", "ol") and self._lists))
        if name == "blockquote":
            self._quotes += 1
        elif name == "pre":
            self._pre += 1
        elif name in ("ul", "ol"):
            self._lists.append(0 if name == "ul" else 1)
        elif name == "li":
            self._bullet()

    def _close(self, name: str) -> None:
        self._break(spaced=name in _SPACED and not (name in ("ul", "ol") and len(self._lists) > 1))
        if name == "blockquote":
            self._quotes = max(0, self._quotes - 1)
        elif name == "pre":
            self._pre = max(0, self._pre - 1)
        elif name in ("ul", "ol") and self._lists:
            self._lists.pop()

    def _bullet(self) -> None:
        indent = "  " * max(0, min(len(self._lists), _DEEPEST) - 1)
        number = self._lists[-1] if self._lists else 0
        if number:
            self._lists[-1] += 1
        self._write(f"{indent}{number}. " if number else f"{indent}- ")

    def _end_handle(self) -> None:
        """Write what stands for a link, if its text is a handle and nothing else."""
        if self._handle is None:
            return
        said, self._handle = "".join(self._handle), None
        is_handle = _IS_HANDLE.fullmatch(said.strip()) is not None
        if is_handle:
            self._link = ""
        self._text(self._stands_for if is_handle else said)

    def _begin_link(self, attributes: dict[str, str]) -> None:
        link = attributes.get("href", "").strip()
        self._hashtag = "hashtag" in attributes.get("class", "").split()
        self._link = link
        if link in self._known:
            self._handle, self._stands_for = [], self._known[link]

    def _end_link(self) -> None:
        """Show where a link leads when its text says something else."""
        self._end_handle()
        link, shown = self._link, " ".join("".join(self._shown).split())
        self._link, self._shown = "", []
        if not link or link.startswith(("#", "cid:")):
            return
        target = link.removeprefix("mailto:").removeprefix("tel:")
        if shown and (shown == target or _bare(shown) == _bare(target)):
            return
        if self._hashtag and _HASHTAG.fullmatch(shown):
            return
        gap = " " if self._said and not self._line[-1].endswith(" ") else ""
        self._write(f"{gap}<{target}>")


def _bare(address: str) -> str:
    """An address without its scheme, www. and final slash: what people write for it."""
    address = address.strip()
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        return address
    if scheme in ("http", "https"):
        address = address[len(scheme) + 3 :]
    return address.removeprefix("www.").rstrip("/")
