"""Filters whose rows take long to judge: the screen's own connection is never asked to, and the list stays a list."""

from __future__ import annotations

from typing import Any

import pytest

from agentdesk.config.schema import DEFAULT_VIEWS
from agentdesk.desk import find, inbox
from agentdesk.model.message import Author
from agentdesk.model.text import Inert
from tests.desk.conftest import World
from tests.ui.over_desk import screen_text, until
from tests.ui.test_main_screen import customers, queue, running

SLOW = ("parcel", "tag:x", "assignee:bo", "followers>1k", "soon", "late", "state:open tag:x", "claimed",
        "state:open,waiting", "state:open -mine", "incident:x or vip", "-vip", "source:platform",
        "state:open mine parcel")
QUICK = ("state:open", "state:open mine tag:x", "vip", "id:4", "state:open late", "draft -vip", "unsent", "state:done",
         "state:open severity:high", "state:open source:fake:one")


@pytest.mark.parametrize("query", SLOW)
async def test_without_an_index_to_the_rows_a_view_is_slow(world: World, query: str) -> None:
    assert find.compile_view(world.desk, query).slow


@pytest.mark.parametrize("query", QUICK)
async def test_with_one_it_is_quick(world: World, query: str) -> None:
    assert not find.compile_view(world.desk, query).slow


@pytest.mark.parametrize("view", DEFAULT_VIEWS)
async def test_every_shipped_view_is_quick(world: World, view: Any) -> None:
    assert not find.compile_view(world.desk, view.query).slow


async def test_the_bounded_view_holds_the_same_rows_in_the_same_order(world: World) -> None:
    await customers(world, 12)
    slow = find.compile_view(world.desk, "parcel")
    judged = await find.bounded(world.desk, slow)
    assert find.window(world.desk, judged) == find.window(world.desk, slow)
    assert len(find.window(world.desk, judged)) == 12


async def test_only_threads_judge(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await customers(world, 12)
    asked: list[str] = []
    reader = world.desk.store.reader
    rows = reader.rows
    monkeypatch.setattr(reader, "rows", lambda sql, *params: (asked.append(sql), rows(sql, *params))[1])
    async with running(world) as (app, pilot):
        await app.call_verb("filter 'parcel 07'")
        await until(pilot, lambda: 0 < len(queue(app).model.rows) < 12)
        for _ in range(10):
            app.main.tick(world.desk.now())
        await pilot.pause(0.1)
    assert asked
    assert not [sql for sql in asked if "MATCH" in sql]


async def test_what_arrives_is_counted_and_what_leaves_goes(world: World) -> None:
    ids = await customers(world, 12)
    async with running(world) as (app, pilot):
        await app.call_verb("filter parcel")
        await until(pilot, lambda: queue(app).model.judged is not None)
        assert [row.id for row in queue(app).model.rows] == ids
        author = Author(ref="new", name=Inert("Somebody New"), handle=Inert("@new"))
        world.platform.write("convnew", "my parcel too", author=author)
        await world.sync()
        app.bridge.flush()
        await until(pilot, lambda: "1 new" in screen_text(app))
        assert [row.id for row in queue(app).model.rows] == ids
        await pilot.press(".")
        await until(pilot, lambda: len(queue(app).model.rows) == 13)


async def test_a_row_that_matches_no_more_leaves_the_list(world: World) -> None:
    ids = await customers(world, 4)
    await inbox.tag(world.desk, ids, ["blue"], [])
    async with running(world) as (app, pilot):
        await app.call_verb("filter tag:blue")
        await until(pilot, lambda: len(queue(app).model.rows) == 4 and queue(app).model.judged is not None)
        await pilot.press("j")
        await inbox.tag(world.desk, [ids[1]], [], ["blue"])
        app.bridge.flush()
        await until(pilot, lambda: [row.id for row in queue(app).model.rows] == [ids[0], ids[2], ids[3]])
        assert queue(app).current_id == ids[2]
