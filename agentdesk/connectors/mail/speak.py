"""From a mail to the model: who speaks, what is new in it, and which conversation it belongs to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import quote

from agentdesk.config.sources import MailSource
from agentdesk.connectors.foreign import ref, reject, text_and_raw
from agentdesk.connectors.mail.content import Shown, file_name, shown
from agentdesk.connectors.mail.headers import Address, Header
from agentdesk.connectors.mail.kinds import MailKind, Report, kind_of
from agentdesk.connectors.mail.mailbox import Folders, Mail, Mailbox
from agentdesk.connectors.mail.mark import Mark
from agentdesk.connectors.mail.parts import Part
from agentdesk.connectors.mail.threads import LOOKUPS, Threads, base_subject, key, parents
from agentdesk.errors import SourceError
from agentdesk.model.clock import DAY, Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment, Author, Direction, Kind, Message, Visibility
from agentdesk.model.page import Page, Reject, Undelivered
from agentdesk.model.text import inert_line

NOT_DELIVERED = "not delivered"
LONG = 64 * 1024
_SAID = {
    MailKind.AUTOMATIC: "(automatic answer)", MailKind.REPORT: "(report: it arrived or was read)",
    MailKind.DELAYED: "(not delivered yet", MailKind.FAILED: "(not delivered",
}


@dataclass(frozen=True)
class Read:
    """A mail with what it means."""

    mail: Mail
    kind: MailKind
    report: Report | None
    direction: Direction
    own_id: str
    """The id of the reply that it is, when it is one of ours."""
    root: str = ""


class Speaker:
    """Makes pages of mails."""

    def __init__(self, config: MailSource, box: Mailbox, threads: Threads, mark: Mark) -> None:
        self._config = config
        self._box = box
        self._threads = threads
        self._mark = mark
        self.us = config.address.casefold()
        self.ours = frozenset((self.us, *(one.casefold() for one in config.ours)))

    async def page(self, mails: list[Mail], *, backfill: bool = False, old: bool = False) -> Page:
        """Messages, heads and people of these mails, oldest first; what cannot be read is set aside.

        ``old`` says that the folder may have been filled anew, so that a mail's own date counts where it is earlier.
        """
        folders = await self._box.folders()
        rejects: list[Reject] = []
        read: list[Read] = []
        for mail in mails:
            if not mail.header.count:
                rejects.append(reject(_place(mail), "It is no mail: it has no header", f"{mail.size} bytes"))
                continue
            try:
                read.append(await self._read(mail, folders))
            except SourceError:
                raise
            except Exception as error:  # whatever a stranger wrote: the other mails must not wait for it
                rejects.append(reject(_place(mail), f"It cannot be read: {error}", mail.id))
        near = {one.mail.id: one.mail.header for one in read}
        budget = [LOOKUPS]
        rooted = [await self._rooted(one, near, budget) for one in sorted(read, key=lambda one: one.mail.arrived)]
        messages: dict[str, Message] = {}
        shown_of: list[Read] = []
        for one in rooted:
            try:
                message = await self._message(one, near, old)
            except Exception as error:  # as above
                rejects.append(reject(_place(one.mail), f"It cannot be read: {error}", one.mail.id))
                continue
            if message.ref not in messages or message.direction is Direction.OUT:
                messages[message.ref] = message
            shown_of.append(one)
        ordered = sorted(messages.values(), key=lambda message: message.created_at)
        return Page(
            messages=tuple(ordered), conversations=tuple(self._heads(shown_of)), profiles=tuple(self._people(shown_of)),
            rejects=tuple(rejects), backfill=backfill, undelivered=await self._undelivered(shown_of, near, budget),
        )

    async def _read(self, mail: Mail, folders: Folders) -> Read:
        """Who speaks in a mail, and as what."""
        header = mail.header
        sender = next((one.mail for one in header.addresses("from")), "")
        own_id = self._mark.client_id(header)
        if mail.folder == folders.sent != folders.inbox or own_id:
            return Read(mail, MailKind.PERSON, None, Direction.OUT, own_id)
        kind, report = kind_of(header, mail.root)
        if self.us in header.raw("x-loop").casefold() or (
                header.has("list-id") and header.has("message-id") and await self._was_sent(mail, folders)):
            kind = MailKind.AUTOMATIC
        if kind not in (MailKind.PERSON, MailKind.BULK):
            return Read(mail, kind, report, Direction.NOTE, "")
        outward = any(one.mail not in self.ours for one in header.addresses("to", "cc"))
        if sender in self.ours and outward and (sender != self.us or mail.folder in folders.others
                                                or await self._was_sent(mail, folders)):
            return Read(mail, kind, None, Direction.OUT, "")
        return Read(mail, kind, None, Direction.IN, "")

    async def _was_sent(self, mail: Mail, folders: Folders) -> bool:
        """True when the folder of sent mail holds it too: the sender's name alone proves nothing."""
        return bool(folders.sent) and await self._box.find_id(mail.id, (folders.sent,)) is not None

    async def _rooted(self, one: Read, near: dict[str, Header], budget: list[int]) -> Read:
        chain = parents(one.mail.header)
        if one.report is not None and one.report.about:
            chain = [one.report.about]
        root = await self._threads.root(one.mail.header, chain, near, budget, one.mail.arrived)
        return Read(one.mail, one.kind, one.report, one.direction, one.own_id, root)

    async def _undelivered(
        self, read: list[Read], near: dict[str, Header], budget: list[int]
    ) -> tuple[Undelivered, ...]:
        """The mails that these reports say did not arrive, as they are known here."""
        told: dict[str, Undelivered] = {}
        for one in read:
            if one.kind is not MailKind.FAILED or one.report is None or not one.report.about:
                continue
            back, header = one.report.header, near.get(one.report.about)
            if header is None and budget[0] > 0:
                budget[0] -= 1
                place = await self._box.find_id(one.report.about, (await self._box.folders()).known)
                header = place[2] if place else None
            header = header or back
            if header is not None:
                said = ": ".join(part for part in (one.report.recipient, one.report.why) if part)
                told[key(header)] = Undelivered(ref=ref(key(header)), reason=str(inert_line(said, limit=300)),
                                                client_id=self._mark.client_id(back) if back is not None else "")
        return tuple(told.values())

    async def _message(self, one: Read, near: dict[str, Header], old: bool) -> Message:
        mail = one.mail
        if mail.size > LONG:
            said = await asyncio.to_thread(_said, one)
        else:
            said = _said(one)
        text, raw = text_and_raw(said.text)
        author = self.author(one)
        chain = parents(mail.header)
        return Message(
            ref=ref(key(mail.header)),
            conversation_ref=ref(one.root),
            author=Author(ref=ref(author.mail or "unknown"), name=inert_line(author.name or author.mail or "unknown"),
                          handle=inert_line(author.mail)),
            direction=one.direction,
            text=text,
            raw=raw,
            created_at=_when(mail, old),
            kind=Kind.DM,
            visibility=Visibility.INTERNAL if one.direction is Direction.NOTE else Visibility.DIRECT,
            parent_ref=ref(key(near[chain[-1]])) if chain and chain[-1] in near else "",
            attachments=tuple(_attachment(mail, part) for part in said.files),
            client_id=one.own_id,
            can_reply=bool(author.mail),
            indirect=one.kind is MailKind.BULK,
        )

    async def answered(self, mails: list[Mail], chosen: str) -> Header:
        """The header of the mail that a reply answers: the chosen one, else the customer's last, else the last."""
        folders = await self._box.folders()
        read = [await self._read(mail, folders) for mail in sorted(mails, key=lambda mail: mail.arrived)]
        for one in read:
            if chosen and key(one.mail.header) == chosen:
                return one.mail.header
        inbound = [one for one in read if one.direction is Direction.IN]
        spoken = inbound or [one for one in read if one.direction is Direction.OUT] or read
        return spoken[-1].mail.header

    def author(self, one: Read) -> Address:
        """Who wrote a mail: for a form on our own page, which writes in our name, the one to answer."""
        header = one.mail.header
        sender = next(iter(header.addresses("from", "sender")), Address("", ""))
        if one.direction is Direction.IN and sender.mail in self.ours:
            others = [other for other in header.addresses("reply-to") if other.mail not in self.ours]
            return others[0] if others else sender
        return sender

    def customer(self, one: Read) -> Address | None:
        """Whose conversation it is, as far as this mail tells."""
        if one.direction is Direction.IN:
            return self.author(one)
        if one.direction is Direction.OUT:
            people = one.mail.header.addresses("to", "cc", "bcc")
            return next((other for other in people if other.mail not in self.ours), None)
        return None

    def _heads(self, read: list[Read]) -> list[RemoteConversation]:
        """The heads of these mails' conversations; whether the last thing that happened there was a failure."""
        heads: dict[str, RemoteConversation] = {}
        for one in read:
            before = heads.get(one.root)
            person = self.customer(one)
            subject = inert_line(base_subject(one.mail.header.text("subject"))) if one.report is None else ""
            customer = before.customer_ref if before and before.customer_ref else person.mail if person else ""
            if before is None and not customer and one.report is None:
                customer = self.author(one).mail
            status = before.status if before else None
            if one.kind is MailKind.FAILED:
                status = NOT_DELIVERED
            elif one.direction is not Direction.NOTE:
                status = ""
            heads[one.root] = RemoteConversation(
                ref=ref(one.root), customer_ref=customer, status=status,
                subject=before.subject if before and before.subject else inert_line(subject),
            )
        return list(heads.values())

    def _people(self, read: list[Read]) -> list[Profile]:
        found: dict[str, Profile] = {}
        for one in read:
            person = self.customer(one)
            if person is not None and person.mail:
                known = found.get(person.mail)
                name = person.name or (known.name if known else "")
                found[person.mail] = profile(Address(name, person.mail))
        return list(found.values())


