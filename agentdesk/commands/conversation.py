"""Verbs on one conversation."""

from __future__ import annotations

from agentdesk.commands.context import Choice, Context
from agentdesk.commands.queue import LIST, when
from agentdesk.commands.registry import verb
from agentdesk.desk import find, inbox
from agentdesk.errors import NotFound, Refused
from agentdesk.model.address import spelled
from agentdesk.rules.times import say


@verb(name="promise", title="Promise …", contexts=LIST, scope="one")
async def promise(ctx: Context, until: str = "", words: str = "") -> str | None:
    """Promise the customer something by a time; it becomes a clock of its own."""
    until = until or await ctx.front.ask("Promised by", hint="tomorrow 17:00, 2h, fri 12") or ""
    if not until:
        return None
    due_at = when(ctx, until)
    words = words or await ctx.front.ask("What is promised?", hint="call back") or ""
    return await inbox.promise(ctx.desk, ctx.one, due_at, words) if words else None


@verb(name="keep", title="Promise kept …", contexts=LIST, scope="one")
async def keep(ctx: Context, promise: int = 0) -> str | None:
    """Say that a promise was kept; its clock goes."""
    open_ones = find.promises(ctx.desk, ctx.one)
    if not open_ones:
        raise Refused("Nothing is promised here", "", "p promises something by a time")
    if promise and promise not in {one.id for one in open_ones}:
        raise NotFound(f"No promise {promise} is open in #{ctx.one}", "It is another's, or was kept already",
                       "Open here: " + ", ".join(f"{one.id} ({one.words})" for one in open_ones))
    if not promise and len(open_ones) == 1:
        promise = open_ones[0].id
    if not promise:
        now = ctx.desk.now()
        choices = [Choice(str(p.id), p.words, say(p.due_at, now, ctx.desk.zone)) for p in open_ones]
        promise = int(await ctx.front.choose("Which promise was kept?", choices) or 0)
    return await inbox.keep(ctx.desk, promise) if promise else None


@verb(name="copy-link", title="Copy link", contexts=LIST, scope="one")
async def copy_link(ctx: Context) -> str:
    """Copy the address of the conversation on its platform, over SSH and in tmux too."""
    it = find.conversation(ctx.desk, ctx.one)
    if not it.url:
        raise Refused(f"{it.source} gives no address for this", "", "y copies the text under the cursor")
    return await ctx.front.copy(spelled(it.url))
