"""Handing a post on to a help desk, and what comes back: the whole way over two sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest

from agentdesk.commands import everything
from agentdesk.commands.context import Choice, Context
from agentdesk.commands.registry import Registry
from agentdesk.desk import answer, decide, escalate, find, inbox
from agentdesk.errors import NotFound, Refused, UsageError
from agentdesk.model.capability import Caps
from agentdesk.model.clock import HOUR, MINUTE, SECOND
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import OutKind, SendState
from agentdesk.rules import ticket_text
from agentdesk.store import drafts, outbox, sources
from agentdesk.store.db import Store
from agentdesk.sync.engine import Engine
from tests.desk.conftest import SOURCE, World
from tests.fakes.platform import FakeConnector, Fault, Platform

RT = "rt:support"


class Front:
    """A person who answers as told."""

    def __init__(self, *answers: str | bool | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.choices: list[list[Choice]] = []
        self.shown: list[tuple[str, dict[str, object]]] = []
        self.told: list[str] = []

    async def ask(self, title: str, *, default: str = "", hint: str = "",
                  check: Callable[[str], str] | None = None,
                  complete: Callable[[str], Sequence[str]] | None = None) -> str | None:
        self.asked.append(title)
        given = self.answers.pop(0)
        return default if given is True else given or None

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        self.asked.append(title)
        self.choices.append(list(choices))
        given = self.answers.pop(0)
        return next((c.value for c in choices if isinstance(given, str) and given in f"{c.label} {c.value}"), None)

    async def confirm(self, title: str, detail: str = "") -> bool:
        self.asked.append(title)
        return bool(self.answers.pop(0))

    def tell(self, level: str, text: str, remedy: str = "") -> None:
        self.told.append(text)

    async def show(self, screen: str, **args: object) -> None:
        self.shown.append((screen, args))

    def write_below(self, conversation_id: int, text: str) -> bool:
        return False

    async def copy(self, text: str) -> str:
        return text


class Two:
    """A desk on a network and a help desk."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.desk = world.desk
        self.clock = world.clock
        self.rt = Platform(world.clock)
        self.helper = FakeConnector(self.rt, RT, "ann")
        self.helper.caps = msgspec.structs.replace(self.helper.caps, letter="R", can_open=True, can_note=True,
                                                   can_search=True)
        self.connect(self.helper)

    def connect(self, connector: FakeConnector) -> None:
        """One more source at this desk."""
        desk = self.desk
        desk.store.write_now(lambda db: sources.ensure(db, connector.name, "fake", connector.caps.letter))
        desk.connectors = {**desk.connectors, connector.name: connector}
        desk.engine = Engine(desk.store, desk.connectors, desk.rulebook, self.clock, desk.emit, desk.holder,
                             alive=lambda holder: True)

    async def send(self) -> None:
        """Let everything leave that is due."""
        self.clock.advance(10 * SECOND)
        for name in list(self.desk.connectors):
            await self.desk.connected().send_once(name)

    async def opened(self, ref: str = "a") -> tuple[int, int]:
        """A post with its ticket: both numbers."""
        number = await self.world.arrive(ref)
        await answer.send(self.desk, escalate.propose(self.desk, number, RT))
        await self.send()
        (link,) = escalate.tied(self.desk, number)
        assert link.other_id is not None
        return number, link.other_id

    async def run(self, line: str, number: int, *answers: str | bool | None) -> tuple[str | None, Front]:
        """One verb, as a person would call it."""
        front = Front(*answers)
        registry = Registry.of(everything.VERB_MODULES)
        return await registry.run(Context(desk=self.desk, front=front, selection=(number,)), line), front


@pytest.fixture
def two(world: World) -> Two:
    """The network of ``world`` cannot open tickets; the help desk can."""
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_open=False)
    return Two(world)


# -- a new ticket --------------------------------------------------------------------------------------------------


async def test_everything_goes_along_and_is_edited_first(two: Two) -> None:
    number = await two.world.arrive("a", "Where is parcel 4411?")
    draft = escalate.propose(two.desk, number)
    said = ticket_text.read(draft.text)
    assert (said.source, said.subject, said.note_back) == (RT, "Customer a: Where is parcel 4411?", True)
    assert "Where is parcel 4411?" in said.text
    assert "fake:acme" in said.text
    assert two.rt.begun == {}, "nothing is sent by writing it"


