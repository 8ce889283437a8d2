"""Changing tickets in Zammad, where the last one wins: each change is checked by reading it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentdesk.connectors.foreign import storable
from agentdesk.connectors.items import iso, tag_change
from agentdesk.connectors.zammad.client import ZammadClient
from agentdesk.connectors.zammad.speak import Speaker
from agentdesk.connectors.zammad.wire import MERGED, NOBODY, Priority, State, Ticket
from agentdesk.errors import Conflict, Rejected
from agentdesk.model.clock import DAY, Clock, Millis
from agentdesk.model.outgoing import Action, Verb
from agentdesk.model.text import inert_line

REMIND_AFTER: Millis = DAY
"""A state that waits needs an end; this far ahead, as Zammad's own form proposes it."""


class Actor:
    """Carries out one account's actions."""

    def __init__(self, client: ZammadClient, speaker: Speaker, clock: Clock) -> None:
        self._client = client
        self._speaker = speaker
        self._clock = clock
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
                await self._give(number, await self._agent(value) if value else NOBODY)
            case Verb.STATUS:
                await self._state(number, value)
            case Verb.PRIORITY:
                wanted = self.priority(value)
                await self._set(number, "priority", {"priority_id": wanted.id}, lambda t: t.priority_id == wanted.id)
            case Verb.TAGS:
                await self._tag(number, value)
            case _:
                raise Rejected(f"{self.name}: Zammad cannot do {action.verb}", remedy="It is kept on this desk only")

    async def _claim(self, number: int, *, steal: bool) -> None:
        """Become the owner. Zammad lets the last one win, so whoever reads another owner back has lost."""
        ticket, _, _ = await self._client.ticket(number)
        if ticket.owner_id == self._client.me:
            return
        if ticket.owner_id > NOBODY and not steal:
            raise await self._held(number, ticket.owner_id)
        await self._client.put(number, {"owner_id": self._client.me})
        ticket, _, _ = await self._client.ticket(number)
        if ticket.owner_id == self._client.me:
            return
        if ticket.owner_id > NOBODY:
            raise await self._held(number, ticket.owner_id)
        raise self._refused(number, "its owner", "An owner needs full access to the ticket's group")

    async def _release(self, number: int) -> None:
        """Give a ticket back; one that somebody else has by now is left alone."""
        ticket, _, _ = await self._client.ticket(number)
        if ticket.owner_id == self._client.me:
            await self._give(number, NOBODY)

    async def _give(self, number: int, owner: int) -> None:
        await self._set(number, "its owner", {"owner_id": owner}, lambda ticket: ticket.owner_id == owner)

    async def _agent(self, value: str) -> int:
        """An agent by login, mail address or full name."""
        wanted = value.casefold()
        found = await self._client.people(value, 20)
        for of in ("login", "email", "name"):
            fits = [user.id for user in found if user.active and str(getattr(user, of)).casefold() == wanted]
            if len(fits) == 1:
                return fits[0]
        shown = inert_line(value, limit=80)
        raise Rejected(f"{self.name}: nobody is called {shown}", "Zammad knows no such agent, or several",
                       "Use the agent's login or mail address")

    async def _state(self, number: int, value: str) -> None:
        state = self.state(value)
        fields: dict[str, Any] = {"state_id": state.id}
        if state.waits:
            fields["pending_time"] = iso(self._clock.now() + REMIND_AFTER)
        await self._set(number, "its state", fields, lambda ticket: ticket.state_id == state.id)

    def state(self, value: str) -> State:
        """A state by name; those that only a merge gives are none."""
        for state in self._speaker.states.values():
            if state.name.casefold() == value.casefold() and state.type < MERGED and state.active:
                return state
        names = ", ".join(str(inert_line(s.name)) for s in self._speaker.states.values() if s.active)
        shown = inert_line(value, limit=80)
        raise Rejected(f"{self.name}: {shown} is no state of a ticket", f"There are {names}", "Choose one of them")

    def priority(self, value: str) -> Priority:
        """A priority by name (with or without its number), by number, or on a scale to 100."""
        known = sorted((p for p in self._speaker.priorities.values() if p.active), key=lambda p: p.name)
        wanted = value.casefold()
        for priority in known:
            name = priority.name.casefold()
            if wanted in (name, name.lstrip("0123456789 "), name.split(" ")[0]):
                return priority
        if known and value.isdecimal() and int(value) <= 100:
            return known[min(len(known) - 1, int(value) * len(known) // 101)]
        names = ", ".join(str(inert_line(priority.name)) for priority in known)
        shown = inert_line(value, limit=80)
        raise Rejected(f"{self.name}: {shown} is no priority", f"There are {names}", "Choose one of them")

    async def _set(self, number: int, what: str, fields: dict[str, Any], done: Callable[[Ticket], bool]) -> None:
        """Set fields, unless they are set already, and see whether they stay."""
        ticket, _, _ = await self._client.ticket(number)
        if done(ticket):
            return
        await self._client.put(number, fields)
        ticket, _, _ = await self._client.ticket(number)
        if not done(ticket):
            raise self._refused(number, what, "It is not what was asked for when read back: a rule there, or somebody "
                                              "else, changed it at once")

    async def _tag(self, number: int, value: str) -> None:
        """Add and remove tags one by one: those that others set stay."""
        change = tag_change(value, self.name)
        held = await self._client.tags(number)
        for tag in change.remove:
            if tag in held:
                await self._client.tag(number, tag, add=False)
        for tag in change.add:
            if tag.strip() not in held:
                await self._client.tag(number, tag.strip(), add=True)
        held = await self._client.tags(number)
        missing = [tag for tag in change.add if tag.strip() not in held]
        if missing:
            names = ", ".join(str(inert_line(tag)) for tag in missing)
            raise self._refused(number, "its tags", f"{names} was not kept: agents may not make new tags there")

    async def _held(self, number: int, owner: int) -> Conflict:
        name = await self._speaker.login(owner)
        return Conflict(
            f"{self.name}: {name} has ticket {number}", "Somebody else took it first",
            "Talk to them, or take it over with claim steal=yes", holder=name,
        )

    def _refused(self, number: int, what: str, cause: str) -> Rejected:
        return Rejected(f"{self.name}: Zammad did not change {what} on ticket {number}", storable(cause),
                        "Check your rights on its group in Zammad")
