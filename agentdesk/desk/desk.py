"""The Desk: what every use case is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from agentdesk.config.schema import Config
from agentdesk.connectors.base import Connector
from agentdesk.errors import NotFound, Refused
from agentdesk.model.capability import Caps
from agentdesk.model.clock import Clock
from agentdesk.model.events import Event
from agentdesk.replies.packs import Packs
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store.db import Store
from agentdesk.sync.engine import Engine

Listener = Callable[[Event], None]


@dataclass
class Desk:
    """The store, the rules and the sources of one profile, and who sits at it.

    ``connectors`` and ``engine`` are empty until the sources have been connected; reading, drafting and deciding work
    without them.
    """

    store: Store
    clock: Clock
    config: Config
    rulebook: Rulebook
    agent: str
    packs: Packs
    holder: str
    zone: ZoneInfo
    connectors: dict[str, Connector] = field(default_factory=dict)
    engine: Engine | None = None
    warnings: list[str] = field(default_factory=list)
    """What was found wrong at the start (a broken theme, pack or keymap), for the banner."""
    demo: bool = False
    """True at the desk of Harbour Post."""
    _listeners: list[Listener] = field(default_factory=list)

    def now(self) -> int:
        """The present instant."""
        return self.clock.now()

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
        """What the source can do; a source that is not connected can be read only."""
        connector = self.connectors.get(source)
        if connector is not None:
            return connector.caps
        return Caps(letter="?", can_reply=False)

    def connector(self, source: str) -> Connector:
        """The connector of a source; NotFound when it is not configured or not connected yet."""
        connector = self.connectors.get(source)
        if connector is None:
            known = ", ".join(sorted(self.connectors)) or "none"
            raise NotFound(f"The source {source} is not connected", f"Connected sources: {known}",
                           "Add it to the configuration, or wait until it is connected")
        return connector
