"""The mailbox as the rest of the connector sees it: folders by their purpose, mails by UID or by id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentdesk.config.sources import MailSource
from agentdesk.connectors.mail.content import first_texts
from agentdesk.connectors.mail.grammar import Piece, Value, quoted, words
from agentdesk.connectors.mail.headers import Header, arrival, instant, is_made_up, message_id, searchable
from agentdesk.connectors.mail.imap import Folder, Imap, Opened
from agentdesk.connectors.mail.line import LineBroken, TooMuch
from agentdesk.connectors.mail.parts import Part, Unreadable, described, whole
from agentdesk.connectors.mail.refusals import ImapNo, Words
from agentdesk.connectors.mail.servers import Server
from agentdesk.errors import Gone, Rejected
from agentdesk.model.clock import Millis

WHOLE = 256 * 1024
"""Mails up to this size are fetched whole; of larger ones the header, the structure and the text."""
HEAD = 128 * 1024
TEXT_PART = 256 * 1024
BATCH = 2 * 1024 * 1024
STALE_S = 10.0
"""A line that rested this long is tried before it is relied on."""
MOST_FOUND = 200
_SENT_NAMES = ("sent", "sent items", "sent messages", "sent mail", "gesendet", "gesendete elemente",
               "gesendete objekte", "éléments envoyés", "envoyés", "enviados", "elementos enviados", "posta inviata",
               "inviata", "verzonden items", "verzonden", "skickat", "skickade objekt", "sendt post",
               "elementy wysłane")


@dataclass(frozen=True)
class Folders:
    """The folders that matter."""

    inbox: str
    sent: str
    others: tuple[str, ...] = ()
    """Where mails lie that were put away: the archive, or all mail."""

    @property
    def known(self) -> tuple[str, ...]:
        """All of them, the likeliest first."""
        return tuple(dict.fromkeys(name for name in (self.inbox, self.sent, *self.others) if name))


@dataclass(frozen=True)
class Mail:
    """A mail as it was fetched; ``root`` is None when it could not be taken apart."""

    folder: str
    uid: int
    arrived: Millis
    size: int
    header: Header
    root: Part | None
    why: str = ""
    """Why not all of it is here, in words."""

    @property
    def id(self) -> str:
        """Its message id, made up where it has none."""
        return message_id(self.header)

    @property
    def delivered(self) -> Millis:
        """When our own server took it in, by the mark that it left: that stays when folders are filled anew."""
        mark = self.header.raw("received").rpartition(";")[2]
        return instant(mark) or self.header.date or self.arrived


class Mailbox:
    """One account's mails over one line."""

    def __init__(self, config: MailSource, server: Server, token: Callable[[], str], said: Words) -> None:
        self._config = config
        self._server = server
        self._token = token
        self._said = said
        self._imap: Imap | None = None
        self._used_at = 0.0
        self._lock = asyncio.Lock()
        self._folders: Folders | None = None

    @property
    def host(self) -> str:
        """Where it is."""
        return self._server.host

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Imap]:
        """The line, for one task at a time; what goes wrong on it comes out as the desk's errors."""
        async with self._lock:
            imap = await self._ready()
            try:
                yield imap
            except ImapNo as error:
                raise self._said.imap(self.host, error) from error
            except (LineBroken, TooMuch, TimeoutError, OSError) as error:
                imap.dead = True
                raise self._said.broken(self.host, error) from error
            finally:
                self._used_at = asyncio.get_running_loop().time()
                if not imap.usable:
                    self._imap = None
                    await imap.leave()

    async def _ready(self) -> Imap:
        """The line that is open, if it still answers, or a new one."""
        imap = self._imap
        if imap is not None and imap.usable:
            if asyncio.get_running_loop().time() - self._used_at < STALE_S:
                return imap
            try:
                await imap.run("NOOP")
            except (LineBroken, TooMuch, TimeoutError, ImapNo):
                imap.dead = True
            else:
                return imap
        if imap is not None:
            await imap.leave()
        self._imap = await self.connect()
        return self._imap

    async def connect(self) -> Imap:
        """A new line, signed in."""
        try:
            line, upgrade = await self._server.open()
        except (OSError, TimeoutError) as error:
            raise self._said.broken(self.host, error) from error
        imap = Imap(line, self._server.timeout_s)
        try:
            await imap.begin(upgrade)
            if "LOGINDISABLED" in imap.capabilities and not self._server.protected:
                raise Rejected(f"{self._said.name}: {self.host} wants TLS before the login", "", "Change security:")
            await imap.sign_in(self._config.user or self._config.address, self._token(),
                               bearer=self._config.auth == "oauth2")
        except ImapNo as error:
            await imap.leave()
            raise self._said.login(self.host, error) from error
        except (LineBroken, TooMuch, TimeoutError, OSError) as error:
            imap.dead = True
            await imap.leave()
            raise self._said.broken(self.host, error) from error
        except BaseException:
            imap.dead = True
            await imap.leave()
            raise
        return imap

    async def folders(self, *, anew: bool = False) -> Folders:
        """Which folders there are for what."""
        if self._folders is None or anew:
            async with self.session() as imap:
                listed = await imap.folders()
            self._folders = Folders(self._config.folder, self._config.sent or _sent_folder(listed),
                                    _put_away(listed, self._config.folder))
        return self._folders

    async def capabilities(self) -> frozenset[str]:
        """What the server can do."""
        async with self.session() as imap:
            return imap.capabilities

    async def open(self, imap: Imap, folder: str, *, change: bool = False) -> Opened:
        """Open a folder; words that name it when there is none."""
        try:
            return await imap.open(folder, change=change)
        except ImapNo as error:
            if error.code not in ("", "NONEXISTENT", "TRYCREATE", "CANNOT"):
                raise
            raise Rejected(
                f"{self._said.name}: the folder {folder} cannot be opened", self._said.clean(error.text),
                "Check folder: and sent: against what a mail program shows",
            ) from error

    async def search(self, folder: str, *criteria: Piece) -> list[int]:
        """The UIDs of what fits in one folder."""
        async with self.session() as imap:
            await self.open(imap, folder)
            return await imap.search(*criteria)

    async def fetch(self, folder: str, uids: Iterable[int]) -> list[Mail]:
        """Mails with their texts; those that are gone by now are missing."""
        async with self.session() as imap:
            await self.open(imap, folder)
            return await self.read(imap, folder, list(uids))

    async def read(self, imap: Imap, folder: str, uids: list[int]) -> list[Mail]:
        """The same in a folder that is open."""
        facts = await imap.fetch(uids, "INTERNALDATE RFC822.SIZE", limit=1_024)
        sizes = {uid: _size(given) for uid, given in facts.items()}
        mails: list[Mail] = []
        batch: list[int] = []
        for uid in [*sorted(sizes), 0]:
            full = uid == 0 or sum(sizes[one] for one in batch) + sizes[uid] > BATCH
            if batch and full:
                bodies = await imap.fetch(batch, f"BODY.PEEK[]<0.{WHOLE}>", limit=WHOLE)
                for one, given in bodies.items():
                    raw = words(_body(given, "BODY[]"))
                    if raw and one in facts:
                        mails.append(await _taken_apart(folder, one, facts[one], raw))
                batch = []
            if uid and sizes[uid] > WHOLE:
                mails += await self._large(imap, folder, uid, facts[uid])
            elif uid:
                batch.append(uid)
        return mails

    async def _large(self, imap: Imap, folder: str, uid: int, facts: dict[str, Value]) -> list[Mail]:
        """A mail that is not fetched whole: header, structure and the parts that hold its text."""
        got = await imap.fetch([uid], f"BODYSTRUCTURE BODY.PEEK[HEADER]<0.{HEAD}>", limit=HEAD)
        given = got.get(uid)
        if given is None:
            return []
        header = Header(words(_body(given, "BODY[HEADER]")))
        size = _size(facts)
        why = f"({max(1, size // 1_048_576)} MB: only its text was fetched)"
        try:
            root = described(given.get("BODYSTRUCTURE"))
            for part in first_texts(root)[:10]:
                text = await imap.fetch([uid], f"BODY.PEEK[{part.section}]<0.{TEXT_PART}>", limit=TEXT_PART)
                part.data = words(_body(text.get(uid, {}), f"BODY[{part.section}]"))
                if len(part.data) >= TEXT_PART:
                    why = f"({max(1, size // 1_048_576)} MB: only the beginning of its text was fetched)"
        except Unreadable:
            text = await imap.fetch([uid], f"BODY.PEEK[]<0.{WHOLE}>", limit=WHOLE)
            raw = words(_body(text.get(uid, {}), "BODY[]"))
            mail = await _taken_apart(folder, uid, facts, raw)
            return [Mail(folder, uid, mail.arrived, size, header, mail.root,
                         f"({max(1, size // 1_048_576)} MB: only its beginning was fetched)")]
        return [Mail(folder, uid, arrived(facts), size, header, root, why)]

    async def headers(self, folder: str, uids: list[int]) -> dict[int, Header]:
        """The fields that say what belongs to what."""
        async with self.session() as imap:
            await self.open(imap, folder)
            got = await imap.fetch(uids, "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID IN-REPLY-TO REFERENCES FROM TO DATE "
                                         "SUBJECT RECEIVED)]", limit=HEAD)
        return {uid: Header(words(_body(given, "BODY[HEADER.FIELDS"))) for uid, given in got.items()}

    async def find_id(self, identifier: str, folders: Iterable[str]) -> tuple[str, int, Header] | None:
        """Where the mail with this id lies."""
        for folder in folders:
            criteria: tuple[Piece, ...] = ("HEADER", "Message-ID", quoted(searchable(identifier)))
            if is_made_up(identifier):
                criteria = ("NOT", "HEADER", "Message-ID", '""')
            uids = (await self.search(folder, *criteria))[-MOST_FOUND:]
            for uid, header in (await self.headers(folder, uids)).items() if uids else ():
                if message_id(header) == identifier:
                    return folder, uid, header
        return None

    async def close(self) -> None:
        """Leave."""
        async with self._lock:
            imap, self._imap = self._imap, None
            if imap is not None:
                await imap.leave()

    async def section(self, folder: str, uid: int, section: str, at: int, count: int) -> bytes:
        """A piece of one part, as it was sent."""
        async with self.session() as imap:
            await self.open(imap, folder)
            got = await imap.fetch([uid], f"BODY.PEEK[{section}]<{at}.{count}>", limit=count)
        if uid not in got:
            raise Gone(f"{self._said.name}: the mail is not there any more")
        return words(_body(got[uid], f"BODY[{section}]"))


