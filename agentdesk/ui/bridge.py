"""Desk events become news for the screen, folded; and the one tick a second for everything that shows time."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.message import Message

from agentdesk.model.clock import SECOND, Millis
from agentdesk.model.events import Arrived, Changed, ClaimLost, Event, Notice, OutboxChanged, Progress, SourceChanged

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp

FOLD = 0.15
"""Seconds for which events are gathered before the screen hears of them."""
ASLEEP = 300 * SECOND
"""After so long without the terminal's focus nothing ticks any more."""


@dataclass
class News:
    """What happened since the screen heard last."""

    ids: set[int] = field(default_factory=set)
    """Conversations that look different."""
    any: bool = False
    """True when any conversation may look different."""
    arrived: int = 0
    """Inbound messages that came in, history left out."""
    history: bool = False
    """True when history of a first connect came in."""
    sources: bool = False
    outbox: list[OutboxChanged] = field(default_factory=list)
    said: list[Notice] = field(default_factory=list)
    lost: list[ClaimLost] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Fold one event in."""
        match event:
            case Arrived():
                self.ids.update(event.conversation_ids)
                self.arrived += 0 if event.backfill else event.messages
                self.history = self.history or event.backfill
            case Changed():
                self.ids.update(event.conversation_ids)
                self.any = self.any or not event.conversation_ids
            case SourceChanged():
                self.sources = True
            case OutboxChanged():
                self.outbox.append(event)
                self.ids.add(event.conversation_id)
            case Progress():
                self.progress.append(event)
            case Notice():
                self.said.append(event)
            case ClaimLost():
                self.lost.append(event)
                self.ids.add(event.conversation_id)

    def concerns(self, conversation_id: int | None) -> bool:
        """True when this conversation may look different."""
        return conversation_id is not None and (self.any or conversation_id in self.ids)


def _nothing() -> None:
    """What there is to stop before anything began."""


class Heard(Message):
    """Events wait in the bridge."""


class Bridge:
    """The only way from the desk's events to widgets; events may come from any thread."""

    def __init__(self, app: DeskApp) -> None:
        self.app = app
        self._waiting: deque[Event] = deque()
        self._lock = threading.Lock()
        self._asked = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Callable[[], None] = _nothing
        self._blurred_at: Millis | None = None

    def start(self) -> None:
        """Hear of every event from now on, and tick."""
        self._loop = asyncio.get_running_loop()
        self._stop = self.app.desk.subscribe(self.hear)
        self.app.set_interval(1.0, self.tick)

    def stop(self) -> None:
        """Hear no more."""
        self._stop()
        self._loop = None

    def hear(self, event: Event) -> None:
        """Take an event and ask for the screen's attention once."""
        with self._lock:
            self._waiting.append(event)
            if self._asked or self._loop is None:
                return
            self._asked = True
        self._loop.call_soon_threadsafe(self._later)

    def _later(self) -> None:
        if self._loop is not None:
            self._loop.call_later(FOLD, self.app.post_message, Heard())

    def flush(self) -> None:
        """Tell the screens what has gathered."""
        news = News()
        with self._lock:
            self._asked = False
            while self._waiting:
                news.add(self._waiting.popleft())
        self.app.heard(news)

    def tick(self) -> None:
        """A second passed: everything in sight that shows time looks whether its text is another."""
        now = self.app.desk.now()
        if self._blurred_at is not None and now - self._blurred_at > ASLEEP:
            return
        self.app.tick(now)

    def blurred(self) -> None:
        """The terminal lost the focus."""
        self._blurred_at = self.app.desk.now()

    @property
    def away(self) -> bool:
        """True while the terminal does not have the focus."""
        return self._blurred_at is not None

    def focused(self) -> None:
        """The terminal has the focus again: what stood still is made good."""
        self._blurred_at = None
        self.tick()
