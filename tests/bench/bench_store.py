"""How fast the store is at the size of a year: import with full-text index, windows, counts, search."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from agentdesk.config.schema import DEFAULT_VIEWS, Config
from agentdesk.model.clock import DAY, ManualClock
from agentdesk.model.page import Page
from agentdesk.rules.query import parse
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import conversations, drafts, intake, search
from agentdesk.store.db import Db, Store
from agentdesk.sync.plan import plan
from tests.bench.made import Maker
from tests.store.scene import Scene

pytestmark = pytest.mark.bench
SOURCE = "demo:made"
POSTS = 520_000
"""About 330,000 conversations, as unanswered as can be."""
WORDS = ("parcel", "w0100", "the", '"the parcel"', "the parcel", "par", "pa")
NOW = 1_767_225_600_000 + 100 * DAY


def take(store: Store, page: Page, rules: Rulebook) -> None:
    def work(db: Db) -> None:
        intake.apply(db, plan(SOURCE, page, intake.held(db, SOURCE, page), "pull", NOW), NOW, rules)
    store.write_now(work)


@pytest.fixture(scope="module")
def rules() -> Rulebook:
    return Rulebook.build(Config(), ZoneInfo("UTC"))


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory, rules: Rulebook) -> Iterator[Store]:
    """A year of an audited desk; prints how fast it came in."""
    store = Store.open(tmp_path_factory.mktemp("year") / "data" / "desk.sqlite3", ManualClock(NOW))
    done, cpu, wall = 0, 0.0, 0.0
    for page in Maker(7, answered=0.0).pages(POSTS, 1_000):
        begun = time.perf_counter(), time.process_time()
        take(store, page, rules)
        done, wall, cpu = done + len(page.messages), wall + time.perf_counter() - begun[0], (
            cpu + time.process_time() - begun[1])
    print(f"\nimport of {done} posts: {done / wall:,.0f}/s, by processor time {done / cpu:,.0f}/s, "
          f"{store.path.stat().st_size / done:,.0f} bytes a post")
    yield store
    store.close()


def measure(name: str, work: Callable[[], object], times: int = 40) -> None:
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1_000)
    took.sort()
    print(f"{name:32} p50 {statistics.median(took):8.2f} ms   p95 {took[int(len(took) * 0.95)]:8.2f} ms")


def test_windows_counts_and_search_at_the_size_of_a_year(year: Store) -> None:
    db, dice = year.reader, random.Random(1)
    keys = db.rows("SELECT rank, id FROM conversation WHERE state = 'open' ORDER BY random() LIMIT 200")
    open_ = search.Where()
    measure("window, top 50", lambda: conversations.window(db, open_, limit=50))
    measure("window of 200 anywhere", lambda: conversations.window(db, open_, after=dice.choice(keys)))
    measure("window of 200 before", lambda: conversations.window(db, open_, before=dice.choice(keys)))
    measure("window around one", lambda: conversations.around(db, open_, dice.choice(keys)[1]))
    for view in DEFAULT_VIEWS:
        where = search.where(parse(view.query), agent="ann", now=NOW)
        measure(f"view {view.name}", lambda where=where: conversations.window(db, where))  # type: ignore[misc]
    measure("figures of the status bar", lambda: conversations.counts(db, NOW))
    measure("head and thread", lambda: (conversations.get(db, dice.choice(keys)[1]),
                                        conversations.thread(db, dice.choice(keys)[1])))
    for words in WORDS:
        measure(f"search {words}", lambda words=words: search.find_text(db, words))  # type: ignore[misc]


def test_a_page_of_200_and_a_saved_draft_at_the_size_of_a_year(year: Store, rules: Rulebook) -> None:
    maker = Maker(8, start=NOW - DAY)
    pages = iter(list(maker.pages(6_000, 200)))
    offset = iter(range(30))

    def page() -> Page:
        made, number = next(pages), next(offset)
        return replace(made, messages=tuple(
            replace(m, ref=f"x{number}-{m.ref}", conversation_ref=f"x{m.conversation_ref}") for m in made.messages))

    measure("page of 200 posts stored", lambda: take(year, page(), rules), 25)
    scene = Scene(year, ManualClock(NOW), rules)
    text = "a draft of some length " * 10
    measure("draft saved durably", lambda: scene.draft(1, text), 60)
    assert drafts.all(year.reader)
