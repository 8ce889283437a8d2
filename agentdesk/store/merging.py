"""Conversations that became part of others at their source: what was said goes there, and they leave the queue.

What nobody has answered is owed in the other conversation from then on, with the clock that it had; so is what was
promised, and the tickets of the one are those of the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.plan import Plan
from agentdesk.store import links
from agentdesk.store.db import Db
from agentdesk.store.heads import Head, Heads
from agentdesk.store.transitions import Transitions
from agentdesk.store.where import OWED

RULE = "merged"
"""The rule, and the code, by which a conversation leaves the queue that is part of another now."""


def carry_over(db: Db, plan: Plan, heads: Heads, moves: Transitions, now: Millis) -> None:
    """Move the messages of every conversation of the page that says what it was merged into."""
    for told in plan.conversations:
        if not told.merged_into or told.merged_into == told.ref:
            continue
        if told.merged_into not in heads.by_ref:
            heads.load([told.merged_into])
        old, new = heads.by_ref.get(told.ref), heads.by_ref.get(told.merged_into)
        unknown = new is None or (new.is_new and plan.backfill)
        if old is None or new is None or unknown or old.is_new or not old.messages:
            continue
        _carry(db, old, new, moves, now)


def _carry(db: Db, old: Head, new: Head, moves: Transitions, now: Millis) -> None:
    if new.is_new:
        db.run("PRAGMA defer_foreign_keys = ON")  # its row is written later in this transaction
    owed = old.burst
    db.run("UPDATE message SET conversation_id = ? WHERE conversation_id = ?", new.id, old.id)
    if (old.last_in_at or 0) > (new.last_in_at or 0):
        new.preview, new.lang = old.preview or new.preview, old.lang or new.lang
    new.first_in_at, new.first_out_at = _least(new.first_in_at, old.first_in_at), _least(new.first_out_at,
                                                                                         old.first_out_at)
    new.last_in_at, new.last_out_at = _most(new.last_in_at, old.last_in_at), _most(new.last_out_at, old.last_out_at)
    new.indirect = min(new.indirect, old.indirect)
    if owed or new.state != State.DONE:
        new.backfill = min(new.backfill, old.backfill)
    new.messages, new.unread = new.messages + old.messages, new.unread + old.unread
    new.unanswered_since, new.burst = db.rows(OWED, new.id)[0]
    old.messages = old.unread = old.burst = 0
    old.unanswered_since = None
    links.make(db, old.id, "duplicate", "", now, other_id=new.id)
    if old.state != State.DONE:
        old.state, old.snoozed_until, old.disposed_at = State.DONE.value, None, now
        old.disposition, old.disposition_code = Disposition.DUPLICATE.value, RULE
        moves.note(old, Disposition.DUPLICATE.value, RULE, {"of": new.id})
    promised = _carry_ties(db, old.id, new.id)
    if owed and not new.is_new:
        moves.take_over(new, RULE)
    elif promised and not new.is_new:
        moves.come_back(new, RULE)


def _carry_ties(db: Db, old: int, new: int) -> bool:
    """Tickets and open promises go along; True when something was promised."""
    db.run("UPDATE link SET conversation_id = ?2 WHERE conversation_id = ?1 AND kind = 'ticket' "
           "AND (other_id IS NULL OR other_id NOT IN (SELECT other_id FROM link WHERE conversation_id = ?2 "
           "AND other_id IS NOT NULL UNION SELECT ?2))", old, new)
    return bool(db.run("UPDATE promise SET conversation_id = ?2 WHERE conversation_id = ?1 AND kept_at IS NULL",
                       old, new))


def _least(*times: Millis | None) -> Millis | None:
    return min(_known(times), default=None)


def _most(*times: Millis | None) -> Millis | None:
    return max(_known(times), default=None)


def _known(times: Iterable[Millis | None]) -> list[Millis]:
    return [at for at in times if at is not None]
