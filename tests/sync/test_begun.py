"""Tickets and private messages: they begin a conversation elsewhere, once, and are tied to where they come from."""

from __future__ import annotations

import pytest

from agentdesk.errors import Unavailable
from agentdesk.model.clock import HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.conversation import State
from agentdesk.model.events import Notice
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import Draft, Outgoing, OutKind, SendState
from agentdesk.store import begun, conversations, drafts, ledger, links, outbox
from tests.fakes.desk import SOURCE, LittleDesk, until_settled
from tests.fakes.platform import Fault, Platform
from tests.store.scene import move

BEGINS = (OutKind.TICKET, OutKind.DM)


def actions(desk: LittleDesk, ref: str) -> list[str]:
    return [e.action for e in ledger.of_conversation(desk.store.reader, desk.conversation(ref))]


@pytest.mark.parametrize("kind", BEGINS)
async def test_what_begins_is_tied_to_where_it_comes_from(desk: LittleDesk, kind: OutKind) -> None:
    entry_id = desk.reply("c1", "Their parcel is lost", kind=kind)
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT
    (link,) = links.of(desk.store.reader, desk.conversation("c1"))
    assert link.kind == begun.LINKS[kind]
    assert link.other_id is not None
    other = conversations.get(desk.store.reader, link.other_id)
    assert (other.source, other.state) == (SOURCE, State.WAITING)
    assert other.ref in desk.platform.begun
    assert begun.ACTIONS[kind] in actions(desk, "c1")
    back = links.of(desk.store.reader, other.id)
    assert [one.other_id for one in back] == [desk.conversation("c1")]


@pytest.mark.parametrize("kind", BEGINS)
async def test_the_origin_keeps_its_clock_and_its_thread(desk: LittleDesk, kind: OutKind) -> None:
    desk.reply("c1", "Their parcel is lost", kind=kind)
    await desk.send()
    it = conversations.get(desk.store.reader, desk.conversation("c1"))
    assert it.state is State.OPEN
    assert it.unanswered_since is not None, "nobody has answered the customer"
    assert [m.message.text for m in conversations.thread(desk.store.reader, it.id)] == ["My parcel is lost"]


@pytest.mark.parametrize("kind", BEGINS)
async def test_what_began_is_fetched_without_waiting_for_a_pull(desk: LittleDesk, clock: ManualClock,
                                                               kind: OutKind) -> None:
    desk.reply("c1", "Their parcel is lost", kind=kind)
    await desk.send()
    (link,) = links.of(desk.store.reader, desk.conversation("c1"))
    assert link.other_id is not None
    texts = [m.message.text for m in conversations.thread(desk.store.reader, link.other_id)]
    assert texts == ["Their parcel is lost"]
    await desk.pull()
    clock.advance(MINUTE)
    await desk.send()
    assert len(conversations.thread(desk.store.reader, link.other_id)) == 1
    assert conversations.get(desk.store.reader, link.other_id).state is State.WAITING


async def test_a_ticket_whose_messages_were_not_fetched_is_fetched_after_a_restart(
        desk: LittleDesk, platform: Platform) -> None:
    desk.connector.thread_errors.extend([Unavailable("No line")] * 3)
    desk.reply("c1", "Their parcel is lost", kind=OutKind.TICKET)
    await desk.send()
    assert begun.unread(desk.store.reader, SOURCE) == ["t1"]
    desk.restart()
    desk.connector.thread_errors.clear()
    await desk.send()
    assert begun.unread(desk.store.reader, SOURCE) == []


@pytest.mark.parametrize("kind", BEGINS)
async def test_it_waits_for_nothing_here_and_nothing_here_waits_for_it(desk: LittleDesk, kind: OutKind) -> None:
    begins = desk.reply("c1", "Their parcel is lost", kind=kind, hold=MINUTE)
    reply = desk.reply("c1", "We are looking into it")
    await desk.send()
    assert (desk.state(begins), desk.state(reply)) == (SendState.HELD, SendState.SENT)
    held = desk.reply("c2", "One moment", hold=MINUTE)
    other = desk.reply("c2", "Their bill is wrong", kind=kind)
    await desk.send()
    assert (desk.state(held), desk.state(other)) == (SendState.HELD, SendState.SENT)


