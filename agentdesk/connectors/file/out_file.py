"""The out file: replies as JSON lines, each written once under its client id and flushed to the disk."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agentdesk.errors import Ambiguous, Unavailable
from agentdesk.model.outgoing import Outgoing, OutKind

_BLOCK = 1 << 20


def line_of(out: Outgoing, at: int) -> bytes:
    """A reply as a line of the same shape that post files have."""
    note = out.kind is OutKind.NOTE
    fields: dict[str, str] = {
        "id": out.client_id,
        "client_id": out.client_id,
        "conversation": out.conversation_ref,
        "in_reply_to": out.reply_to_ref,
        "author": out.agent or "agentdesk",
        "direction": "note" if note else "out",
        "visibility": str(out.visibility),
        "customer": out.customer_ref,
        "text": out.text,
        "created_at": datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="milliseconds"),
    }
    return msgspec.json.encode({name: value for name, value in fields.items() if value}) + b"\n"


def append(path: Path, line: bytes, client_id: str) -> bool:
    """Write one line and flush it; False when a line with this client id stands there already.

    Unavailable proves that nothing stays written; Ambiguous means it may stand there unflushed.
    """
    try:
        new = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        raise _unwritten(path, error) from error
    try:
        _lock(handle)
        if contains(path, client_id):
            return False
        size = os.fstat(handle).st_size
        _write(handle, path, (b"" if size == 0 or os.pread(handle, 1, size - 1) == b"\n" else b"\n") + line, size)
    finally:
        os.close(handle)
    if new:
        _flush_folder(path.parent)
    return True


def contains(path: Path, client_id: str) -> bool:
    """True when a complete line with this client id stands in the file; the newest lines are looked at first."""
    return find(path, client_id) is not None


def find(path: Path, client_id: str) -> bytes | None:
    """The complete line with this client id, or None."""
    needle = b'"client_id":' + msgspec.json.encode(client_id)
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            tail = b""
            while end > 0:
                start = max(0, end - _BLOCK)
                file.seek(start)
                data = file.read(end - start) + tail
                if (at := data.rfind(needle)) >= 0 and (b"\n" in data[at:]):
                    first = data.rfind(b"\n", 0, at) + 1
                    if first or start == 0:
                        return data[first : data.index(b"\n", at)]
                head = data.find(b"\n")
                tail, end = (data if head < 0 else data[: head + 1]), start
    except FileNotFoundError:
        return None
    return None


def _write(handle: int, path: Path, data: bytes, size: int) -> None:
    try:
        if os.write(handle, data) != len(data):
            raise OSError("only part of it was written")
    except OSError as error:
        try:
            os.ftruncate(handle, size)
        except OSError as second:
            raise _perhaps(path, second) from error
        raise _unwritten(path, error) from error
    try:
        os.fsync(handle)
    except OSError as error:
        raise _perhaps(path, error) from error


def _unwritten(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"the reply could not be written to {path}", error.strerror or str(error),
        "Make room or allow writing there; it is tried again by itself",
    )


def _perhaps(path: Path, error: OSError) -> Ambiguous:
    return Ambiguous(
        f"the reply was written to {path}, but perhaps not to the disk", error.strerror or str(error),
        "The file is read back before anything is written again",
    )


def _lock(handle: int) -> None:
    """Keep other agentdesks on this machine from writing the same reply at the same moment."""
    try:
        import fcntl
    except ImportError:  # Windows: O_APPEND alone keeps lines whole
        return
    fcntl.flock(handle, fcntl.LOCK_EX)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
