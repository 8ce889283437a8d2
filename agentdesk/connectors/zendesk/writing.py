"""Writing into Zendesk: public comments, private ones, tickets, and follow-ups to tickets that are closed for good.

A comment goes with the state of the ticket that it was written on; a stale one is refused by Zendesk and what came in
between is looked at first. Our own id lies in the custom metadata of the update, which comes back with its comment.
"""

from __future__ import annotations

import html
from typing import Any

from agentdesk.config.sources import ZendeskSource
from agentdesk.connectors.files import contents
from agentdesk.connectors.items import instant
from agentdesk.connectors.matching import LOOK_BACK, same_text
from agentdesk.connectors.zendesk.acting import Actor, plain_tag
from agentdesk.connectors.zendesk.client import ZendeskClient, made
from agentdesk.connectors.zendesk.speak import Speaker
from agentdesk.connectors.zendesk.wire import KEY, Comment, Ticket, User
from agentdesk.errors import Ambiguous, Conflict, Rejected, WindowClosed
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import Outgoing, OutKind, Receipt
from agentdesk.model.text import inert_line

TRIES = 3
TAIL = 1
"""Pages of the latest comments that are looked through for one of ours: a hundred each."""
FOLLOW_UPS = 20


class Writer:
    """Puts what an agent wrote onto tickets."""

    def __init__(self, config: ZendeskSource, client: ZendeskClient, speaker: Speaker, actor: Actor) -> None:
        self._config = config
        self._client = client
        self._speaker = speaker
        self._actor = actor
        self.name = client.name

    async def comment(self, out: Outgoing, number: int) -> Receipt:
        """Add a comment, unless our id is on one already."""
        uploads: list[str] | None = None
        last = -1
        for _ in range(TRIES):
            ticket = (await self._client.ticket(number)).tickets[0]
            comments, users, _ = await self._client.comments(number, pages=TAIL)
            self._speaker.meet(users)
            if (there := by_key(out, comments)) is not None:
                return self.receipt(number, there.id, there.created_at)
            if ticket.status == "closed":
                return await self._follow_up(out, ticket)
            if out.kind is OutKind.REPLY and ticket.elsewhere:
                raise WindowClosed(f"{self.name}: a reply from here does not reach the customer",
                                   f"The ticket came by {ticket.elsewhere}, which only Zendesk itself answers",
                                   "Answer in Zendesk: open the ticket with o")
            spoken = max((c.id for c in comments if c.public and c.author_id != self._client.me), default=0)
            if last >= 0 and spoken > last and out.kind is OutKind.REPLY:
                raise Conflict(f"{self.name}: something new stands on ticket {number}",
                               "It came in between, so nothing was sent", "Read it, then send again")
            last = spoken
            if uploads is None:
                uploads = await self._uploads(out)
            try:
                data = await self._put(out, ticket, uploads)
            except Conflict:
                continue  # the ticket changed in between: what changed is read again before the next try
            return self._taken(number, data)
        raise Conflict(f"{self.name}: somebody keeps changing ticket {number}", "Nothing was sent", "Send it again")

    async def open(self, out: Outgoing) -> Receipt:
        """Open a ticket; Zendesk itself knows a repeated request by our id, for two hours."""
        body: dict[str, Any] = {
            "subject": inert_line(out.subject or out.text, limit=150), **await self._requester(out),
            "comment": {**body_of(out.text), "public": False, "uploads": await self._uploads(out)},
            "metadata": {KEY: out.client_id}, "external_id": out.client_id,
        }
        tags = [tag for tag in map(plain_tag, out.tags) if tag]
        if tags:
            body["tags"] = tags
        group = self._group(out.place)
        if group:
            body["group_id"] = group
        ticket = await self._create(body, out)
        return Receipt(conversation_ref=str(ticket.id), url=self._speaker.link(ticket.id),
                       created_at=instant(ticket.created_at))

    async def find_opened(self, out: Outgoing) -> Receipt | None:
        """The ticket that carries our id."""
        data = await self._client.get("/tickets", {"external_id": out.client_id})
        rows = data.get("tickets")
        ticket = made({"ticket": rows[0]}, "ticket", Ticket) if isinstance(rows, list) and rows else None
        if ticket is None:
            return None
        return Receipt(conversation_ref=str(ticket.id), url=self._speaker.link(ticket.id),
                       created_at=instant(ticket.created_at))

    async def find(self, out: Outgoing, number: int, first_try_at: int) -> Receipt | None:
        """Our comment on the ticket, or on one that follows it up."""
        ticket = (await self._client.ticket(number)).tickets[0]
        for at in (number, *(ticket.followup_ids[-FOLLOW_UPS:] if ticket.status == "closed" else ())):
            comments, users, _ = await self._client.comments(at, pages=TAIL)
            self._speaker.meet(users)
            found = by_key(out, comments) or await self._by_text(out, comments, ticket, first_try_at)
            if found is not None:
                return self.receipt(at, found.id, found.created_at)
        return None

    def receipt(self, number: int, comment: int, created: str) -> Receipt:
        """What stands for a comment of ours."""
        return Receipt(ref=str(comment), url=self._speaker.link(number), created_at=instant(created))

    async def _put(self, out: Outgoing, ticket: Ticket, uploads: list[str]) -> dict[str, Any]:
        comment = {**body_of(out.text), "public": out.kind is OutKind.REPLY, "uploads": uploads}
        fields = {
            "comment": comment, "metadata": {KEY: out.client_id}, "safe_update": True,
            "updated_stamp": ticket.updated_at,
        }
        return await self._client.write("PUT", f"/tickets/{ticket.id}", {"ticket": fields}, safe=False)

    async def _follow_up(self, out: Outgoing, ticket: Ticket) -> Receipt:
        """A closed ticket takes nothing more: a reply begins a new one that refers to it."""
        if out.kind is not OutKind.REPLY:
            raise Rejected(f"{self.name}: ticket {ticket.id} is closed for good", "Zendesk takes no notes on it",
                           "Write a reply: it opens a follow-up ticket")
        body: dict[str, Any] = {
            "via_followup_source_id": ticket.id, "requester_id": ticket.requester_id,
            "subject": inert_line(ticket.subject or out.text, limit=150), "metadata": {KEY: out.client_id},
            "comment": {**body_of(out.text), "public": True, "uploads": await self._uploads(out)},
        }
        opened = await self._create(body, out)
        comments, _, _ = await self._client.comments(opened.id, pages=TAIL)
        there = by_key(out, comments)
        return self.receipt(opened.id, there.id, there.created_at) if there else Receipt(
            url=self._speaker.link(opened.id), created_at=instant(opened.created_at))

    async def _create(self, body: dict[str, Any], out: Outgoing) -> Ticket:
        headers = {"Idempotency-Key": out.client_id}
        data = await self._client.write("POST", "/tickets", {"ticket": body}, safe=False, headers=headers)
        ticket = made(data, "ticket", Ticket)
        if ticket is None:
            raise self._unclear()
        return ticket

    def _taken(self, number: int, data: dict[str, Any]) -> Receipt:
        """The comment that an update says it made."""
        audit = data.get("audit")
        if made(data, "ticket", Ticket) is None or not isinstance(audit, dict):
            raise self._unclear()
        events = audit.get("events")
        ids = [event["id"] for event in (events if isinstance(events, list) else []) if isinstance(event, dict)
               and event.get("type") == "Comment" and isinstance(event.get("id"), int)]
        return self.receipt(number, ids[0], str(audit.get("created_at"))) if ids else Receipt(
            url=self._speaker.link(number))

    async def _by_text(
        self, out: Outgoing, comments: list[Comment], ticket: Ticket, first_try_at: int
    ) -> Comment | None:
        """Our own latest words that read like this reply and carry no other id."""
        recent = [c for c in comments if c.author_id == self._client.me and not c.key
                  and (instant(c.created_at) or 0) >= self._client.there(first_try_at) - LOOK_BACK]
        wanted = Direction.NOTE if out.kind is OutKind.NOTE else Direction.OUT
        messages, _ = await self._speaker.messages(ticket, recent)
        same = {m.ref for m in messages if m.direction is wanted and same_text(out.text, m.text)}
        return next((c for c in recent if str(c.id) in same), None)

    async def _requester(self, out: Outgoing) -> dict[str, Any]:
        """Whom a ticket is for: found there or made, by mail address or else by handle."""
        name = inert_line(out.customer_name or out.customer_handle or out.customer_mail, limit=100)
        if out.customer_mail:
            return {"requester": {"name": name, "email": out.customer_mail.strip()}}
        handle = "".join(out.customer_handle.split()).casefold().lstrip("@")
        if not handle:
            raise Rejected(f"{self.name}: it is not known whose ticket it is",
                           "The customer has neither a mail address nor a handle", "Open the ticket in Zendesk")
        person = {"name": name, "external_id": f"@{handle}"[:255], "skip_verify_email": True}
        data = await self._client.write("POST", "/users/create_or_update", {"user": person}, safe=True)
        user = made(data, "user", User)
        if user is None:
            raise Rejected(f"{self.name}: Zendesk did not take the customer", "Its answer cannot be read")
        return {"requester_id": user.id}

    def _group(self, place: str) -> int:
        """The group by name; without one the first that is watched, else Zendesk's own choice."""
        wanted = place or self._config.ticket_group or next(iter(self._config.groups), "")
        if not wanted:
            return 0
        for group in self._speaker.groups.values():
            if group.name.casefold() == wanted.casefold():
                return group.id
        names = ", ".join(str(inert_line(group.name)) for group in list(self._speaker.groups.values())[:20])
        raise Rejected(f"{self.name}: there is no group {inert_line(wanted, limit=80)}", f"There are {names}",
                       "Name one of them as its place")

    async def _uploads(self, out: Outgoing) -> list[str]:
        return [await self._client.upload(upload.name, upload.mime, await contents(upload, self.name))
                for upload in out.uploads]

    def _unclear(self) -> Ambiguous:
        return Ambiguous(f"{self.name}: Zendesk did not confirm it", "Its answer cannot be read",
                         "It is being looked for on the server")


def body_of(text: str) -> dict[str, str]:
    """A comment's body that comes out as it was written: Zendesk reads plain bodies as Markdown, and fills in what
    stands between double braces."""
    safe = html.escape(text, quote=False).replace("{", "&#123;").replace("}", "&#125;")
    safe = safe.replace("  ", " &nbsp;").replace("\n", "<br>")
    return {"html_body": f"<p>{safe}</p>"}


def by_key(out: Outgoing, comments: list[Comment]) -> Comment | None:
    """The comment that carries our id."""
    return next((comment for comment in comments if comment.key and comment.key == out.client_id), None)
