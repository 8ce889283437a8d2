"""Zendesk's own traps, on the fake."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agentdesk.config.sources import ZendeskSource
from agentdesk.connectors.items import instant, iso
from agentdesk.connectors.registry import create
from agentdesk.connectors.zendesk import reading, sign_in
from agentdesk.connectors.zendesk.canned import translated
from agentdesk.connectors.zendesk.client import authorization, plain_words
from agentdesk.errors import (
    Ambiguous,
    AuthError,
    BadAnswer,
    Conflict,
    Gone,
    RateLimited,
    Rejected,
    WindowClosed,
)
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.conversation import ClockKind
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import Absent, Found, Outgoing, OutKind, Unsure, Upload, Verb
from agentdesk.replies import template
from agentdesk.testing.wire import Fault
from tests.connectors.asking import Answers
from tests.connectors.exchange import act, drain, heads, out, texts
from tests.contract.test_zendesk import BASE, JANE, ZendeskWorld
from tests.fakes.wire import Reply

BO = "bo@desk.example"


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[ZendeskWorld]:
    world = ZendeskWorld(clock)
    yield world
    await world.connector.close()


@pytest.fixture
async def searching(clock: ManualClock) -> AsyncIterator[ZendeskWorld]:
    world = ZendeskWorld(clock, BO)
    yield world
    await world.connector.close()


@pytest.mark.parametrize("says_how", [True, False])
async def test_a_merged_ticket_leads_to_the_one_that_it_became_part_of(world: ZendeskWorld, says_how: bool) -> None:
    z = world.zendesk
    old, new = z.write(JANE, "one"), z.write(JANE, "two")
    _, cursor = await drain(world.connector)
    world.clock.advance(MINUTE)
    z.merge(old, new, says_how=says_how)
    world.clock.advance(MINUTE)
    pages, _ = await drain(world.connector, cursor)
    told = [head for page in pages for head in page.conversations if head.ref == str(old) and head.merged_into]
    assert {(head.merged_into, head.closed) for head in told} == {(str(new), True)}
    assert all(head.locked_reason == f"It was merged into ticket {new}: answer there" for head in told)
    assert {m.direction for page in pages for m in page.messages} == {Direction.NOTE}, "nobody was answered by it"


async def test_a_merged_ticket_whose_other_one_is_out_of_sight_stays(world: ZendeskWorld) -> None:
    z = world.zendesk
    old, new = z.write(JANE, "one"), z.write(JANE, "two")
    z.merge(old, new)
    z.hidden.add(new)
    page = await world.connector.thread(str(old))
    assert [(head.merged_into, head.locked_reason) for head in page.conversations] == [
        ("", "It was merged into another ticket: answer there")]


async def test_a_ticket_without_comments_holds_nothing_up(world: ZendeskWorld) -> None:
    z = world.zendesk
    z.write(JANE, "one")
    _, cursor = await drain(world.connector)
    world.clock.advance(MINUTE)
    empty = z.write(JANE, "soon gone")
    z.comments = [comment for comment in z.comments if comment.ticket != empty]
    z.write(JANE, "two")
    world.clock.advance(MINUTE)
    pages, _ = await drain(world.connector, cursor)
    assert (texts(pages), str(empty) in heads(pages)) == (["two"], True)


# who speaks ---------------------------------------------------------------------------------------------------------


async def test_who_speaks_is_told_by_their_role(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "Where & when?", name="Jane Doe")
    z.add(number, z.agent.id, "on its way")
    z.add(number, z.agent.id, "depot says", public=False)
    z.add(number, z.user("Friend", "friend@example.test").id, "I know, too")
    z.add(number, z.tickets[number].requester, "by a private mail", public=False)
    z.add(number, -1, "merged into", public=False)
    z.add(number, z.agent.id, "We are closed on Sunday", channel="rule")
    page = await world.connector.thread(str(number))
    assert [(m.text, m.direction, m.visibility, m.author.name) for m in page.messages] == [
        ("Where & when?", Direction.IN, Visibility.DIRECT, "Jane Doe"),
        ("on its way", Direction.OUT, Visibility.DIRECT, "Bo Agent"),
        ("depot says", Direction.NOTE, Visibility.INTERNAL, "Bo Agent"),
        ("I know, too", Direction.IN, Visibility.DIRECT, "Friend"),
        ("by a private mail", Direction.IN, Visibility.INTERNAL, "Jane Doe"),
        ("merged into", Direction.NOTE, Visibility.INTERNAL, "Zendesk"),
        ("We are closed on Sunday", Direction.NOTE, Visibility.DIRECT, "Bo Agent"),
    ]
    assert {profile.name for profile in page.profiles} >= {"Jane Doe", "Friend"}


async def test_an_agent_who_asks_is_a_customer_there(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(BO, "my own printer")
    z.add(number, z.agent.id, "note to myself", public=False)
    page = await world.connector.thread(str(number))
    assert [m.direction for m in page.messages] == [Direction.IN, Direction.NOTE]


async def test_a_ticket_says_what_zendesk_knows(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello", channel="web")
    policies = [
        {"metric": "first_reply_time", "stage": "active", "breach_at": "2026-01-01T04:00:00Z"},
        {"metric": "next_reply_time", "stage": "paused", "breach_at": "2026-01-01T05:00:00Z"},
        {"metric": "periodic_update_time", "stage": "whatever", "breach_at": "2026-01-01T07:00:00Z"},
        {"metric": "pausable_update_time", "breach_at": "2026-01-01T06:00:00Z"},
        {"metric": "requester_wait_time", "stage": "active", "breach_at": None},
        {"metric": "agent_work_time", "stage": "achieved", "breach_at": "2026-01-01T01:00:00Z"},
        {"metric": "unheard_of", "stage": "active", "breach_at": "2026-01-01T01:00:00Z"}, "nonsense",
    ]
    z.tickets[number].extra.update(
        slas={"policy_metrics": policies}, custom_fields=[{"id": 77, "value": "4711"}, {"id": 9, "value": "x"}],
        type="problem", problem_id=None)
    z.tickets[number].tags, z.tickets[number].priority = ["late", "vip"], "high"
    head = (await world.connector.thread(str(number))).conversations[0]
    now = world.clock.now()
    assert [(due.kind, due.due_at - now) for due in head.due or ()] == [
        (ClockKind.FIRST, 4 * HOUR), (ClockKind.NEXT, 6 * HOUR)]
    assert head.fields == {"ticket_number": "1", "type": "problem", "channel": "web", "Order number": "4711"}
    assert (head.status, head.priority, head.queue, head.tags, head.closed) == (
        "new", "high", "Support", ("late", "vip"), False)
    assert head.url == f"{BASE}/agent/tickets/1"


async def test_what_zendesk_closes_by_itself_is_told(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "one")
    _, cursor = await drain(world.connector)
    world.clock.advance(HOUR)
    z.tickets[number].status = "solved"
    z.touch(number)
    pages, cursor = await drain(world.connector, cursor)
    assert (heads(pages)["1"].status, heads(pages)["1"].closed, texts(pages)) == ("solved", True, [])
    world.clock.advance(4 * DAY)
    z.tickets[number].status = "closed"
    z.touch(number)
    pages, _ = await drain(world.connector, cursor)
    assert (heads(pages)["1"].status, heads(pages)["1"].locked_reason) == ("closed", "")


async def test_a_person_is_known_by_every_address(world: ZendeskWorld) -> None:
    user = world.zendesk.user("Jane Doe", "", identities=[("twitter", "janedoe"), ("phone_number", "+4930")])
    profile = await world.connector.customer(str(user.id))
    assert (profile.handle, profile.contacts) == ("@janedoe", ("+4930",))
    for ref in ("77", "jane", ""):
        with pytest.raises(Gone):
            await world.connector.customer(ref)
    with pytest.raises(Gone):
        await world.connector.history("jane")


# pulling ------------------------------------------------------------------------------------------------------------


async def test_the_export_leaves_out_the_last_minute_and_loses_nothing(world: ZendeskWorld) -> None:
    z = world.zendesk
    z.delay_s = 60
    z.write(JANE, "one")
    pages, cursor = await drain(world.connector)
    assert texts(pages) == ["one"]
    world.clock.advance(10 * SECOND)
    z.write("bo@example.test", "two")
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == []
    world.clock.advance(MINUTE)
    z.write("cy@example.test", "three")
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == ["two"]
    world.clock.advance(2 * MINUTE)
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == ["three"]


async def test_two_changes_in_one_second_are_both_seen(searching: ZendeskWorld) -> None:
    z = searching.zendesk
    number = z.write(JANE, "one")
    _, cursor = await drain(searching.connector)
    searching.clock.advance(MINUTE)
    z.write(JANE, "two", ticket=number)
    pages, cursor = await drain(searching.connector, cursor)
    assert texts(pages) == ["two"]
    z.write(JANE, "three", ticket=number)
    searching.clock.advance(500)
    pages, cursor = await drain(searching.connector, cursor)
    assert texts(pages) == ["three"]
    searching.clock.advance(MINUTE)
    assert texts((await drain(searching.connector, cursor))[0]) == []


@pytest.mark.parametrize("who", ["ada@desk.example", BO])
async def test_many_tickets_all_come(clock: ManualClock, who: str) -> None:
    world = ZendeskWorld(clock, who)
    z = world.zendesk
    for number in range(130):
        z.write(f"c{number}@example.test", f"post {number}")
    pages, cursor = await drain(world.connector)
    assert len(set(texts(pages))) == 130
    clock.advance(MINUTE)
    for number in list(z.tickets):
        z.add(number, world.colleague, f"sorry {number}")
    pages, cursor = await drain(world.connector, cursor)
    assert len(set(texts(pages))) == 130
    clock.advance(MINUTE)
    assert texts((await drain(world.connector, cursor))[0]) == []
    await world.connector.close()


async def test_more_than_a_search_shows_in_one_second_is_a_gap(searching: ZendeskWorld) -> None:
    z = searching.zendesk
    number = z.write(JANE, "one")
    _, cursor = await drain(searching.connector)
    searching.clock.advance(HOUR)
    z.touch(number)
    row = {**z._row(z.tickets[number]), "result_type": "ticket"}
    same = json.dumps({"results": [row] * 100, "count": 5_000, "next_page": "https://x"}).encode()
    _, cursor = await drain(searching.connector, cursor)
    searching.clock.advance(HOUR)
    searching.line.faults = [Fault("status", status=200, path="/search", body=same, times=40)]
    page = await searching.connector.pull(cursor)
    assert page.gap is not None
    assert page.cursor != cursor
    searching.line.faults = []
    z.write(JANE, "two", ticket=number)
    assert "two" in texts((await drain(searching.connector, page.cursor))[0])


async def test_a_second_that_cannot_be_shown_is_told_once_while_it_is_fresh(searching: ZendeskWorld) -> None:
    z = searching.zendesk
    number = z.write(JANE, "one")
    searching.clock.advance(HOUR)
    z.touch(number)
    _, cursor = await drain(searching.connector)
    row = {**z._row(z.tickets[number]), "result_type": "ticket"}
    same = json.dumps({"results": [row] * 100, "count": 5_000, "next_page": "https://x"}).encode()
    searching.line.faults = [Fault("status", status=200, path="/search", body=same, times=11)]
    page = await searching.connector.pull(cursor)
    assert page.gap is not None
    asked = len(searching.line.seen)
    searching.line.faults = []
    searching.clock.advance(5 * SECOND)
    page = await searching.connector.pull(page.cursor)
    queries = [request.url.params["query"] for request in searching.line.seen[asked:] if "query" in request.url.params]
    assert page.gap is None
    assert {query.rpartition("updated>=")[2] for query in queries} == {
        iso((instant(row["updated_at"]) or 0) + SECOND, millis=False)}
    z.write(JANE, "two", ticket=number)
    assert "two" in texts((await drain(searching.connector, page.cursor))[0])


async def test_many_changes_within_the_overlap_come_to_an_end(
    searching: ZendeskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SEEN_KEPT", 30)
    _, cursor = await drain(searching.connector)
    for number in range(70):
        searching.zendesk.write(f"c{number}@example.test", f"post {number}")
    found: list[str] = []
    for _ in range(6):
        page = await searching.connector.pull(cursor)
        found, cursor = found + texts([page]), page.cursor or ""
    assert not page.more
    assert sorted(found) == sorted(f"post {number}" for number in range(70))


async def test_the_search_may_run_behind(searching: ZendeskWorld) -> None:
    z = searching.zendesk
    z.write(JANE, "one")
    _, cursor = await drain(searching.connector)
    z.index_lag = True
    searching.clock.advance(MINUTE)
    z.write(JANE, "late to be seen")
    searching.clock.advance(MINUTE)
    late = dict(z.index)
    z.write(JANE, "seen at once")
    z.reindex()
    z.index = {**late, 3: z.index[3]}
    pages, cursor = await drain(searching.connector, cursor)
    assert texts(pages) == ["seen at once"]
    searching.clock.advance(2 * MINUTE)
    z.reindex()
    pages, cursor = await drain(searching.connector, cursor)
    assert texts(pages) == ["late to be seen"]
    assert texts((await drain(searching.connector, cursor))[0]) == []


async def test_an_old_ticket_that_comes_back_comes_whole(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "long ago")
    z.tickets[number].status = "solved"
    z.touch(number)
    world.clock.advance(30 * DAY)
    z.write("other@example.test", "today")
    pages, cursor = await drain(world.connector)
    assert texts(pages) == ["today"]
    world.clock.advance(HOUR)
    z.write(JANE, "again", ticket=number)
    pages, _ = await drain(world.connector, cursor)
    assert texts(pages) == ["long ago", "again"]
    assert not any(page.backfill for page in pages)


@pytest.mark.parametrize("who", ["ada@desk.example", BO])
async def test_the_backfill_keeps_to_its_limits(clock: ManualClock, who: str) -> None:
    world = ZendeskWorld(clock, who)
    z = world.zendesk
    for number in range(30):
        z.tickets[z.write(JANE, f"solved {number}")].status = "solved"
        clock.advance(MINUTE)
    for number in range(25):
        z.write(JANE, f"open {number}")
    z.reindex()
    world.connector = world.connect(backfill_items=7)
    pages, cursor = await drain(world.connector)
    assert sum(text.startswith("open") for text in texts(pages)) == 25
    assert sorted(t for t in texts(pages) if t.startswith("solved")) == [f"solved {n}" for n in range(23, 30)]
    assert all(page.backfill for page in pages)
    assert not [t for t in texts((await drain(world.connector, cursor))[0]) if t.startswith("open")]
    world.connector = world.connect(backfill=0)
    assert not any(text.startswith("solved") for text in texts((await drain(world.connector))[0]))
    await world.connector.close()


async def test_only_watched_groups_and_what_leaves_them(world: ZendeskWorld) -> None:
    z = world.zendesk
    mine, theirs = z.write(JANE, "for support"), z.write(JANE, "for billing", group=20)
    world.connector = world.connect(groups=("support", "Nosuch"))
    account = await world.connector.verify()
    assert account.scopes == ("Support",)
    assert "Nosuch" in account.warnings[0]
    pages, cursor = await drain(world.connector)
    assert texts(pages) == ["for support"]
    world.clock.advance(DAY)
    z.tickets[mine].group = 20
    z.touch(mine)
    z.touch(theirs)
    pages, cursor = await drain(world.connector, cursor)
    assert {ref: "not watched" in head.locked_reason for ref, head in heads(pages).items()} == {str(mine): True}
    world.clock.advance(MINUTE)
    z.tickets[theirs].group = 10
    z.touch(theirs)
    assert texts((await drain(world.connector, cursor))[0]) == ["for billing"]
    with pytest.raises(AuthError, match="no group"):
        await world.connect(groups=("Secret",)).verify()


async def test_a_deleted_ticket_is_told_by_the_export(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "spam")
    _, cursor = await drain(world.connector)
    world.clock.advance(MINUTE)
    z.tickets[number].status = "deleted"
    z.touch(number)
    pages, cursor = await drain(world.connector, cursor)
    assert (heads(pages)["1"].closed, heads(pages)["1"].status) == (True, "deleted")
    with pytest.raises(Gone):
        await world.connector.thread(str(number))
    z.hidden.add(z.write(JANE, "secret"))
    assert texts((await drain(world.connector, cursor))[0]) == []


async def test_an_export_mark_that_zendesk_forgot_is_replaced_by_the_time(world: ZendeskWorld) -> None:
    z = world.zendesk
    z.write(JANE, "one")
    _, cursor = await drain(world.connector)
    world.clock.advance(MINUTE)
    z.write(JANE, "two")
    pages, cursor = await drain(world.connector, cursor)
    forgotten = cursor.replace('"after":"c', '"after":"x')
    assert forgotten != cursor
    world.clock.advance(10 * MINUTE)
    z.write(JANE, "three")
    pages, cursor = await drain(world.connector, forgotten)
    assert texts(pages) == ["three"]


async def test_an_administrator_who_is_one_no_more_goes_on_by_search(world: ZendeskWorld) -> None:
    z = world.zendesk
    z.write(JANE, "one")
    _, cursor = await drain(world.connector)
    z.admin.role = "agent"
    world.clock.advance(MINUTE)
    z.write(JANE, "two")
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == ["two"]
    z.admin.role = "admin"
    await world.restart()
    world.clock.advance(10 * MINUTE)
    z.write(JANE, "three")
    assert texts((await drain(world.connector, cursor))[0]) == ["three"]


async def test_long_threads_are_read_page_by_page(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "comment 0")
    for place in range(1, 230):
        world.clock.advance(SECOND)
        z.write(JANE, f"comment {place}", ticket=number)
    page = await world.connector.thread(str(number))
    assert [m.text for m in page.messages] == [f"comment {place}" for place in range(230)]
    _, cursor = await drain(world.connector)
    world.clock.advance(MINUTE)
    z.write(JANE, "one more", ticket=number)
    asked = len(world.zendesk.requests)
    assert texts((await drain(world.connector, cursor))[0]) == ["one more"]
    assert sum("comments" in path for _, path in world.zendesk.requests[asked:]) == 1


async def test_a_ticket_too_long_for_any_answer_does_not_hold_up_the_others(world: ZendeskWorld) -> None:
    z = world.zendesk
    z.write(JANE, "long")
    z.write(JANE, "short")
    world.connector = world.connect(limit=50_000)
    huge = json.dumps({"comments": ["x" * 60_000]}).encode()
    world.line.faults = [Fault("status", status=200, path="/tickets/1/comments", body=huge, times=9)]
    pages, _ = await drain(world.connector)
    assert texts(pages) == ["short"]
    assert set(heads(pages)) == {"1", "2"}
    assert [r.where for page in pages for r in page.rejects] == ["ticket 1"]


@pytest.mark.parametrize("cursor", ["", "nonsense", "[]", '{"v": 2}', '{"v": 1, "seen": 7}'])
async def test_a_cursor_that_cannot_be_read_means_a_full_walk(world: ZendeskWorld, cursor: str) -> None:
    world.zendesk.write(JANE, "hello")
    assert "hello" in texts((await drain(world.connector, cursor))[0])


@pytest.mark.parametrize("answer", [b"", b"null", b"7", b'"x"', b"<html>", b'{"tickets": 7, "comments": {}}', b"[]"])
async def test_nonsense_is_said_and_never_a_crash(world: ZendeskWorld, answer: bytes) -> None:
    world.zendesk.write(JANE, "hello")
    _, cursor = await drain(world.connector)
    world.clock.advance(MINUTE)
    world.zendesk.touch(1)
    for path in ("/incremental", "/tickets/1/comments", "/show_many", "/tickets/1"):
        world.line.faults = [Fault("status", status=200, path=path, body=answer, times=9)]
        with suppress(BadAnswer, Gone):
            await world.connector.pull(cursor)
            await world.connector.thread("1")
    world.line.faults = []
    assert (await world.connector.pull(cursor)).conversations


async def test_what_is_left_of_the_limit_is_known(world: ZendeskWorld) -> None:
    await world.connector.verify()
    budget = world.connector.budget()
    assert budget is not None
    assert budget.limit == 700
    assert 0 < budget.left < 700
    world.line.faults = [Fault("status", status=429, headers={"Retry-After": "93"}, body=b"")]
    with pytest.raises(RateLimited) as caught:
        await world.connector.pull(None)
    assert caught.value.retry_after == 93


# writing ------------------------------------------------------------------------------------------------------------


async def test_a_reply_is_public_and_a_note_is_not(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello")
    first = await world.connector.send(out(number, "answer"))
    second = await world.connector.send(out(number, "between us", "c2", OutKind.NOTE))
    assert [(c.text, c.public, str(c.id)) for c in z.comments[1:]] == [
        ("answer", True, first.ref), ("between us", False, second.ref)]
    assert z.comments[1].key == {"agentdesk": "c1"}


@pytest.mark.parametrize("text", [
    "1 < 2 & 3 > 2", "* star\n# hash\n\n_x_  **y**", "{{ticket.id}} {% x %}", "a  b\n  c", "<b>tag</b>",
])
async def test_words_come_out_as_they_were_written(world: ZendeskWorld, text: str) -> None:
    number = world.zendesk.write(JANE, "hello")
    await world.connector.send(out(number, text))
    assert world.zendesk.comments[-1].text == text
    shown = (await world.connector.thread(str(number))).messages[-1].text
    assert shown.split() == text.split()


async def test_what_comes_in_between_stops_a_reply(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello")

    def crossing() -> None:
        world.clock.advance(SECOND)
        z.add(number, z.agent.id, "a colleague was faster")

    z.before_put.append(crossing)
    with pytest.raises(Conflict, match="something new"):
        await world.connector.send(out(number))
    assert z.copies("hello") == 0
    assert isinstance(await world.connector.reconcile(out(number), world.clock.now() - HOUR), Absent)


async def test_a_change_that_says_nothing_does_not(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello")

    def tagging() -> None:
        world.clock.advance(SECOND)
        z.tickets[number].tags.append("vip")
        z.touch(number)

    z.before_put += [tagging, tagging]
    await world.connector.send(out(number, "answer"))
    assert z.copies("answer") == 1
    z.before_put += [tagging] * 9
    with pytest.raises(Conflict, match="keeps changing"):
        await world.connector.send(out(number, "more", "c2"))
    assert z.copies("more") == 0


async def test_our_own_comment_that_landed_is_found_and_not_sent_again(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello")
    world.line.faults = [Fault("lie", method="PUT", status=503)]
    with pytest.raises(Ambiguous):
        await world.connector.send(out(number, "answer"))
    receipt = await world.connector.send(out(number, "answer"))
    assert (receipt.ref, z.copies("answer")) == (str(z.comments[-1].id), 1)
    world.line.faults = [Fault("garbage", method="PUT")]
    with pytest.raises(Ambiguous):
        await world.connector.send(out(number, "more", "c2"))


async def test_without_our_id_an_answer_is_found_by_its_words(world: ZendeskWorld) -> None:
    z = world.zendesk
    z.keeps_metadata = False
    number = z.write(JANE, "hello")
    receipt = await world.connector.send(out(number, "the *answer* & more"))
    found = await world.connector.reconcile(out(number, "the *answer* & more"), world.clock.now())
    assert isinstance(found, Found)
    assert found.receipt.ref == receipt.ref
    assert isinstance(await world.connector.reconcile(out(number, "another", "c2"), world.clock.now()), Unsure)
    z.add(number, z.agent.id, "their words")
    early = world.clock.now() - 2 * MINUTE
    assert isinstance(await world.connector.reconcile(out(number, "their words", "c3"), early), Absent)
    del z.tickets[number]
    assert isinstance(await world.connector.reconcile(out(number), early), Unsure)


async def test_a_reply_to_a_closed_ticket_is_a_follow_up(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "long ago", subject="Parcel")
    z.tickets[number].status = "closed"
    receipt = await world.connector.send(out(number, "sorry"))
    assert z.tickets[number].extra["followup_ids"] == [2]
    assert (z.tickets[2].requester, z.tickets[2].subject) == (z.tickets[number].requester, "Parcel")
    assert (receipt.ref, receipt.url) == (str(z.comments[-1].id), f"{BASE}/agent/tickets/2")
    found = await world.connector.reconcile(out(number, "sorry"), world.clock.now())
    assert isinstance(found, Found)
    again = await world.connector.send(out(number, "sorry"))
    assert (again.ref, len(z.tickets)) == (receipt.ref, 2)
    with pytest.raises(Rejected, match="closed for good"):
        await world.connector.send(out(number, "note", "c2", OutKind.NOTE))
    for verb, value in ((Verb.STATUS, "open"), (Verb.CLAIM, ""), (Verb.TAGS, '{"add": ["x"]}')):
        with pytest.raises(Rejected, match="closed for good"):
            await world.connector.act(act(number, verb, value))
    await world.connector.act(act(number, Verb.STATUS, "solved"))


@pytest.mark.parametrize("channel", ["twitter", "facebook", "native_messaging", "whatsapp"])
async def test_a_channel_that_an_answer_would_not_reach_is_locked(world: ZendeskWorld, channel: str) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello", channel=channel)
    page = await world.connector.thread(str(number))
    assert channel in page.conversations[0].locked_reason
    with pytest.raises(WindowClosed):
        await world.connector.send(out(number))
    await world.connector.send(out(number, "a note is fine", "c2", OutKind.NOTE))
    assert [c.public for c in z.comments if c.author != z.tickets[number].requester] == [False]


async def test_refusals_name_the_field(world: ZendeskWorld) -> None:
    number = world.zendesk.write(JANE, "hello")
    world.line.faults = [Fault("status", method="PUT", status=422, body=json.dumps({
        "error": "RecordInvalid", "description": "Record validation errors", "details": {
            "base": [{"description": "Order number: is required when solving a ticket", "error": "BlankValue"}]},
    }).encode())]
    with pytest.raises(Rejected) as caught:
        await world.connector.act(act(number, Verb.STATUS, "pending"))
    assert caught.value.cause == "HTTP 422: Order number: is required when solving a ticket"
    for body, said in ((b'{"error": {"title": "Forbidden", "message": "No access"}}', "No access"),
                       (b'{"error": "invalid", "description": "Too long"}', "Too long"), (b"<html>", "HTTP 422")):
        world.line.faults = [Fault("status", method="PUT", status=422, body=body)]
        with pytest.raises(Rejected) as caught:
            await world.connector.send(out(number))
        assert said in caught.value.cause


async def test_files_go_along_and_come_from_another_host_without_the_token(
    world: ZendeskWorld, tmp_path: Path
) -> None:
    number = world.zendesk.write(JANE, "hello")
    path = tmp_path / "label ü.txt"
    path.write_bytes(b"\x00\xff bytes")
    sent = Upload(path=str(path), name=path.name, mime="text/plain", size=8,
                  digest=hashlib.sha256(b"\x00\xff bytes").hexdigest())
    await world.connector.send(out(number, uploads=(sent,)))
    found = (await world.connector.thread(str(number))).messages[-1].attachments
    assert [(a.name, a.mime, a.size) for a in found] == [("label ü.txt", "text/plain", 8)]
    assert "zdusercontent" in found[0].url
    handle = world.zendesk.handle

    def hosts(method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        if "zdusercontent" not in url:
            return handle(method, url, headers, body)
        assert "authorization" not in headers
        return Reply(200, raw=b"content")

    world.line.handler = hosts
    file = io.BytesIO()
    await world.connector.download(found[0].url, file, 1_000)
    assert file.getvalue() == b"content"
    path.write_bytes(b"changed!")
    with pytest.raises(Rejected, match="not what it was"):
        await world.connector.send(out(number, "x", "c2", uploads=(sent,)))


async def test_a_file_with_malware_is_shown_and_cannot_be_fetched(world: ZendeskWorld) -> None:
    files = [{"id": 1, "file_name": "bill.exe", "content_url": f"{BASE}/x", "malware_scan_result": "malware_found"},
             {"id": 2, "file_name": "logo.png", "content_url": f"{BASE}/y", "inline": True}]
    number = world.zendesk.write(JANE, "hello", files=files)
    found = (await world.connector.thread(str(number))).messages[0].attachments
    assert [(a.name, a.url, "malware" in a.alt) for a in found] == [("bill.exe", "", True)]


# opening tickets ----------------------------------------------------------------------------------------------------


def ticket(text: str = "Jane: where is it?", client_id: str = "t1", **more: Any) -> Outgoing:
    usual = {"subject": "Parcel lost", "customer_name": "Jane Doe", "customer_mail": JANE}
    return out("mastodon-7", text, client_id, OutKind.TICKET, **{**usual, **more})


async def test_a_ticket_is_opened_with_transcript_customer_and_tags(world: ZendeskWorld) -> None:
    z = world.zendesk
    receipt = await world.connector.send(ticket(tags=("late", "Post Office"), place="billing"))
    made = z.tickets[int(receipt.conversation_ref)]
    assert (made.subject, made.group, made.tags) == ("Parcel lost", 20, ["late", "post_office"])
    assert (z.users[made.requester].name, z.users[made.requester].email) == ("Jane Doe", JANE)
    assert [(c.text, c.public) for c in z.comments] == [("Jane: where is it?", False)]
    assert (await world.connector.send(ticket())).conversation_ref == receipt.conversation_ref
    assert len(z.tickets) == 1


async def test_a_customer_without_mail_is_known_by_the_handle(world: ZendeskWorld) -> None:
    z = world.zendesk
    one = await world.connector.send(ticket(customer_mail="", customer_handle="Jane@Social.example"))
    two = await world.connector.send(ticket(client_id="t2", customer_mail="", customer_handle="@jane@social.example"))
    first, second = (z.tickets[int(receipt.conversation_ref)].requester for receipt in (one, two))
    assert first == second
    assert z.users[first].extra["external_id"] == "@jane@social.example"
    with pytest.raises(Rejected, match="whose ticket"):
        await world.connector.send(ticket(client_id="t3", customer_mail=""))
    with pytest.raises(Rejected) as caught:
        await world.connector.send(ticket(client_id="t4", customer_mail="no address"))
    assert "not properly formatted" in caught.value.cause
    with pytest.raises(Rejected, match="no group"):
        await world.connector.send(ticket(client_id="t5", place="Nosuch"))


async def test_a_repeated_request_is_known_by_its_key(world: ZendeskWorld) -> None:
    handle = world.zendesk.handle
    keys: list[str] = []

    def watch(method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        if method == "POST" and url.endswith("/tickets"):
            keys.append(headers.get("idempotency-key", ""))
            answer = handle(method, url, headers, body)
            if len(keys) == 1:
                raise httpx.ReadError("connection reset")
            return answer
        if "external_id" in url:  # a listing that does not show it yet
            return Reply(200, {"tickets": []})
        return handle(method, url, headers, body)

    world.line.handler = watch
    with pytest.raises(Ambiguous):
        await world.connector.send(ticket())
    receipt = await world.connector.send(ticket())
    assert (keys, receipt.conversation_ref, len(world.zendesk.tickets)) == (["t1", "t1"], "1", 1)


# acting -------------------------------------------------------------------------------------------------------------


async def test_of_two_claims_one_gets_in(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello")

    def colleague() -> None:
        world.clock.advance(SECOND)
        z.tickets[number].assignee = z.agent.id
        z.touch(number)

    z.before_put.append(colleague)
    with pytest.raises(Conflict) as caught:
        await world.connector.act(act(number, Verb.CLAIM))
    assert caught.value.holder == BO
    assert z.tickets[number].assignee == z.agent.id
    await world.connector.act(act(number, Verb.RELEASE))
    assert z.tickets[number].assignee == z.agent.id
    await world.connector.act(act(number, Verb.CLAIM, "steal"))
    assert z.tickets[number].assignee == z.admin.id
    await world.connector.act(act(number, Verb.RELEASE))
    assert z.tickets[number].assignee is None


async def test_other_changes_in_between_do_not_stop_a_claim(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello")

    def tagging() -> None:
        world.clock.advance(SECOND)
        z.touch(number)

    z.before_put += [tagging, tagging]
    await world.connector.act(act(number, Verb.CLAIM))
    assert z.tickets[number].assignee == z.admin.id


async def test_a_decision_in_between_is_not_overwritten(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello")

    def decided() -> None:
        world.clock.advance(SECOND)
        z.tickets[number].status = "hold"
        z.touch(number)

    z.before_put.append(decided)
    with pytest.raises(Conflict):
        await world.connector.act(act(number, Verb.STATUS, "pending"))
    assert z.tickets[number].status == "hold"


@pytest.mark.parametrize("value", [BO, "Bo Agent", "BO AGENT"])
async def test_tickets_are_given_to_agents_and_groups(world: ZendeskWorld, value: str) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello", name="Bo Agent Smith")
    await world.connector.act(act(number, Verb.ASSIGN, value))
    assert z.tickets[number].assignee == z.agent.id
    await world.connector.act(act(number, Verb.ASSIGN, "group: billing"))
    assert (z.tickets[number].group, z.tickets[number].assignee) == (20, None)
    await world.connector.act(act(number, Verb.ASSIGN))
    for nobody in (JANE, "Agent", "group:Nosuch"):
        with pytest.raises(Rejected):
            await world.connector.act(act(number, Verb.ASSIGN, nobody))


async def test_what_is_solved_gets_somebody_who_solved_it(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello")
    await world.connector.act(act(number, Verb.STATUS, "Solved"))
    assert (z.tickets[number].status, z.tickets[number].assignee) == ("solved", z.admin.id)
    for value in ("closed", "deleted", "nonsense"):
        with pytest.raises(Rejected, match="no status"):
            await world.connector.act(act(number, Verb.STATUS, value))


@pytest.mark.parametrize(("value", "wanted"), [
    ("High", "high"), ("0", "low"), ("50", "normal"), ("100", "urgent"),
])
async def test_priorities_by_name_or_scale(world: ZendeskWorld, value: str, wanted: str) -> None:
    number = world.zendesk.write(JANE, "hello")
    await world.connector.act(act(number, Verb.PRIORITY, value))
    assert world.zendesk.tickets[number].priority == wanted
    with pytest.raises(Rejected, match="no priority"):
        await world.connector.act(act(number, Verb.PRIORITY, "3 high"))


async def test_tags_that_others_set_stay(world: ZendeskWorld) -> None:
    z = world.zendesk
    number = z.write(JANE, "hello")
    z.tickets[number].tags = ["theirs", "old"]
    change = json.dumps({"add": ["New Tag", "theirs"], "remove": ["old", "never"]})
    await world.connector.act(act(number, Verb.TAGS, change))
    assert z.tickets[number].tags == ["theirs", "new_tag"]
    asked = len(z.requests)
    await world.connector.act(act(number, Verb.TAGS, change))
    assert all(method == "GET" for method, _ in z.requests[asked:])
    with pytest.raises(Rejected, match="not given"):
        await world.connector.act(act(number, Verb.TAGS, "[]"))


# finding and canned replies -----------------------------------------------------------------------------------------


async def test_tickets_are_found_by_words_name_and_mail(world: ZendeskWorld) -> None:
    z = world.zendesk
    z.write(JANE, "the red parcel", name="Jane Doe")
    z.write("bo@example.test", "a blue one", name="Bo Larsen")
    for words, text in (("red parcel", "the red parcel"), ("larsen", "a blue one"), (JANE, "the red parcel")):
        page = await world.connector.find(words)
        assert [m.text for m in page.messages] == [text], words
        assert page.backfill
    assert (await world.connector.find('"):*')).messages == ()
    assert (await world.connector.history(str(z.tickets[1].requester))).messages[0].text == "the red parcel"


@pytest.mark.parametrize(("words", "plain"), [
    ('status:open "c" (d)', "status open c d"), ("-spam OR y", "spam y"), ("jane@example.test", "jane@example.test"),
    ("created>2020", "created 2020"), ("*", ""),
])
def test_words_mean_nothing_to_the_search(words: str, plain: str) -> None:
    assert plain_words(words) == plain


@pytest.mark.parametrize(("theirs", "ours"), [
    ("Hi {{ticket.requester.first_name}},", "Hi {{ customer.first_name }},"),
    ("{{ ticket.requester.first_name }} {{ticket.requester.last_name}}", "{{ customer.name }}"),
    ("{{current_user.name}} #{{ticket.id}}", "{{ agent.name }} #{{ ticket_number }}"),
    ("{{dc.refund_policy}}", "{{ dc.refund_policy }}"),
    ("{{ticket.ticket_field_77}}", "{{ ticket.ticket_field_77 }}"),
    ("{{ticket.tags | upcase}}", "{{ '{{' }}ticket.tags | upcase}}"),
    ("{% if x %}a{% endif %}", "{{ '{%' }} if x %}a{{ '{%' }} endif %}"),
])
def test_placeholders_become_ours_and_nothing_else_does(theirs: str, ours: str) -> None:
    assert translated(theirs) == ours
    assert template.problem(ours) is None


async def test_macros_are_canned_replies(world: ZendeskWorld) -> None:
    def macro(number: int, title: str, **actions: Any) -> dict[str, Any]:
        return {"id": number, "title": title, "active": True,
                "actions": [{"field": name, "value": value} for name, value in actions.items()]}

    world.zendesk.nonsense = "a macro that is none"
    world.zendesk.macros = [
        macro(1, "Billing::Refund", comment_value_html="<p>Hi {{ticket.requester.first_name}},</p><p>done</p>",
              status="pending", priority="high", assignee_id="current_user", current_tags="refund money"),
        macro(2, "Plain", comment_value=["channel:all", "Thanks & bye"], remove_tags="late", custom_fields_1="x"),
        macro(3, "Private", comment_value="for us", comment_mode_is_public=False, status="solved"),
        macro(4, "Nothing of ours", group_id="20"),
        {**macro(5, "Old", comment_value="x"), "active": False}, {"id": "broken", "actions": 7},
        *(macro(10 + n, f"More {n}", comment_value="more") for n in range(100)),
    ]
    found = await world.connector.canned()
    assert [(one.ref, one.name, one.title, one.text, one.actions) for one in found[:3]] == [
        ("macro 1", "Refund", "Billing · Refund", "Hi {{ customer.first_name }},\n\ndone",
         ("status pending", "priority high", "claim", 'tag "refund money"')),
        ("macro 2", "Plain", "Plain", "Thanks & bye", ("tag -late",)),
        ("macro 3", "Private", "Private", "", ("status solved",)),
    ]
    assert len(found) == 103


# signing in ---------------------------------------------------------------------------------------------------------


async def test_who_we_are_and_what_is_hidden(world: ZendeskWorld) -> None:
    world.zendesk.suspended = 3
    account = await world.connector.verify()
    assert (account.ref, account.name, account.scopes) == ("ada@desk.example", "Ada Admin", ("Billing", "Support"))
    assert any(w.startswith("3 messages lie among the suspended") for w in account.warnings)
    agent = await world.connect(BO).verify()
    assert any("search" in warning for warning in agent.warnings)
    assert ("GET", "/incremental/tickets/cursor") in world.zendesk.requests


async def test_a_light_agent_may_only_write_notes(world: ZendeskWorld) -> None:
    world.zendesk.agent.extra["role_type"] = 1
    number = world.zendesk.write(JANE, "hello")
    light = world.connect(BO)
    account = await light.verify()
    assert "light agent" in account.warnings[0]
    assert not any((light.caps.can_reply, light.caps.can_assign, light.caps.can_status, light.caps.can_open))
    assert light.caps.can_note
    with pytest.raises(Rejected, match="light agent"):
        await light.send(out(number))
    with pytest.raises(Rejected, match="light agents"):
        await light.act(act(number, Verb.CLAIM))
    with pytest.raises(Rejected, match="light agents"):
        await light.send(ticket())
    await light.send(out(number, "a note", "c2", OutKind.NOTE))
    assert world.zendesk.copies("a note", public=False) == 1
    world.zendesk.agent.extra = {"only_private_comments": True}
    private = world.connect(BO)
    assert "private comments only" in (await private.verify()).warnings[0]
    assert (private.caps.can_reply, private.caps.can_assign) == (False, True)
    await light.close()
    await private.close()


async def test_what_a_role_may_not_see_is_done_without(world: ZendeskWorld) -> None:
    number = world.zendesk.write(JANE, "hello")
    for path in ("/ticket_fields", "/suspended_tickets", "/identities"):
        world.line.faults.append(Fault("status", status=403, path=path, body=b'{"error": "Forbidden"}', times=9))
    await world.connector.verify()
    head = (await world.connector.thread(str(number))).conversations[0]
    assert "Order number" not in head.fields
    assert (await world.connector.customer(head.customer_ref)).contacts == (JANE,)


@pytest.mark.parametrize("oauth", [True, False])
async def test_both_kinds_of_tokens_work(world: ZendeskWorld, oauth: bool) -> None:
    connector = world.connect(BO, oauth=oauth)
    assert (await connector.verify()).ref == BO
    given = world.line.seen[-1].headers["authorization"]
    assert given.startswith("Bearer " if oauth else "Basic ")
    await connector.close()


async def test_a_customers_token_is_not_an_agents(world: ZendeskWorld) -> None:
    world.zendesk.user("Jane", JANE).token = "token-of-a-customer"
    with pytest.raises(AuthError, match="not an agent"):
        await world.connect(JANE).verify()
    world.line.faults = [Fault("status", status=200, path="/users/me", body=b'{"user": {"id": null}}')]
    with pytest.raises(AuthError):
        await world.connector.verify()


@pytest.mark.parametrize("kind", ["api", "oauth"])
async def test_signing_in_asks_only_what_is_needed(clock: ManualClock, kind: str) -> None:
    more = ["ann@acme.example"] if kind == "api" else []
    ask = Answers("acme", kind, *more, " secret-token ")
    found = await sign_in(ask, clock)
    assert (found.name, found.secret) == ("acme", "secret-token")
    assert found.settings == {"url": "https://acme.zendesk.com", **({"user": more[0]} if more else {})}
    assert "Admin" in ask.told[0]
    config = msgspec.convert({"kind": "zendesk", "name": found.name, **found.settings}, ZendeskSource)
    connector = create(config, clock=clock, token=lambda: found.secret)
    assert connector.name == "zendesk:acme"
    await connector.close()


def test_the_header_is_as_zendesk_wants_it() -> None:
    assert authorization("a@b.c", "t") == {"Authorization": "Basic YUBiLmMvdG9rZW46dA=="}
    assert authorization("", "t") == {"Authorization": "Bearer t"}
