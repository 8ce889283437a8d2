"""Small things that the cache remembers by name."""

from __future__ import annotations

from agentdesk.store.db import Db


def get(db: Db, name: str) -> str:
    """What is remembered under a name; empty when nothing is."""
    return str(db.value("SELECT value FROM setting WHERE name = ?", name) or "")


def put(db: Db, name: str, value: str) -> None:
    """Remember something under a name, in the place of what was there."""
    db.run("INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2", name, value)


def beginning(db: Db, start: str) -> dict[str, str]:
    """All that is remembered under names that begin so, by the rest of the name."""
    rows = db.rows("SELECT name, value FROM setting WHERE name GLOB ?", f"{start}*")
    return {name.removeprefix(start): value for name, value in rows}
