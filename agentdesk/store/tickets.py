"""Tickets that posts are tied to: what becomes of a post when its ticket is solved, or opens again.

Everything here goes by how the ticket stands now, not by what just happened: a step that was missed is made up for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import Link
from agentdesk.store import decisions, ledger, links, ranking
from agentdesk.store.codec import pack
from agentdesk.store.db import Db

if TYPE_CHECKING:
    from agentdesk.rules.rulebook import Rulebook

RULE = "ticket solved"
"""The rule that brings a post back."""


class Followed(NamedTuple):
    """What came of following tickets."""

    changed: list[int]
    """Conversations that are different now."""
    solved: list[tuple[int, str]]
    """Posts that came back, and what their tickets are called."""


class _Tie(msgspec.Struct, frozen=True):
    """One post's link to a ticket that changed."""

    link_id: int
    post_id: int
    ticket_id: int
    solved_at: Millis | None
    source: str
    ref: str
    status: str
    closed: int

    @property
    def label(self) -> str:
        """How the ticket is called."""
        return links.label(self.source, self.ref)


def follow(db: Db, ticket_ids: Iterable[int], rulebook: Rulebook, now: Millis) -> Followed:
    """Let posts follow what became of their tickets.

    A solved ticket brings its post back with a clock to tell the customer; nothing is ever closed by it.
    """
    ties = [_Tie(*row) for row in db.rows(
        "SELECT l.id, l.conversation_id, t.id, l.solved_at, t.source, t.ref, t.status, "
        "t.state = 'done' OR t.remote_closed <> 0 FROM json_each(?) AS w CROSS JOIN link AS l "
        "ON l.other_id = w.value AND l.kind = 'ticket' JOIN conversation AS t ON t.id = l.other_id ORDER BY l.id",
        pack(list(ticket_ids)))]
    changed: list[int] = []
    solved: list[tuple[int, str]] = []
    for tie in ties:
        if bool(tie.closed) == (tie.solved_at is not None):
            continue
        if tie.closed:
            _solved(db, tie, rulebook, now)
            solved.append((tie.post_id, tie.label))
        else:
            _open_again(db, tie, now)
        changed += [tie.post_id, tie.ticket_id]
    return Followed(list(dict.fromkeys(changed)), solved)


def merged(db: Db, source: str, ref: str, into: str, now: Millis) -> list[int]:
    """A ticket became part of another: what was tied to it is tied to that one. Returns the conversations changed."""
    old = db.value("SELECT id FROM conversation WHERE source = ? AND ref = ?", source, ref)
    new = db.value("SELECT id FROM conversation WHERE source = ? AND ref = ?", source, into)
    if old is None or new is None or old == new:
        return []
    changed: list[int] = []
    for link_id, post_id in db.rows("SELECT id, conversation_id FROM link WHERE other_id = ? AND kind = 'ticket'", old):
        twin = db.value("SELECT id FROM link WHERE conversation_id = ? AND other_id = ? AND kind = 'ticket'", post_id,
                        new)
        if twin is not None or post_id == new:
            links.remove(db, link_id)
        else:
            db.run("UPDATE link SET other_id = ? WHERE id = ?", new, link_id)
        ledger.write(db, at=now, agent="", action="ticket_merged", conversation_id=post_id, source=source,
                     rule="ticket merged", detail={"ticket": new, "was": old, "label": links.label(source, into)})
        changed += [post_id, old, new]
    _bump(db, *changed)
    return changed


def tie(db: Db, post_id: int, ticket_id: int, agent: str, now: Millis) -> int:
    """Link a post to a ticket that there is already; one that is solved by now raises no clock. Returns the link."""
    number = links.make(db, post_id, "ticket", agent, now, other_id=ticket_id)
    db.run("UPDATE link SET solved_at = coalesce(solved_at, ?) WHERE id = ? AND EXISTS (SELECT 1 FROM conversation "
           "WHERE id = ? AND (state = 'done' OR remote_closed <> 0))", now, number, ticket_id)
    _bump(db, post_id, ticket_id)
    return number


def told(db: Db, post_id: int, now: Millis, *, agent: str = "", rule: str = "",
         before: Millis | None = None) -> list[int]:
    """The customer knows, or a person decided otherwise: the clock goes. Returns the promises that ended.

    ``before`` leaves alone what began later, for a reply that was written earlier.
    """
    ids = [row[0] for row in db.rows(
        "SELECT id FROM promise WHERE conversation_id = ? AND link_id IS NOT NULL AND kept_at IS NULL "
        "AND made_at <= coalesce(?, made_at)", post_id, before)]
    if ids:
        db.run("UPDATE promise SET kept_at = ? WHERE id IN (SELECT value FROM json_each(?))", now, pack(ids))
        ledger.write(db, at=now, agent=agent, action="told_customer", conversation_id=post_id, rule=rule,
                     detail={"promises": ids})
    return ids


