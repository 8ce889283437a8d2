"""Writing and sending: drafts, guards, freezing into the outbox, and what can still be done with what lies there."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

import msgspec

from agentdesk.desk import canned as canned_replies
from agentdesk.desk import escalate, files, reacting
from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused
from agentdesk.model.capability import Caps
from agentdesk.model.conversation import Conversation
from agentdesk.model.events import Changed, OutboxChanged
from agentdesk.model.message import Direction, Message, Visibility
from agentdesk.model.outgoing import Draft, OutboxEntry, Outgoing, OutKind, SendState
from agentdesk.model.text import inert
from agentdesk.replies import guards, length, signature, template
from agentdesk.replies.mention import silent
from agentdesk.replies.template import Canned, Values
from agentdesk.rules import ticket_text
from agentdesk.store import conversations, customers, drafts, links, outbox, ranking, ticket_links
from agentdesk.store.db import Db

UNSIGNED = (OutKind.NOTE, OutKind.TICKET)
"""What goes without a sign-off."""
LEAVING = {OutKind.NOTE: "note", OutKind.DM: "private message"}
"""What is on its way, in words; all else is a reply."""

WIDTH = (Visibility.INTERNAL, Visibility.DIRECT, Visibility.FOLLOWERS, Visibility.UNLISTED, Visibility.PUBLIC)
"""Visibilities from narrowest to widest."""


@dataclass(frozen=True)
class Sent:
    """What came of asking to send: entries in the outbox, or warnings that stand against it."""

    entry_ids: tuple[int, ...] = ()
    warnings: tuple[guards.Warning, ...] = ()
    hold_until: int = 0


def _last_in(db: Db, conversation_id: int) -> Message | None:
    """The customer's last message, which a reply answers."""
    found = conversations.last(db, conversation_id, Direction.IN)
    return None if found is None else found.message


def visibilities(desk: Desk, conversation_id: int, kind: OutKind) -> tuple[Visibility, ...]:
    """What a reply here may be, the usual one first: never wider than what the customer wrote."""
    if kind in (OutKind.NOTE, OutKind.TICKET):
        return (Visibility.INTERNAL,)
    if kind is OutKind.DM:
        return (Visibility.DIRECT,)
    it = conversations.get(desk.store.reader, conversation_id)
    caps = desk.caps(it.source)
    allowed = [Visibility(v) for v in caps.visibilities]
    last = _last_in(desk.store.reader, conversation_id)
    if caps.direct_apart and last is not None and last.visibility is not Visibility.DIRECT:
        allowed = [v for v in allowed if v is not Visibility.DIRECT]
    if last is not None:
        narrow = [v for v in allowed if WIDTH.index(v) <= WIDTH.index(last.visibility)]
        same = [v for v in narrow if v is last.visibility]
        allowed = same + [v for v in narrow if v is not last.visibility] if narrow else allowed[-1:]
    return tuple(allowed) or (Visibility.PUBLIC,)


def open_draft(desk: Desk, conversation_id: int, kind: OutKind = OutKind.REPLY, message_id: int = 0) -> Draft:
    """The draft that was begun here, or a new one (not stored until it has text of its own).

    For another text of a message of ours, ``message_id`` says which; the last one without it.
    """
    found = drafts.get(desk.store.reader, conversation_id, desk.agent, kind)
    if kind is OutKind.EDIT:
        return _open_edit(desk, conversation_id, message_id, found)
    if found is not None:
        return found
    if kind is OutKind.TICKET:
        return escalate.propose(desk, conversation_id)
    it = conversations.get(desk.store.reader, conversation_id)
    if kind is OutKind.REPLY:
        _check_can_reply(desk, it)
    elif kind is OutKind.DM:
        _check_can_dm(desk, it)
    elif (desk.connectors or it.source in desk.learn()) and not desk.caps(it.source).can_note:
        raise Refused(f"{it.source} keeps no notes", "There is nothing like them there",
                      "Write the note about the customer (:customer-note) instead: m")
    last = _last_in(desk.store.reader, conversation_id)
    return Draft(conversation_id=conversation_id, agent=desk.agent, kind=kind, text="",
                 visibility=visibilities(desk, conversation_id, kind)[0],
                 reply_to_ref=last.ref if last and kind is not OutKind.DM else "",
                 seen_message_id=conversations.last_message_id(desk.store.reader, conversation_id),
                 started_at=desk.now(), name=it.name, source=it.source)


