"""Bringing in what is new on one source: the pull loop, its pace, and its failures in words."""

from __future__ import annotations

import asyncio

import msgspec

from agentdesk.connectors.base import Connector
from agentdesk.errors import NotFound
from agentdesk.model.capability import Caps
from agentdesk.model.clock import MINUTE, SECOND, Millis
from agentdesk.model.events import Notice, Progress, SourceChanged
from agentdesk.model.page import Account, Gap, Page
from agentdesk.model.source import SKEW_TOLD
from agentdesk.rules.times import length_words
from agentdesk.store import leases, sources
from agentdesk.store.db import Db
from agentdesk.sync import pace
from agentdesk.sync.canned import CannedKeeper
from agentdesk.sync.frame import Frame, from_source, rest, words

PULL_LIMIT_S = 180
"""Seconds after which a pull that has not answered is given up."""
PAGE_BUDGET = 50
"""Pages taken in one round before the other sources get their turn."""
IN_VAIN = 500
"""So many pages in a row that change nothing, and a source that promises more is not asked at full speed any longer."""
WATCH: Millis = SECOND
"""How often a process that may not collect looks whether it may now."""
LONGEST_REST: Millis = 5 * MINUTE
STOPPED: Millis = 5 * SECOND
"""How often a process whose token is dead looks who collects instead."""
QUIET_OK: Millis = 30 * SECOND
"""A source that answers all the time is noted as well at most this often."""
KNOWN_CURSORS = 10_000


class Round(msgspec.Struct, frozen=True):
    """What one run of pages brought."""

    pages: int = 0
    messages: int = 0
    conversations: int = 0
    more: bool = False
    gap: bool = False


