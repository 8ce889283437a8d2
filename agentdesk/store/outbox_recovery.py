"""What of the outbox a process that died, or a clock that was set back, left lying."""

from __future__ import annotations

from collections.abc import Callable

from agentdesk.model.clock import SECOND, Millis
from agentdesk.store import outbox
from agentdesk.store.db import Db

SET_BACK: Millis = 30 * SECOND
"""Clocks that differ by less are taken for one."""


def recover(db: Db, sender_alive: Callable[[str], bool], now: Millis, *,
            next_check_at: Millis | None = None) -> list[int]:
    """Entries that a dead process was sending: their outcome is unknown. Returns their numbers."""
    sending = db.rows("SELECT id, sender FROM outbox AS o INDEXED BY outbox_work "
                      f"WHERE state = 'sending' AND {outbox.OPEN}")
    lost = [number for number, sender in sending if not sender_alive(sender)]
    for number in lost:
        outbox.unknown(db, number, "The program ended while this was being sent", "It is looked for on the platform",
                       now if next_check_at is None else next_check_at)
    return lost


def senders(db: Db) -> list[str]:
    """Who is sending something now, as far as is written down."""
    return [row[0] for row in db.rows("SELECT DISTINCT sender FROM outbox AS o INDEXED BY outbox_work "
                                      f"WHERE state = 'sending' AND {outbox.OPEN}")]


def waits_beyond(db: Db, at: Millis) -> bool:
    """True when anything waits for an instant later than this one."""
    return bool(db.value(f"SELECT EXISTS (SELECT 1 FROM outbox AS o INDEXED BY outbox_work WHERE {outbox.OPEN} "
                         "AND state IN ('held', 'queued', 'unknown') AND next_try_at > ?)", at))


def set_back(db: Db, now: Millis, length: Millis = 0) -> int:
    """The clock was set back by ``length``: what waits goes on to wait as long as was left, not longer by that much.

    What was written at an instant that has not come yet waits no more. Returns how many were moved.
    """
    waits = f"{outbox.OPEN} AND state IN ('held', 'queued', 'unknown')"
    moved = 0
    if length:
        moved = db.run(f"UPDATE outbox AS o SET next_try_at = max(?1, next_try_at - ?2), hold_until = max(?1, "
                       f"hold_until - ?2) WHERE {waits} AND next_try_at - ?1 > ?2 - ?3", now, length, SET_BACK)
    return moved + db.run(f"UPDATE outbox AS o SET next_try_at = ?1, hold_until = min(hold_until, ?1) WHERE {waits} "
                          "AND created_at > ?1 + ?2 AND next_try_at > ?1 + ?2", now, SET_BACK)
