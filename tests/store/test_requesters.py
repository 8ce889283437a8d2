"""The requester of a ticket of ours is the customer of its post: by what we gave, once, on record, splittable."""

from __future__ import annotations

import msgspec
import pytest

from agentdesk.model.customer import Profile
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import Outgoing, OutKind, Receipt
from agentdesk.model.page import Account
from agentdesk.model.text import inert_line
from agentdesk.store import (
    conversations,
    customers,
    identities,
    integrity,
    ledger,
    matches,
    outbox,
    ranking,
    sources,
    tickets,
)
from agentdesk.store.db import Db
from tests.store.scene import SAM, Scene

DESK = "rt:support"
JANE = Profile(ref="jane@shop.example", handle=inert_line("jane@shop.example"), name=inert_line("J. Doe"),
               contacts=(inert_line("Jane@shop.example"),))
TOLD: dict[str, str] = {"customer_name": "Jane Doe", "customer_mail": "jane@shop.example", "customer_handle": ""}


@pytest.fixture(autouse=True)
def _sound(scene: Scene) -> object:
    """After each test the file must be as promised."""
    yield
    assert integrity.check(scene.store) == []


@pytest.fixture
def post(scene: Scene) -> int:
    """A post of Jane's, and a help desk at which we are an agent."""
    def work(db: Db) -> None:
        sources.ensure(db, DESK, "rt", "R")
        sources.set_account(db, DESK, Account(ref="agent", handle=inert_line("agent@desk.example")))

    scene.store.write_now(work)
    return scene.ask()


def opens(scene: Scene, post: int, ref: str = "5512", **told: str) -> int:
    """We open a ticket for the post and it lands; returns the ticket."""
    now = scene.clock.now()
    out = Outgoing(client_id=f"t-{ref}", conversation_ref=scene.get(post).ref, kind=OutKind.TICKET, text="Lost",
                   visibility=Visibility.INTERNAL, agent="ann", created_at=now, subject="Lost", **{**TOLD, **told})

    def work(db: Db) -> int:
        entry = outbox.freeze(db, post, out, agent="ann", hold_until=now, seen_message_id=1, now=now, source=DESK)
        outbox.due(db, DESK, now)
        assert outbox.start(db, entry, "s1", now, now) is not None
        came = outbox.sent(db, entry, Receipt(conversation_ref=ref), now)
        ranking.refresh(db, came.changed, scene.rulebook, now)
        found = conversations.by_ref(db, DESK, ref)
        assert found is not None
        return found

    return scene.store.write_now(work)


def shows(scene: Scene, who: Profile, ref: str = "5512") -> None:
    """The help desk tells the ticket with its requester."""
    scene.clock.advance(1_000)
    scene.take(remote=[scene.remote(ref, customer_ref=who.ref, subject=inert_line("Lost"))], profiles=(who,),
               source=DESK)


def same(scene: Scene, post: int, ticket: int) -> bool:
    return scene.get(post).customer_id == scene.get(ticket).customer_id


def test_a_requester_with_the_mail_that_we_gave_is_the_customer(scene: Scene, post: int) -> None:
    ticket = opens(scene, post)
    assert not same(scene, post, ticket), "nobody knows yet whom the help desk put down"
    shows(scene, JANE)
    assert same(scene, post, ticket)
    person = customers.get(scene.db, scene.get(post).customer_id)
    assert [one.source for one in person.identities] == ["mastodon:acme", DESK]
    assert person.name == "Jane Doe", "the post's customer stays who they are"
    (entry,) = [e for e in ledger.of_conversation(scene.db, post) if e.action == "customers_merged"]
    assert (entry.agent, entry.rule, entry.customer_id) == ("", "our own ticket", person.id)
    assert "rt#5512" in entry.detail["why"]
    assert ledger.last_undoable(scene.db, "ann") is None, "u takes back what a person did, not this"


def test_it_is_the_same_when_a_pull_is_faster_than_the_answer(scene: Scene, post: int) -> None:
    shows(scene, JANE)
    ticket = opens(scene, post)
    assert same(scene, post, ticket)


def test_all_that_is_open_of_somebody_important_stands_so_at_once(scene: Scene, post: int) -> None:
    other = scene.ask(thread="t2")
    shows(scene, JANE)
    found = conversations.by_ref(scene.db, DESK, "5512")
    assert found is not None
    person = scene.get(found).customer_id
    scene.store.write_now(lambda db: customers.put_column(db, person, "vip", True))
    ticket = opens(scene, post)
    assert same(scene, post, ticket)
    assert [scene.get(number).reasons for number in (post, other)] == [("VIP",)] * 2
    stands = "SELECT severity, reasons, rank FROM conversation ORDER BY id"
    before = scene.db.rows(stands)
    scene.store.write_now(lambda db: ranking.refresh_all(db, scene.rulebook, scene.clock.now()))
    assert before == scene.db.rows(stands)


@pytest.mark.parametrize("who", [
    Profile(ref="77", handle=inert_line("@jane@social.example"), name=inert_line("jane@social.example")),
    Profile(ref="78", name=inert_line("Jane Doe")),
])
def test_a_handle_that_we_gave_or_a_new_one_with_the_name_counts_too(scene: Scene, post: int, who: Profile) -> None:
    ticket = opens(scene, post, customer_mail="", customer_handle="@Jane@social.example")
    shows(scene, who)
    assert same(scene, post, ticket)


