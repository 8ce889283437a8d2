"""Files on their way to RT: they go in the request itself, in base64, since RT 5.0.1 with new tickets too.

https://docs.bestpractical.com/rt/5.0.8/RT/REST2.html (Attachments)
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from agentdesk.connectors.files import contents
from agentdesk.model.outgoing import Outgoing

MOST_FILES = 10
MOST_BYTES = 10_000_000
"""RT's own usual limit for what it keeps in its database (MaxAttachmentSize): larger ones it may cut or drop."""


async def attached(out: Outgoing, source: str) -> dict[str, Any]:
    """The field of a request that carries the files; none without any, as RT wants it."""
    files = []
    for upload in out.uploads:
        data = await contents(upload, source)
        encoded = await asyncio.to_thread(base64.b64encode, data)
        files.append({"FileName": upload.name, "FileType": upload.mime, "FileContent": encoded.decode()})
    return {"Attachments": files} if files else {}
