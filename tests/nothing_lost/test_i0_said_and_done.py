"""I0: what a call returned from is durable, what failed left nothing behind; every step fails once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import apsw
import pytest

from agentdesk.config.schema import Config
from agentdesk.errors import StoreError
from agentdesk.model.clock import MINUTE, ManualClock
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import OutKind
from agentdesk.model.page import Gap
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import customers, drafts, ledger, outbox, promises
from agentdesk.store.db import Db, Store
from tests.nothing_lost.conftest import Runs
from tests.store.scene import SAM, Scene, claim, move

RULES = Rulebook.build(Config(), ZoneInfo("UTC"))
TRANSIENT = (apsw.ReadOnlyError("read-only"), apsw.IOError("disk I/O error"), apsw.BusyError("locked"))


class Fault:
    """Lets the n-th step of the store fail."""

    def __init__(self) -> None:
        self.left = 0
        self.error: Exception = TRANSIENT[0]
        self.hit = False

    def __call__(self, name: str) -> None:
        self.left -= 1
        if self.left == 0 and name != "committed":
            self.hit = True
            raise self.error


def steps(scene: Scene) -> dict[str, Callable[[], object]]:
    """All that a desk writes, one transaction each, in an order that makes sense."""
    now = scene.clock.now
    write = scene.store.write_now
    first = scene.message(ref="m-first")
    return {
        "page": lambda: scene.take(first, scene.message(thread="t2", ref="m-second"), gap=Gap(reason="cut", since=1)),
        "edit and delete": lambda: scene.take(
            scene.message("other words", ref="m-first", edited_at=now()), removed=("m-second",)),
        "draft": lambda: scene.draft(1, "Sorry"),
        "claim": lambda: write(lambda db: claim(db, 1, "ann", now() + MINUTE)),
        "freeze": lambda: scene.freeze(1, "Sorry"),
        "start": lambda: scene.start(1),
        "sent": lambda: scene.sent(1, "r1"),
        "answer of a colleague": lambda: scene.take(
            scene.message("Hi", thread="t2", author=SAM, direction=Direction.OUT, ref="m-third")),
        "new inbound": lambda: scene.take(scene.message("and now", ref="m-4"), scene.message(thread="t2", ref="m-5")),
        "promise": lambda: write(lambda db: promises.make(db, 1, "ann", "call", now() + MINUTE, now())),
        "dispose": lambda: write(dispose),
        "note": lambda: write(lambda db: customers.put_column(db, 1, "note", "a note")),
        "hold": lambda: scene.freeze(2, "second", kind=OutKind.NOTE, hold=MINUTE),
        "cancel": lambda: write(lambda db: outbox.cancel(db, 2, "ann", now())),
    }


def attempt(step: Callable[[], object]) -> bool:
    """True when it went through; otherwise it said so in words."""
    try:
        step()
    except StoreError as error:
        return not error.title
    return True


def dispose(db: Db) -> None:
    move(db, 2, State.DONE, 5, disposition=Disposition.SPAM, code="x")
    ledger.write(db, at=5, agent="ann", action="spam", conversation_id=2)


def everything(path: Path) -> list[str]:
    """All rows, read by a process that was not there."""
    store = Store.open(path, ManualClock(), read_only=True)
    try:
        return [row[0] for row in store.reader.rows(
            "SELECT json_array(id, text, handled_at, deleted_at) FROM message UNION ALL "
            "SELECT json_array(id, state, burst, unread, unsent, has_draft, severity, rank, claim_agent) "
            "FROM conversation UNION ALL SELECT json_array(conversation_id, text) FROM draft "
            "UNION ALL SELECT json_array(id, state) FROM outbox UNION ALL SELECT json_array(id, action) FROM ledger "
            "UNION ALL SELECT json_array(name, cursor) FROM source UNION ALL SELECT json_array(id, words) FROM promise "
            "UNION ALL SELECT json_array(id, reason) FROM gap UNION ALL SELECT json_array(rowid) FROM message_text "
            "UNION ALL SELECT json_array(id, note) FROM customer")]
    finally:
        store.close()


NAMES = ["page", "edit and delete", "draft", "claim", "freeze", "start", "sent", "answer of a colleague", "new inbound",
         "promise", "dispose", "note", "hold", "cancel"]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_step_fails_nothing_of_it_is_there_and_trying_again_does_it(tmp_path: Path, name: str,
                                                                             runs: Runs) -> None:
    path = tmp_path / "data" / "desk.sqlite3"
    fault, clock = Fault(), ManualClock()
    store = Store.open(path, clock, faults=fault)
    store_steps = steps(Scene(store, clock, RULES))
    assert list(store_steps) == NAMES
    for earlier in itertools.takewhile(lambda each: each != name, NAMES):
        store_steps[earlier]()
    before, failed = everything(path), 0
    for number in range(1, 200):
        fault.left, fault.hit, fault.error = number, False, TRANSIENT[number % len(TRANSIENT)]
        if attempt(store_steps[name]):
            break
        assert everything(path) == before
        failed += 1
    assert not fault.hit
    assert failed >= 3, "begin, at least one write, commit"
    assert everything(path) != before, "what the call returned from is durable"
    assert ledger.verify(store.reader) == []
    store.close()
    runs(failed)


def test_a_caller_hears_of_success_only_after_the_commit(tmp_path: Path) -> None:
    said: list[str] = []
    store = Store.open(tmp_path / "d" / "desk.sqlite3", ManualClock(), faults=said.append)
    said.clear()
    assert store.write_now(lambda db: db.run("INSERT INTO setting VALUES ('a', 'b')")) == 1
    assert said == ["begin", "write:1", "commit", "committed"]
    store.close()


def test_a_draft_that_could_not_be_saved_leaves_the_one_before(tmp_path: Path) -> None:
    fault, clock = Fault(), ManualClock()
    store = Store.open(tmp_path / "d" / "desk.sqlite3", clock, faults=fault)
    scene = Scene(store, clock, RULES)
    number = scene.ask()
    scene.draft(number, "one")
    fault.left, fault.error = 3, apsw.IOError("disk I/O error")
    with pytest.raises(StoreError):
        scene.draft(number, "two")
    kept = drafts.get(store.reader, number, "ann", OutKind.REPLY)
    assert kept is not None
    assert kept.text == "one"
    store.close()
