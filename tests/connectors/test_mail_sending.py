"""Replies as mails: who gets them, what their headers say, what proves that they left, and where they are filed."""

from __future__ import annotations

import email
import email.policy
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from agentdesk.connectors.mail.connector import MailConnector
from agentdesk.connectors.mail.headers import Header
from agentdesk.connectors.mail.mark import OWN_ID
from agentdesk.errors import Ambiguous, AuthError, Gone, RateLimited, Rejected, SourceError, Unavailable
from agentdesk.model.clock import MINUTE, SECOND, ManualClock
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import Absent, Found, Outgoing, OutKind, Unsure, Upload
from tests.contract.suite import reply
from tests.contract.test_mail import MailWorld
from tests.fakes.mail import Fault


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[MailWorld]:
    """A mailbox."""
    world = await MailWorld(clock).begin()
    yield world
    await world.end()


def sent(world: MailWorld) -> email.message.EmailMessage:
    """The last mail that left, as a mail program reads it."""
    return email.message_from_bytes(world.server.delivered[-1].raw, policy=email.policy.default)  # type: ignore[return-value]


async def answered(world: MailWorld, head: str, text: str = "an answer", **config: object) -> Header:
    """A mail with this header comes in and is answered: the header of our reply."""
    if config:
        world.connector = world.connect(**config)
    world.server.arrive(f"{head}\n\nquestion\n".encode())
    root = Header(f"{head}\n".encode()).ids("message-id")[0]
    await world.connector.send(reply(root, text, at=world.clock.now()))
    return Header(world.server.delivered[-1].raw)


JANE = "From: Jane Doe <jane@example.test>\nMessage-ID: <q@x.test>\nTo: support@desk.test\n"

# headers ------------------------------------------------------------------------------------------------------------


async def test_a_reply_continues_its_thread(world: MailWorld) -> None:
    world.connector = world.connect(display_name="Acme Süd")
    header = await answered(world, JANE + "Subject: =?utf-8?q?Wo_bleibt_es=3F_=F0=9F=93=A6?=")
    assert header.text("subject") == "Re: Wo bleibt es? 📦"
    assert (header.raw("in-reply-to"), header.raw("references")) == ("<q@x.test>", "<q@x.test>")
    assert header.text("from") == "Acme Süd <support@desk.test>"
    assert header.raw("to") == '"Jane Doe" <jane@example.test>'
    assert header.raw("message-id").endswith(".agentdesk@desk.test>")
    assert header.raw("date") == "Thu, 01 Jan 2026 00:00:00 +0000"
    assert not header.has("cc", "bcc", "reply-to")


@pytest.mark.parametrize("subject", ["Re: parcel", "RE: AW: Re[3]: parcel", "parcel"])
async def test_re_stands_once(world: MailWorld, subject: str) -> None:
    assert (await answered(world, f"{JANE}Subject: {subject}")).raw("subject") == "Re: parcel"


async def test_references_are_bounded_and_keep_the_first(world: MailWorld) -> None:
    ids = " ".join(f"<n{number}@x>" for number in range(50))
    world.server.arrive(f"{JANE}References: {ids}\n\nquestion\n".encode())
    await world.connector.send(reply("n0@x", "an answer", at=world.clock.now()))
    found = Header(world.server.delivered[-1].raw).ids("references")
    assert len(found) == 20
    assert (found[0], found[-1]) == ("n0@x", "q@x.test")
    assert all(len(line) < 990 for line in world.server.delivered[-1].raw.split(b"\r\n"))


async def test_whom_it_goes_to(world: MailWorld) -> None:
    header = await answered(world, f"{JANE}Reply-To: Jane at home <home@x.test>, second@x.test\nCc: boss@x.test")
    assert header.raw("to") == '"Jane at home" <home@x.test>'
    assert not header.has("cc")
    assert world.server.delivered[-1].recipients == ["home@x.test", "support@desk.test"]
    await world.connector.close()
    world.server.account.inbox.mails.clear()
    header = await answered(world, f"{JANE}Cc: boss@x.test, sales@desk.test, Jane <jane@example.test>", reply_all=True,
                            ours=("sales@desk.test",), own_copy=False)
    assert header.raw("cc") == "boss@x.test"
    assert world.server.delivered[-1].recipients == ["jane@example.test", "boss@x.test"]


