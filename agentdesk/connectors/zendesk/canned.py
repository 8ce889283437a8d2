"""Zendesk's macros in our own template language: the public comment as text, the rest as calls of our verbs.

See https://developer.zendesk.com/api-reference/ticketing/business-rules/macros/ and
https://support.zendesk.com/hc/en-us/articles/4408886858138 (placeholders).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from agentdesk.connectors import placeholders
from agentdesk.connectors.html import html_to_text
from agentdesk.connectors.placeholders import tag_call
from agentdesk.connectors.zendesk.wire import PRIORITIES, STATUSES
from agentdesk.model.page import RemoteCanned
from agentdesk.model.text import inert_line

_PLACEHOLDER = re.compile(r"\{\{([^{}\n]{1,120})\}\}")
_PAIRS = (
    (re.compile(r"\{\{\s*ticket\.requester\.first_name\s*\}\}\s+\{\{\s*ticket\.requester\.last_name\s*\}\}"),
     "{{ticket.requester.name}}"),
)
NAMES = {
    "ticket.requester.first_name": "customer.first_name", "ticket.requester.last_name": "customer.last_name",
    "ticket.requester.name": "customer.name", "ticket.requester.email": "customer.handle",
    "ticket.title": "conversation.subject", "ticket.id": "ticket_number", "current_user.name": "agent.name",
    "current_user.first_name": "agent.name", "current_user.signature": "agent.signature",
    "agent.name": "agent.name", "agent.first_name": "agent.name", "agent.signature": "agent.signature",
    "ticket.assignee.name": "agent.name", "ticket.assignee.first_name": "agent.name",
}
"""Their names and ours."""
MINE = ("current_user",)
TAGS = ("current_tags", "set_tags", "remove_tags")


class Step(msgspec.Struct, frozen=True):
    """One thing that a macro does."""

    field: str = ""
    value: Any = None

    @property
    def text(self) -> str:
        """Its value as text; of a list such as ["channel:all", "Hello"] the last."""
        value = self.value[-1] if isinstance(self.value, list) and self.value else self.value
        return "" if value is None else str(value)


class Macro(msgspec.Struct, frozen=True):
    """A macro."""

    id: int
    title: str = ""
    active: bool = True
    actions: list[Step] = []


def from_macro(macro: Macro) -> RemoteCanned:
    """A macro as a canned reply. A comment that it makes private is for colleagues and never a reply's text."""
    steps = {step.field: step for step in macro.actions}
    private = steps.get("comment_mode_is_public", Step()).text.lower() == "false"
    rich, plain = steps.get("comment_value_html"), steps.get("comment_value")
    text = html_to_text(rich.text) if rich and rich.text else plain.text if plain else ""
    return RemoteCanned(
        ref=f"macro {macro.id}", name=str(inert_line(macro.title.rpartition("::")[2], limit=60)),
        title=str(inert_line(macro.title.replace("::", " · "), limit=120)),
        text="" if private else translated(text), actions=tuple(_actions(macro.actions)),
    )


def translated(text: str) -> str:
    """A text with Zendesk's placeholders in our own language."""
    return placeholders.translated(text, _PLACEHOLDER, NAMES, _PAIRS)


def _actions(steps: Iterable[Step]) -> Iterable[str]:
    """What a macro does, as calls of our verbs; what no verb can do is left out."""
    for step in steps:
        text = step.text.strip()
        if step.field == "status" and text in STATUSES:
            yield f"status {text}"
        elif step.field == "priority" and text in PRIORITIES:
            yield f"priority {text}"
        elif step.field == "assignee_id" and text in ("", *MINE):
            yield "claim" if text in MINE else "release"
        elif step.field in TAGS and (call := tag_call(text.split(), remove=step.field == "remove_tags")):
            yield call
