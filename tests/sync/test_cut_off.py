"""Being stopped while the cache writes down that a reply begins to leave, or that it has arrived."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from agentdesk.model.clock import Millis
from agentdesk.model.outgoing import OutboxEntry, Outgoing, OutKind, Receipt, SendState, Verb
from agentdesk.store import outbox
from agentdesk.store.db import Db
from tests.fakes.desk import LittleDesk
from tests.fakes.platform import Platform

LONGEST = 20
"""Seconds until a test that waits for ever ends all the same."""


@pytest.mark.parametrize("what", ["reply", "action"])
async def test_what_was_not_begun_when_we_were_stopped_goes_as_if_nothing_had_been(
        desk: LittleDesk, platform: Platform, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    start, begun, gate = outbox.start, asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(db: Db, entry_id: int, sender: str, now: Millis, there: Millis) -> OutboxEntry | None:
        started = start(db, entry_id, sender, now, there)
        loop.call_soon_threadsafe(begun.set)
        assert gate.wait(LONGEST)
        return started

    entry_id = desk.reply("c1", "Hello") if what == "reply" else desk.act("c1", Verb.STATUS, "solved")
    monkeypatch.setattr(outbox, "start", slow)
    task = loop.create_task(desk.sender.turn())
    await begun.wait()
    task.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert desk.state(entry_id) is SendState.QUEUED
    assert desk.entry(entry_id).first_try_at is None, "no attempt was made that could have landed"
    monkeypatch.undo()
    desk.restart()
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT


@pytest.mark.parametrize("kind", [OutKind.REPLY, OutKind.NOTE])
async def test_what_had_arrived_when_we_were_stopped_is_known_to_have_arrived(
        desk: LittleDesk, platform: Platform, monkeypatch: pytest.MonkeyPatch, kind: OutKind) -> None:
    send, gate, waiting = desk.connector.send, threading.Event(), list[asyncio.Task[bool]]()
    loop = asyncio.get_running_loop()

    async def busy(out: Outgoing) -> Receipt:
        receipt = await send(out)
        waiting.append(loop.create_task(desk.store.write(lambda _: gate.wait(LONGEST))))
        await asyncio.sleep(0)
        loop.call_soon(lambda: loop.call_soon(task.cancel))
        loop.call_soon(lambda: loop.call_soon(gate.set))
        return receipt

    entry_id = desk.reply("c1", "Hello", kind=kind)
    monkeypatch.setattr(desk.connector, "send", busy)
    task = loop.create_task(desk.sender.turn())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await waiting[0]
    assert desk.state(entry_id) is SendState.SENT
    assert platform.copies(desk.entry(entry_id).client_id) == 1


async def test_what_another_process_began_when_we_were_stopped_is_left_to_it(
        desk: LittleDesk, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, loop = threading.Event(), asyncio.get_running_loop()
    entry_id = desk.reply("c1", "Hello", kind=OutKind.NOTE)
    (entry,) = await desk.sender._book.due()
    busy = loop.create_task(desk.store.write(lambda _: gate.wait(LONGEST)))
    await asyncio.sleep(0)
    start = loop.create_task(desk.sender._book.start(entry, desk.sender.id))
    other = loop.create_task(desk.store.write(
        lambda db: outbox.start(db, entry_id, "elsewhere:1:1:x@fake:acme", desk.clock.now(), desk.clock.now())))
    await asyncio.sleep(0)
    write_now = desk.store.write_now

    def when_taken_back(work: Callable[[Db], object]) -> object:
        gate.set()
        return write_now(work)

    monkeypatch.setattr(desk.store, "write_now", when_taken_back)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert await busy
    assert await other is not None
    assert desk.state(entry_id) is SendState.SENDING
