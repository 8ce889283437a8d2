"""The RT connector on a real Request Tracker: mails in and out, faults on the line, two agents at one ticket."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlencode

import httpx
import pytest

from agentdesk.config.sources import RtSource
from agentdesk.connectors.rt.connector import RtConnector
from agentdesk.errors import Ambiguous, AuthError, Conflict, Gone, RateLimited, Rejected
from agentdesk.model.clock import SECOND, ManualClock
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.message import Direction, Message, Visibility
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Verb
from agentdesk.model.page import Page
from tests.contract.suite import ConnectorContract, World
from tests.real.conftest import Faulty, RealRt

pytestmark = pytest.mark.real

Connect = Callable[..., RtConnector]


@pytest.fixture
def clock() -> ManualClock:
    """Stands still at the present: RT's own times are the machine's."""
    return ManualClock(time.time_ns() // 1_000_000)


@pytest.fixture
async def connect(rt: RealRt, clock: ManualClock) -> AsyncIterator[Connect]:
    """Make connectors for agents."""
    made: list[RtConnector] = []

    def make(who: str = "agent1", **config: object) -> RtConnector:
        settings: dict[str, object] = {
            "name": "support", "url": rt.url, "queues": ("Support",), "tags_field": "Tags",
            "client_id_field": "External ID", **config,
        }
        made.append(RtConnector(RtSource(**settings), clock, lambda: rt.facts[who]))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


def mail(sender: str, subject: str, text: str, *, more: str = "") -> bytes:
    """A plain mail."""
    return (
        f"From: {sender.split('@')[0].title()} Long <{sender}>\nTo: support@desk.test\nSubject: {subject}\n"
        f"Message-ID: <{uuid.uuid4()}@example.test>\n{more}Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    ).encode()


async def drain(connector: RtConnector, cursor: str | None = None) -> tuple[list[Page], str | None]:
    """Pull until there is no more."""
    pages: list[Page] = []
    while True:
        page = await connector.pull(cursor)
        pages.append(page)
        cursor = page.cursor
        if not page.more:
            return pages, cursor


def messages(pages: list[Page]) -> list[Message]:
    return [message for page in pages for message in page.messages]


def head(pages: list[Page], ref: str) -> RemoteConversation:
    return [c for page in pages for c in page.conversations if c.ref == ref][-1]


def a_customer() -> str:
    return f"c{uuid.uuid4().hex[:10]}@example.test"


async def opened(
    rt: RealRt, connector: RtConnector, sender: str, text: str = "Where is my parcel?"
) -> tuple[str, str | None]:
    """A customer's new ticket: (its ref, the cursor behind it)."""
    _, cursor = await drain(connector, rt.cursor)
    await asyncio.to_thread(rt.mail, mail(sender, "Parcel", text))
    pages, cursor = await drain(connector, cursor)
    rt.cursor = cursor
    return next(m.conversation_ref for m in messages(pages) if m.author.ref == sender), cursor


def answer(ref: str, text: str, kind: OutKind = OutKind.REPLY) -> Outgoing:
    visibility = Visibility.INTERNAL if kind is OutKind.NOTE else Visibility.DIRECT
    return Outgoing(client_id=str(uuid.uuid4()), conversation_ref=ref, kind=kind, text=text, visibility=visibility)


async def mailed(rt: RealRt, address: str, text: str, count: int) -> None:
    """RT sent exactly so many mails; it writes them after answering, so the last is waited for."""
    for _ in range(100):
        if rt.mails_to(address, text) >= count:
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    assert rt.mails_to(address, text) == count


# reading ------------------------------------------------------------------------------------------------------------


