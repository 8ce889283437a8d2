"""Conversations: windows of the queue by keyset, single heads, threads; ``decisions`` writes what persons change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from agentdesk.errors import NotFound
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import (
    ClockKind,
    Conversation,
    Disposition,
    DueClock,
    QueueRow,
    Severity,
    State,
)
from agentdesk.model.message import Attachment, Author, Direction, Kind, Message, StoredMessage, Visibility
from agentdesk.model.outgoing import Verb
from agentdesk.model.text import Inert
from agentdesk.store import reactions
from agentdesk.store.codec import unpack
from agentdesk.store.db import Db
from agentdesk.store.sqlite_errors import reading
from agentdesk.store.where import Where

Key = tuple[int, int]
"""(rank, id): where a row stands in every view."""
COUNT_CAP = 20_000
"""A count goes no further: a view with more is shown as «20000+»."""

_ROW = ("c.id, c.source, c.name, c.preview, c.state, c.severity, c.rank, c.due_at, c.soon_at, c.clock_kind, "
        "c.calendar, c.last_in_at, c.snoozed_until, c.unread, c.burst, c.assignee, c.claim_agent, c.claim_until, "
        "c.has_draft, c.unsent, c.tags, c.incident, c.version, c.indirect, c.review")
_FIRST, _LAST = -(2**62), 2**62
_STATES = {state.value: state for state in State}
_SEVERITIES = {severity.value: severity for severity in Severity}
_KINDS: dict[str | None, ClockKind | None] = {None: None, **{kind.value: kind for kind in ClockKind}}


def window(db: Db, where: Where, *, after: Key | None = None, before: Key | None = None,
           limit: int = 200) -> list[QueueRow]:
    """A stretch of a view in queue order, after or before a key; without a key from the top."""
    if before is not None:
        # The key stands first: a view may bound the rank too, and SQLite starts reading from the bound it meets first.
        rows = db.rows(f"SELECT {_ROW} FROM conversation AS c WHERE (c.rank, c.id) < (?, ?) AND {where.sql} "
                       "ORDER BY c.rank DESC, c.id DESC LIMIT ?", *before, *where.params, limit)
        rows.reverse()
    else:
        start = after if after is not None else (_FIRST, 0)
        rows = db.rows(f"SELECT {_ROW} FROM conversation AS c WHERE {where.sql} AND (c.rank, c.id) > (?, ?) "
                       "ORDER BY c.rank, c.id LIMIT ?", *where.params, *start, limit)
    letters = dict(db.rows("SELECT name, letter FROM source"))
    with reading(db.path):
        return [_queue_row(row, letters) for row in rows]


def around(db: Db, where: Where, conversation_id: int, limit: int = 200) -> list[QueueRow]:
    """A stretch of a view with one conversation in its middle; empty when it is not in the view."""
    key = db.row(f"SELECT c.rank, c.id FROM conversation AS c WHERE c.id = ? AND ({where.sql})",
                 conversation_id, *where.params)
    if key is None:
        return []
    rank, number = key
    above = window(db, where, before=(rank, number), limit=limit // 2)
    return above + window(db, where, after=(rank, number - 1), limit=limit - len(above))


def matching(db: Db, where: Where, limit: int) -> list[int]:
    """The numbers of the first conversations in a view, in queue order."""
    return [row[0] for row in db.rows(f"SELECT c.id FROM conversation AS c WHERE {where.sql} "
                                      "ORDER BY c.rank, c.id LIMIT ?", *where.params, limit)]


def count(db: Db, where: Where) -> int:
    """How many conversations a view holds, at most ``COUNT_CAP``."""
    return int(db.value(f"SELECT count(*) FROM (SELECT 1 FROM conversation AS c WHERE {where.sql} LIMIT ?)",
                        *where.params, COUNT_CAP))


def counts(db: Db, now: Millis) -> dict[str, int]:
    """The figures of the status bar."""
    kept = dict(db.rows("SELECT state, conversations FROM tally"))
    late = db.value("SELECT count(*) FROM (SELECT 1 FROM conversation WHERE state = 'open' AND due_at IS NOT NULL "
                    "AND due_at <= ? LIMIT ?)", now, COUNT_CAP)
    soon = db.value("SELECT count(*) FROM (SELECT 1 FROM conversation INDEXED BY conversation_due "
                    "WHERE state = 'open' AND due_at > ? AND soon_at <= ? LIMIT ?)", now, now, COUNT_CAP)
    unsent = db.value("SELECT count(*) FROM outbox INDEXED BY outbox_work WHERE state NOT IN ('sent', 'cancelled') "
                      "AND kind <> 'action'")
    drafts = db.value("SELECT count(*) FROM draft")
    review = db.value("SELECT count(*) FROM (SELECT 1 FROM conversation INDEXED BY conversation_review "
                      "WHERE review <> 0 LIMIT ?)", COUNT_CAP)
    return {"late": late, "soon": soon, "open": kept.get("open", 0), "waiting": kept.get("waiting", 0),
            "snoozed": kept.get("snoozed", 0), "unsent": unsent, "drafts": drafts, "review": review}


def get(db: Db, conversation_id: int) -> Conversation:
    """One conversation's head; NotFound when there is none."""
    row = db.row(f"SELECT {', '.join(_HEAD)} FROM conversation WHERE id = ?", conversation_id)
    if row is None:
        raise NotFound(f"There is no conversation #{conversation_id}", "", "Look at the numbers with agentdesk queue")
    with reading(db.path):
        return _conversation(row)


