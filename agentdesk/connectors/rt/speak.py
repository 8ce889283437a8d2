"""RT's words into the model: tickets into conversations, transactions into messages, and who speaks for whom."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from agentdesk.config.sources import RtSource
from agentdesk.connectors.answers import nothing_shown
from agentdesk.connectors.foreign import ref, reject, text_and_raw
from agentdesk.connectors.html import html_to_text
from agentdesk.connectors.rt.client import PART_LIMIT, RtClient
from agentdesk.connectors.rt.wire import NOBODY, SYSTEM, WRITTEN, Part, Person, Ticket, Transaction, instant
from agentdesk.model.conversation import ClockKind, RemoteConversation, ServerDue
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment, Author, Direction, Kind, Message, Visibility
from agentdesk.model.page import Reject
from agentdesk.model.text import Inert, inert, inert_line

INACTIVE = frozenset(("resolved", "rejected", "deleted"))
ACTIVE = frozenset(("new", "open", "stalled"))
KNOWN_PEOPLE = 5_000
_MARK = re.compile(r"\[agentdesk ([\w-]{1,80})\]\s*\Z")
"""How the last line of a ticket looks that this desk opened."""
LONG = 20_000
"""Texts from here on are read in a thread: a mail must not hold up the screen."""


class Speaker:
    """Turns what one RT says into the model; remembers which logins are staff."""

    def __init__(self, config: RtSource, client: RtClient) -> None:
        self._config = config
        self._client = client
        self._site = client.site
        self.me = config.user
        self._staff: dict[str, bool] = {}
        self._closed: dict[str, bool] = {
            **dict.fromkeys(INACTIVE, True), **dict.fromkeys(ACTIVE, False), config.closed_status: True,
        }

    async def conversations(self, tickets: Iterable[Ticket]) -> list[RemoteConversation]:
        """The heads of these tickets."""
        found = []
        for ticket in tickets:
            closed = await self._is_closed(ticket)
            found.append(self._conversation(ticket, closed))
        return found

    def _conversation(self, ticket: Ticket, closed: bool) -> RemoteConversation:
        tags = ticket.values(self._config.tags_field) if self._config.tags_field else None
        due = instant(ticket.Due)
        fields = {
            str(inert_line(one.name, limit=60)): str(inert_line(", ".join(map(str, one.values))))
            for one in ticket.CustomFields
            if one.values and one.name != self._config.tags_field
        }
        if ticket.SLA:
            fields["SLA"] = str(inert_line(ticket.SLA, limit=60))
        return RemoteConversation(
            ref=str(ticket.id),
            customer_ref=self.customer(ticket),
            subject=inert_line(ticket.Subject),
            url=self.ticket_url(ticket.id),
            status=str(inert_line(ticket.Status, limit=60)),
            closed=closed,
            assignee=str(inert_line(ticket.owner, limit=120)),
            priority=str(inert_line(str(ticket.Priority), limit=60)),
            tags=None if tags is None else tuple(inert_line(tag, limit=60) for tag in tags),
            due=(ServerDue(kind=ClockKind.RESOLUTION, due_at=due),) if due and not closed else (),
            fields=fields,
            queue=str(inert_line(ticket.Queue.Name or str(ticket.Queue.id), limit=120)),
            updated_at=instant(ticket.LastUpdated),
        )

    def merged(self, old: int, new: int) -> RemoteConversation:
        """The head of a ticket that became part of another."""
        return RemoteConversation(
            ref=str(old), url=self.ticket_url(old), status=f"merged into {new}", closed=True, due=(),
            locked_reason=f"It was merged into ticket {new}: answer there", merged_into=str(new),
        )

    def moved(self, ticket: Ticket) -> RemoteConversation:
        """The head of a ticket that went to a queue we do not watch."""
        queue = inert_line(ticket.Queue.Name or str(ticket.Queue.id), limit=120)
        return RemoteConversation(
            ref=str(ticket.id), status=str(inert_line(ticket.Status, limit=60)), queue=str(queue),
            assignee=str(inert_line(ticket.owner, limit=120)), due=(),
            locked_reason=f"It was moved to the queue {queue}, which is not watched here",
        )

    def profiles(self, tickets: Iterable[Ticket]) -> list[Profile]:
        """The requestors of these tickets."""
        found = {person.login: person for ticket in tickets for person in ticket.Requestor if person.login}
        return [profile(person) for person in found.values()]

    def customer(self, ticket: Ticket) -> str:
        """Login of whose ticket it is: its first requestor, else who made it."""
        for person in ticket.Requestor:
            if person.login:
                return ref(person.login)
        maker = ticket.Creator.login
        return ref(maker) if maker and maker not in (self.me, NOBODY, SYSTEM) else ""

    def ticket_url(self, number: int) -> str:
        """Where a person sees the ticket."""
        return f"{self._site}/Ticket/Display.html?id={number}"

    async def messages(
        self, rows: Sequence[Transaction], tickets: dict[int, Ticket], into: dict[int, int]
    ) -> tuple[list[Message], list[Reject]]:
        """The written transactions as messages; ``into`` says which ticket a merged one's belong to."""
        written = [row for row in rows if row.Type in WRITTEN]
        parts: dict[int, list[Part]] = defaultdict(list)
        hanging = await self._client.parts([row.id for row in written])
        if written and not hanging and not await self._client.shows_parts(min(row.id for row in written)):
            raise nothing_shown(self._client.name, "texts of transactions")
        for part in hanging:
            parts[part.TransactionId].append(part)
        shown = [part for part in map(_text_part, parts.values()) if part is not None]
        texts = await self._client.texts([part for part in shown if part.ContentLength <= PART_LIMIT])
        messages: list[Message] = []
        rejects: list[Reject] = []
        for row in written:
            number = into.get(row.ObjectId, row.ObjectId)
            try:
                messages.append(await self._message(row, number, tickets.get(number), parts[row.id], texts))
            except ValueError as error:
                rejects.append(reject(f"transaction {row.id}", str(error), {"id": row.id, "Type": row.Type}))
        return messages, rejects

    async def _message(
        self, row: Transaction, number: int, ticket: Ticket | None, parts: list[Part], texts: dict[int, str]
    ) -> Message:
        created = instant(row.Created)
        if created is None:
            raise ValueError(f"{row.Created!r} is no time")
        direction = await self._direction(row, ticket)
        shown = _text_part(parts)
        if shown is not None and shown.ContentLength > LONG:
            text, raw = await asyncio.to_thread(_shown_text, shown, texts)
        else:
            text, raw = _shown_text(shown, texts)
        login = row.Creator.login
        client_id = str(inert_line(row.field(self._config.client_id_field))) if self._config.client_id_field else ""
        if row.Type == "Create" and login == self.me:
            text, opened_as = unmarked(text)
            if opened_as:  # a ticket that this desk opened: its words are ours, for colleagues
                client_id, direction, raw = client_id or opened_as, Direction.NOTE, ""
        return Message(
            ref=str(row.id),
            conversation_ref=str(number),
            author=Author(
                ref=ref(login or "unknown"), name=inert_line(row.Creator.RealName or login),
                handle=inert_line(row.Creator.EmailAddress or login),
            ),
            direction=direction,
            text=text,
            raw=raw,
            created_at=created,
            kind=Kind.TICKET,
            visibility=Visibility.INTERNAL if direction is Direction.NOTE else Visibility.DIRECT,
            attachments=tuple(self._attachment(part) for part in parts if _is_file(part, shown)),
            url=f"{self.ticket_url(number)}#txn-{row.id}",
            client_id=client_id,
        )

    def _attachment(self, part: Part) -> Attachment:
        name = inert_line(part.Filename or part.ContentType or "file", limit=200)
        path = f"/Ticket/Attachment/{part.TransactionId}/{part.id}/{quote(str(name))}"
        return Attachment(
            name=name, mime=str(inert_line(part.ContentType, limit=100)), size=part.ContentLength, url=self._site + path
        )

    async def _direction(self, row: Transaction, ticket: Ticket | None) -> Direction:
        """Comments are notes; what opens a ticket, and what requestors or strangers write, is the customer speaking.

        A stranger may be the customer under another address: taking that for our answer would hide the customer.
        """
        login = row.Creator.login
        if row.Type == "Comment" or login == SYSTEM:
            return Direction.NOTE
        if row.Type == "Create":
            return Direction.IN
        if login == self.me:
            return Direction.OUT
        if ticket is not None and login in {person.login for person in ticket.Requestor}:
            return Direction.IN
        return Direction.OUT if await self._is_staff(login) else Direction.IN

    async def _is_staff(self, login: str) -> bool:
        """True for RT's privileged users; where RT does not say, a login that is a mail address is none."""
        known = self._staff.get(login)
        if known is None:
            user = await self._client.user(login)
            known = str(user["Privileged"]) == "1" if user and "Privileged" in user else "@" not in login
            if len(self._staff) >= KNOWN_PEOPLE:
                self._staff.clear()
            self._staff[login] = known
        return known

    async def _is_closed(self, ticket: Ticket) -> bool:
        """Whether a status means done; RT is asked once for words that are not its usual ones."""
        known = self._closed.get(ticket.Status)
        if known is None:
            rows, _, _ = await self._client.tickets(f"id = {ticket.id} AND Status = '__Active__'", per_page=1)
            known = self._closed[ticket.Status] = not rows
        return known


