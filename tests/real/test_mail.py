"""The mail connector on a real IMAP server (Dovecot) and a real submission server: the whole contract, and TLS."""

from __future__ import annotations

import asyncio
import imaplib
import io
import json
import os
import shutil
import smtplib
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from email.header import Header
from typing import Any

import pytest

from agentdesk.config.sources import MailSource
from agentdesk.connectors.mail.connector import MailConnector
from agentdesk.errors import AuthError, Unavailable
from agentdesk.model.clock import ManualClock
from agentdesk.model.message import Direction
from tests.contract.suite import ConnectorContract, Held, reply, skip
from tests.contract.test_mail import MailWorld
from tests.real.conftest import run, worker

pytestmark = pytest.mark.real


@pytest.fixture(scope="session")
def post(worker_id: str) -> Iterator[dict[str, Any]]:
    """Both servers; ``MAIL_TEST_DIR`` in the environment keeps them between runs."""
    number = worker(worker_id)
    kept = os.environ.get("MAIL_TEST_DIR") if not number else None
    folder = kept or tempfile.mkdtemp(prefix="agentdesk-mail-", dir="/tmp")
    env = {"MAIL_TEST_PORT": str(int(os.environ.get("MAIL_TEST_PORT", "18187")) + 10 * number), "MAIL_TEST_DIR": folder}
    facts: dict[str, Any] = json.loads(run("mail-up", "up", env=env))
    yield {**facts, "env": env}
    run("mail-up", "down" if kept else "wipe", env=env)
    if not kept:
        shutil.rmtree(folder, ignore_errors=True)


