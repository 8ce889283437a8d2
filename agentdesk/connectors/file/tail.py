"""Reading files that grow: where we are in each, what rotation and truncation did, and no half-written line."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from agentdesk.model.clock import MINUTE, Millis

MAX_LINE = 8 * 1024 * 1024
HEAD = 1024
_SUFFIXES = {"jsonl": (".jsonl", ".ndjson", ".json"), "csv": (".csv", ".tsv")}
Numbered = tuple[int, bytes]


class Mark(msgspec.Struct, omit_defaults=True):
    """How far one file has been read."""

    name: str
    inode: int = 0
    offset: int = 0
    line: int = 0
    """Physical lines before ``offset``."""
    head: str = ""
    """Hash of the first bytes read, by which a replaced file is told from one that grew."""
    until: int = 0
    """Its size on first connect: what lies before it is history."""
    ended: bool = False
    """True when it had been read to its end at the last look."""
    moved: bool = False
    """True when it was moved aside and is only read to its end."""
    over: bool = False
    """True when it was moved aside, read to its end and left alone for a minute: it can be forgotten."""


class Place(msgspec.Struct):
    """Everything a file source's cursor says."""

    v: int = 1
    files: list[Mark] = []


class Batch(msgspec.Struct):
    """Complete records of one file."""

    path: Path
    records: list[Numbered]
    header: bytes = b""
    full: bool = False
    """True when there are more records right now."""


def list_files(path: Path, form: str, skip: Path) -> list[Path]:
    """The file itself, or the post files of a folder in order of their names."""
    if not path.is_dir():
        return [path]
    suffixes = _SUFFIXES.get(form) or (*_SUFFIXES["jsonl"], *_SUFFIXES["csv"])
    found = [
        entry
        for entry in path.iterdir()
        if entry.suffix.lower() in suffixes and not entry.name.startswith(".") and entry.is_file() and entry != skip
    ]
    return sorted(found, key=lambda entry: entry.name)


