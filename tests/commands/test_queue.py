"""Verbs of the queue that ask: what comes in while the person chooses is not finished along with the rest."""

from __future__ import annotations

from typing import Any, cast

import pytest

from agentdesk.commands import people, queue
from agentdesk.commands.context import Context, Front
from agentdesk.desk import find
from agentdesk.desk import people as about_people
from agentdesk.errors import Refused, UsageError
from agentdesk.model.conversation import State
from tests.desk.conftest import World


class Slow:
    """A person who takes so long to choose that the customer writes again."""

    def __init__(self, world: World, answer: str) -> None:
        self.world, self.answer = world, answer

    async def choose(self, *given: Any) -> str:
        """Choose, late."""
        await self.world.arrive("a", "It is urgent now")
        return self.answer

    async def ask(self, *given: Any, **more: Any) -> str:
        """Answer, late."""
        return await self.choose()


@pytest.mark.parametrize(("verb", "answer"), [("done", "praise"), ("done", "spam advert"), ("snooze", "2h")])
async def test_what_comes_in_while_the_person_chooses_stays_in_the_queue(world: World, verb: str, answer: str) -> None:
    number = await world.arrive("a", "Thanks")
    ctx = Context(desk=world.desk, front=cast(Front, Slow(world, answer)), selection=(number,))
    with pytest.raises(Refused, match="wrote again"):
        await getattr(queue, verb)(ctx)
    it = find.conversation(world.desk, number)
    assert (it.state, it.burst) == (State.OPEN, 2)


class Answers:
    """A person who answers every question at once with the same words."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    async def ask(self, *given: Any, **more: Any) -> str:
        """Answer."""
        return self.answer


@pytest.mark.parametrize("typed", ["²", "#²", "one", "12 13", "9" * 5_000])
async def test_what_is_no_number_is_no_conversation(world: World, typed: str) -> None:
    number = await world.arrive("a", "Hello")
    ctx = Context(desk=world.desk, front=cast(Front, Answers(typed)), selection=(number,))
    with pytest.raises(UsageError, match="not a conversation's number"):
        await queue.done(ctx, "duplicate")
    with pytest.raises(UsageError, match="not a conversation's number"):
        await people.customer_merge(ctx)


class Elsewhere:
    """A person who answers after something was done in another window."""

    def __init__(self, world: World, answer: str, number: int) -> None:
        self.world, self.answer, self.number = world, answer, number

    async def ask(self, *given: Any, **more: Any) -> str:
        """Answer, late."""
        person = find.conversation(self.world.desk, self.number).customer_id
        await about_people.set_tags(self.world.desk, person, ["b2b"])
        return self.answer


async def test_a_tag_that_a_customer_was_given_while_the_person_typed_another_stays(world: World) -> None:
    number = await world.arrive("a")
    ctx = Context(desk=world.desk, front=cast(Front, Elsewhere(world, "late-payer", number)), selection=(number,))
    await people.customer_tag(ctx)
    assert find.customer(world.desk, find.conversation(world.desk, number).customer_id).tags == ("b2b", "late-payer")
