"""Telling our own replies from a colleague's when a source shows them back to us."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from agentdesk.model.clock import MINUTE, Millis
from agentdesk.model.message import Direction, Message
from agentdesk.model.outgoing import SendState
from agentdesk.store.codec import pack
from agentdesk.store.db import Db
from agentdesk.store.likeness import likeness

SKEW: Millis = 10 * MINUTE
"""A message counts as ours by its text although the server's clock put it this long before we wrote it."""
_OURS = (Direction.OUT, Direction.NOTE)
_MAY_HAVE_LANDED = (SendState.SENDING, SendState.UNKNOWN, SendState.NEEDS_HUMAN, SendState.SENT)
_SELECT = ("SELECT id, client_id, remote_ref, state, likeness, conversation_id, created_at, kind FROM outbox "
           "WHERE kind <> 'action'")


class OwnSend(msgspec.Struct, frozen=True):
    """The little we need to know of an outbox entry."""

    id: int
    client_id: str
    remote_ref: str
    state: SendState
    likeness: bytes
    conversation_id: int
    created_at: Millis
    kind: str

    @property
    def belongs_here(self) -> bool:
        """True for what was said in its conversation; a ticket or a private message began another one."""
        return self.kind in ("reply", "note")


class Match(msgspec.Struct, frozen=True):
    """An entry that a message shows to have arrived; ``certain`` when by its id, not its text."""

    entry: OwnSend
    certain: bool


class OwnSends:
    """The outbox entries that messages of a page may be."""

    def __init__(self, db: Db, source: str, messages: Iterable[Message], conversation_ids: Iterable[int]) -> None:
        said = [m for m in messages if m.direction in _OURS]
        self._entries: list[OwnSend] = []
        if said:
            keys = pack([m.client_id for m in said if m.client_id])
            refs = pack([m.ref for m in said])
            rows = db.rows(
                f"{_SELECT} AND source = ?4 AND conversation_id IN (SELECT value FROM json_each(?1)) "
                f"UNION {_SELECT} AND source = ?4 AND client_id IN (SELECT value FROM json_each(?2)) "
                f"UNION {_SELECT} AND source = ?4 AND remote_ref <> '' AND remote_ref IN "
                "(SELECT value FROM json_each(?3)) ORDER BY id", pack(list(conversation_ids)), keys, refs, source)
            self._entries = [OwnSend(number, client_id, ref, SendState(state), mark, conversation_id, created_at, kind)
                             for number, client_id, ref, state, mark, conversation_id, created_at, kind in rows]
        self._by_client = {e.client_id: e for e in self._entries}
        self._by_ref = {e.remote_ref: e for e in self._entries if e.remote_ref}
        self._taken: set[int] = set()

    def find(self, message: Message, conversation_id: int) -> Match | None:
        """The entry that this message is; each entry is found by its text only once."""
        if not self._entries or message.direction not in _OURS:
            return None
        entry = self._by_client.get(message.client_id) or self._by_ref.get(message.ref)
        if entry is not None:
            self._taken.add(entry.id)
            return Match(entry, True)
        mark = b""
        for entry in self._entries:
            may = entry.belongs_here and entry.state in _MAY_HAVE_LANDED
            may = may and not (entry.state is SendState.SENT and entry.remote_ref)
            if not may or entry.conversation_id != conversation_id or entry.id in self._taken:
                continue
            mark = mark or likeness(message.text)
            if mark == entry.likeness and message.created_at >= entry.created_at - SKEW:
                self._taken.add(entry.id)
                return Match(entry, False)
        return None

    def sent_in(self, conversation_id: int) -> bool:
        """True when a reply of ours arrived in that conversation."""
        return any(e.conversation_id == conversation_id and e.state is SendState.SENT and e.kind == "reply"
                   for e in self._entries)
