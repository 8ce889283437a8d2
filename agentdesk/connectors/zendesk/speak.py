"""Zendesk's words into the model: tickets into conversations, comments into messages, users into customers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from agentdesk.connectors.foreign import ref, reject, text_and_raw, web_url
from agentdesk.connectors.html import html_to_text
from agentdesk.connectors.items import instant
from agentdesk.connectors.zendesk.client import ZendeskClient
from agentdesk.connectors.zendesk.wire import MERGED_TAG, METRICS, SOLVED, Comment, File, Group, Identity, Ticket, User
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import ClockKind, RemoteConversation, ServerDue
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment, Author, Direction, Kind, Message, Visibility
from agentdesk.model.page import Reject
from agentdesk.model.text import Inert, inert_line

KNOWN_PEOPLE = 5_000
LONG = 20_000
"""Texts from here on are read in a thread: a mail must not hold up the screen."""
MAX_FIELDS = 20
_INFECTED = "malware_found"


class Speaker:
    """Turns what one Zendesk says into the model; knows its groups, fields and people."""

    def __init__(self, client: ZendeskClient) -> None:
        self._client = client
        self._site = client.site
        self.groups: dict[int, Group] = {}
        self.fields: dict[int, str] = {}
        """Titles of the desk's own ticket fields."""
        self._people: dict[int, User] = {}

    def meet(self, users: dict[int, User]) -> None:
        """Remember people whose names came with something else."""
        if len(self._people) + len(users) > KNOWN_PEOPLE:
            self._people.clear()
        self._people.update(users)

    async def person(self, number: int) -> User | None:
        """A user by number; asked for once."""
        if number not in self._people and number > 0:
            found = await self._client.user(number)
            self.meet({number: found or User(id=number)})
        return self._people.get(number)

    async def agent(self, number: int) -> str:
        """What an agent is called where tickets are given away; empty for nobody."""
        if number <= 0:
            return ""
        user = await self.person(number)
        return str(inert_line((user.email or user.name) if user else "", limit=120)) or f"user {number}"

    def link(self, number: int) -> str:
        """Where a person sees the ticket."""
        return f"{self._site}/agent/tickets/{number}"

    def queue(self, ticket: Ticket) -> str:
        """The name of its group."""
        group = self.groups.get(ticket.group_id)
        return str(inert_line(group.name, limit=120)) if group else f"group {ticket.group_id}" * bool(ticket.group_id)

    async def conversation(self, ticket: Ticket) -> RemoteConversation:
        """The head of a ticket."""
        closed = ticket.status in SOLVED
        return RemoteConversation(
            ref=str(ticket.id),
            customer_ref=str(ticket.requester_id) if ticket.requester_id else "",
            subject=inert_line(ticket.subject),
            url=self.link(ticket.id),
            status=str(inert_line(ticket.status, limit=60)),
            closed=closed,
            assignee=await self.agent(ticket.assignee_id),
            priority=str(inert_line(ticket.priority, limit=60)),
            tags=tuple(inert_line(str(tag), limit=60) for tag in ticket.tags),
            due=() if closed else _due(ticket),
            fields=self._fields(ticket),
            queue=self.queue(ticket),
            updated_at=instant(ticket.updated_at),
            locked_reason=_locked(ticket),
        )

    async def moved(self, ticket: Ticket) -> RemoteConversation:
        """The head of a ticket that went to a group we do not watch."""
        queue = self.queue(ticket) or "no group"
        return RemoteConversation(
            ref=str(ticket.id), status=str(inert_line(ticket.status, limit=60)), queue=queue, due=(),
            assignee=await self.agent(ticket.assignee_id), updated_at=instant(ticket.updated_at),
            locked_reason=f"It was moved to {queue}, which is not watched here",
        )

    def merged(self, number: int, into: int, at: str) -> RemoteConversation:
        """The head of a ticket that became part of another."""
        return RemoteConversation(
            ref=str(number), url=self.link(number), status="closed", closed=True, due=(), merged_into=str(into),
            updated_at=instant(at), locked_reason=f"It was merged into ticket {into}: answer there",
        )

    def mergers(self, ticket: Ticket, comments: Iterable[Comment]) -> list[RemoteConversation]:
        """Tickets that became part of others, as what is written on this one tells: it itself, or others of it."""
        told = [comment for comment in comments if comment.merger and self._by_staff(comment)]
        named = [number for comment in told for number in sorted(comment.named) if number != ticket.id]
        if MERGED_TAG in ticket.tags:
            return [self.merged(ticket.id, named[-1], ticket.updated_at)] if named and ticket.status in SOLVED else []
        return [self.merged(number, ticket.id, comment.created_at) for comment in told if comment.via.merger
                for number in sorted(comment.named) if number != ticket.id]

    def _by_staff(self, comment: Comment) -> bool:
        author = self._people.get(comment.author_id)
        return comment.author_id <= 0 or (author is not None and author.staff)

    def deleted(self, ticket: Ticket) -> RemoteConversation:
        """The head of a ticket that was deleted."""
        return RemoteConversation(
            ref=str(ticket.id), status="deleted", closed=True, due=(), updated_at=instant(ticket.updated_at),
            locked_reason="It was deleted in Zendesk",
        )

    async def messages(self, ticket: Ticket, comments: Iterable[Comment]) -> tuple[list[Message], list[Reject]]:
        """What was written, as messages."""
        messages: list[Message] = []
        rejects: list[Reject] = []
        for comment in comments:
            try:
                messages.append(await self._message(comment, ticket))
            except ValueError as error:
                rejects.append(reject(f"comment {comment.id}", str(error), {"id": comment.id}))
        return messages, rejects

    async def _message(self, comment: Comment, ticket: Ticket) -> Message:
        created = instant(comment.created_at)
        if created is None:
            raise ValueError(f"{comment.created_at!r} is no time")
        text, raw = await _shown(comment)
        author = await self.person(comment.author_id)
        direction = self.direction(comment, ticket)
        public = comment.public
        return Message(
            ref=str(comment.id),
            conversation_ref=str(ticket.id),
            author=Author(
                ref=ref(comment.author_id or "unknown"), name=inert_line(_name(author, comment)),
                handle=inert_line(author.email if author else ""),
            ),
            direction=direction,
            text=text,
            raw=raw,
            created_at=created,
            kind=Kind.TICKET,
            visibility=Visibility.DIRECT if public else Visibility.INTERNAL,
            attachments=tuple(_attachment(file) for file in comment.attachments if not file.inline),
            url=self.link(ticket.id),
            client_id=str(inert_line(comment.key)) if direction is not Direction.IN else "",
            can_reply=direction is not Direction.NOTE,
        )

    def direction(self, comment: Comment, ticket: Ticket) -> Direction:
        """Customers speak in; agents out or among themselves, unless the agent is who asked; rules answer nobody."""
        author = self._people.get(comment.author_id)
        if comment.author_id <= 0 or str(comment.via.channel) in ("rule", "system"):
            return Direction.NOTE
        if author is not None and author.staff and comment.merger:
            return Direction.NOTE
        if author is not None and author.staff and comment.author_id != ticket.requester_id:
            return Direction.OUT if comment.public else Direction.NOTE
        if author is not None and author.staff and not comment.public:
            return Direction.NOTE
        return Direction.IN

    def profiles(self, numbers: Iterable[int]) -> list[Profile]:
        """The people we know among these."""
        return [self.profile(self._people[number]) for number in dict.fromkeys(numbers) if number in self._people]

    def profile(self, user: User, identities: Iterable[Identity] = ()) -> Profile:
        """A user as a customer's identity."""
        also = [it.value for it in identities if it.type in ("email", "phone_number")]
        social = [it.value for it in identities if it.type in ("twitter", "facebook")]
        contacts = dict.fromkeys(text for text in (user.email, user.phone, *also) if text)
        return Profile(
            ref=str(user.id), handle=inert_line(user.email or (f"@{social[0]}" if social else "")),
            name=inert_line(user.name or user.email or f"user {user.id}"), bio=inert_line(user.details),
            url=web_url(f"{self._site}/agent/users/{user.id}"), contacts=tuple(map(inert_line, contacts)),
            created_at=instant(user.created_at), lang=str(inert_line(user.locale, limit=20)), blocked=user.suspended,
        )

    def _fields(self, ticket: Ticket) -> dict[str, str]:
        """What else is worth knowing: the number, the kind of ticket, how it came, the desk's own fields."""
        found = {"ticket_number": str(ticket.id)}
        for name, text in (("type", ticket.type), ("channel", str(ticket.via.channel)),
                           ("problem", str(ticket.problem_id or ""))):
            if text:
                found[name] = str(inert_line(text, limit=60))
        for item in ticket.custom_fields:
            title = self.fields.get(item.id, "")
            text = _value(item.value)
            if title and text and len(found) < MAX_FIELDS:
                found[str(inert_line(title, limit=60))] = str(inert_line(text))
        return found


