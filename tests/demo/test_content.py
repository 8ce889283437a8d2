"""The handwritten content keeps its promises: enough of everything, nothing broken, nobody real."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdesk.config.load import load as load_config
from agentdesk.config.yaml import read_all
from agentdesk.connectors.demo.connector import CAPS
from agentdesk.connectors.demo.content import FOLDER, Content, Post, Talk, length, load
from agentdesk.connectors.demo.server import STATUSES
from agentdesk.connectors.demo.shelf import attachment
from agentdesk.connectors.demo.story import Story
from agentdesk.errors import ConfigError
from agentdesk.model.clock import HOUR, MINUTE
from agentdesk.model.conversation import Severity
from agentdesk.model.text import inert
from agentdesk.replies import packs, template
from agentdesk.replies.length import left
from agentdesk.rules.priority import weigh
from agentdesk.rules.query import problem
from agentdesk.rules.signals import Signals

CHANGED_ON_PURPOSE = {"5543", "5557"}
"""Tickets whose text is not inert: a pasted log with colours, a tracking number with a direction mark."""
PACK = Path(packs.__file__).parent / "builtin" / "harbour_post"


def every_talk(content: Content) -> list[Talk]:
    return [*content.talks.values(), *(e.start for e in (*content.opening, *content.events) if e.start)]


def every_post(content: Content) -> Iterator[tuple[Talk, Post]]:
    """Whatever anybody may ever write in a written conversation."""
    talks = {talk.id: talk for talk in every_talk(content)}
    for talk in talks.values():
        for words in (*talk.posts, *talk.answers, *talk.dm_answers):
            yield talk, words if isinstance(words, Post) else Post(text=words)
    for step in content.steps().values():
        if step.say is not None:
            yield talks[step.talk], step.say
        if step.edit:
            yield talks[step.talk], Post(text=step.edit)


def test_there_is_enough_of_everything(content: Content) -> None:
    present = [talk for talk in content.talks.values() if not talk.closed]
    assert len(present) >= 60
    assert len({talk.who for talk in present}) >= 30
    assert Counter(talk.source for talk in present).keys() == {"mastodon", "bluesky", "helpdesk"}
    assert sum(talk.incident == "Depot North" for talk in present) >= 12
    assert sum(len(talk.posts) >= 12 for talk in present) >= 2
    assert len(content.opening) + len(content.events) >= 60


def test_the_customers_speak_many_languages(content: Content) -> None:
    people = content.people
    spoken = Counter(post.lang or people[talk.who].lang for talk, post in every_post(content) if not post.by)
    assert all(spoken[lang] >= 3 for lang in ("en", "es", "de", "fr", "ar", "ja")), spoken


def test_many_customers_have_a_past(content: Content) -> None:
    present = {talk.who for talk in content.talks.values() if not talk.closed}
    past = {talk.who for talk in content.talks.values() if talk.closed}
    assert len(present & past) >= 12
    assert 4 <= sum(person.same for person in content.people.values()) <= 6
    assert any(len(p.on) > 1 and not p.same for p in content.people.values()), "nobody is left to be merged by hand"


def test_every_text_says_something_and_is_inert_but_for_two(content: Content) -> None:
    changed = set()
    for talk, post in every_post(content):
        assert post.text.strip() == post.text != "", talk.id
        if inert(post.text) != post.text:
            changed.add(talk.id)
    assert changed == CHANGED_ON_PURPOSE


def test_everything_fits_its_channel(content: Content) -> None:
    for talk, post in every_post(content):
        room = left(post.text, CAPS[talk.source])
        assert room is None or room >= 0, f"{talk.id}: {-room} characters too long"


def test_every_name_leads_somewhere(content: Content) -> None:
    talks = every_talk(content)
    ids = Counter(talk.id for talk in talks)
    assert set(ids.values()) == {1}
    for talk in talks:
        assert talk.source in content.people[talk.who].on, f"{talk.who} is not known on {talk.source}"
        assert talk.status in STATUSES
    for key, step in content.steps().items():
        assert step.start is not None or step.talk in ids, f"{key} happens nowhere"


def test_notes_claims_and_states_are_of_the_help_desk_only(content: Content) -> None:
    source = {talk.id: talk.source for talk in every_talk(content)}
    assert all(source[talk.id] == "helpdesk" for talk, post in every_post(content) if post.note)
    for key, step in content.steps().items():
        assert not (step.claim or step.status) or source[step.talk] == "helpdesk", key


def test_attachments_have_names_sizes_and_kinds(content: Content) -> None:
    files = [attachment(file) for _, post in every_post(content) for file in post.files]
    assert len(files) > 30
    assert all(file.name and file.size and file.mime for file in files)


def test_everybody_can_answer_in_words_of_their_own_or_of_the_stock(content: Content) -> None:
    for talk in every_talk(content):
        assert talk.answers or content.answers.get(talk.topic) or talk.topic == "spam", talk.topic


def test_the_awkward_things_that_real_posts_hold_are_there(content: Content) -> None:
    texts = "\n".join(post.text for _, post in every_post(content))
    for awkward in ("[sic]", "[/b]", "\u200d", "%%", "\x1b[31m", "\u200f", "@harbourpost", "“", "\n\n"):
        assert awkward in texts, awkward
    assert any(post.indirect for _, post in every_post(content))
    assert any(talk.locked for talk in content.talks.values())
    assert any(talk.snoozed for talk in content.talks.values())
    assert any(talk.promised for talk in content.talks.values())


def test_nobody_and_no_address_is_real(content: Content) -> None:
    text = "\n".join(path.read_text("utf-8") for path in (*FOLDER.glob("*.yaml"), *PACK.glob("*.yaml")))
    domains = set(re.findall(r"\b[\w-]+\.(?:com|org|net|social|app|io|co|info|de|fr|es|uk|example)\b", text))
    assert all(domain.endswith(".example") for domain in domains), domains
    phones = set(re.findall(r"\b0\d{2,4} \d{3,4} ?\d{3,4}\b", text))
    assert phones
    assert all(phone.startswith(("020 7946 0", "07700 900")) for phone in phones), phones


def test_the_clocks_stand_apart_at_first(content: Content) -> None:
    """With a target of four hours: a few are late, several soon, most are fine."""
    ages = []
    for talk in content.talks.values():
        heard = [post for post in talk.posts if not post.note]
        if talk.closed or talk.due or heard[-1].by:
            continue
        last = max((i for i, post in enumerate(heard) if post.by), default=-1)
        ages.append(length(heard[last + 1].ago))
    late = sum(age > 4 * HOUR for age in ages)
    soon = sum(3 * HOUR < age <= 4 * HOUR for age in ages)
    assert 2 <= late <= 4
    assert 4 <= soon <= 12
    assert sum(age < 3 * HOUR for age in ages) > 30
    assert len({age // MINUTE for age in ages}) > len(ages) * 0.8


def test_every_filler_can_be_filled(content: Content) -> None:
    story = Story(content, 3)
    for number in range(300):
        who, person, talk = story.filler(number)
        assert who
        assert talk.source in person.on
        assert "{" not in talk.subject + talk.posts[0].text
        room = left(talk.posts[0].text, CAPS[talk.source])
        assert room is None or room > 0


def test_the_canned_pack_is_sound_and_speaks_the_customers_languages() -> None:
    pack = packs.load([PACK], read_all)
    assert not packs.check(pack)
    assert len(pack.canned) >= 25
    assert {"en", "de", "es", "fr", "ar", "ja"} <= {canned.lang for canned in pack.canned}
    values = {"customer": {"first_name": "Jane", "name": "Jane Thorne"}, "agent": {"name": "Ann"}}
    for canned in pack.canned:
        filled: template.Values = values
        for name in template.missing(canned.text, values):
            filled = template.fill(filled, name, "tomorrow")
        assert "{" not in template.render(canned.text, filled)
        if canned.kind == "reply":
            assert len(template.render(canned.text, filled)) <= 290, f"{canned.name} leaves no room on a short channel"


def test_a_length_of_time_is_read_or_refused() -> None:
    assert length("1h2m3s") == HOUR + 2 * MINUTE + 3_000
    assert length("-22m") == -22 * MINUTE
    for wrong in ("soon", "4", "2 h", "h"):
        with pytest.raises(ConfigError):
            length(wrong)


def test_damaged_content_is_told_not_dropped(tmp_path: Path) -> None:
    for path in FOLDER.glob("*.yaml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    people = tmp_path / "people.yaml"
    people.write_text(people.read_text("utf-8").replace("name: Dana Fox", "nam: Dana Fox"), "utf-8")
    with pytest.raises(ConfigError, match="people"):
        load(tmp_path)


def test_the_demos_configuration_is_valid_and_makes_its_day_readable(content: Content) -> None:
    config = load_config(FOLDER / "config.yaml", {}, {}, query_problem=problem)
    signals = Signals(config.signals)

    def severity(talk: Talk) -> Severity:
        heard = talk.posts[-1]
        return weigh(heard.text, server_priority=talk.priority, signals=signals).severity

    present = [talk for talk in content.talks.values() if not talk.closed and not talk.posts[-1].by]
    kinds = Counter(severity(talk) for talk in present)
    assert kinds[Severity.PRAISE] >= 4
    assert 5 <= kinds[Severity.CRITICAL] <= 12
    assert kinds[Severity.HIGH] >= 5
    assert kinds[Severity.NORMAL] > len(present) / 2
    praised = [talk for talk in present if severity(talk) is Severity.PRAISE]
    assert {talk.topic for talk in praised} <= {"praise", "chat"}
    for ref in ("insulin-van", "medicine-ar", "ashes", "bees"):
        text = " ".join(post.text for post in content.talks[ref].posts)
        assert weigh(text, signals=signals).severity is Severity.CRITICAL, ref
