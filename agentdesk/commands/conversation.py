"""Verbs on one conversation and its customer."""

from __future__ import annotations

from agentdesk.commands.context import Choice, Context
from agentdesk.commands.queue import LIST, when
from agentdesk.commands.registry import verb
from agentdesk.desk import find, inbox, people
from agentdesk.errors import Refused
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
        raise Refused("Nothing is promised here", "")
    if not promise and len(open_ones) == 1:
        promise = open_ones[0].id
    if not promise:
        now = ctx.desk.now()
        choices = [Choice(str(p.id), p.words, say(p.due_at, now, ctx.desk.zone)) for p in open_ones]
        promise = int(await ctx.front.choose("Which promise was kept?", choices) or 0)
    return await inbox.keep(ctx.desk, promise) if promise else None


@verb(name="link", title="Copy link", contexts=LIST, scope="one")
async def copy_link(ctx: Context) -> str:
    """Copy the address of the conversation on its platform, over SSH and in tmux too."""
    it = find.conversation(ctx.desk, ctx.one)
    if not it.url:
        raise Refused(f"{it.source} gives no address for this", "")
    return await ctx.front.copy(it.url)


@verb(name="customer-note", title="Note about the customer …", contexts=LIST, scope="one")
async def customer_note(ctx: Context, note: str = "") -> str | None:
    """Write what colleagues should know about this customer; it never leaves the desk."""
    person = find.customer(ctx.desk, find.conversation(ctx.desk, ctx.one).customer_id)
    text = note or await ctx.front.ask(f"Note about {person.name}", default=person.note)
    return await people.set_note(ctx.desk, person.id, text) if text is not None else None


@verb(name="customer-vip", title="VIP on or off", contexts=LIST, scope="one")
async def customer_vip(ctx: Context) -> str:
    """Mark this customer as VIP, or no longer."""
    person = find.customer(ctx.desk, find.conversation(ctx.desk, ctx.one).customer_id)
    return await people.set_vip(ctx.desk, person.id, not person.vip)


@verb(name="customer-merge", title="Same person as …", contexts=LIST, scope="one")
async def customer_merge(ctx: Context, of: int = 0) -> str | None:
    """Say that this customer and another conversation's are one person."""
    mine = find.conversation(ctx.desk, ctx.one)
    if not of:
        number = await ctx.front.ask("Same person as in conversation", hint="its number, such as 1042")
        if not number or not number.strip("# ").isdigit():
            return None
        of = int(number.strip("# "))
    other = find.conversation(ctx.desk, of)
    sure = await ctx.front.confirm(f"{mine.name} and {other.name} are one person?",
                                   "Their identities and conversations come together; it is in the ledger")
    return await people.merge(ctx.desk, mine.customer_id, other.customer_id) if sure else None


@verb(name="customer-split", title="Take an identity away …", contexts=LIST, scope="one")
async def customer_split(ctx: Context) -> str | None:
    """Say that one of this customer's identities belongs to another person."""
    person = find.customer(ctx.desk, find.conversation(ctx.desk, ctx.one).customer_id)
    if len(person.identities) < 2:
        raise Refused(f"{person.name} has one identity only", "")
    choices = [Choice(str(n), f"{i.source} {i.profile.handle or i.profile.name}", "")
               for n, i in enumerate(person.identities)]
    chosen = await ctx.front.choose("Which identity is another person's?", choices)
    if chosen is None:
        return None
    identity = person.identities[int(chosen)]
    return await people.split(ctx.desk, identity.source, identity.profile.ref)
