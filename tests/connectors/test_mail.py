"""The mail connector's own traps: numbers that change, threads of every make, spoofed senders, and large mails."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import pytest

from agentdesk.connectors.mail.headers import Header
from agentdesk.errors import AuthError, Gone, Rejected, Unavailable
from agentdesk.model.clock import DAY, HOUR, MINUTE, ManualClock
from agentdesk.model.message import Direction, Message, Visibility
from agentdesk.model.outgoing import Action, Verb
from agentdesk.model.page import Page
from tests.connectors.exchange import drain
from tests.contract.suite import reply
from tests.contract.test_mail import MailWorld
from tests.fakes.mail import Fault


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[MailWorld]:
    """A mailbox."""
    world = await MailWorld(clock).begin()
    yield world
    await world.end()


def messages(pages: list[Page]) -> list[Message]:
    return [message for page in pages for message in page.messages]


def raw_mail(head: str, body: str = "words") -> bytes:
    return f"{head}\n\n{body}\n".encode()


async def arrived(world: MailWorld, head: str, body: str = "words") -> Message:
    """A mail with this header comes in: the message that it becomes."""
    _, cursor = await drain(world.connector)
    world.clock.advance(MINUTE)
    world.server.arrive(raw_mail(head, body))
    (message,) = messages((await drain(world.connector, cursor))[0])
    return message


# the mailbox stays as it was ------------------------------------------------------------------------------------------


async def test_reading_marks_nothing_as_read(world: MailWorld) -> None:
    await world.customer_posts("hello")
    pages, cursor = await drain(world.connector)
    await drain(world.connector, cursor)
    await world.connector.thread(messages(pages)[0].conversation_ref)
    await world.connector.find("hello")
    assert [kept.flags for kept in world.server.account.inbox.mails] == [set()]
    assert not any(command.startswith("SELECT") for command in world.server.commands)
    assert all("BODY[" not in command for command in world.server.commands)


async def test_it_is_marked_as_read_when_asked_for(world: MailWorld) -> None:
    thread = await world.customer_posts("hello")
    await world.customer_posts("another")
    action = Action(verb=Verb.MARK_READ, conversation_ref=thread)
    await world.connector.act(action)
    await world.connector.act(action)
    assert [kept.flags for kept in world.server.account.inbox.mails] == [{"\\Seen"}, set()]
    with pytest.raises(Rejected):
        await world.connector.act(Action(verb=Verb.CLAIM, conversation_ref=thread))


# numbers ------------------------------------------------------------------------------------------------------------


async def test_a_rebuilt_folder_is_read_again_and_its_mails_are_known(world: MailWorld) -> None:
    box = world.server.account.inbox
    box.add(world.mail("before our time")[1], world.clock.now() - 60 * DAY)
    for number in range(3):
        await world.customer_posts(f"post {number}")
        world.clock.advance(HOUR)
    pages, cursor = await drain(world.connector)
    known = {m.ref: m.conversation_ref for m in messages(pages)}
    await world.customer_posts("while it was rebuilt")
    box.rebuild()
    pages, cursor = await drain(world.connector, cursor)
    (gap,) = [page.gap for page in pages if page.gap]
    assert "INBOX" in gap.reason
    assert gap.since is not None
    again = messages(pages)
    assert {m.ref: m.conversation_ref for m in again if m.ref in known} == known
    assert [m.text for m in again if m.ref not in known] == ["while it was rebuilt"]
    assert not any(page.backfill for page in pages)
    world.clock.advance(HOUR)
    await world.customer_posts("afterwards")
    assert [m.text for m in messages((await drain(world.connector, cursor))[0])] == ["afterwards"]


async def test_a_folder_filled_anew_does_not_bring_back_the_past(world: MailWorld) -> None:
    """After a move to another server every mail seems to have arrived just now; its own marks tell the truth."""
    box = world.server.account.inbox
    identifier, raw = world.mail("years ago")
    stamp = b"Received: by mx; Thu, 1 Jan 2015 00:00:00 +0000\r\n"
    written = raw.replace(world.date().encode(), b"Thu, 1 Jan 2015 00:00:00 +0000")
    box.add(stamp + written, world.clock.now() - 900 * DAY)
    thread = await world.customer_posts("today")
    _, cursor = await drain(world.connector)
    world.clock.advance(HOUR)
    box.rebuild()
    for kept in box.mails:
        kept.at = world.clock.now()
    found = messages((await drain(world.connector, cursor))[0])
    assert [m.conversation_ref for m in found] == [thread]
    assert identifier not in {m.conversation_ref for m in found}


async def test_a_mail_that_becomes_visible_out_of_turn_is_not_missed(world: MailWorld) -> None:
    box = world.server.account.inbox
    box.add(world.mail("first")[1], world.clock.now(), uid=4)
    _, cursor = await drain(world.connector)
    box.add(world.mail("third")[1], world.clock.now(), uid=7)
    pages, cursor = await drain(world.connector, cursor)
    assert [m.text for m in messages(pages)] == ["third"]
    box.add(world.mail("second")[1], world.clock.now(), uid=6)
    pages, cursor = await drain(world.connector, cursor)
    assert [m.text for m in messages(pages)] == ["second"]


async def test_the_last_mail_is_not_fetched_for_ever(world: MailWorld) -> None:
    """``n:*`` names the last mail even when its number is smaller."""
    await world.customer_posts("only one")
    _, cursor = await drain(world.connector)
    world.server.commands.clear()
    pages, _ = await drain(world.connector, cursor)
    assert messages(pages) == []
    assert not any("FETCH" in command for command in world.server.commands)


async def test_the_cursor_stays_small_over_many_mails(world: MailWorld) -> None:
    cursor: str | None = None
    for number in range(260):
        world.server.account.inbox.add(raw_mail(f"From: a@x.test\nMessage-ID: <n{number}@x>"), world.clock.now())
    pages, cursor = await drain(world.connector, cursor, limit=50)
    assert len(messages(pages)) == 200, "as many as backfill_items says"
    assert [page.total for page in pages] == [200] * 4
    assert [page.done for page in pages] == [50, 100, 150, 200]
    assert cursor is not None
    assert len(cursor) < 3_000


async def test_an_unknown_cursor_means_from_the_beginning(world: MailWorld) -> None:
    await world.customer_posts("hello")
    for cursor in ('{"v":2}', "nonsense", '{"v":1,"places":{"INBOX":{"validity":"x"}}}'):
        page = await world.connector.pull(cursor)
        assert [m.text for m in page.messages] == ["hello"]
        assert page.backfill


async def test_what_is_listed_but_not_given_is_asked_for_again_and_then_set_aside(world: MailWorld) -> None:
    _, cursor = await drain(world.connector)
    await world.customer_posts("behind a curtain")
    await world.customer_posts("in sight")
    (hidden, _) = world.server.account.inbox.mails
    world.server.hidden.add(hidden.uid)
    pages, cursor = await drain(world.connector, cursor)
    assert [m.text for m in messages(pages)] == ["in sight"]
    world.server.hidden.clear()
    pages, cursor = await drain(world.connector, cursor)
    assert [m.text for m in messages(pages)] == ["behind a curtain"]
    await world.customer_posts("never")
    world.server.hidden.add(world.server.account.inbox.mails[-1].uid)
    rejects = []
    for _ in range(4):
        pages, cursor = await drain(world.connector, cursor)
        rejects += [reject for page in pages for reject in page.rejects]
    assert len(rejects) == 1


async def test_a_mail_that_vanished_is_no_trouble(world: MailWorld) -> None:
    _, cursor = await drain(world.connector)
    await world.customer_posts("soon gone")
    world.server.raw_fetch = lambda kept, item: world.server.account.inbox.mails.clear() or None
    _, cursor = await drain(world.connector, cursor)
    world.server.raw_fetch = None
    assert (await drain(world.connector, cursor))[0][-1].rejects == ()


# threads ------------------------------------------------------------------------------------------------------------


async def test_an_answer_that_names_only_its_parent_is_found_by_looking_up(world: MailWorld) -> None:
    thread = await world.customer_posts("first")
    second, raw = world.mail("second", thread=thread)
    world.server.arrive(raw)
    _, cursor = await drain(world.connector)
    await world.restart()
    world.server.arrive(raw_mail(f"From: jane@example.test\nMessage-ID: <third@x>\nIn-Reply-To: <{second}>"))
    found = messages((await drain(world.connector, cursor))[0])
    assert [m.conversation_ref for m in found] == [thread]
    page = await world.connector.thread(thread)
    assert [m.text for m in page.messages] == ["first", "second", "words"]


async def test_a_list_of_references_that_was_cut_leads_to_the_root(world: MailWorld) -> None:
    thread = await world.customer_posts("first")
    second, raw = world.mail("second", thread=thread)
    world.server.arrive(raw)
    _, cursor = await drain(world.connector)
    await world.restart()
    world.server.arrive(raw_mail(f"From: jane@example.test\nMessage-ID: <third@x>\nReferences: <{second}>"))
    assert [m.conversation_ref for m in messages((await drain(world.connector, cursor))[0])] == [thread]


async def test_a_thread_that_began_elsewhere_is_named_by_its_first_mail(world: MailWorld) -> None:
    one = await arrived(world, "From: jane@x.test\nMessage-ID: <b@x>\nReferences: <never-seen@x>")
    assert one.conversation_ref == "never-seen@x"
    page = await world.connector.thread("never-seen@x")
    assert [m.ref for m in page.messages] == [one.ref]


async def test_the_subject_is_the_last_resort(world: MailWorld) -> None:
    world.server.arrive(raw_mail(f"From: jane@x.test\nMessage-ID: <a@x>\nSubject: Parcel 4711\nDate: {world.date()}"))
    _, cursor = await drain(world.connector)
    world.clock.advance(HOUR)
    for number, (sender, subject) in enumerate((
            ("jane@x.test", "Re: Parcel 4711"), ("bo@x.test", "Re: Parcel 4711"), ("jane@x.test", "Parcel 4711"),
            ("jane@x.test", "Re: hi"))):
        world.server.arrive(raw_mail(f"From: {sender}\nMessage-ID: <n{number}@x>\nSubject: {subject}\n"
                                     f"Date: {world.date()}"))
    found = {m.ref.partition("#")[0]: m.conversation_ref for m in messages((await drain(world.connector, cursor))[0])}
    assert found == {"n0@x": "a@x", "n1@x": "n1@x", "n2@x": "n2@x", "n3@x": "n3@x"}


async def test_a_long_thread_comes_whole_though_each_mail_names_only_the_one_before(world: MailWorld) -> None:
    thread = before = await world.customer_posts("first")
    for number in range(9):
        world.clock.advance(MINUTE)
        world.server.arrive(raw_mail(f"From: jane@example.test\nMessage-ID: <n{number}@x>\nIn-Reply-To: <{before}>"))
        before = f"n{number}@x"
    assert len((await world.connector.thread(thread)).messages) == 10
    many = await world.customer_posts("many")
    for number in range(60):
        world.server.arrive(raw_mail(f"From: jane@example.test\nMessage-ID: <m{number}@x>\nReferences: <{many}>"))
    assert len((await world.connector.thread(many)).messages) == 61


async def test_threads_that_lead_in_circles_end(world: MailWorld) -> None:
    world.server.arrive(raw_mail("From: a@x.test\nMessage-ID: <a@x>\nReferences: <b@x>"))
    world.server.arrive(raw_mail("From: a@x.test\nMessage-ID: <b@x>\nReferences: <a@x>"))
    found = messages((await drain(world.connector))[0])
    assert len(found) == 2
    assert (await world.connector.thread(found[0].conversation_ref)).messages


async def test_mails_with_the_same_id_are_told_apart(world: MailWorld) -> None:
    """Broken programs, and people with bad intent, use an id again."""
    world.server.arrive(raw_mail("From: a@x.test\nMessage-ID: <same@x>\nDate: Thu, 1 Jan 2026 00:00:00 +0000", "one"))
    world.server.arrive(raw_mail("From: b@x.test\nMessage-ID: <same@x>\nDate: Thu, 1 Jan 2026 00:00:00 +0000", "two"))
    found = messages((await drain(world.connector))[0])
    assert [m.text for m in found] == ["one", "two"]
    assert len({m.ref for m in found}) == 2


async def test_a_mail_without_an_id_is_answered_and_stays_one_thread(world: MailWorld) -> None:
    first = await arrived(world, "From: jane@x.test\nSubject: Parcel 4711\nDate: Thu, 1 Jan 2026 00:00:00 +0000")
    again = messages((await drain(world.connector))[0])
    assert [m.ref for m in again] == [first.ref]
    await world.restart()
    _, cursor = await drain(world.connector)
    await world.connector.send(reply(first.conversation_ref, "an answer", at=world.clock.now()))
    sent = Header(world.server.delivered[-1].raw)
    world.server.arrive(raw_mail(
        f"From: jane@x.test\nMessage-ID: <later@x>\nIn-Reply-To: {sent.raw('message-id')}\n"
        f"References: {sent.raw('references')} {sent.raw('message-id')}"))
    await world.restart()
    found = messages((await drain(world.connector, cursor))[0])
    assert {m.conversation_ref for m in found} == {first.conversation_ref}


async def test_what_was_put_away_is_still_part_of_its_thread(world: MailWorld) -> None:
    thread = await world.customer_posts("first")
    boxes = world.server.account.boxes
    (kept,) = boxes["INBOX"].mails
    boxes["INBOX"].mails.clear()
    boxes["Archive"].add(kept.raw, kept.at)
    assert [m.text for m in (await world.connector.thread(thread)).messages] == ["first"]
    await world.connector.send(reply(thread, "an answer", at=world.clock.now()))
    assert world.server.delivered[-1].recipients[0] == "jane@example.test"


# who speaks ---------------------------------------------------------------------------------------------------------


async def test_a_sender_in_our_name_proves_nothing(world: MailWorld) -> None:
    """Spam and forms on our own page write in our name; only what the folder of sent mail holds is ours."""
    spoofed = await arrived(world, "From: Support <support@desk.test>\nTo: jane@x.test\nMessage-ID: <a@x>\n"
                                   "X-Agentdesk-Id: forged 0123456789abcdef0123456789abcdef")
    assert (spoofed.direction, spoofed.client_id) == (Direction.IN, "")
    form = await arrived(world, "From: support@desk.test\nTo: support@desk.test\nReply-To: Jane <jane@x.test>\n"
                                "Message-ID: <b@x>")
    assert (form.direction, form.author.ref, form.author.name) == (Direction.IN, "jane@x.test", "Jane")


async def test_a_mail_that_lies_in_both_folders_is_ours_once(world: MailWorld) -> None:
    thread = await world.customer_posts("question")
    _, cursor = await drain(world.connector)
    _, raw = world.mail("on its way", thread=thread, sender="Sam <support@desk.test>", to="jane@example.test")
    world.server.arrive(raw)
    world.server.arrive(raw, world.server.account.sent)
    found = messages((await drain(world.connector, cursor))[0])
    assert [(m.direction, m.author.name) for m in found] == [(Direction.OUT, "Sam")]


async def test_colleagues_who_answer_with_us_in_copy_are_named_in_the_settings(world: MailWorld) -> None:
    head = "From: Ann <ann@desk.test>\nTo: jane@x.test\nCc: support@desk.test\nReferences: <t@x>\nMessage-ID: <a@x>"
    assert (await arrived(world, head)).direction is Direction.IN
    world.connector = world.connect(ours=("ann@desk.test",))
    assert [m.direction for m in messages((await drain(world.connector))[0])] == [Direction.OUT]
    passed_on = "From: ann@desk.test\nTo: support@desk.test\nMessage-ID: <b@x>"
    assert (await arrived(world, passed_on)).direction is Direction.IN


async def test_automatic_answers_raise_no_alarm(world: MailWorld) -> None:
    thread = await world.customer_posts("question")
    note = await arrived(world, f"From: jane@example.test\nMessage-ID: <a@x>\nReferences: <{thread}>\n"
                                "Subject: Out of office\nAuto-Submitted: auto-replied", "back in May")
    assert (note.direction, note.visibility) == (Direction.NOTE, Visibility.INTERNAL)
    assert (note.text, note.conversation_ref) == ("(automatic answer)\n\nback in May", thread)


async def test_a_newsletter_ranks_lower(world: MailWorld) -> None:
    one = await arrived(world, "From: news@shop.test\nMessage-ID: <a@x>\nPrecedence: bulk\nList-Unsubscribe: <x>")
    assert (one.direction, one.indirect) == (Direction.IN, True)


BOUNCE = """From: MAILER-DAEMON@mx.test
Message-ID: <bounce-1@mx.test>
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=B

