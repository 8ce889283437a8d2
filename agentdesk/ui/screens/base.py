"""What verbs and keys ask of whatever screen is on top.

A screen names its keys with ``context``; it may have ``selection`` (what verbs are about), ``list`` (what the moving
keys move), ``reload`` and ``tick``. Panes that can be moved through are ``Pane``.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from textual.await_complete import AwaitComplete
from textual.screen import Screen

from agentdesk.ui.widgets.key_bar import KeyBar


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


class PassingScreen(Screen[Any]):
    """A screen that goes away once: keys typed ahead may reach it when it has gone, and must not close another."""

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Go away with a result, unless that has happened."""
        return super().dismiss(result) if self.is_current else AwaitComplete()


def context_of(screen: Screen[Any]) -> str:
    """Whose keys work on a screen now."""
    return str(getattr(screen, "context", "prompt"))


def selection_of(screen: Screen[Any]) -> tuple[int, ...]:
    """What verbs called on a screen are about."""
    found = getattr(screen, "selection", ())
    return tuple(found) if isinstance(found, tuple) else ()


def pane_of(screen: Screen[Any]) -> Pane | None:
    """What the moving keys move: the focused pane, else the screen's list."""
    focused = screen.focused
    if isinstance(focused, Pane):
        return focused
    held = getattr(screen, "list", None)
    return held if isinstance(held, Pane) else None


def key_bar_of(screen: Screen[Any]) -> KeyBar | None:
    """The key bar of a screen, when it has one."""
    held = getattr(screen, "keys", None)
    return held if isinstance(held, KeyBar) else next(iter(screen.query(KeyBar)), None)