def exists(db: Db, conversation_id: int) -> bool:
    """True when there is a conversation of this number."""
    return db.value("SELECT 1 FROM conversation WHERE id = ?", conversation_id) is not None


def any_stored(db: Db) -> bool:
    """True when anything was ever collected."""
    return bool(db.value("SELECT EXISTS (SELECT 1 FROM conversation)"))


def source_of(db: Db, conversation_id: int) -> str:
    """Where a conversation is; empty when there is none of this number."""
    return str(db.value("SELECT source FROM conversation WHERE id = ?", conversation_id) or "")


def by_ref(db: Db, source: str, ref: str) -> int | None:
    """The number of a source's conversation; None when it is not stored."""
    found = db.value("SELECT id FROM conversation WHERE source = ? AND ref = ?", source, ref)
    return None if found is None else int(found)


def has_messages(db: Db, source: str, ref: str) -> bool:
    """True for a source's conversation whose messages were fetched."""
    return db.value("SELECT 1 FROM conversation WHERE source = ? AND ref = ? AND messages > 0", source, ref) is not None


def remote_queues(db: Db, source: str, sample: int, most: int) -> tuple[str, ...]:
    """The queues, groups or inboxes that a sample of a source's conversations lies in, the fullest first."""
    return tuple(row[0] for row in db.rows(
        "SELECT remote_queue FROM ("
        "SELECT * FROM (SELECT remote_queue FROM conversation WHERE source = ?1 AND state = 'open' LIMIT ?2) UNION ALL "
        "SELECT * FROM (SELECT remote_queue FROM conversation WHERE source = ?1 LIMIT ?2)) "
        "WHERE remote_queue <> '' GROUP BY remote_queue "
        "ORDER BY count(*) DESC, remote_queue LIMIT ?3", source, sample, most))


def any_snooze_over(db: Db, now: Millis) -> bool:
    """True when a snooze has ended."""
    return bool(db.value("SELECT EXISTS (SELECT 1 FROM conversation WHERE state = 'snoozed' AND snoozed_until <= ?)",
                         now))


def snoozes_over(db: Db, now: Millis, limit: int) -> list[tuple[int, str, Millis]]:
    """(number, source, until when) of the conversations whose snooze has ended, the earliest first."""
    found: list[tuple[int, str, Millis]] = db.rows(
        "SELECT id, source, snoozed_until FROM conversation WHERE state = 'snoozed' AND snoozed_until <= ? "
        "ORDER BY snoozed_until LIMIT ?", now, limit)
    return found


