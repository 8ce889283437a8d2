"""IMAP's way of writing values (RFC 9051 §9), both directions: read tolerantly and within limits, written strictly."""

from __future__ import annotations

import base64
import re
from typing import TypeAlias

Value: TypeAlias = "bytes | list[Value] | None"
"""A word or string, nothing (NIL), or a list."""
Piece: TypeAlias = "str | bytes | Literal"

MAX_DEPTH = 60
_LITERAL = re.compile(rb"\{(\d{1,12})\+?\}$")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_WORD = re.compile(rb'[^\s()"\[]*(?:\[[^\]]*\][^\s()"]*)?')


class Literal(bytes):
    """Bytes that are sent, or came, with their length before them."""


class Garbled(ValueError):
    """It is no IMAP."""


def literal_size(line: bytes) -> int | None:
    """How many bytes follow a line that announces a literal; None when it does not."""
    found = _LITERAL.search(line)
    return int(found[1]) if found else None


def read(pieces: list[bytes]) -> list[Value]:
    """The values of one answer, whose literals stand between its lines."""
    stack: list[list[Value]] = [[]]
    for piece in pieces:
        if isinstance(piece, Literal):
            stack[-1].append(bytes(piece))
        else:
            _read_line(_LITERAL.sub(b"", piece), stack)
    if len(stack) != 1:
        raise Garbled("a list has no end")
    return stack[0]


def _read_line(line: bytes, stack: list[list[Value]]) -> None:
    at = 0
    while at < len(line):
        sign = line[at : at + 1]
        if sign.isspace():
            at += 1
        elif sign == b"(":
            if len(stack) >= MAX_DEPTH:
                raise Garbled("lists within lists without end")
            inner: list[Value] = []
            stack[-1].append(inner)
            stack.append(inner)
            at += 1
        elif sign == b")":
            if len(stack) == 1:
                raise Garbled("a list ends that never began")
            stack.pop()
            at += 1
        else:
            at = _read_word(line, at, stack[-1])


def _read_word(line: bytes, at: int, into: list[Value]) -> int:
    quoted = _QUOTED.match(line, at)
    if quoted:
        into.append(re.sub(rb"\\(.)", rb"\1", quoted[1]) if b"\\" in quoted[1] else quoted[1])
        return quoted.end()
    word = _WORD.match(line, at)
    if word is None or word.end() == at:  # a lone bracket or quotation mark
        into.append(line[at : at + 1])
        return at + 1
    into.append(None if word[0].upper() == b"NIL" else word[0])
    return word.end()


def quoted(text: str) -> Piece:
    """A value as an argument: as a quoted string where that can hold it, else as a literal."""
    if text.isascii() and text.isprintable():
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return Literal(text.replace("\0", "").encode("utf-8", "replace"))


def numbers(chosen: list[int]) -> str:
    """A set of mails, with neighbours as ranges."""
    out: list[str] = []
    first = last = 0
    for number in sorted(set(chosen)):
        if last and number == last + 1:
            last = number
            continue
        if last:
            out.append(str(first) if first == last else f"{first}:{last}")
        first = last = number
    if last:
        out.append(str(first) if first == last else f"{first}:{last}")
    return ",".join(out)


def folder_name(name: str) -> Piece:
    """A folder's name as IMAP writes it: modified UTF-7 (RFC 3501 §5.1.3), quoted."""
    out: list[str] = []
    other = ""
    for char in [*name, ""]:
        if char and not " " <= char <= "~":
            other += char
            continue
        if other:
            packed = base64.b64encode(other.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
            out.append(f"&{packed.decode()}-")
            other = ""
        out.append("&-" if char == "&" else char)
    return quoted("".join(out))


def folder_text(raw: bytes) -> str:
    """A folder's name as people write it."""

    def unpacked(found: re.Match[str]) -> str:
        packed = found[1].replace(",", "/")
        if not packed:
            return "&"
        try:
            return base64.b64decode(packed + "=" * (-len(packed) % 4)).decode("utf-16-be")
        except ValueError:
            return found[0]

    text = raw.decode("utf-8", "replace")
    return re.sub(r"&([A-Za-z0-9+,]*)-", unpacked, text)


def words(value: Value) -> bytes:
    """A value as bytes; nothing for nothing, and for a list."""
    return value if isinstance(value, bytes) else b""
