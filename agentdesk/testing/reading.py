"""What every connector promises about reading."""

from __future__ import annotations

import json

import msgspec
import pytest

from agentdesk.errors import Gone, Rejected
from agentdesk.model.clock import SECOND
from agentdesk.model.message import Direction, Message
from agentdesk.model.page import Page
from agentdesk.model.text import inert
from agentdesk.testing.world import World, hostile_texts, strings


class Reading:
    """Pulling, threads, customers, and what a source must not be able to do to the desk."""

    @pytest.fixture
    def world(self) -> World:
        """Give the far side; may be asynchronous and may clear up behind itself."""
        raise NotImplementedError

    async def pull_all(
        self, world: World, cursor: str | None = None, limit: int = 100
    ) -> tuple[list[Page], str | None]:
        """Pull until there is no more; every page obeys what all pages obey."""
        pages: list[Page] = []
        for _ in range(200):
            page = await world.connector.pull(cursor, limit)
            assert [m.created_at for m in page.messages] == sorted(m.created_at for m in page.messages)
            assert page.cursor is None or isinstance(page.cursor, str)
            assert not page.more or page.cursor != cursor, "a cursor that does not move leads in circles"
            pages.append(page)
            cursor = page.cursor if page.cursor is not None else cursor
            if not page.more:
                return pages, cursor
        raise AssertionError("pulling never ends")

    async def messages(self, world: World, cursor: str | None = None) -> tuple[list[Message], str | None]:
        """All messages since ``cursor``."""
        pages, cursor = await self.pull_all(world, cursor)
        return [m for page in pages for m in page.messages], cursor

    async def test_what_customers_write_comes_in(self, world: World) -> None:
        await world.customer_posts("first words")
        first, cursor = await self.messages(world)
        assert "first words" in [m.text for m in first]
        world.clock.advance(SECOND)
        thread = await world.customer_posts("second words")
        second, cursor = await self.messages(world, cursor)
        new = [m for m in second if m.text == "second words"]
        assert [(m.conversation_ref, m.direction) for m in new] == [(thread, Direction.IN)]
        heads = {head.ref: head for page in (await self.pull_all(world))[0] for head in page.conversations}
        assert heads[thread].customer_ref

    async def test_more_in_the_same_thread_stays_in_it(self, world: World) -> None:
        thread = await world.customer_posts("one")
        _, cursor = await self.messages(world)
        world.clock.advance(SECOND)
        assert await world.customer_posts("two", thread=thread) == thread
        found, _ = await self.messages(world, cursor)
        assert [m.conversation_ref for m in found if m.text == "two"] == [thread]

    async def test_the_same_cursor_brings_the_same_or_more(self, world: World) -> None:
        for number in range(5):
            await world.customer_posts(f"post {number}")
            world.clock.advance(SECOND)
        _, middle = await self.messages(world)
        await world.customer_posts("later")
        for cursor in (None, middle):
            once, _ = await self.messages(world, cursor)
            world.clock.advance(SECOND)
            await world.customer_posts(f"still later {cursor is None}")
            twice, _ = await self.messages(world, cursor)
            assert {m.ref for m in once} <= {m.ref for m in twice}
            assert len(twice) > len(once)

    async def test_small_pages_bring_all_of_it(self, world: World) -> None:
        _, cursor = await self.messages(world)
        for number in range(12):
            await world.customer_posts(f"post {number}")
            world.clock.advance(SECOND)
        pages, _ = await self.pull_all(world, cursor, limit=5)
        texts = [m.text for page in pages for m in page.messages]
        assert {f"post {number}" for number in range(12)} <= set(texts)

    async def test_a_quiet_source_brings_nothing_and_stands_still(self, world: World) -> None:
        await world.customer_posts("hello")
        _, cursor = await self.messages(world)
        seen = set()
        for _ in range(4):
            found, cursor = await self.messages(world, cursor)
            assert found == []
            seen.add(cursor)
        assert len(seen) == 1

    async def test_the_cursor_survives_storage_and_restart(self, world: World) -> None:
        await world.customer_posts("before")
        _, cursor = await self.messages(world)
        assert isinstance(cursor, str)
        assert json.loads(json.dumps(cursor)) == cursor
        assert len(cursor) < 100_000
        await world.restart()
        world.clock.advance(SECOND)
        await world.customer_posts("after")
        found, _ = await self.messages(world, cursor)
        assert [m.text for m in found] == ["after"]

    async def test_first_connect_is_history_and_later_pulls_are_not(self, world: World) -> None:
        await world.customer_posts("old")
        pages, cursor = await self.pull_all(world)
        assert all(page.backfill for page in pages if page.messages)
        world.clock.advance(SECOND)
        await world.customer_posts("new")
        pages, _ = await self.pull_all(world, cursor)
        assert not any(page.backfill for page in pages if page.messages)

    async def test_a_colleagues_answer_is_outgoing_and_not_ours(self, world: World) -> None:
        thread = await world.customer_posts("where is it?")
        _, cursor = await self.messages(world)
        world.clock.advance(SECOND)
        await world.colleague_answers(thread, "on its way")
        found, _ = await self.messages(world, cursor)
        assert [(m.direction, m.conversation_ref, m.client_id) for m in found] == [(Direction.OUT, thread, "")]

    async def test_a_thread_comes_whole_and_oldest_first(self, world: World) -> None:
        thread = await world.customer_posts("question")
        world.clock.advance(SECOND)
        await world.customer_posts("somebody else")
        world.clock.advance(SECOND)
        await world.customer_posts("are you there?", thread=thread)
        page = await world.connector.thread(thread)
        assert [m.text for m in page.messages] == ["question", "are you there?"]
        assert [head.ref for head in page.conversations] == [thread]

    async def test_a_thread_that_is_not_there_is_gone(self, world: World) -> None:
        with pytest.raises(Rejected):
            await world.connector.thread("987654321")
        thread = await world.customer_posts("soon gone")
        await self.messages(world)
        await world.delete_thread(thread)
        with pytest.raises(Gone):
            await world.connector.thread(thread)

    async def test_a_customer_and_their_history_are_known(self, world: World) -> None:
        thread = await world.customer_posts("it is me")
        found, _ = await self.messages(world)
        author = next(m.author for m in found if m.conversation_ref == thread)
        profile = await world.connector.customer(author.ref)
        assert profile.ref == author.ref
        assert profile.name
        history = await world.connector.history(author.ref)
        assert "it is me" in [m.text for m in history.messages]
        assert history.backfill

    @pytest.mark.parametrize("text", hostile_texts())
    async def test_hostile_text_is_inert_in_every_field(self, world: World, text: str) -> None:
        await world.hostile(text)
        pages, _ = await self.pull_all(world)
        found = [pair for page in pages for pair in strings(msgspec.to_builtins(page))]
        assert any("AAA" in value for _, value in found), "nothing of the post arrived"
        for where, value in found:
            assert inert(value) == value, where
        raw = [m.raw for page in pages for m in page.messages]
        assert all(value.encode() is not None for value in raw)

    async def test_garbage_is_set_aside_and_the_page_goes_on(self, world: World) -> None:
        _, cursor = await self.messages(world)
        await world.customer_posts("before it")
        await world.garbage()
        await world.customer_posts("behind it")
        pages, cursor = await self.pull_all(world, cursor)
        texts = [m.text for page in pages for m in page.messages]
        assert "before it" in texts
        assert "behind it" in texts
        rejects = [r for page in pages for r in page.rejects]
        assert len(rejects) == 1
        assert rejects[0].where
        assert rejects[0].reason
        pages, _ = await self.pull_all(world, cursor)
        assert [r for page in pages for r in page.rejects] == []

    async def test_a_gap_is_reported_and_what_follows_still_comes(self, world: World) -> None:
        await world.customer_posts("before the gap")
        _, cursor = await self.messages(world)
        await world.gap()
        await world.customer_posts("after the gap")
        pages, cursor = await self.pull_all(world, cursor)
        assert [page.gap.reason for page in pages if page.gap]
        assert "after the gap" in [m.text for page in pages for m in page.messages]
        pages, _ = await self.pull_all(world, cursor)
        assert not any(page.gap for page in pages)
