"""The outbox: states, order, what is stored when something arrived, and what can be taken back."""

from __future__ import annotations

import pytest

from agentdesk.errors import NotFound, Refused, StoreDamaged
from agentdesk.model.clock import MINUTE, SECOND
from agentdesk.model.conversation import State
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import Action, OutboxEntry, OutKind, SendState, Verb
from agentdesk.store import conversations, drafts, integrity, ledger, outbox, outbox_recovery
from agentdesk.store.db import Db
from tests.store.scene import SAM, SOURCE, Scene

ACTION = Action(verb=Verb.STATUS, conversation_ref="t1", value="resolved")


def due(scene: Scene) -> list[OutboxEntry]:
    return scene.store.write_now(lambda db: outbox.due(db, SOURCE, scene.clock.now()))


def state(scene: Scene, entry: int) -> SendState:
    return outbox.get(scene.db, entry).state


def test_freezing_takes_the_draft_and_writes_the_ledger(scene: Scene) -> None:
    number = scene.ask()
    scene.draft(number, "Sorry")
    assert scene.get(number).has_draft
    entry = outbox.get(scene.db, scene.freeze(number, "Sorry", hold=5 * SECOND))
    assert (entry.state, entry.hold_until, entry.name, entry.kind) == (
        SendState.HELD, scene.clock.now() + 5 * SECOND, "Jane Doe", OutKind.REPLY)
    assert entry.out is not None
    assert entry.out.text == "Sorry"
    assert entry.seen_message_id == 1
    assert drafts.get(scene.db, number, "ann", OutKind.REPLY) is None
    it = scene.get(number)
    assert (it.has_draft, it.unsent, it.state) == (False, 1, State.OPEN)
    (row,) = ledger.of_conversation(scene.db, number)
    assert (row.action, row.agent, row.detail["entry"]) == ("queued", "ann", entry.id)


def test_a_held_reply_leaves_only_after_its_hold(scene: Scene) -> None:
    entry = scene.freeze(scene.ask(), hold=5 * SECOND)
    assert due(scene) == []
    assert not scene.start(entry)
    assert outbox.next_at(scene.db, SOURCE) == scene.clock.now() + 5 * SECOND
    scene.clock.advance(5 * SECOND)
    assert [e.id for e in due(scene)] == [entry]
    assert state(scene, entry) is SendState.QUEUED


def test_order_is_kept_within_a_conversation_and_others_go_on(scene: Scene) -> None:
    one, other = scene.ask(), scene.ask(thread="t2")
    first, second, third = scene.freeze(one, "1"), scene.freeze(one, "2"), scene.freeze(other, "3")
    assert [e.id for e in due(scene)] == [first, third]
    assert not scene.start(second)
    assert scene.start(first)
    assert not scene.start(second)
    scene.store.write_now(lambda db: outbox.unknown(db, first, "cut off", "", scene.clock.now() + MINUTE))
    assert [e.id for e in due(scene)] == [third], "nobody passes one of unknown outcome"
    scene.clock.advance(MINUTE)
    assert [(e.id, e.state) for e in due(scene)] == [(first, SendState.UNKNOWN), (third, SendState.QUEUED)]
    scene.sent(first, "r1")
    assert [e.id for e in due(scene)] == [second, third]


def test_one_that_a_person_must_look_at_blocks_nobody(scene: Scene) -> None:
    number = scene.ask()
    first, second = scene.freeze(number, "1"), scene.freeze(number, "2")
    scene.store.write_now(lambda db: outbox.refused(db, first, "Too long", "Shorten it", scene.clock.now()))
    assert [e.id for e in due(scene)] == [second]
    assert scene.get(number).unsent == 2
    assert scene.actions(number)[-1] == "refused"


def test_an_action_waits_for_the_reply_before_it_and_never_holds_one_up(scene: Scene) -> None:
    number = scene.ask()
    claim = scene.store.write_now(lambda db: outbox.freeze_action(db, number, SOURCE, ACTION, "ann", scene.clock.now()))
    reply = scene.freeze(number)
    close = scene.store.write_now(lambda db: outbox.freeze_action(db, number, SOURCE, ACTION, "ann", scene.clock.now()))
    assert [e.id for e in due(scene)] == [claim, reply]
    assert scene.get(number).unsent == 1, "actions are not replies"
    assert scene.start(claim)
    scene.sent(claim)
    assert scene.start(reply)
    assert close not in [e.id for e in due(scene)]
    scene.sent(reply)
    assert [e.id for e in due(scene)] == [close]
    assert scene.get(number).messages == 2