async def test_it_lands_is_tied_and_shows_on_both_sides(two: Two) -> None:
    number, ticket = await two.opened()
    (link,) = find.links(two.desk, number)
    assert (link.label, link.closed, link.back) == ("rt#t1", False, False)
    (back,) = find.links(two.desk, ticket)
    assert (back.other_id, back.back) == (number, True)
    assert two.rt.begun["t1"].customer_name == "Customer a"
    assert [m.message.direction for m in find.thread(two.desk, ticket)] != []


async def test_it_is_held_and_can_be_taken_back(two: Two) -> None:
    number = await two.world.arrive("a")
    draft = escalate.propose(two.desk, number, place="Depot")
    sent = await answer.send(two.desk, msgspec.structs.replace(draft, text=draft.text + "\nPlease hurry"))
    entry = answer.held(two.desk)
    assert entry is not None
    assert (entry.id, entry.kind, entry.source) == (*sent.entry_ids, OutKind.TICKET, RT)
    back = await answer.cancel(two.desk, entry.id)
    assert ticket_text.read(back.text).place == "Depot"
    assert back.text.endswith("Please hurry")
    await two.send()
    assert two.rt.begun == {}


@pytest.mark.parametrize(("text", "code"), [
    ("To: rt:nowhere\nSubject: x\n\nText", "to"), ("To: rt:support\n\nText", "subject"),
    ("To: rt:support\nSubject: x\n\n", "empty"), ("Hello\n\nText", "letter"),
])
async def test_what_cannot_be_opened_is_never_sent_however_often(two: Two, text: str, code: str) -> None:
    number = await two.world.arrive("a")
    draft = msgspec.structs.replace(escalate.propose(two.desk, number), text=text)
    sent = await answer.send(two.desk, draft, frozenset({code, "letter", "to", "subject", "empty"}))
    assert [w.code for w in sent.warnings] == [code]
    assert sent.entry_ids == ()


async def test_a_second_ticket_warns_and_can_be_meant(two: Two) -> None:
    number, _ = await two.opened()
    draft = escalate.propose(two.desk, number, RT)
    sent = await answer.send(two.desk, draft)
    assert [w.code for w in sent.warnings] == ["tied"]
    assert "rt#t1" in sent.warnings[0].text
    assert (await answer.send(two.desk, draft, frozenset({"tied"}))).entry_ids


async def test_without_a_help_desk_it_says_so(world: World) -> None:
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_open=False)
    number = await world.arrive("a")
    with pytest.raises(Refused, match="No help desk"):
        escalate.propose(world.desk, number)


async def test_a_help_desk_that_refuses_the_sign_in_is_offered_last_and_says_so(two: Two) -> None:
    number = await two.world.arrive("a")
    refused = Platform(two.clock)
    other = FakeConnector(refused, "aa:first", "ann")
    other.caps = two.helper.caps
    two.connect(other)

    def refuses(name: str) -> None:
        two.desk.store.write_now(lambda db: sources.note_failure(db, name, "auth", "Refused", "", "", two.clock.now()))

    _, front = await two.run("escalate", number, None)
    assert next(iter(front.choices[0])).value == "+aa:first"
    refuses("aa:first")
    _, front = await two.run("escalate", number, None)
    assert front.choices[0][0].value == f"+{RT}"
    last = front.choices[0][-1]
    assert (last.value, last.detail) == (
        "+aa:first", "its sign-in is refused: the ticket waits until it is signed in again")
    assert "?aa:first" not in [choice.value for choice in front.choices[0]]


async def test_the_only_help_desk_says_that_it_refuses_the_sign_in(two: Two) -> None:
    number = await two.world.arrive("a")
    two.desk.store.write_now(lambda db: sources.note_failure(db, RT, "auth", "Refused", "", "", two.clock.now()))
    _, front = await two.run("escalate", number)
    assert f"{RT} refuses our sign-in" in front.told
    assert front.shown[0][0] == "composer"


