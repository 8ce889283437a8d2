"""Sources as the cache knows them: cursor, account, health, what they could not show."""

from __future__ import annotations

import builtins
from typing import Any

from agentdesk.errors import NotFound
from agentdesk.model.capability import Caps
from agentdesk.model.clock import Millis
from agentdesk.model.page import Account, Budget, Gap
from agentdesk.model.source import ANEW, NOTHING, OpenGap, Quarantined, SourceState
from agentdesk.store import ledger
from agentdesk.store.codec import pack, unpack
from agentdesk.store.db import Db
from agentdesk.store.sqlite_errors import reading

_SELECT = ("SELECT name, kind, letter, state, account, cursor, cursor_at, backfilled, last_try_at, last_ok_at, "
           "next_try_at, title, cause, remedy, failures, budget, skew, "
           "(SELECT count(*) FROM gap WHERE gap.source = source.name AND closed_at IS NULL), "
           "(SELECT count(*) FROM quarantine AS q WHERE q.source = source.name) FROM source")
LATELY = 20_000
"""So many messages of all sources are looked through for how late they come in."""


def ensure(db: Db, name: str, kind: str, letter: str) -> None:
    """See to it that a configured source has its row."""
    db.run("INSERT INTO source (name, kind, letter) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET kind = excluded.kind, "
           "letter = excluded.letter WHERE kind <> excluded.kind OR letter <> excluded.letter", name, kind, letter)


def state(db: Db, name: str) -> SourceState:
    """How one source stands; NotFound when there is none of that name."""
    row = db.row(f"{_SELECT} WHERE name = ?", name)
    if row is None:
        known = ", ".join(each[0] for each in db.rows("SELECT name FROM source ORDER BY name")) or "none"
        raise NotFound(f"There is no source {name}", f"Sources: {known}", "Look at the configuration")
    with reading(db.path):
        return _state(row)


def all(db: Db) -> builtins.list[SourceState]:  # noqa: A001 - sources.all reads well
    """How every source stands, by name."""
    with reading(db.path):
        return [_state(row) for row in db.rows(f"{_SELECT} ORDER BY name")]


def note_ok(db: Db, name: str, now: Millis, next_try_at: Millis | None = None) -> None:
    """Remember that the source answered; one that was paused meanwhile stays so."""
    db.run("UPDATE source SET state = iif(state = 'paused', state, 'ok'), last_try_at = ?1, last_ok_at = ?1, "
           "next_try_at = ?2, title = '', cause = '', remedy = '', failures = 0 WHERE name = ?3", now,
           next_try_at, name)


def note_meter(db: Db, name: str, budget: Budget | None, skew: Millis | None) -> None:
    """Remember what the source's answers told of its limits and its clock."""
    db.run("UPDATE source SET budget = ?, skew = ? WHERE name = ?", pack(budget) if budget else "", skew, name)


