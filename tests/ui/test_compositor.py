"""The compositor that renders rows only: after every frame the terminal shows what Textual's own would have drawn."""

from __future__ import annotations

import io
from typing import Any

import pyte
import pytest
from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.screen import Screen

from agentdesk.commands.everything import VERB_MODULES
from agentdesk.commands.keymap import Keymap
from agentdesk.commands.registry import Registry
from agentdesk.model.clock import SECOND
from agentdesk.ui import verbs
from agentdesk.ui.app import DeskApp
from agentdesk.ui.compositor import NarrowCompositor
from agentdesk.ui.terminal import Settings
from tests.desk.conftest import World
from tests.ui.over_desk import until
from tests.ui.test_frame import Graphemes, seen
from tests.ui.test_main_screen import customers


class Compared(DeskApp):
    """Lays each update over a terminal, to be compared with a frame that is rendered whole."""

    partial = 0
    shown: Graphemes | None = None

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if isinstance(renderable, LayoutUpdate | ChopsUpdate) and isinstance(screen._compositor, NarrowCompositor):
            width, height = self.size
            if self.shown is None or (self.shown.columns, self.shown.lines) != (width, height):
                self.shown = fresh(width, height)
            pyte.Stream(self.shown).feed(renderable.render_segments(console(width)))
            self.partial += isinstance(renderable, ChopsUpdate)
        super()._display(screen, renderable)

    def differs(self) -> str:
        """The first cell in which the terminal is not what Textual's own compositor draws; empty when there is none."""
        compositor, (width, height) = self.main._compositor, self.size
        compositor.__class__ = Compositor
        try:
            whole = compositor.render_full_update()
        finally:
            compositor.__class__ = NarrowCompositor
        wanted = fresh(width, height)
        pyte.Stream(wanted).feed(whole.render_segments(console(width)))
        assert self.shown is not None
        for y in range(height):
            for x in range(width):
                if seen(self.shown.buffer[y][x]) != seen(wanted.buffer[y][x]):
                    return f"row {y} column {x}: {self.shown.display[y]!r} is not {wanted.display[y]!r}"
        return ""


def console(width: int) -> Console:
    """Where updates are written."""
    return Console(file=io.StringIO(), color_system="truecolor", width=width, force_terminal=True)


def fresh(width: int, height: int) -> Graphemes:
    """An empty terminal."""
    made = Graphemes(width, height)
    pyte.Stream(made).feed("\x1b[?7l")
    return made


@pytest.mark.parametrize("size", [(132, 30), (104, 26), (80, 24)])
async def test_rows_alone_are_the_whole_picture(world: World, size: tuple[int, int]) -> None:
    await customers(world, 60)
    app = Compared(world.desk, Registry.of((*VERB_MODULES, verbs)), Keymap.build(), settings=Settings())
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        for key in ("j", "j", "ctrl+d", "j", "k", "G", "k", "g", "g", "x", "k", "x", "tab", "tab", "escape", "g",
                    "escape"):
            await pilot.press(key)
            await pilot.pause(0.1)
            assert not app.differs(), key
        app.say("error", "Something long went wrong here " * 8, "Do this about it")
        await pilot.pause()
        await pilot.press("j", "escape", "j")
        for _ in range(3):
            world.clock.advance(SECOND)
            app.bridge.tick()
            await pilot.pause(0.05)
            assert not app.differs()
        await customers(world, 5, from_minute=60)
        app.bridge.flush()
        await pilot.pause(0.1)
        assert not app.differs()
        await pilot.press("r")
        await until(pilot, lambda: app.key_context == "composer")
        await pilot.press("h", "e", "y", "backspace", "escape")
        await pilot.pause(0.1)
        assert not app.differs()
    assert app.partial > 10