async def test_a_customers_mail_becomes_a_conversation(rt: RealRt, connect: Connect) -> None:
    desk, sender = connect(), a_customer()
    _, cursor = await drain(desk)
    body = (
        f"From: Nina Long <{sender}>\nTo: support@desk.test\nSubject: =?utf-8?q?Parcel_=E2=9C=93?=\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=XX\n\n--XX\nContent-Type: multipart/alternative; boundary=YY\n\n"
        "--YY\nContent-Type: text/plain; charset=utf-8\n\nIt says «delivered» 🙁\n"
        "--YY\nContent-Type: text/html; charset=utf-8\n\n<p>It says <b>delivered</b></p>\n--YY--\n"
        "--XX\nContent-Type: application/pdf; name=label.pdf\nContent-Disposition: attachment; filename=label.pdf\n"
        "Content-Transfer-Encoding: base64\n\nJVBERi0xLjQK//79AAECAw==\n--XX--\n"
    )
    await asyncio.to_thread(rt.mail, body.encode())
    pages, _ = await drain(desk, cursor)
    (message,) = messages(pages)
    assert (message.direction, message.text) == (Direction.IN, "It says «delivered» 🙁")
    assert (message.author.name, message.author.handle) == ("Nina Long", sender)
    assert [(a.name, a.mime) for a in message.attachments] == [("label.pdf", "application/pdf")]
    it = head(pages, message.conversation_ref)
    assert (it.subject, it.status, it.closed, it.assignee, it.queue) == ("Parcel ✓", "new", False, "", "Support")
    assert (it.customer_ref, it.due, it.tags) == (sender, (), ())
    assert not pages[-1].backfill
    assert [p.contacts for p in pages[-1].profiles] == [(sender,)]


async def test_html_alone_is_read_as_text(rt: RealRt, connect: Connect) -> None:
    desk, sender = connect(), a_customer()
    _, cursor = await drain(desk)
    html = '<style>p{}</style><p>Where is <b>it</b>?</p><a href="http://evil.example">my bank</a>'
    body = f"From: {sender}\nTo: support@desk.test\nSubject: x\nContent-Type: text/html; charset=utf-8\n\n{html}\n"
    await asyncio.to_thread(rt.mail, body.encode())
    pages, _ = await drain(desk, cursor)
    assert [m.text for m in messages(pages)] == ["Where is it?\n\nmy bank <http://evil.example>"]


async def test_the_customers_answer_reopens_and_stays_in_the_thread(rt: RealRt, connect: Connect) -> None:
    desk, sender = connect(), a_customer()
    ref, cursor = await opened(rt, desk, sender)
    await desk.act(Action(verb=Verb.STATUS, conversation_ref=ref, value="resolved"))
    pages, cursor = await drain(desk, cursor)
    assert (head(pages, ref).status, head(pages, ref).closed) == ("resolved", True)
    await asyncio.to_thread(rt.mail, mail(sender, f"Re: [desk.test #{ref}] Parcel", "Still not here"))
    pages, _ = await drain(desk, cursor)
    (message,) = messages(pages)
    assert (message.conversation_ref, message.direction, message.text) == (ref, Direction.IN, "Still not here")
    assert (head(pages, ref).status, head(pages, ref).closed) == ("open", False)


async def test_hidden_queues_neither_show_nor_stand_in_the_way(rt: RealRt, connect: Connect) -> None:
    desk, sender = connect(queues=()), a_customer()
    _, cursor = await drain(desk)
    for number in range(3):
        await asyncio.to_thread(rt.mail, mail("spy@example.test", f"secret {number}", "hidden"), "Secret")
    await asyncio.to_thread(rt.mail, mail(sender, "Invoice", "seen"), "Billing")
    pages, _ = await drain(desk, cursor)
    assert [m.text for m in messages(pages)] == ["seen"]
    assert (await desk.verify()).scopes == ("Billing", "Support")


async def test_first_connect_brings_open_and_lately_closed_tickets(rt: RealRt, connect: Connect) -> None:
    sender = a_customer()
    ref, _ = await opened(rt, connect(), sender)
    shut, _ = await opened(rt, connect(), sender)
    await connect().act(Action(verb=Verb.STATUS, conversation_ref=shut, value="resolved"))
    pages, _ = await drain(connect())
    assert {head(pages, ref).closed, head(pages, shut).closed} == {False, True}
    assert all(page.backfill for page in pages)
    assert pages[-1].done == pages[-1].total
    pages, _ = await drain(connect(backfill=0))
    assert shut not in {c.ref for page in pages for c in page.conversations}
    assert ref in {c.ref for page in pages for c in page.conversations}


