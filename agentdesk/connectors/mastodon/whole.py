"""Whole conversations as they stand now: a thread from its context, a customer's history, what a search finds.

https://docs.joinmastodon.org/methods/statuses/#context
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from agentdesk.connectors.foreign import reject
from agentdesk.connectors.items import read
from agentdesk.connectors.mastodon.approvals import Approvals
from agentdesk.connectors.mastodon.client import MastodonClient, Pairs
from agentdesk.connectors.mastodon.reading import Gathered, Reader, head
from agentdesk.connectors.mastodon.speak import Speaker
from agentdesk.connectors.mastodon.threads import Threads, join, part
from agentdesk.connectors.mastodon.wire import Account, Status
from agentdesk.errors import Gone, Rejected
from agentdesk.model.page import Page, Reject

ASIDES = 60
"""So much of what others say in a thread is shown around a conversation."""
HISTORY_THREADS = 8
SEEN_THREADS = 300
PROVEN_GONE = 5
FOUND_PEOPLE = 3


class Found(NamedTuple):
    """A thread as the server shows it."""

    statuses: list[Status]
    """Oldest first."""
    rejects: list[Reject]
    again_s: float | None
    """The server is still fetching the rest."""


class Whole:
    """Reads conversations on demand."""

    def __init__(
        self, client: MastodonClient, speaker: Speaker, threads: Threads, approvals: Approvals, reader: Reader
    ) -> None:
        self._client = client
        self._speaker = speaker
        self._threads = threads
        self._approvals = approvals
        self._reader = reader
        self._seen: OrderedDict[str, frozenset[str]] = OrderedDict()
        """What each conversation consisted of when it was last read, to notice what its authors deleted."""

    async def thread(self, conversation_ref: str) -> Page:
        """One conversation: what the customer and we said, and what stands around it."""
        root, customer = part(conversation_ref, self._client.name)
        statuses, rejects, again_s = await self.statuses(root)
        gathered = Gathered()
        gathered.rejects += rejects
        direct = self._direct(statuses, customer)
        if not direct:
            raise self._gone(conversation_ref)
        around = _around(statuses, direct)
        top = next((one for one in statuses if one.ref == root), None)
        it = head(conversation_ref, customer, top)
        waiting = await self._approvals.among(list(direct.values()))
        for status in [*(waiting.get(ref, one) for ref, one in direct.items()), *around]:
            aside = status.ref not in direct
            theirs = not aside and status.account.ref == customer
            heard = theirs and not self._speaker.speaks_to(status, self._speaker.me)
            try:
                message = self._speaker.message(status, conversation_ref, customer=customer, aside=aside,
                                                indirect=heard, pending=status.ref in waiting)
                person = self._speaker.profile(status.account) if status.account.ref == customer else None
            except ValueError as error:
                gathered.rejects.append(reject(f"status {status.ref}", str(error), status.ref))
                continue
            gathered.add(message, it, person)
        return gathered.page(removed=await self._removed(conversation_ref, direct), again_s=again_s)

    async def statuses(self, root: str) -> Found:
        """All statuses of a thread, oldest first; from below when its first one was deleted."""
        for ref in [root, *self._threads.others(root)]:
            try:
                status = await self._client.status(ref)
                above, below, rejects, again_s = await self._client.context(ref)
            except Gone:
                continue
            found = list({one.ref: one for one in [*above, status, *below]}.values())
            self._threads.learn(root, found)
            return Found(found, rejects, again_s)
        raise self._gone(root)

    async def history(self, customer: str, limit: int) -> Page:
        """A person's latest conversations with us, those of several posts as a whole."""
        gathered = Gathered()
        whole: set[str] = set()
        for status in await self._reader.mentions_of(customer, limit):
            try:
                ref = await self._reader.addressed(status, gathered)
            except ValueError as error:
                gathered.rejects.append(reject(f"status {status.ref}", str(error), status.ref))
                continue
            if ref and ref not in whole and len(whole) < HISTORY_THREADS:
                whole.add(ref)
                await self._bring(ref, gathered)
        return gathered.page(backfill=True)

    async def find(self, words: str, limit: int) -> Page:
        """Statuses that hold the words, as far as the server's search sees them, and people of that name."""
        pairs: Pairs = [("q", words), ("limit", max(1, min(limit, 40)))]
        data = await self._client.data("/api/v2/search", pairs)
        told = data if isinstance(data, dict) else {}
        statuses, _ = read(_list(told.get("statuses")), Status, "status")
        people, _ = read(_list(told.get("accounts")), Account, "account")
        gathered = Gathered()
        for status in statuses[:limit]:
            ours = status.account.ref == self._speaker.me
            if ours or self._speaker.speaks_to(status, self._speaker.me):
                customer = await self._threads.owner_of(status) if ours else status.account.ref
                if customer:
                    await self._bring(join(await self._threads.root_of(status), customer), gathered)
        for person in people[:FOUND_PEOPLE]:
            if person.ref != self._speaker.me:
                page = await self.history(person.ref, limit)
                _merge(page, gathered)
                gathered.people[person.ref] = self._speaker.profile(person)
        return gathered.page(backfill=True)

    async def _bring(self, conversation_ref: str, gathered: Gathered) -> None:
        """Add a whole conversation, unless it is gone meanwhile."""
        try:
            _merge(await self.thread(conversation_ref), gathered)
        except Rejected:
            return

    def _direct(self, statuses: Iterable[Status], customer: str) -> dict[str, Status]:
        """What the customer and we said to each other: everything of theirs, and of ours what speaks to them."""
        among = {one.ref: one for one in statuses}
        found: dict[str, Status] = {}
        for status in among.values():
            author = status.account.ref
            spoken_to = self._threads.upwards(status, among) if author == self._speaker.me else author
            if spoken_to == customer:
                found[status.ref] = status
        return found

    async def _removed(self, conversation_ref: str, direct: dict[str, Status]) -> tuple[str, ...]:
        """Refs of what stood here when we last looked and is deleted now; each is asked for, absence proves nothing."""
        before = self._seen.get(conversation_ref, frozenset())
        gone = []
        for ref in sorted(before - direct.keys())[:PROVEN_GONE]:
            try:
                await self._client.status(ref)
            except Gone:
                gone.append(ref)
        self._seen[conversation_ref] = frozenset(direct)
        self._seen.move_to_end(conversation_ref)
        while len(self._seen) > SEEN_THREADS:
            self._seen.popitem(last=False)
        return tuple(gone)

    def _gone(self, what: str) -> Gone:
        return Gone(f"{self._client.name}: the thread is not there any more",
                    "Its posts were deleted, or their author hides them from us", "Finish the conversation with d")


def _around(statuses: list[Status], direct: dict[str, Status]) -> list[Status]:
    """What others say in the same branch: above what the two said, and in answer to it."""
    among = {one.ref: one for one in statuses}
    wanted: dict[str, Status] = {}
    for status in direct.values():
        above = among.get(status.parent)
        while above is not None and above.ref not in wanted:
            wanted[above.ref] = above
            above = among.get(above.parent)
    for status in statuses:
        if status.parent in direct:
            wanted.setdefault(status.ref, status)
    others = [one for ref, one in wanted.items() if ref not in direct]
    return sorted(others, key=lambda one: one.created_at)[-ASIDES:]


def _merge(page: Page, gathered: Gathered) -> None:
    for message in page.messages:
        known = gathered.messages.get(message.ref)
        if known is None or (known.indirect and not message.indirect):
            gathered.messages[message.ref] = message
    gathered.heads.update((one.ref, one) for one in page.conversations)
    gathered.people.update((one.ref, one) for one in page.profiles)
    gathered.rejects += page.rejects


def _list(value: object) -> list[object]:
    return value[:200] if isinstance(value, list) else []