class RealMailWorld(MailWorld):
    """A fresh mailbox on the real server, with a customer and a colleague of its own."""

    def __init__(self, clock: ManualClock, post: dict[str, Any], *, own_copy: bool = True) -> None:
        super().__init__(clock, own_copy=own_copy)
        self.post = post
        self.label = uuid.uuid4().hex[:10]
        self.server.address = f"s{self.label}@desk.test"
        self.jane, self.depot = f"j{self.label}@example.test", f"d{self.label}@partner.test"
        self.password = post["password"]

    async def begin(self) -> RealMailWorld:
        """One mail of ours came back long ago."""
        old = (f"Received: from desk by mx; {self.date()}\r\nX-Agentdesk-Id: long-ago\r\n"
               f"From: {self.server.address}\r\nTo: x@example.test\r\nMessage-ID: <{self.label}@desk.test>\r\n"
               f"Date: {self.date()}\r\n\r\nlong ago\r\n")
        await self.put("Archive", old.encode())
        self.connector = self.connect()
        return self

    def connect(self, **config: object) -> MailConnector:
        """With TLS on both lines unless told otherwise."""
        settings: dict[str, object] = {
            "name": "support", "address": self.server.address, "imap": self.post["imaps"], "smtp": self.post["smtps"],
            "ca_file": self.post["ca_file"], "own_copy": self.own_copy, "timeout": 20_000, "tickets_to": self.depot,
            **config,
        }
        self.made.append(MailConnector(MailSource(**settings), self.clock, lambda: self.password))  # type: ignore[arg-type]
        return self.made[-1]

    async def end(self) -> None:
        for connector in self.made:
            await connector.close()

    def _imap(self, user: str) -> imaplib.IMAP4:
        host, port = self.post["imap"].split(":")
        line = imaplib.IMAP4(host, int(port))
        line.login(user, self.post["password"])
        return line

    def _deliver(self, raw: bytes) -> None:
        port = int(self.post["imap"].split(":")[1]) + 2
        with smtplib.LMTP("localhost", port) as lmtp:
            lmtp.sendmail(self.jane, [self.server.address], raw)

    def _put(self, folder: str, raw: bytes) -> None:
        line = self._imap(self.server.address)
        line.append(folder, "", "", raw)
        line.logout()

    def _count(self, user: str, text: str) -> int:
        line = self._imap(user)
        line.select("INBOX", readonly=True)
        found = line.search(None, "BODY", f'"{text}"')[1][0].split()
        line.logout()
        return len(found)

    def _delete(self, thread: str) -> None:
        line = self._imap(self.server.address)
        for folder in ("INBOX", "Sent"):
            line.select(folder)
            found = line.search(None, "OR", "HEADER", "Message-ID", thread, "HEADER", "References", thread)[1][0]
            for number in found.split():
                line.store(number, "+FLAGS", "(\\Deleted)")
            line.expunge()
        line.logout()

    async def put(self, folder: str, raw: bytes) -> None:
        """A mail lies in a folder."""
        await asyncio.to_thread(self._put, folder, raw)

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        identifier, raw = self.mail(text, thread=thread, sender=f"Jane Doe <{self.jane}>", to=self.server.address)
        await asyncio.to_thread(self._deliver, raw)
        return thread or identifier

    async def colleague_answers(self, thread: str, text: str) -> None:
        _, raw = self.mail(text, thread=thread, sender=f"Sam <{self.server.address}>", to=self.jane)
        await self.put("Sent", raw)

    async def copies(self, text: str) -> int:
        return await asyncio.to_thread(self._count, self.jane, text)

    async def arrive(self, raw: bytes) -> None:
        await asyncio.to_thread(self._deliver, raw)

    async def last_mail(self) -> bytes:
        return await asyncio.to_thread(self._last, self.jane)

    def _last(self, user: str) -> bytes:
        line = self._imap(user)
        line.select("INBOX", readonly=True)
        number = line.search(None, "ALL")[1][0].split()[-1]
        parts = line.fetch(number, "(RFC822)")[1]
        line.logout()
        return next(part[1] for part in parts if isinstance(part, tuple))

    async def mail_with(self, text: str) -> bytes:
        return await asyncio.to_thread(self._last, self.depot if await self.tickets(text) else self.jane)

    async def tickets(self, text: str) -> int:
        return await asyncio.to_thread(self._count, self.depot, text)

    async def privately(self, text: str) -> int:
        return await self.copies(text)

    async def hostile(self, text: str) -> None:
        small = Header(text[:3_000].encode("utf-8", "replace").decode(), "utf-8").encode(linesep="\r\n")
        head = f"From: {small} <{self.jane}>\r\nDate: {self.date()}\r\nSubject: {small}\r\n".encode()
        await self.put("INBOX", head + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
                       + text.replace("\r", "").replace("\n", "\r\n").encode("utf-8", "replace") + b"\r\n")

    async def garbage(self) -> None:
        await self.put("INBOX", b"no mail at all\r\n")

    async def gap(self) -> None:
        await self.connector.close()
        user = self.server.address.partition("@")[0]
        await asyncio.to_thread(run, "mail-up", "rebuild", user, env=self.post["env"])
        await self.restart()

    def hold_back(self, what: Held) -> None:
        skip("these servers show what they hold")

    async def delete_thread(self, thread: str) -> None:
        await asyncio.to_thread(self._delete, thread)

    def unreachable(self) -> None:
        """The next line to the submission server finds nobody."""
        place = self.connector._post._server  # type: ignore[attr-defined]
        usual = place.open

        async def nobody() -> Any:
            place.open = usual
            raise ConnectionRefusedError(111, "Connection refused")

        place.open = nobody

    def lose_request(self) -> None:
        run("mail-up", "fault", "lose", env=self.post["env"])

    def lose_answer(self) -> None:
        run("mail-up", "fault", "cut", env=self.post["env"])

    def expire_token(self) -> None:
        self.password = "old"
        self.connector = self.connect()