async def test_moved_and_merged_tickets_are_followed(rt: RealRt, connect: Connect) -> None:
    desk, sender, other = connect(), a_customer(), a_customer()
    old, _ = await opened(rt, desk, sender, "first try")
    new, cursor = await opened(rt, desk, other, "second try")
    rt.api("agent2", "PUT", f"/ticket/{old}", MergeInto=int(new))
    pages, cursor = await drain(desk, cursor)
    assert head(pages, old).closed
    assert new in head(pages, old).locked_reason
    whole = await desk.thread(new)
    assert [m.text for m in whole.messages] == ["first try", "second try"]
    assert {m.conversation_ref for m in whole.messages} == {new}
    assert {m.text for m in (await connect().thread(old)).messages} == {"first try", "second try"}
    with pytest.raises(Rejected) as caught:
        await desk.send(answer(old, "into the void"))
    assert new in caught.value.title
    await asyncio.to_thread(rt.mail, mail(sender, f"Re: [desk.test #{old}] Parcel", "to the old number"))
    pages, cursor = await drain(desk, cursor)
    (message,) = messages(pages)
    assert (message.conversation_ref, message.direction, message.text) == (new, Direction.IN, "to the old number")
    rt.api("agent2", "PUT", f"/ticket/{new}", Queue="Billing")
    pages, cursor = await drain(desk, cursor)
    assert "Billing" in head(pages, new).locked_reason
    rt.api("agent2", "PUT", f"/ticket/{new}", Queue="Support")
    pages, _ = await drain(desk, cursor)
    assert head(pages, new).locked_reason == ""
    assert {"second try", "to the old number"} <= {m.text for m in messages(pages)}


async def test_due_times_are_taken_and_1970_is_none(rt: RealRt, connect: Connect) -> None:
    desk = connect()
    ref, cursor = await opened(rt, desk, a_customer())
    rt.api("agent2", "PUT", f"/ticket/{ref}", Due="2030-01-02 03:04:05")
    pages, cursor = await drain(desk, cursor)
    assert [due.due_at for due in head(pages, ref).due or ()] == [1_893_553_445_000]
    rt.api("agent2", "PUT", f"/ticket/{ref}", Due="1970-01-01 00:00:00")
    pages, _ = await drain(desk, cursor)
    assert head(pages, ref).due == ()


async def test_a_customers_profile_and_history(rt: RealRt, connect: Connect) -> None:
    desk, sender = connect(), a_customer()
    first, _ = await opened(rt, desk, sender, "the first")
    second, _ = await opened(rt, desk, sender, "the second")
    await desk.act(Action(verb=Verb.STATUS, conversation_ref=first, value="rejected"))
    page = await desk.history(sender)
    assert {c.ref for c in page.conversations} == {first, second}
    assert {m.text for m in page.messages} == {"the first", "the second"}
    person = await desk.customer(sender)
    assert (person.ref, person.contacts) == (sender, (sender,))
    assert person.name.endswith("Long")


async def test_wrong_tokens_and_queues_are_said_to_be_wrong(rt: RealRt, connect: Connect) -> None:
    rt.facts["broken"] = "1-28-0123456789abcdef0123456789abcdef"
    with pytest.raises(AuthError):
        await connect("broken").verify()
    with pytest.raises(AuthError):
        await connect(queues=("Secret",)).verify()
    account = await connect(queues=("Support", "Nosuch"), tags_field="Nope", client_id_field="Order ID").verify()
    assert len(account.warnings) == 3
    assert (account.ref, account.name) == ("agent1", "Ada Agent")
    assert "RT 5" in account.server


# sending ------------------------------------------------------------------------------------------------------------


async def test_a_reply_reaches_the_customer_once(rt: RealRt, connect: Connect) -> None:
    desk, sender = connect(), a_customer()
    ref, cursor = await opened(rt, desk, sender)
    out = answer(ref, f"We look into it, {sender} 🙂")
    receipt = await desk.send(out)
    assert await connect().send(out) == await desk.send(out)
    await mailed(rt, sender, f"We look into it, {sender}", 1)
    pages, _ = await drain(desk, cursor)
    ours = [m for m in messages(pages) if m.direction is Direction.OUT]
    assert [(m.ref, m.text, m.client_id) for m in ours] == [(receipt.ref, out.text, out.client_id)]
    assert head(pages, ref).assignee == "agent1"


