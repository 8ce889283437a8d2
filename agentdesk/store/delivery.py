"""What a delivered reply changes: our message in the thread, the customer's messages it answers, the state."""

from __future__ import annotations

from typing import Any, NamedTuple

from agentdesk.model.clock import DAY, Millis
from agentdesk.model.outgoing import OutboxEntry, Outgoing, OutKind, Receipt
from agentdesk.model.page import Account
from agentdesk.model.text import inert
from agentdesk.store import begun, decisions, ledger, requesters, tickets
from agentdesk.store.codec import unpack
from agentdesk.store.db import Db
from agentdesk.store.where import OWED

OWN_REF = "client:"
"""Begins the ref of an own message whose source did not say its id."""


class Delivered(NamedTuple):
    """What came of an arrival."""

    changed: list[int]
    """Conversations that stand elsewhere now, perhaps."""
    twice: bool = False
    """True when a colleague's answer crossed ours."""


def deliver(db: Db, entry: OutboxEntry, out: Outgoing, receipt: Receipt, at: Millis, now: Millis) -> Delivered:
    """Carry out that what we sent arrived."""
    here = [entry.conversation_id]
    if out.kind in begun.LINKS:
        return Delivered(here + _begin(db, entry, out, receipt, at, now))
    message_id = _store(db, entry, out, receipt, at, now, entry.conversation_id)
    is_reply = out.kind is OutKind.REPLY
    ledger.write(db, at=now, agent=entry.agent, action="sent" if is_reply else "noted",
                 conversation_id=entry.conversation_id, source=entry.source, code=out.visibility.value,
                 detail={"entry": entry.id, "message": message_id, "ref": receipt.ref})
    if not is_reply:
        return Delivered(here)
    answered(db, entry.conversation_id, entry.seen_message_id, at)
    tickets.told(db, entry.conversation_id, now, agent=entry.agent, before=entry.created_at)
    twice = crossed(db, entry.conversation_id, message_id, entry.seen_message_id)
    if twice:
        ledger.write(db, at=now, agent=entry.agent, action="answered_twice", conversation_id=entry.conversation_id,
                     source=entry.source, rule="crossed answers", detail={"entry": entry.id})
    return Delivered(here, twice)


def _begin(db: Db, entry: OutboxEntry, out: Outgoing, receipt: Receipt, at: Millis, now: Millis) -> list[int]:
    """What we sent began a conversation: a ticket's text is fetched with its ticket, a private message is ours.

    Returns what is different besides the conversation that it was sent from.
    """
    other = begun.begin(db, entry, out, receipt, now)
    if other is None:
        return []
    if out.kind is OutKind.DM:
        _store(db, entry, out, receipt, at, now, other)
        db.run("UPDATE conversation SET last_out_at = max(coalesce(last_out_at, 0), ?1), version = version + 1 "
               "WHERE id = ?2", at, other)
    return [other, *requesters.settle(db, [other], now)]


def _store(db: Db, entry: OutboxEntry, out: Outgoing, receipt: Receipt, at: Millis, now: Millis,
           conversation_id: int) -> int:
    """Store our message unless a pull brought it already; returns its number."""
    ref = receipt.ref or f"{OWN_REF}{out.client_id}"
    found = db.row("SELECT id FROM message WHERE source = ?1 AND ref = ?2 UNION "
                   "SELECT id FROM message WHERE client_id = ?3 AND client_id <> '' AND source = ?1",
                   entry.source, ref, out.client_id)
    if found is not None:
        db.run("UPDATE message SET client_id = ?, ours = 1 WHERE id = ?", out.client_id, found[0])
        return int(found[0])
    account = str(db.value("SELECT account FROM source WHERE name = ?", entry.source) or "")
    us = unpack(account, Account) if account else None
    text = inert(out.text)
    private = out.kind is OutKind.DM
    values: tuple[Any, ...] = (
        conversation_id, entry.source, ref, "" if private else out.reply_to_ref, us.ref if us else "", entry.agent,
        us.handle if us else "", "note" if out.kind is OutKind.NOTE else "out", "dm" if private else "reply",
        out.visibility.value, text, at, now, receipt.url, out.client_id)
    number = db.insert(
        "INSERT INTO message (conversation_id, source, ref, parent_ref, author_ref, author_name, author_handle, "
        "direction, kind, visibility, text, created_at, seen_at, url, client_id, ours) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)", *values)
    db.run("INSERT INTO message_text (rowid, text, author_name) VALUES (?, ?, ?)", number, text, entry.agent)
    db.run("UPDATE conversation SET messages = messages + 1, version = version + 1 WHERE id = ?", conversation_id)
    return number


def answered(db: Db, conversation_id: int, seen_message_id: int, at: Millis) -> None:
    """Our reply left at ``at``: it covers what its writer had seen; what is newer stays unanswered."""
    db.run("UPDATE message SET handled_at = ? WHERE conversation_id = ? AND direction = 'in' AND handled_at IS NULL "
           "AND id <= ?", at, conversation_id, seen_message_id)
    db.run(f"UPDATE conversation SET (unanswered_since, burst) = ({OWED}), indirect = 0, "
           "first_out_at = coalesce(first_out_at, ?2), last_out_at = max(coalesce(last_out_at, 0), ?2), "
           "version = version + 1 WHERE id = ?1", conversation_id, at)
    state, since = db.rows("SELECT state, unanswered_since FROM conversation WHERE id = ?", conversation_id)[0]
    if since is None and state == "open":
        decisions.write(db, conversation_id, {"state": "waiting"})


def crossed(db: Db, conversation_id: int, message_id: int, seen_message_id: int = 0) -> bool:
    """True when one answer was ours and another a colleague's, with no word of the customer's between them.

    What the writer had seen does not count, nor what lies more than a day apart: that is a second thought.
    """
    at, ours = db.rows("SELECT created_at, ours FROM message WHERE id = ?", message_id)[0]
    return bool(db.value(
        "SELECT 1 FROM message AS m WHERE m.conversation_id = ?1 AND m.direction = 'out' AND m.ours <> ?2 "
        "AND m.deleted_at IS NULL AND m.id > ?5 AND abs(m.created_at - ?4) < ?6 AND m.id <> ?3 "
        "AND NOT EXISTS (SELECT 1 FROM message AS i WHERE i.conversation_id = ?1 AND i.direction = 'in' "
        "AND i.created_at > min(m.created_at, ?4) AND i.created_at <= max(m.created_at, ?4)) LIMIT 1",
        conversation_id, ours, message_id, at, seen_message_id, DAY))
