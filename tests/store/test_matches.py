"""Offers: who may be the same person, and why; never more than an offer, and never again after a no."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.model.customer import Profile
from agentdesk.model.message import Author
from agentdesk.model.text import inert, inert_line
from agentdesk.store import customers, identities, matches
from tests.store.scene import SOURCE, Scene

OTHER = "rt:help"


def person(ref: str, handle: str = "", **more: Any) -> Profile:
    contacts = tuple(inert_line(each) for each in more.pop("contacts", ()))
    links = tuple(inert_line(each) for each in more.pop("links", ()))
    return Profile(ref=ref, handle=inert_line(handle), name=inert_line(more.pop("name", "")), contacts=contacts,
                   links=links, **more)


def meet(scene: Scene, source: str, *profiles: Profile) -> list[int]:
    """Let these persons write; returns their customers."""
    found = []
    for it in profiles:
        author = Author(ref=it.ref, handle=it.handle, name=it.name)
        scene.take(scene.message(thread=f"{source} {it.ref}", author=author), source=source, profiles=(it,))
        number = customers.by_identity(scene.db, source, it.ref)
        assert number is not None
        found.append(number)
    return found


def told(scene: Scene, customer_id: int) -> list[tuple[int, str, int]]:
    return [(offer.customer_id, offer.why, offer.weight) for offer in matches.offers(scene.db, customer_id)]


@pytest.mark.parametrize(("here", "there", "why", "weight"), [
    (person("a", "@jd", contacts=["Jane.Doe@Example.ORG"]), person("b", contacts=["jane.doe@example.org"]), "same mail",
     2),
    (person("a", "@jd", contacts=["+49 30 1234567"]), person("b", contacts=["49 (30) 12345-67"]), "same telephone", 2),
    (person("a", "@janedoe@social.example"), person("b", "janedoe.sky.example"), "same handle", 1),
    (person("a", "@jane@social.example", name="Jane Doe"), person("b", "jane", name="jane DOE"), "same handle", 1),
    (person("a", "@x", links=["https://www.jane.example/"]), person("b", links=["http://jane.example"]),
     "same proven page", 3),
    (person("a", "@x", links=["https://sky.example/@jd"]), person("b", "jd", url="https://sky.example/@jd"),
     "same proven page", 3),
    (person("a", "@x", links=["https://jane.example"]), person("b", "jane.example", verified="domain"),
     "same proven page", 3),
    (person("a", "@janedoe", contacts=["j@example.org"]), person("b", "janedoe", contacts=["j@example.org"]),
     "same mail, same handle", 2),
])
def test_what_two_identities_have_in_common_is_offered_with_the_reason(
        scene: Scene, here: Profile, there: Profile, why: str, weight: int) -> None:
    (one,), (two,) = meet(scene, SOURCE, here), meet(scene, OTHER, there)
    assert told(scene, one) == [(two, why, weight)]
    assert told(scene, two) == [(one, why, weight)]
    assert len(customers.get(scene.db, one).identities) == 1, "nothing is put together by itself"


@pytest.mark.parametrize(("here", "there"), [
    (person("a", "@jane@social.example", name="Jane Doe"), person("b", "jane.sky.example", name="Jane Roe")),
    (person("a", "@support@social.example", name="S"), person("b", "support.sky.example", name="S")),
    (person("a", "@a", contacts=["12345"]), person("b", "b", contacts=["12345"])),
    (person("a", "@a", url="https://x.example/a"), person("b", "b", url="https://x.example/b")),
    (person("a", "@a", url="notapage"), person("b", "b", url="notapage")),
    (person("a", "@ann@social.example", verified="domain", links=["https://ann.example"]),
     person("b", "@bob@social.example", verified="domain", links=["https://bob.example"])),
    (person("a", "@a", links=["https://x@shop.example/"]), person("b", "b", links=["https://y@shop.example/"])),
    (person("a", "jane@example.org"), person("b", "@x", contacts=["jane@example.org"])),
])
def test_what_says_too_little_is_not_offered(scene: Scene, here: Profile, there: Profile) -> None:
    (one,), (two,) = meet(scene, SOURCE, here), meet(scene, OTHER, there)
    assert told(scene, one) == told(scene, two) == []


def test_the_same_handle_counts_on_another_network_only(scene: Scene) -> None:
    one, _ = meet(scene, SOURCE, person("a", "@janedoe@one.example"), person("b", "@janedoe@two.example"))
    assert told(scene, one) == []


def test_what_a_crowd_has_in_common_says_nothing(scene: Scene) -> None:
    (one,) = meet(scene, SOURCE, person("a", "@x", contacts=["shared@example.org"]))
    meet(scene, OTHER, *(person(f"p{n}", contacts=["shared@example.org"]) for n in range(matches.CROWD)))
    assert len(told(scene, one)) == 3, "three at once are enough"
    meet(scene, OTHER, person("last", contacts=["shared@example.org"]))
    assert told(scene, one) == []
    meet(scene, OTHER, *(person(f"q{n}", contacts=["shared@example.org"]) for n in range(30)))
    assert told(scene, one) == []


def test_what_was_true_once_is_seen_through(scene: Scene) -> None:
    (one,) = meet(scene, SOURCE, person("a", "@x", contacts=["j@example.org"]))
    (two,) = meet(scene, OTHER, person("b", contacts=["j@example.org"]))
    assert told(scene, one)
    meet(scene, OTHER, person("b", contacts=["other@example.org"]))
    assert told(scene, one) == []
    meet(scene, OTHER, person("b", contacts=["j@example.org"]))
    assert told(scene, one) == [(two, "same mail", 2)]


def test_a_no_is_remembered_until_it_is_taken_back(scene: Scene) -> None:
    (one,), (two,) = meet(scene, SOURCE, person("a", "@janedoe")), meet(scene, OTHER, person("b", "janedoe"))
    mine, theirs = customers.get(scene.db, one).identities, customers.get(scene.db, two).identities
    scene.store.write_now(lambda db: matches.part(db, mine, theirs, "ann", 5))
    assert told(scene, one) == told(scene, two) == []
    scene.store.write_now(lambda db: matches.rejoin(db, theirs, mine))
    assert told(scene, one)
    assert told(scene, two)


def test_who_was_split_is_not_offered_again(scene: Scene) -> None:
    (one,), (two,) = meet(scene, SOURCE, person("a", "@janedoe")), meet(scene, OTHER, person("b", "janedoe"))
    scene.store.write_now(lambda db: identities.merge(db, one, two))
    assert told(scene, one) == []
    apart = scene.store.write_now(lambda db: identities.split(db, OTHER, "b", "ann", 5))
    assert told(scene, one) == told(scene, apart.fresh) == []
    scene.store.write_now(lambda db: identities.unsplit(db, apart))
    assert {i.source for i in customers.get(scene.db, one).identities} == {SOURCE, OTHER}


@given(st.builds(Profile, ref=st.just("r"), handle=st.text(max_size=40).map(inert), url=st.text(max_size=60),
                 contacts=st.lists(st.text(max_size=40).map(inert), max_size=4).map(tuple),
                 links=st.lists(st.text(max_size=40).map(inert), max_size=4).map(tuple)))
def test_any_profile_has_keys_that_can_be_stored(profile: Profile) -> None:
    for key in matches.keys(profile):
        kind, _, rest = key.partition(":")
        assert kind in ("mail", "tel", "page", "name")
        assert rest