async def test_the_chosen_mail_is_answered(world: MailWorld) -> None:
    thread = await world.customer_posts("first")
    _, raw = world.mail("from elsewhere", thread=thread, sender="Bo <bo@x.test>")
    world.server.arrive(raw)
    page = await world.connector.thread(thread)
    out = reply(thread, "to Jane", at=world.clock.now())
    await world.connector.send(msgspec.structs.replace(out, reply_to_ref=page.messages[0].ref))
    assert world.server.delivered[-1].recipients[0] == "jane@example.test"
    await world.connector.send(reply(thread, "to whoever wrote last", at=world.clock.now()))
    assert world.server.delivered[-1].recipients[0] == "bo@x.test"


async def test_nothing_can_be_smuggled_into_a_header(world: MailWorld) -> None:
    evil = "=?utf-8?q?hi=0D=0ABcc:_evil=40x=2Etest=0D=0A=0D=0Abody?="
    world.server.arrive(f"From: {evil} <jane@example.test>\nMessage-ID: <q\x01@x.test>\nSubject: {evil}\n"
                        f"Reply-To: {evil} <jane@example.test>\nReferences: <a\x0bb@x> <é@x>\n\nquestion\n".encode())
    (root,) = {m.conversation_ref for m in (await world.connector.pull(None)).messages}
    out = Outgoing(client_id="id\r\nBcc: evil@x.test", conversation_ref=root, kind=OutKind.REPLY, text="an answer",
                   visibility=Visibility.DIRECT, created_at=world.clock.now())
    await world.connector.send(out)
    raw = world.server.delivered[-1].raw
    assert Header(raw).count == len(raw.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b"").split(b"\r\n"))
    assert not Header(raw).has("bcc")
    assert all("evil" not in one for one in world.server.delivered[-1].recipients)


async def test_what_is_fixed_when_it_is_frozen_is_the_same_at_any_time(world: MailWorld) -> None:
    out = reply("q@x.test", "an answer", client_id="11-22", at=world.clock.now())
    frozen = world.connector.freeze(out)
    world.clock.advance(MINUTE)
    assert world.connector.freeze(out) == frozen
    assert msgspec.json.decode(frozen) == {"id": "11-22.agentdesk@desk.test", "at": out.created_at}
    moved = world.connect(address="other@new.test")
    kept = msgspec.structs.replace(out, extra=frozen)
    assert moved.freeze(kept) == frozen
    assert moved.freeze(msgspec.structs.replace(out, extra="nonsense")) != frozen


# words and files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "plain words", "Grüße 📦", "From here\n.dot\n..dots", "x" * 5_000, "trailing  \nspaces ", "tab\there", "=20 =3D",
])
async def test_words_arrive_as_they_were_written(world: MailWorld, text: str) -> None:
    await answered(world, JANE, text)
    assert sent(world).get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
    assert all(len(line) <= 998 for line in world.server.delivered[-1].raw.split(b"\r\n"))
    assert world.server.delivered[-1].raw.isascii()


async def test_the_footer_stands_below_the_mark_of_a_signature(world: MailWorld) -> None:
    await answered(world, JANE, footer=("Acme GmbH", "Köln"))
    assert sent(world).get_content().replace("\r\n", "\n") == "an answer\n\n-- \nAcme GmbH\nKöln\n"


def upload(tmp_path: Path, data: bytes = b"%PDF-1.4", **fields: object) -> Upload:
    path = tmp_path / "label.pdf"
    path.write_bytes(data)
    plain = Upload(path=str(path), name="Rücksende label\r\nX: y.pdf", mime="application/pdf", size=len(data),
                   digest=hashlib.sha256(data).hexdigest(), alt="the label\nto print")
    return msgspec.structs.replace(plain, **fields)


