"""Handing a post on: a ticket at a help desk, or a tie to one that there is; and what comes back from there."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

import msgspec

from agentdesk.desk import carrying
from agentdesk.desk.desk import Desk
from agentdesk.errors import NotFound, Refused, UsageError
from agentdesk.model.conversation import Conversation, Link, State
from agentdesk.model.events import Changed, OutboxChanged
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Draft, Outgoing, OutKind, SendState, Upload
from agentdesk.model.text import inert_line
from agentdesk.model.words import whole_number
from agentdesk.replies import guards
from agentdesk.rules import ticket_text
from agentdesk.rules.ticket_text import TicketText
from agentdesk.rules.transcript import subject as proposed_subject
from agentdesk.rules.transcript import transcript
from agentdesk.store import (
    conversations,
    customers,
    drafts,
    ledger,
    links,
    matches,
    outbox,
    ranking,
    ticket_links,
    tickets,
)
from agentdesk.store import sources as source_rows
from agentdesk.store.db import Db

MESSAGES = 200
"""So many of the newest messages can go along."""
PLACES = 12
SAMPLE = 500
"""So many open tickets, and as many of any kind, tell which places there are."""
SEARCH_LIMIT_S = 20
FOUND = 20


@dataclass(frozen=True)
class Ticket:
    """One that a post may be tied to: here already by its number, or at its help desk by its ref."""

    label: str
    subject: str
    status: str
    name: str
    queue: str = ""
    number: int = 0
    source: str = ""
    ref: str = ""


def targets(desk: Desk, conversation_id: int) -> list[str]:
    """The help desks that open tickets; another one than where the conversation is comes first."""
    own = conversations.get(desk.store.reader, conversation_id).source
    able = sorted(name for name in _names(desk) if desk.caps(name).can_open)
    return [name for name in able if name != own] + [name for name in able if name == own]


def _names(desk: Desk) -> set[str]:
    """The sources there are: the connected ones, before that the configured ones, else those stored here."""
    configured = {source.full_name for source in desk.config.sources}
    return set(desk.connectors) or configured or set(source_rows.names(desk.store.reader))


def places(desk: Desk, source: str) -> tuple[str, ...]:
    """Queues, groups or inboxes of a help desk, as far as its tickets here name them."""
    return conversations.remote_queues(desk.store.reader, source, SAMPLE, PLACES)


def tied(desk: Desk, conversation_id: int) -> list[Link]:
    """The tickets of a conversation."""
    return [link for link in links.of(desk.store.reader, conversation_id) if link.kind == "ticket" and not link.back]


# -- a new ticket --------------------------------------------------------------------------------------------------


def begun(desk: Desk, conversation_id: int) -> Draft | None:
    """The ticket that this agent began to write here."""
    return drafts.get(desk.store.reader, conversation_id, desk.agent, OutKind.TICKET)


def propose(desk: Desk, conversation_id: int, to: str = "", *, place: str = "", subject: str = "",
            note: bool | None = None) -> Draft:
    """A ticket with everything that was said, to be read and edited before it goes."""
    it = conversations.get(desk.store.reader, conversation_id)
    able = targets(desk, conversation_id)
    if not able:
        raise Refused("No help desk here opens tickets", "None is connected that can",
                      "Add one to the configuration: agentdesk login, or tie the post to a ticket with :link")
    if to and to not in able:
        raise UsageError(f"{to} opens no tickets", "", "One of: " + ", ".join(able))
    person = customers.get(desk.store.reader, it.customer_id)
    thread = conversations.thread(desk.store.reader, conversation_id, limit=MESSAGES)
    keeps_notes = desk.caps(it.source).can_note
    written = TicketText(
        source=to or able[0], place=place, subject=subject or proposed_subject(it, thread),
        note_back=(True if note is None else note) if keeps_notes else None,
        text=transcript(it, person, thread, desk.zone, desk.agent)).written
    return Draft(conversation_id=it.id, agent=desk.agent, kind=OutKind.TICKET, text=written,
                 visibility=Visibility.INTERNAL, started_at=desk.now(), name=it.name, source=it.source,
                 seen_message_id=conversations.last_message_id(desk.store.reader, it.id))


def check(desk: Desk, draft: Draft) -> tuple[guards.Warning, ...]:
    """What stands against opening this ticket as it is."""
    try:
        said = ticket_text.read(draft.text)
    except UsageError as error:
        return (guards.Warning("letter", error.title, error.remedy),)
    found: list[guards.Warning] = []
    able = targets(desk, draft.conversation_id)
    if said.source not in able:
        found.append(guards.Warning("to", f"To: {said.source or 'nobody'} opens no tickets",
                                    "One of: " + (", ".join(able) or "none is connected")))
    usual = desk.caps(said.source).open_places if said.source in able else ()
    if usual and not said.place:
        shown = ", ".join(usual[:PLACES])
        found.append(guards.Warning("place", f"{said.source} must be told where the ticket goes",
                                    f"Write one of {shown} after Place:"))
    if not said.subject:
        found.append(guards.Warning("subject", "The ticket has no subject", "Write one after Subject:"))
    if not said.text:
        found.append(guards.Warning("empty", "The ticket says nothing", "Leave a blank line, then write"))
    if draft.uploads and (why := carrying.unfit(desk, draft)):
        found.append(guards.Warning("files", why, "Attach the file again, or remove it"))
    open_ones = [link for link in tied(desk, draft.conversation_id) if not link.closed]
    if open_ones:
        shown = ", ".join(f"{link.label or link.url} {link.status}".strip() for link in open_ones[:3])
        found.append(guards.Warning("tied", f"It has an open ticket already: {shown}", f"Look there, {guards.ANYWAY}"))
    return tuple(found)


NEVER_PAST = frozenset({"letter", "to", "subject", "empty", "files"})
"""Warnings that no second key goes past: such a ticket cannot be opened."""


async def send(desk: Desk, draft: Draft, override: frozenset[str] = frozenset(), *,
               hold: int | None = None) -> tuple[tuple[int, ...], tuple[guards.Warning, ...], int]:
    """Freeze a ticket into the help desk's outbox: its entry, what stands against it, and until when it is held."""
    against = tuple(w for w in check(desk, draft) if w.code in NEVER_PAST or w.code not in override)
    if against:
        return (), against, 0
    said, now = ticket_text.read(draft.text), desk.now()
    it = conversations.get(desk.store.reader, draft.conversation_id)
    out = _frozen(desk, it, said, now, draft.uploads)
    hold_until = now + (desk.hold if hold is None else hold)
    entry_id = await desk.store.write(lambda db: outbox.freeze(
        db, it.id, out, agent=desk.agent, hold_until=hold_until, seen_message_id=draft.seen_message_id, now=now,
        source=said.source))
    desk.emit(OutboxChanged(entry_id=entry_id, conversation_id=it.id, state=SendState.HELD,
                            text="The ticket leaves shortly"))
    desk.emit(Changed(conversation_ids=(it.id,)))
    if desk.engine is not None:
        desk.engine.poke_outbox()
    return (entry_id,), (), hold_until