def _open_edit(desk: Desk, conversation_id: int, message_id: int, found: Draft | None) -> Draft:
    """The draft of another text for a reply of ours; one begun for another reply must be finished first."""
    if found is not None and not message_id:
        return found
    stored = reacting.editable(desk, conversation_id, message_id)
    if found is not None and found.reply_to_ref == stored.message.ref:
        return found
    if found is not None:
        raise Refused("Another reply here is being edited", "Its new text is a draft",
                      "Take it up from the drafts with D, then send it or throw it away")
    text = signature.strip(reacting.text_of(desk, stored), desk.config.agent.signature)
    it = conversations.get(desk.store.reader, conversation_id)
    return Draft(conversation_id=conversation_id, agent=desk.agent, kind=OutKind.EDIT, text=text,
                 visibility=stored.message.visibility, reply_to_ref=stored.message.ref,
                 seen_message_id=conversations.last_message_id(desk.store.reader, conversation_id),
                 started_at=desk.now(), name=it.name, source=it.source)


def _check_can_dm(desk: Desk, it: Conversation) -> None:
    """Refuse to begin a private conversation where there is none, or where this one is private already."""
    reacting.require(desk, it.source, "can_dm", "begin a private conversation")
    last = _last_in(desk.store.reader, it.id)
    if last is None:
        raise Refused(f"Nobody to write to in #{it.id}", "The customer has not written here", "")
    if last.visibility is Visibility.DIRECT:
        raise Refused("This conversation is private already", f"{it.name} wrote in private", "Answer with r")


def private_talk(desk: Desk, conversation_id: int) -> int:
    """The private conversation that this one was taken to already; 0 when there is none."""
    for link in links.of(desk.store.reader, conversation_id):
        if link.kind == "dm" and link.other_id is not None:
            return link.other_id
    return 0


def _check_can_reply(desk: Desk, it: Conversation) -> None:
    """Refuse a reply that the source would not take, before anything is typed."""
    caps = desk.caps(it.source)
    ways = [*(["copy the address of its page with o"] if it.url else []), "finish it with d",
            *(["write a note"] if caps.can_note else [])]
    if it.source in desk.connectors and not caps.can_reply:
        raise Refused(f"{it.source} can only be read", it.locked_reason, ", or ".join(ways).capitalize())
    if it.locked_reason:
        raise Refused(f"No reply can be sent to #{it.id} {it.name}", it.locked_reason, ", or ".join(ways).capitalize())


async def save(desk: Desk, draft: Draft) -> int:
    """Store the draft as it is now; returns the instant of the commit. An empty one is forgotten.

    Refused where other words were stored in its place since it was read, in another window: one of the two would be
    lost.
    """
    now, holds = desk.now(), bool(draft.text.strip() or draft.uploads)

    def work(db: Db) -> None:
        if drafts.other_words(db, draft):
            raise Refused("This draft is written in another window too", "Other words were stored in its place since",
                          "Copy what is yours, or go on there: what was stored last is kept")
        if holds:
            drafts.save(db, draft, now)
        else:
            drafts.drop(db, draft.conversation_id, draft.agent, draft.kind)

    await desk.store.write(work)
    if not holds:
        desk.emit(Changed(conversation_ids=(draft.conversation_id,)))
    return now


async def discard(desk: Desk, draft: Draft) -> None:
    """Throw a draft away."""
    await desk.store.write(lambda db: drafts.drop(db, draft.conversation_id, draft.agent, draft.kind))
    desk.emit(Changed(conversation_ids=(draft.conversation_id,)))


