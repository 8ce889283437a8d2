"""The whole demo desk on its first day: everything above the sources, put together as the program does it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agentdesk.bootstrap import DemoOptions, Options, connect, disconnect, open_desk
from agentdesk.connectors.demo.content import FOLDER
from agentdesk.desk import find
from agentdesk.desk.desk import Desk
from agentdesk.model.conversation import Severity


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """The demo desk in a home of its own."""
    options = Options(profile="demo", config_path=FOLDER / "config.yaml", demo=DemoOptions(fresh=True))
    made = open_desk(options)
    await connect(made, options)
    yield made
    await disconnect(made)
    made.store.close()


async def test_a_newcomer_sees_a_full_and_varied_desk(desk: Desk) -> None:
    counts = await find.counts(desk)
    assert counts.open >= 60
    assert 2 <= counts.late <= 6
    assert 4 <= counts.soon <= 20
    assert counts.waiting >= 5
    assert counts.snoozed >= 1
    rows = find.window(desk, find.compile_view(desk, "state:open"), limit=200)
    assert {row.severity for row in rows} == set(Severity)
    assert {row.letter for row in rows} == {"M", "B", "R"}
    assert len({row.name for row in rows}) >= 50
    assert not [notice for notice in desk.warnings if notice]


async def test_what_the_desk_knows_beforehand_is_in_place(desk: Desk) -> None:
    north = find.window(desk, find.compile_view(desk, 'state:open incident:"Depot North"'), limit=50)
    assert len(north) >= 12
    jane = next(row for row in find.window(desk, find.compile_view(desk, "state:open"), limit=200)
                if row.name == "Jane Thorne")
    customer = find.customer(desk, find.conversation(desk, jane.id).customer_id)
    assert {identity.source for identity in customer.identities} == {"demo:mastodon", "demo:helpdesk"}
    assert customer.vip
    assert "bell at 14" in customer.note
    assert len(find.earlier(desk, customer.id)) >= 4
