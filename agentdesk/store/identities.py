"""Identities put together and apart again by a person's word, with all that is needed to take that word back."""

from __future__ import annotations

from typing import Any

import msgspec

from agentdesk.errors import NotFound, Refused
from agentdesk.model.clock import Millis
from agentdesk.model.customer import Customer, Identity
from agentdesk.store import customers, matches
from agentdesk.store.codec import pack
from agentdesk.store.db import Db
from agentdesk.store.people import called

Known = tuple[str, str]
"""A source's name and a ref on it."""
_NAMES = ("name", "first_seen_at", "vip", "note", "tags")


class Merged(msgspec.Struct, frozen=True, kw_only=True):
    """What a merge changed."""

    keep: int
    other: int
    kept: dict[str, Any]
    """The row of the customer who stayed, as it was."""
    gone: dict[str, Any]
    after: dict[str, Any]
    """The row of the one who stayed, as it became."""
    identities: tuple[Known, ...]
    conversations: tuple[int, ...]
    strangers: bool = False
    """True when a person had said before that they are not the same."""


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """What a split changed."""

    source: str
    ref: str
    before: int
    fresh: int
    conversations: tuple[int, ...]


def merge(db: Db, keep: int, other: int) -> Merged:
    """Make one customer of two: identities, conversations, notes and tags of ``other`` go to ``keep``."""
    if keep == other:
        raise Refused("This is the same customer already")
    one, two = customers.get(db, keep), customers.get(db, other)
    kept, gone = _row(db, keep), _row(db, other)
    ids = tuple(row[0] for row in db.rows("SELECT id FROM conversation WHERE customer_id = ?", other))
    strangers = matches.apart(db, one.identities, two.identities)
    matches.rejoin(db, one.identities, two.identities)
    after = kept | {
        "note": "\n".join(dict.fromkeys(part for part in (one.note, two.note) if part)),
        "tags": pack(list(dict.fromkeys([*one.tags, *two.tags]))), "vip": int(one.vip or two.vip),
        "first_seen_at": min(one.first_seen_at, two.first_seen_at)}
    _write(db, keep, after)
    db.run("UPDATE identity SET customer_id = ? WHERE customer_id = ?", keep, other)
    db.run("UPDATE conversation SET customer_id = ?, version = version + 1 WHERE customer_id = ?", keep, other)
    db.run("DELETE FROM customer WHERE id = ?", other)
    return Merged(keep=keep, other=other, kept=kept, gone=gone, after=after, conversations=ids, strangers=strangers,
                  identities=tuple((i.source, i.profile.ref) for i in two.identities))


def unmerge(db: Db, it: Merged, agent: str, now: Millis) -> int:
    """Take a merge back: what came since with the other's identities goes along. Returns the other's number."""
    theirs = [identity for identity in _identities(db, it.keep) if (identity.source, identity.profile.ref)
              in set(it.identities)]
    if not theirs:
        raise Refused("They are apart already", "The identities were taken away since")
    current = _row(db, it.keep)
    _write(db, it.keep, {name: it.kept[name] if current[name] == it.after[name] else current[name] for name in _NAMES})
    taken = db.value("SELECT 1 FROM customer WHERE id = ?", it.other) is not None
    number = db.insert("INSERT INTO customer (id, name, first_seen_at, vip, note, tags) VALUES (?, ?, ?, ?, ?, ?)",
                       None if taken else it.other, *(it.gone[name] for name in _NAMES))
    for identity in theirs:
        _move(db, identity.source, identity.profile.ref, it.keep, number)
    for conversation_id in it.conversations:
        db.run("UPDATE conversation SET customer_id = ?, version = version + 1 WHERE id = ? AND customer_id = ?",
               number, conversation_id, it.keep)
    if it.strangers:
        matches.part(db, _identities(db, it.keep), theirs, agent, now)
    return number


