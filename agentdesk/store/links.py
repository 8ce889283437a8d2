"""Links from a conversation to another, or to a page elsewhere."""

from __future__ import annotations

from typing import Any

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import Link, State
from agentdesk.model.message import Direction
from agentdesk.model.text import inert_line
from agentdesk.store.db import Db

__all__ = ["Link", "label", "make", "of", "remove"]

LAST_CHARS = 400
"""So much of the newest message on the other side is shown beside this one."""


def make(db: Db, conversation_id: int, kind: str, agent: str, now: Millis, *, other_id: int | None = None,
         url: str = "") -> int:
    """Store a link; the same one twice stays one."""
    found = db.value("SELECT id FROM link WHERE conversation_id = ? AND kind = ? AND other_id IS ? AND url = ?",
                     conversation_id, kind, other_id, url)
    if found is not None:
        return int(found)
    return db.insert("INSERT INTO link (conversation_id, other_id, url, kind, made_at, agent) "
                     "VALUES (?, ?, ?, ?, ?, ?)", conversation_id, other_id, url, kind, now, agent)


def of(db: Db, conversation_id: int) -> list[Link]:
    """A conversation's links both ways, with the state of what they lead to."""
    rows = db.rows(
        "SELECT l.id, l.kind, l.url, l.made_at, l.agent, l.solved_at, l.conversation_id <> ?1, c.id, c.name, c.state, "
        "c.status, c.source, c.ref, c.url, c.remote_queue, c.assignee, c.customer_id, c.remote_closed FROM link AS l "
        "LEFT JOIN conversation AS c ON c.id = iif(l.conversation_id = ?1, l.other_id, l.conversation_id) "
        "WHERE l.conversation_id = ?1 OR l.other_id = ?1 ORDER BY l.id", conversation_id)
    return [_link(db, conversation_id, row) for row in rows]


def label(source: str, ref: str) -> str:
    """How a conversation of a help desk is called: ``rt#5512``; of a mail the beginning of its id."""
    kind, _, name = source.partition(":")
    short = inert_line(ref.strip("<>"), limit=16)
    return f"{name if kind == 'demo' else kind}#{short}"


def _link(db: Db, conversation_id: int, row: tuple[Any, ...]) -> Link:
    (number, kind, url, made_at, agent, solved_at, back, other, name, state, status, source, ref, other_url, queue,
     assignee, customer_id, remote_closed) = row
    if other is None:
        return Link(id=number, conversation_id=conversation_id, kind=kind, url=url, made_at=made_at, agent=agent)
    last = db.row(
        "SELECT m.direction, m.author_name, m.text, m.created_at FROM message AS m WHERE m.conversation_id = ?1 "
        "AND m.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.kind IN ('ticket', 'dm') "
        "AND o.client_id = m.client_id AND m.client_id <> '') ORDER BY m.created_at DESC, m.id DESC LIMIT 1", other)
    direction, by, text, at = last or (None, "", "", None)
    return Link(
        id=number, conversation_id=conversation_id, kind=kind, other_id=other, url=url or other_url, made_at=made_at,
        agent=agent, name=inert_line(name), state=State(state), status=status, source=source, ref=ref, queue=queue,
        assignee=assignee, label=label(source, ref), customer_id=customer_id, back=bool(back), solved_at=solved_at,
        closed=bool(remote_closed) or state == State.DONE, last_by=inert_line(by), last_at=at,
        last_text=inert_line(text[:LAST_CHARS]), last_direction=Direction(direction) if direction else None)


def remove(db: Db, link_id: int) -> None:
    """Forget a link."""
    db.run("DELETE FROM link WHERE id = ?", link_id)
