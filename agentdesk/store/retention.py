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
    """Remove the texts before an instant from up to ``limit`` conversations that have been done since before it.

    What customers wrote goes, and what we answered; what came later goes when it is as old itself. Left alone are those
    with a draft, an unsettled reply or an open promise, and what nobody has looked at. Returns how many were emptied;
    call again until it is 0.
    """
    ids = [row[0] for which, order in (("emptied = 0", "disposed_at"), ("emptied > 1 AND emptied < ?1", "emptied"))
           for row in db.rows(
               f"SELECT id FROM conversation AS c WHERE state = 'done' AND {which} AND disposed_at < ?1 "
               "AND has_draft = 0 AND unsent = 0 AND review = 0 "
               "AND NOT EXISTS (SELECT 1 FROM promise AS p WHERE p.conversation_id = c.id AND p.kept_at IS NULL) "
               f"ORDER BY {order} LIMIT ?2", before, limit)][:limit]
    for number in ids:
        _empty(db, number, before)
    return len(ids)


def emptied(db: Db, source: str, ref: str) -> bool:
    """True for a conversation whose texts were removed: fetching it again would bring them back."""
    return bool(db.value("SELECT emptied FROM conversation WHERE source = ? AND ref = ?", source, ref))


def _empty(db: Db, number: int, before: Millis) -> None:
    past = "FROM message WHERE conversation_id = ? AND created_at < ?"
    db.run("INSERT INTO message_text (message_text, rowid, text, author_name) "
           f"SELECT 'delete', id, text, author_name {past}", number, before)
    db.run(f"DELETE FROM message_edit WHERE message_id IN (SELECT id {past})", number, before)
    db.run("UPDATE message SET text = '', raw = '', attachments = '' WHERE conversation_id = ? AND created_at < ?",
           number, before)
    db.run(f"INSERT INTO message_text (rowid, text, author_name) SELECT id, text, author_name {past}", number, before)
    for entry, client_id, kind, agent, body, known in db.rows(
            "SELECT id, client_id, kind, agent, body, hash FROM outbox WHERE conversation_id = ? AND kind <> 'action' "
            "AND created_at < ?", number, before):
        if known != row_hash(client_id, number, kind, agent, body):
            continue  # a damaged one is left to a rescue
        bare = pack(msgspec.structs.replace(unpack(body, Outgoing), text="", uploads=())).encode()
        db.run("UPDATE outbox SET body = ?, hash = ? WHERE id = ?", bare,
               row_hash(client_id, number, kind, agent, bare), entry)
    db.run("UPDATE conversation SET preview = iif(last_in_at >= ?2, preview, ''), version = version + 1, "
           "emptied = coalesce((SELECT min(created_at) FROM (SELECT created_at FROM message WHERE conversation_id = ?1 "
           "AND text || raw || attachments <> '' UNION ALL SELECT created_at FROM outbox WHERE conversation_id = ?1 "
           "AND kind <> 'action' AND created_at >= ?2)), 1) WHERE id = ?1", number, before)