def test_it_starts_once(scene: Scene) -> None:
    entry = scene.freeze(scene.ask())
    assert scene.start(entry)
    assert not scene.start(entry, "s2")
    held = outbox.get(scene.db, entry)
    assert (held.attempts, held.first_try_at) == (1, scene.clock.now())


def test_a_reply_that_arrived_is_in_the_thread_and_answers(scene: Scene) -> None:
    number = scene.ask()
    scene.clock.advance(MINUTE)
    entry = scene.freeze(number, "Sorry")
    assert scene.start(entry)
    assert not scene.sent(entry, "r9", url="https://x.example/r9")
    it = scene.get(number)
    assert (it.state, it.burst, it.unanswered_since, it.unsent, it.messages) == (State.WAITING, 0, None, 0, 2)
    assert it.first_out_at == it.last_out_at == scene.clock.now()
    stored = conversations.thread(scene.db, number)[-1]
    assert (stored.message.ref, stored.message.direction, stored.message.text, stored.message.url) == (
        "r9", Direction.OUT, "Sorry", "https://x.example/r9")
    assert [c.paused_since for c in it.clocks] == [scene.clock.now()]
    assert scene.actions(number) == ["queued", "sent"]
    assert not scene.sent(entry, "r9"), "saying so twice changes nothing"
    assert scene.actions(number) == ["queued", "sent"]
    assert outbox.get(scene.db, entry).sent_at == scene.clock.now()


def test_what_came_in_unseen_stays_unanswered(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number)
    scene.ask("One more thing")
    assert scene.start(entry)
    scene.sent(entry, "r1", created_at=scene.clock.now())
    it = scene.get(number)
    assert (it.state, it.burst) == (State.OPEN, 1)


def test_a_note_that_arrived_changes_no_clock(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number, "call back", kind=OutKind.NOTE)
    assert scene.start(entry)
    scene.sent(entry, "n1")
    it = scene.get(number)
    assert (it.state, it.burst, it.last_out_at, it.messages) == (State.OPEN, 1, None, 2)
    assert scene.actions(number) == ["queued", "noted"]


def test_a_colleague_who_was_first_unseen_makes_it_answered_twice(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number)
    scene.answer_elsewhere("Hi Jane")
    assert scene.start(entry)
    assert scene.sent(entry, "r1")
    assert scene.actions(number)[-1] == "answered_twice"


def test_a_second_thought_after_a_colleague_is_not_answered_twice(scene: Scene) -> None:
    number = scene.ask()
    scene.answer_elsewhere("Hi Jane")
    scene.clock.advance(MINUTE)
    entry = scene.freeze(number, "And one more thing")
    assert scene.start(entry)
    assert not scene.sent(entry, "r1")


def test_back_into_the_queue_until_an_instant(scene: Scene) -> None:
    entry = scene.freeze(scene.ask())
    assert scene.start(entry)
    scene.store.write_now(lambda db: outbox.retry_at(db, entry, scene.clock.now() + MINUTE, "Server is busy"))
    assert due(scene) == []
    scene.clock.advance(MINUTE)
    assert scene.start(entry)
    held = outbox.get(scene.db, entry)
    assert held.attempts == 2
    assert held.first_try_at == scene.clock.now() - MINUTE


def test_looks_are_counted(scene: Scene) -> None:
    entry = scene.freeze(scene.ask())
    assert scene.start(entry)
    for _ in range(3):
        scene.store.write_now(lambda db: outbox.unknown(db, entry, "cut off", "wait", scene.clock.now()))
    held = outbox.get(scene.db, entry)
    assert (held.state, held.checks, held.title, held.remedy) == (SendState.UNKNOWN, 2, "cut off", "wait")


