"""Reading years of messages from one file: page by page, each durable before the next, resumable, nothing dropped."""

from __future__ import annotations

import asyncio
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


def source_name(path: Path) -> str:
    """The source under which a file's messages stand when none is named."""
    label = re.sub(r"[^a-z0-9_.-]+", "-", path.stem.lower()).strip("-.") or "import"
    return f"file:{label[:40]}"


async def import_file(desk: Desk, path: Path, *, source: str = "", config: FileSource | None = None,
                      again: bool = False) -> ImportJob:
    """Read a whole file in; goes on where an earlier run was stopped unless ``again``. Emits Progress in bytes.

    Lines that cannot be understood go into quarantine with their number and reason and are counted.
    """
    job = _job(desk, *await asyncio.to_thread(_look, path), source, again)
    from agentdesk.connectors.file import read_bulk

    pages = read_bulk(path, job.offset, config=config)
    while True:
        step = await asyncio.to_thread(_next, pages)
        if step is None:
            break
        page, offset = step
        job = await _store(desk, job, page, offset)
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


def _job(desk: Desk, path: Path, size: int, source: str, again: bool) -> ImportJob:
    """The job to go on with, or a new one."""
    held = imports.find(desk.store.reader, str(path))
    if held is not None and not again:
        if held.finished_at is not None and held.size == size:
            raise Refused(f"{path.name} was read in already", f"{held.stored} messages, {held.rejected} lines rejected",
                          "Use --again to read it once more; nothing is stored twice")
        if size >= held.size and (not source or source == held.source):
            return msgspec.structs.replace(held, size=size, finished_at=None)
    return ImportJob(path=str(path), source=source or source_name(path), size=size, started_at=desk.now())


def _next(pages: Iterator[tuple[Page, int, int]]) -> tuple[Page, int] | None:
    found = next(pages, None)
    return None if found is None else (found[0], found[1])


async def _store(desk: Desk, job: ImportJob, page: Page, offset: int) -> ImportJob:
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
        imports.save(db, done)
        return done

    return await desk.store.write(work)
