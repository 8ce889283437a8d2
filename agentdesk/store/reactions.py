"""What we did to messages and persons where they are: likes, boosts, follows; each stands until it is taken back."""

from __future__ import annotations

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.outgoing import OutboxEntry, Verb
from agentdesk.store.db import Db

KINDS = (Verb.LIKE, Verb.BOOST, Verb.FOLLOW)
"""The actions that leave a mark."""
OFF = "off"
"""The value of an action that takes one back."""


class Reaction(msgspec.Struct, frozen=True):
    """One mark to be set or taken away: ``ref`` is the message's, for a follow the person's."""

    kind: Verb
    ref: str
    on: bool = True


def has(db: Db, source: str, kind: Verb, ref: str) -> bool:
    """True when we like, boost or follow this."""
    return bool(db.value("SELECT EXISTS (SELECT 1 FROM reaction WHERE source = ? AND kind = ? AND ref = ?)", source,
                         kind.value, ref))


def put(db: Db, source: str, it: Reaction, conversation_id: int, agent: str, now: Millis) -> None:
    """Set a mark or take it away."""
    if it.on:
        db.run("INSERT OR IGNORE INTO reaction (source, kind, ref, conversation_id, agent, at) "
               "VALUES (?, ?, ?, ?, ?, ?)", source, it.kind.value, it.ref, conversation_id, agent, now)
    else:
        db.run("DELETE FROM reaction WHERE source = ? AND kind = ? AND ref = ?", source, it.kind.value, it.ref)
    db.run("UPDATE conversation SET version = version + 1 WHERE id = ?", conversation_id)


def of_conversation(db: Db, conversation_id: int) -> frozenset[tuple[str, str]]:
    """(kind, ref) of every mark that was set from a conversation."""
    return frozenset(db.rows("SELECT kind, ref FROM reaction WHERE conversation_id = ?", conversation_id))


def of_action(entry: OutboxEntry) -> Reaction | None:
    """The mark that an action sets or takes away; None for other actions."""
    act = entry.action
    if act is None or act.verb not in KINDS:
        return None
    return Reaction(act.verb, act.customer_ref if act.verb is Verb.FOLLOW else act.message_ref, act.value != OFF)


def refused(db: Db, entry: OutboxEntry, now: Millis) -> None:
    """The source would not do it: the mark is as it was before."""
    it = of_action(entry)
    if it is not None:
        put(db, entry.source, msgspec.structs.replace(it, on=not it.on), entry.conversation_id, entry.agent, now)
