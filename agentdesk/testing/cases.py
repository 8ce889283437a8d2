"""What every connector promises together with the program around it, and at the edges of what a channel takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agentdesk.errors import Rejected
from agentdesk.model.clock import MINUTE, Millis
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import SendState
from agentdesk.replies import length
from agentdesk.testing.beginning import Beginning
from agentdesk.testing.program import Program
from agentdesk.testing.world import World, reply

WORDS = "It is on its way."
PIECES = {"letters": "parcel ", "emoji": "👩‍👩‍👧 ", "CJK": "漢字 ", "accents": "e\u0301 ",
          "addresses": "https://parcels.example/a/b?c=1 "}
LONGEST = 20_000
"""Limits above this are not filled up: they are the server's own and no agent meets them."""


class Cases(Beginning):
    """Killed, overtaken, on a clock that is off, as long as can be."""

    @pytest.fixture
    def program(self, world: World, desk: Program) -> Program:
        """The program on a source that can be answered."""
        if not world.connector.caps.can_reply:
            pytest.skip("it can only be read")
        return desk

    @pytest.fixture
    def desk(self, world: World, tmp_path: Path) -> Iterator[Program]:
        """The program on this source."""
        folder = tmp_path / "program"
        folder.mkdir(mode=0o700)
        program = Program(world, folder)
        yield program
        program.store.close()

    @pytest.mark.parametrize("by", [0, -10 * MINUTE, 10 * MINUTE], ids=["right", "behind", "ahead"])
    @pytest.mark.parametrize("landed", [True, False], ids=["landed", "lost"])
    async def test_killed_while_sending_it_lands_once_or_a_person_decides(
        self, world: World, program: Program, landed: bool, by: Millis
    ) -> None:
        if by:
            world.clock_off(by)
        entry = program.freeze(await program.asked(), WORDS)
        out = program.start(entry)
        if landed:
            await world.connector.send(out)
        await program.restart()
        state, copies = await program.settle(entry), await world.copies(WORDS)
        if landed:
            assert (state, copies) == (SendState.SENT, 1)
        else:
            assert (state, copies) in ((SendState.SENT, 1), (SendState.NEEDS_HUMAN, 0))
        world.clock.advance(MINUTE)
        await program.sync()
        assert program.rows(WORDS) == copies

    async def test_a_colleague_who_was_first_stops_the_reply(self, world: World, program: Program) -> None:
        ref = await program.asked()
        entry = program.freeze(ref, WORDS)
        await world.colleague_answers(ref, "I told her already")
        world.clock.advance((world.connector.caps.consistency_lag_s + 1) * 1_000)
        await program.engine.send_once(program.name)
        assert program.state(entry) is SendState.STOPPED
        assert await world.copies(WORDS) == 0

    @pytest.mark.parametrize("by", [-10 * MINUTE, 10 * MINUTE], ids=["behind", "ahead"])
    async def test_what_is_written_on_a_clock_that_is_off_arrives_once_and_not_in_the_future(
        self, world: World, program: Program, by: Millis
    ) -> None:
        world.clock_off(by)
        ref = await program.asked("a first question")
        await world.customer_posts("another", thread=ref)
        await program.sync()
        await program.restart()
        world.clock.advance(MINUTE)
        await world.customer_posts("a second question")
        await program.sync()
        assert [program.rows(text) for text in ("a first question", "another", "a second question")] == [1, 1, 1]
        latest = int(program.store.reader.value("SELECT max(created_at) FROM message"))
        assert latest <= world.clock.now() + max(0, world.connector.skew() or 0)

    @pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES.keys())
    async def test_a_reply_as_long_as_can_be_is_taken_and_one_longer_is_not(self, world: World, piece: str) -> None:
        await world.connector.verify()
        caps = world.connector.caps
        if not caps.can_reply or caps.max_chars is None or caps.max_chars > LONGEST:
            pytest.skip("there is no such limit")
        thread = await world.customer_posts("question")
        found, _ = await self.messages(world)
        asked = next(m for m in found if m.conversation_ref == thread)
        limits = caps.privately() if asked.visibility is Visibility.DIRECT else caps
        limits = length.reserved(limits, "", asked.author.handle)
        text = piece
        while (length.left(text + piece, limits) or -1) > 0:
            text += piece
        text = text.rstrip() + " "
        text += "x" * (length.left(text, limits) or 0)
        assert length.left(text, limits) == 0
        await world.connector.send(reply(thread, text, client_id="as-long", caps=caps, at=world.clock.now()))
        assert await world.copies(text) == 1
        with pytest.raises(Rejected) as caught:
            await world.connector.send(reply(thread, text + "x", client_id="longer", caps=caps, at=world.clock.now()))
        assert caught.value.remedy
        assert await world.copies(text + "x") == 0

    async def test_whoever_can_be_chosen_to_read_a_reply_can_be(self, world: World) -> None:
        await world.connector.verify()
        caps = world.connector.caps
        if not caps.can_reply:
            pytest.skip("it can only be read")
        thread = await world.customer_posts("question")
        found, _ = await self.messages(world)
        asked = next(m for m in found if m.conversation_ref == thread)
        for word in caps.visibilities:
            chosen = Visibility(word)
            if caps.direct_apart and (chosen is Visibility.DIRECT) is not (asked.visibility is Visibility.DIRECT):
                continue
            out = reply(thread, f"for {word}", client_id=f"for-{word}", caps=caps, at=world.clock.now())
            await world.connector.send(msgspec.structs.replace(out, visibility=chosen, reply_to_ref=asked.ref))
            assert await world.copies(f"for {word}") == 1
