"""Zammad's words into the model: tickets into conversations, articles into messages, users into customers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from email.utils import parseaddr
from typing import Any

from agentdesk.connectors.foreign import ref, reject, text_and_raw, web_url
from agentdesk.connectors.html import html_to_text
from agentdesk.connectors.items import instant
from agentdesk.connectors.zammad.client import ZammadClient
from agentdesk.connectors.zammad.wire import KNOWN, MERGED, NOBODY, Article, Group, Priority, State, Ticket, User
from agentdesk.connectors.zammad.wire import preference as held
from agentdesk.model.conversation import ClockKind, RemoteConversation, ServerDue
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment, Author, Direction, Kind, Message, Visibility
from agentdesk.model.page import Reject, Undelivered
from agentdesk.model.text import Inert, inert_line

KNOWN_PEOPLE = 5_000
LONG = 20_000
"""Texts from here on are read in a thread: a mail must not hold up the screen."""
MAX_FIELDS = 20
_SYSTEM = {"System": "Zammad"}
OPEN_TO_ALL = ("twitter status", "facebook feed post", "facebook feed comment")
"""Channels that everybody can read."""


class Speaker:
    """Turns what one Zammad says into the model; knows its states, groups and people."""

    def __init__(self, client: ZammadClient) -> None:
        self._client = client
        self._site = client.site
        self.states: dict[int, State] = {}
        self.priorities: dict[int, Priority] = {}
        self.groups: dict[int, Group] = {}
        self._people: dict[int, User] = {}

    async def refresh(self) -> None:
        """Read the names of states, priorities and groups."""
        client = self._client
        self.states = await client.states()
        self.priorities = {item.id: item for item in await client.rows("/ticket_priorities", Priority, "priority")}
        self.groups = {group.id: group for group in await client.rows("/groups", Group, "group")}

    def knows(self, ticket: Ticket) -> bool:
        """False when the ticket names a state, priority or group that was made since."""
        return (ticket.state_id in self.states and ticket.group_id in self.groups
                and ticket.priority_id in self.priorities)

    def meet(self, users: dict[int, User]) -> None:
        """Remember people whose names came with something else."""
        if len(self._people) + len(users) > KNOWN_PEOPLE:
            self._people.clear()
        self._people.update(users)

    async def person(self, number: int) -> User | None:
        """A user by number; asked for once."""
        if number not in self._people and number > NOBODY:
            found = await self._client.user(number)
            self.meet({number: found or User(id=number)})
        return self._people.get(number)

    async def login(self, number: int) -> str:
        """The login of an agent; empty for nobody."""
        if number <= NOBODY:
            return ""
        user = await self.person(number)
        return str(inert_line((user.login or user.email) if user else "", limit=120)) or f"user {number}"

    def closed(self, ticket: Ticket) -> bool:
        """Whether its state means done."""
        state = self.states.get(ticket.state_id)
        return state is not None and state.closed

    def merged(self, ticket: Ticket) -> bool:
        """Whether it became part of another one."""
        state = self.states.get(ticket.state_id)
        return state is not None and state.type == MERGED

    def link(self, number: int, article: int = 0) -> str:
        """Where a person sees the ticket."""
        return f"{self._site}/#ticket/zoom/{number}" + (f"/{article}" if article else "")

    async def conversation(
        self, ticket: Ticket, raw: dict[str, Any], tags: Sequence[str] | None, articles: Sequence[Article] = ()
    ) -> RemoteConversation:
        """The head of a ticket."""
        state, group = self.states.get(ticket.state_id), self.groups.get(ticket.group_id)
        priority = self.priorities.get(ticket.priority_id)
        closed = self.closed(ticket)
        into = await self._client.merged_into(ticket.id) if self.merged(ticket) else 0
        return RemoteConversation(
            ref=str(ticket.id),
            customer_ref=str(ticket.customer_id) if ticket.customer_id else "",
            subject=inert_line(ticket.title),
            url=self.link(ticket.id),
            status=str(inert_line(state.name if state else f"state {ticket.state_id}", limit=60)),
            closed=closed,
            assignee=await self.login(ticket.owner_id),
            priority=str(inert_line(priority.name, limit=60)) if priority else None,
            tags=None if tags is None else tuple(inert_line(tag, limit=60) for tag in tags),
            due=() if closed else _due(ticket),
            fields=_fields(ticket, raw, articles, state),
            queue=str(inert_line(group.name, limit=120)) if group else f"group {ticket.group_id}",
            updated_at=instant(ticket.updated_at),
            locked_reason=f"It was merged into {f'ticket {into}' if into else 'another ticket'}: answer there"
            if self.merged(ticket) else "",
            merged_into=str(into or ""),
        )

    async def moved(self, ticket: Ticket) -> RemoteConversation:
        """The head of a ticket that went to a group we do not watch."""
        state, group = self.states.get(ticket.state_id), self.groups.get(ticket.group_id)
        queue = str(inert_line(group.name if group else f"group {ticket.group_id}", limit=120))
        return RemoteConversation(
            ref=str(ticket.id), status=str(inert_line(state.name, limit=60)) if state else None, queue=queue,
            assignee=await self.login(ticket.owner_id), due=(), updated_at=instant(ticket.updated_at),
            locked_reason=f"It was moved to the group {queue}, which is not watched here",
        )

    async def messages(self, ticket: Ticket, articles: Iterable[Article]) -> tuple[list[Message], list[Reject]]:
        """What was written, as messages."""
        messages: list[Message] = []
        rejects: list[Reject] = []
        for article in articles:
            try:
                messages.append(await self._message(article, ticket))
            except ValueError as error:
                rejects.append(reject(f"article {article.id}", str(error), {"id": article.id, "type": article.type}))
        return messages, rejects

    async def _message(self, article: Article, ticket: Ticket) -> Message:
        created = instant(article.created_at)
        if created is None:
            raise ValueError(f"{article.created_at!r} is no time")
        text, raw = await _shown(article)
        direction = _direction(article)
        if direction is Direction.OUT and article.channel == "note" and self.merged(ticket):
            direction = Direction.NOTE  # Zammad's own word about the merger, in the name of who did it
        return Message(
            ref=str(article.id),
            conversation_ref=str(ticket.id),
            author=self._author(article, ticket),
            direction=direction,
            text=text,
            raw=raw,
            created_at=created,
            kind=Kind.TICKET,
            visibility=_visibility(article),
            attachments=tuple(self._attachment(article, file) for file in _plain(article.attachments)),
            url=self.link(ticket.id, article.id),
            client_id=str(inert_line(article.key)) if direction is not Direction.IN else "",
            can_reply=direction is not Direction.NOTE,
        )

    def _author(self, article: Article, ticket: Ticket) -> Author:
        """Who spoke; an agent who writes down what a customer said on the telephone is not the speaker."""
        number = article.author_id
        if article.by == "Customer" and not article.origin_by_id and number <= NOBODY:
            number = ticket.customer_id
        user = self._people.get(number)
        name, mail = parseaddr(article.from_) if "@" in article.from_ else (article.from_.strip(), "")
        if article.by != "Customer":
            name = name.partition(" via ")[0].removesuffix(" via")
        known = "" if article.by == "System" else user.name if user else ""
        handle = (user.email or user.login) if user else mail or article.created_by
        return Author(
            ref=ref(number or "unknown"), name=inert_line(known or name or _SYSTEM.get(article.by) or handle),
            handle=inert_line(handle),
        )

    def _attachment(self, article: Article, file: Any) -> Attachment:
        mime = held(file.preferences, "Content-Type") or held(file.preferences, "Mime-Type")
        path = f"/api/v1/ticket_attachment/{article.ticket_id}/{article.id}/{file.id}"
        size = int(file.size) if str(file.size).isdecimal() else None
        return Attachment(
            name=inert_line(file.filename or "file", limit=200), size=size, url=self._site + path,
            mime=str(inert_line(mime.partition(";")[0], limit=100)),
        )

    def profiles(self, numbers: Iterable[int]) -> list[Profile]:
        """The customers among the people we know."""
        found = [self._people[number] for number in dict.fromkeys(numbers) if number in self._people]
        return [self.profile(user) for user in found if user.id > NOBODY]

    def profile(self, user: User) -> Profile:
        """A user as a customer's identity."""
        contacts = (user.email, user.phone, user.mobile)
        return Profile(
            ref=str(user.id), handle=inert_line(user.email or user.login), name=inert_line(user.name),
            url=web_url(f"{self._site}/#user/profile/{user.id}"), bio=inert_line(user.note),
            contacts=tuple(inert_line(text) for text in dict.fromkeys(contacts) if text),
            created_at=instant(user.created_at), lang=str(inert_line(held(user.preferences, "locale"), limit=20)),
            blocked=not user.active,
        )


