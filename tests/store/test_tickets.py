"""Posts that follow their tickets, and conversations that their source closed without a word of ours."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdesk.model.clock import HOUR, MINUTE, ManualClock, Millis
from agentdesk.model.conversation import ClockKind, State
from agentdesk.model.message import Author, Direction
from agentdesk.model.outgoing import OutKind
from agentdesk.model.plan import Applied
from agentdesk.model.text import inert_line
from agentdesk.rules.query import parse
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import conversations, decisions, ledger, links, promises, ranking, search, tickets
from agentdesk.store.db import Db, Store
from tests.store.scene import SAM, Scene

DESK = "rt:support"
AGENT = Author(ref="depot", name=inert_line("Depot"))


class Linked:
    """A post of the customer's, answered, and the ticket that was opened for it."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.post = scene.ask()
        scene.reply(self.post, "We ask the depot")
        self.ticket = self.tell(closed=False, status="open")
        now = scene.clock.now()
        scene.store.write_now(lambda db: tickets.tie(db, self.post, self.ticket, "ann", now))

    def tell(self, *, closed: bool, status: str, text: str = "") -> int:
        """The help desk says how the ticket stands, and what a colleague wrote there."""
        said = [self.scene.message(text, thread="5512", author=AGENT, direction=Direction.OUT)] if text else []
        self.scene.take(*said, remote=[self.scene.remote("5512", subject=inert_line("Lost"), status=status,
                                                         closed=closed, queue="depot")], source=DESK)
        found = conversations.by_ref(self.scene.db, DESK, "5512")
        assert found is not None
        return found

    @property
    def words(self) -> list[str]:
        """What is promised about the post and not kept yet."""
        return [p.words for p in promises.open_of(self.scene.db, self.post)]


@pytest.fixture
def linked(scene: Scene) -> Linked:
    """A post with an open ticket."""
    return Linked(scene)


def rules(scene: Scene, number: int) -> list[tuple[str, str]]:
    return [(e.action, e.rule) for e in ledger.of_conversation(scene.db, number) if e.rule]


def test_a_solved_ticket_brings_its_post_back_with_a_clock(linked: Linked, scene: Scene) -> None:
    assert scene.get(linked.post).state is State.WAITING
    linked.tell(closed=True, status="resolved")
    it = scene.get(linked.post)
    assert it.state is State.OPEN
    assert linked.words == ["tell the customer: rt#5512 is resolved"]
    clock = next(c for c in it.clocks if c.kind is ClockKind.PROMISE)
    assert clock.due_at == scene.clock.now() + 2 * HOUR
    assert ("ticket_solved", "ticket solved") in rules(scene, linked.post)
    assert ("reopened", "ticket solved") in rules(scene, linked.post)
    assert not scene.get(linked.ticket).review, "the post carries it"


@pytest.mark.parametrize("how", ["linked", "answered"])
def test_it_comes_back_whatever_disposition_it_left_with(linked: Linked, scene: Scene, how: str) -> None:
    now = scene.clock.now()
    scene.store.write_now(lambda db: decisions.write(db, linked.post, {
        "state": "done", "disposition": how, "disposed_at": now}))
    linked.tell(closed=True, status="resolved")
    it = scene.get(linked.post)
    assert (it.state, it.disposition) == (State.OPEN, None)


def test_saying_it_twice_makes_one_clock(linked: Linked, scene: Scene) -> None:
    linked.tell(closed=True, status="resolved")
    linked.tell(closed=True, status="closed", text="Closing note")
    assert len(linked.words) == 1
    assert scene.actions(linked.post).count("ticket_solved") == 1


def test_our_answer_ends_the_clock(linked: Linked, scene: Scene) -> None:
    linked.tell(closed=True, status="resolved")
    scene.reply(linked.post, "It is on its way to you", ref="own-2")
    assert linked.words == []
    assert scene.get(linked.post).state is State.WAITING
    assert "told_customer" in scene.actions(linked.post)


def test_an_answer_that_was_written_before_does_not_end_it(linked: Linked, scene: Scene) -> None:
    entry = scene.freeze(linked.post, "Still looking")
    scene.start(entry)
    scene.clock.advance(MINUTE)
    linked.tell(closed=True, status="resolved")
    scene.sent(entry, "own-3")
    assert len(linked.words) == 1


def test_a_note_does_not_end_it_and_a_colleagues_answer_does(linked: Linked, scene: Scene) -> None:
    linked.tell(closed=True, status="resolved")
    entry = scene.freeze(linked.post, "Note to self", kind=OutKind.NOTE)
    scene.start(entry)
    scene.sent(entry, "note-1")
    assert len(linked.words) == 1
    scene.take(scene.message("Found it", author=SAM, direction=Direction.OUT))
    assert linked.words == []


