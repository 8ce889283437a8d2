"""I13: rate limits and outages delay and never drop; order stays, and a poisoned entry blocks no other."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agentdesk.errors import BadAnswer, RateLimited, Unavailable
from agentdesk.model.clock import HOUR, MINUTE, SECOND, ManualClock, Millis
from agentdesk.model.outgoing import Action, Outgoing, Receipt, SendState
from agentdesk.model.page import Page
from tests.fakes import checker
from tests.fakes.desk import SOURCE, LittleDesk
from tests.fakes.platform import FakeConnector, Platform


class Stormy(FakeConnector):
    """A connector whose server allows few requests and is often down; it counts who does not listen."""

    chance: random.Random
    until: Millis = 0
    allowed: int = 5
    window: Millis = 0
    used: int = 0
    down_until: Millis = 0
    told: dict[str, Millis]
    """Until when each loop was asked to wait: pulling and sending learn of a limit on their own."""
    deaf: int = 0
    requests: int = 0
    poisoned: str = ""

    def _gate(self, key: str) -> None:
        now = self.platform.clock.now()
        self.requests += 1
        loop = "pull" if key == "pull" else "send"
        self.deaf += now < self.told.get(loop, 0)
        if now - self.window >= MINUTE:
            self.window, self.used = now, 0
        self.used += 1
        if self.used > self.allowed:
            self.told[loop] = self.window + MINUTE
            raise RateLimited("Too many requests", retry_after=(self.told[loop] - now) / SECOND)
        if now >= self.until:
            return
        if now >= self.down_until and self.chance.random() < 0.2:
            self.down_until = now + self.chance.randrange(10, 300) * SECOND
        if now < self.down_until:
            raise Unavailable("Service unavailable", retry_after=self.chance.choice([None, 5.0, 60.0]))

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        self._gate("pull")
        return await super().pull(cursor, limit)

    async def thread(self, conversation_ref: str) -> Page:
        self._gate("thread")
        if conversation_ref == self.poisoned:
            raise BadAnswer("This thread makes the server stumble")
        return await super().thread(conversation_ref)

    async def send(self, out: Outgoing) -> Receipt:
        self._gate("send")
        return await super().send(out)

    async def act(self, action: Action) -> None:
        self._gate("act")
        await super().act(action)


def stormy(desk: LittleDesk, chance: random.Random, length: Millis) -> Stormy:
    storm = Stormy(desk.platform, SOURCE, desk.agent)
    storm.chance, storm.until, storm.told = chance, desk.clock.now() + length, {}
    desk.connector = storm
    desk.close()
    desk.open()
    return storm


@pytest.mark.parametrize("seed", range(4))
async def test_an_hour_of_storm_loses_nothing(tmp_path: Path, clock: ManualClock, seed: int) -> None:
    chance = random.Random(seed)
    platform = Platform(clock)
    desk = LittleDesk(tmp_path, clock, platform)
    for number in range(6):
        platform.write(f"c{number}", "Help")
    await desk.pull()
    storm = stormy(desk, chance, HOUR)
    entries: list[int] = []
    for second in range(0, 3 * 3_600, 5):
        if second < 3_000 and second % 120 == 0:
            entries.append(desk.reply(f"c{second // 120 % 6}", f"Part {second}"))
            platform.write("silent", f"Post {second}")
        await desk.collector.turn()
        await desk.sender.turn()
        clock.advance(5 * SECOND)
        if second > 3_600 and all(desk.state(e) is SendState.SENT for e in entries):
            break
    assert [desk.state(e) for e in entries] == [SendState.SENT] * len(entries)
    for number in range(6):
        said = [int(p.message.text.split()[1]) for p in platform.visible(f"c{number}")[1:]]
        assert said == sorted(said)
        assert len(said) == len(set(said))
    for _ in range(20):
        clock.advance(MINUTE)
        await desk.collector.turn()
    assert checker.messages(platform, desk) == []
    assert storm.deaf == 0, "what the server asks for is heeded"


async def test_what_the_server_asks_for_is_waited_to_the_second(tmp_path: Path, clock: ManualClock) -> None:
    desk = LittleDesk(tmp_path, clock, Platform(clock))
    for number in range(20):
        desk.platform.write(f"c{number}", "Help")
    await desk.pull()
    storm = stormy(desk, random.Random(0), 0)
    entries = [desk.reply(f"c{n}", "Hello") for n in range(20)]
    for _ in range(3_600):
        await desk.sender.turn()
        clock.advance(SECOND)
        if all(desk.state(e) is SendState.SENT for e in entries):
            break
    assert all(desk.state(e) is SendState.SENT for e in entries)
    assert storm.deaf == 0


async def test_a_poisoned_conversation_does_not_hold_up_the_others(tmp_path: Path, clock: ManualClock) -> None:
    desk = LittleDesk(tmp_path, clock, Platform(clock))
    for number in range(5):
        desk.platform.write(f"c{number}", "Help")
    await desk.pull()
    storm = stormy(desk, random.Random(0), 0)
    storm.allowed, storm.poisoned = 1_000, "c0"
    entries = [desk.reply(f"c{n}", "Hello") for n in range(5)]
    behind = desk.reply("c0", "Second")
    for _ in range(60):
        await desk.sender.turn()
        clock.advance(SECOND)
    assert [desk.state(e) for e in entries[1:]] == [SendState.SENT] * 4
    assert desk.state(entries[0]) is SendState.QUEUED
    assert desk.entry(entries[0]).title == "This thread makes the server stumble"
    assert desk.state(behind) is SendState.QUEUED, "order within a conversation is kept"


async def test_a_dead_connection_costs_few_requests_and_keeps_all(tmp_path: Path, clock: ManualClock) -> None:
    desk = LittleDesk(tmp_path, clock, Platform(clock))
    for number in range(30):
        desk.platform.write(f"c{number}", "Help")
    await desk.pull()
    entries = [desk.reply(f"c{n}", "Hello") for n in range(30)]
    desk.connector.thread_errors.extend([Unavailable("No network")] * 10_000)
    before = len(desk.connector.calls)
    for _ in range(3_600):
        await desk.sender.turn()
        clock.advance(SECOND)
    assert len(desk.connector.calls) - before < 60
    assert {desk.state(e) for e in entries} == {SendState.QUEUED}
    desk.connector.thread_errors.clear()
    for _ in range(1_200):
        await desk.sender.turn()
        clock.advance(SECOND)
    assert {desk.state(e) for e in entries} == {SendState.SENT}
