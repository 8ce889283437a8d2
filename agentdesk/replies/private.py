"""Private data in a text that everybody can read: what it looks like, with few false alarms.

A rule that cries at every order number is switched off within a day, so each kind asks for proof: a checksum, a country
code, a word before the number, a capital letter in a street's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec


class Private(msgspec.Struct, frozen=True):
    """A piece of private data: what it is and how it stands in the text."""

    what: str
    found: str


_MAIL = re.compile(r"(?<![\w@.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}", re.UNICODE)
_TOLL_FREE = re.compile(
    r"(?:\+?1[ .-]?)?\(?8(?:00|33|44|55|66|77|88)\)?(?!\d)|\(?0800(?!\d)|\(?00800(?!\d)|\+800(?!\d)"
)
_INTERNATIONAL = re.compile(r"(?<![\w+])(?:\+[1-9]|00[1-9]\d{0,2}[ /-]\(?\d)(?:[ ./()-]{0,2}\d){5,14}(?!\d)")
_NATIONAL = re.compile(
    r"(?<![\w.,/+-])(?!\d\d[ /-]\d\d[ /-]\d{4}\b)"
    r"\(?0\d{1,5}\)?[ /-]{1,3}\d{2,9}(?:[ -]\d{2,6}){0,3}(?![\w-]|[.,/]\d)",
)
_AMERICAN = re.compile(r"(?<![\w.+-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?![\w-]|[.,]\d)")
_SAID = re.compile(
    r"\b(?:phone|telephone|tel|cell|mobile|whatsapp|call (?:me|you|her|him|them)|ring (?:me|you)|text (?:me|you))\b"
    r"[\w .:#']{0,24}?(?<!\d)(\d[\d ./()-]{6,16}\d)(?!\d)",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<![\w.+-])[2-6]\d{3}(?:[ -]?\d){8,15}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_PARCEL = re.compile(r"(?<!\w)(?:1Z ?(?:[0-9A-Z] ?){15}[0-9A-Z]|[A-Z]{2} ?\d{3} ?\d{3} ?\d{3} ?[A-Z]{2})(?!\w)")
_TRACKING = re.compile(
    r"\b(?:tracking|parcel|consignment|shipment|sendungs?|suivi)[ -]?(?:number|no\.?|id|code|ref(?:erence)?|nummer)?"
    r"(?: is| ist|:|#)* {0,2}#?((?=[A-Z-]*\d)[A-Z0-9-]{8,30})(?!\w)",
    re.IGNORECASE,
)
_ENGLISH_STREET = re.compile(
    r"(?<![\w.,/:-])\d{1,5}[a-zA-Z]?,? (?:(?!TB|GB|MB|Hard|Flash|Pen|Test)[A-Z][\w'’.-]* ){1,3}"
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Way|Place|Square|Terrace|Gardens|Crescent|"
    r"Boulevard|Blvd)\b",
)
_GERMAN_STREET = re.compile(
    r"(?<!\w)(?!(?:Sitz|Stell|Park|Arbeits|Steh|Lager|Speicher)platz)[A-ZÄÖÜ][\wäöüß-]{2,}(?:straße|strasse|str\.|weg|"
    r"platz|allee|gasse|damm|ufer) ?\d{1,4} ?[a-z]?(?!\w|[.,]\d)",
)
_FRENCH_STREET = re.compile(
    r"(?<![\w.,/:-])\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|avenue|boulevard|chemin|impasse|allée|quai) "
    r"(?:de |du |des |d['’])?(?:la |le |les |l['’])?[A-ZÉÈÀ]\w+",
)
_SPANISH_STREET = re.compile(
    r"(?<!\w)(?:[Cc]alle|[Aa]venida|[Aa]vda\.?|[Pp]laza|[Pp]aseo)(?: de| del| de la)? [A-ZÁÉÍÓÚÑ]\w+(?: \w+){0,3}?,? "
    r"(?:n[.ºo°]{1,2} ?)?\d{1,4}(?!\w|[.,]\d)",
)


def find(text: str, *, ours: Iterable[str] = (), more: Mapping[str, str] | None = None) -> tuple[Private, ...]:
    """The private data in ``text``, each once; what also stands in one of ``ours`` (canned texts) is public anyway.

    ``more`` are further kinds: a name and a regular expression.
    """
    known = tuple(ours)
    found: dict[str, str] = {}
    taken: list[tuple[int, int]] = []
    for what, matches in _everything(text, more or {}):
        for match in matches:
            start, end = match.span(match.lastindex or 0)
            piece = text[start:end].strip()
            if not piece or any(start < until and since < end for since, until in taken):
                continue
            if any(piece in own for own in known):
                continue
            taken.append((start, end))
            found.setdefault(piece, what)
    return tuple(Private(what, piece) for piece, what in found.items())


def _everything(text: str, more: Mapping[str, str]) -> Iterator[tuple[str, Iterator[re.Match[str]]]]:
    """Each kind of private data with its matches, the surest first."""
    yield "mail address", _MAIL.finditer(text)
    yield "bank account", _that(_IBAN, text, _is_iban)
    yield "tracking number", _that(_PARCEL, text, _is_parcel)
    yield "card number", _that(_CARD, text, _is_card)
    yield "tracking number", _TRACKING.finditer(text)
    for pattern in (_INTERNATIONAL, _NATIONAL, _AMERICAN):
        yield "telephone number", _that(pattern, text, _is_phone)
    yield "telephone number", (match for match in _SAID.finditer(text) if _is_phone(match[1]))
    for pattern in (_ENGLISH_STREET, _GERMAN_STREET, _FRENCH_STREET, _SPANISH_STREET):
        yield "postal address", pattern.finditer(text)
    for name, expression in more.items():
        yield name, re.finditer(expression, text)


def _that(pattern: re.Pattern[str], text: str, holds: Callable[[str], bool]) -> Iterator[re.Match[str]]:
    return (match for match in pattern.finditer(text) if holds(match[0]))


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isascii() and char.isdecimal())


def _is_phone(text: str) -> bool:
    """Long enough, and no number that everybody may call for free."""
    return 8 <= len(_digits(text)) <= 15 and not _TOLL_FREE.match(text)


def _is_card(text: str) -> bool:
    digits = _digits(text)
    if not 13 <= len(digits) <= 19:
        return False
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_iban(text: str) -> bool:
    packed = text.replace(" ", "")
    if not 15 <= len(packed) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in packed[4:] + packed[:4])) % 97 == 1


def _is_parcel(text: str) -> bool:
    """UPS numbers by their beginning, postal ones by their check digit."""
    packed = text.replace(" ", "")
    if packed.startswith("1Z"):
        return len(packed) == 18
    weighed = sum(int(digit) * weight for digit, weight in zip(packed[2:10], (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
    check = 11 - weighed % 11
    return int(packed[10]) == {10: 0, 11: 5}.get(check, check)
