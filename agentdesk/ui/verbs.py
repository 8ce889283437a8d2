"""Verbs that need the screen: what moves on it, what it shows, and the text that is being written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentdesk.commands.context import Choice, Context
from agentdesk.commands.registry import Rest, verb
from agentdesk.desk import gaps
from agentdesk.errors import Refused
from agentdesk.ui.front import ScreenFront
from agentdesk.ui.screens import base

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp
    from agentdesk.ui.screens.sources import SourcesScreen

LISTS = ("queue", "conversation", "customer", "list", "outbox", "drafts", "ledger", "sources", "help")


def app_of(ctx: Context) -> DeskApp:
    """The app behind the call; Refused when there is no screen."""
    if not isinstance(ctx.front, ScreenFront):
        raise Refused("This needs the screen", "", "Start agentdesk without a command")
    return ctx.front.app


def source_under(ctx: Context) -> tuple[SourcesScreen, str]:
    """The sources screen, and the source under its cursor; Refused when there is none."""
    from agentdesk.ui.screens.sources import SourcesScreen

    screen = app_of(ctx).screen
    if not isinstance(screen, SourcesScreen) or not screen.name_selected:
        raise Refused("There is no source under the cursor", "", "Connect one with a")
    return screen, screen.name_selected


def pane_of(ctx: Context) -> base.Pane:
    """What the moving keys move."""
    pane = base.pane_of(app_of(ctx).screen)
    if pane is None:
        raise Refused("There is nothing to move in here", "", "Esc goes back to the list")
    return pane


@verb("down", title="Down", contexts=LISTS, visual=True)
async def down(ctx: Context) -> None:
    """Move the cursor down; with a number before it, that many."""
    pane_of(ctx).move(ctx.count or 1)


@verb("up", title="Up", contexts=LISTS, visual=True)
async def up(ctx: Context) -> None:
    """Move the cursor up; with a number before it, that many."""
    pane_of(ctx).move(-(ctx.count or 1))


@verb("top", title="To the first", contexts=LISTS, visual=True)
async def top(ctx: Context) -> None:
    """Go to the first row; in the queue, to the first there is by now."""
    pane_of(ctx).top()


@verb("bottom", title="To the last", contexts=LISTS, visual=True)
async def bottom(ctx: Context) -> None:
    """Go to the last row."""
    pane_of(ctx).bottom()


@verb("half-down", title="Half a page down", contexts=LISTS, visual=True)
async def half_down(ctx: Context) -> None:
    """Move by half a window."""
    pane_of(ctx).half(ctx.count or 1)


@verb("half-up", title="Half a page up", contexts=LISTS, visual=True)
async def half_up(ctx: Context) -> None:
    """Move by half a window."""
    pane_of(ctx).half(-(ctx.count or 1))


@verb("page-down", title="A page down", contexts=LISTS, visual=True)
async def page_down(ctx: Context) -> None:
    """Move by a window."""
    pane_of(ctx).page_by(ctx.count or 1)


@verb("page-up", title="A page up", contexts=LISTS, visual=True)
async def page_up(ctx: Context) -> None:
    """Move by a window."""
    pane_of(ctx).page_by(-(ctx.count or 1))


@verb("open", title="Open", contexts=LISTS, visual=True)
async def open_row(ctx: Context, conversation: int = 0) -> None:
    """Open what is under the cursor, or the conversation with this number."""
    app = app_of(ctx)
    if conversation:
        app.main.open_conversation(conversation)
        return
    app.open_selected()


@verb("back", title="Back", visual=True)
async def back(ctx: Context) -> None:
    """One level back: a message goes away, marks are cleared, the list has the keys again."""
    app_of(ctx).go_back()


@verb("next", title="Next conversation", contexts=("queue", "conversation", "customer"), visual=True)
async def next_conversation(ctx: Context) -> None:
    """Go to the next conversation of the queue without leaving the pane."""
    app_of(ctx).main.step(ctx.count or 1)


@verb("previous", title="Previous conversation", contexts=("queue", "conversation", "customer"), visual=True)
async def previous_conversation(ctx: Context) -> None:
    """Go to the previous conversation of the queue without leaving the pane."""
    app_of(ctx).main.step(-(ctx.count or 1))


@verb("pane", title="Next pane", contexts=("queue", "conversation", "customer", "composer"), visual=True)
async def pane(ctx: Context, back: bool = False) -> None:
    """Go from the list to the conversation, to the customer, and round."""
    app_of(ctx).main.next_pane(-1 if back else 1)


@verb("mark", title="Mark", contexts=("queue",), visual=True)
async def mark(ctx: Context) -> None:
    """Mark the row under the cursor, or take its mark away."""
    app_of(ctx).main.queue.mark()


@verb("mark-all", title="Mark all in sight", contexts=("queue",), visual=True)
async def mark_all(ctx: Context) -> None:
    """Mark every row in sight; again takes the marks away."""
    app_of(ctx).main.queue.mark_shown()


@verb("mark-range", title="Mark from the last mark to here", contexts=("queue",), visual=True)
async def mark_range(ctx: Context) -> None:
    """Mark every row between the last mark and the cursor."""
    app_of(ctx).main.queue.mark_range()


@verb("mark-none", title="Clear marks", contexts=("queue",), visual=True)
async def mark_none(ctx: Context) -> None:
    """Take all marks away."""
    app_of(ctx).main.queue.unmark()


@verb("view", title="View", visual=True)
async def view(ctx: Context, view: str) -> None:
    """Show a saved view, by its key or its name."""
    app_of(ctx).main.show_view(view)


@verb("filter", title="Filter the queue", visual=True)
async def filter_queue(ctx: Context, query: Rest | None = None) -> None:
    """Show what a query matches, such as late followers>1000; without one, the view again."""
    app_of(ctx).main.show_query(query or "")


@verb("show-new", title="Show what is new", contexts=("queue", "conversation", "customer"), visual=True)
async def show_new(ctx: Context) -> None:
    """Bring what has arrived into the list; the cursor stays on its conversation."""
    app_of(ctx).main.queue.reload()


@verb("find", title="Find", visual=True)
async def find_text(ctx: Context, text: Rest | None = None) -> None:
    """Search all messages and customers, newest first."""
    await ctx.front.show("search", **({"text": text} if text else {}))


@verb("command", title="Command line", visual=True)
async def command(ctx: Context, start: Rest | None = None) -> None:
    """Type a command with its arguments; Tab completes."""
    app_of(ctx).open_commands(search=False, start=f"{start} " if start else "")


@verb("palette", title="All commands", visual=True)
async def palette(ctx: Context) -> None:
    """Search the commands by what they do; Enter runs one."""
    app_of(ctx).open_commands(search=True)


@verb("keys", title="Keys", visual=True)
async def keys(ctx: Context) -> None:
    """Show the keys that work here; Enter runs one."""
    await ctx.front.show("help", context=ctx.where)


@verb("outbox", title="Outbox", visual=True)
async def outbox(ctx: Context) -> None:
    """Show what is on its way and what could not leave."""
    await ctx.front.show("outbox")


@verb("drafts", title="Drafts", visual=True)
async def drafts(ctx: Context) -> None:
    """Show what was begun and not sent."""
    await ctx.front.show("drafts")


@verb("sources", title="Sources", visual=True)
async def sources(ctx: Context) -> None:
    """Show how every source stands, and what to do about it."""
    await ctx.front.show("sources")


@verb("login", title="Connect a source …", visual=True)
async def login(ctx: Context, kind: str = "", name: str = "") -> None:
    """Connect a source, or sign in again to the one of this name."""
    await ctx.front.show("connect", kind=kind, name=name)


@verb("login-again", title="Sign in again", contexts=("sources",), visual=True)
async def login_again(ctx: Context) -> None:
    """Give the source under the cursor a new token."""
    _, source = source_under(ctx)
    kind, _, name = source.partition(":")
    await ctx.front.show("connect", kind=kind, name=name)


@verb("pause", title="Pause, or go on", contexts=("sources",))
async def pause(ctx: Context) -> str:
    """Leave the source under the cursor alone, or let it go on: nothing is fetched from it or sent to it meanwhile."""
    screen, source = source_under(ctx)
    return await screen.pause(source)


@verb("looked-there", title="I looked there", contexts=("sources",))
async def looked_there(ctx: Context) -> str:
    """Say that you read on the platform what the source under the cursor could not show; the ledger keeps your word."""
    screen, source = source_under(ctx)
    said = await gaps.settle(ctx.desk, source)
    screen.reload()
    return said


@verb("ledger", title="Ledger", visual=True)
async def ledger(ctx: Context) -> None:
    """Show what persons and rules decided."""
    await ctx.front.show("ledger")


@verb("why", title="Why here", contexts=("queue", "conversation", "customer"), scope="one")
async def why(ctx: Context) -> None:
    """Say why a conversation stands where it stands."""
    await ctx.front.show("why", conversation_id=ctx.one)


@verb("theme", title="Theme")
async def theme(ctx: Context, name: str = "") -> str | None:
    """Show the desk in other colours, at once."""
    app = app_of(ctx)
    names = app.theme_names()
    shown = app.palette.name
    choices = [Choice(one, names[one], "shown now" if one == shown else "")
               for one in sorted(names, key=lambda one: one != shown)]
    chosen = name or await ctx.front.choose("Theme", choices)
    return app.switch_theme(chosen) if chosen else None


@verb("copy", title="Copy text", contexts=("queue", "conversation", "customer"))
async def copy(ctx: Context) -> str:
    """Copy the text under the cursor, over SSH and in tmux too."""
    text = app_of(ctx).main.text_under_cursor()
    if not text:
        raise Refused("There is no text under the cursor", "", "Move it onto a message or a row")
    return await ctx.front.copy(text)


@verb("show-all", title="Show all of it", contexts=("conversation",), visual=True)
async def show_all(ctx: Context) -> None:
    """Show more of a long or edited message: what was cut, and its earlier texts."""
    app_of(ctx).main.show_all()


@verb("redraw", title="Redraw", visual=True)
async def redraw(ctx: Context) -> None:
    """Draw the whole screen anew, whatever else wrote on it."""
    app_of(ctx).redraw()


@verb("suspend", title="To the shell", visual=True)
async def suspend(ctx: Context) -> None:
    """Stop for a while and give the shell back; fg comes back here."""
    app_of(ctx).action_suspend_process()


@verb("quit", title="Quit", visual=True)
async def quit_desk(ctx: Context) -> None:
    """Close what is open, or leave; drafts and what is unsent are kept."""
    await app_of(ctx).quit()


@verb("hint-quit", title="How to leave", visual=True)
async def hint_quit(ctx: Context) -> None:
    """Say how to leave."""
    app_of(ctx).say("info", "q leaves agentdesk; nothing is lost by it")


@verb("send", title="Send", contexts=("composer",))
async def send(ctx: Context) -> None:
    """Send what is written; warnings stop it once."""
    await app_of(ctx).main.composer.send()


@verb("postpone", title="Keep as draft", contexts=("composer",))
async def postpone(ctx: Context) -> None:
    """Put the composer away and keep the draft."""
    await app_of(ctx).main.composer.postpone()


@verb("discard", title="Throw away", contexts=("composer",))
async def discard(ctx: Context) -> None:
    """Throw the draft away, after asking."""
    await app_of(ctx).main.composer.discard()


@verb("canned", title="Canned reply", contexts=("composer",))
async def canned(ctx: Context, name: str = "") -> None:
    """Put a canned reply into the text, to be edited before it goes."""
    from agentdesk.ui import writing

    await writing.pick_canned(app_of(ctx).main.composer, name)


@verb("attach", title="Attach a file …", contexts=("composer",))
async def attach(ctx: Context, path: str = "", alt: str = "") -> None:
    """Attach a file to what is being written, with words for people who cannot see it; again removes one."""
    from agentdesk.ui import writing

    await writing.attach(app_of(ctx).main.composer, path, alt)


@verb("detach", title="Remove a file", contexts=("composer",))
async def detach(ctx: Context, name: str) -> None:
    """Take an attached file away again, by its name or number."""
    from agentdesk.ui import writing

    writing.detach(app_of(ctx).main.composer, name)


@verb("visibility", title="Who can read it", contexts=("composer",))
async def visibility(ctx: Context) -> None:
    """Switch between public, direct and what else the channel has."""
    app_of(ctx).main.composer.switch_visibility()


@verb("edit-outside", title="Own editor", contexts=("composer",))
async def edit_outside(ctx: Context) -> None:
    """Write in your own editor; the clocks go on meanwhile."""
    from agentdesk.ui import writing

    await writing.edit_outside(app_of(ctx).main.composer)


@verb("discard-draft", title="Throw away", contexts=("drafts",))
async def discard_draft(ctx: Context) -> str | None:
    """Throw the draft under the cursor away, after asking."""
    from agentdesk.desk import answer

    app = app_of(ctx)
    draft = getattr(app.screen, "draft", None)
    if draft is None:
        raise Refused("There is no draft under the cursor", "", "Move it onto one")
    if not await ctx.front.confirm("Throw this draft away?", f"{len(draft.text)} characters to {draft.name}"):
        return None
    if app.main.writing and app.main.composer.still(draft):
        await app.main.composer.throw_away()
    else:
        await answer.discard(ctx.desk, draft)
    return "Thrown away"
