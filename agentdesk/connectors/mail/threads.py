"""Which mails belong together: by the ids that they answer, with the subject only as the last resort.

A conversation is named by the id of its first mail, so that it keeps its name whatever becomes of the folders.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime

from agentdesk.connectors.mail.grammar import Piece, quoted
from agentdesk.connectors.mail.headers import Header, is_address, message_id, searchable
from agentdesk.connectors.mail.mailbox import Mailbox
from agentdesk.model.clock import DAY, Millis

KNOWN = 5_000
HIGHEST = 20
"""So many steps up a thread are taken at most."""
LOOKUPS = 60
"""So many mails are looked up for one page at most: what is not found by then begins a conversation of its own."""
SAME_SUBJECT: Millis = 30 * DAY
MOST_MAILS = 200
MOST_ROUNDS = 12
ASKED_AT_ONCE = 12
_PREFIX = re.compile(
    r"^\s*((re|aw|antw|sv|vs|ref|odp|rv|res|r|fwd?|wg|tr|enc|vb)\s*(\[\d+\])?\s*[:：]\s*|\[[^\]]{1,40}\]\s*(?=re\s*:))+",
    re.IGNORECASE)
_ANSWERS = re.compile(r"^\s*(\[[^\]]{1,40}\]\s*)?(re|aw|antw|sv|vs|ref|odp|rv|res|r)\s*(\[\d+\])?\s*[:：]",
                      re.IGNORECASE)
LEAST_SUBJECT = 6
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def base_subject(subject: str) -> str:
    """A subject without the signs of answering and passing on."""
    return _PREFIX.sub("", subject, count=1).strip()


def parents(header: Header) -> list[str]:
    """The ids of the mails before this one, the first of the thread first; from the header alone."""
    own = message_id(header)
    chain = header.ids("references")
    chain += [one for one in header.ids("in-reply-to")[:1] if one not in chain]
    return [one for one in chain if one != own]


class Threads:
    """Finds the first mail of each mail's thread, and all mails of a thread."""

    def __init__(self, box: Mailbox) -> None:
        self._box = box
        self._roots: OrderedDict[str, str] = OrderedDict()

    def learn(self, identifier: str, root: str) -> None:
        """Remember where a mail belongs."""
        self._roots[identifier] = root
        self._roots.move_to_end(identifier)
        if len(self._roots) > KNOWN:
            self._roots.popitem(last=False)

    async def root(self, header: Header, chain: list[str], near: Mapping[str, Header], budget: list[int],
                   arrived: Millis) -> str:
        """The first mail of the thread of a mail that answers ``chain``; ``near`` are mails already at hand."""
        own = message_id(header)
        found = self._roots.get(own) or await self._climb(own, chain, near, budget)
        if found is None:
            found = await self._by_subject(header, arrived, budget) or own
        self.learn(own, found)
        return found

    async def _climb(self, own: str, chain: list[str], near: Mapping[str, Header], budget: list[int]) -> str | None:
        """Go up from mail to mail; None for one that answers nothing."""
        seen, top = {own}, ""
        for _ in range(HIGHEST):
            known = next((self._roots[one] for one in chain if one in self._roots), None)
            if known is not None:
                return known
            chain = [one for one in chain if one not in seen]
            if not chain:
                return top or None
            top = chain[0]
            seen.add(top)
            header = near.get(top)
            if header is None and budget[0] > 0:
                budget[0] -= 1
                place = await self._box.find_id(top, (await self._box.folders()).known)
                header = place[2] if place else None
            if header is None:
                return top
            chain = parents(header)
        return top

    async def _by_subject(self, header: Header, arrived: Millis, budget: list[int]) -> str | None:
        """A mail with «Re:» from a program that keeps no ids: the latest mail with that subject and person."""
        subject = header.text("subject")
        base = base_subject(subject)
        sender = next((one.mail for one in header.addresses("from")), "")
        if not _ANSWERS.match(subject) or len(base) < LEAST_SUBJECT or not is_address(sender) or budget[0] <= 0:
            return None
        if not base.isascii():  # not every server can search for more
            return None
        budget[0] -= 1
        folders = await self._box.folders()
        since = imap_day(arrived - SAME_SUBJECT)
        for folder, who in ((folders.sent, "TO"), (folders.inbox, "FROM")):
            if not folder:
                continue
            uids = await self._box.search(folder, who, quoted(sender), "SUBJECT", quoted(base[:80]), "SINCE", since)
            heads = await self._box.headers(folder, uids[-20:]) if uids else {}
            for uid in sorted(heads, reverse=True):
                other = heads[uid]
                before = (other.date or 0) < (header.date or arrived)
                same = base_subject(other.text("subject")).casefold() == base.casefold()
                own, earlier = message_id(header), message_id(other)
                if same and before and own != earlier:
                    return await self._climb(own, [earlier], {earlier: other}, budget)
        return None

    async def members(self, root: str) -> dict[str, list[int]]:
        """The mails of a thread, by folder; each mail once, from the first folder that holds it."""
        folders = (await self._box.folders()).known
        found: dict[str, tuple[str, int]] = {}
        asked = {root}
        waiting = [root]
        place = await self._box.find_id(root, folders)
        if place is not None:
            found[key(place[2])] = place[:2]
        for _ in range(MOST_ROUNDS):
            if not waiting or len(found) >= MOST_MAILS:
                break
            some, waiting = waiting[:ASKED_AT_ONCE], waiting[ASKED_AT_ONCE:]
            for identifier in await self._answers_to(some, folders, found):
                if identifier not in asked:
                    asked.add(identifier)
                    waiting.append(identifier)
        members: dict[str, list[int]] = {}
        for folder, uid in list(found.values())[:MOST_MAILS]:
            members.setdefault(folder, []).append(uid)
        return members

    async def _answers_to(self, wanted: list[str], folders: tuple[str, ...],
                          found: dict[str, tuple[str, int]]) -> list[str]:
        """Find the mails that answer any of these; returns their ids."""
        fresh: list[str] = []
        criteria = _any([("HEADER", name, quoted(searchable(one)))
                         for one in wanted for name in ("References", "In-Reply-To")])
        for folder in folders:
            uids = (await self._box.search(folder, *criteria))[-MOST_MAILS:]
            for uid, header in (await self._box.headers(folder, uids)).items() if uids else ():
                if set(parents(header)) & set(wanted):
                    fresh.append(message_id(header))
                    found.setdefault(key(header), (folder, uid))
        return fresh


def key(header: Header) -> str:
    """What tells one mail from another: its id, and who wrote it when, because ids are copied and made badly."""
    import hashlib

    who = next((one.mail for one in header.addresses("from")), "")
    said = f"{who}\n{' '.join(header.raw('date').split())}"
    return f"{message_id(header)}#{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:10]}"


def imap_day(at: Millis) -> str:
    """A day as IMAP's searches take it."""
    day = datetime.fromtimestamp(max(0, at) / 1_000, UTC)
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"


def _any(criteria: list[tuple[Piece, ...]]) -> list[Piece]:
    """One search for what fits any of these."""
    pieces: list[Piece] = []
    for number, one in enumerate(criteria):
        if number < len(criteria) - 1:
            pieces.append("OR")
        pieces += one
    return pieces
