"""Files that go with a reply: https://docs.joinmastodon.org/methods/media/#v2."""

from __future__ import annotations

from agentdesk.connectors.files import FormPart, contents, file_part, form
from agentdesk.connectors.mastodon.client import MastodonClient, path
from agentdesk.connectors.mastodon.wire import raw_id
from agentdesk.errors import BadAnswer, Gone, Rejected, Unavailable
from agentdesk.model.capability import Caps
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.outgoing import Upload

LOOKS = (1, 1, 2, 3, 5, 8, 10)
"""Seconds between two looks at a file that the server still works on."""


async def bring_up(client: MastodonClient, clock: Clock, uploads: tuple[Upload, ...], caps: Caps) -> list[str]:
    """Upload the files and wait until each is ready; their ids. Nothing is posted when one fails."""
    if len(uploads) > caps.max_uploads:
        raise Rejected(f"{client.name}: {len(uploads)} files are too many", f"The server takes {caps.max_uploads}",
                       "Send them with two replies")
    for upload in uploads:
        _check(client.name, upload, caps)
    held = [await contents(upload, client.name) for upload in uploads]
    return [await _one(client, clock, upload, data) for upload, data in zip(uploads, held, strict=True)]


async def _one(client: MastodonClient, clock: Clock, upload: Upload, data: bytes) -> str:
    said = [FormPart("description", upload.alt.encode())] if upload.alt else []
    body, kind = form([*said, file_part("file", upload, data)])
    try:
        answer = await client.write("POST", "/api/v2/media", content=body, kind=kind)
    except Gone:  # servers that know the older call alone
        answer = await client.write("POST", "/api/v1/media", content=body, kind=kind)
    number = raw_id(answer.json(client.name))
    if not number:
        raise BadAnswer(f"{client.name}: bad answer from the server", "an uploaded file got no id")
    if answer.status == 202:
        await _ready(client, clock, number, upload)
    return number


async def _ready(client: MastodonClient, clock: Clock, number: str, upload: Upload) -> None:
    """Wait for a file that is being worked on: a post with it would be refused before."""
    for seconds in LOOKS:
        answer = await client.get(f"/api/v1/media/{path(number)}")
        if answer.status != 206:
            return
        await clock.sleep(seconds * SECOND)
    raise Unavailable(f"{client.name}: the server still works on {upload.name}", "Nothing was posted yet",
                      "It is tried again by itself", retry_after=30)


def _check(name: str, upload: Upload, caps: Caps) -> None:
    """Refuse what the server would not take before anything is sent there."""
    if caps.max_upload_bytes is not None and upload.size > caps.max_upload_bytes and upload.mime.startswith("image/"):
        raise Rejected(f"{name}: {upload.name} is too large", f"The server takes {caps.max_upload_bytes} bytes",
                       "Make it smaller and attach it again")
    if caps.max_alt is not None and len(upload.alt) > caps.max_alt:
        raise Rejected(f"{name}: the description of {upload.name} is too long",
                       f"The server takes {caps.max_alt} characters", "Shorten it")
