"""«Not about us»: the way out of the queue, and teaching the source what to leave out, in the person's own file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agentdesk.commands.context import Choice, Context
from agentdesk.commands.everything import VERB_MODULES
from agentdesk.commands.registry import Registry
from agentdesk.config.load import load
from agentdesk.config.sources import ListenConfig
from agentdesk.connectors.listening import Ears
from agentdesk.desk import decide, exclusions, find
from agentdesk.errors import Refused, UsageError
from agentdesk.model.capability import Caps
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.message import Author, Direction, Message
from agentdesk.model.page import Page
from agentdesk.model.text import inert, inert_line
from agentdesk.store import intake, integrity, ledger
from agentdesk.sync.plan import plan
from tests.desk.conftest import World

SOURCE = "mastodon:acme"
FILE = """\
# the desk of Acme
version: 1
sources:
  - kind: mastodon
    name: acme
    url: https://social.example
    token: {env: T}
    listen:
      - name: brand   # the name itself
        words: [acme, "#AcmeFail"]
        exclude: [looney]   # the coyote
      - name: parcels
        phrases: [lost parcel]
  - kind: rss
    name: news
    feeds: [https://news.example/feed]
"""


@dataclass
class Hearing:
    """Stands in for the running connector."""

    name: str = SOURCE
    ears: Ears = field(default_factory=lambda: Ears(()))
    caps: Caps = field(default_factory=lambda: Caps(letter="M"))

    def hear(self, listen: tuple[ListenConfig, ...]) -> None:
        self.ears.change(listen)


@dataclass
class Person:
    """Answers what the verb asks."""

    choice: str | None = None
    text: str | None = None
    offered: list[str] = field(default_factory=list)
    wrong: str = ""

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        self.offered = [one.value for one in choices]
        return self.choice

    async def ask(self, title: str, *, default: str = "", hint: str = "",
                  check: Callable[[str], str] | None = None,
                  complete: Callable[[str], Sequence[str]] | None = None) -> str | None:
        given = default if self.text is None else self.text
        self.wrong = check(given) if check else ""
        return None if self.wrong else given


class Nobody(Person):
    """A script."""

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        raise UsageError("There is nobody to ask here")


@pytest.fixture
def desk(world: World, tmp_path: Path) -> World:
    """Ann's desk with a configuration of its own."""
    path = tmp_path / "config.yaml"
    path.write_text(FILE)
    path.chmod(0o600)
    world.desk.config_file = path
    world.desk.config = load(path, {"USER": "ann"})
    hearing = Hearing()
    hearing.hear(world.desk.config.sources[0].listen)  # type: ignore[union-attr]
    world.desk.connectors[SOURCE] = hearing  # type: ignore[assignment]
    return world


def heard(world: World, text: str, *, source: str = SOURCE, author: str = "@jane@social.example") -> int:
    """A post comes in by listening; returns its conversation."""
    now = world.clock.now()
    ref = f"m{abs(hash(text))}"
    message = Message(ref=ref, conversation_ref=ref, author=Author(ref="jane", name=inert_line("Jane"),
                                                                   handle=inert_line(author)),
                      direction=Direction.IN, text=inert(text), created_at=now, indirect=True)
    page = Page(messages=(message,), cursor="1")
    world.desk.store.write_now(lambda db: intake.apply(
        db, plan(source, page, intake.held(db, source, page), "pull", now), now, world.desk.rulebook))
    return int(world.desk.store.reader.value("SELECT id FROM conversation WHERE ref = ?", ref))


async def call(world: World, number: int, front: Person, line: str = "not-about-us") -> str | None:
    ctx = Context(desk=world.desk, front=front, selection=(number,))  # type: ignore[arg-type]
    return await Registry.of(VERB_MODULES).run(ctx, line)


def listens(world: World) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """What the file leaves out."""
    assert world.desk.config_file is not None
    fresh = load(world.desk.config_file, {})
    assert fresh.sources == world.desk.config.sources
    return [(one.exclude, one.exclude_authors) for one in fresh.sources[0].listen]  # type: ignore[union-attr]


async def test_one_key_closes_it_with_its_code_and_esc_asks_no_more(desk: World) -> None:
    number = heard(desk, "the acme of perfection")
    assert await call(desk, number, Person()) == "Done: not actionable"
    it = find.conversation(desk.desk, number)
    assert (it.state, it.disposition, it.disposition_code) == (State.DONE, Disposition.NOT_ACTIONABLE, "not-about-us")
    assert listens(desk)[0] == (("looney",), ())


async def test_what_is_offered_is_taken_from_the_post(desk: World) -> None:
    number = heard(desk, "Truly the acme of perfection #Tuesday")
    person = Person()
    await call(desk, number, person)
    assert person.offered == ["words acme of", "words the acme", "words #Tuesday", "author @jane@social.example",
                              "words "]


async def test_a_phrase_is_left_out_from_then_on_and_comments_stay(desk: World) -> None:
    number = heard(desk, "Truly the acme of perfection")
    said = await call(desk, number, Person("words acme of"))
    assert said == "Posts with «acme of» are left out from now on"
    assert listens(desk) == [(("looney", "acme of"), ()), ((), ())]
    assert desk.desk.config_file is not None
    text = desk.desk.config_file.read_text()
    assert "# the name itself" in text
    assert 'exclude: [looney, "acme of"]   # the coyote' in text
    hearing = desk.desk.connectors[SOURCE]
    assert isinstance(hearing, Hearing)
    assert hearing.ears.hears("the Acme of it all", "", "") == ""
    assert hearing.ears.hears("acme", "", "") == "brand"
    entry = ledger.of_conversation(desk.desk.store.reader, number)[-1]
    assert (entry.action, entry.code, entry.source, entry.agent) == ("excluded", "acme of", SOURCE, "ann")


async def test_an_author_and_only_where_the_post_was_heard(desk: World) -> None:
    number = heard(desk, "lost parcel by acme", author="@bot@spam.example")
    said = await call(desk, number, Person("author @bot@spam.example"))
    assert said == "Posts by @bot@spam.example are left out from now on"
    assert [authors for _, authors in listens(desk)] == [("@bot@spam.example",), ("@bot@spam.example",)]


async def test_it_can_be_edited_and_must_be_in_the_post(desk: World) -> None:
    number = heard(desk, "the acme of perfection")
    person = Person("words ", "of perfection")
    assert await call(desk, number, person) == "Posts with «of perfection» are left out from now on"
    other = heard(desk, "acme again")
    for text, wrong in (("nothing like it", "That does not stand in this post"),
                        ("acme", "That would leave out what «brand» listens for"),
                        ("x" * 201, "One line of at most 200 characters is needed"),
                        ("a\nb", "One line of at most 200 characters is needed")):
        person = Person("words ", text)
        await call(desk, other, person)
        assert person.wrong == wrong
    person = Person("author @jane@social.example", "@bob")
    await call(desk, other, person)
    assert person.wrong == "That is not who wrote this post"


async def test_undo_takes_back_the_exclusion_then_the_closing(desk: World) -> None:
    number = heard(desk, "the acme of perfection")
    await call(desk, number, Person("words acme of"))
    assert await decide.undo(desk.desk) == "Undone: excluded"
    assert listens(desk)[0] == (("looney",), ())
    hearing = desk.desk.connectors[SOURCE]
    assert isinstance(hearing, Hearing)
    assert hearing.ears.hears("acme of", "", "") == "brand"
    assert find.conversation(desk.desk, number).state is State.DONE
    await decide.undo(desk.desk)
    assert find.conversation(desk.desk, number).state is State.OPEN
    assert integrity.check(desk.desk.store) == []


async def test_a_script_says_it_in_the_call(desk: World) -> None:
    number = heard(desk, "the acme of perfection")
    assert await call(desk, number, Nobody()) == "Done: not actionable"
    said = await call(desk, number, Nobody(), 'not-about-us exclude="acme of"')
    assert said == "Posts with «acme of» are left out from now on"
    other = heard(desk, "acme of nothing", author="@eve")
    said = await call(desk, other, Nobody(), "not-about-us author=@eve")
    assert said == "Posts by @eve are left out from now on"
    third = heard(desk, "acme acme")
    with pytest.raises(Refused, match="does not stand in this post"):
        await call(desk, third, Nobody(), "not-about-us exclude=nonsense")
    assert find.conversation(desk.desk, third).state is State.OPEN


async def test_done_takes_the_code_as_a_word(desk: World) -> None:
    number = heard(desk, "the acme of perfection")
    await call(desk, number, Nobody(), "done not-about-us")
    assert find.conversation(desk.desk, number).disposition_code == "not-about-us"


async def test_a_feed_that_took_everything_gets_an_entry(desk: World) -> None:
    number = heard(desk, "Weather: rain", source="rss:news", author="")
    person = Person("words ", "Weather")
    assert await call(desk, number, person) == "Posts with «Weather» are left out from now on"
    rss = desk.desk.config.sources[1]
    assert rss.listen == (ListenConfig(name="all", exclude=("Weather",)),)  # type: ignore[union-attr]
    await decide.undo(desk.desk)
    assert desk.desk.config.sources[1].listen == (ListenConfig(name="all"),)  # type: ignore[union-attr]


async def test_where_nothing_can_be_kept_nothing_is_offered(desk: World) -> None:
    number = heard(desk, "the acme of perfection")
    desk.desk.config_file = None
    person = Person("words acme of")
    assert await call(desk, number, person) == "Done: not actionable"
    assert person.offered == []
    with pytest.raises(Refused, match="Nothing can be left out here"):
        await exclusions.exclude(desk.desk, number, words="acme of")
    plain = await desk.arrive("a", "acme of")
    assert exclusions.offers(desk.desk, plain) == ()
    with pytest.raises(Refused, match="listens for nothing"):
        await call(desk, plain, Nobody(), "not-about-us exclude=of")


async def test_a_file_that_cannot_be_changed_leaves_everything_as_it_was(desk: World) -> None:
    number = heard(desk, "the acme of perfection")
    assert desk.desk.config_file is not None
    text = FILE.replace("exclude: [looney]   # the coyote", "exclude: [looney,\n          coyote  # him\n  ]")
    desk.desk.config_file.write_text(text.replace("name: acme", "name: other"))
    before = desk.desk.config_file.read_text()
    with pytest.raises(Refused, match="not in the configuration any more"):
        await exclusions.exclude(desk.desk, number, words="acme of")
    assert desk.desk.config_file.read_text() == before
    assert "excluded" not in [entry.action for entry in ledger.of_conversation(desk.desk.store.reader, number)]