@pytest.mark.parametrize("who", [
    Profile(ref="agent", name=inert_line("Jane Doe"), contacts=(inert_line("jane@shop.example"),)),
    Profile(ref="9", handle=inert_line("depot@partner.example"), name=inert_line("Depot")),
    Profile(ref="10"),
])
def test_whoever_else_the_help_desk_puts_down_stays_apart(scene: Scene, post: int, who: Profile) -> None:
    ticket = opens(scene, post)
    shows(scene, who)
    shows(scene, who)
    assert not same(scene, post, ticket)


def test_a_name_alone_is_not_enough_for_somebody_known_there(scene: Scene, post: int) -> None:
    other = Profile(ref="78", name=inert_line("Jane Doe"))
    shows(scene, other, ref="1")
    ticket = opens(scene, post)
    shows(scene, other)
    assert not same(scene, post, ticket)


def test_a_ticket_that_was_merely_found_says_nothing(scene: Scene, post: int) -> None:
    shows(scene, JANE)
    ticket = conversations.by_ref(scene.db, DESK, "5512")
    assert ticket is not None
    scene.store.write_now(lambda db: tickets.tie(db, post, ticket, "ann", scene.clock.now()))
    shows(scene, JANE)
    assert not same(scene, post, ticket)


def test_nor_does_somebody_elses_post_tied_to_our_ticket(scene: Scene, post: int) -> None:
    ticket = opens(scene, post)
    bo = msgspec.structs.replace(scene.message().author, ref="bo", name=inert_line("Bo"))
    other = scene.ask(thread="t2", author=bo)
    scene.store.write_now(lambda db: tickets.tie(db, other, ticket, "ann", scene.clock.now()))
    shows(scene, JANE)
    assert same(scene, post, ticket)
    assert not same(scene, other, ticket)


def test_split_takes_the_ticket_along_and_nothing_puts_them_together_again(scene: Scene, post: int) -> None:
    ticket = opens(scene, post)
    shows(scene, JANE)
    scene.take(scene.message("We look", thread="5512", author=SAM, direction=Direction.NOTE), source=DESK)
    scene.store.write_now(lambda db: identities.split(db, DESK, JANE.ref, "ann", scene.clock.now()))
    assert not same(scene, post, ticket), "also without a word of theirs in it"
    shows(scene, JANE)
    scene.take(scene.message("Thanks", thread="5512", author=msgspec.structs.replace(SAM, ref=JANE.ref)), source=DESK)
    assert not same(scene, post, ticket)
    second = opens(scene, post, ref="5513")
    shows(scene, JANE, ref="5513")
    assert not same(scene, post, second), "a person's no stands for the next ticket too"
    assert matches.offers(scene.db, scene.get(post).customer_id) == []


def test_what_a_person_knew_to_be_two_stays_two(scene: Scene, post: int) -> None:
    shows(scene, JANE, ref="1")
    there = customers.by_identity(scene.db, DESK, JANE.ref)
    assert there is not None
    mine, theirs = (customers.get(scene.db, number).identities for number in (scene.get(post).customer_id, there))
    scene.store.write_now(lambda db: matches.part(db, mine, theirs, "ann", scene.clock.now()))
    ticket = opens(scene, post)
    shows(scene, JANE)
    assert not same(scene, post, ticket)


def test_an_older_ticket_of_theirs_comes_along(scene: Scene, post: int) -> None:
    shows(scene, JANE, ref="1")
    before = conversations.by_ref(scene.db, DESK, "1")
    assert before is not None
    opens(scene, post)
    shows(scene, JANE)
    assert same(scene, post, before)


def test_two_tickets_of_one_customer_may_be_told_at_once(scene: Scene, post: int) -> None:
    scene.ask(thread="t2")
    bo = msgspec.structs.replace(scene.message().author, ref="bo", name=inert_line("Bo"))
    posts = scene.ask(thread="t3", author=bo), scene.ask(thread="t4", author=bo)
    ours = tuple(opens(scene, number, ref=str(number), customer_name="Bo") for number in posts)
    scene.clock.advance(1_000)
    scene.take(remote=[scene.remote(str(number), customer_ref=JANE.ref) for number in posts], profiles=(JANE,),
               source=DESK)
    assert same(scene, posts[0], ours[0])
    assert same(scene, posts[1], ours[1])


def test_tickets_of_two_customers_may_be_told_at_once(scene: Scene, post: int) -> None:
    bo = Profile(ref="bo@shop.example", handle=inert_line("bo@shop.example"), name=inert_line("Bo"))
    author = msgspec.structs.replace(scene.message().author, ref="bo", name=inert_line("Bo"))
    again = scene.ask(thread="t2")
    other = scene.ask(thread="t3", author=author)
    assert scene.get(other).customer_id == again, "the number of a conversation of Jane's"
    ours = opens(scene, post), opens(scene, other, ref="5513", customer_name="Bo", customer_mail="bo@shop.example")
    scene.clock.advance(1_000)
    scene.take(remote=[scene.remote("5512", customer_ref=JANE.ref), scene.remote("5513", customer_ref=bo.ref)],
               profiles=(JANE, bo), source=DESK)
    assert same(scene, post, ours[0])
    assert same(scene, other, ours[1])