async def test_a_ticket_without_a_place_warns_where_one_must_be_named(two: Two) -> None:
    number = await two.world.arrive("a")
    two.helper.caps = msgspec.structs.replace(two.helper.caps, open_places=("Depot", "Returns"))
    (warning,) = (await answer.send(two.desk, escalate.propose(two.desk, number, RT))).warnings
    assert (warning.code, warning.text) == ("place", f"{RT} must be told where the ticket goes")
    assert warning.how == "Write one of Depot, Returns after Place:"
    assert (await answer.send(two.desk, escalate.propose(two.desk, number, RT, place="Depot"))).entry_ids


async def test_a_note_is_left_here_where_notes_are_kept(two: Two) -> None:
    await two.opened()
    await two.send()
    notes = [p.message.text for p in two.world.platform.visible("a") if p.message.direction is Direction.NOTE]
    assert len(notes) == 1
    assert "rt:support: t1" in notes[0]
    number = await two.world.arrive("b")
    await answer.send(two.desk, escalate.propose(two.desk, number, RT, note=False))
    await two.send()
    await two.send()
    assert [p for p in two.world.platform.visible("b") if p.message.direction is Direction.NOTE] == []


async def test_linked_posts_come_back_when_the_ticket_is_solved(two: Two) -> None:
    number, _ = await two.opened()
    await inbox.dispose(two.desk, [number], Disposition.LINKED)
    assert find.conversation(two.desk, number).state is State.DONE
    two.rt.closed.add("t1")
    two.clock.advance(HOUR)
    await two.send()
    it = find.conversation(two.desk, number)
    assert it.state is State.OPEN
    assert [p.words for p in find.promises(two.desk, number)] == ["tell the customer: rt#t1 is solved"]
    with pytest.raises(Refused, match="does not know"):
        await inbox.dispose(two.desk, [number], Disposition.LINKED)
    await inbox.dispose(two.desk, [number], Disposition.ANSWERED)
    assert find.promises(two.desk, number) == []
    await decide.undo(two.desk)
    assert len(find.promises(two.desk, number)) == 1, "the clock is back with what was undone"


async def test_a_ticket_on_its_way_may_let_its_post_go_and_brings_it_back_when_refused(two: Two) -> None:
    number = await two.world.arrive("a")
    await answer.send(two.desk, escalate.propose(two.desk, number, RT))
    await inbox.dispose(two.desk, [number], Disposition.LINKED)
    two.helper.faults.append(Fault.REFUSED)
    await two.send()
    assert find.conversation(two.desk, number).state is State.OPEN
    with pytest.raises(Refused, match="has a ticket that is not settled"):
        await inbox.dispose(two.desk, [number], Disposition.LINKED)


async def test_finishing_the_ticket_here_brings_the_post_back_too(two: Two) -> None:
    number, ticket = await two.opened()
    await inbox.dispose(two.desk, [ticket], Disposition.ANSWERED)
    assert [p.words for p in find.promises(two.desk, number)] == ["tell the customer: rt#t1 is solved"]
    await decide.undo(two.desk)
    assert find.promises(two.desk, number) == []


# -- a ticket that there is ----------------------------------------------------------------------------------------


async def old_ticket(two: Two, ref: str = "5512", text: str = "Refund please") -> int:
    """A ticket that a customer mailed; returns its number here."""
    two.rt.write(ref, text)
    result = await two.desk.connected().sync_once(RT)
    assert result.error is None
    return int(two.desk.store.reader.value("SELECT id FROM conversation WHERE ref = ?", ref))


async def test_a_tie_is_made_both_ways_with_a_note_on_the_ticket(two: Two) -> None:
    number, ticket = await two.world.arrive("a"), await old_ticket(two)
    said, found = await escalate.link(two.desk, number, str(ticket))
    assert (said, found) == ("Tied to rt#5512", ticket)
    await two.send()
    (note,) = [p.message.text for p in two.rt.visible("5512") if p.message.direction is Direction.NOTE]
    assert f"conversation #{number}" in note
    assert [link.label for link in find.links(two.desk, number)] == ["rt#5512"]
    mine, theirs = find.conversation(two.desk, number), find.conversation(two.desk, ticket)
    assert mine.customer_id != theirs.customer_id, "customers are never put together by it"
    with pytest.raises(Refused, match="tied already"):
        await escalate.link(two.desk, number, f"#{ticket}")
    assert await escalate.unlink(two.desk, number, ticket) == "No longer tied to rt#5512"
    assert find.links(two.desk, number) == []
    with pytest.raises(NotFound):
        await escalate.unlink(two.desk, number, ticket)


