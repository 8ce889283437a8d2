"""What a person reads of a mail: its text, found among its parts, and the files that came with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agentdesk.connectors.html import html_to_text
from agentdesk.connectors.mail.headers import Header
from agentdesk.connectors.mail.parts import Part
from agentdesk.connectors.mail.quotes import marked, unflowed

LONGEST_TEXT = 200_000
MOST_FILES = 100
_SPACES = re.compile(r"[ \t]+$", re.MULTILINE)
_EVENT = re.compile(r"^(METHOD|SUMMARY|DTSTART|DTEND|LOCATION|ORGANIZER|STATUS)((?:;[^:\n]*)?):(.*)$", re.MULTILINE)
_KINDS = {"DTSTART": "begins", "DTEND": "ends", "LOCATION": "where", "ORGANIZER": "by", "STATUS": "status"}


@dataclass
class Shown:
    """The text, and the files by their parts."""

    text: str
    files: list[Part] = field(default_factory=list)
    cut: bool = False
    """True when the text is longer than what is shown."""


def shown(root: Part) -> Shown:
    """Read a mail's parts; never raises for what is in them."""
    files: list[Part] = []
    pieces = [piece.strip("\n") for piece in _collect(root, files)]
    text = "\n\n".join(piece for piece in pieces if piece.strip())
    cut = len(text) > LONGEST_TEXT
    return Shown(marked(text[:LONGEST_TEXT]), files[:MOST_FILES], cut)


def first_texts(root: Part) -> list[Part]:
    """The parts to fetch of a mail that is too large to be fetched whole: those that ``shown`` would read."""
    files: list[Part] = []
    found: list[Part] = []
    _collect(root, files, found)
    return found


def _collect(part: Part, files: list[Part], read: list[Part] | None = None) -> list[str]:
    """The texts of a part and all within it; what is a file joins ``files``."""
    match part.mime:
        case "multipart/alternative":
            return _best(part, files, read)
        case "multipart/signed":
            return _first(part, files, read)
        case "multipart/encrypted":
            files += [one for one in part.walk() if one.is_file]
            return ["(encrypted with PGP: open it in a mail program that has the key)"]
        case "multipart/related":
            return _first(part, files, read)
        case mime if mime.startswith("multipart/"):
            return [text for child in part.children for text in _collect(child, files, read)]
    if part.mime in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        files.append(part)
        signed = part.params.get("smime-type", "") == "signed-data"
        return [f"({'signed' if signed else 'encrypted'} with S/MIME: open it in a mail program)"]
    if part.mime == "text/calendar":
        files.append(part)
        if read is not None:
            read.append(part)
        return [] if part.is_file or part.data is None else [_event(part.text())]
    if not part.mime.startswith("text/") or part.is_file or part.mime == "text/rfc822-headers":
        files.append(part)
        return []
    if read is not None:
        read.append(part)
    return [text_of(part)]


def _best(part: Part, files: list[Part], read: list[Part] | None) -> list[str]:
    """Of several forms of one text the plain one, unless it is empty; files in the other forms are files all the same.

    Some programs put the files beside the HTML form, inside the alternative.
    """
    texts: dict[str, list[str]] = {}
    taken: dict[str, list[Part]] = {}
    for child in part.children:
        form = "plain" if child.mime == "text/plain" else "event" if child.mime == "text/calendar" else "other"
        found: list[Part] = []
        said = _collect(child, files, found)
        if any(text.strip() for text in said) or any(one.data is None for one in found):
            texts.setdefault(form, []).extend(said)
            taken.setdefault(form, []).extend(found)
    for form in ("plain", "other", "event"):
        if form in texts:
            if read is not None:
                read += taken[form]
            return texts[form]
    return []


def _first(part: Part, files: list[Part], read: list[Part] | None) -> list[str]:
    """The part that the others belong to; they are files."""
    texts = _collect(part.children[0], files, read) if part.children else []
    for child in part.children[1:]:
        files += [one for one in child.walk() if not one.mime.startswith("multipart/")]
    return texts


def text_of(part: Part) -> str:
    """A text part as plain text."""
    if part.data is None:
        return ""
    text = part.text().replace("\r\n", "\n").replace("\r", "\n")
    if part.mime == "text/html":
        return html_to_text(text)
    if part.params.get("format", "").casefold() == "flowed":
        text = unflowed(text, delsp=part.params.get("delsp", "").casefold() == "yes")
    return _SPACES.sub("", text)


def _event(text: str) -> str:
    """An invitation in a few lines (RFC 5545)."""
    plain = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "")
    begin = plain.find("BEGIN:VEVENT")
    head = {name: value.strip() for name, _, value in _EVENT.findall(plain[: max(begin, 0)])}
    event: dict[str, str] = {}
    for name, _, value in _EVENT.findall(plain[max(begin, 0) :][:20_000]):
        event.setdefault(name, value.strip().replace("\\,", ",").replace("\\;", ";").replace("\\n", " "))
    what = {"CANCEL": "cancelled", "REPLY": "answer to an invitation"}.get(head.get("METHOD", ""), "invitation")
    lines = [f"({what}: {event.get('SUMMARY', 'no title')})"]
    lines += [f"{words}: {event[name].removeprefix('mailto:').removeprefix('MAILTO:')}"
              for name, words in _KINDS.items() if event.get(name)]
    return "\n".join(lines)


def file_name(part: Part) -> str:
    """What a file is called; raw, as its sender wrote it."""
    if part.name:
        return part.name
    if part.mime == "message/rfc822":
        subject = Header(part.data or b"").text("subject")
        return f"{subject or 'message'}.eml"
    if part.mime == "application/ms-tnef":
        return "winmail.dat"
    return part.mime
