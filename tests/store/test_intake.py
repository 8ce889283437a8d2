"""What a page does to conversations, messages, customers, figures and states."""

from __future__ import annotations

import msgspec
import pytest

from agentdesk.model.clock import DAY, HOUR, MINUTE
from agentdesk.model.conversation import ClockKind, Disposition, ServerDue, Severity, State
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment, Author, Direction, Kind
from agentdesk.model.outgoing import Action, SendState, Verb
from agentdesk.model.page import Gap, Reject
from agentdesk.model.text import inert, inert_line
from agentdesk.store import conversations, customers, decisions, integrity, ledger, outbox, search, sources
from agentdesk.store.db import Db
from tests.store.scene import JANE, SAM, SOURCE, Scene, changed, move

BO = Author(ref="bo", name=inert_line("Bo Larsen"), handle=inert_line("@bo"))


@pytest.fixture(autouse=True)
def _sound(scene: Scene) -> object:
    """After each test the file must be as promised."""
    yield
    assert integrity.check(scene.store) == []


def done(scene: Scene, number: int, how: Disposition = Disposition.NOT_ACTIONABLE) -> None:
    now = scene.clock.now()

    def work(db: Db) -> None:
        move(db, number, State.DONE, now, disposition=how, code="thanks")
        ledger.write(db, at=now, agent="ann", action=how.value, conversation_id=number)

    scene.store.write_now(work)


def test_a_first_message_makes_a_customer_and_an_open_conversation(scene: Scene) -> None:
    message = scene.message("My parcel is\nnot here.  Third time", kind=Kind.MENTION, lang="en")
    applied = scene.take(message)
    (number,) = applied.arrived
    it = scene.get(number)
    assert (it.state, it.name, it.unread, it.burst, it.messages) == (State.OPEN, "Jane Doe", 1, 1, 1)
    assert it.first_in_at == it.unanswered_since == it.last_in_at == it.created_at == message.created_at
    assert it.clocks
    assert it.clocks[0].kind is ClockKind.FIRST
    (row,) = conversations.window(scene.db, search.Where())
    assert row.preview == "My parcel is not here. Third time"
    assert row.due_at == message.created_at + 6 * HOUR
    assert row.letter == "M"
    assert customers.get(scene.db, it.customer_id).identities[0].profile.handle == "@jane@social.example"
    assert applied.messages == 1


def test_the_same_page_again_changes_nothing(scene: Scene) -> None:
    message = scene.message()
    scene.take(message)
    before = scene.get(1)
    applied = scene.take(message)
    assert applied.arrived == applied.touched == ()
    assert scene.get(1) == before
    assert scene.db.value("SELECT count(*) FROM message") == 1


def test_a_burst_is_one_row_whose_clock_starts_at_the_first(scene: Scene) -> None:
    first = scene.message()
    scene.take(first)
    scene.take(scene.message("Hello?"), scene.message("Anyone?"))
    it = scene.get(1)
    assert (it.burst, it.unread, it.unanswered_since) == (3, 3, first.created_at)


def test_a_colleagues_answer_makes_it_wait_and_is_in_the_ledger(scene: Scene) -> None:
    number = scene.ask()
    scene.answer_elsewhere()
    it = scene.get(number)
    assert (it.state, it.burst, it.unanswered_since) == (State.WAITING, 0, None)
    entry = ledger.of_conversation(scene.db, number)[-1]
    assert (entry.action, entry.detail, entry.rule, entry.agent) == ("answered_elsewhere", {"by": "Sam"}, SOURCE, "")


def test_what_came_after_a_colleagues_answer_stays_unanswered(scene: Scene) -> None:
    question, answer = scene.message(), scene.message("Hi", author=SAM, direction=Direction.OUT)
    later = scene.message("Still not here")
    scene.take(question, later)
    scene.take(answer)
    it = scene.get(1)
    assert (it.state, it.burst, it.unanswered_since) == (State.OPEN, 1, later.created_at)


def test_an_old_question_that_comes_late_was_answered_already(scene: Scene) -> None:
    question, answer = scene.message(), scene.message("Hi", author=SAM, direction=Direction.OUT)
    scene.take(answer)
    scene.take(question)
    it = scene.get(1)
    assert (it.state, it.burst, it.messages, it.name) == (State.WAITING, 0, 2, "Jane Doe")
    assert scene.db.value("SELECT count(*) FROM customer") == 1


