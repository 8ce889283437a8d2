"""The outbox: frozen replies, notes and actions on their way, and what became of them.

Every step is one row's change inside the caller's transaction. ``sending`` is committed before the first byte leaves;
what cannot be proven not to have arrived becomes ``unknown`` and is never sent again by itself.
"""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from agentdesk.errors import NotFound, Refused, StoreDamaged
from agentdesk.model.clock import Millis
from agentdesk.model.outgoing import (
    UNSETTLED,
    Action,
    Draft,
    OutboxEntry,
    Outgoing,
    OutKind,
    Receipt,
    SendState,
)
from agentdesk.rules import ticket_text
from agentdesk.store import decisions, drafts, effects, ledger, ranking
from agentdesk.store.codec import pack, row_hash, unpack
from agentdesk.store.db import Db
from agentdesk.store.delivery import Delivered, deliver
from agentdesk.store.likeness import likeness
from agentdesk.store.sqlite_errors import reading

if TYPE_CHECKING:
    from agentdesk.rules.rulebook import Rulebook

_COLUMNS = ("o.id, o.client_id, o.conversation_id, o.source, o.kind, o.agent, o.state, o.body, o.created_at, "
            "o.hold_until, o.next_try_at, o.first_try_at, o.attempts, o.checks, o.seen_message_id, o.remote_ref, "
            "o.sent_at, o.title, o.remedy, o.hash, coalesce(c.name, '')")
_JOIN = "LEFT JOIN conversation AS c ON c.id = o.conversation_id"
_FROM = f"FROM outbox AS o {_JOIN}"
_UNSETTLED = f"FROM outbox AS o INDEXED BY outbox_work {_JOIN}"
OPEN = "o.state NOT IN ('sent', 'cancelled')"
"""Meets the entries, as ``o``, that are not settled."""
_SAME_LANE = "({e}.kind = o.kind OR ({e}.kind NOT IN ('ticket', 'dm') AND o.kind NOT IN ('ticket', 'dm')))"
"""What begins a conversation elsewhere waits for nothing here, and nothing here waits for it."""
_FREE = f"""NOT EXISTS (SELECT 1 FROM outbox AS e WHERE e.conversation_id = o.conversation_id AND e.id < o.id
  AND e.state IN ('held', 'queued', 'sending', 'unknown') AND (o.kind = 'action' OR e.kind <> 'action')
  AND {_SAME_LANE.format(e="e")})"""
CALLED = {OutKind.REPLY: "the reply", OutKind.TICKET: "the ticket", OutKind.DM: "the direct message"}
"""What may have let its conversation leave the queue, in words."""
_DAMAGED = "This entry is damaged: what is stored is not what was written"


def freeze(db: Db, conversation_id: int, out: Outgoing, *, agent: str, hold_until: Millis, seen_message_id: int,
           now: Millis, source: str = "", keep_draft: bool = False) -> int:
    """Put what is to be sent into the outbox, write the ledger and forget the draft; returns the entry's number.

    ``source`` is where it goes: for a ticket another one than the conversation's.
    """
    held = hold_until > now
    number = _insert(db, conversation_id, source, out.kind, agent, out.client_id, pack(out),
                     SendState.HELD if held else SendState.QUEUED, now, hold_until if held else now, seen_message_id,
                     likeness(out.text))
    ledger.write(db, at=now, agent=agent, action="queued", conversation_id=conversation_id, source=source,
                 code=out.kind.value, detail={"entry": number, "client_id": out.client_id,
                                              "visibility": out.visibility.value})
    if not keep_draft:
        drafts.drop(db, conversation_id, agent, out.kind)
    _mark(db, conversation_id)
    return number


def freeze_action(db: Db, conversation_id: int, source: str, action: Action, agent: str, now: Millis, *,
                  hold_until: Millis = 0) -> int:
    """Put an action into the outbox; returns the entry's number."""
    held = hold_until > now
    return _insert(db, conversation_id, source, OutKind.ACTION, agent, uuid.uuid4().hex, pack(action),
                   SendState.HELD if held else SendState.QUEUED, now, hold_until if held else now, 0, b"")