@pytest.fixture
def clock() -> ManualClock:
    """Stands still at the present: the servers' own times are the machine's."""
    return ManualClock(time.time_ns() // 1_000_000)


@pytest.fixture
async def world(clock: ManualClock, post: dict[str, Any]) -> AsyncIterator[RealMailWorld]:
    """A fresh mailbox."""
    run("mail-up", "fault", "off", env=post["env"])
    world = await RealMailWorld(clock, post).begin()
    yield world
    await world.end()


class TestRealMail(ConnectorContract):
    """Every promise, on the real servers."""

    @pytest.fixture
    async def world(self, clock: ManualClock, post: dict[str, Any]) -> AsyncIterator[RealMailWorld]:
        run("mail-up", "fault", "off", env=post["env"])
        world = await RealMailWorld(clock, post).begin()
        yield world
        await world.end()


@pytest.mark.parametrize(("security", "imap", "smtp"), [("tls", "imaps", "smtps"), ("starttls", "imap", "smtp"),
                                                        ("none", "imap", "smtp")])
async def test_every_way_to_protect_the_lines(
    world: RealMailWorld, post: dict[str, Any], security: str, imap: str, smtp: str
) -> None:
    desk = world.connect(security=security, imap=post[imap], smtp=post[smtp])
    account = await desk.verify()
    assert account.ref == world.server.address
    assert account.warnings == ()
    thread = await world.customer_posts("question")
    await desk.send(reply(thread, f"over {security}", at=world.clock.now()))
    assert await world.copies(f"over {security}") == 1


async def test_a_certificate_that_nobody_vouches_for_stops_everything(world: RealMailWorld) -> None:
    with pytest.raises(Unavailable, match="not trusted"):
        await world.connect(ca_file="").verify()


async def test_a_wrong_password_is_said_to_be_one(world: RealMailWorld) -> None:
    world.password = "wrong"
    with pytest.raises(AuthError) as caught:
        await world.connect().verify()
    assert "wrong" not in str(caught.value)


async def test_news_comes_by_itself(world: RealMailWorld) -> None:
    hints = world.connector.hints()
    assert hints is not None
    await anext(hints)
    waiting = asyncio.ensure_future(anext(hints))
    await asyncio.sleep(0.2)
    await world.customer_posts("hello")
    async with asyncio.timeout(20):
        await waiting
    await hints.aclose()


async def test_our_copy_is_moved_and_nothing_is_marked_as_read(world: RealMailWorld) -> None:
    thread = await world.customer_posts("question")
    cursor = (await world.connector.pull(None)).cursor
    await world.connector.send(reply(thread, "the answer", client_id="c-1", at=world.clock.now()))
    page = await world.connector.pull(cursor)
    assert [(m.direction, m.client_id) for m in page.messages] == [(Direction.OUT, "c-1")]

    def flags() -> list[bytes]:
        line = world._imap(world.server.address)
        line.select("INBOX", readonly=True)
        found = line.fetch("1:*", "(FLAGS)")[1]
        line.logout()
        return [row for row in found if isinstance(row, bytes)]

    (only,) = await asyncio.to_thread(flags)
    assert b"Seen" not in only


async def test_a_large_mail_is_described_by_the_server(world: RealMailWorld) -> None:
    _, raw = world.mail("see the photo", to=world.server.address)
    head, _, body = raw.partition(b"\r\n\r\n")
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-", b"mime")))
    large = (head + b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n--A\r\n"
             b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body + b"--A\r\nContent-Type: image/jpeg\r\n"
             b"Content-Disposition: attachment; filename*=utf-8''f%C3%BCr%20dich.jpg\r\n"
             b"Content-Transfer-Encoding: base64\r\n\r\n" + (b"QUJD" * 18 + b"\r\n") * 20_000 + b"--A--\r\n")
    await world.put("INBOX", large)
    (message,) = (await world.connector.pull(None)).messages
    assert message.text.startswith("see the photo\n\n(1 MB: only its text was fetched)")
    assert [file.name for file in message.attachments] == ["für dich.jpg"]
    out = io.BytesIO()
    await world.connector.download(message.attachments[0].url, out, 5_000_000)
    assert out.getvalue() == b"ABC" * 18 * 20_000
