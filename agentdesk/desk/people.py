"""Customers: notes, VIP, tags, and putting identities together or apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused
from agentdesk.model.events import Changed
from agentdesk.store import customers, ledger, standing
from agentdesk.store.db import Db


async def set_note(desk: Desk, customer_id: int, note: str) -> str:
    """Write what colleagues should know about a customer."""
    await _change(desk, customer_id, "customer_note", {"note": note},
                  lambda db: customers.set_note(db, customer_id, note))
    return "Note kept"


async def set_vip(desk: Desk, customer_id: int, vip: bool) -> str:
    """Mark a customer as VIP, or not; the queue follows."""
    await _change(desk, customer_id, "customer_vip", {"vip": vip}, lambda db: customers.set_vip(db, customer_id, vip))
    return "VIP" if vip else "No longer VIP"


async def set_tags(desk: Desk, customer_id: int, tags: Sequence[str]) -> str:
    """Set a customer's tags."""
    await _change(desk, customer_id, "customer_tags", {"tags": list(tags)},
                  lambda db: customers.set_tags(db, customer_id, list(tags)))
    return "Tags kept"


async def merge(desk: Desk, keep: int, other: int) -> str:
    """Say that two customers are one person; their identities and conversations come together."""
    if keep == other:
        raise Refused("This is the same customer already", "")
    await _change(desk, keep, "customers_merged", {"other": other}, lambda db: customers.merge(db, keep, other))
    return "One customer now"


async def split(desk: Desk, source: str, ref: str) -> str:
    """Say that an identity belongs to another person."""
    now = desk.now()

    def work(db: Db) -> int:
        customer_id = customers.split(db, source, ref)
        ledger.write(db, at=now, agent=desk.agent, action="identity_split", customer_id=customer_id, source=source,
                     detail={"ref": ref})
        return customer_id

    await desk.store.write(work)
    desk.emit(Changed())
    return "Two customers now"


async def _change(desk: Desk, customer_id: int, action: str, detail: dict[str, object],
                  work: Callable[[Db], None]) -> None:
    """Change a customer, with its ledger row, and let the queue follow."""
    now = desk.now()

    def run(db: Db) -> list[int]:
        work(db)
        ledger.write(db, at=now, agent=desk.agent, action=action, customer_id=customer_id, detail=detail)
        ids = customers.open_conversation_ids(db, customer_id)
        standing.refresh(db, ids, desk.rulebook, now)
        return ids

    ids = await desk.store.write(run)
    desk.emit(Changed(conversation_ids=tuple(ids)))
