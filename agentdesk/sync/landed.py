"""What follows when a ticket has landed: a note where it comes from, if its writer asked for one."""

from __future__ import annotations

import uuid

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import OutboxEntry, Outgoing, OutKind, Receipt
from agentdesk.store import conversations, outbox
from agentdesk.store.db import Db
from agentdesk.sync.frame import Frame


def note_back(db: Db, frame: Frame, entry: OutboxEntry, receipt: Receipt, now: Millis) -> int | None:
    """Put the note about a new ticket into the outbox; returns its number, None when there is none to leave."""
    if entry.out is None or not entry.out.note_back:
        return None
    it = conversations.get(db, entry.conversation_id)
    connector = frame.connectors.get(it.source)
    if connector is None or not connector.caps.can_note:
        return None
    where = " ".join(part for part in (receipt.conversation_ref, receipt.url) if part)
    note = Outgoing(
        client_id=str(uuid.uuid4()), conversation_ref=it.ref, kind=OutKind.NOTE, visibility=Visibility.INTERNAL,
        text=f"Ticket opened at {entry.source}: {where}\n{entry.out.subject}".strip(), agent=entry.agent,
        created_at=now)
    note = msgspec.structs.replace(note, extra=connector.freeze(note))
    return outbox.freeze(db, entry.conversation_id, note, agent=entry.agent, hold_until=now, source=it.source,
                         seen_message_id=entry.seen_message_id, now=now, keep_draft=True)
