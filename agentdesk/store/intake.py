"""Taking in a page: messages, conversations, customers, figures, states, ledger and cursor in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import State
from agentdesk.model.message import Direction, Message
from agentdesk.model.outgoing import Receipt, SendState
from agentdesk.model.page import Page
from agentdesk.model.plan import Applied, Held, HeldMessage, Plan
from agentdesk.store import effects, heard, merging, outbox, ranking, requesters, sources, tickets, undelivered
from agentdesk.store.codec import pack
from agentdesk.store.db import Db
from agentdesk.store.delivery import OWN_REF, crossed
from agentdesk.store.effects import put_text
from agentdesk.store.heads import Head, Heads, one_line
from agentdesk.store.own_sends import Match, OwnSends
from agentdesk.store.people import UNKNOWN, People
from agentdesk.store.transitions import Transitions
from agentdesk.store.where import OWED

if TYPE_CHECKING:
    from agentdesk.rules.rulebook import Rulebook

_INSERT = (
    "INSERT INTO message (id, conversation_id, source, ref, parent_ref, author_ref, author_name, author_handle, "
    "direction, kind, visibility, text, raw, created_at, seen_at, edited_at, deleted_at, attachments, url, lang, "
    "rating, client_id, can_reply, indirect, ours, handled_at, pending) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")


def held(db: Db, source: str, page: Page) -> Held:
    """What the cache holds of the things on a page."""
    refs = pack([m.ref for m in page.messages] + list(page.removed))
    messages = {
        ref: HeldMessage(id=number, conversation_ref=conversation_ref, text=text, edited_at=edited_at,
                         deleted=deleted_at is not None, indirect=bool(indirect), pending=bool(pending),
                         emptied=bool(emptied))
        for ref, number, conversation_ref, text, edited_at, deleted_at, indirect, pending, emptied in db.rows(
            "SELECT m.ref, m.id, c.ref, m.text, m.edited_at, m.deleted_at, m.indirect, m.pending, c.emptied "
            "FROM json_each(?) AS w CROSS JOIN message AS m ON m.source = ? AND m.ref = w.value "
            "JOIN conversation AS c ON c.id = m.conversation_id", refs, source)}
    open_there = int(db.value("SELECT count(*) FROM (SELECT 1 FROM conversation WHERE state = 'open' AND source = ? "
                              "LIMIT 1000)", source))
    own = dict(db.rows(
        "SELECT client_id, remote_ref FROM outbox WHERE source = ?1 AND kind <> 'action' "
        "AND client_id IN (SELECT value FROM json_each(?2)) UNION "
        "SELECT client_id, remote_ref FROM outbox WHERE source = ?1 AND kind <> 'action' "
        "AND remote_ref <> '' AND remote_ref IN (SELECT value FROM json_each(?3)) UNION "
        "SELECT client_id, remote_ref FROM outbox WHERE source = ?1 AND kind <> 'action' "
        "AND state NOT IN ('sent', 'cancelled')",
        source, pack([m.client_id for m in page.messages if m.client_id]), refs))
    return Held(messages=messages, open_conversations=open_there, own_sends=own,
                known_empty=not (page.messages or page.conversations) and sources.known_empty(db, source))


def apply(db: Db, plan: Plan, now: Millis, rulebook: Rulebook) -> Applied:
    """Carry out a plan inside the caller's transaction."""
    db.refetchable = True
    _ensure_source(db, plan.source)
    intake = _Intake(db, plan, now)
    intake.people()
    intake.conversations()
    intake.mentions()
    intake.mergers()
    intake.deletions()
    intake.answers()
    intake.arrivals()
    changed = intake.settle()
    merged = intake.store()
    edited = [*intake.edits(), *effects.approved(db, plan.source, plan.approved)]
    twice = intake.arrived_after_all()
    failed = undelivered.take(db, plan.source, plan.undelivered, now, backfill=plan.backfill)
    moved, followed = intake.tickets(changed, rulebook)
    for gap in (plan.gap,) if plan.gap else ():
        sources.add_gap(db, plan.source, gap, now)
    db.many("INSERT INTO quarantine (source, place, reason, raw, found_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING", [(plan.source, r.where, r.reason, r.raw, now) for r in plan.rejects])
    if plan.purpose == "pull" and plan.cursor is not None:
        sources.set_cursor(db, plan.source, plan.cursor, now)
        if not plan.backfill:
            db.run("UPDATE source SET backfilled = 1 WHERE name = ? AND backfilled = 0", plan.source)
    touched = tuple(dict.fromkeys([*(head.id for head in changed), *edited, *intake.marked, *merged,
                                   *(each.conversation_id for each in failed), *moved,
                                   *followed.changed]))
    ranking.refresh(db, touched, rulebook, now)
    arrived = [head for head in changed if head.fresh and head.id not in merged]
    return Applied(arrived=tuple(head.id for head in arrived), touched=touched,
                   messages=sum(head.fresh for head in arrived), reopened=tuple(intake.moves.reopened),
                   undelivered=tuple(failed), answered_twice=twice, solved=tuple(followed.solved), gap=plan.gap,
                   closed=tuple(number for number in intake.moves.closed if number not in followed.changed))


