"""Files that go with a reply or a ticket: read when it leaves, and only as they were when they were attached."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from agentdesk.errors import Rejected
from agentdesk.model.outgoing import Upload


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
