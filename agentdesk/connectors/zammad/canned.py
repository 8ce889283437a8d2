"""Zammad's text modules and macros in our own template language.

Placeholders such as ``#{ticket.customer.firstname}`` become our names; what we do not know becomes a name that the
agent is asked for. See https://admin-docs.zammad.org/en/latest/misc/variables.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from agentdesk.connectors.html import html_to_text
from agentdesk.connectors.zammad.speak import Speaker
from agentdesk.connectors.zammad.wire import preference
from agentdesk.model.page import RemoteCanned
from agentdesk.model.text import inert, inert_line

_PLACEHOLDER = re.compile(r"#\{([^{}\n]{1,120})\}")
_DOTTED = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_PAIRS = (
    (re.compile(r"#\{ticket\.customer\.firstname\}\s+#\{ticket\.customer\.lastname\}"), "#{ticket.customer.fullname}"),
    (re.compile(r"#\{user\.firstname\}\s+#\{user\.lastname\}"), "#{user.fullname}"),
    (re.compile(r"#\{ticket\.owner\.firstname\}\s+#\{ticket\.owner\.lastname\}"), "#{user.fullname}"),
)
NAMES = {
    "ticket.customer.firstname": "customer.first_name", "ticket.customer.lastname": "customer.last_name",
    "ticket.customer.fullname": "customer.name", "ticket.customer.email": "customer.handle",
    "ticket.customer.login": "customer.handle", "ticket.title": "conversation.subject",
    "ticket.number": "ticket_number", "user.firstname": "agent.name", "user.fullname": "agent.name",
    "user.login": "agent.name", "user.lastname": "agent.last_name", "ticket.owner.firstname": "agent.name",
    "ticket.owner.fullname": "agent.name",
}  # fmt: skip
"""Their names and ours."""


class TextModule(msgspec.Struct, frozen=True):
    """A piece of text that agents insert."""

    id: int
    name: str
    content: str = ""
    keywords: str = ""
    active: bool = True


class Macro(msgspec.Struct, frozen=True):
    """Several changes by one click."""

    id: int
    name: str
    perform: Any = None
    active: bool = True


def from_module(module: TextModule) -> RemoteCanned:
    """A text module as a canned reply."""
    word = next(iter(module.keywords.replace(",", " ").split()), "") or module.name
    return RemoteCanned(
        ref=f"text_module {module.id}", name=str(inert_line(word, limit=60)),
        title=str(inert_line(module.name, limit=120)), text=translated(html_to_text(module.content)),
    )


def from_macro(macro: Macro, speaker: Speaker) -> RemoteCanned:
    """A macro as its public text, if it writes one, and the verbs that do the rest."""
    perform: Mapping[str, Any] = macro.perform if isinstance(macro.perform, dict) else {}
    note = perform.get("article.note")
    public = isinstance(note, dict) and str(note.get("internal", "true")).lower() == "false"
    text = translated(html_to_text(preference(note, "body"))) if public else ""
    return RemoteCanned(
        ref=f"macro {macro.id}", name=str(inert_line(macro.name, limit=60)),
        title=str(inert_line(macro.name, limit=120)), text=text, actions=tuple(_actions(perform, speaker)),
    )


def _actions(perform: Mapping[str, Any], speaker: Speaker) -> Iterable[str]:
    """What a macro does, as calls of our verbs; what no verb can do is left out."""
    for name, what in perform.items():
        value = preference(what, "value")
        number = int(value) if value.isdigit() else 0
        if name == "ticket.state_id" and number in speaker.states:
            yield f"status {_word(speaker.states[number].name)}"
        elif name == "ticket.priority_id" and number in speaker.priorities:
            yield f"priority {_word(speaker.priorities[number].name)}"
        elif name == "ticket.owner_id":
            mine = preference(what, "pre_condition") == "current_user.id"
            yield "claim" if mine else "release"
        elif name == "ticket.tags":
            sign = "-" if preference(what, "operator") == "remove" else ""
            tags = [tag for tag in map(inert_line, value.split(",")) if tag and " " not in tag and tag[0] not in "-#"]
            if tags:
                yield f"tag {_word(' '.join(sign + tag for tag in tags))}"


def _word(text: str) -> str:
    """A verb's argument, quoted where it has spaces."""
    plain = str(inert_line(text, limit=120)).replace('"', "'")
    return f'"{plain}"' if any(sign in plain for sign in " '=") else plain


def translated(text: str) -> str:
    """A text with Zammad's placeholders in our own language; anything of ours that it holds by chance stays text."""
    plain = str(inert(text))
    for pattern, one in _PAIRS:
        plain = pattern.sub(one, plain)
    out: list[str] = []
    end = 0
    for found in _PLACEHOLDER.finditer(plain):
        out += [_literal(plain[end : found.start()]), _name(found)]
        end = found.end()
    return "".join([*out, _literal(plain[end:])])


def _name(found: re.Match[str]) -> str:
    inside = found.group(1).strip()
    if not _DOTTED.fullmatch(inside):
        return _literal(found.group())
    return "{{ " + NAMES.get(inside, inside) + " }}"


def _literal(text: str) -> str:
    """Text that our template language must not read as its own."""
    return re.sub(r"\{\{|\{%|\{#", lambda sign: "{{ '" + sign.group() + "' }}", text)