def _value(value: Any) -> str:
    if value is None or value is False or value == "":
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _locked(ticket: Ticket) -> str:
    """Why nothing written here would reach the customer; a closed ticket is answered in a follow-up."""
    if MERGED_TAG in ticket.tags and ticket.status in SOLVED:
        return "It was merged into another ticket: answer there"
    if ticket.elsewhere and ticket.status != "closed":
        return f"It came by {ticket.elsewhere}: only Zendesk itself can answer there"
    return ""


def _due(ticket: Ticket) -> tuple[ServerDue, ...]:
    """The earliest due time of each kind that is running; what the stage says is told apart only where it is known."""
    policies = ticket.slas.get("policy_metrics") if isinstance(ticket.slas, dict) else None
    found: dict[ClockKind, Millis] = {}
    for metric in policies if isinstance(policies, list) else []:
        if not isinstance(metric, dict) or metric.get("stage") in ("achieved", "paused"):
            continue
        kind, at = METRICS.get(str(metric.get("metric"))), instant(metric.get("breach_at"))
        if kind is not None and at is not None:
            found[kind] = min(at, found.get(kind, at))
    at = instant(ticket.due_at)
    if at is not None and ticket.type == "task":
        found.setdefault(ClockKind.RESOLUTION, at)
    return tuple(ServerDue(kind=kind, due_at=due) for kind, due in sorted(found.items()))


async def _shown(comment: Comment) -> tuple[Inert, str]:
    """What to show of a comment, and the original where that is something else."""
    if not comment.html_body:
        return text_and_raw((comment.plain_body or comment.body).strip("\n"))
    if len(comment.html_body) > LONG:
        return text_and_raw(await asyncio.to_thread(html_to_text, comment.html_body))
    return text_and_raw(html_to_text(comment.html_body))


def _name(author: User | None, comment: Comment) -> str:
    if comment.author_id <= 0:
        return "Zendesk"
    return (author.name or author.email if author else "") or f"user {comment.author_id}"


def _attachment(file: File) -> Attachment:
    """A file; one that Zendesk found malware in is shown and cannot be fetched."""
    infected = file.malware_scan_result == _INFECTED
    return Attachment(
        name=inert_line(file.file_name or "file", limit=200), mime=str(inert_line(file.content_type, limit=100)),
        size=file.size, url="" if infected else web_url(file.content_url),
        alt=inert_line("Zendesk found malware in it" if infected else ""),
    )
