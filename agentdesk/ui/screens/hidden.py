"""What is shown when nobody has pressed a key for long: nothing of anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import events
from textual.app import ComposeResult
from textual.strip import Strip

from agentdesk.ui.lines import Lines
from agentdesk.ui.present import line, seg
from agentdesk.ui.screens.base import PassingScreen

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp

WORDS = ("Hidden", "Nobody has pressed a key for a while · any key brings everything back")


class Curtain(Lines):
    """Two lines on an empty terminal."""

    ground = "side"
    wheel = 0

    def line_count(self) -> int:
        """As many as there are words, below an empty one."""
        return len(WORDS) + 1

    def draw(self, y: int, width: int) -> Strip:
        """One line."""
        if y == 0:
            return Strip([])
        style = self.palette.style("text" if y == 1 else "dim", self.ground)
        return Strip([seg("   " + line(WORDS[y - 1], max(width - 4, 1), pad=False), style)])


class HiddenScreen(PassingScreen, inherit_bindings=False):
    """Covers everything; any key or click takes it away and does nothing else."""

    context = "prompt"
    DEFAULT_CSS = "HiddenScreen { background: $desk-side; }"

    def compose(self) -> ComposeResult:
        """The curtain."""
        yield Curtain()

    @property
    def desk_app(self) -> DeskApp:
        """The app, by its own type."""
        return cast("DeskApp", self.app)

    def on_key(self, event: events.Key) -> None:
        """Back to work."""
        event.stop()
        event.prevent_default()
        self.dismiss(None)

    def on_click(self) -> None:
        """Back to work."""
        self.dismiss(None)
