"""The program around a connector under test: its cache, its engine and its outbox, which can be killed."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from agentdesk.config.schema import AgentConfig, Config
from agentdesk.errors import Unavailable
from agentdesk.model.clock import MINUTE
from agentdesk.model.events import Event
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Outgoing, SendState
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import conversations, outbox, sources
from agentdesk.store.db import Store
from agentdesk.sync.engine import Engine
from agentdesk.testing.world import World, reply

MOVING = (SendState.HELD, SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN)
ROUNDS = 30


class Program:
    """One agent's desk on one source."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.name = world.connector.name
        self._path = folder / "desk.db"
        self._starts = 0
        self.told: list[Event] = []
        """What it said to the person before it, and to the screen."""
        self._open()

    def _open(self) -> None:
        connector, clock = self.world.connector, self.world.clock
        config = Config(agent=AgentConfig(name="ann", zone="UTC"))
        self._starts += 1
        self.holder = f"here:{self._starts}:1:ann"
        self.store = Store.open(self._path, clock)
        kind = self.name.partition(":")[0]
        self.store.write_now(lambda db: sources.ensure(db, self.name, kind, connector.caps.letter))
        self.engine = Engine(self.store, {self.name: connector}, Rulebook.build(config, ZoneInfo("UTC")), clock,
                             self.told.append, self.holder, alive=lambda _: False)

    async def restart(self) -> None:
        """Be killed and start again on the same cache."""
        self.store.close()
        await self.world.restart()
        self._open()

    async def sync(self) -> None:
        """Pull everything and send what is due; a server that is away is waited for."""
        for _ in range(ROUNDS):
            result = await self.engine.sync_once(self.name)
            if not isinstance(result.error, Unavailable):
                break
            self.world.clock.advance(MINUTE)
        assert result.error is None, result.error

    async def asked(self, text: str = "Where is it?") -> str:
        """A customer writes and it arrives; the conversation's ref."""
        ref = await self.world.customer_posts(text)
        await self.sync()
        self.world.clock.advance(MINUTE)
        return ref

    def freeze(self, ref: str, text: str) -> int:
        """Put a reply into the outbox; the entry's number."""
        number, now = conversations.by_ref(self.store.reader, self.name, ref), self.world.clock.now()
        assert number is not None, "the question has not arrived"
        seen = conversations.last_message_id(self.store.reader, number)
        last = conversations.thread(self.store.reader, number)[-1].message
        out = reply(ref, text, at=now, caps=self.world.connector.caps)
        out = msgspec.structs.replace(
            out, reply_to_ref=last.ref, customer_ref=last.author.ref, customer_handle=last.author.handle,
            visibility=Visibility.DIRECT if last.visibility is Visibility.DIRECT else out.visibility)
        out = msgspec.structs.replace(out, extra=self.world.connector.freeze(out))
        return self.store.write_now(lambda db: outbox.freeze(
            db, number, out, agent="ann", hold_until=now, seen_message_id=seen, now=now, source=self.name))

    def start(self, entry: int) -> Outgoing:
        """Commit that an entry is on its way, as it is done before the first byte leaves."""
        now, skew = self.world.clock.now(), self.world.connector.skew() or 0
        started = self.store.write_now(
            lambda db: outbox.start(db, entry, f"{self.holder}@{self.name}", now, now + skew))
        assert started is not None
        assert started.out is not None
        return started.out

    def state(self, entry: int) -> SendState:
        """Where an entry stands."""
        return outbox.get(self.store.reader, entry).state

    async def settle(self, entry: int) -> SendState:
        """Let time pass until nothing more happens by itself, whatever the source says meanwhile."""
        for _ in range(ROUNDS):
            await self.engine.sync_once(self.name)
            if self.state(entry) not in MOVING:
                break
            self.world.clock.advance(2 * MINUTE)
        return self.state(entry)

    def rows(self, text: str) -> int:
        """How often a text stands in the cache."""
        return int(self.store.reader.value("SELECT count(*) FROM message WHERE text = ?", text))
