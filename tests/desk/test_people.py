"""What a person decides about a customer is in the ledger, moves the queue, and can be taken back."""

from __future__ import annotations

import pytest

from agentdesk.desk import decide, find, people
from agentdesk.errors import NotFound, Refused
from agentdesk.model.customer import Profile
from agentdesk.model.events import Event, Notice
from agentdesk.model.text import inert_line
from agentdesk.store import customers
from agentdesk.store.people import People
from tests.desk.conftest import SOURCE, World


async def two(world: World) -> tuple[int, int]:
    """Two customers with the same mail on one source."""
    numbers = [await world.arrive(ref) for ref in "ab"]
    mail = inert_line("jane@example.org")
    world.desk.store.write_now(lambda db: People(db, SOURCE, 1).bring_in(
        [Profile(ref=f"c-{ref}", name=inert_line(f"Jane {ref}"), contacts=(mail,)) for ref in "ab"], (), ()))
    one, other = (find.conversation(world.desk, number).customer_id for number in numbers)
    return one, other


def actions(world: World) -> list[tuple[str, int | None]]:
    """What the ledger says about customers."""
    rows = world.desk.store.reader.rows("SELECT action, customer_id FROM ledger WHERE customer_id IS NOT NULL "
                                        "ORDER BY id")
    return [(str(row[0]), row[1]) for row in rows]


async def test_an_offer_is_taken_and_the_merge_taken_back(world: World) -> None:
    one, other = await two(world)
    (offer,) = people.offers(world.desk, one)
    assert (offer.customer_id, offer.why, offer.name) == (other, "same mail", "Jane b")
    assert await people.merge(world.desk, one, other, offer.why) == "One customer now"
    assert people.offers(world.desk, one) == []
    assert len(find.earlier(world.desk, one)) == 2, "one history over all identities"
    assert await decide.undo(world.desk) == "Undone: customers merged"
    assert [len(find.earlier(world.desk, each)) for each in (one, other)] == [1, 1]
    assert [it.customer_id for it in people.offers(world.desk, one)] == [other]
    assert actions(world) == [("customers_merged", one), ("undone", one)]


async def test_a_no_is_kept_and_can_be_taken_back(world: World) -> None:
    one, other = await two(world)
    await people.keep_apart(world.desk, one, other)
    assert people.offers(world.desk, one) == people.offers(world.desk, other) == []
    await decide.undo(world.desk)
    assert people.offers(world.desk, one)
    assert people.offers(world.desk, other)


async def test_a_split_is_in_the_ledger_and_can_be_taken_back(world: World) -> None:
    one, other = await two(world)
    await people.merge(world.desk, one, other)
    assert await people.split(world.desk, SOURCE, "c-b") == "Two customers now"
    assert len(find.customer(world.desk, one).identities) == 1
    await decide.undo(world.desk)
    assert len(find.customer(world.desk, one).identities) == 2
    with pytest.raises(NotFound):
        await people.split(world.desk, SOURCE, "nobody")
    with pytest.raises(Refused):
        await people.merge(world.desk, one, one)


async def test_notes_and_vip_are_taken_back_unless_somebody_changed_them_since(world: World) -> None:
    one, _ = await two(world)
    await people.set_note(world.desk, one, "likes tea")
    await people.set_vip(world.desk, one, True)
    await people.set_tags(world.desk, one, ["b2b"])
    await decide.undo(world.desk)
    await decide.undo(world.desk)
    assert (find.customer(world.desk, one).vip, find.customer(world.desk, one).tags) == (False, ())
    world.desk.store.write_now(lambda db: customers.put_column(db, one, "note", "a colleague's words"))
    await decide.undo(world.desk)
    assert find.customer(world.desk, one).note == "a colleague's words"


async def test_what_cannot_be_taken_back_is_said_and_does_not_block_what_was_before(world: World) -> None:
    one, other = await two(world)
    await people.set_vip(world.desk, one, True)
    await people.merge(world.desk, one, other)
    heard: list[Event] = []
    world.desk.subscribe(heard.append)
    await people.split(world.desk, SOURCE, "c-b")
    assert await decide.undo(world.desk) == "Undone: identity split"
    fresh = world.desk.store.write_now(lambda db: db.insert(
        "INSERT INTO customer (name, first_seen_at) VALUES ('x', 1)"))
    world.desk.store.write_now(lambda db: db.run("UPDATE identity SET customer_id = ? WHERE ref = 'c-b'", fresh))
    await decide.undo(world.desk)
    assert any(isinstance(e, Notice) and "apart already" in e.text for e in heard)
    assert await decide.undo(world.desk) == "Undone: customer vip"
    assert not find.customer(world.desk, one).vip
