"""A mailbox behind the whole engine: replies land once, automatic mails disturb nobody, nothing gets lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentdesk.connectors.mail.headers import Header
from agentdesk.model.clock import HOUR, MINUTE, ManualClock
from agentdesk.model.conversation import Conversation, State
from agentdesk.model.events import Event, Notice
from agentdesk.model.outgoing import SendState
from agentdesk.store import conversations
from tests.connectors.test_mail import BOUNCE
from tests.contract.test_mail import MailWorld
from tests.sync.test_help_desks import Desk, asked


@pytest.fixture
async def desk(clock: ManualClock, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk on a mailbox that it has looked into once."""
    world = await MailWorld(clock).begin()
    desk = Desk(world, tmp_path)  # type: ignore[arg-type]
    await desk.sync()
    yield desk
    desk.store.close()
    await world.end()


def head(desk: Desk, ref: str) -> Conversation:
    number = conversations.by_ref(desk.store.reader, desk.source, ref)
    assert number is not None
    return conversations.get(desk.store.reader, number)


async def answered(desk: Desk, text: str = "It is on its way.") -> str:
    ref = await asked(desk)
    assert await desk.settle(desk.freeze(ref, text)) is SendState.SENT
    desk.world.clock.advance(MINUTE)
    await desk.sync()
    assert head(desk, ref).state is State.WAITING
    return ref


async def test_a_question_arrives_and_its_answer_lands_once(desk: Desk) -> None:
    ref = await answered(desk)
    await desk.restart()
    for _ in range(3):
        desk.world.clock.advance(MINUTE)
        await desk.sync()
    assert await desk.world.copies("It is on its way.") == 1
    assert (desk.rows("Where is it?"), desk.rows("It is on its way.")) == (1, 1)
    assert head(desk, ref).state is State.WAITING
    assert [kept.head("X-Agentdesk-Id") for kept in desk.world.server.account.inbox.mails] == [""]


@pytest.mark.parametrize("restart", [False, True])
async def test_a_lost_answer_is_found(desk: Desk, restart: bool) -> None:
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    desk.world.lose_answer()
    await desk.sync()
    assert desk.state(entry) is SendState.UNKNOWN
    if restart:
        await desk.restart()
    assert await desk.settle(entry) is SendState.SENT
    assert (await desk.world.copies("It is on its way."), desk.rows("It is on its way.")) == (1, 1)


async def test_a_lost_request_is_a_persons_turn_and_never_sent_blindly(desk: Desk) -> None:
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    desk.world.lose_request()
    assert await desk.settle(entry) is SendState.NEEDS_HUMAN
    assert await desk.world.copies("It is on its way.") == 0


async def test_a_server_that_was_away_gets_it_later(desk: Desk) -> None:
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    desk.world.unreachable()
    assert await desk.settle(entry) is SendState.SENT
    assert await desk.world.copies("It is on its way.") == 1


async def test_what_the_customer_writes_meanwhile_stops_the_reply(desk: Desk) -> None:
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    await desk.world.customer_posts("Found it, thanks", thread=ref)
    await desk.sync()
    assert desk.state(entry) is SendState.STOPPED
    assert await desk.world.copies("It is on its way.") == 0


async def test_an_automatic_answer_is_shown_and_reopens_nothing(desk: Desk) -> None:
    ref = await answered(desk)
    before = head(desk, ref)
    desk.world.server.arrive(f"From: jane@example.test\nMessage-ID: <away@x>\nReferences: <{ref}>\n"
                             "Auto-Submitted: auto-replied\n\nback in May\n".encode())
    await desk.sync()
    it = head(desk, ref)
    assert (it.state, it.unread, it.unanswered_since) == (State.WAITING, before.unread, None)
    assert desk.rows("(automatic answer)\n\nback in May") == 1


async def test_a_bounce_brings_the_conversation_back_until_somebody_answers_again(desk: Desk) -> None:
    ref = await answered(desk)
    said: list[Event] = []
    desk.engine.frame.emit = said.append
    about = Header(desk.world.server.delivered[-1].raw).raw("message-id")
    desk.world.server.arrive(BOUNCE.format(about=about).encode())
    for _ in range(3):
        desk.world.clock.advance(MINUTE)
        await desk.sync()
    it = head(desk, ref)
    assert (it.status, it.state, it.unanswered_since) == ("not delivered", State.OPEN, it.last_in_at)
    why = "jane@example.test: 550 5.1.1 no such user"
    assert [m.undelivered for m in conversations.thread(desk.store.reader, it.id) if m.ours] == [why]
    (notice,) = [each for each in said if isinstance(each, Notice) and each.conversation_id == it.id]
    assert notice.text == f"The answer to {it.name} was not delivered: {why}"
    assert await desk.settle(desk.freeze(ref, "Does this reach you?")) is SendState.SENT
    assert head(desk, ref).state is State.WAITING
    await desk.world.customer_posts("here I am", thread=ref)
    await desk.sync()
    assert (head(desk, ref).status, head(desk, ref).state) == ("", State.OPEN)


async def test_a_bounce_that_is_here_before_we_know_that_the_reply_left(desk: Desk) -> None:
    ref = await asked(desk)
    entry = desk.freeze(ref, "It is on its way.")
    desk.world.lose_answer()
    await desk.sync()
    assert desk.state(entry) is SendState.UNKNOWN
    raw = desk.world.server.delivered[-1].raw
    lines = raw.partition(b"\r\n\r\n")[0].decode().replace("\r", "")
    desk.world.server.arrive(BOUNCE.replace("Message-ID: {about}", lines).encode())
    assert await desk.settle(entry) is SendState.SENT
    await desk.sync()
    assert head(desk, ref).state is State.OPEN
    assert head(desk, ref).burst == 1


async def test_a_rebuilt_folder_changes_nothing_but_brings_what_is_new(desk: Desk) -> None:
    ref = await answered(desk)
    desk.world.clock.advance(HOUR)
    fresh = await desk.world.customer_posts("while it was rebuilt")
    desk.world.server.account.inbox.rebuild()
    desk.world.server.account.sent.rebuild()
    await desk.sync()
    rows = desk.store.reader.rows("SELECT text FROM message ORDER BY id")
    assert [text for (text,) in rows] == ["Where is it?", "It is on its way.", "while it was rebuilt"]
    assert (head(desk, ref).state, head(desk, fresh).state) == (State.WAITING, State.OPEN)
    assert head(desk, fresh).unread == 1
    assert desk.store.reader.value("SELECT count(*) FROM gap") == 1


async def test_quoted_history_is_kept_and_weighs_nothing(desk: Desk) -> None:
    ref = await answered(desk)
    quoted = "\n".join(f"> lawyer lawsuit {number}" for number in range(5))
    await desk.world.customer_posts(f"Thank you.\n\nOn Monday Acme wrote:\n{quoted}", thread=ref)
    await desk.sync()
    it = head(desk, ref)
    assert it.severity.value in ("normal", "praise")
    assert desk.store.reader.value("SELECT preview FROM conversation WHERE ref = ?", ref) == "Thank you."
    assert desk.store.reader.value("SELECT count(*) FROM message WHERE text LIKE '%lawsuit 4%'") == 1
