"""The engine: one collector and one sender per source, and the little chores between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from agentdesk.connectors.base import Connector
from agentdesk.errors import DeskError, NotFound, Unavailable
from agentdesk.model.clock import HOUR, SECOND, Clock, Millis
from agentdesk.model.events import Changed, Event, Notice, SourceChanged
from agentdesk.model.page import Page
from agentdesk.model.plan import Applied
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import carried, retention, sources
from agentdesk.store.db import Store
from agentdesk.sync import chores, pace, past, recovery
from agentdesk.sync import holder as holders
from agentdesk.sync.collector import PAGE_BUDGET, PULL_LIMIT_S, Collector
from agentdesk.sync.frame import Frame, words
from agentdesk.sync.holder import Alive
from agentdesk.sync.plan import Purpose
from agentdesk.sync.sender import Sender

CHORES: Millis = 5 * SECOND
"""How often snoozes and claims are looked at and leases renewed."""
WATCH: Millis = SECOND
"""How often to look whether another process wrote."""
JUMP: Millis = 30 * SECOND
"""A clock that is off by this much after a short wait has jumped, or the machine slept."""
ROUNDS = 200
"""Rounds of one headless sync, so that an endless source cannot keep it for ever."""


class SyncResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one headless sync of a source did."""

    source: str
    pages: int = 0
    messages: int = 0
    conversations: int = 0
    sent: int = 0
    gap: bool = False
    elsewhere: str = ""
    """The process that collects this source now, when it is not this one."""
    paused: bool = False
    """True when a person has paused it: nothing was asked or sent."""
    error: DeskError | None = None


