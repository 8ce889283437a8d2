"""Posts from a file, or a folder of files, that grows; replies are appended to another file.

This is how any program can feed the desk, and how a year of posts is read in at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from agentdesk.config.sources import FileSource
from agentdesk.connectors.base import Connector, Verdict, check_kind
from agentdesk.connectors.file import out_file
from agentdesk.connectors.file.lines import ENCODED, Header, Lines
from agentdesk.connectors.file.tail import Batch, Place, blocks, is_csv, list_files, scan, settle, take
from agentdesk.errors import Gone, Rejected, Unavailable
from agentdesk.model.capability import Caps, SendStrength
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.customer import Profile
from agentdesk.model.message import Direction, Message
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, Receipt
from agentdesk.model.page import Account, Gap, Page
from agentdesk.model.text import inert_line

T = TypeVar("T")
REMEMBERS_S = 10 * 365 * 24 * 3600
"""The out file keeps our ids for good; ten years say it in seconds."""
BULK = 1_000
"""Lines to a page when a whole file is read in."""
COLUMNS = "Say which column holds which field: columns: in the configuration, --column FIELD=COLUMN for an import"
_SEARCHABLE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:@-#+ ")


def read_bulk(path: Path, start: int = 0, *, config: FileSource | None = None) -> Iterator[tuple[Page, int, int]]:
    """Read a whole file from byte ``start`` in pages of 1,000 lines: (page, offset to go on from, bytes done).

    For a thread: it blocks. A last line without a line break counts as a line.
    """
    config = config or FileSource(name="import", path=str(path))
    lines, quoted = Lines(config), is_csv(path, config.format)
    total = path.stat().st_size
    header: Header | None = None
    for top, records, offset in blocks(path, start, BULK, quoted=quoted):
        header = header or _header(lines, top, path)
        page = lines.page(records, path.name, header)
        yield msgspec.structs.replace(page, backfill=True, total=total, done=offset), offset, offset - start


class FileConnector(Connector):
    """One file or folder as a source."""

    def __init__(self, config: FileSource, clock: Clock) -> None:
        self.name = config.full_name
        self.caps = Caps(
            letter=config.letter or "F",
            can_note=True,
            send_strength=SendStrength.KEY,
            replay_s=REMEMBERS_S,
            visibilities=("public", "direct"),
            poll_s=(config.poll or 2 * SECOND) / SECOND,
            live=True,
        )
        self._config = config
        self._clock = clock
        self._path = Path(config.path).expanduser()
        self._out = Path(config.out).expanduser() if config.out else Path(f"{self._path}.replies.jsonl")
        self._lines = Lines(config)
        self._own_lines = Lines(FileSource(name=config.name, path=str(self._out)))

    async def verify(self) -> Account:
        """Look whether the file can be read."""
        files = await self._do(self._files)
        warnings = () if files else (f"{self._path} holds no .jsonl, .ndjson, .json, .csv or .tsv file yet",)
        return Account(
            ref=str(self._path), handle=inert_line(self._path.name), server="this machine", warnings=warnings
        )

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """Read the next lines; what was there on first connect is history."""
        return await self._do(lambda: self._pull(cursor, limit))

    async def thread(self, conversation_ref: str) -> Page:
        """Search the files for everything in one thread."""
        page = await self._do(lambda: self._search(conversation_ref))
        messages = tuple(m for m in page.messages if m.conversation_ref == conversation_ref)
        if not messages:
            raise Gone(f"{self.name}: no line belongs to {conversation_ref} any more")
        return Page(
            messages=_sorted(messages),
            conversations=tuple(c for c in page.conversations if c.ref == conversation_ref),
            profiles=_profiles(page, messages),
        )

    async def customer(self, customer_ref: str) -> Profile:
        """What the latest line of a person tells about them."""
        page = await self._do(lambda: self._search(customer_ref))
        for profile in reversed(page.profiles):
            if profile.ref == customer_ref:
                return profile
        raise Gone(f"{self.name}: no line is by {customer_ref}")

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """A person's posts in their latest ``limit`` threads."""
        page = await self._do(lambda: self._search(customer_ref))
        theirs = _sorted(tuple(m for m in page.messages if m.author.ref == customer_ref))
        latest = list(dict.fromkeys(m.conversation_ref for m in reversed(theirs)))[:limit]
        return Page(
            messages=tuple(m for m in theirs if m.conversation_ref in latest),
            conversations=tuple(c for c in page.conversations if c.ref in latest),
            profiles=tuple(p for p in page.profiles if p.ref == customer_ref)[-1:],
            backfill=True,
        )

    def freeze(self, out: Outgoing) -> str:
        """Nothing: the client id is all it takes."""
        return ""

    async def send(self, out: Outgoing) -> Receipt:
        """Append a reply to the out file; once per client id, however often it is called."""
        check_kind(self.name, self.caps, out)
        if not out.text.strip():
            raise Rejected(f"{self.name}: there is nothing to send", remedy="Write something first")
        at = self._clock.now()
        line = out_file.line_of(out, at)
        await asyncio.to_thread(out_file.append, self._out, line, out.client_id)
        return Receipt(ref=out.client_id, created_at=at)

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for the client id in the out file."""
        found = await self._do(lambda: out_file.contains(self._out, out.client_id))
        return Found(Receipt(ref=out.client_id)) if found else Absent()

    async def act(self, action: Action) -> None:
        """Files know no states or assignees."""
        raise Rejected(f"{self.name}: a file cannot do {action.verb}", remedy="It is kept on this desk only")

    async def hints(self) -> AsyncIterator[None]:
        """Look at sizes and names once a second."""
        seen = await asyncio.to_thread(self._shape)
        while True:
            await self._clock.sleep(SECOND)
            now = await asyncio.to_thread(self._shape)
            if now != seen:
                seen = now
                yield

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _do(self, work: Callable[[], T]) -> T:
        """Run file work in a thread, its failures in words."""
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            path = error.filename or self._path
            remedy = "Check path: in the source's configuration, and that you may read it"
            raise Unavailable(f"{self.name}: {path} cannot be read", error.strerror or str(error), remedy) from error

    def _files(self) -> list[Path]:
        if not self._path.is_dir():
            self._path.stat()
        return list_files(self._path, self._config.format, self._out)

    def _everything(self) -> list[Path]:
        return [*self._files(), *([self._out] if self._out.exists() else [])]

    def _shape(self) -> tuple[tuple[str, int, int], ...]:
        """Names, inodes and sizes: different when something may be new."""
        try:
            stats = [(str(path), path.stat()) for path in self._everything()]
            return tuple((name, stat.st_ino, stat.st_size) for name, stat in stats)
        except OSError:
            return ()

    def _pull(self, cursor: str | None, limit: int) -> Page:
        place = _read_cursor(cursor)
        work, gaps = settle(place, self._everything())
        history = any(mark.offset < mark.until for _, mark in work)
        pages: list[Page] = []
        more, room = False, max(1, limit)
        for path, mark in work:
            if history and mark.offset >= mark.until:
                continue
            if room <= 0:
                more = True
                break
            batch = take(
                path, mark, room, quoted=self._quoted(path),
                stop=mark.until if history else 1 << 62, now=self._clock.now(),
            )
            if history and not batch.records:
                mark.until = mark.offset  # what is left of it is an unfinished line
            room -= len(batch.records)
            more |= batch.full
            pages.append(self._decode(batch))
        marks = [mark for _, mark in work if not mark.over]
        return Page(
            messages=_sorted(tuple(m for page in pages for m in page.messages)),
            conversations=tuple(c for page in pages for c in page.conversations),
            profiles=tuple(p for page in pages for p in page.profiles),
            rejects=tuple(r for page in pages for r in page.rejects),
            cursor=msgspec.json.encode(Place(files=marks)).decode(),
            more=more or any(mark.offset < mark.until for mark in marks),
            gap=Gap(reason="; ".join(gaps), until=self._clock.now()) if gaps else None,
            backfill=history,
            total=sum(mark.until for mark in marks) if history else None,
            done=sum(min(mark.offset, mark.until) for mark in marks) if history else None,
        )

    def _quoted(self, path: Path) -> bool:
        return path != self._out and is_csv(path, self._config.format)

    def _decode(self, batch: Batch) -> Page:
        lines = self._own_lines if batch.path == self._out else self._lines
        if not batch.records:
            return Page()
        return lines.page(batch.records, batch.path.name, _header(lines, batch.header, batch.path))

    def _search(self, word: str) -> Page:
        """Decode every line that may speak of ``word``."""
        needle = word.encode() if _SEARCHABLE.issuperset(word) else b""
        pages = [self._decode(scan(path, needle, quoted=self._quoted(path))) for path in self._everything()]
        return Page(
            messages=tuple(m for page in pages for m in page.messages),
            conversations=tuple(c for page in pages for c in page.conversations),
            profiles=tuple(p for page in pages for p in page.profiles),
        )


def _header(lines: Lines, line: bytes, path: Path) -> Header | None:
    """Read a CSV file's header; a file that cannot be understood stops here, before any line of it counts as read."""
    if not line:
        return None
    try:
        return lines.header(line)
    except ValueError as error:
        unknown = isinstance(error.__cause__, UnicodeDecodeError)
        remedy = f"{ENCODED[0].upper()}{ENCODED[1:]}" if unknown else COLUMNS
        raise Rejected(f"{path} cannot be read", str(inert_line(str(error))), remedy) from error


def _read_cursor(cursor: str | None) -> Place | None:
    """An unreadable cursor means reading everything again: what is held already is recognised by its id."""
    if cursor is None:
        return None
    try:
        place = msgspec.json.decode(cursor, type=Place)
    except msgspec.DecodeError:
        return None
    return place if place.v == 1 else None


def _sorted(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(sorted(messages, key=lambda message: message.created_at))


def _profiles(page: Page, messages: tuple[Message, ...]) -> tuple[Profile, ...]:
    authors = {m.author.ref for m in messages if m.direction is Direction.IN}
    return tuple({p.ref: p for p in page.profiles if p.ref in authors}.values())
