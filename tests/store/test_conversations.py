"""Windows of the queue by keyset, heads, threads, the changes a person makes, and the figures of the status bar."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdesk.errors import NotFound, StoreError
from agentdesk.model.clock import DAY, HOUR, MINUTE
from agentdesk.model.conversation import Disposition, QueueRow, State
from agentdesk.rules.query import parse
from agentdesk.store import (
    claims,
    conversations,
    decisions,
    integrity,
    ledger,
    links,
    promises,
    ranking,
    retention,
    search,
)
from agentdesk.store.db import Db
from agentdesk.sync import chores
from tests.store.scene import Scene, claim, move

ALL = search.Where(sql="1")


def many(scene: Scene, number: int) -> list[int]:
    return [scene.ask(f"post {n}", thread=f"t{n}") for n in range(number)]


def key(row: QueueRow) -> tuple[int, int]:
    return row.rank, row.id


def test_the_queue_is_read_in_order_of_the_clock(scene: Scene) -> None:
    numbers = many(scene, 5)
    rows = conversations.window(scene.db, search.Where())
    assert [row.id for row in rows] == numbers
    assert [row.due_at for row in rows] == sorted(row.due_at or 0 for row in rows)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(size=st.integers(1, 9), ranks=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_paging_both_ways_meets_every_row_once_even_with_equal_ranks(scene: Scene, size: int, ranks: list[int]) -> None:
    if not scene.db.value("SELECT count(*) FROM conversation"):
        many(scene, 12)
    scene.store.write_now(lambda db: [db.run("UPDATE conversation SET rank = ? WHERE id = ?", rank, number + 1)
                                      for number, rank in enumerate(ranks)])
    whole = conversations.window(scene.db, search.Where(), limit=100)
    assert [key(r) for r in whole] == sorted(key(r) for r in whole)
    down: list[QueueRow] = []
    while page := conversations.window(scene.db, search.Where(), after=key(down[-1]) if down else None, limit=size):
        down += page
    assert down == whole
    up: list[QueueRow] = []
    last = (2**40, 2**40)
    while page := conversations.window(scene.db, search.Where(), before=key(up[0]) if up else last, limit=size):
        up = page + up
    assert up == whole
    for row in whole:
        part = conversations.around(scene.db, search.Where(), row.id, size)
        assert row in part
        place = whole.index(part[0])
        assert part == whole[place : place + len(part)]


def test_around_something_that_is_not_in_the_view_is_empty(scene: Scene) -> None:
    number = scene.ask()
    done = search.where(parse("state:done"), agent="", now=0)
    assert conversations.around(scene.db, done, number) == []
    assert conversations.around(scene.db, search.Where(), 99) == []


def test_a_view_over_all_states_has_open_first_and_the_last_done_before_earlier_ones(scene: Scene) -> None:
    open_, waiting, snoozed, first, second = many(scene, 5)
    scene.answer_elsewhere(thread="t1")
    now = scene.clock.now()

    def work(db: Db) -> None:
        move(db, snoozed, State.SNOOZED, now, until=now + DAY)
        move(db, first, State.DONE, now, disposition=Disposition.PRAISE)
        move(db, second, State.DONE, now + 5, disposition=Disposition.SPAM, code="x")

    scene.store.write_now(work)
    expected = [open_, waiting, snoozed, second, first]
    assert [row.id for row in conversations.window(scene.db, ALL)] == expected
    scene.store.write_now(lambda db: ranking.refresh(db, expected, scene.rulebook, now))
    assert [row.id for row in conversations.window(scene.db, ALL)] == expected
    assert conversations.count(scene.db, ALL) == 5
    it = scene.get(second)
    assert (it.disposition, it.disposition_code, it.disposed_at) == (Disposition.SPAM, "x", now + 5)


def test_every_change_makes_a_new_version_and_shows(scene: Scene) -> None:
    number = scene.ask()
    version = scene.get(number).version

    changes: list[dict[str, object]] = [
        {"tags": '["a","b"]'}, {"assignee": "bob"}, {"claim_agent": "ann", "claim_until": 99}, {"incident": "storm"},
        {"priority": "high"}, {"status": "open"},
    ]
    for change in changes:
        scene.store.write_now(lambda db, change=change: decisions.write(db, number, change))  # type: ignore[misc]
        it = scene.get(number)
        for name, value in change.items():
            assert getattr(it, name) == (("a", "b") if name == "tags" else value)
        assert it.version > version
        version = it.version
    for unread in (1, 0):
        assert scene.get(number).unread == unread
        scene.store.write_now(lambda db: conversations.mark_read(db, number))
        version += unread
        assert scene.get(number).version == version, "the second time nothing is unread"


def test_what_is_not_there_is_said(scene: Scene) -> None:
    with pytest.raises(NotFound, match="#7"):
        scene.get(7)
    with pytest.raises(NotFound):
        scene.store.write_now(lambda db: decisions.write(db, 7, {"unread": 0}))
    with pytest.raises(NotFound):
        conversations.message(scene.db, 3)
    scene.ask()
    with pytest.raises(StoreError):
        scene.store.write_now(lambda db: decisions.write(db, 1, {"rank": 0}))
    assert conversations.by_ref(scene.db, "x", "y") is None
    assert conversations.last_message_id(scene.db, 7) == 0


def test_snoozes_end_when_their_time_has_come(scene: Scene) -> None:
    early, late = many(scene, 2)
    now = scene.clock.now()

    def woken(at: int) -> list[int]:
        return scene.store.write_now(lambda db: chores.wake_and_expire(db, scene.rulebook, at))

    scene.store.write_now(lambda db: [move(db, n, State.SNOOZED, now, until=now + w)
                                      for n, w in ((early, HOUR), (late, DAY))])
    assert woken(now) == []
    assert woken(now + HOUR) == [early]
    assert (scene.get(early).state, scene.get(early).snoozed_until, scene.get(early).burst) == (State.OPEN, None, 1)
    assert scene.get(late).state is State.SNOOZED
    assert [row.id for row in conversations.window(scene.db, search.Where())] == [early]


def test_waiting_for_the_customer_while_something_is_unanswered_is_open(scene: Scene) -> None:
    number = scene.ask()
    scene.store.write_now(lambda db: move(db, number, State.WAITING, scene.clock.now()))
    assert scene.get(number).state is State.OPEN


def test_the_status_bar_counts(scene: Scene) -> None:
    numbers = many(scene, 6)
    scene.answer_elsewhere(thread="t0")
    now = scene.clock.now()
    scene.store.write_now(lambda db: move(db, numbers[1], State.SNOOZED, now, until=now + DAY))
    scene.draft(numbers[2])
    scene.freeze(numbers[3])
    due = {r.id: r.due_at or 0 for r in conversations.window(scene.db, search.Where())}
    at = due[numbers[2]]
    assert conversations.counts(scene.db, at) == {
        "late": 1, "soon": 3, "open": 4, "waiting": 1, "snoozed": 1, "unsent": 1, "drafts": 1,
        "review": 0}
    for text, number in (("late", 1), ("soon", 3), ("state:open", 4), ("state:done", 0)):
        where = search.where(parse(f"{text} state:open" if "state" not in text else text), agent="", now=at)
        assert conversations.count(scene.db, where) == number


def test_a_long_thread_is_paged_from_its_end(scene: Scene) -> None:
    messages = [scene.message(str(n)) for n in range(10)]
    scene.take(*messages)
    newest = conversations.thread(scene.db, 1, limit=4)
    assert [m.message.text for m in newest] == ["6", "7", "8", "9"]
    older = conversations.thread(scene.db, 1, before=newest[0].id, limit=100)
    assert [m.message.text for m in older] == [str(n) for n in range(6)]
    assert conversations.thread(scene.db, 1, before=older[0].id) == []
    assert conversations.message(scene.db, 1) == older[0]
    assert conversations.last_message_id(scene.db, 1) == 10


def test_a_thread_is_in_order_of_time_whatever_came_first(scene: Scene) -> None:
    now = scene.clock.now()
    for minutes in (5, 1, 3):
        scene.take(scene.message(str(minutes), at=now - minutes * MINUTE))
    assert [m.message.text for m in conversations.thread(scene.db, 1)] == ["5", "3", "1"]


def test_claims_are_leases(scene: Scene) -> None:
    number = scene.ask()

    scene.store.write_now(lambda db: claim(db, number, "bob", 29))
    version = scene.get(number).version
    assert scene.store.write_now(lambda db: claims.renew(db, number, "bob", 40))
    assert not scene.store.write_now(lambda db: claims.renew(db, number, "ann", 40))
    assert scene.get(number).version == version + 1, "whoever looks at the claim sees how long it lasts now"
    assert not scene.store.write_now(lambda db: claims.release(db, number, "ann"))
    assert scene.store.write_now(lambda db: claims.expired(db, 39)) == []
    assert scene.store.write_now(lambda db: claims.expired(db, 40)) == [number]
    assert scene.get(number).claim_agent == ""
    scene.store.write_now(lambda db: claim(db, number, "cid", 60))
    assert scene.store.write_now(lambda db: claims.release(db, number, "cid"))


def test_promises_are_clocks_until_they_are_kept(scene: Scene) -> None:
    number = scene.ask()
    scene.answer_elsewhere()
    due = scene.clock.now() + DAY

    def make(db: Db) -> int:
        found = promises.make(db, number, "ann", "call back", due, scene.clock.now())
        ranking.refresh(db, [number], scene.rulebook, scene.clock.now())
        return found

    promise = scene.store.write_now(make)
    assert [p.words for p in promises.open_of(scene.db, number)] == ["call back"]
    assert any(c.kind == "promise" and c.due_at == due for c in scene.get(number).clocks)
    assert scene.store.write_now(lambda db: promises.keep(db, promise, 5)) == number
    assert promises.open_of(scene.db, number) == []
    with pytest.raises(NotFound, match="no promise 99") as none:
        scene.store.write_now(lambda db: promises.keep(db, 99, 5))
    assert "agentdesk show" in none.value.remedy


def test_links_are_seen_from_both_ends(scene: Scene) -> None:
    one, two = many(scene, 2)
    link = scene.store.write_now(lambda db: links.make(db, one, "duplicate", "ann", 5, other_id=two))
    assert scene.store.write_now(lambda db: links.make(db, one, "duplicate", "bob", 6, other_id=two)) == link
    scene.store.write_now(lambda db: links.make(db, one, "ticket", "ann", 5, url="https://rt.example/1"))
    assert [(x.kind, x.other_id, x.state) for x in links.of(scene.db, one)] == [
        ("duplicate", two, State.OPEN), ("ticket", None, None)]
    assert [(x.kind, x.other_id, x.name) for x in links.of(scene.db, two)] == [("duplicate", one, "Jane Doe")]
    scene.store.write_now(lambda db: links.remove(db, link))
    assert links.of(scene.db, two) == []


def test_clocks_follow_a_change_of_the_rules_in_parts(scene: Scene) -> None:
    numbers = many(scene, 7)
    scene.store.write_now(lambda db: db.run("UPDATE conversation SET due_at = 1, rank = 1"))
    after, parts = 0, 0
    for _ in itertools.count():
        after = scene.store.write_now(lambda db, after=after: ranking.refresh_all(  # type: ignore[misc]
            db, scene.rulebook, scene.clock.now(), after=after, limit=3))
        parts += 1
        if not after:
            break
    assert parts == 3
    rows = {row.id: row.due_at for row in conversations.window(scene.db, search.Where())}
    assert rows == {n: (scene.get(n).first_in_at or 0) + 6 * HOUR for n in numbers}
    assert ranking.facts(scene.db, numbers[0]).burst == 1
    with pytest.raises(NotFound):
        ranking.facts(scene.db, 99)


def test_the_time_in_which_we_waited_is_told_to_the_rules(scene: Scene) -> None:
    number = scene.ask()
    first = scene.answer_elsewhere() and scene.clock.now()
    scene.clock.advance(DAY)
    second = scene.ask("thanks, and?") and scene.clock.now()
    scene.answer_elsewhere("this")
    third = scene.clock.now()
    scene.answer_elsewhere("and this")
    it = ranking.facts(scene.db, number)
    assert it.pauses == ((first, second),)
    assert it.waiting_since == third


def test_texts_go_after_the_time_for_keeping_them_and_nothing_else_does(scene: Scene) -> None:
    old, with_draft, new, open_ = many(scene, 4)
    now = scene.clock.now()

    def finish(db: Db) -> None:
        for number, at in ((old, now), (with_draft, now), (new, now + 10 * DAY)):
            move(db, number, State.DONE, at, disposition=Disposition.PRAISE)
            ledger.write(db, at=at, agent="ann", action="praise", conversation_id=number)

    scene.store.write_now(finish)
    scene.draft(with_draft)
    assert scene.store.write_now(lambda db: retention.empty_done(db, now + DAY)) == 1
    assert scene.store.write_now(lambda db: retention.empty_done(db, now + DAY)) == 0
    texts = {n: conversations.thread(scene.db, n)[0].message.text for n in (old, with_draft, new, open_)}
    assert texts == {old: "", with_draft: "post 1", new: "post 2", open_: "post 3"}
    assert [hit.conversation_id for hit in search.find_text(scene.db, "post")] == [open_, new, with_draft]
    assert integrity.check(scene.store) == []
    scene.ask("post again", thread="t0")
    assert scene.get(old).burst == 1
    scene.store.write_now(
        lambda db: move(db, old, State.DONE, now, disposition=Disposition.SPAM))
    assert scene.store.write_now(lambda db: retention.empty_done(db, now + DAY)) == 1
    check = "INSERT INTO message_text (message_text, rank) VALUES ('integrity-check', 1)"
    scene.store.write_now(lambda db: db.run(check))