def split(db: Db, source: str, ref: str, agent: str = "", now: Millis = 0) -> Split:
    """Give an identity a customer of its own, with the conversations it took part in; they are not offered again."""
    row = db.row("SELECT customer_id, name, handle FROM identity WHERE source = ? AND ref = ?", source, ref)
    if row is None:
        raise NotFound(f"Nobody on {source} has the id {ref}")
    customer_id, name, handle = row
    identities = _identities(db, customer_id)
    if len(identities) < 2:
        raise Refused("This customer has only one identity", "There is nothing to split")
    first = db.value("SELECT first_seen_at FROM customer WHERE id = ?", customer_id)
    fresh = db.insert("INSERT INTO customer (name, first_seen_at) VALUES (?, ?)", called(name, handle, ref), first)
    ids = _move(db, source, ref, customer_id, fresh)
    apart = [identity for identity in identities if (identity.source, identity.profile.ref) == (source, ref)]
    matches.part(db, apart, [identity for identity in identities if identity not in apart], agent, now)
    return Split(source=source, ref=ref, before=customer_id, fresh=fresh, conversations=ids)


def unsplit(db: Db, it: Split) -> int:
    """Take a split back; a note written about the new customer meanwhile is kept with the old one's."""
    if db.value("SELECT customer_id FROM identity WHERE source = ? AND ref = ?", it.source, it.ref) != it.fresh:
        raise Refused("The identity belongs to somebody else since", "It was merged or taken away again")
    if db.value("SELECT 1 FROM customer WHERE id = ?", it.before) is None:
        raise Refused("The customer it came from is not there any more", "They were merged with another since")
    merge(db, it.before, it.fresh)
    return it.before


def put_back(db: Db, action: str, detail: dict[str, Any], customer_id: int, agent: str, now: Millis) -> list[int]:
    """Take back a decision about a customer; returns the customers who look different now."""
    match action:
        case "customers_merged":
            merged = msgspec.convert(detail["merged"], Merged)
            return [merged.keep, unmerge(db, merged, agent, now)]
        case "identity_split":
            return [unsplit(db, msgspec.convert(detail["split"], Split))]
        case "not_the_same":
            matches.rejoin(db, _identities(db, customer_id), _identities(db, int(detail["other"])))
        case _:
            current = _row(db, customer_id)
            for name, value in detail["before"].items():
                if current[name] == detail["after"][name]:
                    customers.put_column(db, customer_id, name, value)
    return [customer_id]


def _move(db: Db, source: str, ref: str, old: int, new: int) -> tuple[int, ...]:
    """Give an identity to another customer, with the conversations in which it wrote; returns their numbers.

    Where it was the customer's only one on its source, all of theirs there are its own, also those without its words.
    """
    db.run("UPDATE identity SET customer_id = ? WHERE source = ? AND ref = ?", new, source, ref)
    ids = tuple(row[0] for row in db.rows(
        "SELECT c.id FROM conversation AS c WHERE c.customer_id = ?1 AND c.source = ?2 AND (EXISTS (SELECT 1 "
        "FROM message AS m WHERE m.conversation_id = c.id AND m.direction = 'in' AND m.author_ref = ?3) "
        "OR NOT EXISTS (SELECT 1 FROM identity WHERE customer_id = ?1 AND source = ?2))", old, source, ref))
    db.many("UPDATE conversation SET customer_id = ?, version = version + 1 WHERE id = ?",
            [(new, each) for each in ids])
    return ids


def _identities(db: Db, customer_id: int) -> tuple[Identity, ...]:
    found: Customer = customers.get(db, customer_id)
    return found.identities


def _row(db: Db, customer_id: int) -> dict[str, Any]:
    row = db.row(f"SELECT {', '.join(_NAMES)} FROM customer WHERE id = ?", customer_id)
    if row is None:
        raise customers.missing(customer_id)
    return dict(zip(_NAMES, row, strict=True))


def _write(db: Db, customer_id: int, values: dict[str, Any]) -> None:
    db.run(f"UPDATE customer SET {', '.join(f'{name} = ?' for name in _NAMES)} WHERE id = ?",
           *(values[name] for name in _NAMES), customer_id)
