"""Tokens that must be found nowhere: not on the screen, in what is printed, stored, logged, reported or handed on."""

from __future__ import annotations

import base64
import json
import os
import socket
import stat
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.fakes.wire import Reply
from tests.terminal import crashing
from tests.terminal.harness import Terminal, run
from tests.terminal.rt_server import serving

CANARIES = {place: f"1-{n}-{place}Canary7f3e9b" for n, place in enumerate(("env", "command", "file"), 41)}
SPY = """#!/bin/sh
tr '\\0' '\\n' < /proc/self/environ >> "{log}"; tr '\\0' ' ' < /proc/$$/cmdline >> "{log}"
"""


def spellings(secret: str) -> Iterator[bytes]:
    """A token as it is, and as it is easily carried along."""
    for text in (secret, secret[::-1], quote(secret), json.dumps(secret)[1:-1], secret.encode().hex()):
        yield text.encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")[:-2]


def told(data: bytes) -> list[str]:
    """The canaries that are in the bytes."""
    return [place for place, secret in CANARIES.items() if any(one in data for one in spellings(secret))]


def files_below(folder: Path, *leave: Path) -> dict[Path, bytes]:
    """Everything that was written."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path not in leave}


class Desk:
    """A home with one RT source for each place that a token can be kept in."""

    def __init__(self, folder: Path, url: str) -> None:
        self.home = folder / "home"
        config = self.home / "config"
        config.mkdir(parents=True)
        for path in (self.home, config):
            path.chmod(0o700)
        self.spied = folder / "spied"
        self.kept = config / "token"
        self.kept.write_text(CANARIES["file"] + "\n")
        self.kept.chmod(0o600)
        self.command, self.editor = folder / "give-token", folder / "editor"
        spy = SPY.format(log=self.spied)
        self.command.write_text(f"{spy}echo {CANARIES['command']}\n")
        self.editor.write_text(f"{spy}echo edited > \"$1\"\n")
        for path in (self.command, self.editor):
            path.chmod(0o700)
        places = {"command": f"{{command: [{self.command}]}}", "env": "{env: DESK_TOKEN}",
                  "file": f"{{file: {self.kept}}}"}
        sources = "".join(f"  - {{kind: rt, name: by-{name}, url: \"{url}\", token: {place}, poll: 1s}}\n"
                          for name, place in places.items())
        (config / "config.yaml").write_text(
            f"agent: {{name: ann, zone: UTC}}\nui: {{editor: {self.editor}}}\nsources:\n{sources}")
        self.env = {"DESK_TOKEN": CANARIES["env"], "AGENTDESK_LOG": "debug"}

    def check(self, *said: bytes) -> None:
        """No canary in what was said, in any file below the home, or in what children saw."""
        for data in said:
            assert told(data) == [], data[-2_000:]
        written = files_below(self.home, self.kept)
        assert {path: told(data) for path, data in written.items() if told(data)} == {}
        if self.spied.exists():
            assert told(self.spied.read_bytes()) == []

    def commands(self) -> list[bytes]:
        """What every command that may touch a token says."""
        said = []
        for words in (("sync", "--json"), ("doctor",), ("sources", "--json"), ("config", "show"), ("secret", "check"),
                      ("export",)):
            done = run(*words, home=self.home, env=self.env)
            assert done.returncode in (0, 7, 8), done.stderr
            said += [done.stdout.encode(), done.stderr.encode()]
        return said


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address of this machine at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_an_unreachable_server(tmp_path: Path, nowhere: str) -> None:
    desk = Desk(tmp_path, nowhere)
    said = desk.commands()
    assert any(b"by-command" in data for data in said)
    with Terminal(home=desk.home, env=desk.env) as terminal:
        terminal.wait_for("? keys")
        terminal.press("S")
        terminal.wait_for("by-env")
        for place in CANARIES:
            terminal.wait_for(f"by-{place}")
        terminal.settle(0.5)
        terminal.press("q", "?")
        terminal.wait_for("Keys")
        terminal.press("escape", "q")
        assert terminal.ended() == 0
    desk.check(*said, bytes(terminal.raw))
    assert desk.spied.exists(), "the command was never called"
    assert b"PATH=" in desk.spied.read_bytes(), "the spy saw no environment"


def thrown_back(status: int, url: str, head: dict[str, str]) -> Reply:
    """An answer that repeats what the client sent, as debugging servers and proxies do."""
    secret = head.get("authorization", "").rpartition(" ")[2]
    return Reply(status, {"message": f"bad token: {secret}", "errors": [f"{secret} is not known", head]},
                 {"X-Message": secret, "Location": f"{url}/?token={quote(secret)}"})


def test_a_server_that_throws_the_token_back(tmp_path: Path) -> None:
    with serving("Where is my parcel?") as server:
        desk = Desk(tmp_path, server.url)
        for status in (401, 200):
            server.answer = partial(thrown_back, status, server.url)
            done = run("sync", home=desk.home, env=desk.env)
            assert done.returncode in (7, 8), (status, done.stdout, done.stderr)
            desk.check(done.stdout.encode(), done.stderr.encode())
        assert any(CANARIES["env"] in head.get("authorization", "") for head in server.heads), "no token was ever sent"
        with Terminal(home=desk.home, env=desk.env, size=(160, 50)) as terminal:
            terminal.wait_for("? keys")
            terminal.press("S")
            terminal.wait_for("by-env")
            terminal.settle(1.0)
            terminal.press("j", "j", "q", "q")
            assert terminal.ended() == 0
        desk.check(bytes(terminal.raw))


@pytest.mark.real
def test_a_crash_and_an_editor(tmp_path: Path, nowhere: str) -> None:
    with serving("Where is my parcel?") as server:
        server.rt.user("agent3", "Cy Agent", "c@desk.test", privileged=True, token=CANARIES["env"])
        desk = Desk(tmp_path, server.url)
        with Terminal("key", home=desk.home, env=desk.env, program=(sys.executable, crashing.__file__)) as terminal:
            terminal.wait_for("expected within")
            terminal.press("r")
            terminal.wait_for("^s send")
            terminal.press("ctrl+e")
            terminal.wait_for("edited")
            terminal.send("\x1b[15~")
            assert terminal.ended() == 1
            assert "mistake of its own" in terminal.text
        desk.check(bytes(terminal.raw))
        seen = desk.spied.read_bytes()
        assert b"reply-" in seen, "the editor was never called"
        assert list(desk.home.glob("data/crash/*"))


def test_a_token_file_that_others_can_read_is_refused_and_not_shown(tmp_path: Path, nowhere: str) -> None:
    desk = Desk(tmp_path, nowhere)
    desk.kept.chmod(0o644)
    done = run("sync", home=desk.home, env=desk.env)
    assert "chmod 600" in done.stderr
    desk.check(done.stdout.encode(), done.stderr.encode())
    (desk.home / "config" / "config.yaml").write_text(
        f"sources:\n  - {{kind: rt, name: x, url: \"{nowhere}\", token: {CANARIES['env']}}}\n")
    done = run("sync", home=desk.home, env=desk.env)
    assert done.returncode == 3
    assert told(done.stdout.encode() + done.stderr.encode()) == [], "a token in the configuration is repeated"
    assert stat.S_IMODE(os.stat(desk.kept).st_mode) == 0o644
