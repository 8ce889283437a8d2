"""Sending what lies in the outbox of one source: each reply once, or shown as unknown until that is cleared up.

``sending`` is committed before the first byte; whatever is not proven afterwards is ``unknown`` and is read back,
never blindly sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from agentdesk.connectors.base import Connector
from agentdesk.errors import AuthError, Gone, RateLimited, Rejected, SourceError, Unavailable
from agentdesk.model.clock import MINUTE, SECOND, Millis
from agentdesk.model.events import Notice
from agentdesk.model.outgoing import OutboxEntry, OutKind, Receipt, SendState
from agentdesk.sync import outcome, pace
from agentdesk.sync.book import Book
from agentdesk.sync.frame import Frame, Words, rest, words
from agentdesk.sync.holder import here
from agentdesk.sync.reconcile import Reconciler

SEND_LIMIT_S = 120
"""Seconds after which an attempt that has not ended is given up: its outcome is then unknown."""
SHORTEST: Millis = SECOND // 2
"""The least rest between two looks at the outbox."""
IDLE: Millis = 5 * SECOND
"""How often an empty outbox is looked at: other processes put things into it too."""
MISSES = 2
"""So many entries in a row that do not get through hold the whole source back."""
WATCH_EVERY: Millis = 15 * MINUTE
"""How often a ticket that a post waits for is read, whatever pulls bring."""
WATCHED_AT_ONCE = 4
"""So many of them in a minute."""
SETTLED: Millis = 20 * SECOND
"""After so long a help desk has done what it does to every new ticket."""
MOST_LOOKS = 200
"""So many threads wait to be read again at most because their server has more of them soon."""
TOO_LATE = Words("It may have arrived long ago", "", "It is looked for before it is sent again")
"""What went out once and waited for its repetition until the source may have forgotten our id for it."""
LATER_LOOKS: tuple[Millis, ...] = (3 * SECOND, 3 * MINUTE)
"""When a thread is read again after a reply, to find a colleague's answer that crossed it."""


