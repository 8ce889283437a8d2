"""Zammad's text modules and macros in our own template language.

Placeholders such as ``#{ticket.customer.firstname}`` become our names; what we do not know becomes a name that the
agent is asked for. See https://admin-docs.zammad.org/en/latest/misc/variables.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from agentdesk.connectors import placeholders
from agentdesk.connectors.html import html_to_text
from agentdesk.connectors.placeholders import tag_call, word
from agentdesk.connectors.zammad.speak import Speaker
from agentdesk.connectors.zammad.wire import preference
from agentdesk.model.page import RemoteCanned
from agentdesk.model.text import inert_line

_PLACEHOLDER = re.compile(r"#\{([^{}\n]{1,120})\}")
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
}
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
        number = int(value) if value.isdecimal() else 0
        if name == "ticket.state_id" and number in speaker.states:
            yield f"status {word(speaker.states[number].name)}"
        elif name == "ticket.priority_id" and number in speaker.priorities:
            yield f"priority {word(speaker.priorities[number].name)}"
        elif name == "ticket.owner_id":
            mine = preference(what, "pre_condition") == "current_user.id"
            yield "claim" if mine else "release"
        elif name == "ticket.tags":
            tags = [tag.strip() for tag in value.split(",")]
            if call := tag_call(tags, remove=preference(what, "operator") == "remove"):
                yield call


def translated(text: str) -> str:
    """A text with Zammad's placeholders in our own language."""
    return placeholders.translated(text, _PLACEHOLDER, NAMES, _PAIRS)