def key_of(path: Path) -> str:
    """A file's name for the cursor; bytes that are no UTF-8 are spelled out, JSON could not hold them."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def is_csv(path: Path, form: str) -> bool:
    """True when a file is to be read as CSV."""
    return form == "csv" or (form == "auto" and path.suffix.lower() in _SUFFIXES["csv"])


def settle(place: Place | None, files: list[Path]) -> tuple[list[tuple[Path, Mark]], list[str]]:
    """Match what we had read with the files there are now: (files to read with their marks, gaps in words)."""
    first, left = place is None, {mark.name: mark for mark in (place.files if place else [])}
    work: list[tuple[Path, Mark]] = []
    gaps: list[str] = []
    unknown: list[tuple[Path, os.stat_result]] = []
    for path in files:
        stat = path.stat()
        mark = left.get(key_of(path))
        if mark is not None and _continues(path, stat, mark):
            mark.inode = stat.st_ino
            work.append((path, left.pop(mark.name)))
        else:
            unknown.append((path, stat))
    for path, stat in unknown:
        renamed = next((m for m in left.values() if m.inode == stat.st_ino and _continues(path, stat, m)), None)
        if renamed is not None:
            del left[renamed.name]
            renamed.name = key_of(path)
            work.append((path, renamed))
        else:
            work.append((path, Mark(name=key_of(path), inode=stat.st_ino, until=stat.st_size if first else 0)))
    names = {key_of(path) for path in files}
    for mark in left.values():
        moved = _rotated(mark, names)
        if moved is not None:
            mark.name, mark.moved = key_of(moved), True
            work.insert(0, (moved, mark))
        elif mark.name in names:
            gaps.append(f"{Path(mark.name).name} was replaced or cut short: what was added before that was not seen")
        elif not mark.ended:
            gaps.append(f"{Path(mark.name).name} was removed before it was read to its end")
    return work, gaps


def take(path: Path, mark: Mark, limit: int, *, quoted: bool, stop: int, now: Millis) -> Batch:
    """Read up to ``limit`` complete records from where ``mark`` stands, at most to ``stop``, and move the mark."""
    with path.open("rb") as file:
        header = file.readline(MAX_LINE) if quoted else b""
        if quoted and mark.offset == 0:
            if not header.endswith(b"\n"):
                return Batch(path, [])
            mark.offset, mark.line = len(header), 1
        file.seek(mark.offset)
        quiet = now - os.fstat(file.fileno()).st_mtime_ns // 1_000_000 > MINUTE
        records: list[Numbered] = []
        full = False
        for number, record, complete in _records(file, mark.line + 1, quoted=quoted):
            if not complete and not (quiet if quoted else _whole_object(record)):
                break
            records.append((number, record))
            mark.offset += len(record)
            mark.line = number - 1 + max(1, record.count(b"\n"))
            if len(records) >= limit or mark.offset >= stop:
                full = True
                break
        file.seek(0)
        mark.head = _head(file.read(min(mark.offset, HEAD)))
        mark.ended = mark.offset >= os.fstat(file.fileno()).st_size
        mark.over = mark.moved and mark.ended and quiet
    return Batch(path, records, header, full and not mark.ended)


def scan(path: Path, needle: bytes, *, quoted: bool) -> Batch:
    """All complete records of a file that hold ``needle``."""
    with path.open("rb") as file:
        header = file.readline(MAX_LINE) if quoted else b""
        if not quoted:
            file.seek(0)
        found = [
            (number, record)
            for number, record, complete in _records(file, 2 if quoted else 1, quoted=quoted)
            if needle in record and (complete or quoted or _whole_object(record))
        ]
    return Batch(path, found, header)


def blocks(path: Path, offset: int, size: int, *, quoted: bool) -> Iterator[tuple[bytes, list[Numbered], int]]:
    """Walk a whole file from ``offset`` in blocks of ``size`` records: (header, records, offset behind them)."""
    with path.open("rb") as file:
        header = file.readline(MAX_LINE) if quoted else b""
        offset = max(offset, len(header))
        file.seek(0)
        line = sum(piece.count(b"\n") for piece in _pieces(file, offset))
        records: list[Numbered] = []
        for number, record, _ in _records(file, line + 1, quoted=quoted):
            records.append((number, record))
            offset += len(record)
            if len(records) >= size:
                yield header, records, offset
                records = []
        if records:
            yield header, records, offset


def _records(file: BinaryIO, number: int, *, quoted: bool) -> Iterator[tuple[int, bytes, bool]]:
    """Records from here on: (number of the first line, bytes, finished).

    With ``quoted`` a line break inside quotation marks does not end a record. A line beyond the limit comes in one
    piece of that length, and what is left of it in further ones, so that each is refused and none is lost silently.
    """
    held: list[bytes] = []
    first, open_quote, size = number, False, 0
    while line := file.readline(MAX_LINE):
        if not quoted:
            ended = line.endswith(b"\n")
            yield number, line, ended or len(line) >= MAX_LINE
            number += ended
            continue
        first = first if held else number
        held.append(line)
        size += len(line)
        number += line.endswith(b"\n")
        open_quote ^= line.count(b'"') % 2 == 1
        if (not open_quote and line.endswith(b"\n")) or size >= MAX_LINE:
            yield first, b"".join(held), True
            held, open_quote, size = [], False, 0
    if held:
        yield first, b"".join(held), False


def _pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (piece := file.read(min(length, 1 << 20))):
        length -= len(piece)
        yield piece


def _whole_object(record: bytes) -> bool:
    """True when a line without its line break is a JSON object all the same."""
    if not record.rstrip().endswith(b"}"):
        return False
    try:
        msgspec.json.decode(record, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return False
    return True


def _continues(path: Path, stat: os.stat_result, mark: Mark) -> bool:
    """True when a file is the one that ``mark`` was made in, perhaps grown since."""
    if stat.st_size < mark.offset:
        return False
    with path.open("rb") as file:
        return _head(file.read(min(mark.offset, HEAD))) == mark.head or mark.offset == 0


def _rotated(mark: Mark, names: set[str]) -> Path | None:
    """Find the file that was moved aside, by its inode, in the same folder."""
    folder = Path(mark.name).parent
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return None
    for entry in entries:
        if entry.inode() == mark.inode and entry.path not in names and entry.is_file(follow_symlinks=False):
            path = Path(entry.path)
            return path if _continues(path, path.stat(), mark) else None
    return None


def _head(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