class Sender:
    """The sending loop of one source."""

    def __init__(self, frame: Frame, connector: Connector, *, troubled: Callable[[Exception], Awaitable[None]]) -> None:
        self.frame = frame
        self.connector = connector
        self.name = connector.name
        self.id = f"{frame.holder}@{self.name}"
        self.pace = pace.pace(f"send {self.name}", 1)
        self.paused = False
        self.wake = asyncio.Event()
        self._book = Book(frame, connector)
        self._reconciler = Reconciler(self._book)
        self._troubled = troubled
        self._busy = asyncio.Lock()
        self._misses = 0
        self._looks: list[tuple[Millis, str]] = [(0, ref) for ref in self._book.unread()]
        self._watch_at: Millis = 0
        self._watch_after = 0
        self._rest: Millis = 0

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self.turn()
            await rest(self.frame.clock, self._rest, self.wake)

    @property
    def busy(self) -> bool:
        """True while something may be on its way from here."""
        return self._busy.locked()

    async def turn(self) -> None:
        """Do what is due now, if anything; never raises what a source or the cache may raise."""
        try:
            now = self.frame.now()
            if not self.paused and self.pace.due(now) and self._next_at() <= now and await self.may_send():
                await self.once()
            self._rest = self._until_next()
        except Exception as error:  # whatever it is, it concerns this source alone
            self._rest = IDLE
            self.pace = pace.after_failure(self.pace, error, self.frame.now())
            said = words(error, self.name)
            self.frame.emit(Notice(level="error", text=said.line, remedy=said.remedy))

    async def may_send(self) -> bool:
        """True when the lease is ours."""
        return await self.frame.own(f"send:{self.name}") == self.frame.holder

    def poke(self) -> None:
        """Something was put into the outbox, or a person wants it tried now."""
        self.pace = pace.at_once(self.pace, self.frame.now())
        self.wake.set()

    def read_again(self, conversation_ref: str, at: Millis) -> None:
        """Read a thread once more at an instant."""
        if len(self._looks) < MOST_LOOKS and all(ref != conversation_ref for _, ref in self._looks):
            self._looks.append((at, conversation_ref))
            self.wake.set()

    async def once(self) -> int:
        """Handle what is due and read again what was to be read again; returns how many entries were sent."""
        sent = await self.drain()
        self._watch()
        await self._look_again()
        return sent

    def _watch(self) -> None:
        """Plan to read the tickets that posts wait for: a pull may leave out the queue they lie in."""
        now = self.frame.now()
        if now < self._watch_at:
            return
        found = self._book.watched(self._watch_after, WATCHED_AT_ONCE)
        more = len(found) == WATCHED_AT_ONCE
        self._looks += [(now, ref) for _, ref in found]
        self._watch_after = found[-1][0] if more else 0
        self._watch_at = now + (MINUTE if more else WATCH_EVERY)

    async def drain(self) -> int:
        """Handle every entry that is due, in order within each conversation; returns how many were sent."""
        sent, handled = 0, set[tuple[int, SendState]]()
        async with self._busy:
            await self._book.recover(self._sender_alive)
            while todo := [entry for entry in await self._book.due() if (entry.id, entry.state) not in handled]:
                for entry in todo:
                    if not self.pace.due(self.frame.now()):
                        return sent
                    handled.add((entry.id, entry.state))
                    sent += await self._one(entry)
        return sent

    def _until_next(self) -> Millis:
        if self.paused or self.pace.stopped:
            return MINUTE
        now = self.frame.now()
        return max(SHORTEST, min(IDLE, self._next_at() - now), self.pace.wait(now))

    def _next_at(self) -> Millis:
        """When there is something to do, as far as we know now."""
        now = self.frame.now()
        times = [at for at, _ in self._looks] + [at for at in (self._book.next_at(),) if at is not None]
        if now >= self._watch_at and self._book.watched(0, 1):
            times.append(now)
        return min(times, default=now + IDLE)

    def _sender_alive(self, sender: str) -> bool:
        """False for a sender of this source that no longer runs; ours has nothing on its way while we ask."""
        holder, _, source = sender.partition("@")
        if source != self.name:
            return True
        if sender == self.id:
            return False
        return here(holder) and self.frame.alive(holder)

    async def _one(self, entry: OutboxEntry) -> bool:
        """Take one entry a step further; True when it was sent."""
        if entry.kind is OutKind.ACTION:
            return await self._act(entry)
        if entry.state is SendState.UNKNOWN:
            return await self._look(entry)
        if entry.first_try_at is not None and not outcome.may_repeat(self.connector.caps, entry, self._book.there()):
            await self._book.unknown(entry, TOO_LATE, self.frame.now())
            return False
        if entry.kind is OutKind.REPLY and not await self._read_tail(entry):
            return False
        return await self._send(entry)

    async def _read_tail(self, entry: OutboxEntry) -> bool:
        """Bring in the thread as it stands now; False when that failed and the entry was put aside."""
        assert entry.out is not None  # noqa: S101 - a reply carries its text
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                page = await self.connector.thread(entry.out.conversation_ref)
        except Gone as error:
            await self._refuse(entry, Words("What this answers is not there any more", "", error.remedy))
            return False
        except Rejected as error:
            await self._refuse(entry, words(error, self.name), error)
            return False
        except Exception as error:  # nothing was sent yet, so waiting is safe whatever it is
            await self._postpone(entry, error)
            return False
        await self.frame.bring_in(self.name, page, "thread")
        return True

    async def _send(self, entry: OutboxEntry) -> bool:
        """Commit that it is on its way, hand it to the source and write down what came of it."""
        started = await self._book.start(entry, self.id)
        if started is None or started.out is None:
            return False
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                receipt = await self.connector.send(started.out)
        except asyncio.CancelledError:
            self._book.cut_off(started)
            raise
        except Exception as error:  # sorted by what it proves
            return await self._failed(started, error, never_left=entry.first_try_at is None)
        return await self._sent(started, receipt)

    async def _act(self, entry: OutboxEntry) -> bool:
        """Carry out an action; repeating one changes nothing more, so an unknown end is simply tried again."""
        if entry.state is SendState.UNKNOWN:
            await self._book.queued(entry, Words("", "", ""), self.frame.now())
            return False
        started = await self._book.start(entry, self.id)
        if started is None or started.action is None:
            return False
        try:
            async with asyncio.timeout(SEND_LIMIT_S):
                await self.connector.act(started.action)
        except asyncio.CancelledError:
            self._book.cut_off(started)
            raise
        except Exception as error:  # sorted by what it proves
            return await self._failed(started, error)
        return await self._sent(started, Receipt())

    async def _failed(self, entry: OutboxEntry, error: Exception, *, never_left: bool = True) -> bool:
        """Write down what a failed attempt means; True when reading back found it after all.

        ``never_left`` when no attempt before this one may have landed.
        """
        said, action = words(error, self.name), entry.kind is OutKind.ACTION
        proven = isinstance(error, (RateLimited, Unavailable, AuthError))
        match outcome.after_error(error, action=action):
            case "retry" if action and not proven and entry.attempts >= outcome.ACTION_TRIES:
                await self._book.ask_person(entry, said)
            case "retry":
                await self._postpone(entry, error, never_left=never_left)
            case "refused":
                await self._refuse(entry, said, error)
            case "look":
                return await self._look(entry, refused=said)
            case "unknown":
                self._misses = 0
                at = outcome.first_look_at(self.connector.caps, self.frame.now())
                await self._book.unknown(entry, Words(said.title, said.cause, "It is being looked for by itself"), at)
        return False

    async def _look(self, entry: OutboxEntry, *, refused: Words | None = None) -> bool:
        cleared = await self._reconciler.look(entry, refused=refused)
        if isinstance(cleared, Receipt):
            return await self._sent(entry, cleared)
        if cleared is not None:
            await self._hold_back(cleared)
        return False

    async def _sent(self, entry: OutboxEntry, receipt: Receipt) -> bool:
        await self._book.sent(entry, receipt)
        now, self._misses = self.frame.now(), 0
        self.pace = pace.after_success(self.pace, now, more=True)
        self._reconciler.forget(entry)
        if entry.kind in (OutKind.TICKET, OutKind.DM):
            self._looks += [(now + wait, ref) for ref in self._book.unread() for wait in (0, SETTLED)]
        if entry.kind is OutKind.REPLY and entry.out is not None:
            lag = self.connector.caps.consistency_lag_s * SECOND
            self._looks += [(now + lag + wait, entry.out.conversation_ref) for wait in LATER_LOOKS]
        return True

    async def _refuse(self, entry: OutboxEntry, said: Words, error: Exception | None = None) -> None:
        await self._book.refused(entry, said, error)
        self._reconciler.forget(entry)
        self._misses = 0

    async def _postpone(self, entry: OutboxEntry, error: Exception, *, never_left: bool = False) -> None:
        """Proven not accepted: queued again for later."""
        await self._book.queued(entry, words(error, self.name), self._book.retry_at(entry, error),
                                never_left=never_left)
        await self._hold_back(error)

    async def _hold_back(self, error: Exception) -> None:
        """Slow the whole source down when the error is not about one entry."""
        self._misses += 1
        if outcome.holds_source(error) or self._misses >= MISSES:
            self.pace = pace.after_failure(self.pace, error, self.frame.now())
        if isinstance(error, AuthError):
            await self._troubled(error)

    async def _look_again(self) -> None:
        """Read threads once more some time after a reply, and what began with a ticket or a private message.

        A colleague's answer may have crossed a reply; a new ticket has a number, an owner and a first message.
        """
        now = self.frame.now()
        for ref in dict.fromkeys(ref for at, ref in self._looks if at <= now):
            if not self.pace.due(self.frame.now()):
                return
            self._looks = [(at, other) for at, other in self._looks if other != ref or at > now]
            try:
                async with asyncio.timeout(SEND_LIMIT_S):
                    page = await self.connector.thread(ref)
            except Gone:
                await self._book.ticket_gone(ref)
                continue
            except Rejected:
                continue  # nothing to be seen there: there is nothing to cross
            except (SourceError, TimeoutError) as error:
                self._looks.append((now + max(MINUTE, pace.asked(error)), ref))
                await self._hold_back(error)
                continue
            self._misses = 0
            await self.frame.bring_in(self.name, page, "thread")
