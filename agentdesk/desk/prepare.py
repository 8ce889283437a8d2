"""What a desk knows before its first day: put in once, each piece with its ledger row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentdesk.desk import inbox, people
from agentdesk.desk.desk import Desk
from agentdesk.store import conversations, customers, settings

DONE = "prepared"
Known = tuple[str, str]
"""A source's name and a ref on it."""


def is_prepared(desk: Desk) -> bool:
    """True when it was done in an earlier run."""
    return bool(settings.get(desk.store.reader, DONE))


async def mark_prepared(desk: Desk) -> None:
    """Remember that it was done."""
    await desk.store.write(lambda db: settings.put(db, DONE, "1"))


def customer_of(desk: Desk, known: Known) -> int:
    """The customer with this identity; 0 when nobody has it yet."""
    return customers.by_identity(desk.store.reader, *known) or 0


def conversation_of(desk: Desk, known: Known) -> int:
    """The conversation with this ref; 0 when it is not here yet."""
    return conversations.by_ref(desk.store.reader, *known) or 0


async def link_persons(desk: Desk, groups: Iterable[tuple[Known, ...]]) -> None:
    """Bring identities together that are known to be one person's."""
    for group in groups:
        ids = [customer_id for known in group if (customer_id := customer_of(desk, known))]
        for other in ids[1:]:
            if other != ids[0]:
                await people.merge(desk, ids[0], other)


async def describe(desk: Desk, known: Known, *, vip: bool, note: str, tags: Iterable[str]) -> None:
    """Write down what colleagues know of a customer."""
    customer_id = customer_of(desk, known)
    if not customer_id:
        return
    if vip:
        await people.set_vip(desk, customer_id, True)
    if note:
        await people.set_note(desk, customer_id, note)
    if wanted := list(tags):
        await people.set_tags(desk, customer_id, wanted)


async def put_aside(desk: Desk, known: Known, until: int) -> None:
    """Snooze a conversation, unless that time has passed or it is not open."""
    conversation_id = conversation_of(desk, known)
    if conversation_id and until > desk.now():
        await inbox.snooze(desk, [conversation_id], until)


async def name_incidents(desk: Desk, incidents: Mapping[str, Iterable[Known]]) -> None:
    """Put conversations under the incident they belong to."""
    for name, members in incidents.items():
        ids = [found for known in members if (found := conversation_of(desk, known))]
        if ids:
            await inbox.set_incident(desk, ids, name)
