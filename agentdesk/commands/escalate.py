"""Verbs that hand a post on to a help desk and follow what becomes of it there."""

from __future__ import annotations

import msgspec

from agentdesk.commands.context import Choice, Context
from agentdesk.commands.queue import LIST
from agentdesk.commands.registry import verb
from agentdesk.desk import answer, carrying, escalate, find, people
from agentdesk.errors import Refused, UsageError
from agentdesk.model.outgoing import Draft

SEARCH, LINK, OPEN = "?", "#", "+"
"""What a choice begins with: another search, a ticket that there is, a help desk for a new one."""
WAITS = "the ticket waits until it is signed in again"


@verb(name="escalate", title="Escalate …", contexts=LIST, scope="one", online=True)
async def escalate_post(ctx: Context, to: str = "", place: str = "", subject: str = "", note: str = "",
                        send: bool = False, files: bool = True, override: str = "") -> str | None:
    """Open a ticket for this at a help desk, or tie it to one; what was said goes along, to be read and edited first.

    So do the customer's files. ``to=rt:support place=Depot subject="…"``; ``note=no`` leaves no note here, ``files=no``
    the files; ``send=yes`` sends it as it stands, ``override=tied`` although it has an open ticket.
    """
    behind = ""
    draft = None if to or place or subject or note else escalate.begun(ctx.desk, ctx.one)
    if draft is None:
        if not to:
            picked = await _where(ctx)
            if picked is None:
                return None
            if not picked.startswith(OPEN):
                return await _tie(ctx, picked)
            to = picked.removeprefix(OPEN)
        kept = escalate.begun(ctx.desk, ctx.one)
        if kept is not None and not await ctx.front.confirm(
                "Begin the ticket anew?", f"A draft of {len(kept.text)} characters is here and would be replaced"):
            return None
        draft = escalate.propose(ctx.desk, ctx.one, to, place=place, subject=subject, note=_wanted(note))
        if kept is not None:
            draft = msgspec.structs.replace(draft, saved_at=kept.saved_at)  # it may take the place of that one
        draft, behind = await _with_files(ctx, draft) if files else (draft, "")
    if send:
        sent = await answer.send(ctx.desk, draft, frozenset(override.replace(",", " ").split()))
        if sent.warnings:
            codes = ",".join(one.code for one in sent.warnings)
            past = escalate.NEVER_PAST.isdisjoint(codes.split(","))
            raise Refused("Not sent: " + "; ".join(one.text for one in sent.warnings), sent.warnings[0].how,
                          f"override={codes} sends it all the same" if past else "")
        return f"The ticket is on its way. {behind}" if behind else "The ticket is on its way"
    await answer.save(ctx.desk, draft)
    await ctx.front.show("composer", conversation_id=ctx.one, kind="ticket")
    number = len(draft.uploads)
    if behind:
        return behind
    along = "" if not number else "A file goes along. " if number == 1 else f"{number} files go along. "
    return f"{along}Read it and change what you like; the ticket is a draft until you send it"


async def _with_files(ctx: Context, draft: Draft) -> tuple[Draft, str]:
    """The ticket with what the customer sent, and in a sentence what stays behind."""
    offered = carrying.offered(ctx.desk, draft.conversation_id)
    if offered:
        ctx.front.tell("info", f"Fetching {_files(len(offered))} for the ticket")
    carried, left = await carrying.carry(ctx.desk, draft)
    return carried, carrying.said(left)


def _files(number: int) -> str:
    return "a file" if number == 1 else f"{number} files"


def _wanted(note: str) -> bool | None:
    if note and note not in ("yes", "no"):
        raise UsageError(f"note is yes or no, not {note}", "", "note=no leaves no note here")
    return None if not note else note == "yes"


async def _where(ctx: Context) -> str | None:
    """A help desk for a new ticket, or a ticket that there is; the only help desk when there is nothing to choose."""
    able = escalate.targets(ctx.desk, ctx.one)
    there = escalate.known(ctx.desk, ctx.one)
    refused = {one.name for one in find.sources(ctx.desk) if one.state == "auth"}
    if len(able) == 1 and not there:
        if able[0] in refused:
            ctx.front.tell("warning", f"{able[0]} refuses our sign-in", WAITS)
        return OPEN + able[0]
    choices = [Choice(OPEN + name, f"Open a ticket at {name}", ", ".join(escalate.places(ctx.desk, name)[:4]))
               for name in able if name not in refused]
    choices += [_choice(one) for one in there]
    choices += [Choice(SEARCH + name, f"Look for a ticket at {name} …", "by number, name, mail or subject")
                for name in escalate.searchable(ctx.desk) if name not in refused]
    choices += [Choice(OPEN + name, f"Open a ticket at {name}", f"its sign-in is refused: {WAITS}")
                for name in able if name in refused]
    if not choices:
        raise Refused("No help desk here opens tickets", "None is connected that can",
                      "Add one to the configuration: agentdesk login")
    return await ctx.front.choose("Escalate: where to?", choices)


