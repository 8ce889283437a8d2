"""No view on a digit key, no figure of the status bar and no chore reads a table from end to end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from agentdesk.config.schema import DEFAULT_VIEWS
from agentdesk.model.outgoing import OutKind
from agentdesk.model.page import Page
from agentdesk.rules.query import parse
from agentdesk.store import (
    claims,
    conversations,
    customers,
    drafts,
    intake,
    ledger,
    outbox,
    promises,
    ranking,
    search,
    sources,
)
from agentdesk.store.db import Db, Store
from tests.store.scene import SOURCE, Scene

VIEWS = [view.query for view in DEFAULT_VIEWS]
BIG = ("conversation", "message", "ledger", "customer", "identity", "outbox", "message_edit", *"cmiolk")
"""Tables that grow, and what queries call them."""


class Watched(Db):
    """A connection that keeps the plan of every query it is given."""

    def __init__(self, store: Store) -> None:
        inner = store.new_reader()
        super().__init__(inner.connection, store.path)
        self.plans: list[str] = []

    def rows(self, sql: str, *params: object) -> list[tuple[object, ...]]:
        self.plans += [row[3] for row in self.connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)]
        return super().rows(sql, *params)

    def scans(self) -> list[str]:
        """Steps that read a growing table without an index that narrows or orders it."""
        found = []
        for step in self.plans:
            words = step.split()
            if words[0] == "SCAN" and words[1] in BIG and "USING" not in step:
                found.append(step)
        return found

    def sorts(self) -> bool:
        """True when rows are sorted instead of being read in order."""
        return any("TEMP B-TREE FOR ORDER BY" in step for step in self.plans)


@pytest.fixture
def watched(scene: Scene) -> Watched:
    scene.reply(scene.ask())
    scene.ask(thread="t2")
    return Watched(scene.store)


@pytest.mark.parametrize("query", VIEWS)
@pytest.mark.parametrize("way", ["top", "after", "before", "one before"])
def test_no_default_view_scans_or_sorts(watched: Watched, query: str, way: str) -> None:
    where = search.where(parse(query), agent="ann", now=10**12)
    key = {"after": {"after": (1, 1)}, "before": {"before": (1, 1)}, "one before": {"before": (1, 1), "limit": 1},
           "top": {}}[way]
    conversations.window(watched, where, **key)  # type: ignore[arg-type]
    assert watched.scans() == []
    used = [step for step in watched.plans if " c " in f"{step} "]
    assert used
    if "mine" in query:
        assert any("PRIMARY KEY" in step for step in used), "only one's own are sorted"
    else:
        assert not watched.sorts(), used
        assert all(step.startswith("SEARCH c USING INDEX conversation_") for step in used), used


def steps(watched: Watched, read: Callable[[], object]) -> int:
    """How many tens of SQLite's own steps a read takes."""
    taken: list[None] = []

    def count() -> bool:
        taken.append(None)
        return False

    watched.connection.set_progress_handler(count, 10)
    read()
    watched.connection.set_progress_handler(None)
    return len(taken)


THOUSANDS = "WITH RECURSIVE n(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM n WHERE n < 3000) "


@pytest.mark.parametrize("limit", [1, 20])
@pytest.mark.parametrize("query", ["state:open", "state:open late", "state:open late severity:normal"])
def test_a_window_steps_over_few_rows_however_many_there_are(watched: Watched, query: str, limit: int) -> None:
    watched.connection.execute("PRAGMA query_only=0")
    watched.run(f"{THOUSANDS} INSERT INTO conversation (source, ref, customer_id, created_at, rank, due_at) "
                "SELECT ?, 'n' || n, 1, 0, n, n FROM n", SOURCE)
    where = search.where(parse(query), agent="ann", now=10**12)
    for key in ({}, {"after": (150, 0)}, {"before": (150, 0)}, {"before": (10**12, 0)}):
        read = partial(conversations.window, watched, where, limit=limit, **key)
        assert len(read()) == limit
        assert steps(watched, read) < 300, key


