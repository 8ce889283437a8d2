"""Which conversation a status belongs to.

A conversation is one customer and us in one thread: its ref is ``<root>/<customer>``, the id of the thread's first
status that the server can show and the id of the customer's account. So two customers who name us below the same
stranger's post are two conversations, each with its own clock, and a customer's next post in the same thread, however
deep, comes to the same one. A private message that we begin is its own root.

A server forgets who answered whom once a status above was deleted. What was seen of a thread is therefore remembered,
also over a restart (in the cursor): later statuses still find the ref that the conversation had, and the thread can
still be read from below. Where even that is missing, a later status begins a new conversation: nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable

from agentdesk.connectors.foreign import ref
from agentdesk.connectors.mastodon.client import Context, MastodonClient
from agentdesk.connectors.mastodon.speak import Speaker
from agentdesk.connectors.mastodon.wire import Status
from agentdesk.errors import Gone, Rejected
from agentdesk.model.text import inert_line

KNOWN = 5_000
"""Statuses whose thread is remembered while we run."""
KEPT = 200
KEPT_EACH = 3
"""Threads that the cursor remembers, and the newest statuses of each."""
DEEPEST = 60


def join(root: str, customer: str) -> str:
    """A conversation's ref."""
    return f"{ref(root)}/{ref(customer)}"


def part(conversation_ref: str, name: str) -> tuple[str, str]:
    """Root and customer of a conversation's ref."""
    root, slash, customer = conversation_ref.rpartition("/")
    if not slash or not root or not customer:
        shown = inert_line(conversation_ref, limit=60)
        raise Rejected(f"{name}: {shown} is no conversation of this source", remedy="Open it from the queue")
    return root, customer


class Threads:
    """What is known of who answers whom."""

    def __init__(self, client: MastodonClient, speaker: Speaker) -> None:
        self._client = client
        self._speaker = speaker
        self._roots: dict[str, str] = {}

    async def root_of(self, status: Status) -> str:
        """The first status of the thread; itself where nothing stands above it that the server can show."""
        known = self._roots.get(status.ref) or (self._roots.get(status.parent) if status.parent else status.ref)
        if known is None:
            above, below, *_ = await self._context(status)
            known = self._roots.get(above[0].ref, above[0].ref) if above else status.ref
            self.learn(known, [*above, *below])
        self.learn(known, [status])
        return known

    async def owner_of(self, ours: Status) -> str:
        """The account that one of our own statuses speaks to; empty when it speaks to nobody in particular."""
        owner = self._spoken_to(ours)
        if owner is not None:
            return owner
        above = (await self._context(ours)).above
        return self.upwards(ours, {one.ref: one for one in above})

    def upwards(self, ours: Status, among: dict[str, Status]) -> str:
        """Whom a chain of our own statuses speaks to, by what stands above it."""
        answered = str(ours.in_reply_to_account_id)
        if answered not in ("", self._speaker.me):
            return answered
        status = ours
        for _ in range(DEEPEST):
            above = among.get(status.parent)
            if above is None:
                break
            if above.account.ref != self._speaker.me:
                return above.account.ref
            status = above
        return self._first_named(ours)

    def learn(self, root: str, statuses: Iterable[Status]) -> None:
        """Remember that these belong together; the oldest are forgotten first."""
        for status in statuses:
            self._speaker.learn(status.account)
            self._roots.pop(status.ref, None)
            self._roots[status.ref] = root
        while len(self._roots) > KNOWN:
            del self._roots[next(iter(self._roots))]

    def others(self, root: str) -> list[str]:
        """Statuses of that thread besides its root, the newest first."""
        return [one for one, top in reversed(self._roots.items()) if top == root and one != root][: 2 * KEPT_EACH]

    def load(self, kept: dict[str, list[str]]) -> None:
        """Take over what an earlier process remembered, below what is known already."""
        told = {one: root for root, each in kept.items() for one in each}
        self._roots = {**told, **self._roots}

    def plain(self) -> dict[str, list[str]]:
        """What the cursor keeps: the newest statuses of the latest threads that have more than one."""
        found: dict[str, list[str]] = {}
        for one, root in reversed(self._roots.items()):
            if one == root or len(found.get(root, ())) >= KEPT_EACH:
                continue
            if root not in found and len(found) >= KEPT:
                break
            found.setdefault(root, []).insert(0, one)
        return dict(reversed(found.items()))

    def _first_named(self, ours: Status) -> str:
        return next((ref for ref in self._speaker.mentioned(ours) if ref != self._speaker.me), "")

    def _spoken_to(self, ours: Status) -> str | None:
        """The account, where the status alone says so; None when what stands above it must be asked."""
        answered = str(ours.in_reply_to_account_id)
        if answered and answered != self._speaker.me:
            return answered
        if ours.parent:
            return None
        text = ours.content.lower()
        begins = text.removeprefix("<p>").lstrip().startswith(("@", "<span class=\"h-card", "<a "))
        return self._first_named(ours) if ours.visibility == "direct" or begins else ""

    async def _context(self, status: Status) -> Context:
        try:
            return await self._client.context(status.ref)
        except Gone:
            return Context([], [], [])
