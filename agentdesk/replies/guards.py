"""What to think about before a reply goes out: each caution says what was seen and how to go on.

Guards never stop anything for good: a person who has read them sends all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import OutKind
from agentdesk.model.words import fold, tokens
from agentdesk.replies import private
from agentdesk.replies.signature import strip

ANYWAY = "or send it all the same"
DIRECT = "make it a direct message"
TO_DM = "take it to a private conversation"
MAX_NAMED = 3
_TO_CUSTOMER = (OutKind.REPLY, OutKind.DM, OutKind.EDIT)

_WIDTH = {
    Visibility.INTERNAL: 0, Visibility.DIRECT: 1, Visibility.FOLLOWERS: 2, Visibility.UNLISTED: 3, Visibility.PUBLIC: 4,
}
_SEEN_BY = {
    Visibility.FOLLOWERS: "a followers-only", Visibility.UNLISTED: "an unlisted", Visibility.PUBLIC: "a public",
}
_BRACES = re.compile(r"\{\{[^{}]{0,80}\}\}|\{%[^{}]{0,80}%\}|\{\{|\}\}")
_GAP_WORDS = (
    "name|first name|last name|customer|agent|order|order number|number|date|time|day|amount|price|link|url|address|"
    "city|country|product|item|reason|insert|your|their|tbd|todo|xx+|vorname|nachname|datum|bestellnummer|nombre|fecha|"
    "nom|prénom"
)
_GAP = re.compile(
    rf"\[(?:(?:{_GAP_WORDS})\b[^\]\n]{{0,40}}|[^\]\n]{{0,20}}(?:\.\.\.|…)[^\]\n]{{0,20}})\](?![(\[])"
    rf"|<(?:{_GAP_WORDS})(?: [^<>\n]{{0,30}})?>",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"\[[A-Z][A-Z0-9 _-]{2,40}\](?![(\[])")
_RULE = re.compile(r"_{3,}")
_PROMISES_FILE = re.compile(
    r"\b(?:(?:i|we|i've|we've|i have|we have|i'm|i'll|we'll|we are|please find|see|find|is|are)\s+(?:\w+\s+){0,3}?"
    r"(?:attach(?:ed|ing)?|enclosed?)\b|(?:^|(?<=[.!?:] ))(?:attached|enclosed) (?:is|are|you)\b|"
    r"\b(?:the|an|our) (?:attached|enclosed) \w+|\bin the attachment\b|\bim anhang\b|\banbei\b|"
    r"\bangeh(?:ä|ae)ngt\b|\bbeigef(?:ü|ue)gt\b|\bci-joint|\ben pi(?:è|e)ce jointe\b|\badjunt[oa]\b|"
    r"\bin allegato\b|\bin de bijlage\b|\bem anexo\b)",
    re.IGNORECASE | re.MULTILINE,
)
_HANDLES = re.compile(r"\A(?:\s*@[\w.-]+(?:@[\w.-]+)?[\s,:]*)+")


class Warning(msgspec.Struct, frozen=True):  # noqa: A001
    """One thing to think about: ``text`` says what, ``how`` what to do about it."""

    code: str
    text: str
    how: str


class GuardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards must know of a reply about to go out."""

    text: str
    visibility: Visibility
    kind: OutKind = OutKind.REPLY
    signature: str = ""
    customer_visibility: Visibility | None = None
    """Of the customer's message that is answered."""
    room: int | None = None
    """How much more the channel takes, below zero when it is too long; None without a limit."""
    can_direct: bool = False
    """True when this very reply could be a direct message."""
    can_dm: bool = False
    """True when a private conversation could be begun instead."""
    files: tuple[str, ...] = ()
    """Names of the files that go with it."""
    undescribed: tuple[str, ...] = ()
    """Those of them that should have a description and have none."""
    canned: str = ""
    """Name of the canned reply it began with."""
    canned_text: str = ""
    """That reply as it was put in."""
    same_to_customer: int = 0
    """How often this customer was sent the same text before."""
    same_to_others: int = 0
    """How many other customers were sent the same text today."""
    repeat_limit: int = 3
    warn_unedited: bool = True
    ours: tuple[str, ...] = ()
    """Texts of our own whose addresses and numbers are public anyway, such as the template (not what filled it in)."""
    more_private: Mapping[str, str] = {}
    """More kinds of private data: a name and a regular expression."""


