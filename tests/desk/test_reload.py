"""What another process changes is taken up by the one that runs: sources, tokens, exclusions; the rest is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agentdesk.bootstrap import Options, connect, disconnect, open_desk
from agentdesk.desk import exclusions, reload
from agentdesk.desk.connecting import sign_in
from agentdesk.desk.desk import Desk
from agentdesk.desk.reload import Reload
from agentdesk.model.clock import ManualClock
from agentdesk.model.events import Event, Notice
from tests.connectors.asking import Answers
from tests.desk.conftest import World
from tests.desk.test_connecting import OTHER, TOKEN, Server, path_of, write
from tests.desk.test_connecting import server as server
from tests.desk.test_exclusions import FILE, Hearing, heard
from tests.desk.test_exclusions import SOURCE as LISTENS
from tests.desk.test_exclusions import desk as listening

BEGIN = """\
agent: {name: ann, zone: UTC}
sources:
  - kind: file
    name: posts
    path: posts.jsonl
"""
SECOND = """\
  - kind: file
    name: more
    path: more.jsonl
"""
__all__ = ["listening", "server"]


class Notices:
    """What a person was told."""

    def __init__(self, desk: Desk) -> None:
        self._said: list[Notice] = []
        desk.subscribe(self._hear)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._said.append(event)

    def take(self) -> list[tuple[str, str]]:
        """Level and words of what was said since."""
        said, self._said = [(one.level, one.text) for one in self._said], []
        return said


@pytest.fixture
async def running(clock: ManualClock) -> AsyncIterator[Desk]:
    """A desk that runs."""
    desk = open_desk(Options(), clock)
    write(desk, BEGIN)
    desk.store.close()
    desk = open_desk(Options(), clock)
    await connect(desk, Options())
    yield desk
    await disconnect(desk)
    desk.store.close()


@pytest.fixture
def other(running: Desk, clock: ManualClock) -> Iterator[Desk]:
    """Another process on the same cache and configuration."""
    desk = open_desk(Options(), clock)
    yield desk
    desk.store.close()


async def look(desk: Desk) -> None:
    """As the engine does, until a changed file has settled."""
    engine = desk.connected()
    assert engine.look is not None
    for _ in range(3):
        await engine.look()


def names(desk: Desk) -> list[str]:
    return [source.full_name for source in desk.config.sources]


async def test_a_source_connected_elsewhere_is_used_here(running: Desk, other: Desk, server: Server) -> None:
    notices = Notices(running)
    await sign_in(other, Answers(server.url, TOKEN, "support", "file"), "rt")
    await look(running)
    assert names(running) == list(running.connectors) == ["file:posts", "rt:support"]
    assert (await running.connectors["rt:support"].verify()).ref == "agent1"
    assert "rt:support" in running.connected().collectors
    assert notices.take() == [("info", "rt:support was connected elsewhere")], "and once"
    await look(running)
    assert notices.take() == []


async def test_a_token_renewed_elsewhere_is_used_here(running: Desk, other: Desk, server: Server) -> None:
    await sign_in(other, Answers(server.url, TOKEN, "support", "file"), "rt")
    await look(running)
    notices, before = Notices(running), path_of(running).read_bytes()
    person = Answers(OTHER)
    said = await sign_in(other, person, "rt", "support")
    assert said.endswith("A desk that runs takes it up by itself")
    assert path_of(running).read_bytes() == before, "no file shows it"
    await look(running)
    assert (await running.connectors["rt:support"].verify()).ref == "agent2"
    assert notices.take() == [("info", "rt:support was changed or signed in again elsewhere and is used so")]


async def test_what_this_process_did_itself_is_no_news(running: Desk, server: Server) -> None:
    notices = Notices(running)
    await sign_in(running, Answers(server.url, TOKEN, "support", "file"), "rt")
    connector = running.connectors["rt:support"]
    notices.take()
    await look(running)
    assert notices.take() == []
    assert running.connectors["rt:support"] is connector


async def test_an_exclusion_made_elsewhere_counts_here(listening: World, tmp_path: Path) -> None:
    desk, notices = listening.desk, Notices(listening.desk)
    watch = Reload(desk)
    path = tmp_path / "config.yaml"
    path.write_text(FILE.replace("exclude: [looney]", "exclude: [looney, coyote]"))
    for _ in range(3):
        await watch.look()
    hearing = desk.connectors[LISTENS]
    assert isinstance(hearing, Hearing)
    assert hearing.ears.hears("acme coyote", "", "") == ""
    assert hearing.ears.hears("acme parcel", "", "") == "brand"
    assert [one.exclude for one in desk.config.sources[0].listen] == [("looney", "coyote"), ()]  # type: ignore[union-attr]
    assert notices.take() == [("info", f"{LISTENS} listens anew: what it leaves out was changed elsewhere")]


async def test_an_exclusion_of_our_own_is_no_news(listening: World) -> None:
    watch, notices = Reload(listening.desk), Notices(listening.desk)
    await exclusions.exclude(listening.desk, heard(listening, "acme coyote"), words="coyote")
    for _ in range(3):
        await watch.look()
    assert notices.take() == []


async def test_a_configuration_that_cannot_be_used_changes_nothing_until_it_is_mended(running: Desk) -> None:
    notices = Notices(running)
    write(running, BEGIN + "  - kind: nonsense\n    name: x\n")
    await look(running)
    ((level, text),) = notices.take()
    assert level == "error"
    assert "cannot be used" in text
    assert "config.yaml:" in text, "with its line"
    await look(running)
    assert notices.take() == [], "it is said once"
    write(running, BEGIN + SECOND)
    await look(running)
    assert notices.take() == [("info", "file:more was connected elsewhere")]
    assert names(running) == ["file:posts", "file:more"]


async def test_a_file_that_is_still_being_written_waits(running: Desk) -> None:
    notices, watch = Notices(running), running.connected().look
    assert watch is not None
    for part in (BEGIN[:40], BEGIN, BEGIN + SECOND):
        write(running, part)
        await watch()
    assert notices.take() == []
    path_of(running).unlink()
    await watch()
    await watch()
    assert notices.take() == [], "a file that is away for a moment says nothing"


async def test_a_setting_of_a_source_is_used_and_the_rest_waits(running: Desk) -> None:
    notices, before = Notices(running), running.connectors["file:posts"]
    write(running, BEGIN.replace("posts.jsonl", "other.jsonl"))
    await look(running)
    assert running.connectors["file:posts"] is not before
    ((_, text),) = notices.take()
    assert text == "file:posts was changed or signed in again elsewhere and is used so"
    write(running, BEGIN.replace("posts.jsonl", "other.jsonl").replace("zone: UTC", "zone: Europe/Berlin"))
    await look(running)
    assert notices.take() == [("info", "The configuration was changed: that counts from the next start")]


async def test_what_was_taken_out_or_paused_goes_on_and_says_what_to_do(running: Desk) -> None:
    notices = Notices(running)
    write(running, BEGIN + "    paused: true\n")
    await look(running)
    ((level, text),) = notices.take()
    assert (level, "paused in the configuration" in text) == ("warning", True)
    write(running, "agent: {name: ann, zone: UTC}\n")
    await look(running)
    ((level, text),) = notices.take()
    assert (level, "taken out" in text) == ("warning", True)
    assert "file:posts" in running.connectors


async def test_a_token_that_only_a_start_can_give_says_so(running: Desk, server: Server) -> None:
    notices = Notices(running)
    block = f"  - kind: rt\n    name: support\n    url: {server.url}\n    token: {{env: RT_TOKEN}}\n"
    write(running, BEGIN + block)
    await look(running)
    assert notices.take() == [("error", "rt:support was changed elsewhere and stays as it was here: "
                               "Its token is read at the start alone")]
    assert "rt:support" not in running.connectors


async def test_a_headless_run_of_one_source_leaves_the_others_alone(running: Desk) -> None:
    watch, notices = Reload(running, "file:posts"), Notices(running)
    write(running, BEGIN + SECOND)
    for _ in range(3):
        await watch.look()
    assert (list(running.connectors), notices.take()) == (["file:posts"], [])


async def test_a_desk_that_can_only_read_says_so(running: Desk, clock: ManualClock) -> None:
    desk = open_desk(Options(read_only=True), clock)
    watch, notices = Reload(desk), Notices(desk)
    write(desk, BEGIN + SECOND)
    for _ in range(3):
        await watch.look()
    assert [text for _, text in notices.take()] == [
        "file:more was changed elsewhere and stays as it was here: This desk can only read"]
    desk.store.close()


async def test_a_configuration_of_others_is_not_taken_up(running: Desk) -> None:
    notices = Notices(running)
    write(running, BEGIN + SECOND)
    path_of(running).chmod(0o666)
    await look(running)
    ((level, text),) = notices.take()
    assert level == "error", "who can write it could name programs to be run"
    assert names(running) == ["file:posts"]
    assert text


async def test_the_demo_desk_has_nothing_to_follow(running: Desk) -> None:
    running.config_file = None
    watch, notices = Reload(running), Notices(running)
    for _ in range(3):
        await watch.look()
    assert notices.take() == []


async def test_another_process_is_named_by_its_holder(running: Desk) -> None:
    watch, notices = Reload(running), Notices(running)
    await reload.announce(running, "file:posts")
    await watch.look()
    assert notices.take() == []
    holder, running.holder = running.holder, "another:1:1:x"
    await reload.announce(running, "file:posts")
    running.holder = holder
    await watch.look()
    assert len(notices.take()) == 1


async def test_the_engine_looks_while_it_runs(running: Desk) -> None:
    taken = asyncio.Event()
    running.subscribe(lambda event: taken.set() if isinstance(event, Notice) else None)
    task = asyncio.ensure_future(running.connected().run())
    await asyncio.sleep(0)
    write(running, BEGIN + SECOND)
    try:
        async with asyncio.timeout(10):
            await taken.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert "file:more" in running.connectors
