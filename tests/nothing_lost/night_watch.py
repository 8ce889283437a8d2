"""What must hold after every step of a night shift.

A look is small because it knows what changed: SQLite names every row that either writer of the cache touched, and the
platform's history every reply that something happened to there. Each invariant is about such a row or such a line, so
what was not touched since the last look stands as it was judged then. The figures and chains over whole tables are
looked over from end to end every so often, and at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import apsw

from agentdesk.desk import rules_changed
from agentdesk.model.clock import Millis
from agentdesk.model.outgoing import SendState
from agentdesk.store import integrity, ledger, outbox, ranking, settings
from agentdesk.store.db import Db
from tests.fakes import checker
from tests.fakes.desk import SOURCE
from tests.nothing_lost.night_desk import Kept, Key, NightDesk
from tests.nothing_lost.night_far_side import TOMBSTONE, FarSide

FOREVER = ("message", "conversation", "outbox", "ledger", "message_edit", "gap", "quarantine")
"""Tables from which nothing goes; earlier texts do where retention empties a conversation."""
OUT = {
    "snoozed": {"snoozed", "undone"},
    "waiting": {"sent", "settled", "answered_elsewhere", "reopened", "undone"},
    "done": {*ledger.DISPOSITIONS, "closed_elsewhere", "undone"},
}
"""What may have taken a conversation out of the queue, by where it is now."""
DEALT_WITH = {"answered_elsewhere", "closed_elsewhere", *ledger.DISPOSITIONS} - {"duplicate"}
"""What may have dealt with all of a customer's words; a reply and an undone step only with those before them."""
STILL_OPEN = (
    "SELECT 1 FROM conversation AS c WHERE id = ? AND review = 0 AND (disposition IN ('answered', 'linked') "
    "AND EXISTS (SELECT 1 FROM outbox WHERE conversation_id = c.id AND kind IN ('reply', 'ticket', 'dm') "
    "AND state IN ('refused', 'stopped', 'needs_human')) OR EXISTS (SELECT 1 FROM promise "
    "WHERE conversation_id = c.id AND link_id IS NOT NULL AND kept_at IS NULL))")
"""Meets what is done although a reply failed, or a solved ticket was not told of; what waits for review is in sight."""
AHEAD = frozenset({SendState.HELD, SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN})


class _RolledBack(Exception):
    """Ends a transaction that was only to show what would be."""


