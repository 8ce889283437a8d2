"""Made-up pages in the shape of real customer care: lengths, threads, repeats."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from agentdesk.config.schema import Config
from agentdesk.model.clock import DAY, HOUR, MINUTE, ManualClock, Millis
from agentdesk.model.customer import Profile
from agentdesk.model.message import Author, Direction, Kind, Message
from agentdesk.model.page import Page
from agentdesk.model.text import inert, inert_line
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import intake
from agentdesk.store.db import Db, Store
from agentdesk.sync.plan import plan

_COMMON = [
    "the", "my", "and", "you", "to", "is", "it", "for", "not", "on", "please", "order", "parcel", "delivered",
    "again", "late", "where", "help", "have", "still", "can", "with", "your", "was", "been", "this", "that",
    "waiting", "days", "number", "account", "refund",
]


class Maker:
    """Makes pages of one source, always the same for a seed."""

    def __init__(self, seed: int = 1, start: Millis = 1_735_689_600_000, *, answered: float = 0.75,
                 all_open: bool = False, pace: Millis = 2 * MINUTE) -> None:
        self._random = random.Random(seed)
        self._words = [*_COMMON, *(f"w{n:04x}" for n in range(20_000))]
        self._weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(self._words))))
        self._pool: list[str] = []
        self._place = 0
        self._at = start
        self._answered = answered
        self._all_open = all_open
        self._pace = pace
        self._number = 0
        self._thread = 0

    def text(self) -> str:
        """A message of about 106 characters."""
        length = max(2, min(400, int(self._random.lognormvariate(2.9, 0.5))))
        if self._place + length > len(self._pool):
            self._pool = self._random.choices(self._words, cum_weights=self._weights, k=20_000)
            self._place = 0
        words = self._pool[self._place : self._place + length]
        self._place += length
        return " ".join(words).capitalize() + "."

    def thread(self) -> list[Message]:
        """One conversation: a question, mostly an answer, sometimes more."""
        self._thread += 1
        who = self._random.randrange(self._thread // 2 + 1) + 1
        customer = Author(ref=f"u{who}", name=inert_line(f"Person {who}"), handle=inert_line(f"@p{who}"))
        us = Author(ref="us", name=inert_line("Acme"), handle=inert_line("@acme"))
        turns = self._turns()
        out: list[Message] = []
        at = self._at = self._at + self._random.randrange(self._pace)
        for turn in range(turns):
            self._number += 1
            at += self._random.randrange(60 * MINUTE)
            inbound = turn % 2 == 0
            out.append(Message(
                ref=f"m{self._number}", conversation_ref=f"t{self._thread}", author=customer if inbound else us,
                direction=Direction.IN if inbound else Direction.OUT, text=inert(self.text()), created_at=at,
                kind=Kind.MENTION if inbound else Kind.REPLY, parent_ref=out[-1].ref if out else ""))
        return out

    def _turns(self) -> int:
        """How many messages a conversation has; in a desk that is all open the customer has the last word."""
        if self._all_open:
            return self._random.choice((1, 3, 3, 5))
        return 1 + (self._random.random() < self._answered) + 2 * (self._random.random() < 0.3)

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


SOURCE = "file:made"


def home(folder: Path, conversations: int, now: Millis, *, name: str = "") -> Path:
    """A home for agentdesk with so many open conversations of about three messages each; kept for the next run.

    The conversations began over the last nine months, so that nearly all are late.
    """
    root = folder / (name or f"home-{conversations}")
    done = root / "complete"
    if not done.exists():
        _begin(root)
        pace = 270 * DAY // conversations * 2
        _fill(root, Maker(7, now - 270 * DAY, all_open=True, pace=pace), conversations, now)
        done.touch()
    return root


def ticking_home(folder: Path, now: Millis, *, within: Millis, conversations: int = 40) -> Path:
    """A home whose clocks run out evenly over ``within``, before and after the present; always made anew."""
    root = folder / f"home-ticking-{within // MINUTE}"
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    _begin(root)
    maker = Maker(3, all_open=True)
    target = 6 * HOUR  # of the default policy
    messages = [maker.thread()[0] for _ in range(conversations)]
    first = now - target - within // 2
    step = within // conversations
    page = Page(messages=tuple(_moved(m, first + place * step) for place, m in enumerate(messages)), cursor="1")
    _store(root, [page], now)
    return root


def _moved(message: Message, at: Millis) -> Message:
    return Message(ref=message.ref, conversation_ref=message.conversation_ref, author=message.author,
                   direction=message.direction, text=message.text, created_at=at, kind=message.kind)


def _begin(root: Path) -> None:
    for part in (root, root / "config", root / "data"):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    (root / "posts.jsonl").touch()
    (root / "config" / "config.yaml").write_text(
        "version: 1\nagent: {name: ann, zone: UTC}\n"
        f"sources:\n  - {{kind: file, name: made, path: {root}/posts.jsonl}}\n")


def _fill(root: Path, maker: Maker, conversations: int, now: Millis) -> None:
    def pages() -> Iterator[Page]:
        for start in range(0, conversations, 1_000):
            threads = [maker.thread() for _ in range(min(1_000, conversations - start))]
            yield Page(messages=tuple(message for thread in threads for message in thread), cursor=str(start))

    _store(root, pages(), now)


def _store(root: Path, pages: Iterable[Page], now: Millis) -> None:
    """Take pages in as a sync would."""
    rulebook = Rulebook.build(Config(), ZoneInfo("UTC"))
    (root / "data" / "desk.sqlite3").unlink(missing_ok=True)
    store = Store.open(root / "data" / "desk.sqlite3", ManualClock(now))
    try:
        for page in pages:

            def work(db: Db, page: Page = page) -> None:
                made = plan(SOURCE, page, intake.held(db, SOURCE, page), "pull", now)
                intake.apply(db, made, now, rulebook)

            store.write_now(work)
    finally:
        store.close()


def posts(path: Path, count: int) -> Path:
    """A file of so many posts as ``agentdesk import`` reads them."""
    maker, written = Maker(11), 0
    with path.open("w", encoding="utf-8") as out:
        while written < count:
            for message in maker.thread():
                written += 1
                out.write(json.dumps({
                    "id": message.ref, "conversation": message.conversation_ref, "author": message.author.ref,
                    "author_name": message.author.name, "handle": message.author.handle, "text": message.text,
                    "direction": message.direction.value, "created_at": message.created_at,
                    "in_reply_to": message.parent_ref or None}) + "\n")
    return path