async def test_a_bare_zero_is_a_reply_too(rt: RealRt, connect: Connect) -> None:
    desk = connect()
    ref, cursor = await opened(rt, desk, a_customer())
    await desk.send(answer(ref, "0"))
    pages, _ = await drain(desk, cursor)
    assert [m.text for m in messages(pages)] == ["0"]


async def test_a_note_is_not_mailed_to_the_customer(rt: RealRt, connect: Connect) -> None:
    desk, sender = connect(), a_customer()
    ref, cursor = await opened(rt, desk, sender)
    await desk.send(answer(ref, "ask the depot", OutKind.NOTE))
    pages, _ = await drain(desk, cursor)
    assert [(m.direction, m.visibility) for m in messages(pages)] == [(Direction.NOTE, Visibility.INTERNAL)]
    await mailed(rt, sender, "ask the depot", 0)


LOST = [
    ("cut_after", {}), ("hang_after", {"seconds": 3}), ("lie", {"status": 502}), ("truncate", {}), ("garbage", {}),
]


@pytest.mark.parametrize("field", ["External ID", ""], ids=["keyed", "by text"])
@pytest.mark.parametrize(("mode", "more"), LOST, ids=[mode for mode, _ in LOST])
async def test_an_answer_lost_after_the_request_never_doubles_a_reply(
    rt: RealRt, faults: Faulty, connect: Connect, clock: ManualClock, mode: str, more: dict[str, object], field: str
) -> None:
    desk, sender = connect(url=faults.url, client_id_field=field, timeout=2 * SECOND), a_customer()
    ref, _ = await opened(rt, desk, sender)
    out = answer(ref, f"To {sender} after {mode}")
    faults.add(mode=mode, method="POST", path="correspond", **more)
    try:
        await desk.send(out)
    except Ambiguous:
        clock.advance(61 * SECOND)
    else:
        assert mode == "truncate", "only an answer whose head arrived whole may count"
    assert [entry["upstream"] for entry in faults.clear()] == [201]
    verdict = await connect(client_id_field=field).reconcile(out, clock.now() - 61 * SECOND)
    assert isinstance(verdict, Found)
    await mailed(rt, sender, out.text, 1)


@pytest.mark.parametrize("field", ["External ID", ""], ids=["keyed", "by text"])
async def test_a_request_lost_on_the_way_is_proven_absent(
    rt: RealRt, faults: Faulty, connect: Connect, clock: ManualClock, field: str
) -> None:
    desk, sender = connect(url=faults.url, client_id_field=field), a_customer()
    ref, _ = await opened(rt, desk, sender)
    out, started = answer(ref, f"To {sender}, second try"), clock.now()
    faults.add(mode="cut_before", method="POST", path="correspond")
    with pytest.raises(Ambiguous):
        await desk.send(out)
    assert not isinstance(await desk.reconcile(out, started), Absent)
    clock.advance(61 * SECOND)
    assert await desk.reconcile(out, started) == Absent()
    await mailed(rt, sender, out.text, 0)
    await desk.send(out)
    await mailed(rt, sender, out.text, 1)


async def test_limits_and_trouble_before_the_request(rt: RealRt, faults: Faulty, connect: Connect) -> None:
    desk = connect(url=faults.url)
    ref, _ = await opened(rt, desk, a_customer())
    faults.add(mode="status", status=429, headers={"Retry-After": "12"}, method="POST")
    with pytest.raises(RateLimited) as caught:
        await desk.send(answer(ref, "too fast"))
    assert caught.value.retry_after == 12
    faults.add(mode="status", status=500, method="POST")
    with pytest.raises(Ambiguous):
        await desk.send(answer(ref, "not well"))


# acting -------------------------------------------------------------------------------------------------------------


