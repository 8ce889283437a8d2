"""The mail connector: one mailbox, read by IMAP and answered by SMTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO
from urllib.parse import unquote

import msgspec

from agentdesk.config.sources import MailSource
from agentdesk.connectors.base import Connector, Verdict, check_files
from agentdesk.connectors.mail import writing
from agentdesk.connectors.mail.grammar import quoted
from agentdesk.connectors.mail.headers import Address, is_address
from agentdesk.connectors.mail.mailbox import Mail, Mailbox
from agentdesk.connectors.mail.mark import Mark
from agentdesk.connectors.mail.parts import base64_chunk, unpacked
from agentdesk.connectors.mail.reading import Reader
from agentdesk.connectors.mail.refusals import Words
from agentdesk.connectors.mail.sending import Post
from agentdesk.connectors.mail.servers import server
from agentdesk.connectors.mail.speak import Speaker, profile
from agentdesk.connectors.mail.threads import Threads
from agentdesk.connectors.mail.waiting import news
from agentdesk.errors import Gone, Rejected, SourceError
from agentdesk.model.capability import Caps, Counter, SendStrength
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.customer import Profile
from agentdesk.model.outgoing import Action, Outgoing, Receipt, Verb
from agentdesk.model.page import Account, Page
from agentdesk.model.text import inert_line

LAG_S = 120
"""A server may take so long to hand on a mail that it took; before this an absent reply proves nothing."""
POLL_S = 60
MOST_FILES = 20
MOST_FILE_BYTES = 15 * 1024 * 1024
CHUNK = 768 * 1024


class MailConnector(Connector):
    """Threads of mails as conversations."""

    def __init__(self, config: MailSource, clock: Clock, token: Callable[[], str]) -> None:
        self.name = config.full_name
        self._config = config
        self._clock = clock
        self._said = Words(self.name, token)
        seconds = config.timeout / SECOND
        imap = server("imap", config.imap, config.security, ca_file=config.ca_file, name=self.name, timeout_s=seconds)
        smtp = server("smtp", config.smtp, config.security, ca_file=config.ca_file, name=self.name, timeout_s=seconds)
        self._box = Mailbox(config, imap, token, self._said)
        self._threads = Threads(self._box)
        mark = Mark(token, config.address.casefold(), lasting=config.auth == "password")
        self._speaker = Speaker(config, self._box, self._threads, mark)
        self._reader = Reader(config, self._box, self._speaker, clock)
        self._post = Post(config, smtp, self._box, self._threads, self._speaker, mark, token, self._said, clock)
        self.caps = Caps(
            letter=config.letter or "E",
            can_dm=True,
            can_open=True,
            can_search=True,
            can_download=True,
            max_uploads=MOST_FILES,
            max_upload_bytes=MOST_FILE_BYTES,
            max_alt=200,
            send_strength=SendStrength.NONE,
            counter=Counter.CODEPOINT,
            visibilities=("direct",),
            consistency_lag_s=LAG_S,
            poll_s=(config.poll or POLL_S * SECOND) / SECOND,
        )

    async def verify(self) -> Account:
        """Sign in to both servers and look which folders there are; sends nothing."""
        folders = await self._box.folders(anew=True)
        warnings: list[str] = []
        async with self._box.session() as imap:
            can, hello = imap.capabilities, imap.greeting
            await self._box.open(imap, folders.inbox)
            if folders.sent:
                await self._box.open(imap, folders.sent)
        if not folders.sent:
            warnings.append("no folder of sent mail was found: what colleagues answer in other programs is not seen; "
                            "name it in sent:")
        if "IDLE" not in can:
            warnings.append(f"the server does not tell when mail arrives: it is asked every {self.caps.poll_s:.0f} s")
        warnings += await self._post.verify()
        return Account(
            ref=self._speaker.us,
            handle=inert_line(self._config.address),
            name=inert_line(self._config.display_name or self._config.address),
            server=str(inert_line(f"{self._box.host}: {self._said.clean(hello)}", limit=120)),
            scopes=(f"read {folders.inbox}", *((f"read and file in {folders.sent}",) if folders.sent else ()), "send"),
            warnings=tuple(warnings),
        )

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """Bring new mails of the watched folder and of the folder of sent mail."""
        page, mails = await self._reader.pull(cursor, limit)
        await self._post.file_copies(mails)
        return page

    async def thread(self, conversation_ref: str) -> Page:
        """One whole thread."""
        mails = await self._mails(await self._threads.members(conversation_ref))
        for mail in mails:
            self._threads.learn(mail.id, conversation_ref)
        if not mails:
            raise Gone(
                f"{self.name}: none of these mails is there any more", "They were deleted, or moved to another folder",
                "Look in a mail program; what was read is kept here",
            )
        page = await self._speaker.page(mails)
        # A report that its server did not tie to the thread is not among these mails, so they say nothing against it.
        heads = [msgspec.structs.replace(head, status=head.status or None)
                 for head in page.conversations if head.ref == conversation_ref]
        return msgspec.structs.replace(page, conversations=tuple(heads))

    async def _mails(self, places: dict[str, list[int]]) -> list[Mail]:
        return [mail for folder, uids in places.items() for mail in await self._box.fetch(folder, uids)]

    async def customer(self, customer_ref: str) -> Profile:
        """One person as their latest mail shows them."""
        if not is_address(customer_ref):
            raise Gone(f"{self.name}: {inert_line(customer_ref, limit=100)} is no mail address")
        folders = await self._box.folders()
        uids = await self._box.search(folders.inbox, "FROM", quoted(customer_ref))
        heads = await self._box.headers(folders.inbox, uids[-5:]) if uids else {}
        names = [one.name for _, header in sorted(heads.items()) for one in header.addresses("from", "reply-to")
                 if one.mail == customer_ref and one.name]
        return profile(Address(names[-1] if names else "", customer_ref))

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """The latest mails from and to a person."""
        if not is_address(customer_ref):
            return Page(backfill=True)
        return await self._latest(("OR", "FROM", quoted(customer_ref), "TO", quoted(customer_ref)), limit)

    async def find(self, words: str, limit: int = 20) -> Page:
        """The latest mails that hold these words anywhere."""
        said = " ".join(words.split())[:200]
        if not said:
            return Page(backfill=True)
        return await self._latest(("TEXT", quoted(said)), limit)

    async def _latest(self, criteria: tuple[str | bytes, ...], limit: int) -> Page:
        folders = await self._box.folders()
        most = max(1, min(limit, 100))
        mails: list[Mail] = []
        for folder in folders.known:
            uids = (await self._box.search(folder, *criteria))[-most:]
            mails += await self._box.fetch(folder, uids) if uids else []
        newest = sorted(mails, key=lambda mail: mail.arrived)[-most:]
        return await self._speaker.page(newest, backfill=True)

    async def download(self, url: str, out: BinaryIO, limit: int) -> None:
        """Write a file that came with a mail; read in pieces, never more than ``limit``."""
        where, _, encoding = url.removeprefix("mid:").partition(";")
        identifier, _, section = where.rpartition("/")
        if not url.startswith("mid:") or not section.replace(".", "").isdecimal():
            raise Rejected(f"{self.name}: this is no file of a mail")
        place = await self._box.find_id(unquote(identifier), (await self._box.folders()).known)
        if place is None:
            raise Gone(f"{self.name}: the mail is not there any more", "", "Look in a mail program")
        kept, written, at = b"", 0, 0
        whole = bytearray()
        while data := await self._box.section(place[0], place[1], section, at, CHUNK):
            at += len(data)
            if encoding == "base64":
                fresh, kept = base64_chunk(kept, data)
                written += len(fresh)
                await asyncio.to_thread(out.write, fresh)
            else:
                whole += data
                written = len(whole)
            if written > limit:
                raise Rejected(f"{self.name}: the file is larger than {limit // 1_048_576} MB", "",
                               "Open the mail in a mail program")
            if len(data) < CHUNK:
                break
        if whole:
            await asyncio.to_thread(out.write, unpacked(bytes(whole), encoding))
        elif kept:
            await asyncio.to_thread(out.write, unpacked(kept, "base64"))

    def freeze(self, out: Outgoing) -> str:
        """The mail's id and date: each attempt sends the same mail, which can be found by its id."""
        return msgspec.json.encode(writing.frozen(out, self._config.address)).decode()

    async def send(self, out: Outgoing) -> Receipt:
        """Send a reply, or begin a thread with a customer or a colleague."""
        check_files(self.name, self.caps, out)
        return await self._post.send(out)

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for the mail by its id."""
        return await self._post.reconcile(out, first_try_at)

    async def act(self, action: Action) -> None:
        """Mark a thread as read; a mailbox knows nothing else that an agent does."""
        if action.verb is not Verb.MARK_READ:
            raise Rejected(f"{self.name}: a mailbox cannot do {action.verb}", remedy="It is kept on this desk only")
        for folder, uids in (await self._threads.members(action.conversation_ref)).items():
            async with self._box.session() as imap:
                await self._box.open(imap, folder, change=True)
                await imap.mark_read(uids)

    def hints(self) -> AsyncIterator[None] | None:
        """Wait for mail on a line of its own, where the server offers that."""
        return news(self._box, self._config.folder)

    async def close(self) -> None:
        """Close the lines."""
        try:
            await self._box.close()
        except SourceError:
            return
