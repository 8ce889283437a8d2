"""Customers: history over all sources, what colleagues noted, and identities put together or apart by a person."""

from __future__ import annotations

import pytest

from agentdesk.errors import NotFound, Refused
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.customer import Profile
from agentdesk.model.text import inert_line
from agentdesk.store import customers, identities, integrity, people, sources
from agentdesk.store.db import Store
from tests.store.scene import JANE, SOURCE, Scene, move


def two_sources(scene: Scene) -> tuple[int, int]:
    scene.take(scene.message(thread="a"))
    scene.take(scene.message(thread="b"), source="rt:help")
    return 1, 2


def test_history_is_newest_first_and_says_how_it_ended(scene: Scene) -> None:
    scene.ask(thread="a")
    scene.ask(thread="b")
    scene.answer_elsewhere(thread="a")
    now = scene.clock.now()
    scene.store.write_now(lambda db: move(
        db, 1, State.DONE, now, disposition=Disposition.ANSWERED))
    found = customers.conversations_of(scene.db, 1, 10)
    assert [(b.id, b.letter, b.state, b.disposition) for b in found] == [
        (2, "M", "open", None), (1, "M", "done", "answered")]
    assert found[1].last_at == scene.get(1).last_out_at
    assert len(customers.conversations_of(scene.db, 1, 1)) == 1
    assert customers.open_conversation_ids(scene.db, 1) == [2]


def test_what_colleagues_should_know_is_kept(scene: Scene) -> None:
    scene.ask()
    scene.store.write_now(lambda db: [customers.put_column(db, 1, name, value) for name, value in (
        ("note", "likes tea"), ("vip", True), ("tags", '["b2b"]'))])
    it = customers.get(scene.db, 1)
    assert (it.note, it.vip, it.tags, it.conversations, it.name) == ("likes tea", True, ("b2b",), 1, "Jane Doe")
    with pytest.raises(NotFound):
        scene.store.write_now(lambda db: customers.put_column(db, 9, "vip", True))
    with pytest.raises(NotFound) as none:
        customers.get(scene.db, 9)
    assert none.value.cause
    assert "agentdesk customer" in none.value.remedy


def test_together_and_apart_again(scene: Scene) -> None:
    keep, other = two_sources(scene)
    scene.store.write_now(lambda db: [customers.put_column(db, who, name, value) for who, name, value in (
        (keep, "note", "one"), (other, "note", "two"), (other, "vip", True))])
    scene.store.write_now(lambda db: identities.merge(db, keep, other))
    it = customers.get(scene.db, keep)
    assert (len(it.identities), it.conversations, it.note, it.vip) == (2, 2, "one\ntwo", True)
    with pytest.raises(NotFound):
        customers.get(scene.db, other)
    scene.take(scene.message(thread="b"), source="rt:help")
    assert customers.get(scene.db, keep).conversations == 2
    apart = scene.store.write_now(lambda db: identities.split(db, "rt:help", "jane").fresh)
    assert [b.source for b in customers.conversations_of(scene.db, apart)] == ["rt:help"]
    assert [b.source for b in customers.conversations_of(scene.db, keep)] == [SOURCE]
    assert integrity.check(scene.store) == []
    with pytest.raises(Refused):
        scene.store.write_now(lambda db: identities.split(db, "rt:help", "jane"))
    with pytest.raises(NotFound):
        scene.store.write_now(lambda db: identities.split(db, "rt:help", "nobody"))
    with pytest.raises(Refused):
        scene.store.write_now(lambda db: identities.merge(db, keep, keep))


def test_people_are_found_by_identity(scene: Scene) -> None:
    scene.ask()
    assert customers.by_identity(scene.db, SOURCE, "jane") == 1
    assert customers.by_identity(scene.db, SOURCE, "bo") is None
    profile = Profile(ref="jane", handle=JANE.handle, name=inert_line("Jane"), followers=12_400)
    scene.store.write_now(lambda db: people.People(db, SOURCE, 5).bring_in([profile], (), ()))
    assert customers.get(scene.db, 1).reach == 12_400


def test_a_source_and_how_it_stands(store: Store) -> None:
    store.write_now(lambda db: sources.ensure(db, "rt:help", "rt", "R"))
    store.write_now(lambda db: sources.note_failure(db, "rt:help", "retry", "Down", "503", "Wait", 5, 65))
    store.write_now(lambda db: sources.note_failure(db, "rt:help", "retry", "Down", "503", "Wait", 65, 185))
    it = sources.state(store.reader, "rt:help")
    assert (it.state, it.failures, it.title, it.cause, it.remedy, it.next_try_at) == (
        "retry", 2, "Down", "503", "Wait", 185)
    store.write_now(lambda db: sources.note_ok(db, "rt:help", 200, 230))
    store.write_now(lambda db: sources.set_cursor(db, "rt:help", "c9", 200))
    store.write_now(lambda db: sources.ensure(db, "rt:help", "rt", "S"))
    (it,) = sources.all(store.reader)
    assert (it.state, it.failures, it.title, it.last_ok_at, it.cursor, it.letter) == ("ok", 0, "", 200, "c9", "S")
    store.write_now(lambda db: sources.set_state(db, "rt:help", "paused"))
    it = sources.state(store.reader, "rt:help")
    assert (it.last_try_at, it.state, it.account) == (200, "paused", None)
    with pytest.raises(NotFound, match="rt:none"):
        sources.state(store.reader, "rt:none")
