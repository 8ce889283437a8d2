"""Writing down what became of an outbox entry, and telling the desk: one transaction and one event each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from agentdesk.connectors.base import Connector
from agentdesk.errors import Conflict, DeskError
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.events import Changed, ClaimLost, Notice, OutboxChanged
from agentdesk.model.outgoing import OutboxEntry, OutKind, Receipt, SendState, Verb
from agentdesk.model.page import Page
from agentdesk.model.plan import Failed
from agentdesk.store import (
    begun,
    claims,
    conversations,
    links,
    outbox,
    outbox_recovery,
    ranking,
    tail,
    tickets,
    undelivered,
)
from agentdesk.store.db import Db
from agentdesk.sync import outcome
from agentdesk.sync.frame import Frame, Words, words
from agentdesk.sync.holder import Alive
from agentdesk.sync.landed import note_back

T = TypeVar("T")


class Book:
    """The outbox rows of one source."""

    def __init__(self, frame: Frame, connector: Connector) -> None:
        self.frame = frame
        self.connector = connector
        self.name = connector.name
        self.twins: set[int] = set()
        """Entries beside which a message of ours with the same words stands: not sent again by themselves."""

    def next_at(self) -> Millis | None:
        """When the sender must look again, at once for what somebody else is sending; None when nothing waits."""
        return outbox.next_at(self.frame.store.reader, self.name)

    def ahead(self) -> Millis:
        """How far the source's clock is ahead of ours, as its last answer said."""
        return self.connector.skew() or 0

    def there(self) -> Millis:
        """The present instant by the source's clock, as far as it tells: nobody sets that one back."""
        return self.frame.now() + self.ahead()

    def unread(self) -> list[str]:
        """The refs of conversations that began with something of ours and whose messages are not here yet."""
        return begun.unread(self.frame.store.reader, self.name)

    def watched(self, after: int, most: int) -> list[tuple[int, str]]:
        """The next tickets here that posts wait for, by their number."""
        return tickets.watched(self.frame.store.reader, self.name, after, most)

    async def ticket_gone(self, ref: str) -> None:
        """A ticket that we have read before is not there any more: the posts that wait for it come back."""
        known = conversations.has_messages(self.frame.store.reader, self.name, ref)
        if known and any(other == ref for _, other in self.watched(0, 10_000)):
            head = RemoteConversation(ref=ref, status="gone", closed=True)
            await self.frame.bring_in(self.name, Page(conversations=(head,)), "thread")

    async def due(self) -> list[OutboxEntry]:
        """The entries whose turn it is: the first of each conversation, to be sent or to be looked for."""
        now = self.frame.now()
        return await self.frame.store.write(lambda db: outbox.due(db, self.name, now))

    async def start(self, entry: OutboxEntry, sender: str) -> OutboxEntry | None:
        """In one transaction: look at the tail, then stop the entry or commit that it is on its way."""
        now, there = self.frame.now(), self.there()

        def work(db: Db) -> tuple[OutboxEntry | None, tail.Tail]:
            seen = tail.look(db, entry) if entry.kind is OutKind.REPLY else tail.Tail()
            if seen.twin_ref:
                outbox.unknown(db, entry.id, "It seems to have arrived after all", "It is being looked for", now)
                return None, seen
            if seen.stop:
                outbox.stopped(db, entry.id, seen.stop, now)
                ranking.refresh(db, [entry.conversation_id], self.frame.rulebook, now)
                return None, seen
            return outbox.start(db, entry.id, sender, now, there), seen

        def never_began(db: Db) -> None:
            if outbox.is_sending(db, entry.id, sender, entry.attempts + 1):
                outbox.retry_at(db, entry.id, now, "", never_left=entry.first_try_at is None)

        started, seen = await self._written(work, never_began)
        if seen.twin_ref:
            self.twins.add(entry.id)
        if seen.stop:
            self.say(entry, SendState.STOPPED, seen.stop)
            self._notice(entry, f"Not sent to {entry.name}: {seen.stop}", "Read it, then send again from the outbox")
        elif started is not None:
            self.say(entry, SendState.SENDING)
        return started

    async def sent(self, entry: OutboxEntry, receipt: Receipt) -> None:
        """It arrived."""
        now = self.frame.now()

        def work(db: Db) -> tuple[bool, list[Failed]]:
            if outbox.get(db, entry.id).state in (SendState.SENT, SendState.CANCELLED):
                return False, []
            came = outbox.sent(db, entry.id, receipt, now)
            failed = undelivered.settle(db, entry.source, now)
            changed = came.changed + [each.conversation_id for each in failed]
            if entry.kind is OutKind.TICKET:
                note_back(db, self.frame, entry, receipt, now)
                others = [link.other_id for link in links.of(db, entry.conversation_id) if link.other_id is not None]
                changed += tickets.follow(db, others, self.frame.rulebook, now).changed
            ranking.refresh(db, changed, self.frame.rulebook, now)
            return came.twice, failed

        twice, failed = await self._written(work, work)
        self.say(entry, SendState.SENT)
        if twice:
            self.frame.tell_answered_twice(entry.conversation_id)
        self.frame.tell_undelivered(failed)
        if entry.kind is OutKind.TICKET:
            number = receipt.conversation_ref or "its number is not known"
            self.frame.emit(Notice(level="good", text=f"Ticket opened at {self.name} for {entry.name}: {number}",
                                   conversation_id=entry.conversation_id))
        if receipt.pending:
            self.frame.emit(Notice(level="info", text=f"{called(entry)} to {entry.name} waits for a moderator",
                                   conversation_id=entry.conversation_id))

    async def queued(self, entry: OutboxEntry, said: Words, at: Millis, *, never_left: bool = False) -> None:
        """It goes again at ``at``: no attempt was accepted, as ``never_left`` says, or it is safe to repeat for now."""
        await self._move(entry, SendState.QUEUED, said, lambda db: outbox.retry_at(
            db, entry.id, at, said.line, said.remedy, never_left=never_left))

    async def refused(self, entry: OutboxEntry, said: Words, error: Exception | None = None) -> None:
        """Refused for good: the text stays for editing. A claim that a colleague won is given up here too."""
        now = self.frame.now()
        lost = isinstance(error, Conflict) and entry.action is not None and entry.action.verb is Verb.CLAIM

        def work(db: Db) -> None:
            outbox.refused(db, entry.id, said.line, said.remedy, now)
            if lost:
                claims.release(db, entry.conversation_id, entry.agent)
            ranking.refresh(db, [entry.conversation_id], self.frame.rulebook, now)

        moved = await self._move(entry, SendState.REFUSED, said, work)
        if moved and lost and isinstance(error, Conflict):
            self.frame.emit(ClaimLost(conversation_id=entry.conversation_id, holder=error.holder, at=now))

    async def unknown(self, entry: OutboxEntry, said: Words, at: Millis) -> None:
        """It may have arrived: it is looked for at ``at``."""
        await self._move(entry, SendState.UNKNOWN, said,
                         lambda db: outbox.unknown(db, entry.id, said.line, said.remedy, at))

    def cut_off(self, entry: OutboxEntry) -> None:
        """We are being stopped in the middle of an attempt: written down before anything else, blocking."""
        at = outcome.first_look_at(self.connector.caps, self.frame.now())

        def work(db: Db) -> None:
            if _still(db, entry):
                outbox.unknown(db, entry.id, "The desk was closed while it was on its way",
                               "It is looked for by itself", at)

        self._last_words(work)

    async def ask_person(self, entry: OutboxEntry, said: Words) -> None:
        """Nothing more can be found out by itself."""
        now = self.frame.now()

        def ask(db: Db) -> None:
            outbox.needs_human(db, entry.id, said.line, said.remedy, now)
            ranking.refresh(db, [entry.conversation_id], self.frame.rulebook, now)

        if await self._move(entry, SendState.NEEDS_HUMAN, said, ask):
            self._notice(entry, f"{called(entry)} for {entry.name}: {said.line}", said.remedy)

    async def recover(self, alive: Alive) -> None:
        """Turn what was on its way when its sender died into unknown, so that it is read back."""
        now = self.frame.now()
        at = outcome.first_look_at(self.connector.caps, now)

        def work(db: Db) -> list[int]:
            return outbox_recovery.recover(db, alive, now, next_check_at=at)

        for entry_id in await self.frame.store.write(work):
            self.frame.emit(OutboxChanged(entry_id=entry_id, conversation_id=0, state=SendState.UNKNOWN))

    def retry_at(self, entry: OutboxEntry, error: Exception) -> Millis:
        """When an entry that was proven not accepted may be tried again."""
        return outcome.retry_at(entry, error, self.frame.now())

    def repeat_at(self, entry: OutboxEntry) -> Millis:
        """When the same may be sent again under the same key."""
        return self.frame.now() + outcome.wait(entry)

    def words(self, error: BaseException) -> Words:
        """An error in the words of the desk."""
        return words(error, self.name)

    def say(self, entry: OutboxEntry, state: SendState, text: str = "") -> None:
        """Tell the desk that an entry moved."""
        self.frame.emit(OutboxChanged(entry_id=entry.id, conversation_id=entry.conversation_id, state=state, text=text,
                                      action=entry.action is not None))
        self.frame.emit(Changed(conversation_ids=(entry.conversation_id,)))

    async def _written(self, work: Callable[[Db], T], stopped: Callable[[Db], object]) -> T:
        """Write something down; when we are being stopped meanwhile, ``stopped`` is what is written last."""
        try:
            return await self.frame.store.write(work)
        except asyncio.CancelledError:
            self._last_words(stopped)
            raise

    def _last_words(self, work: Callable[[Db], object]) -> None:
        """Write down how things stand when we are stopped; where that fails we end all the same, and it is recovered.

        It blocks: nothing that is awaited comes back to us any more.
        """
        try:
            self.frame.store.write_now(work)
        except DeskError as error:
            said = words(error, self.name)
            self.frame.emit(Notice(level="error", text=said.line, remedy=said.remedy))

    async def _move(self, entry: OutboxEntry, state: SendState, said: Words, work: Callable[[Db], None]) -> bool:
        """Change an entry unless somebody else changed it since we looked; True when it was changed."""

        def guarded(db: Db) -> bool:
            still = _still(db, entry)
            if still:
                work(db)
            return still

        moved = await self._written(guarded, guarded)
        if moved:
            self.say(entry, state, said.line)
        return moved

    def _notice(self, entry: OutboxEntry, text: str, remedy: str) -> None:
        self.frame.emit(Notice(level="warning", text=text, remedy=remedy, conversation_id=entry.conversation_id))


_CALLED = {OutKind.REPLY: "Your reply", OutKind.NOTE: "Your note", OutKind.TICKET: "Your ticket",
           OutKind.DM: "Your direct message", OutKind.ACTION: "What was asked"}


def called(entry: OutboxEntry) -> str:
    """What an entry is to the agent who wrote it."""
    return _CALLED[entry.kind]


def _still(db: Db, entry: OutboxEntry) -> bool:
    """True while the entry stands as we know it: the same attempt, and no person or other process moved it."""
    it = outbox.get(db, entry.id)
    return it.attempts == entry.attempts and it.state is entry.state
