"""Writing into Zammad: a reply goes out on the channel that the customer used, a note stays inside, a ticket is opened.

An article of the type «email» is mailed even when it is internal, so a note is always of the type «note». Our own id
goes along in the article's preferences, which Zammad keeps: by it a reply is found again whose answer was lost.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from email.utils import getaddresses
from typing import Any

import msgspec

from agentdesk.config.sources import ZammadSource
from agentdesk.connectors.files import contents
from agentdesk.connectors.items import instant
from agentdesk.connectors.zammad.client import ZammadClient
from agentdesk.connectors.zammad.speak import Speaker
from agentdesk.connectors.zammad.wire import KEY, MERGED, Article, Ticket, preference
from agentdesk.errors import Rejected, TooLong, WindowClosed
from agentdesk.model.clock import DAY, SECOND, Clock
from agentdesk.model.outgoing import Outgoing, OutKind, Upload
from agentdesk.model.text import inert_line

LONGEST = {"sms": 160, "twitter status": 280, "telegram personal-message": 4_096, "whatsapp message": 4_096}
"""Characters that these channels carry; the others carry any text."""
WITH_FILES = ("email", "note", "telegram personal-message", "whatsapp message")
CHAT = {
    "sms": "sms", "telegram personal-message": "telegram personal-message", "whatsapp message": "whatsapp message",
    "twitter status": "twitter status", "twitter direct-message": "twitter direct-message",
    "facebook feed post": "facebook feed comment", "facebook feed comment": "facebook feed comment",
    "facebook direct-message": "facebook direct-message",
}
"""The type of an answer on channels that are answered where they came from."""
WHATSAPP_WINDOW = DAY


class Way(msgspec.Struct, frozen=True):
    """How a reply reaches the customer."""

    type: str
    to: str = ""
    subject: str = ""
    in_reply_to: str = ""


class Writer:
    """Makes what is posted."""

    def __init__(self, config: ZammadSource, client: ZammadClient, speaker: Speaker, clock: Clock) -> None:
        self._config = config
        self._client = client
        self._speaker = speaker
        self._clock = clock
        self.name = client.name

    async def article(self, out: Outgoing, ticket: Ticket, articles: Sequence[Article]) -> dict[str, Any]:
        """The article that a reply or note becomes."""
        state = self._speaker.states.get(ticket.state_id)
        if state is not None and state.type == MERGED:
            raise Rejected(f"{self.name}: ticket {ticket.id} is part of another ticket now", "It was merged",
                           "Answer in the other one")
        way = Way("note") if out.kind is OutKind.NOTE else await self._way(out, ticket, articles)
        longest = LONGEST.get(way.type)
        if longest is not None and len(out.text) > longest:
            raise TooLong(f"{self.name}: {len(out.text)} characters are too many for {way.type}",
                          f"It carries {longest}", "Shorten the text")
        if out.uploads and way.type not in WITH_FILES:
            raise Rejected(f"{self.name}: {way.type} carries no files", remedy="Send it without them")
        body: dict[str, Any] = {
            "ticket_id": ticket.id, "type": way.type, "sender": "Agent", "internal": out.kind is OutKind.NOTE,
            "body": out.text, "content_type": "text/plain", "preferences": {KEY: out.client_id},
        }
        body |= {name: text for name, text in (("to", way.to), ("subject", way.subject),
                                               ("in_reply_to", way.in_reply_to)) if text}
        if out.uploads:
            body["attachments"] = [await self._file(upload) for upload in out.uploads]
        return body

    async def opening(self, out: Outgoing) -> dict[str, Any]:
        """The ticket that a conversation elsewhere becomes: its first article is for colleagues only, so that opening
        it mails nothing to anybody."""
        title = inert_line(out.subject or out.text, limit=200)
        article: dict[str, Any] = {
            "subject": title, "body": out.text, "type": "note", "sender": "Agent", "internal": True,
            "content_type": "text/plain", "preferences": {KEY: out.client_id},
        }
        if out.uploads:
            article["attachments"] = [await self._file(upload) for upload in out.uploads]
        body: dict[str, Any] = {
            "title": title, "group_id": self._group(out.place), "customer": self._customer(out), "article": article,
            "preferences": {KEY: out.client_id},
        }
        tags = [tag.replace(",", " ").strip() for tag in out.tags]
        if any(tags):
            body["tags"] = ",".join(filter(None, tags))
        return body

    def must_name(self) -> tuple[str, ...]:
        """The groups of which a new ticket must name one; empty where one is meant without."""
        active = sorted(group.name for group in self._speaker.groups.values() if group.active)
        if self._config.ticket_group or self._config.groups or len(active) < 2:
            return ()
        return tuple(str(inert_line(name)) for name in active)

    def _group(self, place: str) -> int:
        """The group by name; without one the first that is watched."""
        active = {group.id: group.name for group in self._speaker.groups.values() if group.active}
        wanted = place or self._config.ticket_group or next(iter(self._config.groups), "")
        found = [number for number, name in active.items() if wanted.casefold() in (
            name.casefold(), name.rpartition("::")[2].casefold())]
        if wanted and found:
            return found[0]
        if not wanted and len(active) == 1:
            return next(iter(active))
        names = ", ".join(str(inert_line(name)) for name in sorted(active.values())[:20])
        title = f"there is no group {inert_line(wanted)}" if wanted else "it is not said which group gets the ticket"
        raise Rejected(f"{self.name}: {title}", f"There are {names}", "Name one of them as its place")

    def _customer(self, out: Outgoing) -> dict[str, str]:
        """Whom the ticket is for: found there by mail address or handle, else made."""
        first, _, last = out.customer_name.strip().partition(" ")
        person = {"firstname": first[:100], "lastname": last[:100]}
        handle = "".join(out.customer_handle.split()).casefold()
        if out.customer_mail:
            return {**person, "email": out.customer_mail.strip()}
        if handle:
            login = handle if handle.startswith("@") else f"@{handle}"
            return {**person, "firstname": first or handle, "login": login[:255]}
        raise Rejected(f"{self.name}: it is not known whose ticket it is",
                       "The customer has neither a mail address nor a handle", "Open the ticket in Zammad")

    async def _file(self, upload: Upload) -> dict[str, str]:
        data = await contents(upload, self.name)
        return {"filename": upload.name, "mime-type": upload.mime or "application/octet-stream",
                "data": base64.b64encode(data).decode()}

    async def _way(self, out: Outgoing, ticket: Ticket, articles: Sequence[Article]) -> Way:
        """The channel of what is answered: the article named, else the customer's last, else how the ticket began."""
        asked = next((a for a in articles if str(a.id) == out.reply_to_ref and a.by == "Customer"), None)
        spoken = [a for a in articles if a.by == "Customer" and a.channel != "note"]
        article = asked or (spoken[-1] if spoken else None)
        channel = article.channel if article else ticket.opened_by
        if channel in CHAT:
            self._in_time(ticket, channel)
            to = article.from_ if article and channel in ("sms", "twitter status", "twitter direct-message") else ""
            answered = article.message_id if article and not channel.startswith("facebook") else ""
            return Way(CHAT[channel], to=to, in_reply_to=answered)
        to = await self._mail_of(ticket, article if channel == "email" else None)
        if to:
            self._can_mail(ticket)
            subject = (article.subject if article else "") or ticket.title
            return Way("email", to=to, subject=subject, in_reply_to=article.message_id if article else "")
        if channel == "web":
            return Way("note")  # they read it where they wrote
        raise WindowClosed(
            f"{self.name}: this customer cannot be written to",
            f"The ticket came by {channel or 'another way'} and no mail address is known",
            "Call them, or add a mail address to the customer in Zammad",
        )

    async def _mail_of(self, ticket: Ticket, article: Article | None) -> str:
        """Where an answer by mail goes."""
        given = getaddresses([article.reply_to or article.from_]) if article else []
        for _, address in given:
            if "@" in address:
                return address
        user = await self._speaker.person(ticket.customer_id)
        return user.email if user else ""

    def _can_mail(self, ticket: Ticket) -> None:
        """Without an address for the group Zammad fails with no more than an error number."""
        group = self._speaker.groups.get(ticket.group_id)
        if group is not None and group.email_address_id is None:
            raise Rejected(f"{self.name}: the group {inert_line(group.name)} has no mail address to send from",
                           "Zammad mails nothing for it", "An administrator sets one in Zammad under Groups")

    def _in_time(self, ticket: Ticket, channel: str) -> None:
        """WhatsApp lets businesses answer for a day after the customer's last words."""
        since = preference(ticket.preferences, "whatsapp", "timestamp_incoming")
        if channel != "whatsapp message" or not since:
            return
        at = int(since) * SECOND if since.isdecimal() else instant(since)
        if at is not None and self._clock.now() - at > WHATSAPP_WINDOW:
            raise WindowClosed(f"{self.name}: WhatsApp allows no answer any more",
                               "More than 24 hours have passed since the customer wrote", "Reach them another way")
