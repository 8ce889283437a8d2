"""Files that go along when a post is handed on: what the customer sent, fetched first as far as the help desk takes it.

Their names and addresses stand in the ticket's words anyway; whatever does not go along is told, with the reason.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agentdesk.desk import files
from agentdesk.desk.desk import Desk
from agentdesk.errors import DeskError, Refused, UsageError
from agentdesk.model.capability import Caps
from agentdesk.model.message import Attachment, Direction
from agentdesk.model.outgoing import Draft, Upload
from agentdesk.model.text import inert_line
from agentdesk.rules import ticket_text
from agentdesk.store import carried, conversations

MESSAGES = 200
MOST_BYTES = 25 * files.MEGABYTE
"""Of all files together: mail servers and help desks take about so much with one message."""
FETCH_S = 60
"""Seconds in which one file must arrive."""
BY_HAND = "Its address stands in the text; or save it with A, and attach it to the ticket with ^t"


@dataclass(frozen=True)
class Left:
    """A file that does not go along."""

    name: str
    why: str
    how: str = BY_HAND


def offered(desk: Desk, conversation_id: int) -> list[Attachment]:
    """What the customer sent, the newest first; what they took back stays here."""
    found: dict[str, Attachment] = {}
    for stored in reversed(conversations.thread(desk.store.reader, conversation_id, limit=MESSAGES)):
        if stored.message.direction is Direction.IN and stored.deleted_at is None:
            for file in stored.message.attachments:
                found.setdefault(file.url or file.name, file)
    return list(found.values())


async def carry(desk: Desk, draft: Draft) -> tuple[Draft, tuple[Left, ...]]:
    """The draft of a ticket with the customer's files, fetched; and those that stay behind, with the reason.

    The reasons stand in the ticket too, where its help desk takes files at all: its readers look for them otherwise.
    """
    target = ticket_text.read(draft.text).source
    caps, wanted = desk.caps(target), offered(desk, draft.conversation_id)
    source = conversations.get(desk.store.reader, draft.conversation_id).source
    if wanted and not caps.max_uploads:
        return draft, tuple(Left(file.name or "a file", f"{target} takes no files", "Its address stands in the text")
                            for file in wanted)
    going, left = list(draft.uploads), list[Left]()
    for file in wanted:
        room = _room(desk, caps, going)
        why = _unfit(file, caps, room, len(going), target)
        if why:
            left.append(Left(file.name or "a file", why))
            continue
        try:
            going.append(await _fetched(desk, source, file, caps, room))
        except (DeskError, TimeoutError, OSError) as error:
            left.append(_failed(file, error))
    text = draft.text + ("\n\nNot attached:\n" + "\n".join(f"- {one.name}: {one.why}" for one in left) if left else "")
    return msgspec.structs.replace(draft, uploads=tuple(going), text=text), tuple(left)


def said(left: tuple[Left, ...]) -> str:
    """Which files stay behind and what to do, in a sentence; empty when all go along."""
    if not left:
        return ""
    if len(left) == 1:
        return f"{left[0].name} does not go along: {left[0].why}. {left[0].how}"
    return f"{len(left)} files do not go along, and the text says why: {', '.join(one.name for one in left)}. {BY_HAND}"


def _room(desk: Desk, caps: Caps, going: list[Upload]) -> int:
    """How large the next file may be."""
    most = min(desk.config.files.limit_mb * files.MEGABYTE, MOST_BYTES - sum(one.size for one in going))
    return most if caps.max_upload_bytes is None else min(most, caps.max_upload_bytes)


def _unfit(file: Attachment, caps: Caps, room: int, going: int, target: str) -> str:
    """Why a file cannot go along, as far as that is known before it is fetched."""
    if going >= caps.max_uploads:
        return f"{target} takes {caps.max_uploads} files with one ticket"
    if not file.url:
        return "its source gives no address for it"
    if (file.size or 1) > room:
        return f"it is larger than the {max(0, room) / files.MEGABYTE:g} MB that are left"
    return ""


async def _fetched(desk: Desk, source: str, file: Attachment, caps: Caps, room: int) -> Upload:
    """One file, kept for this person only until the ticket has left."""
    async with asyncio.timeout(FETCH_S):
        path, size = await files.fetch(desk, source, file, carried.folder(desk.store.path), room)
    if not size:
        path.unlink(missing_ok=True)
        raise Refused("It is empty", "", "Ask the customer to send it again")
    upload = await asyncio.to_thread(files.read, str(path), room, source)
    mime = upload.mime if "*" in file.mime or not file.mime else file.mime
    alt = inert_line(file.alt, limit=caps.max_alt) if caps.max_alt else ""
    return msgspec.structs.replace(upload, name=files.safe_name(file.name), mime=mime, alt=alt)


def _failed(file: Attachment, error: DeskError | TimeoutError | OSError) -> Left:
    name = file.name or "a file"
    if isinstance(error, DeskError):
        said = f"{error.title[0].lower()}{error.title[1:]}" + (f" ({error.cause})" if error.cause else "")
        return Left(name, said, error.remedy or BY_HAND)
    return Left(name, f"it did not arrive within {FETCH_S} s" if isinstance(error, TimeoutError) else str(error))


def unfit(desk: Desk, draft: Draft) -> str:
    """What the help desk that a ticket goes to now would not take of its files, in words; empty when it takes all."""
    try:
        target = ticket_text.read(draft.text).source
    except UsageError:
        return ""
    caps, number = desk.caps(target), len(draft.uploads)
    if number > caps.max_uploads:
        return f"{target} takes {caps.max_uploads or 'no'} files, there {'is' if number == 1 else 'are'} {number}"
    most = caps.max_upload_bytes
    large = [one.name for one in draft.uploads if most is not None and one.size > most]
    if large:
        return f"{target} takes files of up to {(most or 0) / files.MEGABYTE:g} MB: {', '.join(large)}"
    gone = [one.name for one in draft.uploads if not Path(one.path).exists()]
    return f"{', '.join(gone)} {'is' if len(gone) == 1 else 'are'} not there any more" if gone else ""