def get(db: Db, entry_id: int) -> OutboxEntry:
    """One entry; NotFound when there is none, StoreDamaged when it is not what was written."""
    row = db.row(f"SELECT {_COLUMNS} {_FROM} WHERE o.id = ?", entry_id)
    if row is None:
        raise NotFound(f"There is no outbox entry {entry_id}", "", "Look at the outbox")
    if not _is_whole(row):
        raise StoreDamaged(f"Outbox entry {entry_id} is damaged", "What is stored is not what was written",
                           "Run agentdesk doctor --rescue FILE to save what can be read")
    return _entries(db, [row])[0]


def list(db: Db, *, unsettled_only: bool = False, limit: int = 200) -> builtins.list[OutboxEntry]:  # noqa: A001
    """Entries, newest first; a damaged one is listed without its content."""
    chosen = f"{_UNSETTLED} WHERE {OPEN}" if unsettled_only else _FROM
    return _entries(db, db.rows(f"SELECT {_COLUMNS} {chosen} ORDER BY o.id DESC LIMIT ?", limit))


def of_conversation(db: Db, conversation_id: int) -> builtins.list[OutboxEntry]:
    """The unsettled entries of a conversation, oldest first."""
    return _entries(db, db.rows(f"SELECT {_COLUMNS} {_FROM} WHERE o.conversation_id = ? AND {OPEN} ORDER BY o.id",
                                conversation_id))


def waiting(db: Db) -> dict[str, int]:
    """How many replies of each source are not settled."""
    return dict(db.rows(f"SELECT o.source, count(*) FROM outbox AS o INDEXED BY outbox_work WHERE {OPEN} "
                        "AND o.kind <> 'action' GROUP BY o.source ORDER BY o.source"))


def count(db: Db) -> int:
    """How many entries are not settled, actions too."""
    return int(db.value(f"SELECT count(*) FROM outbox AS o INDEXED BY outbox_work WHERE {OPEN}"))


def damaged(db: Db) -> builtins.list[str]:
    """The entries whose hash does not fit, in words."""
    return [f"outbox entry {row[0]}" for row in db.rows(f"SELECT {_COLUMNS} {_FROM}") if not _is_whole(row)]


def due(db: Db, source: str, now: Millis) -> builtins.list[OutboxEntry]:
    """What can be done now: the first unsettled entry of each conversation, oldest first.

    That is what can leave, and what is of unknown outcome and is to be looked for. Ends the holds that are over.
    Actions wait for the replies before them, replies only for replies and notes.
    """
    db.run("UPDATE outbox SET state = 'queued' WHERE source = ? AND state NOT IN ('sent', 'cancelled') "
           "AND state = 'held' AND hold_until <= ?", source, now)
    rows = db.rows(f"SELECT {_COLUMNS} {_FROM} WHERE o.source = ? AND {OPEN} "
                   f"AND o.state IN ('queued', 'unknown') AND o.next_try_at <= ? AND {_FREE} ORDER BY o.id",
                   source, now)
    ready = []
    for row in rows:
        if _is_whole(row):
            ready += _entries(db, [row])
        else:
            _move(db, row[0], SendState.NEEDS_HUMAN, _DAMAGED,
                  "Run agentdesk doctor --rescue FILE, take it back and write it again")
    return ready


def next_at(db: Db, source: str) -> Millis | None:
    """When to look again, at once for what somebody else is sending; None when nothing waits."""
    found = db.value(
        "SELECT min(CASE state WHEN 'sending' THEN 0 ELSE next_try_at END) FROM outbox WHERE source = ? "
        "AND state NOT IN ('sent', 'cancelled') AND state IN ('held', 'queued', 'sending', 'unknown')", source)
    return None if found is None else int(found)


def start(db: Db, entry_id: int, sender: str, now: Millis, there: Millis) -> OutboxEntry | None:
    """Mark an entry as being sent by ``sender``; None when it may not leave (any more).

    ``there`` is the instant by the source's clock: the first try is measured by that one.
    """
    changed = db.run(
        "UPDATE outbox AS o SET state = 'sending', sender = ?, attempts = attempts + 1, "
        "first_try_at = coalesce(first_try_at, ?) WHERE id = ? AND state = 'queued' AND next_try_at <= ? "
        f"AND {_FREE} AND NOT EXISTS (SELECT 1 FROM outbox AS f WHERE f.conversation_id = o.conversation_id "
        f"AND f.state = 'sending' AND {_SAME_LANE.format(e='f')})", sender, there, entry_id, now)
    if not changed:
        return None
    entry = get(db, entry_id)
    _mark(db, entry.conversation_id)
    return entry


