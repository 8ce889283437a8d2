"""I14: everything can leave: export, import into an empty profile, and export again is the same byte for byte."""

from __future__ import annotations

import io
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agentdesk.config.schema import Config
from agentdesk.errors import Refused, UsageError
from agentdesk.model.clock import DAY, MINUTE, ManualClock
from agentdesk.model.conversation import State
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import OutKind, Verb
from agentdesk.model.page import Gap, Reject, RemoteCanned
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import (
    canned,
    conversations,
    customers,
    decisions,
    integrity,
    ledger,
    links,
    matches,
    outbox,
    promises,
    reactions,
    search,
    transfer,
)
from agentdesk.store.db import Db, Store
from tests.bench.made import Maker
from tests.store.scene import SAM, Scene, changed, move


def lived_in(path: Path) -> Store:
    """A store with something in every table."""
    clock = ManualClock()
    store = Store.open(path, clock)
    scene = Scene(store, clock, Rulebook.build(Config(), ZoneInfo("UTC")))
    for page in Maker(2).pages(2_500, 500):
        scene.take(*page.messages, profiles=page.profiles, backfill=True)
    post = scene.message("Ünïcode «quotes» \"x\" \\ 👩‍👩‍👧\nline two", thread="x", raw="a\x00b\ud800")
    scene.take(post, rejects=(Reject(where="line 1", reason="no id", raw="{"),), gap=Gap(reason="cut"))
    scene.take(changed(post, "edited", clock.now()), removed=("m3",))
    number = conversations.by_ref(scene.db, "mastodon:acme", "x")
    assert number is not None
    scene.draft(number, "unfinished")
    scene.draft(number, "a note", kind=OutKind.NOTE, agent="bob")
    entry = scene.freeze(number, "on its way", agent="cid")
    assert scene.start(entry)
    scene.reply(scene.ask(thread="y"))
    scene.take(scene.message("Hi", thread="y", author=SAM, direction=Direction.OUT))

    def more(db: Db) -> None:
        outbox.unknown(db, entry, "cut off", "wait", 5)
        promises.make(db, number, "ann", "call back", clock.now() + DAY, clock.now())
        links.make(db, number, "ticket", "ann", 1, url="https://rt.example/5512")
        customers.put_column(db, 1, "note", "likes tea")
        customers.put_column(db, 1, "vip", True)
        move(db, number, State.SNOOZED, clock.now(), until=clock.now() + MINUTE)
        decisions.write(db, number, {"tags": '["lost","vip"]'})
        ledger.write(db, at=1, agent="ann", action="praise", conversation_id=number, detail={"batch": "b"})
        reactions.put(db, "mastodon:acme", reactions.Reaction(Verb.LIKE, "m1"), number, "ann", 7)
        matches.part(db, customers.get(db, 1).identities, customers.get(db, 2).identities, "ann", 8)
        canned.replace(db, "rt:help", [RemoteCanned(ref="1", name="hello", title="Hello", text="Hi")], 9)
        db.run("INSERT INTO setting VALUES ('last_handover', '5')")
        db.run("INSERT INTO import_job VALUES ('/x', 'file:x', 1, 1, 1, 1, 0, 1, NULL)")
        db.run("INSERT INTO undelivered VALUES ('mail:x', 'm9', '', 'no such user', 6)")
        db.run("INSERT INTO lease VALUES ('collect:x', 'me', 5)")

    store.write_now(more)
    return store


def exported(store: Store) -> str:
    out = io.StringIO()
    reader = store.new_reader()
    counts = transfer.export(reader, out)
    reader.close()
    first, *_, last = out.getvalue().splitlines()
    assert json.loads(first)["agentdesk"] == transfer.FORMAT
    assert json.loads(last) == {transfer.END: {"rows": sum(counts.values())}}
    assert sum(counts.values()) == out.getvalue().count("\n") - 2
    return out.getvalue()


def test_export_import_export_is_the_same(tmp_path: Path) -> None:
    store = lived_in(tmp_path / "one" / "desk.sqlite3")
    text = exported(store)
    told = {next(iter(json.loads(line))) for line in text.splitlines()[1:-1]}
    tables = {row[0] for row in store.reader.rows(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'message_text%'")}
    assert told == tables - {"lease", "tally"}, "every table that holds something of its own"
    other = Store.open(tmp_path / "two" / "desk.sqlite3", ManualClock())
    counts = other.write_now(lambda db: transfer.load(db, io.StringIO(text)))
    assert counts["message"] == store.reader.value("SELECT count(*) FROM message")
    assert exported(other) == text
    assert integrity.check(other) == integrity.check(store) == []
    for words in ("edited", "way", "w00"):
        assert search.find_text(other.reader, words) == search.find_text(store.reader, words)
    assert conversations.counts(other.reader, 10**13) == conversations.counts(store.reader, 10**13)
    assert conversations.window(other.reader, search.Where(sql="1")) == conversations.window(
        store.reader, search.Where(sql="1"))
    store.close()
    other.close()


def test_an_import_does_not_touch_a_profile_with_something_in_it(tmp_path: Path) -> None:
    store = lived_in(tmp_path / "one" / "desk.sqlite3")
    text = exported(store)
    with pytest.raises(Refused, match="not empty"):
        store.write_now(lambda db: transfer.load(db, io.StringIO(text)))
    assert exported(store) == text
    store.close()


@pytest.mark.parametrize("spoil", [
    lambda lines: [], lambda lines: ["hello\n"], lambda lines: lines[1:],
    lambda lines: ['{"agentdesk": 1, "schema": 99}\n', *lines[1:]], lambda lines: [*lines[:40], "{\n", *lines[40:]],
    lambda lines: [*lines[:40], '{"sqlite_schema":{"name":"x"}}\n', *lines[40:]],
    lambda lines: [*lines[:40], '{"draft":{"x) VALUES (1);--":1}}\n', *lines[40:]],
    lambda lines: [*lines[:-2], lines[-2][:20]], lambda lines: lines[:1], lambda lines: lines[:40],
    lambda lines: lines[:-1], lambda lines: [*lines[:-3], *lines[-2:]], lambda lines: [*lines, lines[-2]],
])
def test_a_file_that_is_not_a_whole_export_changes_nothing(tmp_path: Path, spoil: object) -> None:
    store = lived_in(tmp_path / "one" / "desk.sqlite3")
    lines = exported(store).splitlines(keepends=True)
    store.close()
    other = Store.open(tmp_path / "two" / "desk.sqlite3", ManualClock())
    empty = exported(other)
    with pytest.raises(UsageError) as caught:
        other.write_now(lambda db: transfer.load(db, spoil(lines)))  # type: ignore[operator]
    assert caught.value.remedy
    assert exported(other) == empty
    other.close()
