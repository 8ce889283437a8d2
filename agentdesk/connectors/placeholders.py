"""A help desk's placeholders in our own template language, and its macros' actions as calls of our verbs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agentdesk.model.text import inert, inert_line

_DOTTED = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_RESERVED = frozenset(("self", "super", "loop", "caller", "varargs", "kwargs", "true", "false", "none"))
_OURS = re.compile(r"\{\{|\{%|\{#")

Pairs = Sequence[tuple[re.Pattern[str], str]]


def translated(text: str, placeholder: re.Pattern[str], names: Mapping[str, str], pairs: Pairs = ()) -> str:
    """The text with each placeholder under our name, or under its own where we have none: then agents are asked for it.

    ``pairs`` are placeholders that mean one thing together. Whatever else looks like our template language stays text.
    """
    plain = str(inert(text))
    for pattern, one in pairs:
        plain = pattern.sub(one, plain)
    out: list[str] = []
    end = 0
    for found in placeholder.finditer(plain):
        out += [literal(plain[end : found.start()]), _name(found, names)]
        end = found.end()
    return "".join([*out, literal(plain[end:])])


def literal(text: str) -> str:
    """Text that our template language must not read as its own."""
    return _OURS.sub(lambda sign: "{{ '" + sign.group() + "' }}", text)


def word(text: str) -> str:
    """A verb's argument as it is typed, quoted where it must be."""
    plain = str(inert_line(text, limit=120)).replace('"', "'")
    return f'"{plain}"' if any(sign in plain for sign in " '=") else plain


def tag_call(tags: Sequence[str], *, remove: bool = False) -> str:
    """The verb call that adds or removes these tags; those that the verb cannot name are left out, empty for none."""
    sign = "-" if remove else ""
    plain = [str(inert_line(tag, limit=60)) for tag in tags]
    usable = [sign + tag for tag in plain if tag and " " not in tag and "," not in tag and tag[0] not in "-#"]
    return f"tag {word(' '.join(usable))}" if usable else ""


def _name(found: re.Match[str], names: Mapping[str, str]) -> str:
    inside = found.group(1).strip()
    if not _DOTTED.fullmatch(inside) or inside.split(".")[0].lower() in _RESERVED:
        return literal(found.group())
    return "{{ " + names.get(inside, inside) + " }}"
