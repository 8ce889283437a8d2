"""A desk of the night shift: everything the screen works with but the screen, and a record of what was acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import apsw
import msgspec

from agentdesk.config.schema import AgentConfig, Config, PolicyConfig
from agentdesk.desk.desk import Desk
from agentdesk.model.clock import HOUR, Millis
from agentdesk.model.outgoing import OutKind
from agentdesk.replies.packs import Packs
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store.db import Store
from tests.fakes.desk import SOURCE, InlineStore, LittleDesk
from tests.fakes.platform import Killed
from tests.nothing_lost.night_far_side import FarSide, NightConnector

Key = tuple[int, str, str]
"""A draft: its conversation, agent and kind."""
UTC = ZoneInfo("UTC")


@dataclass
class Kept:
    """What a draft is to be once a call has returned; None for gone, not known before where it is joined."""

    text: str | None
    known: bool = True
    sure: bool = False
    """The call returned: nothing else may be there from now on."""
    leaves: bool = False
    """It goes into the outbox."""


@dataclass
class NightDesk(LittleDesk):
    """One agent at one cache file, with all use cases."""

    platform: FarSide
    kind: type[Store] = InlineStore
    connector: NightConnector = field(init=False)
    desk: Desk = field(init=False)
    rules: Rulebook = field(init=False)
    config: Config = field(init=False)
    drafted: dict[Key, list[Kept]] = field(default_factory=dict)
    """What this step does to drafts."""
    acknowledged: dict[int, tuple[int, Millis]] = field(default_factory=dict)
    """Outbox entries that an agent was told of, with their conversations and until when they are held."""
    full: bool = False
    """True while the disk is."""

    def __post_init__(self) -> None:
        self.connector = NightConnector(self.platform, SOURCE, self.agent, clock=self.clock)
        self.config = Config(agent=AgentConfig(name=self.agent, zone="UTC"))
        self.go_by(6 * HOUR)
        self.open()

    def open(self) -> None:
        """Start the program."""
        super().open()
        self.full = False
        self.engine.frame.rulebook = self.rules
        self.desk = Desk(store=self.store, clock=self.clock, config=self.config, rulebook=self.rules, agent=self.agent,
                         packs=Packs(), holder=self.holder, zone=UTC, connectors={SOURCE: self.connector},
                         engine=self.engine)

    def go_by(self, target: Millis) -> None:
        """Other rules from now on; the queue follows when the desk is told."""
        policies = (PolicyConfig(name="all", first=target, next=target),)
        self.config = msgspec.structs.replace(self.config, policies=policies)
        self.rules = Rulebook.build(self.config, UTC)
        if hasattr(self, "desk"):
            self.desk.config, self.desk.rulebook, self.engine.frame.rulebook = self.config, self.rules, self.rules

    @contextmanager
    def drafting(self, number: int, kind: OutKind, text: str | None = None, *, known: bool = True,
                 leaves: bool = False) -> Iterator[Kept]:
        """Say what a call makes of a draft: allowed while it runs, demanded once it has returned."""
        kept = Kept(text, known, leaves=leaves)
        self.drafted.setdefault((number, self.agent, kind.value), []).append(kept)
        yield kept
        kept.known = kept.sure = True

    def die_after(self, left: int) -> None:
        """It will end at one of the next steps of its store."""
        def count(name: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        self.faults = count

    def fill_disk(self, left: int) -> None:
        """No room for so many of the next steps of its store."""
        def count(name: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                self.faults, self.full = None, False
            elif name != "committed":
                raise apsw.FullError("database or disk is full")

        self.faults, self.full = count, True
