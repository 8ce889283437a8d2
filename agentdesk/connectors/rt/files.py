"""Files on their way to RT: as a form, since RT 5.0.1 with new tickets too.

https://docs.bestpractical.com/rt/5.0.8/RT/REST2.html (Attachments). Within JSON, which RT takes too, a name of other
than Latin letters ends in HTTP 500, and any but ASCII ones are lost.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from agentdesk.connectors.files import contents
from agentdesk.model.outgoing import Outgoing
from agentdesk.model.text import inert_line

MOST_FILES = 10
MOST_BYTES = 10_000_000
"""RT's own usual limit for what it keeps in its database (MaxAttachmentSize): larger ones it may cut or drop."""
_BREAKS = str.maketrans({'"': "'", "\\": "_"})
"""What would end a name before its end."""


class File(NamedTuple):
    """One file as it is sent."""

    name: str
    mime: str
    data: bytes


async def attached(out: Outgoing, source: str) -> list[File]:
    """The files of a reply or a ticket, read as they are now."""
    return [
        File(str(inert_line(upload.name, limit=200)).translate(_BREAKS),
             str(inert_line(upload.mime, limit=100)) or "application/octet-stream", await contents(upload, source))
        for upload in out.uploads
    ]


def form(data: Mapping[str, Any], files: Sequence[File]) -> tuple[bytes, str]:
    """A request with its files, and what kind of content that is."""
    boundary = f"agentdesk{uuid.uuid4().hex}"
    told = msgspec.json.encode(data)
    parts = [_part(boundary, 'name="JSON"', "application/json", told)]
    parts += [_part(boundary, f'name="Attachments"; filename="{file.name}"', file.mime, file.data) for file in files]
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _part(boundary: str, what: str, kind: str, data: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {what}\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode("utf-8", "replace") + data + b"\r\n"
