"""Changing tickets in RT: each change is checked by reading again, because RT says «no» with HTTP 200."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from agentdesk.config.sources import RtSource
from agentdesk.connectors.foreign import storable
from agentdesk.connectors.rt.client import RtClient
from agentdesk.connectors.rt.wire import NOBODY
from agentdesk.errors import Conflict, Rejected
from agentdesk.model.outgoing import Action, Verb
from agentdesk.model.text import inert_line

TRIES = 3
"""So often a change is tried when others keep changing the ticket in between."""
PRIORITY_NAMES = {"low": "0", "medium": "50", "high": "100"}


class TagChange(msgspec.Struct, forbid_unknown_fields=True):
    """What to do to a ticket's tags."""

    add: list[str] = []
    remove: list[str] = []


class Actor:
    """Carries out one account's actions."""

    def __init__(self, config: RtSource, client: RtClient) -> None:
        self._config = config
        self._client = client
        self.name = client.name

    async def act(self, action: Action, me: str) -> None:
        """Do one repeatable thing."""
        number, value = action.conversation_ref, action.value.strip()
        match action.verb:
            case Verb.CLAIM:
                await self.take(number, me, steal=value == "steal")
            case Verb.RELEASE:
                await self._release(number, me)
            case Verb.ASSIGN:
                await self._set(number, "Owner", value or NOBODY, _owner)
            case Verb.STATUS:
                await self._set(number, "Status", value, lambda ticket: str(ticket.get("Status", "")))
            case Verb.PRIORITY:
                wanted = PRIORITY_NAMES.get(value.lower(), value)
                if not wanted.isdecimal():
                    raise Rejected(f"{self.name}: {value} is no priority", remedy="Use low, medium, high or 0 to 100")
                await self._set(number, "Priority", wanted, lambda ticket: str(ticket.get("Priority", "")))
            case Verb.TAGS:
                await self._tag(number, value)
            case _:
                raise Rejected(f"{self.name}: RT cannot do {action.verb}", remedy="It is kept on this desk only")

    async def take(self, number: str, me: str, *, steal: bool = False) -> None:
        """Become the ticket's owner; of several who try at once exactly one does, the others learn who."""
        said = ""
        for _ in range(TRIES):
            ticket, etag = await self._client.ticket(number)
            holder = _owner(ticket)
            if holder == me:
                return
            if holder != NOBODY and not steal:
                raise self._held(number, holder)
            _, said = await self._client.put(f"/ticket/{number}/{'take' if holder == NOBODY else 'steal'}", {}, etag)
        ticket, _ = await self._client.ticket(number)
        holder = _owner(ticket)
        if holder == me:
            return
        raise self._held(number, holder) if holder != NOBODY else self._refused(number, "Owner", said)

    async def _release(self, number: str, me: str) -> None:
        """Give a ticket back; one that somebody else has by now is left alone."""
        said = ""
        for _ in range(TRIES):
            ticket, etag = await self._client.ticket(number)
            if _owner(ticket) != me:
                return
            _, said = await self._client.put(f"/ticket/{number}/untake", {}, etag)
        ticket, _ = await self._client.ticket(number)
        if _owner(ticket) == me:
            raise self._refused(number, "Owner", said)

    async def _set(self, number: str, field: str, wanted: str, of: Callable[[Mapping[str, Any]], str]) -> None:
        """Set one field, unless somebody else set it meanwhile."""
        before: str | None = None
        said = ""
        for _ in range(TRIES):
            ticket, etag = await self._client.ticket(number)
            now = of(ticket)
            if now.casefold() == wanted.casefold():
                return
            if said:
                break
            if before is not None and now != before:
                raise self._changed(number, field, ticket)
            before = now
            done, said = await self._client.put(f"/ticket/{number}", {field: wanted}, etag)
            said = (said or "It gave no reason") if done else ""
        raise self._refused(number, field, said)

    async def _tag(self, number: str, value: str) -> None:
        """Add and remove tags without touching those that others set."""
        field = self._config.tags_field
        if not field:
            raise Rejected(f"{self.name}: RT has no tags here", remedy="Name a custom field in tags_field:")
        try:
            change = msgspec.json.decode(value, type=TagChange)
        except msgspec.DecodeError as error:
            raise Rejected(f"{self.name}: tags to add and remove are not given", str(error)) from error
        said = ""
        for _ in range(TRIES):
            ticket, etag = await self._client.ticket(number)
            held = _values(ticket, field)
            if held is None:
                raise Rejected(
                    f"{self.name}: ticket {number} has no field {field}",
                    remedy="Check tags_field: and the queue's fields",
                )
            kept = [tag for tag in held if tag not in change.remove]
            wanted = kept + [tag for tag in change.add if tag not in kept]
            if set(wanted) == set(held):
                return
            if said:
                break
            done, said = await self._client.put(f"/ticket/{number}", {"CustomFields": {field: wanted}}, etag)
            said = (said or "It gave no reason") if done else ""
        raise self._refused(number, field, said)

    def _held(self, number: str, holder: str) -> Conflict:
        name = inert_line(holder, limit=120)
        return Conflict(
            f"{self.name}: {name} has ticket {number}", "Somebody else took it first",
            "Talk to them, or take it over with claim steal=yes", holder=str(name),
        )

    def _changed(self, number: str, field: str, ticket: Mapping[str, Any]) -> Conflict:
        by = ticket.get("LastUpdatedBy")
        who = inert_line(str(by.get("id", "")) if isinstance(by, dict) else "", limit=120)
        return Conflict(
            f"{self.name}: {field} of ticket {number} was just changed by {who or 'somebody else'}",
            "It is not what it was when you looked", "Look at the ticket again", holder=str(who),
        )

    def _refused(self, number: str, field: str, said: str) -> Rejected:
        cause = said or "Somebody keeps changing the ticket"
        title = f"{self.name}: RT did not change {field} of ticket {number}"
        return Rejected(title, storable(cause), "Check your rights in RT")


def _owner(ticket: Mapping[str, Any]) -> str:
    owner = ticket.get("Owner")
    return str(owner.get("id", NOBODY)) if isinstance(owner, dict) else str(owner or NOBODY)


def _values(ticket: Mapping[str, Any], field: str) -> list[str] | None:
    fields = ticket.get("CustomFields")
    for one in fields if isinstance(fields, list) else []:
        if isinstance(one, dict) and one.get("name") == field:
            return [str(value) for value in one.get("values") or []]
    return None
