"""A little desk on a fake platform: one store, one engine, one agent; it can be killed and opened again."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from agentdesk.model.clock import HOUR, MINUTE, Clock, Millis
from agentdesk.model.events import Event, Notice
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Action, OutboxEntry, Outgoing, OutKind, SendState, Verb
from agentdesk.rules.rulebook import Rule, Rulebook
from agentdesk.rules.sla import Policy
from agentdesk.store import conversations, outbox, sources
from agentdesk.store.db import Db, Store
from agentdesk.sync.collector import Collector
from agentdesk.sync.engine import Engine
from agentdesk.sync.sender import Sender
from tests.fakes.platform import FakeConnector, Killed, Platform

SOURCE = "fake:acme"
T = TypeVar("T")


class InlineStore(Store):
    """Writes where it is asked to instead of in a thread, which costs two changes of threads a transaction.

    For simulations in which one thing happens after the other; what the thread does has its own tests.
    """

    async def write(self, work: Callable[[Db], T]) -> T:
        """The same transaction, here and now."""
        return self.write_now(work)


@functools.cache
def rulebook() -> Rulebook:
    """Six hours for a first reply, round the clock."""
    return Rulebook([Rule(None, Policy(name="all", first=6 * HOUR, next=6 * HOUR))])


@dataclass
class LittleDesk:
    """One agent at one cache file."""

    folder: Path
    clock: Clock
    platform: Platform
    agent: str = "ann"
    living: set[str] = field(default_factory=set)
    """The holders that run; shared by desks on one machine."""
    faults: Callable[[str], None] | None = None
    events: list[Event] = field(default_factory=list)
    connector: FakeConnector = field(init=False)
    store: Store = field(init=False)
    engine: Engine = field(init=False)
    holder: str = field(init=False, default="")
    written: int = 0
    kind: type[Store] = Store
    """How the cache is opened."""
    keep_texts: Millis = 0

    def __post_init__(self) -> None:
        self.connector = FakeConnector(self.platform, SOURCE, self.agent, clock=self.clock)
        self.open()

    @property
    def path(self) -> Path:
        """The cache file."""
        return self.folder / "desk.db"

    @property
    def collector(self) -> Collector:
        """The collector of the one source."""
        return self.engine.collectors[SOURCE]

    @property
    def sender(self) -> Sender:
        """The sender of the one source."""
        return self.engine.senders[SOURCE]

    def open(self) -> None:
        """Start the program: a new process as far as anybody can tell."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.holder = f"here:1:1:{uuid.uuid4().hex[:8]}"
        self.living.add(self.holder)
        self.store = self.kind.open(self.path, self.clock, faults=self._fault)
        if not self.store.reader.value("SELECT 1 FROM source WHERE name = ?", SOURCE):
            self.store.write_now(lambda db: sources.ensure(db, SOURCE, "fake", "F"))
        self.engine = Engine(self.store, {SOURCE: self.connector}, rulebook(), self.clock, self.events.append,
                             self.holder, alive=lambda holder: holder.partition("@")[0] in self.living,
                             keep_texts=self.keep_texts)

    def _fault(self, name: str) -> None:
        if self.faults is not None:
            self.faults(name)

    def close(self) -> None:
        """End the program: nothing is tidied up but the file handle, as after a kill."""
        self.living.discard(self.holder)
        self.store.close()

    def restart(self) -> None:
        """Kill it and start it again."""
        self.faults = None
        self.close()
        self.open()

    async def pull(self) -> None:
        """Bring in what is new, whatever the pace says."""
        result = await self.engine.sync_once(SOURCE, send=False)
        assert result.error is None, result.error

    async def send(self) -> None:
        """Let the sender do what is due."""
        self.sender.poke()
        await self.sender.turn()

    async def send_or_die(self) -> bool:
        """The same; False when the program was killed in it, after which it is started again."""
        try:
            await self.send()
        except Killed:
            self.restart()
            return False
        return True

    def conversation(self, ref: str) -> int:
        """The number of a conversation that was pulled."""
        found = conversations.by_ref(self.store.reader, SOURCE, ref)
        assert found is not None, f"{ref} was not pulled"
        return found

    def reply(self, ref: str, text: str, *, hold: Millis = 0, seen: int | None = None, to: str = "",
              kind: OutKind = OutKind.REPLY) -> int:
        """Freeze a reply, as the composer does."""
        number, now = self.conversation(ref), self.clock.now()
        self.written += 1
        if seen is None:
            seen = int(self.store.reader.value("SELECT max(id) FROM message WHERE conversation_id = ?", number) or 0)
        out = Outgoing(client_id=f"{self.agent}-{self.written}", conversation_ref=ref, kind=kind, text=text,
                       visibility=Visibility.PUBLIC, reply_to_ref=to, agent=self.agent, created_at=now)
        return self.store.write_now(lambda db: outbox.freeze(
            db, number, out, agent=self.agent, hold_until=now + hold, seen_message_id=seen, now=now, source=SOURCE))

    def act(self, ref: str, verb: Verb, value: str = "") -> int:
        """Freeze an action."""
        number, now = self.conversation(ref), self.clock.now()
        action = Action(verb=verb, conversation_ref=ref, value=value)
        return self.store.write_now(
            lambda db: outbox.freeze_action(db, number, SOURCE, action, self.agent, now))

    def entry(self, entry_id: int) -> OutboxEntry:
        """An outbox row as it stands."""
        return outbox.get(self.store.reader, entry_id)

    def state(self, entry_id: int) -> SendState:
        """Where an outbox row stands."""
        return self.entry(entry_id).state

    def release(self, entry_id: int) -> None:
        """A person says: send it (again)."""
        now = self.clock.now()
        self.store.write_now(lambda db: outbox.release(db, entry_id, self.agent, now))

    def notices(self) -> list[str]:
        """What a person was told."""
        return [e.text for e in self.events if isinstance(e, Notice)]

    def refs(self) -> list[str]:
        """The refs of all messages held."""
        return [str(row[0]) for row in self.store.reader.rows("SELECT ref FROM message ORDER BY id")]


SETTLED = frozenset({SendState.SENT, SendState.CANCELLED, SendState.REFUSED, SendState.STOPPED, SendState.NEEDS_HUMAN})


async def until_settled(desk: LittleDesk, entries: Iterable[int], advance: Callable[[Millis], None],
                        step: Millis = 20_000, limit: Millis = 3 * HOUR) -> None:
    """Let time pass, step by step, until nothing more happens to those entries by itself."""
    waiting, passed = set(entries), 0
    while waiting := {e for e in waiting if desk.state(e) not in SETTLED}:
        assert passed < limit, [(desk.state(e), desk.entry(e).title) for e in waiting]
        await desk.send_or_die()
        advance(step)
        passed += step
        step = min(step * 2, 10 * MINUTE)
