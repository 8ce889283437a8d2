"""HTML to plain text: what a person would read, with every link's true target in sight.

Nothing is fetched, nothing is run; entities are decoded once; the result
still passes ``inert()`` like all foreign text.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

MAX_HTML = 2_000_000
_SPACED = frozenset(("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "pre", "blockquote", "dl"))
"""Blocks set off by an empty line."""
_BLOCKS = _SPACED | {
    "address", "article", "aside", "body", "center", "dd", "details", "dialog", "div", "dt", "fieldset", "figcaption",
    "figure", "footer", "form", "header", "li", "main", "nav", "section", "summary", "tr",
}  # fmt: skip
_CELLS = ("td", "th")
_RAW = frozenset(("script", "style"))
_SKIPPED = _RAW | {"title", "template", "svg"}
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")
_QUOTE = "> "


def html_to_text(html: str) -> str:
    """Return ``html`` as text: blocks on their own lines, quotations marked, link targets shown where they differ."""
    reader = _read(html[:MAX_HTML], _SKIPPED)
    if reader.skips:  # never closed: better to show too much than to lose what was said
        reader = _read(html[:MAX_HTML], _RAW)
    return reader.text()


def _read(html: str, skipped: frozenset[str]) -> _Reader:
    reader = _Reader(skipped)
    reader.feed(html)
    reader.close()
    return reader


class _Reader(HTMLParser):
    """Walks through tags, keeping lines."""

    def __init__(self, skipped: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self._skipped = skipped
        self._lines: list[str] = [""]
        self._skipping: list[str] = []
        self._quotes = 0
        self._pre = 0
        self._lists: list[int] = []
        self._link = ""
        self._link_text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._skipped:
            self._skipping.append(tag)
        if self._skipping:
            return
        values = {name: value or "" for name, value in attrs}
        if tag == "br":
            self._newline()
        elif tag == "hr":
            self._break()
            self._write("----")
            self._break()
        elif tag == "img":
            self._image(values)
        elif tag == "a":
            self._end_link()
            self._link, self._link_text = values.get("href", "").strip(), ""
        elif tag in _CELLS:
            self._write("  " if self._lines[-1].strip() else "")
        elif tag in _BLOCKS:
            self._open_block(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            if tag in self._skipping:
                while self._skipping.pop() != tag:
                    continue
            return
        if tag == "a":
            self._end_link()
        elif tag in _BLOCKS:
            self._close_block(tag)

    def handle_data(self, data: str) -> None:
        if self._skipping:
            return
        if self._link:
            self._link_text += data
        if self._pre:
            head, *rest = data.replace("\r\n", "\n").split("\n")
            self._write(head)
            for line in rest:
                self._newline()
                self._write(line)
            return
        text = _SPACE.sub(" ", data)
        if not self._lines[-1].strip(" >") or self._lines[-1].endswith(" "):
            text = text.lstrip(" ")
        self._write(text)

    def unknown_decl(self, data: str) -> None:
        """Leave out what Outlook and others hide in conditional sections."""

    @property
    def skips(self) -> bool:
        """True when something that is left out was never closed."""
        return bool(self._skipping)

    def text(self) -> str:
        """The lines, without more than one empty line in a row."""
        self._end_link()
        lines = [line.rstrip() for line in self._lines]
        out: list[str] = []
        for line in lines:
            empty = not line.strip("> ")
            if empty and (not out or not out[-1].strip("> ")):
                continue
            out.append("" if empty else line)
        return "\n".join(out).strip("\n")

    def _write(self, text: str) -> None:
        if not text:
            return
        if not self._lines[-1] and self._quotes:
            self._lines[-1] = _QUOTE * min(self._quotes, 10)
        self._lines[-1] += text

    def _newline(self) -> None:
        self._lines.append("")

    def _break(self, *, spaced: bool = False) -> None:
        """Start a new line unless one has just been started."""
        if self._lines[-1]:
            self._newline()
        if spaced and len(self._lines) > 1 and self._lines[-2]:
            self._newline()

    def _open_block(self, tag: str) -> None:
        self._break(spaced=tag in _SPACED and not (tag in ("ul", "ol") and self._lists))
        if tag == "blockquote":
            self._quotes += 1
        elif tag == "pre":
            self._pre += 1
        elif tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ul" else 1)
        elif tag == "li":
            self._bullet()

    def _close_block(self, tag: str) -> None:
        self._break(spaced=tag in _SPACED and not (tag in ("ul", "ol") and len(self._lists) > 1))
        if tag == "blockquote":
            self._quotes = max(0, self._quotes - 1)
        elif tag == "pre":
            self._pre = max(0, self._pre - 1)
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()

    def _bullet(self) -> None:
        indent = "  " * max(0, min(len(self._lists), 10) - 1)
        number = self._lists[-1] if self._lists else 0
        if number:
            self._lists[-1] += 1
        self._write(f"{indent}{number}. " if number else f"{indent}- ")

    def _image(self, values: dict[str, str]) -> None:
        alt = _SPACE.sub(" ", values.get("alt", "")).strip()
        if alt:
            self._write(f"[{alt}]")
            if self._link:
                self._link_text += alt

    def _end_link(self) -> None:
        """Show where a link leads when its text says something else."""
        link, shown = self._link, " ".join(self._link_text.split())
        self._link = self._link_text = ""
        if not link or link.startswith(("#", "cid:")):
            return
        target = link.removeprefix("mailto:").removeprefix("tel:")
        if shown and _same(shown, target):
            return
        gap = "" if not self._lines[-1] or self._lines[-1].endswith(" ") else " "
        self._write(f"{gap}<{target}>")


def _same(shown: str, target: str) -> bool:
    """True when a link's text tells its target in full, give or take the scheme and a final slash."""
    if shown == target:
        return True
    return _bare(shown) == _bare(target)


def _bare(address: str) -> str:
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return address
    if parts.scheme in ("http", "https"):
        address = address.strip()[len(parts.scheme) + 3 :]
    return address.removeprefix("www.").rstrip("/")
