"""A source that can only be read: what the keys for answering say."""

from __future__ import annotations

import msgspec
import pytest

from agentdesk.desk import answer
from agentdesk.errors import Refused
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.outgoing import OutKind
from agentdesk.model.page import Page
from agentdesk.store import intake
from agentdesk.sync.plan import plan
from tests.desk.conftest import SOURCE, World


async def test_a_reply_is_refused_with_the_way_to_the_page(world: World) -> None:
    number = await world.arrive("a")
    head = RemoteConversation(ref="a", url="https://news.example/a", locked_reason="A feed can only be read")
    page = Page(conversations=(head,))
    world.desk.store.write_now(lambda db: intake.apply(
        db, plan(SOURCE, page, intake.held(db, SOURCE, page), "thread", 0), 0, world.desk.rulebook))
    with pytest.raises(Refused) as caught:
        answer.open_draft(world.desk, number)
    assert (caught.value.cause, caught.value.remedy) == (
        "A feed can only be read", "Copy the address of its page with o, or finish it with d, or write a note")
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_reply=False, can_note=False)
    with pytest.raises(Refused, match=f"{SOURCE} can only be read") as caught:
        answer.open_draft(world.desk, number)
    assert caught.value.remedy == "Copy the address of its page with o, or finish it with d"
    with pytest.raises(Refused):
        answer.open_draft(world.desk, number, OutKind.NOTE)
