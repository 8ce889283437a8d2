"""Customers: notes, VIP, tags, who may be the same person, and putting identities together or apart."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from agentdesk.desk.decide import poke
from agentdesk.desk.desk import Desk
from agentdesk.errors import NotFound, Refused
from agentdesk.model.customer import Identity, Offer
from agentdesk.model.events import Changed
from agentdesk.store import customers, identities, ledger, matches, ranking
from agentdesk.store.codec import pack
from agentdesk.store.db import Db


async def set_note(desk: Desk, customer_id: int, note: str) -> str:
    """Write what colleagues should know about a customer."""
    await _put(desk, customer_id, "customer_note", "note", note)
    return "Note kept"


async def set_vip(desk: Desk, customer_id: int, vip: bool) -> str:
    """Mark a customer as VIP, or not; the queue follows."""
    await _put(desk, customer_id, "customer_vip", "vip", int(vip))
    return "VIP" if vip else "No longer VIP"


async def set_tags(desk: Desk, customer_id: int, tags: Sequence[str]) -> str:
    """Set a customer's tags."""
    await _put(desk, customer_id, "customer_tags", "tags", pack(list(dict.fromkeys(tags))))
    return "Tags kept"


def offers(desk: Desk, customer_id: int) -> list[Offer]:
    """Customers who may be the same person, with what they have in common; nothing is put together by itself."""
    return matches.offers(desk.store.reader, customer_id)


async def merge(desk: Desk, keep: int, other: int, why: str = "") -> str:
    """Say that two customers are one person; their identities and conversations come together."""
    if keep == other:
        raise Refused("This is the same customer already", "", "Name another one's conversation")

    def work(db: Db) -> dict[str, Any]:
        merged = identities.merge(db, keep, other)
        return {"other": other, "why": why, "merged": msgspec.to_builtins(merged)}

    await _decide(desk, keep, "customers_merged", work)
    return "One customer now"


async def keep_apart(desk: Desk, customer_id: int, other: int) -> str:
    """Say that two customers are different persons: they are not offered again."""
    now = desk.now()

    def work(db: Db) -> dict[str, Any]:
        ones, others = customers.get(db, customer_id), customers.get(db, other)
        matches.part(db, ones.identities, others.identities, desk.agent, now)
        return {"other": other}

    await _decide(desk, customer_id, "not_the_same", work)
    return "Not the same person: not offered again"


async def split(desk: Desk, source: str, ref: str) -> str:
    """Say that an identity belongs to another person."""
    now = desk.now()
    found = customers.by_identity(desk.store.reader, source, ref)
    if found is None:
        raise NotFound(f"Nobody on {source} has the id {ref}")

    def work(db: Db) -> dict[str, Any]:
        apart = identities.split(db, source, ref, desk.agent, now)
        return {"ref": ref, "split": msgspec.to_builtins(apart)}

    await _decide(desk, found, "identity_split", work, source=source)
    return "Two customers now"


def called(identity: Identity) -> str:
    """An identity in a list of them: where it is and what it is called."""
    return f"{identity.source} {identity.profile.handle or identity.profile.name or identity.profile.ref}"


async def _put(desk: Desk, customer_id: int, action: str, column: Literal["vip", "note", "tags"],
               value: str | int) -> None:
    """Write one column of a customer, with what was there before."""

    def work(db: Db) -> dict[str, Any]:
        before = customers.column(db, customer_id, column)
        customers.put_column(db, customer_id, column, value)
        return {column: value, "before": {column: before}, "after": {column: value}}

    await _decide(desk, customer_id, action, work)


async def _decide(desk: Desk, customer_id: int, action: str, work: Callable[[Db], dict[str, Any]], *,
                  source: str = "") -> None:
    """Decide about a customer, with its ledger row, so that it can be taken back; the queue follows."""
    now = desk.now()

    def run(db: Db) -> None:
        detail = work(db) | {"batch": uuid.uuid4().hex}
        ledger.write(db, at=now, agent=desk.agent, action=action, customer_id=customer_id, source=source,
                     detail=detail)
        ranking.refresh(db, customers.open_conversation_ids(db, customer_id), desk.rulebook, now)

    await desk.store.write(run)
    desk.emit(Changed())
    poke(desk)
