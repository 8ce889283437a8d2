"""Conversations that begin because something of ours was sent: a ticket opened, a private talk begun."""

from __future__ import annotations

from agentdesk.model.clock import Millis
from agentdesk.model.customer import Profile
from agentdesk.model.outgoing import OutboxEntry, Outgoing, OutKind, Receipt
from agentdesk.model.text import inert_line
from agentdesk.store import decisions, ledger, links
from agentdesk.store.db import Db
from agentdesk.store.people import UNKNOWN, People

LINKS = {OutKind.TICKET: "ticket", OutKind.DM: "dm"}
"""How what began is tied to the conversation that it comes from."""
ACTIONS = {OutKind.TICKET: "ticket_opened", OutKind.DM: "dm_opened"}


def begin(db: Db, entry: OutboxEntry, out: Outgoing, receipt: Receipt, now: Millis) -> int | None:
    """Tie what began to where it comes from; returns its number here, None when its source did not say which it is.

    A conversation that no pull has brought yet gets its row now, without messages: the tie must not be lost.
    """
    other = _conversation(db, entry, out, receipt, now) if receipt.conversation_ref else None
    if other != entry.conversation_id and (other is not None or receipt.url):
        links.make(db, entry.conversation_id, LINKS[out.kind], entry.agent, now, other_id=other,
                   url="" if other is not None else receipt.url)
    ledger.write(db, at=now, agent=entry.agent, action=ACTIONS[out.kind], conversation_id=entry.conversation_id,
                 source=entry.source, code=out.place,
                 detail={"entry": entry.id, "ref": receipt.conversation_ref, "other": other, "url": receipt.url})
    return other


def unread(db: Db, source: str, limit: int = 20) -> list[str]:
    """The refs of conversations that began here and whose messages nobody has fetched yet."""
    return [row[0] for row in db.rows(
        "SELECT DISTINCT c.ref FROM link AS l CROSS JOIN conversation AS c ON c.id = l.other_id "
        "WHERE c.source = ? AND c.messages = 0 ORDER BY c.id DESC LIMIT ?", source, limit)]


def _conversation(db: Db, entry: OutboxEntry, out: Outgoing, receipt: Receipt, now: Millis) -> int:
    found = db.value("SELECT id FROM conversation WHERE source = ? AND ref = ?", entry.source,
                     receipt.conversation_ref)
    if found is not None:
        return int(found)
    people = People(db, entry.source, now)
    origin = str(db.value("SELECT source FROM conversation WHERE id = ?", entry.conversation_id) or "")
    person = out.customer_ref if out.kind is OutKind.DM and origin == entry.source else ""
    if not person:
        person = UNKNOWN + receipt.conversation_ref
        people.bring_in((Profile(ref=person, name=inert_line(out.customer_name or out.customer_handle)),), (), ())
    else:
        people.bring_in((), (), (person,))
    number = db.insert(
        "INSERT INTO conversation (source, ref, customer_id, subject, url, state, remote_queue, name, preview, "
        "created_at) VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?, ?, ?)", entry.source, receipt.conversation_ref,
        people.customer(person), inert_line(out.subject), receipt.url, inert_line(out.place), people.name(person),
        inert_line(out.subject or out.text, limit=200), now)
    decisions.rerank(db, number)
    return number
