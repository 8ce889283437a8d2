"""Promises: what was promised to a customer by an instant, until somebody keeps it."""

from __future__ import annotations

from agentdesk.errors import NotFound
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import Promise
from agentdesk.store.db import Db

__all__ = ["Promise", "keep", "make", "open_of"]


def make(db: Db, conversation_id: int, agent: str, words: str, due_at: Millis, now: Millis) -> int:
    """Store a promise; returns its number."""
    return db.insert("INSERT INTO promise (conversation_id, agent, words, made_at, due_at) VALUES (?, ?, ?, ?, ?)",
                     conversation_id, agent, words, now, due_at)


def keep(db: Db, promise_id: int, now: Millis) -> int:
    """Say that a promise was kept; returns its conversation."""
    row = db.row("SELECT conversation_id FROM promise WHERE id = ?", promise_id)
    if row is None:
        raise NotFound(f"There is no promise {promise_id}", "Each has its own number over all conversations",
                       "agentdesk show NUMBER --json names those of a conversation")
    db.run("UPDATE promise SET kept_at = coalesce(kept_at, ?) WHERE id = ?", now, promise_id)
    return int(row[0])


def open_of(db: Db, conversation_id: int) -> list[Promise]:
    """The promises on a conversation that are not kept yet, the next due first."""
    return [Promise(id=number, conversation_id=conversation_id, agent=agent, words=words, made_at=made_at,
                    due_at=due_at) for number, agent, words, made_at, due_at in db.rows(
                "SELECT id, agent, words, made_at, due_at FROM promise WHERE conversation_id = ? AND kept_at IS NULL "
                "ORDER BY due_at, id", conversation_id)]