def signed(desk: Desk, draft: Draft, text: str | None = None) -> str:
    """The text as it will leave: cleaned, with the agent's sign-off on a reply."""
    clean = inert(draft.text if text is None else text).strip()
    return clean if draft.kind in UNSIGNED else signature.sign(clean, desk.config.agent.signature)


def room(desk: Desk, draft: Draft) -> int | None:
    """How much the channel's own count leaves, sign-off included; negative when too long, None without a limit."""
    if draft.kind in UNSIGNED:
        return None
    text = signed(desk, draft)
    return length.left(text, _limits(desk, draft, text))


def _limits(desk: Desk, draft: Draft, text: str) -> Caps:
    """The limits for this text: those of private messages, or less where the customer's handle takes its share."""
    caps = desk.caps(draft.source or _source(desk, draft))
    if draft.kind is OutKind.DM or draft.visibility is Visibility.DIRECT:
        caps = caps.privately()
    if not caps.mentions:
        return caps
    last = _last_in(desk.store.reader, draft.conversation_id)
    return length.reserved(caps, text, last.author.handle if last else "")


def _source(desk: Desk, draft: Draft) -> str:
    return conversations.get(desk.store.reader, draft.conversation_id).source


def check(desk: Desk, draft: Draft) -> tuple[guards.Warning, ...]:
    """What stands against sending this draft as it is."""
    if draft.kind is OutKind.TICKET:
        return escalate.check(desk, draft)
    it = conversations.get(desk.store.reader, draft.conversation_id)
    last = _last_in(desk.store.reader, draft.conversation_id)
    since = desk.now() - 24 * 3_600_000
    canned = canned_replies.named(desk, draft.canned)
    to_customer, to_others = outbox.same_text(desk.store.reader, signed(desk, draft), it.customer_id, since)
    if draft.kind is OutKind.EDIT:
        to_customer = to_others = 0
    can_direct = draft.kind is OutKind.REPLY and Visibility.DIRECT in visibilities(desk, it.id, draft.kind)
    return guards.check(guards.GuardFacts(
        text=draft.text, visibility=draft.visibility, kind=draft.kind, signature=desk.config.agent.signature,
        customer_visibility=last.visibility if last else None, room=room(desk, draft),
        can_direct=can_direct, can_dm=desk.caps(it.source).can_dm and draft.kind is OutKind.REPLY,
        files=tuple(each.name for each in draft.uploads), undescribed=files.undescribed(draft, desk.caps(it.source)),
        canned=draft.canned, canned_text=draft.canned_text,
        same_to_customer=to_customer, same_to_others=to_others, ours=(canned.text,) if canned else (),
        repeat_limit=desk.config.replies.repeat_limit, warn_unedited=desk.config.replies.unedited,
        more_private=desk.config.privacy.warn_public))


