"""Finding an address's mail servers: providers we know, what the domain says of itself (RFC 6186), and usual names.

The domain's own word comes over a protocol that nobody signs, so what is found is only offered, and nothing secret is
sent before a certificate for the server's name was shown.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
import struct
from dataclasses import dataclass
from pathlib import Path

from agentdesk.connectors.certificates import ssl_context
from agentdesk.connectors.mail.line import Line

ASK_S = 2.0
TRY_S = 4.0
RESOLVER = Path("/etc/resolv.conf")
SRV = 33


@dataclass(frozen=True)
class Provider:
    """Where a large provider's servers are, and what it wants as a password."""

    imap: str
    smtp: str
    hint: str = ""
    auth: str = "password"


_GOOGLE = Provider("imap.gmail.com", "smtp.gmail.com", "Google wants an app password: myaccount.google.com, Security, "
                   "2-Step Verification, App passwords")
_MICROSOFT = Provider(
    "outlook.office365.com", "smtp.office365.com:587", "Microsoft takes no passwords: it wants an access token, which "
    "a program such as oama prints; set auth: oauth2 and name that program in token:", "oauth2")
_APPLE = Provider("imap.mail.me.com", "smtp.mail.me.com:587", "Apple wants an app-specific password: "
                  "account.apple.com, Sign-In and Security")
_YAHOO = Provider("imap.mail.yahoo.com", "smtp.mail.yahoo.com", "Yahoo wants an app password: Account Security")
_FASTMAIL = Provider("imap.fastmail.com", "smtp.fastmail.com", "Fastmail wants an app password: Settings, Privacy and "
                     "Security")
KNOWN = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), _GOOGLE),
    **dict.fromkeys(("outlook.com", "hotmail.com", "live.com", "msn.com", "office365.com"), _MICROSOFT),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com"), _APPLE),
    **dict.fromkeys(("yahoo.com", "yahoo.de", "yahoo.co.uk", "yahoo.fr", "ymail.com"), _YAHOO),
    **dict.fromkeys(("fastmail.com", "fastmail.fm"), _FASTMAIL),
    "gmx.de": Provider("imap.gmx.net", "mail.gmx.net", "Allow POP3 and IMAP in the mailbox's settings first"),
    "gmx.net": Provider("imap.gmx.net", "mail.gmx.net", "Allow POP3 and IMAP in the mailbox's settings first"),
    "web.de": Provider("imap.web.de", "smtp.web.de", "Allow POP3 and IMAP in the mailbox's settings first"),
}
_BY_SERVER = {"google.com": _GOOGLE, "gmail.com": _GOOGLE, "outlook.com": _MICROSOFT, "office365.com": _MICROSOFT}


@dataclass(frozen=True)
class Found:
    """What to offer."""

    imap: str = ""
    smtp: str = ""
    hint: str = ""
    auth: str = "password"


async def servers_of(domain: str) -> Found:
    """Both servers of a domain, as far as they can be found."""
    known = KNOWN.get(domain)
    if known is not None:
        return Found(known.imap, known.smtp, known.hint, known.auth)
    imap, smtp, submission = await asyncio.gather(
        srv(f"_imaps._tcp.{domain}"), srv(f"_submissions._tcp.{domain}"), srv(f"_submission._tcp.{domain}"))
    provider = next((one for end, one in _BY_SERVER.items() if imap and imap[0].endswith(end)), None)
    found = Found(
        _written(imap, 993) or await _first_answering((f"imap.{domain}", f"mail.{domain}"), 993),
        _written(smtp, 465) or (f"{submission[0]}:{submission[1]}" if submission else "")
        or await _first_answering((f"smtp.{domain}", f"mail.{domain}"), 465),
    )
    return Found(found.imap, found.smtp, provider.hint, provider.auth) if provider else found


def _written(place: tuple[str, int] | None, usual: int) -> str:
    if place is None:
        return ""
    return place[0] if place[1] == usual else f"{place[0]}:{place[1]}"


async def _first_answering(hosts: tuple[str, ...], port: int) -> str:
    """The first of these with a certificate for its name."""
    try:
        context = await asyncio.to_thread(ssl_context, "", "mail")
    except ssl.SSLError:
        return ""
    for host in hosts:
        try:
            async with asyncio.timeout(TRY_S):
                line = await Line.open(host, port, context)
                await line.close()
        except (OSError, TimeoutError, ValueError):
            continue
        return host
    return ""


async def srv(name: str, resolver: tuple[str, int] | None = None) -> tuple[str, int] | None:
    """Where a domain says that a service is (RFC 2782); None when it does not say, or nobody answers in time."""
    server = resolver or await asyncio.to_thread(_resolver)
    if server is None or len(name) > 250 or not name.isascii():
        return None
    number = secrets.randbelow(1 << 16)
    question = b"".join(bytes([len(label)]) + label for label in name.encode("ascii").split(b".") if len(label) < 64)
    asked = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + question + b"\0" + struct.pack(">HH", SRV, 1)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[bytes] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: _Ear(answer), remote_addr=server)
    except OSError:
        return None
    try:
        transport.sendto(asked)
        async with asyncio.timeout(ASK_S):
            return best(await answer, number)
    except (TimeoutError, OSError, ValueError, IndexError, struct.error):
        return None
    finally:
        transport.close()


class _Ear(asyncio.DatagramProtocol):
    """Hears one answer."""

    def __init__(self, answer: asyncio.Future[bytes]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self._answer.done():
            self._answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc)


def _resolver() -> tuple[str, int] | None:
    """The name server that this machine asks."""
    try:
        lines = RESOLVER.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            return words[1], 53
    return None


def best(data: bytes, number: int) -> tuple[str, int] | None:
    """The place with the least priority and the most weight in an answer; ValueError for anything else."""
    said, flags, questions, answers = struct.unpack(">HHHH", data[:8])
    if said != number or flags & 0x800F != 0x8000:
        raise ValueError("not an answer to what was asked")
    at = 12
    for _ in range(questions):
        at = _name(data, at)[1] + 4
    places = []
    for _ in range(min(answers, 50)):
        _, at = _name(data, at)
        kind, _, _, size = struct.unpack(">HHIH", data[at : at + 10])
        at += 10
        if kind == SRV:
            priority, weight, port = struct.unpack(">HHH", data[at : at + 6])
            host, _ = _name(data, at + 6)
            if host and port:
                places.append((priority, -weight, host, port))
        at += size
    if not places:
        return None
    _, _, host, port = min(places)
    return host, port


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A name in a DNS answer, with its pointers followed: (the name, where it ends)."""
    labels: list[str] = []
    end = -1
    for _ in range(128):
        size = data[at]
        if size & 0xC0 == 0xC0:
            end = at + 2 if end < 0 else end
            at = (size & 0x3F) << 8 | data[at + 1]
        elif size == 0:
            return ".".join(labels), at + 1 if end < 0 else end
        else:
            label = data[at + 1 : at + 1 + size].decode("ascii")
            if not all(char.isalnum() or char in "-_" for char in label):
                raise ValueError("a name that no server has")
            labels.append(label.lower())
            at += 1 + size
    raise ValueError("a name that leads in circles")
