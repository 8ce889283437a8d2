"""Sending: the mail is made, handed to the SMTP server, and filed; what is in doubt is looked for by its id.

Each mail goes to its own mailbox, too, in a hidden copy (unless own_copy is off): that copy passes through the server
and so proves that it took the mail. On the next pull it is moved to the folder of sent mail. Servers that file sent
mail themselves need no copy; they are recognised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agentdesk.config.sources import MailSource
from agentdesk.connectors.base import Verdict
from agentdesk.connectors.files import contents
from agentdesk.connectors.mail.grammar import quoted
from agentdesk.connectors.mail.headers import Address, Header, is_address
from agentdesk.connectors.mail.line import LineBroken, TooMuch
from agentdesk.connectors.mail.mailbox import Mail, Mailbox
from agentdesk.connectors.mail.mark import OWN_ID, Mark
from agentdesk.connectors.mail.refusals import SmtpNo, Words
from agentdesk.connectors.mail.servers import Server
from agentdesk.connectors.mail.smtp import InDoubt, Smtp
from agentdesk.connectors.mail.speak import Speaker
from agentdesk.connectors.mail.threads import Threads
from agentdesk.connectors.mail.writing import Envelope, answer_to, frozen, wire_address, written
from agentdesk.errors import Ambiguous, Gone, Rejected, SourceError
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.outgoing import Absent, Found, Outgoing, OutKind, Receipt, Unsure

PROVES_AFTER_S = 120
GMAIL = "X-GM-EXT-1"
"""Servers with this file what they send."""


class Post:
    """One account's outgoing mail."""

    def __init__(self, config: MailSource, smtp: Server, box: Mailbox, threads: Threads, speaker: Speaker,
                 mark: Mark, token: Callable[[], str], said: Words, clock: Clock) -> None:
        self._config = config
        self._server = smtp
        self._box = box
        self._threads = threads
        self._speaker = speaker
        self._mark = mark
        self._token = token
        self._said = said
        self._clock = clock
        self.name = said.name
        self._files_itself = False

    async def verify(self) -> list[str]:
        """Sign in without sending; what is to be known about the server."""
        session, asked = await self._session()
        await session.leave()
        return [] if asked else [f"{self._server.host} asks for no login: it sends whatever this machine gives it"]

    async def send(self, out: Outgoing) -> Receipt:
        """Send one mail; Ambiguous only when the line broke behind its last byte."""
        if out.kind not in (OutKind.REPLY, OutKind.TICKET, OutKind.DM):
            raise Rejected(f"{self.name}: a mailbox has no notes", "Whatever is sent goes to the customer",
                           "Write the note at the help desk, or on the customer here")
        if not out.text.strip():
            raise Rejected(f"{self.name}: there is nothing to send", remedy="Write something first")
        envelope = await self._envelope(out)
        files = [(upload, await contents(upload, self.name)) for upload in out.uploads]
        recipients = [wire_address(one, self.name) for one in envelope.recipients]
        if not recipients:
            raise Rejected(f"{self.name}: there is nobody to send it to", "The mail names no address",
                           "Answer from a mail program")
        mark = self._mark.make(out.client_id, frozen(out, self._config.address).id)
        mail = await asyncio.to_thread(written, out, envelope, self._config, files, mark)
        copied = await self._deliver(recipients, mail)
        root = envelope.references[0] if envelope.references else frozen(out, self._config.address).id
        self._threads.learn(frozen(out, self._config.address).id, root)
        if not copied:
            await self._file(out, mail)
        return self._receipt(out, None)

    def _receipt(self, out: Outgoing, at: int | None) -> Receipt:
        begins = out.kind is not OutKind.REPLY
        return Receipt(conversation_ref=frozen(out, self._config.address).id if begins else "", created_at=at)

    async def _envelope(self, out: Outgoing) -> Envelope:
        """Who gets it, and under which subject."""
        if out.kind is OutKind.REPLY:
            header = await self._answered(out)
            return answer_to(header, self._config, self._speaker.ours, out.conversation_ref)
        subject = out.subject.strip()
        if out.kind is OutKind.TICKET:
            place = (out.place or self._config.tickets_to).strip().casefold()
            if not is_address(place):
                raise Rejected(f"{self.name}: it is not said to which address the ticket goes", "",
                               "Write an address behind Place:, or put one into tickets_to:")
            return Envelope([Address("", place)], subject=subject or "A request from another channel")
        mail = next((one.strip().casefold() for one in (out.customer_mail, out.customer_handle, out.customer_ref)
                     if is_address(one.strip())), "")
        if not mail:
            raise Rejected(f"{self.name}: no mail address of this customer is known", "",
                           "Put the address on the customer, then send it again")
        return Envelope([Address(out.customer_name, mail)], subject=subject or "Your message to us")

    async def _answered(self, out: Outgoing) -> Header:
        """The mail that a reply answers: the one that was chosen, else the customer's last."""
        mails: list[Mail] = []
        for folder, uids in (await self._threads.members(out.conversation_ref)).items():
            mails += await self._box.fetch(folder, uids)
        if not mails:
            raise Gone(f"{self.name}: the mails that this answers are not there any more", "They were deleted or moved",
                       "Write to the customer from a mail program")
        return await self._speaker.answered(mails, out.reply_to_ref)

    async def _session(self) -> tuple[Smtp, bool]:
        """A line to the SMTP server, signed in; whether it asked for a login."""
        try:
            line, upgrade = await self._server.open()
        except (OSError, TimeoutError) as error:
            raise self._said.broken(self._server.host, error) from error
        session = Smtp(line, self._server.timeout_s)
        try:
            await session.begin(upgrade)
            user = self._config.user or self._config.address
            return session, await session.sign_in(user, self._token(), bearer=self._config.auth == "oauth2")
        except (SmtpNo, LineBroken, TooMuch, TimeoutError, OSError) as error:
            await session.leave()
            raise self._sorted(error) from error
        except BaseException:
            await session.leave()
            raise

    async def _deliver(self, recipients: list[str], mail: bytes) -> bool:
        """Hand the mail over; says whether our own copy went along."""
        session, _ = await self._session()
        try:
            if session.largest is not None and len(mail) > session.largest:
                raise Rejected(
                    f"{self.name}: the mail is too large for {self._server.host}",
                    f"It has {len(mail) // 1024} KiB, {session.largest // 1024} are allowed",
                    "Send fewer or smaller files",
                )
            own = wire_address(self._config.address, self.name)
            copy_to = own if self._config.own_copy and not await self._server_files() else ""
            copied = await session.deliver(own, recipients, copy_to, mail)
            return copied or (bool(copy_to) and copy_to in recipients)
        except InDoubt as error:
            raise Ambiguous(
                f"{self.name}: the line broke before {self._server.host} said whether it took the mail",
                self._said.clean(str(error)), "It is being looked for before anything is sent again",
            ) from error
        except (SmtpNo, LineBroken, TooMuch, TimeoutError, OSError) as error:
            raise self._sorted(error) from error
        finally:
            await session.leave()

    def _sorted(self, error: Exception) -> SourceError:
        """What went wrong before the mail was accepted, as the desk's error."""
        if isinstance(error, SmtpNo):
            return self._said.smtp(self._server.host, error)
        return self._said.broken(self._server.host, error)

    async def _server_files(self) -> bool:
        """True for a server that puts what it sends into the folder of sent mail by itself."""
        return self._files_itself or GMAIL in await self._box.capabilities()

    async def _file(self, out: Outgoing, mail: bytes) -> None:
        """Put the mail into the folder of sent mail unless the server did; it was sent, whatever becomes of this."""
        try:
            sent = (await self._box.folders()).sent
            if not sent or not self._config.save_sent or await self._server_files():
                return
            if await self._box.find_id(frozen(out, self._config.address).id, (sent,)) is not None:
                self._files_itself = True
                return
            async with self._box.session() as imap:
                await imap.append(sent, mail)
        except SourceError:
            return

    async def file_copies(self, mails: list[Mail]) -> None:
        """Move our own copies out of the folder that customers write to; what fails stays where it is."""
        try:
            folders = await self._box.folders()
            for mail in mails:
                if mail.folder != folders.inbox or folders.sent in ("", folders.inbox):
                    continue
                if not self._mark.client_id(mail.header):
                    continue
                if await self._box.find_id(mail.id, (folders.sent,)) is not None:
                    self._files_itself = self._files_itself or mail.header.has("received")
                    await self._read_already(mail)
                elif "MOVE" in await self._box.capabilities():
                    async with self._box.session() as imap:
                        await self._box.open(imap, mail.folder, change=True)
                        await imap.mark_read([mail.uid])
                        await imap.move(mail.uid, folders.sent)
                else:
                    await self._read_already(mail)
        except SourceError:
            return

    async def _read_already(self, mail: Mail) -> None:
        async with self._box.session() as imap:
            await self._box.open(imap, mail.folder, change=True)
            await imap.mark_read([mail.uid])

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for the mail in every folder that may hold it.

        Its absence proves something only where mails that we sent are seen to come back.
        """
        it = frozen(out, self._config.address)
        folders = (await self._box.folders()).known
        place = await self._box.find_id(it.id, folders)
        if place is None:
            place = await self._find_own(out.client_id, folders)
        if place is not None:
            return Found(self._receipt(out, it.at))
        if self._clock.now() - first_try_at < PROVES_AFTER_S * SECOND:
            return Unsure("the server may still be handing it on")
        for folder in folders:
            if await self._box.search(folder, "HEADER", OWN_ID, '""', "HEADER", "Received", '""'):
                return Absent()
        return Unsure("no mail that was sent from here has ever come back, so that nothing proves whether it left")

    async def _find_own(self, client_id: str, folders: tuple[str, ...]) -> tuple[str, int, Header] | None:
        """The mail under our own field: some servers replace the id of what they send."""
        wanted = self._mark.make(client_id, "").partition(" ")[0]
        for folder in folders:
            for uid in await self._box.search(folder, "HEADER", OWN_ID, quoted(wanted)):
                return folder, uid, Header(b"")
        return None
