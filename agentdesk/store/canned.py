"""The canned replies that help desks hold, kept here so that they are at hand offline."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.page import RemoteCanned
from agentdesk.store.codec import pack
from agentdesk.store.db import Db
from agentdesk.store.sqlite_errors import reading

_actions = msgspec.json.Decoder(tuple[str, ...]).decode


def replace(db: Db, source: str, found: Iterable[RemoteCanned], now: Millis) -> None:
    """Keep what a source holds now, in the place of what it held before."""
    db.run("DELETE FROM canned WHERE source = ?", source)
    db.many("INSERT OR REPLACE INTO canned (source, ref, name, title, text, actions) VALUES (?, ?, ?, ?, ?, ?)",
            [(source, one.ref, one.name, one.title, one.text, pack(one.actions)) for one in found])
    db.run("UPDATE source SET canned_at = ? WHERE name = ?", now, source)


def fetched_at(db: Db, source: str) -> Millis | None:
    """When a source was asked for them last; None when never."""
    found = db.value("SELECT canned_at FROM source WHERE name = ?", source)
    return None if found is None else int(found)


def all(db: Db) -> list[tuple[str, RemoteCanned]]:  # noqa: A001 - canned.all reads well
    """Every one with the source that holds it."""
    rows = db.rows("SELECT source, ref, name, title, text, actions FROM canned ORDER BY source, name, ref")
    with reading(db.path):
        return [(source, RemoteCanned(ref=ref, name=name, title=title, text=text, actions=_actions(actions)))
                for source, ref, name, title, text, actions in rows]
