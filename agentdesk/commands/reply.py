"""Verbs for writing and for what lies in the outbox."""

from __future__ import annotations

from agentdesk.commands.context import Context
from agentdesk.commands.queue import LIST
from agentdesk.commands.registry import verb
from agentdesk.desk import answer


@verb(name="reply", title="Reply", contexts=LIST, scope="one")
async def reply(ctx: Context, visibility: str = "", canned: str = "") -> None:
    """Open the composer for a reply; a draft begun earlier is taken up again; visibility=direct is a DM."""
    answer.open_draft(ctx.desk, ctx.one)
    ctx.needs_screen("text", f"agentdesk reply {ctx.one} --text WORDS")
    await ctx.front.show("composer", conversation_id=ctx.one, kind="reply", visibility=visibility, canned=canned)


@verb(name="note", title="Note", contexts=LIST, scope="one")
async def note(ctx: Context) -> None:
    """Open the composer for an internal note that the customer never sees."""
    ctx.needs_screen("text", f"agentdesk note {ctx.one} --text WORDS")
    await ctx.front.show("composer", conversation_id=ctx.one, kind="note")


@verb(name="outbox-cancel", title="Take back", contexts=("outbox",), scope="one")
async def cancel(ctx: Context) -> str:
    """Take a reply out of the outbox; its text becomes a draft again. What was refused as an action is removed."""
    return await answer.take_back(ctx.desk, ctx.one)


@verb(name="outbox-edit", title="Edit", contexts=("outbox",), scope="one")
async def edit(ctx: Context) -> str:
    """Take a reply out of the outbox and open it in the composer."""
    draft = await answer.cancel(ctx.desk, ctx.one)
    await ctx.front.show("composer", conversation_id=draft.conversation_id, kind=draft.kind.value)
    return "Taken back; change it and send it again"


@verb(name="outbox-send-now", title="Send now", contexts=("outbox",), scope="one", danger="careful")
async def retry(ctx: Context) -> str | None:
    """Send now: ends the hold, or tries again what was refused, stopped or is in doubt."""
    return await answer.retry(ctx.desk, ctx.one)


@verb(name="outbox-settle", title="It did arrive", contexts=("outbox",), scope="one", danger="careful")
async def settle(ctx: Context) -> str:
    """Say that a reply of unknown outcome is on the platform: you have seen it there."""
    return await answer.settle_as_sent(ctx.desk, ctx.one)
