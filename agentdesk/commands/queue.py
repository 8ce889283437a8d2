"""Verbs on the conversations of the queue: claim, put aside, tag, and the ways out."""

from __future__ import annotations

from agentdesk.commands.context import Choice, Context
from agentdesk.commands.registry import verb
from agentdesk.desk import decide, find, inbox
from agentdesk.errors import Refused, UsageError
from agentdesk.model.conversation import Disposition
from agentdesk.model.words import whole_number
from agentdesk.rules.times import parse_when

LIST = ("queue", "conversation")


@verb(name="claim", title="Claim", contexts=LIST, scope="many", undoable=True)
async def claim(ctx: Context, steal: bool = False) -> str:
    """Say that you are on it; the claim lasts while you work on it and ends by itself."""
    return await inbox.claim(ctx.desk, ctx.many, steal=steal)


@verb(name="release", title="Release", contexts=LIST, scope="many", undoable=True)
async def release(ctx: Context) -> str:
    """Give your claim back to everybody."""
    return await inbox.release(ctx.desk, ctx.many)


@verb(name="assign", title="Assign to …", contexts=LIST, scope="many", undoable=True)
async def assign(ctx: Context, agent: str = "") -> str | None:
    """Hand conversations to a named agent."""
    name = agent or await ctx.front.ask("Assign to", hint="the agent's name, as in the help desk")
    return await inbox.assign(ctx.desk, ctx.many, name) if name else None


@verb(name="snooze", title="Snooze until …", contexts=LIST, scope="many", undoable=True)
async def snooze(ctx: Context, until: str = "") -> str | None:
    """Put conversations aside until a time such as 2h, tomorrow 9 or mon 14:30; a new message brings them back."""
    seen = inbox.seen(ctx.desk, ctx.many)
    words = until or await ctx.front.ask("Snooze until", hint="2h, tomorrow 9, mon 14:30, 2026-12-01 9:00",
                                         check=lambda text: _time_problem(ctx, text))
    return await inbox.snooze(ctx.desk, ctx.many, when(ctx, words), seen=seen) if words else None


def when(ctx: Context, words: str) -> int:
    """The instant that free text names."""
    return parse_when(words, ctx.desk.now(), ctx.desk.zone)


def _time_problem(ctx: Context, words: str) -> str:
    try:
        when(ctx, words)
    except (UsageError, Refused) as error:
        return " ".join(part for part in (f"{error.title}.", error.remedy) if part)
    return ""


@verb(name="done", title="Done …", contexts=LIST, scope="many", undoable=True)
async def done(ctx: Context, how: str = "", code: str = "", reason: str = "", of: int = 0) -> str | None:
    """Let conversations leave the queue by answered, praise, not_actionable, duplicate, linked or spam."""
    seen = inbox.seen(ctx.desk, ctx.many)
    chosen = how or await ctx.front.choose("Done: how?", _ways(ctx))
    if not chosen:
        return None
    chosen, _, given = _coded(ctx, chosen).partition(" ")
    disposition = _disposition(chosen)
    code = code or given
    if disposition is Disposition.DUPLICATE and not of:
        number = await ctx.front.ask("Duplicate of", hint="the number of the other conversation")
        if not number:
            return None
        of = conversation_number(number)
    return await inbox.dispose(ctx.desk, ctx.many, disposition, code=code, reason=reason, of=of or None,
                               seen=seen)


def _ways(ctx: Context) -> list[Choice]:
    """Every way out, each code one choice of its own, so that most need one answer only."""
    codes = ctx.desk.config.codes
    return [
        Choice("answered", "Answered", "it has its answer"),
        Choice("praise", "Praise", "thanked or noted"),
        *(Choice(f"not_actionable {code}", f"Not actionable: {title}", code)
          for code, title in codes.not_actionable.items()),
        Choice("duplicate", "Duplicate of …", "another conversation has it"),
        Choice("linked", "Linked", "a ticket elsewhere carries it on"),
        *(Choice(f"spam {code}", f"Spam: {title}", code) for code, title in codes.spam.items()),
    ]