def test_what_a_dead_process_was_sending_is_unknown(scene: Scene) -> None:
    one, two = scene.freeze(scene.ask()), scene.freeze(scene.ask(thread="t2"))
    assert scene.start(one, "dead")
    assert scene.start(two, "alive")
    lost = scene.store.write_now(lambda db: outbox_recovery.recover(db, lambda s: s == "alive", scene.clock.now(),
                                                           next_check_at=scene.clock.now() + MINUTE))
    assert lost == [one]
    assert state(scene, one) is SendState.UNKNOWN
    assert outbox.get(scene.db, one).next_try_at == scene.clock.now() + MINUTE
    assert state(scene, two) is SendState.SENDING


def test_cancelling_gives_the_text_back(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number, "Sorry")
    scene.draft(number, "a second one")
    draft = scene.store.write_now(lambda db: outbox.cancel(db, entry, "ann", scene.clock.now()))
    assert draft.text == "Sorry\n\na second one"
    assert drafts.get(scene.db, number, "ann", OutKind.REPLY) == draft
    assert state(scene, entry) is SendState.CANCELLED
    assert scene.get(number).unsent == 0
    assert scene.actions(number) == ["queued", "cancelled"]


@pytest.mark.parametrize("how", ["sending", "unknown", "sent", "cancelled"])
def test_what_may_have_arrived_cannot_be_taken_back(scene: Scene, how: str) -> None:
    entry = scene.freeze(scene.ask())
    if how == "cancelled":
        scene.store.write_now(lambda db: outbox.cancel(db, entry, "ann", scene.clock.now()))
    else:
        assert scene.start(entry)
    if how == "unknown":
        scene.store.write_now(lambda db: outbox.unknown(db, entry, "cut off", "", scene.clock.now()))
    if how == "sent":
        scene.sent(entry, "r1")
    with pytest.raises(Refused):
        scene.store.write_now(lambda db: outbox.cancel(db, entry, "ann", scene.clock.now()))
    assert state(scene, entry).value == how


def test_stopped_and_released_after_a_look_counts_what_was_seen(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number)
    scene.ask("wait, found it")
    scene.store.write_now(lambda db: outbox.stopped(db, entry, "Jane wrote again", 0))
    assert due(scene) == []
    held = scene.store.write_now(lambda db: outbox.release(db, entry, "ann", scene.clock.now()))
    assert (held.state, held.seen_message_id) == (SendState.QUEUED, 2)
    assert scene.actions(number)[-1] == "resent"
    assert scene.start(entry)
    scene.sent(entry, "r1")
    assert scene.get(number).state is State.WAITING


def test_send_now_ends_the_hold(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number, hold=MINUTE)
    scene.store.write_now(lambda db: outbox.release(db, entry, "ann", scene.clock.now()))
    assert [e.id for e in due(scene)] == [entry]
    assert scene.actions(number) == ["queued"]


def test_a_person_settles_what_nobody_can_find_out(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number)
    with pytest.raises(Refused):
        scene.store.write_now(lambda db: outbox.settle(db, entry, "ann", scene.clock.now(), scene.rulebook))
    assert scene.start(entry)
    scene.store.write_now(lambda db: outbox.needs_human(db, entry, "Nobody knows", "Look", 0))
    scene.store.write_now(lambda db: outbox.settle(db, entry, "ann", scene.clock.now(), scene.rulebook))
    assert state(scene, entry) is SendState.SENT
    assert scene.get(number).state is State.WAITING
    assert scene.actions(number)[-2:] == ["settled", "sent"]


def test_nothing_moves_what_is_settled(scene: Scene) -> None:
    entry = scene.reply(scene.ask())

    def meddle(db: Db) -> None:
        now = scene.clock.now()
        outbox.unknown(db, entry, "x", "", now)
        outbox.retry_at(db, entry, now, "x")
        outbox.stopped(db, entry, "x", 0)
        outbox.needs_human(db, entry, "x", "", 0)

    scene.store.write_now(meddle)
    assert state(scene, entry) is SendState.SENT


