"""Texts leave what has been done for long, each when its own time has come."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdesk.model.clock import DAY, ManualClock
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.outgoing import OutKind
from agentdesk.store import conversations, drafts, integrity, ledger, outbox, retention, search
from agentdesk.store.db import Db, Store
from agentdesk.store.migrations import STEPS
from tests.store.scene import SAM, Direction, Scene, changed, move

KEPT = 30 * DAY


@pytest.fixture(autouse=True)
def _sound(scene: Scene) -> object:
    """After each test the file must be as promised, and the words found are those that are there."""
    yield
    assert integrity.check(scene.store) == []
    check = "INSERT INTO message_text (message_text, rank) VALUES ('integrity-check', 1)"
    scene.store.write_now(lambda db: db.run(check))


def clear(scene: Scene) -> int:
    """Remove what was kept long enough."""
    return scene.store.write_now(lambda db: retention.empty_done(db, scene.clock.now() - KEPT))


def texts(scene: Scene, number: int) -> list[str]:
    return [it.message.text for it in conversations.thread(scene.db, number)]


def done(scene: Scene) -> int:
    """A conversation that is done, and whose time begins."""
    number, now = scene.ask(), scene.clock.now()

    def finish(db: Db) -> None:
        move(db, number, State.DONE, now, disposition=Disposition.PRAISE)
        ledger.write(db, at=now, agent="ann", action="praise", conversation_id=number)

    scene.store.write_now(finish)
    return number


def test_what_comes_later_is_kept_as_long_and_then_goes_too(scene: Scene) -> None:
    number = done(scene)
    scene.clock.advance(KEPT + DAY)
    assert (clear(scene), clear(scene)) == (1, 0)
    late = scene.message("Sam was here", author=SAM, direction=Direction.OUT)
    scene.take(late)
    scene.clock.advance(KEPT - DAY)
    assert clear(scene) == 0
    scene.take(changed(late, "Sam was there", scene.clock.now()))
    assert texts(scene, number) == ["", "Sam was there"]
    assert len(search.find_text(scene.db, "there")) == 1
    scene.clock.advance(2 * DAY)
    assert (clear(scene), clear(scene)) == (1, 0)
    scene.take(changed(late, "Sam was everywhere", scene.clock.now()))
    assert texts(scene, number) == ["", ""]
    assert scene.get(number).state is State.DONE
    assert scene.db.rows("SELECT * FROM message_edit") == []


def test_what_came_shortly_before_the_rest_goes_stays_its_time(scene: Scene) -> None:
    number = done(scene)
    scene.clock.advance(KEPT)
    scene.answer_elsewhere("Still thinking of you")
    assert (clear(scene), clear(scene)) == (1, 0)
    assert texts(scene, number) == ["", "Still thinking of you"]
    scene.clock.advance(KEPT + DAY)
    assert (clear(scene), clear(scene)) == (1, 0)
    assert texts(scene, number) == ["", ""]


def test_a_note_that_is_added_goes_with_what_was_sent(scene: Scene) -> None:
    number = done(scene)
    scene.clock.advance(KEPT + DAY)
    assert clear(scene) == 1
    entry = scene.freeze(number, "It was the depot", kind=OutKind.NOTE)
    assert scene.start(entry)
    scene.sent(entry, "n1")
    assert clear(scene) == 0
    scene.clock.advance(KEPT + DAY)
    assert (clear(scene), clear(scene)) == (1, 0)
    assert texts(scene, number) == ["", ""]
    assert [it.out.text for it in outbox.list(scene.db, limit=10) if it.out] == [""]


def test_a_note_that_was_taken_back_leaves_nothing(scene: Scene) -> None:
    number = done(scene)
    scene.clock.advance(KEPT + DAY)
    assert clear(scene) == 1
    entry = scene.freeze(number, "It was the depot", kind=OutKind.NOTE, hold=DAY)
    draft = scene.store.write_now(lambda db: outbox.cancel(db, entry, "ann", scene.clock.now()))
    scene.clock.advance(KEPT + DAY)
    assert clear(scene) == 0, "what is being written stays"
    scene.store.write_now(lambda db: drafts.drop(db, number, draft.agent, draft.kind))
    assert (clear(scene), clear(scene)) == (1, 0)
    assert [it.out.text for it in outbox.list(scene.db, limit=10) if it.out] == [""]


def test_what_was_said_where_it_became_part_of_this_goes_in_its_time(scene: Scene) -> None:
    number = done(scene)
    scene.clock.advance(KEPT + DAY)
    assert clear(scene) == 1
    other = scene.ask("Hello from elsewhere", thread="t2")
    scene.answer_elsewhere("Hello back", thread="t2")
    scene.take(remote=[scene.remote("t2", merged_into="t1", closed=True)])
    assert texts(scene, number) == ["", "Hello from elsewhere", "Hello back"]
    assert (scene.get(number).state, scene.get(other).state) == (State.DONE, State.DONE)
    assert clear(scene) == 0
    scene.clock.advance(KEPT + DAY)
    assert clear(scene) > 0
    assert clear(scene) == 0
    assert texts(scene, number) == ["", "", ""]


def test_a_cache_of_before_catches_up(tmp_path: Path, scene: Scene) -> None:
    clock = ManualClock()
    path = tmp_path / "before" / "desk.sqlite3"
    before = Scene(Store.open(path, clock, steps=STEPS[:4]), clock, scene.rulebook)
    number = done(before)
    clock.advance(KEPT + DAY)
    assert clear(before) == 1
    before.answer_elsewhere("Sam was here")
    before.store.close()
    now = Scene(Store.open(path, clock), clock, scene.rulebook)
    assert [backup.name.split(".")[1] for backup in path.parent.glob("*.backup")] == ["v4"]
    assert (clear(now), clear(now), texts(now, number)) == (1, 0, ["", "Sam was here"])
    clock.advance(KEPT + DAY)
    assert (clear(now), clear(now), texts(now, number)) == (1, 0, ["", ""])
    now.store.close()
