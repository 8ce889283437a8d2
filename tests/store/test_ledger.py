"""The ledger: appended, chained, and read for undo, audit and reports."""

from __future__ import annotations

import pytest

from agentdesk.store import ledger
from agentdesk.store.db import Db, Store


def write(store: Store, at: int, action: str = "claimed", agent: str = "ann", **more: object) -> str:
    return store.write_now(lambda db: ledger.write(db, at=at, agent=agent, action=action, **more))  # type: ignore[arg-type]


def test_entries_keep_everything(store: Store) -> None:
    uid = write(store, 5, conversation_id=3, customer_id=4, source="rt:a", code="x", rule="r",
                detail={"a": [1, "b"], "bad": "\ud800"}, undoes="u")
    (entry,) = ledger.of_conversation(store.reader, 3)
    assert (entry.uid, entry.at, entry.agent, entry.action) == (uid, 5, "ann", "claimed")
    assert (entry.customer_id, entry.source, entry.code, entry.rule) == (4, "rt:a", "x", "r")
    assert entry.detail == {"a": [1, "b"], "bad": "\\ud800"}
    assert entry.undoes == "u"
    assert entry.os_user == ledger.os_user() != ""


def test_a_whole_chain_verifies(store: Store) -> None:
    for at in range(50):
        write(store, at)
    assert ledger.verify(store.reader) == []


@pytest.mark.parametrize("change", [
    "UPDATE ledger SET agent = 'eve' WHERE id = 3", "UPDATE ledger SET at = at + 1 WHERE id = 3",
    "UPDATE ledger SET detail = '{\"a\":1}' WHERE id = 3", "DELETE FROM ledger WHERE id = 3",
    "UPDATE ledger SET rule = 'x' WHERE id = 3", "UPDATE ledger SET conversation_id = 9 WHERE id = 3",
    "INSERT INTO ledger SELECT 99, 'x', at, agent, os_user, rule, conversation_id, customer_id, source, action, code, "
    "detail, undoes, batch, hash FROM ledger WHERE id = 3",
])
def test_a_changed_removed_or_slipped_in_entry_is_noticed(store: Store, change: str) -> None:
    for at in range(5):
        write(store, at)
    store.write_now(lambda db: db.run(change))
    assert len(ledger.verify(store.reader)) == 1


def test_the_last_undoable_is_the_agents_own_and_not_undone(store: Store) -> None:
    assert ledger.last_undoable(store.reader, "ann") is None
    first = write(store, 1, detail={"batch": "b1"})
    second = write(store, 2, detail={"batch": "b2"}, conversation_id=1)
    write(store, 2, detail={"batch": "b2"}, conversation_id=2)
    write(store, 3, agent="bob", detail={"batch": "b3"})
    write(store, 4, "sent")
    last = ledger.last_undoable(store.reader, "ann")
    assert last is not None
    rows = ledger.of_batch(store.reader, last.detail["batch"])
    assert [row.conversation_id for row in rows] == [1, 2]
    assert rows[0].uid == second
    for row in rows:
        write(store, 5, "undone", undoes=row.uid)
    last = ledger.last_undoable(store.reader, "ann")
    assert last is not None
    assert last.uid == first
    write(store, 6, "undone", undoes=first)
    assert ledger.last_undoable(store.reader, "ann") is None
    assert ledger.of_batch(store.reader, "") == []


def test_a_period_is_read_in_order_of_time(store: Store) -> None:
    for at in (5, 1, 3, 3, 9):
        write(store, at, code=str(at))
    assert [e.at for e in ledger.rows(store.reader, 3, 9)] == [3, 3, 5]
    assert [e.at for e in ledger.rows(store.reader, 0, 100)] == [1, 3, 3, 5, 9]


def test_long_periods_are_read_in_parts(store: Store) -> None:
    def work(db: Db) -> None:
        for number in range(2_100):
            ledger.write(db, at=number // 700, agent="a", action="x")

    store.write_now(work)
    assert [e.id for e in ledger.rows(store.reader, 0, 10)] == list(range(1, 2_101))
    assert len(list(ledger.rows(store.reader, 1, 2))) == 700
    assert ledger.verify(store.reader) == []
