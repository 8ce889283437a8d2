"""What the screen and the loop read costs the same in a cache ten times as large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from agentdesk.desk import escalate
from agentdesk.desk.desk import Desk
from agentdesk.model.clock import ManualClock
from agentdesk.store import begun, conversations, customers, links, matches, ranking, sources, tickets
from agentdesk.store.db import Db, Store
from agentdesk.store.where import OPEN

SOURCE = "rt:support"
SMALL, LARGE = 1_000, 10_000
TIED = 20
"""Conversations that have a ticket."""


def filled(folder: Path, clock: ManualClock, number: int) -> Store:
    """A cache of a help desk with this many tickets, one message each."""
    folder.mkdir(mode=0o700)
    store, now = Store.open(folder / "desk.sqlite3", clock), clock.now()

    def fill(db: Db) -> None:
        every = range(1, number + 1)
        sources.ensure(db, SOURCE, "rt", "R")
        db.many("INSERT INTO customer (id, name, first_seen_at) VALUES (?, ?, ?)", ((i, f"C {i}", now) for i in every))
        db.many("INSERT INTO identity VALUES (?, ?, ?, ?, ?, NULL, ?, ?)",
                ((SOURCE, f"c{i}", i, f"c{i}@x.example", f"C {i}", f'{{"ref":"c{i}"}}', now) for i in every))
        db.many("INSERT INTO conversation (id, source, ref, customer_id, state, remote_queue, created_at, rank, "
                "messages) VALUES (?, ?, ?, ?, 'open', ?, ?, ?, 1)",
                ((i, SOURCE, str(i), i, f"queue{i % 5}", now, now - i) for i in every))
        db.many("INSERT INTO message (conversation_id, source, ref, author_ref, author_name, author_handle, direction, "
                "kind, visibility, text, created_at, seen_at) VALUES (?, ?, ?, ?, '', '', 'in', 'reply', 'public', '', "
                "?, ?)", ((i, SOURCE, f"m{i}", f"c{i}", now, now) for i in every))
        for i in range(1, TIED + 1):
            links.make(db, i, "ticket", "ann", now, other_id=i + 100)

    store.write_now(fill)
    return store


class _Desk:
    """As much of a desk as a look at the places needs."""

    def __init__(self, store: Store) -> None:
        self.store = store


READS: dict[str, Callable[[Store], object]] = {
    "places": lambda store: escalate.places(cast(Desk, _Desk(store)), SOURCE),
    "tickets that are watched": lambda store: tickets.watched(store.reader, SOURCE, 0, 4),
    "what began here": lambda store: begun.unread(store.reader, SOURCE),
    "links": lambda store: links.of(store.reader, 1),
    "customer": lambda store: customers.get(store.reader, 5),
    "who may be the same": lambda store: matches.offers(store.reader, 5),
    "facts": lambda store: ranking.cases(store.reader, [5]),
    "window": lambda store: conversations.window(store.reader, OPEN, limit=50),
    "paused": lambda store: sources.paused(store.reader),
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    """The same cache, small and ten times as large."""
    folder = tmp_path_factory.mktemp("steps")
    both = filled(folder / "small", ManualClock(), SMALL), filled(folder / "large", ManualClock(), LARGE)
    yield both
    for store in both:
        store.close()


def steps(store: Store, read: Callable[[Store], object]) -> int:
    """How many steps of SQLite's machine a read takes, in tens."""
    counted = 0

    def tick() -> bool:
        nonlocal counted
        counted += 1
        return False

    store.reader.connection.set_progress_handler(tick, 10)
    try:
        read(store)
    finally:
        store.reader.connection.set_progress_handler(None)
    return counted


@pytest.mark.parametrize("name", READS)
def test_ten_times_as_much_costs_the_same(stores: tuple[Store, Store], name: str) -> None:
    small, large = stores
    assert steps(large, READS[name]) <= steps(small, READS[name]) * 2 + 100


def test_the_places_are_those_that_tickets_name_most(tmp_path: Path, clock: ManualClock) -> None:
    store = filled(tmp_path / "cache", clock, 200)
    store.write_now(lambda db: db.run("UPDATE conversation SET remote_queue = 'most' WHERE id % 2 = 0"))
    found = escalate.places(cast(Desk, _Desk(store)), SOURCE)
    assert found[0] == "most"
    assert set(found) == {"most", *(f"queue{i}" for i in range(5))}
    store.close()