async def test_files_go_along(world: MailWorld, tmp_path: Path) -> None:
    thread = await world.customer_posts("question")
    out = reply(thread, "see the label", at=world.clock.now())
    await world.connector.send(msgspec.structs.replace(out, uploads=(upload(tmp_path),)))
    (part,) = sent(world).iter_attachments()
    assert (part.get_content(), part.get_content_type()) == (b"%PDF-1.4", "application/pdf")
    assert part.get_filename() == "Rücksende label X: y.pdf"
    assert str(part["Content-Description"]) == "the label to print"
    page = await world.connector.thread(thread)
    ours = next(m for m in page.messages if m.direction is Direction.OUT)
    assert [(file.name, file.alt) for file in ours.attachments] == [("Rücksende label X: y.pdf", "the label to print")]


async def test_a_file_that_changed_is_not_sent(world: MailWorld, tmp_path: Path) -> None:
    thread = await world.customer_posts("question")
    attached = upload(tmp_path)
    upload(tmp_path, b"%PDF-9.9")
    out = msgspec.structs.replace(reply(thread, "see", at=world.clock.now()), uploads=(attached,))
    with pytest.raises(Rejected):
        await world.connector.send(out)
    assert world.server.delivered == []


async def test_a_mail_that_is_too_large_is_refused_before_it_is_sent(world: MailWorld, tmp_path: Path) -> None:
    world.server.offers = ("SIZE 5000", "AUTH PLAIN")
    thread = await world.customer_posts("question")
    out = reply(thread, "see", at=world.clock.now())
    with pytest.raises(Rejected, match="too large"):
        await world.connector.send(msgspec.structs.replace(out, uploads=(upload(tmp_path, b"x" * 9_000),)))
    assert not any("MAIL" in command for command in world.server.commands)


# proof and filing -----------------------------------------------------------------------------------------------------


async def test_our_own_copy_is_moved_to_the_folder_of_sent_mail(world: MailWorld) -> None:
    thread = await world.customer_posts("question")
    cursor = (await world.connector.pull(None)).cursor
    await world.connector.send(reply(thread, "an answer", client_id="c-1", at=world.clock.now()))
    assert "support@desk.test" in world.server.delivered[-1].recipients
    assert b"Bcc" not in world.server.delivered[-1].raw
    page = await world.connector.pull(cursor)
    assert [(m.direction, m.client_id) for m in page.messages] == [(Direction.OUT, "c-1")]
    assert [kept.head(OWN_ID) != "" for kept in world.server.account.inbox.mails] == [False]
    (filed,) = world.server.account.sent.mails
    assert filed.flags == {"\\Seen"}
    again = await world.connector.pull(page.cursor)
    assert [m.ref for m in again.messages] == [m.ref for m in page.messages]


async def test_without_moving_the_copy_is_only_marked_as_read(world: MailWorld) -> None:
    world.server.capabilities = "IMAP4rev1 AUTH=PLAIN"
    thread = await world.customer_posts("question")
    cursor = (await world.connector.pull(None)).cursor
    await world.connector.send(reply(thread, "an answer", at=world.clock.now()))
    await world.connector.pull(cursor)
    assert [kept.flags for kept in world.server.account.inbox.mails] == [set(), {"\\Seen"}]


async def test_a_server_that_files_itself_is_recognised(world: MailWorld) -> None:
    world.server.files_itself = True
    thread = await world.customer_posts("question")
    cursor = (await world.connector.pull(None)).cursor
    await world.connector.send(reply(thread, "first", client_id="c-1", at=world.clock.now()))
    cursor = (await world.connector.pull(cursor)).cursor
    await world.connector.send(reply(thread, "second", client_id="c-2", at=world.clock.now()))
    assert "support@desk.test" not in world.server.delivered[-1].recipients
    assert len(world.server.account.sent.mails) == 2


