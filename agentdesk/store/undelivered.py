"""Replies that their platform took and could not deliver: marked with the reason, and the customer waits again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentdesk.model.clock import DAY, Millis
from agentdesk.model.page import Undelivered
from agentdesk.model.plan import Failed
from agentdesk.model.text import inert_line
from agentdesk.store import decisions, ledger
from agentdesk.store.db import Db
from agentdesk.store.where import OWED

RULE = "not delivered"
TITLE = "It was not delivered"
REMEDY = "The conversation is in the queue again: reach the customer another way"
REASON_CHARS = 300
KEPT: Millis = 30 * DAY
"""A message that turns up so long after it was said to have failed is still recognised."""
_TIMES = ("SELECT created_at FROM message WHERE {failed} UNION SELECT o.sent_at FROM message AS m JOIN outbox AS o "
          "ON o.client_id = m.client_id AND o.sent_at IS NOT NULL WHERE {joined}")
_WHICH = ("SELECT m.id, m.ref, m.conversation_id, m.direction, m.ours, m.undelivered, m.client_id, u.ref, u.client_id, "
          "u.reason FROM undelivered AS u CROSS JOIN message AS m ON m.source = u.source AND")
"""Read from the side of what was told, which is little: never all messages of a source."""
_FAILED = "{m}conversation_id = ?1 AND {m}direction = 'out' AND {m}undelivered <> '' AND {m}created_at > ?2"
_HANDLED = _TIMES.format(failed=_FAILED.format(m=""), joined=_FAILED.format(m="m.") + " AND m.client_id <> ''")


def take(db: Db, source: str, told: Sequence[Undelivered], now: Millis, *, backfill: bool = False) -> list[Failed]:
    """Note what a source says it could not deliver, and carry out what can be; returns what came back into the queue.

    What is told of a message that is not stored yet waits for it.
    """
    if told:
        db.run("DELETE FROM undelivered WHERE source = ? AND found_at < ?", source, now - KEPT)
        db.many("INSERT INTO undelivered (source, ref, client_id, reason, found_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                [(source, each.ref, each.client_id,
                  inert_line(each.reason, limit=REASON_CHARS) or "no reason was given", now) for each in told])
    return settle(db, source, now, backfill=backfill)


def settle(db: Db, source: str, now: Millis, *, backfill: bool = False) -> list[Failed]:
    """Mark the stored messages that are known to have failed; each brings its conversation back once."""
    rows = db.rows(f"{_WHICH} m.ref = u.ref WHERE u.source = ?1 AND u.ref <> '' UNION "
                   f"{_WHICH} m.client_id = u.client_id AND m.client_id <> '' WHERE u.source = ?1 "
                   "AND u.client_id <> '' ORDER BY 1", source)
    found: list[Failed] = []
    marked: set[int] = set()
    for number, ref, conversation_id, direction, ours, known, client_id, *told, reason in rows:
        db.run("DELETE FROM undelivered WHERE source = ? AND ref = ? AND client_id = ?", source, *told)
        if direction != "out" or known or number in marked:
            continue
        marked.add(number)
        db.run("UPDATE message SET undelivered = ? WHERE id = ?", reason, number)
        db.run("UPDATE outbox SET title = ?, remedy = ? WHERE client_id = ? AND client_id <> '' AND state = 'sent'",
               f"{TITLE}: {reason}", REMEDY, client_id)
        state, name = db.rows("SELECT state, name FROM conversation WHERE id = ?", conversation_id)[0]
        if backfill and not ours and state == "done":
            continue  # history, closed by somebody else
        detail = {"message": number, "ref": ref, "why": reason}
        ledger.write(db, at=now, agent="", action="undelivered", conversation_id=conversation_id, source=source,
                     rule=RULE, detail=detail)
        _bring_back(db, conversation_id, source, now, detail)
        found.append(Failed(conversation_id=conversation_id, name=name, reason=reason, quiet=backfill and not ours))
    return found


def _bring_back(db: Db, conversation_id: int, source: str, now: Millis, detail: dict[str, Any]) -> None:
    """Open the conversation; what no delivered answer covers is unanswered again, at least the customer's last word."""
    state, disposition, code = db.rows(
        "SELECT state, disposition, disposition_code FROM conversation WHERE id = ?", conversation_id)[0]
    db.run("UPDATE conversation SET answered_at = (SELECT max(created_at) FROM message WHERE conversation_id = ?1 "
           "AND direction = 'out' AND ours = 0 AND deleted_at IS NULL AND undelivered = '') WHERE id = ?1",
           conversation_id)
    decisions.write(db, conversation_id, {"state": "open", "snoozed_until": None, "disposition": None,
                                          "disposition_code": "", "disposed_at": None})
    reached = int(db.value("SELECT max(created_at) FROM message WHERE conversation_id = ? AND direction = 'out' "
                           "AND deleted_at IS NULL AND undelivered = ''", conversation_id) or 0)
    failed = int(db.value("SELECT created_at FROM message WHERE id = ?", detail["message"]))
    if failed >= reached:
        db.run("UPDATE message SET handled_at = NULL WHERE conversation_id = ?1 AND direction = 'in' "
               f"AND handled_at IN ({_HANDLED})", conversation_id, reached)
        db.run("UPDATE message SET handled_at = NULL WHERE id = (SELECT id FROM message WHERE conversation_id = ?1 "
               "AND direction = 'in' ORDER BY created_at DESC, id DESC LIMIT 1) AND NOT EXISTS (SELECT 1 FROM message "
               "WHERE conversation_id = ?1 AND direction = 'in' AND handled_at IS NULL)", conversation_id)
    out = "SELECT {} FROM message WHERE conversation_id = ?1 AND direction = 'out' AND undelivered = ''"
    db.run(f"UPDATE conversation SET (unanswered_since, burst) = ({OWED}), "
           f"first_out_at = ({out.format('min(created_at)')} AND created_at >= first_in_at), "
           f"last_out_at = ({out.format('max(created_at)')}), version = version + 1 WHERE id = ?1", conversation_id)
    decisions.rerank(db, conversation_id)
    if state != "open":
        was = {"was": state} | ({"disposition": disposition, "code": code} if disposition else {})
        ledger.write(db, at=now, agent="", action="reopened", conversation_id=conversation_id, source=source,
                     rule=RULE, detail=detail | was)
