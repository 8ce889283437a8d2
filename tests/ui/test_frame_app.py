"""The whole app through the changed-cells writer: after every frame the terminal shows what Textual drew."""

from __future__ import annotations

import io
from typing import Any

import pyte
import pytest
from rich.console import Console
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.screen import Screen

from agentdesk.commands.everything import VERB_MODULES
from agentdesk.commands.keymap import Keymap
from agentdesk.commands.registry import Registry
from agentdesk.model.clock import SECOND
from agentdesk.model.message import Author
from agentdesk.model.text import inert
from agentdesk.ui import verbs
from agentdesk.ui.app import DeskApp
from agentdesk.ui.frame import Frame
from agentdesk.ui.terminal import Settings
from tests.desk.conftest import World
from tests.ui.over_desk import typed, until
from tests.ui.test_frame import Graphemes, seen

TEXTS = ("where is my parcel", "返金はいつになりますか？注文 4411", "طردي يحتوي على دواء ولم يصل بعد",
         "merci ❤️ à la factrice 👩‍👩‍👧 du 11e", "Paket liegt seit Montag in Halle 7 🇩🇪", "क्षि é́́ \x1b[2J [link=x]a[/]")


class Replayed(DeskApp):
    """Feeds each update to two terminals, whole and as changed cells, and compares every cell."""

    bytes_whole = bytes_lean = frames = 0

    def begin_terminals(self, width: int, height: int) -> None:
        """Two empty terminals of this size."""
        self.whole, self.lean = Graphemes(width, height), Graphemes(width, height)
        self.feeds = [pyte.Stream(self.whole), pyte.Stream(self.lean)]
        for feed in self.feeds:
            feed.feed("\x1b[?7l")
        self.frame = Frame()
        self.out = Console(file=io.StringIO(), color_system="truecolor", width=width, force_terminal=True)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if isinstance(renderable, LayoutUpdate | ChopsUpdate) and hasattr(self, "frame"):
            width, height = self.size
            if (self.whole.columns, self.whole.lines) != (width, height):
                self.begin_terminals(width, height)
            texts = [renderable.render_segments(self.out), self.frame.update(renderable, self.out)]
            for feed, text in zip(self.feeds, texts, strict=True):
                feed.feed(text)
            self.bytes_whole += len(texts[0])
            self.bytes_lean += len(texts[1])
            self.frames += 1
            for y in range(height):
                for x in range(width):
                    assert seen(self.lean.buffer[y][x]) == seen(self.whole.buffer[y][x]), (self.frames, y, x)
        super()._display(screen, renderable)


@pytest.mark.parametrize("size", [(132, 30), (80, 24)])
async def test_a_working_day_looks_the_same_in_a_fraction_of_the_bytes(world: World, size: tuple[int, int]) -> None:
    for number, text in enumerate(TEXTS * 6):
        author = Author(ref=f"c{number}", name=inert(text[:12]), handle=inert(f"@c{number}"))
        world.platform.write(f"conv{number}", text, author=author)
        world.clock.advance(40 * SECOND)
    await world.sync()
    app = Replayed(world.desk, Registry.of((*VERB_MODULES, verbs)), Keymap.build(), settings=Settings())
    app.begin_terminals(*size)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        for key in ("j", "j", "k", "ctrl+d", "G", "g", "g", "x", "j", "x", "enter", "j", "tab", "escape", "2", "1"):
            await pilot.press(key)
            await pilot.pause(0.1 if key in ("j", "enter") else 0)
        await pilot.press("r")
        await until(pilot, lambda: app.key_context == "composer")
        await typed(pilot, "Hello there, so sorry")
        await pilot.press("escape", ":", "d", "o", "escape", "ctrl+p", "escape", "g")
        await pilot.pause(0.05)
        world.clock.advance(SECOND)
        app.bridge.tick()
        await pilot.press("escape")
        app.say("error", "Something long went wrong here " * 8, "Do this about it")
        await pilot.pause()
        await pilot.press("escape")
        app.switch_theme("light")
        await pilot.pause()
        await pilot.resize_terminal(70, 22)
        await pilot.pause(0.05)
        await pilot.press("j", "k")
        await pilot.pause(0.1)
    assert app.frames > 30
    assert app.bytes_lean < app.bytes_whole / 2


async def test_redrawing_writes_everything_again(world: World) -> None:
    world.platform.write("conv", "where is my parcel")
    await world.sync()
    app = DeskApp(world.desk, Registry.of((*VERB_MODULES, verbs)), Keymap.build(), settings=Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        frame = app._frame
        assert frame is not None
        frame._rows = [[]]
        await pilot.press("ctrl+l")
        assert frame._rows == []


async def test_it_can_be_switched_off(world: World) -> None:
    settings = Settings.of(world.desk.config.ui, {"AGENTDESK_REPAINT": "all"})
    app = DeskApp(world.desk, Registry.of((*VERB_MODULES, verbs)), Keymap.build(), settings=settings)
    assert app._frame is None
