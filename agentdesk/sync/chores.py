"""The little chores of time: snoozes that end and claims that run out. Nothing is closed or sent by a clock."""

from __future__ import annotations

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import State
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import claims, conversations, decisions, ledger, ranking
from agentdesk.store.db import Db

AT_ONCE = 200
"""Snoozes ended in one transaction, so that a thousand of them do not hold up a draft."""


def due(db: Db, now: Millis) -> bool:
    """True when a snooze has ended or a claim has run out, so that an idle desk writes nothing."""
    return claims.any_expired(db, now) or conversations.any_snooze_over(db, now)


def wake_and_expire(db: Db, rulebook: Rulebook, now: Millis) -> list[int]:
    """Bring back what was snoozed until now and end claims that nobody renewed; returns what changed."""
    snoozed = conversations.snoozes_over(db, now, AT_ONCE)
    for conversation_id, source, until in snoozed:
        decisions.write(db, conversation_id, {"state": State.OPEN.value, "snoozed_until": None})
        ledger.write(db, at=now, agent="", action="woken", conversation_id=conversation_id, source=source,
                     rule="snooze over", detail={"until": until})
    changed = [number for number, _, _ in snoozed] + claims.expired(db, now)
    ranking.refresh(db, changed, rulebook, now)
    return changed
