"""Files that go with a reply or a ticket: read when it leaves, and only as they were when they were attached."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agentdesk.errors import Rejected
from agentdesk.model.outgoing import Upload
from agentdesk.model.text import inert_line

_BREAKS = dict.fromkeys((*range(32), ord('"'), ord("\\")), "_")
"""What would end a name before its end."""


class FormPart(NamedTuple):
    """One field of a form; a file where it has a name."""

    field: str
    data: bytes
    mime: str = ""
    name: str = ""


def form(parts: Sequence[FormPart]) -> tuple[bytes, str]:
    """The parts as a form (RFC 7578), and the form's type."""
    import httpx

    request = httpx.Request("POST", "https://form.invalid", files=[
        (part.field, (part.name or None, part.data, part.mime or None)) for part in parts])
    return request.read(), request.headers["Content-Type"]


def file_part(field: str, upload: Upload, data: bytes) -> FormPart:
    """A file as part of a form, under a name and a type that end where they should."""
    name = inert_line(upload.name.translate(_BREAKS), limit=200) or "file"
    mime = inert_line(upload.mime, limit=100)
    return FormPart(field, data, mime if mime and mime.isascii() else "application/octet-stream", name)


async def contents(upload: Upload, source: str) -> bytes:
    """The file's bytes; Rejected when it is gone or not what was attached."""
    return await asyncio.to_thread(_read, upload, source)


def _read(upload: Upload, source: str) -> bytes:
    try:
        with Path(upload.path).open("rb") as file:
            data = file.read(upload.size + 1)
    except OSError as error:
        raise Rejected(
            f"{source}: the file {upload.name} cannot be read", error.strerror or str(error),
            "Put it back, or send the reply without it",
        ) from error
    if len(data) != upload.size or hashlib.sha256(data).hexdigest() != upload.digest:
        raise Rejected(
            f"{source}: the file {upload.name} is not what it was when it was attached",
            "Its content has changed since", "Look at it and attach it again",
        )
    return data
