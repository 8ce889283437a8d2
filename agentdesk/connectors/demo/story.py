"""When things happen in the demo: pure functions of the seed and of story time, so that a seed repeats exactly.

Story time counts from the first start; a long time in which nobody looks counts for a few minutes only.
"""

from __future__ import annotations

from bisect import bisect_right
from random import Random

import msgspec

from agentdesk.connectors.demo.content import Content, Event, Filler, Home, Outage, Person, Post, Talk
from agentdesk.model.clock import MINUTE, SECOND, Millis

FIRST = 18 * SECOND
"""When the first thing happens."""
FIRST_LOST_ANSWER = 4
"""The earliest of our sends whose answer may get lost on the way."""


class Slot(msgspec.Struct, frozen=True):
    """One point of the schedule: a written event by its id, or, where that is empty, filler number ``filler``."""

    at: Millis
    event: str
    filler: int = 0


class Trouble(msgspec.Struct, frozen=True):
    """A stretch in which a source is out, or asks us to slow down."""

    since: Millis
    until: Millis
    words: Outage
    limited: bool


class Story:
    """The schedule of one seed."""

    def __init__(self, content: Content, seed: int) -> None:
        self.content = content
        self.seed = seed
        rest = [event.id for event in content.events]
        self._random("order").shuffle(rest)
        self._order = [event.id for event in content.opening] + rest
        self._times: list[Millis] = []
        self._pace = self._random("pace")
        self._troubles: list[Trouble] = []
        self._trouble_rng = self._random("trouble")

    def _random(self, *what: object) -> Random:
        return Random(":".join(map(str, (self.seed, *what))))  # noqa: S311 - a story, not a secret

    def slot(self, number: int) -> Slot:
        """The schedule's ``number``-th point."""
        while len(self._times) <= number:
            calm = len(self._times) >= len(self._order)
            gap = self._pace.randrange(60, 150) if calm else self._pace.randrange(25, 61)
            self._times.append((self._times[-1] + gap * SECOND) if self._times else FIRST)
        at = self._times[number]
        return Slot(at, self._order[number]) if number < len(self._order) else Slot(at, "", number - len(self._order))

    def trouble(self, place: str, at: Millis) -> Trouble | None:
        """What is wrong with a source at that time, if anything."""
        self._plan_troubles(at)
        return next((t for t in self._troubles if t.words.source == place and t.since <= at < t.until), None)

    def next_change(self, at: Millis) -> Millis:
        """When a trouble begins or ends next after ``at``."""
        self._plan_troubles(at)
        edges = sorted(edge for t in self._troubles for edge in (t.since, t.until))
        return edges[bisect_right(edges, at)]

    def _plan_troubles(self, at: Millis) -> None:
        """Make the list of troubles reach beyond ``at``: outages every 9 to 16 minutes, limits more rarely."""
        rng = self._trouble_rng
        while not self._troubles or self._troubles[-1].since <= at + 30 * MINUTE:
            number = len(self._troubles)
            since = self._troubles[-1].until + rng.randrange(9 * 60, 16 * 60) * SECOND if number else (
                5 * MINUTE + rng.randrange(90) * SECOND)
            limited = number % 3 == 1
            words = self.content.limits if limited else self.content.outages
            turn = number // 3 if limited else number - (number + 1) // 3
            length = rng.randrange(20, 31) if limited else rng.randrange(50, 76)
            self._troubles.append(Trouble(since, since + length * SECOND, words[turn % len(words)], limited))

    def loses_answer(self, number: int) -> bool:
        """True when the answer to our ``number``-th send (from 1) gets lost although the server did what we asked."""
        first = FIRST_LOST_ANSWER + self._random("lost").randrange(3)
        return number == first or (number > first and self._random("lost", number).randrange(14) == 0)

    def ticket_steps(self, ref: str) -> tuple[Event, ...]:
        """What colleagues do with a ticket that the desk opened."""
        stories = self.content.tickets
        return stories[self._random("ticket", ref).randrange(len(stories))] if stories else ()

    def answer_delay(self, conversation: str, number: int) -> Millis:
        """How long a customer takes over an answer."""
        return self._random("delay", conversation, number).randrange(40, 121) * SECOND

    def writes_again(self, conversation: str, number: int) -> bool:
        """Whether a customer without words of their own answers our reply ``number`` (from 0)."""
        likely = (0.75, 0.3)[number] if number < 2 else 0.0
        return self._random("again", conversation, number).random() < likely

    def stock_answer(self, topic: str, lang: str, conversation: str, used: list[str]) -> str:
        """Words for a customer who has none: by topic and language, none twice while others are left."""
        pool = self.content.answers.get(topic, {})
        lines = pool.get(lang) or pool.get("en") or ()
        fresh = [line for line in lines if line not in used] or list(lines)
        return self._random("stock", conversation).choice(fresh) if fresh else ""

    def tracking(self, what: object) -> str:
        """A tracking number that always belongs to the same thing."""
        return f"HP{self._random('tracking', what).randrange(440_000_000, 450_000_000)}HB"

    def filler(self, number: int) -> tuple[str, Person, Talk]:
        """Who comes by as the ``number``-th after the written story, and with what: (person's key, person, talk)."""
        rng = self._random("filler", number)
        chosen: Filler = rng.choice(self.content.fillers)
        who = rng.randrange(len(self.content.passers))
        words = {name: rng.choice(values) for name, values in self.content.slots.items()}
        words |= {"tracking": self.tracking(("filler", number)), "order": str(rng.randrange(4_800, 9_900))}
        words["thing_cap"] = words["thing"][0].upper() + words["thing"][1:]
        name = self.content.passers[who]
        talk = Talk(
            id=str(5_600 + number) if chosen.source == "helpdesk" else f"later-{number}", source=chosen.source,
            who=f"passer-{who}", topic=chosen.topic, subject=chosen.subject.format_map(words), queue="care",
            posts=(Post(text=chosen.text.format_map(words), lang=chosen.lang),))
        return talk.who, passer(name), talk


def passer(name: str) -> Person:
    """Somebody without a story: known everywhere under a plain handle."""
    word = name.lower().replace(" ", ".")
    few = len(word) * 7
    return Person(name=name, since="200d", on={
        "mastodon": Home(handle=f"@{word}@social.example", followers=few),
        "bluesky": Home(handle=f"{word}.example", followers=few),
        "helpdesk": Home(mail=f"{word}@mail.example")})
