"""A mail server's memory: folders with numbers that only grow, mails as bytes, and searching as IMAP does it."""

from __future__ import annotations

import email
import email.message
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.header import decode_header, make_header

from agentdesk.model.clock import Clock, Millis

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@dataclass
class Kept:
    """A mail in a folder."""

    uid: int
    raw: bytes
    at: Millis
    flags: set[str] = field(default_factory=set)

    @property
    def message(self) -> email.message.Message:
        return email.message_from_bytes(self.raw)

    @property
    def internaldate(self) -> str:
        day = datetime.fromtimestamp(self.at / 1_000, UTC)
        return f"{day.day:2}-{MONTHS[day.month - 1]}-{day.year} {day:%H:%M:%S} +0000"

    def head(self, name: str) -> str:
        """A field, encoded words decoded."""
        values = self.message.get_all(name, [])
        try:
            return " ".join(str(make_header(decode_header(str(value)))) for value in values)
        except (ValueError, LookupError):
            return " ".join(map(str, values))


@dataclass
class Box:
    """A folder."""

    name: str
    flags: tuple[str, ...] = ()
    validity: int = 1_000
    next_uid: int = 1
    mails: list[Kept] = field(default_factory=list)

    def add(self, raw: bytes, at: Millis, *, uid: int = 0, flags: set[str] | None = None) -> Kept:
        """A mail comes in."""
        number = uid or self.next_uid
        self.next_uid = max(self.next_uid, number + 1)
        kept = Kept(number, raw, at, flags or set())
        self.mails.append(kept)
        self.mails.sort(key=lambda one: one.uid)
        return kept

    def rebuild(self, *, first: int = 500) -> None:
        """The server loses its numbers: the same mails under others."""
        self.validity += 1
        for number, kept in enumerate(self.mails, first):
            kept.uid = number
        self.next_uid = first + len(self.mails)


class Account:
    """One mailbox with its folders."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        boxes = (Box("INBOX"), Box("Sent", ("\\Sent",)), Box("Archive", ("\\Archive",)))
        self.boxes = {box.name: box for box in boxes}

    @property
    def inbox(self) -> Box:
        return self.boxes["INBOX"]

    @property
    def sent(self) -> Box:
        return self.boxes["Sent"]


def search(box: Box, words: list[object]) -> list[int]:
    """The UIDs that fit all criteria."""
    test = list(_criteria(iter(_upper(words)), box))
    return [kept.uid for kept in box.mails if all(one(kept) for one in test)]


def _upper(words: list[object]) -> Iterator[object]:
    yield from words


def _criteria(words: Iterator[object], box: Box) -> Iterator[object]:
    for word in words:
        yield _criterion(str(word).upper(), words, box)


def _criterion(name: str, words: Iterator[object], box: Box):  # type: ignore[no-untyped-def]
    def text() -> str:
        return str(next(words)).casefold()

    match name:
        case "ALL":
            return lambda kept: True
        case "NOT":
            inner = _criterion(str(next(words)).upper(), words, box)
            return lambda kept: not inner(kept)
        case "OR":
            one = _criterion(str(next(words)).upper(), words, box)
            two = _criterion(str(next(words)).upper(), words, box)
            return lambda kept: one(kept) or two(kept)
        case "UID":
            chosen = uid_set(str(next(words)), box)
            return lambda kept: kept.uid in chosen
        case "HEADER":
            field_name, said = str(next(words)), text()
            return lambda kept: field_name in kept.message and said in kept.head(field_name).casefold()
        case "FROM" | "TO" | "SUBJECT":
            said = text()
            return lambda kept: said in kept.head(name).casefold()
        case "TEXT":
            said = text()
            return lambda kept: said in kept.raw.decode("utf-8", "replace").casefold() or any(
                said in (part.get_payload(decode=True) or b"").decode("utf-8", "replace").casefold()
                for part in kept.message.walk() if not part.is_multipart())
        case "SINCE":
            day, month, year = str(next(words)).split("-")
            since = datetime(int(year), MONTHS.index(month) + 1, int(day), tzinfo=UTC).timestamp() * 1_000
            return lambda kept: kept.at >= since
    raise ValueError(f"unknown search key {name}")


def uid_set(text: str, box: Box) -> set[int]:
    """A set such as ``3,7:9,12:*``; as on real servers ``*`` is the last mail, whichever side it stands on."""
    last = max((kept.uid for kept in box.mails), default=0)
    found: set[int] = set()
    for piece in text.split(","):
        first, _, second = piece.partition(":")
        low = last if first == "*" else int(first)
        high = low if not second else last if second == "*" else int(second)
        low, high = min(low, high), max(low, high)
        found |= {kept.uid for kept in box.mails if low <= kept.uid <= high}
    return found


def section(kept: Kept, wanted: str) -> bytes:
    """The bytes of BODY[wanted]."""
    head, _, body = kept.raw.partition(b"\r\n\r\n")
    head += b"\r\n\r\n"
    name = wanted.upper()
    if name == "":
        return kept.raw
    if name == "HEADER":
        return head
    if name == "TEXT":
        return body
    if name.startswith("HEADER.FIELDS"):
        names = {one.upper() for one in re.findall(r"[\w-]+", wanted[len("HEADER.FIELDS"):])}
        out, keep = b"", False
        for line in head.split(b"\r\n"):
            if not line[:1].isspace():
                keep = line.partition(b":")[0].decode("latin-1").upper() in names
            out += line + b"\r\n" if keep else b""
        return out + b"\r\n"
    part: email.message.Message = kept.message
    for number in wanted.split("."):
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            part = part.get_payload()[int(number) - 1]  # type: ignore[index, assignment]
        elif number != "1":
            return b""
    payload = part.get_payload()
    if isinstance(payload, list):
        return payload[0].as_bytes()
    return str(payload).encode("utf-8", "surrogateescape")


def structure(part: email.message.Message) -> str:
    """BODYSTRUCTURE."""
    if part.get_content_maintype() == "multipart":
        inner = "".join(structure(child) for child in part.get_payload())  # type: ignore[arg-type]
        return f'({inner} "{part.get_content_subtype().upper()}" NIL NIL NIL)'
    payload = part.get_payload()
    data = payload if isinstance(payload, str) else payload[0].as_string()
    params = [(key, value) for key, value in (part.get_params() or [])[1:]]
    said = _list(params)
    names = [(key, value) for key, value in (part.get_params(header="content-disposition") or [])[1:]]
    way = part.get("Content-Disposition", "").partition(";")[0].strip()
    disposition = f'("{way.upper()}" {_list(names)})' if way else "NIL"
    encoding = part.get("Content-Transfer-Encoding", "7BIT").upper()
    begin = (f'("{part.get_content_maintype().upper()}" "{part.get_content_subtype().upper()}" {said} NIL NIL '
             f'"{encoding}" {len(data)}')
    if part.get_content_maintype() == "text":
        begin += f" {data.count(chr(10))}"
    if part.get_content_type() == "message/rfc822":
        begin += f" NIL NIL {data.count(chr(10))}"
    return f"{begin} NIL {disposition} NIL NIL)"


def _list(pairs: list[tuple[str, str]]) -> str:
    clean = [(key, str(value).replace("\\", "").replace('"', "'").encode("ascii", "replace").decode())
             for key, value in pairs]
    return "(" + " ".join(f'"{key.upper()}" "{value}"' for key, value in clean) + ")" if clean else "NIL"
