"""Reading years of messages from one file: page by page, each durable before the next, resumable, nothing dropped."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from agentdesk.config.sources import FileSource
from agentdesk.desk.desk import Desk
from agentdesk.errors import NotFound, Refused
from agentdesk.model.events import Changed, Progress
from agentdesk.model.page import Page
from agentdesk.store import imports, intake, sources
from agentdesk.store.db import Db
from agentdesk.store.imports import ImportJob
from agentdesk.sync.plan import plan

TASK = "import"
HEAD, TAIL = 65_536, 4_096
"""Bytes at the beginning and at the end of what was read by which it is known again."""


def source_name(path: Path) -> str:
    """The source under which a file's messages stand when none is named."""
    label = re.sub(r"[^a-z0-9_.-]+", "-", path.stem.lower()).strip("-.") or "import"
    return f"file:{label[:40]}"


async def import_file(desk: Desk, path: Path, *, source: str = "", config: FileSource | None = None,
                      again: bool = False) -> ImportJob:
    """Read a whole file in; goes on where an earlier run was stopped unless ``again``. Emits Progress in bytes.

    Lines that cannot be understood go into quarantine with their number and reason and are counted. Where other words
    stand now in what was read before, it is another file, and is read from its beginning.
    """
    path, size = await asyncio.to_thread(_look, path)
    held = imports.find(desk.store.reader, str(path))
    known = imports.mark(desk.store.reader, str(path))
    if held is not None and (size < held.offset or await asyncio.to_thread(_mark, path, held.offset) != known):
        held = None
    job = _job(desk, held, path, size, source, again)
    from agentdesk.connectors.file.connector import read_bulk

    pages = read_bulk(path, job.offset, config=config)
    while True:
        step = await asyncio.to_thread(_next, pages, path)
        if step is None:
            break
        page, offset, mark = step
        job = await _store(desk, job, page, offset, mark)
        desk.emit(Progress(task=TASK, done=offset, total=job.size))
    job = msgspec.structs.replace(job, finished_at=desk.now())
    await desk.store.write(lambda db: imports.save(db, job))
    desk.emit(Progress(task=TASK, done=job.size, total=job.size, finished=True))
    desk.emit(Changed())
    return job


def _look(path: Path) -> tuple[Path, int]:
    """The file's full path and its size in bytes."""
    if not path.is_file():
        raise NotFound(f"There is no file {path}", "", "Name a JSONL or CSV file")
    return path.resolve(), path.stat().st_size


def _mark(path: Path, offset: int) -> str:
    """By what the first ``offset`` bytes of a file are known again: how they begin and how they end."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(min(offset, HEAD)))
        file.seek(max(0, offset - TAIL))
        digest.update(file.read(min(offset, TAIL)))
    return f"{offset} {digest.hexdigest()[:32]}"


def _job(desk: Desk, held: ImportJob | None, path: Path, size: int, source: str, again: bool) -> ImportJob:
    """The job to go on with, or a new one."""
    if held is not None and not again:
        if held.finished_at is not None and held.size == size:
            raise Refused(f"{path.name} was read in already", f"{held.stored} messages, {held.rejected} lines rejected",
                          "Use --again to read it once more; nothing is stored twice")
        if size >= held.size and (not source or source == held.source):
            return msgspec.structs.replace(held, size=size, finished_at=None)
    return ImportJob(path=str(path), source=source or source_name(path), size=size, started_at=desk.now())


def _next(pages: Iterator[tuple[Page, int, int]], path: Path) -> tuple[Page, int, str] | None:
    found = next(pages, None)
    return None if found is None else (found[0], found[1], _mark(path, found[1]))


async def _store(desk: Desk, job: ImportJob, page: Page, offset: int, mark: str) -> ImportJob:
    """Store one page and how far it brings the job, in one transaction."""
    now, source = desk.now(), job.source

    def work(db: Db) -> ImportJob:
        if job.offset == 0:
            sources.ensure(db, source, "file", "F")
        made = plan(source, page, intake.held(db, source, page), "history", now)
        intake.apply(db, made, now, desk.rulebook)
        done = msgspec.structs.replace(
            job, offset=offset, lines=job.lines + len(page.messages) + len(made.rejects),
            stored=job.stored + len(made.add), rejected=job.rejected + len(made.rejects))
        imports.save(db, done, mark)
        return done

    return await desk.store.write(work)
