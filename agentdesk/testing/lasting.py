"""What every connector promises about what it has brought: a server that shows less later takes nothing away."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from agentdesk.errors import SourceError
from agentdesk.model.clock import HOUR, MINUTE, SECOND, Millis
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.events import Notice
from agentdesk.model.outgoing import Absent, SendState
from agentdesk.store import conversations, sources
from agentdesk.testing.cases import Cases
from agentdesk.testing.program import Program
from agentdesk.testing.world import Held, World

MANY = 24
"""More than one page of what comes conversation by conversation."""
QUIET: tuple[Millis, ...] = (30 * SECOND, *[MINUTE] * 12, *[10 * MINUTE] * 18)
"""How long between two looks while the lists are empty: hours in all."""


class Stored(NamedTuple):
    """What the cache holds, as a person would miss it."""

    messages: frozenset[tuple[str, str, bool]]
    conversations: frozenset[tuple[str, str, str | None, bool]]
    customers: int


def stored(program: Program) -> Stored:
    """Every message and whether it counts as deleted, where every conversation stands, how many customers there are."""
    reader = program.store.reader
    return Stored(
        frozenset((ref, text, deleted is not None)
                  for ref, text, deleted in reader.rows("SELECT ref, text, deleted_at FROM message")),
        frozenset((ref, state, disposition, bool(closed)) for ref, state, disposition, closed in reader.rows(
            "SELECT ref, state, disposition, remote_closed FROM conversation")),
        int(reader.value("SELECT count(*) FROM customer")))


class Lasting(Cases):
    """Lists that are empty where yesterday were many, and clocks that are set."""

    @pytest.mark.parametrize("by", [-2 * HOUR, -10 * MINUTE, 10 * MINUTE, 2 * HOUR],
                             ids=["back by hours", "back", "forward", "forward by hours"])
    @pytest.mark.parametrize("again", [False, True], ids=["running", "started again"])
    async def test_what_is_written_around_a_clock_that_is_set_there_comes_once(
        self, world: World, desk: Program, by: Millis, again: bool
    ) -> None:
        texts = []

        async def written(text: str, *, thread: str = "", wait: Millis = 20 * SECOND) -> str:
            texts.append(text)
            thread = await world.customer_posts(text, thread=thread if world.connector.caps.can_reply else "")
            world.clock.advance(wait)
            return thread

        world.clock_off(0)
        thread = await written("long before", wait=30 * MINUTE)
        await desk.sync()
        for turn, offset in enumerate((by, 0, by)):
            await written(f"{turn}: before the clock is set")
            world.clock_off(offset)
            if again:
                await desk.restart()
            await written(f"{turn}: after it was set")
            await desk.sync()
            await written(f"{turn}: soon after", thread=thread)
            await desk.sync()
            for minutes in range(12):
                world.clock.advance(MINUTE)
                if not minutes % 4:
                    await written(f"{turn}: {minutes} minutes later")
                await desk.sync()
        assert [(text, desk.rows(text)) for text in texts if desk.rows(text) != 1] == []
        assert sources.gaps(desk.store.reader, desk.name) == []
        if world.connector.skew() is not None:
            assert any("was set, by" in event.text for event in desk.told if isinstance(event, Notice))

    @pytest.mark.parametrize("by", [-2 * HOUR, 2 * HOUR], ids=["back", "forward"])
    async def test_a_reply_is_found_although_the_clock_was_set_there_since(
        self, world: World, desk: Program, by: Millis
    ) -> None:
        if not world.connector.caps.can_reply:
            pytest.skip("it can only be read")
        world.clock_off(0)
        entry = desk.freeze(await desk.asked(), "It landed before.")
        await world.connector.send(desk.start(entry))
        world.clock_off(by)
        await desk.restart()
        assert (await desk.settle(entry), await world.copies("It landed before.")) == (SendState.SENT, 1)

    def can_hold_back(self, world: World) -> None:
        """Leave out what a server cannot be made to do, before anything is written to it."""
        world.hold_back("")

    async def many(self, world: World) -> list[str]:
        """Customers begin many conversations; what each says."""
        texts = [f"Where is parcel {number}?" for number in range(MANY)]
        for text in texts:
            await world.customer_posts(text)
            world.clock.advance(20 * MINUTE)
        return texts

    async def quiet(self, world: World, desk: Program) -> None:
        """Hours of looking; a source may say that it is in trouble, which is no loss."""
        for length in QUIET:
            await desk.engine.sync_once(desk.name)
            world.clock.advance(length)
        await desk.engine.sync_once(desk.name)

    @pytest.mark.parametrize("what", ["everything", "messages"])
    async def test_empty_lists_take_nothing_away_and_nothing_is_missed(
        self, world: World, desk: Program, what: Held
    ) -> None:
        self.can_hold_back(world)
        texts = await self.many(world)
        thread = await world.customer_posts("the first of two")
        await desk.sync()
        before = stored(desk)
        assert {text for _, text, _ in before.messages} >= {*texts, "the first of two"}
        world.clock.advance(MINUTE)
        world.hold_back(what)
        await self.quiet(world, desk)
        assert stored(desk) == before
        await world.customer_posts("written while nothing was shown")
        if not desk.world.connector.caps.can_reply:
            thread = ""
        await world.customer_posts("the second of two", thread=thread)
        await self.quiet(world, desk)
        await desk.restart()
        await self.quiet(world, desk)
        assert stored(desk).messages >= before.messages
        assert stored(desk).conversations >= before.conversations
        world.hold_back("")
        world.clock.advance(10 * MINUTE)
        await world.customer_posts("written afterwards")
        await desk.sync()
        after = stored(desk)
        assert after.messages >= before.messages
        assert after.conversations >= before.conversations
        late = ("written while nothing was shown", "the second of two", "written afterwards")
        assert [desk.rows(text) for text in (*texts, *late)] == [1] * (len(texts) + len(late))

    async def test_a_history_during_which_lists_become_empty_comes_whole_in_the_end(
        self, world: World, desk: Program
    ) -> None:
        self.can_hold_back(world)
        texts = await self.many(world)
        desk.engine.collectors[desk.name].budget = 1
        taken = await desk.engine.collectors[desk.name].collect()
        if not taken.more:
            pytest.skip("it comes in one page")
        desk.engine.collectors[desk.name].budget = 50
        before = stored(desk)
        world.hold_back("everything")
        await self.quiet(world, desk)
        await desk.restart()
        await self.quiet(world, desk)
        assert stored(desk).messages >= before.messages
        assert stored(desk).conversations >= before.conversations
        world.hold_back("")
        await desk.sync()
        assert [desk.rows(text) for text in texts] == [1] * len(texts)

    async def test_a_first_answer_with_nothing_in_it_is_not_believed_where_much_is_open(
        self, world: World, desk: Program
    ) -> None:
        self.can_hold_back(world)
        texts = await self.many(world)
        await desk.sync()
        before = stored(desk)
        world.clock.advance(MINUTE)
        desk.store.write_now(lambda db: sources.set_cursor(db, desk.name, None, world.clock.now()))
        world.hold_back("everything")
        for _ in range(3):
            await desk.sync()
            world.clock.advance(MINUTE)
        assert stored(desk) == before
        told = [event.text for event in desk.told if isinstance(event, Notice)]
        assert [text for text in told if "shows nothing at all" in text] == [
            f"{desk.name}: The source shows nothing at all, but conversations of it are open here"]
        assert len(sources.gaps(desk.store.reader, desk.name)) == 1
        world.hold_back("")
        await desk.sync()
        assert stored(desk) == before
        await world.customer_posts("written afterwards")
        world.clock.advance(2 * MINUTE)
        await desk.sync()
        assert [desk.rows(text) for text in (*texts, "written afterwards")] == [1] * (len(texts) + 1)

    @pytest.mark.parametrize("anew", [True, False], ids=["read from the beginning", "read on"])
    async def test_what_somebody_found_truly_empty_is_no_trouble_until_it_is_so_again(
        self, world: World, desk: Program, anew: bool
    ) -> None:
        self.can_hold_back(world)

        def troubled() -> bool:
            it = sources.state(desk.store.reader, desk.name)
            return it.state != "ok" or bool(it.gaps)

        texts = await self.many(world)
        await desk.sync()
        for turn in ("first", "second"):
            before = stored(desk)
            world.hold_back("everything")
            if anew:
                desk.store.write_now(lambda db: sources.set_cursor(db, desk.name, None, world.clock.now()))
            await self.quiet(world, desk)
            if not anew and not troubled():
                pytest.skip("that it shows nothing new is nothing unusual")
            assert troubled(), "it is shown"
            desk.store.write_now(lambda db: sources.settle_gaps(db, desk.name, "ann", world.clock.now()))
            for restarted in (False, True):
                if restarted:
                    await desk.restart()
                await self.quiet(world, desk)
                assert not troubled(), "somebody has looked"
            assert stored(desk) == before
            world.hold_back("")
            world.clock.advance(MINUTE)
            texts.append(f"written after the {turn} time")
            await world.customer_posts(texts[-1])
            world.clock.advance(2 * MINUTE)
            await desk.sync()
            assert not troubled()
            assert [desk.rows(text) for text in texts] == [1] * len(texts)

    async def test_reading_back_from_empty_lists_proves_nothing(self, world: World, desk: Program) -> None:
        self.can_hold_back(world)
        if not world.connector.caps.can_reply:
            pytest.skip("it can only be read")
        entry = desk.freeze(await desk.asked(), "It landed.")
        out = desk.start(entry)
        started = world.clock.now()
        await world.connector.send(out)
        self.later(world)
        for what in ("everything", "messages"):
            world.hold_back(what)
            try:
                verdict: object = await world.connector.reconcile(out, started)
            except SourceError:
                continue
            assert not isinstance(verdict, Absent), what
        await desk.restart()
        for _ in range(20):
            await desk.engine.sync_once(desk.name)
            world.clock.advance(2 * MINUTE)
        world.hold_back("")
        assert await desk.settle(entry) in (SendState.SENT, SendState.NEEDS_HUMAN)
        assert await world.copies("It landed.") == 1

    @pytest.mark.parametrize("known", [True, False], ids=["both known", "one new"])
    async def test_merged_conversations_are_one_in_the_queue_with_all_that_was_said(
        self, world: World, desk: Program, known: bool
    ) -> None:
        await desk.sync()
        old = await world.customer_posts("where is my parcel?")
        world.clock.advance(MINUTE)
        if known:
            new = await world.customer_posts("it is about the blue one")
            await desk.sync()
        else:
            await desk.sync()
            new = await world.customer_posts("it is about the blue one")
        world.clock.advance(MINUTE)
        await world.merge(old, new)
        for _ in range(3):
            world.clock.advance(MINUTE)
            await desk.sync()
        reader = desk.store.reader
        numbers = [conversations.by_ref(reader, desk.name, ref) for ref in (old, new)]
        gone, kept = [conversations.get(reader, number or 0) for number in numbers]
        assert (gone.state, gone.disposition, gone.burst) == (State.DONE, Disposition.DUPLICATE, 0)
        assert (kept.state, kept.burst) == (State.OPEN, 2)
        said = [stored.message.text for stored in conversations.thread(reader, kept.id)]
        assert [text for text in said if text in ("where is my parcel?", "it is about the blue one")] == [
            "where is my parcel?", "it is about the blue one"]
        assert [desk.rows(text) for text in ("where is my parcel?", "it is about the blue one")] == [1, 1]