def is_sending(db: Db, entry_id: int, sender: str, attempts: int) -> bool:
    """True while this very attempt of that sender is on its way."""
    return db.value("SELECT 1 FROM outbox WHERE id = ? AND state = 'sending' AND sender = ? AND attempts = ?",
                    entry_id, sender, attempts) is not None


def sent(db: Db, entry_id: int, receipt: Receipt, now: Millis) -> Delivered:
    """The source took it: our message is stored and the conversation answered, or what began there is tied to it.

    The caller refreshes the ranks of what changed.
    """
    entry = get(db, entry_id)
    if entry.state is SendState.SENT:
        return Delivered([])
    at = min(receipt.created_at or now, now)
    db.run("UPDATE outbox SET state = 'sent', remote_ref = ?, sent_at = ?, title = '', remedy = '' WHERE id = ?",
           receipt.ref, at, entry_id)
    if entry.out is None:
        effects.done(db, entry, now)
        return Delivered([entry.conversation_id])
    came = deliver(db, entry, entry.out, receipt, at, now)
    _mark(db, entry.conversation_id)
    return came


def refused(db: Db, entry_id: int, title: str, remedy: str, now: Millis) -> None:
    """The source refuses it for good: a person must look."""
    entry = get(db, entry_id)
    _move(db, entry_id, SendState.REFUSED, title, remedy)
    ledger.write(db, at=now, agent=entry.agent, action="refused", conversation_id=entry.conversation_id,
                 source=entry.source, code=entry.kind.value, rule=entry.source,
                 detail={"entry": entry_id, "why": title})
    effects.refused(db, entry, now)
    _come_back(db, entry, now, "was refused")


def retry_at(db: Db, entry_id: int, at: Millis, title: str, remedy: str = "", *, never_left: bool = False) -> None:
    """Back into the queue until an instant. ``never_left`` when it is proven that no attempt so far was accepted.

    Without that it keeps the instant of its first try: what may have landed goes again only as long as that is safe.
    """
    if never_left:
        db.run("UPDATE outbox SET first_try_at = NULL WHERE id = ?", entry_id)
    _move(db, entry_id, SendState.QUEUED, title, remedy, at)


def unknown(db: Db, entry_id: int, title: str, remedy: str, next_check_at: Millis) -> None:
    """Nobody knows whether it arrived: look on the far side at an instant. Counts the looks that found nothing."""
    db.run("UPDATE outbox SET checks = checks + 1 WHERE id = ? AND state = 'unknown'", entry_id)
    _move(db, entry_id, SendState.UNKNOWN, title, remedy, next_check_at)


def stopped(db: Db, entry_id: int, why: str, now: Millis) -> None:
    """Something new came in before it left: the agent decides."""
    _move(db, entry_id, SendState.STOPPED, why, "Read what is new, then send it again or take it back")
    _come_back(db, get(db, entry_id), now, "was stopped")


def needs_human(db: Db, entry_id: int, title: str, remedy: str, now: Millis) -> None:
    """It cannot be found out whether it arrived: the agent decides."""
    _move(db, entry_id, SendState.NEEDS_HUMAN, title, remedy)
    _come_back(db, get(db, entry_id), now, "may not have arrived")


def _come_back(db: Db, entry: OutboxEntry, now: Millis, what: str) -> None:
    """A conversation that was done because of a reply or a ticket is open again when that did not go."""
    state = db.value("SELECT state FROM conversation WHERE id = ?", entry.conversation_id)
    if entry.kind not in CALLED or state != "done":
        return
    decisions.write(db, entry.conversation_id, {"state": "open", "disposition": None, "disposition_code": "",
                                                "disposed_at": None})
    ledger.write(db, at=now, agent="", action="reopened", conversation_id=entry.conversation_id, source=entry.source,
                 rule=f"{CALLED[entry.kind]} {what}", detail={"entry": entry.id})


