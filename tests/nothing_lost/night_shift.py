"""A night shift in simulation: customers, two desks, colleagues, faults, kills and clocks, all from one seed.

The platform's clock runs true; the desks' clock may jump. Two agents sit at a cache each, or at one. What people do is
in ``night_people``, what must hold after every step in ``night_watch``.
"""

from __future__ import annotations

import itertools
import random
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from agentdesk.desk import rules_changed
from agentdesk.errors import (
    Ambiguous,
    BadAnswer,
    NotFound,
    RateLimited,
    Refused,
    SourceError,
    StoreFull,
    Unavailable,
    UsageError,
)
from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, ManualClock, Millis
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import Absent, Unsure
from agentdesk.store import conversations, outbox
from tests.fakes import checker
from tests.fakes.desk import SETTLED, SOURCE
from tests.fakes.platform import Fault, Killed
from tests.nothing_lost import night_people
from tests.nothing_lost.night_desk import NightDesk
from tests.nothing_lost.night_far_side import FarSide
from tests.nothing_lost.night_watch import Watch

FAULTS = [f for f in Fault if f not in (Fault.HANG_AFTER, Fault.HANG_BEFORE)]
REPLAY = {SendStrength.KEY: 3_600, SendStrength.CONTENT: 120}


@dataclass
class NightShift:
    """One seed's world."""

    seed: int
    folder: Path
    steps: list[str] = field(default_factory=list)
    """What happened, for the one who must find out why it failed."""
    taken: Counter[str] = field(default_factory=Counter)
    """Steps that went through."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.true_clock, self.clock = ManualClock(), ManualClock()
        strength = self.chance.choice(list(SendStrength))
        self.platform = FarSide(self.true_clock, strength=strength, replay_s=REPLAY.get(strength),
                                lag_s=self.chance.choice([0, 0, 15]), echo=self.chance.random() < 0.3)
        self.jumps, self.shared = self.chance.random() < 0.3, self.chance.random() < 0.3
        self.keep_texts = self.chance.choice([0, 0, HOUR, 2 * DAY])
        living: set[str] = set()
        self.desks = [NightDesk(self.folder / ("one" if self.shared else agent), self.clock, self.platform,
                                agent=agent, living=living, keep_texts=self.keep_texts) for agent in ("ann", "bob")]
        groups = [self.desks] if self.shared else [[desk] for desk in self.desks]
        self.watches = [Watch(self.platform, group, self.keep_texts, self.jumps) for group in groups]
        self._follow()

    def _follow(self) -> None:
        for watch in self.watches:
            for desk in watch.desks:
                watch.follow(desk)

    async def run(self, steps: int, *, look: int = 50) -> None:
        """So many steps, then an end of the shift at which everything must add up; it repeats exactly.

        After every step what it touched is looked at, and every ``look`` steps the whole of both caches.
        """
        ids = random.Random(self.seed)
        with mock.patch("uuid.uuid4", side_effect=lambda: uuid.UUID(int=ids.getrandbits(128))):
            await self._run(steps, look)

    async def _run(self, steps: int, look: int) -> None:
        known = night_people.STEPS | STEPS
        for desk in self.desks:
            await rules_changed.follow(desk.desk)
        actions, weights = list(known), list(itertools.accumulate(known.values()))
        for number in range(steps):
            action = self.chance.choices(actions, cum_weights=weights)[0]
            desk = self.chance.choice(self.desks)
            self.pass_time(self.chance.randint(1, 2_000))
            self.steps.append(f"{number} {action.__name__} {desk.agent}")
            await self._step(action, desk)
            self.check(full=number % look == 0)
        await self.end()

    async def _step(self, action: night_people.Step, desk: NightDesk) -> None:
        trouble = self.chance.random()
        if trouble < 0.04:
            desk.die_after(self.chance.randint(1, 30))
        elif trouble < 0.06:
            desk.fill_disk(self.chance.randint(1, 10))
        was_full = desk.full
        try:
            await action(self, desk)
            self.taken[action.__name__] += 1
        except Killed:
            self.steps.append(f"  {desk.agent} was killed")
            await self.restart(desk)
        except (Refused, UsageError, NotFound, SourceError) as error:
            self.steps.append(f"  refused: {error.title}")
        except StoreFull:
            self.steps.append("  the disk is full")
            if not was_full:
                raise

    async def restart(self, desk: NightDesk) -> None:
        """End a desk's process without a word, and start it again."""
        desk.restart()
        self._follow()
        await rules_changed.follow(desk.desk)

    def pass_time(self, length: Millis) -> None:
        """Let both clocks run."""
        self.true_clock.advance(length)
        self.clock.advance(length)
        self.platform.settle_late()

    # what must hold -------------------------------------------------------------------------------------------------

    def check(self, *, full: bool) -> None:
        """Look at what the last step touched; at everything when ``full``."""
        for watch in self.watches:
            self.demand(watch.look() + (watch.look_over() if full else []), watch.desks[0])

    def demand(self, problems: list[str], desk: NightDesk) -> None:
        """Fail with the seed and the way that led here."""
        if not problems:
            return
        ids = {p.split()[0] for p in problems}
        lines = [f"{e.at} {e.what} {e.client_id} {e.ref}" for e in self.platform.history if e.client_id in ids]
        raise AssertionError("\n".join([f"seed {self.seed}, {desk.agent}, {self.platform.strength}:", *problems,
                                        "— history", *lines[-40:], "— steps", *self.steps[-40:]]))

    async def end(self) -> None:
        """The faults stop; time passes; persons decide: then nothing may be open, doubled or missing."""
        self.platform.gone.clear()
        for desk in self.desks:
            await self.restart(desk)
            line = desk.connector
            for queue in (line.faults, line.read_errors, line.thread_errors, line.pull_errors, line.act_errors,
                          line.lost):
                queue.clear()
            line.limit = 100
        self.clock.at = max(self.clock.at, self.true_clock.at)
        for _ in range(60):
            self.pass_time(3 * MINUTE)
            for desk in self.desks:
                desk.engine.poke()
                await desk.sender.turn()
                await night_people.person_decides(self, desk)
        for desk in self.desks:
            self.pass_time(MINUTE)
            await desk.pull()
        self.check(full=True)
        for watch in self.watches:
            self.demand(self._at_rest(watch), watch.desks[0])

    def _at_rest(self, watch: Watch) -> list[str]:
        desk = watch.desks[0]
        db = desk.store.reader
        problems = [f"{e.client_id} is still {e.state}: {e.title}"
                    for e in outbox.list(db, unsettled_only=True, limit=1_000) if e.state not in SETTLED]
        problems += [] if watch.by_the_rules() else ["the queue stands by other rules"]
        but = watch.forgotten | watch.not_here()
        problems += checker.sends(self.platform, desk, at_rest=True) + checker.messages(self.platform, desk, but)
        problems += [f"{ref} waits for approval here, and not there" for ref, in db.rows(
            "SELECT ref FROM message WHERE pending = 1 AND deleted_at IS NULL")
            if ref not in but and not self.platform.posts[ref].message.pending]
        return problems + ([] if self.jumps else _silent_doubles(self.platform, watch))

    def close(self) -> None:
        """Let go of the files."""
        for desk in self.desks:
            desk.close()


