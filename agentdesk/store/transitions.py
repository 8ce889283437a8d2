"""What a page means for the state of each conversation, with the ledger rows that say so."""

from __future__ import annotations

from typing import Any

from agentdesk.model.clock import DAY, Millis
from agentdesk.model.conversation import State
from agentdesk.model.plan import Plan
from agentdesk.store import ledger
from agentdesk.store.db import Db
from agentdesk.store.heads import Head

HISTORY_HORIZON: Millis = 14 * DAY
"""Earlier conversations that were looked up and are older than this do not come into the queue."""


class Transitions:
    """Moves the conversations of one page and keeps what the ledger must hear."""

    def __init__(self, plan: Plan, now: Millis) -> None:
        self._plan = plan
        self._now = now
        self._entries: list[tuple[int, str, str, dict[str, Any]]] = []
        self.reopened: list[int] = []
        self.closed: list[int] = []
        """Closed by their source, for a person to look at."""

    def settle(self, head: Head) -> None:
        """Give a conversation the state that it has after this page."""
        if head.is_new:
            self._begin(head)
        else:
            self._go_on(head)

    def arrives_done(self, head: Head, last_in_at: Millis | None) -> bool:
        """True for a new conversation that is history: closed there, or old and only looked up."""
        if not head.is_new or not self._plan.backfill:
            return False
        return bool(head.remote_closed) or (last_in_at is not None and self.is_past(last_in_at))

    def is_past(self, at: Millis) -> bool:
        """True for what was only looked up and is too old to need us."""
        return self._plan.purpose == "history" and at < self._now - HISTORY_HORIZON

    def write(self, db: Db) -> None:
        """Write the ledger rows of the page."""
        for number, action, rule, detail in self._entries:
            ledger.write(db, at=self._now, agent="", action=action, conversation_id=number, source=self._plan.source,
                         rule=rule, detail=detail)

    def _begin(self, head: Head) -> None:
        if head.state == State.DONE:
            return
        if head.burst:
            head.state = State.OPEN.value
        elif head.remote_closed:
            self._note_answers(head)
            self._finish(head)
            return
        else:
            head.state = State.WAITING.value
        if not self._plan.backfill:
            self._note_answers(head)
            if head.remote_closed:
                self.note(head, "closed_elsewhere", self._plan.source, {"status": head.status})

    def _go_on(self, head: Head) -> None:
        before = head.state
        if head.fresh:
            head.backfill = head.backfill if self._plan.backfill else 0
            if before != State.OPEN:
                self._reopen(head, "new inbound")
        self._note_answers(head)
        if head.answerers and not head.burst and head.state == State.OPEN:
            head.state = State.WAITING.value
        if head.remote_closed:
            flipped = not head.was_closed
            if head.burst:
                if flipped:
                    self.note(head, "closed_elsewhere", self._plan.source, {"status": head.status, "stays": "open"})
            elif head.state == State.WAITING or (flipped and head.state != State.DONE):
                self._finish(head)
        elif head.was_closed and head.state == State.DONE:
            self._reopen(head, self._plan.source)

    def uncover(self, head: Head) -> None:
        """A colleague took an answer back: what it had answered needs us again."""
        if head.state in (State.WAITING, State.DONE) and head.burst:
            self._reopen(head, "answer deleted")

    def take_over(self, head: Head, rule: str) -> None:
        """Words that nobody has answered came over from another conversation."""
        if head.burst and head.state != State.OPEN:
            self._reopen(head, rule)

    def come_back(self, head: Head, rule: str) -> None:
        """Something that was promised came over from another conversation."""
        if head.state != State.OPEN:
            self._reopen(head, rule)
            head.state = State.OPEN.value

    def _reopen(self, head: Head, rule: str) -> None:
        detail: dict[str, Any] = {"was": head.state}
        if head.disposition:
            detail |= {"disposition": head.disposition, "code": head.disposition_code}
        head.state = State.OPEN.value if head.burst else State.WAITING.value
        head.snoozed_until, head.disposed_at, head.disposition, head.disposition_code = None, None, None, ""
        head.review = 0
        self.reopened.append(head.id)
        self.note(head, "reopened", rule, detail)

    def _finish(self, head: Head) -> None:
        """Closed by its source, and nothing is unanswered: done, without a disposition of ours, until one looks."""
        head.state, head.disposed_at, head.disposition, head.snoozed_until = State.DONE.value, self._now, None, None
        if not (head.is_new and self._plan.backfill):
            head.review = 1
            self.closed.append(head.id)
            self.note(head, "closed_elsewhere", self._plan.source, {"status": head.status})

    def _note_answers(self, head: Head) -> None:
        if head.answerers and not (head.backfill and self._plan.backfill):
            self.note(head, "answered_elsewhere", self._plan.source, {"by": ", ".join(dict.fromkeys(head.answerers))})

    def note(self, head: Head, action: str, rule: str, detail: dict[str, Any]) -> None:
        """Keep something that was decided for the ledger."""
        self._entries.append((head.id, action, rule, detail))
