"""Customers: who they are, what they wrote before, and putting identities together or apart."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agentdesk.errors import NotFound, Refused
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import ConversationBrief, Disposition, Severity, State
from agentdesk.model.customer import Customer, Identity, Profile
from agentdesk.store.codec import pack, unpack
from agentdesk.store.db import Db
from agentdesk.store.people import called
from agentdesk.store.trouble import reading

_strings = msgspec.json.Decoder(tuple[str, ...]).decode


def get(db: Db, customer_id: int) -> Customer:
    """One customer with all identities; NotFound when there is none."""
    row = db.row("SELECT name, vip, note, tags, first_seen_at, (SELECT count(*) FROM conversation "
                 "WHERE customer_id = k.id) FROM customer AS k WHERE id = ?", customer_id)
    if row is None:
        raise NotFound(f"There is no customer {customer_id}")
    name, vip, note, tags, first_seen_at, number = row
    known = db.rows("SELECT source, profile, seen_at FROM identity WHERE customer_id = ? ORDER BY source, ref",
                    customer_id)
    with reading(db.path):
        identities = tuple(Identity(source=source, profile=unpack(profile, Profile), seen_at=seen_at)
                           for source, profile, seen_at in known)
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


def by_handle(db: Db, handle: str, limit: int = 20) -> list[int]:
    """Customers whose handle is ``handle``, whatever the case and with or without its @."""
    plain = handle.removeprefix("@")
    return [row[0] for row in db.rows(
        "SELECT DISTINCT customer_id FROM identity WHERE handle = ? COLLATE NOCASE "
        "OR handle = ? COLLATE NOCASE LIMIT ?", plain, f"@{plain}", limit)]


def update_profile(db: Db, source: str, profile: Profile, now: Millis) -> int | None:
    """Store what the source tells of a person now; returns the customer, None when nobody knows that person."""
    db.run("UPDATE identity SET handle = ?, name = ?, followers = ?, profile = ?, seen_at = ? "
           "WHERE source = ? AND ref = ?", profile.handle, profile.name, profile.followers, pack(profile), now, source,
           profile.ref)
    return by_identity(db, source, profile.ref)


def set_note(db: Db, customer_id: int, note: str) -> None:
    """Replace what colleagues should know."""
    _set(db, customer_id, "note", note)


def set_vip(db: Db, customer_id: int, vip: bool) -> None:
    """Mark as VIP or not."""
    _set(db, customer_id, "vip", int(vip))


def set_tags(db: Db, customer_id: int, tags: Sequence[str]) -> None:
    """Replace the tags."""
    _set(db, customer_id, "tags", pack(list(dict.fromkeys(tags))))


def merge(db: Db, keep: int, other: int) -> None:
    """Make one customer of two: identities, conversations, notes and tags of ``other`` go to ``keep``."""
    if keep == other:
        raise Refused("This is the same customer already")
    one, two = get(db, keep), get(db, other)
    note = "\n".join(dict.fromkeys(part for part in (one.note, two.note) if part))
    db.run("UPDATE customer SET note = ?, tags = ?, vip = ?, first_seen_at = ? WHERE id = ?", note,
           pack(list(dict.fromkeys([*one.tags, *two.tags]))), int(one.vip or two.vip),
           min(one.first_seen_at, two.first_seen_at), keep)
    db.run("UPDATE identity SET customer_id = ? WHERE customer_id = ?", keep, other)
    db.run("UPDATE conversation SET customer_id = ?, version = version + 1 WHERE customer_id = ?", keep, other)
    db.run("DELETE FROM customer WHERE id = ?", other)


def split(db: Db, source: str, ref: str) -> int:
    """Give an identity a customer of its own, with the conversations it took part in; returns the new customer."""
    row = db.row("SELECT customer_id, name, handle FROM identity WHERE source = ? AND ref = ?", source, ref)
    if row is None:
        raise NotFound(f"Nobody on {source} has the id {ref}")
    customer_id, name, handle = row
    if db.value("SELECT count(*) FROM identity WHERE customer_id = ?", customer_id) < 2:
        raise Refused("This customer has only one identity", "There is nothing to split")
    first = db.value("SELECT first_seen_at FROM customer WHERE id = ?", customer_id)
    fresh = db.insert("INSERT INTO customer (name, first_seen_at) VALUES (?, ?)", called(name, handle, ref), first)
    db.run("UPDATE identity SET customer_id = ? WHERE source = ? AND ref = ?", fresh, source, ref)
    db.run("UPDATE conversation SET customer_id = ?1, version = version + 1 WHERE customer_id = ?2 AND source = ?3 "
           "AND EXISTS (SELECT 1 FROM message AS m WHERE m.conversation_id = conversation.id AND m.direction = 'in' "
           "AND m.author_ref = ?4)", fresh, customer_id, source, ref)
    return fresh


def _set(db: Db, customer_id: int, column: str, value: str | int) -> None:
    if not db.run(f"UPDATE customer SET {column} = ? WHERE id = ?", value, customer_id):
        raise NotFound(f"There is no customer {customer_id}")
