"""Files: what came with a message is saved where the person wants it, what goes with it is attached to a draft.

Nothing is ever opened, run or replaced; names from outside become harmless before they name anything here.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import mimetypes
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agentdesk.desk.desk import Desk
from agentdesk.desk.reacting import require
from agentdesk.errors import NotFound, Refused, Rejected, UsageError
from agentdesk.model.capability import Caps
from agentdesk.model.events import Progress
from agentdesk.model.message import Attachment
from agentdesk.model.outgoing import Draft, OutKind, Upload
from agentdesk.model.text import inert_line
from agentdesk.paths import downloads, new_private
from agentdesk.rules import ticket_text
from agentdesk.store import conversations, ledger
from agentdesk.store.db import Db

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MEGABYTE = 1_000_000
STEP = 250_000
"""Bytes between two words about how far a download is."""
LONGEST_NAME = 120
"""Bytes of a file's name, its ending included."""
DESCRIBED = ("image/", "video/", "audio/")
"""Kinds of files that should have a description."""
_STRANGE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class Listed(msgspec.Struct, frozen=True):
    """A file that came with a message of a conversation."""

    message_id: int
    who: str
    file: Attachment


def listed(desk: Desk, conversation_id: int, message_id: int = 0) -> list[Listed]:
    """The files of one message, or of the conversation's newest messages, newest first."""
    if message_id:
        stored = [conversations.message(desk.store.reader, message_id)]
    else:
        stored = list(reversed(conversations.thread(desk.store.reader, conversation_id, limit=400)))
    return [Listed(it.id, it.message.author.name or it.message.author.handle, file) for it in stored
            for file in it.message.attachments]


def folder(desk: Desk, named: str = "") -> Path:
    """Where files are saved: as named, as set, or the person's own folder for downloads."""
    chosen = named or desk.config.files.folder
    return Path(chosen).expanduser().absolute() if chosen else downloads()


def safe_name(name: str) -> str:
    """A harmless file name made of one from outside: no folders, no hidden files, nothing that any system reserves."""
    plain = " ".join(_STRANGE.sub("_", inert_line(name)).split()).strip(". ")
    if not plain.strip("_"):
        plain = "attachment"
    if _RESERVED.fullmatch(plain):
        plain = f"_{plain}"
    stem, dot, ending = plain.rpartition(".")
    if not dot or len(ending.encode()) > 20:
        stem, dot, ending = plain, "", ""
    room = LONGEST_NAME - len(f"{dot}{ending}".encode())
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(". ") or "attachment"
    return f"{stem}{dot}{ending}"


class _Counted(io.BufferedWriter):
    """A new file being written that never grows beyond a limit and tells how far it is."""

    def __init__(self, desk: Desk, path: Path, file: Attachment, limit: int) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        super().__init__(io.FileIO(handle, "wb"))
        self._desk, self._file, self._limit = desk, file, limit
        self.size = self._told = 0

    def write(self, data: ReadableBuffer, /) -> int:
        self.size += memoryview(data).nbytes
        if self.size > self._limit:
            raise _too_large(self._file.name, self._limit)
        if self.size - self._told >= STEP:
            self._told = self.size
            self.show()
        return super().write(data)

    def show(self, *, finished: bool = False) -> None:
        task = f"saving {self._file.name or 'file'}"
        self._desk.emit(Progress(task=task, done=self.size, total=self._file.size, finished=finished))


def _too_large(name: str, limit: int) -> Rejected:
    return Rejected(f"{name or 'The file'} is larger than {limit / MEGABYTE:g} MB", "That is as much as is saved here",
                    "Open the conversation on its platform with o, or raise files.limit_mb in the configuration")


async def save(desk: Desk, conversation_id: int, chosen: Listed, into: str = "") -> Path:
    """Fetch a file and keep it under a name of its own, readable by this person only; returns where it is."""
    it = conversations.get(desk.store.reader, conversation_id)
    path, size = await fetch(desk, it.source, chosen.file, folder(desk, into), desk.config.files.limit_mb * MEGABYTE)
    await _note(desk, conversation_id, it.source, chosen, path, size)
    return path


async def fetch(desk: Desk, source: str, file: Attachment, into: Path, limit: int) -> tuple[Path, int]:
    """Bring a file of a source into a folder, never more of it than ``limit`` bytes; where it is, and its size."""
    require(desk, source, "can_download", "give files")
    if not file.url:
        raise Refused(f"{source} gives no address for {file.name or 'this file'}", "",
                      "Open the conversation on its platform with o")
    if file.size is not None and file.size > limit:
        raise _too_large(file.name, limit)
    connector = desk.connector(source)
    path = await asyncio.to_thread(new_private, into, safe_name(file.name))
    part = path.with_name(f".{path.name[:60]}.{os.urandom(6).hex()}.part")
    try:
        with _Counted(desk, part, file, limit) as out:
            out.show()
            try:
                await connector.download(file.url, out, limit)
            finally:
                out.show(finished=True)
        await asyncio.to_thread(part.replace, path)
    except BaseException:
        for left in (part, path):
            left.unlink(missing_ok=True)
        raise
    return path, out.size