@pytest.mark.parametrize(("files_itself", "save_sent", "count"), [(False, True, 1), (True, True, 1), (False, False, 0)])
async def test_without_own_copies_it_is_filed_once(
    world: MailWorld, files_itself: bool, save_sent: bool, count: int
) -> None:
    world.server.files_itself = files_itself
    await answered(world, JANE, own_copy=False, save_sent=save_sent)
    assert len(world.server.account.sent.mails) == count
    assert world.server.delivered[-1].recipients == ["jane@example.test"]


async def test_a_mail_that_cannot_be_filed_was_sent_all_the_same(world: MailWorld) -> None:
    world.connector = world.connect(own_copy=False)
    thread = await world.customer_posts("question")
    world.server.faults.append(Fault("append", "say", "TAG NO [OVERQUOTA] full"))
    await world.connector.send(reply(thread, "an answer", at=world.clock.now()))
    assert await world.copies("an answer") == 1
    await world.connector.pull(None)


async def test_absence_proves_nothing_where_nothing_ever_came_back(world: MailWorld) -> None:
    world.server.account.boxes["Archive"].mails.clear()
    world.server.loops_back = False
    thread = await world.customer_posts("question")
    out = reply(thread, "an answer", at=world.clock.now())
    started = world.clock.now()
    world.lose_answer()
    with pytest.raises(Ambiguous):
        await world.connector.send(out)
    assert isinstance(await world.connector.reconcile(out, started), Unsure)
    world.clock.advance(200 * SECOND)
    verdict = await world.connector.reconcile(out, started)
    assert isinstance(verdict, Unsure)
    assert "nothing proves" in verdict.why


async def test_a_mail_whose_id_the_server_replaced_is_found_by_our_own_field(world: MailWorld) -> None:
    thread = await world.customer_posts("question")
    out = reply(thread, "an answer", client_id="c-9", at=world.clock.now())
    await world.connector.send(out)
    box = world.server.account.inbox
    kept = box.mails[-1]
    kept.raw = kept.raw.replace(b"c-9.agentdesk@desk.test", b"replaced@server.test")
    assert isinstance(await world.connector.reconcile(out, world.clock.now()), Found)
    other = msgspec.structs.replace(out, client_id="c-8")
    world.clock.advance(200 * SECOND)
    assert isinstance(await world.connector.reconcile(other, 0), Absent)


@pytest.mark.parametrize(("moment", "say", "kind"), [
    ("rcpt", "550 5.1.1 no such user", Rejected), ("rcpt", "450 4.2.1 greylisted", Unavailable),
    ("mail", "421 4.7.0 slow down", RateLimited), ("dot", "554 5.7.1 spam", Rejected),
    ("dot", "451 4.3.0 disk", Unavailable), ("auth", "535 5.7.8 wrong", AuthError),
    ("ehlo", "502 what", SourceError), ("dot", "what was that", Ambiguous),
])
async def test_what_the_server_says_is_what_comes_of_it(
    world: MailWorld, moment: str, say: str, kind: type[SourceError]
) -> None:
    thread = await world.customer_posts("question")
    world.server.faults.append(Fault(moment, "say", say))
    with pytest.raises(kind) as caught:
        await world.connector.send(reply(thread, "an answer", at=world.clock.now()))
    assert caught.value.remedy or caught.value.cause
    assert world.server.delivered == []


@pytest.mark.parametrize("moment", ["greeting", "ehlo", "auth", "mail", "rcpt", "data"])
async def test_a_line_that_breaks_early_proves_that_nothing_left(world: MailWorld, moment: str) -> None:
    thread = await world.customer_posts("question")
    world.server.faults.append(Fault(moment))
    with pytest.raises(Unavailable):
        await world.connector.send(reply(thread, "an answer", at=world.clock.now()))
    assert world.server.delivered == []


async def test_our_own_address_that_takes_no_mail_stops_nothing(world: MailWorld) -> None:
    thread = await world.customer_posts("question")
    world.server.faults += [Fault("rcpt", "say", "250 2.1.5 Ok"), Fault("rcpt", "say", "550 5.1.1 no such user")]
    await world.connector.send(reply(thread, "an answer", at=world.clock.now()))
    assert len(world.server.account.sent.mails) == 1, "filed at once, because no copy will come"


