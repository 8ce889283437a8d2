"""Removing the texts of what has been done for long, where a desk is to keep them only so long.

Rows, figures and the ledger stay, so that nothing is counted, fetched or answered twice; only what people wrote goes.
"""

from __future__ import annotations

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.outgoing import Outgoing
from agentdesk.store.codec import pack, row_hash, unpack
from agentdesk.store.db import Db


def empty_done(db: Db, before: Millis, limit: int = 200) -> int:
    """Remove the texts of up to ``limit`` conversations that have been done since before an instant.

    What customers wrote goes, and what we answered. Left alone are those with a draft, an unsettled reply or an open
    promise, and what nobody has looked at. Returns how many were emptied; call again until it is 0.
    """
    ids = [row[0] for row in db.rows(
        "SELECT id FROM conversation AS c WHERE state = 'done' AND emptied = 0 AND disposed_at < ? AND has_draft = 0 "
        "AND unsent = 0 AND review = 0 "
        "AND NOT EXISTS (SELECT 1 FROM promise AS p WHERE p.conversation_id = c.id AND p.kept_at IS NULL) "
        "ORDER BY disposed_at LIMIT ?", before, limit)]
    for number in ids:
        _empty(db, number)
    return len(ids)


def emptied(db: Db, source: str, ref: str) -> bool:
    """True for a conversation whose texts were removed: fetching it again would bring them back."""
    return bool(db.value("SELECT emptied FROM conversation WHERE source = ? AND ref = ?", source, ref))


def _empty(db: Db, number: int) -> None:
    db.run("INSERT INTO message_text (message_text, rowid, text, author_name) "
           "SELECT 'delete', id, text, author_name FROM message WHERE conversation_id = ?", number)
    db.run("DELETE FROM message_edit WHERE message_id IN (SELECT id FROM message WHERE conversation_id = ?)", number)
    db.run("UPDATE message SET text = '', raw = '', attachments = '' WHERE conversation_id = ?", number)
    db.run("INSERT INTO message_text (rowid, text, author_name) SELECT id, text, author_name FROM message "
           "WHERE conversation_id = ?", number)
    for entry, client_id, kind, agent, body, known in db.rows(
            "SELECT id, client_id, kind, agent, body, hash FROM outbox WHERE conversation_id = ? AND kind <> 'action'",
            number):
        if known != row_hash(client_id, number, kind, agent, body):
            continue  # a damaged one is left to a rescue
        bare = pack(msgspec.structs.replace(unpack(body, Outgoing), text="", uploads=())).encode()
        db.run("UPDATE outbox SET body = ?, hash = ? WHERE id = ?", bare,
               row_hash(client_id, number, kind, agent, bare), entry)
    db.run("UPDATE conversation SET preview = '', emptied = 1, version = version + 1 WHERE id = ?", number)