async def send(desk: Desk, draft: Draft, override: frozenset[str] = frozenset(), *, split: bool = False,
               hold: int | None = None) -> Sent:
    """Freeze a draft into the outbox, where it is held for the undo time; warnings not overridden stop it."""
    if not draft.text.strip():
        raise Refused("There is nothing to send", "The reply is empty", "Type something, or press Esc")
    if draft.kind is OutKind.TICKET:
        return Sent(*await escalate.send(desk, draft, override, hold=hold))
    standing = tuple(w for w in check(desk, draft) if w.code not in override and not (split and w.code == "too_long"))
    if standing:
        return Sent(warnings=standing)
    it = conversations.get(desk.store.reader, draft.conversation_id)
    _check_can_reply(desk, it) if draft.kind is OutKind.REPLY else None
    texts = [signed(desk, draft)]
    if draft.kind is OutKind.EDIT:
        await reacting.edit(desk, it.id, draft.reply_to_ref, texts[0], drop=draft.agent)
        return Sent()
    if split:
        texts = length.split(inert(draft.text).strip(), _limits(desk, draft, ""), desk.config.agent.signature)
    now = desk.now()
    usual = 0 if draft.kind is OutKind.NOTE else desk.hold
    hold_until = now + (usual if hold is None else hold)
    outs = [_freeze(desk, draft, it, text, now, first=number == 0) for number, text in enumerate(texts)]

    def work(db: Db) -> list[int]:
        return [outbox.freeze(db, it.id, out, agent=desk.agent, hold_until=hold_until, source=it.source,
                              seen_message_id=draft.seen_message_id, now=now) for out in outs]

    entry_ids = await desk.store.write(work)
    desk.emit(OutboxChanged(entry_id=entry_ids[0], conversation_id=it.id, state=SendState.HELD,
                            text=f"The {LEAVING.get(draft.kind, 'reply')} leaves shortly"))
    desk.emit(Changed(conversation_ids=(it.id,)))
    if desk.engine is not None:
        desk.engine.poke_outbox()
    return Sent(entry_ids=tuple(entry_ids), hold_until=hold_until)


def _freeze(desk: Desk, draft: Draft, it: Conversation, text: str, now: int, *, first: bool) -> Outgoing:
    """Make the frozen reply, with whatever the connector must fix before the first attempt; files go with the first."""
    last = _last_in(desk.store.reader, it.id)
    out = Outgoing(client_id=str(uuid.uuid4()), conversation_ref=it.ref, kind=draft.kind, text=text,
                   visibility=draft.visibility, reply_to_ref=draft.reply_to_ref, agent=desk.agent, created_at=now,
                   customer_ref=last.author.ref if last else "", customer_handle=last.author.handle if last else "",
                   customer_name=it.name if draft.kind is OutKind.DM else "", uploads=draft.uploads if first else ())
    connector = desk.connectors.get(it.source)
    extra = connector.freeze(out) if connector is not None else ""
    return msgspec.structs.replace(out, extra=extra)


def held(desk: Desk) -> OutboxEntry | None:
    """This agent's newest reply that can still be taken back, if there is one."""
    now = desk.now()
    for entry in outbox.list(desk.store.reader, unsettled_only=True, limit=50):
        ours = entry.agent == desk.agent and entry.out is not None
        if ours and entry.state is SendState.HELD and entry.hold_until > now and not _goes_with_a_tie(desk, entry):
            return entry
    return None


def _goes_with_a_tie(desk: Desk, entry: OutboxEntry) -> bool:
    """True for the note that went to a ticket with a tie: undoing that takes it back."""
    return entry.kind is OutKind.NOTE and ticket_links.has_note(desk.store.reader, entry.id, entry.created_at)


async def cancel(desk: Desk, entry_id: int) -> Draft:
    """Take a reply out of the outbox; its text is a draft again. Refused once it is on its way.

    A reply that was split comes back whole, as far as its parts have not left.
    """
    now = desk.now()

    def work(db: Db) -> Draft:
        parts = _parts(db, outbox.get(db, entry_id))
        first = parts[0]
        written = drafts.get(db, first.conversation_id, desk.agent, first.kind)
        back = [outbox.cancel(db, part.id, desk.agent, now) for part in parts][-1]
        words = " ".join(_unsigned(desk, part, len(parts) > 1) for part in parts)
        draft = drafts.joined(written, msgspec.structs.replace(back, text=words))
        drafts.save(db, draft, now)
        ranking.refresh(db, [draft.conversation_id], desk.rulebook, now)
        return draft

    draft = await desk.store.write(work)
    _tell(desk, entry_id, draft.conversation_id, SendState.CANCELLED)
    return draft


