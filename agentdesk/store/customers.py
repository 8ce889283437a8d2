"""Customers: who they are, what they wrote before, and what colleagues noted."""

from __future__ import annotations

from typing import Literal

import msgspec

from agentdesk.errors import NotFound
from agentdesk.model.conversation import ConversationBrief, Disposition, Severity, State
from agentdesk.model.customer import Customer, Identity, Profile
from agentdesk.store.codec import unpack
from agentdesk.store.db import Db
from agentdesk.store.sqlite_errors import reading

_strings = msgspec.json.Decoder(tuple[str, ...]).decode


def missing(customer_id: int) -> NotFound:
    """Why nobody has this number, and who has which."""
    return NotFound(f"There is no customer {customer_id}", "Customers that were put together are one, with one number",
                    "agentdesk customer NUMBER, with a conversation's number, names its customer")


def get(db: Db, customer_id: int) -> Customer:
    """One customer with all identities; NotFound when there is none."""
    row = db.row("SELECT name, vip, note, tags, first_seen_at, (SELECT count(*) FROM conversation "
                 "WHERE customer_id = k.id) FROM customer AS k WHERE id = ?", customer_id)
    if row is None:
        raise missing(customer_id)
    name, vip, note, tags, first_seen_at, number = row
    known = db.rows("SELECT i.source, i.profile, i.seen_at, r.ref IS NOT NULL FROM identity AS i "
                    "LEFT JOIN reaction AS r ON r.source = i.source AND r.kind = 'follow' AND r.ref = i.ref "
                    "WHERE i.customer_id = ? ORDER BY i.source, i.ref", customer_id)
    with reading(db.path):
        identities = tuple(Identity(source=source, profile=unpack(profile, Profile), seen_at=seen_at,
                                    followed=bool(followed)) for source, profile, seen_at, followed in known)
        return Customer(id=customer_id, name=name, identities=identities, vip=bool(vip), note=note,
                        tags=_strings(tags), first_seen_at=first_seen_at, conversations=number)


def conversations_of(db: Db, customer_id: int, limit: int = 30) -> list[ConversationBrief]:
    """A customer's conversations on all sources, newest first."""
    rows = db.rows(
        "SELECT c.id, c.source, c.ref, c.subject, c.preview, c.state, c.severity, c.status, c.disposition, "
        "c.disposition_code, c.created_at, max(coalesce(c.last_in_at, 0), coalesce(c.last_out_at, 0), "
        "c.created_at), c.messages, c.incident, coalesce(s.letter, '?') FROM conversation AS c "
        "LEFT JOIN source AS s ON s.name = c.source WHERE c.customer_id = ? "
        "ORDER BY c.created_at DESC, c.id DESC LIMIT ?", customer_id, limit)
    with reading(db.path):
        return [ConversationBrief(
            id=number, source=source, letter=letter, ref=ref, subject=subject, preview=preview, state=State(state),
            severity=Severity(severity), status=status, disposition=Disposition(disposition) if disposition else None,
            disposition_code=code, created_at=created_at, last_at=last_at, messages=messages, incident=incident)
            for number, source, ref, subject, preview, state, severity, status, disposition, code, created_at, last_at,
            messages, incident, letter in rows]


def open_conversation_ids(db: Db, customer_id: int) -> list[int]:
    """A customer's conversations that are not done."""
    return [row[0] for row in db.rows("SELECT id FROM conversation WHERE customer_id = ? AND state <> 'done'",
                                      customer_id)]


def by_identity(db: Db, source: str, ref: str) -> int | None:
    """The customer behind an identity; None when it is not known."""
    found = db.value("SELECT customer_id FROM identity WHERE source = ? AND ref = ?", source, ref)
    return None if found is None else int(found)


def column(db: Db, customer_id: int, name: Literal["name", "vip", "note", "tags"]) -> str | int:
    """One column of a customer as it is stored; NotFound when there is none."""
    row = db.row(f"SELECT {name} FROM customer WHERE id = ?", customer_id)
    if row is None:
        raise missing(customer_id)
    found: str | int = row[0]
    return found


def put_column(db: Db, customer_id: int, column: str, value: str | int) -> None:
    """Write one column of a customer; NotFound when there is none."""
    if not db.run(f"UPDATE customer SET {column} = ? WHERE id = ?", value, customer_id):
        raise missing(customer_id)
