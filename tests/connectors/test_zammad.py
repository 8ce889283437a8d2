"""Zammad's own traps, on the fake."""

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

from agentdesk.config.sources import ZammadSource
from agentdesk.connectors.addresses import label, site
from agentdesk.connectors.items import iso
from agentdesk.connectors.registry import create
from agentdesk.connectors.zammad import sign_in
from agentdesk.connectors.zammad.canned import translated
from agentdesk.connectors.zammad.client import plain_words
from agentdesk.connectors.zammad.reading import Cursor
from agentdesk.connectors.zammad.wire import Ticket
from agentdesk.errors import (
    Ambiguous,
    AuthError,
    BadAnswer,
    Conflict,
    Gone,
    Rejected,
    TooLong,
    Unavailable,
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
from tests.contract.test_zammad import JANE, ZammadWorld
from tests.fakes.wire import Reply


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[ZammadWorld]:
    world = ZammadWorld(clock)
    yield world
    await world.connector.close()


def upload(path: Path, content: bytes = b"file content") -> Upload:
    path.write_bytes(content)
    return Upload(path=str(path), name=path.name, mime="text/plain", size=len(content),
                  digest=hashlib.sha256(content).hexdigest())


async def test_whatever_the_next_look_shows_again_is_remembered(world: ZammadWorld) -> None:
    reader, at = world.connector._reader, world.clock.now()
    cursor = Cursor(since=at)
    reader._note(cursor, [Ticket(id=number, updated_at=iso(at), created_at=iso(at)) for number in range(1, 1_200)])
    assert len(cursor.seen) == 1_199
    cursor.since = at + HOUR
    reader._note(cursor, [])
    assert cursor.seen == {}


# who speaks ---------------------------------------------------------------------------------------------------------


async def test_who_wrote_is_told_from_who_wrote_it_down(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "<p>Where &amp; when?</p>", name="Jane Doe")
    jane = z.user(JANE).id
    z.add(number, z.agent2.id, "she called again", type="phone", sender="Customer", origin=jane)
    z.add(number, 1, "We got your mail", sender="System")
    z.add(number, z.agent2.id, "on its way", from_="Bo Agent via <desk@desk.example>")
    z.add(number, z.agent2.id, "depot says", type="note", internal=True)
    z.add(number, jane, "hidden by an agent", sender="Customer", internal=True)
    page = await world.connector.thread(str(number))
    assert [(m.text, m.direction, m.visibility, m.author.name) for m in page.messages] == [
        ("Where & when?", Direction.IN, Visibility.DIRECT, "Jane Doe"),
        ("she called again", Direction.IN, Visibility.DIRECT, "Jane Doe"),
        ("We got your mail", Direction.NOTE, Visibility.DIRECT, "Zammad"),
        ("on its way", Direction.OUT, Visibility.DIRECT, "Bo Agent"),
        ("depot says", Direction.NOTE, Visibility.INTERNAL, "Bo Agent"),
        ("hidden by an agent", Direction.IN, Visibility.INTERNAL, "Jane Doe"),
    ]
    assert page.messages[0].author.handle == JANE
    assert page.profiles[0].ref == page.conversations[0].customer_ref == str(jane)
    assert page.profiles[0].contacts == (JANE,)


async def test_public_channels_are_public(world: ZammadWorld) -> None:
    number = world.zammad.write("@jane", "hey @acme", channel="twitter status", from_="@jane")
    page = await world.connector.thread(str(number))
    assert page.messages[0].visibility is Visibility.PUBLIC


async def test_a_ticket_says_what_zammad_knows(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "hello")
    z.tickets[number].tags = ["late", "Köln"]
    z.tickets[number].extra = {
        "first_response_escalation_at": "2026-01-01T04:00:00.000Z", "update_escalation_at": "2026-01-01T05:00:00.000Z",
        "close_escalation_at": "2026-01-03T00:00:00.000Z", "escalation_at": "2026-01-01T04:00:00.000Z",
        "order_no": "4711", "is_urgent": True, "empty": None,
    }
    head = (await world.connector.thread(str(number))).conversations[0]
    hour = world.clock.now()
    assert [(due.kind, due.due_at - hour) for due in head.due or ()] == [
        (ClockKind.FIRST, 4 * HOUR), (ClockKind.NEXT, 5 * HOUR), (ClockKind.RESOLUTION, 2 * DAY)]
    assert head.fields == {"ticket_number": "67001", "order_no": "4711", "is_urgent": "True"}
    assert (head.status, head.priority, head.queue, head.tags) == ("new", "2 normal", "Users", ("late", "Köln"))
    assert head.url == "https://zammad.example/#ticket/zoom/1"
    z.tickets[number].extra.update(first_response_at="2026-01-01T01:00:00Z", close_at="2026-01-01T02:00:00Z")
    head = (await world.connector.thread(str(number))).conversations[0]
    assert [due.kind for due in head.due or ()] == [ClockKind.NEXT]


async def test_an_answer_whose_mail_failed_is_shown_on_the_ticket(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "hello")
    failed = {"delivery_status": "fail", "delivery_status_message": "550 no such user"}
    z.add(number, z.agent1.id, "answer", preferences=failed)
    head = (await world.connector.thread(str(number))).conversations[0]
    assert "550 no such user" in head.fields["delivery"]


async def test_a_mail_that_zammad_gave_up_is_an_undelivered_answer(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "hello")
    failed = {"delivery_status": "fail", "delivery_status_message": "550 no such\x07 user", "delivery_retry": 2}
    article = z.add(number, z.agent1.id, "answer", preferences=failed)
    pages, cursor = await drain(world.connector)
    assert [one for page in pages for one in page.undelivered] == [], "Zammad tries again by itself"
    world.clock.advance(SECOND)
    z.add(number, z.agent1.id, "Unable to send email", sender="System", internal=True,
          preferences={"delivery_article_id_related": article.id, "delivery_message": True})
    pages, _ = await drain(world.connector, cursor)
    assert [(one.ref, one.reason) for page in pages for one in page.undelivered] == [
        (str(article.id), "550 no such␇ user")]


async def test_a_merged_ticket_is_closed_and_cannot_be_answered(world: ZammadWorld) -> None:
    z = world.zammad
    one, two = z.write(JANE, "one"), z.write(JANE, "two")
    _, cursor = await drain(world.connector)
    world.clock.advance(SECOND)
    z.merge(one, two)
    pages, _ = await drain(world.connector, cursor)
    head = heads(pages)[str(one)]
    assert (head.status, head.closed) == ("merged", True)
    assert head.locked_reason == f"It was merged into ticket {two}: answer there"
    assert head.merged_into == str(two)
    assert {(m.text, m.conversation_ref, m.direction) for page in pages for m in page.messages} == {
        ("one", str(two), Direction.IN), ("merged", str(one), Direction.NOTE)}
    with pytest.raises(Rejected, match="part of another"):
        await world.connector.send(out(one))


async def test_a_ticket_merged_into_one_that_is_out_of_sight_stays_where_it_is(world: ZammadWorld) -> None:
    z = world.zammad
    world.connector = world.connect(groups=("Users",))
    one, two = z.write(JANE, "one"), z.write(JANE, "two", group=2)
    _, cursor = await drain(world.connector)
    world.clock.advance(SECOND)
    z.merge(one, two)
    pages, _ = await drain(world.connector, cursor)
    head = heads(pages)[str(one)]
    assert (head.closed, head.merged_into, str(two) in heads(pages)) == (True, "", False)
    z.histories.clear()
    page = await world.connector.thread(str(one))
    assert page.conversations[0].locked_reason == "It was merged into another ticket: answer there"


async def test_what_the_server_closes_by_itself_is_told(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "one")
    z.tickets[number].state = 7
    z.tickets[number].extra["pending_time"] = "2026-01-01T01:00:00.000Z"
    pages, cursor = await drain(world.connector)
    assert heads(pages)["1"].closed is False
    assert heads(pages)["1"].fields["pending_until"] == "2026-01-01T01:00:00.000Z"
    world.clock.advance(HOUR)
    z.tickets[number].state = 4
    z.touch(number)
    pages, _ = await drain(world.connector, cursor)
    assert (heads(pages)["1"].status, heads(pages)["1"].closed, texts(pages)) == ("closed", True, [])


# pulling ------------------------------------------------------------------------------------------------------------


async def test_many_tickets_of_one_instant_all_come(world: ZammadWorld) -> None:
    z = world.zammad
    for number in range(130):
        z.write(f"c{number}@example.test", f"post {number}")
    pages, cursor = await drain(world.connector)
    assert len(set(texts(pages))) == 130
    world.clock.advance(SECOND)
    for number in list(z.tickets):
        z.add(number, z.agent2.id, f"sorry {number}")
    pages, cursor = await drain(world.connector, cursor)
    assert len(set(texts(pages))) == 130
    pages, _ = await drain(world.connector, cursor)
    assert texts(pages) == []


async def test_a_ticket_that_moves_to_the_end_pushes_none_over_the_edge(world: ZammadWorld) -> None:
    z = world.zammad
    z.write(JANE, "first")
    _, cursor = await drain(world.connector)
    for number in range(120):
        world.clock.advance(MINUTE)
        z.write(JANE, f"post {number}")
    early = {"left": 10}
    handle = z.handle

    def restless(method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        answer = handle(method, url, headers, body)
        if "search" in url and early["left"]:  # a colleague works through the list while we read it
            early["left"] -= 1
            z.touch(12 - early["left"])
        return answer

    world.line.handler = restless
    pages, _ = await drain(world.connector, cursor)
    assert {f"post {number}" for number in range(120)} <= set(texts(pages))


async def test_the_search_index_may_run_behind(clock: ManualClock) -> None:
    world = ZammadWorld(clock, exact=False)
    z = world.zammad
    z.write(JANE, "one")
    assert "runs behind" in (await world.connector.verify()).warnings[0]
    _, cursor = await drain(world.connector)
    z.index_lag = True
    clock.advance(MINUTE)
    z.write(JANE, "late to be seen")
    clock.advance(5 * MINUTE)
    z.index_lag = False
    late = dict(z.index)
    z.write(JANE, "seen at once")
    z.index = {**late, 3: z.index[3]}
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == ["seen at once"]
    clock.advance(2 * MINUTE)
    z.reindex()
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == ["late to be seen"]
    assert texts((await drain(world.connector, cursor))[0]) == []
    await world.connector.close()


async def test_an_old_ticket_that_comes_back_comes_whole(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "long ago")
    z.tickets[number].state = 4
    world.clock.advance(30 * DAY)
    z.write("other@example.test", "today")
    pages, cursor = await drain(world.connector)
    assert texts(pages) == ["today"]
    world.clock.advance(HOUR)
    z.write(JANE, "again", ticket=number)
    pages, _ = await drain(world.connector, cursor)
    assert texts(pages) == ["long ago", "again"]
    assert not any(page.backfill for page in pages)


async def test_the_backfill_keeps_to_its_limits(world: ZammadWorld) -> None:
    z = world.zammad
    for number in range(30):
        z.tickets[z.write(JANE, f"closed {number}")].state = 4
        world.clock.advance(MINUTE)
    still = [z.write(JANE, f"open {number}") for number in range(25)]
    world.connector = world.connect(backfill_items=7)
    pages, cursor = await drain(world.connector)
    assert sum(text.startswith("open") for text in texts(pages)) == len(still)
    assert sorted(text for text in texts(pages) if text.startswith("closed")) == [f"closed {n}" for n in range(23, 30)]
    assert all(page.backfill for page in pages)
    assert texts((await drain(world.connector, cursor))[0]) == []
    world.connector = world.connect(backfill=0)
    assert not any(text.startswith("closed") for text in texts((await drain(world.connector))[0]))


async def test_only_watched_groups_and_what_leaves_them(world: ZammadWorld) -> None:
    z = world.zammad
    mine, theirs = z.write(JANE, "for users"), z.write(JANE, "for billing", group=2)
    world.connector = world.connect(groups=("users", "Nosuch"))
    assert (await world.connector.verify()).scopes == ("Users",)
    pages, cursor = await drain(world.connector)
    assert texts(pages) == ["for users"]
    world.clock.advance(DAY)
    z.tickets[mine].group = 2
    z.touch(mine)
    z.touch(theirs)
    pages, cursor = await drain(world.connector, cursor)
    assert {ref: "not watched" in head.locked_reason for ref, head in heads(pages).items()} == {str(mine): True}
    world.clock.advance(SECOND)
    z.tickets[theirs].group = 1
    z.touch(theirs)
    pages, _ = await drain(world.connector, cursor)
    assert texts(pages) == ["for billing"]
    with pytest.raises(AuthError, match="no group"):
        await world.connect(groups=("Secret",)).verify()


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null"])
async def test_an_empty_answer_about_us_is_no_dead_token(world: ZammadWorld, body: bytes) -> None:
    world.line.faults.append(Fault("status", path="/users/me", status=200, body=body))
    with pytest.raises(BadAnswer, match="who we are"):
        await world.connector.verify()
    assert (await world.connector.verify()).ref == "agent1@desk.example"


async def test_a_server_that_was_set_back_is_a_gap_and_is_read_again(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "yesterday")
    kept = z.tickets[number].updated
    world.clock.advance(DAY)
    z.write(JANE, "today", ticket=number)
    _, cursor = await drain(world.connector)
    z.articles.pop()
    z.tickets[number].updated = kept
    pages, cursor = await drain(world.connector, cursor)
    assert "earlier state" in next(page.gap.reason for page in pages if page.gap)
    assert texts(pages) == ["yesterday"]
    assert not any(page.gap for page in (await drain(world.connector, cursor))[0])


async def test_tickets_that_are_deleted_are_no_gap(world: ZammadWorld) -> None:
    z = world.zammad
    z.write(JANE, "stays")
    world.clock.advance(DAY)
    spam = z.write(JANE, "spam")
    _, cursor = await drain(world.connector)
    del z.tickets[spam]
    page = await world.connector.pull(cursor)
    assert page.gap is None
    assert page.messages == ()


@pytest.mark.parametrize("cursor", ["", "nonsense", "[]", '{"v": 2}', '{"v": 1, "seen": 7}'])
async def test_a_cursor_that_cannot_be_read_means_a_full_walk(world: ZammadWorld, cursor: str) -> None:
    world.zammad.write(JANE, "hello")
    assert "hello" in texts((await drain(world.connector, cursor))[0])


async def test_a_hidden_or_deleted_ticket_is_gone(world: ZammadWorld) -> None:
    number = world.zammad.write(JANE, "secret", group=5)
    assert texts((await drain(world.connector))[0]) == []
    for ref in (str(number), "99"):
        with pytest.raises(Gone):
            await world.connector.thread(ref)
    for ref in ("no number", "1 OR 1", "9" * 40):
        with pytest.raises(Rejected):
            await world.connector.thread(ref)


@pytest.mark.parametrize("old", ["tickets", "list"])
async def test_older_forms_of_the_list_are_read(world: ZammadWorld, old: str) -> None:
    handle = world.zammad.handle

    def older(method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        answer = handle(method, url, headers, body)
        if "/tickets/search" in url:
            data = answer.data
            ids = data["record_ids"]
            rows = [data["assets"]["Ticket"][str(number)] for number in ids]
            full = {"tickets": ids, "tickets_count": len(ids), "assets": data["assets"]}
            answer.data = rows if old == "list" else full
        return answer

    world.line.handler = older
    world.zammad.write(JANE, "hello", name="Jane Doe")
    pages, _ = await drain(world.connector)
    assert [m.author.name for page in pages for m in page.messages] == ["Jane Doe"]
    assert heads(pages)["1"].status == "new"


@pytest.mark.parametrize("answer", [b"", b"null", b"7", b'"x"', b"<html>", b'{"assets": 7, "record_ids": {}}'])
async def test_nonsense_for_a_list_is_said_or_empty_but_never_a_crash(world: ZammadWorld, answer: bytes) -> None:
    world.zammad.write(JANE, "hello")
    _, cursor = await drain(world.connector)
    for path in ("/tickets/search", "/ticket_articles/by_ticket/1", "/tickets/1"):
        world.line.faults = [Fault("status", status=200, path=path, body=answer, times=9)]
        with suppress(BadAnswer, Gone):
            await world.connector.pull(cursor)
            await world.connector.thread("1")


async def test_a_list_without_end_is_left_for_the_next_pull(world: ZammadWorld) -> None:
    number = world.zammad.write(JANE, "hello")
    _, cursor = await drain(world.connector)
    row = world.zammad._row(world.zammad.tickets[number])
    same = {"record_ids": [number] * 100, "assets": {"Ticket": {str(number): row}}, "total_count": 10**9}
    world.line.faults = [Fault("status", status=200, path="/tickets/search", times=10**6,
                               body=json.dumps(same).encode())]
    page = await world.connector.pull(cursor)
    assert page.messages == ()
    assert sum(r.url.path.endswith("search") for r in world.line.seen) < 80


# writing ------------------------------------------------------------------------------------------------------------


async def test_a_note_is_never_of_the_kind_that_is_mailed(world: ZammadWorld) -> None:
    number = world.zammad.write(JANE, "hello")
    await world.connector.send(out(number, "between us", kind=OutKind.NOTE))
    article = world.zammad.articles[-1]
    assert (article.type, article.internal, world.zammad.mails) == ("note", True, [])


async def test_no_article_is_ever_mail_and_internal(world: ZammadWorld) -> None:
    z = world.zammad
    for place, channel in enumerate(("email", "phone", "web", "chat", "sms", "telegram personal-message")):
        number = z.write(JANE, "hello", channel=channel)
        for kind in (OutKind.REPLY, OutKind.NOTE):
            await world.connector.send(out(number, "text", f"{place} {kind}", kind))
    await world.connector.send(out(1, "transcript", "t", OutKind.TICKET, customer_mail=JANE, place="Users"))
    assert not [a for a in z.articles if a.type == "email" and a.internal]
    assert all(a.internal == (a.sender == "Agent" and a.type == "note") for a in z.articles)


@pytest.mark.parametrize(("channel", "sender", "kind", "to"), [
    ("email", JANE, "email", JANE),
    ("phone", JANE, "email", JANE),
    ("web", JANE, "email", JANE),
    ("web", "portal-user", "note", ""),
    ("sms", "+4930123", "sms", "+4930123"),
    ("telegram personal-message", "@jane", "telegram personal-message", ""),
    ("whatsapp message", "4930123", "whatsapp message", ""),
    ("twitter status", "@jane", "twitter status", "@jane"),
    ("facebook feed post", "Jane", "facebook feed comment", ""),
])
async def test_an_answer_goes_out_as_the_question_came(
    world: ZammadWorld, channel: str, sender: str, kind: str, to: str
) -> None:
    said = f"Jane Doe <{JANE}>" if channel == "email" else sender
    number = world.zammad.write(sender, "hello", channel=channel, name="Jane Doe", from_=said, message_id="<m1>")
    world.zammad.add(number, world.zammad.agent2.id, "a note between", type="note", internal=True)
    await world.connector.send(out(number))
    article = world.zammad.articles[-1]
    assert (article.type, article.to, article.internal, article.content_type) == (kind, to, False, "text/plain")
    if channel == "email":
        assert (article.subject, article.in_reply_to) == ("Question", "<m1>")


@pytest.mark.parametrize(("said", "to"), [
    ("Doe, Jane <jane@example.test>", JANE), ('"Doe, Jane" <jane@example.test>', JANE), ("jane@example.test", JANE),
    ("Jane <other@example.test>, Bo <bo@example.test>", "other@example.test"), ("nonsense", JANE), ("", JANE),
])
async def test_mail_goes_to_one_plain_address(world: ZammadWorld, said: str, to: str) -> None:
    number = world.zammad.write(JANE, "hello", from_=said)
    await world.connector.send(out(number))
    assert [address for address, _ in world.zammad.mails] == [to]


async def test_the_article_that_is_answered_decides(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "by mail")
    z.write("@jane", "by telegram", ticket=number, channel="telegram personal-message")
    mail = z.articles[0].id
    await world.connector.send(out(number, client_id="1"))
    await world.connector.send(out(number, client_id="2", reply_to_ref=str(mail)))
    assert [a.type for a in z.articles[-2:]] == ["telegram personal-message", "email"]


async def test_who_cannot_be_reached_is_said_before_anything_is_sent(world: ZammadWorld) -> None:
    z = world.zammad
    z.addresses[2] = None
    caller = z.write("caller", "rang", channel="phone")
    old = z.write("4930123", "hello", channel="whatsapp message")
    z.tickets[old].preferences = {"whatsapp": {"timestamp_incoming": world.clock.now() // SECOND - 25 * 3600}}
    for number in (caller, old):
        with pytest.raises(WindowClosed) as caught:
            await world.connector.send(out(number))
        assert caught.value.remedy
    billing = z.write(JANE, "hello", group=2)
    with pytest.raises(Rejected, match="no mail address to send from"):
        await world.connector.send(out(billing))
    tweet = z.write("@jane", "hey", channel="twitter status")
    with pytest.raises(TooLong):
        await world.connector.send(out(tweet, "x" * 281))
    assert not [a for a in z.articles if a.sender == "Agent"]


async def test_refusals_carry_zammads_words(world: ZammadWorld) -> None:
    number = world.zammad.write("jane", "hello", from_="Jane <broken@>")
    world.zammad.users[world.zammad.tickets[number].customer].email = "nonsense"
    with pytest.raises(Rejected) as caught:
        await world.connector.send(out(number))
    assert "without a valid recipient" in caught.value.cause


async def test_a_masked_failure_leaves_it_open_whether_it_was_sent(world: ZammadWorld) -> None:
    number = world.zammad.write(JANE, "hello")
    world.line.faults = [Fault("lie", method="POST", path="/ticket_articles", status=500,
                               body=b'{"error": "Error ID x: Please contact your administrator."}')]
    started = world.clock.now()
    with pytest.raises(Ambiguous):
        await world.connector.send(out(number))
    assert isinstance(await world.connector.reconcile(out(number), started), Found)
    world.line.faults = [Fault("garbage", method="POST", path="/ticket_articles")]
    with pytest.raises(Ambiguous):
        await world.connector.send(out(number, "more", "c2"))


async def test_without_our_id_an_answer_is_found_by_its_words(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "hello")
    z.keeps_preferences = False
    receipt = await world.connector.send(out(number, "the answer"))
    found = await world.connector.reconcile(out(number, "the answer"), world.clock.now())
    assert isinstance(found, Found)
    assert found.receipt.ref == receipt.ref
    assert isinstance(await world.connector.reconcile(out(number, "another", "c2"), world.clock.now()), Unsure)
    z.add(number, z.agent2.id, "their words", content_type="text/plain")
    later = world.clock.now() - 2 * MINUTE
    assert isinstance(await world.connector.reconcile(out(number, "their words", "c3"), later), Absent)
    del z.tickets[number]
    assert isinstance(await world.connector.reconcile(out(number, "the answer"), later), Unsure)


async def test_files_go_along_and_come_back(world: ZammadWorld, tmp_path: Path) -> None:
    number = world.zammad.write(JANE, "hello")
    sent = upload(tmp_path / "label.txt", b"\x00\xff bytes")
    await world.connector.send(out(number, uploads=(sent,)))
    message = (await world.connector.thread(str(number))).messages[-1]
    assert [(a.name, a.mime, a.size) for a in message.attachments] == [("label.txt", "text/plain", 8)]
    file = io.BytesIO()
    await world.connector.download(message.attachments[0].url, file, 1_000)
    assert file.getvalue() == b"\x00\xff bytes"
    with pytest.raises(Rejected, match="larger"):
        await world.connector.download(message.attachments[0].url, io.BytesIO(), 5)
    with pytest.raises(BadAnswer):
        await world.connector.download("https://elsewhere.example/x", io.BytesIO(), 5)
    (tmp_path / "label.txt").write_bytes(b"something else")
    with pytest.raises(Rejected, match="not what it was"):
        await world.connector.send(out(number, client_id="c2", uploads=(sent,)))
    sms = world.zammad.write("+49301", "hello", channel="sms")
    with pytest.raises(Rejected, match="carries no files"):
        await world.connector.send(out(sms, client_id="c3", uploads=(sent,)))


async def test_a_mails_second_form_is_no_attachment(world: ZammadWorld) -> None:
    files = [{"filename": "message.html", "mime": "text/html", "size": 5, "preferences": {"content-alternative": True}},
             {"filename": "photo.jpg", "mime": "image/jpeg; name=photo.jpg", "size": 9}]
    number = world.zammad.write(JANE, "hello", files=files)
    found = (await world.connector.thread(str(number))).messages[0].attachments
    assert [(a.name, a.mime) for a in found] == [("photo.jpg", "image/jpeg")]


# opening tickets ----------------------------------------------------------------------------------------------------


def ticket(text: str = "Jane: where is it?", client_id: str = "t1", **more: Any) -> Outgoing:
    usual = {"subject": "Parcel lost", "customer_name": "Jane Doe", "customer_mail": JANE, "place": "Users"}
    return out("mastodon-7", text, client_id, OutKind.TICKET, **{**usual, **more})


async def test_a_ticket_is_opened_with_transcript_customer_and_tags(world: ZammadWorld) -> None:
    z = world.zammad
    receipt = await world.connector.send(ticket(tags=("late", "post office, Köln")))
    made = z.tickets[int(receipt.conversation_ref)]
    assert (made.title, made.group, made.tags) == ("Parcel lost", 1, ["late", "post office  Köln"])
    customer = z.users[made.customer]
    assert (customer.firstname, customer.lastname, customer.email) == ("Jane", "Doe", JANE)
    assert (z.articles[-1].internal, z.articles[-1].type, z.mails) == (True, "note", [])
    assert receipt.url.endswith(f"/#ticket/zoom/{receipt.conversation_ref}")
    again = await world.connector.send(ticket(tags=("late",)))
    assert (again.conversation_ref, len(z.tickets)) == (receipt.conversation_ref, 1)


async def test_a_customer_without_mail_is_known_by_the_handle(world: ZammadWorld) -> None:
    z = world.zammad
    one = await world.connector.send(ticket(customer_mail="", customer_handle="Jane@Social.example"))
    two = await world.connector.send(ticket(client_id="t2", customer_mail="", customer_handle="@jane@social.example"))
    first, second = (z.tickets[int(receipt.conversation_ref)].customer for receipt in (one, two))
    assert first == second
    assert (z.users[first].login, z.users[first].email) == ("@jane@social.example", "")
    with pytest.raises(Rejected, match="whose ticket"):
        await world.connector.send(ticket(client_id="t3", customer_mail=""))


async def test_where_nothing_says_which_group_gets_a_ticket_its_place_must_be_named(world: ZammadWorld) -> None:
    await world.connector.verify()
    assert world.connector.caps.open_places == ()
    unsaid = world.connect(ticket_group="")
    await unsaid.verify()
    assert unsaid.caps.open_places == ("Sales::Billing", "Users")
    watched = world.connect(groups=("Sales::Billing",), ticket_group="")
    await watched.verify()
    assert watched.caps.open_places == ()


async def test_where_a_ticket_goes_must_be_known(world: ZammadWorld) -> None:
    with pytest.raises(Rejected) as caught:
        await world.connector.send(ticket(place="Nosuch"))
    assert "Sales::Billing, Users" in caught.value.cause
    with pytest.raises(Rejected, match="not said which group"):
        await world.connect(ticket_group="").send(ticket(place=""))
    receipt = await world.connector.send(ticket(place="billing"))
    assert world.zammad.tickets[int(receipt.conversation_ref)].group == 2
    other = world.connect(groups=("Sales::Billing",), ticket_group="")
    receipt = await other.send(ticket(client_id="t2", place=""))
    assert world.zammad.tickets[int(receipt.conversation_ref)].group == 2
    with pytest.raises(Rejected, match="refuses"):
        await world.connector.send(ticket(client_id="t3", customer_mail="no mail address"))


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_ticket_whose_answer_was_lost_is_found(world: ZammadWorld, keeps: bool) -> None:
    world.zammad.keeps_preferences = keeps
    handle = world.zammad.handle

    def cut(method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        answer = handle(method, url, headers, body)
        if method == "POST" and url.endswith("/tickets"):
            raise httpx.ReadError("connection reset")
        return answer

    sent, started = ticket(), world.clock.now()
    assert isinstance(await world.connector.reconcile(sent, started), Unsure)
    world.line.handler = cut
    with pytest.raises(Ambiguous):
        await world.connector.send(sent)
    world.clock.advance(2 * MINUTE)
    verdict = await world.connector.reconcile(sent, started)
    assert isinstance(verdict, Found)
    assert verdict.receipt.conversation_ref == "1"
    other = ticket("other words", "t2")
    assert isinstance(await world.connector.reconcile(other, started), Absent)
    world.line.handler = handle
    assert (await world.connector.send(sent)).conversation_ref == "1"
    assert len(world.zammad.tickets) == 1


# acting -------------------------------------------------------------------------------------------------------------


async def test_whoever_is_read_back_has_the_ticket(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "hello")

    def colleague() -> None:
        z.tickets[number].owner = z.agent2.id

    z.after_put.append(colleague)
    with pytest.raises(Conflict) as caught:
        await world.connector.act(act(number, Verb.CLAIM))
    assert caught.value.holder == "agent2@desk.example"
    await world.connector.act(act(number, Verb.RELEASE))
    assert z.tickets[number].owner == z.agent2.id
    await world.connector.act(act(number, Verb.CLAIM, "steal"))
    assert z.tickets[number].owner == z.agent1.id
    await world.connector.act(act(number, Verb.RELEASE))
    assert z.tickets[number].owner == 1


async def test_an_owner_that_zammad_does_not_take_is_a_refusal(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "hello")
    z.after_put.append(lambda: setattr(z.tickets[number], "owner", 1))
    with pytest.raises(Rejected, match="did not change its owner"):
        await world.connector.act(act(number, Verb.CLAIM))


@pytest.mark.parametrize("value", ["agent2@desk.example", "Bo Agent", "BO AGENT"])
async def test_tickets_are_given_by_login_or_name(world: ZammadWorld, value: str) -> None:
    z = world.zammad
    number = z.write(JANE, "hello")
    await world.connector.act(act(number, Verb.ASSIGN, value))
    assert z.tickets[number].owner == z.agent2.id
    await world.connector.act(act(number, Verb.ASSIGN))
    assert z.tickets[number].owner == 1
    with pytest.raises(Rejected, match="nobody is called"):
        await world.connector.act(act(number, Verb.ASSIGN, "Agent"))


async def test_a_state_that_waits_gets_an_end(world: ZammadWorld) -> None:
    number = world.zammad.write(JANE, "hello")
    await world.connector.verify()
    assert "waiting for depot" in world.connector.caps.statuses
    assert "merged" not in world.connector.caps.statuses
    await world.connector.act(act(number, Verb.STATUS, "Pending Reminder"))
    assert world.zammad.tickets[number].extra["pending_time"] == "2026-01-02T00:00:00.000Z"
    for value in ("merged", "removed", "nonsense"):
        with pytest.raises(Rejected, match="no state"):
            await world.connector.act(act(number, Verb.STATUS, value))


@pytest.mark.parametrize(("value", "number"), [
    ("3 high", 3), ("High", 3), ("1", 1), ("low", 1), ("0", 1), ("50", 2), ("100", 3),
])
async def test_priorities_by_name_number_or_scale(world: ZammadWorld, value: str, number: int) -> None:
    ref = world.zammad.write(JANE, "hello")
    world.zammad.tickets[ref].priority = 2 if number != 2 else 1
    await world.connector.act(act(ref, Verb.PRIORITY, value))
    assert world.zammad.tickets[ref].priority == number
    with pytest.raises(Rejected, match="no priority"):
        await world.connector.act(act(ref, Verb.PRIORITY, "urgent"))


async def test_tags_that_others_set_stay(world: ZammadWorld) -> None:
    z = world.zammad
    number = z.write(JANE, "hello")
    z.tickets[number].tags = ["theirs", "old"]
    change = json.dumps({"add": ["new", "theirs"], "remove": ["old", "never"]})
    await world.connector.act(act(number, Verb.TAGS, change))
    assert z.tickets[number].tags == ["theirs", "new"]
    z.new_tags = False
    with pytest.raises(Rejected):
        await world.connector.act(act(number, Verb.TAGS, '{"add": ["unheard-of"]}'))
    for bad in ("", "[]", '{"plus": []}'):
        with pytest.raises(Rejected, match="not given"):
            await world.connector.act(act(number, Verb.TAGS, bad))


# finding and canned replies -----------------------------------------------------------------------------------------


async def test_tickets_are_found_by_words_name_and_mail(world: ZammadWorld) -> None:
    z = world.zammad
    z.write(JANE, "the red parcel", name="Jane Doe")
    z.write("bo@example.test", "a blue one", name="Bo Larsen")
    for words, text in (("red parcel", "the red parcel"), ("larsen", "a blue one"), (JANE, "the red parcel")):
        page = await world.connector.find(words)
        assert [m.text for m in page.messages] == [text], words
        assert page.backfill
    assert (await world.connector.find('"):*')).messages == ()


@pytest.mark.parametrize(("words", "plain"), [
    ('a:b "c" (d)', "a b c d"), ("-spam NOT x OR y", "spam x y"), ("jane@example.test", "jane@example.test"),
    ("*", ""), ("x" * 999, "x" * 200),
])
def test_words_mean_nothing_to_the_search_index(words: str, plain: str) -> None:
    assert plain_words(words) == plain


@pytest.mark.parametrize(("theirs", "ours"), [
    ("Hi #{ticket.customer.firstname},", "Hi {{ customer.first_name }},"),
    ("#{ticket.customer.firstname} #{ticket.customer.lastname}", "{{ customer.name }}"),
    ("#{user.firstname} #{user.lastname}", "{{ agent.name }}"),
    ("[#{ticket.number}] #{ ticket.title }", "[{{ ticket_number }}] {{ conversation.subject }}"),
    ("#{config.fqdn}", "{{ config.fqdn }}"),
    ("#{ticket.customer[0]}", "#{ticket.customer[0]}"),
    ("{{ 1 }} {% x %} {# y #}", "{{ '{{' }} 1 }} {{ '{%' }} x %} {{ '{#' }} y #}"),
])
def test_placeholders_become_ours_and_nothing_else_does(theirs: str, ours: str) -> None:
    assert translated(theirs) == ours
    assert template.problem(ours) is None


def test_what_stood_there_by_chance_stays_text() -> None:
    assert template.render(translated("{{ x }} {% y %} {# z #} }}"), {}) == "{{ x }} {% y %} {# z #} }}"


async def test_text_modules_and_macros_are_canned_replies(world: ZammadWorld) -> None:
    z = world.zammad
    z.text_modules = [
        {"id": 1, "name": "Delay", "keywords": "delay late", "active": True,
         "content": "<p>Hi #{ticket.customer.firstname},</p><p>sorry &amp; thanks</p>"},
        {"id": 2, "name": "Old", "content": "x", "active": False},
        {"id": "broken", "name": []},
    ]
    note = {"body": "<p>Closed, #{ticket.customer.firstname}</p>", "internal": "false"}
    z.macros = [
        {"id": 4, "name": "Close & tag", "active": True, "perform": {
            "ticket.state_id": {"value": "4"}, "ticket.priority_id": {"value": 1}, "article.note": note,
            "ticket.tags": {"operator": "add", "value": "spam, two words,junk"}, "ticket.group_id": {"value": "1"},
            "ticket.owner_id": {"pre_condition": "current_user.id", "value": ""}}},
        {"id": 5, "name": "Note only", "active": True, "perform": {"article.note": {"body": "x", "internal": "true"}}},
    ]
    found = await world.connector.canned()
    assert [(one.ref, one.name, one.title, one.text, one.actions) for one in found] == [
        ("text_module 1", "delay", "Delay", "Hi {{ customer.first_name }},\n\nsorry & thanks", ()),
        ("macro 4", "Close & tag", "Close & tag", "Closed, {{ customer.first_name }}",
         ("status closed", 'priority "1 low"', 'tag "spam junk"', "claim")),
    ]


# signing in ---------------------------------------------------------------------------------------------------------


async def test_who_we_are(world: ZammadWorld) -> None:
    world.zammad.addresses[2] = None
    account = await world.connector.verify()
    assert (account.ref, account.name, account.scopes) == (
        "agent1@desk.example", "Ada Agent", ("Sales::Billing", "Users"))
    assert "Sales::Billing" in account.warnings[0]
    other = world.connect(closed_status="done and dusted")
    assert any("done and dusted" in warning for warning in (await other.verify()).warnings)


async def test_a_customers_token_is_not_an_agents(world: ZammadWorld) -> None:
    world.zammad.user(JANE).token = "token-of-a-customer"
    with pytest.raises(AuthError) as caught:
        await world.connect(JANE).verify()
    assert "ticket.agent" in caught.value.remedy


async def test_a_server_in_trouble_is_not_taken_for_one_without_conditions(world: ZammadWorld) -> None:
    world.line.faults = [Fault("status", path="/tickets/search", status=503)]
    with pytest.raises(Unavailable):
        await world.connector.verify()
    await world.connector.verify()
    assert ("POST", "/tickets/search") in world.zammad.requests
    assert ("GET", "/tickets/search") not in world.zammad.requests


async def test_a_group_made_later_gets_its_name(world: ZammadWorld) -> None:
    world.zammad.write(JANE, "one")
    _, cursor = await drain(world.connector)
    world.zammad.groups[9], world.zammad.addresses[9] = "Depot", 4
    world.clock.advance(HOUR)
    number = world.zammad.write(JANE, "two", group=9)
    pages, _ = await drain(world.connector, cursor)
    assert heads(pages)[str(number)].queue == "Depot"


async def test_an_unknown_customer_is_gone(world: ZammadWorld) -> None:
    for ref in ("77", "jane", ""):
        with pytest.raises(Gone):
            await world.connector.customer(ref)
    with pytest.raises(Gone):
        await world.connector.history("jane")


async def test_signing_in_asks_for_two_things_and_says_where_the_token_is(clock: ManualClock) -> None:
    ask = Answers("support.acme.example/api/v1/", " secret-token ")
    found = await sign_in(ask, clock)
    assert (found.name, found.secret) == ("acme", "secret-token")
    assert found.settings == {"url": "https://support.acme.example"}
    assert len(ask.asked) == 2
    assert "https://support.acme.example/#profile/token_access" in ask.told[0]
    assert "ticket.agent" in ask.told[0]
    config = msgspec.convert({"kind": "zammad", "name": found.name, **found.settings}, ZammadSource)
    connector = create(config, clock=clock, token=lambda: found.secret)
    assert connector.name == "zammad:acme"
    await connector.close()


@pytest.mark.parametrize(("given", "url", "name"), [
    ("https://desk.example/#ticket/zoom/7", "https://desk.example", "desk"),
    ("acme.zammad.com", "https://acme.zammad.com", "acme"),
    ("help.acme.example/desk/?x=1", "https://help.acme.example/desk", "acme"),
    ("localhost:3000", "http://localhost:3000", "localhost"),
    ("", "", "desk"),
])
def test_an_address_is_made_of_what_people_paste(given: str, url: str, name: str) -> None:
    assert site(given, ("/api/v1", "/#")) == url
    assert label(url) == name
