"""What a mail is made of, whether it was fetched whole (MIME, RFC 2045) or only described (BODYSTRUCTURE, RFC 9051)."""

from __future__ import annotations

import base64
import binascii
import email
import email.message
import quopri
import re
import warnings
from dataclasses import dataclass, field
from email.policy import compat32

from agentdesk.connectors.mail.grammar import Value, words
from agentdesk.connectors.mail.headers import decoded, readable

MOST_PARTS = 500
DEEPEST = 30
_CONTINUED = re.compile(r"(.+?)\*(\d+)?(\*)?$")


class Unreadable(ValueError):
    """The mail cannot be taken apart."""


@dataclass
class Part:
    """One part; ``section`` is its number for IMAP, ``data`` its content as it was sent, when it was fetched."""

    mime: str
    section: str = ""
    charset: str = ""
    encoding: str = ""
    name: str = ""
    disposition: str = ""
    description: str = ""
    params: dict[str, str] = field(default_factory=dict)
    size: int | None = None
    data: bytes | None = None
    is_unpacked: bool = False
    """True when ``data`` is without its transfer encoding already."""
    children: list[Part] = field(default_factory=list)

    @property
    def is_file(self) -> bool:
        """True for what is attached rather than said."""
        return self.disposition == "attachment" or bool(self.name)

    def content(self) -> bytes:
        """The content without its transfer encoding; what is damaged gives what can be saved of it."""
        return self.data or b"" if self.is_unpacked else unpacked(self.data or b"", self.encoding)

    def text(self) -> str:
        """The content as text."""
        return readable(self.content(), self.charset)

    def walk(self, depth: int = 0) -> list[Part]:
        """This part and all within it, in order."""
        if depth > DEEPEST:
            return [self]
        return [self, *(one for child in self.children for one in child.walk(depth + 1))]


def whole(raw: bytes) -> Part:
    """Take a whole mail apart; Unreadable when it is nested without end."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            message = email.message_from_bytes(raw, policy=compat32)
            return _part(message, "", 0, [0])
    except Unreadable:
        raise
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise Unreadable(f"its parts cannot be told apart ({type(error).__name__})") from error


def _part(message: email.message.Message, section: str, depth: int, count: list[int]) -> Part:
    count[0] += 1
    if depth > DEEPEST or count[0] > MOST_PARTS:
        raise Unreadable("it has parts within parts without end")
    params = _params([(str(key), str(value)) for key, value in _raw_params(message, "content-type")])
    said = _params([(str(key), str(value)) for key, value in _raw_params(message, "content-disposition")])
    part = Part(
        mime=message.get_content_type().casefold(), section=section, params=params, charset=params.get("charset", ""),
        encoding=str(message.get("content-transfer-encoding", "")).strip().casefold(),
        name=said.get("filename") or params.get("name", ""), disposition=_first(message.get("content-disposition")),
        description=decoded(str(message.get("content-description", ""))),
    )
    if part.mime.startswith("message/"):
        part.section = section or "1"
        part.data, part.is_unpacked = _flat(message.get_payload()), True
    elif message.is_multipart():
        for number, child in enumerate(message.get_payload(), 1):
            if isinstance(child, email.message.Message):
                part.children.append(_part(child, f"{section}.{number}".lstrip("."), depth + 1, count))
    else:
        part.section = section or "1"
        payload = message.get_payload(decode=True)
        part.data, part.is_unpacked = payload if isinstance(payload, bytes) else b"", True
    if part.data is not None:
        part.size = len(part.data)
    return part


def _raw_params(message: email.message.Message, header: str) -> list[tuple[str, str]]:
    """The parameters of a field, before their continuations (RFC 2231) are put together."""
    value = next((str(said) for key, said in message.raw_items() if key.casefold() == header), "")
    found = []
    for piece in _split(value.replace("\r", "").replace("\n", ""))[1:]:
        key, _, said = piece.partition("=")
        found.append((key.strip().casefold(), said.strip()))
    return found


def _split(value: str) -> list[str]:
    """A field's pieces between semicolons that are not quoted."""
    pieces, piece, inside, escaped = [], "", False, False
    for char in value[:20_000]:
        if char == ";" and not inside:
            pieces.append(piece)
            piece = ""
            continue
        if char == '"' and not escaped:
            inside = not inside
        escaped = char == "\\" and not escaped
        piece += char
    return [*pieces, piece]