def _frozen(desk: Desk, it: Conversation, said: TicketText, now: int, uploads: tuple[Upload, ...]) -> Outgoing:
    """The ticket as it will leave, with whatever its connector must fix before the first attempt."""
    person = customers.get(desk.store.reader, it.customer_id)
    handle = next((one.profile.handle for one in person.identities if one.source == it.source), "")
    mails = [contact for one in person.identities for contact in one.profile.contacts if "@" in contact[1:]]
    out = Outgoing(
        client_id=str(uuid.uuid4()), conversation_ref=it.ref, kind=OutKind.TICKET, text=said.text,
        visibility=Visibility.INTERNAL, agent=desk.agent, created_at=now,
        subject=str(inert_line(said.subject, limit=ticket_text.MAX_SUBJECT)), place=said.place, tags=said.tags,
        customer_name=person.name, customer_handle=handle, customer_mail=mails[0] if mails else "",
        note_back=said.note_back, uploads=uploads)
    connector = desk.connectors.get(said.source)
    return msgspec.structs.replace(out, extra=connector.freeze(out)) if connector is not None else out


# -- a ticket that there is ----------------------------------------------------------------------------------------


def known(desk: Desk, conversation_id: int) -> list[Ticket]:
    """Tickets stored here whose customer is this one, or may be: by mail, page or handle; open ones first."""
    db = desk.store.reader
    it = conversations.get(db, conversation_id)
    taken = {link.other_id for link in links.of(db, conversation_id)} | {conversation_id}
    people = [it.customer_id, *(offer.customer_id for offer in matches.offers(db, it.customer_id, limit=5))]
    found = [brief for person in people for brief in customers.conversations_of(db, person, FOUND)
             if brief.id not in taken and desk.caps(brief.source).can_open]
    found.sort(key=lambda brief: (brief.state is State.DONE, -brief.last_at))
    return [_ticket(desk, brief.id) for brief in found[:FOUND]]


