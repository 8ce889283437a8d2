"""Opening a conversation at Chatwoot for one that goes on elsewhere: its contact, the inbox, the transcript as a note.

The transcript is a private note: in an inbox for mail an ordinary message would be mailed to the customer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentdesk.config.sources import ChatwootSource
from agentdesk.connectors.answers import Answer
from agentdesk.connectors.base import Verdict
from agentdesk.connectors.chatwoot.client import ChatwootClient
from agentdesk.connectors.chatwoot.sending import LAG_S, Sender, written_at
from agentdesk.connectors.chatwoot.speak import Speaker
from agentdesk.connectors.chatwoot.wire import Inbox, Person, Talk, instant
from agentdesk.connectors.items import one
from agentdesk.connectors.matching import LOOK_BACK
from agentdesk.errors import Ambiguous, Gone, Rejected, SourceError
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.outgoing import Absent, Found, Outgoing, Receipt, Unsure
from agentdesk.model.text import inert_line

OWN_ID = "agentdesk_id"
"""The attribute of a conversation under which our own id lies."""
API, EMAIL = "Channel::Api", "Channel::Email"
OPENABLE = (API, "Channel::WebWidget", EMAIL)
"""Channels in which a conversation can begin without a telephone number, the usual one first."""


class Opener:
    """New conversations of one account."""

    def __init__(
        self, config: ChatwootSource, client: ChatwootClient, speaker: Speaker, sender: Sender, clock: Clock
    ) -> None:
        self._config = config
        self._client = client
        self._speaker = speaker
        self._sender = sender
        self._clock = clock
        self.name = client.name
        self.inboxes: list[Inbox] = []

    def usual(self) -> Inbox | None:
        """The inbox for tickets that name none."""
        if self._config.ticket_inbox:
            return self._named(self._config.ticket_inbox)
        ranked = [box for channel in OPENABLE for box in self.inboxes if box.channel_type == channel]
        return ranked[0] if ranked else None

    async def open(self, out: Outgoing) -> Receipt:
        """Open a conversation; what belongs to it is made first and can be made again."""
        text = self._sender.text(out)
        inbox = self._inbox(out)
        person = await self._contact(out)
        if person is not None and (before := await self._by_id(out, person)) is not None:
            await self._tag(before, out)
            return self._receipt(before)
        person = person or await self._new_contact(out, inbox)
        data: dict[str, Any] = {
            "source_id": await self._source(person, inbox), "inbox_id": inbox.id, "contact_id": person.id,
            "status": "open",
            "additional_attributes": {"mail_subject": out.subject, OWN_ID: out.client_id},
            "message": {"content": text, "private": True, "external_created_at": written_at(out)},
        }
        if out.uploads:
            body, kind = await self._sender.form(out, data, "message[attachments][]")
            answer = await self._client.post("/conversations", content=body, kind=kind)
        else:
            answer = await self._client.post("/conversations", json=data)
        talk = self._made(answer)
        await self._tag(talk, out)
        return self._receipt(talk)

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for the conversation by our id among the contact's latest ones."""
        person = await self._contact(out)
        talk = await self._find(out, person, first_try_at) if person else None
        if talk is not None:
            try:
                await self._tag(talk, out)
            except Ambiguous as error:
                return Unsure(error.title)
            return Found(self._receipt(talk))
        if self._clock.now() - first_try_at < LAG_S * SECOND:
            return Unsure("Chatwoot may still be working on it")
        return Absent()

    async def _by_id(self, out: Outgoing, person: Person) -> Talk | None:
        talks, _ = await self._client.talks_of(person.id)
        return next((talk for talk in talks if talk.additional_attributes.get(OWN_ID) == out.client_id), None)

    async def _find(self, out: Outgoing, person: Person, first_try_at: int) -> Talk | None:
        if (found := await self._by_id(out, person)) is not None:
            return found
        talks, _ = await self._client.talks_of(person.id)
        for talk in talks:  # an inbox with one conversation for each contact goes on in the old one
            if (instant(talk.last_activity_at) or 0) >= self._client.there(first_try_at) - LOOK_BACK:
                try:
                    if await self._sender.find(out, talk.id, first_try_at) is not None:
                        return talk
                except Gone:
                    continue
        return None

    async def _tag(self, talk: Talk, out: Outgoing) -> None:
        """Add the tags; a failure here must not hide that the conversation is there."""
        wanted = [*talk.labels, *(tag for tag in out.tags if tag not in talk.labels)]
        if wanted == talk.labels:
            return
        try:
            await self._client.change(f"/conversations/{talk.id}/labels", {"labels": wanted})
        except SourceError as error:
            raise Ambiguous(
                f"{self.name}: conversation {talk.id} is open, its tags are missing", error.title,
                "They are added when it is looked for again",
            ) from error

    def _inbox(self, out: Outgoing) -> Inbox:
        inbox = self._named(out.place) if out.place else self.usual()
        if inbox is None:
            asked = out.place or self._config.ticket_inbox
            raise Rejected(
                f"{self.name}: there is no inbox {inert_line(asked)}" if asked
                else f"{self.name}: no inbox takes new conversations",
                "The token may not see it" if asked else "None is of the kind API, website or mail",
                "Name one in ticket_inbox:",
            )
        if inbox.channel_type == EMAIL and not out.customer_mail:
            raise Rejected(
                f"{self.name}: the inbox {inert_line(inbox.name)} needs the customer's mail address",
                "Nobody knows it yet", "Name an inbox of the kind API in ticket_inbox:",
            )
        return inbox

    def _named(self, name: str) -> Inbox | None:
        return next((box for box in self.inboxes if box.name.casefold() == name.strip().casefold()), None)

    async def _contact(self, out: Outgoing) -> Person | None:
        """The contact with this mail address or handle; a name alone proves nothing."""
        for value in dict.fromkeys((out.customer_mail, identifier(out))):
            if not value:
                continue
            for person in await self._client.contacts(value):
                if value.casefold() in (person.email.casefold(), person.identifier.casefold()):
                    return await self._client.contact(person.id)
        return None

    async def _source(self, person: Person, inbox: Inbox) -> str:
        """The contact's own id in an inbox; it is given one where it has none yet."""
        for row in person.contact_inboxes:
            box = row.get("inbox") if isinstance(row, dict) else None
            if isinstance(box, dict) and box.get("id") == inbox.id and row.get("source_id"):
                return str(row["source_id"])
        made = await self._client.change(f"/contacts/{person.id}/contact_inboxes", {"inbox_id": inbox.id})
        source = made.get("source_id") if isinstance(made, dict) else None
        if not source:
            raise Rejected(
                f"{self.name}: Chatwoot does not join contact {person.id} to the inbox {inert_line(inbox.name)}",
                "It gave no source_id", "Open the conversation in Chatwoot",
            )
        return str(source)

    async def _new_contact(self, out: Outgoing, inbox: Inbox) -> Person:
        name = out.customer_name or out.customer_handle or out.customer_mail or "Customer"
        data: dict[str, Any] = {"inbox_id": inbox.id, "name": name, "identifier": identifier(out)}
        if out.customer_mail:
            data["email"] = out.customer_mail
        answer = await self._client.change("/contacts", data)
        inner = answer.get("payload", answer) if isinstance(answer, dict) else answer
        inner = inner[0] if isinstance(inner, list) and inner else inner
        try:
            return one(inner.get("contact", inner) if isinstance(inner, dict) else inner, Person)
        except (ValueError, msgspec.ValidationError) as error:
            # the contact may be there by now: the next attempt finds it
            raise Rejected(f"{self.name}: Chatwoot made no contact of {inert_line(name)}", str(error)) from error

    def _made(self, answer: Answer) -> Talk:
        try:
            return one(msgspec.json.decode(answer.body), Talk)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._sender.unconfirmed(answer) from error

    def _receipt(self, talk: Talk) -> Receipt:
        notes = [item for item in talk.messages if isinstance(item, dict) and isinstance(item.get("id"), int)]
        return Receipt(
            ref=str(notes[-1]["id"]) if notes else "", conversation_ref=str(talk.id),
            url=self._speaker.talk_url(talk.id), created_at=instant(talk.created_at),
        )


def identifier(out: Outgoing) -> str:
    """What a contact is found by again: the handle, else the mail address, else this ticket's own id."""
    return out.customer_handle.strip() or out.customer_mail.strip() or f"agentdesk-{out.client_id}"
