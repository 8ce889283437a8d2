"""What was only heard by listening: when it turns out to be addressed to us, and when another source heard it too."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from agentdesk.model.clock import SECOND, Millis
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.message import Direction, Message
from agentdesk.model.plan import Plan
from agentdesk.store import decisions, ledger, links
from agentdesk.store.codec import pack
from agentdesk.store.db import Db
from agentdesk.store.heads import Head, Heads
from agentdesk.store.where import OWED

RULE = "heard twice"
"""The rule that lets the second hearing of a post leave the queue."""
SAME_TIME = SECOND
"""Servers that pass a post on cut its time to whole seconds."""


def placed(message: Message, head: Head, plan: Plan) -> Message:
    """The message with what ``indirect`` is here: in a conversation with us nothing is merely heard any more.

    A look at a thread shows what others wrote in it, not who was addressed: that alone makes nothing direct.
    """
    if message.direction is not Direction.IN:
        return message
    looked = plan.purpose != "pull" and not head.is_new
    indirect = bool(head.indirect) and (looked or message.indirect)
    return message if indirect == message.indirect else msgspec.structs.replace(message, indirect=indirect)


def turn_direct(db: Db, plan: Plan, heads: Heads) -> None:
    """Let posts that were heard first and came as mentions now count as what they are."""
    if not plan.direct:
        return
    rows = db.rows("SELECT m.id, m.conversation_id FROM json_each(?) AS w CROSS JOIN message AS m "
                   "ON m.source = ? AND m.ref = w.value WHERE m.indirect = 1", pack(list(plan.direct)), plan.source)
    db.many("UPDATE message SET indirect = 0 WHERE id = ?", [(row[0],) for row in rows])
    heads.load_ids([row[1] for row in rows])
    known = heads.by_id()
    for number in dict.fromkeys(row[1] for row in rows):
        head = known[number]
        head.indirect = 0
        head.unanswered_since, head.burst = db.rows(OWED, number)[0]


def merge(db: Db, source: str, ids: Iterable[int], now: Millis) -> list[int]:
    """Let conversations leave the queue whose every unanswered post another source holds; returns their numbers.

    ``ids`` are messages just stored. Two that were addressed to us both stay: somebody waits on either side.
    """
    twins: dict[int, dict[int, list[int]]] = {}
    for loser, post, winner in _pairs(db, pack(list(ids))):
        twins.setdefault(loser, {}).setdefault(post, []).append(winner)
    return [loser for loser, posts in twins.items() if _leave(db, loser, posts, now)]


def _pairs(db: Db, ids: str) -> list[tuple[int, int, int]]:
    """(conversation that was only heard, its post, conversation that holds the same post)."""
    new_heard = db.rows(
        "SELECT n.conversation_id, n.id, o.conversation_id FROM json_each(?1) AS w CROSS JOIN message AS n "
        "ON n.id = w.value CROSS JOIN message AS o ON o.created_at BETWEEN n.created_at - ?2 AND n.created_at + ?2 "
        "AND o.direction = 'in' WHERE n.indirect = 1 AND n.url <> '' AND n.deleted_at IS NULL AND o.url = n.url "
        "AND o.source <> n.source AND o.deleted_at IS NULL", ids, SAME_TIME)
    new_direct = db.rows(
        "SELECT o.conversation_id, o.id, n.conversation_id FROM json_each(?1) AS w CROSS JOIN message AS n "
        "ON n.id = w.value CROSS JOIN message AS o ON o.url = n.url AND o.indirect = 1 AND o.url <> '' "
        "WHERE n.direction = 'in' AND n.indirect = 0 AND n.url <> '' AND n.deleted_at IS NULL "
        "AND o.source <> n.source AND o.deleted_at IS NULL "
        "AND o.created_at BETWEEN n.created_at - ?2 AND n.created_at + ?2", ids, SAME_TIME)
    return [*new_heard, *new_direct]


def _leave(db: Db, loser: int, posts: dict[int, list[int]], now: Millis) -> bool:
    """Take one second hearing out of the queue, unless somebody works on it or it holds more than that."""
    winner = _best(db, {other for others in posts.values() for other in others})
    state, indirect, source, busy = db.rows(
        "SELECT state, indirect, source, has_draft > 0 OR unsent > 0 OR coalesce(claim_until, 0) > ?2 "
        "FROM conversation WHERE id = ?1", loser, now)[0]
    open_posts = {row[0] for row in db.rows("SELECT id FROM message WHERE conversation_id = ? AND direction = 'in' "
                                            "AND handled_at IS NULL", loser)}
    links.make(db, loser, "duplicate", "", now, other_id=winner)
    if state != State.OPEN or not indirect or busy or not open_posts <= set(posts):
        return False
    decisions.write(db, loser, {
        "state": State.DONE.value, "snoozed_until": None, "disposition": Disposition.DUPLICATE.value,
        "disposition_code": "heard-twice", "disposed_at": now, "unread": 0})
    ledger.write(db, at=now, agent="", action=Disposition.DUPLICATE.value, conversation_id=loser, source=source,
                 code="heard-twice", rule=RULE, detail={"of": winner})
    return True


def _best(db: Db, candidates: set[int]) -> int:
    """Which of several conversations with the same post carries it on: one with us first, then the oldest here."""
    return int(db.value("SELECT id FROM conversation WHERE id IN (SELECT value FROM json_each(?)) "
                        "ORDER BY indirect, disposition IS 'duplicate', id LIMIT 1", pack(sorted(candidates))))
