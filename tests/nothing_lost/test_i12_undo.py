"""I12: a reply can be taken back for a short, shown while; taken back it never leaves, and quitting keeps it queued."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdesk.errors import Refused
from agentdesk.model.clock import SECOND, ManualClock
from agentdesk.model.outgoing import SendState
from agentdesk.store import drafts, outbox
from tests.fakes.desk import LittleDesk
from tests.fakes.platform import Platform

HOLD = 5 * SECOND
MOMENTS = range(0, HOLD + 1_000, 100)


@pytest.fixture
async def desk(tmp_path: Path, clock: ManualClock) -> LittleDesk:
    platform = Platform(clock)
    it = LittleDesk(tmp_path, clock, platform)
    for at in MOMENTS:
        platform.write(f"c{at}", "Help")
    it.connector.limit = 1_000
    await it.pull()
    return it


async def pass_time(desk: LittleDesk, clock: ManualClock, length: int) -> None:
    """Let time pass with the sender looking all the while."""
    for _ in range(0, length, 100):
        await desk.send()
        clock.advance(100)


async def test_taken_back_at_any_moment_it_never_leaves(desk: LittleDesk, clock: ManualClock) -> None:
    for at in MOMENTS:
        entry_id = desk.reply(f"c{at}", f"Hello {at}", hold=HOLD)
        client_id = desk.entry(entry_id).client_id
        await pass_time(desk, clock, at)
        try:
            draft = desk.store.write_now(lambda db, i=entry_id: outbox.cancel(db, i, "ann", clock.now()))
        except Refused:
            assert at > HOLD, "within its hold it can always be taken back"
            assert desk.state(entry_id) is SendState.SENT
            continue
        assert draft.text == f"Hello {at}"
        await pass_time(desk, clock, 2 * HOLD)
        assert desk.state(entry_id) is SendState.CANCELLED
        assert desk.platform.copies(client_id) == 0
        kept = drafts.get(desk.store.reader, draft.conversation_id, "ann", draft.kind)
        assert kept is not None
        assert kept.text == f"Hello {at}", "its text is a draft again"


async def test_quitting_at_any_moment_keeps_it_queued_and_it_leaves_once(desk: LittleDesk, clock: ManualClock) -> None:
    for at in MOMENTS[::5]:
        began = clock.now()
        entry_id = desk.reply(f"c{at}", f"Hello {at}", hold=HOLD)
        await pass_time(desk, clock, at)
        desk.restart()
        entry = desk.entry(entry_id)
        assert entry.state in (SendState.HELD, SendState.QUEUED) if at <= HOLD else entry.state is SendState.SENT
        assert entry.hold_until == began + HOLD, "the hold is stored, not begun anew"
        await pass_time(desk, clock, 2 * HOLD)
        assert desk.state(entry_id) is SendState.SENT
        assert desk.platform.copies(entry.client_id) == 1
        sent = next(e.at for e in desk.platform.history if e.client_id == entry.client_id and e.what == "invoke")
        assert sent >= began + HOLD


async def test_send_now_ends_the_hold(desk: LittleDesk) -> None:
    entry_id = desk.reply("c0", "Hello", hold=HOLD)
    desk.release(entry_id)
    await desk.send()
    assert desk.state(entry_id) is SendState.SENT
