"""Chatwoot's words into the model: conversations, messages and contacts, and who speaks for whom."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from agentdesk.connectors.chatwoot.wire import ACTIVITY, INCOMING, TEMPLATE, Person, Talk, Word, instant
from agentdesk.connectors.foreign import reject, text_and_raw, web_url
from agentdesk.connectors.items import iso
from agentdesk.model.clock import SECOND, Millis
from agentdesk.model.conversation import ClockKind, RemoteConversation, ServerDue
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment, Author, Direction, Kind, Message, Visibility
from agentdesk.model.page import Reject, Undelivered
from agentdesk.model.text import Inert, inert_line

CLOSED = "resolved"
STATUSES = ("open", "pending", "snoozed", CLOSED)
PRIORITIES = ("none", "low", "medium", "high", "urgent")
UNHAPPY = 3
"""A rating of so many stars or fewer needs us even without words."""
MIMES = {"image": "image/*", "audio": "audio/*", "video": "video/*"}
_MACHINES = ("agent_bot", "captain_assistant", "agentbot")
_HANDLES = ("screen_name", "social_instagram_user_name", "username")
_SLA = (
    (ClockKind.FIRST, "sla_frt_due_at", "sla_first_response_time_threshold"),
    (ClockKind.NEXT, "sla_nrt_due_at", "sla_next_response_time_threshold"),
    (ClockKind.RESOLUTION, "sla_rt_due_at", "sla_resolution_time_threshold"),
)
_WINDOWS = {
    "Channel::Whatsapp": "WhatsApp allows an answer for 24 hours after the customer's last message; after that only a "
    "template, sent from Chatwoot",
    "Channel::FacebookPage": "Facebook allows an answer for a limited time after the customer's last message",
    "Channel::Instagram": "Instagram allows an answer for a limited time after the customer's last message",
}


class Speaker:
    """Turns what one Chatwoot says into the model."""

    def __init__(self, site: str, account: int) -> None:
        self._app = f"{site}/app/accounts/{account}"
        self.inboxes: dict[int, str] = {}
        """The names of the inboxes that we see."""

    def inbox(self, number: int) -> str:
        """An inbox's name; its number where we do not know it."""
        return str(inert_line(self.inboxes.get(number) or str(number or ""), limit=120))

    def talk_url(self, number: int) -> str:
        """Where a person sees the conversation."""
        return f"{self._app}/conversations/{number}"

    def conversation(self, talk: Talk, last_event: str = "") -> RemoteConversation:
        """A conversation's head; ``last_event`` is the newest line that Chatwoot wrote about it by itself."""
        closed = talk.status == CLOSED
        assignee = talk.meta.assignee
        return RemoteConversation(
            ref=str(talk.id),
            customer_ref=str(talk.meta.sender.id) if talk.meta.sender else "",
            subject=inert_line(_text(talk.additional_attributes.get("mail_subject"))),
            url=self.talk_url(talk.id),
            status=str(inert_line(talk.status, limit=60)),
            closed=closed,
            assignee=str(inert_line(assignee.shown, limit=120)) if assignee else "",
            priority=str(inert_line(talk.priority, limit=60)),
            tags=tuple(label for label in (inert_line(label, limit=60) for label in talk.labels) if label),
            due=() if closed else due(talk),
            fields=self._fields(talk, last_event if closed else ""),
            queue=self.inbox(talk.inbox_id),
            updated_at=instant(talk.updated_at) or instant(talk.last_activity_at),
            locked_reason="" if talk.can_reply else _locked(talk),
        )

    def _fields(self, talk: Talk, last_event: str) -> dict[str, str]:
        team = _text(talk.meta.team.get("name"))
        until = instant(talk.snoozed_until)
        said = {
            "ticket": str(talk.id),
            "inbox": self.inbox(talk.inbox_id),
            "team": team,
            "SLA": " ".join(part for part in (_text(talk.applied_sla.get("sla_name")),
                                              _text(talk.applied_sla.get("sla_status"))) if part),
            "snoozed until": iso(until, millis=False) if talk.status == "snoozed" and until else "",
            "muted": "yes" if talk.muted else "",
            "page": _text(talk.additional_attributes.get("referer")),
            "last event": last_event,
            **{name: _text(value) for name, value in list(talk.custom_attributes.items())[:50]},
        }
        return {str(inert_line(name, limit=60)): str(inert_line(value)) for name, value in said.items() if value}

    def messages(self, words: Iterable[Word], talk: Talk) -> tuple[list[Message], list[Reject]]:
        """Everything that these rows say, oldest first; what Chatwoot notes about itself is left out."""
        found: list[Message] = []
        rejects: list[Reject] = []
        for word in words:
            try:
                if word.kind != ACTIVITY:
                    found += self._said(word, talk)
            except (ValueError, TypeError, AttributeError) as error:
                rejects.append(reject(f"message {word.id}", str(error), {"id": word.id, "type": word.message_type}))
        return sorted(found, key=lambda m: m.created_at), rejects

    def _said(self, word: Word, talk: Talk) -> list[Message]:
        """One row as messages: what was written, what the customer filled in, and that it was not delivered."""
        at = instant(word.created_at)
        if at is None:
            raise ValueError(f"{word.created_at!r} is no time")
        said = [self._message(word, talk, at)]
        filled, rating = answer(word)
        later = max(at, instant(talk.updated_at) or 0)
        if filled or rating:
            said.append(self._filled(word, talk, later, filled, rating))
        why = failure(word)
        if why is not None:
            text, raw = text_and_raw("This was not delivered" + (f": {why}" if why else ""))
            said.append(self._extra(word, talk, later, "failed", text, raw))
        return said

    def _message(self, word: Word, talk: Talk, at: Millis) -> Message:
        direction, visibility = heard(word)
        text, raw = text_and_raw("" if word.deleted else shown(word))
        parent = word.more.get("in_reply_to")
        return Message(
            ref=str(word.id),
            conversation_ref=str(talk.id),
            author=self._author(word, talk, direction),
            direction=direction,
            text=text,
            raw=raw,
            created_at=at,
            kind=Kind.TICKET,
            visibility=visibility,
            parent_ref=str(parent) if isinstance(parent, int) else "",
            deleted=word.deleted,
            attachments=tuple(_attachments(word.attachments)),
            url=f"{self.talk_url(talk.id)}?messageId={word.id}",
            can_reply=talk.can_reply,
        )

    def _filled(self, word: Word, talk: Talk, at: Millis, text: str, rating: int | None) -> Message:
        """What the customer put into a form or survey: their words, but for stars alone that ask for nothing."""
        needs_us = bool(text) or (rating or 0) <= UNHAPPY
        stars = f"(rated {rating} of 5)" if rating else ""
        inert, raw = text_and_raw(text or stars)
        customer = talk.meta.sender
        return Message(
            ref=f"{word.id}-answer", conversation_ref=str(talk.id),
            direction=Direction.IN if needs_us else Direction.NOTE,
            author=author(customer) if customer else Author(ref="customer"), text=inert, raw=raw, created_at=at,
            kind=Kind.REVIEW if rating else Kind.TICKET, visibility=Visibility.DIRECT, parent_ref=str(word.id),
            rating=rating, url=f"{self.talk_url(talk.id)}?messageId={word.id}", can_reply=talk.can_reply,
        )

    def _extra(self, word: Word, talk: Talk, at: Millis, what: str, text: Inert, raw: str) -> Message:
        return Message(
            ref=f"{word.id}-{what}", conversation_ref=str(talk.id), direction=Direction.NOTE, text=text, raw=raw,
            author=Author(ref="chatwoot", name=inert_line("Chatwoot")), created_at=at, kind=Kind.TICKET,
            visibility=Visibility.INTERNAL, parent_ref=str(word.id),
        )

    def _author(self, word: Word, talk: Talk, direction: Direction) -> Author:
        sender = word.sender
        if direction is Direction.IN:
            person = sender or talk.meta.sender
            return author(person) if person else Author(ref="customer")
        if sender is None:
            return Author(ref="chatwoot", name=inert_line("Chatwoot" if direction is Direction.NOTE else "Somebody"))
        kind = "bot" if _machine(sender) else "agent"
        return Author(ref=f"{kind}:{sender.id}", name=inert_line(sender.shown), handle=inert_line(sender.email))

    def profile(self, person: Person) -> Profile:
        """A contact as a customer's identity."""
        mail, phone = inert_line(person.email), inert_line(person.phone_number)
        more = person.additional_attributes
        return Profile(
            ref=str(person.id),
            handle=author(person).handle,
            name=inert_line(person.shown),
            url=f"{self._app}/contacts/{person.id}",
            bio=inert_line(_text(more.get("description")), limit=1_000),
            created_at=instant(person.created_at),
            lang=str(inert_line(_text(more.get("language")), limit=20)),
            contacts=tuple(value for value in (mail, phone) if value),
            blocked=person.blocked,
        )


