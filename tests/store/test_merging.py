"""A conversation that became part of another at its source: one row in the queue, and nothing that was said is lost."""

from __future__ import annotations

import pytest

from agentdesk.model.clock import HOUR
from agentdesk.model.conversation import ClockKind, Disposition, State
from agentdesk.model.message import Direction
from agentdesk.store import conversations, integrity, links, promises
from tests.store.scene import SAM, SOURCE, Scene, move


def texts(scene: Scene, number: int) -> list[str]:
    return [stored.message.text for stored in conversations.thread(scene.db, number)]


def merge(scene: Scene, old: str = "t1", new: str = "t2", **more: object) -> None:
    scene.take(remote=[scene.remote(new), scene.remote(old, closed=True, merged_into=new)], **more)  # type: ignore[arg-type]


def test_what_nobody_answered_is_owed_in_the_other_one(scene: Scene) -> None:
    old = scene.ask("Where is it?")
    since = scene.get(old).unanswered_since
    scene.clock.advance(HOUR)
    new = scene.ask("It is me again", thread="t2")
    merge(scene)
    assert texts(scene, old) == []
    assert texts(scene, new) == ["Where is it?", "It is me again"]
    gone, kept = scene.get(old), scene.get(new)
    assert (gone.state, gone.disposition, gone.burst) == (State.DONE, Disposition.DUPLICATE, 0)
    assert (kept.state, kept.unanswered_since, kept.burst, kept.messages) == (State.OPEN, since, 2, 2)
    assert scene.actions(old)[-1] == "duplicate"
    assert [link.other_id for link in links.of(scene.db, old)] == [new]
    assert list(integrity.check(scene.store)) == []
    merge(scene)
    assert texts(scene, new) == ["Where is it?", "It is me again"], "told again, nothing changes"
    assert scene.actions(old).count("duplicate") == 1


def test_one_that_was_done_comes_back_when_unanswered_words_come_into_it(scene: Scene) -> None:
    new = scene.ask("All is well", thread="t2")
    scene.answer_elsewhere(thread="t2")
    assert scene.get(new).state is State.WAITING
    scene.ask("Where is it?")
    merge(scene)
    assert (scene.get(new).state, scene.get(new).burst) == (State.OPEN, 1)
    assert "reopened" in scene.actions(new)


def test_an_answer_that_is_taken_back_lets_no_other_one_answer_what_came_along(scene: Scene) -> None:
    new = scene.ask("It is me again", thread="t2")
    scene.ask("Where is it?")
    first, second = (scene.message("Hi", author=SAM, direction=Direction.OUT) for _ in range(2))
    scene.take(first)
    scene.take(second)
    merge(scene)
    assert (scene.get(new).state, scene.get(new).burst) == (State.OPEN, 1)
    scene.take(removed=(second.ref,))
    assert (scene.get(new).state, scene.get(new).burst) == (State.OPEN, 1)
    assert list(integrity.check(scene.store)) == []


@pytest.mark.parametrize("state", ["open", "waiting", "done"])
def test_what_was_promised_is_owed_in_the_other_one(scene: Scene, state: str) -> None:
    new, ticket = scene.ask("All is well", thread="t2"), scene.ask("A ticket", thread="t3")
    if state != "open":
        scene.answer_elsewhere(thread="t2")
    if state == "done":
        scene.store.write_now(lambda db: move(db, new, State.DONE, 5, disposition=Disposition.PRAISE))
    old = scene.ask("Where is it?")
    due_at = scene.clock.now() + HOUR
    scene.store.write_now(lambda db: promises.make(db, old, "ann", "call", due_at, scene.clock.now()))
    scene.store.write_now(lambda db: links.make(db, old, "ticket", "ann", scene.clock.now(), other_id=ticket))
    scene.answer_elsewhere()
    merge(scene)
    assert [each.words for each in promises.open_of(scene.db, new)] == ["call"]
    assert (scene.get(new).state, scene.get(old).state) == (State.OPEN, State.DONE)
    assert [each.due_at for each in scene.get(new).clocks if each.kind is ClockKind.PROMISE] == [due_at]
    assert [each.other_id for each in links.of(scene.db, new) if each.kind == "ticket"] == [ticket]


def test_words_that_were_answered_bring_nothing_back(scene: Scene) -> None:
    new = scene.ask("All is well", thread="t2")
    scene.answer_elsewhere(thread="t2")
    old = scene.ask("Where is it?")
    scene.answer_elsewhere()
    merge(scene)
    assert (scene.get(new).state, scene.get(new).burst) == (State.WAITING, 0)
    assert scene.get(old).state is State.DONE
    assert len(texts(scene, new)) == 4


def test_one_that_comes_with_the_merger_takes_the_words_too(scene: Scene) -> None:
    old = scene.ask("Where is it?")
    merge(scene, new="t9")
    new = conversations.by_ref(scene.db, SOURCE, "t9")
    assert new is not None
    assert (texts(scene, new), scene.get(new).state, scene.get(old).state) == (["Where is it?"], State.OPEN, State.DONE)


@pytest.mark.parametrize("into", ["t7", "t1"])
def test_into_one_that_nobody_knows_nothing_goes(scene: Scene, into: str) -> None:
    old = scene.ask("Where is it?")
    scene.take(remote=[scene.remote("t1", closed=True, merged_into=into)])
    assert (texts(scene, old), scene.get(old).state) == (["Where is it?"], State.OPEN)


def test_the_word_about_the_merger_is_no_answer_to_what_went_over(scene: Scene) -> None:
    scene.ask("Where is it?")
    new = scene.ask("It is me again", thread="t2")
    said = scene.message("closed and merged", author=SAM, direction=Direction.NOTE)
    scene.take(said, remote=[scene.remote("t2"), scene.remote("t1", closed=True, merged_into="t2")])
    assert (scene.get(new).state, scene.get(new).burst) == (State.OPEN, 2)


def test_history_stays_history_when_answered_words_come_into_it(scene: Scene) -> None:
    scene.take(scene.message("Long ago", thread="t2"), remote=[scene.remote("t2", closed=True)], backfill=True)
    new = conversations.by_ref(scene.db, SOURCE, "t2")
    assert new is not None
    scene.ask("Where is it?")
    scene.answer_elsewhere()
    merge(scene)
    assert scene.get(new).state is State.DONE
    assert list(integrity.check(scene.store)) == []
