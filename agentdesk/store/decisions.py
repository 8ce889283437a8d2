"""What a decision may change on a conversation, read and written as it is stored, so that it can be put back."""

from __future__ import annotations

from typing import Any

from agentdesk.errors import NotFound, StoreError
from agentdesk.store.db import Db
from agentdesk.store.where import OWED, resting_rank

COLUMNS = ("state", "snoozed_until", "disposition", "disposition_code", "disposed_at", "claim_agent", "claim_until",
           "assignee", "status", "priority", "tags", "incident", "unread", "review")
"""The columns that persons change."""


def snapshot(db: Db, conversation_id: int) -> dict[str, Any]:
    """The columns that persons change, as stored."""
    row = db.row(f"SELECT {', '.join(COLUMNS)} FROM conversation WHERE id = ?", conversation_id)
    if row is None:
        raise NotFound(f"There is no conversation #{conversation_id}")
    return dict(zip(COLUMNS, row, strict=True))


def write(db: Db, conversation_id: int, changes: dict[str, Any]) -> None:
    """Change columns. Being done covers the messages that were unanswered; coming back uncovers them.

    What is to wait for the customer while a message is unanswered is open instead: it waits for us. Whoever names a
    disposition, or brings it back, has looked at what its source closed.
    """
    if not changes:
        return
    strange = set(changes) - set(COLUMNS)
    if strange:
        raise StoreError("A decision cannot change that", ", ".join(sorted(strange)))
    before = snapshot(db, conversation_id)
    after = before | changes
    if before["review"] and (after["state"] != "done" or after["disposition"]):
        changes = changes | {"review": 0}
    if (before["state"], before["disposed_at"]) != (after["state"], after["disposed_at"]):
        _cover(db, conversation_id, before, after)
    names = ", ".join(f"{name} = ?" for name in changes)
    db.run(f"UPDATE conversation SET {names}, version = version + 1 WHERE id = ?", *changes.values(), conversation_id)
    if {"state", "snoozed_until", "disposed_at"} & set(changes):
        db.run("UPDATE conversation SET state = 'open' WHERE id = ? AND state = 'waiting' AND burst > 0",
               conversation_id)
        rerank(db, conversation_id)


def rerank(db: Db, conversation_id: int) -> None:
    """Give the rank of its state; an open one stands where it began to wait until ``ranking`` refreshes it."""
    state, until, disposed, out, last_in, since, created = db.rows(
        "SELECT state, snoozed_until, disposed_at, last_out_at, last_in_at, unanswered_since, created_at "
        "FROM conversation WHERE id = ?", conversation_id)[0]
    if state == "open":
        rank = since or last_in or created
    else:
        rank = resting_rank(state, {"snoozed": until, "waiting": out}.get(state, disposed) or last_in or created)
    db.run("UPDATE conversation SET rank = ? WHERE id = ?", rank, conversation_id)


def _cover(db: Db, conversation_id: int, before: dict[str, Any], after: dict[str, Any]) -> None:
    if before["state"] == "done" and before["disposed_at"] is not None:
        db.run("UPDATE message SET handled_at = NULL WHERE conversation_id = ? AND direction = 'in' AND handled_at = ?",
               conversation_id, before["disposed_at"])
        db.run("UPDATE message SET handled_at = c.answered_at FROM conversation AS c WHERE c.id = ?1 "
               "AND conversation_id = ?1 AND direction = 'in' AND handled_at IS NULL "
               "AND message.created_at < c.answered_at", conversation_id)
    if after["state"] == "done" and after["disposed_at"] is not None:
        db.run("UPDATE message SET handled_at = ? WHERE conversation_id = ? AND direction = 'in' "
               "AND handled_at IS NULL", after["disposed_at"], conversation_id)
    db.run(f"UPDATE conversation SET (unanswered_since, burst) = ({OWED}) WHERE id = ?1", conversation_id)
