"""The fake mail server keeps the connector to the contract, without a network."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import message_from_bytes as parsed
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import pytest

from agentdesk.config.sources import MailSource
from agentdesk.connectors.mail.connector import MailConnector
from agentdesk.connectors.mail.headers import Header as Head
from agentdesk.connectors.mail.threads import key
from agentdesk.model.clock import ManualClock
from tests.contract.suite import ConnectorContract, Held, World, skip
from tests.fakes.mail import FakeMail, Fault


class MailWorld(World):
    """A mailbox as customers and colleagues move it."""

    def __init__(self, clock: ManualClock, *, files_itself: bool = False, own_copy: bool = True) -> None:
        self.clock = clock
        self.server = FakeMail(clock, files_itself=files_itself)
        self.own_copy = own_copy
        self.password = self.server.password
        self.made: list[MailConnector] = []

    async def begin(self) -> MailWorld:
        """Start the server; one mail of ours came back long ago."""
        await self.server.start()
        old = (f"Received: from desk by mail.desk.test; {self.date()}\nX-Agentdesk-Id: long-ago\n"
               f"From: {self.server.address}\nTo: somebody@example.test\nMessage-ID: <long-ago@desk.test>\n"
               f"Date: {self.date()}\n\nlong ago\n")
        box = self.server.account.boxes["Archive"]
        self.server.arrive(old.encode(), box)
        self.connector = self.connect()
        return self

    def date(self) -> str:
        """The present as mails write it."""
        return format_datetime(datetime.fromtimestamp(self.clock.now() / 1_000, UTC))

    def connect(self, **config: object) -> MailConnector:
        """A connector to the mailbox."""
        settings: dict[str, object] = {
            "name": "support", "address": self.server.address, "imap": self.server.imap, "smtp": self.server.smtp,
            "security": "none", "own_copy": self.own_copy, "timeout": 5_000,
            "tickets_to": "depot@partner.test", **config,
        }
        self.made.append(MailConnector(MailSource(**settings), self.clock, lambda: self.password))  # type: ignore[arg-type]
        return self.made[-1]

    async def end(self) -> None:
        """Close everything."""
        for connector in self.made:
            await connector.close()
        await self.server.stop()

    def mail(self, text: str, *, thread: str = "", sender: str = "Jane Doe <jane@example.test>",
             to: str = "support@desk.test", subject: str = "Where is my parcel") -> tuple[str, bytes]:
        """A mail as a person's program makes it: (its id, its bytes)."""
        message = EmailMessage(policy=SMTP)
        identifier = f"{uuid.uuid4()}@example.test"
        message["From"], message["To"], message["Message-ID"] = sender, to, f"<{identifier}>"
        message["Date"] = self.date()
        message["Subject"] = f"Re: {subject}" if thread else subject
        if thread:
            message["In-Reply-To"] = message["References"] = f"<{thread}>"
        message.set_content(text)
        return identifier, message.as_bytes()

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        identifier, raw = self.mail(text, thread=thread)
        self.server.arrive(raw)
        return thread or identifier

    async def colleague_answers(self, thread: str, text: str) -> None:
        _, raw = self.mail(text, thread=thread, sender="Sam <support@desk.test>", to="jane@example.test")
        self.server.arrive(raw, self.server.account.sent)

    async def copies(self, text: str) -> int:
        return self.server.copies(text)

    async def arrive(self, raw: bytes) -> None:
        """A mail comes in."""
        self.server.arrive(raw)

    async def last_mail(self) -> bytes:
        """What reached the customer last."""
        return self.server.delivered[-1].raw

    async def mail_with(self, text: str) -> bytes:
        """The mail with this text, wherever it went."""
        return await self.last_mail()

    async def files(self, text: str) -> list[tuple[bytes, str]]:
        mail = parsed(await self.mail_with(text), policy=SMTP)
        assert isinstance(mail, EmailMessage)
        return [(part.get_content(), str(part["Content-Description"] or "")) for part in mail.iter_attachments()]

    async def customer_sends_file(self, text: str) -> tuple[str, bytes]:
        identifier, raw = self.mail(text)
        message = parsed(raw, policy=SMTP)
        assert isinstance(message, EmailMessage)
        message.add_attachment(b"the photo", maintype="image", subtype="jpeg", filename="photo.jpg")
        await self.arrive(bytes(message))
        return identifier, b"the photo"

    async def tickets(self, text: str) -> int:
        return self.server.copies(text)

    async def restart(self) -> None:
        await self.connector.close()
        self.connector = self.connect()

    async def hostile(self, text: str) -> None:
        """Encoded words carry what a header may not hold as it is."""
        small = Header(text[:3_000].encode("utf-8", "replace").decode(), "utf-8").encode()
        flat = " ".join(text[:200].split()).encode("utf-8", "replace")
        head = (f"From: {small} <jane@example.test>\r\nTo: support@desk.test\r\nDate: {self.date()}\r\n"
                f"Subject: {small}\r\n").encode()
        inner = (b"Content-Type: multipart/mixed; boundary=XX\r\n\r\n--XX\r\n"
                 b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode("utf-8", "replace")
                 + b"\r\n--XX\r\nContent-Type: image/png; name=\"" + flat + b"\"\r\nContent-Description: "
                 + small.encode() + b"\r\n\r\nx\r\n--XX--\r\n")
        self.server.arrive(head + b"Message-ID: <" + flat + b"@x>\r\n" + inner)
        self.server.arrive(head + b"References: <" + flat + b"@y>\r\nReply-To: " + flat + b"\r\nAuto-Submitted: " + flat
                           + b"\r\nContent-Type: text/html; charset=" + flat[:40] + b"\r\n\r\n<p>"
                           + text.encode("utf-8", "replace"))

    async def garbage(self) -> None:
        self.server.arrive(b"\x00\xff\x00 no mail at all")

    async def gap(self) -> None:
        """The server rebuilds the folder: the same mails under other numbers."""
        self.server.account.inbox.rebuild()
        await self.restart()

    async def delete_thread(self, thread: str) -> None:
        for box in self.server.account.boxes.values():
            box.mails = [kept for kept in box.mails if thread.encode() not in kept.raw]

    def hold_back(self, what: Held) -> None:
        if what == "messages":
            skip("a mail is listed or it is not")
        self.server.finds_nothing = bool(what)

    def unreachable(self) -> None:
        self.server.faults.append(Fault("greeting"))

    def lose_request(self) -> None:
        self.server.faults.append(Fault("dot", "lose"))

    def lose_answer(self) -> None:
        self.server.faults.append(Fault("dot", "cut"))

    def expire_token(self) -> None:
        """A new process with the old password: lines that are open stay open on real servers, too."""
        self.password = self.server.password
        self.server.password = "another"
        self.connector = self.connect()


class TestMail(ConnectorContract):
    """A plain server: what it took is proven by our own hidden copy."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[MailWorld]:
        world = await MailWorld(clock).begin()
        yield world
        await world.end()


class TestMailThatFilesItself(ConnectorContract):
    """A server that puts what it sends into the folder of sent mail."""

    @pytest.fixture
    async def world(self, clock: ManualClock) -> AsyncIterator[MailWorld]:
        world = await MailWorld(clock, files_itself=True, own_copy=False).begin()
        yield world
        await world.end()


def test_a_mails_key_tells_writers_apart() -> None:
    one = Head(b"From: a@x.test\nMessage-ID: <same@x>\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n")
    two = Head(b"From: b@x.test\nMessage-ID: <same@x>\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n")
    assert key(one) != key(two)
    assert key(one).startswith("same@x#")