def lag(db: Db, name: str, latest: int = 20) -> Millis | None:
    """How long after they were written the latest messages of customers came in, the middle one; None without any.

    Sorting all that a source ever sent would take half a second at the end of a busy year.
    """
    waits = sorted(row[0] for row in db.rows(
        "SELECT max(0, m.seen_at - m.created_at) FROM message AS m JOIN conversation AS c ON c.id = m.conversation_id "
        "WHERE m.id IN (SELECT id FROM message WHERE +source = ?1 AND direction = 'in' "
        "AND id > (SELECT max(id) FROM message) - ?3 ORDER BY id DESC LIMIT ?2) AND NOT c.backfill",
        name, latest, LATELY))
    return int(waits[len(waits) // 2]) if waits else None


def note_failure(db: Db, name: str, state: str, title: str, cause: str, remedy: str, now: Millis,
                 next_try_at: Millis | None = None) -> None:
    """Remember that the source failed, in words; ``state`` is retry, offline, auth or stopped, a pause stays one."""
    db.run("UPDATE source SET state = iif(state = 'paused', state, ?), title = ?, cause = ?, remedy = ?, "
           "last_try_at = ?, next_try_at = ?, failures = failures + 1 WHERE name = ?",
           state, title, cause, remedy, now, next_try_at, name)


def names(db: Db) -> frozenset[str]:
    """Every source that was ever collected or configured here."""
    return frozenset(row[0] for row in db.rows("SELECT name FROM source"))


def paused(db: Db) -> frozenset[str]:
    """The sources that a person has paused."""
    return frozenset(row[0] for row in db.rows("SELECT name FROM source WHERE state = 'paused'"))


def set_state(db: Db, name: str, state: str) -> None:
    """Set the state alone: paused, new."""
    db.run("UPDATE source SET state = ? WHERE name = ?", state, name)


def set_cursor(db: Db, name: str, cursor: str | None, now: Millis) -> None:
    """Move the cursor; belongs into the transaction that stored what it covers."""
    db.run("UPDATE source SET cursor = ?, cursor_at = ? WHERE name = ?", cursor, now, name)


def set_account(db: Db, name: str, account: Account) -> None:
    """Remember who we are there."""
    db.run("UPDATE source SET account = ? WHERE name = ?", pack(account), name)


def set_caps(db: Db, name: str, caps: Caps) -> None:
    """Remember what the source can do, for when it is not connected."""
    db.run("UPDATE source SET caps = ?1 WHERE name = ?2 AND caps <> ?1", pack(caps), name)


def caps(db: Db) -> dict[str, Caps]:
    """What each source could do when it was connected last; without those that never were."""
    with reading(db.path):
        return {name: unpack(known, Caps) for name, known in db.rows("SELECT name, caps FROM source WHERE caps <> ''")}


def add_gap(db: Db, name: str, gap: Gap, now: Millis) -> int:
    """Remember a stretch that the source could not show; the same one told again stays one."""
    found = db.value("SELECT id FROM gap WHERE source = ? AND reason = ? AND since IS ? AND closed_at IS NULL",
                     name, gap.reason, gap.since)
    if found is not None:
        db.run("UPDATE gap SET until = coalesce(?, until) WHERE id = ?", gap.until, found)
        return int(found)
    return db.insert("INSERT INTO gap (source, reason, since, until, found_at) VALUES (?, ?, ?, ?, ?)",
                     name, gap.reason, gap.since, gap.until, now)


def gaps(db: Db, name: str | None = None) -> builtins.list[OpenGap]:
    """The stretches that nobody could see yet, oldest first."""
    rows = db.rows("SELECT id, source, reason, since, until, found_at FROM gap WHERE closed_at IS NULL "
                   "AND (?1 IS NULL OR source = ?1) ORDER BY id", name)
    return [OpenGap(id=number, source=source, reason=reason, since=since, until=until, found_at=found_at)
            for number, source, reason, since, until, found_at in rows]


def settle_gaps(db: Db, name: str, agent: str, now: Millis) -> int:
    """Close the stretches of a source by the word of somebody who looked there; returns how many there were.

    One that shows nothing any more begins anew: what it had before is not expected of it again.
    """
    if state(db, name).state == "empty":
        add_gap(db, name, Gap(reason=NOTHING), now)
        db.run("UPDATE source SET state = 'new', title = '', cause = '', remedy = '', failures = 0 WHERE name = ?",
               name)
        set_cursor(db, name, ANEW, now)
    closed = db.run("UPDATE gap SET closed_at = ? WHERE source = ? AND closed_at IS NULL", now, name)
    if closed:
        ledger.write(db, at=now, agent=agent, action="looked_there", source=name, detail={"stretches": closed})
    return closed


def known_empty(db: Db, name: str) -> bool:
    """True when somebody looked at a source that showed nothing, and no message has come from it since."""
    looked = db.value("SELECT max(closed_at) FROM gap WHERE source = ? AND reason = ?", name, NOTHING)
    if looked is None:
        return False
    return db.value("SELECT 1 FROM message WHERE source = ? AND direction = 'in' AND seen_at > ? LIMIT 1",
                    name, looked) is None


def quarantined(db: Db, name: str | None = None, limit: int = -1) -> builtins.list[Quarantined]:
    """Items that could not be understood, newest first."""
    rows = db.rows("SELECT id, source, place, reason, raw, found_at FROM quarantine "
                   "WHERE (?1 IS NULL OR source = ?1) ORDER BY id DESC LIMIT ?2", name, limit)
    return [Quarantined(id=number, source=source, place=place, reason=reason, raw=raw, found_at=found_at)
            for number, source, place, reason, raw, found_at in rows]


def _state(row: tuple[Any, ...]) -> SourceState:
    (name, kind, letter, state, account, cursor, cursor_at, backfilled, last_try_at, last_ok_at, next_try_at, title,
     cause, remedy, failures, budget, skew, gaps, rejects) = row
    return SourceState(
        name=name, kind=kind, letter=letter, state=state, account=unpack(account, Account) if account else None,
        cursor=cursor, cursor_at=cursor_at, backfilled=bool(backfilled), last_try_at=last_try_at, last_ok_at=last_ok_at,
        next_try_at=next_try_at, title=title, cause=cause, remedy=remedy, failures=failures, gaps=gaps, rejects=rejects,
        budget=unpack(budget, Budget) if budget else None, skew=skew)
