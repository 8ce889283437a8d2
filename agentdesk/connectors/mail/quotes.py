"""Telling a mail's new words from what it repeats: the repeated history is kept, marked line by line with «>».

Mail programs mark history in their own ways. Here all of them become one: quoted lines behind the new words, so that
whoever shows the text can fold them, and whoever weighs it can leave them out.
"""

from __future__ import annotations

import re

_OUTLOOK = re.compile(
    r"\s*-{2,}\s*(original message|original appointment|urspr(ü|ue)ngliche nachricht|message d'origine|"
    r"mensaje original|messaggio originale|oorspronkelijk bericht|mensagem original|oprindelig meddelelse|"
    r"ursprungligt meddelande|opprinnelig melding|alkuperäinen viesti|wiadomość oryginalna|forwarded message|"
    r"weitergeleitete nachricht)\s*-{2,}\s*", re.IGNORECASE)
_RULE = re.compile(r"\s*_{20,}\s*")
_WROTE = re.compile(
    r"\s*(on|am|le|el|il|op|em|den|w dniu|på|ma)\b.{4,300}\b(wrote|schrieb|écrit|a écrit|escribió|ha scritto|schreef|"
    r"escreveu|skrev|napisał(\(a\))?|kirjoitti).{0,80}:\s*", re.IGNORECASE)
_HEAD = re.compile(r"\s*\*?(from|von|de|da|van|från|fra|od)\s*:\*?\s+\S", re.IGNORECASE)
_HEAD_MORE = re.compile(
    r"\s*\*?(sent|date|to|subject|cc|gesendet|datum|an|betreff|envoyé|à|objet|enviado|para|asunto|inviato|a|oggetto|"
    r"verzonden|aan|onderwerp|skickat|till|ämne|sendt|til|emne|wysłano|do|temat)\s*:\*?(\s|$)", re.IGNORECASE)
LEAST = 2
"""Fields that must follow a «From:» line for it to begin a repeated mail."""


def marked(text: str) -> str:
    """The same text with everything from where history begins marked as quoted."""
    lines = text.split("\n")
    at = _history(lines)
    if at is None:
        return text
    head, rest = lines[:at], lines[at:]
    if not any(line.strip() for line in head):
        return text
    while head and not head[-1].strip():
        head.pop()
    return "\n".join([*head, "", *(_quoted(line) for line in rest)]).rstrip("\n")


def _quoted(line: str) -> str:
    if line.startswith(">"):
        return line
    return f"> {line}".rstrip()


def _history(lines: list[str]) -> int | None:
    """The line with which the repeated mails begin; only where something unquoted follows it."""
    for at, line in enumerate(lines):
        if line.startswith(">"):
            continue
        if _OUTLOOK.fullmatch(line) or (_RULE.fullmatch(line) and _is_head(lines, at + 1)) or _is_head(lines, at):
            return at
        if _attributes(lines, at) and not _answers_below(lines, at):
            return at
    return None


def _is_head(lines: list[str], at: int) -> bool:
    """True where the header of a repeated mail begins, as Outlook writes it."""
    while at < len(lines) and not lines[at].strip():
        at += 1
    if at >= len(lines) or not _HEAD.match(lines[at]):
        return False
    more = [line for line in lines[at + 1 : at + 8] if _HEAD_MORE.match(line)]
    return len(more) >= LEAST


def _attributes(lines: list[str], at: int) -> bool:
    """True for «On …, Jane wrote:», which some programs break into two or three lines."""
    for count in (1, 2, 3):
        joined = " ".join(line.strip() for line in lines[at : at + count])
        if len(joined) <= 400 and _WROTE.fullmatch(joined):
            return True
    return False


def _answers_below(lines: list[str], at: int) -> bool:
    """True when quoted lines follow and then words of the writer's own: they answered below or in between."""
    seen = False
    for line in lines[at + 1 :]:
        if line.startswith(">"):
            seen = True
        elif seen and line.strip():
            return True
    return False


def unflowed(text: str, *, delsp: bool) -> str:
    """Lines that a mail program broke only to fit (format=flowed, RFC 3676) put together again."""
    out: list[str] = []
    open_depth: int | None = None
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        bare = line[depth:]
        bare = bare[1:] if bare.startswith(" ") else bare
        soft = bare.endswith(" ") and bare != "-- "
        said = bare[:-1] if soft and delsp else bare
        if open_depth == depth and out and bare != "-- ":
            out[-1] += said
        else:
            out.append((">" * depth + " " if depth else "") + said)
        open_depth = depth if soft else None
    return "\n".join(line.rstrip() if line != "-- " else line for line in out)