@pytest.mark.parametrize("source", [SOURCE, "rt:quiet"])
def test_how_late_messages_come_in_is_not_read_from_all_of_them(
    watched: Watched, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.connection.execute("PRAGMA query_only=0")
    watched.run(f"{THOUSANDS} INSERT INTO message (id, conversation_id, source, ref, author_ref, author_name, "
                "author_handle, direction, kind, visibility, text, created_at, seen_at) "
                "SELECT n, 1, ?, 'n' || n, 'a', 'a', 'a', 'in', 'dm', 'public', 'Hello', 0, 5 FROM n", SOURCE)
    monkeypatch.setattr(sources, "LATELY", 100)
    assert sources.lag(watched, source) == (5 if source == SOURCE else None)
    assert steps(watched, lambda: sources.lag(watched, source)) < 300


@pytest.mark.parametrize("query", VIEWS)
def test_counting_a_default_view_goes_by_an_index(watched: Watched, query: str) -> None:
    conversations.count(watched, search.where(parse(query), agent="ann", now=10**12))
    assert [step for step in watched.scans() if "INDEX" not in step] == []


@pytest.mark.parametrize("source", [SOURCE, "rt:help"])
def test_a_view_of_one_source_goes_by_its_index(watched: Watched, source: str) -> None:
    conversations.window(watched, search.where(parse(f"state:open source:{source}"), agent="", now=0))
    assert any("conversation_source" in step for step in watched.plans)
    assert not watched.sorts()


CHORES: dict[str, Callable[[Db], object]] = {
    "status bar": lambda db: conversations.counts(db, 10**12),
    "conversation": lambda db: conversations.get(db, 1),
    "thread": lambda db: conversations.thread(db, 1),
    "thread before": lambda db: conversations.thread(db, 1, before=1),
    "around": lambda db: conversations.around(db, search.Where(), 2),
    "last message": lambda db: conversations.last_message_id(db, 1),
    "customer": lambda db: customers.get(db, 1),
    "history": lambda db: customers.conversations_of(db, 1),
    "draft": lambda db: drafts.get(db, 1, "ann", OutKind.REPLY),
    "outbox of a conversation": lambda db: outbox.of_conversation(db, 1),
    "unsettled": lambda db: outbox.list(db, unsettled_only=True),
    "next": lambda db: outbox.next_at(db, SOURCE),
    "same text": lambda db: outbox.same_text(db, "Sorry", 1, 0),
    "ledger of a conversation": lambda db: ledger.of_conversation(db, 1),
    "undo": lambda db: ledger.last_undoable(db, "ann"),
    "batch": lambda db: ledger.of_batch(db, "x"),
    "period": lambda db: list(ledger.rows(db, 0, 1)),
    "promises": lambda db: promises.open_of(db, 1),
    "sources": sources.all,
    "held": lambda db: intake.held(db, SOURCE, Page()),
    "facts": lambda db: ranking.cases(db, [1, 2]),
    "search": lambda db: search.find_text(db, "parcel"),
    "by ref": lambda db: conversations.by_ref(db, SOURCE, "t1"),
}


@pytest.mark.parametrize("name", CHORES)
def test_no_bounded_read_scans(watched: Watched, name: str) -> None:
    CHORES[name](watched)
    assert watched.plans
    assert watched.scans() == []


def test_sending_and_waking_go_by_their_indexes(scene: Scene, watched: Watched) -> None:
    scene.store.write_now(lambda db: (claims.expired(db, 0), outbox.due(db, SOURCE, 0)))
    for sql in ("SELECT id FROM conversation WHERE state = 'snoozed' AND snoozed_until <= 5",
                "SELECT id FROM conversation WHERE state = 'open' AND claim_agent <> '' AND claim_until <= 5",
                "UPDATE outbox SET state = 'queued' WHERE source = 'x' AND state NOT IN ('sent', 'cancelled') "
                "AND state = 'held' AND hold_until <= 5"):
        watched.plans.extend(row[3] for row in watched.connection.execute(f"EXPLAIN QUERY PLAN {sql}"))
    assert watched.scans() == []


def test_no_page_and_no_sent_reply_reads_a_whole_source(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, tuple[object, ...]] = {}
    plain = Db.rows

    def rows(db: Db, sql: str, *params: object) -> list[tuple[object, ...]]:
        asked.setdefault(sql, params)
        return plain(db, sql, *params)

    monkeypatch.setattr(Db, "rows", rows)
    scene.reply(scene.ask())
    monkeypatch.undo()
    steps = [f"{step}: {sql}" for sql, params in asked.items() if sql.startswith(("SELECT", "UPDATE", "DELETE"))
             for _, _, _, step in plain(scene.store.reader, f"EXPLAIN QUERY PLAN {sql}", *params)]
    assert len(steps) > 20
    assert [step for step in steps if "message_1 (source=?):" in step] == []
