"""Hostile text in every field and on every screen: nothing of it reaches the terminal, and nothing of it acts."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from agentdesk.desk import answer, find, inbox, people
from agentdesk.model.message import Author
from agentdesk.model.text import inert, inert_line
from agentdesk.testing.world import HOSTILE_POSTS
from agentdesk.ui.screens.drafts import DraftsScreen
from agentdesk.ui.screens.ledger import LedgerScreen
from agentdesk.ui.screens.outbox import OutboxScreen
from agentdesk.ui.screens.search import SearchScreen
from agentdesk.ui.screens.why import WhyScreen
from tests.desk.conftest import World
from tests.desk.test_answer import written
from tests.ui.over_desk import app_over, ready, screen_text, until

UI = Path(__file__).parents[2] / "agentdesk" / "ui"
POSTS = json.loads(HOSTILE_POSTS.read_text())
SMALL = [name for name in sorted(POSTS) if name not in ("big1mb", "lines100k")]
FORBIDDEN = {"Static", "Markdown", "MarkdownViewer", "RichLog", "Log", "DataTable", "OptionList", "ListView", "Tree",
             "from_markup"}


def text_of(name: str) -> str:
    """The post's raw text, repeated parts shortened."""
    return "".join(part if isinstance(part, str) else part[0] * min(part[1], 3_000) for part in POSTS[name]["text"])


def raw_in(text: str) -> list[str]:
    """Characters that could act on a terminal or turn a line around."""
    return [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000
            or 0xE0000 <= ord(c) < 0xE0080 or c in "\u202d\u202e\u200b\ufeff\u2028"]


@pytest.mark.parametrize("name", SMALL)
async def test_a_hostile_post_is_only_text_wherever_it_is_shown(world: World, name: str) -> None:
    raw = text_of(name)
    who = Author(ref=raw[:40] or "x", name=inert_line(raw), handle=inert_line(raw))
    world.platform.write("a", raw, author=who)
    await world.sync()
    number = find.window(world.desk, find.compile_view(world.desk, "state:open"))[0].id
    await inbox.tag(world.desk, [number], [inert_line(raw)[:30] or "t"])
    await people.set_note(world.desk, find.conversation(world.desk, number).customer_id, inert(raw))
    await answer.save(world.desk, written(world, number, raw))
    app = app_over(world)
    async with app.run_test(size=(140, 30)) as pilot:
        await ready(app, pilot)
        app.main.open_conversation(number)
        await pilot.press("r")
        await until(pilot, lambda: app.main.composer.is_open)
        await pilot.pause()
        assert raw_in(screen_text(app)) == []
        assert raw_in(app.main.composer.editor.text) == []
        await pilot.press("ctrl+s", "ctrl+s")
        for screen in (OutboxScreen(), DraftsScreen(), LedgerScreen(number), WhyScreen(number), SearchScreen(text=raw)):
            app.open_screen(screen)
            await until(pilot, lambda screen=screen: app.screen is screen)
            await pilot.pause()
            assert raw_in(screen_text(app)) == []
            screen.dismiss(None)
            await until(pilot, lambda: app.screen is app.main)
        assert app.is_running


@pytest.mark.parametrize("name", ["big1mb", "lines100k"])
async def test_a_huge_post_does_not_hold_the_screen_up(world: World, name: str) -> None:
    part, count = POSTS[name]["text"][1]
    number = await world.arrive("a", part * count)
    app = app_over(world)
    async with app.run_test(size=(140, 30)) as pilot:
        await ready(app, pilot)
        pane = app.main.conversation
        assert pane is not None
        pane.show(number)
        assert pane.thread.line_count() < 80
        pane.thread.show_all()
        assert pane.thread.line_count() < 500


def names_used(path: Path) -> set[str]:
    """Every name a module imports or calls."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("textual", "rich")):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found


@pytest.mark.parametrize("path", sorted(UI.rglob("*.py")), ids=lambda path: str(path.relative_to(UI)))
def test_no_module_draws_text_another_way(path: Path) -> None:
    assert names_used(path) & FORBIDDEN == set()
