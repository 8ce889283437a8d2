"""What was only heard: its clocks and place, when it becomes a conversation with us, and the same post heard twice."""

from __future__ import annotations

import pytest

from agentdesk.model.clock import DAY, HOUR, MINUTE
from agentdesk.model.conversation import ClockKind, Disposition, State
from agentdesk.model.message import Direction, Message
from agentdesk.rules.order import HEARD
from agentdesk.rules.query import parse
from agentdesk.store import conversations, integrity, ledger, links, search
from tests.store.scene import JANE, SAM, Scene, move

OTHER = "bluesky:acme"
URL = "https://social.example/@jane/1"


@pytest.fixture(autouse=True)
def _sound(scene: Scene) -> object:
    """After each test the file must be as promised."""
    yield
    assert integrity.check(scene.store) == []


def heard(scene: Scene, text: str = "acme lost my parcel", **more: object) -> Message:
    return scene.message(text, indirect=True, **more)  # type: ignore[arg-type]


def found(scene: Scene, query: str) -> list[int]:
    where = search.where(parse(query), agent="ann", now=scene.clock.now())
    return [row.id for row in conversations.window(scene.db, where)]


def flags(scene: Scene) -> list[int]:
    return [row[0] for row in scene.db.rows("SELECT indirect FROM message ORDER BY id")]


def test_a_hit_has_gentler_clocks_and_a_lower_rank(scene: Scene) -> None:
    hit = heard(scene)
    scene.take(hit)
    scene.take(scene.message("@acme lost my parcel", thread="t2"))
    first, second = conversations.window(scene.db, search.Where())
    assert (first.indirect, second.indirect) == (False, True)
    assert second.rank == hit.created_at + DAY + HEARD
    it = scene.get(second.id)
    assert it.indirect
    assert [(clock.kind, clock.policy) for clock in it.clocks] == [(ClockKind.FIRST, "heard")]
    assert found(scene, "indirect") == [second.id]
    assert found(scene, "-indirect") == [first.id]


def test_a_thread_that_mentions_us_later_is_direct_from_that_moment(scene: Scene) -> None:
    number = scene.ask("acme lost my parcel", indirect=True)
    scene.take(heard(scene, "acme again"))
    assert scene.get(number).indirect
    scene.clock.advance(5 * HOUR)
    mention = scene.message("@acme where is it?")
    scene.take(mention)
    it = scene.get(number)
    assert not it.indirect
    assert (it.unanswered_since, it.burst) == (mention.created_at, 3)
    assert it.clocks[0].due_at == mention.created_at + 6 * HOUR
    scene.take(heard(scene, "acme acme"))
    assert not scene.get(number).indirect
    assert flags(scene) == [1, 1, 0, 0]


def test_both_on_one_page_in_any_order(scene: Scene) -> None:
    one, two = heard(scene, ref="a"), scene.message("@acme hello", ref="b")
    scene.take(two, one)
    it = scene.get(1)
    assert (it.indirect, it.unanswered_since, it.burst) == (False, two.created_at, 2)


@pytest.mark.parametrize("first", [True, False])
def test_the_same_post_heard_and_as_a_mention_is_one_and_direct(scene: Scene, first: bool) -> None:
    post = scene.message("@acme lost my parcel", ref="same", indirect=first)
    scene.take(post)
    applied = scene.take(scene.message("@acme lost my parcel", ref="same", at=post.created_at, indirect=not first))
    it = scene.get(1)
    assert not it.indirect
    assert (it.messages, it.burst, it.unanswered_since) == (1, 1, post.created_at)
    assert it.clocks[0].policy == "default"
    assert flags(scene) == [0]
    assert applied.arrived == ()
    assert applied.touched == ((1,) if first else ())


def test_both_tellings_on_one_page(scene: Scene) -> None:
    post = scene.message("@acme lost my parcel", ref="same")
    scene.take(scene.message("@acme lost my parcel", ref="same", at=post.created_at, indirect=True), post,
               scene.message("@acme lost my parcel", ref="same", at=post.created_at, indirect=True))
    assert not scene.get(1).indirect
    assert flags(scene) == [0]


def test_a_mention_of_a_post_that_was_set_aside_stays_set_aside(scene: Scene) -> None:
    post = heard(scene, ref="same")
    scene.take(post)
    now = scene.clock.now()
    scene.store.write_now(lambda db: (
        move(db, 1, State.DONE, now, disposition=Disposition.NOT_ACTIONABLE, code="not-about-us"),
        ledger.write(db, at=now, agent="ann", action="not_actionable", conversation_id=1)))
    scene.take(scene.message("acme lost my parcel", ref="same", at=post.created_at))
    it = scene.get(1)
    assert (it.state, it.indirect, it.burst) == (State.DONE, False, 0)


def test_our_reply_makes_it_direct(scene: Scene) -> None:
    number = scene.ask("acme lost my parcel", indirect=True)
    scene.reply(number)
    assert not scene.get(number).indirect
    scene.take(heard(scene, "acme is slow"))
    it = scene.get(number)
    assert (it.indirect, it.state) == (False, State.OPEN)
    assert it.clocks[0].policy == "default"


def test_a_colleagues_reply_makes_it_direct_and_a_note_does_not(scene: Scene) -> None:
    number = scene.ask("acme lost my parcel", indirect=True)
    scene.take(scene.message("hm", author=SAM, direction=Direction.NOTE))
    assert scene.get(number).indirect
    scene.answer_elsewhere()
    assert not scene.get(number).indirect


