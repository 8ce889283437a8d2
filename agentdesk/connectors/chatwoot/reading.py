"""Pulling from Chatwoot: which conversations changed since we last looked, and what in them is new.

What changed is asked for as «within the last so many seconds», a length of time and not an instant, so that the two
clocks need not agree; what was handled already is recognised by the server's own time of change. After a long absence
the list is walked in pages instead, the latest activity first: that order only ever shows something twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agentdesk.config.sources import ChatwootSource
from agentdesk.connectors.answers import emptied, nothing_shown
from agentdesk.connectors.chatwoot.client import ALL, NEWEST_FIRST, ChatwootClient
from agentdesk.connectors.chatwoot.gathered import Gathered, highest
from agentdesk.connectors.chatwoot.speak import CLOSED, Speaker, digest, undelivered
from agentdesk.connectors.chatwoot.wire import ACTIVITY, Talk, Word, instant
from agentdesk.connectors.cursors import read_cursor, write_cursor
from agentdesk.connectors.items import read
from agentdesk.errors import BadAnswer, Gone
from agentdesk.model.clock import DAY, MINUTE, SECOND, Clock, Millis
from agentdesk.model.page import Gap, Page, Reject
from agentdesk.model.text import inert_line

NO_PAGE = 1_000_000
"""A page that no list has."""
OVERLAP: Millis = 10 * MINUTE
KEPT: Millis = 30 * MINUTE
"""How long a conversation's last change is remembered: longer than the overlap, for clocks that differ."""
ROLL: Millis = 5 * MINUTE
LONG_AWAY: Millis = DAY
TALKS_PER_PULL = 25
BACK_PAGES = 10
THREAD_PAGES = 150
LIST_PAGES = 400
OPEN = ("open", "pending", "snoozed")
PHASES = (*OPEN, "missed", CLOSED, "live")
MISSED_ROUNDS = 20
TOLD_KEPT = 20_000
SET: Millis = 5 * SECOND
"""Clocks that moved apart by more were set, one of them."""
BACKWARDS: Millis = 2 * MINUTE
"""Ids are handed out in order of time, but for requests that run at once."""


class Cursor(msgspec.Struct, omit_defaults=True):
    """Where we are."""

    v: int = 1
    phase: str = "live"
    """open, pending, snoozed, missed and resolved while the backfill runs; catchup after a long absence; then live."""
    page: int = 1
    since: Millis = 0
    """When we first connected."""
    at: Millis = 0
    """When the last complete look began."""
    ahead: Millis | None = None
    """How far the server's clock was ahead of ours then."""
    began: Millis = 0
    """When the present walk through pages began."""
    low: int = 0
    """Messages of conversations that nothing is remembered of are known up to this id."""
    marks: dict[int, tuple[str, int]] = {}
    """By conversation: its last change as the server wrote it, and its last message that was handed over."""
    top: tuple[int, Millis] = (0, 0)
    """The highest message id and the latest time: a later message with a lower id comes from another database."""
    left: int = 0
    """How many closed conversations the backfill may still bring."""
    done: int = 0
    total: int = 0


