"""A session with an IMAP server (RFC 9051, RFC 3501): commands, their answers, and waiting for news.

Nothing here knows the model. Every answer is read within limits and before a deadline; a session that met either, or
a broken line, is of no more use.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from agentdesk.connectors.mail.grammar import (
    Garbled,
    Literal,
    Piece,
    Value,
    folder_name,
    folder_text,
    literal_size,
    numbers,
    quoted,
    read,
    words,
)
from agentdesk.connectors.mail.line import Line, LineBroken, TooMuch
from agentdesk.connectors.mail.refusals import ImapNo

MOST_BYTES = 48 * 1024 * 1024
"""What one command's answers may hold together."""
MOST_LINES = 200_000
_STATUS = re.compile(rb"(OK|NO|BAD|BYE|PREAUTH)(?: +\[([^\]]*)\])? *(.*)", re.IGNORECASE | re.DOTALL)


@dataclass
class Answers:
    """What came back for a command."""

    code: str = ""
    """The code in brackets of its last line, such as ``COPYUID 1 2 3``."""
    rows: list[list[Value]] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    """Codes in brackets on the way, such as UIDVALIDITY."""


@dataclass(frozen=True)
class Folder:
    """A folder as the server lists it."""

    name: str
    flags: frozenset[str]
    delimiter: str


@dataclass(frozen=True)
class Opened:
    """A folder that was opened."""

    validity: int
    next_uid: int
    exists: int


