"""The demo's embedded platform: three servers in this process on which a story goes on, driven by the clock.

A seed repeats exactly. A kept demo goes on where it was left; however long that was ago, only a few posts have come.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import msgspec

from agentdesk.connectors.base import Connector
from agentdesk.connectors.demo.connector import SOURCES, DemoConnector
from agentdesk.connectors.demo.content import Content, length, load
from agentdesk.connectors.demo.run import Run
from agentdesk.connectors.demo.server import Kept, Server
from agentdesk.connectors.demo.stage import Stage, person_ref
from agentdesk.connectors.demo.state import StateFile, WorldState
from agentdesk.errors import Refused
from agentdesk.model.clock import Clock, Millis

Known: TypeAlias = tuple[str, str]
"""A source's name and a ref on it."""


class CustomerSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk knows of a customer beforehand."""

    who: Known
    vip: bool
    note: str
    tags: tuple[str, ...]


class SnoozeSetup(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that was snoozed before the demo begins."""

    conversation: Known
    until: Millis


class PromiseSetup(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that a colleague made before the demo begins."""

    conversation: Known
    agent: str
    due_at: Millis
    words: str


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk itself, not a source, knows when the demo begins; the desk applies it once, with ledger entries."""

    same_person: tuple[tuple[Known, ...], ...]
    customers: tuple[CustomerSetup, ...]
    snoozes: tuple[SnoozeSetup, ...]
    promises: tuple[PromiseSetup, ...]
    incidents: dict[str, tuple[Known, ...]]


class DemoWorld(Run):
    """The servers, the story on them, and what is kept of both between runs."""

    @classmethod
    def open(cls, state_path: Path | None, clock: Clock, seed: int = 1, fresh: bool = False) -> DemoWorld:
        """Go on with the world in ``state_path``, or begin one; None keeps nothing.

        A kept world goes on with its own seed (see ``seed``), whatever is asked for, until ``fresh`` begins another.
        Refused when ``fresh`` would take it from another window.
        """
        file = StateFile(state_path)
        if fresh:
            if not file.take():
                raise Refused("The demo is open in another window", "It cannot begin afresh under it", "Close that one")
            file.forget()
        state = file.read()
        content = load()
        return cls(content, state or begin(content, clock.now(), seed), file, clock)

    @staticmethod
    def resume_at(state_path: Path) -> Millis | None:
        """The clock's time when the kept world was last looked at: a clock that ran fast must not begin before it."""
        state = StateFile(state_path).read()
        return None if state is None else state.instant

    def connectors(self) -> dict[str, Connector]:
        """The three sources by name."""
        self._used = set(SOURCES)
        return {name: DemoConnector(self, place) for place, name in SOURCES.items()}

    @property
    def seed(self) -> int:
        """The seed of the story that is told."""
        return self.state.seed

    @property
    def setup(self) -> Setup:
        """What the desk knows beforehand."""
        return _setup(self.content, self.state.started_at)

    @property
    def same_person(self) -> tuple[tuple[Known, ...], ...]:
        """Identities, as (source, ref), that belong to one person and that the desk has linked already."""
        return self.setup.same_person


def begin(content: Content, now: Millis, seed: int) -> WorldState:
    """A new world as it stands at its first moment."""
    state = WorldState(seed=seed, started_at=now, instant=now, servers={place: Kept() for place in SOURCES})
    Stage(content, {place: Server(place, kept, "") for place, kept in state.servers.items()}).build(now)
    return state


def _setup(content: Content, start: Millis) -> Setup:
    people, talks = content.people, content.talks.values()
    known = [(person, tuple((SOURCES[place], person_ref(place, key)) for place in person.on))
             for key, person in people.items()]
    names = dict.fromkeys(talk.incident for talk in talks if talk.incident)
    return Setup(
        same_person=tuple(refs for person, refs in known if person.same and len(refs) > 1),
        customers=tuple(CustomerSetup(who=refs[0], vip=person.vip, note=person.note, tags=person.tags)
                        for person, refs in known if person.vip or person.note or person.tags),
        snoozes=tuple(SnoozeSetup(conversation=(SOURCES[t.source], t.id), until=start + length(t.snoozed))
                      for t in talks if t.snoozed),
        promises=tuple(PromiseSetup(conversation=(SOURCES[t.source], t.id), agent=t.assignee or "Sam",
                                    due_at=start + length(t.promised.by), words=t.promised.words)
                       for t in talks if t.promised),
        incidents={name: tuple((SOURCES[t.source], t.id) for t in talks if t.incident == name) for name in names})