class Reader:
    """One account's pulls."""

    def __init__(self, config: ChatwootSource, client: ChatwootClient, speaker: Speaker, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._speaker = speaker
        self._clock = clock
        self._told: dict[int | str, int] = {}
        self._pending: tuple[str, dict[int | str, int]] = ("", {})
        self._windows: bool | None = None
        self.watched: frozenset[int] | None = None
        """The inboxes to watch; None for all."""

    async def pull(self, text: str | None, limit: int) -> Page:
        """Bring what is new since the cursor."""
        if text is not None and text == self._pending[0]:
            self._told.update(self._pending[1])
            if len(self._told) > TOLD_KEPT:
                self._told.clear()
        self._pending = ("", {})
        cursor = read_cursor(text, Cursor)
        if cursor is None:
            return await self._begin()
        if cursor.phase in ("live", "catchup"):
            return await self._news(cursor, text or "", max(1, limit))
        return await self._backfill(cursor)

    async def thread(self, number: int) -> Page:
        """One whole conversation, read backwards from its end."""
        talk = await self._client.talk(number)
        words, bad, whole = await self._client.tail(number, 0, THREAD_PAGES)
        gathered = Gathered()
        gathered.rejects += bad
        self._add(gathered, talk, words, words)
        page = gathered.page()
        if whole or not page.messages:
            return page
        reason = "The conversation is longer than can be read at once: its beginning is in Chatwoot only"
        return msgspec.structs.replace(page, gap=Gap(reason=reason, until=page.messages[0].created_at))

    async def recent(self, talk: Talk) -> Page:
        """The last messages of a conversation whose head is at hand."""
        words, bad, _ = await self._client.tail(talk.id, 0, 1)
        gathered = Gathered()
        gathered.rejects += bad
        self._add(gathered, talk, words, words)
        return gathered.page()

    def heads(self, talks: Sequence[Talk]) -> Page:
        """Conversations with the last messages that their heads carry."""
        gathered = Gathered()
        for talk in talks:
            words, bad = read(talk.last_told, Word, "message")
            gathered.rejects += bad
            self._add(gathered, talk, words, words)
        return msgspec.structs.replace(gathered.page(), backfill=True)

    async def _begin(self) -> Page:
        """First connect."""
        now = self._clock.now()
        self._told = {}
        return await self._backfill(Cursor(
            phase=OPEN[0], since=now, at=now, ahead=self._client.http.meter.skew, began=now,
            left=self._config.backfill_items if self._config.backfill > 0 else 0,
        ))

    # history --------------------------------------------------------------------------------------------------------

    async def _backfill(self, cursor: Cursor) -> Page:
        """Everything that is open, then what was closed lately, a page of the server's list at a time."""
        if cursor.phase == "missed":
            talks, bad, last = await self._missed(cursor)
        elif cursor.phase == CLOSED and cursor.left <= 0:
            talks, bad, last = [], [], True
        else:
            talks, bad, last = await self._listed(cursor)
        if last and not talks:
            await self._check_shown(cursor)
        gathered = Gathered()
        gathered.rejects += self._fresh(bad, gathered)
        for talk in talks:
            await self._take(gathered, talk, cursor, floor=0)
        cursor.done += len(talks)
        cursor.page += 1
        if last:
            cursor.page = 1
            cursor.phase = PHASES[PHASES.index(cursor.phase) + 1]
        if cursor.phase == "live":
            self._forget(cursor)
        return self._turned(gathered, cursor, more=cursor.phase != "live", backfill=True)

    async def _listed(self, cursor: Cursor) -> tuple[list[Talk], list[Reject], bool]:
        """One page of the conversations with one status: (those to bring, not understood, whether it was the last)."""
        talks, bad, total = await self._client.talks(self._params(status=cursor.phase, page=cursor.page))
        size = len(talks)
        if cursor.page == 1:
            cursor.total = cursor.done + min(total or size, cursor.left if cursor.phase == CLOSED else total or size)
        if cursor.phase == CLOSED:
            horizon = cursor.since - self._config.backfill
            talks = [talk for talk in talks if (instant(talk.last_activity_at) or 0) >= horizon][: cursor.left]
            cursor.left -= len(talks)
        last = not size or cursor.page >= LIST_PAGES or (cursor.page == 1 and size + len(bad) >= (total or size + 1))
        last = last or (cursor.phase == CLOSED and (len(talks) < size or cursor.left <= 0))
        return [talk for talk in talks if self._past(talk, cursor)], bad, last

    async def _missed(self, cursor: Cursor) -> tuple[list[Talk], list[Reject], bool]:
        """Open conversations that slipped from one page to another while the pages were read."""
        found: dict[int, Talk] = {}
        for status in OPEN:
            for page in range(1, LIST_PAGES):
                talks, _, total = await self._client.talks(self._params(status=status, page=page))
                found.update((t.id, t) for t in talks if self._past(t, cursor))
                if not talks or len(found) >= TALKS_PER_PULL or (page == 1 and len(talks) >= (total or 0)):
                    break
        some = list(found.values())[:TALKS_PER_PULL]
        return some, [], not some or cursor.page > MISSED_ROUNDS

    # news -----------------------------------------------------------------------------------------------------------

    async def _news(self, cursor: Cursor, text: str, limit: int) -> Page:
        """What changed since the last complete look."""
        now = self._clock.now()
        if cursor.phase == "live" and now - cursor.at > LONG_AWAY:
            cursor.phase, cursor.page, cursor.began = "catchup", 1, now
        if cursor.phase == "live":
            talks, bad, last = await self._changed(cursor, now)
        else:
            talks, bad, last = await self._walked(cursor)
        gathered = Gathered()
        gathered.rejects += self._fresh(bad, gathered)
        touched = [t for t in talks if self._ours(t) and cursor.marks.get(t.id, ("", 0))[0] != t.stamp]
        touched.sort(key=lambda t: (instant(t.updated_at) or 0, t.id))
        marks = dict(cursor.marks)
        for count, talk in enumerate(touched):
            if count >= TALKS_PER_PULL or len(gathered.messages) >= limit:
                last = False
                break
            await self._take(gathered, talk, cursor, floor=cursor.low)
            if gathered.backwards:
                return await self._restarted()
        else:
            if cursor.phase == "catchup":
                cursor.page += 1
        if last:
            self._settle(cursor, now, quiet=cursor.marks == marks)
        if last and not gathered.told and cursor == read_cursor(text, Cursor):
            return Page(cursor=text)
        return self._turned(gathered, cursor, more=not last)

    async def _changed(self, cursor: Cursor, now: Millis) -> tuple[list[Talk], list[Reject], bool]:
        """Every conversation that changed within a window; a server that knows no window is walked in pages."""
        if now - cursor.at >= ROLL:
            await self._check_shown(cursor)
        if self._windows is None:
            self._windows = await self._knows_windows(now)
        if self._windows:
            try:
                talks, bad, _ = await self._client.talks(self._window(max(0, now - cursor.at)))
                if (jump := self._jump(cursor)) > SET:
                    talks, bad, _ = await self._client.talks(self._window(max(0, now - cursor.at) + jump))
            except BadAnswer as error:
                if "larger than" not in error.cause:
                    raise
            else:
                return talks, bad, True
        cursor.phase, cursor.page, cursor.began = "catchup", 1, now
        return await self._walked(cursor)

    async def _check_shown(self, cursor: Cursor) -> None:
        """Before a look counts that showed nothing: a list in which nothing stands at all is not believed."""
        if not (cursor.marks or cursor.low):
            return
        talks, bad, _ = await self._client.talks(self._params(page=1))
        if not (talks or bad):
            raise emptied(self._client.name, "conversations")

    async def _knows_windows(self, now: Millis) -> bool | None:
        """Whether the server looks at ``updated_within``: with it, the number of a page means nothing."""
        talks, _, _ = await self._client.talks(self._params(page=1))
        newest = max((instant(talk.updated_at) or 0 for talk in talks), default=0)
        if not newest:
            return None
        talks, _, _ = await self._client.talks(self._window(max(0, self._client.there(now) - newest)))
        return bool(talks)

    def _jump(self, cursor: Cursor) -> Millis:
        """How far the server's clock was set forward since the last complete look, seen from ours."""
        skew = self._client.http.meter.skew
        return 0 if skew is None or cursor.ahead is None else skew - cursor.ahead

    def _window(self, age: Millis) -> dict[str, str | int]:
        return self._params(updated_within=(age + OVERLAP) // SECOND, page=NO_PAGE)

    async def _walked(self, cursor: Cursor) -> tuple[list[Talk], list[Reject], bool]:
        """One page of everything, the latest activity first, until what was there at the last look."""
        talks, bad, _ = await self._client.talks(self._params(page=cursor.page))
        if cursor.page == 1 and not (talks or bad) and (cursor.marks or cursor.low):
            raise emptied(self._client.name, "conversations")
        horizon = self._client.there(cursor.at) - max(0, self._jump(cursor)) - OVERLAP
        last = not talks or cursor.page >= LIST_PAGES or (instant(talks[-1].last_activity_at) or 0) < horizon
        return [t for t in talks if (instant(t.last_activity_at) or 0) >= horizon], bad, last

    def _settle(self, cursor: Cursor, now: Millis, *, quiet: bool) -> None:
        """A complete look: the next one begins where this one began."""
        began = cursor.began if cursor.phase == "catchup" else now
        if not quiet or began - cursor.at >= ROLL:
            cursor.at, cursor.ahead = max(cursor.at, began), self._client.http.meter.skew
            self._forget(cursor)
        cursor.phase, cursor.page, cursor.began = "live", 1, 0

    def _forget(self, cursor: Cursor) -> None:
        """Drop what is so old that the next looks will not show it again."""
        kept, low, horizon = {}, cursor.low, self._client.there(cursor.at) - KEPT
        for number, (stamp, last) in cursor.marks.items():
            if (instant(stamp) or 0) >= horizon:
                kept[number] = (stamp, last)
            else:
                low = max(low, last)
        cursor.marks, cursor.low = kept, low

    async def _restarted(self) -> Page:
        page = await self._begin()
        reason = "Chatwoot counts from the beginning again: it is another database now"
        return msgspec.structs.replace(page, gap=Gap(reason=reason))

    # one conversation -----------------------------------------------------------------------------------------------

    async def _take(self, gathered: Gathered, talk: Talk, cursor: Cursor, floor: int) -> None:
        """Read what is new in one conversation, and remember that it was."""
        known = cursor.marks.get(talk.id)
        try:
            words, bad, _ = await self._client.tail(talk.id, known[1] if known else floor, BACK_PAGES)
            if not (words or bad) and (talk.last_told or (known and known[1])):
                raise nothing_shown(self._client.name, f"messages in conversation {talk.id}")
        except Gone:
            words, bad = [], []
        new = [w for w in words if known is None or w.id > known[1] or self._told.get(w.id) != digest(w)]
        gathered.rejects += self._fresh(bad, gathered)
        self._add(gathered, talk, words, new)
        self._look_back(gathered, cursor, words)
        last = max([known[1] if known else 0, *(w.id for w in words)])
        cursor.marks[talk.id] = (talk.stamp, last)

    def _look_back(self, gathered: Gathered, cursor: Cursor, words: Sequence[Word]) -> None:
        """Notice ids that go back while time goes on, unless a clock was set."""
        set_anew = abs(self._jump(cursor)) > SET
        for word in words:
            at = instant(word.created_at) or 0
            gathered.backwards = gathered.backwards or (
                word.id < cursor.top[0] and at > cursor.top[1] + BACKWARDS and not set_anew)
            gathered.newest = highest(gathered.newest, (word.id, at))

    def _add(self, gathered: Gathered, talk: Talk, words: Sequence[Word], new: Sequence[Word]) -> None:
        """Add a conversation and its new messages to what is gathered."""
        messages, bad = self._speaker.messages(new, talk)
        gathered.rejects += self._fresh(bad, gathered)
        gathered.messages.update((message.ref, message) for message in messages)
        gathered.undelivered.update(undelivered(new))
        events = [w for w in words if w.message_type in (ACTIVITY, "activity") and w.content]
        event = str(inert_line(events[-1].content)) if events else ""
        head = self._speaker.conversation(talk, event)
        gathered.heads[head.ref] = head
        if talk.meta.sender:
            gathered.people[head.customer_ref] = self._speaker.profile(talk.meta.sender)
        gathered.told.update((w.id, digest(w)) for w in new)

    def _fresh(self, rejects: Sequence[Reject], gathered: Gathered) -> list[Reject]:
        """Those that were not told yet: what cannot be read comes up at every look."""
        fresh = []
        for one in rejects:
            key = f"{one.where} {one.reason}"
            if key not in self._told and key not in gathered.told:
                gathered.told[key] = 0
                fresh.append(one)
        return fresh

    # small things ---------------------------------------------------------------------------------------------------

    def _turned(self, gathered: Gathered, cursor: Cursor, *, more: bool, backfill: bool = False) -> Page:
        cursor.top = highest(cursor.top, gathered.newest)
        text = write_cursor(cursor)
        self._pending = (text, gathered.told)
        page = msgspec.structs.replace(gathered.page(), cursor=text, more=more, backfill=backfill)
        if backfill:
            total = max(cursor.total, cursor.done)
            page = msgspec.structs.replace(page, total=total, done=cursor.done)
        return page

    def _params(self, **more: str | int) -> dict[str, str | int]:
        params: dict[str, str | int] = {**ALL, "sort_by": NEWEST_FIRST, **more}
        if self.watched is not None and len(self.watched) == 1:
            params["inbox_id"] = next(iter(self.watched))
        return params

    def _past(self, talk: Talk, cursor: Cursor) -> bool:
        """True for what the backfill still has to bring; what begins while it runs comes as news."""
        if not self._ours(talk) or talk.id in cursor.marks:
            return False
        known = self._client.http.meter.skew is not None
        begun = known and (instant(talk.created_at) or 0) > self._client.there(cursor.since)
        return not begun

    def _ours(self, talk: Talk) -> bool:
        return self.watched is None or talk.inbox_id in self.watched
