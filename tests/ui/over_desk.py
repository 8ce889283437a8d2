"""The real app over a whole desk on a fake platform, for tests that press keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from agentdesk.commands.everything import VERB_MODULES
from agentdesk.commands.keymap import Keymap
from agentdesk.commands.registry import Registry
from agentdesk.ui import verbs
from agentdesk.ui.app import DeskApp
from agentdesk.ui.terminal import Settings
from agentdesk.ui.widgets.blocks import Blocks
from tests.desk.conftest import World


def app_over(world: World, **settings: Any) -> DeskApp:
    """The app, with the usual settings unless said otherwise."""
    chosen = Settings(**settings)
    return DeskApp(world.desk, Registry.of((*VERB_MODULES, verbs)), Keymap.build(), settings=chosen)


async def until(pilot: Pilot[Any], true: Callable[[], object], seconds: float = 30.0) -> None:
    """Let the app go on until something is so."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not true():
        if loop.time() > end:
            raise AssertionError("it did not come about in time")
        await pilot.pause(0.01)


async def ready(app: DeskApp, pilot: Pilot[Any]) -> None:
    """Wait until the first frame is out and keys go straight to the screen."""
    await until(pilot, lambda: app._typed_early is None and app.main.customer is not None)


async def typed(pilot: Pilot[Any], text: str) -> None:
    """Type a text."""
    for letter in text:
        await pilot.press({" ": "space", "\n": "enter"}.get(letter, letter))


def shown(pane: Blocks) -> str:
    """All rows of a pane as text, in sight or not."""
    width = pane.size.width
    return "\n".join(pane.draw(y, width).text.rstrip() for y in range(pane.line_count()))


def screen_text(app: DeskApp) -> str:
    """What stands on the screen."""
    lines: list[str] = []
    for strip in app.screen._compositor.render_strips():
        lines.append("".join(segment.text for segment in strip).rstrip())
    return "\n".join(lines)