def _coded(ctx: Context, word: str) -> str:
    """The way out that a code stands for, with the code; any other word as it is."""
    codes = ctx.desk.config.codes
    for way, known in ((Disposition.NOT_ACTIONABLE, codes.not_actionable), (Disposition.SPAM, codes.spam)):
        if word in known:
            return f"{way.value} {word}"
    return word


def _disposition(word: str) -> Disposition:
    try:
        return Disposition(word.replace("-", "_"))
    except ValueError:
        raise UsageError(f"There is no disposition {word}", "",
                         "Say one of: " + ", ".join(d.value for d in Disposition)) from None


def conversation_number(text: str) -> int:
    """The conversation that somebody names: 1042 or #1042."""
    number = whole_number(text.strip("# "))
    if number is None:
        raise UsageError(f"{text} is not a conversation's number", "", "Example: 1042")
    return number


@verb(name="thanks", title="No reply needed: thanks", contexts=LIST, scope="many", undoable=True)
async def thanks(ctx: Context) -> str:
    """Close a bare thanks or ok in one key, with its code."""
    return await inbox.dispose(ctx.desk, ctx.many, Disposition.NOT_ACTIONABLE, code="thanks")


@verb(name="reopen", title="Reopen", contexts=LIST, scope="many", undoable=True)
async def reopen(ctx: Context) -> str:
    """Bring conversations back into the queue."""
    return await inbox.reopen(ctx.desk, ctx.many)


@verb(name="tag", title="Tag …", contexts=LIST, scope="many", undoable=True)
async def tag(ctx: Context, tags: str = "") -> str | None:
    """Add tags, or remove those with a dash before them: lost-parcel -late."""
    words = tags or await ctx.front.ask("Tags", hint="lost-parcel, or -lost-parcel to remove")
    if not words:
        return None
    names = [name for name in words.replace(",", " ").split() if name.strip("-#")]
    add = [name.lstrip("#") for name in names if not name.startswith("-")]
    remove = [name[1:].lstrip("#") for name in names if name.startswith("-")]
    return await inbox.tag(ctx.desk, ctx.many, add, remove)


@verb(name="incident", title="Incident …", contexts=LIST, scope="many", undoable=True)
async def incident(ctx: Context, name: str = "") -> str | None:
    """Put conversations with one cause under one name; - takes them out again."""
    given = name or await ctx.front.ask("Incident", hint="a short name such as depot-north, - for none")
    return await inbox.set_incident(ctx.desk, ctx.many, "" if given == "-" else given) if given else None


@verb(name="status", title="Ticket status …", contexts=LIST, scope="many", undoable=True)
async def status(ctx: Context, status: str = "") -> str | None:
    """Give tickets a status of their help desk."""
    if not status:
        source = find.conversation(ctx.desk, ctx.many[0]).source
        choices = [Choice(name, name, "") for name in ctx.desk.caps(source).statuses]
        if not choices:
            raise Refused(f"{source} has no statuses", "", "Finish the conversation with d instead")
        status = await ctx.front.choose("Status", choices) or ""
    return await inbox.set_status(ctx.desk, ctx.many, status) if status else None


@verb(name="priority", title="Ticket priority …", contexts=LIST, scope="many", undoable=True)
async def priority(ctx: Context, priority: str = "") -> str | None:
    """Give tickets a priority of their help desk."""
    value = priority or await ctx.front.ask("Priority", hint="as the help desk writes it")
    return await inbox.set_priority(ctx.desk, ctx.many, value) if value else None


@verb(name="undo", title="Undo", contexts=("global",), scope="none")
async def undo(ctx: Context) -> str:
    """Take back your last step: a reply that is still held first, else your last decision."""
    from agentdesk.desk import answer

    entry = answer.held(ctx.desk)
    if entry is not None:
        draft = await answer.cancel(ctx.desk, entry.id)
        await ctx.front.show("composer", conversation_id=draft.conversation_id, kind=draft.kind.value)
        return "Taken back; the text is a draft again"
    return await decide.undo(ctx.desk)