class Imap:
    """One session; used by one task at a time."""

    def __init__(self, line: Line, timeout_s: float) -> None:
        self._line = line
        self._timeout_s = timeout_s
        self._count = 0
        self.capabilities: frozenset[str] = frozenset()
        self.selected: tuple[str, bool] | None = None
        """The folder that is open, and whether it may be changed."""
        self.greeting = ""
        self.dead = False

    @property
    def usable(self) -> bool:
        """True while commands may be sent."""
        return not self.dead and not self._line.broken

    async def begin(self, upgrade: ssl.SSLContext | None) -> None:
        """Hear the greeting, change to TLS where that is still to be done, and learn what the server can."""
        async with asyncio.timeout(self._timeout_s):
            hello = await self._line.line()
        found = _STATUS.match(hello[2:]) if hello.startswith(b"* ") else None
        if found is None:
            raise LineBroken("no IMAP server answers there")
        self.greeting = found[3].decode("utf-8", "replace")
        if found[1].upper() == b"BYE":
            raise ImapNo("connections", (found[2] or b"UNAVAILABLE").decode("ascii", "replace"), self.greeting)
        if upgrade is not None:
            await self.run("STARTTLS")
            async with asyncio.timeout(self._timeout_s):
                await self._line.upgrade(upgrade)
        await self._learn()

    async def _learn(self) -> None:
        answers = await self.run("CAPABILITY")
        found = {words(word).decode("ascii", "replace").upper() for row in answers.rows
                 if words(row[0]).upper() == b"CAPABILITY" for word in row[1:]}
        self.capabilities = frozenset(found)

    async def sign_in(self, user: str, secret: str, *, bearer: bool) -> None:
        """Log in with a password, or with an access token (XOAUTH2)."""
        if bearer:
            await self._authenticate("XOAUTH2", f"user={user}\1auth=Bearer {secret}\1\1")
        elif "AUTH=PLAIN" in self.capabilities:
            await self._authenticate("PLAIN", f"\0{user}\0{secret}")
        else:
            await self.run("LOGIN", quoted(user), quoted(secret))
        await self._learn()

    async def _authenticate(self, way: str, said: str) -> None:
        packed = base64.b64encode(said.encode()).decode()
        if "SASL-IR" in self.capabilities:
            await self.run("AUTHENTICATE", way, packed, replies=[b""])
        else:
            await self.run("AUTHENTICATE", way, replies=[packed.encode(), b""])

    async def folders(self) -> list[Folder]:
        """Every folder with its flags."""
        answers = await self.run("LIST", '""', '"*"')
        found = []
        for row in answers.rows:
            if words(row[0]).upper() == b"LIST" and len(row) >= 4 and isinstance(row[1], list):
                flags = frozenset(words(flag).decode("ascii", "replace").casefold() for flag in row[1])
                found.append(Folder(folder_text(words(row[3])), flags, words(row[2]).decode("ascii", "replace")))
        return found

    async def open(self, folder: str, *, change: bool = False) -> Opened:
        """Open a folder, for reading only unless it is to be changed."""
        self.selected = None
        answers = await self.run("SELECT" if change else "EXAMINE", folder_name(folder))
        self.selected = (folder, change)
        exists = [int(words(row[0])) for row in answers.rows
                  if len(row) == 2 and words(row[1]).upper() == b"EXISTS" and words(row[0]).isdigit()]
        return Opened(_number(answers.codes.get("UIDVALIDITY")), _number(answers.codes.get("UIDNEXT")),
                      exists[-1] if exists else 0)

    async def search(self, *criteria: Piece) -> list[int]:
        """The UIDs of the mails that fit, ascending."""
        wide = any(isinstance(piece, Literal) for piece in criteria)
        answers = await self.run("UID", "SEARCH", *(("CHARSET", "UTF-8") if wide else ()), *criteria)
        return sorted({int(number) for row in answers.rows if words(row[0]).upper() == b"SEARCH"
                       for number in map(words, row[1:]) if number.isdigit() and 0 < int(number) < 1 << 32})

    async def fetch(self, uids: Iterable[int], items: str, *, limit: int) -> dict[int, dict[str, Value]]:
        """What the server gives of these mails; those that are gone by now are missing."""
        chosen = numbers(list(uids))
        if not chosen:
            return {}
        answers = await self.run("UID", "FETCH", chosen, f"(UID {items})", literal=limit)
        found: dict[int, dict[str, Value]] = {}
        for row in answers.rows:
            if len(row) < 3 or words(row[1]).upper() != b"FETCH" or not isinstance(row[2], list):
                continue
            given = dict(_pairs(row[2]))
            uid = words(given.get("UID"))
            if uid.isdigit():
                found.setdefault(int(uid), {}).update(given)
        return found

    async def append(self, folder: str, mail: bytes) -> None:
        """Put a mail into a folder, marked as read."""
        await self.run("APPEND", folder_name(folder), "(\\Seen)", Literal(mail))

    async def move(self, uid: int, folder: str) -> None:
        """Move a mail of the open folder into another."""
        await self.run("UID", "MOVE", str(uid), folder_name(folder))

    async def mark_read(self, uids: list[int]) -> None:
        """Mark mails of the open folder as read."""
        await self.run("UID", "STORE", numbers(uids), "+FLAGS.SILENT", "(\\Seen)")

    async def news(self, again_s: float) -> AsyncIterator[None]:
        """Wait for changes in the open folder (RFC 2177); asked for anew before the server loses patience."""
        loop = asyncio.get_running_loop()
        while True:
            tag = await self._send(("IDLE",), Answers(), 1_024)
            until = loop.time() + again_s
            while (row := await self._heard(until)) is not None:
                if row.startswith(tag + b" "):
                    rest = row[len(tag) + 1 :]
                    raise LineBroken("waiting ended") if rest.upper().startswith(b"OK") else _no("IDLE", rest)
                if row.startswith(b"* BYE"):
                    raise LineBroken(row[2:].decode("utf-8", "replace"))
                if re.match(rb"\* \d+ (EXISTS|RECENT|EXPUNGE)", row, re.IGNORECASE):
                    yield
            async with asyncio.timeout(self._timeout_s):
                await self._line.write(b"DONE\r\n")
                late = await self._finish(tag, Answers(), "IDLE", 1_024, [])
            if late.rows:
                yield

    async def _heard(self, until: float) -> bytes | None:
        """The next line, or None when none came in time."""
        try:
            async with asyncio.timeout_at(until):
                return await self._line.line()
        except TimeoutError:
            return None

    async def leave(self) -> None:
        """Say goodbye if that is quick, and close."""
        if self.usable:
            try:
                async with asyncio.timeout(1):
                    await self.run("LOGOUT")
            except (LineBroken, TooMuch, ImapNo, TimeoutError):
                self.dead = True
        self.dead = True
        await self._line.close()

    async def run(self, *pieces: Piece, replies: list[bytes] | None = None, literal: int = 1 << 20) -> Answers:
        """Send one command and read all that it brings; ImapNo when the server refuses."""
        name = " ".join(str(piece) for piece in pieces[:2]) if pieces[0] == "UID" else str(pieces[0])
        said = Answers()
        try:
            async with asyncio.timeout(self._timeout_s):
                tag = await self._send(pieces, said, literal)
                return await self._finish(tag, said, name, literal, list(replies or []))
        except ImapNo:
            raise
        except BaseException:  # whatever broke in: answers that are still to come would be taken for others
            self.dead = True
            raise

    async def _send(self, pieces: Iterable[Piece], said: Answers, literal: int) -> bytes:
        """Write a command; each literal waits until the server asks for it."""
        self._count += 1
        tag = b"d%d" % self._count
        out = bytearray(tag)
        for piece in pieces:
            if not isinstance(piece, Literal):
                out += b" " + (piece if isinstance(piece, bytes) else piece.encode("ascii"))
                continue
            out += b" {%d}\r\n" % len(piece)
            await self._line.write(bytes(out))
            while not (row := await self._row(literal))[0].startswith(b"+"):
                if row[0].startswith(tag + b" "):
                    raise _no("it", row[0][len(tag) + 1 :])
                self._take(row, said)
            out = bytearray(piece)
        await self._line.write(bytes(out) + b"\r\n")
        return tag

    async def _finish(self, tag: bytes, said: Answers, name: str, literal: int, replies: list[bytes]) -> Answers:
        left, lines = MOST_BYTES, MOST_LINES
        while True:
            row = await self._row(literal)
            left, lines = left - sum(map(len, row)), lines - 1
            if left < 0 or lines < 0:
                raise TooMuch(f"the answer to {name} does not end")
            if row[0].startswith(tag + b" "):
                found = _STATUS.match(row[0][len(tag) + 1 :])
                if found is None or found[1].upper() != b"OK":
                    raise _no(name, row[0][len(tag) + 1 :])
                said.code = (found[2] or b"").decode("ascii", "replace")
                return said
            if row[0].startswith(b"+"):
                await self._line.write((replies.pop(0) if replies else b"*") + b"\r\n")
                continue
            self._take(row, said)

    async def _row(self, literal: int) -> list[bytes]:
        """One answer: its lines, and the literals between them."""
        row: list[bytes] = [await self._line.line()]
        total = 0
        while (size := literal_size(row[-1])) is not None:
            total += size
            if size > literal or total > MOST_BYTES:
                raise TooMuch(f"a piece of {size // 1024} KiB where at most {literal // 1024} KiB were asked for")
            row.append(Literal(await self._line.exactly(size)))
            row.append(await self._line.line())
        return row

    def _take(self, row: list[bytes], said: Answers) -> None:
        """Keep what an answer says; what is no IMAP says nothing."""
        if not row[0].startswith(b"* "):
            return
        found = _STATUS.match(row[0][2:])
        if found is not None:
            name, _, value = (found[2] or b"").decode("ascii", "replace").partition(" ")
            said.codes[name.upper()] = value
            return
        try:
            values = read([row[0][2:], *row[1:]])
        except Garbled:
            return
        if values:
            said.rows.append(values)


def _no(command: str, rest: bytes) -> ImapNo:
    found = _STATUS.match(rest)
    code = (found[2] or b"").decode("ascii", "replace") if found else ""
    text = (found[3] if found else rest).decode("utf-8", "replace")
    return ImapNo(command, code, f"{text} [{code}]" if code else text)


def _pairs(items: list[Value]) -> Iterable[tuple[str, Value]]:
    for at in range(0, len(items) - 1, 2):
        yield words(items[at]).decode("ascii", "replace").upper(), items[at + 1]


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