def test_an_action_is_dropped_without_a_draft(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.store.write_now(lambda db: outbox.freeze_action(
        db, number, SOURCE, ACTION, "ann", scene.clock.now(), hold_until=scene.clock.now() + MINUTE))
    with pytest.raises(Refused):
        scene.store.write_now(lambda db: outbox.cancel(db, entry, "ann", scene.clock.now()))
    scene.store.write_now(lambda db: outbox.drop(db, entry))
    assert state(scene, entry) is SendState.CANCELLED
    assert outbox.list(scene.db, unsettled_only=True) == []


def test_a_damaged_entry_is_never_sent_and_hides_no_other(scene: Scene) -> None:
    bad, good = scene.freeze(scene.ask()), scene.freeze(scene.ask(thread="t2"))
    change = "UPDATE outbox SET body = replace(body, 'Sorry', 'S0rry') WHERE id = ?"
    scene.store.write_now(lambda db: db.run(change, bad))
    with pytest.raises(StoreDamaged, match=f"entry {bad}"):
        outbox.get(scene.db, bad)
    assert [e.id for e in due(scene)] == [good]
    listed = {e.id: e for e in outbox.list(scene.db)}
    assert listed[bad].state is SendState.NEEDS_HUMAN
    assert listed[bad].out is None
    assert "damaged" in listed[bad].title
    assert any(f.area == "outbox" for f in integrity.check(scene.store))


def test_what_nothing_can_become_of_is_put_away_by_a_person(scene: Scene) -> None:
    number = scene.ask()
    bad = scene.freeze(number)

    def put_away(entry: int) -> int:
        return scene.store.write_now(lambda db: outbox.put_away(db, entry, "ann", scene.clock.now()))

    assert put_away(bad) == 0, "what is whole is taken back as a draft"
    scene.store.write_now(lambda db: db.run("UPDATE outbox SET body = replace(body, 'Sorry', 'S0rry')"))
    assert due(scene) == []
    body = scene.db.value("SELECT body FROM outbox WHERE id = ?", bad)
    assert put_away(bad) == number
    assert outbox.list(scene.db, unsettled_only=True) == []
    assert scene.get(number).unsent == 0
    assert scene.db.value("SELECT body FROM outbox WHERE id = ?", bad) == body, "a rescue still finds it"
    claim = scene.store.write_now(lambda db: outbox.freeze_action(
        db, number, scene.get(number).source, Action(verb=Verb.CLAIM, conversation_ref="t1"), "ann", scene.clock.now()))
    assert put_away(claim) == 0, "it may yet be done"
    scene.store.write_now(lambda db: outbox.refused(db, claim, "Bob has it", "", scene.clock.now()))
    assert put_away(claim) == number
    told = [(it.agent, it.detail["why"]) for it in ledger.of_conversation(scene.db, number, 20)
            if it.action == "cancelled"]
    assert ("ann", "Bob has it") in told
    assert len(told) == 2


def test_the_same_text_is_counted_by_customer(scene: Scene) -> None:
    one, two = scene.ask(), scene.ask(thread="t2", author=SAM)
    for number in (one, one, two):
        scene.freeze(number, "We are sorry for the delay.")
    customer = scene.get(one).customer_id
    assert outbox.same_text(scene.db, "@jane we are SORRY for the delay", customer, 0) == (2, 1)
    assert outbox.same_text(scene.db, "Something else", customer, 0) == (0, 0)
    assert outbox.same_text(scene.db, "We are sorry for the delay.", customer, scene.clock.now() + 1) == (0, 0)
    assert outbox.same_text(scene.db, "  ", customer, 0) == (0, 0)


def test_lists(scene: Scene) -> None:
    number = scene.ask()
    first = scene.reply(number)
    second = scene.freeze(number, "2")
    assert [e.id for e in outbox.list(scene.db)] == [second, first]
    assert [e.id for e in outbox.list(scene.db, unsettled_only=True)] == [second]
    assert [e.id for e in outbox.of_conversation(scene.db, number)] == [second]
    with pytest.raises(NotFound):
        outbox.get(scene.db, 99)


def test_visibility_and_everything_else_survives_freezing(scene: Scene) -> None:
    entry = outbox.get(scene.db, scene.freeze(scene.ask(), "a\ud800 ‮ b"))
    assert entry.out is not None
    assert entry.out.visibility is Visibility.PUBLIC
    assert entry.out.text == "a\\ud800 ‮ b"
