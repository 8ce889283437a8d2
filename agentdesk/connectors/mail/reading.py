"""Pulling: where we are in each folder, the first backfill, and what to do when a folder was rebuilt.

The cursor is the server's numbering (UIDVALIDITY and UIDs), never a time. Numbers become visible out of turn on some
servers, so the newest stretch is listed again each time and what was seen in it is skipped. UIDNEXT is not relied on.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from agentdesk.config.sources import MailSource
from agentdesk.connectors.foreign import reject
from agentdesk.connectors.mail.imap import Imap
from agentdesk.connectors.mail.mailbox import Mail, Mailbox, arrived
from agentdesk.connectors.mail.speak import Speaker
from agentdesk.connectors.mail.threads import imap_day
from agentdesk.model.clock import DAY, Clock, Millis
from agentdesk.model.page import Gap, Page, Reject

SEEN_KEPT = 200
REBUILT_BACK: Millis = 7 * DAY
"""A rebuilt folder is read again from this long before the last mail we saw."""
REBUILT_MOST = 2_000
MISSES = 3
"""So often a mail that is listed but not given is asked for before it is set aside."""


class Place(msgspec.Struct, omit_defaults=True):
    """Where we are in one folder."""

    validity: int
    low: int
    """Every mail up to this number has been handed over."""
    seen: list[int] = []
    """Those above it that have been, too."""
    upto: int = 0
    """Mails up to this number are history from the first connect."""
    since: Millis = 0
    """Nothing that came before this was brought in on first connect."""
    at: Millis = 0
    """When the newest mail that we saw arrived."""
    again: int = 0
    """Mails up to this number lie in a rebuilt folder: what came before ``since`` is passed over."""


class Cursor(msgspec.Struct, omit_defaults=True):
    """Where we are."""

    v: int = 1
    places: dict[str, Place] = {}
    done: int = 0
    """Mails of the first backfill that have been handed over."""


@dataclass
class Todo:
    """What one folder has for us."""

    folder: str
    place: Place
    uids: list[int]


class Reader:
    """Pulls pages; remembers nothing that a new process would lack."""

    def __init__(self, config: MailSource, box: Mailbox, speaker: Speaker, clock: Clock) -> None:
        self._config = config
        self._box = box
        self._speaker = speaker
        self._clock = clock
        self._missed: dict[tuple[str, int, int], int] = {}

    async def pull(self, cursor: str | None, limit: int) -> tuple[Page, list[Mail]]:
        """The next page, and the mails on it."""
        it = _cursor(cursor)
        folders = await self._box.folders(anew=cursor is None)
        todo: list[Todo] = []
        gap: Gap | None = None
        async with self._box.session() as imap:
            for folder in dict.fromkeys(name for name in (folders.sent, folders.inbox) if name):
                one, lost = await self._look(imap, folder, it)
                todo.append(one)
                gap = gap or lost
            chosen, backfill = _choose(todo, limit)
            mails: list[Mail] = []
            rejects: list[Reject] = []
            for one, uids in chosen:
                await self._box.open(imap, one.folder)
                got = await self._box.read(imap, one.folder, uids)
                rejects += self._note(one, uids, got)
                mails += [mail for mail in got if not _passed_over(mail, one.place)]
        old = backfill or any(one.place.again for one, _ in chosen)
        page = await self._speaker.page(mails, backfill=backfill, old=old)
        left = sum(len(one.uids) for one in todo) - sum(len(uids) for _, uids in chosen)
        done = it.done + sum(len(uids) for _, uids in chosen) if backfill else None
        it.done = done or 0 if backfill and left else 0
        fresh = msgspec.json.encode(it).decode()
        return msgspec.structs.replace(
            page, rejects=(*page.rejects, *rejects), cursor=fresh, more=left > 0 and fresh != cursor, gap=gap,
            done=done, total=None if done is None else done + left,
        ), mails

    async def _look(self, imap: Imap, folder: str, it: Cursor) -> tuple[Todo, Gap | None]:
        """What is new in one folder; a gap when it is not the folder that it was."""
        opened = await self._box.open(imap, folder)
        place, gap = it.places.get(folder), None
        if place is not None and place.validity != opened.validity:
            gap = Gap(reason=f"The server rebuilt the folder {folder}: it is read again, and what came and went "
                             "meanwhile cannot be shown", since=place.at or place.since, until=self._clock.now())
            place = await self._rebuilt(imap, place, opened.validity)
        if place is None:
            place = await self._first(imap, opened.validity, opened.next_uid)
        it.places[folder] = place
        listed = await imap.search("UID", f"{place.low + 1}:*")
        known = set(place.seen)
        return Todo(folder, place, [uid for uid in listed if uid > place.low and uid not in known]), gap

    async def _first(self, imap: Imap, validity: int, next_uid: int) -> Place:
        """Begin with a folder: its latest mails are history."""
        now = self._clock.now()
        since = now - self._config.backfill
        uids = await imap.search("SINCE", imap_day(since)) if self._config.backfill else []
        some = uids[-2 * self._config.backfill_items - 100 :]
        facts = await imap.fetch(some, "INTERNALDATE", limit=1_024) if some else {}
        times = {uid: at for uid, given in facts.items() if (at := arrived(given)) >= since}
        kept = sorted(times)[-self._config.backfill_items :] if self._config.backfill_items else []
        if kept:
            oldest = min(times[uid] for uid in kept)
            begin = oldest if len(kept) < len(times) else since
            return Place(validity=validity, low=kept[0] - 1, upto=kept[-1], since=begin)
        last = max(await imap.search("ALL"), default=0) if next_uid <= 0 else next_uid - 1
        return Place(validity=validity, low=last, since=now)

    async def _rebuilt(self, imap: Imap, place: Place, validity: int) -> Place:
        """Go on with a folder whose numbers mean nothing any more: mails we hold are known by their ids."""
        since = max(place.since, (place.at or place.since) - REBUILT_BACK)
        uids = (await imap.search("SINCE", imap_day(since - DAY)))[-REBUILT_MOST:]
        low = uids[0] - 1 if uids else max(await imap.search("ALL"), default=0)
        return Place(validity=validity, low=low, since=since, at=place.at, again=uids[-1] if uids else 0)

    def _note(self, one: Todo, uids: list[int], got: list[Mail]) -> list[Reject]:
        """Write down what was handed over; what is listed but not given is asked for again, a few times."""
        place, given = one.place, {mail.uid for mail in got}
        rejects: list[Reject] = []
        for uid in uids:
            mark = (one.folder, place.validity, uid)
            if uid not in given:
                self._missed[mark] = self._missed.get(mark, 0) + 1
                if self._missed[mark] < MISSES:
                    continue
                where = f"{one.folder} {uid}"
                rejects.append(reject(where, "The server lists this mail but does not give it", where))
            self._missed.pop(mark, None)
            place.seen.append(uid)
        place.at = max([place.at, *(mail.arrived for mail in got if mail.arrived <= self._clock.now() + DAY)])
        place.seen.sort()
        if len(place.seen) > SEEN_KEPT:
            waits = min((uid for folder, validity, uid in self._missed
                         if (folder, validity) == (one.folder, place.validity)), default=1 << 32)
            settled = [uid for uid in place.seen[: -SEEN_KEPT // 2] if uid < waits]
            if settled:
                place.low, place.seen = settled[-1], place.seen[len(settled) :]
        if place.upto and place.seen and place.seen[-1] >= place.upto:
            place.upto = 0
        return rejects


def _passed_over(mail: Mail, place: Place) -> bool:
    """True for an old mail of a rebuilt folder, which was there before we first connected."""
    if not place.again or mail.uid > place.again:
        return False
    return min(mail.delivered, mail.arrived or mail.delivered) < place.since


def _choose(todo: list[Todo], limit: int) -> tuple[list[tuple[Todo, list[int]]], bool]:
    """The mails of one page: only history, or none of it."""
    backfill = any(one.uids and one.uids[0] <= one.place.upto for one in todo)
    room = max(1, limit)
    chosen: list[tuple[Todo, list[int]]] = []
    for one in todo:
        fit = [uid for uid in one.uids if (uid <= one.place.upto) == backfill][:room]
        if fit:
            chosen.append((one, fit))
            room -= len(fit)
        if not room:
            break
    return chosen, backfill


def _cursor(cursor: str | None) -> Cursor:
    """Read a cursor; one of another version means beginning anew."""
    if cursor is None:
        return Cursor()
    try:
        it = msgspec.json.decode(cursor, type=Cursor)
    except msgspec.DecodeError:
        return Cursor()
    return it if it.v == 1 else Cursor()
