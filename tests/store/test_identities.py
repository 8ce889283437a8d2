"""Putting identities together and apart, and taking either back: what was there before is there again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdesk.errors import Refused
from agentdesk.model.message import Author
from agentdesk.model.text import inert_line
from agentdesk.store import customers, identities, integrity
from agentdesk.store.db import Db, Store
from tests.store.scene import Scene

SOURCES = ("mastodon:acme", "bluesky:acme", "rt:help")


def people(db: Db) -> list[tuple[Any, ...]]:
    """Who is whose, as plain rows."""
    return [*db.rows("SELECT id, name, vip, note, tags, first_seen_at FROM customer ORDER BY id"),
            *db.rows("SELECT source, ref, customer_id FROM identity ORDER BY source, ref"),
            *db.rows("SELECT id, customer_id FROM conversation ORDER BY id")]


def meet(scene: Scene, source: str, ref: str) -> int:
    """Somebody writes on a source; returns the customer."""
    author = Author(ref=ref, name=inert_line(f"{ref} on {source}"))
    scene.take(scene.message(thread=f"{source} {ref}", author=author), source=source)
    found = customers.by_identity(scene.db, source, ref)
    assert found is not None
    return found


def note(store: Store, customer_id: int, text: str, *, vip: bool = False) -> None:
    store.write_now(lambda db: [customers.put_column(db, customer_id, name, value) for name, value in (
        ("note", text), ("vip", vip))])


def back(store: Store, merged: identities.Merged) -> int:
    """Take a merge back from what the ledger keeps of it."""
    kept = msgspec.convert(msgspec.json.decode(msgspec.json.encode(merged)), identities.Merged)
    return store.write_now(lambda db: identities.unmerge(db, kept, "ann", 9))


def test_a_merge_taken_back_leaves_everything_as_it_was(scene: Scene) -> None:
    one, two = meet(scene, SOURCES[0], "jane"), meet(scene, SOURCES[2], "jane")
    note(scene.store, one, "one")
    note(scene.store, two, "two", vip=True)
    before = people(scene.db)
    merged = scene.store.write_now(lambda db: identities.merge(db, one, two))
    assert people(scene.db) != before
    assert back(scene.store, merged) == two
    assert people(scene.db) == before
    assert integrity.check(scene.store) == []
    with pytest.raises(Refused, match="apart already"):
        back(scene.store, merged)


def test_what_came_since_with_the_other_identity_goes_along(scene: Scene) -> None:
    one, two = meet(scene, SOURCES[0], "jane"), meet(scene, SOURCES[2], "jane")
    merged = scene.store.write_now(lambda db: identities.merge(db, one, two))
    scene.take(scene.message(thread="later", author=Author(ref="jane", name=inert_line("J"))), source=SOURCES[2])
    note(scene.store, one, "written since")
    back(scene.store, merged)
    assert [b.ref for b in customers.conversations_of(scene.db, two)] == ["later", "rt:help jane"]
    assert customers.get(scene.db, one).note == "written since"
    assert customers.get(scene.db, two).note == ""


def test_a_number_that_was_given_away_is_not_taken_again(scene: Scene) -> None:
    one, two = meet(scene, SOURCES[0], "jane"), meet(scene, SOURCES[2], "jane")
    merged = scene.store.write_now(lambda db: identities.merge(db, one, two))
    newcomer = meet(scene, SOURCES[1], "bo")
    assert newcomer == two, "the number is free again"
    assert back(scene.store, merged) not in (one, two)
    assert customers.get(scene.db, newcomer).name == "bo on bluesky:acme"


def test_a_split_taken_back_keeps_what_was_written_meanwhile(scene: Scene) -> None:
    one, two = meet(scene, SOURCES[0], "jane"), meet(scene, SOURCES[2], "jane")
    scene.store.write_now(lambda db: identities.merge(db, one, two))
    before = people(scene.db)
    apart = scene.store.write_now(lambda db: identities.split(db, SOURCES[2], "jane", "ann", 5))
    assert customers.get(scene.db, apart.fresh).conversations == 1
    scene.store.write_now(lambda db: identities.unsplit(db, apart))
    assert people(scene.db) == before
    again = scene.store.write_now(lambda db: identities.split(db, SOURCES[2], "jane", "ann", 5))
    note(scene.store, again.fresh, "somebody else after all")
    scene.store.write_now(lambda db: identities.unsplit(db, again))
    assert customers.get(scene.db, one).note == "somebody else after all"
    with pytest.raises(Refused, match="since"):
        scene.store.write_now(lambda db: identities.unsplit(db, again))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8))
def test_any_row_of_merges_can_be_taken_back_in_turn(scene: Scene, pairs: list[tuple[int, int]]) -> None:
    for number in range(6):
        meet(scene, SOURCES[number % 3], f"p{number}")
    start = people(scene.db)
    done: list[identities.Merged] = []
    for a, b in pairs:
        alive = sorted({row[0] for row in scene.db.rows("SELECT id FROM customer")})
        one, two = alive[a % len(alive)], alive[b % len(alive)]
        if one == two:
            continue
        done.append(scene.store.write_now(lambda db, o=one, t=two: identities.merge(db, o, t)))  # type: ignore[misc]
    for merged in reversed(done):
        back(scene.store, merged)
    assert people(scene.db) == start
    assert integrity.check(scene.store) == []