def _params(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Parameters by name, continued and encoded ones (RFC 2231) put together, encoded words decoded all the same."""
    plain: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, bool, str]]] = {}
    for key, value in pairs[:200]:
        bare = value[1:-1].replace('\\"', '"').replace("\\\\", "\\") if value[:1] == '"' == value[-1:] else value
        found = _CONTINUED.fullmatch(key)
        if found:
            pieces.setdefault(found[1], []).append((int(found[2] or 0), bool(found[3]) or found[2] is None, bare))
        else:
            plain.setdefault(key, decoded(_eight_bit(bare)))
    for key, several in pieces.items():
        plain[key] = _joined(sorted(several))
    return plain


def _joined(pieces: list[tuple[int, bool, str]]) -> str:
    from urllib.parse import unquote_to_bytes

    charset = ""
    data = b""
    for number, (_, is_encoded, value) in enumerate(pieces):
        text = value
        if number == 0 and is_encoded and value.count("'") >= 2:
            charset, _, text = value.split("'", 2)
        raw = text.encode("utf-8", "surrogateescape")
        data += unquote_to_bytes(raw) if is_encoded else raw
    return readable(data, charset)


def _eight_bit(text: str) -> str:
    """Bytes beyond ASCII in a parameter, which have no charset."""
    return text if text.isascii() else readable(text.encode("utf-8", "surrogateescape"), "")


def _first(value: object) -> str:
    return str(value or "").partition(";")[0].strip().casefold()


def _flat(inner: object) -> bytes:
    """A message within the message, or the blocks of a report, as bytes again."""
    if isinstance(inner, str):
        return inner.encode("utf-8", "surrogateescape")
    out = []
    for one in inner if isinstance(inner, list) else []:
        try:
            out.append(one.as_bytes() if isinstance(one, email.message.Message) else b"")
        except (ValueError, LookupError, TypeError, AttributeError, KeyError):
            out.append(b"")
    return b"\n".join(out)


def unpacked(data: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding."""
    if encoding == "quoted-printable":
        return quopri.decodestring(data)
    if encoding == "base64":
        bare = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
        bare = bare[: len(bare) - (1 if len(bare) % 4 == 1 else 0)]
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))
    if encoding in ("x-uuencode", "uuencode", "x-uue"):
        return _uudecoded(data)
    return data


def _uudecoded(data: bytes) -> bytes:
    out = []
    for line in data.splitlines():
        if line.startswith((b"begin ", b"end")) or not line:
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            continue
    return b"".join(out)


def described(value: Value, section: str = "", depth: int = 0) -> Part:
    """A mail's parts from a BODYSTRUCTURE; Unreadable when the server tells nonsense."""
    if not isinstance(value, list) or not value or depth > DEEPEST:
        raise Unreadable("the server does not say what it is made of")
    if isinstance(value[0], list):
        return _described_several(value, section, depth)
    texts = [words(one).decode("utf-8", "replace") if not isinstance(one, list) else "" for one in value]
    if len(texts) < 7:
        raise Unreadable("the server does not say what it is made of")
    mime = f"{texts[0]}/{texts[1]}".casefold()
    at = 10 if mime == "message/rfc822" else 8 if mime.startswith("text/") else 7
    disposition, said = _disposition(value[at + 1] if len(value) > at + 1 else None)
    params = _given(value[2])
    size = int(texts[6]) if texts[6].isdecimal() else None
    encoding = texts[5].casefold()
    if size is not None and encoding == "base64":
        size = size * 72 // 98
    return Part(
        mime=mime, section=section or "1", params=params, charset=params.get("charset", ""), encoding=encoding,
        name=said.get("filename") or params.get("name", ""), disposition=disposition, size=size,
        description=decoded(texts[4]),
    )


def _described_several(value: list[Value], section: str, depth: int) -> Part:
    inner = [one for one in value if isinstance(one, list)]
    count = next((at for at, one in enumerate(value) if not isinstance(one, list)), len(value))
    if count > MOST_PARTS:
        raise Unreadable("it has too many parts")
    kind = words(value[count]).decode("ascii", "replace").casefold() if count < len(value) else "mixed"
    children = [described(one, f"{section}.{number}".lstrip("."), depth + 1)
                for number, one in enumerate(inner[:count], 1)]
    return Part(mime=f"multipart/{kind}", section=section, children=children)


def _given(value: Value) -> dict[str, str]:
    if not isinstance(value, list):
        return {}
    texts = [words(one).decode("utf-8", "replace") for one in value]
    return _params([(texts[at].casefold(), texts[at + 1]) for at in range(0, len(texts) - 1, 2)])


def _disposition(value: Value) -> tuple[str, dict[str, str]]:
    if not isinstance(value, list) or not value:
        return "", {}
    said = _given(value[1]) if len(value) > 1 else {}
    return words(value[0]).decode("ascii", "replace").casefold(), said


def base64_chunk(kept: bytes, fresh: bytes) -> tuple[bytes, bytes]:
    """Decode what is complete of a stream of base64: (the bytes, what is left for the next chunk)."""
    bare = kept + re.sub(rb"[^A-Za-z0-9+/]", b"", fresh)
    cut = len(bare) - len(bare) % 4
    return base64.b64decode(bare[:cut]), bare[cut:]
