"""RT's own traps, on the fake; the same server for real is in tests/real."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator

import pytest

from agentdesk.config.sources import RtSource
from agentdesk.connectors.registry import create, kinds
from agentdesk.connectors.rt.client import sql
from agentdesk.connectors.rt.wire import Ticket, Transaction, instant, one, read
from agentdesk.errors import Ambiguous, AuthError, BadAnswer, ConfigError, Conflict, Gone, Rejected, Unavailable
from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.message import Direction, Message, Visibility
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Unsure, Verb
from tests.connectors.exchange import act, drain, out, texts
from tests.contract.test_rt import RtWorld
from tests.fakes.serve import serving
from tests.fakes.wire import Fault, Reply

JANE = "jane@example.test"


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[RtWorld]:
    world = RtWorld(clock)
    yield world
    await world.connector.close()


# the shapes ---------------------------------------------------------------------------------------------------------


def test_nothing_is_said_as_an_empty_string() -> None:
    data = {"id": "7", "Subject": "", "Owner": "", "Requestor": "", "Cc": [], "Due": "1970-01-01T00:00:00Z",
            "Priority": "", "CustomFields": "", "Queue": {"id": "3", "Name": "Support", "_url": "x"}}
    ticket = one(data, Ticket)
    assert (ticket.id, ticket.owner, ticket.Requestor, ticket.Queue.Name) == (7, "", [], "Support")
    assert instant(ticket.Due) is None
    assert instant("2026-01-01T00:00:00Z") == 1_767_225_600_000
    assert instant("") is None
    assert instant("soon") is None


def test_what_does_not_fit_is_set_aside_alone() -> None:
    good = {"id": "1", "Type": "Create", "Created": "x", "ObjectId": "5"}
    rows, rejects = read([good, {"id": "2"}, None, 7, [], {"id": {}, "Type": []}], Transaction, "transaction")
    assert [row.id for row in rows] == [1]
    assert [r.where for r in rejects][:2] == ["transaction 2", "transaction ?"]
    assert len(rejects) == 5


@pytest.mark.parametrize(("value", "quoted"), [
    (7, "7"), ("Support", "'Support'"), ("O'Brien", "'O\\'Brien'"), ("a\\", "'a\\\\'"),
    ("x' OR id > 0 OR '", "'x\\' OR id > 0 OR \\''"),
])
def test_values_in_queries_cannot_break_out(value: object, quoted: str) -> None:
    assert sql(value) == quoted


# signing in ---------------------------------------------------------------------------------------------------------


async def test_who_we_are_is_read_from_the_token(world: RtWorld) -> None:
    account = await world.connector.verify()
    assert (account.ref, account.name, account.scopes, account.warnings) == ("agent1", "Ada Agent", ("Support",), ())
    other = world.connect("agent2", user="agent2")
    assert (await other.verify()).ref == "agent2"


async def test_capabilities_are_narrowed_to_what_the_queues_have(world: RtWorld) -> None:
    assert world.connector.caps.send_strength is SendStrength.KEY
    world.rt.key_field = world.rt.tag_field = False
    account = await world.connector.verify()
    assert len(account.warnings) == 2
    assert world.connector.caps.send_strength is SendStrength.NONE
    assert not world.connector.caps.can_tag


async def test_queues_that_are_not_there_are_warned_of_or_refused(world: RtWorld) -> None:
    account = await world.connect(queues=("support", "Nosuch")).verify()
    assert account.scopes == ("Support",)
    assert "Nosuch" in account.warnings[0]
    with pytest.raises(AuthError):
        await world.connect(queues=("Secret",)).verify()
    assert (await world.connect(queues=()).verify()).scopes == ("Billing", "Support")


async def test_a_customers_token_is_not_an_agents(world: RtWorld) -> None:
    world.rt.user("cust1", "Cleo", "cleo@example.test", token="1-99-ccc")
    with pytest.raises(AuthError):
        await world.connect("cust1").verify()


async def test_a_token_that_does_not_tell_whose_it_is_needs_the_login(world: RtWorld) -> None:
    world.rt.users["agent1"].token = "opaque"
    with pytest.raises(AuthError) as caught:
        await world.connect().verify()
    assert "user:" in caught.value.remedy
    assert (await world.connect(user="agent1").verify()).ref == "agent1"


def test_the_registry_needs_a_token_and_an_address_that_keeps_it(clock: ManualClock) -> None:
    assert {"rt", "file", "demo"} <= set(kinds())
    source = RtSource(name="x", url="https://rt.example")
    assert create(source, clock=clock, token=lambda: "1-2-3").name == "rt:x"
    with pytest.raises(ConfigError):
        create(source, clock=clock)
    with pytest.raises(ConfigError):
        create(RtSource(name="x", url="http://rt.example"), clock=clock, token=lambda: "t")


# reading ------------------------------------------------------------------------------------------------------------


async def test_rows_hidden_from_us_are_not_the_end_of_the_list(world: RtWorld) -> None:
    first = world.rt.mail(JANE, "first")
    _, cursor = await drain(world.connector)
    for _ in range(30):
        world.rt.row("EmailRecord", first, "RT_System", hidden=True)
    for number in range(130):
        world.rt.row("Comment", first, "agent2", hidden=number % 13 != 0)
    world.rt.mail(JANE, "behind the hidden ones", ticket=first)
    pages, _ = await drain(world.connector, cursor)
    assert "behind the hidden ones" in texts(pages)


async def test_a_ticket_without_words_holds_nothing_up_where_others_words_are_hidden(world: RtWorld) -> None:
    """What is hidden fills whole pages of the texts that show whether RT shows any."""
    for number in range(150):
        world.rt.mail(JANE, f"secret {number}", queue=5)
    world.rt.mail(JANE, "first")
    _, cursor = await drain(world.connector)
    wordless = world.rt.mail(JANE, "")
    world.rt.parts.pop()
    pages, _ = await drain(world.connector, cursor)
    assert str(wordless) in [head.ref for page in pages for head in page.conversations]


async def test_a_whole_page_of_hidden_rows_delays_but_does_not_lose(world: RtWorld) -> None:
    first = world.rt.mail(JANE, "first")
    _, cursor = await drain(world.connector)
    for _ in range(250):
        world.rt.row("Comment", first, "agent2", hidden=True)
    world.rt.mail(JANE, "far behind", ticket=first)
    found: list[str] = []
    for _ in range(15):
        pages, cursor = await drain(world.connector, cursor)
        found += texts(pages)
    assert found == ["far behind"]


async def test_ids_that_turn_up_late_are_still_read(world: RtWorld) -> None:
    """Two requests at once: the higher id can be seen before the lower one is committed."""
    first = world.rt.mail(JANE, "first")
    _, cursor = await drain(world.connector)
    late = world.rt.row("Correspond", first, JANE)
    world.rt.part(late, "text/plain", "committed late")
    held = world.rt.rows.pop()
    world.rt.mail(JANE, "committed early", ticket=first)
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == ["committed early"]
    world.clock.advance(30 * SECOND)
    world.rt.rows.append(held)
    world.rt.mail(JANE, "later still", ticket=first)
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == ["committed late", "later still"]
    pages, _ = await drain(world.connector, cursor)
    assert texts(pages) == []


async def test_the_cursor_stays_small_in_a_busy_hour(world: RtWorld) -> None:
    first = world.rt.mail(JANE, "first")
    _, cursor = await drain(world.connector)
    for number in range(900):
        world.rt.mail(JANE, f"post {number}", ticket=first)
        world.clock.advance(SECOND // 10)
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == [f"post {number}" for number in range(900)]
    assert len(cursor) < 3_000
    world.clock.advance(10 * MINUTE)
    _, cursor = await drain(world.connector, cursor)
    assert len(json.loads(cursor).get("seen", [])) == 0


async def test_first_connect_brings_all_open_tickets_and_lately_closed_ones(world: RtWorld) -> None:
    old = [world.rt.mail(JANE, f"old {n}") for n in range(3)]
    for ticket in old:
        world.rt.tickets[ticket].status = "resolved"
    world.clock.advance(30 * DAY)
    closed = [world.rt.mail(JANE, f"closed {n}") for n in range(30)]
    for ticket in closed:
        world.rt.tickets[ticket].status = "resolved"
    for number in range(50):
        world.rt.mail(JANE, f"open {number}")
        world.clock.advance(SECOND)
    world.connector = world.connect(backfill_items=25)
    pages, _ = await drain(world.connector)
    found = texts(pages)
    assert sum(text.startswith("open") for text in found) == 50
    assert sum(text.startswith("closed") for text in found) == 25
    assert sum(text.startswith("old") for text in found) == 0
    assert all(page.backfill for page in pages)
    assert [page.done for page in pages] == sorted(page.done or 0 for page in pages)
    assert (pages[-1].done, pages[-1].total) == (75, 75)
    assert len(found) == len(set(found))


async def test_nothing_falls_between_backfill_and_stream(world: RtWorld) -> None:
    for number in range(45):
        world.rt.mail(JANE, f"open {number}")
    page = await world.connector.pull(None)
    during = world.rt.mail(JANE, "written during the backfill", ticket=3)
    new = world.rt.mail("bo@example.test", "opened during the backfill")
    assert page.more
    pages, _ = await drain(world.connector, page.cursor)
    pages_after, _ = await drain(world.connector, pages[-1].cursor)
    found = [page, *pages, *pages_after]
    assert {"written during the backfill", "opened during the backfill"} <= set(texts(found))
    assert {str(during), str(new)} <= {m.conversation_ref for p in found for m in p.messages}


async def test_a_restored_database_is_a_gap_and_read_anew(world: RtWorld) -> None:
    for number in range(5):
        world.rt.mail(JANE, f"before {number}")
    _, cursor = await drain(world.connector)
    world.rt.rows = world.rt.rows[:2]
    world.rt.tickets = {1: world.rt.tickets[1]}
    await world.restart()
    page = await world.connector.pull(cursor)
    assert page.gap
    assert page.backfill
    assert (await drain(world.connector, page.cursor))[0][-1].gap is None


async def test_numbers_that_were_given_out_anew_are_noticed(world: RtWorld) -> None:
    """A backup was put back, and the same ids were used again for other things."""
    world.rt.mail(JANE, "before")
    _, cursor = await drain(world.connector)
    world.rt.rows, world.rt._next_row = world.rt.rows[:-1], world.rt.rows[-2].id
    world.rt.parts.pop()
    world.clock.advance(MINUTE)
    world.rt.mail(JANE, "after", ticket=1)
    page = await world.connector.pull(cursor)
    assert page.gap
    assert "after" in texts([page, *(await drain(world.connector, page.cursor))[0]])


async def test_a_database_set_back_while_nothing_happens_is_noticed_too(world: RtWorld) -> None:
    for number in range(5):
        world.rt.mail(JANE, f"before {number}")
    _, cursor = await drain(world.connector)
    world.clock.advance(DAY)
    _, cursor = await drain(world.connector, cursor)
    assert "seen" not in json.loads(cursor)
    world.rt.rows = world.rt.rows[:2]
    world.rt.tickets = {1: world.rt.tickets[1]}
    gaps = [(await drain(world.connector, cursor))[0][0].gap for _ in range(12)]
    assert any(gaps)


async def test_a_newest_ticket_that_went_out_of_sight_is_no_gap(world: RtWorld) -> None:
    world.rt.mail(JANE, "stays")
    ticket = world.rt.mail(JANE, "goes")
    _, cursor = await drain(world.connector)
    world.rt.tickets[ticket].queue = 5
    pages, cursor = await drain(world.connector, cursor)
    assert (texts(pages), pages[0].gap) == ([], None)
    world.rt.mail(JANE, "more", ticket=1)
    assert texts((await drain(world.connector, cursor))[0]) == ["more"]


async def test_many_tickets_cost_few_calls(world: RtWorld) -> None:
    _, cursor = await drain(world.connector)
    for number in range(40):
        world.rt.mail(f"c{number}@example.test", f"post {number}")
    world.rt.requests.clear()
    pages, _ = await drain(world.connector, cursor)
    assert len(texts(pages)) == 40
    assert len(world.rt.requests) < 15


async def test_a_quiet_pull_is_one_or_two_calls(world: RtWorld) -> None:
    world.rt.mail(JANE, "hello")
    _, cursor = await drain(world.connector)
    _, cursor = await drain(world.connector, cursor)
    world.clock.advance(HOUR := 60 * MINUTE)
    _, cursor = await drain(world.connector, cursor)
    world.clock.advance(HOUR)
    world.rt.requests.clear()
    await drain(world.connector, cursor)
    assert len(world.rt.requests) == 1


async def test_tickets_that_move_in_come_with_their_past_and_those_that_leave_are_locked(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "asked in billing", queue=4)
    _, cursor = await drain(world.connector)
    world.rt.move(ticket, 3)
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == ["asked in billing"]
    world.rt.move(ticket, 4)
    pages, cursor = await drain(world.connector, cursor)
    (head,) = pages[0].conversations
    assert (head.ref, head.queue) == (str(ticket), "Billing")
    assert "Billing" in head.locked_reason
    world.rt.mail(JANE, "more in billing", ticket=ticket)
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == []
    world.rt.move(ticket, 3)
    pages, _ = await drain(world.connector, cursor)
    assert texts(pages) == ["asked in billing", "more in billing"]
    assert pages[0].conversations[0].locked_reason == ""


async def test_a_long_forgotten_ticket_that_speaks_again_comes_whole(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "a year ago")
    world.rt.tickets[ticket].status = "resolved"
    world.clock.advance(365 * DAY)
    pages, cursor = await drain(world.connector)
    assert texts(pages) == []
    world.rt.mail(JANE, "it is back", ticket=ticket)
    pages, _ = await drain(world.connector, cursor)
    assert texts(pages) == ["a year ago", "it is back"]
    assert pages[0].conversations[0].closed is False


async def test_merged_tickets_lead_to_the_one_they_became(world: RtWorld) -> None:
    old, new = world.rt.mail(JANE, "first"), world.rt.mail("bo@example.test", "second")
    _, cursor = await drain(world.connector)
    world.rt.merge(old, new)
    pages, cursor = await drain(world.connector, cursor)
    heads = {head.ref: head for page in pages for head in page.conversations}
    assert heads[str(old)].closed
    assert str(new) in heads[str(old)].locked_reason
    world.rt.row("Correspond", old, JANE)
    world.rt.part(world.rt.rows[-1].id, "text/plain", "to the old number")
    pages, _ = await drain(world.connector, cursor)
    assert [(m.conversation_ref, m.text) for p in pages for m in p.messages] == [(str(new), "to the old number")]
    await world.restart()
    page = await world.connector.thread(str(old))
    assert {m.conversation_ref for m in page.messages} == {str(new)}
    with pytest.raises(Rejected):
        await world.connector.send(out(str(old)))


async def test_tickets_merged_in_a_circle_do_not_hang(world: RtWorld) -> None:
    first, second = world.rt.mail(JANE, "a"), world.rt.mail(JANE, "b")
    _, cursor = await drain(world.connector)
    for old, new in ((first, second), (second, first)):
        world.rt.row("AddLink", old, "agent2", field="MergedInto", new=f"fsck.com-rt://x/ticket/{new}")
    await asyncio.wait_for(drain(world.connector, cursor), 10)


# who speaks ---------------------------------------------------------------------------------------------------------


async def said(world: RtWorld) -> list[tuple[str, Direction]]:
    pages, _ = await drain(world.connector)
    return [(m.text, m.direction) for page in pages for m in page.messages]


async def test_who_speaks_for_whom(world: RtWorld) -> None:
    rt = world.rt
    ticket = rt.mail(JANE, "question")
    rt.write("agent1", ticket, "ours")
    rt.write("agent2", ticket, "a colleague's")
    rt.write("agent2", ticket, "among us", "Comment")
    rt.write(JANE, ticket, "the customer again")
    rt.user("brother@example.test", "Her brother")
    rt.write("brother@example.test", ticket, "from another address")
    rt.write("unknown@example.test", ticket, "from nobody RT knows")
    rt.write("RT_System", ticket, "by a script")
    assert await said(world) == [
        ("question", Direction.IN), ("ours", Direction.OUT), ("a colleague's", Direction.OUT),
        ("among us", Direction.NOTE), ("the customer again", Direction.IN), ("from another address", Direction.IN),
        ("from nobody RT knows", Direction.IN), ("by a script", Direction.NOTE),
    ]


async def test_a_ticket_that_an_agent_opens_for_a_customer_waits_for_an_answer(world: RtWorld) -> None:
    ticket = world.rt.mail("agent2", "she called: parcel missing")
    world.rt.tickets[ticket].requestors = [JANE]
    pages, _ = await drain(world.connector)
    assert pages[0].messages[0].direction is Direction.IN
    assert pages[0].conversations[0].customer_ref == JANE


async def test_a_ticket_without_requestor_belongs_to_who_made_it(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "hello")
    world.rt.tickets[ticket].requestors = []
    pages, _ = await drain(world.connector)
    assert pages[0].conversations[0].customer_ref == JANE


async def test_each_colleague_is_looked_up_once(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "question")
    for number in range(10):
        world.rt.write("agent2", ticket, f"answer {number}")
    await drain(world.connector)
    assert sum(path == "/user/agent2" for _, path in world.rt.requests) == 1


async def test_html_and_files(world: RtWorld) -> None:
    files = [("label.pdf", "application/pdf")]
    ticket = world.rt.mail(JANE, "<p>Where is <b>it</b>?</p>", mime="text/html", files=files)
    row = world.rt.row("Correspond", ticket, JANE)
    world.rt.part(row, "multipart/alternative", "")
    world.rt.part(row, "text/html", "<p>the same</p>")
    world.rt.part(row, "text/plain", "the plain one\n")
    world.rt.part(row, "text/plain", "a log", name="log.txt")
    world.rt.part(row, "image/png", "", size=10)
    huge = world.rt.row("Correspond", ticket, JANE)
    world.rt.part(huge, "text/plain", "x", size=3_000_000)
    world.rt.row("Correspond", ticket, JANE)
    pages, _ = await drain(world.connector)
    messages: list[Message] = [m for page in pages for m in page.messages]
    assert [m.text for m in messages] == [
        "Where is it?", "the plain one", "(a text of 2929 KiB: open the ticket in RT to read it)", ""]
    assert [[a.name for a in m.attachments] for m in messages] == [["label.pdf"], ["log.txt", "image/png"], [], []]
    assert messages[0].attachments[0].url.startswith("https://rt.example/Ticket/Attachment/")


async def test_own_statuses_are_asked_about_once(world: RtWorld) -> None:
    for number in range(3):
        ticket = world.rt.mail(JANE, f"post {number}")
        world.rt.tickets[ticket].status = "awaiting depot"
    pages, _ = await drain(world.connector)
    assert {head.status for page in pages for head in page.conversations} <= {"awaiting depot"}


# sending ------------------------------------------------------------------------------------------------------------


async def test_the_key_is_sent_and_asked_for_first(world: RtWorld) -> None:
    ticket = str(world.rt.mail(JANE, "question"))
    await world.connector.send(out(ticket))
    assert [row.key for row in world.rt.rows if row.kind == "Correspond"] == ["c1"]
    world.rt.requests.clear()
    await world.connector.send(out(ticket))
    assert "POST" not in {method for method, _ in world.rt.requests}


async def test_no_reply_carries_if_match(world: RtWorld) -> None:
    ticket = str(world.rt.mail(JANE, "question"))
    await world.connector.send(out(ticket))
    posts = [request for request in world.line.seen if request.method == "POST"]
    assert posts
    assert all("if-match" not in request.headers for request in posts)
    puts = [request for request in world.line.seen if request.method == "PUT"]
    assert all(request.headers["if-match"] for request in puts)
    assert all("json" in request.headers["content-type"] for request in [*posts, *puts])


async def test_a_reply_to_a_colleagues_ticket_is_refused_unless_configured(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "question")
    world.rt.give(ticket, "agent2")
    with pytest.raises(Rejected) as caught:
        await world.connector.send(out(str(ticket)))
    assert not isinstance(caught.value, Conflict)
    assert "agent2" in caught.value.title
    assert world.rt.copies("hello") == 0
    await world.connector.send(out(str(ticket), "a note is no answer", kind=OutKind.NOTE))
    await world.connect(take_on_reply=False).send(out(str(ticket), "over their head", "c2"))
    assert world.rt.copies("over their head") == 1


@pytest.mark.parametrize("fault", [Fault("lie", "POST", status=502), Fault("garbage", "POST"), Fault("cut", "POST"),
                                   Fault("lie", "POST", status=200, body=b"[]"), Fault("lie", "POST", status=302)])
async def test_whatever_comes_instead_of_a_confirmation_is_ambiguous(world: RtWorld, fault: Fault) -> None:
    ticket = str(world.rt.mail(JANE, "question"))
    world.line.faults.append(fault)
    reply, started = out(ticket), world.clock.now()
    with pytest.raises(Ambiguous):
        await world.connector.send(reply)
    assert isinstance(await world.connector.reconcile(reply, started), Found)


async def test_trouble_before_the_reply_leaves_proves_that_it_did_not(world: RtWorld) -> None:
    ticket = str(world.rt.mail(JANE, "question"))
    await world.connector.verify()
    for path in ("/transactions", f"/ticket/{ticket}", "/take"):
        for kind in ("cut", "refuse"):
            world.line.faults.append(Fault(kind, path=path))
            with pytest.raises(Unavailable):
                await world.connector.send(out(ticket))
            world.rt.tickets[int(ticket)].owner = "Nobody"
    assert world.rt.copies("hello") == 0


async def test_a_key_that_was_not_written_yet_is_found_by_its_text(world: RtWorld) -> None:
    """RT writes the field just after the transaction."""
    ticket = str(world.rt.mail(JANE, "question"))
    reply, started = out(ticket, "Hello  Jane,\nwe look."), world.clock.now()
    world.line.faults.append(Fault("cut", "POST"))
    with pytest.raises(Ambiguous):
        await world.connector.send(reply)
    world.rt.rows[-1].key = ""
    assert isinstance(await world.connector.reconcile(reply, started), Found)


async def test_a_clock_of_ours_that_is_ahead_hides_nothing(clock: ManualClock) -> None:
    world = RtWorld(clock, keyed=False)
    ticket = str(world.rt.mail(JANE, "question"))
    world.line.faults.append(Fault("cut", "POST"))
    with pytest.raises(Ambiguous):
        await world.connector.send(out(ticket))
    world.connector._client.http.meter.skew = -6 * HOUR
    assert isinstance(await world.connector.reconcile(out(ticket), clock.now() + 6 * HOUR), Found)
    await world.connector.close()


async def test_another_agents_or_older_same_words_are_not_ours(clock: ManualClock) -> None:
    world = RtWorld(clock, keyed=False)
    ticket = world.rt.mail(JANE, "question")
    world.rt.write("agent1", ticket, "hello")
    world.clock.advance(10 * MINUTE)
    world.rt.write("agent2", ticket, "hello")
    world.rt.write("agent1", ticket, "hello", "Comment")
    started = world.clock.now()
    world.clock.advance(2 * MINUTE)
    assert await world.connector.reconcile(out(str(ticket)), started) == Absent()
    await world.connector.close()


async def test_absence_needs_time_and_sight(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "question")
    started = world.clock.now()
    assert isinstance(await world.connector.reconcile(out(str(ticket)), started), Unsure)
    world.clock.advance(61 * SECOND)
    assert await world.connector.reconcile(out(str(ticket)), started) == Absent()
    world.rt.tickets[ticket].queue = 5
    assert not isinstance(await world.connector.reconcile(out(str(ticket)), started), Absent)


async def test_a_refusal_with_400_is_final(world: RtWorld) -> None:
    ticket = str(world.rt.mail(JANE, "question"))
    world.line.faults.append(Fault("status", "POST", status=400, body=b'{"message": "Permission Denied"}'))
    with pytest.raises(Rejected) as caught:
        await world.connector.send(out(ticket))
    assert "Permission Denied" in caught.value.cause


# acting -------------------------------------------------------------------------------------------------------------


async def test_a_refusal_inside_http_200_is_a_refusal(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "question")
    for verb, value, words in ((Verb.STATUS, "nosuch", "isn't a valid status"), (Verb.ASSIGN, JANE, "may not own")):
        with pytest.raises(Rejected) as caught:
            await world.connector.act(act(ticket, verb, value))
        assert words in caught.value.cause
    with pytest.raises(Rejected):
        await world.connector.act(act(ticket, Verb.PRIORITY, "soon"))


async def test_a_ticket_taken_in_between_is_lost_and_the_holder_known(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "question")
    world.rt.before_put.append(lambda: world.rt.give(ticket, "agent2"))
    with pytest.raises(Conflict) as caught:
        await world.connector.act(act(ticket, Verb.CLAIM))
    assert caught.value.holder == "agent2"
    await world.connector.act(act(ticket, Verb.CLAIM, "steal"))
    assert world.rt.tickets[ticket].owner == "agent1"
    world.rt.give(ticket, "agent2")
    await world.connector.act(act(ticket, Verb.RELEASE))
    assert world.rt.tickets[ticket].owner == "agent2"


async def test_a_ticket_that_changed_otherwise_is_tried_again(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "question")
    world.rt.before_put.append(lambda: world.rt.mail(JANE, "and another thing", ticket=ticket) and None)
    await world.connector.act(act(ticket, Verb.CLAIM))
    assert world.rt.tickets[ticket].owner == "agent1"
    world.rt.before_put.append(lambda: world.rt.mail(JANE, "and another", ticket=ticket) and None)
    await world.connector.act(act(ticket, Verb.STATUS, "stalled"))
    assert world.rt.tickets[ticket].status == "stalled"


async def test_a_status_that_a_colleague_just_set_stays(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "question")
    it = world.rt.tickets[ticket]
    world.rt.before_put.append(lambda: world.rt._set(it, "status", "rejected", "Status", "agent2"))
    with pytest.raises(Conflict) as caught:
        await world.connector.act(act(ticket, Verb.STATUS, "resolved"))
    assert caught.value.holder == "agent2"
    assert world.rt.tickets[ticket].status == "rejected"


async def test_a_lost_answer_to_an_action_is_harmless(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "question")
    for verb, value in ((Verb.CLAIM, ""), (Verb.STATUS, "stalled"), (Verb.TAGS, '{"add": ["x"], "remove": []}')):
        world.line.faults.append(Fault("cut", "PUT"))
        with pytest.raises(Unavailable):
            await world.connector.act(act(ticket, verb, value))
        await world.connector.act(act(ticket, verb, value))
    assert (world.rt.tickets[ticket].owner, world.rt.tickets[ticket].tags) == ("agent1", ["x"])


async def test_tags_of_others_are_kept(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "question")
    world.rt.tickets[ticket].tags = ["theirs", "old"]
    await world.connector.act(act(ticket, Verb.TAGS, '{"add": ["ours", "theirs"], "remove": ["old", "never there"]}'))
    assert world.rt.tickets[ticket].tags == ["theirs", "ours"]
    for bad in ("", "[]", '{"add": 1}', '{"set": ["x"]}'):
        with pytest.raises(Rejected):
            await world.connector.act(act(ticket, Verb.TAGS, bad))


@pytest.mark.parametrize("ref", ["", "abc", "1/take", "../user/agent1", "1?x=y", "-1"])
async def test_refs_that_are_no_ticket_numbers_reach_no_server(world: RtWorld, ref: str) -> None:
    await world.connector.verify()
    world.rt.requests.clear()
    for work in (world.connector.thread(ref), world.connector.send(out(ref)),
                 world.connector.act(Action(verb=Verb.CLAIM, conversation_ref=ref))):
        with pytest.raises(Rejected):
            await work
    assert world.rt.requests == []


async def test_people_with_odd_names_are_looked_up_safely(world: RtWorld) -> None:
    world.rt.user("a/b?c#d", "Odd")
    assert (await world.connector.customer("a/b?c#d")).name == "Odd"
    with pytest.raises(Gone):
        await world.connector.customer("../../etc")


# a broken server ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"null", b"[]", b'{"items": null}', b'{"items": {}}', b"<html>", b"", b'{"items": 7}']
)
async def test_lists_that_are_none_are_bad_answers(world: RtWorld, body: bytes) -> None:
    _, cursor = await drain(world.connector)
    world.line.faults.append(Fault("status", path="/transactions", status=200, body=body))
    with pytest.raises(BadAnswer):
        await world.connector.pull(cursor)


async def test_a_list_that_never_ends_is_a_bad_answer(world: RtWorld) -> None:
    count = iter(range(10**9))
    real = world.line.handler

    def endless(method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        if "/history" not in url:
            return real(method, url, headers, body)  # type: ignore[return-value]
        items = [{"id": str(next(count)), "Type": "Set", "Created": "x", "ObjectId": "1"} for _ in range(3)]
        return Reply(200, {"items": items})

    world.rt.mail(JANE, "hello")
    world.line.handler = endless
    with pytest.raises(BadAnswer):
        await world.connector.thread("1")


async def test_a_list_that_repeats_its_last_page_ends(world: RtWorld) -> None:
    """Newer RTs answer a page past the end with the last one."""
    world.rt.mail(JANE, "hello")
    real = world.line.handler

    def clamped(method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        return real(method, url.replace("page=2", "page=1"), headers, body)  # type: ignore[return-value]

    world.line.handler = clamped
    pages, _ = await drain(world.connector)
    assert texts(pages) == ["hello"]


async def test_over_a_real_socket_as_well(clock: ManualClock) -> None:
    fake = RtWorld(clock)
    fake.rt.mail(JANE, "hello")
    faults: list[Fault] = []
    with serving(fake.rt.handle, faults) as url:
        source = RtSource(name="support", url=url, client_id_field="External ID")
        connector = create(source, clock=clock, token=lambda: "1-28-aaa")
        assert [m.text for m in (await connector.pull(None)).messages] == ["hello"]
        reply, started = out("1", "once"), clock.now()
        faults.append(Fault("cut", "POST"))
        with pytest.raises(Ambiguous):
            await connector.send(reply)
        assert isinstance(await connector.reconcile(reply, started), Found)
        await connector.close()
    assert fake.rt.copies("once") == 1


async def test_a_bare_zero_is_a_reply_too(world: RtWorld) -> None:
    ticket = world.rt.mail(JANE, "how many parcels?")
    await world.connector.send(out(str(ticket), "0"))
    assert world.rt.copies("0") == 1


# tickets for conversations elsewhere ----------------------------------------------------------------------------------


def ticket(**more: object) -> Outgoing:
    """A frozen ticket."""
    fields: dict[str, object] = {
        "client_id": "11111111-2222-4333-8444-555555555555", "conversation_ref": "post-1", "kind": OutKind.TICKET,
        "text": "From Mastodon\n\nWhere is it?", "visibility": Visibility.INTERNAL, "subject": "Lost parcel",
        "customer_mail": JANE, "customer_handle": "@jane@social.example", "tags": ("lost",), **more}
    return Outgoing(**fields)  # type: ignore[arg-type]


async def test_a_ticket_goes_to_the_place_that_was_chosen(world: RtWorld) -> None:
    for place, config, queue in (("Billing", {}, 4), ("", {"ticket_queue": "billing"}, 4), ("", {}, 3)):
        connector = world.connect(**config)
        receipt = await connector.send(ticket(place=place, client_id=f"id-{place}-{len(config)}"))
        made = world.rt.tickets[int(receipt.conversation_ref)]
        assert (made.queue, made.subject, made.requestors, made.tags) == (queue, "Lost parcel", [JANE], ["lost"])
        assert receipt.url.endswith(f"id={receipt.conversation_ref}")
        await connector.close()


async def test_a_handle_that_looks_like_a_mail_address_is_never_written_to(world: RtWorld) -> None:
    receipt = await world.connector.send(ticket(customer_mail=""))
    assert world.rt.tickets[int(receipt.conversation_ref)].requestors == []


async def test_a_place_that_is_not_there_or_not_ours_is_refused_in_words(world: RtWorld) -> None:
    with pytest.raises(Rejected, match="rt:support"):
        await world.connector.send(ticket(place="Nowhere"))
    world.rt.closed_queues.add(4)
    with pytest.raises(Rejected) as caught:
        await world.connector.send(ticket(place="Billing"))
    assert "No permission" in caught.value.cause
    assert world.rt.opened("From Mastodon") == []


async def test_our_ticket_is_read_as_our_words_without_the_mark(world: RtWorld) -> None:
    receipt = await world.connector.send(ticket())
    page = await world.connector.thread(receipt.conversation_ref)
    (message,) = page.messages
    assert message.text == "From Mastodon\n\nWhere is it?"
    assert (message.direction, message.client_id) == (Direction.NOTE, ticket().client_id)
    assert page.conversations[0].customer_ref == JANE


async def test_the_mark_counts_only_in_what_we_opened(world: RtWorld) -> None:
    number = world.rt.mail(JANE, "Hello\n\n[agentdesk 11111111-2222-4333-8444-555555555555]")
    (message,) = (await world.connector.thread(str(number))).messages
    assert (message.direction, message.client_id) == (Direction.IN, "")
    assert "agentdesk" in message.text
    found = await world.connector.reconcile(ticket(), world.clock.now() - 5 * MINUTE)
    assert found == Absent()


async def test_a_ticket_that_is_there_already_is_not_opened_again(world: RtWorld) -> None:
    first = await world.connector.send(ticket())
    second = await world.connector.send(ticket())
    assert second.conversation_ref == first.conversation_ref
    assert len(world.rt.opened("From Mastodon")) == 1


async def test_among_very_many_new_tickets_absence_proves_nothing(world: RtWorld) -> None:
    started = world.clock.now()
    for number in range(100):
        row = world.rt.row("Create", world.rt.mail(JANE, f"filler {number}"), "agent1")
        world.rt.part(row, "text/plain", "by hand")
    world.clock.advance(5 * MINUTE)
    assert isinstance(await world.connector.reconcile(ticket(), started), Unsure)


async def test_an_answer_without_a_number_is_ambiguous(world: RtWorld) -> None:
    await world.connector.verify()
    world.line.faults.append(Fault("status", method="POST", status=201, body=b"{}"))
    with pytest.raises(Ambiguous):
        await world.connector.send(ticket())


# finding and fetching -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "found"), [
    ("jane@example.test", True), ("Jane Doe", True), ("jane", True), ("parcel", True), ("1", True), ("#1", True),
    ("nobody", False), ("x' OR id > 0 OR '", False), ("", False), ("jane nobody", False),
])
async def test_tickets_are_found_by_number_subject_and_requestor(world: RtWorld, words: str, found: bool) -> None:
    world.rt.mail(JANE, "Where is it?", subject="Lost parcel", real="Jane Doe")
    page = await world.connector.find(words)
    assert [head.ref for head in page.conversations] == (["1"] if found else [])
    if found:
        assert page.conversations[0].subject == "Lost parcel"
        assert page.profiles[0].name == "Jane Doe"


async def test_a_hidden_ticket_is_not_found(world: RtWorld) -> None:
    world.rt.mail(JANE, "Secret", queue=5)
    assert (await world.connector.find(JANE)).conversations == ()


async def test_a_file_is_fetched_by_its_number_and_never_beyond_the_limit(world: RtWorld) -> None:
    number = world.rt.mail(JANE, "See the photo", files=[("photo.jpg", "image/jpeg")])
    world.rt.parts[-1].content, world.rt.parts[-1].size = "not really a photo", None
    (message,) = (await world.connector.thread(str(number))).messages
    (file,) = message.attachments
    out = io.BytesIO()
    await world.connector.download(file.url, out, 1_000)
    assert out.getvalue() == b"not really a photo"
    with pytest.raises(Rejected, match="larger"):
        await world.connector.download(file.url, io.BytesIO(), 5)
    world.rt.parts[-1].size = 3  # RT's own figure may lie
    with pytest.raises(Rejected, match="larger"):
        await world.connector.download(file.url, io.BytesIO(), 5)
    for elsewhere in ("https://evil.example/Ticket/Attachment/1/2/x", "https://rt.example/REST/2.0/rt", ""):
        with pytest.raises(Rejected):
            await world.connector.download(elsewhere, io.BytesIO(), 1_000)
    with pytest.raises(Gone):
        await world.connector.download(f"{world.connector._client.site}/Ticket/Attachment/1/99/x", io.BytesIO(), 10)
