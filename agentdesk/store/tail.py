"""What came into a conversation since a reply was written: the reasons to stop it before the first byte."""

from __future__ import annotations

import msgspec

from agentdesk.model.clock import HOUR, Millis
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import OutboxEntry
from agentdesk.store.db import Db
from agentdesk.store.likeness import likeness

SLACK: Millis = HOUR
"""A message that reached us late still counts as new when it was written this long before the last one seen."""


_SEEN_AT = ("SELECT created_at FROM message WHERE conversation_id = ?1 AND id <= ?2 "
            "ORDER BY ours OR direction = 'note', id DESC LIMIT 1")
"""When the last message seen was written; what we wrote ourselves may be dated by this machine's clock, which may be
off, and counts only where there is nothing else."""


class Tail(msgspec.Struct, frozen=True):
    """What stands after the last message the agent had seen."""

    stop: str = ""
    """Why the reply must not go as it is, in words; empty when nothing is new."""
    twin_ref: str = ""
    """A message of ours with the same text, when an earlier attempt seems to have landed."""


def look(db: Db, entry: OutboxEntry) -> Tail:
    """Judge what is stored after ``entry.seen_message_id``: the customer's new words or a colleague's answer."""
    seen_at = db.value(_SEEN_AT, entry.conversation_id, entry.seen_message_id)
    since = entry.created_at if seen_at is None else int(seen_at) - SLACK
    rows = db.rows(
        "SELECT ref, client_id, direction, author_name, text FROM message"
        " WHERE conversation_id = ? AND id > ? AND created_at >= ? AND deleted_at IS NULL"
        " AND direction IN ('in', 'out')"
        " ORDER BY created_at, id", entry.conversation_id, entry.seen_message_id, since)
    own = {str(key): str(agent) for client_id, remote_ref, agent in db.rows(
        "SELECT client_id, remote_ref, agent FROM outbox WHERE conversation_id = ? AND kind NOT IN ('ticket', 'dm')",
        entry.conversation_id)
        for key in (client_id, remote_ref) if key}
    stop = "The part before it has not gone" if _part_before_stands_still(db, entry) else ""
    for ref, client_id, direction, name, text in rows:
        if direction == Direction.IN:
            stop = stop or f"{name or 'The customer'} wrote again before your reply went"
            continue
        sender = own.get(str(client_id)) or own.get(str(ref))
        if entry.attempts and entry.out is not None and _lands(client_id, entry, str(text), sender):
            return Tail(twin_ref=str(ref))
        if sender != entry.agent:
            stop = stop or f"{sender or name or 'A colleague'} answered before your reply went"
    return Tail(stop=stop)


def _part_before_stands_still(db: Db, entry: OutboxEntry) -> bool:
    """True when this is a later part of a reply that was split, and an earlier part waits for a person."""
    return bool(db.value(
        "SELECT 1 FROM outbox WHERE conversation_id = ? AND id < ? AND agent = ? AND kind = ? AND created_at = ?"
        " AND state IN ('refused', 'stopped', 'needs_human') LIMIT 1",
        entry.conversation_id, entry.id, entry.agent, entry.kind.value, entry.created_at))


def _lands(client_id: object, entry: OutboxEntry, text: str, sender: str | None) -> bool:
    """True when that message is this entry, landed by an attempt whose outcome we never heard."""
    if client_id == entry.client_id:
        return True
    return sender is None and entry.out is not None and likeness(text) == likeness(entry.out.text)