class Engine:
    """Keeps the cache and the sources in step until it is cancelled."""

    def __init__(self, store: Store, connectors: Mapping[str, Connector], rulebook: Rulebook, clock: Clock,
                 emit: Callable[[Event], None], holder: str, *, alive: Alive = holders.alive,
                 budget: int = PAGE_BUDGET, keep_texts: Millis = 0) -> None:
        self.frame = Frame(store, rulebook, clock, emit, holder, alive)
        self.collectors: dict[str, Collector] = {}
        self.senders: dict[str, Sender] = {}
        self._budget = budget
        self._keep_texts = keep_texts
        """How long the texts of what is done are kept; 0 for as long as the cache is."""
        self._emptied_at: Millis | None = None
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, tuple[asyncio.Task[None], ...]] = {}
        self._exchanging = asyncio.Lock()
        """One after the other: two at once would leave two senders to one source."""
        self._last_chores_at: Millis | None = None
        self.look: Callable[[], Awaitable[None]] | None = None
        """What else is looked at every second while it runs: what other processes changed beside the cache."""
        self._back: Millis | None = 0
        """By how much the clock was set back, until the outbox has been told; it is asked once at the start."""
        for connector in connectors.values():
            self.add(connector)

    def add(self, connector: Connector) -> None:
        """Take in a source, also while running; one that was paused when the program ended stays so."""
        self.frame.connectors[connector.name] = connector
        collector = Collector(self.frame, connector, budget=self._budget)
        sender = Sender(self.frame, connector, troubled=collector.failed)
        paused = connector.name in sources.paused(self.frame.store.reader)
        collector.paused = sender.paused = paused
        self.collectors[connector.name], self.senders[connector.name] = collector, sender
        if self._group is not None:
            self._begin(self._group, connector.name)

    async def exchange(self, connector: Connector) -> None:
        """Take in a source in the place of the one of the same name, if there is one: it was signed in again."""
        async with self._exchanging:
            await self._exchange(connector)

    async def _exchange(self, connector: Connector) -> None:
        before = self.frame.connectors.get(connector.name)
        tasks = self._tasks.pop(connector.name, ())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            if before is not None:
                await before.close()
        except Exception as error:  # the line is of no use any more, whatever it says
            self._tell_trouble(error)
        self.add(connector)
        self.frame.emit(SourceChanged(source=connector.name))

    async def run(self) -> None:
        """Collect, send and keep house until cancelled; leases are given up on the way out."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for name in self.collectors:
                    self._begin(group, name)
                group.create_task(self._watch(), name="sync watch")
                group.create_task(self._chores(), name="sync chores")
        finally:
            self._group = None
            self.give_up()

    def _begin(self, group: asyncio.TaskGroup, name: str) -> None:
        collector, sender = self.collectors[name], self.senders[name]
        self._tasks[name] = (group.create_task(collector.run(), name=f"collect {name}"),
                             group.create_task(collector.listen(), name=f"hints {name}"),
                             group.create_task(sender.run(), name=f"send {name}"))

    def give_up(self) -> None:
        """Let other processes collect and send at once, after a headless round or on the way out."""
        try:
            self.frame.drop()
        except DeskError as error:  # the leases run out by themselves
            self._tell_trouble(error)

    # what the desk asks for -----------------------------------------------------------------------------------------

    def poke(self, source: str = "") -> None:
        """Pull one source now, or all of them; a dead token is tried again."""
        for name in [source] if source else list(self.collectors):
            self._collector(name).poke()
            self.senders[name].poke()

    def poke_outbox(self) -> None:
        """Something was put into the outbox: look at once."""
        for sender in self.senders.values():
            sender.poke()

    async def pause(self, source: str) -> None:
        """Stop pulling and sending for a source until ``resume``; what is on its way ends first."""
        self._hold(source, True)
        await self._set_state(source, "paused")
        self._hold(source, True)  # whoever looked before that was written down believed the cache

    async def resume(self, source: str) -> None:
        """Go on with a paused source."""
        self._collector(source)
        await self._set_state(source, "new")
        self._hold(source, False)

    async def _set_state(self, source: str, state: str) -> None:
        await self.frame.store.write(lambda db: sources.set_state(db, source, state))
        self.frame.emit(SourceChanged(source=source))

    async def refresh(self, conversation_ref: str, source: str) -> Applied:
        """Fetch one thread as it stands now and store it; errors of the source come to the caller.

        Where the server is still fetching the rest of it, it is read once more by itself.
        """
        connector = self._collector(source).connector

        async def page() -> Page:
            found = await connector.thread(conversation_ref)
            if found.again_s is not None:
                self.senders[source].read_again(conversation_ref, self.frame.now() + round(found.again_s * SECOND))
            return found

        return await self._on_demand(source, page(), "thread")

    async def history(self, customer_ref: str, source: str, limit: int = 20) -> Applied:
        """Fetch a person's earlier conversations with us and store those that are over."""
        connector = self._collector(source).connector

        async def page() -> Page:
            found = await connector.history(customer_ref, limit)
            return past.over(self.frame.store.reader, source, found, self.frame.now())

        return await self._on_demand(source, page(), "history")

    def caught_up(self, source: str) -> bool:
        """True once pulling has brought everything that was new when we began, here or in another process."""
        collector = self.collectors.get(source)
        return collector is not None and (collector.caught_up or bool(collector.elsewhere))

    async def adopt(self, conversation_ref: str, source: str) -> Applied:
        """Fetch one conversation that somebody picked elsewhere and store it as history."""
        page = self._collector(source).connector.thread(conversation_ref)
        return await self._on_demand(source, page, "history")

    async def sync_once(self, source: str, *, send: bool = True) -> SyncResult:
        """Pull everything there is and send what is due, once; a failure is in the result, not raised."""
        collector, sender = self._collector(source), self.senders[source]
        total = SyncResult(source=source, paused=collector.paused)
        if total.paused:
            return total
        try:
            if not await collector.may_collect():
                return msgspec.structs.replace(total, elsewhere=collector.elsewhere)
            for _ in range(ROUNDS):
                taken = await collector.collect()
                total = msgspec.structs.replace(
                    total, pages=total.pages + taken.pages, messages=total.messages + taken.messages,
                    conversations=total.conversations + taken.conversations, gap=total.gap or taken.gap)
                if not taken.more:
                    break
            if send and await sender.may_send():
                total = msgspec.structs.replace(total, sent=await sender.once())
        except (DeskError, TimeoutError) as error:
            await collector.failed(error)
            return msgspec.structs.replace(total, error=_as_desk_error(error, source))
        return total

    async def send_once(self, source: str) -> int:
        """Send what is due for a source, unless it is paused or another process does; returns how many moved."""
        self._collector(source)
        sender = self.senders[source]
        return await sender.once() if not sender.paused and await sender.may_send() else 0

    async def _on_demand(self, source: str, asked: Awaitable[Page], purpose: Purpose) -> Applied:
        async with asyncio.timeout(PULL_LIMIT_S):
            page = await asked
        return await self.frame.bring_in(source, page, purpose)

    def _collector(self, source: str) -> Collector:
        collector = self.collectors.get(source)
        if collector is None:
            known = ", ".join(sorted(self.collectors)) or "none"
            raise NotFound(f"The source {source} is not connected", f"Connected sources: {known}",
                           "Look at the name again, or add it to the configuration")
        return collector

    # chores ---------------------------------------------------------------------------------------------------------

    async def housekeeping(self, now: Millis) -> list[int]:
        """Wake snoozed conversations whose time has come and let claims run out; returns what changed."""
        changed = await self.frame.store.write(lambda db: chores.wake_and_expire(db, self.frame.rulebook, now))
        if changed:
            self.frame.emit(Changed(conversation_ids=tuple(changed)))
        return changed

    async def empty_old(self, now: Millis) -> int:
        """Remove texts that were kept as long as they are to be; returns of how many conversations."""
        emptied, before = 0, now - self._keep_texts
        while self._keep_texts and (some := await self.frame.store.write(lambda db: retention.empty_done(db, before))):
            emptied += some
        if emptied:
            self.frame.emit(Changed())
        return emptied

    async def _chores(self) -> None:
        trouble = ""
        while True:
            try:
                now = self.frame.now()
                self._notice_jump(now)
                await self.frame.renew()
                await self._after_set_back(now)
                if chores.due(self.frame.store.reader, now):
                    await self.housekeeping(now)
                await self.recover(now)
                if self._emptied_at is None or not 0 <= now - self._emptied_at < HOUR:
                    self._emptied_at = now
                    await self.empty_old(now)
                    carried.sweep(self.frame.store.reader, now)
                trouble = ""
            except Exception as error:  # a full disk today may be free tomorrow
                if str(error) != trouble:
                    self._tell_trouble(error)
                trouble = str(error)
            await self.frame.clock.sleep(CHORES)

    def _notice_jump(self, now: Millis) -> None:
        """After a sleep of the machine or a new clock: look at everything, and count no wait on the old time."""
        before, self._last_chores_at = self._last_chores_at, now
        if before is None or abs(jump := now - before - CHORES) < JUMP:
            return
        for name, collector in self.collectors.items():
            collector.pace = pace.after_jump(collector.pace, jump)
            self.senders[name].pace = pace.after_jump(self.senders[name].pace, jump)
        self.poke()
        self.frame.emit(Changed())
        if jump < 0:
            self._back = (self._back or 0) - jump
            self.frame.emit(Notice(level="warning", text=f"The clock was set back by {-jump // SECOND} seconds",
                                   remedy="Clocks are counted anew; nothing was sent or closed by it"))

    async def _after_set_back(self, now: Millis) -> None:
        if self._back is not None and await recovery.after_set_back(self.frame, self._back, now):
            self.poke_outbox()
        self._back = None

    async def recover(self, now: Millis) -> list[int]:
        """Find what was being sent by a process that ended, for sources that nobody sends for as well."""
        return await recovery.recover(self.frame, lambda name: name in self.senders and self.senders[name].busy, now)

    async def _watch(self) -> None:
        """See what other processes wrote into the cache, a pause of a source among it."""
        while True:
            try:
                if self.frame.store.seen_elsewhere():
                    self._follow_pauses()
                    self.frame.emit(Changed())
                    for sender in self.senders.values():
                        sender.wake.set()
                if self.look is not None:
                    await self.look()
            except Exception as error:  # the other tasks go on, and so does this one
                self._tell_trouble(error)
                await self.frame.clock.sleep(CHORES)
            await self.frame.clock.sleep(WATCH)

    def _follow_pauses(self) -> None:
        """A source that was paused, or let go on, in another process is so here too."""
        paused = sources.paused(self.frame.store.reader)
        for name, collector in self.collectors.items():
            if collector.paused != (name in paused):
                self._hold(name, name in paused)
                self.frame.emit(SourceChanged(source=name))

    def _hold(self, name: str, paused: bool) -> None:
        self._collector(name).paused = self.senders[name].paused = paused
        if not paused:
            self.poke(name)

    def _tell_trouble(self, error: Exception) -> None:
        said = words(error, "Housekeeping")
        self.frame.emit(Notice(level="error", text=said.line, remedy=said.remedy))


def _as_desk_error(error: Exception, source: str) -> DeskError:
    if isinstance(error, DeskError):
        return error
    said = words(error, source)
    return Unavailable(said.title, said.cause, said.remedy)
