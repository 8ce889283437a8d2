"""Verbs on what was only heard by listening."""

from __future__ import annotations

from agentdesk.commands.context import Choice, Context
from agentdesk.commands.queue import LIST
from agentdesk.commands.registry import verb
from agentdesk.config.schema import NOT_ABOUT_US
from agentdesk.desk import exclusions, inbox
from agentdesk.errors import Refused, UsageError
from agentdesk.model.conversation import Disposition


@verb(name="not-about-us", title="Not about us", contexts=LIST, scope="many", undoable=True)
async def not_about_us(ctx: Context, exclude: str = "", author: str = "") -> str:
    """Close what is not about us, and leave its like out from now on: by words of the post, or by its author."""
    if exclude or author:
        wrong = exclusions.problem(ctx.desk, ctx.one, words=exclude, author="" if exclude else author)
        if wrong:
            raise Refused("That cannot be left out", wrong, "Take a word or phrase of the post, or its author")
    said = await inbox.dispose(ctx.desk, ctx.many, Disposition.NOT_ACTIONABLE, code=NOT_ABOUT_US)
    if exclude:
        said = await exclusions.exclude(ctx.desk, ctx.one, words=exclude)
    if author:
        said = await exclusions.exclude(ctx.desk, ctx.one, author=author)
    if exclude or author or len(ctx.many) > 1:
        return said
    return await _offer(ctx) or said


async def _offer(ctx: Context) -> str | None:
    """Offer to leave out what the post holds; None when nothing is wanted, or nobody can be asked."""
    offered = exclusions.offers(ctx.desk, ctx.one)
    if not offered:
        return None
    choices = [Choice(f"author {one.author}", f"Everything by {one.author}", "author") if one.author else
               Choice(f"words {one.words}", f"Posts with «{one.words}»", "words") for one in offered]
    try:
        chosen = await ctx.front.choose(f"#{ctx.one} is done. What of it to leave out from now on? Esc for nothing",
                                        [*choices, Choice("words ", "Other words …", "words")])
    except UsageError:  # a script, which says it in the call
        return None
    what, _, text = (chosen or "").partition(" ")
    if not what:
        return None
    by_author = what == "author"

    def check(given: str) -> str:
        return exclusions.problem(ctx.desk, ctx.one, **{what: given})

    given = await ctx.front.ask("Leave out everything by" if by_author else "Leave out posts with", default=text,
                                hint="their handle" if by_author else "a word or phrase of the post", check=check)
    if not given:
        return None
    return await exclusions.exclude(ctx.desk, ctx.one, **{what: given})
