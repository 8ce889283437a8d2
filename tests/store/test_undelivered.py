"""What a platform took and could not deliver: it is marked with the reason, and the customer waits again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdesk.model.clock import DAY, MINUTE, ManualClock
from agentdesk.model.conversation import ClockKind, Disposition, State
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import OutKind, SendState
from agentdesk.model.page import Undelivered
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import conversations, integrity, ledger, outbox, undelivered
from agentdesk.store.db import Db, Store
from tests.store.scene import SOURCE, Scene, move

WHY = Undelivered(ref="own1", reason="550 no such\x1b[2J user")
SAID = "550 no such␛[2J user"


@pytest.fixture(autouse=True)
def _sound(scene: Scene) -> object:
    """After each test the file must be as promised."""
    yield
    assert integrity.check(scene.store) == []


def rules(scene: Scene, number: int) -> list[tuple[str, str]]:
    return [(each.action, each.rule) for each in ledger.of_conversation(scene.db, number) if each.rule]


def marks(scene: Scene, number: int) -> dict[str, str]:
    return {it.message.ref: it.undelivered for it in conversations.thread(scene.db, number) if it.undelivered}


def test_it_comes_back_with_its_clock_and_words_at_the_message(scene: Scene) -> None:
    number = scene.ask()
    before = scene.get(number)
    entry = scene.reply(number, ref="own1")
    assert scene.get(number).state is State.WAITING
    scene.clock.advance(MINUTE)
    applied = scene.take(undelivered=(WHY,))
    it = scene.get(number)
    assert (it.state, it.unanswered_since, it.burst, it.first_out_at) == (
        State.OPEN, before.unanswered_since, 1, None)
    assert (it.clocks[0].kind, it.clocks[0].due_at) == (ClockKind.FIRST, before.clocks[0].due_at)
    assert it.clocks[0].paused_since is None
    assert marks(scene, number) == {"own1": SAID}
    assert rules(scene, number) == [("undelivered", "not delivered"), ("reopened", "not delivered")]
    row = outbox.get(scene.db, entry)
    assert (row.state, row.title) == (SendState.SENT, f"It was not delivered: {SAID}")
    assert row.remedy
    ((failed,), touched) = applied.undelivered, applied.touched
    assert (failed.conversation_id, failed.name, failed.reason, failed.quiet) == (number, "Jane Doe", SAID, False)
    assert touched == (number,)


def test_what_is_told_again_changes_nothing(scene: Scene) -> None:
    number = scene.ask()
    scene.reply(number, ref="own1")
    scene.take(undelivered=(WHY, WHY))
    scene.reply(number, ref="own2")
    assert scene.get(number).state is State.WAITING
    before = scene.actions(number)
    applied = scene.take(undelivered=(WHY,))
    assert (applied.undelivered, applied.touched, scene.actions(number)) == ((), (), before)
    assert scene.get(number).state is State.WAITING


def test_it_is_known_by_our_own_id_where_the_source_never_said_its_own(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number, client_id="c-7")
    assert scene.start(entry)
    scene.sent(entry)
    told = Undelivered(ref="their-id", reason="no", client_id="c-7")
    again = Undelivered(ref="", reason="no", client_id="c-7")
    assert len(scene.take(undelivered=(told, again)).undelivered) == 1
    assert scene.actions(number).count("undelivered") == 1
    assert list(marks(scene, number).values()) == ["no"]
    assert scene.take(undelivered=(told,)).undelivered == ()
    assert scene.db.rows("SELECT * FROM undelivered") == []


def test_what_is_told_before_the_message_waits_for_it(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number)
    assert scene.start(entry)
    assert scene.take(undelivered=(WHY,)).undelivered == ()
    scene.sent(entry, "own1")
    failed = scene.store.write_now(lambda db: undelivered.settle(db, SOURCE, scene.clock.now()))
    assert [each.conversation_id for each in failed] == [number]
    assert scene.get(number).state is State.OPEN


@pytest.mark.parametrize("way", ["done", "snoozed"])
def test_it_comes_back_from_wherever_it_is(scene: Scene, way: str) -> None:
    number = scene.ask()
    scene.reply(number, ref="own1")
    now = scene.clock.now()

    def work(db: Db) -> None:
        if way == "done":
            move(db, number, State.DONE, now, disposition=Disposition.ANSWERED)
            ledger.write(db, at=now, agent="ann", action="answered", conversation_id=number)
        else:
            move(db, number, State.SNOOZED, now, until=now + DAY)

    scene.store.write_now(work)
    scene.take(undelivered=(WHY,))
    it = scene.get(number)
    assert (it.state, it.disposition, it.snoozed_until, it.burst) == (State.OPEN, None, None, 1)
    (entry,) = [e for e in ledger.of_conversation(scene.db, number) if e.action == "reopened"]
    assert entry.detail["was"] == way
    assert entry.detail["why"] == SAID


def test_a_follow_up_that_failed_lets_the_customers_last_word_wait_again(scene: Scene) -> None:
    number = scene.ask()
    scene.reply(number, ref="own0")
    scene.reply(number, ref="own1")
    scene.take(undelivered=(WHY,))
    it = scene.get(number)
    assert (it.state, it.burst, it.unanswered_since) == (State.OPEN, 1, it.last_in_at)
    assert it.first_out_at is not None


def test_an_answer_that_arrived_later_still_stands(scene: Scene) -> None:
    number = scene.ask()
    scene.reply(number, ref="own1")
    scene.reply(number, ref="own2")
    scene.take(undelivered=(WHY,))
    it = scene.get(number)
    assert (it.state, it.burst, it.unanswered_since) == (State.OPEN, 0, None)
    scene.reply(number, ref="own3")
    assert scene.get(number).state is State.WAITING


def test_a_colleagues_answer_that_failed_answers_nothing(scene: Scene) -> None:
    number = scene.ask()
    scene.answer_elsewhere(ref="own1")
    assert scene.get(number).state is State.WAITING
    scene.take(undelivered=(WHY,))
    assert (scene.get(number).state, scene.get(number).burst) == (State.OPEN, 1)
    scene.ask("Hello?")
    assert scene.get(number).burst == 2


def test_history_is_marked_and_raises_no_alarm(scene: Scene) -> None:
    asked = scene.message()
    told = scene.message("We look", direction=Direction.OUT, ref="own1")
    applied = scene.take(asked, told, remote=[scene.remote(closed=True)], backfill=True, undelivered=(WHY,))
    assert (scene.get(1).state, applied.undelivered) == (State.DONE, ())
    assert marks(scene, 1) == {"own1": SAID}


def test_only_words_to_the_customer_can_fail(scene: Scene) -> None:
    number = scene.ask(ref="theirs")
    scene.freeze(number, kind=OutKind.NOTE)
    assert scene.take(undelivered=(Undelivered(ref="theirs", reason="x"), Undelivered(ref="", reason="x"),
                                   Undelivered(ref="never", reason=""))).undelivered == ()
    assert marks(scene, number) == {}
    scene.clock.advance(31 * DAY)
    scene.take(undelivered=(Undelivered(ref="other", reason=""),))
    assert scene.db.rows("SELECT ref, reason FROM undelivered") == [("other", "no reason was given")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["ask", "reply", "colleague", "fail last", "fail first", "done"]), max_size=9))
def test_nobody_whose_last_answer_failed_is_out_of_the_queue(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory, rulebook: Rulebook
) -> None:
    clock = ManualClock()
    store = Store.open(tmp_path_factory.mktemp("u") / "desk.sqlite3", clock)
    play(Scene(store, clock, rulebook), steps)
    store.close()


def play(scene: Scene, steps: list[str]) -> None:
    number, sent, failed = scene.ask(), [], set()
    settled = 0
    for place, step in enumerate(steps):
        scene.clock.advance(MINUTE)
        if step == "ask":
            scene.ask()
            settled = 0
        elif step in ("reply", "colleague"):
            sent.append(f"own-{place}")
            if step == "reply":
                scene.reply(number, f"answer {place}", ref=sent[-1])
            else:
                scene.answer_elsewhere(f"answer {place}", ref=sent[-1])
            settled = 1
        elif step == "done":
            now = scene.clock.now()

            def work(db: object, now: int = now) -> None:
                move(db, number, State.DONE, now, disposition=Disposition.SPAM)
                ledger.write(db, at=now, agent="ann", action="spam", conversation_id=number)

            scene.store.write_now(work)
            settled = 1
        elif sent:
            ref = sent[-1 if step == "fail last" else 0]
            scene.take(undelivered=(Undelivered(ref=ref, reason="no"),))
            settled = settled if ref in failed else 0
            failed.add(ref)
        assert settled or scene.get(number).state is State.OPEN, step
        assert set(marks(scene, number)) == failed
        assert integrity.check(scene.store) == []
