"""What is written down of an outbox entry."""

from __future__ import annotations

from agentdesk.model.events import Notice, OutboxChanged
from agentdesk.model.outgoing import Outgoing, Receipt, SendState
from agentdesk.store import outbox, outbox_recovery
from agentdesk.sync.book import Book
from agentdesk.sync.frame import Words
from tests.fakes.desk import LittleDesk
from tests.fakes.platform import Fault, Platform

NO = Words("No", "", "")


async def test_who_wakes_up_late_does_not_move_what_others_have_moved(desk: LittleDesk, platform: Platform) -> None:
    def another_process_takes_over(out: Outgoing) -> None:
        desk.store.write_now(lambda db: outbox_recovery.recover(db, lambda sender: False, desk.clock.now()))
        desk.store.write_now(lambda db: outbox.needs_human(db, entry_id, "It is not certain", "Look", desk.clock.now()))

    entry_id = desk.reply("c1", "Hello")
    desk.connector.faults.append(Fault.CUT_BEFORE)
    desk.connector.before_send = another_process_takes_over
    await desk.send()
    assert desk.state(entry_id) is SendState.NEEDS_HUMAN
    assert desk.entry(entry_id).title == "It is not certain"


async def test_the_news_that_it_arrived_counts_whoever_looks_after_it_now(desk: LittleDesk) -> None:
    def another_process_takes_over(out: Outgoing) -> None:
        desk.store.write_now(lambda db: outbox_recovery.recover(db, lambda sender: False, desk.clock.now()))

    entry_id = desk.reply("c1", "Hello")
    desk.connector.before_send = another_process_takes_over
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT


async def test_what_is_sent_is_not_sent_twice_in_the_ledger(desk: LittleDesk) -> None:
    entry_id = desk.reply("c1", "Hello")
    await desk.send()
    book = Book(desk.engine.frame, desk.connector)
    await book.sent(desk.entry(entry_id), Receipt(ref="m9"))
    await book.refused(desk.entry(entry_id), NO)
    assert desk.state(entry_id) is SendState.SENT
    assert desk.store.reader.value("SELECT count(*) FROM ledger WHERE action = 'sent'") == 1


async def test_a_reply_that_waits_for_a_moderator_says_so(desk: LittleDesk) -> None:
    entry_id = desk.reply("c1", "Hello")
    book = Book(desk.engine.frame, desk.connector)
    [entry] = await book.due()
    started = await book.start(entry, "me")
    assert started is not None
    await book.sent(started, Receipt(ref="m9", pending=True))
    assert desk.state(entry_id) is SendState.SENT
    assert any("moderator" in text for text in desk.notices())


async def test_every_move_is_told(desk: LittleDesk) -> None:
    desk.reply("c1", "Hello")
    book = Book(desk.engine.frame, desk.connector)
    [entry] = await book.due()
    started = await book.start(entry, "me")
    assert started is not None
    desk.events.clear()
    await book.unknown(started, Words("Lost", "the line broke", ""), desk.clock.now())
    [told] = [e for e in desk.events if isinstance(e, OutboxChanged)]
    assert (told.state, told.text, told.conversation_id) == (
        SendState.UNKNOWN, "Lost: the line broke", entry.conversation_id)
    [again] = await book.due()
    await book.ask_person(again, Words("Nobody knows", "", "Look"))
    [notice] = [e for e in desk.events if isinstance(e, Notice)]
    assert notice.conversation_id == entry.conversation_id
    assert notice.remedy == "Look"


async def test_what_somebody_else_is_sending_is_looked_at_at_once(desk: LittleDesk) -> None:
    book = Book(desk.engine.frame, desk.connector)
    assert book.next_at() is None
    desk.reply("c1", "Hello", hold=5_000)
    assert book.next_at() == desk.clock.now() + 5_000
    desk.reply("c2", "Hello")
    [entry] = await book.due()
    await book.start(entry, "somebody")
    assert book.next_at() == 0