@pytest.mark.parametrize("state", [State.WAITING, State.SNOOZED, State.DONE])
def test_a_new_message_reopens_whatever_the_state(scene: Scene, state: State) -> None:
    number = scene.ask()
    if state is State.WAITING:
        scene.reply(number)
    elif state is State.SNOOZED:
        now = scene.clock.now()
        scene.store.write_now(lambda db: move(db, number, State.SNOOZED, now, until=now + DAY))
    else:
        done(scene, number)
    assert scene.get(number).state is state
    message = scene.message("And now?")
    applied = scene.take(message)
    it = scene.get(number)
    assert applied.reopened == (number,)
    assert (it.state, it.snoozed_until, it.disposition, it.disposition_code) == (State.OPEN, None, None, "")
    entry = ledger.of_conversation(scene.db, number)[-1]
    assert (entry.action, entry.rule, entry.detail["was"]) == ("reopened", "new inbound", state.value)
    if state is State.DONE:
        assert entry.detail["disposition"] == "not_actionable"
    if state is not State.SNOOZED:
        assert it.unanswered_since == message.created_at, "what was dealt with does not count again"


def test_a_note_changes_no_clock(scene: Scene) -> None:
    number = scene.ask()
    before = scene.get(number)
    scene.take(scene.message("Depot says number 14", author=SAM, direction=Direction.NOTE))
    after = scene.get(number)
    assert after.messages == 2
    assert (after.state, after.clocks, after.burst, after.last_in_at, after.last_out_at) == (
        before.state, before.clocks, before.burst, before.last_in_at, before.last_out_at)
    assert after.version > before.version


def test_closed_on_the_server_with_something_unanswered_stays_in_the_queue(scene: Scene) -> None:
    number = scene.ask()
    scene.take(remote=[scene.remote(closed=True, status="resolved")])
    it = scene.get(number)
    assert (it.state, it.status) == (State.OPEN, "resolved")
    assert "closed on the server" in it.reasons
    assert scene.actions(number) == ["closed_elsewhere"]
    scene.take(remote=[scene.remote(closed=True, status="resolved")])
    assert scene.actions(number) == ["closed_elsewhere"], "told once"


def test_closed_on_the_server_with_nothing_unanswered_is_done_without_disposition(scene: Scene) -> None:
    number = scene.ask()
    scene.answer_elsewhere()
    scene.take(remote=[scene.remote(closed=True, status="resolved")])
    it = scene.get(number)
    assert (it.state, it.disposition) == (State.DONE, None)
    entry = ledger.of_conversation(scene.db, number)[-1]
    assert (entry.action, entry.rule) == ("closed_elsewhere", SOURCE)


def test_answered_and_closed_by_a_colleague_on_one_page(scene: Scene) -> None:
    number = scene.ask()
    scene.take(scene.message("Fixed", author=SAM, direction=Direction.OUT), remote=[scene.remote(closed=True)])
    assert scene.get(number).state is State.DONE
    assert scene.actions(number) == ["answered_elsewhere", "closed_elsewhere"]


def test_reopened_on_the_server_waits_unless_something_is_unanswered(scene: Scene) -> None:
    number = scene.ask()
    scene.answer_elsewhere()
    scene.take(remote=[scene.remote(closed=True)])
    scene.take(remote=[scene.remote(closed=False, status="open")])
    assert scene.get(number).state is State.WAITING
    scene.take(remote=[scene.remote(closed=True)])
    scene.take(scene.message("No"), remote=[scene.remote(closed=False)])
    assert scene.get(number).state is State.OPEN


def test_a_disposition_stands_while_the_server_has_not_heard_of_it(scene: Scene) -> None:
    number = scene.ask()
    scene.take(remote=[scene.remote(closed=False, status="open")])
    done(scene, number)
    scene.take(remote=[scene.remote(closed=False, status="open")])
    assert scene.get(number).state is State.DONE


def test_what_we_asked_for_is_not_overwritten_before_it_was_done(scene: Scene) -> None:
    number = scene.ask()
    action = Action(verb=Verb.TAGS, conversation_ref="t1", value="{}")
    scene.store.write_now(lambda db: decisions.write(db, number, {"tags": '["lost"]'}))
    entry = scene.store.write_now(lambda db: outbox.freeze_action(db, number, SOURCE, action, "ann", scene.clock.now()))
    scene.take(remote=[scene.remote(tags=(inert_line("old"),), status="open")])
    assert scene.get(number).tags == ("lost",)
    assert scene.get(number).status == "open"
    assert scene.start(entry)
    scene.sent(entry)
    scene.take(remote=[scene.remote(tags=(inert_line("lost"), inert_line("seen")))])
    assert scene.get(number).tags == ("lost", "seen")