class Collector:
    """The pull loop of one source; a failure here never reaches another source."""

    def __init__(self, frame: Frame, connector: Connector, *, budget: int = PAGE_BUDGET) -> None:
        self.frame = frame
        self.connector = connector
        self.name = connector.name
        self.budget = budget
        self.pace = pace.pace(self.name, connector.caps.poll_s)
        self.paused = False
        self.elsewhere = ""
        """Who else collects this source; empty when we do or nobody does."""
        self.caught_up = False
        """True once everything that was new had been brought in."""
        self.wake = asyncio.Event()
        self._verified = False
        self._left_to = ""
        """Who collects this source since our token is dead."""
        self._seen: set[str | None] = set()
        self._looping = False
        self._began_empty = False
        """True while a first connect has brought nothing yet."""
        self._in_vain = 0
        """Pages in a row that changed nothing, with more behind each."""
        self._gap_told = ""
        self._backfilling = False
        self._last_at: Millis = 0
        self._noted_ok_at: Millis | None = None
        self._skewed = False
        self._busy = asyncio.Lock()
        self._canned = CannedKeeper(frame, connector)

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            await self.turn()
            await rest(self.frame.clock, self._rest(), self.wake)

    async def turn(self) -> None:
        """Do what is due now, if anything; never raises what a source or the cache may raise."""
        now = self.frame.now()
        try:
            if self.pace.stopped and not self.paused:
                self._mind_who_goes_on(now)
            if self.paused or not (self.pace.due(now) or self.elsewhere):
                return
            if not await self.may_collect() or not self.pace.due(now):
                return
            await self.collect()
        except Exception as error:  # whatever it is, it concerns this source alone
            await self.failed(error)

    def _mind_who_goes_on(self, now: Millis) -> None:
        """Signed out, we left the source to whoever can; when that one ends, try again, so that it is seen."""
        other = leases.holder(self.frame.store.reader, f"collect:{self.name}", now)
        if self._left_to and not other:
            self.pace = pace.at_once(self.pace, now)
        self._left_to = other

    async def may_collect(self) -> bool:
        """True when the lease is ours; otherwise remember whose it is."""
        holder = await self.frame.own(f"collect:{self.name}")
        self.elsewhere = "" if holder == self.frame.holder else holder
        return not self.elsewhere

    async def collect(self) -> Round:
        """One round: sign in if need be, take pages, note that all is well."""
        async with self._busy:
            await self._verify()
            taken = await self._pages()
            self.caught_up = self.caught_up or not taken.more
            now = self._last_at = self.frame.now()
            self.pace = pace.after_success(self.pace, now, more=taken.more)
            await self._note_ok(now)
            if not taken.more:
                await self._look_for_canned()
            return taken

    async def _look_for_canned(self) -> None:
        """Fetch the canned replies that the source holds when it is time; a failure concerns them alone."""
        try:
            await self._canned.look()
        except Exception as error:  # the pull went well, so whatever this is, it does not make the source bad
            said = words(error, self.name)
            self.frame.emit(Notice(level="warning", text=f"Canned replies of {self.name}: {said.line}",
                                   remedy="They are asked for again in an hour; those of before stay"))

    async def _verify(self) -> None:
        """Ask the source once who we are there."""
        if self._verified:
            return
        async with asyncio.timeout(PULL_LIMIT_S):
            account = await self.connector.verify()
        await self.frame.store.write(lambda db: _know(db, self.name, account, self.connector.caps))
        self._verified = True
        self.pace = msgspec.structs.replace(self.pace, poll=pace.pace(self.name, self.connector.caps.poll_s).poll)
        for warning in account.warnings:
            self.frame.emit(Notice(level="warning", text=f"{self.name}: {warning}"))

    async def _pages(self) -> Round:
        pages = messages = conversations = 0
        gap = False
        for _ in range(self.budget):
            cursor = sources.state(self.frame.store.reader, self.name).cursor or None
            async with asyncio.timeout(PULL_LIMIT_S):
                page = await self.connector.pull(cursor)
            page = self._without_loop(page, cursor)
            pages += 1
            empty = not (page.messages or page.conversations or page.rejects)
            first = cursor is None or self._began_empty
            self._began_empty = first and page.more and empty
            self._gap_told = self._gap_told if empty else ""
            changed = False
            if first or not _says_nothing(page, cursor):
                applied = await self.frame.bring_in(self.name, page, "pull", first=first)
                messages += applied.messages
                conversations += len(applied.arrived)
                gap, changed = gap or applied.gap is not None, bool(applied.touched or applied.gap)
                self._tell_gap(applied.gap)
            page = self._without_end(page, changed)
            self._progress(page)
            await self._tell_warnings(page.warnings)
            if not page.more:
                self._seen.clear()
                return Round(pages, messages, conversations, False, gap)
        return Round(pages, messages, conversations, True, gap)

    async def _tell_warnings(self, warnings: tuple[str, ...] | None) -> None:
        """Say once what is wrong with a part of the source, and keep it where the sources are shown."""
        account = sources.state(self.frame.store.reader, self.name).account
        if warnings is None or account is None or warnings == account.warnings:
            return
        for warning in warnings:
            if warning not in account.warnings:
                self.frame.emit(Notice(level="warning", text=f"{self.name}: {warning}"))
        told = msgspec.structs.replace(account, warnings=warnings)
        await self.frame.store.write(lambda db: sources.set_account(db, self.name, told))
        self.frame.emit(SourceChanged(source=self.name))

    def _without_loop(self, page: Page, cursor: str | None) -> Page:
        """The page, ended with a gap when its cursor leads back to where we have been."""
        if not page.more:
            self._looping = False
            return page
        if len(self._seen) > KNOWN_CURSORS:
            self._seen.clear()
        self._seen.add(cursor)
        if (cursor if page.cursor is None else page.cursor) not in self._seen:
            return page
        reason = "The source led us in a circle: what lies beyond was not shown"
        if not self._looping:
            self._gap_told = reason
            self.frame.emit(Notice(level="warning", text=f"{self.name}: {reason}",
                                   remedy=f"It is asked again later; agentdesk sources --gaps {self.name} tells"))
        gap = page.gap or (None if self._looping else Gap(reason=reason))
        self._looping = True
        return msgspec.structs.replace(page, more=False, gap=gap)

    def _without_end(self, page: Page, changed: bool) -> Page:
        """The page, the last for now when hundreds before it changed nothing; the next round goes on behind it."""
        self._in_vain = self._in_vain + 1 if page.more and not changed else 0
        if not self._in_vain or self._in_vain % IN_VAIN:
            return page
        if self._in_vain == IN_VAIN:
            self.frame.emit(Notice(level="warning", text=f"{self.name}: {IN_VAIN} pages in a row held nothing new",
                                   remedy="It is asked for the rest at its usual pace; nothing is left out"))
        return msgspec.structs.replace(page, more=False)

    def _tell_gap(self, gap: Gap | None) -> None:
        """Say once that something could not be shown."""
        if gap is not None and gap.reason != self._gap_told:
            self._gap_told = gap.reason
            self.frame.emit(Notice(level="warning", text=f"{self.name}: {gap.reason}",
                                   remedy="Nothing here is changed by it; the screen of sources counts such stretches"))

    def _progress(self, page: Page) -> None:
        """Tell how far the first backfill is."""
        if page.backfill or self._backfilling:
            self._backfilling = page.more
            self.frame.emit(Progress(task=f"backfill {self.name}", done=page.done or 0, total=page.total,
                                     finished=not page.more))

    async def _note_ok(self, now: Millis) -> None:
        """Write that the source answered; one that answers all the time is not written about each time."""
        if self._noted_ok_at is not None and self.connector.caps.live and now - self._noted_ok_at < QUIET_OK:
            return
        next_at, budget, skew = self.pace.next_at, self.connector.budget(), self.connector.skew()
        before = sources.state(self.frame.store.reader, self.name).skew

        def note(db: Db) -> None:
            sources.note_ok(db, self.name, now, next_at)
            sources.note_meter(db, self.name, budget, skew)

        await self.frame.store.write(note)
        self._tell_skew(skew, before)
        changed, self._noted_ok_at = self._noted_ok_at is None, now
        if changed:
            self.frame.emit(SourceChanged(source=self.name))

    def _tell_skew(self, skew: Millis | None, before: Millis | None) -> None:
        """Say once that our clock and the server's differ, or that one was set: times on screen are then off."""
        if before is not None and skew is not None and abs(skew - before) > SKEW_TOLD:
            moved = length_words(abs(skew - before))
            self.frame.emit(Notice(
                level="warning", text=f"The clock of {self.name} or of this machine was set, by {moved}",
                remedy="What was written around that time is fetched again; due times may be off"))
        far = skew is not None and abs(skew) > SKEW_TOLD
        if far and not self._skewed and skew is not None:
            way = "behind" if skew > 0 else "ahead of"
            self.frame.emit(Notice(level="warning", remedy="Set the clock of this machine",
                                   text=f"This machine's clock is {length_words(abs(skew))} {way} that of {self.name}"))
        self._skewed = far

    async def failed(self, error: Exception) -> None:
        """Slow down, and write down what went wrong where the screen can read it."""
        now = self._last_at = self.frame.now()
        self.pace = pace.after_failure(self.pace, error, now)
        self._noted_ok_at = None
        if self.pace.stopped:
            self._verified = False
        said = words(error, self.name)
        if not from_source(error) and not isinstance(error, NotFound):
            self.frame.emit(Notice(level="error", text=said.line, remedy=said.remedy))
            return
        it = self.pace

        def note(db: Db) -> None:
            sources.note_failure(db, self.name, it.trouble, said.title, said.cause, said.remedy, now, it.next_at)

        try:
            await self.frame.store.write(note)
            if it.stopped:  # a process that was signed in anew goes on
                await self.frame.let_go(f"collect:{self.name}", f"send:{self.name}")
        except Exception as trouble:  # the failure is told on the screen even when it cannot be written down
            also = words(trouble, "The cache")
            self.frame.emit(Notice(level="error", text=also.line, remedy=also.remedy))
        self.frame.emit(SourceChanged(source=self.name))

    def hint(self) -> None:
        """The platform says that something may be new: pull soon, not more than once a second."""
        self._sooner(max(self.frame.now(), self._last_at + SECOND))

    def poke(self) -> None:
        """A person wants to see what is new now; also tries a dead token again."""
        self._sooner(self.frame.now())

    def _sooner(self, at: Millis) -> None:
        self.pace = pace.at_once(self.pace, at)
        self.wake.set()

    async def listen(self) -> None:
        """Turn the platform's hints into pulls; a broken stream is opened again, ever later."""
        failures = 0
        while True:
            try:
                hints = self.connector.hints()
                if hints is None:
                    return
                async for _ in hints:
                    failures = 0
                    self.hint()
            except Exception as error:  # pulling stays the truth: a dead stream only costs time
                failures += 1
                wait = max(pace.backoff(f"hints:{self.name}", failures), pace.asked(error))
            else:
                failures += 1
                wait = pace.backoff(f"hints:{self.name}", failures)
            await self.frame.clock.sleep(wait)

    def _rest(self) -> Millis:
        """How long nothing is due."""
        if self.paused:
            return LONGEST_REST
        if self.pace.stopped:
            return STOPPED
        if self.elsewhere:
            return WATCH
        return min(LONGEST_REST, self.pace.wait(self.frame.now()))


def _know(db: Db, name: str, account: Account, caps: Caps) -> None:
    """Keep who we are there and what can be done there."""
    sources.set_account(db, name, account)
    sources.set_caps(db, name, caps)


def _says_nothing(page: Page, cursor: str | None) -> bool:
    """True when there is nothing to write down, so that an idle poll costs no transaction."""
    return cursor is not None and page.cursor in (cursor, None) and page.gap is None and not (
        page.messages or page.conversations or page.profiles or page.rejects or page.removed or page.undelivered)
