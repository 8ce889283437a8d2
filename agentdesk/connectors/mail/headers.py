"""A mail's header read tolerantly: fields, encoded words (RFC 2047), addresses, ids and times.

Nothing here raises for what a stranger wrote; whatever cannot be read is shown as it is or left out. Texts are raw:
callers pass them through ``inert()``.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import quopri
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime

from agentdesk.connectors.foreign import ref
from agentdesk.model.clock import Millis

MOST_FIELDS = 1_000
MOST_IDS = 60
MOST_ADDRESSES = 100
LONGEST_VALUE = 20_000
LONGEST_ID = 200
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(r"(\?=)\s+(?==\?[^?\s]+\?[bBqQ]\?)")
_ID = re.compile(r"<([^<>]{1,2000})>")
_NO_ID = re.compile(r"[^!-~]+")
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\\\"@]{1,64}@[^\s<>()\[\],;:\\\"@]{1,253}")
_UNSAFE_CODECS = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7"))
_WIDER = {"ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949",
          "shift_jis": "cp932", "iso8859-9": "cp1254"}
"""Charsets whose names are used for what is really a larger one."""


@dataclass(frozen=True)
class Address:
    """A person in a header: the name as written, and the address in small letters."""

    name: str
    mail: str


class Header:
    """The fields of one header, by their names in small letters."""

    def __init__(self, raw: bytes) -> None:
        self.fields: dict[str, list[bytes]] = {}
        self.count = 0
        for name, value in _fields(raw):
            self.fields.setdefault(name, []).append(value)
            self.count += 1

    def raw(self, name: str) -> str:
        """The first field of that name as it was sent; empty when there is none."""
        return readable(self.fields[name][0][:LONGEST_VALUE], "") if name in self.fields else ""

    def text(self, name: str) -> str:
        """The same with encoded words decoded."""
        return decoded(self.raw(name))

    def word(self, name: str) -> str:
        """The first word of a field such as ``auto-replied; owner=…``, in small letters."""
        return re.split(r"[\s;(]", self.raw(name).strip(), maxsplit=1)[0].casefold()

    def has(self, *names: str) -> bool:
        """True when any of these fields is there."""
        return any(name in self.fields for name in names)

    def addresses(self, *names: str) -> list[Address]:
        """Everybody named in these fields, each once."""
        found: dict[str, Address] = {}
        for name in names:
            for value in self.fields.get(name, [])[:5]:
                for one in addresses(readable(value[:LONGEST_VALUE], "")):
                    found.setdefault(one.mail, one)
        return list(found.values())[:MOST_ADDRESSES]

    def ids(self, name: str) -> list[str]:
        """The message ids in a field; of very many the first and the last ones."""
        value = b" ".join(self.fields.get(name, [])[:3])[: 10 * LONGEST_VALUE]
        text = readable(value, "")
        found = [clean for one in _ID.findall(text) if (clean := clean_id(one))]
        if not found and name == "message-id":
            found = [clean for clean in [clean_id(text)] if clean]
        return found if len(found) <= MOST_IDS else found[:10] + found[10 - MOST_IDS :]

    @property
    def date(self) -> Millis | None:
        """When its writer says it was written."""
        return instant(self.raw("date"))


def _fields(raw: bytes) -> list[tuple[str, bytes]]:
    """Names and unfolded values; lines that are no field are passed over."""
    found: list[tuple[str, bytes]] = []
    for line in raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            if found and len(found[-1][1]) < 10 * LONGEST_VALUE:
                found[-1] = (found[-1][0], found[-1][1] + b" " + line.strip())
            continue
        if not line:
            break
        match = _FIELD.fullmatch(line)
        if match and len(found) < MOST_FIELDS:
            found.append((match[1].decode("ascii").casefold(), match[2].strip()))
    return found


def readable(data: bytes, charset: str) -> str:
    """Bytes as text whatever their charset says: the named one if it fits, else UTF-8, else Windows' Western one."""
    text = _named(data, charset) if charset else None
    if text is not None:
        return text
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = _named(data, charset, "replace") if charset else None
        return data.decode("cp1252", "replace") if text is None else text


def _named(data: bytes, charset: str, errors: str = "strict") -> str | None:
    """Decode by a charset's name; None when there is no such text encoding or it does not fit."""
    try:
        name = codecs.lookup(charset.strip().strip("'\"")).name
    except (LookupError, ValueError):
        return None
    if name in _UNSAFE_CODECS or (name == "ascii" and not data.isascii() and errors == "strict"):
        return None
    try:
        return data.decode(_WIDER.get(name, name), errors)
    except (UnicodeError, LookupError, ValueError, AssertionError):
        return None


def decoded(text: str) -> str:
    """Encoded words as text; those that are broken stay as they are."""
    if "=?" not in text:
        return text
    return _WORD.sub(_decode_word, _BETWEEN.sub(r"\1", text))


def _decode_word(found: re.Match[str]) -> str:
    charset, way, packed = found[1].partition("*")[0], found[2].lower(), found[3]
    try:
        raw = packed.encode("ascii")
        if way == "b":
            data = base64.b64decode(raw.rstrip(b"=") + b"=" * (-len(raw.rstrip(b"=")) % 4))
        else:
            data = quopri.decodestring(raw, header=True)
    except (binascii.Error, ValueError):
        return found[0]
    return readable(data, charset)


def addresses(value: str) -> list[Address]:
    """The people in a field; encoded words are decoded last, so that they cannot pose as addresses."""
    try:
        pairs = getaddresses([value])
    except (ValueError, IndexError, TypeError, RecursionError):
        pairs = []
    pairs = [(name, mail.strip()) for name, mail in pairs]
    found = [Address(decoded(name).strip(), mail.casefold()) for name, mail in pairs if is_address(mail)]
    if not found:
        found = [Address("", mail.casefold()) for mail in _ADDRESS.findall(value)[:1] if is_address(mail)]
    return found


def is_address(text: str) -> bool:
    """True for a plain address that mail can be sent to."""
    return len(text) <= 254 and bool(_ADDRESS.fullmatch(text)) and text.isprintable()


def clean_id(raw: str) -> str:
    """A message id as it is compared and kept: without brackets, printable, and of bearable length.

    What does not belong into one becomes «~», so that the rest can still be searched for.
    """
    text = _NO_ID.sub("~", raw.strip().strip("<>").strip())
    if len(text) <= LONGEST_ID:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: LONGEST_ID - 20]}~{digest}"


def searchable(message_id: str) -> str:
    """The part of an id under which a server can be asked for it."""
    return max(message_id.split("~"), key=len)


def message_id(header: Header) -> str:
    """The mail's id, or one made of what it says about itself, the same each time."""
    found = header.ids("message-id")
    if found:
        return ref(found[0])
    said = "\n".join(header.raw(name) for name in ("from", "to", "date", "subject", "received"))
    return f"{MADE_UP}{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:32]}@no-id.invalid"


MADE_UP = "made-"
"""Begins an id that we made for a mail without one."""


def is_made_up(identifier: str) -> bool:
    """True for an id that stands in no header."""
    return identifier.startswith(MADE_UP) and identifier.endswith("@no-id.invalid")


def instant(text: str) -> Millis | None:
    """A date in milliseconds; None when it is none, or absurd."""
    try:
        at = parsedate_to_datetime(text)
        millis = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None
    return millis if 0 < millis < 4_102_444_800_000 else None


def arrival(text: bytes) -> Millis | None:
    """IMAP's own form of a time, `` 1-Jan-2026 09:14:00 +0100``."""
    try:
        at = datetime.strptime(text.decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z")
        return int(at.timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None
