"""A process of its own that works on a cache until it ends or is killed; started by the tests beside it.

``python -m tests.nothing_lost.store_child backfill PATH SEED KILL_AT`` and so on. It says on stdout what it knows to
be stored, one line each, right after the commit.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from agentdesk.config.schema import Config
from agentdesk.model.clock import ManualClock, SystemClock
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Draft, OutKind
from agentdesk.model.page import Page
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import drafts, intake, leases, ledger, sources
from agentdesk.store.db import Db, Store
from agentdesk.sync import holder
from agentdesk.sync.plan import plan
from tests.bench.made import Maker

SOURCE = "demo:made"
POSTS, PAGE = 5_000, 100
STEPS = ("CREATE TABLE a (x); INSERT INTO a VALUES (1), (2);",
         "CREATE TABLE b (x); INSERT INTO b SELECT x * 10 FROM a;",
         "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x * 100; CREATE INDEX a_y ON a (y);",
         "DROP TABLE b; CREATE TABLE c AS SELECT y FROM a;")
"""Four steps of a made-up schema."""


class Fuse:
    """Kills this process, without any goodbye, at the n-th step of the store."""

    def __init__(self, kill_at: int) -> None:
        self.left = kill_at

    def __call__(self, name: str) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def server(seed: int) -> list[Page]:
    """All pages that the made-up server has."""
    return list(Maker(seed).pages(POSTS, PAGE))


def say(*words: object) -> None:
    """Tell the test, at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def backfill(path: Path, seed: str, kill_at: str) -> None:
    """Fetch what is not stored yet, page by page."""
    clock = ManualClock()
    store = Store.open(path, clock, faults=Fuse(int(kill_at)))
    rules = Rulebook.build(Config(), ZoneInfo("UTC"))
    store.write_now(lambda db: sources.ensure(db, SOURCE, "demo", "D"))
    pages = server(int(seed))
    places = {None: 0} | {page.cursor: number + 1 for number, page in enumerate(pages)}
    for page in pages[places[sources.state(store.reader, SOURCE).cursor]:]:
        def work(db: Db, page: Page = page) -> None:
            intake.apply(db, plan(SOURCE, page, intake.held(db, SOURCE, page), "pull", clock.now()), clock.now(), rules)
        store.write_now(work)
        say("stored", page.cursor)
    store.close()
    say("end")


def migrate(path: Path, kill_at: str) -> None:
    """Upgrade a file to all the steps."""
    Store.open(path, ManualClock(), faults=Fuse(int(kill_at)), steps=STEPS).close()
    say("end")


def write(path: Path, name: str, number: str) -> None:
    """One of several processes that write at the same time."""
    store = Store.open(path, SystemClock())
    for n in range(int(number)):
        draft = Draft(conversation_id=n, agent=name, kind=OutKind.REPLY, text=f"{name} {n}",
                      visibility=Visibility.PUBLIC)

        def work(db: Db, draft: Draft = draft, n: int = n) -> None:
            drafts.save(db, draft, store.clock.now())
            ledger.write(db, at=store.clock.now(), agent=name, action="claimed", code=str(n))
        store.write_now(work)
        say("stored", n)
    store.close()
    say("end")


def lease(path: Path, length: str) -> None:
    """Try to get one lease for ever; says when it has it, then holds it."""
    store, me = Store.open(path, SystemClock()), holder.identity()
    while True:
        now = store.clock.now()
        has = store.write_now(lambda db, now=now: leases.take(  # type: ignore[misc]
            db, "collect:x", me, now + int(length), now, holder.alive))
        if has == me:
            say("mine", now)
            time.sleep(0.1)
        else:
            say("theirs", now)
            time.sleep(0.05)


if __name__ == "__main__":
    {"backfill": backfill, "migrate": migrate, "write": write, "lease": lease}[sys.argv[1]](
        Path(sys.argv[2]), *sys.argv[3:])