async def test_new_words_of_the_customer_do_not_stop_a_ticket(desk: LittleDesk, platform: Platform) -> None:
    entry_id = desk.reply("c1", "Their parcel is lost", kind=OutKind.TICKET)
    platform.write("c1", "Hello?")
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT


async def test_a_ticket_taken_back_is_a_draft_with_all_its_lines(desk: LittleDesk) -> None:
    entry_id = desk.reply("c1", "Their parcel is lost", kind=OutKind.TICKET, hold=5 * SECOND)
    draft = desk.store.write_now(lambda db: outbox.cancel(db, entry_id, "ann", desk.clock.now()))
    assert draft.kind is OutKind.TICKET
    assert draft.text.startswith(f"To: {SOURCE}\n")
    assert draft.text.endswith("\n\nTheir parcel is lost")


async def test_a_refused_ticket_brings_back_what_was_done_because_of_it(desk: LittleDesk) -> None:
    entry_id = desk.reply("c1", "Their parcel is lost", kind=OutKind.TICKET)
    now = desk.clock.now()
    number = desk.conversation("c1")
    desk.store.write_now(lambda db: move(db, number, State.DONE, now))
    desk.connector.faults.append(Fault.REFUSED)
    await desk.send()
    assert desk.state(entry_id) is SendState.REFUSED
    assert conversations.get(desk.store.reader, number).state is State.OPEN
    (back,) = [e for e in ledger.of_conversation(desk.store.reader, number) if e.action == "reopened"]
    assert back.rule == "the ticket was refused"


async def test_a_ticket_in_doubt_is_called_a_ticket(desk: LittleDesk, clock: ManualClock) -> None:
    entry_id = desk.reply("c1", "Their parcel is lost", kind=OutKind.TICKET)
    desk.connector.faults.append(Fault.CUT_BEFORE)
    await until_settled(desk, [entry_id], clock.advance)
    assert desk.state(entry_id) is SendState.NEEDS_HUMAN
    assert any(text.startswith("Your ticket for Customer c1") for text in desk.notices())


async def test_a_landed_ticket_is_told(desk: LittleDesk) -> None:
    desk.reply("c1", "Their parcel is lost", kind=OutKind.TICKET)
    await desk.send()
    told = [e for e in desk.events if isinstance(e, Notice) and e.level == "good"]
    assert [e.text for e in told] == [f"Ticket opened at {SOURCE} for Customer c1: t1"]


async def test_a_pull_that_shows_the_ticket_settles_it_and_ties_it(platform: Platform, desk: LittleDesk,
                                                                   clock: ManualClock) -> None:
    platform.echo = True
    entry_id = desk.reply("c1", "Their parcel is lost", kind=OutKind.TICKET)
    desk.connector.faults.append(Fault.CUT_AFTER)
    await desk.send()
    assert desk.state(entry_id) is SendState.UNKNOWN
    await desk.pull()
    assert desk.state(entry_id) is SendState.SENT
    (link,) = links.of(desk.store.reader, desk.conversation("c1"))
    assert link.other_id == desk.conversation("t1")


async def test_who_answers_before_we_hear_that_our_message_arrived_keeps_the_place(desk: LittleDesk, platform: Platform,
                                                                                   clock: ManualClock) -> None:
    entry_id = desk.reply("c1", "May we write to you here?", kind=OutKind.DM)
    desk.connector.faults.append(Fault.CUT_AFTER)
    await desk.send()
    platform.write("d1", "Please do")
    await desk.pull()
    place = "SELECT state, rank = due_at FROM conversation WHERE ref = 'd1'"
    assert desk.store.reader.rows(place) == [("open", 1)]
    await until_settled(desk, [entry_id], clock.advance)
    assert desk.state(entry_id) is SendState.SENT
    assert desk.store.reader.rows(place) == [("open", 1)]


