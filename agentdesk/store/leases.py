"""Leases: who of several processes does something that only one may do."""

from __future__ import annotations

from collections.abc import Callable

from agentdesk.model.clock import Millis
from agentdesk.store.db import Db


def take(db: Db, name: str, holder: str, until: Millis, now: Millis, alive: Callable[[str], bool]) -> str:
    """Take or renew a lease unless another living holder has it; returns who holds it now."""
    row = db.row("SELECT holder, until FROM lease WHERE name = ?", name)
    if row is not None:
        other, ends = row
        if other != holder and ends > now and alive(other):
            return str(other)
    db.run("INSERT INTO lease VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET holder = excluded.holder, "
           "until = excluded.until", name, holder, until)
    return holder


def holder(db: Db, name: str, now: Millis) -> str:
    """Who holds a lease that has not run out; empty for nobody."""
    return str(db.value("SELECT holder FROM lease WHERE name = ? AND until > ?", name, now) or "")


def holders(db: Db) -> list[str]:
    """Everybody who holds a lease, whether it has run out or not."""
    return list(dict.fromkeys(row[0] for row in db.rows("SELECT holder FROM lease ORDER BY name")))


def drop(db: Db, name: str, holder: str) -> None:
    """Give a lease back, if it is ours."""
    db.run("DELETE FROM lease WHERE name = ? AND holder = ?", name, holder)
