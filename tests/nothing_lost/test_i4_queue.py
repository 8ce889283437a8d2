"""I4: no message leaves the queue without a disposition or an answer; no age, count or re-fetch removes one."""

from __future__ import annotations

import random
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agentdesk.config.schema import Config
from agentdesk.model.clock import DAY, HOUR, MINUTE, ManualClock
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.message import Author, Direction, Message
from agentdesk.model.text import inert_line
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import decisions, integrity, ledger, ranking
from agentdesk.store.db import Db, Store
from agentdesk.sync import chores
from tests.store.scene import SAM, Scene, changed, move

RULES = Rulebook.build(Config(), ZoneInfo("UTC"))
PACKAGE = Path(__file__).parents[2] / "agentdesk"
ACCOUNTS_FOR = {"answered_elsewhere", "sent", *ledger.DISPOSITIONS}
"""Ledger actions by which messages stop being owed an answer."""


class History:
    """A random life of a small desk; after each step the promise is checked."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.clock = ManualClock()
        self.store = Store.open(folder / "data" / "desk.sqlite3", self.clock)
        self.scene = Scene(self.store, self.clock, RULES)
        self.told: list[Message] = []
        self.owed: dict[int, set[str]] = {}
        """By conversation: refs of inbound messages that nobody accounted for yet."""
        self.entries = 0

    def step(self) -> None:
        """One thing happens."""
        self.clock.advance(self.dice.choice([MINUTE, HOUR, DAY, 400 * DAY]) if self.dice.random() < 0.4 else MINUTE)
        steps = [self.inbound] * 5 + [self.colleague, self.reply, self.dispose, self.undo, self.snooze, self.wake,
                                      self.close, self.deleted, self.edited, self.again, self.reopen, self.empty]
        self.dice.choice(steps)()
        self.check()

    def thread(self) -> str:
        return f"t{self.dice.randrange(6)}"

    def some(self) -> int:
        ids = [row[0] for row in self.scene.db.rows("SELECT id FROM conversation")]
        return int(self.dice.choice(ids)) if ids else 0

    def inbound(self) -> None:
        who = self.dice.randrange(4)
        author = Author(ref=f"p{who}", name=inert_line(f"P {who}"))
        late = self.dice.random() < 0.2
        at = self.clock.now() - self.dice.randrange(HOUR) if late else None
        message = self.scene.message(thread=self.thread(), author=author, at=at)
        self.told.append(message)
        self.scene.take(message, purpose=self.dice.choice(["pull", "pull", "thread"]))

    def colleague(self) -> None:
        message = self.scene.message("Hi", thread=self.thread(), author=SAM, direction=Direction.OUT)
        self.told.append(message)
        self.scene.take(message)

    def reply(self) -> None:
        number = self.some()
        if number and self.scene.get(number).state is not State.DONE:
            self.scene.reply(number)

    def dispose(self) -> None:
        number, now = self.some(), self.clock.now()
        if not number or self.scene.get(number).state is State.DONE:
            return

        def work(db: Db) -> None:
            before = decisions.snapshot(db, number)
            after = {"state": "done", "disposition": "praise", "disposition_code": "", "disposed_at": now}
            decisions.write(db, number, after)
            ledger.write(db, at=now, agent="ann", action=Disposition.PRAISE.value, conversation_id=number,
                         detail={"batch": f"b{now}", "before": {name: before[name] for name in after}})
            ranking.refresh(db, [number], RULES, now)
        self.store.write_now(work)

    def undo(self) -> None:
        last = ledger.last_undoable(self.scene.db, "ann")
        if last is None or last.conversation_id is None or self.scene.get(last.conversation_id).state is not State.DONE:
            return
        number = last.conversation_id

        def work(db: Db) -> None:
            decisions.write(db, number, last.detail["before"])
            ledger.write(db, at=self.clock.now(), agent="ann", action="undone", conversation_id=number, undoes=last.uid)
            ranking.refresh(db, [number], RULES, self.clock.now())
        self.store.write_now(work)

    def snooze(self) -> None:
        number, now = self.some(), self.clock.now()
        if number and self.scene.get(number).state is State.OPEN:
            self.store.write_now(lambda db: move(db, number, State.SNOOZED, now, until=now + DAY))

    def wake(self) -> None:
        def work(db: Db) -> None:
            chores.wake_and_expire(db, RULES, self.clock.now())
        self.store.write_now(work)

    def close(self) -> None:
        self.scene.take(remote=[self.scene.remote(self.thread(), closed=self.dice.random() < 0.6)])

    def deleted(self) -> None:
        if self.told:
            self.scene.take(removed=(self.dice.choice(self.told).ref,))

    def edited(self) -> None:
        if self.told:
            message = self.dice.choice(self.told)
            self.scene.take(changed(message, f"now {self.clock.now()}", self.clock.now()))

    def again(self) -> None:
        """The source tells everything once more, as after a lost cursor."""
        self.scene.take(*self.told, backfill=True)

    def reopen(self) -> None:
        number = self.some()
        if number and self.scene.get(number).state is not State.OPEN:
            def work(db: Db) -> None:
                move(db, number, State.OPEN, self.clock.now())
                ranking.refresh(db, [number], RULES, self.clock.now())
            self.store.write_now(work)

    def empty(self) -> None:
        """The source suddenly shows nothing."""
        self.scene.take(cursor=None)

    def check(self) -> None:
        """What was owed is still owed, unless the ledger says since when and why not."""
        assert integrity.check(self.store) == []
        rows = self.scene.db.rows("SELECT id, conversation_id, action FROM ledger WHERE id > ? ORDER BY id",
                                  self.entries)
        accounted = {number for _, number, action in rows if action in ACCOUNTS_FOR}
        self.entries = rows[-1][0] if rows else self.entries
        owed: dict[int, set[str]] = {}
        for number, ref in self.scene.db.rows(
                "SELECT conversation_id, ref FROM message WHERE direction = 'in' AND handled_at IS NULL"):
            owed.setdefault(number, set()).add(ref)
            assert self.scene.get(number).state in (State.OPEN, State.SNOOZED)
        for number, refs in self.owed.items():
            if number not in accounted:
                assert refs <= owed.get(number, set()), f"#{number} lost {refs}"
        self.owed = owed
        stored = {row[0] for row in self.scene.db.rows("SELECT ref FROM message")}
        assert {message.ref for message in self.told} <= stored


@pytest.mark.parametrize("seed", range(12))
def test_open_work_only_ends_by_an_answer_or_a_disposition(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path, seed)
    for _ in range(60):
        history.step()
    history.store.close()


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 600))
def test_long_histories(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path, seed)
    for _ in range(200):
        history.step()
    history.store.close()


ALLOWED = {
    "draft": "a draft that became a reply, or that its author threw away",
    "lease": "given back", "link": "taken off again", "identity": "a stand-in for a person who has a name now",
    "customer": "merged into another, or a stand-in", "reaction": "a like, a boost or a follow taken back",
    "stranger": "a no to two customers being one, taken back",
    "canned": "fetched anew from the help desk that holds it",
    "undelivered": "carried out on its message, or told of one that never came",
}


def test_no_statement_removes_a_message_a_conversation_a_reply_or_a_decision() -> None:
    found: dict[str, list[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        for table in re.findall(r"DELETE\s+FROM\s+(\{?\w+)", file.read_text(encoding="utf-8"), re.IGNORECASE):
            found.setdefault(table, []).append(file.name)
    assert found.pop("{table", []) == ["transfer.py"], "an import empties only a file that has nothing precious"
    assert found.pop("message_edit", []) == ["retention.py"], "only after the time a desk is to keep texts"
    assert set(found) <= set(ALLOWED), found
    text = "".join(file.read_text(encoding="utf-8") for file in (PACKAGE / "store").glob("*.py"))
    assert not re.search(r"DROP\s+TABLE|TRUNCATE\s+TABLE|REPLACE\s+INTO\s+(message|conversation|outbox|ledger|draft)\b",
                         text, re.IGNORECASE)
    assert not re.search(r"UPDATE\s+ledger", text, re.IGNORECASE), "the ledger is only ever added to"