def test_backfill_comes_in_by_the_same_logic_and_is_marked(scene: Scene) -> None:
    asked = scene.message(thread="a")
    settled = scene.message(thread="b")
    answer = scene.message("Hi", thread="b", author=SAM, direction=Direction.OUT)
    closed = scene.message(thread="c")
    scene.take(asked, settled, answer, closed, remote=[scene.remote("c", closed=True)], backfill=True)
    states = {scene.get(n).ref: (scene.get(n).state, scene.get(n).backfill) for n in (1, 2, 3)}
    assert states == {"a": (State.OPEN, True), "b": (State.WAITING, True), "c": (State.DONE, True)}
    assert scene.db.value("SELECT count(*) FROM ledger") == 0
    assert not sources.state(scene.db, SOURCE).backfilled


def test_looked_up_history_does_not_fill_the_queue(scene: Scene) -> None:
    now = scene.clock.now()
    old = scene.message("long ago", thread="old", at=now - 100 * DAY)
    recent = scene.message("lately", thread="new", at=now - DAY)
    scene.take(old, recent, purpose="history")
    assert [scene.get(n).state for n in (1, 2)] == [State.DONE, State.OPEN]
    scene.take(scene.message("also long ago", thread="old", at=now - 99 * DAY), purpose="history")
    assert scene.get(1).state is State.DONE
    assert sources.state(scene.db, SOURCE).cursor is None


def test_the_beginning_of_a_thread_read_later_does_not_reopen_it(scene: Scene) -> None:
    number = scene.ask()
    done(scene, number)
    scene.take(scene.message("before I wrote to you", at=scene.clock.now() - DAY), purpose="thread")
    assert scene.get(number).state is State.DONE
    scene.take(scene.message("this one came late", at=scene.clock.now() - MINUTE), purpose="thread")
    assert scene.get(number).state is State.OPEN


def test_an_edit_keeps_the_earlier_text_and_the_search_follows(scene: Scene) -> None:
    message = scene.message("red parcel")
    scene.take(message)
    applied = scene.take(changed(message, "blue parcel", scene.clock.now()))
    assert applied.touched == (1,)
    (stored,) = conversations.thread(scene.db, 1)
    assert (stored.message.text, stored.earlier_texts) == ("blue parcel", ("red parcel",))
    assert [len(search.find_text(scene.db, word)) for word in ("red", "blue", "parcel")] == [0, 1, 1]
    assert conversations.window(scene.db, search.Where())[0].preview == "blue parcel"


def test_a_deleted_message_stays_marked_and_still_needs_a_disposition(scene: Scene) -> None:
    message = scene.message()
    scene.take(message)
    scene.take(removed=(message.ref,))
    (stored,) = conversations.thread(scene.db, 1)
    assert stored.message.text == message.text
    assert stored.message.deleted
    assert stored.deleted_at == scene.clock.now()
    assert scene.get(1).state is State.OPEN
    assert scene.get(1).burst == 1


def test_a_colleagues_deleted_answer_answers_nothing(scene: Scene) -> None:
    question = scene.message()
    scene.take(question)
    answer = scene.message("Wrong thread", author=SAM, direction=Direction.OUT)
    scene.take(answer)
    scene.take(removed=(answer.ref,))
    it = scene.get(1)
    assert (it.state, it.unanswered_since) == (State.OPEN, question.created_at)
    assert scene.actions(1)[-1] == "reopened"


