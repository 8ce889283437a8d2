"""Sources do not wait for each other, and one that cannot be asked is told and counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdesk.cli.exits import Exit
from agentdesk.model.clock import SystemClock
from tests.cli.conftest import Run
from tests.fakes.serve import serving
from tests.fakes.wire import Reply
from tests.fakes.zammad import FakeZammad

PATIENCE = 10.0
"""Seconds after which a server gives up waiting for the other to be asked."""


class Together:
    """A server that answers its first request only once the other one was asked, too."""

    def __init__(self, meeting: threading.Barrier) -> None:
        self.far = FakeZammad(SystemClock())
        self.far.write("jane@example.test", "Where is it?")
        self.met = False
        self._meeting = meeting
        self._first = True

    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        if self._first:
            self._first = False
            try:
                self._meeting.wait(PATIENCE)
                self.met = True
            except threading.BrokenBarrierError:
                self.met = False
        return self.far.handle(method, url, headers, body)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Together, Together]]:
    """Two help desks, configured, with their tokens in files."""
    meeting = threading.Barrier(2)
    one, other = Together(meeting), Together(meeting)
    folder = tmp_path / "home" / "config"
    folder.mkdir(parents=True, mode=0o700)
    with serving(one.handle) as first, serving(other.handle) as second:
        blocks = ""
        for name, url in (("one", first), ("other", second)):
            token = folder / name
            token.touch(mode=0o600)
            token.write_text(one.far.agent1.token)
            blocks += f'  - {{kind: zammad, name: {name}, url: "{url}", token: {{file: {token}}}}}\n'
        (folder / "config.yaml").write_text(f"sources:\n{blocks}")
        yield one, other


@pytest.mark.parametrize("command", ["sync", "doctor"])
def test_all_sources_are_asked_at_once(run: Run, pair: tuple[Together, Together], command: str) -> None:
    said = run(command)
    assert [each.met for each in pair] == [True, True]
    assert said.code == Exit.OK, said.err + said.out
    told = said.out + said.err
    assert told.index("zammad:one") < told.index("zammad:other") or command == "sync", "in the configuration's order"


def test_a_source_whose_token_is_gone_is_told_and_counted(
        run: Run, pair: tuple[Together, Together], tmp_path: Path) -> None:
    for each in pair:
        each._first = False
    (tmp_path / "home" / "config" / "other").unlink()
    said = run("sync")
    assert said.code == Exit.FINDINGS
    assert "zammad:one: 1 new message\n" in said.err
    assert "zammad:other: " in said.err
    alone = run("sync", "--source", "zammad:other")
    assert alone.code == Exit.FINDINGS
    assert "zammad:other: " in alone.err