def untold(db: Db, promise_ids: Iterable[int]) -> None:
    """Let the clocks run again that a decision ended which was taken back."""
    db.run("UPDATE promise SET kept_at = NULL WHERE link_id IS NOT NULL AND id IN (SELECT value FROM json_each(?))",
           pack(list(promise_ids)))


def untold_links(db: Db, post_id: int) -> list[Link]:
    """The tickets of a post that are solved and whose outcome the customer does not know."""
    waiting = {row[0] for row in db.rows(
        "SELECT link_id FROM promise WHERE conversation_id = ? AND link_id IS NOT NULL AND kept_at IS NULL", post_id)}
    return [link for link in links.of(db, post_id) if link.id in waiting]


def watched(db: Db, source: str, after: int, limit: int) -> list[tuple[int, str]]:
    """The next tickets of a source that posts wait for, by number: whatever a pull leaves out, these are looked at."""
    rows: list[tuple[int, str]] = db.rows(
        "SELECT DISTINCT t.id, t.ref FROM link AS l CROSS JOIN conversation AS t ON t.id = l.other_id "
        "WHERE l.kind = 'ticket' AND l.solved_at IS NULL AND t.source = ? AND t.id > ? ORDER BY t.id LIMIT ?",
        source, after, limit)
    return rows


def _solved(db: Db, tie: _Tie, rulebook: Rulebook, now: Millis) -> None:
    db.run("UPDATE link SET solved_at = ? WHERE id = ?", now, tie.link_id)
    db.run("UPDATE conversation SET review = review AND EXISTS (SELECT 1 FROM promise WHERE conversation_id = ?1 "
           "AND kept_at IS NULL), version = version + 1 WHERE id = ?1", tie.ticket_id)
    detail: dict[str, Any] = {"ticket": tie.ticket_id, "label": tie.label, "status": tie.status}
    (case,) = ranking.cases(db, [tie.post_id])
    due_at = rulebook.tell_by(case.facts, case.text, now)
    if due_at is not None:
        detail["promise"] = db.insert(
            "INSERT INTO promise (conversation_id, agent, words, made_at, due_at, link_id) VALUES (?, ?, ?, ?, ?, ?)",
            tie.post_id, "", f"tell the customer: {tie.label} is {tie.status or 'solved'}", now, due_at, tie.link_id)
    ledger.write(db, at=now, agent="", action="ticket_solved", conversation_id=tie.post_id, source=tie.source,
                 rule=RULE, detail=detail)
    come_back(db, tie.post_id, tie.ticket_id, now)


def is_solved(db: Db, ticket_id: int) -> bool:
    """True while a ticket is closed, here or there."""
    return bool(db.value("SELECT state = 'done' OR remote_closed <> 0 FROM conversation WHERE id = ?", ticket_id))


def come_back(db: Db, post_id: int, ticket_id: int, now: Millis) -> None:
    """Open a post whose customer is to be told of a solved ticket."""
    before = decisions.snapshot(db, post_id)
    if before["state"] == "open":
        return
    decisions.write(db, post_id, {"state": "open", "snoozed_until": None, "disposition": None, "disposition_code": "",
                                  "disposed_at": None})
    ledger.write(db, at=now, agent="", action="reopened", conversation_id=post_id, rule=RULE,
                 detail={"was": before["state"], "disposition": before["disposition"],
                         "code": before["disposition_code"], "ticket": ticket_id})


def _open_again(db: Db, tie: _Tie, now: Millis) -> None:
    """What was to be told is not true any more: its clock goes, the post stays where it is."""
    db.run("UPDATE link SET solved_at = NULL WHERE id = ?", tie.link_id)
    db.run("UPDATE promise SET kept_at = ? WHERE link_id = ? AND kept_at IS NULL", now, tie.link_id)
    ledger.write(db, at=now, agent="", action="ticket_open_again", conversation_id=tie.post_id, source=tie.source,
                 rule="ticket open again", detail={"ticket": tie.ticket_id, "label": tie.label, "status": tie.status})
    _bump(db, tie.post_id)


def _bump(db: Db, *ids: int) -> None:
    db.many("UPDATE conversation SET version = version + 1 WHERE id = ?", [(each,) for each in ids])
