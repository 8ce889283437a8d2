"""What is said to the terminal besides cells, and the first frame before Textual."""

from __future__ import annotations

import base64
import re
import subprocess
import sys

import pytest

from agentdesk.commands.keymap import Keymap
from agentdesk.errors import Refused
from agentdesk.ui.first_frame import frame, widths
from agentdesk.ui.front import ScreenFront
from agentdesk.ui.terminal import COPY_LIMIT, Settings, notification, osc52
from agentdesk.ui.theme import Palette
from tests.desk.conftest import World
from tests.ui.over_desk import app_over, screen_text, until
from tests.ui.test_main_screen import customers


def copied(sequence: str) -> str:
    """What a terminal would put into its clipboard."""
    found = re.search(r"\]52;c;([A-Za-z0-9+/=]*)", sequence)
    assert found is not None
    return base64.b64decode(found[1]).decode()


@pytest.mark.parametrize(("env", "begins", "ends"), [
    ({"TERM": "xterm-256color"}, "\x1b]52;c;", "\x07"),
    ({"TERM": "tmux-256color", "TMUX": "/tmp/t"}, "\x1bPtmux;\x1b\x1b]52;c;", "\x07\x1b\\"),
    ({"TERM": "screen", "STY": "1.x"}, "\x1bP\x1b]52;c;", "\x07\x1b\\"),
])
def test_copying_goes_through_tmux_and_screen(env: dict[str, str], begins: str, ends: str) -> None:
    sequence = osc52("Grüße, 世界", env)
    assert sequence.startswith(begins)
    assert sequence.endswith(ends)
    assert copied(sequence) == "Grüße, 世界"


def test_screen_gets_long_texts_in_pieces_it_can_hand_on() -> None:
    sequence = osc52("x" * 2_000, {"STY": "1"})
    pieces = sequence.split("\x1bP")[1:]
    assert all(len(piece) < 270 and piece.endswith("\x1b\\") for piece in pieces)
    assert copied("".join(piece.removesuffix("\x1b\\") for piece in pieces)) == "x" * 2_000


@pytest.mark.parametrize(("env", "begins"), [
    ({"TERM": "xterm-kitty"}, "\x1b]99;"), ({"TERM_PROGRAM": "WezTerm"}, "\x1b]9;"), ({"TERM": "foot"}, "\x1b]777;"),
    ({"VTE_VERSION": "7000"}, "\x1b]777;"), ({"TERM": "xterm"}, "\x07"),
    ({"TERM": "foot", "TMUX": "x"}, "\x1bPtmux;\x1b\x1b]777;"),
])
def test_notifications_speak_the_terminals_own_tongue(env: dict[str, str], begins: str) -> None:
    assert notification("agentdesk", "3 new", env).startswith(begins)


@pytest.mark.parametrize("env", [{"TERM": "xterm-kitty"}, {"TERM_PROGRAM": "iTerm.app"}, {"TERM": "foot"}])
def test_no_text_ends_a_notification_early(env: dict[str, str]) -> None:
    hostile = notification("a\x07\x1b]52;c;eA==\x07", "b\x1b\\;c\x9c", env)
    assert hostile.count("\x1b]") == notification("a", "b", env).count("\x1b]")
    assert "]52" not in hostile or "\x1b]52" not in hostile


async def test_too_much_for_a_clipboard_is_refused(world: World) -> None:
    front = ScreenFront(app_over(world))
    with pytest.raises(Refused, match="too much"):
        await front.copy("x" * (COPY_LIMIT + 1))
    assert await front.copy("short") == "Copied short"


async def test_y_copies_what_is_under_the_cursor(world: World) -> None:
    await customers(world, 2)
    app = app_over(world)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        raw: list[str] = []
        app.write_raw = raw.append  # type: ignore[method-assign]
        await pilot.press("j", "y")
        await until(pilot, lambda: raw)
        assert copied(raw[0]) == "where is parcel 01"


@pytest.mark.parametrize(("columns", "panes"), [(200, 3), (120, 3), (119, 2), (100, 2), (99, 1), (60, 1)])
def test_widths_add_up(columns: int, panes: int) -> None:
    found = widths(columns, Settings())
    assert sum(found) == columns
    assert sum(part > 0 for part in found) == panes


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 20)])
async def test_the_first_frame_is_what_the_app_then_draws(world: World, size: tuple[int, int]) -> None:
    """Same rows in the same places: nothing jumps when Textual takes over."""
    import pyte

    await customers(world, 40)
    columns, lines = size
    screen = pyte.Screen(columns, lines)
    pyte.Stream(screen).feed(frame(world.desk, Palette(), Keymap.build(), Settings(), columns, lines))
    app = app_over(world)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        drawn = screen_text(app).splitlines()
    left = widths(columns, Settings())[0]
    for y in range(2, lines - 2):
        assert screen.display[y][:left].rstrip() == drawn[y][:left].rstrip()
    assert screen.display[0].split()[0] == drawn[0].split()[0]
    assert screen.display[-1].rstrip() == drawn[-1].rstrip()


def test_the_first_frame_needs_neither_textual_nor_rich_styles() -> None:
    code = ("import sys, agentdesk.ui.first_frame; "
            "print([m for m in ('textual', 'rich.style', 'rich.segment', 'rich.console') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_crash_shows_no_text_and_ends_with_an_error(world: World) -> None:
    app = app_over(world)
    app._on_crash = lambda error: "The report is in /home/ann/crash-1.txt"
    said: list[str] = []

    async def break_down() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: app.main.conversation is not None)
            app._handle_exception(ZeroDivisionError("secret words of a customer"))
            said.extend(str(one) for one in app._exit_renderables)

    with pytest.raises(ZeroDivisionError):
        await break_down()
    assert "secret" not in said[0]
    assert "crash-1.txt" in said[0]
    assert "ZeroDivisionError" in said[0]
    assert app.return_code == 1


async def test_a_broken_theme_is_told_and_the_dark_one_shown(world: World) -> None:
    app = app_over(world, theme="no-such")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "No theme is called no-such" in screen_text(app))
        assert app.palette.name == "dark"


async def test_themes_switch_live(world: World) -> None:
    await customers(world, 2)
    app = app_over(world)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation is not None)
        before = app.main.queue.render_line(0)
        await app.call_verb("theme light")
        await until(pilot, lambda: app.palette.name == "light")
        assert app.main.queue.render_line(0) != before
        assert app.main.queue.render_line(0).text == before.text
        await app.call_verb("theme pink")
        await until(pilot, lambda: "pink" in screen_text(app))
        assert app.palette.name == "light"
