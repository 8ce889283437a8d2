"""Nothing is left lying: what a dead process was sending, and what waits for an hour that a clock gave back."""

from __future__ import annotations

from collections.abc import Callable

from agentdesk.model.clock import Millis
from agentdesk.model.events import OutboxChanged
from agentdesk.model.outgoing import SendState
from agentdesk.store import leases, outbox_recovery
from agentdesk.store.db import Db
from agentdesk.sync import holder as holders
from agentdesk.sync.frame import Frame

Busy = Callable[[str], bool]
"""Says whether something of that source may be on its way from this process."""


async def recover(frame: Frame, busy: Busy, now: Millis) -> list[int]:
    """Say of what a process was sending when it ended that its outcome is unknown; returns those entries.

    Whoever sends for a source does that too, and looks there; this is for sources for which nobody does.
    """

    def lives(db: Db, sender: str) -> bool:
        holder, _, source = sender.partition("@")
        if holder == frame.holder:
            return busy(source)
        if holders.here(holder) or not frame.alive(holder):
            return frame.alive(holder)
        return leases.holder(db, f"send:{source}", now) == holder  # on another machine: its lease tells

    reader = frame.store.reader
    if all(lives(reader, sender) for sender in outbox_recovery.senders(reader)):
        return []
    lost = await frame.store.write(lambda db: outbox_recovery.recover(db, lambda sender: lives(db, sender), now))
    for entry_id in lost:
        frame.emit(OutboxChanged(entry_id=entry_id, conversation_id=0, state=SendState.UNKNOWN))
    return lost


async def after_set_back(frame: Frame, length: Millis, now: Millis) -> bool:
    """The clock was set back, now by ``length`` or while nothing ran: nothing waits longer for it. True if it did."""
    if not outbox_recovery.waits_beyond(frame.store.reader, now + outbox_recovery.SET_BACK):
        return False
    return bool(await frame.store.write(lambda db: outbox_recovery.set_back(db, now, length)))
