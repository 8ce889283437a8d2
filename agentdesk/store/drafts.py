"""Drafts: text being written, each row with a hash that tells whether it is whole."""

from __future__ import annotations

import builtins
from typing import Any

import msgspec

from agentdesk.errors import StoreDamaged
from agentdesk.model.clock import Millis
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Draft, OutKind, Upload
from agentdesk.store.codec import pack, row_hash, storable
from agentdesk.store.db import Db
from agentdesk.store.sqlite_errors import reading

_COLUMNS = ("d.conversation_id, d.agent, d.kind, d.text, d.visibility, d.canned, d.canned_text, d.reply_to_ref, "
            "d.seen_message_id, d.uploads, d.calls, d.started_at, d.saved_at, d.hash, coalesce(c.name, ''), "
            "coalesce(c.source, '')")
_UPLOADS = msgspec.json.Decoder(tuple[Upload, ...]).decode
_CALLS = msgspec.json.Decoder(tuple[str, ...]).decode
_FROM = "FROM draft AS d LEFT JOIN conversation AS c ON c.id = d.conversation_id"


def save(db: Db, draft: Draft, now: Millis) -> None:
    """Store the text as it is now, in the place of what was stored before."""
    values = tuple(storable(v) for v in (
        draft.conversation_id, draft.agent, draft.kind.value, draft.text, draft.visibility.value, draft.canned,
        draft.canned_text, draft.reply_to_ref, draft.seen_message_id, pack(draft.uploads) if draft.uploads else "",
        pack(draft.calls) if draft.calls else "", draft.started_at or now, now))
    db.run("INSERT INTO draft VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
           "text = excluded.text, visibility = excluded.visibility, canned = excluded.canned, "
           "canned_text = excluded.canned_text, reply_to_ref = excluded.reply_to_ref, "
           "seen_message_id = excluded.seen_message_id, uploads = excluded.uploads, calls = excluded.calls, "
           "started_at = excluded.started_at, saved_at = excluded.saved_at, hash = excluded.hash", *values,
           row_hash(*values))
    _mark(db, draft.conversation_id)


def get(db: Db, conversation_id: int, agent: str, kind: OutKind) -> Draft | None:
    """One agent's draft on a conversation; StoreDamaged when what is stored is not what was written."""
    row = db.row(f"SELECT {_COLUMNS} {_FROM} WHERE d.conversation_id = ? AND d.agent = ? AND d.kind = ?",
                 conversation_id, agent, kind.value)
    if row is None:
        return None
    if not _is_whole(row):
        raise StoreDamaged(f"The draft on #{conversation_id} is damaged", "What is stored is not what was written",
                           "Run agentdesk doctor --rescue FILE to save what can be read")
    with reading(db.path):
        return _draft(row)


def other_words(db: Db, draft: Draft) -> str:
    """What is stored in the place of this draft and would be lost with it: words that it was not begun from."""
    row = db.row("SELECT text, saved_at FROM draft WHERE conversation_id = ? AND agent = ? AND kind = ?",
                 draft.conversation_id, draft.agent, draft.kind.value)
    if row is None or row[1] == draft.saved_at or row[0] == storable(draft.text):
        return ""
    return str(row[0])


def all(db: Db, agent: str | None = None) -> builtins.list[Draft]:  # noqa: A001 - drafts.all reads well
    """The drafts of one agent, or of everybody, newest first; damaged ones are ``damaged``'s to tell."""
    with reading(db.path):
        return [_draft(row) for row in _rows(db, agent) if _is_whole(row)]


def count(db: Db) -> int:
    """How many there are, damaged ones too."""
    return int(db.value("SELECT count(*) FROM draft"))


def damaged(db: Db) -> builtins.list[str]:
    """The drafts whose hash does not fit, in words."""
    return [f"draft of {row[1]} on #{row[0]}" for row in _rows(db, None) if not _is_whole(row)]


def drop(db: Db, conversation_id: int, agent: str, kind: OutKind) -> bool:
    """Forget a draft; False when there was none."""
    gone = db.run("DELETE FROM draft WHERE conversation_id = ? AND agent = ? AND kind = ?",
                  conversation_id, agent, kind.value)
    _mark(db, conversation_id)
    return gone > 0


def _rows(db: Db, agent: str | None) -> builtins.list[tuple[Any, ...]]:
    if agent is None:
        return db.rows(f"SELECT {_COLUMNS} {_FROM} ORDER BY d.saved_at DESC")
    return db.rows(f"SELECT {_COLUMNS} {_FROM} WHERE d.agent = ? ORDER BY d.saved_at DESC", agent)


def _mark(db: Db, conversation_id: int) -> None:
    """Keep the conversation's own count of drafts; its version grows only when that changes."""
    db.run("UPDATE conversation SET has_draft = n.number, version = version + 1 "
           "FROM (SELECT count(*) AS number FROM draft WHERE conversation_id = ?1) AS n "
           "WHERE id = ?1 AND has_draft <> n.number", conversation_id)


def _is_whole(row: tuple[Any, ...]) -> bool:
    values, told = row[:13], row[13]
    return bool(told == row_hash(*values))


def _draft(row: tuple[Any, ...]) -> Draft:
    (conversation_id, agent, kind, text, visibility, canned, canned_text, reply_to_ref, seen, uploads, calls,
     started_at, saved_at, _, name, source) = row
    return Draft(conversation_id=conversation_id, agent=agent, kind=OutKind(kind), text=text,
                 visibility=Visibility(visibility), canned=canned, canned_text=canned_text, reply_to_ref=reply_to_ref,
                 seen_message_id=seen, uploads=_UPLOADS(uploads) if uploads else (),
                 calls=_CALLS(calls) if calls else (), started_at=started_at, saved_at=saved_at, name=name,
                 source=source)


def joined(old: Draft | None, back: Draft) -> Draft:
    """``back`` as the draft to keep, with what was begun since below it: nothing of either is lost."""
    if old is None:
        return back
    back = msgspec.structs.replace(back, uploads=tuple(dict.fromkeys((*back.uploads, *old.uploads))),
                                   calls=tuple(dict.fromkeys((*back.calls, *old.calls))))
    if not old.text.strip() or old.text == back.text:
        return back
    return msgspec.structs.replace(back, text=f"{back.text}\n\n{old.text}")