def test_a_ticket_that_opens_again_takes_its_clock_away_and_may_be_solved_again(linked: Linked, scene: Scene) -> None:
    linked.tell(closed=True, status="resolved")
    linked.tell(closed=False, status="open")
    assert linked.words == []
    assert scene.get(linked.post).state is State.OPEN, "a person looks"
    assert ("ticket_open_again", "ticket open again") in rules(scene, linked.post)
    linked.tell(closed=True, status="resolved")
    assert len(linked.words) == 1


def test_a_ticket_that_was_solved_when_it_was_linked_raises_nothing(scene: Scene, linked: Linked) -> None:
    other = scene.ask("Another one", thread="t2")
    linked.tell(closed=True, status="resolved")
    now = scene.clock.now()
    scene.store.write_now(lambda db: tickets.tie(db, other, linked.ticket, "ann", now))
    linked.tell(closed=True, status="resolved", text="One more word")
    assert promises.open_of(scene.db, other) == []


def test_two_posts_of_one_ticket_both_come_back(linked: Linked, scene: Scene) -> None:
    other = scene.ask("Mine too", thread="t2")
    scene.reply(other, "We know", ref="own-4")
    now = scene.clock.now()
    scene.store.write_now(lambda db: tickets.tie(db, other, linked.ticket, "ann", now))
    linked.tell(closed=True, status="resolved")
    assert [scene.get(n).state for n in (linked.post, other)] == [State.OPEN, State.OPEN]


def test_the_link_tells_how_the_ticket_stands_and_what_was_said_last(linked: Linked, scene: Scene) -> None:
    linked.tell(closed=False, status="stalled", text="We found the parcel")
    (link,) = links.of(scene.db, linked.post)
    assert (link.label, link.status, link.queue, link.back, link.closed) == ("rt#5512", "stalled", "depot", False,
                                                                            False)
    assert (link.last_by, link.last_text) == ("Depot", "We found the parcel")
    (back,) = links.of(scene.db, linked.ticket)
    assert back.back
    assert back.label == "mastodon#t1"
    assert back.last_text == "We ask the depot"


def test_tickets_that_posts_wait_for_are_watched(linked: Linked, scene: Scene) -> None:
    assert tickets.watched(scene.db, DESK, 0, 5) == [(linked.ticket, "5512")]
    assert tickets.watched(scene.db, DESK, linked.ticket, 5) == []
    linked.tell(closed=True, status="resolved")
    assert tickets.watched(scene.db, DESK, 0, 5) == []


def dispose(db: Db, number: int, at: Millis) -> None:
    """A person says: done."""
    decisions.write(db, number, {"state": "done", "disposition": "answered", "disposed_at": at})
    tickets.told(db, number, at, agent="ann")


def test_a_ticket_that_was_merged_is_followed_under_its_new_number(linked: Linked, scene: Scene) -> None:
    scene.take(remote=[scene.remote("7001", status="open", closed=False),
                       scene.remote("5512", status="merged into 7001", closed=True, merged_into="7001")], source=DESK)
    assert linked.words == [], "a merged ticket is not solved"
    (link,) = links.of(scene.db, linked.post)
    assert (link.label, link.closed) == ("rt#7001", False)
    assert "ticket_merged" in scene.actions(linked.post)
    applied = scene.take(remote=[scene.remote("7001", status="resolved", closed=True)], source=DESK)
    assert linked.words == ["tell the customer: rt#7001 is resolved"]
    assert applied.solved == ((linked.post, "rt#7001"),)
    assert applied.closed == (), "the post carries it"


def test_two_tickets_that_become_one_leave_one_tie(linked: Linked, scene: Scene) -> None:
    scene.take(remote=[scene.remote("7001", status="open", closed=False)], source=DESK)
    other = conversations.by_ref(scene.db, DESK, "7001")
    assert other is not None
    now = scene.clock.now()
    scene.store.write_now(lambda db: tickets.tie(db, linked.post, other, "ann", now))
    scene.take(remote=[scene.remote("5512", closed=True, merged_into="7001")], source=DESK)
    assert [link.label for link in links.of(scene.db, linked.post)] == ["rt#7001"]


