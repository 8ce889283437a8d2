"""Made-up pages in the shape of real customer care: lengths, threads, repeats."""

from __future__ import annotations

import random
from collections.abc import Iterator

from agentdesk.model.clock import MINUTE, Millis
from agentdesk.model.customer import Profile
from agentdesk.model.message import Author, Direction, Kind, Message
from agentdesk.model.page import Page
from agentdesk.model.text import inert, inert_line

_COMMON = ("the my and you to is it for not on please order parcel delivered again late where help have still "
           "can with your was been this that waiting days number account refund").split()


class Maker:
    """Makes pages of one source, always the same for a seed."""

    def __init__(self, seed: int = 1, start: Millis = 1_735_689_600_000, *, answered: float = 0.75) -> None:
        self._random = random.Random(seed)
        self._words = [*_COMMON, *(f"w{n:04x}" for n in range(20_000))]
        self._weights = [1 / (rank + 2) for rank in range(len(self._words))]
        self._pool: list[str] = []
        self._at = start
        self._answered = answered
        self._number = 0
        self._thread = 0

    def text(self) -> str:
        """A message of about 106 characters."""
        if len(self._pool) < 1_000:
            self._pool = self._random.choices(self._words, self._weights, k=200_000)
        length = max(2, int(self._random.lognormvariate(2.9, 0.5)))
        words, self._pool = self._pool[:length], self._pool[length:]
        return " ".join(words).capitalize() + "."

    def thread(self) -> list[Message]:
        """One conversation: a question, mostly an answer, sometimes more."""
        self._thread += 1
        who = self._random.randrange(self._thread // 2 + 1) + 1
        customer = Author(ref=f"u{who}", name=inert_line(f"Person {who}"), handle=inert_line(f"@p{who}"))
        us = Author(ref="us", name=inert_line("Acme"), handle=inert_line("@acme"))
        turns = 1 + (self._random.random() < self._answered) + 2 * (self._random.random() < 0.3)
        out: list[Message] = []
        at = self._at = self._at + self._random.randrange(2 * MINUTE)
        for turn in range(turns):
            self._number += 1
            at += self._random.randrange(60 * MINUTE)
            inbound = turn % 2 == 0
            out.append(Message(
                ref=f"m{self._number}", conversation_ref=f"t{self._thread}", author=customer if inbound else us,
                direction=Direction.IN if inbound else Direction.OUT, text=inert(self.text()), created_at=at,
                kind=Kind.MENTION if inbound else Kind.REPLY, parent_ref=out[-1].ref if out else ""))
        return out

    def pages(self, messages: int, size: int = 1_000, *, backfill: bool = True) -> Iterator[Page]:
        """Pages of about ``size`` messages until there are ``messages``."""
        done = 0
        while done < messages:
            page: list[Message] = []
            while len(page) < size:
                page += self.thread()
            done += len(page)
            profiles = tuple({m.author.ref: Profile(ref=m.author.ref, name=m.author.name, handle=m.author.handle,
                                                    followers=self._random.randrange(2_000))
                              for m in page if m.direction is Direction.IN}.values())
            yield Page(messages=tuple(page), profiles=profiles, cursor=str(done), more=True, backfill=backfill)