def _ensure_source(db: Db, name: str) -> None:
    """A source that nobody configured here (an import) gets its row too."""
    if db.value("SELECT 1 FROM source WHERE name = ?", name) is None:
        kind = name.partition(":")[0]
        sources.ensure(db, name, kind, kind[:1].upper() or "?")


class _Intake:
    """One page on its way into the tables; the steps run in the order of their definition."""

    def __init__(self, db: Db, plan: Plan, now: Millis) -> None:
        self._db = db
        self._plan = plan
        self._now = now
        self._people = People(db, plan.source, now)
        self._heads = Heads(db, plan.source, now)
        self._rows: list[tuple[Any, ...]] = []
        self._matches: dict[str, Match] = {}
        self._strangers: set[int] = set()
        """Numbers of colleagues' answers."""
        self._nobodies: list[tuple[str, int]] = []
        """Stand-ins for persons who have a name now."""
        self.marked: list[int] = []
        """Conversations that are different although no message came into them."""
        self.moves = Transitions(plan, now)

    def people(self) -> None:
        """Everybody the page is about."""
        refs = [told.customer_ref for told in self._plan.conversations]
        self._people.bring_in(self._plan.profiles,
                              (m.author for m in self._plan.add if m.direction is Direction.IN), refs)

    def conversations(self) -> None:
        """Every conversation of the page, with what its source says about it."""
        told = {each.ref: each for each in self._plan.conversations}
        told_by = {m.conversation_ref: m for m in reversed(self._plan.add) if m.direction is Direction.IN}
        refs = dict.fromkeys([*told, *(m.conversation_ref for m in self._plan.add)])
        self._heads.load(refs)
        asked = self._heads.pending()
        for ref in refs:
            head, remote = self._heads.by_ref.get(ref), told.get(ref)
            first = told_by.get(ref)
            person = (remote.customer_ref if remote else "") or (first.author.ref if first else "")
            if head is None:
                head = self._begin(ref, person)
            elif head.first_in_at is None and self._people.knows(person):
                self._nobodies.append((UNKNOWN + ref, head.customer_id))
                head.customer_id, head.name = self._people.customer(person), self._people.name(person)
            if remote is not None:
                head.tell(remote, asked.get(head.id, frozenset()))
                if head.is_new and remote.updated_at:
                    head.created_at = min(head.created_at, remote.updated_at)
                head.preview = head.preview or one_line(head.subject)

    def _begin(self, ref: str, person: str) -> Head:
        if not self._people.knows(person):
            person = UNKNOWN + ref
            self._people.bring_in((), (), (person,))
        return self._heads.create(ref, self._people.customer(person), self._people.name(person),
                                  backfill=self._plan.backfill)

    def mentions(self) -> None:
        """What was heard before and came as a mention now."""
        heard.turn_direct(self._db, self._plan, self._heads)

    def mergers(self) -> None:
        """What was said in conversations that became part of others."""
        merging.carry_over(self._db, self._plan, self._heads, self.moves, self._now)

    def deletions(self) -> None:
        """Mark what its authors deleted; a colleague's deleted answer answers nothing any more."""
        if not self._plan.delete:
            return
        rows = self._db.rows(
            "SELECT m.id, m.conversation_id, m.direction, m.created_at, m.ours FROM json_each(?) AS w "
            "CROSS JOIN message AS m ON m.source = ? AND m.ref = w.value WHERE m.deleted_at IS NULL",
            pack(list(self._plan.delete)), self._plan.source)
        self._db.many("UPDATE message SET deleted_at = ? WHERE id = ?", [(self._now, row[0]) for row in rows])
        self._heads.load_ids([row[1] for row in rows])
        heads = self._heads.by_id()
        self.marked = [row[1] for row in rows]
        for _, number, direction, at, ours in rows:
            if direction == Direction.OUT and not ours:
                self._take_back(heads[number], at)

    def _take_back(self, head: Head, at: Millis) -> None:
        """What that answer covered is covered by another one, by a disposition, or by nothing any more."""
        covered_at = head.disposed_at if head.disposition else None
        head.answered_at = self._db.value(
            "SELECT max(created_at) FROM message WHERE conversation_id = ? AND direction = 'out' AND ours = 0 "
            "AND deleted_at IS NULL", head.id)
        self._db.run("UPDATE message SET handled_at = coalesce(?3, CASE WHEN created_at < ?4 THEN ?4 END) "
                     "WHERE conversation_id = ?1 AND direction = 'in' AND handled_at = ?2", head.id, at, covered_at,
                     head.answered_at)
        head.unanswered_since, head.burst = self._db.rows(OWED, head.id)[0]
        self.moves.uncover(head)

    def answers(self) -> None:
        """Tell our own replies from colleagues' answers, and let those cover what they answer."""
        own = OwnSends(self._db, self._plan.source, self._plan.add,
                       (h.id for h in self._heads.by_ref.values() if not h.is_new))
        self._own = own
        later: dict[int, Head] = {}
        asked = {h.ref: h.unanswered_since or h.last_in_at for h in self._heads.by_ref.values()}
        for message in self._plan.add:
            if message.direction is Direction.IN:
                if asked[message.conversation_ref] is None:
                    asked[message.conversation_ref] = message.created_at
                continue
            head = self._heads.by_ref[message.conversation_ref]
            match = own.find(message, head.id)
            if match is not None:
                self._matches[message.ref] = match
            elif message.direction is Direction.OUT and not message.deleted:
                since = asked[message.conversation_ref]
                if since is not None and message.created_at >= since:
                    head.answerers.append(message.author.name or message.author.handle or "a colleague")
                if head.answered_at is None or message.created_at > head.answered_at:
                    head.answered_at = message.created_at
                    later[head.id] = head
        for head in later.values():
            if not head.is_new:
                self._cover(head)

    def _cover(self, head: Head) -> None:
        """Mark what the latest colleague's answer covers, and count what is left."""
        if head.answered_at is not None:
            self._db.run("UPDATE message SET handled_at = ?1 WHERE conversation_id = ?2 AND direction = 'in' "
                         "AND handled_at IS NULL AND created_at < ?1", head.answered_at, head.id)
        head.unanswered_since, head.burst = self._db.rows(OWED, head.id)[0]

    def arrivals(self) -> None:
        """Make a row of every new message and let it into its conversation's figures."""
        last_in: dict[str, Millis] = {}
        for message in self._plan.add:
            if message.direction is Direction.IN:
                known = last_in.get(message.conversation_ref, 0)
                last_in[message.conversation_ref] = max(known, message.created_at)
        for ref, head in self._heads.by_ref.items():
            if self.moves.arrives_done(head, last_in.get(ref)):
                head.state, head.disposed_at = State.DONE.value, last_in.get(ref, head.created_at)
        number = int(self._db.value("SELECT max(id) FROM message") or 0)
        for message in self._plan.add:
            head, match = self._heads.by_ref[message.conversation_ref], self._matches.get(message.ref)
            if match is not None and self._adopt(message, match):
                continue
            number += 1
            message = heard.placed(message, head, self._plan)
            handled_at = self._handled_at(head, message)
            head.count(message)
            if message.direction is Direction.IN and handled_at is None:
                head.arrive(message.created_at)
            if message.direction is Direction.OUT and match is None:
                self._strangers.add(number)
            self._rows.append(_row(number, head, message, match, handled_at, self._plan.source, self._now))

    def _adopt(self, message: Message, match: Match) -> bool:
        """True when the message is stored already without the id that its source gives it."""
        stand_in = f"{OWN_REF}{match.entry.client_id}"
        if not self._db.run("UPDATE message SET ref = ?, url = ? WHERE source = ? AND ref = ?", message.ref,
                            message.url, self._plan.source, stand_in):
            return False
        self._db.run("UPDATE outbox SET remote_ref = ? WHERE id = ?", message.ref, match.entry.id)
        return True

    def _handled_at(self, head: Head, message: Message) -> Millis | None:
        """When an inbound message was dealt with already; None when it needs us."""
        if message.direction is not Direction.IN:
            return None
        if head.answered_at is not None and message.created_at < head.answered_at:
            return head.answered_at
        if head.is_new and head.state == State.DONE:
            return head.disposed_at
        if self.moves.is_past(message.created_at):
            return message.created_at
        if head.is_new:
            return None
        edge = {"thread": head.first_in_at, "history": head.last_in_at}.get(self._plan.purpose)
        return self._now if edge is not None and message.created_at < edge else None

    def settle(self) -> list[Head]:
        """Move the conversations and write them; returns those that look different now."""
        for head in self._heads.by_ref.values():
            self.moves.settle(head)
        changed = self._heads.write()
        self.moves.write(self._db)
        for ref, nobody in self._nobodies:
            self._people.forget(ref, nobody)
        for customer_id, name in self._people.renamed.items():
            self._db.run("UPDATE conversation SET name = ?1, version = version + 1 WHERE customer_id = ?2 "
                         "AND name <> ?1", name, customer_id)
        return changed

    def store(self) -> Sequence[int]:
        """Write the new messages and their words; returns conversations that turn out to stand elsewhere too."""
        self._db.many(_INSERT, self._rows)
        self._db.many("INSERT INTO message_text (rowid, text, author_name) VALUES (?, ?, ?)",
                      [(row[0], row[11], row[6]) for row in self._rows])
        return heard.merge(self._db, self._plan.source, [row[0] for row in self._rows], self._now)

    def edits(self) -> Sequence[int]:
        """Replace texts that their authors changed; what they said before is kept. Returns the conversations."""
        new = {message.ref: message for message in self._plan.edit}
        if not new:
            return ()
        rows = self._db.rows(
            "SELECT m.id, m.conversation_id, m.ref, m.text, m.author_name, m.direction, m.created_at, c.last_in_at "
            "FROM json_each(?) AS w CROSS JOIN message AS m ON m.source = ? AND m.ref = w.value "
            "JOIN conversation AS c ON c.id = m.conversation_id", pack(list(new)), self._plan.source)
        for number, conversation_id, ref, text, author, direction, at, last_in_at in rows:
            message = new[ref]
            if message.text == text:
                continue
            put_text(self._db, number, text, message.text, author, self._now, raw=message.raw,
                     edited_at=message.edited_at or self._now)
            if direction == Direction.IN and at == last_in_at:
                self._db.run("UPDATE conversation SET preview = ? WHERE id = ?", one_line(message.text),
                             conversation_id)
        return [row[1] for row in rows]

    def tickets(self, changed: Sequence[Head], rulebook: Rulebook) -> tuple[list[int], tickets.Followed]:
        """Let posts follow their tickets, and end the wait of customers whom a colleague has told.

        The requester of a ticket that we opened is the customer of its post.
        """
        moved = [number for told in self._plan.conversations if told.merged_into
                 for number in tickets.merged(self._db, self._plan.source, told.ref, told.merged_into, self._now)]
        for head in changed:
            if head.answerers:
                tickets.told(self._db, head.id, self._now, rule=self._plan.source)
        moved += requesters.settle(self._db, [head.id for head in changed], self._now)
        return moved, tickets.follow(self._db, [*(head.id for head in changed), *moved], rulebook, self._now)

    def arrived_after_all(self) -> tuple[int, ...]:
        """Settle replies that turn out to have arrived; returns the conversations that were answered twice."""
        twice: dict[int, None] = {}
        begun_in = {m.ref: m.conversation_ref for m in self._plan.add}
        for ref, match in self._matches.items():
            if match.certain and match.entry.state in (SendState.UNKNOWN, SendState.NEEDS_HUMAN):
                receipt = Receipt(ref=ref, conversation_ref=begun_in.get(ref, ""))
                self.marked += outbox.sent(self._db, match.entry.id, receipt, self._now).changed
        for row in self._rows:
            if row[0] in self._strangers and self._own.sent_in(row[1]) and crossed(self._db, row[1], row[0]):
                twice[row[1]] = None
        return tuple(twice)


def _row(number: int, head: Head, message: Message, match: Match | None, handled_at: Millis | None, source: str,
         now: Millis) -> tuple[Any, ...]:
    """A message as its table has it."""
    author = message.author
    return (
        number, head.id, source, message.ref, message.parent_ref, author.ref, author.name, author.handle,
        message.direction.value, message.kind.value, message.visibility.value, message.text, message.raw,
        message.created_at, now, message.edited_at, now if message.deleted else None,
        pack(message.attachments) if message.attachments else "", message.url, message.lang, message.rating,
        match.entry.client_id if match else message.client_id, int(message.can_reply), int(message.indirect),
        int(match is not None), handled_at, int(message.pending))