def profile(person: Address) -> Profile:
    """A person as their mails show them."""
    handle = inert_line(person.mail)
    return Profile(ref=ref(person.mail), handle=handle, name=inert_line(person.name) or handle, contacts=(handle,))


def _said(one: Read) -> Shown:
    """A mail's text with what is to be said of it, and its files."""
    mail = one.mail
    found = shown(mail.root) if mail.root is not None else Shown("")
    notes = []
    if one.report is not None and one.kind in (MailKind.FAILED, MailKind.DELAYED):
        to = f" to {one.report.recipient}" if one.report.recipient else ""
        notes.append(f"{_SAID[one.kind]}{to}{': ' + one.report.why if one.report.why else ''})")
    elif one.kind in _SAID:
        notes.append(_SAID[one.kind])
    after = [mail.why] if mail.why else []
    if found.cut:
        after.append("(the text is longer than what is shown)")
    found.text = "\n\n".join(part for part in (*notes, found.text, *after) if part)
    return found


def _when(mail: Mail, old: bool) -> Millis:
    """When it reached us; in a folder that was filled anew what the mail itself tells of that, when much earlier."""
    if not mail.arrived or (old and mail.delivered < mail.arrived - DAY):
        return mail.delivered
    return mail.arrived


def _attachment(mail: Mail, part: Part) -> Attachment:
    return Attachment(
        name=inert_line(file_name(part), limit=200) or inert_line("file"), mime=str(inert_line(part.mime, limit=100)),
        size=part.size, alt=inert_line(part.description), url=file_url(mail.id, part),
    )


def file_url(identifier: str, part: Part) -> str:
    """Where a file is: the mail's id, the part's number, and how it is packed (after RFC 2392)."""
    encoding = part.encoding if part.encoding in ("base64", "quoted-printable", "x-uuencode", "uuencode") else ""
    return str(inert_line(f"mid:{quote(identifier, safe='@.-_')}/{part.section}{';' + encoding if encoding else ''}",
                          limit=1_000))


def _place(mail: Mail) -> str:
    return f"{mail.folder} {mail.uid}"
