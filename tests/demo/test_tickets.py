"""The demo's help desk opens tickets for posts, and colleagues there solve them."""

from __future__ import annotations

import pytest

from agentdesk.connectors.demo.connector import DemoConnector
from agentdesk.connectors.demo.content import PLACES, Content
from agentdesk.model.clock import MINUTE, SECOND, ManualClock
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import Outgoing, OutKind
from tests.demo.test_world import pass_time, world_of


def ticket(number: int = 1) -> Outgoing:
    return Outgoing(client_id=f"t-{number}", conversation_ref="number-14", kind=OutKind.TICKET,
                    text="Her parcel is lost",
                    visibility=Visibility.INTERNAL, subject="Lost parcel", place="claims", customer_name="Jane Thorne",
                    customer_mail="jane.thorne@mail.example", agent="ann", tags=("lost",))


@pytest.mark.parametrize("seed", range(4))
async def test_a_ticket_is_taken_answered_and_solved_within_minutes(content: Content, clock: ManualClock,
                                                                    seed: int) -> None:
    world = world_of(content, clock, seed)
    desk = DemoConnector(world, "helpdesk", trouble=False)
    receipt = await desk.send(ticket())
    head = world.servers["helpdesk"].head(receipt.conversation_ref)
    assert (head.status, head.queue, head.closed, head.tags) == ("new", "claims", False, ("lost",))
    assert world.servers["helpdesk"].profile(head.customer_ref).contacts == ("jane.thorne@mail.example",)
    await pass_time(world, clock, 3 * MINUTE)
    head = world.servers["helpdesk"].head(receipt.conversation_ref)
    assert (head.status, head.closed) == ("solved", True)
    assert head.assignee in ("Sam", "Noor")
    said = world.servers["helpdesk"].messages(receipt.conversation_ref)
    assert said[0].text == "Her parcel is lost"
    assert {m.direction for m in said} == {Direction.NOTE}
    assert len(said) >= 3
    await desk.close()


async def test_tickets_have_numbers_of_their_own_over_restarts(content: Content, clock: ManualClock) -> None:
    world = world_of(content, clock)
    desk = DemoConnector(world, "helpdesk", trouble=False)
    refs = [(await desk.send(ticket(number))).conversation_ref for number in range(5)]
    assert len(set(refs)) == 5
    assert not set(refs) & {talk.id for talk in content.talks.values()}
    found = await desk.find("lost parcel jane")
    assert set(refs) <= {head.ref for head in found.conversations}
    assert (await desk.find("nobody like that")).conversations == ()
    await desk.close()


async def test_a_private_talk_begins_with_an_answer_to_come(content: Content, clock: ManualClock) -> None:
    world = world_of(content, clock)
    desk = DemoConnector(world, "mastodon", trouble=False)
    out = Outgoing(client_id="dm-1", conversation_ref="number-14", kind=OutKind.DM, text="Hello in private",
                   visibility=Visibility.DIRECT, customer_ref="jane", agent="ann")
    receipt = await desk.send(out)
    assert receipt.conversation_ref != "number-14"
    assert world.servers["mastodon"].messages(receipt.conversation_ref)[0].visibility is Visibility.DIRECT
    clock.advance(10 * SECOND)
    await desk.close()


def test_what_colleagues_do_with_tickets_ends_solved(content: Content) -> None:
    assert content.tickets
    for steps in content.tickets:
        assert steps[-1].status == "solved"
        assert all(step.always and step.say is not None and step.say.by for step in steps)
    assert set(PLACES) == {"mastodon", "bluesky", "helpdesk"}