@pytest.mark.parametrize("word", ["rt#5512", "rt:support#5512", "support#5512"])
async def test_a_ticket_that_is_not_here_yet_is_fetched_by_its_number(two: Two, word: str) -> None:
    number = await two.world.arrive("a")
    two.rt.write("5512", "Refund please")
    said, ticket = await escalate.link(two.desk, number, word)
    assert said == "Tied to rt#5512"
    assert find.conversation(two.desk, ticket).ref == "5512"


@pytest.mark.parametrize(("word", "error"), [
    ("hello", UsageError), ("jira#1", UsageError), ("99999", NotFound), ("rt#", UsageError), ("", UsageError),
])
async def test_what_is_no_ticket_is_refused(two: Two, word: str, error: type[Exception]) -> None:
    number = await two.world.arrive("a")
    with pytest.raises(error):
        await escalate.link(two.desk, number, word)


async def test_a_conversation_is_not_its_own_ticket(two: Two) -> None:
    number = await two.world.arrive("a")
    with pytest.raises(Refused, match="own ticket"):
        await escalate.link(two.desk, number, str(number))


# -- the verbs -----------------------------------------------------------------------------------------------------


async def test_with_one_help_desk_the_ticket_is_shown_at_once(two: Two) -> None:
    number = await two.world.arrive("a")
    _, front = await two.run("escalate", number)
    assert front.asked == []
    assert front.shown == [("composer", {"conversation_id": number, "kind": "ticket"})]
    draft = escalate.begun(two.desk, number)
    assert draft is not None
    assert draft.text.startswith("To: rt:support\n")


async def test_a_ticket_begun_earlier_is_taken_up_again(two: Two) -> None:
    number = await two.world.arrive("a")
    draft = msgspec.structs.replace(escalate.propose(two.desk, number), text="To: rt:support\nSubject: x\n\nMine")
    await answer.save(two.desk, draft)
    _, front = await two.run("escalate", number)
    assert front.shown
    kept = escalate.begun(two.desk, number)
    assert kept is not None
    assert kept.text.endswith("Mine")
    _, front = await two.run("escalate to=rt:support", number, False)
    assert front.asked == ["Begin the ticket anew?"]
    again = escalate.begun(two.desk, number)
    assert again is not None
    assert again.text.endswith("Mine")
    _, front = await two.run("escalate to=rt:support", number, True)
    assert front.shown
    anew = escalate.begun(two.desk, number)
    assert anew is not None
    assert not anew.text.endswith("Mine")


async def test_the_choice_is_asked_for_when_there_is_one(two: Two) -> None:
    other = FakeConnector(Platform(two.clock), "zammad:care", "ann",
                          Caps(letter="Z", can_open=True, can_note=True))
    two.connect(other)
    number = await two.world.arrive("a")
    _, front = await two.run("escalate", number, "zammad")
    assert [c.value for c in front.choices[0]] == ["+rt:support", "+zammad:care", "?rt:support"]
    draft = escalate.begun(two.desk, number)
    assert draft is not None
    assert draft.text.startswith("To: zammad:care\n")
    _, front = await two.run("escalate", await two.world.arrive("b"), None)
    assert front.shown == []