async def _note(desk: Desk, conversation_id: int, source: str, chosen: Listed, path: Path, size: int) -> None:
    now = desk.now()

    def work(db: Db) -> None:
        ledger.write(db, at=now, agent=desk.agent, action="file_saved", conversation_id=conversation_id, source=source,
                     detail={"message": chosen.message_id, "name": chosen.file.name, "as": path.name, "bytes": size})

    await desk.store.write(work)


# what goes with a reply -----------------------------------------------------------------------------------------------


async def attach(desk: Desk, draft: Draft, named: str, alt: str = "") -> Draft:
    """The draft with one more file; Refused where its source takes none, or not this one."""
    source = check_room(desk, draft)
    caps = desk.caps(source)
    if caps.max_alt is not None and len(alt) > caps.max_alt:
        raise Refused("The description is too long", f"{source} takes {caps.max_alt} characters, these are {len(alt)}")
    upload = await asyncio.to_thread(read, named, caps.max_upload_bytes, source)
    if any(each.path == upload.path and each.digest == upload.digest for each in draft.uploads):
        raise Refused(f"{upload.name} is attached already", "", "Remove it first, then attach it again")
    upload = msgspec.structs.replace(upload, alt=inert_line(alt, limit=caps.max_alt or 1_500))
    return msgspec.structs.replace(draft, uploads=(*draft.uploads, upload))


def check_room(desk: Desk, draft: Draft) -> str:
    """The source that a draft goes to; Refused where that takes no more files."""
    source = going_to(desk, draft)
    most = desk.caps(source).max_uploads
    if draft.kind not in (OutKind.REPLY, OutKind.NOTE, OutKind.DM, OutKind.TICKET):
        raise Refused("This takes no files", "", "Attach it to a reply")
    if not most:
        raise Refused(f"{source} takes no files", "", "Put the file where the customer can fetch it, and send a link")
    if len(draft.uploads) >= most:
        raise Refused(f"{source} takes {most} files with one reply", "", "Remove one, or send a second reply")
    return source


def going_to(desk: Desk, draft: Draft) -> str:
    """The source that a draft goes to: for a ticket the help desk that its first lines name."""
    if draft.kind is OutKind.TICKET:
        return ticket_text.read(draft.text).source
    return conversations.get(desk.store.reader, draft.conversation_id).source


def detach(draft: Draft, name: str) -> Draft:
    """The draft without a file, named as it is shown or by its number."""
    left = [each for number, each in enumerate(draft.uploads, 1) if name not in (each.name, str(number))]
    if len(left) == len(draft.uploads):
        known = ", ".join(each.name for each in draft.uploads) or "nothing"
        raise NotFound(f"{name} is not attached", f"Attached: {known}")
    return msgspec.structs.replace(draft, uploads=tuple(left))


def read(named: str, limit: int | None, source: str) -> Upload:
    """What is known of a file that is to be attached: it must be an ordinary one, and may be read by us."""
    path = Path(named).expanduser().absolute()
    try:
        with _open_without_waiting(path) as file:
            facts = os.fstat(file.fileno())
            if not facts.st_size:
                raise Refused(f"{path} is empty", "", "Name another file")
            if limit is not None and facts.st_size > limit:
                raise Refused(f"{path.name} is too large", f"{facts.st_size / MEGABYTE:.1f} MB; {source} takes "
                              f"{limit / MEGABYTE:g} MB", "Make it smaller, or send a link")
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}", "Nothing of that name is there", "Look at the name again") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read", error.strerror or str(error), "Look at the name again") from error
    name = safe_name(path.name)
    mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Upload(path=str(path.resolve()), name=name, mime=mime, size=facts.st_size, digest=digest)


def _open_without_waiting(path: Path) -> io.BufferedReader:
    """Open an ordinary file for reading; a pipe does not keep us until somebody writes into it."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refused(f"{path} is not a file", "A folder or a device cannot be attached",
                      "Name an ordinary file; pack a folder first")
    return os.fdopen(handle, "rb")


def undescribed(draft: Draft, caps: Caps) -> tuple[str, ...]:
    """The attached files that people who cannot see them are told nothing of, where the source would tell them."""
    if caps.max_alt is None:
        return ()
    return tuple(each.name for each in draft.uploads if each.mime.startswith(DESCRIBED) and not each.alt.strip())


def complete(typed: str, limit: int = 200) -> list[str]:
    """What a path that is being typed may become; folders end with a slash."""
    head, slash, last = typed.rpartition("/")
    base = Path(f"{head}{slash}" or ".").expanduser()
    try:
        with os.scandir(base) as entries:
            found = sorted((each.name, each.is_dir()) for each in entries
                           if each.name.startswith(last) and (last.startswith(".") or not each.name.startswith(".")))
    except OSError:
        return []
    return [f"{head}{slash}{name}{'/' if is_folder else ''}" for name, is_folder in found[:limit]]


def chosen_of(files: Sequence[Listed], name: str) -> Listed:
    """The listed file of that name or number; NotFound naming those there are."""
    for number, it in enumerate(files, 1):
        if name in (it.file.name, str(number)):
            return it
    known = ", ".join(f"{number} {it.file.name}" for number, it in enumerate(files, 1))
    raise NotFound(f"There is no file {name} here", f"Files: {known}")