async def take_back(desk: Desk, entry_id: int) -> str:
    """Take an entry off the outbox's list: its text is a draft again, where there is one that can be read."""
    now = desk.now()
    conversation_id = await desk.store.write(lambda db: outbox.put_away(db, entry_id, desk.agent, now))
    if not conversation_id:
        await cancel(desk, entry_id)
        return "Taken back; the text is a draft again"
    _tell(desk, entry_id, conversation_id, SendState.CANCELLED)
    return "Removed from the list; the ledger keeps that it was there"


def _parts(db: Db, entry: OutboxEntry) -> list[OutboxEntry]:
    """The entries that were frozen together with this one and have not left, in order."""
    together = [other for other in outbox.of_conversation(db, entry.conversation_id)
                if other.created_at == entry.created_at and other.kind is entry.kind and other.id != entry.id
                and other.agent == entry.agent and other.state in (SendState.HELD, SendState.QUEUED, SendState.STOPPED)]
    return sorted([entry, *together], key=lambda one: one.id)


def _unsigned(desk: Desk, entry: OutboxEntry, numbered: bool) -> str:
    """What the agent wrote: without the sign-off, and without the number of a part."""
    text = entry.out.text if entry.out is not None else ""
    if entry.out is not None and entry.kind is OutKind.TICKET:
        return ticket_text.of(entry.out, entry.source).written
    if numbered:
        text = re.sub(r" \d+/\d+$", "", text)
    return text if entry.kind is OutKind.NOTE else signature.strip(text, desk.config.agent.signature)


async def retry(desk: Desk, entry_id: int) -> str:
    """Send now, or again after a person has looked: ends the hold, a refusal, a stop or a doubt."""
    now = desk.now()
    entry = await desk.store.write(lambda db: outbox.release(db, entry_id, desk.agent, now))
    _tell(desk, entry_id, entry.conversation_id, SendState.QUEUED)
    if desk.engine is not None:
        desk.engine.poke_outbox()
    return "On its way"


async def settle_as_sent(desk: Desk, entry_id: int) -> str:
    """Say that a reply of unknown outcome did arrive: a person has seen it on the platform."""
    now = desk.now()
    entry = await desk.store.write(lambda db: outbox.settle(db, entry_id, desk.agent, now, desk.rulebook))
    _tell(desk, entry_id, entry.conversation_id, SendState.SENT)
    return "Settled as sent"


def _tell(desk: Desk, entry_id: int, conversation_id: int, state: SendState) -> None:
    desk.emit(OutboxChanged(entry_id=entry_id, conversation_id=conversation_id, state=state))
    desk.emit(Changed(conversation_ids=(conversation_id,)))


def find_canned(desk: Desk, words: str, conversation_id: int = 0) -> list[Canned]:
    """Canned replies that fit the words, best first; those that another help desk holds last."""
    return canned_replies.find(desk, words, conversation_id)


def canned_values(desk: Desk, conversation_id: int) -> Values:
    """What a canned reply can be filled with here; names that customers chose mention nobody by accident."""
    it = conversations.get(desk.store.reader, conversation_id)
    person = customers.get(desk.store.reader, it.customer_id)
    name = silent(person.name)
    first = name.split()[0] if name.split() else name
    handle = next((i.profile.handle for i in person.identities if i.source == it.source), "")
    return {
        "customer": {"name": name, "first_name": first, "handle": handle},
        "agent": {"name": desk.agent, "signature": desk.config.agent.signature},
        "conversation": {"subject": silent(it.subject), "number": str(it.id), "source": it.source},
        **{name: silent(value) for name, value in it.fields.items() if name.isidentifier()},
    }


def missing(desk: Desk, canned: Canned, conversation_id: int) -> tuple[str, ...]:
    """The values that a canned reply needs and that nobody knows yet."""
    return template.missing(canned.text, canned_values(desk, conversation_id))


def fill(desk: Desk, canned: Canned, conversation_id: int, values: dict[str, str]) -> str:
    """The canned reply as plain text, to be edited before it goes."""
    filled = canned_values(desk, conversation_id)
    for name, value in values.items():
        filled = template.fill(filled, name, value)
    return template.render(canned.text, filled)