async def test_of_two_agents_at_one_ticket_one_wins_and_the_other_learns_who(rt: RealRt, connect: Connect) -> None:
    first, second = connect(), connect("agent2")
    await first.verify()
    await second.verify()
    for _ in range(6):
        ref, _ = await opened(rt, first, a_customer())
        claim = Action(verb=Verb.CLAIM, conversation_ref=ref)
        ends = await asyncio.gather(first.act(claim), second.act(claim), return_exceptions=True)
        lost = [end for end in ends if end is not None]
        assert len(lost) == 1
        assert isinstance(lost[0], Conflict)
        holder = (await first.thread(ref)).conversations[0].assignee
        assert lost[0].holder == holder == ("agent1" if ends[0] is None else "agent2")
        loser = second if holder == "agent1" else first
        with pytest.raises(Rejected) as caught:
            await loser.send(answer(ref, "me too"))
        assert holder in caught.value.title
        await loser.act(Action(verb=Verb.CLAIM, conversation_ref=ref, value="steal"))
        await loser.send(answer(ref, "now mine"))
        await loser.act(Action(verb=Verb.RELEASE, conversation_ref=ref))
        assert (await first.thread(ref)).conversations[0].assignee == ""


async def test_status_priority_owner_and_tags(rt: RealRt, connect: Connect) -> None:
    desk = connect()
    ref, cursor = await opened(rt, desk, a_customer())

    async def act(verb: Verb, value: str) -> None:
        await desk.act(Action(verb=verb, conversation_ref=ref, value=value))

    await act(Verb.STATUS, "stalled")
    await act(Verb.PRIORITY, "High")
    await act(Verb.ASSIGN, "agent2")
    await act(Verb.TAGS, json.dumps({"add": ["late", "größer, «»", "vip"], "remove": []}))
    await act(Verb.TAGS, json.dumps({"add": ["late"], "remove": ["vip"]}))
    pages, _ = await drain(desk, cursor)
    it = head(pages, ref)
    assert (it.status, it.closed, it.priority, it.assignee) == ("stalled", False, "100", "agent2")
    assert set(it.tags or ()) == {"late", "größer, «»"}
    for verb, value in ((Verb.STATUS, "nosuch"), (Verb.ASSIGN, "cust1"), (Verb.PRIORITY, "soon")):
        with pytest.raises(Rejected) as caught:
            await act(verb, value)
        assert caught.value.cause or caught.value.remedy
    await act(Verb.ASSIGN, "")
    assert (await desk.thread(ref)).conversations[0].assignee == ""


# tickets for posts elsewhere, looking for tickets, files ------------------------------------------------------------


def new_ticket(**more: object) -> Outgoing:
    """A frozen ticket, with words of its own."""
    fields: dict[str, object] = {
        "client_id": str(uuid.uuid4()), "conversation_ref": "post-1", "kind": OutKind.TICKET,
        "text": f"From Mastodon\n\n{uuid.uuid4()}: größer als »gedacht« 🚚", "visibility": Visibility.INTERNAL,
        "subject": f"Lost {uuid.uuid4().hex[:8]}", "tags": ("lost",), "agent": "ann", **more}
    return Outgoing(**fields)  # type: ignore[arg-type]


async def test_a_ticket_is_opened_and_read_as_ours(rt: RealRt, connect: Connect, clock: ManualClock) -> None:
    desk = connect()
    _, cursor = await drain(desk, rt.cursor)
    out = new_ticket(customer_mail=a_customer(), created_at=clock.now())
    receipt = await desk.send(out)
    page = await desk.thread(receipt.conversation_ref)
    it = page.conversations[0]
    assert (it.subject, it.customer_ref, it.queue, it.closed) == (out.subject, out.customer_mail, "Support", False)
    assert set(it.tags or ()) == {"lost"}
    (message,) = page.messages
    assert (message.text, message.direction, message.client_id) == (out.text, Direction.NOTE, out.client_id)
    pages, rt.cursor = await drain(desk, cursor)
    assert [m.client_id for m in messages(pages) if m.conversation_ref == receipt.conversation_ref] == [out.client_id]
    clock.at = time.time_ns() // 1_000_000
    found = await connect().reconcile(out, clock.now() - SECOND)
    assert isinstance(found, Found)
    assert found.receipt.conversation_ref == receipt.conversation_ref
    assert (await desk.send(out)).conversation_ref == receipt.conversation_ref, "looked for before it is opened again"


