"""I2 again, by rules that hypothesis weaves and shrinks: sync and outbox over a platform that loses answers."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.outgoing import Absent, SendState, Unsure
from agentdesk.store import outbox
from tests.fakes import checker
from tests.fakes.desk import LittleDesk, rulebook, until_settled
from tests.fakes.platform import Fault, Killed, Platform

FAULTS = st.sampled_from([f for f in Fault if f not in (Fault.HANG_AFTER, Fault.HANG_BEFORE)])
WAITS = st.sampled_from([1, SECOND, 5 * SECOND, 31 * SECOND, 3 * MINUTE, HOUR])
PLACE = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Outbox(RuleBasedStateMachine):
    """One desk, one platform, lost answers and sudden ends."""

    replies = Bundle("replies")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(dir=PLACE))
        self.clock = ManualClock()

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let something happen; a killed desk is started again."""
        try:
            self.loop.run_until_complete(work)
        except Killed:
            self.desk.restart()

    @initialize(strength=st.sampled_from(SendStrength), echo=st.booleans(), lag_s=st.sampled_from([0, 10]))
    def begin(self, strength: SendStrength, echo: bool, lag_s: int) -> None:
        self.platform = Platform(self.clock, strength=strength, replay_s=3_600 if strength is SendStrength.KEY else 120,
                                 echo=echo, lag_s=lag_s)
        self.desk = LittleDesk(self.folder / "desk", self.clock, self.platform)
        for number in range(3):
            self.platform.write(f"c{number}", "Help")
        self.do(self.desk.pull())

    @rule(target=replies, number=st.integers(0, 2), hold=st.sampled_from([0, 5 * SECOND]))
    def reply(self, number: int, hold: int) -> Any:
        try:
            return self.desk.reply(f"c{number}", f"Answer {self.desk.written}", hold=hold, to=f"{self.desk.written}")
        except Killed:
            self.desk.restart()
            return multiple()

    @rule(fault=FAULTS)
    def line_will_fail(self, fault: Fault) -> None:
        self.desk.connector.faults.append(fault)

    @rule(verdict=st.sampled_from([Unsure("?"), Absent(), ValueError("?"), None]))
    def reading_will_err(self, verdict: Any) -> None:
        self.desk.connector.read_errors.append(verdict)

    @rule(step=st.integers(1, 40))
    def desk_will_die(self, step: int) -> None:
        left = step

        def count(name: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        self.desk.faults = count

    @rule()
    def desk_dies(self) -> None:
        self.desk.restart()

    @rule()
    def send(self) -> None:
        self.do(self.desk.send())

    @rule(wait=WAITS)
    def time_passes(self, wait: int) -> None:
        self.clock.advance(wait)
        self.platform.settle_late()

    @rule(number=st.integers(0, 2))
    def customer_writes(self, number: int) -> None:
        self.platform.write(f"c{number}", "And another thing")

    @rule()
    def pull(self) -> None:
        self.desk.collector.poke()
        self.do(self.desk.collector.turn())

    @rule(entry_id=consumes(replies))
    def person_decides(self, entry_id: int) -> None:
        entry, now = self.desk.entry(entry_id), self.clock.now()
        on_its_way = any(out.client_id == entry.client_id for _, out, _ in self.platform.late)
        self.desk.faults = None
        if entry.state is SendState.HELD:
            self.desk.store.write_now(lambda db: outbox.cancel(db, entry_id, "ann", now))
        elif entry.state in (SendState.NEEDS_HUMAN, SendState.STOPPED, SendState.REFUSED) and not on_its_way:
            if self.platform.copies(entry.client_id):
                self.desk.store.write_now(lambda db: outbox.settle(db, entry_id, "ann", now, rulebook()))
            else:
                self.desk.store.write_now(lambda db: outbox.release(db, entry_id, "ann", now))

    @precondition(lambda self: hasattr(self, "desk"))
    @invariant()
    def both_histories_agree(self) -> None:
        assert checker.sends(self.platform, self.desk) == []
        assert checker.queue(self.desk) == []

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.restart()
            for queue in (self.desk.connector.faults, self.desk.connector.read_errors):
                queue.clear()
            entries = [e.id for e in outbox.list(self.desk.store.reader, unsettled_only=True)]
            self.do(until_settled(self.desk, entries, self.clock.advance))
            assert checker.sends(self.platform, self.desk, at_rest=True) == []
            self.do(self.desk.pull())
            self.clock.advance(MINUTE)
            self.do(self.desk.pull())
            assert checker.messages(self.platform, self.desk) == []
            self.desk.close()
        self.loop.close()
        shutil.rmtree(self.folder)


NIGHT = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
TestOutbox = Outbox.TestCase
TestOutbox.settings = settings(max_examples=600 if NIGHT else 25, stateful_step_count=60 if NIGHT else 30,
                               deadline=None, suppress_health_check=list(HealthCheck))