# beginnings ---------------------------------------------------------------------------------------------------------


def begins(kind: OutKind, **fields: object) -> Outgoing:
    plain = Outgoing(client_id="b-1", conversation_ref="elsewhere-1", kind=kind, text="A parcel is lost",
                     visibility=Visibility.DIRECT, created_at=1_767_225_600_000, subject="A parcel of Jane's")
    return msgspec.structs.replace(plain, **fields)


async def test_a_ticket_goes_to_a_colleague_and_begins_a_thread(world: MailWorld) -> None:
    receipt = await world.connector.send(begins(OutKind.TICKET, place="Depot@Partner.test"))
    header = Header(world.server.delivered[-1].raw)
    assert (header.raw("to"), header.raw("subject")) == ("depot@partner.test", "A parcel of Jane's")
    assert not header.has("in-reply-to", "references")
    assert receipt.conversation_ref == "b-1.agentdesk@desk.test"
    page = await world.connector.pull(None)
    (head,) = [head for head in page.conversations if head.ref == receipt.conversation_ref]
    assert head.customer_ref == "depot@partner.test"
    world.server.arrive(f"From: depot@partner.test\nMessage-ID: <d@x>\nIn-Reply-To: <{receipt.conversation_ref}>\n\n"
                        "found it\n".encode())
    found = (await world.connector.pull(page.cursor)).messages
    assert [(m.text, m.conversation_ref) for m in found if m.direction is Direction.IN] == [
        ("found it", receipt.conversation_ref)]
    await world.connector.send(reply(receipt.conversation_ref, "thank you", at=world.clock.now()))
    assert world.server.delivered[-1].recipients[0] == "depot@partner.test"


async def test_a_ticket_without_an_address_is_refused_in_words(world: MailWorld) -> None:
    world.connector = world.connect(tickets_to="")
    for place in ("", "Billing"):
        with pytest.raises(Rejected, match="to which address"):
            await world.connector.send(begins(OutKind.TICKET, place=place))


async def test_a_private_mail_needs_an_address(world: MailWorld) -> None:
    with pytest.raises(Rejected, match="no mail address"):
        await world.connector.send(begins(OutKind.DM, customer_handle="@jane@social.test", customer_ref="4711"))
    out = begins(OutKind.DM, customer_mail="Jane@x.test", customer_name="Jane", subject="")
    receipt = await world.connector.send(out)
    assert Header(world.server.delivered[-1].raw).raw("subject") == "Your message to us"
    await world.connector.send(reply(receipt.conversation_ref, "once more", client_id="r-2", at=world.clock.now()))
    assert world.server.delivered[-1].recipients[0] == "jane@x.test", "a thread that only we wrote in goes to them"


async def test_a_note_never_leaves(world: MailWorld) -> None:
    thread = await world.customer_posts("question")
    with pytest.raises(Rejected, match="no notes"):
        await world.connector.send(reply(thread, "between us", kind=OutKind.NOTE))
    assert world.server.delivered == []


async def test_addresses_that_cannot_be_written_are_refused_and_domains_are_translated(world: MailWorld) -> None:
    with pytest.raises(Rejected, match="no address"):
        await world.connector.send(begins(OutKind.DM, customer_mail="jürgen@x.test"))
    await world.connector.send(begins(OutKind.DM, customer_mail="jane@köln.test"))
    assert world.server.delivered[-1].recipients[0] == "jane@xn--kln-sna.test"


async def test_a_thread_whose_mails_are_gone_is_not_answered(world: MailWorld) -> None:
    with pytest.raises(Gone):
        await world.connector.send(reply("nothing@x", "an answer"))


async def test_a_connector_says_what_it_can(world: MailWorld) -> None:
    assert isinstance(world.connector, MailConnector)
    caps = world.connector.caps
    assert (caps.can_note, caps.can_assign, caps.can_dm, caps.can_open, caps.max_uploads > 0) == (
        False, False, True, True, True)
