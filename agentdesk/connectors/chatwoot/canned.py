"""Chatwoot's canned responses and macros as canned replies of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from agentdesk.connectors.chatwoot.client import ChatwootClient
from agentdesk.connectors.chatwoot.liquid import translated
from agentdesk.connectors.chatwoot.speak import CLOSED
from agentdesk.connectors.chatwoot.wire import Person
from agentdesk.connectors.items import read
from agentdesk.errors import Rejected
from agentdesk.model.page import RemoteCanned
from agentdesk.model.text import inert, inert_line

MAX_TEMPLATE = 9_000


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A canned response."""

    id: int
    short_code: str = ""
    content: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a macro does."""

    action_name: str
    action_params: Any = None

    @property
    def values(self) -> list[str]:
        """What it is done with."""
        given = self.action_params if isinstance(self.action_params, list) else [self.action_params]
        return [str(value) for value in given if isinstance(value, str | int)]


class Macro(msgspec.Struct, frozen=True, kw_only=True):
    """A macro."""

    id: int
    name: str = ""
    actions: list[Step] = []


async def canned(client: ChatwootClient) -> tuple[RemoteCanned, ...]:
    """Everything that the server holds for its agents; macros are left out where it gives none."""
    responses, _ = read(await client.listing("/canned_responses"), Response, "canned response")
    try:
        macros, _ = read(await client.listing("/macros"), Macro, "macro")
        names = {kind: await _names(client, kind) for kind in ("agent", "team")} if macros else {}
    except Rejected:
        macros, names = [], {}  # a plan or a role without macros
    return (*map(_response, responses), *(_macro(macro, names) for macro in macros))


async def _names(client: ChatwootClient, kind: str) -> dict[int, str]:
    people, _ = read(await client.listing(f"/{kind}s"), Person, kind)
    return {person.id: person.name or person.email for person in people}


def _response(row: Response) -> RemoteCanned:
    name = str(inert_line(row.short_code, limit=60)) or f"response-{row.id}"
    text = translated(str(inert(row.content, limit=MAX_TEMPLATE)))
    title = str(inert_line(row.content, limit=80))
    return RemoteCanned(ref=f"canned:{row.id}", name=name, title=title or name, text=text)


def _macro(row: Macro, names: Mapping[str, Mapping[int, str]]) -> RemoteCanned:
    """A macro: its message as the text, what else it does as verbs of ours, what we cannot do named in the title."""
    title = str(inert_line(row.name, limit=100)) or f"macro {row.id}"
    texts: list[str] = []
    verbs: list[str] = []
    left: list[str] = []
    for step in row.actions[:50]:
        if step.action_name == "send_message":
            texts += [str(inert(value, limit=MAX_TEMPLATE)) for value in step.values]
            continue
        done = _verbs(step, names)
        verbs += done
        if not done:
            left.append(str(inert_line(step.action_name.replace("_", " "), limit=40)))
    if left:
        title = str(inert_line(f"{title} (only in Chatwoot: {', '.join(left)})", limit=200))
    name = "-".join(str(inert_line(row.name, limit=60)).lower().split()) or f"macro-{row.id}"
    return RemoteCanned(
        ref=f"macro:{row.id}", name=name, title=title, text=translated("\n\n".join(texts)[:MAX_TEMPLATE]),
        actions=tuple(verbs),
    )


def _verbs(step: Step, names: Mapping[str, Mapping[int, str]]) -> list[str]:
    """One step of a macro as verb calls; empty when we have none for it."""
    values = [str(inert_line(value, limit=60)) for value in step.values]
    first = values[0] if values else ""
    match step.action_name:
        case "resolve_conversation":
            return [f"status {CLOSED}"]
        case "open_conversation":
            return ["status open"]
        case "snooze_conversation":
            return ["status snoozed"]
        case "change_status" if first:
            return [f"status {first}"]
        case "change_priority":
            return [f"priority {first if first and first != 'nil' else 'none'}"]
        case "add_label":
            return [f"tag {_quoted(value)}" for value in values]
        case "remove_label":
            return [f"tag {_quoted('-' + value)}" for value in values]
        case "assign_agent" if first == "self":
            return ["claim"]
        case "assign_agent" if first == "nil":
            return ["release"]
        case "assign_agent" if _known(first, names, "agent"):
            return [f"assign {_quoted(_known(first, names, 'agent'))}"]
        case "assign_team" if _known(first, names, "team"):
            return [f"assign {_quoted('team:' + _known(first, names, 'team'))}"]
    return []


def _known(number: str, names: Mapping[str, Mapping[int, str]], kind: str) -> str:
    found = names.get(kind, {}).get(int(number) if number.isdecimal() else 0, "")
    return str(inert_line(found, limit=80))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"' if " " in text else text
