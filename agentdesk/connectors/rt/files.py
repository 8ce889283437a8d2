"""Files on their way to RT: as a form, since RT 5.0.1 with new tickets too.

https://docs.bestpractical.com/rt/5.0.8/RT/REST2.html (Attachments). Within JSON, which RT takes too, a name of other
than Latin letters ends in HTTP 500, and any but ASCII ones are lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from agentdesk.connectors.files import FormPart, contents, file_part
from agentdesk.connectors.files import form as form_of
from agentdesk.model.outgoing import Outgoing

MOST_FILES = 10
MOST_BYTES = 10_000_000
"""RT's own usual limit for what it keeps in its database (MaxAttachmentSize): larger ones it may cut or drop."""


async def attached(out: Outgoing, source: str) -> list[FormPart]:
    """The files of a reply or a ticket, read as they are now."""
    return [file_part("Attachments", upload, await contents(upload, source)) for upload in out.uploads]


def form(data: Mapping[str, Any], files: Sequence[FormPart]) -> tuple[bytes, str]:
    """A request with its files, and what kind of content that is."""
    return form_of([FormPart("JSON", msgspec.json.encode(data), "application/json"), *files])