def cancel(db: Db, entry_id: int, agent: str, now: Millis) -> Draft:
    """Take a reply or note back; its text is a draft again. Refused when it may be on its way."""
    entry = get(db, entry_id)
    if entry.out is None:
        raise Refused("An action has no text to take back", "", "Undo the decision that asked for it")
    _refuse_moving(entry)
    _move(db, entry_id, SendState.CANCELLED, "", "")
    ledger.write(db, at=now, agent=agent, action="cancelled", conversation_id=entry.conversation_id,
                 source=entry.source, code=entry.kind.value, detail={"entry": entry_id, "was": entry.state.value})
    _come_back(db, entry, now, "was taken back")
    text = entry.out.text if entry.kind is not OutKind.TICKET else ticket_text.of(entry.out, entry.source).written
    back = Draft(conversation_id=entry.conversation_id, agent=agent, kind=entry.kind, text=text,
                 visibility=entry.out.visibility, reply_to_ref=entry.out.reply_to_ref,
                 seen_message_id=entry.seen_message_id, uploads=entry.out.uploads, started_at=entry.created_at,
                 saved_at=now, name=entry.name, source=entry.source)
    draft = drafts.joined(drafts.get(db, entry.conversation_id, agent, entry.kind), back)
    drafts.save(db, draft, now)
    _mark(db, entry.conversation_id)
    return draft


def drop(db: Db, entry_id: int) -> None:
    """Forget an action, or a note that a step brought along, before it left; the ledger says already who took it back.

    Its text becomes no draft: nobody typed it.
    """
    entry = get(db, entry_id)
    if entry.kind not in (OutKind.ACTION, OutKind.NOTE):
        raise Refused("This entry is a reply, not an action", "", "Take it back instead")
    _refuse_moving(entry)
    _move(db, entry_id, SendState.CANCELLED, "", "")
    _mark(db, entry.conversation_id)


def put_away(db: Db, entry_id: int, agent: str, now: Millis) -> int:
    """Take from the list, by a person's word, what nothing more can become of; returns its conversation, else 0.

    That is an action that its source refused, and an entry that is damaged. The row stays for a rescue.
    """
    row = db.row(f"SELECT {_COLUMNS} {_FROM} WHERE o.id = ?", entry_id)
    if row is None or (_is_whole(row) and row[4] != OutKind.ACTION) or row[6] not in (
            SendState.REFUSED, SendState.NEEDS_HUMAN, SendState.STOPPED):
        return 0
    entry = _entries(db, [row])[0]
    _move(db, entry_id, SendState.CANCELLED, "", "")
    ledger.write(db, at=now, agent=agent, action="cancelled", conversation_id=entry.conversation_id,
                 source=entry.source, code=entry.kind.value, detail={"entry": entry_id, "was": entry.state.value,
                                                                     "why": entry.title})
    _come_back(db, entry, now, "was damaged")
    return entry.conversation_id


def release(db: Db, entry_id: int, agent: str, now: Millis, *, seen_message_id: int | None = None) -> OutboxEntry:
    """Let an entry leave by a person's word: end its hold, or send it again after a refusal, a stop or a doubt."""
    entry = get(db, entry_id)
    if entry.state in (SendState.SENDING, SendState.SENT, SendState.CANCELLED):
        raise Refused(f"Entry {entry_id} cannot be sent again", f"It is {entry.state.value}", "Look at the outbox")
    seen = seen_message_id
    if seen is None:
        seen = int(db.value("SELECT max(id) FROM message WHERE conversation_id = ?", entry.conversation_id) or 0)
    if entry.state not in (SendState.HELD, SendState.QUEUED):
        ledger.write(db, at=now, agent=agent, action="resent", conversation_id=entry.conversation_id,
                     source=entry.source, code=entry.kind.value, detail={"entry": entry_id, "was": entry.state.value})
        db.run("UPDATE outbox SET first_try_at = NULL, checks = 0, seen_message_id = max(seen_message_id, ?) "
               "WHERE id = ?", seen, entry_id)
    _move(db, entry_id, SendState.QUEUED, "", "", now)
    db.run("UPDATE outbox SET hold_until = min(hold_until, ?) WHERE id = ?", now, entry_id)
    return get(db, entry_id)


def settle(db: Db, entry_id: int, agent: str, now: Millis, rulebook: Rulebook) -> OutboxEntry:
    """A person saw it on the platform: it was sent."""
    entry = get(db, entry_id)
    if entry.state not in (SendState.UNKNOWN, SendState.NEEDS_HUMAN, SendState.REFUSED, SendState.STOPPED):
        raise Refused(f"Entry {entry_id} has nothing to settle", f"It is {entry.state.value}", "Look at the outbox")
    ledger.write(db, at=now, agent=agent, action="settled", conversation_id=entry.conversation_id, source=entry.source,
                 code=entry.kind.value, detail={"entry": entry_id, "was": entry.state.value})
    ranking.refresh(db, sent(db, entry_id, Receipt(ref=entry.remote_ref), now).changed, rulebook, now)
    return get(db, entry_id)


