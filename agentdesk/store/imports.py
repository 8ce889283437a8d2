"""How far the reading-in of a large file has come, so that it goes on where it was stopped."""

from __future__ import annotations

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.store import settings
from agentdesk.store.db import Db


class ImportJob(msgspec.Struct, frozen=True, kw_only=True):
    """One file that is or was read in; sizes in bytes."""

    path: str
    source: str
    size: int
    offset: int = 0
    lines: int = 0
    """Messages and rejected lines so far."""
    stored: int = 0
    rejected: int = 0
    started_at: Millis
    finished_at: Millis | None = None


def find(db: Db, path: str) -> ImportJob | None:
    """The job of a file, finished or not."""
    row = db.row("SELECT path, source, size, offset, lines, stored, rejected, started_at, finished_at FROM import_job "
                 "WHERE path = ?", path)
    return None if row is None else ImportJob(**dict(zip(ImportJob.__struct_fields__, row, strict=True)))


def mark(db: Db, path: str) -> str:
    """By what the part of a file that was read in is known again; empty when that was not kept."""
    return settings.get(db, f"import {path}")


def save(db: Db, job: ImportJob, mark: str = "") -> None:
    """Keep a job as it stands, with the mark of what was read; in the transaction that stores what it counts."""
    if mark:
        settings.put(db, f"import {job.path}", mark)
    db.run("INSERT OR REPLACE INTO import_job (path, source, size, offset, lines, stored, rejected, started_at, "
           "finished_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", job.path, job.source, job.size, job.offset, job.lines,
           job.stored, job.rejected, job.started_at, job.finished_at)