async def test_a_cut_line_leaves_one_ticket(connect: Connect, faults: Faulty, clock: ManualClock) -> None:
    desk = connect(url=faults.url)
    await desk.verify()
    out = new_ticket(created_at=clock.now())
    faults.add(mode="cut_after", method="POST", path="/ticket")
    with pytest.raises(Ambiguous):
        await desk.send(out)
    clock.at = time.time_ns() // 1_000_000 + 61 * SECOND
    found = await connect().reconcile(out, clock.now() - 61 * SECOND)
    assert isinstance(found, Found)
    assert len((await connect().find(out.subject)).conversations) == 1
    assert await connect().reconcile(new_ticket(), clock.now() - 61 * SECOND) == Absent()


async def test_a_queue_that_is_not_there_is_refused(connect: Connect) -> None:
    with pytest.raises(Rejected) as caught:
        await connect().send(new_ticket(place="No such queue"))
    assert "queue" in caught.value.cause.casefold()


async def test_tickets_are_found_by_number_subject_and_requestor(rt: RealRt, connect: Connect) -> None:
    desk, sender = connect(), a_customer()
    ref, rt.cursor = await opened(rt, desk, sender)
    subject = (await desk.thread(ref)).conversations[0].subject
    for words in (ref, f"#{ref}", sender, sender.split("@")[0], f"{sender.split('@')[0].title()} Long"):
        page = await desk.find(words)
        assert ref in [one.ref for one in page.conversations], words
        assert sender in [str(one.handle) for one in page.profiles]
    assert ref in [one.ref for one in (await desk.find(subject, 100)).conversations]
    assert (await desk.find(f"nobody-{uuid.uuid4().hex}")).conversations == ()
    assert (await desk.find("x' OR id > 0 OR Subject = 'x")).conversations == ()


async def test_a_file_is_fetched_whole(rt: RealRt, connect: Connect) -> None:
    desk, sender = connect(), a_customer()
    _, cursor = await drain(desk, rt.cursor)
    content = bytes(range(256)) * 40
    body = (
        f"From: Jane <{sender}>\nTo: support@desk.test\nSubject: Photo\nMessage-ID: <{uuid.uuid4()}@example.test>\n"
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=XX\n\n--XX\nContent-Type: text/plain\n\nSee it\n"
        "--XX\nContent-Type: image/jpeg\nContent-Disposition: attachment; filename=photo.jpg\n"
        "Content-Transfer-Encoding: base64\n\n"
    ).encode() + base64.encodebytes(content) + b"--XX--\n"
    await asyncio.to_thread(rt.mail, body)
    pages, rt.cursor = await drain(desk, cursor)
    (file,) = [file for m in messages(pages) for file in m.attachments if file.name == "photo.jpg"]
    out = io.BytesIO()
    await desk.download(file.url, out, len(content))
    assert out.getvalue() == content
    with pytest.raises(Rejected):
        await desk.download(file.url, io.BytesIO(), len(content) - 1)


# the contract -------------------------------------------------------------------------------------------------------


