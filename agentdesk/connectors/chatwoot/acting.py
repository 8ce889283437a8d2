"""Changing conversations at Chatwoot: whoever writes last wins there, so each change is looked at before and after."""

from __future__ import annotations

from collections.abc import Sequence

from agentdesk.connectors.chatwoot.client import ChatwootClient
from agentdesk.connectors.chatwoot.speak import PRIORITIES, STATUSES
from agentdesk.connectors.chatwoot.wire import Person, Talk
from agentdesk.connectors.items import read, tag_change
from agentdesk.errors import Conflict, Rejected
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.outgoing import Action, Verb
from agentdesk.model.text import inert_line

SETTLE: Millis = SECOND
"""A claim is looked at again after this: of two that cross, one is then seen to be overwritten."""
TRIES = 3
LEVELS = ((20, "none"), (45, "low"), (70, "medium"), (95, "high"))
"""Numbers from elsewhere as Chatwoot's words; above the last it is urgent."""


class Actor:
    """Carries out one account's actions."""

    def __init__(self, client: ChatwootClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self.name = client.name
        self.me = 0

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
                await self._status(number, value)
            case Verb.PRIORITY:
                await self._priority(number, value)
            case Verb.TAGS:
                await self._tags(number, value)
            case Verb.DELETE:
                await self._delete(number, action.message_ref)
            case Verb.MARK_READ:
                await self._client.change(f"/conversations/{number}/update_last_seen", {})
            case _:
                raise Rejected(f"{self.name}: Chatwoot cannot do {action.verb}", remedy="It is kept on this desk only")

    async def _claim(self, number: int, *, steal: bool) -> None:
        """Become the assignee; a colleague who has it, or who took it at the same moment, is named."""
        talk = await self._client.talk(number)
        if _holder(talk) == self.me:
            return
        if talk.meta.assignee and not steal:
            raise self._held(talk)
        await self._give(number, self.me)
        await self._clock.sleep(SETTLE)
        talk = await self._client.talk(number)
        if _holder(talk) != self.me:
            raise self._held(talk) if talk.meta.assignee else self._refused(number, "the assignee")

    async def _release(self, number: int) -> None:
        """Give it back; a conversation that somebody else has by now is left alone."""
        if _holder(await self._client.talk(number)) != self.me:
            return
        await self._give(number, 0)
        if _holder(await self._client.talk(number)) == self.me:
            raise self._refused(number, "the assignee")

    async def _assign(self, number: int, value: str) -> None:
        """Hand it to an agent by name or mail address, or with team: before it to a team; empty clears the agent."""
        if value.casefold().startswith("team:"):
            team = value[5:].strip()
            await self._client.change(f"/conversations/{number}/assignments", {"team_id": await self._team(team)})
            return
        wanted = await self._agent(value) if value else 0
        if _holder(await self._client.talk(number)) == wanted:
            return
        await self._give(number, wanted)
        if _holder(await self._client.talk(number)) != wanted:
            raise self._refused(number, "the assignee")

    async def _status(self, number: int, value: str) -> None:
        """Set a status by name; opening makes Chatwoot assign the one who opens, which is taken back."""
        if value not in STATUSES:
            raise Rejected(f"{self.name}: {inert_line(value)} is no status", remedy=f"Use {', '.join(STATUSES)}")
        talk = await self._client.talk(number)
        if talk.status == value:
            return
        await self._client.change(f"/conversations/{number}/toggle_status", {"status": value})
        after = await self._client.talk(number)
        if after.status != value:
            raise self._refused(number, "the status")
        if _holder(after) == self.me != _holder(talk):
            await self._give(number, _holder(talk))

    async def _priority(self, number: int, value: str) -> None:
        wanted = priority(value)
        if wanted not in PRIORITIES:
            raise Rejected(f"{self.name}: {inert_line(value)} is no priority", remedy=f"Use {', '.join(PRIORITIES)}")
        if ((await self._client.talk(number)).priority or "none") == wanted:
            return
        data = {"priority": None if wanted == "none" else wanted}
        await self._client.change(f"/conversations/{number}/toggle_priority", data)
        if ((await self._client.talk(number)).priority or "none") != wanted:
            raise self._refused(number, "the priority")

    async def _tags(self, number: int, value: str) -> None:
        """Add and remove labels; Chatwoot takes whole lists only, so those of others are read and written back."""
        change = tag_change(value, self.name)
        if any("," in tag or not tag.strip() for tag in change.add):
            raise Rejected(f"{self.name}: a label holds no comma and is not empty", remedy="Use a dash instead")
        for _ in range(TRIES):
            held = (await self._client.talk(number)).labels
            kept = [label for label in held if label not in change.remove]
            wanted = kept + [label for label in dict.fromkeys(change.add) if label not in kept]
            if set(wanted) == set(held):
                return
            await self._client.change(f"/conversations/{number}/labels", {"labels": wanted})
        held = (await self._client.talk(number)).labels
        if not set(change.add) <= set(held) or set(change.remove) & set(held):
            raise self._refused(number, "the labels")

    async def _delete(self, number: int, ref: str) -> None:
        """Blank a message of our own; what the channel delivered stays with the customer."""
        if not ref.isdecimal():
            raise Rejected(f"{self.name}: {inert_line(ref, limit=60)} is no message of ours")
        words, _, _ = await self._client.tail(number, int(ref) - 1, 10)
        word = next((word for word in words if word.id == int(ref)), None)
        if word is None or word.deleted:
            return
        if word.sender is None or word.sender.id != self.me or word.sender.type == "contact":
            raise Rejected(f"{self.name}: message {ref} is not yours", remedy="Only your own can be deleted from here")
        await self._client.change(f"/conversations/{number}/messages/{ref}", None, "DELETE")

    async def _give(self, number: int, agent: int) -> None:
        """Set the assignee; 0 is nobody, as in Chatwoot's own interface."""
        await self._client.change(f"/conversations/{number}/assignments", {"assignee_id": agent})

    async def _agent(self, value: str) -> int:
        people, _ = read(await self._client.listing("/agents"), Person, "agent")
        return self._one(value, people, "agent")

    async def _team(self, value: str) -> int:
        teams, _ = read(await self._client.listing("/teams"), Person, "team")
        return self._one(value, teams, "team")

    def _one(self, value: str, people: Sequence[Person], what: str) -> int:
        low = value.strip().casefold()
        for names in (("email",), ("name",), ("available_name",)):
            found = [person for person in people if getattr(person, names[0]).casefold() == low]
            if len(found) == 1:
                return found[0].id
        names_known = ", ".join(str(inert_line(person.name, limit=40)) for person in people[:10])
        title = f"{self.name}: there is no {what} {inert_line(value, limit=60)}"
        raise Rejected(title, f"Chatwoot knows {names_known or 'none'}", "Use the name or mail address from Chatwoot")

    def _held(self, talk: Talk) -> Conflict:
        holder = str(inert_line(talk.meta.assignee.shown, limit=120)) if talk.meta.assignee else ""
        return Conflict(
            f"{self.name}: {holder} has conversation {talk.id}", "Somebody else took it first",
            "Talk to them, or take it over with claim steal=yes", holder=holder,
        )

    def _refused(self, number: int, what: str) -> Rejected:
        return Rejected(
            f"{self.name}: Chatwoot did not change {what} of conversation {number}",
            "It said yes, and is as it was: a rule there may have changed it back", "Look at the conversation there",
        )


def priority(value: str) -> str:
    """A priority in Chatwoot's words; numbers from elsewhere are put between them."""
    low = value.casefold()
    if not low.isdecimal() or len(low) > 6:
        return low or "none"
    return next((name for limit, name in LEVELS if int(low) < limit), "urgent")


def _holder(talk: Talk) -> int:
    return talk.meta.assignee.id if talk.meta.assignee else 0


__all__ = ["Actor", "priority"]