def _ticket(desk: Desk, number: int) -> Ticket:
    it = conversations.get(desk.store.reader, number)
    return Ticket(label=links.label(it.source, it.ref), subject=it.subject or it.name, status=it.status or it.state,
                  name=it.name, queue=it.queue, number=it.id, source=it.source, ref=it.ref)


def search_words(desk: Desk, conversation_id: int) -> str:
    """What a help desk is asked for: the customer's mail address, else the name."""
    it = conversations.get(desk.store.reader, conversation_id)
    person = customers.get(desk.store.reader, it.customer_id)
    contacts = [contact for one in person.identities for contact in one.profile.contacts if "@" in contact]
    return contacts[0] if contacts else person.name


def searchable(desk: Desk) -> list[str]:
    """The connected help desks that can be searched."""
    return sorted(name for name, one in desk.connectors.items() if one.caps.can_search and one.caps.can_open)


async def search(desk: Desk, source: str, words: str) -> list[Ticket]:
    """Look for tickets at a help desk; nothing of it is stored until one is picked."""
    async with asyncio.timeout(SEARCH_LIMIT_S):
        page = await desk.connector(source).find(words, FOUND)
    names = {profile.ref: profile.name or profile.handle for profile in page.profiles}
    return [Ticket(label=links.label(source, head.ref), subject=head.subject, status=head.status or "",
                   name=names.get(head.customer_ref, ""), queue=head.queue, source=source, ref=head.ref,
                   number=conversations.by_ref(desk.store.reader, source, head.ref) or 0)
            for head in page.conversations]


async def link(desk: Desk, conversation_id: int, ticket: str, *, note: bool = True) -> tuple[str, int]:
    """Tie a conversation to a ticket: our number, ``rt#5512`` or ``rt:support#5512``; a sentence and its number.

    The ticket gets an internal note with the way back here, where its help desk keeps notes.
    """
    number = await _brought_in(desk, ticket)
    it = conversations.get(desk.store.reader, conversation_id)
    other = conversations.get(desk.store.reader, number)
    if number == conversation_id:
        raise Refused("A conversation is not its own ticket", "", "Name another one")
    if any(one.other_id == number for one in links.of(desk.store.reader, conversation_id)):
        raise Refused(f"#{it.id} and {links.label(other.source, other.ref)} are tied already", "",
                      "The customer pane lists its ties")
    out = _note(desk, it, other) if note and desk.caps(other.source).can_note else None
    now = desk.now()

    def work(db: Db) -> None:
        link_id = tickets.tie(db, conversation_id, number, desk.agent, now)
        detail = {"ticket": number, "label": links.label(other.source, other.ref), "link": link_id,
                  "batch": uuid.uuid4().hex}
        if out is not None:
            detail["note"] = outbox.freeze(
                db, number, out, agent=desk.agent, hold_until=now + desk.hold, now=now,
                seen_message_id=conversations.last_message_id(db, number), source=other.source, keep_draft=True)
        ledger.write(db, at=now, agent=desk.agent, action=ticket_links.LINKED, conversation_id=conversation_id,
                     source=other.source, detail=detail)
        ranking.refresh(db, [conversation_id, number], desk.rulebook, now)

    await desk.store.write(work)
    desk.emit(Changed(conversation_ids=(conversation_id, number)))
    if desk.engine is not None:
        desk.engine.poke_outbox()
    return f"Tied to {links.label(other.source, other.ref)} {other.status}".rstrip(), number


