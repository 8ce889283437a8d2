"""What kind of mail it is: a person's, an automatic answer, a report of delivery, or one sent to many.

Only what surely answers something of ours by itself is quiet (RFC 3834, RFC 3464). A form on a web page says that it is
automatic, and so does every word of a person who writes through a help desk of their own: those must not be missed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from agentdesk.connectors.mail.headers import Header
from agentdesk.connectors.mail.parts import Part

_REPLY_FIELDS = ("x-autoreply", "x-autorespond", "x-autoresponse", "x-auto-reply-from", "x-mail-autoreply")
_AWAY = re.compile(
    r"^\s*(out of (the )?office|automatic reply|auto(matic)?[- ]?(reply|response)|"
    r"autoreply|automatische (antwort|reactie)|abwesenheits(notiz|agent|hinweis)|abwesend|réponse automatique|"
    r"respuesta automática|resposta automática|risposta automatica|autosvar|automaattinen vastaus|"
    r"autoodpowiedź)", re.IGNORECASE)
_SYSTEM = re.compile(r"^(mailer-daemon|postmaster|mail-daemon|mdaemon)@", re.IGNORECASE)
_FAILED = re.compile(
    r"undeliver|returned mail|delivery (status|failure|has failed|failed)|failure notice|mail delivery|"
    r"unzustellbar|nicht zugestellt|delayed|non remis", re.IGNORECASE)
_BROUGHT_BACK = re.compile(rb"^message-id:[ \t]*(?:\r?\n[ \t]+)?<([^<>\s]{1,300})>", re.IGNORECASE | re.MULTILINE)


class MailKind(StrEnum):
    """The kinds that the desk treats differently."""

    PERSON = "person"
    AUTOMATIC = "automatic"
    FAILED = "failed"
    DELAYED = "delayed"
    REPORT = "report"
    """Delivered, or read."""
    BULK = "bulk"


@dataclass(frozen=True)
class Report:
    """What a report of delivery says."""

    about: str = ""
    """The id of the mail that it is about."""
    header: Header | None = None
    """That mail's header, when it was brought back."""
    recipient: str = ""
    why: str = ""


def kind_of(header: Header, root: Part | None) -> tuple[MailKind, Report | None]:
    """Which kind a mail is, and what it reports."""
    report = report_of(header, root) if root is not None else None
    if report is not None:
        return report
    submitted = header.word("auto-submitted")
    answers = header.has("in-reply-to", "references")
    looks_away = bool(_AWAY.match(header.text("subject")))
    precedence = header.word("precedence")
    if submitted in ("auto-replied", "auto-notified") or precedence == "auto_reply" or header.has(*_REPLY_FIELDS):
        return MailKind.AUTOMATIC, None
    is_made = submitted not in ("", "no") or precedence in ("bulk", "junk")
    if looks_away and (is_made or header.has("x-auto-response-suppress", "x-ms-exchange-inbox-rules-loop")):
        return MailKind.AUTOMATIC, None
    if precedence == "junk" and answers:
        return MailKind.AUTOMATIC, None
    if is_made and (answers or header.has("list-unsubscribe", "list-id", "feedback-id")):
        return MailKind.BULK, None
    return MailKind.PERSON, None


def report_of(header: Header, root: Part) -> tuple[MailKind, Report] | None:
    """Read a report of delivery in the standard's form, or in that of older servers; None for anything else."""
    sender = next((one.mail for one in header.addresses("from")), "")
    is_report = root.mime == "multipart/report"
    nobody = header.raw("return-path").strip() == "<>"
    if not is_report and not ((_SYSTEM.match(sender) or nobody) and _FAILED.search(header.text("subject"))):
        return None
    way = root.params.get("report-type", "").casefold()
    parts = root.walk()
    status = next((one.content() for one in parts if one.mime == "message/delivery-status"), b"")
    if is_report and not status and way in ("disposition-notification", "feedback-report"):
        return MailKind.REPORT, Report(*_about(header, parts))
    fields = _status_fields(status)
    action = fields.get("action", "" if status else "failed").casefold()
    recipient = fields.get("final-recipient") or fields.get("original-recipient", "")
    why = fields.get("diagnostic-code") or fields.get("status", "")
    kind = {"failed": MailKind.FAILED, "delayed": MailKind.DELAYED}.get(
        action, MailKind.REPORT if action in ("delivered", "relayed", "expanded") else MailKind.FAILED)
    return kind, Report(*_about(header, parts), recipient.partition(";")[2].strip() or recipient,
                        why.partition(";")[2].strip() or why)


def _about(header: Header, parts: list[Part]) -> tuple[str, Header | None]:
    """The id of the mail that a report brings back, whole, as its header, or quoted in a text; and that header."""
    for part in parts:
        if part.mime in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers") and part.data:
            back = Header(part.content())
            found = back.ids("message-id")
            if found:
                return found[0], back
        if part.mime == "message/disposition-notification":
            found = Header(part.content()).ids("original-message-id")
            if found:
                return found[0], None
    answered = header.ids("in-reply-to") or header.ids("references")[-1:]
    if answered:
        return answered[0], None
    for part in parts:
        if part.mime == "text/plain" and part.data:
            quoted = _BROUGHT_BACK.findall(part.content()[:100_000])
            if quoted:
                return str(quoted[-1].decode("utf-8", "replace")), None
    return "", None


def _status_fields(status: bytes) -> dict[str, str]:
    """The fields of the first recipient of a delivery status."""
    found: dict[str, str] = {}
    for block in status.replace(b"\r\n", b"\n").split(b"\n\n")[:20]:
        header = Header(block.lstrip(b"\n"))
        if header.has("final-recipient", "action"):
            for name in ("action", "status", "final-recipient", "original-recipient", "diagnostic-code"):
                if header.has(name) and name not in found:
                    found[name] = header.text(name)
            if found.get("action", "").casefold() == "failed":
                break
    return found
