"""The base of every full screen: a line on top, keys at the bottom, and what verbs ask of a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from textual.screen import Screen

from agentdesk.model.clock import Millis
from agentdesk.ui.bridge import News
from agentdesk.ui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp


@runtime_checkable
class Pane(Protocol):
    """What the moving keys move."""

    def move(self, count: int) -> None:
        """By rows, messages or blocks."""
        ...

    def half(self, count: int) -> None:
        """By half a window."""
        ...

    def page_by(self, count: int) -> None:
        """By a window."""
        ...

    def top(self) -> None:
        """To the first."""
        ...

    def bottom(self) -> None:
        """To the last."""
        ...


class DeskScreen(Screen[Any], inherit_bindings=False):
    """A screen that the key router knows how to talk to.

    ``key_context`` names whose keys work here; a focused widget may name its own.
    """

    key_context = "list"
    DEFAULT_CSS = """
    DeskScreen { layout: vertical; background: $desk-base; overflow: hidden hidden; }
    """

    @property
    def desk_app(self) -> DeskApp:
        """The app, by its own type."""
        return cast("DeskApp", self.app)

    @property
    def key_bar(self) -> KeyBar | None:
        """The key bar, when there is one."""
        return next(iter(self.query(KeyBar)), None)

    def context_of(self) -> str:
        """Whose keys work now: the focused widget's, its parents', or this screen's."""
        node = self.focused
        while node is not None and node is not self:
            own = getattr(node, "key_context", "")
            if own:
                return str(own)
            node = cast(Any, node.parent)
        return self.key_context

    def pane(self) -> Pane | None:
        """What the moving keys move: the focused pane, else the first there is."""
        focused = self.focused
        if isinstance(focused, Pane):
            return focused
        return next((one for one in self.query("*") if isinstance(one, Pane)), None)

    def selection(self, count: int | None = None) -> tuple[int, ...]:
        """The conversations (or entries) that verbs work on."""
        return ()

    def go_back(self) -> None:
        """Esc: one level up."""
        if len(self.app.screen_stack) > 1:
            self.dismiss(None)

    def heard(self, news: News) -> None:
        """Things happened on the desk."""

    def tick(self, now: Millis) -> None:
        """A second passed."""
        for one in self.query("*"):
            ticking = getattr(one, "tick", None)
            if ticking is not None and one.display:
                ticking(now)

    async def flush(self) -> None:
        """Store whatever is being written, now."""