async def test_a_script_sends_it_in_one_call(two: Two) -> None:
    number = await two.world.arrive("a")
    said, _ = await two.run('escalate to=rt:support place=Depot subject="Lost parcel" send=yes', number)
    assert said == "The ticket is on its way"
    await two.send()
    out = two.rt.begun["t1"]
    assert (out.place, out.subject) == ("Depot", "Lost parcel")
    with pytest.raises(Refused, match="open ticket already") as caught:
        await two.run("escalate to=rt:support send=yes", number, True)
    assert caught.value.remedy == "override=tied sends it all the same"
    said, _ = await two.run("escalate to=rt:support send=yes override=tied", number, True)
    assert said == "The ticket is on its way"
    with pytest.raises(Refused, match="no subject") as caught:
        await two.run("escalate to=rt:support send=yes override=tied,subject subject=' '", number, True)
    assert "override" not in caught.value.remedy
    with pytest.raises(UsageError):
        await two.run("escalate to=rt:elsewhere send=yes", number)
    with pytest.raises(UsageError):
        await two.run("escalate to=rt:support note=perhaps", number)


async def test_the_link_verb_ties_and_asks_about_the_customers(two: Two) -> None:
    number, ticket = await two.world.arrive("a"), await old_ticket(two)
    said, _ = await two.run(f"link {ticket}", number)
    assert said == "Tied to rt#5512"
    assert find.conversation(two.desk, number).customer_id != find.conversation(two.desk, ticket).customer_id
    said, _ = await two.run("unlink", number, True)
    assert said == "No longer tied to rt#5512"
    said, _ = await two.run(f"link {ticket} merge=yes", number)
    assert find.conversation(two.desk, number).customer_id == find.conversation(two.desk, ticket).customer_id


async def test_tickets_are_looked_for_at_the_help_desk(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    number = await two.world.arrive("a")
    two.rt.write("5512", "Refund please")
    said, front = await two.run("link", number, "Look at rt:support", True, "rt#5512", "no")
    assert said == "Tied to rt#5512"
    assert front.told == ["Looking at rt:support for Customer a …"]
    assert front.asked[-1].startswith("Tied to rt#5512. Is Customer 5512 there the same person as Customer a?")
    said, front = await two.run("link", number, "Look at", "nobody at all", "Look for other", None)
    assert said is None
    assert front.choices[-1][-1].detail == "nothing fits nobody at all"

    async def slow(words: str, limit: int = 20) -> None:
        raise TimeoutError

    monkeypatch.setattr(two.helper, "find", slow)
    with pytest.raises(Refused, match="in time"):
        await two.run("link", number, "Look at", "jane")


async def test_what_was_closed_there_is_accepted_or_brought_back(two: Two) -> None:
    number = await two.world.arrive("a")
    two.clock.advance(MINUTE)
    two.world.platform.colleague("a", "All done")
    two.world.platform.closed.add("a")
    two.clock.advance(MINUTE)
    await two.world.sync()
    where = find.compile_view(two.desk, "review state:done")
    assert [row.id for row in find.window(two.desk, where)] == [number]
    await inbox.dispose(two.desk, [number], Disposition.ANSWERED)
    assert find.window(two.desk, where) == []
    assert find.conversation(two.desk, number).disposition is Disposition.ANSWERED
    await decide.undo(two.desk)
    assert [row.id for row in find.window(two.desk, where)] == [number], "undone, it is for review again"
    await inbox.reopen(two.desk, [number])
    assert find.window(two.desk, where) == []
    assert find.conversation(two.desk, number).state is State.OPEN


async def test_a_killed_desk_still_has_the_draft(two: Two) -> None:
    number = await two.world.arrive("a")
    await two.run("escalate", number)
    again = Store.open(two.desk.store.path, two.clock)
    draft = drafts.get(again.reader, number, "ann", OutKind.TICKET)
    assert draft is not None
    assert draft.text.startswith("To: rt:support")
    again.close()


async def test_a_lost_answer_opens_one_ticket(two: Two) -> None:
    number = await two.world.arrive("a")
    sent = await answer.send(two.desk, escalate.propose(two.desk, number, RT))
    two.helper.faults.append(Fault.CUT_AFTER)
    await two.send()
    (entry_id,) = sent.entry_ids
    for _ in range(5):
        two.clock.advance(MINUTE)
        await two.send()
    assert outbox.get(two.desk.store.reader, entry_id).state is SendState.SENT
    assert len(two.rt.begun) == 1
    assert len(escalate.tied(two.desk, number)) == 1
    assert two.desk.connectors[SOURCE] is two.world.connector
