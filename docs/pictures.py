"""Makes the pictures of this manual: the demo desk at a fixed moment, drawn by the program itself.

Run it with ``python docs/pictures.py``. It needs Chromium to turn the drawings into PNG files, and fonts that hold
the scripts of the demo's customers (Debian: chromium fonts-dejavu fonts-noto-cjk fonts-noto-core
fonts-noto-color-emoji).
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MORNING = 1_795_165_200_000  # Fri 20 Nov 2026 09:00 UTC
Steps = Callable[[Any], Awaitable[None]]


async def keys(pilot: Any, *pressed: str) -> None:
    """Press keys and let the screen come to rest."""
    for key in pressed:
        await pilot.press(key)
        await pilot.pause(0.15)
    await pilot.pause(0.4)


async def typed(pilot: Any, text: str) -> None:
    """Type a text as a person would."""
    await keys(pilot, *("space" if c == " " else "full_stop" if c == "." else "comma" if c == "," else c for c in text))


async def desk(pilot: Any) -> None:
    await keys(pilot, "full_stop", "g", "g", "j", "j", "j")


async def compose(pilot: Any) -> None:
    await desk(pilot)
    await keys(pilot, "r")
    await typed(pilot, "Hello, I have asked the depot and will write again within the hour.")


async def opened(pilot: Any) -> None:
    await desk(pilot)
    await keys(pilot, "enter")


async def handed_on(pilot: Any) -> None:
    """A post, escalated: its ticket is read, sent and opened at the help desk."""
    await keys(pilot, "full_stop", "slash")
    await typed(pilot, "LIVE BEES")
    await keys(pilot, "enter", "e", "enter", "ctrl+s")
    await pilot.pause(9.0)
    await keys(pilot, "escape")


def after(*pressed: str) -> Steps:
    async def steps(pilot: Any) -> None:
        await desk(pilot)
        await keys(pilot, *pressed)

    return steps


PICTURES: dict[str, tuple[tuple[int, int], str, Steps]] = {
    "desk-120": ((120, 36), "dark", desk),
    "desk-80": ((80, 24), "dark", desk),
    "desk-light": ((120, 36), "light", desk),
    "desk-60": ((60, 20), "dark", desk),
    "conversation-80": ((80, 24), "dark", opened),
    "composer-120": ((120, 36), "dark", compose),
    "composer-80": ((80, 24), "dark", compose),
    "keys": ((120, 36), "dark", after("question_mark")),
    "why": ((120, 36), "dark", after("w")),
    "outbox": ((120, 36), "dark", after("O")),
    "sources": ((120, 36), "dark", after("S")),
    "search": ((120, 36), "dark", after("slash", "d", "e", "p", "o", "t")),
    "done": ((120, 36), "dark", after("d")),
    "canned": ((120, 36), "dark", after("r", "ctrl+r")),
    "ticket": ((120, 36), "dark", handed_on),
    "high-contrast": ((120, 36), "high-contrast", desk),
}
"""Name → size in columns and lines, theme, what is done before the picture is taken."""


async def draw(name: str, folder: Path) -> Path:
    """One picture as SVG."""
    from agentdesk.bootstrap import DemoOptions, Options, disconnect, open_desk
    from agentdesk.bootstrap import connect as bring
    from agentdesk.commands.everything import VERB_MODULES
    from agentdesk.commands.keymap import Keymap
    from agentdesk.commands.registry import Registry
    from agentdesk.model.clock import FastClock
    from agentdesk.ui import verbs
    from agentdesk.ui.app import DeskApp

    size, theme, steps = PICTURES[name]
    os.environ |= {"AGENTDESK_HOME": str(folder / name), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    options = Options(profile="demo", demo=DemoOptions(seed=1), overrides={"ui.theme": theme, "agent.zone": "UTC"})
    opened_desk = open_desk(options, FastClock(1, start=MORNING))
    await bring(opened_desk, options)

    async def begin() -> None:
        await opened_desk.connected().run()

    app = DeskApp(opened_desk, Registry.of((*VERB_MODULES, verbs)), Keymap.build(), begin=begin)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(1.0)
        await steps(pilot)
        svg = app.export_screenshot(title="agentdesk")
    await disconnect(opened_desk)
    opened_desk.store.close()
    target = folder / f"{name}.svg"
    target.write_text(svg, encoding="utf-8")
    return target


def widen(svg: str) -> str:
    """Give texts with wide characters the room that they take in a terminal: the exporter counts characters."""
    from rich.cells import cell_len

    def mend(found: re.Match[str]) -> str:
        text = html.unescape(found[3])
        length = float(found[1]) / len(text) * cell_len(text)
        return f'textLength="{length:.2f}"{found[2]}>{found[3]}</text>'

    return re.sub(r'textLength="([\d.]+)"([^>]*)>([^<]*)</text>', mend, svg)


def png(svg: Path, target: Path) -> None:
    """Let Chromium draw the SVG: other converters lose spaces or glyphs."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("pictures: Chromium is needed to make PNG files")
    text = re.sub(r"@font-face \{[^}]*\}", "", widen(svg.read_text(encoding="utf-8"))).replace(
        "Fira Code", "DejaVu Sans Mono, Noto Sans Mono CJK JP")
    width, height = (float(n) for n in re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)[0])
    page = svg.with_suffix(".html")
    page.write_text(f'<body style="margin:0;background:#101418">{text}</body>', encoding="utf-8")
    subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    f"--user-data-dir={svg.parent}/browser", f"--window-size={int(width) + 1},{int(height) + 1}",
                    f"--screenshot={target}", page.as_uri()], check=True, capture_output=True)


def main(names: list[str]) -> None:
    """Make the named pictures, or all."""
    (HERE / "pictures").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in names or PICTURES:
            png(asyncio.run(draw(name, Path(folder))), HERE / "pictures" / f"{name}.png")
            print(f"docs/pictures/{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