class RealWorld(World):
    """A real RT behind the fault proxy, moved by customers' mails and a colleague's token."""

    def __init__(self, rt: RealRt, faults: Faulty, connect: Connect, clock: ManualClock) -> None:
        self.rt, self.faults, self.connect, self.clock = rt, faults, connect, clock
        self.sender = a_customer()
        self.searched = self.sender
        self.made: list[str] = []
        self.mark = uuid.uuid4().hex[:8]
        self.connector = connect(url=faults.url, backfill_items=0)
        newest = rt.api("root", "GET", f"/tickets?{urlencode({'query': 'id > 0', 'orderby': 'id', 'order': 'DESC'})}")
        self.before = int(newest["items"][0]["id"]) if newest["items"] else 0

    async def tickets(self, text: str) -> int:
        query = {"query": f"id > {self.before} AND Creator = 'agent1'", "per_page": "100"}
        found = self.rt.api("root", "GET", f"/tickets?{urlencode(query)}")["items"]
        self.made += [one["id"] for one in found if one["id"] not in self.made]
        pages = [await self.connect().thread(one["id"]) for one in found]
        return sum(page.messages[0].text == text.strip() for page in pages if page.messages)

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        subject = f"Re: [desk.test #{thread}] x" if thread else "Question"
        await asyncio.to_thread(self.rt.mail, mail(self.sender, subject, text))
        if thread:
            return thread
        query = {"query": f"Requestor.EmailAddress = '{self.sender}'", "orderby": "id", "order": "DESC"}
        found = self.rt.api("root", "GET", f"/tickets?{urlencode(query)}")
        self.made.append(found["items"][0]["id"])
        return self.made[-1]

    async def colleague_answers(self, thread: str, text: str) -> None:
        self.rt.api("agent2", "POST", f"/ticket/{thread}/correspond", Content=text, ContentType="text/plain")

    async def _count(self, text: str, kind: str) -> int:
        wanted = Direction.NOTE if kind == "note" else Direction.OUT
        found = 0
        for ticket in self.made:
            try:
                page = await self.connect().thread(ticket)
            except Gone:
                continue
            found += sum(message.text == text and message.direction is wanted for message in page.messages)
        return found

    async def copies(self, text: str) -> int:
        return await self._count(text, "out")

    async def notes(self, text: str) -> int:
        return await self._count(text, "note")

    async def files(self, text: str) -> list[tuple[bytes, str]]:
        connector, found = self.connect(), list[tuple[bytes, str]]()
        for number in self.made:
            for message in (await connector.thread(number)).messages:
                for file in message.attachments if text in message.text else ():
                    out = io.BytesIO()
                    await connector.download(file.url, out, 1_000_000)
                    found.append((out.getvalue(), file.alt))
        return found

    async def restart(self) -> None:
        self.connector = self.connect(url=self.faults.url, backfill_items=0)

    async def hostile(self, text: str) -> None:
        small = text[:180]
        try:
            made = self.rt.api("root", "POST", "/ticket", Queue="Support", Subject=small, Requestor=self.sender,
                               Content=text, ContentType="text/plain", CustomFields={"Tags": [small]})
        except (httpx.HTTPStatusError, UnicodeEncodeError):
            pytest.skip("RT does not take this text")
        self.made.append(made["id"])

    async def colleague_claims(self, thread: str) -> str:
        self.rt.api("agent2", "PUT", f"/ticket/{thread}/take")
        return "agent2"

    async def delete_thread(self, thread: str) -> None:
        self.rt.api("root", "PUT", f"/ticket/{thread}", Status="deleted")

    async def merge(self, old: str, new: str) -> None:
        self.rt.api("agent2", "PUT", f"/ticket/{old}", MergeInto=int(new))

    def lose_request(self) -> None:
        self.faults.add(mode="cut_before", method="POST", path="/ticket")

    def lose_answer(self) -> None:
        self.faults.add(mode="cut_after", method="POST", path="/ticket")

    def rate_limit(self, headers: dict[str, str], body: bytes) -> None:
        if any(value.startswith(("Thu", "2026")) or (value.isdigit() and len(value) > 9) for value in headers.values()):
            pytest.skip("its clock is the machine's")
        self.faults.add(mode="status", status=429, headers=headers, body=body.decode())

    def expire_token(self) -> None:
        self.rt.facts["dead"] = "1-28-0123456789abcdef0123456789abcdef"
        self.connector._client.http._headers = lambda: {"Authorization": f"token {self.rt.facts['dead']}"}


class TestRealRt(ConnectorContract):
    """A real RT keeps the connector to the contract."""

    @pytest.fixture
    async def world(
        self, rt: RealRt, faults: Faulty, connect: Connect, clock: ManualClock
    ) -> AsyncIterator[RealWorld]:
        world = RealWorld(rt, faults, connect, clock)
        yield world
        for ticket in world.made:
            rt.api("root", "PUT", f"/ticket/{ticket}", Status="deleted")
