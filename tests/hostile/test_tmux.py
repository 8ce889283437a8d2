"""Inside tmux, which acts on what it is told: the paste buffer and the title stay what they were."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.payloads import PAYLOADS
from tests.hostile.scene import made
from tests.terminal.harness import PATIENCE, environment

pytestmark = [pytest.mark.real, pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")]


class Tmux:
    """A tmux server of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "tmux"

    def __call__(self, *words: str) -> str:
        """One tmux command, its output."""
        return subprocess.run(["tmux", "-S", str(self.socket), "-f", "/dev/null", *words], capture_output=True,
                              text=True, check=True, timeout=20).stdout

    def shows(self) -> str:
        """What stands in the pane."""
        return self("capture-pane", "-p", "-t", "desk")

    def wait_for(self, words: str) -> None:
        """Wait until the words are there."""
        end = time.monotonic() + PATIENCE
        while words not in self.shows():
            assert time.monotonic() < end, self.shows()
            time.sleep(0.05)

    def ended(self) -> str:
        """The exit status of what ran in the pane; another child makes a tmux that missed the end collect it."""
        end = time.monotonic() + PATIENCE
        while not (status := self("display-message", "-p", "-t", "desk", "#{pane_dead_status}").strip()):
            assert time.monotonic() < end, self.shows()
            self("run-shell", "true")
            time.sleep(0.05)
        return status

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names, and let the pane come to rest."""
        self("send-keys", "-t", "desk", *keys)
        before = ""
        while before != (before := self.shows()):
            time.sleep(0.1)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A server with the clipboard open and something in its buffer."""
    server = Tmux(tmp_path)
    server("new-session", "-d", "-s", "desk", "-x", "150", "-y", "50", "cat")
    server("set-option", "-g", "set-clipboard", "on")
    server("set-option", "-g", "allow-rename", "on")
    server("set-option", "-g", "remain-on-exit", "on")
    server("set-buffer", "mine")
    yield server
    server("kill-server")


@pytest.mark.parametrize("spoiled", [False, True], ids=["sent", "stored"])
def test_the_paste_buffer_and_the_title_stay(tmux: Tmux, tmp_path: Path, spoiled: bool) -> None:
    home = made(tmp_path / "home", PAYLOADS, spoiled=spoiled)
    given = [f"{name}={value}" for name, value in environment(home, {"TERM": "tmux-256color"}).items()]
    tmux("respawn-pane", "-k", "-t", "desk", "env", *given, sys.executable, "-m", "agentdesk")
    tmux.wait_for("? keys")
    title = tmux("display-message", "-p", "-t", "desk", "#{pane_title}|#{window_name}|#{pane_in_mode}")
    tmux.press("Enter")
    for _ in range(len(PAYLOADS) + 1):
        tmux.press("J")
    for screen in ("w", "O", "L", "S", "D", "?"):
        tmux.press(screen)
        tmux.press("PageDown")
        tmux.press("Escape")
    assert tmux("display-message", "-p", "-t", "desk", "#{pane_title}|#{window_name}|#{pane_in_mode}") == title
    assert tmux("list-buffers", "-F", "#{buffer_sample}") == "mine\n"
    assert tmux("show-buffer") == "mine"
    tmux.press("Escape")
    tmux.press("q")
    assert tmux.ended() == "0"


def test_this_tmux_does_act_on_what_it_is_told(tmux: Tmux) -> None:
    tmux("respawn-pane", "-k", "-t", "desk", "printf '\\033]52;c;ZXZpbA==\\033\\\\\\033]2;other\\007done'; sleep 30")
    tmux.wait_for("done")
    assert tmux("show-buffer") == "evil"
    assert tmux("display-message", "-p", "-t", "desk", "#{pane_title}") == "other\n"
