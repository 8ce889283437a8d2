"""Hearing that mail has arrived (IDLE, RFC 2177), on a line of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agentdesk.connectors.mail.line import LineBroken, TooMuch
from agentdesk.connectors.mail.mailbox import Mailbox
from agentdesk.connectors.mail.refusals import ImapNo
from agentdesk.errors import Unavailable

AGAIN_S = 9 * 60.0
"""Servers hang up after half an hour, boxes on the way after ten minutes: before that the waiting begins anew."""


async def news(box: Mailbox, folder: str, again_s: float = AGAIN_S) -> AsyncIterator[None]:
    """Yield whenever the folder changed; rests for ever where the server cannot tell."""
    imap = await box.connect()
    try:
        if "IDLE" not in imap.capabilities:
            await imap.leave()
            await asyncio.Event().wait()
        await box.open(imap, folder)
        yield
        async for _ in imap.news(again_s):
            yield
    except (LineBroken, TooMuch, TimeoutError, ImapNo, OSError) as error:
        title = f"The line to {box.host} on which news comes broke"
        raise Unavailable(title, str(error), "It is opened again") from error
    finally:
        imap.dead = True
        await imap.leave()