def _due(ticket: Ticket) -> tuple[ServerDue, ...]:
    """The due times that Zammad counts down to; those that were met are none."""
    given = (
        (ClockKind.FIRST, "" if ticket.first_response_at else ticket.first_response_escalation_at),
        (ClockKind.NEXT, ticket.update_escalation_at),
        (ClockKind.RESOLUTION, "" if ticket.close_at else ticket.close_escalation_at),
    )
    found = tuple(ServerDue(kind=kind, due_at=at) for kind, text in given if (at := instant(text)) is not None)
    if not found and (at := instant(ticket.escalation_at)) is not None:
        return (ServerDue(kind=ClockKind.NEXT, due_at=at),)
    return found


def _fields(ticket: Ticket, raw: dict[str, Any], articles: Sequence[Article], state: State | None) -> dict[str, str]:
    """What else is worth knowing: the number customers quote, the desk's own fields, a mail that did not go out."""
    found = {"ticket_number": str(inert_line(str(ticket.number), limit=60))} if ticket.number else {}
    if state is not None and state.waits and ticket.pending_time:
        found["pending_until"] = str(inert_line(ticket.pending_time, limit=60))
    sent = [article for article in articles if article.by == "Agent" and not article.internal]
    if sent and held(sent[-1].preferences, "delivery_status") == "fail":
        why = held(sent[-1].preferences, "delivery_status_message")
        found["delivery"] = str(inert_line(f"the last answer did not go out: {why}"))
    for name, value in raw.items():
        if name in KNOWN or name.endswith(("_id", "_ids", "_at")) or value in ("", None, False):
            continue
        if isinstance(value, str | int | float) and len(found) < MAX_FIELDS:
            found[str(inert_line(name, limit=60))] = str(inert_line(str(value)))
    return found