def marked(text: str, client_id: str) -> str:
    """A ticket's words with our id below them."""
    return f"{text.rstrip()}\n\n[agentdesk {client_id}]"


def unmarked(text: Inert) -> tuple[Inert, str]:
    """The words without our id, and the id; empty where there is none."""
    found = _MARK.search(text)
    return (inert(text[: found.start()].rstrip()), found[1]) if found else (text, "")


def profile(person: Person) -> Profile:
    """A user as a customer's identity."""
    mail = (inert_line(person.EmailAddress),) if person.EmailAddress else ()
    return Profile(
        ref=ref(person.login), handle=inert_line(person.EmailAddress or person.login),
        name=inert_line(person.RealName or person.EmailAddress or person.login), contacts=mail,
    )


def _text_part(parts: Sequence[Part]) -> Part | None:
    """The part to show: plain text before HTML, never a file."""
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.ContentType.lower().startswith(kind) and not part.Filename:
                return part
    return None


def _shown_text(part: Part | None, texts: dict[int, str]) -> tuple[Inert, str]:
    """What to show of a part, and the original where that is something else."""
    if part is None:
        return Inert(""), ""
    if part.ContentLength > PART_LIMIT:
        return inert(f"(a text of {part.ContentLength // 1024} KiB: open the ticket in RT to read it)"), ""
    text = texts.get(part.id, "")
    html = part.ContentType.lower().startswith("text/html")
    return text_and_raw(html_to_text(text) if html else text.rstrip("\n"))


def _is_file(part: Part, shown: Part | None) -> bool:
    """True for what is attached, not for the frames and the second form of the text that is shown."""
    if part is shown or part.ContentType.lower().startswith(("multipart/", "message/")):
        return False
    return bool(part.Filename) or not part.ContentType.lower().startswith("text/")
