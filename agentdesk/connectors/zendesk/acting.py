"""Changing tickets in Zendesk: each change names the state that it was decided on, so that of two only one gets in.

See «Protecting against ticket update collisions» in
https://developer.zendesk.com/documentation/ticketing/managing-tickets/creating-and-updating-tickets/.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentdesk.connectors.items import tag_change
from agentdesk.connectors.zendesk.client import ZendeskClient
from agentdesk.connectors.zendesk.speak import Speaker
from agentdesk.connectors.zendesk.wire import PRIORITIES, STATUSES, Ticket
from agentdesk.errors import Conflict, Rejected
from agentdesk.model.outgoing import Action, Verb
from agentdesk.model.text import inert_line

TRIES = 4
"""So often a change is tried when others keep changing the ticket in between."""
GROUP = "group:"


class Actor:
    """Carries out one account's actions."""

    def __init__(self, client: ZendeskClient, speaker: Speaker) -> None:
        self._client = client
        self._speaker = speaker
        self.name = client.name

    async def act(self, action: Action, number: int) -> None:
        """Do one repeatable thing."""
        value = action.value.strip()
        match action.verb:
            case Verb.CLAIM:
                await self._claim(number, steal=value == "steal")
            case Verb.RELEASE:
                await self._release(number)
            case Verb.ASSIGN:
                await self._assign(number, value)
            case Verb.STATUS:
                await self._status(number, value.lower())
            case Verb.PRIORITY:
                wanted = self.priority(value)
                await self._set(number, "priority", {"priority": wanted}, lambda ticket: ticket.priority == wanted)
            case Verb.TAGS:
                await self._tag(number, value)
            case _:
                raise Rejected(f"{self.name}: Zendesk cannot do {action.verb}", remedy="It is kept on this desk only")

    async def _claim(self, number: int, *, steal: bool) -> None:
        """Become the assignee; of several who try at once one does, the others learn who."""
        me = self._client.me

        async def free(ticket: Ticket) -> None:
            if ticket.assignee_id not in (0, me) and not steal:
                raise await self._held(number, ticket.assignee_id)

        await self._set(number, "assignee", {"assignee_id": me}, lambda ticket: ticket.assignee_id == me, free)
        ticket = (await self._client.ticket(number)).tickets[0]
        if ticket.assignee_id != me:
            raise await self._held(number, ticket.assignee_id)

    async def _release(self, number: int) -> None:
        """Give a ticket back to its group; one that somebody else has by now is left alone."""
        me = self._client.me
        await self._set(number, "assignee", {"assignee_id": None}, lambda ticket: ticket.assignee_id != me)

    async def _assign(self, number: int, value: str) -> None:
        """Give a ticket to an agent, to nobody, or with ``group:`` before its name to a group."""
        if value.lower().startswith(GROUP):
            wanted = value[len(GROUP):].strip().casefold()
            found = [group.id for group in self._speaker.groups.values() if group.name.casefold() == wanted]
            if not found:
                names = ", ".join(str(inert_line(group.name)) for group in list(self._speaker.groups.values())[:20])
                raise Rejected(f"{self.name}: there is no group {inert_line(value[len(GROUP):], limit=80)}",
                               f"There are {names}", "Name one of them")
            fields: dict[str, Any] = {"group_id": found[0], "assignee_id": None}
            await self._set(number, "group", fields, lambda t: t.group_id == found[0] and not t.assignee_id)
            return
        agent = await self._agent(value) if value else 0
        await self._set(number, "assignee", {"assignee_id": agent or None}, lambda t: t.assignee_id == agent)

    async def _agent(self, value: str) -> int:
        """An agent by mail address or full name."""
        wanted = value.casefold()
        staff = [user for user in await self._client.people(value, 20) if user.staff and user.active]
        for of in ("email", "name", "alias"):
            fits = [user.id for user in staff if str(getattr(user, of)).casefold() == wanted]
            if len(fits) == 1:
                return fits[0]
        raise Rejected(f"{self.name}: no agent is called {inert_line(value, limit=80)}",
                       "Zendesk knows no such agent, or several", "Use the agent's mail address")

    async def _status(self, number: int, value: str) -> None:
        if value not in STATUSES:
            raise Rejected(f"{self.name}: {inert_line(value, limit=80)} is no status that can be set",
                           "Zendesk closes tickets by itself some days after they are solved" if value == "closed"
                           else f"There are {', '.join(STATUSES)}", "Choose one of those")
        fields: dict[str, Any] = {"status": value}
        if value == "solved":  # nothing is solved by nobody
            ticket = (await self._client.ticket(number)).tickets[0]
            if not ticket.assignee_id:
                fields["assignee_id"] = self._client.me
            if ticket.status == "closed":
                return
        await self._set(number, "status", fields, lambda ticket: ticket.status == value)

    def priority(self, value: str) -> str:
        """A priority by name, or on a scale to 100."""
        wanted = value.lower()
        if wanted in PRIORITIES:
            return wanted
        if value.isdecimal() and int(value) <= 100:
            return PRIORITIES[int(value) * len(PRIORITIES) // 101]
        raise Rejected(f"{self.name}: {inert_line(value, limit=80)} is no priority",
                       f"There are {', '.join(PRIORITIES)}", "Choose one of them")

    async def _set(
        self, number: int, what: str, fields: dict[str, Any], done: Callable[[Ticket], bool], check: Any = None
    ) -> None:
        """Set fields of the ticket as it stands; when it changed in between, look at it again."""
        before: Ticket | None = None
        for _ in range(TRIES):
            ticket = (await self._client.ticket(number)).tickets[0]
            if done(ticket):
                return
            if check is not None:
                await check(ticket)
            self._open(ticket)
            if before is not None and _same_part(before, ticket, what):
                raise self._changed(number, what)
            before = ticket
            try:
                await self.update(number, fields, ticket)
            except Conflict:
                continue
            before = None
            ticket = (await self._client.ticket(number)).tickets[0]
            if done(ticket):
                return
            raise Rejected(f"{self.name}: Zendesk did not change the {what} of ticket {number}",
                           "It is not what was asked for when read back: a trigger there changed it at once",
                           "Look at the ticket in Zendesk")
        raise Conflict(f"{self.name}: somebody keeps changing ticket {number}", "It changed at every try",
                       "Look at the ticket again")

    async def update(self, number: int, fields: dict[str, Any], ticket: Ticket) -> dict[str, Any]:
        """Change a ticket unless it is not what it was; Conflict then."""
        stamped = {**fields, "safe_update": True, "updated_stamp": ticket.updated_at}
        return await self._client.write("PUT", f"/tickets/{number}", {"ticket": stamped}, safe=True)

    def _open(self, ticket: Ticket) -> None:
        if ticket.status == "closed":
            raise Rejected(f"{self.name}: ticket {ticket.id} is closed for good", "Zendesk changes nothing on it",
                           "Write a reply: it opens a follow-up ticket")

    async def _tag(self, number: int, value: str) -> None:
        """Add and remove tags by the calls that leave those of others alone."""
        change = tag_change(value, self.name)
        ticket = (await self._client.ticket(number)).tickets[0]
        held = {str(tag) for tag in ticket.tags}
        add = [tag for tag in map(plain_tag, change.add) if tag and tag not in held]
        remove = [tag for tag in map(plain_tag, change.remove) if tag in held]
        if add or remove:
            self._open(ticket)
        if add:
            await self._client.write("PUT", f"/tickets/{number}/tags", {"tags": add}, safe=True)
        if remove:
            await self._client.write("DELETE", f"/tickets/{number}/tags", {"tags": remove}, safe=True)

    async def _held(self, number: int, agent: int) -> Conflict:
        name = await self._speaker.agent(agent) or "somebody else"
        return Conflict(
            f"{self.name}: {name} has ticket {number}", "Somebody else took it first",
            "Talk to them, or take it over with claim steal=yes", holder=name,
        )

    def _changed(self, number: int, what: str) -> Conflict:
        return Conflict(f"{self.name}: the {what} of ticket {number} was just changed by somebody else",
                        "It is not what it was when you looked", "Look at the ticket again")


def plain_tag(tag: str) -> str:
    """A tag as Zendesk keeps it: small letters, no spaces."""
    return "_".join(tag.lower().replace(",", " ").split())


def _same_part(before: Ticket, now: Ticket, what: str) -> bool:
    """True when just the part that we are about to set was changed meanwhile: then somebody decided otherwise."""
    part = {"assignee": "assignee_id", "group": "group_id", "status": "status", "priority": "priority"}[what]
    return bool(getattr(before, part) != getattr(now, part))