async def _shown(article: Article) -> tuple[Inert, str]:
    """What to show of an article, and the original where that is something else."""
    if "html" not in article.content_type.lower():
        return text_and_raw(article.body.strip("\n"))
    if len(article.body) > LONG:
        return text_and_raw(await asyncio.to_thread(html_to_text, article.body))
    return text_and_raw(html_to_text(article.body))


def undelivered(articles: Sequence[Article]) -> list[Undelivered]:
    """Answers whose mail Zammad has given up: it tries four times, then it says so in a note of its own."""
    given_up = {held(article.preferences, "delivery_article_id_related") for article in articles}
    return [Undelivered(ref=str(article.id),
                        reason=str(inert_line(held(article.preferences, "delivery_status_message"), limit=300)))
            for article in articles if _direction(article) is Direction.OUT and str(article.id) in given_up
            and held(article.preferences, "delivery_status") == "fail"]


def _direction(article: Article) -> Direction:
    """A customer's words stay theirs also when an agent hid them; what the system sends by itself answers nobody."""
    if article.by == "Customer":
        return Direction.IN
    return Direction.NOTE if article.internal or article.by == "System" else Direction.OUT


def _visibility(article: Article) -> Visibility:
    if article.internal:
        return Visibility.INTERNAL
    return Visibility.PUBLIC if article.channel in OPEN_TO_ALL else Visibility.DIRECT


def _plain(files: Iterable[Any]) -> list[Any]:
    """The files that a person attached; a mail's second form of its own text is none."""
    return [file for file in files if not held(file.preferences, "content-alternative")]
