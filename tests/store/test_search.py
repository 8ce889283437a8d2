"""The filter language in SQL selects what its meaning in ``rules.match`` selects; the search finds what was said."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdesk.errors import UsageError
from agentdesk.model.clock import DAY, HOUR, ManualClock
from agentdesk.model.customer import Profile
from agentdesk.model.message import Author, Direction, Kind
from agentdesk.model.text import inert_line
from agentdesk.rules.match import Subject
from agentdesk.rules.query import matches, parse
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import conversations, customers, decisions, search
from agentdesk.store.db import Db, Store
from tests.store.scene import SAM, SOURCE, Scene, claim

WORDS = ("parcel", "refund", "Straße", "café", "late", "order", "4411", "thanks", "don't", "ΟΔΟΣ", "привет", "re-use")
TERMS = (
    "late", "soon", "mine", "draft", "vip", "indirect", "praise", "unread", "unsent", "unassigned", "claimed",
    "state:open", "state:waiting,done", "state:snoozed", "source:mastodon", "source:acme", "source:rt:help",
    "source:mastodon:acme", "channel:m", "channel:R,x", "kind:mention", "kind:dm,comment", "severity:high",
    "severity>=high", "severity:praise,normal", "assignee:none", "assignee:ANN", "assignee:me", "assignee:bob,none",
    "claim:me", "claim:none", "claim:bob", "tag:lost", "tag:none", "tag:VIP,lost", "incident:none", "incident:storm",
    "lang:de", "lang:none", "queue:returns", "status:new", "status:none", "priority:none", "disposition:none",
    "disposition:praise", "code:none", "code:thanks", "name:jane", "name:larsen,ÉVA", "followers>100", "followers<=50",
    "unread=1", "burst>=2", "messages>2", "age>2h", "age<1d", "wait>3h", "wait<=1d", "left<1h", "left>0h", "id:1,3",
    "id:9999", "parcel", "par", "caf", "straß", '"late order"', '"don\'t"', "приве", "οδο", "re-use", '"4411"', "Éva",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, ManualClock]]:
    """Forty conversations of every kind."""
    from zoneinfo import ZoneInfo

    from agentdesk.config.schema import Config

    clock = ManualClock()
    store = Store.open(tmp_path_factory.mktemp("world") / "data" / "desk.sqlite3", clock)
    scene = Scene(store, clock, Rulebook.build(Config(), ZoneInfo("UTC")))
    rnd = random.Random(4)
    people = [Author(ref=f"p{n}", name=inert_line(name), handle=inert_line(handle)) for n, (name, handle) in enumerate(
        [("Jane Doe", "@jane"), ("Bo Larsen", "@bo_l"), ("Éva Ito", "@eva"), ("", "@parcel_fan")])]
    for number in range(40):
        clock.advance(rnd.randrange(6 * HOUR))
        who = rnd.choice(people)
        source = rnd.choice([SOURCE, "rt:help"])
        for _ in range(rnd.randrange(1, 4)):
            scene.take(scene.message(" ".join(rnd.choices(WORDS, k=4)), thread=f"t{number}", author=who,
                                     kind=rnd.choice([Kind.MENTION, Kind.DM, Kind.COMMENT]),
                                     lang=rnd.choice(["", "de"]), indirect=rnd.random() < 0.2),
                       profiles=(Profile(ref=who.ref, name=who.name, handle=who.handle,
                                         followers=rnd.choice([10, 50, 500])),),
                       remote=[scene.remote(f"t{number}", subject=inert_line(rnd.choice(["", *WORDS])),
                                            status=rnd.choice(["", "new"]), queue=rnd.choice(["", "returns"]))],
                       source=source)
        store.write_now(lambda db, n=number + 1: _decide(db, rnd, n, clock.now()))  # type: ignore[misc]
    for number in (2, 5, 9):
        scene.freeze(number)
        scene.draft(number)
    scene.answer_elsewhere(thread="t3")
    scene.store.write_now(lambda db: customers.put_column(db, 1, "vip", True))
    clock.advance(HOUR)
    yield store, clock
    store.close()


def _decide(db: Db, rnd: random.Random, number: int, now: int) -> None:
    changes = rnd.choice([
        {}, {}, {"state": "snoozed", "snoozed_until": now + DAY}, {"state": "waiting"},
        {"state": "done", "disposition": "praise", "disposition_code": "thanks", "disposed_at": now}])
    changes = changes | {"assignee": rnd.choice(["", "Ann", "bob"]), "incident": rnd.choice(["", "Storm"]),
                         "tags": rnd.choice(["[]", '["lost"]', '["lost","vip"]']), "unread": rnd.randrange(3)}
    decisions.write(db, number, changes)
    if rnd.random() < 0.4:
        claim(db, number, rnd.choice(["ann", "bob"]), now + rnd.choice([-1, 2 * DAY, 400 * DAY]))


def subject(db: Db, number: int, now: int) -> Subject:
    """A conversation as ``rules.match`` is told of it."""
    it = conversations.get(db, number)
    said = [m.message for m in conversations.thread(db, number)]
    person = customers.get(db, it.customer_id)
    names = (it.name, *(n for i in person.identities for n in (i.profile.name, i.profile.handle) if n))
    row = next(r for r in conversations.window(db, search.Where(sql="1"), limit=10_000) if r.id == number)
    reach = [i.profile.followers for i in person.identities if i.profile.followers is not None]
    indirect = bool(db.value("SELECT indirect FROM conversation WHERE id = ?", number))
    return Subject(
        id=number, state=it.state.value, source=it.source, channel=row.letter, severity=it.severity.value,
        kinds=tuple(m.kind.value for m in said if m.direction is Direction.IN), assignee=it.assignee,
        claim=it.claim_agent if (it.claim_until or 0) > now else "", tags=it.tags, incident=it.incident,
        lang=str(db.value("SELECT lang FROM conversation WHERE id = ?", number)), queue=it.queue, status=it.status,
        priority=it.priority, disposition=it.disposition.value if it.disposition else "", code=it.disposition_code,
        names=names, texts=(it.subject, *names, *(m.text for m in said)), followers=max(reach, default=None),
        unread=it.unread, unsent=it.unsent, burst=it.burst, messages=it.messages, draft=it.has_draft, vip=person.vip,
        indirect=indirect, created_at=it.created_at, unanswered_since=it.unanswered_since, due_at=row.due_at,
        soon_at=row.soon_at)


def selected(db: Db, text: str, now: int) -> list[int]:
    where = search.where(parse(text), agent="ann", now=now)
    return [row.id for row in conversations.window(db, where, limit=10_000)]


def meant(db: Db, text: str, now: int) -> list[int]:
    rows = conversations.window(db, search.Where(sql="1"), limit=10_000)
    query = parse(text)
    return [row.id for row in rows if matches(query, subject(db, row.id, now), agent="ann", now=now)]


@pytest.mark.parametrize("term", TERMS)
def test_each_term_means_the_same_in_sql(world: tuple[Store, ManualClock], term: str) -> None:
    store, clock = world
    assert selected(store.reader, term, clock.now()) == meant(store.reader, term, clock.now())


def test_the_terms_tell_conversations_apart(world: tuple[Store, ManualClock]) -> None:
    store, clock = world
    found = {term: len(selected(store.reader, term, clock.now())) for term in TERMS}
    assert {term for term, number in found.items() if number in (0, 40)} <= {
        "id:9999", "soon", "severity:high", "severity>=high", "priority:none", "left>0h", "praise"}


_terms = st.sampled_from(TERMS)
_queries = st.recursive(
    _terms, lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + " ".join(parts) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + " or ".join(parts) + ")"),
        inner.map(lambda part: f"-{part}")), max_leaves=5)


@settings(max_examples=60, deadline=None)
@given(_queries)
def test_every_combination_means_the_same_in_sql(world: tuple[Store, ManualClock], text: str) -> None:
    store, clock = world
    try:
        parse(text)
    except UsageError:
        return
    assert selected(store.reader, text, clock.now()) == meant(store.reader, text, clock.now())


def test_search_finds_words_phrases_and_beginnings_newest_first(scene: Scene) -> None:
    for number, text in enumerate(("The red parcel is late", "A parcel in red", "Réd vans", "nothing")):
        scene.take(scene.message(text, thread=f"t{number}"))
    texts = dict(scene.db.rows("SELECT id, text FROM message"))

    def found(words: str) -> list[str]:
        return [texts[h.message_id] for h in search.find_text(scene.db, words)]

    assert found("red") == ["Réd vans", "A parcel in red", "The red parcel is late"]
    assert found('"red parcel"') == ["The red parcel is late"]
    assert found("parcel red") == ["A parcel in red", "The red parcel is late"]
    assert found("parc") == ["A parcel in red", "The red parcel is late"]
    assert found("parc ") == []
    assert found("red -parcel") == ["Réd vans"]
    assert found("-red") == []
    assert found("") == found('"') == found("* ^ :") == []
    assert found('red" OR nothing NEAR(') == []
    hits = search.find_text(scene.db, "red", limit=1)
    assert [texts[h.message_id] for h in search.find_text(scene.db, "red", 9, hits[0].message_id)] == [
        "A parcel in red", "The red parcel is late"]
    assert hits[0].name == "Jane Doe"
    assert hits[0].snippet == "Réd vans"


@given(st.text(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_text_makes_the_search_fail(scene: Scene, text: str) -> None:
    if not scene.db.value("SELECT count(*) FROM message"):
        scene.ask()
    search.find_text(scene.db, text)


def test_our_own_words_are_found_too(scene: Scene) -> None:
    number = scene.ask()
    scene.reply(number, "We apologise")
    (hit,) = search.find_text(scene.db, "apolog")
    assert (hit.direction, hit.author, hit.conversation_id) == (Direction.OUT, "ann", number)
    scene.take(scene.message("Hi", author=SAM, direction=Direction.OUT))
    assert msgspec.structs.asdict(hit)["letter"] == "M"


@pytest.mark.parametrize("text", [
    "parcel " + " ".join(f"-w{number}" for number in range(400)), " ".join(f"w{number}" for number in range(400)),
    "parcel " * 2_000 + "parcel", 'parcel -"late order" -zzz'], ids=["not", "many", "again", "few"])
def test_a_whole_page_put_into_the_search_is_only_a_search(world: tuple[Store, ManualClock], text: str) -> None:
    store, _ = world
    reader = store.new_reader()
    unwanted = {word.lstrip("-") for word in text.split() if word.startswith("-")}
    for hit in search.find_text(reader, text):
        assert not unwanted & set(str(hit.snippet).split())
    assert len(search.fts(text)) < 20_000
    reader.close()


def test_each_word_that_is_not_wanted_excludes(world: tuple[Store, ManualClock]) -> None:
    store, _ = world
    reader = store.new_reader()
    every = {hit.message_id for hit in search.find_text(reader, "parcel", limit=500)}
    without = {hit.message_id for hit in search.find_text(reader, "parcel -refund -late", limit=500)}
    texts = dict(reader.rows("SELECT id, text FROM message"))
    assert without == {number for number in every if not {"refund", "late"} & set(texts[number].split())}
    assert without < every
    reader.close()