async def _taken_apart(folder: str, uid: int, facts: dict[str, Value], raw: bytes) -> Mail:
    """Read a whole mail, large ones in a thread."""
    header = Header(raw)
    try:
        root = await asyncio.to_thread(whole, raw) if len(raw) > WHOLE // 4 else whole(raw)
        return Mail(folder, uid, arrived(facts), _size(facts), header, root)
    except Unreadable as error:
        return Mail(folder, uid, arrived(facts), _size(facts), header, None, f"(This mail cannot be shown: {error})")


def _body(given: dict[str, Value], begin: str) -> Value:
    """The piece of a mail that was asked for; servers write its name in their own way."""
    for key, value in given.items():
        if key.replace(".PEEK", "").startswith(begin):
            return value
    return None


def _size(facts: dict[str, Value]) -> int:
    said = words(facts.get("RFC822.SIZE"))
    return int(said) if said.isdigit() else WHOLE


def arrived(facts: dict[str, Value]) -> Millis:
    """When a mail came into its folder; 0 when the server does not say."""
    return arrival(words(facts.get("INTERNALDATE"))) or 0


def _sent_folder(listed: list[Folder]) -> str:
    """The folder of sent mail: by its mark (RFC 6154), else by its usual names."""
    for folder in listed:
        if "\\sent" in folder.flags:
            return folder.name
    by_name = {folder.name.rpartition(folder.delimiter)[2].casefold() if folder.delimiter else folder.name.casefold():
               folder.name for folder in reversed(listed) if "\\noselect" not in folder.flags}
    return next((by_name[name] for name in _SENT_NAMES if name in by_name), "")


def _put_away(listed: list[Folder], inbox: str) -> tuple[str, ...]:
    return tuple(folder.name for folder in listed
                 if folder.flags & {"\\all", "\\archive"} and "\\noselect" not in folder.flags
                 and folder.name != inbox)
