"""The Desk: what every use case is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar, cast

from agentdesk.errors import NotFound, Refused
from agentdesk.paths import in_profile

if TYPE_CHECKING:
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from agentdesk.config.schema import Config
    from agentdesk.connectors.base import Connector
    from agentdesk.logs import LogFile
    from agentdesk.model.capability import Caps
    from agentdesk.model.clock import Clock
    from agentdesk.model.events import Event
    from agentdesk.replies.packs import Packs
    from agentdesk.rules.rulebook import Rulebook
    from agentdesk.store.db import Store
    from agentdesk.sync.engine import Engine

T = TypeVar("T")
Listener: TypeAlias = "Callable[[Event], None]"


class Later(Generic[T]):
    """A value that is made when somebody asks for it: the first frame needs few of them."""

    def __init__(self, make: Callable[[], T]) -> None:
        self.make = make


class _Late(Generic[T]):
    """An attribute that may be given as a ``Later``."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, desk: object | None, owner: type) -> T:
        if desk is None:
            raise AttributeError(self._name)  # so that a dataclass takes the field for one without a default
        held = vars(desk)[self._name]
        if isinstance(held, Later):
            held = vars(desk)[self._name] = held.make()
        return cast(T, held)

    def __set__(self, desk: object, value: T | Later[T]) -> None:
        vars(desk)[self._name] = value


@dataclass(kw_only=True)
class Desk:
    """The store, the rules and the sources of one profile, and who sits at it.

    ``connectors`` and ``engine`` are empty until the sources have been connected; reading, drafting and deciding work
    without them.
    """

    store: Store
    clock: Clock
    config: Config
    rulebook: _Late[Rulebook] = _Late()
    agent: str
    packs: _Late[Packs] = _Late()
    holder: str
    zone: ZoneInfo
    connectors: dict[str, Connector] = field(default_factory=dict)
    engine: Engine | None = None
    warnings: list[str] = field(default_factory=list)
    """What was found wrong at the start (a broken theme, pack or keymap), for the banner."""
    log: LogFile | None = None
    """Where complaints of libraries go while the sources are connected."""
    at_once: bool = False
    """True when nothing is held back for second thoughts, as for a script."""
    profile: str = "default"
    """Whose places these are: each profile has its own configuration, cache and secrets."""
    demo: bool = False
    """True at the desk of Harbour Post."""
    config_file: Path | None = None
    """The person's own configuration file, which need not be there yet; None where nothing can be kept in one."""
    looked: dict[int, int] = field(default_factory=dict)
    """When a conversation was fetched anew because somebody opened it."""
    looked_back: set[tuple[str, str]] = field(default_factory=set)
    """Source and ref of those whose earlier conversations were fetched."""
    looking_back: bool = False
    """True while somebody's are being fetched: one person at a time."""
    _listeners: list[Listener] = field(default_factory=list)
    _learnt: dict[str, Caps] | None = None

    @property
    def hold(self) -> int:
        """How long what was decided or written can be taken back before it leaves."""
        return 0 if self.at_once else self.config.replies.hold

    def typed(self, words: str) -> str:
        """A sentence whose commands mean this desk when they are typed as they stand."""
        return in_profile(words, self.profile)

    def now(self) -> int:
        """The present instant."""
        return self.clock.now()

    def complete(self) -> Rulebook:
        """Make the rules if they were put off; a mistake in them comes out here."""
        return self.rulebook

    def read_packs(self) -> Packs:
        """Read the canned replies if that was put off; may take a while, and what is wrong joins ``warnings``."""
        return self.packs

    def emit(self, event: Event) -> None:
        """Tell every listener what happened."""
        for listener in tuple(self._listeners):
            listener(event)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of every event from now on; call the result to stop, once or more often."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def connected(self) -> Engine:
        """The engine; Refused while the sources are not connected yet."""
        if self.engine is None:
            raise Refused("The sources are not connected yet", "", "Wait a moment, or add one to the configuration")
        return self.engine

    def caps(self, source: str) -> Caps:
        """What the source can do, as far as that is known; one that was never connected can be read only."""
        connector = self.connectors.get(source)
        if connector is not None:
            return connector.caps
        from agentdesk.model.capability import Caps

        return self.learn().get(source) or Caps(letter="?", can_reply=False)

    def learn(self) -> dict[str, Caps]:
        """What the sources could do when they were connected last; read once, on the thread of the reader."""
        if self._learnt is None:
            from agentdesk.store import sources

            self._learnt = sources.caps(self.store.reader)
        return self._learnt

    def connector(self, source: str) -> Connector:
        """The connector of a source; NotFound when it is not configured or not connected yet."""
        connector = self.connectors.get(source)
        if connector is None:
            known = ", ".join(sorted(self.connectors)) or "none"
            raise NotFound(f"The source {source} is not connected", f"Connected sources: {known}",
                           "Add it to the configuration, or wait until it is connected")
        return connector