def _choice(one: escalate.Ticket) -> Choice:
    where = f" {one.queue}" if one.queue else ""
    return Choice(f"{LINK}{one.number}" if one.number else f"{one.source}#{one.ref}",
                  f"{one.label} {one.status}{where}", f"{one.name}: {one.subject}" if one.name else one.subject)


@verb(name="link", title="Tie to a ticket …", contexts=LIST, scope="one", online=True, undoable=True)
async def link(ctx: Context, ticket: str = "", note: bool = True, merge: bool = False) -> str | None:
    """Tie this to a ticket that there is: 1042, or rt#5512; the ticket gets a note with the way back here.

    Without a number it is looked for by the customer's mail, handle and name, here and at the help desk.
    ``merge=yes`` says that both customers are one person.
    """
    if not ticket:
        picked = await _find(ctx)
        return await _tie(ctx, picked, note=note) if picked is not None else None
    said, number = await escalate.link(ctx.desk, ctx.one, ticket, note=note)
    return f"{said}. {await _merge(ctx, number)}" if merge else said


async def _find(ctx: Context) -> str | None:
    """A ticket stored here, or a help desk to be searched."""
    choices = [_choice(one) for one in escalate.known(ctx.desk, ctx.one)]
    choices += [Choice(SEARCH + name, f"Look at {name} …", "by number, name, mail or subject")
                for name in escalate.searchable(ctx.desk)]
    if choices:
        return await ctx.front.choose("Tie to which ticket?", choices)
    return await ctx.front.ask("Tie to which ticket?", hint="our number such as 1042, or rt#5512") or None


async def _tie(ctx: Context, picked: str, *, note: bool = True) -> str | None:
    """Tie to what was picked, after a search when that was picked; offer to put the customers together."""
    while picked.startswith(SEARCH):
        found = await _search(ctx, picked.removeprefix(SEARCH))
        if found is None:
            return None
        picked = found
    said, number = await escalate.link(ctx.desk, ctx.one, picked, note=note)
    mine, theirs = find.conversation(ctx.desk, ctx.one), find.conversation(ctx.desk, number)
    if mine.customer_id == theirs.customer_id:
        return said
    same = await ctx.front.choose(f"{said}. Is {theirs.name} there the same person as {mine.name}?", [
        Choice("no", "Leave them apart", "= does it later"),
        Choice("yes", "One person", "history and identities come together; it can be undone")])
    return f"{said}. {await _merge(ctx, number)}" if same == "yes" else said


async def _merge(ctx: Context, number: int) -> str:
    mine, theirs = find.conversation(ctx.desk, ctx.one), find.conversation(ctx.desk, number)
    if mine.customer_id == theirs.customer_id:
        return "They are one customer already"
    return await people.merge(ctx.desk, mine.customer_id, theirs.customer_id)


async def _search(ctx: Context, source: str) -> str | None:
    """Search one help desk with words of the person's choice; the screen stays alive meanwhile."""
    words = await ctx.front.ask(f"Look at {source} for", default=escalate.search_words(ctx.desk, ctx.one),
                                hint="a number, name, mail address or words of the subject")
    if not words:
        return None
    ctx.front.tell("info", f"Looking at {source} for {words} …")
    try:
        found = await escalate.search(ctx.desk, source, words)
    except TimeoutError as error:
        raise Refused(f"{source} did not answer in time", "", "Try again in a moment") from error
    choices = [_choice(one) for one in found]
    choices.append(Choice(SEARCH + source, "Look for other words …", f"nothing fits {words}" if not found else ""))
    return await ctx.front.choose(f"{len(found) or 'No'} ticket{'' if len(found) == 1 else 's'} at {source}", choices)


@verb(name="unlink", title="No longer tied …", contexts=LIST, scope="one", undoable=True)
async def unlink(ctx: Context, ticket: int = 0) -> str | None:
    """Take a tie to a ticket away; nothing else changes on either side."""
    ties = find.links(ctx.desk, ctx.one)
    choices = [Choice(str(one.other_id), f"{one.label} {one.status}", str(one.name))
               for one in ties if one.other_id is not None]
    if not ticket:
        if not choices:
            raise Refused("Nothing is tied to this", "", "& ties it to a ticket")
        if len(choices) == 1 and not await ctx.front.confirm(f"No longer tied to {choices[0].label}?",
                                                             "Both stay as they are"):
            return None
        picked = choices[0].value if len(choices) == 1 else await ctx.front.choose("No longer tied to?", choices)
        if not picked:
            return None
        ticket = int(picked)
    return await escalate.unlink(ctx.desk, ctx.one, ticket)
