"""Replies that a GoToSocial account holds back until it approves them.

Only their author and we see them, and no notification of a mention tells of them:
https://docs.gotosocial.org/en/latest/api/swagger/ (interaction_requests). A request leaves the listing once it was
decided, here or elsewhere; what became of it is then asked.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from agentdesk.connectors.foreign import reject
from agentdesk.connectors.items import read
from agentdesk.connectors.mastodon.client import MastodonClient, Pairs, path
from agentdesk.connectors.mastodon.wire import Id, Status, raw_id
from agentdesk.errors import BadAnswer, Gone, Rejected, Unavailable
from agentdesk.model.page import Reject

PAGE = 80
PAGES = 5
"""So many are read at each pull; where more wait, one further page each time, until all were seen."""
DECIDED_AT_ONCE = 20
"""So many that left the listing are asked for in one pull; the others in the next."""
DECIDED_BESIDE = 3
"""The same where most of them only stand further down."""
ADDRESS = "/api/v1/interaction_requests"
_ASKED: Pairs = [("favourites", "false"), ("reblogs", "false"), ("limit", PAGE)]
_NOTED = "/interaction_requests/"
"""Stands in the note that the server puts below such a reply, with the address where it can be approved."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One reply that asks to be approved."""

    id: Id
    accepted_at: str = ""
    rejected_at: str = ""
    reply: Status | None = None


class News(NamedTuple):
    """What is new about replies that wait."""

    waiting: list[Status]
    """Those that were not known yet."""
    approved: list[Status]
    gone: list[str]
    """Refs of those that were rejected, or deleted by their authors."""
    rejects: list[Reject]
    known: dict[str, str]
    """The refs of all that wait now, by the ids of their requests: what the cursor keeps.

    Without a ref where the request cannot be read, so that it is set aside once.
    """


class Approvals:
    """One account's replies that wait for approval; ``on`` where the server has such a thing."""

    def __init__(self, client: MastodonClient) -> None:
        self._client = client
        self.on = False
        self._further = ""
        """From where the next further page is read."""
        self._numbers: dict[str, str] = {}
        """The ids of requests by the refs of what waits, for those that stand too far down to be listed."""

    async def news(self, known: dict[str, str]) -> News:
        """What changed since these were known to wait."""
        if not self.on:
            return News([], [], [], [], known)
        listed, rejects, rest = await self._listed()
        if rest:
            more, bad, self._further = await self._listed(self._further or rest, pages=1)
            listed, rejects = [*listed, *more], [*rejects, *bad]
        most = DECIDED_BESIDE if rest else DECIDED_AT_ONCE
        waiting = {str(one.id): one.reply for one in listed if one.reply is not None}
        approved, gone = list[Status](), list[str]()
        unread = {one.where.rpartition(" ")[2]: one for one in rejects}
        left = [number for number, ref in known.items() if ref and number not in waiting]
        now = {number: known[number] for number in left[most:]}  # first, for it is their turn next
        now |= dict.fromkeys(unread, "") | {number: reply.ref for number, reply in waiting.items()}
        for number in left[:most]:
            decided = await self._decided(number, known[number])
            if decided == "gone":
                gone.append(known[number])
            elif decided == "waits":
                now[number] = known[number]
            else:
                approved.append(decided)
        self._numbers = {ref: number for number, ref in now.items() if ref}
        fresh = [reply for number, reply in waiting.items() if not known.get(number)]
        return News(fresh, approved, gone, [one for number, one in unread.items() if number not in known], now)

    async def among(self, statuses: list[Status]) -> dict[str, Status]:
        """Those of these that wait, as their authors wrote them, by their refs."""
        if not self.on or not any(map(may_wait, statuses)):
            return {}
        return {one.reply.ref: one.reply for one in (await self._listed())[0] if one.reply is not None}

    async def approve(self, ref: str) -> None:
        """Let everybody see a reply; nothing happens to one that waits no more."""
        if not await self._decide(ref, "authorize"):
            await self._client.status(ref)

    async def reject(self, ref: str) -> None:
        """Have a reply deleted on our server; nothing happens to one that is gone."""
        if await self._decide(ref, "reject"):
            return
        try:
            await self._client.status(ref)
        except Gone:
            return
        raise Rejected(f"{self._client.name}: this reply was approved already", "Everybody can see it by now",
                       "Finish the conversation with d, or block its author on the website")

    async def _decide(self, ref: str, word: str) -> bool:
        """Say the word about a reply that waits; False when there is none, or somebody else was first."""
        listed, _, rest = await self._listed()
        numbers = [str(one.id) for one in listed if one.reply is not None and one.reply.ref == ref]
        number = next(iter(numbers), self._numbers.get(ref, "") if rest else "")
        try:
            if number:
                await self._client.write("POST", f"{ADDRESS}/{path(number)}/{word}", {})
        except Gone:
            return False
        return bool(number)

    async def _decided(self, number: str, ref: str) -> Status | Literal["gone", "waits"]:
        """What became of a reply whose request is not listed: the reply itself when it was approved."""
        told: Any = {}
        waits = False
        try:
            told = await self._client.data(f"{ADDRESS}/{path(number)}")
            waits = isinstance(told, dict) and not told.get("accepted_at")
        except Gone:
            waits = False
        except (BadAnswer, Unavailable):
            waits = True  # the server may not be able to show a request whose reply was deleted
        if isinstance(told, dict) and told.get("rejected_at"):
            return "gone"
        try:
            status = await self._client.status(ref)
        except Gone:
            return "gone"
        return "waits" if waits else status

    async def _listed(self, older: str = "", pages: int = 0) -> tuple[list[Request], list[Reject], str]:
        """Those that wait, as far as a few pages tell, and from where it goes on; nothing where there is no listing."""
        items = list[Any]()
        rest = ""
        for _ in range(pages or PAGES):
            try:
                page = await self._client.listing(ADDRESS, [*_ASKED, *([("max_id", older)] if older else [])])
            except Gone:
                break
            items += page.items
            rest = page.older if len(page.items) == PAGE and page.older != older else ""
            if not rest:
                break
            older = rest
        found, bad = read(items, Request, "reply that waits")
        nothing = [reject(f"reply that waits {raw_id(one)}", "It is not told what it says", one) for one in items
                   if isinstance(one, dict) and one.get("type", "reply") == "reply" and one.get("reply") is None]
        return [one for one in found if not one.accepted_at and not one.rejected_at], [*bad, *nothing], rest


def may_wait(status: Status) -> bool:
    """True when the server noted below a status that it waits for our approval; an author may write that too."""
    return _NOTED in status.content
