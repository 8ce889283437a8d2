"""Tying a post to a ticket by a person's word and taking that away, each with all that is needed to take it back."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from agentdesk.errors import Refused
from agentdesk.model.clock import Millis
from agentdesk.model.ledger import LedgerEntry
from agentdesk.model.outgoing import SendState
from agentdesk.store import links, outbox, tickets
from agentdesk.store.codec import pack
from agentdesk.store.db import Db

LINKED, UNLINKED = "ticket_linked", "ticket_unlinked"
ACTIONS = (LINKED, UNLINKED)
"""What the ledger says of both."""


class Tie(msgspec.Struct, frozen=True, kw_only=True):
    """A tie as it was when it was taken away."""

    id: int
    conversation_id: int
    other_id: int | None
    url: str
    kind: str
    made_at: Millis
    agent: str
    solved_at: Millis | None
    promises: tuple[int, ...] = ()
    """The clocks that hung on it and ran."""


class Undone(NamedTuple):
    """What came of taking a step back."""

    changed: list[int]
    """Conversations that look different."""
    kept: list[str]
    """What could not be taken back, in sentences."""


def take(db: Db, link_id: int, now: Millis) -> Tie | None:
    """Take a tie away, with the clocks that hang on it; None when it is gone already."""
    row = db.row("SELECT id, conversation_id, other_id, url, kind, made_at, agent, solved_at FROM link WHERE id = ?",
                 link_id)
    if row is None:
        return None
    clocks = tuple(each[0] for each in db.rows(
        "SELECT id FROM promise WHERE link_id = ? AND kept_at IS NULL ORDER BY id", link_id))
    db.run("UPDATE promise SET kept_at = ? WHERE link_id = ? AND kept_at IS NULL", now, link_id)
    links.remove(db, link_id)
    return Tie(**dict(zip(Tie.__struct_fields__, row, strict=False)), promises=clocks)


def put(db: Db, tie: Tie) -> bool:
    """Make a tie again that was taken away, with its clocks; False when both are tied again already."""
    if any(one.other_id in (tie.other_id, tie.conversation_id) for one in links.of(db, tie.conversation_id)):
        return False
    free = db.value("SELECT 1 FROM link WHERE id = ?", tie.id) is None
    number = db.insert("INSERT INTO link (id, conversation_id, other_id, url, kind, made_at, agent, solved_at) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?)", tie.id if free else None, tie.conversation_id, tie.other_id,
                       tie.url, tie.kind, tie.made_at, tie.agent, tie.solved_at)
    db.run("UPDATE promise SET kept_at = NULL, link_id = ? WHERE id IN (SELECT value FROM json_each(?))", number,
           pack(tie.promises))
    return True


def has_note(db: Db, entry_id: int, written_at: Millis) -> bool:
    """True for a note in the outbox that a tie brought along: it is taken back together with that."""
    return bool(db.value(
        "SELECT 1 FROM ledger WHERE action = ? AND at >= ? AND json_extract(detail, '$.note') = ? LIMIT 1", LINKED,
        written_at, entry_id))


def put_back(db: Db, row: LedgerEntry, agent: str, now: Millis) -> Undone:
    """Take back that a post was tied to a ticket, or that it no longer was."""
    ticket, label = int(row.detail["ticket"]), row.detail["label"]
    changed = [row.conversation_id or 0, ticket]
    if row.action == UNLINKED:
        tie = msgspec.convert(row.detail["tie"], Tie)
        if not put(db, tie):
            return Undone([], [f"{label} is tied to this again already"])
        if tie.promises and tickets.is_solved(db, ticket):
            tickets.come_back(db, tie.conversation_id, ticket, now)
        return Undone(changed, [])
    there = db.value("SELECT 1 FROM link WHERE id = ? AND conversation_id = ? AND made_at = ? AND agent = ?",
                     row.detail["link"], row.conversation_id, row.at, row.agent)
    kept = _note_back(db, row.detail.get("note"), label)
    if there is None or take(db, row.detail["link"], now) is None:
        return Undone([ticket], [*kept, f"The tie to {label} was taken away since"])
    return Undone(changed, kept)


def _note_back(db: Db, entry_id: int | None, label: str) -> list[str]:
    """Forget the note with the way back that went to the ticket; says when it is there already."""
    if entry_id is None:
        return []
    try:
        outbox.drop(db, entry_id)
    except Refused:
        state = outbox.get(db, entry_id).state
        return [] if state is SendState.CANCELLED else [f"The note on {label} is there already and stays"]
    return []