--B

It could not be delivered.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.test

Final-Recipient: rfc822; jane@example.test
Action: failed
Diagnostic-Code: smtp; 550 5.1.1 no such user

--B
Content-Type: text/rfc822-headers

Message-ID: {about}
--B--
"""


async def test_a_bounce_of_our_reply_is_shown_in_its_conversation_as_a_failure(world: MailWorld) -> None:
    thread = await world.customer_posts("question")
    await world.connector.send(reply(thread, "the answer", at=world.clock.now()))
    _, cursor = await drain(world.connector)
    about = Header(world.server.delivered[-1].raw).raw("message-id")
    (ours,) = [m.ref for m in (await world.connector.thread(thread)).messages if m.direction is Direction.OUT]
    await world.restart()
    world.clock.advance(MINUTE)
    world.server.arrive(BOUNCE.format(about=about).encode())
    pages, cursor = await drain(world.connector, cursor)
    bounce = next(m for m in messages(pages) if m.ref.startswith("bounce-1"))
    assert (bounce.conversation_ref, bounce.direction) == (thread, Direction.NOTE)
    assert bounce.text.startswith("(not delivered to jane@example.test: 550 5.1.1 no such user)")
    assert [head.status for page in pages for head in page.conversations if head.ref == thread] == ["not delivered"]
    told = [(one.ref, one.reason) for page in pages for one in page.undelivered]
    assert told == [(ours, "jane@example.test: 550 5.1.1 no such user")]
    world.clock.advance(MINUTE)
    assert (await world.connector.thread(thread)).conversations[0].status is None
    await world.customer_posts("from another address", thread=thread)
    pages, _ = await drain(world.connector, cursor)
    assert [head.status for page in pages for head in page.conversations] == [""]


@pytest.mark.parametrize(("was", "now", "told"), [("Message-ID: {about}", "{head}", True),
                                                  ("Action: failed", "Action: delayed", False)])
async def test_a_bounce_names_our_reply_by_the_header_it_brings_back(
    world: MailWorld, was: str, now: str, told: bool
) -> None:
    thread = await world.customer_posts("question")
    sent = reply(thread, "the answer", at=world.clock.now())
    await world.connector.send(sent)
    _, cursor = await drain(world.connector)
    header = Header(world.server.delivered[-1].raw)
    lines = world.server.delivered[-1].raw.partition(b"\r\n\r\n")[0].decode().replace("\r", "")
    world.server.account.sent.mails.clear()
    world.server.arrive(BOUNCE.replace(was, now).format(about=header.raw("message-id"), head=lines).encode())
    pages, _ = await drain(world.connector, cursor)
    assert [one.client_id for page in pages for one in page.undelivered] == [sent.client_id] * told


async def test_our_own_words_that_a_list_sends_back_are_ours(world: MailWorld) -> None:
    thread = await world.customer_posts("question")
    await world.connector.send(reply(thread, "the answer", at=world.clock.now()))
    _, cursor = await drain(world.connector)
    raw = world.server.delivered[-1].raw
    back = raw.replace(b"From: support@desk.test", b"From: support via List <list@lists.test>\r\nList-Id: <list.x>")
    assert back != raw
    world.server.arrive(back)
    found = messages((await drain(world.connector, cursor))[0])
    assert {m.direction for m in found} == {Direction.OUT}
    looped = await arrived(world, "From: x@x.test\nMessage-ID: <l@x>\nX-Loop: support@desk.test")
    assert looped.direction is Direction.NOTE


async def test_one_mail_that_cannot_be_read_does_not_hold_up_the_others(
    world: MailWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agentdesk.connectors.mail import speak

    good = speak.shown

    def breaks(root: object) -> object:
        found = good(root)  # type: ignore[arg-type]
        if "poison" in found.text:
            raise RuntimeError("what is that")
        return found

    monkeypatch.setattr(speak, "shown", breaks)
    for text in ("before", "poison", "behind"):
        await world.customer_posts(text)
    pages, cursor = await drain(world.connector)
    assert [m.text for m in messages(pages)] == ["before", "behind"]
    assert [reject.reason for page in pages for reject in page.rejects] == ["It cannot be read: what is that"]
    assert messages((await drain(world.connector, cursor))[0]) == []


# large and broken mails -----------------------------------------------------------------------------------------------


def large(text: str = "see the photo") -> bytes:
    photo = b"QUJD" * 18 + b"\r\n"
    return (b"From: jane@x.test\r\nMessage-ID: <large@x>\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n"
            b"--A\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode() + b"\r\n"
            b"--A\r\nContent-Type: image/jpeg; name=photo.jpg\r\n"
            b"Content-Disposition: attachment; filename=photo.jpg\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" + photo * 20_000 + b"\r\n--A--\r\n")


async def test_of_a_large_mail_only_the_text_is_fetched(world: MailWorld) -> None:
    world.server.account.inbox.add(large("zu groß"), world.clock.now())
    (message,) = messages((await drain(world.connector))[0])
    assert message.text == "zu groß\n\n(1 MB: only its text was fetched)"
    (photo,) = message.attachments
    assert (photo.name, photo.mime) == ("photo.jpg", "image/jpeg")
    assert photo.size == pytest.approx(54 * 20_000, rel=0.05)
    assert not any("BODY.PEEK[]" in command for command in world.server.commands if "FETCH" in command)


async def test_a_large_mail_whose_server_cannot_describe_it_is_read_from_its_beginning(world: MailWorld) -> None:
    world.server.account.inbox.add(large(), world.clock.now())
    world.server.raw_fetch = lambda kept, item: b" BODYSTRUCTURE NIL" if item == "BODYSTRUCTURE" else None
    (message,) = messages((await drain(world.connector))[0])
    assert message.text == "see the photo\n\n(1 MB: only its beginning was fetched)"
    assert [file.name for file in message.attachments] == ["photo.jpg"]


async def test_parts_without_end_are_shown_as_what_they_are(world: MailWorld) -> None:
    deep = "\n".join(f"Content-Type: multipart/mixed; boundary=B{n}\n\n--B{n}" for n in range(200))
    world.server.arrive(raw_mail(f"From: jane@x.test\nMessage-ID: <deep@x>\nSubject: help\n{deep}"))
    (message,) = messages((await drain(world.connector))[0])
    assert message.text.startswith("(This mail cannot be shown: it has parts within parts without end")


async def test_files_are_fetched_in_pieces_and_within_limits(world: MailWorld) -> None:
    world.server.account.inbox.add(large(), world.clock.now())
    (message,) = messages((await drain(world.connector))[0])
    url = message.attachments[0].url
    out = io.BytesIO()
    await world.connector.download(url, out, 5_000_000)
    assert out.getvalue() == b"ABC" * 18 * 20_000
    for limit, error in ((1_000, Rejected), (5_000_000, Gone)):
        with pytest.raises(error):
            await world.connector.download(url, io.BytesIO(), limit)
        world.server.account.inbox.mails.clear()
    with pytest.raises(Rejected):
        await world.connector.download("https://evil.test/x", io.BytesIO(), 10)


async def test_small_files_keep_their_bytes_whatever_their_packing(world: MailWorld) -> None:
    world.server.arrive(b"From: jane@x.test\nMessage-ID: <f@x>\nContent-Type: multipart/mixed; boundary=A\n\n--A\n\nx\n"
                        b"--A\nContent-Type: text/csv; name=a.csv\nContent-Transfer-Encoding: quoted-printable\n\n"
                        b"caf=C3=A9\n--A\nContent-Type: text/x-log; name=b.log\n\nplain\n--A--\n")
    (message,) = messages((await drain(world.connector))[0])
    found = []
    for file in message.attachments:
        out = io.BytesIO()
        await world.connector.download(file.url, out, 1_000)
        found.append(out.getvalue().strip())
    assert found == ["café".encode(), b"plain"]


# looking around -----------------------------------------------------------------------------------------------------


async def test_it_says_who_we_are_and_what_is_missing(world: MailWorld) -> None:
    account = await world.connector.verify()
    assert (account.ref, account.warnings) == ("support@desk.test", ())
    assert "send" in account.scopes
    assert world.server.delivered == []
    world.server.capabilities = "IMAP4rev1"
    world.server.offers = ()
    del world.server.account.boxes["Sent"]
    world.connector = world.connect()
    warnings = " ".join((await world.connector.verify()).warnings)
    for words in ("no folder of sent mail", "does not tell when mail arrives", "asks for no login"):
        assert words in warnings


async def test_a_folder_that_is_not_there_is_named(world: MailWorld) -> None:
    world.connector = world.connect(folder="Support")
    with pytest.raises(Rejected, match="Support"):
        await world.connector.verify()


@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 AUTH=PLAIN", "IMAP4rev1 AUTH=PLAIN SASL-IR"])
async def test_every_way_to_sign_in(world: MailWorld, capabilities: str) -> None:
    world.server.capabilities = capabilities
    world.server.offers = ("AUTH LOGIN",)
    world.connector = world.connect()
    await world.connector.verify()
    world.password = "wrong é"
    world.connector = world.connect()
    with pytest.raises(AuthError) as caught:
        await world.connector.verify()
    assert "wrong" not in str(caught.value), "the server repeats the password"


async def test_signing_in_with_an_access_token(world: MailWorld) -> None:
    world.server.offers = ("AUTH XOAUTH2",)
    world.connector = world.connect(auth="oauth2")
    await world.connector.verify()
    assert any("XOAUTH2" in command for command in world.server.commands)


async def test_a_server_that_wants_tls_first_is_not_given_the_password(world: MailWorld) -> None:
    world.server.capabilities = "IMAP4rev1 LOGINDISABLED"
    with pytest.raises(Rejected, match="wants TLS"):
        await world.connector.pull(None)
    assert not any(world.password in command for command in world.server.commands)


async def test_a_line_that_broke_is_opened_again(world: MailWorld) -> None:
    await world.customer_posts("hello")
    _, cursor = await drain(world.connector)
    world.server.faults.append(Fault("search"))
    with pytest.raises(Unavailable):
        await world.connector.pull(cursor)
    await world.customer_posts("still there")
    assert [m.text for m in messages((await drain(world.connector, cursor))[0])] == ["still there"]


async def test_a_search_finds_words_and_people(world: MailWorld) -> None:
    thread = await world.customer_posts("the blue parcel")
    await world.customer_posts("something else")
    page = await world.connector.find("blue parcel")
    assert [m.conversation_ref for m in page.messages] == [thread]
    assert page.backfill
    assert (await world.connector.find('no"such\\thing')).messages == ()
    assert (await world.connector.find(" ")).messages == ()
    assert len((await world.connector.find("jane@example.test")).messages) == 2


async def test_strange_customers_are_no_trouble(world: MailWorld) -> None:
    assert (await world.connector.history("not an address")).messages == ()
    with pytest.raises(Gone):
        await world.connector.customer("not an address")
    assert (await world.connector.customer("nobody@x.test")).name == "nobody@x.test"


async def test_a_mail_whose_date_lies_is_dated_by_its_arrival(world: MailWorld) -> None:
    one = await arrived(world, "From: jane@x.test\nMessage-ID: <a@x>\nDate: Fri, 1 Jan 1970 00:00:00 +0000")
    assert one.created_at == world.clock.now()


# news ---------------------------------------------------------------------------------------------------------------


async def test_news_comes_by_itself_and_waiting_is_asked_for_anew(world: MailWorld) -> None:
    from agentdesk.connectors.mail.waiting import news

    hints = news(world.connector._box, "INBOX", again_s=0.01)
    await anext(hints)
    await world.customer_posts("hello")
    await anext(hints)
    waiting = asyncio.ensure_future(anext(hints))
    for _ in range(2_000):
        if sum(command.startswith("IDLE") for command in world.server.commands) > 3:
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("it is not asked for anew")
    assert not waiting.done(), "nothing was new"
    waiting.cancel()


async def test_where_nobody_tells_of_news_nothing_is_asked(world: MailWorld) -> None:
    world.server.capabilities = "IMAP4rev1"
    hints = world.connector.hints()
    assert hints is not None
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(hints)
    assert not any(command.startswith("IDLE") for command in world.server.commands)


async def test_a_broken_line_of_news_says_so(world: MailWorld) -> None:
    hints = world.connector.hints()
    assert hints is not None
    await anext(hints)
    waiting = anext(hints)
    await world.server.stop()
    with pytest.raises(Unavailable):
        await waiting