# following what began -------------------------------------------------------------------------------------------------


async def opened(desk: LittleDesk) -> int:
    """A ticket for c1 that has been read once; returns its number."""
    desk.reply("c1", "Their parcel is lost", kind=OutKind.TICKET)
    await desk.send()
    (link,) = links.of(desk.store.reader, desk.conversation("c1"))
    assert link.other_id is not None
    return link.other_id


async def test_a_ticket_that_no_pull_brings_is_read_now_and_then(desk: LittleDesk, platform: Platform,
                                                                clock: ManualClock) -> None:
    await opened(desk)
    reply = desk.reply("c1", "We are on it")
    await desk.send()
    assert desk.state(reply) is SendState.SENT
    clock.advance(MINUTE)
    await desk.send()
    platform.closed.add("t1")
    desk.connector.calls.clear()
    for _ in range(20):
        clock.advance(MINUTE)
        await desk.sender.turn()
    reads = [what for _, what in desk.connector.calls if what == "thread"]
    assert 1 <= len(reads) <= 4
    it = conversations.get(desk.store.reader, desk.conversation("c1"))
    assert it.state is State.OPEN
    assert [c.words for c in it.clocks if c.words] == ["tell the customer: fake#t1 is solved"]
    desk.connector.calls.clear()
    for _ in range(20):
        clock.advance(MINUTE)
        await desk.sender.turn()
    assert [what for _, what in desk.connector.calls if what == "thread"] == [], "nobody waits for it any more"


async def test_many_tickets_are_read_in_turn(desk: LittleDesk, platform: Platform, clock: ManualClock) -> None:
    for number in range(3, 13):
        platform.write(f"c{number}", "Lost too")
    await desk.pull()
    for number in range(1, 13):
        desk.reply(f"c{number}", f"Lost {number}", kind=OutKind.TICKET)
    for _ in range(6):
        await desk.send()
        clock.advance(MINUTE)
    clock.advance(HOUR)
    desk.connector.calls.clear()
    most = 0
    for _ in range(5):
        before = len(desk.connector.calls)
        await desk.sender.turn()
        most = max(most, len(desk.connector.calls) - before)
        clock.advance(MINUTE)
    assert len(desk.connector.calls) == 12
    assert most <= 5


async def test_a_ticket_that_is_gone_brings_its_post_back(desk: LittleDesk, platform: Platform,
                                                          clock: ManualClock) -> None:
    number = await opened(desk)
    platform.gone.add("t1")
    clock.advance(HOUR)
    await desk.sender.turn()
    assert conversations.get(desk.store.reader, number).status == "gone"
    it = conversations.get(desk.store.reader, desk.conversation("c1"))
    assert [c.words for c in it.clocks if c.words] == ["tell the customer: fake#t1 is gone"]


async def test_a_note_is_left_where_the_ticket_comes_from(desk: LittleDesk, platform: Platform) -> None:
    number, now = desk.conversation("c1"), desk.clock.now()
    out = Outgoing(client_id="with-note", conversation_ref="c1", kind=OutKind.TICKET, text="Lost", subject="Parcel",
                   visibility=Visibility.INTERNAL, agent="ann", created_at=now, note_back=True)
    draft = Draft(conversation_id=number, agent="ann", kind=OutKind.NOTE, text="half a thought",
                  visibility=Visibility.INTERNAL)
    desk.store.write_now(lambda db: drafts.save(db, draft, now))
    desk.store.write_now(lambda db: outbox.freeze(db, number, out, agent="ann", hold_until=now, seen_message_id=0,
                                                  now=now, source=SOURCE))
    await desk.send()
    await desk.send()
    notes = [p.message.text for p in platform.visible("c1") if p.message.direction is Direction.NOTE]
    assert notes == [f"Ticket opened at {SOURCE}: t1 https://fake.example/t1\nParcel"]
    assert drafts.get(desk.store.reader, number, "ann", OutKind.NOTE) is not None, "what was begun by hand stays"