def test_looking_at_a_thread_makes_nothing_direct(scene: Scene) -> None:
    number = scene.ask("acme lost my parcel", indirect=True, ref="a")
    scene.take(scene.message("acme lost my parcel", ref="a"), scene.message("mine too", ref="b"), purpose="thread")
    assert scene.get(number).indirect
    assert flags(scene) == [1, 1]
    scene.take(scene.message("mine too", ref="b"))
    assert not scene.get(number).indirect


def test_a_looked_up_history_is_what_it_says(scene: Scene) -> None:
    scene.take(scene.message("@acme hello"), heard(scene, "acme", thread="t2"), purpose="history")
    assert [scene.get(n).indirect for n in (1, 2)] == [False, True]


def test_a_conversation_without_a_word_was_not_heard(scene: Scene) -> None:
    scene.take(remote=[scene.remote("t1", subject="Ticket")])
    assert not scene.get(1).indirect


# the same post on two sources ---------------------------------------------------------------------------------------


def test_the_second_source_that_hears_a_post_does_not_double_it(scene: Scene) -> None:
    post = heard(scene, url=URL)
    scene.take(post)
    applied = scene.take(heard(scene, url=URL, at=post.created_at - 999, thread="x1"), source=OTHER)
    assert (applied.arrived, applied.messages, applied.touched) == ((), 0, (2,))
    it = scene.get(2)
    assert (it.state, it.disposition, it.disposition_code) == (State.DONE, Disposition.DUPLICATE, "heard-twice")
    entry = ledger.of_conversation(scene.db, 2)[-1]
    assert (entry.action, entry.agent, entry.rule, entry.detail) == ("duplicate", "", "heard twice", {"of": 1})
    assert [(link.kind, link.other_id) for link in links.of(scene.db, 2)] == [("duplicate", 1)]
    assert scene.get(1).state is State.OPEN


def test_a_mention_on_one_source_wins_over_what_another_heard_before(scene: Scene) -> None:
    post = heard(scene, url=URL)
    scene.take(post)
    applied = scene.take(scene.message("@acme lost", url=URL, at=post.created_at, thread="x1"), source=OTHER)
    assert applied.arrived == (2,)
    assert scene.get(1).disposition is Disposition.DUPLICATE
    assert scene.get(2).state is State.OPEN
    applied = scene.take(heard(scene, url=URL, at=post.created_at, thread="y1"), source="rss:news")
    assert ledger.of_conversation(scene.db, 3)[-1].detail == {"of": 2}


def test_two_mentions_both_stay(scene: Scene) -> None:
    post = scene.message("@acme @acme_de", url=URL)
    scene.take(post)
    scene.take(scene.message("@acme @acme_de", url=URL, at=post.created_at), source=OTHER)
    assert [scene.get(n).state for n in (1, 2)] == [State.OPEN, State.OPEN]
    assert links.of(scene.db, 1) == []


@pytest.mark.parametrize("other", [{"url": ""}, {"url": URL + "2"}, {"url": URL, "later": 2_000}])
def test_another_post_is_not_the_same(scene: Scene, other: dict[str, object]) -> None:
    post = heard(scene, url=URL)
    scene.take(post)
    at = post.created_at + int(str(other.pop("later", 0)))
    scene.clock.advance(MINUTE)
    scene.take(heard(scene, at=at, **other), source=OTHER)
    assert [scene.get(n).state for n in (1, 2)] == [State.OPEN, State.OPEN]


def test_what_somebody_works_on_or_holds_more_stays(scene: Scene) -> None:
    post = heard(scene, url=URL)
    scene.take(post)
    scene.draft(1)
    scene.take(scene.message("@acme", url=URL, at=post.created_at, thread="x1"), source=OTHER)
    assert scene.get(1).state is State.OPEN
    assert [(link.kind, link.other_id) for link in links.of(scene.db, 1)] == [("duplicate", 2)]
    scene.take(heard(scene, url=URL, at=post.created_at, thread="y1"), heard(scene, "acme too", thread="y1"),
               source="rss:news")
    assert scene.get(3).state is State.OPEN


def test_more_in_a_second_hearing_brings_it_back(scene: Scene) -> None:
    post = heard(scene, url=URL)
    scene.take(post)
    scene.take(heard(scene, url=URL, at=post.created_at, thread="x1"), source=OTHER)
    scene.take(scene.message("@acme_de and now?", thread="x1", author=JANE), source=OTHER)
    it = scene.get(2)
    assert (it.state, it.indirect, it.burst) == (State.OPEN, False, 1)


def test_looking_for_the_same_post_reads_few_rows(scene: Scene) -> None:
    from agentdesk.store import heard as module

    seen: list[str] = []

    class Spy:
        def rows(self, sql: str, *params: object) -> list[tuple[object, ...]]:
            seen.extend(str(row[3]) for row in scene.db.rows("EXPLAIN QUERY PLAN " + sql, *params))
            return []

    module._pairs(Spy(), "[1]")  # type: ignore[arg-type]
    assert any("message_at" in step for step in seen)
    assert any("message_heard" in step for step in seen)
    assert not any(step.startswith("SCAN") and "json_each" not in step and " w " not in f"{step} " for step in seen)
