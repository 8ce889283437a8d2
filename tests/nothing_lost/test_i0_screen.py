"""I0 on the screen: a word of success stands there only after the commit; every step of every act fails once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import apsw
import pytest
from textual.pilot import Pilot

from agentdesk.config.schema import AgentConfig, Config, RepliesConfig
from agentdesk.desk.desk import Desk
from agentdesk.errors import StoreError
from agentdesk.model.clock import MINUTE, ManualClock
from agentdesk.replies.packs import Packs
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import sources
from agentdesk.store.db import Store
from agentdesk.sync.engine import Engine
from agentdesk.ui.app import DeskApp
from tests.desk.conftest import CAPS, SOURCE, World
from tests.fakes.platform import FakeConnector, Platform
from tests.nothing_lost.test_i0_said_and_done import TRANSIENT, Fault
from tests.ui.over_desk import app_over, ready, screen_text, typed, until

SIZE = (150, 20)


def told(path: Path) -> list[str]:
    """What another process finds in the cache."""
    db = apsw.Connection(f"file:{path}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        return [row[0] for row in db.execute(
            "SELECT json_array(id, state, claim_agent, assignee, tags, incident, snoozed_until, has_draft, unsent) "
            "FROM conversation UNION ALL SELECT json_array('draft', conversation_id, kind, text) FROM draft "
            "UNION ALL SELECT json_array('outbox', id, state) FROM outbox UNION ALL SELECT json_array(id, vip, note) "
            "FROM customer UNION ALL SELECT json_array('promise', id, words) FROM promise UNION ALL "
            "SELECT json_array('ledger', id, action) FROM ledger")]
    finally:
        db.close()


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[tuple[World, Fault, DeskApp, Pilot[int]]]:
    """The app over a desk whose store can be made to fail, one conversation in it."""
    clock, fault = ManualClock(), Fault()
    (folder / "data").mkdir(mode=0o700)
    config = Config(agent=AgentConfig(name="ann", zone="UTC"), replies=RepliesConfig(hold=MINUTE))
    store = Store.open(folder / "data" / "desk.sqlite3", clock, faults=fault)
    connector = FakeConnector(Platform(clock), SOURCE, "ann", CAPS)
    zone = ZoneInfo("UTC")
    one = Desk(store=store, clock=clock, config=config, rulebook=Rulebook.build(config, zone), agent="ann",
               packs=Packs(), holder="here:1:1:ann", zone=zone)
    store.write_now(lambda db: sources.ensure(db, SOURCE, "fake", "F"))
    one.connectors[SOURCE] = connector
    one.engine = Engine(store, one.connectors, one.rulebook, clock, one.emit, one.holder, alive=lambda _: True)
    world = World(one, connector.platform, connector, clock)
    await world.arrive("t1")
    app = app_over(world)
    try:
        async with app.run_test(size=SIZE) as pilot:
            await ready(app, pilot)
            yield world, fault, app, pilot
    finally:
        store.close()


async def settled(app: DeskApp, pilot: Pilot[int]) -> None:
    """Let everything that a key began come to its end."""
    for _ in range(3):
        await app.workers.wait_for_complete([w for w in app.workers if w.group in ("verbs", "draft")])
        await pilot.pause(0.02)


USUAL = ("done praise", "undo")
OTHERS = ("claim", "release", "assign bob", "tag lost", "incident depot", "promise 2h call", 'customer-note "be kind"',
          "customer-vip", "snooze 2h", "undo")


@pytest.mark.parametrize("acts", [USUAL, pytest.param(OTHERS, marks=pytest.mark.nightly)], ids=["usual", "others"])
async def test_a_verb_says_done_only_after_its_commit(tmp_path: Path, acts: tuple[str, ...]) -> None:
    path = tmp_path / "data" / "desk.sqlite3"
    async with desk(tmp_path) as (world, fault, app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: any(what == "history" for _, what in world.connector.calls))
        await settled(app, pilot)  # what opening fetches is stored: a fault meets the verb and nothing else
        for act in acts:
            assert await _fail_every_step(app, pilot, fault, path, act) >= 2, act


async def _fail_every_step(app: DeskApp, pilot: Pilot[int], fault: Fault, path: Path, act: str) -> int:
    """Call a verb until it goes through, with another step failing each time; how often it failed."""
    for number in range(1, 60):
        before = told(path)
        await pilot.press("escape")
        if act != "undo":
            await until(pilot, lambda: app.main.selection)
        fault.left, fault.hit, fault.error = number, False, TRANSIENT[number % len(TRANSIENT)]
        await app.call_verb(act, where="conversation")
        await settled(app, pilot)
        fault.left = 0
        shown, after = "\n".join(screen_text(app).splitlines()[-4:]), told(path)
        if not fault.hit:
            assert "✓" in shown, f"{act} {shown}"
            assert after != before, f"{act}: done was said of what is not stored"
            return number - 1
        assert "✓" not in shown
        assert "✗" in shown, shown
        assert after == before
    raise AssertionError(f"{act} never went through")


async def test_saved_held_and_sent_are_said_of_what_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "data" / "desk.sqlite3"
    async with desk(tmp_path) as (world, fault, app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: app.main.writing)
        failed = 0
        for number in range(1, 40):
            fault.left, fault.hit, fault.error = number, False, TRANSIENT[number % len(TRANSIENT)]
            await typed(pilot, f"w{number} ")
            await app.main.flush()
            await settled(app, pilot)
            text = app.main.composer.editor.text
            stored = any(f'"{text}"' in row for row in told(path))
            head = [row for row in screen_text(app).splitlines() if "reply" in row and "saved" in row]
            assert len(head) == 1, screen_text(app)
            assert ("not saved" in head[0]) == (not stored), head
            if not fault.hit:
                break
            failed += 1
        assert failed >= 2
        assert stored
        await _send(app, pilot, fault, path)
        fault.left = 0
        world.clock.advance(2 * MINUTE)
        await _deliver(world, app, pilot, fault, path)


async def _send(app: DeskApp, pilot: Pilot[int], fault: Fault, path: Path) -> None:
    """Send, each step failing once: the composer stays until the reply is in the outbox."""
    for number in range(1, 60):
        fault.left, fault.hit, fault.error = number, False, TRANSIENT[number % len(TRANSIENT)]
        await pilot.press("ctrl+s")
        await settled(app, pilot)
        queued = [row for row in told(path) if '"outbox"' in row]
        shown = screen_text(app)
        if not queued:
            assert app.main.writing, "the text is neither on the screen nor in the outbox"
            assert "held 0:" not in shown
            assert "leaves shortly" not in shown
        if not fault.hit:
            break
    assert queued
    assert not app.main.writing
    await until(pilot, lambda: "leaves shortly" in screen_text(app))


async def _deliver(world: World, app: DeskApp, pilot: Pilot[int], fault: Fault, path: Path) -> None:
    """Let it leave, each step failing once: «Sent» is said of what is stored as sent."""
    await pilot.press("escape")
    for number in range(1, 60):
        fault.left, fault.hit, fault.error = number, False, TRANSIENT[number % len(TRANSIENT)]
        with suppress(StoreError):
            await world.desk.connected().send_once(SOURCE)
        await pilot.pause(0.02)
        sent = any('"sent"' in row for row in told(path) if '"outbox"' in row)
        if "✓ Sent" in screen_text(app):
            assert sent, "sent was said of what is not stored"
        if not fault.hit:
            break
        world.clock.advance(2 * MINUTE)
    fault.left = 0
    for _ in range(20):
        world.clock.advance(2 * MINUTE)
        await world.desk.connected().send_once(SOURCE)
    await until(pilot, lambda: any('"sent"' in row for row in told(path) if '"outbox"' in row))
    assert len([post for post in world.platform.posts if "w1" in str(post)]) <= 1