def thread(db: Db, conversation_id: int, *, before: int | None = None, limit: int = 200) -> list[StoredMessage]:
    """The newest ``limit`` messages, oldest first; ``before`` a message's id brings those above it."""
    key: tuple[Any, ...] = (_LAST, _LAST)
    if before is not None:
        key = db.row("SELECT created_at, id FROM message WHERE id = ?", before) or key
    rows = db.rows(f"SELECT {_MESSAGE} FROM message AS m JOIN conversation AS c ON c.id = m.conversation_id "
                   "WHERE m.conversation_id = ? AND (m.created_at, m.id) < (?, ?) "
                   "ORDER BY m.created_at DESC, m.id DESC LIMIT ?", conversation_id, *key, limit)
    edited = [row[0] for row in rows if row[_EDITED_AT] is not None]
    earlier = _earlier_texts(db, edited)
    marks = reactions.of_conversation(db, conversation_id)
    with reading(db.path):
        return [stored_message(row, earlier.get(row[0], ()), marks) for row in reversed(rows)]


def message(db: Db, message_id: int) -> StoredMessage:
    """One message; NotFound when there is none."""
    row = db.row(f"SELECT {_MESSAGE} FROM message AS m JOIN conversation AS c ON c.id = m.conversation_id "
                 "WHERE m.id = ?", message_id)
    if row is None:
        raise NotFound(f"There is no message {message_id}", "", "agentdesk show NUMBER --json names them")
    marks = reactions.of_conversation(db, row[1])
    return stored_message(row, _earlier_texts(db, [message_id]).get(message_id, ()), marks)


def last(db: Db, conversation_id: int, direction: Direction, *, standing: bool = False,
         ours: bool = False) -> StoredMessage | None:
    """The newest message of a direction, however much was said since: not deleted, or sent from here, if wished."""
    found = db.value("SELECT id FROM message WHERE conversation_id = ? AND direction = ? AND ours >= ? "
                     "AND (deleted_at IS NULL OR NOT ?) ORDER BY created_at DESC, id DESC LIMIT 1", conversation_id,
                     direction.value, int(ours), int(standing))
    return None if found is None else message(db, found)


def has_unanswered_after(db: Db, conversation_id: int, message_id: int) -> bool:
    """True when the customer wrote after that message and nothing has covered it."""
    return bool(db.value("SELECT EXISTS (SELECT 1 FROM message WHERE conversation_id = ? AND direction = 'in' "
                         "AND handled_at IS NULL AND id > ?)", conversation_id, message_id))


def last_message_id(db: Db, conversation_id: int) -> int:
    """The newest message that is stored of a conversation: what somebody who looks now has seen; 0 for none."""
    return int(db.value("SELECT max(id) FROM message WHERE conversation_id = ?", conversation_id) or 0)


def is_unread(db: Db, conversation_id: int) -> bool:
    """True when nobody has had its newest messages open."""
    return bool(db.value("SELECT unread FROM conversation WHERE id = ?", conversation_id))


def mark_read(db: Db, conversation_id: int) -> None:
    """Forget how many messages are unread."""
    db.run("UPDATE conversation SET unread = 0, version = version + 1 WHERE id = ? AND unread > 0", conversation_id)


def _queue_row(row: tuple[Any, ...], letters: dict[str, str]) -> QueueRow:
    (number, source, name, preview, state, severity, rank, due_at, soon_at, kind, calendar, last_in_at, snoozed_until,
     unread, burst, assignee, claim_agent, claim_until, has_draft, unsent, tags, incident, version, indirect,
     review) = row
    return QueueRow(
        id=number, source=source, letter=letters.get(source, "?"), name=name, preview=preview, state=_STATES[state],
        severity=_SEVERITIES[severity], rank=rank, due_at=due_at, soon_at=soon_at, clock_kind=_KINDS[kind],
        calendar=calendar, last_in_at=last_in_at, snoozed_until=snoozed_until, unread=unread, burst=burst,
        assignee=assignee, claim_agent=claim_agent, claim_until=claim_until, has_draft=has_draft > 0, unsent=unsent,
        tags=() if tags == "[]" else _strings(tags), incident=incident, version=version,
        indirect=bool(indirect), review=review > 0)


