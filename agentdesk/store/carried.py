"""Customers' files that were fetched to go along with a ticket: where they lie, and when they are removed again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from agentdesk.model.clock import HOUR, SECOND, Millis
from agentdesk.model.outgoing import Outgoing, OutKind, Upload
from agentdesk.store.codec import unpack
from agentdesk.store.db import Db

KEPT: Millis = HOUR
"""A file that nothing names is left alone this long: it may just be arriving."""
_UPLOADS = msgspec.json.Decoder(tuple[Upload, ...]).decode


def folder(database: Path) -> Path:
    """Where they lie; no folder while there are none."""
    return database.with_name("carried")


def sweep(db: Db, now: Millis) -> int:
    """Remove the files that no draft and no unsettled entry of the outbox names; returns how many."""
    place = folder(Path(db.path)).resolve()  # drafts name their files without links on the way
    if not place.is_dir():
        return 0
    named, gone = _named(db), 0
    for path in sorted(place.iterdir()):
        if str(path) not in named and path.stat().st_mtime * SECOND < now - KEPT:
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def _named(db: Db) -> set[str]:
    """The paths of all files that are still to leave, or may be sent again."""
    drafts = db.rows("SELECT uploads FROM draft WHERE uploads <> ''")
    found = [upload for (text,) in drafts for upload in _UPLOADS(text)]
    for (body,) in db.rows("SELECT body FROM outbox WHERE kind = ? AND state NOT IN ('sent', 'cancelled')",
                           OutKind.TICKET.value):
        found += unpack(body, Outgoing).uploads
    return {upload.path for upload in found}
