"""What every connector promises about beginning a conversation: tickets for posts elsewhere, and private talks."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from agentdesk.errors import Ambiguous, Rejected, Unavailable
from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import SECOND
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import Absent, Found, Outgoing, OutKind
from agentdesk.testing.abilities import ALT, FILE, PICTURE, Abilities
from agentdesk.testing.world import World, private, ticket

STRONG = (SendStrength.KEY, SendStrength.CLIENT_KEY, SendStrength.PUT)


class Beginning(Abilities):
    """What begins something begins it once, is found again, and says what began."""

    async def beginning(self, world: World, kind: OutKind, text: str, client_id: str = "") -> Outgoing:
        """A frozen ticket or private message for a customer who has written; skips where the source has none."""
        await world.connector.verify()
        caps = world.connector.caps
        if not (caps.can_open if kind is OutKind.TICKET else caps.can_dm):
            pytest.skip("nothing of the kind can be begun there")
        if kind is OutKind.TICKET:
            return ticket(text, client_id=client_id, at=world.clock.now())
        thread = await world.customer_posts("question in public")
        found, _ = await self.messages(world)
        asked = next(m for m in found if m.conversation_ref == thread)
        return private(thread, text, asked.author, client_id=client_id, at=world.clock.now())

    async def begun(self, world: World, out: Outgoing) -> int:
        """How often it landed."""
        return await (world.tickets(out.text) if out.kind is OutKind.TICKET else world.privately(out.text))

    @pytest.mark.parametrize("kind", [OutKind.TICKET, OutKind.DM])
    async def test_what_begins_lands_once_and_says_what_began(self, world: World, kind: OutKind) -> None:
        out = await self.beginning(world, kind, "A parcel is lost")
        _, cursor = await self.messages(world)
        world.clock.advance(SECOND)
        receipt = await world.connector.send(out)
        assert receipt.conversation_ref
        assert await self.begun(world, out) == 1
        page = await world.connector.thread(receipt.conversation_ref)
        said = [m for m in page.messages if out.text in m.text]
        assert len(said) == 1
        assert said[0].direction is not Direction.IN, "our words are not the customer's"
        assert said[0].conversation_ref == receipt.conversation_ref
        found, _ = await self.messages(world, cursor)
        again = [m for m in found if out.text in m.text]
        assert [m.ref for m in again] in ([], [said[0].ref])
        assert all(m.direction is not Direction.IN for m in again)

    @pytest.mark.parametrize("kind", [OutKind.TICKET, OutKind.DM])
    async def test_what_began_is_found_again_when_the_answer_is_lost(self, world: World, kind: OutKind) -> None:
        out = await self.beginning(world, kind, "Did this land?")
        started = world.clock.now()
        world.lose_answer()
        with pytest.raises(Ambiguous):
            await world.connector.send(out)
        await world.restart()
        self.later(world)
        verdict = await world.connector.reconcile(out, started)
        assert isinstance(verdict, Found)
        assert verdict.receipt.conversation_ref
        assert (await world.connector.thread(verdict.receipt.conversation_ref)).messages
        assert await self.begun(world, out) == 1

    @pytest.mark.parametrize("kind", [OutKind.TICKET, OutKind.DM])
    async def test_what_did_not_begin_is_absent_and_can_be_tried_again(self, world: World, kind: OutKind) -> None:
        out = await self.beginning(world, kind, "It did not begin")
        started = world.clock.now()
        world.lose_request()
        with pytest.raises(Ambiguous):
            await world.connector.send(out)
        if world.connector.caps.consistency_lag_s:
            assert not isinstance(await world.connector.reconcile(out, started), Absent)
        self.later(world)
        assert isinstance(await world.connector.reconcile(out, started), Absent)
        assert await self.begun(world, out) == 0
        await world.connector.send(out)
        assert await self.begun(world, out) == 1

    @pytest.mark.parametrize("kind", [OutKind.TICKET, OutKind.DM])
    async def test_nothing_begins_at_a_server_that_nobody_reached(self, world: World, kind: OutKind) -> None:
        out = await self.beginning(world, kind, "Nobody there")
        world.unreachable()
        with pytest.raises(Unavailable):
            await world.connector.send(out)
        assert await self.begun(world, out) == 0

    @pytest.mark.parametrize("kind", [OutKind.TICKET, OutKind.DM])
    async def test_another_beginning_is_not_taken_for_ours(self, world: World, kind: OutKind) -> None:
        first = await self.beginning(world, kind, "The first one", "begin-1")
        second = await self.beginning(world, kind, "The second one", "begin-2")
        started = world.clock.now()
        await world.connector.send(first)
        self.later(world)
        assert isinstance(await world.connector.reconcile(second, started), Absent)

    async def test_a_ticket_sent_twice_is_one_where_that_is_promised(self, world: World) -> None:
        out = await self.beginning(world, OutKind.TICKET, "Only one of these")
        if world.connector.caps.open_strength not in STRONG:
            pytest.skip("it makes no such promise")
        first = await world.connector.send(out)
        await world.restart()
        assert (await world.connector.send(out)).conversation_ref == first.conversation_ref
        assert await self.begun(world, out) == 1

    async def test_files_go_along_with_a_ticket(self, world: World, tmp_path: Path) -> None:
        out = await self.beginning(world, OutKind.TICKET, "The parcel is crushed, see the picture")
        out = msgspec.structs.replace(out, uploads=(self.picture(tmp_path),))
        if not world.connector.caps.max_uploads:
            with pytest.raises(Rejected):
                await world.connector.send(out)
            assert await self.begun(world, out) == 0
            return
        receipt = await world.connector.send(out)
        assert await self.begun(world, out) == 1
        self.later(world)
        page = await world.connector.thread(receipt.conversation_ref)
        (said,) = [m for m in page.messages if out.text in m.text]
        assert [file.name for file in said.attachments] == [FILE]
        assert await world.files(out.text) == [(PICTURE, ALT if world.connector.caps.max_alt else "")]

    async def test_a_ticket_whose_file_is_gone_is_not_opened(self, world: World, tmp_path: Path) -> None:
        out = await self.beginning(world, OutKind.TICKET, "The picture is gone")
        out = msgspec.structs.replace(out, uploads=(self.picture(tmp_path),))
        (tmp_path / FILE).unlink()
        with pytest.raises(Rejected) as caught:
            await world.connector.send(out)
        assert caught.value.remedy
        assert await self.begun(world, out) == 0

    async def test_an_empty_ticket_is_refused(self, world: World) -> None:
        out = await self.beginning(world, OutKind.TICKET, " ")
        with pytest.raises(Rejected):
            await world.connector.send(out)

    async def test_what_cannot_be_begun_there_is_refused(self, world: World) -> None:
        await world.connector.verify()
        caps = world.connector.caps
        thread = await world.customer_posts("question")
        found, _ = await self.messages(world)
        author = next(m.author for m in found if m.conversation_ref == thread)
        refused = []
        if not caps.can_open:
            refused.append(ticket("not here", at=world.clock.now()))
        if not caps.can_dm:
            refused.append(private(thread, "not here", author, at=world.clock.now()))
        for out in refused:
            with pytest.raises(Rejected):
                await world.connector.send(out)
        assert await world.copies("not here") == 0