def test_our_own_reply_is_not_taken_for_a_colleagues(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.reply(number, ref="own1")
    out = outbox.get(scene.db, entry).out
    assert out is not None
    scene.take(scene.message(out.text, author=SAM, direction=Direction.OUT, ref="own1", client_id=out.client_id))
    assert scene.get(number).messages == 2
    assert "answered_elsewhere" not in scene.actions(number)


def test_our_reply_whose_id_nobody_said_is_known_again_by_its_text(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number, "Sorry, see https://a.example/long")
    assert scene.start(entry)
    scene.sent(entry, "")
    scene.take(scene.message("@jane Sorry, see https://t.example/x", author=SAM, direction=Direction.OUT, ref="real"))
    assert [m.message.ref for m in conversations.thread(scene.db, number)] == ["m1", "real"]
    assert "answered_elsewhere" not in scene.actions(number)


def test_a_reply_on_its_way_is_left_to_the_sender(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number, "Sorry")
    assert scene.start(entry)
    scene.take(scene.message("Sorry", author=SAM, direction=Direction.OUT, ref="real"))
    assert scene.get(number).state is State.OPEN
    assert scene.actions(number) == ["queued"]
    scene.sent(entry, "real")
    it = scene.get(number)
    assert (it.state, it.messages, it.unsent) == (State.WAITING, 2, 0)


def test_a_doubtful_reply_that_shows_up_with_our_id_is_settled(scene: Scene) -> None:
    number = scene.ask()
    entry = scene.freeze(number, "Sorry", client_id="key-1")
    assert scene.start(entry)
    scene.store.write_now(lambda db: outbox.unknown(db, entry, "cut off", "", scene.clock.now()))
    scene.take(scene.message("Sorry", author=SAM, direction=Direction.OUT, ref="real", client_id="key-1"))
    assert outbox.get(scene.db, entry).state is SendState.SENT
    assert scene.get(number).state is State.WAITING


def test_a_doubtful_reply_that_shows_up_elsewhere_ends_the_clock_where_it_was_written(scene: Scene) -> None:
    """A conversation that became part of another at its source takes the replies to both."""
    number = scene.ask()
    entry = scene.freeze(number, "Sorry", client_id="key-1")
    assert scene.start(entry)
    scene.store.write_now(lambda db: outbox.unknown(db, entry, "cut off", "", scene.clock.now()))
    scene.ask(thread="t2")
    took = scene.take(scene.message("Sorry", thread="t2", author=SAM, direction=Direction.OUT, ref="real",
                                    client_id="key-1"))
    assert number in took.touched
    it = scene.get(number)
    assert (it.state, [each.kind for each in it.clocks if each.kind is ClockKind.FIRST]) == (State.WAITING, [])


def test_answered_twice_is_told(scene: Scene) -> None:
    number = scene.ask()
    scene.reply(number)
    assert scene.answer_elsewhere("Hi Jane").answered_twice == (number,)
    scene.take(scene.message("Thanks both"))
    assert scene.answer_elsewhere("Welcome").answered_twice == ()


def test_the_cursor_moves_with_the_page_and_only_for_a_pull(scene: Scene) -> None:
    scene.take(scene.message(), cursor="c1")
    assert sources.state(scene.db, SOURCE).cursor == "c1"
    scene.take(scene.message(), cursor="c2", purpose="thread")
    assert sources.state(scene.db, SOURCE).cursor == "c1"


def test_gaps_and_rejects_are_kept_and_shown(scene: Scene) -> None:
    reject = Reject(where="line 7", reason="no id", raw="{}")
    scene.take(gap=Gap(reason="cursor expired", since=1), rejects=(reject,))
    scene.take(gap=Gap(reason="cursor expired", since=1, until=5), rejects=(reject,))
    state = sources.state(scene.db, SOURCE)
    assert (state.gaps, state.rejects) == (1, 1)
    (gap,) = sources.gaps(scene.db, SOURCE)
    assert (gap.reason, gap.since, gap.until) == ("cursor expired", 1, 5)
    assert sources.quarantined(scene.db, SOURCE)[0].place == "line 7"


def test_one_person_on_two_sources_stays_two_customers(scene: Scene) -> None:
    scene.take(scene.message())
    scene.take(scene.message(thread="x"), source="rt:help")
    assert scene.db.value("SELECT count(*) FROM customer") == 2


def test_a_profile_brings_reach_and_a_new_name_reaches_the_queue(scene: Scene) -> None:
    scene.take(scene.message())
    scene.take(profiles=(Profile(ref="jane", handle=JANE.handle, name=inert_line("Jane Roe"), followers=250_000),))
    it = scene.get(1)
    assert it.name == "Jane Roe"
    assert customers.get(scene.db, it.customer_id).reach == 250_000
    scene.take(scene.message("still nothing"))
    assert scene.get(1).severity is Severity.HIGH


def test_a_thread_with_two_customers_keeps_its_first(scene: Scene) -> None:
    scene.take(scene.message(), scene.message("me too", author=BO))
    assert scene.get(1).name == "Jane Doe"
    assert scene.db.value("SELECT count(*) FROM customer") == 2


def test_a_ticket_without_a_customer_gets_one_later(scene: Scene) -> None:
    scene.take(scene.message("call from a customer", author=SAM, direction=Direction.NOTE),
               remote=[scene.remote(subject=inert_line("Phone"))])
    assert scene.get(1).state is State.WAITING
    assert conversations.window(scene.db, search.Where(sql="1"))[0].preview == "Phone"
    scene.take(scene.message())
    assert scene.get(1).name == "Jane Doe"
    assert scene.db.value("SELECT count(*) FROM customer") == 1


def test_everything_a_help_desk_says_is_kept(scene: Scene) -> None:
    due = ServerDue(kind=ClockKind.RESOLUTION, due_at=scene.clock.now() + DAY)
    attachment = Attachment(name=inert_line("bill.pdf"), mime="application/pdf", size=12)
    message = scene.message("see file", attachments=(attachment,), rating=2, url="https://x.example/1",
                            raw="see\x00 file")
    scene.take(message, remote=[scene.remote(
        subject=inert_line("Lost"), status="new", assignee="sam", priority="high", queue="returns", due=(due,),
        tags=(inert_line("lost"),), fields={"order": "4411"}, url="https://x.example", locked_reason="merged")])
    it = scene.get(1)
    assert (it.subject, it.status, it.assignee, it.priority, it.queue, it.tags, it.fields, it.locked_reason) == (
        "Lost", "new", "sam", "high", "returns", ("lost",), {"order": "4411"}, "merged")
    assert any(clock.by_server and clock.due_at == due.due_at for clock in it.clocks)
    (stored,) = conversations.thread(scene.db, 1)
    assert stored.message == message
    scene.take(remote=[scene.remote()])
    assert scene.get(1).subject == "Lost", "what is not said stays"


def test_lone_surrogates_from_anywhere_are_survived(scene: Scene) -> None:
    bad = "a\ud800b"
    message = scene.message(bad, raw=bad, url=bad, lang=bad, author=Author(ref=bad, name=inert_line("J")), thread=bad,
                            ref=bad, parent_ref=bad)
    scene.take(message, remote=[scene.remote(bad, status=bad, fields={bad: bad}, tags=(inert_line(bad),))],
               rejects=(Reject(where=bad, reason=bad, raw=bad),), profiles=(Profile(ref=bad, lang=bad),))
    (stored,) = conversations.thread(scene.db, 1)
    assert stored.message.raw == "a\\ud800b"
    assert stored.message.text == inert(bad)


def test_a_message_of_another_time_is_held_within_reason(scene: Scene) -> None:
    scene.take(scene.message(at=2**70))
    assert scene.get(1).last_in_at == scene.clock.now()


def test_undoing_a_disposition_makes_its_messages_unanswered_again(scene: Scene) -> None:
    number = scene.ask()
    before = scene.store.write_now(lambda db: decisions.snapshot(db, number))
    done(scene, number)
    assert scene.get(number).burst == 0
    scene.store.write_now(lambda db: decisions.write(db, number, {
        name: before[name] for name in ("state", "disposition", "disposition_code", "disposed_at")}))
    it = scene.get(number)
    assert (it.state, it.burst, it.unanswered_since) == (State.OPEN, 1, it.first_in_at)


def test_a_pull_of_a_known_conversation_ends_its_backfill(scene: Scene) -> None:
    scene.take(scene.message(), backfill=True)
    scene.take(scene.message("again"))
    assert not scene.get(1).backfill
    assert msgspec.structs.asdict(scene.get(1))["burst"] == 2


def test_a_deleted_answer_reopens_what_the_server_closed_but_not_what_we_disposed_of(scene: Scene) -> None:
    question = scene.message()
    answer = scene.message("Wrong thread", author=SAM, direction=Direction.OUT)
    scene.take(question, answer)
    scene.take(remote=[scene.remote(closed=True)])
    assert scene.get(1).state is State.DONE
    scene.take(removed=(answer.ref,))
    assert (scene.get(1).state, scene.get(1).burst) == (State.OPEN, 1)
    other = scene.message("Hi", author=SAM, direction=Direction.OUT)
    scene.take(other)
    done(scene, 1, Disposition.ANSWERED)
    scene.take(removed=(other.ref,))
    assert (scene.get(1).state, scene.get(1).burst) == (State.DONE, 0)


def test_what_others_say_around_a_conversation_is_kept_and_waits_for_nothing(scene: Scene) -> None:
    number = scene.ask()
    before = scene.get(number)
    scene.take(scene.message("Mine too", author=BO, direction=Direction.ASIDE, at=before.created_at - HOUR),
               scene.message("And mine", author=BO, direction=Direction.ASIDE), purpose="thread")
    it = scene.get(number)
    assert [m.message.text for m in conversations.thread(scene.db, number)] == [
        "Mine too", "My parcel is not here", "And mine"]
    assert (it.unread, it.burst, it.name, it.first_in_at, it.last_in_at, it.unanswered_since, it.state) == (
        before.unread, before.burst, before.name, before.first_in_at, before.last_in_at, before.unanswered_since,
        before.state)
    assert scene.db.value("SELECT count(*) FROM customer") == 1
