"""Snoozes that end and claims that run out."""

from __future__ import annotations

from agentdesk.model.clock import DAY, HOUR, MINUTE, ManualClock
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.page import Page
from agentdesk.store import claims, conversations, decisions, integrity, ledger, outbox
from agentdesk.store.db import Db
from agentdesk.sync import chores
from agentdesk.sync.engine import Engine
from tests.fakes.desk import SOURCE, LittleDesk, rulebook
from tests.fakes.platform import Platform
from tests.store.scene import claim, move


def snooze(desk: LittleDesk, ref: str, until: int) -> int:
    number = desk.conversation(ref)
    desk.store.write_now(lambda db: decisions.write(
        db, number, {"state": State.SNOOZED.value, "snoozed_until": until}))
    return number


async def test_nothing_to_do_is_seen_without_a_write(desk: LittleDesk, clock: ManualClock) -> None:
    assert not chores.due(desk.store.reader, clock.now())
    snooze(desk, "c1", clock.now() + HOUR)
    assert not chores.due(desk.store.reader, clock.now() + HOUR - 1)
    assert chores.due(desk.store.reader, clock.now() + HOUR)


async def test_a_snooze_ends_at_its_time_and_the_ledger_says_so(desk: LittleDesk, clock: ManualClock) -> None:
    until = clock.now() + HOUR
    number = snooze(desk, "c1", until)
    assert await desk.engine.housekeeping(until - 1) == []
    assert await desk.engine.housekeeping(until) == [number]
    it = conversations.get(desk.store.reader, number)
    assert (it.state, it.snoozed_until) == (State.OPEN, None)
    assert desk.store.reader.rows("SELECT rule FROM ledger WHERE action = 'woken'") == [("snooze over",)]
    assert await desk.engine.housekeeping(until) == []


async def test_claims_run_out_and_renewed_ones_do_not(desk: LittleDesk, clock: ManualClock) -> None:
    one, other = desk.conversation("c1"), desk.conversation("c2")
    for number in (one, other):
        desk.store.write_now(lambda db, n=number: claim(db, n, "bob", clock.now() + MINUTE))
    desk.store.write_now(lambda db: claims.renew(db, other, "bob", clock.now() + HOUR))
    clock.advance(MINUTE)
    assert await desk.engine.housekeeping(clock.now()) == [one]
    assert conversations.get(desk.store.reader, other).claim_agent == "bob"


async def test_many_snoozes_end_in_portions(desk: LittleDesk, platform: Platform, clock: ManualClock) -> None:
    for number in range(chores.AT_ONCE + 50):
        platform.write(f"s{number}", "Help")
    desk.connector.limit = 1_000
    for _ in range(4):
        await desk.pull()
    desk.store.write_now(lambda db: db.run(
        "UPDATE conversation SET state = 'snoozed', snoozed_until = ? WHERE ref LIKE 's%'", clock.now()))
    book = rulebook()
    first = desk.store.write_now(lambda db: chores.wake_and_expire(db, book, clock.now()))
    second = desk.store.write_now(lambda db: chores.wake_and_expire(db, book, clock.now()))
    assert (len(first), len(second)) == (chores.AT_ONCE, 50)


async def test_texts_leave_when_they_were_kept_as_long_as_they_are_to_be(desk: LittleDesk, clock: ManualClock) -> None:
    number = desk.conversation("c1")
    desk.reply("c1", "our answer")
    await desk.sender.once()
    desk.store.write_now(lambda db: _finish(db, number, clock.now()))
    clock.advance(DAY)
    assert await desk.engine.empty_old(clock.now()) == 0, "for ever, unless somebody says how long"
    keeping = Engine(desk.store, {}, rulebook(), clock, desk.events.append, desk.holder, keep_texts=DAY)
    assert await keeping.empty_old(clock.now() - 1) == 0
    whole = desk.store.reader.value("SELECT body FROM outbox")
    desk.store.write_now(lambda db: db.run("UPDATE outbox SET body = replace(body, 'our', '0ur')"))
    assert await keeping.empty_old(clock.now() + 1) == 1
    assert "0ur answer" in desk.store.reader.value("SELECT body FROM outbox"), "a damaged one is left to a rescue"
    desk.store.write_now(lambda db: db.run("UPDATE outbox SET body = ?", whole))
    desk.store.write_now(lambda db: db.run("UPDATE conversation SET emptied = 0"))
    assert await keeping.empty_old(clock.now() + 1) == 1
    assert [it.message.text for it in conversations.thread(desk.store.reader, number)] == ["", ""]
    assert [it.out.text for it in outbox.list(desk.store.reader, limit=10) if it.out] == [""]
    assert integrity.check(desk.store) == []


async def test_texts_that_left_do_not_come_back_with_a_page_that_tells_them_again(
    desk: LittleDesk, clock: ManualClock
) -> None:
    number = desk.conversation("c1")
    told = [it.message for it in conversations.thread(desk.store.reader, number)]
    desk.store.write_now(lambda db: _finish(db, number, clock.now()))
    clock.advance(DAY)
    keeping = Engine(desk.store, {}, rulebook(), clock, desk.events.append, desk.holder, keep_texts=DAY)
    assert await keeping.empty_old(clock.now() + 1) == 1
    await keeping.frame.bring_in(SOURCE, Page(messages=tuple(told)), "pull")
    assert [it.message.text for it in conversations.thread(desk.store.reader, number)] == [""]


def _finish(db: Db, number: int, now: int) -> None:
    move(db, number, State.DONE, now, disposition=Disposition.ANSWERED)
    ledger.write(db, at=now, agent="ann", action="answered", conversation_id=number)
