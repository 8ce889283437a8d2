"""A night shift in simulation: customers, two desks, colleagues, faults, kills and clocks, all from one seed.

The platform's clock runs true; a desk's clock may jump. After every step the histories of both sides are compared.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from agentdesk.errors import BadAnswer, DeskError, RateLimited, Unavailable
from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, ManualClock, Millis
from agentdesk.model.conversation import State
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import Absent, OutboxEntry, SendState, Unsure, Verb
from agentdesk.store import conversations, decisions, ledger, outbox, ranking
from agentdesk.store.db import Db
from tests.fakes import checker
from tests.fakes.desk import SETTLED, SOURCE, InlineStore, LittleDesk, rulebook
from tests.fakes.platform import Event, Fault, Killed, Platform
from tests.store.scene import claim

FAULTS = [f for f in Fault if f not in (Fault.HANG_AFTER, Fault.HANG_BEFORE)]
REPLAY = {SendStrength.KEY: 3_600, SendStrength.CONTENT: 120}
WEIGHTS = {
    "customer_writes": 14, "customer_edits": 2, "customer_deletes": 1, "colleague_answers": 3, "pull": 16, "reply": 14,
    "send": 26, "undo": 2, "person_decides": 6, "kill": 2, "kill_soon": 4, "time_passes": 12, "clock_jumps": 1,
    "snooze": 2, "dispose": 2, "claim": 2, "chores": 2, "refresh": 3,
}


@dataclass
class NightShift:
    """One seed's world."""

    seed: int
    folder: Path
    steps: list[str] = field(default_factory=list)
    """What happened, for the one who must find out why it failed."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.true_clock, self.clock = ManualClock(), ManualClock()
        strength = self.chance.choice(list(SendStrength))
        self.platform = Platform(self.true_clock, strength=strength, replay_s=REPLAY.get(strength),
                                 lag_s=self.chance.choice([0, 0, 15]), echo=self.chance.random() < 0.3)
        self.desks = [LittleDesk(self.folder / agent, self.clock, self.platform, agent=agent, kind=InlineStore)
                      for agent in ("ann", "bob")]
        self.jumps = self.chance.random() < 0.3
        self.kills = 0

    async def run(self, steps: int, *, look: int = 50) -> None:
        """So many steps, then an end of the shift at which everything must add up."""
        names, weights = list(WEIGHTS), list(WEIGHTS.values())
        for number in range(steps):
            name = self.chance.choices(names, weights)[0]
            desk = self.chance.choice(self.desks)
            self.pass_time(self.chance.randint(1, 2_000))
            self.steps.append(f"{number} {name} {desk.agent}")
            await self._step(name, desk)
            self.check(full=number % look == 0)
        await self.end()

    async def _step(self, name: str, desk: LittleDesk) -> None:
        action: Callable[[LittleDesk], Awaitable[None]] = getattr(self, name)
        try:
            await action(desk)
        except Killed:
            self.kills += 1
            self.steps.append(f"  {desk.agent} was killed")
            desk.restart()

    def pass_time(self, length: Millis) -> None:
        """Let both clocks run."""
        self.true_clock.advance(length)
        self.clock.advance(length)
        self.platform.settle_late()

    # what can happen ------------------------------------------------------------------------------------------------

    async def customer_writes(self, desk: LittleDesk) -> None:
        """A new post, in a thread of its own or an old one."""
        self.platform.write(f"c{self.chance.randint(0, 12 + len(self.steps) // 60)}", f"Post {self.platform.number}")

    def _inbound(self) -> list[str]:
        return [p.message.ref for p in self.platform.posts.values()
                if p.message.direction is Direction.IN and not p.message.deleted]

    async def customer_edits(self, desk: LittleDesk) -> None:
        """An author changes a post."""
        if refs := self._inbound():
            self.platform.edit(self.chance.choice(refs), f"Changed {len(self.steps)}")

    async def customer_deletes(self, desk: LittleDesk) -> None:
        """An author takes a post back."""
        if refs := self._inbound():
            self.platform.delete(self.chance.choice(refs))

    async def colleague_answers(self, desk: LittleDesk) -> None:
        """Somebody of the team answers on the platform's own page."""
        if refs := self._inbound():
            ref = self.platform.posts[self.chance.choice(refs)].message.conversation_ref
            self.platform.colleague(ref, f"Colleague {self.platform.number}")

    async def pull(self, desk: LittleDesk) -> None:
        """The desk brings in what is new; the source may fail."""
        if self.chance.random() < 0.15:
            desk.connector.pull_errors.append(self.chance.choice(
                [Unavailable("down"), RateLimited("slow", retry_after=30), BadAnswer("?"), KeyError("?")]))
        desk.connector.limit = self.chance.choice([3, 100])
        desk.collector.poke()
        await desk.collector.turn()

    async def reply(self, desk: LittleDesk) -> None:
        """An agent answers an open conversation."""
        rows = desk.store.reader.rows("SELECT ref FROM conversation WHERE state = 'open' ORDER BY id")
        if rows:
            hold = self.chance.choice([0, 0, 5 * SECOND])
            desk.reply(self.chance.choice(rows)[0], f"Answer {desk.written} of {desk.agent}", hold=hold,
                       to=f"slot {desk.agent} {desk.written}")

    async def send(self, desk: LittleDesk) -> None:
        """The sender takes its turn; the line may misbehave."""
        if self.chance.random() < 0.5:
            desk.connector.faults.append(self.chance.choice(FAULTS))
        if self.chance.random() < 0.1:
            instead = [Unsure("?"), ValueError("?"), Unavailable("x"), None]
            desk.connector.read_errors.append(self.chance.choice(instead))
        if self.chance.random() < 0.02:
            desk.connector.read_errors.append(Absent())
        if self.chance.random() < 0.1:
            desk.connector.thread_errors.append(self.chance.choice([Unavailable("down"), BadAnswer("?")]))
        desk.sender.poke()
        await desk.sender.turn()

    def _entries(self, desk: LittleDesk, *states: SendState) -> list[OutboxEntry]:
        found = outbox.list(desk.store.reader, unsettled_only=True, limit=1_000)
        return [e for e in found if e.state in states and e.out is not None]

    async def undo(self, desk: LittleDesk) -> None:
        """An agent takes a reply back while it is held."""
        if entries := self._entries(desk, SendState.HELD):
            entry = self.chance.choice(entries)
            desk.store.write_now(lambda db: outbox.cancel(db, entry.id, desk.agent, self.clock.now()))

    async def person_decides(self, desk: LittleDesk) -> None:
        """An agent looks at the platform and settles, sends again or takes back what stands still."""
        for entry in self._entries(desk, SendState.STOPPED, SendState.NEEDS_HUMAN, SendState.REFUSED)[:3]:
            self._decide(desk, entry)

    def _decide(self, desk: LittleDesk, entry: OutboxEntry) -> None:
        if any(out.client_id == entry.client_id for _, out, _ in self.platform.late):
            return  # it is still under way: a person cannot know either
        now = self.clock.now()
        if self.platform.copies(entry.client_id):
            desk.store.write_now(lambda db: outbox.settle(db, entry.id, desk.agent, now, rulebook()))
        elif entry.attempts or self.chance.random() < 0.6:
            desk.store.write_now(lambda db: outbox.release(db, entry.id, desk.agent, now))
        else:
            desk.store.write_now(lambda db: outbox.cancel(db, entry.id, desk.agent, now))

    async def kill(self, desk: LittleDesk) -> None:
        """The process ends without a word."""
        self.kills += 1
        desk.restart()

    async def kill_soon(self, desk: LittleDesk) -> None:
        """It will end at one of the next steps of its store."""
        left = self.chance.randint(1, 60)

        def count(name: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        desk.faults = count

    async def time_passes(self, desk: LittleDesk) -> None:
        """Minutes, or an hour."""
        self.pass_time(self.chance.choice([10 * SECOND, MINUTE, 3 * MINUTE, 20 * MINUTE, HOUR]))

    async def clock_jumps(self, desk: LittleDesk) -> None:
        """The desks' clock is set, forward or back."""
        if self.jumps:
            self.clock.advance(self.chance.choice([-HOUR, -10 * SECOND, 10 * SECOND, 2 * HOUR]))

    def _some(self, desk: LittleDesk, state: State) -> int | None:
        rows = desk.store.reader.rows("SELECT id FROM conversation WHERE state = ? ORDER BY id", state.value)
        return int(self.chance.choice(rows)[0]) if rows else None

    def _change(self, desk: LittleDesk, number: int, action: str, changes: dict[str, object]) -> None:
        now = self.clock.now()

        def work(db: Db) -> None:
            decisions.write(db, number, changes)
            ledger.write(db, at=now, agent=desk.agent, action=action, conversation_id=number, source=SOURCE)
            ranking.refresh(db, [number], rulebook(), now)

        desk.store.write_now(work)

    async def snooze(self, desk: LittleDesk) -> None:
        """An agent puts a conversation aside for a while."""
        number = self._some(desk, State.OPEN)
        if number is not None:
            self._change(desk, number, "snoozed", {
                "state": "snoozed", "snoozed_until": self.clock.now() + self.chance.choice([MINUTE, HOUR])})

    async def dispose(self, desk: LittleDesk) -> None:
        """An agent decides that no answer is needed."""
        number = self._some(desk, State.OPEN)
        if number is not None:
            self._change(desk, number, "disposed", {"state": "done", "disposition": "not_actionable",
                                                    "disposed_at": self.clock.now()})

    async def claim(self, desk: LittleDesk) -> None:
        """An agent takes a conversation, here and at the source."""
        number = self._some(desk, State.OPEN)
        if number is not None:
            until = self.clock.now() + 15 * MINUTE
            desk.store.write_now(lambda db: claim(db, number, desk.agent, until))
            desk.act(conversations.get(desk.store.reader, number).ref, Verb.CLAIM)

    async def chores(self, desk: LittleDesk) -> None:
        """Snoozes end, claims run out."""
        await desk.engine.housekeeping(self.clock.now())

    async def refresh(self, desk: LittleDesk) -> None:
        """An agent opens a conversation and its thread is read."""
        number = self._some(desk, State.OPEN)
        if number is not None:
            try:
                await desk.engine.refresh(conversations.get(desk.store.reader, number).ref, SOURCE)
            except DeskError:
                return  # the screen would say so

    # what must hold -------------------------------------------------------------------------------------------------

    def check(self, *, full: bool) -> None:
        """Compare the histories; everything when ``full``, else what can change from step to step."""
        for desk in self.desks:
            problems = checker.queue(desk)
            if full:
                problems += checker.sends(self.platform, desk) + _ledger(desk)
            problems += [f"{client} has {p} copies" for client, p in self._copies().items() if p > 1]
            self.demand(problems, desk)

    def _copies(self) -> dict[str, int]:
        """Copies per reply among the last lines of the history."""
        recent = {e.client_id for e in self.platform.history[-6:] if e.what == "copy"}
        return {client: self.platform.copies(client) for client in recent}

    def demand(self, problems: list[str], desk: LittleDesk) -> None:
        """Fail with the seed and the way that led here."""
        if not problems:
            return
        ids = {p.split()[0] for p in problems}
        lines = [f"{e.at} {e.what} {e.client_id} {e.ref}" for e in self.platform.history if e.client_id in ids]
        raise AssertionError("\n".join([f"seed {self.seed}, {desk.agent}, {self.platform.strength}:", *problems,
                                        "— history", *lines[-40:], "— steps", *self.steps[-40:]]))

    async def end(self) -> None:
        """The faults stop; time passes; persons decide: then nothing may be open, doubled or missing."""
        for desk in self.desks:
            desk.restart()
            for queue in (desk.connector.faults, desk.connector.read_errors, desk.connector.thread_errors,
                          desk.connector.pull_errors, desk.connector.act_errors):
                queue.clear()
            desk.connector.limit = 100
        self.clock.at = max(self.clock.at, self.true_clock.at)
        for _ in range(60):
            self.pass_time(3 * MINUTE)
            for desk in self.desks:
                desk.engine.poke()
                await desk.sender.turn()
                await self.person_decides(desk)
        for desk in self.desks:
            self.pass_time(MINUTE)
            await desk.pull()
            open_ = [e for e in outbox.list(desk.store.reader, unsettled_only=True, limit=1_000)
                     if e.state not in SETTLED]
            self.demand([f"{e.client_id} is still {e.state}: {e.title}" for e in open_], desk)
            self.demand(checker.sends(self.platform, desk, at_rest=True), desk)
            self.demand(checker.messages(self.platform, desk), desk)
            self.demand(checker.queue(desk) + _ledger(desk), desk)
            if not self.jumps:
                self.demand(_silent_doubles(self.platform.history, self.platform, desk), desk)

    def close(self) -> None:
        """Let go of the files."""
        for desk in self.desks:
            desk.close()


def _ledger(desk: LittleDesk) -> list[str]:
    """Every reply that was queued is in the ledger, and what was sent is there once."""
    rows = desk.store.reader.rows(
        "SELECT o.client_id, (SELECT count(*) FROM ledger AS l WHERE l.action = 'sent' AND l.conversation_id = "
        "o.conversation_id AND json_extract(l.detail, '$.entry') = o.id) FROM outbox AS o "
        "WHERE o.state = 'sent' AND o.kind = 'reply'")
    return [f"{client_id} is in the ledger as sent {count} times" for client_id, count in rows if count != 1]


def _silent_doubles(history: list[Event], platform: Platform, desk: LittleDesk) -> list[str]:
    """Replies of this desk beside somebody else's with no word of the customer between, of which nobody was told."""
    problems = []
    for ref in {p.message.conversation_ref for p in platform.posts.values()}:
        posts = sorted(platform.visible(ref), key=lambda p: p.message.created_at)
        for one, other in itertools.pairwise(posts):
            both_out = one.message.direction is other.message.direction is Direction.OUT
            if not both_out or one.by == other.by or desk.agent not in (one.by, other.by):
                continue
            told = desk.store.reader.value(
                "SELECT count(*) FROM ledger WHERE conversation_id = ? AND action IN ('answered_twice', 'resent')",
                desk.conversation(ref))
            apart = other.message.created_at - one.message.created_at
            ours, theirs = (one, other) if one.by == desk.agent else (other, one)
            knew = desk.store.reader.value(
                "SELECT 1 FROM outbox AS o JOIN message AS m ON m.ref = ? WHERE o.client_id = ?"
                " AND m.id <= o.seen_message_id", theirs.message.ref, ours.client_id)
            if not told and not knew and apart < DAY:
                problems.append(f"{one.message.ref} and {other.message.ref} in {ref} answer the same words, silently")
    return problems
