"""Making mails: who gets them, which thread they continue, and how they look on the way.

Everything that a stranger wrote and that comes back into a header (subject, names, ids) is made one line first, so
that no header can be smuggled in. The id and the date are fixed when a reply is frozen: each attempt sends the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.charset import QP, Charset
from email.header import Header as EncodedHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import msgspec

from agentdesk.config.sources import MailSource
from agentdesk.connectors.mail.headers import Address, Header, is_address, message_id
from agentdesk.connectors.mail.mark import OWN_ID
from agentdesk.connectors.mail.threads import base_subject, parents
from agentdesk.errors import Rejected
from agentdesk.model.outgoing import Outgoing, Upload
from agentdesk.model.text import inert_line

MOST_REFERENCES = 20
"""The first of a thread and its last ones: longer lists are refused by some servers."""
LONGEST_SUBJECT = 250
DELIMITER = "-- "
"""What mail programs take as the beginning of a signature (RFC 3676)."""
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)
_LOCAL_SAFE = re.compile(r"[^A-Za-z0-9._-]")


class Frozen(msgspec.Struct, omit_defaults=True):
    """What is fixed before the first attempt."""

    id: str
    at: int
    v: int = 1


@dataclass
class Envelope:
    """A mail on its way."""

    to: list[Address]
    cc: list[Address] = field(default_factory=list)
    subject: str = ""
    in_reply_to: str = ""
    references: list[str] = field(default_factory=list)

    @property
    def recipients(self) -> list[str]:
        """Everybody who gets it."""
        return list(dict.fromkeys(one.mail for one in (*self.to, *self.cc)))


def frozen(out: Outgoing, address: str) -> Frozen:
    """The id and date of a reply; made from the reply alone, so that they are the same at any time."""
    if out.extra:
        try:
            return msgspec.json.decode(out.extra, type=Frozen)
        except msgspec.DecodeError:
            return _made(out, address)
    return _made(out, address)


def _made(out: Outgoing, address: str) -> Frozen:
    local = _LOCAL_SAFE.sub("-", out.client_id)[:120]
    return Frozen(id=f"{local}.agentdesk@{domain(address)}", at=out.created_at)


def domain(address: str) -> str:
    """The part behind the @, as it stands in headers and on the line."""
    name = address.rpartition("@")[2]
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return "invalid"


def wire_address(mail: str, name: str) -> str:
    """An address as SMTP takes it; Rejected when it cannot be one."""
    local = mail.rpartition("@")[0]
    if not is_address(mail) or not local.isascii() or domain(mail) == "invalid":
        raise Rejected(f"{name}: {inert_line(mail, limit=100) or 'nothing'} is no address that mail can be sent to",
                       "It is not written as one, or has letters beyond ASCII before the @", "Check the address")
    return f"{local}@{domain(mail)}"


def answer_to(header: Header, config: MailSource, ours: frozenset[str], root: str) -> Envelope:
    """Whom a reply to this mail goes to and where it belongs.

    To: Reply-To, else From; of our own mails those it went to. Others in To and Cc get a copy only with reply_all,
    because what a customer writes to several people is not for us to pass on.
    """
    sender = header.addresses("from")
    if sender and sender[0].mail in ours and not [one for one in header.addresses("reply-to") if one.mail not in ours]:
        to = [one for one in header.addresses("to") if one.mail not in ours]
    else:
        to = [one for one in header.addresses("reply-to") if one.mail not in ours][:1] or sender[:1]
    cc: list[Address] = []
    if config.reply_all:
        taken = {one.mail for one in to} | ours
        cc = [one for one in header.addresses("to", "cc") if one.mail not in taken]
    subject = base_subject(header.text("subject"))
    own = message_id(header)
    chain = [*([] if root == own else [root]), *(one for one in parents(header) if one != root), own]
    if len(chain) > MOST_REFERENCES:
        chain = chain[:1] + chain[1 - MOST_REFERENCES :]
    return Envelope(to, cc, f"Re: {subject}" if subject else "Re:", own, chain)


def written(out: Outgoing, envelope: Envelope, config: MailSource, files: list[tuple[Upload, bytes]],
            mark: str) -> bytes:
    """The whole mail as bytes; ``mark`` is what we know it by."""
    it = frozen(out, config.address)
    body = EmailMessage(policy=_POLICY)
    text = out.text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    if config.footer:
        text = "\n".join([text, "", DELIMITER, *config.footer])
    _set_text(body, text + "\n")
    for upload, data in files:
        main, _, sub = (upload.mime if re.fullmatch(r"[\w.+-]+/[\w.+-]+", upload.mime) else "").partition("/")
        if not sub or main in ("multipart", "message"):
            main, sub = "application", "octet-stream"
        body.add_attachment(data, maintype=main, subtype=sub, filename=str(inert_line(upload.name, limit=200)))
        if upload.alt.strip():
            [*body.iter_attachments()][-1]["Content-Description"] = str(inert_line(upload.alt))
    return _head(envelope, config, it, mark) + body.as_bytes()


def _set_text(body: EmailMessage, text: str) -> None:
    """Plain words as they are, everything else in a form that any server passes on unchanged."""
    plain = text.isascii() and all(len(line) <= 76 and not line.endswith(" ") for line in text.split("\n"))
    body.set_content(text, charset="us-ascii" if plain else "utf-8", cte="7bit" if plain else "quoted-printable")


def _head(envelope: Envelope, config: MailSource, it: Frozen, mark: str) -> bytes:
    """The fields before the body's own."""
    us = Address(config.display_name, config.address)
    rows = [
        ("From", _people([us])), ("To", _people(envelope.to)), ("Cc", _people(envelope.cc)),
        ("Subject", _encoded(envelope.subject, "Subject")),
        ("Date", format_datetime(datetime.fromtimestamp(it.at / 1_000, UTC))), ("Message-ID", f"<{it.id}>"),
        ("In-Reply-To", _ids([envelope.in_reply_to] if envelope.in_reply_to else [])),
        ("References", _ids(envelope.references)),
        (OWN_ID, mark),
    ]
    return "".join(f"{name}: {value}\r\n" for name, value in rows if value).encode("ascii")


def _ids(ids: list[str]) -> str:
    """Ids that can stand in a header, one to a line."""
    return "\r\n ".join(f"<{one}>" for one in ids if one.isascii() and one.isprintable() and " " not in one)


def _people(people: list[Address]) -> str:
    return ",\r\n ".join(_person(one) for one in people)


def _person(one: Address) -> str:
    address = wire_address(one.mail, "mail")
    name = str(inert_line(one.name, limit=120))
    if not name or name.casefold() == one.mail:
        return address
    if name.isascii():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{_encoded(name)} <{address}>"


def _encoded(text: str, field_name: str = "") -> str:
    """One line of text for a header, folded."""
    line = str(inert_line(text, limit=LONGEST_SUBJECT))
    if line.isascii() and "=?" not in line and len(line) + len(field_name) < 70:
        return line
    charset = Charset("utf-8")
    charset.header_encoding = QP if line.isascii() else charset.header_encoding
    value = EncodedHeader(line, charset, header_name=field_name or "X-Long-Field-Name", maxlinelen=74)
    return value.encode(linesep="\r\n")