_HEAD = ("id", "source", "ref", "customer_id", "name", "subject", "url", "state", "severity", "reasons", "status",
         "assignee", "priority", "remote_queue", "tags", "incident", "fields", "clocks", "claim_agent", "claim_until",
         "snoozed_until", "created_at", "first_in_at", "unanswered_since", "last_in_at", "last_out_at", "unread",
         "messages", "disposition", "disposition_code", "locked_reason", "version", "backfill", "unsent", "burst",
         "first_out_at", "disposed_at", "remote_closed", "has_draft", "indirect", "review")
_strings = msgspec.json.Decoder(tuple[str, ...]).decode
_clocks = msgspec.json.Decoder(tuple[DueClock, ...]).decode


def _conversation(row: tuple[Any, ...]) -> Conversation:
    values = dict(zip(_HEAD, row, strict=True))
    values["queue"] = values.pop("remote_queue")
    values |= {
        "state": _STATES[values["state"]], "severity": _SEVERITIES[values["severity"]],
        "reasons": _strings(values["reasons"]), "tags": _strings(values["tags"]),
        "fields": unpack(values["fields"], dict[str, str]), "clocks": _clocks(values["clocks"]),
        "disposition": Disposition(values["disposition"]) if values["disposition"] else None,
        "backfill": bool(values["backfill"]), "remote_closed": bool(values["remote_closed"]),
        "has_draft": values["has_draft"] > 0, "indirect": bool(values["indirect"]),
        "review": values["review"] > 0}
    return Conversation(**values)


_MESSAGE = ("m.id, m.conversation_id, m.source, m.ref, c.ref, m.parent_ref, m.author_ref, m.author_name, "
            "m.author_handle, m.direction, m.kind, m.visibility, m.text, m.raw, m.created_at, m.seen_at, m.edited_at, "
            "m.deleted_at, m.attachments, m.url, m.lang, m.rating, m.client_id, m.can_reply, m.indirect, m.ours, "
            "m.undelivered, m.pending")
_EDITED_AT = 16
_attachments = msgspec.json.Decoder(tuple[Attachment, ...]).decode


def stored_message(row: tuple[Any, ...], earlier: tuple[Inert, ...],
                   marks: frozenset[tuple[str, str]] = frozenset()) -> StoredMessage:
    """A message's row as the model has it; ``marks`` are what we did to the messages of its conversation."""
    (number, conversation_id, source, ref, conversation_ref, parent_ref, author_ref, author_name, author_handle,
     direction, kind, visibility, text, raw, created_at, seen_at, edited_at, deleted_at, attachments, url, lang, rating,
     client_id, can_reply, indirect, ours, undelivered, pending) = row
    told = Message(
        ref=ref, conversation_ref=conversation_ref, parent_ref=parent_ref,
        author=Author(ref=author_ref, name=author_name, handle=author_handle), direction=Direction(direction),
        kind=Kind(kind), visibility=Visibility(visibility), text=text, raw=raw, created_at=created_at,
        edited_at=edited_at, deleted=deleted_at is not None,
        attachments=_attachments(attachments) if attachments else (), url=url, lang=lang, rating=rating,
        client_id=client_id, can_reply=bool(can_reply), indirect=bool(indirect), pending=bool(pending))
    return StoredMessage(id=number, conversation_id=conversation_id, source=source, message=told, seen_at=seen_at,
                         deleted_at=deleted_at, earlier_texts=earlier, ours=bool(ours), undelivered=undelivered,
                         liked=(Verb.LIKE.value, ref) in marks, boosted=(Verb.BOOST.value, ref) in marks)


def _earlier_texts(db: Db, ids: Sequence[int]) -> dict[int, tuple[Inert, ...]]:
    found: dict[int, list[Inert]] = {}
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        marks = ",".join("?" * len(part))
        for number, text in db.rows(f"SELECT message_id, text FROM message_edit WHERE message_id IN ({marks}) "
                                    "ORDER BY id", *part):
            found.setdefault(number, []).append(text)
    return {number: tuple(texts) for number, texts in found.items()}
