"""What a page means for what we hold: a pure comparison that yields the actions of one transaction.

Nothing on a page is dropped: what is understood is added, edited, marked or known already, and the rest is rejected
into quarantine. What a source does not mention is never taken for deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import msgspec

from agentdesk.model.clock import DAY, Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Direction, Message
from agentdesk.model.page import Gap, Page, Reject
from agentdesk.model.plan import Held, HeldMessage, Plan
from agentdesk.model.source import ANEW, NOTHING
from agentdesk.model.text import inert

Purpose: TypeAlias = Literal["pull", "thread", "history"]
"""Why a page was fetched; only a pull moves the cursor."""

MANY_OPEN = 5
"""With this many open conversations a first answer with nothing in it is suspicious."""
RAW_LIMIT = 4_000
PLAUSIBLE: Millis = DAY
"""An edit dated further ahead than this does not make later ones look old."""
_SILENT = frozenset({"customer_ref", "subject", "url", "queue", "merged_into"})
"""Fields of a conversation whose empty text says nothing."""


def plan(source: str, page: Page, held: Held, purpose: Purpose, now: Millis, *, first: bool = False,
         skew: Millis = 0) -> Plan:
    """Return what ``page`` changes in what is held; ``first``: since we asked from the beginning nothing has come.

    ``skew`` is how far the server's clock is ahead of ours: what is not in the future there is none here either.
    """
    rejects = list(page.rejects)
    usable = _usable(page.messages, rejects)
    work = _Work(now)
    ours = {ref: client_id for client_id, ref in held.own_sends.items() if ref}
    for newest, gone in _versions(usable):
        message = _clamped(_recognised(newest, held, ours), now, max(0, skew))
        work.place(message, gone, held.messages.get(message.ref))
    suspicion = _suspicious(page, held, purpose, first)
    gap = page.gap or suspicion
    told = work.touched()
    if gap is None:
        work.delete += _removed(page, held, told)
    return Plan(
        source=source, conversations=_conversations(page.conversations, usable, rejects),
        profiles=_profiles(page.profiles, rejects), add=tuple(work.add), edit=tuple(work.edit),
        delete=tuple(work.delete), direct=tuple(work.direct) if purpose == "pull" else (),
        approved=tuple(work.approved),
        undelivered=tuple({(each.ref, each.client_id): each for each in page.undelivered
                           if each.ref or each.client_id}.values()),
        same=len(usable) - len(told), rejects=_distinct(rejects), gap=gap,
        cursor=(ANEW if suspicion else page.cursor) if purpose == "pull" else None,
        backfill=page.backfill or purpose == "history",
        purpose=purpose)


@dataclass
class _Work:
    """What is to be done, while it is being found out."""

    now: Millis
    add: list[Message] = field(default_factory=list)
    edit: list[Message] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    direct: list[str] = field(default_factory=list)
    approved: list[str] = field(default_factory=list)

    def place(self, message: Message, gone: bool, held: HeldMessage | None) -> None:
        """Put one message where it belongs; one that we know as it is goes nowhere."""
        if held is None:
            self.add.append(msgspec.structs.replace(message, deleted=gone))
            return
        if held.indirect and not message.indirect:
            self.direct.append(message.ref)
        if held.pending and not message.pending and not message.deleted:
            self.approved.append(message.ref)
        if gone and not held.deleted:
            self.delete.append(message.ref)
        if (message.deleted and held.text) or (held.emptied and not held.text):
            return  # a tombstone never replaces words, and words that were to leave do not come back
        stale = (message.edited_at or 0) < (held.edited_at or 0) <= self.now + PLAUSIBLE
        if message.text and message.text != held.text and (not stale or not held.text):
            self.edit.append(msgspec.structs.replace(message, deleted=gone or held.deleted))

    def touched(self) -> set[str]:
        """The refs that something is done to."""
        return {m.ref for m in self.add} | {m.ref for m in self.edit} | set(self.delete)


def _usable(messages: tuple[Message, ...], rejects: list[Reject]) -> list[Message]:
    """The messages that can be stored; the others join ``rejects``."""
    usable = []
    for place, message in enumerate(messages):
        lacking = "id" if not message.ref else "conversation" if not message.conversation_ref else ""
        if lacking:
            rejects.append(_reject(message.ref or f"item {place}", f"The message has no {lacking}", message))
        else:
            usable.append(message)
    return usable


def _reject(where: str, reason: str, item: msgspec.Struct) -> Reject:
    raw = msgspec.json.encode(item).decode("utf-8", "replace")
    return Reject(where=where, reason=reason, raw=inert(raw, limit=RAW_LIMIT))


def _versions(messages: list[Message]) -> list[tuple[Message, bool]]:
    """The newest telling of each message and whether any says that it was deleted, oldest message first."""
    chosen: dict[str, tuple[int, Message, bool]] = {}
    for place, message in enumerate(messages):
        at, before, gone = chosen.get(message.ref, (place, message, False))
        chosen[message.ref] = (at, _newer(before, message), gone or message.deleted)
    found = sorted(chosen.values(), key=lambda item: (item[1].created_at, item[0]))
    return [(message, gone) for _, message, gone in found]


def _newer(one: Message, other: Message) -> Message:
    """The later of two tellings of a message; words win over a tombstone, what holds from one on over what was before.

    That is being addressed over being heard, and being approved over waiting for it.
    """
    if one.deleted != other.deleted:
        newer = other if one.deleted else one
    else:
        newer = other if (other.edited_at or 0) >= (one.edited_at or 0) else one
    indirect, pending = one.indirect and other.indirect, one.pending and other.pending
    return newer if (newer.indirect, newer.pending) == (indirect, pending) else msgspec.structs.replace(
        newer, indirect=indirect, pending=pending)


def _recognised(message: Message, held: Held, ours: dict[str, str]) -> Message:
    """The message with our own id where we sent it, and without one where a stranger copied it."""
    if message.direction is Direction.IN:
        return msgspec.structs.replace(message, client_id="") if message.client_id else message
    client_id = message.client_id if message.client_id in held.own_sends else ours.get(message.ref, message.client_id)
    return message if client_id == message.client_id else msgspec.structs.replace(message, client_id=client_id)


def _clamped(message: Message, now: Millis, ahead: Millis) -> Message:
    """The message with a beginning that is not in the future, and with ours where the source gave none."""
    if 0 < message.created_at <= now + ahead:
        return message
    return msgspec.structs.replace(message, created_at=now)


def _removed(page: Page, held: Held, told: set[str]) -> list[str]:
    """Refs named as deleted that we hold and had not marked yet."""
    refs = dict.fromkeys(page.removed)
    return [ref for ref in refs if ref not in told and ref in held.messages and not held.messages[ref].deleted]


def _suspicious(page: Page, held: Held, purpose: Purpose, first: bool) -> Gap | None:
    """A gap instead of belief, when an answer is empty that cannot be; the source is then asked from the beginning."""
    if page.messages or page.conversations or page.rejects or page.more:
        return None
    if purpose == "pull" and first and held.open_conversations >= MANY_OPEN and not held.known_empty:
        return Gap(reason=NOTHING)
    return None


def _conversations(told: tuple[RemoteConversation, ...], messages: list[Message],
                   rejects: list[Reject]) -> tuple[RemoteConversation, ...]:
    """One head for every conversation on the page, those that only their messages name included."""
    heads: dict[str, RemoteConversation] = {}
    for place, head in enumerate(told):
        if not head.ref:
            rejects.append(_reject(f"conversation {place}", "The conversation has no id", head))
            continue
        heads[head.ref] = _merged(heads[head.ref], head) if head.ref in heads else head
    for message in messages:
        inbound = message.author.ref if message.direction is Direction.IN else ""
        head = heads.get(message.conversation_ref, RemoteConversation(ref=message.conversation_ref))
        heads[head.ref] = head if head.customer_ref else msgspec.structs.replace(head, customer_ref=inbound)
    return tuple(heads.values())


def _merged(one: RemoteConversation, other: RemoteConversation) -> RemoteConversation:
    """Two tellings of one conversation as one: the newer wins where it says something."""
    older, newer = (other, one) if (one.updated_at or 0) > (other.updated_at or 0) else (one, other)
    said = {name: value for name in newer.__struct_fields__
            if (value := getattr(newer, name)) is not None and (value != "" or name not in _SILENT)}
    said["fields"] = {**older.fields, **newer.fields}
    return msgspec.structs.replace(older, **said)


def _profiles(told: tuple[Profile, ...], rejects: list[Reject]) -> tuple[Profile, ...]:
    """One profile per person, the last told."""
    found: dict[str, Profile] = {}
    for place, profile in enumerate(told):
        if profile.ref:
            found[profile.ref] = profile
        else:
            rejects.append(_reject(f"profile {place}", "The profile has no id", profile))
    return tuple(found.values())


def _distinct(rejects: list[Reject]) -> tuple[Reject, ...]:
    return tuple({(r.where, r.reason): r for r in rejects}.values())