# what machines do -----------------------------------------------------------------------------------------------------


async def pull(shift: NightShift, desk: NightDesk) -> None:
    """The desk brings in what is new; the source may fail."""
    chance = shift.chance
    if chance.random() < 0.15:
        desk.connector.pull_errors.append(chance.choice(
            [Unavailable("down"), RateLimited("slow", retry_after=30), BadAnswer("?"), KeyError("?")]))
    desk.connector.limit = chance.choice([3, 100])
    desk.collector.poke()
    await desk.collector.turn()


async def send(shift: NightShift, desk: NightDesk) -> None:
    """The sender takes its turn; the line may misbehave."""
    chance, line = shift.chance, desk.connector
    if chance.random() < 0.5:
        line.faults.append(chance.choice(FAULTS))
    if chance.random() < 0.1:
        line.read_errors.append(chance.choice([Unsure("?"), ValueError("?"), Unavailable("x"), None]))
    if chance.random() < 0.02:
        line.read_errors.append(Absent())
    if chance.random() < 0.1:
        line.thread_errors.append(chance.choice([Unavailable("down"), BadAnswer("?")]))
    if chance.random() < 0.05:
        line.lost.append(chance.choice([Ambiguous("cut"), Killed(), RateLimited("slow", retry_after=30)]))
    desk.sender.poke()
    await desk.sender.turn()


async def kill(shift: NightShift, desk: NightDesk) -> None:
    """The process ends without a word."""
    await shift.restart(desk)


async def kill_soon(shift: NightShift, desk: NightDesk) -> None:
    """It will end at one of the next steps of its store."""
    desk.die_after(shift.chance.randint(1, 60))


async def disk_fills(shift: NightShift, desk: NightDesk) -> None:
    """There is no room for a while."""
    desk.fill_disk(shift.chance.randint(1, 30))


