"""What an action of ours changes here once its source took it, or when it would not: texts, deletions, marks."""

from __future__ import annotations

from collections.abc import Sequence

from agentdesk.model.clock import Millis
from agentdesk.model.outgoing import Action, OutboxEntry, Outgoing, Verb
from agentdesk.model.text import inert
from agentdesk.store import ledger, reactions
from agentdesk.store.codec import pack, unpack
from agentdesk.store.db import Db
from agentdesk.store.sqlite_errors import reading

_TOLD = {Verb.EDIT: "edit_sent", Verb.DELETE: "deleted", Verb.APPROVE: "approval_sent", Verb.REJECT: "rejection_sent"}
"""What the ledger says of actions on messages once they were carried out."""


def done(db: Db, entry: OutboxEntry, now: Millis) -> None:
    """The source took an action: what it changed there is changed here without waiting to be told."""
    act, mark = entry.action, reactions.of_action(entry)
    if mark is not None:
        reactions.put(db, entry.source, mark, entry.conversation_id, entry.agent, now)
    if act is None or act.verb not in _TOLD:
        return
    found = db.row("SELECT id, text, author_name FROM message WHERE source = ? AND ref = ?", entry.source,
                   act.message_ref)
    if found is None:
        return
    number, text, author = found
    if act.verb is Verb.APPROVE:
        approved(db, entry.source, (act.message_ref,))
    elif act.verb in (Verb.DELETE, Verb.REJECT):
        db.run("UPDATE message SET deleted_at = coalesce(deleted_at, ?) WHERE id = ?", now, number)
    else:
        put_text(db, number, str(text), inert(act.value), str(author), now, edited_at=now)
    db.run("UPDATE conversation SET version = version + 1 WHERE id = ?", entry.conversation_id)
    ledger.write(db, at=now, agent=entry.agent, action=_TOLD[act.verb],
                 conversation_id=entry.conversation_id, source=entry.source,
                 detail={"entry": entry.id, "message": number})


def approved(db: Db, source: str, refs: Sequence[str]) -> list[int]:
    """Messages do not wait for our approval any more; returns their conversations."""
    rows = db.rows("SELECT m.id, m.conversation_id FROM json_each(?) AS w CROSS JOIN message AS m "
                   "ON m.source = ? AND m.ref = w.value WHERE m.pending = 1", pack(list(refs)), source) if refs else []
    db.many("UPDATE message SET pending = 0 WHERE id = ?", [(row[0],) for row in rows])
    return [row[1] for row in rows]


def refused(db: Db, entry: OutboxEntry, now: Millis) -> None:
    """The source would not do it: the mark that was set at once is as it was before."""
    reactions.refused(db, entry, now)


def put_text(db: Db, number: int, before: str, text: str, author: str, now: Millis, *, raw: str = "",
             edited_at: Millis) -> None:
    """Give a message another text; what it said before is kept, and the words are found anew."""
    if before == text:
        return
    db.run("INSERT INTO message_edit (message_id, text, replaced_at) VALUES (?, ?, ?)", number, before, now)
    db.run("INSERT INTO message_text (message_text, rowid, text, author_name) VALUES ('delete', ?, ?, ?)", number,
           before, author)
    db.run("UPDATE message SET text = ?, raw = ?, edited_at = ? WHERE id = ?", text, raw, edited_at, number)
    db.run("INSERT INTO message_text (rowid, text, author_name) VALUES (?, ?, ?)", number, text, author)


def sent_text(db: Db, client_id: str) -> str:
    """What a message of ours said when it left; empty when that is not known."""
    if not client_id:
        return ""
    body = db.value("SELECT body FROM outbox WHERE client_id = ? AND kind <> 'action'", client_id)
    if body is None:
        return ""
    with reading(db.path):
        return unpack(body, Outgoing).text


def inverse(db: Db, source: str, action: Action) -> Action | None:
    """The action that gives a message its text back; None for anything that cannot be taken back."""
    if action.verb is not Verb.EDIT:
        return None
    earlier = db.value("SELECT e.text FROM message AS m JOIN message_edit AS e ON e.message_id = m.id "
                       "WHERE m.source = ? AND m.ref = ? ORDER BY e.id DESC LIMIT 1", source, action.message_ref)
    if not earlier:
        return None
    return Action(verb=Verb.EDIT, conversation_ref=action.conversation_ref, value=str(earlier),
                  message_ref=action.message_ref)
