"""Whom a ticket of ours is for: the person for whom we opened it, if its help desk shows them as its requester.

A ticket that was merely found says nothing of the kind: only ``ticket_opened`` in the ledger does. A help desk may put
somebody else down (the agent who opened it, a colleague's address): such a one is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.customer import Customer, Profile
from agentdesk.model.outgoing import Outgoing
from agentdesk.model.page import Account
from agentdesk.model.words import fold
from agentdesk.store import customers, identities, ledger, links, matches
from agentdesk.store.codec import pack, unpack
from agentdesk.store.db import Db
from agentdesk.store.people import UNKNOWN
from agentdesk.store.sqlite_errors import reading

RULE = "our own ticket"


class _Opened(msgspec.Struct, frozen=True):
    """A ticket that we opened for a post, with whoever its help desk says it is for."""

    post: int
    ticket: int
    customer: int
    requester: int
    source: str
    ref: str


def settle(db: Db, ticket_ids: Iterable[int], now: Millis) -> list[int]:
    """Put the requesters of our own tickets together with whom they were opened for; returns what looks different.

    Each ticket is looked at until that is done, and never again: what a person split stays apart.
    """
    rows = db.rows(
        "SELECT DISTINCT l.conversation_id, t.id, p.customer_id, t.customer_id, t.source, t.ref FROM json_each(?) AS w "
        "CROSS JOIN link AS l ON l.other_id = w.value AND l.kind = 'ticket' "
        "JOIN conversation AS t ON t.id = l.other_id JOIN conversation AS p ON p.id = l.conversation_id "
        "WHERE t.customer_id <> p.customer_id", pack(list(ticket_ids)))
    changed: list[int] = []
    gone: set[int] = set()
    for row in rows:
        it = _Opened(*row)
        out = _ours(db, it) if gone.isdisjoint((it.customer, it.requester)) else None
        if out is not None and _is_whom_we_named(db, it, out):
            _join(db, it, now)
            gone.add(it.requester)
            changed += [it.post, it.ticket, *customers.open_conversation_ids(db, it.customer)]
    return list(dict.fromkeys(changed))


def _ours(db: Db, it: _Opened) -> Outgoing | None:
    """What we opened the ticket with; None for one that was tied later, and for one that was settled before."""
    opened = None
    for entry in ledger.of_conversation(db, it.post):
        if entry.action == "ticket_opened" and entry.source == it.source and entry.detail.get("other") == it.ticket:
            opened = int(entry.detail["entry"])
        if entry.rule == RULE and entry.detail.get("ticket") == it.ticket:
            return None
    body = db.value("SELECT body FROM outbox WHERE id = ? AND kind = 'ticket'", opened)
    if body is None:
        return None
    with reading(db.path):
        return unpack(body, Outgoing)


def _is_whom_we_named(db: Db, it: _Opened, out: Outgoing) -> bool:
    """True when the requester has the mail address or handle that we gave, or is new there and called so."""
    mine, theirs = customers.get(db, it.customer), customers.get(db, it.requester)
    there = [one.profile for one in theirs.identities if one.source == it.source]
    account = str(db.value("SELECT account FROM source WHERE name = ?", it.source) or "")
    us = unpack(account, Account).ref if account else ""
    if not there or any(one.ref == us or one.ref.startswith(UNKNOWN) for one in there):
        return False
    if matches.apart(db, mine.identities, theirs.identities):
        return False
    return any(_named(one, out) for one in there) or _new_with_that_name(theirs, out)


def _named(profile: Profile, out: Outgoing) -> bool:
    """True when an identity is found at its help desk by what we gave."""
    known = {_plain(one) for one in (*profile.contacts, profile.handle, profile.ref)}
    return any(given and _plain(given) in known for given in (out.customer_mail, out.customer_handle))


def _new_with_that_name(theirs: Customer, out: Outgoing) -> bool:
    """True for somebody who has nothing but this one ticket, first seen after we opened it."""
    called = {fold(one.profile.name) for one in theirs.identities}
    return (bool(out.customer_name) and fold(out.customer_name) in called and theirs.conversations == 1
            and len(theirs.identities) == 1 and theirs.first_seen_at >= out.created_at)


def _plain(word: str) -> str:
    """A mail address or handle as it is compared."""
    return fold("".join(word.split())).removeprefix("@")


def _join(db: Db, it: _Opened, now: Millis) -> None:
    merged = identities.merge(db, it.customer, it.requester)
    label = links.label(it.source, it.ref)
    ledger.write(db, at=now, agent="", action="customers_merged", conversation_id=it.post, customer_id=it.customer,
                 source=it.source, rule=RULE, detail={
                     "ticket": it.ticket, "label": label, "other": it.requester,
                     "why": f"we opened {label} for them", "merged": msgspec.to_builtins(merged)})