def check(facts: GuardFacts) -> tuple[Warning, ...]:
    """Every warning about a reply, the weightiest first; of a note only that it is empty or unfinished."""
    if not strip(facts.text, facts.signature).strip():
        return (Warning("empty", "There is nothing in it", "Write something first."),)
    found = list(_unfilled(facts.text))
    if facts.kind in _TO_CUSTOMER:
        found = [*_private(facts), *_wider(facts), *found, *_too_long(facts), *_files(facts), *_repeated(facts),
                 *_unedited(facts)]
    return tuple(found)


def likeness(text: str, *, signature: str = "", name: str = "") -> str:
    """The form in which two replies are the same text: without case, signs, leading handles, ``name`` and sign-off."""
    body = _HANDLES.sub("", strip(text, signature), count=1)
    called = set(tokens(name))
    words = [token for token in tokens(body) if token not in called]
    return " ".join(words) or fold(body.strip())


def _private(facts: GuardFacts) -> Iterator[Warning]:
    if _WIDTH[facts.visibility] <= _WIDTH[Visibility.DIRECT]:
        return
    found = private.find(facts.text, ours=facts.ours, more=facts.more_private)
    if found:
        named = ", ".join(f"{piece.what} «{piece.found}»" for piece in found[:MAX_NAMED])
        rest = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
        yield Warning(
            "private", f"Private data in {_SEEN_BY[facts.visibility]} reply: {named}{rest}",
            f"Take it out, {_elsewhere(facts)}{ANYWAY}.",
        )


def _elsewhere(facts: GuardFacts) -> str:
    """Where private data could go instead, in words."""
    if facts.can_direct:
        return f"{DIRECT}, "
    return f"{TO_DM}, " if facts.can_dm else ""


def _files(facts: GuardFacts) -> Iterator[Warning]:
    if not facts.files and _PROMISES_FILE.search(facts.text):
        yield Warning("no_attachment", "It speaks of an attachment, and nothing is attached",
                      f"Attach the file, {ANYWAY}.")
    if facts.undescribed:
        named = ", ".join(f"«{name}»" for name in facts.undescribed[:MAX_NAMED])
        yield Warning("no_alt", f"Without a description for people who cannot see it: {named}",
                      f"Describe it, {ANYWAY}.")


def _wider(facts: GuardFacts) -> Iterator[Warning]:
    theirs = facts.customer_visibility
    if theirs is not None and _WIDTH[facts.visibility] > _WIDTH[theirs]:
        yield Warning(
            "wider", f"The customer wrote {_seen(theirs)}, this reply is {_seen(facts.visibility)}",
            f"Change who can read it, {ANYWAY}.",
        )


def _seen(visibility: Visibility) -> str:
    """Who can read it, in words."""
    return {Visibility.DIRECT: "in private", Visibility.FOLLOWERS: "for followers"}.get(visibility, visibility.value)


def _unfilled(text: str) -> Iterator[Warning]:
    gaps = [match[0] for pattern in (_BRACES, _GAP, _CAPITALS, _RULE) for match in pattern.finditer(text)]
    if gaps:
        named = ", ".join(f"«{gap[:40]}»" for gap in dict.fromkeys(gaps[:MAX_NAMED]))
        yield Warning("unfilled", f"Something is not filled in: {named}", f"Fill it in, take it out, {ANYWAY}.")


def _too_long(facts: GuardFacts) -> Iterator[Warning]:
    if facts.room is not None and facts.room < 0:
        text = f"It is {-facts.room} too long for this channel"
        yield Warning("too_long", text, "Shorten it, or split it into a thread.")


def _repeated(facts: GuardFacts) -> Iterator[Warning]:
    if facts.same_to_customer:
        times = "" if facts.same_to_customer == 1 else f" {facts.same_to_customer} times"
        yield Warning(
            "repeated", f"This customer was sent the same text before{times}", f"Say it in other words, {ANYWAY}.",
        )
    if facts.same_to_others >= facts.repeat_limit:
        yield Warning(
            "repeated_others", f"{facts.same_to_others} other customers were sent the same text today",
            f"Say what is special about this one, {ANYWAY}.",
        )


def _unedited(facts: GuardFacts) -> Iterator[Warning]:
    if not (facts.warn_unedited and facts.canned and facts.canned_text):
        return
    if likeness(facts.text, signature=facts.signature) == likeness(facts.canned_text, signature=facts.signature):
        text = f"The canned reply «{facts.canned}» was not edited"
        yield Warning("unedited", text, f"Add a word of your own, {ANYWAY}.")
