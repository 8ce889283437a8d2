"""A change of the rules reaches what is in the queue already, and replies that nobody can send are named."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from agentdesk.bootstrap import Options, connect, disconnect, open_desk
from agentdesk.connectors.base import Connector
from agentdesk.desk import answer, find, rules_changed
from agentdesk.desk.desk import Desk
from agentdesk.errors import StoreFull
from agentdesk.model.clock import HOUR, MINUTE, ManualClock
from agentdesk.model.events import Changed, Event, Notice
from agentdesk.paths import places
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import ranking
from agentdesk.store.db import Db

CONFIG = """
agent: {{name: ann, zone: UTC}}
policies:
  - {{name: all, first: {first}}}
sources:
  - {{kind: file, name: {name}, path: {path}, out: {path}.out}}
"""


def configured(tmp_path: Path, first: str, name: str = "posts") -> None:
    """A home with one source whose replies are due after ``first``."""
    posts = tmp_path / "posts.jsonl"
    if not posts.exists():
        posts.write_text("".join(json.dumps({"id": str(n), "author": f"c{n}", "text": "Hello?",
                                             "created_at": "2026-01-01T00:00:00Z"}) + "\n" for n in range(450)))
    file = places().config_file
    for folder in (file.parent.parent, file.parent):
        folder.mkdir(mode=0o700, exist_ok=True, parents=True)
    file.write_text(CONFIG.format(first=first, name=name, path=posts))


async def opened(clock: ManualClock) -> tuple[Desk, list[Event]]:
    """The desk, connected, and what it said."""
    desk, heard = open_desk(Options(), clock), list[Event]()
    desk.subscribe(heard.append)
    await connect(desk, Options())
    await rules_changed.follow(desk)
    return desk, heard


async def closed(desk: Desk) -> None:
    """Leave."""
    await disconnect(desk)
    desk.store.close()


def dues(desk: Desk, clock: ManualClock) -> set[int | None]:
    """How long after now what is in the queue is due, in hours."""
    rows = find.window(desk, find.compile_view(desk, "state:open"), limit=1_000)
    assert len(rows) == 450
    return {None if row.due_at is None else round((row.due_at - clock.now()) / HOUR) for row in rows}


async def test_what_is_in_the_queue_follows_another_target(tmp_path: Path, clock: ManualClock) -> None:
    configured(tmp_path, "6h")
    desk, _ = await opened(clock)
    assert (await desk.connected().sync_once("file:posts")).error is None
    assert dues(desk, clock) == {6}
    await closed(desk)
    configured(tmp_path, "2h")
    desk, heard = await opened(clock)
    assert dues(desk, clock) == {2}
    assert Changed() in heard
    await closed(desk)
    desk, heard = await opened(clock)
    assert Changed() not in heard, "it is done once"
    await closed(desk)


async def test_all_lines_are_closed_although_one_of_them_cannot_be(
        tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(tmp_path, "6h")
    desk, _ = await opened(clock)
    closed_ones: list[str] = []

    async def stuck() -> None:
        raise RuntimeError("the line is gone already")

    async def other() -> None:
        closed_ones.append("other")

    (first,) = desk.connectors.values()
    monkeypatch.setattr(first, "close", stuck)
    second = cast(Connector, SimpleNamespace(close=other))
    desk.connectors["file:other"] = second
    with pytest.raises(RuntimeError):
        await disconnect(desk)
    assert closed_ones == ["other"]
    assert desk.log is None
    desk.store.close()


async def test_where_that_cannot_be_stored_the_desk_opens_all_the_same(
        tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **more: object) -> int:
        raise StoreFull("The disk is full")

    configured(tmp_path, "6h")
    monkeypatch.setattr(ranking, "refresh_all", full)
    desk, heard = await opened(clock)
    assert any("rules of before" in event.text for event in heard if isinstance(event, Notice))
    assert desk.engine is not None
    await closed(desk)


async def test_rules_that_reached_a_part_of_the_queue_do_not_stay_when_they_are_taken_back(
        tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(tmp_path, "6h")
    desk, _ = await opened(clock)
    assert (await desk.connected().sync_once("file:posts")).error is None
    await closed(desk)
    configured(tmp_path, "2h")
    calls = itertools.count(1)
    plain = ranking.refresh_all

    def full_then(db: Db, rulebook: Rulebook, now: int, *, after: int = 0, limit: int = 0) -> int:
        if next(calls) >= 3:
            raise StoreFull("The disk is full")
        return plain(db, rulebook, now, after=after, limit=limit)

    with monkeypatch.context() as patched:
        patched.setattr(ranking, "refresh_all", full_then)
        desk, _ = await opened(clock)
    assert dues(desk, clock) == {2, 6}
    await closed(desk)
    configured(tmp_path, "6h")
    desk, _ = await opened(clock)
    assert dues(desk, clock) == {6}
    await closed(desk)


async def test_replies_whose_source_is_not_configured_any_more_are_named(tmp_path: Path, clock: ManualClock) -> None:
    configured(tmp_path, "6h")
    desk, heard = await opened(clock)
    assert (await desk.connected().sync_once("file:posts")).error is None
    number = find.window(desk, find.compile_view(desk, "state:open"))[0].id
    await answer.send(desk, msgspec.structs.replace(answer.open_draft(desk, number), text="Sorry"))
    assert not any("not in the configuration" in event.text for event in heard if isinstance(event, Notice))
    await closed(desk)
    configured(tmp_path, "6h", name="renamed")
    clock.advance(MINUTE)
    desk, heard = await opened(clock)
    (told,) = [event for event in heard if isinstance(event, Notice) and "not in the configuration" in event.text]
    assert "file:posts" in told.text
    assert "1 reply" in told.text
    await closed(desk)
