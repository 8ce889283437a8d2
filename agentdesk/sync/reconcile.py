"""Reconciling replies whose outcome is unknown: reading back, and what to do when that shows nothing."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from agentdesk.connectors.base import Verdict
from agentdesk.errors import AuthError, RateLimited, Rejected, Unavailable
from agentdesk.model.clock import SECOND, Millis
from agentdesk.model.outgoing import Absent, Found, OutboxEntry, Outgoing, Receipt, Unsure
from agentdesk.sync import outcome
from agentdesk.sync.book import Book
from agentdesk.sync.frame import Words

SET: Millis = 30 * SECOND
"""Two measurements of the source's clock that differ by more mean that a clock was set between them."""
READ_LIMIT_S = 120
"""Seconds after which reading back is given up until the next time."""

NOT_YET = Words("Not found yet", "", "It is looked for once more in some minutes")
NOT_SURE = "Not certain yet"
NOT_THERE = Words("It did not arrive", "", "Send it again from the outbox, or cancel it")

Cleared: TypeAlias = Receipt | Exception | None
"""What a look found: the reply, an error that holds the source back, or nothing final."""


class Reconciler:
    """Looks for entries on the far side; what it learnt of each is kept until that entry is settled.

    What earlier processes learnt stands in the entry: who only fetches now and then never looks twice in one process.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self.caps = book.connector.caps
        self._absent_at: dict[int, Millis] = {}
        self._unsure: dict[int, int] = {}

    async def look(self, entry: OutboxEntry, *, refused: Words | None = None) -> Cleared:
        """Read back whether it landed; ``refused`` is what the source said when it called it a repetition."""
        assert entry.out is not None  # noqa: S101 - only replies and notes are looked for
        now = self.book.frame.now()
        try:
            async with asyncio.timeout(READ_LIMIT_S):
                verdict = await self._read(entry, entry.out)
        except (RateLimited, Unavailable, AuthError) as error:
            said = self.book.words(error)
            at = max(self.book.retry_at(entry, error), outcome.next_look_at(entry.checks, now))
            await self.book.unknown(entry, said, at)
            return error
        except Rejected as error:
            await self.book.ask_person(entry, self.book.words(error))
            self.forget(entry)
            return None
        except Exception as error:  # proves nothing, whatever it is
            verdict = Unsure(self.book.words(error).line)
        match verdict:
            case Found(receipt):
                self.forget(entry)
                return receipt
            case Absent() if refused is not None:
                self.forget(entry)
                await self.book.refused(entry, refused)
            case Absent():
                await self._absent(entry, now)
            case Unsure(why):
                await self._not_sure(entry, why, now)
        return None

    async def _read(self, entry: OutboxEntry, out: Outgoing) -> Verdict:
        """Ask the source, and once more when its answer shows that our clock was set since the one before."""
        verdict: Verdict = Unsure()
        for _ in range(2):
            ahead = self.book.ahead()
            first = entry.created_at if entry.first_try_at is None else entry.first_try_at - ahead
            verdict = await self.book.connector.reconcile(out, first)
            if isinstance(verdict, Found) or abs(self.book.ahead() - ahead) < SET:
                break
        return verdict

    async def _absent(self, entry: OutboxEntry, now: Millis) -> None:
        """Not found: sent again only where that is safe, else a person decides after a second look."""
        if entry.id in self.book.twins:
            await self._not_sure(entry, "The same words stand there, but not where they are looked for", now)
            return
        if outcome.may_repeat(self.caps, entry, self.book.there()):
            await self._repeat(entry, "It had not arrived")
            return
        first = self._absent_at.setdefault(entry.id, self._looked_at(entry, now))
        if now < first:  # the clock was set back
            first = self._absent_at[entry.id] = now
        if outcome.proven_absent(first, now):
            self.forget(entry)
            await self.book.ask_person(entry, NOT_THERE)
        else:
            await self.book.unknown(entry, NOT_YET, now + outcome.BETWEEN_ABSENTS)

    def _looked_at(self, entry: OutboxEntry, now: Millis) -> Millis:
        """When it was not found the last time, maybe by a process that ended since: the entry says so."""
        return entry.next_try_at - outcome.BETWEEN_ABSENTS if entry.title == NOT_YET.line else now

    async def _not_sure(self, entry: OutboxEntry, why: str, now: Millis) -> None:
        """Reading back proved nothing: after a few looks a person decides."""
        before = entry.checks if entry.title.startswith(NOT_SURE) else 0  # by processes that ended since
        times = self._unsure[entry.id] = self._unsure.get(entry.id, before) + 1
        if entry.id not in self.book.twins and outcome.may_repeat_unread(self.caps, entry, self.book.there()):
            await self._repeat(entry, why or "Its outcome is unknown")
        elif times >= outcome.UNSURE_LIMIT:
            self.forget(entry)
            await self.book.ask_person(entry, Words("It is not certain whether it arrived", why,
                                                    "Look on the platform: then mark it as sent, or send it again"))
        else:
            await self.book.unknown(entry, Words(NOT_SURE, why, "It is being looked for"),
                                    outcome.next_look_at(entry.checks, now))

    async def _repeat(self, entry: OutboxEntry, why: str) -> None:
        """The server knows our id: the same may go again without landing twice."""
        self._absent_at.pop(entry.id, None)
        await self.book.queued(entry, Words(f"{why}; it is sent again under the same key", "", ""),
                               self.book.repeat_at(entry))

    def forget(self, entry: OutboxEntry) -> None:
        """The entry is settled, or a person's turn."""
        self._absent_at.pop(entry.id, None)
        self._unsure.pop(entry.id, None)
        self.book.twins.discard(entry.id)
