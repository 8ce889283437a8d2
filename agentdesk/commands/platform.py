"""Verbs on what stands on the platform: like, boost, follow, edit, delete, approve, a private conversation, files."""

from __future__ import annotations

import msgspec

from agentdesk.commands.context import Choice, Context
from agentdesk.commands.queue import LIST
from agentdesk.commands.registry import verb
from agentdesk.desk import answer, files, reacting
from agentdesk.desk.files import Listed
from agentdesk.errors import Refused
from agentdesk.model.outgoing import Draft, OutKind

ALL = "all"


@verb(name="like", title="Like, or no longer", contexts=LIST, scope="one", undoable=True)
async def like(ctx: Context, message: int = 0) -> str:
    """Like the message under the cursor, else the customer's last one; again takes it back."""
    return await reacting.like(ctx.desk, ctx.one, message or ctx.message)


@verb(name="boost", title="Boost, or no longer", contexts=LIST, scope="one", undoable=True)
async def boost(ctx: Context, message: int = 0) -> str:
    """Show the message under the cursor, else the customer's last one, to our own followers; again takes it back."""
    return await reacting.boost(ctx.desk, ctx.one, message or ctx.message)


@verb(name="follow", title="Follow the customer, or no longer", contexts=(*LIST, "customer"), scope="one",
      undoable=True)
async def follow(ctx: Context) -> str:
    """Follow the customer where they wrote; again takes it back."""
    return await reacting.follow(ctx.desk, ctx.one)


@verb(name="edit", title="Edit our reply", contexts=LIST, scope="one")
async def edit(ctx: Context, message: int = 0, text: str = "", override: str = "") -> str | None:
    """Give our reply under the cursor, else our last one, another text where it stands."""
    draft = answer.open_draft(ctx.desk, ctx.one, OutKind.EDIT, message or _own_under_cursor(ctx))
    if text:
        return await _freeze(ctx, msgspec.structs.replace(draft, text=text), override, "The new text is on its way")
    ctx.needs_screen("text", 'text="…"')
    await ctx.front.show("composer", conversation_id=ctx.one, kind=OutKind.EDIT.value, message_id=message
                         or _own_under_cursor(ctx))
    return None


def _own_under_cursor(ctx: Context) -> int:
    """The message under the cursor when it is ours; else 0, which is our last one."""
    if not ctx.message:
        return 0
    try:
        return reacting.message_for(ctx.desk, ctx.one, ctx.message, ours=True).id
    except Refused:
        return 0


@verb(name="delete-reply", title="Delete our reply …", contexts=LIST, scope="one")
async def delete_reply(ctx: Context, message: int = 0) -> str | None:
    """Delete our reply under the cursor, else our last one, on its platform, after asking."""
    it = reacting.deletable(ctx.desk, ctx.one, message or _own_under_cursor(ctx))
    if not await ctx.front.confirm(f"Delete this reply on {it.source}? It cannot be brought back",
                                   " ".join(it.message.text.split())[:300]):
        return None
    return await reacting.delete(ctx.desk, ctx.one, it.id)


@verb(name="approve", title="Approve a reply that waits", contexts=LIST, scope="one", undoable=True)
async def approve(ctx: Context, message: int = 0) -> str:
    """Let everybody see the reply under the cursor, else the last, that waits for your approval on its server."""
    return await reacting.approve(ctx.desk, ctx.one, message or ctx.message)


@verb(name="reject", title="Reject a reply that waits", contexts=LIST, scope="one", undoable=True)
async def reject(ctx: Context, message: int = 0) -> str:
    """Have the reply under the cursor, else the last, that waits for your approval deleted on its server."""
    return await reacting.reject(ctx.desk, ctx.one, message or ctx.message)


@verb(name="dm", title="Take it to a private conversation", contexts=(*LIST, "composer", "customer"), scope="one")
async def private(ctx: Context, text: str = "", override: str = "") -> str | None:
    """Write to the customer in private; what is being written as a public reply goes along."""
    other = answer.private_talk(ctx.desk, ctx.one)
    take = "yes" if ctx.where == "composer" else ""
    if other:
        draft = answer.open_draft(ctx.desk, other)
        where: dict[str, object] = {"conversation_id": other, "kind": OutKind.REPLY.value}
    else:
        draft = answer.open_draft(ctx.desk, ctx.one, OutKind.DM)
        where = {"conversation_id": ctx.one, "kind": OutKind.DM.value}
    if text:
        return await _freeze(ctx, msgspec.structs.replace(draft, text=text), override, "On its way in private")
    ctx.needs_screen("text", 'text="…"')
    await ctx.front.show("composer", **where, take=take)
    return f"You write to each other in private already: #{other}" if other else None


async def _freeze(ctx: Context, draft: Draft, override: str, said: str) -> str:
    """Send text that was given in the call; warnings stop it until they are named."""
    sent = await answer.send(ctx.desk, draft, frozenset(override.replace(",", " ").split()))
    if sent.warnings:
        codes = ",".join(each.code for each in sent.warnings)
        raise Refused("Not sent: " + "; ".join(each.text for each in sent.warnings), "A guard warns",
                      f"override={codes} sends it all the same")
    return said


@verb(name="save-attachment", title="Save a file …", contexts=LIST, scope="one", online=True)
async def save_attachment(ctx: Context, name: str = "", into: str = "") -> str | None:
    """Save a file that came with the message under the cursor, or with the conversation; all saves every one."""
    found = (files.listed(ctx.desk, ctx.one, ctx.message) if ctx.message else []) or files.listed(ctx.desk, ctx.one)
    if not found:
        raise Refused("No file came with this conversation", "")
    if not name and len(found) > 1:
        name = await ctx.front.choose("Save which file?", _choices(found)) or ""
        if not name:
            return None
    wanted = found if name == ALL else [files.chosen_of(found, name)] if name else found[:1]
    for it in wanted:
        ctx.front.tell("info", f"Fetching {it.file.name or 'the file'} in the background")
        path = await files.save(ctx.desk, ctx.one, it, into)
    where = f"Saved as {path}"
    return where if len(wanted) == 1 else f"{len(wanted)} files saved in {path.parent}"


def _choices(found: list[Listed]) -> list[Choice]:
    choices = [Choice(str(number), it.file.name or "file", " · ".join(
        part for part in (_size(it.file.size), it.who, it.file.alt) if part)) for number, it in enumerate(found, 1)]
    return [*choices, Choice(ALL, f"All {len(found)} files", "")]


def _size(size: int | None) -> str:
    if size is None:
        return ""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"