STEPS = st.lists(st.sampled_from(["close", "open", "reply", "inbound", "done", "colleague"]), max_size=10)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=STEPS)
def test_whatever_happens_a_solved_ticket_is_told_or_decided(steps: list[str], tmp_path_factory: pytest.TempPathFactory,
                                                            rulebook: Rulebook) -> None:
    clock = ManualClock()
    store = Store.open(tmp_path_factory.mktemp("t") / "desk.sqlite3", clock)
    scene = Scene(store, clock, rulebook)
    linked = Linked(scene)
    solved_at: Millis | None = None
    ended_at: Millis = -1
    for number, step in enumerate(steps):
        clock.advance(MINUTE)
        now = clock.now()
        if step in ("close", "open"):
            was = solved_at
            linked.tell(closed=step == "close", status=step)
            solved_at = (was if was is not None else now) if step == "close" else None
        elif step == "reply":
            scene.reply(linked.post, f"Answer {number}", ref=f"own-{number}")
            ended_at = now
        elif step == "inbound":
            scene.take(scene.message(f"Hello {number}"))
        elif step == "done":
            store.write_now(lambda db, at=now: dispose(db, linked.post, at))
            ended_at = now
        else:
            scene.take(scene.message(f"From Sam {number}", author=SAM, direction=Direction.OUT))
            ended_at = clock.now()
    it = scene.get(linked.post)
    waits = solved_at is not None and ended_at < solved_at
    if waits:
        assert len(linked.words) == 1
        assert it.state is State.OPEN
    if solved_at is None:
        assert linked.words == []
    assert len(linked.words) <= 1
    store.close()


# -- what its source closed ----------------------------------------------------------------------------------------


def test_a_promise_on_a_ticket_that_was_closed_there_stays_in_sight(linked: Linked, scene: Scene) -> None:
    due_at = scene.clock.now() + HOUR
    scene.store.write_now(lambda db: promises.make(db, linked.ticket, "ann", "call", due_at, scene.clock.now()))
    linked.tell(closed=True, status="resolved")
    assert linked.words, "the post carries what became of the ticket"
    assert (scene.get(linked.ticket).state, in_review(scene)) == (State.DONE, [linked.ticket])


def in_review(scene: Scene) -> list[int]:
    where = search.where(parse("review state:done"), agent="ann", now=scene.clock.now())
    return [row.id for row in conversations.window(scene.db, where)]


def closed_there(scene: Scene, **more: object) -> Applied:
    return scene.take(remote=[scene.remote(closed=True, status="resolved")], **more)


def test_what_its_source_closed_can_be_reviewed(scene: Scene) -> None:
    number = scene.ask()
    scene.reply(number)
    assert closed_there(scene).closed == (number,)
    assert conversations.counts(scene.db, scene.clock.now())["review"] == 1
    it = scene.get(number)
    assert (it.state, it.disposition, it.review) == (State.DONE, None, True)
    assert in_review(scene) == [number]
    (row,) = conversations.window(scene.db, search.where(parse("review"), agent="", now=0))
    assert row.review
    assert "closed_elsewhere" in scene.actions(number)


def test_what_we_disposed_of_is_not_for_review(scene: Scene) -> None:
    number = scene.ask()
    now = scene.clock.now()
    scene.store.write_now(lambda db: decisions.write(db, number, {
        "state": "done", "disposition": "answered", "disposed_at": now}))
    closed_there(scene)
    assert in_review(scene) == []


def test_history_is_not_for_review(scene: Scene) -> None:
    message = scene.message("Long ago")
    scene.take(message, remote=[scene.remote(closed=True)], backfill=True)
    scene.take(scene.message("Older", thread="t2"), remote=[scene.remote("t2", closed=True)], purpose="history")
    assert in_review(scene) == []


def test_a_disposition_or_news_takes_it_out(scene: Scene, rulebook: Rulebook) -> None:
    number = scene.ask()
    scene.reply(number)
    closed_there(scene)
    now = scene.clock.now()
    scene.store.write_now(lambda db: decisions.write(db, number, {"disposition": "answered"}))
    assert in_review(scene) == []
    assert not scene.get(number).review
    scene.store.write_now(lambda db: decisions.write(db, number, {"disposition": None, "review": 1}))
    assert in_review(scene) == [number]
    scene.take(scene.message("One more thing"))
    assert (scene.get(number).state, scene.get(number).review) == (State.OPEN, False)
    scene.store.write_now(lambda db: ranking.refresh(db, [number], rulebook, now))


def test_an_unanswered_message_keeps_it_open_whatever_its_source_says(scene: Scene) -> None:
    number = scene.ask()
    closed_there(scene)
    assert scene.get(number).state is State.OPEN
    assert in_review(scene) == []