def same_text(db: Db, text: str, customer_id: int, since: Millis) -> tuple[int, int]:
    """How often this text went to this customer, and to how many others, since an instant."""
    mark = likeness(text)
    if not mark:
        return 0, 0
    rows = db.rows("SELECT c.customer_id, count(*) FROM outbox AS o JOIN conversation AS c ON c.id = o.conversation_id "
                   "WHERE o.likeness = ? AND o.likeness <> x'' AND o.created_at >= ? "
                   "AND o.state NOT IN ('cancelled', 'refused') GROUP BY c.customer_id", mark, since)
    found: dict[int, int] = dict(rows)
    return found.pop(customer_id, 0), len(found)


def _insert(db: Db, conversation_id: int, source: str, kind: OutKind, agent: str, client_id: str, body: str,
            state: SendState, now: Millis, hold_until: Millis, seen: int, mark: bytes) -> int:
    source = source or str(db.value("SELECT source FROM conversation WHERE id = ?", conversation_id) or "")
    return db.insert(
        "INSERT INTO outbox (client_id, conversation_id, source, kind, agent, state, body, created_at, hold_until, "
        "next_try_at, seen_message_id, likeness, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        client_id, conversation_id, source, kind.value, agent, state.value, body, now, hold_until, hold_until, seen,
        mark, row_hash(client_id, conversation_id, kind.value, agent, body))


def _refuse_moving(entry: OutboxEntry) -> None:
    if entry.state in (SendState.SENDING, SendState.UNKNOWN):
        raise Refused(f"Entry {entry.id} cannot be taken back", "It may have arrived already",
                      "Wait until it was looked for on the platform")
    if entry.state in (SendState.SENT, SendState.CANCELLED):
        raise Refused(f"Entry {entry.id} cannot be taken back", f"It is {entry.state.value}", "Look at the outbox")


def _move(db: Db, entry_id: int, state: SendState, title: str, remedy: str, next_at: Millis | None = None) -> None:
    """Change an entry's state; a settled one never moves."""
    changed = db.run("UPDATE outbox SET state = ?, title = ?, remedy = ?, next_try_at = coalesce(?, next_try_at) "
                     "WHERE id = ? AND state NOT IN ('sent', 'cancelled')", state.value, title, remedy, next_at,
                     entry_id)
    if changed:
        _mark(db, int(db.value("SELECT conversation_id FROM outbox WHERE id = ?", entry_id)))


def _mark(db: Db, conversation_id: int) -> None:
    """Keep the conversation's own count of what is not settled."""
    db.run("UPDATE conversation SET unsent = (SELECT count(*) FROM outbox WHERE conversation_id = ?1 "
           "AND state NOT IN ('sent', 'cancelled') AND kind <> 'action'), version = version + 1 WHERE id = ?1",
           conversation_id)


def _is_whole(row: tuple[Any, ...]) -> bool:
    client_id, conversation_id, _source, kind, agent = row[1:6]
    return bool(row[19] == row_hash(client_id, conversation_id, kind, agent, row[7]))


def _entries(db: Db, rows: Iterable[tuple[Any, ...]]) -> builtins.list[OutboxEntry]:
    with reading(db.path):
        return [_entry(row) for row in rows]


def _entry(row: tuple[Any, ...]) -> OutboxEntry:
    (number, client_id, conversation_id, source, kind, agent, state, body, created_at, hold_until, next_try_at,
     first_try_at, attempts, checks, seen, remote_ref, sent_at, title, remedy, _, name) = row
    whole = _is_whole(row)
    out = unpack(body, Outgoing) if whole and kind != OutKind.ACTION else None
    action = unpack(body, Action) if whole and kind == OutKind.ACTION else None
    return OutboxEntry(
        id=number, conversation_id=conversation_id, source=source, state=SendState(state), out=out, action=action,
        agent=agent, client_id=client_id, kind=OutKind(kind), name=name, created_at=created_at, hold_until=hold_until,
        next_try_at=next_try_at, first_try_at=first_try_at, attempts=attempts, checks=checks, seen_message_id=seen,
        remote_ref=remote_ref, sent_at=sent_at, title=title if whole else _DAMAGED,
        remedy=remedy if whole else "Run agentdesk doctor --rescue FILE to save what can be read")


assert len(UNSETTLED) + 2 == len(SendState)  # noqa: S101 - the SQL above counts all but sent and cancelled as unsettled