@dataclass
class Watch:
    """Looks at one cache file and at what its desks did to the platform."""

    platform: FarSide
    desks: Sequence[NightDesk]
    """Those that share the file."""
    keep_texts: Millis
    jumps: bool
    """True where the desks' clock may be set, and an instant says little."""
    touched: dict[str, set[int]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    owed: dict[int, int] = field(default_factory=dict)
    """Messages that nobody has dealt with yet, with their conversations."""
    states: dict[int, str] = field(default_factory=dict)
    drafts: dict[Key, str] = field(default_factory=dict)
    emptied: set[int] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    """Messages whose words retention removed."""
    writes: int = 0
    ledger_at: int = 0
    heard: int = 0
    cursor: int = 0

    def follow(self, desk: NightDesk) -> None:
        """Hear of every row that this process will touch."""
        assert desk.store._writer is not None
        desk.store._writer.connection.set_update_hook(self._touch)
        self.writes = -1

    def _touch(self, kind: int, database: str, table: str, row: int) -> None:
        self.touched.setdefault(table, set()).add(row)
        if kind == apsw.SQLITE_DELETE and table in FOREVER:
            self.gone.append(f"{table} {row}")

    @property
    def db(self) -> Db:
        """For reading."""
        return self.desks[0].store.reader

    def look(self) -> list[str]:
        """What is wrong with what changed since the last look."""
        touched, self.touched = self.touched, {}
        said = self.db.rows(
            "SELECT l.id, l.conversation_id, l.action, l.agent <> '' OR l.rule <> '', CASE l.action "
            "WHEN 'sent' THEN (SELECT seen_message_id FROM outbox WHERE id = json_extract(l.detail, '$.entry')) "
            "WHEN 'undone' THEN (SELECT json_extract(d.detail, '$.newest') FROM ledger AS d WHERE d.uid = l.undoes) "
            "END FROM ledger AS l WHERE l.id > ?", self.ledger_at)
        problems = [*self._rows_gone(), *self._ledger(touched.get("ledger", set()), [row[0] for row in said])]
        told: dict[int, set[str]] = {}
        upto: dict[int, float] = {}
        for _, number, action, by, newest in said:
            if by:
                told.setdefault(number, set()).add(action)
                upto[number] = max(upto.get(number, 0), float("inf") if action in DEALT_WITH else newest or 0)
        numbers = touched.get("conversation", set()) | self._messages(touched.get("message", set()), upto, problems)
        problems += self._conversations(numbers, told)
        problems += self._drafts(touched.get("outbox", set()))
        problems += self._sends(touched.get("outbox", set()))
        problems += self._cursor()
        return problems

    def _rows_gone(self) -> list[str]:
        gone, self.gone = self.gone, []
        return [f"{what} was removed" for what in gone if not what.startswith("message_edit")
                and self.db.row(f"SELECT 1 FROM {what.split()[0]} WHERE rowid = ?", int(what.split()[1])) is None]

    def _ledger(self, touched: set[int], new: list[int]) -> list[str]:
        changed = sorted(row for row in touched if row <= self.ledger_at)
        self.ledger_at = max([self.ledger_at, *new])
        return [f"ledger row {row} was changed" for row in changed]

    def _messages(self, rows: Iterable[int], upto: dict[int, float], problems: list[str]) -> set[int]:
        """I4, I4b: words stay, and are owed until somebody dealt with them; returns the conversations they are in."""
        numbers, now = set(), self.desks[0].clock.now()
        for row in sorted(rows):
            found = self.db.row("SELECT m.ref, m.text, m.conversation_id, c.emptied AND m.created_at < ?, "
                                "m.direction = 'in' AND m.handled_at IS NULL FROM message AS m JOIN conversation AS c "
                                "ON c.id = m.conversation_id WHERE m.id = ?", now - self.keep_texts, row)
            if found is None:
                continue  # its transaction was rolled back
            ref, text, number, may_go, owed = found
            numbers.add(number)
            before = self.owed.pop(row, None)
            if owed:
                self.owed[row] = number
            elif before is not None and row > max(upto.get(number, 0), upto.get(before, 0)):
                problems.append(f"{ref} is owed no more, and nobody dealt with it")
            self._text(row, ref, text, bool(may_go), problems)
        return numbers

    def _text(self, row: int, ref: str, text: str, may_go: bool, problems: list[str]) -> None:
        before, self.texts[row] = self.texts.get(row, text), text
        if before == text:
            return
        if text == "" and may_go:
            self.forgotten.add(ref)
            return
        if not self.db.value("SELECT 1 FROM message_edit WHERE message_id = ? AND text = ?", row, before):
            problems.append(f"{ref} said {before!r}, says {text!r}, and the earlier text is nowhere")
        elif before and text == TOMBSTONE:
            problems.append(f"{ref} said {before!r}, and a tombstone stands in its place")

    def _conversations(self, numbers: Iterable[int], told: dict[int, set[str]]) -> list[str]:
        """I4: out of the queue only by somebody's word, and never with words that nobody has dealt with."""
        problems = []
        for number in sorted(numbers):
            row = self.db.row("SELECT state, emptied, has_draft OR unsent OR review, disposed_at, EXISTS ("
                              "SELECT 1 FROM message WHERE conversation_id = c.id AND direction = 'in' "
                              "AND handled_at IS NULL) FROM conversation AS c WHERE id = ?", number)
            if row is None:
                continue
            state, emptied, busy, disposed_at, owed = row
            before, self.states[number] = self.states.get(number), state
            if state != before and before in ("open", "snoozed") and state in OUT and not (
                    told.get(number, set()) & OUT[state]):
                problems.append(f"#{number} went from {before} to {state} by {sorted(told.get(number, set()))}")
            if owed and state in ("done", "waiting"):
                problems.append(f"#{number} is {state} and holds words that nobody dealt with")
            if state == "done" and self.db.value(STILL_OPEN, number):
                problems.append(f"#{number} is done, and its reply did not go or its customer is to be told something")
            if emptied and number not in self.emptied:
                self.emptied.add(number)
                now = self.desks[0].clock.now()
                if state != "done" or busy or not self.keep_texts or disposed_at >= now - self.keep_texts:
                    problems.append(f"#{number} was emptied while {state}")
        return problems

    def _sends(self, rows: set[int]) -> list[str]:
        """I2, I12, I13: what left, how often, and in which order."""
        news, self.heard = self.platform.history[self.heard:], len(self.platform.history)
        copied, left = ({e.client_id for e in news if e.what == what} for what in ("copy", "invoke"))
        for client in {e.client_id for e in news}:
            rows |= {row[0] for row in self.db.rows("SELECT id FROM outbox WHERE client_id = ?", client)}
        problems = [f"{client} has {self.platform.copies(client)} copies" for client in copied
                    if self.platform.copies(client) > 1]
        for row in sorted(rows):
            if self.db.value("SELECT 1 FROM outbox WHERE id = ?", row) is None:
                continue  # its transaction was rolled back
            entry = outbox.get(self.db, row)
            if entry.out is None:
                continue
            problems += [f"{entry.client_id} ({entry.state}): {words}" for words in checker.send(self.platform, entry)]
            held = max(desk.acknowledged.get(row, (0, 0))[1] for desk in self.desks)
            if entry.client_id in left and not self.jumps and held > self.desks[0].clock.now():
                problems.append(f"{entry.client_id} left while it was held")
            if entry.client_id in left:
                before = [e for e in outbox.of_conversation(self.db, entry.conversation_id) if e.id < entry.id
                          and e.state in AHEAD and e.out is not None and e.kind in ("reply", "note")]
                problems += [f"{entry.client_id} overtook {e.client_id}, which is {e.state}" for e in before
                             if entry.kind in ("reply", "note")]
        return problems

    def _drafts(self, sent: Iterable[int]) -> list[str]:
        """I3: what was acknowledged is there, what was thrown away is not, and nobody else changed it."""
        writes = sum(desk.store._writer.connection.total_changes() for desk in self.desks if desk.store._writer)
        if writes == self.writes and not any(desk.drafted for desk in self.desks):
            return []
        self.writes = writes
        found: dict[Key, str] = {(number, agent, kind): text for number, agent, kind, text in self.db.rows(
            "SELECT conversation_id, agent, kind, text FROM draft")}
        meant: dict[Key, list[Kept]] = {}
        for desk in self.desks:
            meant |= desk.drafted
            desk.drafted = {}
        problems = []
        for key in sorted({*found, *self.drafts}):
            allowed: set[str | None] = {self.drafts.get(key)}
            anything = False
            for kept in meant.get(key, []):
                allowed = {kept.text} if kept.sure else allowed | {kept.text}
                anything = not kept.known and not kept.sure
            leaves = any(kept.leaves for kept in meant.get(key, []))
            if leaves and key not in found and not any(self.db.value(
                    "SELECT 1 FROM outbox WHERE id = ? AND conversation_id = ?", row, key[0]) for row in sent):
                problems.append(f"draft {key} left, and is not in the outbox")
            if found.get(key) not in allowed and not anything:
                problems.append(f"draft {key} is {found.get(key)!r}, not {allowed}")
        self.drafts = found
        return problems

    def _cursor(self) -> list[str]:
        """I1: what lies before the cursor is here, or in quarantine with a reason."""
        said = str(self.db.value("SELECT cursor FROM source WHERE name = ?", SOURCE) or "0")
        cursor = int(said) if said.isdecimal() else 0
        passed, self.cursor = self.platform.order[self.cursor:cursor], max(cursor, self.cursor)
        but = self.not_here() if passed else set()
        return [f"{ref} lies before the cursor and is not here" for ref in dict.fromkeys(passed)
                if ref not in but and not self.db.value(
                    "SELECT 1 FROM message WHERE source = ? AND ref = ?", SOURCE, ref)]

    def not_here(self) -> set[str]:
        """Messages that were left out by an exclusion, or lie in quarantine as they should."""
        if not (self.platform.poisoned or any(desk.connector.unheard for desk in self.desks)):
            return set()
        kept = {row[0] for row in self.db.rows("SELECT place FROM quarantine")}
        return (self.platform.poisoned & kept).union(*(desk.connector.unheard for desk in self.desks))

    # over whole tables ----------------------------------------------------------------------------------------------

    def look_over(self) -> list[str]:
        """What is wrong with the whole cache: figures, hashes, due times, and every reply that was acknowledged."""
        problems = [each.text for each in integrity.check(self.desks[0].store)]
        problems += checker.queue(self.desks[0]) + _sent_once(self.db) + self._deadlines()
        problems += checker.sends(self.platform, self.desks[0])
        rows = dict(self.db.rows("SELECT id, conversation_id FROM outbox"))
        for desk in self.desks:
            problems += [f"outbox entry {entry} was acknowledged and is not there"
                         for entry, (number, _) in desk.acknowledged.items() if rows.get(entry) != number]
        return problems

    def by_the_rules(self) -> bool:
        """True when the desk says of itself that the queue stands by the rules of now."""
        return settings.get(self.db, "rules") == rules_changed._mark(self.desks[0].desk)

    def _deadlines(self) -> list[str]:
        """I9: due times are what the facts and the rules say, and no clock of ours."""
        desk = self.desks[0]
        if not self.by_the_rules():
            return []  # the disk was full when they were changed: that was told, and the next start makes up for it
        faults, desk.faults = desk.faults, None
        told: list[list[tuple[object, ...]]] = []
        due = "SELECT id, due_at, soon_at, severity, rank FROM conversation WHERE state <> 'done' ORDER BY id"

        def work(db: Db) -> None:
            told.append(db.rows(due))
            ranking.refresh_all(db, desk.rules, desk.clock.now(), limit=100_000)
            told.append(db.rows(due))
            raise _RolledBack

        try:
            desk.store.write_now(work)
        except _RolledBack:
            desk.faults = faults
        return [f"#{before[0]} is due {before[1:]}, not {after[1:]}" for before, after in zip(*told, strict=True)
                if before != after]


def _sent_once(db: Db) -> list[str]:
    """What is wrong with the ledger: every reply that was sent is in it as sent, once."""
    rows = db.rows(
        "SELECT o.client_id, (SELECT count(*) FROM ledger AS l WHERE l.action = 'sent' AND l.conversation_id = "
        "o.conversation_id AND json_extract(l.detail, '$.entry') = o.id) FROM outbox AS o "
        "WHERE o.state = 'sent' AND o.kind = 'reply'")
    return [f"{client_id} is in the ledger as sent {count} times" for client_id, count in rows if count != 1]