async def unlink(desk: Desk, conversation_id: int, ticket_id: int) -> str:
    """Take a tie away; both conversations stay as they are, and a clock that hung on it goes."""
    now = desk.now()

    def work(db: Db) -> str:
        one = next((one for one in links.of(db, conversation_id) if one.other_id == ticket_id), None)
        if one is None:
            raise NotFound(f"#{conversation_id} is not tied to #{ticket_id}", "", "The customer pane lists its ties")
        taken = ticket_links.take(db, one.id, now)
        ledger.write(db, at=now, agent=desk.agent, action=ticket_links.UNLINKED, conversation_id=conversation_id,
                     source=one.source, detail={"ticket": ticket_id, "label": one.label, "batch": uuid.uuid4().hex,
                                                "tie": msgspec.to_builtins(taken)})
        ranking.refresh(db, [conversation_id, ticket_id], desk.rulebook, now)
        return one.label

    label = await desk.store.write(work)
    desk.emit(Changed(conversation_ids=(conversation_id, ticket_id)))
    return f"No longer tied to {label}"


def _note(desk: Desk, it: Conversation, other: Conversation) -> Outgoing:
    """The note that shows a ticket's readers the post."""
    url = it.url or next((one.message.url for one in reversed(conversations.thread(desk.store.reader, it.id, limit=20))
                          if one.message.url), "")
    words = f"Tied to a post of {it.name} on {it.source} by {desk.agent or 'the desk'}, conversation #{it.id}."
    out = Outgoing(client_id=str(uuid.uuid4()), conversation_ref=other.ref, kind=OutKind.NOTE,
                   text=f"{words}\n{url}".strip(), visibility=Visibility.INTERNAL, agent=desk.agent,
                   created_at=desk.now())
    connector = desk.connectors.get(other.source)
    return msgspec.structs.replace(out, extra=connector.freeze(out)) if connector is not None else out


async def _brought_in(desk: Desk, ticket: str) -> int:
    """The number of a ticket, fetched from its help desk when it is not stored yet."""
    word = ticket.strip()
    number = whole_number(word.lstrip("#"))
    if number is not None:
        return conversations.get(desk.store.reader, number).id
    place, _, ref = word.partition("#")
    named = [name for name in _names(desk) if desk.caps(name).can_open
             and place in (name, name.partition(":")[0], name.partition(":")[2])]
    if not place or not ref or not named:
        raise UsageError(f"{ticket} is no ticket", "", "Name our number such as 1042, or the help desk's: rt#5512")
    known_here = [found for name in named if (found := conversations.by_ref(desk.store.reader, name, ref)) is not None]
    if known_here:
        return known_here[0]
    if len(named) > 1:
        raise UsageError(f"Which help desk is {ticket} of?", "", " or ".join(f"{name}#{ref}" for name in sorted(named)))
    try:
        await desk.connected().adopt(ref, named[0])
    except TimeoutError as error:
        raise Refused(f"{named[0]} did not answer in time", "", "Try again in a moment") from error
    found_now = conversations.by_ref(desk.store.reader, named[0], ref)
    if found_now is None:
        raise NotFound(f"{named[0]} does not show the ticket {ref}", "", "Look at its number again")
    return found_now


__all__ = ["Ticket", "begun", "check", "known", "link", "places", "propose", "search", "search_words",
           "searchable", "send", "targets", "tied", "unlink"]
