"""How the screens look: the demo desk at a fixed moment, every character in its place.

A changed screen fails here with a diff that can be read; ``UPDATE_SNAPSHOTS=1`` in the environment of a run of this
file takes the new look as the right one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from agentdesk.bootstrap import DemoOptions, Options, connect, disconnect, open_desk
from agentdesk.commands.everything import VERB_MODULES
from agentdesk.commands.keymap import Keymap
from agentdesk.commands.registry import Registry
from agentdesk.desk.desk import Desk
from agentdesk.ui import verbs
from agentdesk.ui.app import DeskApp
from agentdesk.ui.terminal import Settings
from tests.ui.over_desk import screen_text, until

MORNING = 1_795_165_200_000
SNAPSHOTS = Path(__file__).resolve().parents[1] / "snapshots"
WIDE, NARROW, TINY = (120, 36), (80, 24), (60, 20)


class StillClock:
    """Always the same moment, and waits that really wait."""

    def now(self) -> int:
        return MORNING

    async def sleep(self, length: int) -> None:
        await asyncio.sleep(length / 1_000)


OPTIONS = Options(profile="demo", demo=DemoOptions(), overrides={"agent.zone": "UTC"})


async def opened(home: Path) -> Desk:
    """The demo desk of a home, connected but at rest."""
    os.environ["AGENTDESK_HOME"] = str(home)
    desk = open_desk(OPTIONS, StillClock())
    await connect(desk, OPTIONS)
    return desk


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the demo's first day has been put in."""
    home = tmp_path_factory.mktemp("demo")
    before = os.environ.get("AGENTDESK_HOME")

    async def begin() -> None:
        desk = await opened(home)
        await disconnect(desk)
        desk.store.close()

    try:
        asyncio.run(begin())
    finally:
        if before is not None:
            os.environ["AGENTDESK_HOME"] = before
    return home


LOOKS: dict[str, tuple[tuple[int, int], tuple[str, ...], Settings]] = {
    "desk-120": (WIDE, ("j", "j", "j"), Settings()),
    "desk-80": (NARROW, ("j", "j", "j"), Settings()),
    "desk-60": (TINY, ("j",), Settings()),
    "desk-ascii-80": (NARROW, ("j",), Settings(ascii=True)),
    "conversation-120": (WIDE, ("j", "enter"), Settings()),
    "conversation-80": (NARROW, ("j", "enter"), Settings()),
    "conversation-60": (TINY, ("j", "enter"), Settings()),
    "customer-80": (NARROW, ("j", "j", "j", "j", "j", "enter", "tab"), Settings()),
    "composer-120": (WIDE, ("r", "H", "i"), Settings()),
    "composer-80": (NARROW, ("r", "H", "i"), Settings()),
    "canned-120": (WIDE, ("r", "ctrl+r"), Settings()),
    "canned-80": (NARROW, ("r", "ctrl+r"), Settings()),
    "done-120": (WIDE, ("d",), Settings()),
    "snooze-80": (NARROW, ("s",), Settings()),
    "keys-120": (WIDE, ("question_mark",), Settings()),
    "keys-80": (NARROW, ("question_mark",), Settings()),
    "why-80": (NARROW, ("w",), Settings()),
    "outbox-80": (NARROW, ("O",), Settings()),
    "sources-120": (WIDE, ("S",), Settings()),
    "drafts-80": (NARROW, ("D",), Settings()),
    "snoozed-80": (NARROW, ("7",), Settings()),
    "ticket-120": (WIDE, ("j", "j", "j", "enter", "e"), Settings()),
    "escalate-120": (WIDE, (*"jjjjj", "e"), Settings()),
    "ticket-80": (NARROW, ("j", "j", "j", "enter", "e"), Settings()),
    "search-120": (WIDE, ("slash", "i", "n", "s", "u", "l", "i", "n"), Settings()),
}
"""Name → size, keys pressed, settings."""


@pytest.mark.parametrize("name", LOOKS)
async def test_it_looks_as_it_did(name: str, prepared: Path, tmp_path: Path) -> None:
    size, keys, settings = LOOKS[name]
    home = tmp_path / "demo"
    shutil.copytree(prepared, home)
    desk = await opened(home)
    app = DeskApp(desk, Registry.of((*VERB_MODULES, verbs)), Keymap.build(), settings=settings)
    try:
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: "Beatrix" in screen_text(app))
            for key in keys:
                await pilot.press(key)
            found = await at_rest(pilot, app)
    finally:
        await disconnect(desk)
        desk.store.close()
    compare(name, found)


async def at_rest(pilot: object, app: DeskApp) -> str:
    """The screen once it has stayed the same for a while."""
    same, before = 0, ""
    while same < 6:
        await asyncio.sleep(0.05)
        now = screen_text(app)
        same = same + 1 if now == before else 0
        before = now
    return before + "\n"


def compare(name: str, found: str) -> None:
    """Hold the screen against the kept one."""
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(found, encoding="utf-8")
    assert path.exists(), f"no snapshot {path.name}: make it with UPDATE_SNAPSHOTS=1"
    assert found == path.read_text(encoding="utf-8")
