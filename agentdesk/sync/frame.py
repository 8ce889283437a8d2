"""What collector and sender share: the store, the rules, the time, the leases, and how a page comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agentdesk.connectors.base import Connector
from agentdesk.errors import DeskError, SourceError
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.events import Arrived, Changed, Event, Notice
from agentdesk.model.page import Page
from agentdesk.model.plan import Applied, Failed
from agentdesk.model.text import inert_line
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import intake, leases, ledger
from agentdesk.store.db import Db, Store
from agentdesk.sync.holder import Alive
from agentdesk.sync.plan import Purpose, plan

LEASE: Millis = 30 * SECOND
"""How long a lease lasts without being renewed."""
RENEW_BELOW: Millis = 20 * SECOND


@dataclass
class Frame:
    """Handed to every collector and sender of one engine."""

    store: Store
    rulebook: Rulebook
    clock: Clock
    emit: Callable[[Event], None]
    holder: str
    alive: Alive
    connectors: dict[str, Connector] = field(default_factory=dict)
    """Every connected source by its name."""
    leases: dict[str, Millis] = field(default_factory=dict)
    """The leases that are ours, with the instant at which each runs out."""

    def now(self) -> Millis:
        """The present instant."""
        return self.clock.now()

    async def bring_in(self, source: str, page: Page, purpose: Purpose, *, first: bool = False) -> Applied:
        """Plan and apply one page in one transaction together with its cursor, then say what happened."""
        now = self.now()
        connector = self.connectors.get(source)
        skew = connector.skew() if connector is not None else None

        def work(db: Db) -> Applied:
            it = plan(source, page, intake.held(db, source, page), purpose, now, first=first, skew=skew or 0)
            applied = intake.apply(db, it, now, self.rulebook)
            for conversation_id in applied.answered_twice:
                ledger.write(db, at=now, agent="", action="answered_twice", conversation_id=conversation_id,
                             source=source, rule="crossed answers", detail={"found": purpose})
            return applied

        applied = await self.store.write(work)
        self._tell(source, page, applied)
        return applied

    def _tell(self, source: str, page: Page, applied: Applied) -> None:
        if applied.arrived:
            self.emit(Arrived(source=source, conversation_ids=applied.arrived, messages=applied.messages,
                              backfill=page.backfill))
        if applied.touched:
            self.emit(Changed(conversation_ids=applied.touched))
        for conversation_id in applied.answered_twice:
            self.tell_answered_twice(conversation_id)
        self.tell_undelivered(applied.undelivered)
        for post_id, label in applied.solved:
            self.emit(Notice(level="info", text=f"{label} is solved: the customer of #{post_id} is to hear of it",
                             conversation_id=post_id))
        if applied.closed:
            count = len(applied.closed)
            what = f"{count} conversations were" if count > 1 else f"#{applied.closed[0]} was"
            self.emit(Notice(level="info", text=f"{what} closed at {source}", remedy="The view review shows it",
                             conversation_id=applied.closed[0] if count == 1 else 0))

    def tell_answered_twice(self, conversation_id: int) -> None:
        """Two of us answered the same words: nobody could stop it, so both must know."""
        self.emit(Notice(level="warning", text="Answered twice: a colleague's answer crossed ours",
                         remedy="Read both, and tell the customer which one holds", conversation_id=conversation_id))

    def tell_undelivered(self, failed: Sequence[Failed]) -> None:
        """What was sent did not reach its reader: somebody must find another way."""
        for each in failed:
            if not each.quiet:
                self.emit(Notice(level="warning", text=f"The answer to {each.name} was not delivered: {each.reason}",
                                 remedy="It is in the queue again: reach the customer another way",
                                 conversation_id=each.conversation_id))

    async def own(self, name: str) -> str:
        """Take or keep the lease ``name``; returns who holds it now, which is ours when it is our identity."""
        now = self.now()
        if self.leases.get(name, 0) - now > RENEW_BELOW:
            return self.holder
        other = leases.holder(self.store.reader, name, now)
        if other not in ("", self.holder) and self.alive(other):
            self.leases.pop(name, None)
            return other
        until = now + LEASE
        self.leases.setdefault(name, 0)  # who is cancelled while it is taken gives it up too
        holder = await self.store.write(lambda db: leases.take(db, name, self.holder, until, now, self.alive))
        if holder == self.holder:
            self.leases[name] = until
        else:
            self.leases.pop(name, None)
        return holder

    async def renew(self) -> None:
        """Keep every lease that is ours, so that long work does not lose it."""
        for name in tuple(self.leases):
            await self.own(name)

    async def let_go(self, *names: str) -> None:
        """Give leases up: another process may do better."""
        mine = self._taken_back(names)
        if mine:
            await self.store.write(lambda db: self._drop(db, mine))

    def drop(self) -> None:
        """Give all leases up at once, on the way out; blocking, so that a cancelled task can still do it."""
        mine = self._taken_back(tuple(self.leases))
        if mine:
            self.store.write_now(lambda db: self._drop(db, mine))

    def _taken_back(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if self.leases.pop(name, None) is not None]

    def _drop(self, db: Db, names: Sequence[str]) -> None:
        for name in names:
            leases.drop(db, name, self.holder)


@dataclass(frozen=True)
class Words:
    """What went wrong, for a person."""

    title: str
    cause: str
    remedy: str

    @property
    def line(self) -> str:
        """Title and cause in one line."""
        return f"{self.title}: {self.cause}" if self.cause else self.title


def words(error: BaseException, source: str) -> Words:
    """An error in the words of the desk; one that nobody foresaw names its kind."""
    if isinstance(error, TimeoutError) and not isinstance(error, DeskError):
        return Words(f"{source} did not answer in time", "The request was given up", "It is tried again by itself")
    if isinstance(error, DeskError):
        return Words(inert_line(error.title), inert_line(error.cause), inert_line(error.remedy))
    return Words(f"{source} failed unexpectedly", inert_line(f"{type(error).__name__}: {error}"),
                 "It is tried again by itself; agentdesk doctor shows more")


def from_source(error: BaseException) -> bool:
    """True when the source is to blame, not the cache."""
    return isinstance(error, SourceError) or not isinstance(error, DeskError)


async def rest(clock: Clock, length: Millis, wake: asyncio.Event) -> None:
    """Wait for ``length`` or until woken, whichever comes first."""

    async def ring() -> None:
        await clock.sleep(length)
        wake.set()

    async with asyncio.TaskGroup() as group:
        ringing = group.create_task(ring())
        await wake.wait()
        ringing.cancel()
    wake.clear()