async def time_passes(shift: NightShift, desk: NightDesk) -> None:
    """Minutes, or an hour."""
    shift.pass_time(shift.chance.choice([10 * SECOND, MINUTE, 3 * MINUTE, 20 * MINUTE, HOUR]))


async def clock_jumps(shift: NightShift, desk: NightDesk) -> None:
    """The desks' clock is set, forward or back."""
    if shift.jumps:
        shift.clock.advance(shift.chance.choice([-HOUR, -10 * SECOND, 10 * SECOND, 2 * HOUR]))


async def chores(shift: NightShift, desk: NightDesk) -> None:
    """Snoozes end, claims run out, old texts go."""
    now = shift.clock.now()
    await desk.engine.housekeeping(now)
    await desk.engine.recover(now)
    await desk.engine.empty_old(now)
    look = desk.store.reader.rows
    asleep = look("SELECT id FROM conversation WHERE state = 'snoozed' AND snoozed_until <= ?", now)
    kept = look(
        "SELECT m.ref FROM message AS m JOIN conversation AS c ON c.id = m.conversation_id WHERE m.text <> '' "
        "AND c.state = 'done' AND NOT (c.has_draft OR c.unsent OR c.review) AND max(c.disposed_at, m.created_at) < ? "
        "AND NOT EXISTS (SELECT 1 FROM promise WHERE conversation_id = c.id AND kept_at IS NULL)",
        now - shift.keep_texts) if shift.keep_texts else []
    shift.demand([*(f"#{number} sleeps on" for number, in asleep), *(f"{ref} is kept on" for ref, in kept)], desk)


async def refresh(shift: NightShift, desk: NightDesk) -> None:
    """An agent opens a conversation and its thread is read."""
    rows = desk.store.reader.rows("SELECT id FROM conversation WHERE state = 'open' ORDER BY id")
    if rows:
        await desk.engine.refresh(conversations.get(desk.store.reader, shift.chance.choice(rows)[0]).ref, SOURCE)


async def rules_change(shift: NightShift, desk: NightDesk) -> None:
    """Somebody writes other targets into the configuration while the desks run."""
    if any(each.full for each in shift.desks):
        return  # who cannot store goes by the rules of before until the next start, and says so
    target = shift.chance.choice([HOUR, 3 * HOUR, 6 * HOUR])
    for each in shift.desks if shift.shared else [desk]:
        each.go_by(target)
    await rules_changed.follow(desk.desk)


async def author_is_left_out(shift: NightShift, desk: NightDesk) -> None:
    """An exclusion keeps an author's posts away from now on, or no longer."""
    desk.connector.left_out ^= {f"c-c{shift.chance.randint(0, 400)}"}


STEPS: dict[night_people.Step, int] = {
    pull: 16, send: 26, kill: 2, kill_soon: 2, disk_fills: 1, time_passes: 12, clock_jumps: 1, chores: 2, refresh: 3,
    rules_change: 1, author_is_left_out: 1,
}


def _silent_doubles(platform: FarSide, watch: Watch) -> list[str]:
    """Replies of these desks beside somebody else's, no word of the customer between, of which nobody was told.

    What began with us (a ticket, a private talk) answers no words there, and in merged ones answers to either of both
    stand beside each other: both are left out.
    """
    problems = []
    agents = {desk.agent for desk in watch.desks}
    look = watch.db.value
    for ref in platform.by_conversation.keys() - platform.begun.keys() - {*platform.merged, *platform.merged.values()}:
        posts = sorted(platform.visible(ref), key=lambda p: p.message.created_at)
        for one, other in itertools.pairwise(posts):
            both_out = one.message.direction is other.message.direction is Direction.OUT
            gone = one.message.deleted or other.message.deleted
            if not both_out or gone or one.by == other.by or not agents & {one.by, other.by}:
                continue
            told = look("SELECT count(*) FROM ledger WHERE action IN ('answered_twice', 'resent') "
                        "AND conversation_id = (SELECT id FROM conversation WHERE ref = ?)", ref)
            ours, theirs = (one, other) if one.by in agents else (other, one)
            if {one.by, other.by} <= agents:
                ours, theirs = other, one
            knew = look("SELECT 1 FROM outbox AS o JOIN message AS m ON m.ref = ? WHERE o.client_id = ?"
                        " AND m.id <= o.seen_message_id", theirs.message.ref, ours.client_id)
            apart = other.message.created_at - one.message.created_at
            if not told and not knew and apart < DAY:
                problems.append(f"{one.message.ref} and {other.message.ref} in {ref} answer the same words, silently")
    return problems
