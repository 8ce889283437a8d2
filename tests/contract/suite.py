"""What every connector promises, as tests: subclass ``ConnectorContract`` and give it a ``world``.

A world is the far side as customers and colleagues move it, plus the trouble it can make. A control that makes no
sense on a platform is left as it is here: its tests are then skipped with that reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from agentdesk.connectors.base import Connector
from agentdesk.errors import Ambiguous, AuthError, Conflict, Gone, RateLimited, Rejected, Unavailable
from agentdesk.model.capability import SendStrength
from agentdesk.model.clock import SECOND, ManualClock
from agentdesk.model.message import Direction, Message, Visibility
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Verb
from agentdesk.model.page import Page
from agentdesk.model.text import inert

HOSTILE = Path(__file__).parent.parent / "data" / "hostile_posts.json"
NOW = 1_767_225_600
"""The manual clock's start, in seconds."""
DIALECTS: list[tuple[dict[str, str], bytes, float]] = [
    ({"Retry-After": "7"}, b"", 7),
    ({"Retry-After": "2.5"}, b"", 2.5),
    ({"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}, b"", 9),
    ({"X-RateLimit-Reset": "2026-01-01T00:00:11.000Z"}, b"", 11),
    ({"x-rate-limit-reset": str(NOW + 13)}, b"", 13),
    ({"ratelimit-reset": "17.0"}, b"", 17),
    ({}, b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1900}', 1.9),
    ({"Retry-After": "Thu, 01 Jan 2015 00:00:00 GMT"}, b"", 0),
    ({"Retry-After": "soon"}, b"", 60),
    ({}, b"<html>slow down</html>", 60),
]


class World:
    """The far side of one source."""

    connector: Connector
    clock: ManualClock

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        """A customer writes, in a new thread or in this one; returns the conversation's ref."""
        raise NotImplementedError

    async def colleague_answers(self, thread: str, text: str) -> None:
        """A colleague answers on the platform itself."""
        skip("colleagues cannot answer there")

    async def copies(self, text: str) -> int:
        """How many copies of one of our replies the far side holds."""
        raise NotImplementedError

    async def notes(self, text: str) -> int:
        """The same for notes."""
        skip("there are no notes")

    async def restart(self) -> None:
        """A new process: ``connector`` is made anew, the far side stays."""
        raise NotImplementedError

    async def hostile(self, text: str) -> None:
        """A customer puts this text into everything they can: name, subject, tags, file names, the post itself."""
        raise NotImplementedError

    async def garbage(self) -> None:
        """An item that cannot be understood lies among the next ones."""
        skip("every item there is well formed")

    async def gap(self) -> None:
        """A stretch is lost that the source cannot show any more."""
        skip("it cannot lose anything")

    async def colleague_claims(self, thread: str) -> str:
        """A colleague takes the conversation; returns their name."""
        skip("nobody can claim there")

    async def delete_thread(self, thread: str) -> None:
        """The whole conversation goes away."""
        skip("threads cannot be deleted there")

    def unreachable(self) -> None:
        """The next sending finds nobody listening."""
        skip("it is always reachable")

    def lose_request(self) -> None:
        """The next sending breaks off before the far side has read it."""
        skip("a request cannot be lost")

    def lose_answer(self) -> None:
        """The next sending is carried out, but the answer is lost."""
        skip("an answer cannot be lost")

    def rate_limit(self, headers: dict[str, str], body: bytes) -> None:
        """The next request of any kind is told to wait."""
        skip("there are no limits")

    def expire_token(self) -> None:
        """The token is revoked."""
        skip("there is no token")


def skip(reason: str) -> NoReturn:
    """Leave a test out because the platform knows no such thing."""
    pytest.skip(reason)


def hostile_texts() -> list[Any]:
    """The posts of tests/data/hostile_posts.json, as parameters."""
    posts = json.loads(HOSTILE.read_text())
    return [pytest.param(_joined(post["text"]), id=name) for name, post in posts.items()]


def _joined(pieces: list[Any]) -> str:
    return "".join(piece if isinstance(piece, str) else piece[0] * piece[1] for piece in pieces)


def reply(thread: str, text: str, *, client_id: str = "", kind: OutKind = OutKind.REPLY, at: int = NOW * SECOND,
          caps: Any = None) -> Outgoing:
    """A frozen reply or note."""
    usual = Visibility(caps.visibilities[0]) if caps else Visibility.PUBLIC
    return Outgoing(
        client_id=client_id or f"c-{abs(hash((thread, text, kind))):x}", conversation_ref=thread, kind=kind, text=text,
        visibility=Visibility.INTERNAL if kind is OutKind.NOTE else usual, agent="ann", created_at=at,
    )


def strings(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Every string in a page with where it stands, but for what is stored raw or opaque on purpose."""
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, dict):
        return [pair for name, item in value.items() if name not in ("raw", "cursor")
                for pair in (*strings(name, f"{path}.key"), *strings(item, f"{path}.{name}"))]
    if isinstance(value, list | tuple):
        return [pair for item in value for pair in strings(item, f"{path}[]")]
    return []


class ConnectorContract:
    """The promises."""

    @pytest.fixture
    def world(self) -> World:
        """Give the far side; may be asynchronous and may clear up behind itself."""
        raise NotImplementedError

    # reading --------------------------------------------------------------------------------------------------------

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

    # sending --------------------------------------------------------------------------------------------------------

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

    # trouble --------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(("headers", "body", "seconds"), DIALECTS)
    async def test_every_way_to_say_later_is_understood(
        self, world: World, headers: dict[str, str], body: bytes, seconds: float
    ) -> None:
        thread = await world.customer_posts("question")
        await self.messages(world)
        world.rate_limit(headers, body)
        with pytest.raises(RateLimited) as caught:
            await world.connector.pull(None)
        assert caught.value.retry_after == pytest.approx(seconds)
        world.rate_limit(headers, body)
        with pytest.raises(RateLimited):
            await world.connector.send(reply(thread, "in a hurry", caps=world.connector.caps))
        assert await world.copies("in a hurry") == 0

    async def test_a_dead_token_is_said_to_be_one(self, world: World) -> None:
        thread = await world.customer_posts("question")
        await self.messages(world)
        world.expire_token()
        for work in (world.connector.verify(), world.connector.pull(None),
                     world.connector.send(reply(thread, "hello", caps=world.connector.caps))):
            with pytest.raises(AuthError) as caught:
                await work
            assert caught.value.remedy
        assert await world.copies("hello") == 0

    # acting ---------------------------------------------------------------------------------------------------------

    async def test_what_is_declared_works_and_the_rest_is_refused(self, world: World) -> None:
        await world.connector.verify()
        caps = world.connector.caps
        thread = await world.customer_posts("question")
        await self.messages(world)
        tags = json.dumps({"add": ["late"], "remove": []})
        wanted = [
            (Verb.TAGS, tags, caps.can_tag), (Verb.STATUS, caps.closed_status, caps.can_status),
            (Verb.PRIORITY, "50", caps.can_priority), (Verb.CLAIM, "", caps.can_assign),
            (Verb.RELEASE, "", caps.can_assign), (Verb.FOLLOW, "", caps.can_follow),
        ]
        for verb, value, can in wanted:
            action = Action(verb=verb, conversation_ref=thread, value=value)
            if can:
                await world.connector.act(action)
                await world.connector.act(action)
            else:
                with pytest.raises(Rejected):
                    await world.connector.act(action)
        head = (await world.connector.thread(thread)).conversations[0]
        assert not caps.can_tag or head.tags == ("late",)
        assert not caps.can_status or (head.status == caps.closed_status and head.closed)

    async def test_a_claim_that_comes_second_learns_the_holder(self, world: World) -> None:
        await world.connector.verify()
        if not world.connector.caps.can_assign:
            pytest.skip("nobody can claim there")
        thread = await world.customer_posts("question")
        await self.messages(world)
        holder = await world.colleague_claims(thread)
        with pytest.raises(Conflict) as caught:
            await world.connector.act(Action(verb=Verb.CLAIM, conversation_ref=thread))
        assert caught.value.holder == holder
        assert (await world.connector.thread(thread)).conversations[0].assignee == holder

    async def test_who_we_are_and_what_it_can_do_is_plain_data(self, world: World) -> None:
        account = await world.connector.verify()
        assert account.ref
        caps = world.connector.caps
        assert len(caps.letter) == 1
        assert caps.visibilities
        assert msgspec.json.decode(msgspec.json.encode(caps), type=type(caps)) == caps
        frozen = world.connector.freeze(reply("1", "text"))
        assert frozen == "" or json.loads(frozen)


def _found(verdict: object) -> int | None:
    assert isinstance(verdict, Found)
    return verdict.receipt.created_at
