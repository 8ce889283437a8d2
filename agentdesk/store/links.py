"""Links from a conversation to another, or to a page elsewhere."""

from __future__ import annotations

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import Link, State
from agentdesk.model.text import inert_line
from agentdesk.store.db import Db

__all__ = ["Link", "make", "of", "remove"]


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
        "SELECT l.id, l.kind, l.url, l.made_at, l.agent, c.id, c.name, c.state, c.status FROM link AS l "
        "LEFT JOIN conversation AS c ON c.id = iif(l.conversation_id = ?1, l.other_id, l.conversation_id) "
        "WHERE l.conversation_id = ?1 OR l.other_id = ?1 ORDER BY l.id", conversation_id)
    return [Link(id=number, conversation_id=conversation_id, kind=kind, other_id=other, url=url, made_at=made_at,
                 agent=agent, name=inert_line(name or ""), state=State(state) if state else None, status=status or "")
            for number, kind, url, made_at, agent, other, name, state, status in rows]


def remove(db: Db, link_id: int) -> None:
    """Forget a link."""
    db.run("DELETE FROM link WHERE id = ?", link_id)
