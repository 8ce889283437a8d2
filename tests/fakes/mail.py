"""A small mail server with a memory, on sockets of this machine: enough IMAP (as Dovecot speaks it) and SMTP.

UIDs only grow, ``n:*`` always names the last mail, literals want a go-ahead, mails vanish between listing and fetching
when told to, and a mail that SMTP accepted is delivered to every recipient it knows.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agentdesk.connectors.mail.grammar import Literal, read, words
from agentdesk.model.clock import Clock
from tests.fakes.mail_store import Account, Box, Kept, search, section, structure, uid_set

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Fault:
    """One thing that goes wrong, the next time that its moment comes.

    ``at`` names the moment: greeting, ehlo, auth, mail, rcpt, data, body (before the mail is whole), dot (the mail is
    whole); for IMAP the command, such as fetch. ``kind``: cut, lose (cut behind the dot, not delivered), say, hang.
    """

    at: str
    kind: str = "cut"
    say: str = ""
    times: int = 1


@dataclass
class Delivered:
    """A mail that left for somebody."""

    sender: str
    recipients: list[str]
    raw: bytes


@dataclass
class FakeMail:
    """Both servers of one account."""

    clock: Clock
    address: str = "support@desk.test"
    password: str = "hunter2secret"
    capabilities: str = "IMAP4rev1 IDLE MOVE UIDPLUS SASL-IR AUTH=PLAIN SPECIAL-USE"
    offers: tuple[str, ...] = ("SIZE 20000000", "8BITMIME", "AUTH PLAIN LOGIN")
    files_itself: bool = False
    """True for a server that puts what it sends into Sent, as large providers do."""
    loops_back: bool = True
    """False when mail to oneself does not come back."""
    secure: ssl.SSLContext | None = None
    faults: list[Fault] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)
    """UIDs that are listed and not given."""
    finds_nothing: bool = False
    """True while searches come back empty."""
    raw_fetch: Callable[[Kept, str], bytes | None] | None = None
    """Takes over the answer to a fetch."""

    def __post_init__(self) -> None:
        self.account = Account(self.clock)
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed: list[asyncio.Event] = []
        self.closed = False

    async def start(self) -> FakeMail:
        """Listen."""
        for talk in (self._imap, self._smtp):
            self._servers.append(await asyncio.start_server(self._guard(talk), "127.0.0.1", 0, limit=1 << 22,
                                                            ssl=self.secure))
        return self

    async def stop(self) -> None:
        """Hang up on everybody."""
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def imap(self) -> str:
        return f"localhost:{self._servers[0].sockets[0].getsockname()[1]}"

    @property
    def smtp(self) -> str:
        return f"localhost:{self._servers[1].sockets[0].getsockname()[1]}"

    def arrive(self, raw: bytes, box: Box | None = None) -> Kept:
        """A mail comes in; whoever waits hears of it."""
        kept = (box or self.account.inbox).add(_crlf(raw), self.clock.now())
        for event in self._changed:
            event.set()
        return kept

    def fault(self, at: str) -> Fault | None:
        """What goes wrong now."""
        for fault in self.faults:
            if fault.at == at and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def _guard(self, talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]):  # type: ignore[no-untyped-def]
        async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
                return
            finally:
                self._tasks.discard(task)
                writer.transport.abort()

        return guarded

    # IMAP -----------------------------------------------------------------------------------------------------------

    async def _imap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = ImapSession(self, reader, writer)
        await session.talk()

    # SMTP -----------------------------------------------------------------------------------------------------------

    async def _smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        async def spoiled(at: str) -> bool:
            """True when the moment goes wrong."""
            fault = self.fault(at)
            if fault is None:
                return False
            if fault.kind == "say":
                await say(fault.say)
                return True
            if fault.kind == "hang":
                await asyncio.sleep(3_600)
            raise ConnectionError

        if await spoiled("greeting"):
            return
        await say("220 mail.desk.test ESMTP")
        sender, recipients, signed_in = "", [], False
        while line := (await reader.readuntil(b"\n")).rstrip(b"\r\n").decode("ascii"):
            self.commands.append(f"smtp {line}")
            verb = line.partition(" ")[0].upper()
            if await spoiled(verb.lower()):
                continue
            if verb == "EHLO":
                rows = ["mail.desk.test", *self.offers]
                for number, row in enumerate(rows):
                    await say(f"250{'-' if number < len(rows) - 1 else ' '}{row}")
            elif verb == "AUTH":
                signed_in = await self._auth(line, reader, say)
            elif verb == "MAIL" and not signed_in and any(row.startswith("AUTH") for row in self.offers):
                await say("530 5.7.0 Authentication required")
            elif verb == "MAIL":
                sender, recipients = re.findall("<(.*?)>", line)[0], []
                await say("250 2.1.0 Ok")
            elif verb == "RCPT":
                address = re.findall("<(.*?)>", line)[0]
                if address.startswith("nobody@"):
                    await say("550 5.1.1 No such user here")
                    continue
                recipients.append(address)
                await say("250 2.1.5 Ok")
            elif verb == "DATA":
                await say("354 Go ahead")
                raw = await self._body(reader)
                fault = self.fault("dot")
                if fault is not None and fault.kind == "say":
                    await say(fault.say)
                    continue
                if fault is not None and fault.kind == "lose":
                    raise ConnectionError
                self._deliver(sender, recipients, raw)
                if fault is not None and fault.kind == "hang":
                    await asyncio.sleep(3_600)
                if fault is not None:
                    raise ConnectionError
                await say("250 2.0.0 Ok: queued as 4711")
            elif verb == "QUIT":
                await say("221 Bye")
                return
            else:
                await say("502 5.5.2 Unknown command")

    async def _body(self, reader: asyncio.StreamReader) -> bytes:
        lines = []
        while True:
            line = await reader.readuntil(b"\n")
            fault = self.fault("body")
            if fault is not None:
                raise ConnectionError
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    async def _auth(self, line: str, reader: asyncio.StreamReader, say: Callable[[str], Awaitable[None]]) -> bool:
        _, way, *rest = line.split(" ")
        if way.upper() == "PLAIN":
            given = base64.b64decode(rest[0]).decode().split("\0")[1:]
        elif way.upper() == "XOAUTH2":
            given = re.findall("user=(.*?)\1auth=Bearer (.*?)\1", base64.b64decode(rest[0]).decode())[0]
        else:
            given = []
            for prompt in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"):
                await say(f"334 {prompt}")
                given.append(base64.b64decode(await reader.readuntil(b"\n")).decode())
        good = list(given) == [self.address, self.password]
        await say("235 2.7.0 Accepted" if good else f"535 5.7.8 Bad credentials {given[-1]}")
        return good

    def _deliver(self, sender: str, recipients: list[str], raw: bytes) -> None:
        stamped = b"Received: from desk by mail.desk.test; " + _rfc_date(self.clock.now()).encode() + b"\r\n" + raw
        self.delivered.append(Delivered(sender, list(recipients), raw))
        if self.files_itself:
            self.arrive(stamped, self.account.sent).flags.add("\\Seen")
        if self.address in recipients and self.loops_back:
            self.arrive(stamped)

    def copies(self, text: str) -> int:
        """How many mails with these words left for somebody else."""
        import email as parser

        count = 0
        for one in self.delivered:
            body = b"".join(part.get_payload(decode=True) or b"" for part in parser.message_from_bytes(one.raw).walk()
                            if not part.is_multipart())
            if text.encode() in body.replace(b"\r\n", b"\n"):
                count += len([address for address in one.recipients if address != self.address])
        return count


class ImapSession:
    """One client on the IMAP side."""

    def __init__(self, server: FakeMail, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.box: Box | None = None
        self.change = False
        self.signed_in = False
        self.told = 0

    async def say(self, text: str | bytes) -> None:
        """One line."""
        self.writer.write((text.encode("utf-8") if isinstance(text, str) else text) + b"\r\n")
        await self.writer.drain()

    async def talk(self) -> None:
        """Answer until the client leaves."""
        await self.say("* OK [CAPABILITY IMAP4rev1] Fake ready.")
        while True:
            line = await self.reader.readuntil(b"\n")
            pieces: list[bytes] = [line.rstrip(b"\r\n")]
            while found := re.search(rb"\{(\d+)\}$", pieces[-1]):
                await self.say("+ OK")
                pieces.append(Literal(await self.reader.readexactly(int(found[1]))))
                pieces.append((await self.reader.readuntil(b"\n")).rstrip(b"\r\n"))
            values = read(pieces)
            tag, verb = words(values[0]).decode(), words(values[1]).decode().upper()
            rest = values[2:]
            if verb == "UID":
                verb, rest = f"UID {words(values[2]).decode().upper()}", values[3:]
            self.server.commands.append(" ".join([verb, *(_shown(one) for one in rest)]))
            if not await self._spoiled(verb.split()[-1].lower(), tag):
                await self._answer(tag, verb, rest)
            if verb == "LOGOUT":
                return

    async def _spoiled(self, moment: str, tag: str) -> bool:
        fault = self.server.fault(moment)
        if fault is None:
            return False
        if fault.kind == "say":
            await self.say(fault.say.replace("TAG", tag))
            return True
        if fault.kind == "hang":
            await asyncio.sleep(3_600)
        raise ConnectionError

    async def _answer(self, tag: str, verb: str, rest: list[object]) -> None:
        texts = [words(one).decode("utf-8", "replace") if not isinstance(one, list) else "" for one in rest]  # type: ignore[arg-type]
        try:
            if verb not in ("CAPABILITY", "LOGIN", "AUTHENTICATE", "LOGOUT", "NOOP") and not self.signed_in:
                await self.say(f"{tag} NO Please sign in")
                return
            done = await self._do(tag, verb, rest, texts)
        except (ValueError, StopIteration, KeyError, IndexError) as error:
            await self.say(f"{tag} BAD {type(error).__name__} {error}")
            return
        if done:
            await self.say(f"{tag} {done}")

    async def _do(self, tag: str, verb: str, rest: list[object], texts: list[str]) -> str:
        match verb:
            case "CAPABILITY":
                await self.say(f"* CAPABILITY {self.server.capabilities}")
            case "LOGIN":
                return self._sign_in(texts[0], texts[1])
            case "AUTHENTICATE":
                return await self._authenticate(texts)
            case "NOOP":
                pass
            case "LOGOUT":
                await self.say("* BYE Logging out")
            case "LIST":
                for box in self.server.account.boxes.values():
                    flags = " ".join(("\\HasNoChildren", *box.flags))
                    await self.say(f'* LIST ({flags}) "/" "{box.name}"')
            case "SELECT" | "EXAMINE":
                return await self._open(texts[0], verb)
            case "IDLE":
                return await self._idle()
            case "APPEND":
                box = self.server.account.boxes[texts[0]]
                box.add(texts[-1].encode(), self.server.clock.now(), flags={"\\Seen"})
            case _:
                return await self._uid(tag, verb, rest, texts)
        return "OK done"

    def _sign_in(self, user: str, password: str) -> str:
        if (user, password) != (self.server.address, self.server.password):
            return f"NO [AUTHENTICATIONFAILED] Authentication failed for {password}."
        self.signed_in = True
        return "OK Logged in"

    async def _authenticate(self, texts: list[str]) -> str:
        given = texts[1] if len(texts) > 1 else ""
        if not given:
            await self.say("+ ")
            given = (await self.reader.readuntil(b"\n")).decode().strip()
        plain = base64.b64decode(given).decode()
        if texts[0].upper() == "XOAUTH2":
            user, password = re.findall("user=(.*?)\1auth=Bearer (.*?)\1", plain)[0]
        else:
            _, user, password = plain.split("\0")
        return self._sign_in(user, password)

    async def _open(self, name: str, verb: str) -> str:
        box = self.server.account.boxes.get(name)
        if box is None:
            return f"NO [NONEXISTENT] Mailbox doesn't exist: {name}"
        self.box, self.change = box, verb == "SELECT"
        await self._tell_how_many()
        await self.say(f"* OK [UIDVALIDITY {box.validity}] UIDs valid (really)")
        await self.say(f"* OK [UIDNEXT {box.next_uid}] Predicted next UID")
        return f"OK [READ-{'WRITE' if self.change else 'ONLY'}] {verb} completed"

    async def _tell_how_many(self) -> None:
        self.told = len(self.box.mails) if self.box else 0
        await self.say(f"* {self.told} EXISTS")

    async def _idle(self) -> str:
        await self.say("+ idling")
        if self.box and self.told != len(self.box.mails):
            await self._tell_how_many()
        event = asyncio.Event()
        self.server._changed.append(event)
        done = asyncio.ensure_future(self.reader.readuntil(b"\n"))
        try:
            while not done.done():
                news = asyncio.ensure_future(event.wait())
                await asyncio.wait({done, news}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if event.is_set() and not done.done():
                    event.clear()
                    await self._tell_how_many()
            await done
        finally:
            done.cancel()
            self.server._changed.remove(event)
        return "OK Idle completed"

    async def _uid(self, tag: str, verb: str, rest: list[object], texts: list[str]) -> str:
        assert self.box is not None, "no folder is open"
        match verb:
            case "UID SEARCH":
                if texts[0].upper() == "CHARSET":
                    texts = texts[2:]
                found = [] if self.server.finds_nothing else search(self.box, list(texts))
                await self.say(" ".join(["* SEARCH", *map(str, found)]))
            case "UID FETCH":
                await self._fetch(uid_set(texts[0], self.box), rest[1])
            case "UID STORE":
                if not self.change:
                    return "NO [READ-ONLY] the folder is open for reading only"
                for kept in self._chosen(texts[0]):
                    kept.flags |= {words(flag).decode() for flag in rest[2]}  # type: ignore[attr-defined]
            case "UID MOVE" if "MOVE" in self.server.capabilities:
                if not self.change:
                    return "NO [READ-ONLY] the folder is open for reading only"
                for kept in self._chosen(texts[0]):
                    self.box.mails.remove(kept)
                    self.server.account.boxes[texts[1]].add(kept.raw, kept.at, flags=kept.flags)
            case _:
                return f"BAD Unknown command {verb}"
        return "OK done"

    def _chosen(self, text: str) -> list[Kept]:
        assert self.box is not None
        chosen = uid_set(text, self.box)
        return [kept for kept in self.box.mails if kept.uid in chosen]

    async def _fetch(self, uids: set[int], items: object) -> None:
        assert self.box is not None
        for number, kept in enumerate(list(self.box.mails), 1):
            if kept.uid not in uids or kept.uid in self.server.hidden:
                continue
            out = f"* {number} FETCH (UID {kept.uid}".encode()
            for item in items:  # type: ignore[attr-defined]
                out += self._item(kept, words(item).decode())
            await self.say(out + b")")

    def _item(self, kept: Kept, item: str) -> bytes:
        if self.server.raw_fetch is not None and (own := self.server.raw_fetch(kept, item)) is not None:
            return own
        name = item.upper()
        if name == "INTERNALDATE":
            return f' INTERNALDATE "{kept.internaldate}"'.encode()
        if name == "RFC822.SIZE":
            return f" RFC822.SIZE {len(kept.raw)}".encode()
        if name == "BODYSTRUCTURE":
            return f" BODYSTRUCTURE {structure(kept.message)}".encode()
        found = re.fullmatch(r"BODY(\.PEEK)?\[(.*)\](?:<(\d+)\.(\d+)>)?", item)
        if found is None:
            return b""
        if not found[1]:
            kept.flags.add("\\Seen")
        data = section(kept, found[2])
        origin = ""
        if found[3] is not None:
            data, origin = data[int(found[3]) : int(found[3]) + int(found[4])], f"<{found[3]}>"
        return f" BODY[{found[2]}]{origin} {{{len(data)}}}\r\n".encode() + data


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "(" + " ".join(map(_shown, value)) + ")"
    return words(value).decode("utf-8", "replace")[:200]  # type: ignore[arg-type]


def _crlf(raw: bytes) -> bytes:
    return re.sub(rb"\r?\n", b"\r\n", raw)


def _rfc_date(at: int) -> str:
    from datetime import UTC, datetime
    from email.utils import format_datetime

    return format_datetime(datetime.fromtimestamp(at / 1_000, UTC))