def failure(word: Word) -> str | None:
    """Why a row did not reach the customer, as far as it is told; None for one that did, or is on its way."""
    return _text(word.more.get("external_error")) if word.status == "failed" else None


def undelivered(words: Iterable[Word]) -> dict[str, Undelivered]:
    """Answers that Chatwoot took and their channel refused, by their ref."""
    return {str(word.id): Undelivered(ref=str(word.id), reason=str(inert_line(why, limit=300))) for word in words
            if (why := failure(word)) is not None and heard(word)[0] is Direction.OUT}


def heard(word: Word) -> tuple[Direction, Visibility]:
    """Who speaks, and who can read it: greetings, bots and rules are no colleague's answer."""
    if word.kind == INCOMING:
        return Direction.IN, Visibility.DIRECT
    if word.private:
        return Direction.NOTE, Visibility.INTERNAL
    automatic = word.kind == TEMPLATE or word.more.get("automation_rule_id") or (word.sender and _machine(word.sender))
    return (Direction.NOTE if automatic else Direction.OUT), Visibility.DIRECT


def shown(word: Word) -> str:
    """A message's text; where it has none, what its form or card shows."""
    more = word.more
    if word.content or not more:
        return word.content
    if more.get("is_unsupported"):
        return "(a message that Chatwoot cannot show: look at it where it was written)"
    items = more.get("items")
    titles = [_text(item.get("title")) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    mail = more.get("email")
    subject = _text(mail.get("subject")) if isinstance(mail, dict) else ""
    return "\n".join(title for title in titles if title) or subject


def answer(word: Word) -> tuple[str, int | None]:
    """What a customer filled in below a message of ours: (words, stars)."""
    more = word.more
    values = more.get("submitted_values")
    if isinstance(values, dict) and isinstance(survey := values.get("csat_survey_response"), dict):
        stars = survey.get("rating")
        return _text(survey.get("feedback_message")).strip(), stars if stars in (1, 2, 3, 4, 5) else None
    lines = []
    for value in values if isinstance(values, list) else []:
        if isinstance(value, dict):
            title, given = _text(value.get("title") or value.get("name")), _text(value.get("value"))
            lines.append(f"{title}: {given}" if title and given else title or given)
    if mail := _text(more.get("submitted_email")):
        lines.append(f"mail: {mail}")
    return "\n".join(line for line in lines if line), None


def author(person: Person) -> Author:
    """A contact as the author of words."""
    social = person.additional_attributes.get("social_profiles")
    names = [*social.values()] if isinstance(social, dict) else []
    names += [person.additional_attributes.get(key) for key in _HANDLES]
    handle = next((name for name in map(_text, names) if name), "")
    return Author(
        ref=str(person.id), name=inert_line(person.shown),
        handle=inert_line(person.email or person.identifier or handle or person.phone_number),
    )


def due(talk: Talk) -> tuple[ServerDue, ...]:
    """The due times of an SLA: Chatwoot's own where it gives them, else counted from its thresholds.

    Thresholds that count business hours only are left alone: the server's calendar is not ours to guess.
    """
    sla = talk.applied_sla
    if not sla:
        return ()
    found = []
    for kind, given, threshold in _SLA:
        at = instant(sla.get(given)) if given in sla else _counted(talk, kind, sla, threshold)
        if at is not None:
            found.append(ServerDue(kind=kind, due_at=at))
    return tuple(found)


def _counted(talk: Talk, kind: ClockKind, sla: Mapping[str, Any], threshold: str) -> Millis | None:
    length = sla.get(threshold)
    if sla.get("sla_only_during_business_hours") or not isinstance(length, int | float) or length <= 0:
        return None
    replied, waiting = instant(talk.first_reply_created_at), instant(talk.waiting_since)
    start = instant(talk.created_at)
    if kind is ClockKind.FIRST and replied:
        return None
    if kind is ClockKind.NEXT:
        start = waiting if replied else None
    return None if start is None else start + int(length * SECOND)


def digest(word: Word) -> int:
    """A number that changes when a message says something else than before."""
    parts = [word.content, word.status, word.content_attributes, len(word.attachments), word.private]
    return zlib.crc32(json.dumps(parts, sort_keys=True, default=str).encode())


def _attachments(items: list[Any]) -> Iterable[Attachment]:
    for item in items[:50]:
        if not isinstance(item, dict):
            continue
        url = web_url(item.get("data_url"))
        kind = _text(item.get("file_type"))
        title = _text(item.get("fallback_title")) or _place(item)
        name = title or unquote(urlsplit(url).path.rpartition("/")[2]) or kind or "file"
        size = item.get("file_size")
        yield Attachment(
            name=inert_line(name, limit=200), mime=MIMES.get(kind, ""), url=url,
            size=size if isinstance(size, int) and size >= 0 else None,
            alt=inert_line(_text(item.get("transcribed_text")), limit=1_000),
        )


def _place(item: Mapping[str, Any]) -> str:
    if item.get("file_type") != "location":
        return ""
    return f"location {_text(item.get('coordinates_lat'))}, {_text(item.get('coordinates_long'))}"


def _locked(talk: Talk) -> str:
    return _WINDOWS.get(talk.meta.channel, "The channel's time for an answer is over")


def _machine(person: Person) -> bool:
    return person.type.lower() in _MACHINES


def _text(value: object) -> str:
    """A scalar as text; nothing for what is none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, str | int | float) else ""
