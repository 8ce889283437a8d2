"""What every connector promises about sending."""

from __future__ import annotations

import msgspec
import pytest

from agentdesk.errors import Ambiguous, Rejected, Unavailable
from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import SECOND
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import Absent, Found, OutKind
from agentdesk.testing.reading import Reading
from agentdesk.testing.world import World, reply

READ_ONLY = "test_what_can_only_be_read_says_so"


class Sending(Reading):
    """A reply lands once, whatever the line does; a note stays among us."""

    @pytest.fixture(autouse=True)
    def _can_be_answered(self, world: World, request: pytest.FixtureRequest) -> None:
        """What can only be read is not tested for sending."""
        name = request.node.originalname
        if name in vars(Sending) and name != READ_ONLY and not world.connector.caps.can_reply:
            pytest.skip("it can only be read")

    async def test_what_can_only_be_read_says_so(self, world: World) -> None:
        if world.connector.caps.can_reply:
            pytest.skip("it can be answered")
        thread = await world.customer_posts("question")
        with pytest.raises(Rejected) as caught:
            await world.connector.send(reply(thread, "hello", caps=world.connector.caps))
        assert caught.value.remedy
        page = await world.connector.thread(thread)
        assert all(head.locked_reason for head in page.conversations)
        assert not any(message.can_reply for message in page.messages)

    def later(self, world: World) -> None:
        """Let the time pass after which reading back may prove absence."""
        world.clock.advance((world.connector.caps.consistency_lag_s + 1) * SECOND)

    async def test_a_reply_lands_once_and_comes_back_as_ours(self, world: World) -> None:
        thread = await world.customer_posts("question")
        _, cursor = await self.messages(world)
        world.clock.advance(SECOND)
        out = reply(thread, "the answer", caps=world.connector.caps, at=world.clock.now())
        receipt = await world.connector.send(out)
        assert await world.copies("the answer") == 1
        found, _ = await self.messages(world, cursor)
        ours = [m for m in found if m.text == "the answer"]
        assert [(m.direction, m.conversation_ref) for m in ours] == [(Direction.OUT, thread)]
        assert receipt.ref in ("", ours[0].ref)
        assert await world.connector.reconcile(out, world.clock.now()) == Found(
            msgspec.structs.replace(receipt, created_at=_found(await world.connector.reconcile(out, world.clock.now())))
        )

    async def test_the_same_reply_sent_twice_lands_once_where_that_is_promised(self, world: World) -> None:
        await world.connector.verify()
        strong = (SendStrength.KEY, SendStrength.CLIENT_KEY, SendStrength.PUT)
        if world.connector.caps.send_strength not in strong:
            pytest.skip("it makes no such promise")
        thread = await world.customer_posts("question")
        out = reply(thread, "only once", caps=world.connector.caps, at=world.clock.now())
        first = await world.connector.send(out)
        await world.restart()
        second = await world.connector.send(out)
        assert first.ref == second.ref
        assert await world.copies("only once") == 1

    async def test_two_replies_with_the_same_words_both_land(self, world: World) -> None:
        thread = await world.customer_posts("question")
        other = await world.customer_posts("another question")
        for number, target in enumerate((thread, other)):
            await world.connector.send(reply(target, "same words", client_id=f"id-{number}", caps=world.connector.caps))
        assert await world.copies("same words") == 2

    async def test_an_unreachable_server_proves_that_nothing_was_sent(self, world: World) -> None:
        thread = await world.customer_posts("question")
        out = reply(thread, "try again", caps=world.connector.caps, at=world.clock.now())
        world.unreachable()
        with pytest.raises(Unavailable):
            await world.connector.send(out)
        assert await world.copies("try again") == 0
        await world.connector.send(out)
        assert await world.copies("try again") == 1

    async def test_a_lost_answer_is_ambiguous_and_then_found(self, world: World) -> None:
        thread = await world.customer_posts("question")
        out = reply(thread, "did it land?", caps=world.connector.caps, at=world.clock.now())
        started = world.clock.now()
        world.lose_answer()
        with pytest.raises(Ambiguous):
            await world.connector.send(out)
        await world.restart()
        self.later(world)
        assert isinstance(await world.connector.reconcile(out, started), Found)
        assert await world.copies("did it land?") == 1

    async def test_a_lost_request_is_ambiguous_and_then_absent(self, world: World) -> None:
        thread = await world.customer_posts("question")
        out = reply(thread, "it did not land", caps=world.connector.caps, at=world.clock.now())
        started = world.clock.now()
        world.lose_request()
        with pytest.raises(Ambiguous):
            await world.connector.send(out)
        if world.connector.caps.consistency_lag_s:
            assert not isinstance(await world.connector.reconcile(out, started), Absent)
        self.later(world)
        assert isinstance(await world.connector.reconcile(out, started), Absent)
        assert await world.copies("it did not land") == 0
        await world.connector.send(out)
        assert await world.copies("it did not land") == 1

    async def test_another_reply_is_not_taken_for_ours(self, world: World) -> None:
        thread = await world.customer_posts("question")
        started = world.clock.now()
        await world.connector.send(reply(thread, "a first answer", caps=world.connector.caps))
        out = reply(thread, "a second answer", caps=world.connector.caps)
        self.later(world)
        assert isinstance(await world.connector.reconcile(out, started), Absent)

    async def test_a_note_stays_among_us(self, world: World) -> None:
        await world.connector.verify()
        if not world.connector.caps.can_note:
            pytest.skip("there are no notes")
        thread = await world.customer_posts("question")
        _, cursor = await self.messages(world)
        world.clock.advance(SECOND)
        await world.connector.send(reply(thread, "between us", kind=OutKind.NOTE, at=world.clock.now()))
        assert await world.notes("between us") == 1
        assert await world.copies("between us") == 0
        found, _ = await self.messages(world, cursor)
        assert [(m.direction, m.visibility) for m in found] == [(Direction.NOTE, Visibility.INTERNAL)]

    async def test_an_empty_reply_is_refused(self, world: World) -> None:
        thread = await world.customer_posts("question")
        with pytest.raises(Rejected):
            await world.connector.send(reply(thread, " \n", client_id="empty", caps=world.connector.caps))

    async def test_a_reply_into_a_deleted_thread_is_refused(self, world: World) -> None:
        thread = await world.customer_posts("question")
        await self.messages(world)
        await world.delete_thread(thread)
        with pytest.raises(Rejected):
            await world.connector.send(reply(thread, "too late", caps=world.connector.caps))
        assert await world.copies("too late") == 0


def _found(verdict: object) -> int | None:
    assert isinstance(verdict, Found)
    return verdict.receipt.created_at
