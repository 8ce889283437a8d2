"""Claims: «I am on it», a lease by one agent on one conversation."""

from __future__ import annotations

from agentdesk.model.clock import Millis
from agentdesk.store.db import Db


def renew(db: Db, conversation_id: int, agent: str, until: Millis) -> bool:
    """Keep our claim alive; False when it is not ours any more."""
    return db.run("UPDATE conversation SET claim_until = ?, version = version + 1 WHERE id = ? AND claim_agent = ?",
                  until, conversation_id, agent) > 0


def release(db: Db, conversation_id: int, agent: str) -> bool:
    """Give a conversation back; False when it was not ours."""
    return db.run("UPDATE conversation SET claim_agent = '', claim_until = NULL, version = version + 1 "
                  "WHERE id = ? AND claim_agent = ?", conversation_id, agent) > 0


_RUN_OUT = ("FROM conversation INDEXED BY conversation_claim WHERE state = 'open' AND claim_agent <> '' "
           "AND claim_until <= ?")
"""Claims whose time is over; the index is named because all open conversations would be read otherwise."""


def any_expired(db: Db, now: Millis) -> bool:
    """True when a claim has run out."""
    return bool(db.value(f"SELECT EXISTS (SELECT 1 {_RUN_OUT})", now))


def expired(db: Db, now: Millis) -> list[int]:
    """End the claims that have run out; returns their conversations."""
    ids = [row[0] for row in db.rows(f"SELECT id {_RUN_OUT}", now)]
    db.many("UPDATE conversation SET claim_agent = '', claim_until = NULL, version = version + 1 WHERE id = ?",
            [(each,) for each in ids])
    return ids
