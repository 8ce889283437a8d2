"""Verbs from the shell: the same ones that keys call."""

from __future__ import annotations

import click

from agentdesk.bootstrap import Options
from agentdesk.cli import output
from agentdesk.cli.exits import Exit
from agentdesk.cli.session import STDIN, call, came_to, deliver, desk_for, numbers, options_of, run, say_unsettled
from agentdesk.commands.registry import quote
from agentdesk.desk import find
from agentdesk.desk.desk import Desk
from agentdesk.model.events import Changed, Event, Notice
from agentdesk.model.outgoing import OutboxEntry

IDS = click.argument("conversations", nargs=-1, required=True, metavar="NUMBER…")
JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
OFFLINE = click.option("--offline", is_flag=True, help="Decide here only; sources hear of it at the next sync.")


def _work(ctx: click.Context, line: str, conversations: tuple[str, ...], as_json: bool, offline: bool) -> int:
    """Run one verb, bring its consequences to the sources, and answer; what a source refuses was not done."""
    with desk_for(ctx) as desk:
        chosen = numbers(conversations)
        if STDIN in conversations and not chosen:
            return _nothing(as_json)
        before = {entry.id: entry for entry in find.outbox(desk)}
        heard = _Heard(desk, [] if as_json else None)
        words, left = run(_call(desk, line, chosen, options_of(ctx), offline, heard))
        mine = [entry for entry in left if before.get(entry.id) != entry
                and (entry.id not in before or entry.conversation_id in chosen)]
        say_unsettled(desk, mine)
        code = came_to(mine)
        done = "" if code else words or ""
        if as_json:
            output.as_json({"done": done, "conversations": list(chosen) or sorted(heard.touched),
                            "outbox": {str(entry.id): entry.state.value for entry in mine},
                            **({"output": "\n".join(heard.shown)} if heard.shown else {})})
        elif done:
            output.text(done)
        return code


def _nothing(as_json: bool) -> int:
    """A pipe that brought no conversation: a script that runs every hour finds nothing to do in most of them."""
    output.say("No numbers came on stdin; nothing was done")
    if as_json:
        output.as_json({"done": "", "conversations": [], "outbox": {}})
    return Exit.OK


class _Heard:
    """What a verb shows, and which conversations look different because of it."""

    def __init__(self, desk: Desk, shown: list[str] | None) -> None:
        self._desk = desk
        self.shown = shown
        self.touched: set[int] = set()

    def hear(self, event: Event) -> None:
        """Note what was changed, and say at once what a person should read."""
        match event:
            case Changed():
                self.touched.update(event.conversation_ids)
            case Notice():
                output.say(event.text + (f" ({self._desk.typed(event.remedy)})" if event.remedy else ""))


async def _call(desk: Desk, line: str, selection: tuple[int, ...], options: Options, offline: bool,
                heard: _Heard) -> tuple[str | None, list[OutboxEntry]]:
    """Run the verb, then deliver what it left to send."""
    stop = desk.subscribe(heard.hear)
    words = await call(desk, line, selection, None if offline else options, heard.shown)
    stop()
    return words, await deliver(desk, options, offline)


@click.command()
@IDS
@click.option("--steal", is_flag=True, help="Take it over from a colleague.")
@JSON
@OFFLINE
@click.pass_context
def claim(ctx: click.Context, conversations: tuple[str, ...], steal: bool, as_json: bool, offline: bool) -> int:
    """Say that you are on it."""
    return _work(ctx, "claim steal=yes" if steal else "claim", conversations, as_json, offline)


@click.command()
@IDS
@JSON
@OFFLINE
@click.pass_context
def release(ctx: click.Context, conversations: tuple[str, ...], as_json: bool, offline: bool) -> int:
    """Give your claims back to everybody."""
    return _work(ctx, "release", conversations, as_json, offline)


@click.command()
@click.argument("agent")
@IDS
@JSON
@OFFLINE
@click.pass_context
def assign(ctx: click.Context, agent: str, conversations: tuple[str, ...], as_json: bool, offline: bool) -> int:
    """Hand conversations to a named agent."""
    return _work(ctx, f"assign {quote(agent)}", conversations, as_json, offline)


@click.command()
@click.argument("until")
@IDS
@JSON
@OFFLINE
@click.pass_context
def snooze(ctx: click.Context, until: str, conversations: tuple[str, ...], as_json: bool, offline: bool) -> int:
    """Put conversations aside UNTIL a time such as 2h, "tomorrow 9" or "mon 14:30"."""
    return _work(ctx, f"snooze {quote(until)}", conversations, as_json, offline)


@click.command()
@click.argument("how", metavar="HOW")
@IDS
@click.option("--code", default="", help="Needed for not_actionable and spam.")
@click.option("--reason", default="", help="In your own words.")
@click.option("--of", default=0, type=int, metavar="NUMBER", help="For duplicate: the other conversation.")
@JSON
@OFFLINE
@click.pass_context
def done(ctx: click.Context, how: str, conversations: tuple[str, ...], code: str, reason: str, of: int, as_json: bool,
         offline: bool) -> int:
    """Let conversations leave the queue; HOW is answered, praise, not_actionable, duplicate, linked, spam or a code."""
    line = f"done {quote(how)}"
    line += f" code={quote(code)}" if code else ""
    line += f" reason={quote(reason)}" if reason else ""
    line += f" of={of}" if of else ""
    return _work(ctx, line, conversations, as_json, offline)


@click.command()
@IDS
@JSON
@OFFLINE
@click.pass_context
def reopen(ctx: click.Context, conversations: tuple[str, ...], as_json: bool, offline: bool) -> int:
    """Bring conversations back into the queue."""
    return _work(ctx, "reopen", conversations, as_json, offline)


@click.command()
@click.argument("tags")
@IDS
@JSON
@OFFLINE
@click.pass_context
def tag(ctx: click.Context, tags: str, conversations: tuple[str, ...], as_json: bool, offline: bool) -> int:
    """Add TAGS, comma separated; write =-name to remove one."""
    words = tags.lstrip("=")
    return _work(ctx, f"tag tags={quote(words)}", conversations, as_json, offline)


@click.command()
@click.argument("until")
@click.argument("words")
@click.argument("conversation")
@JSON
@OFFLINE
@click.pass_context
def promise(ctx: click.Context, until: str, words: str, conversation: str, as_json: bool, offline: bool) -> int:
    """Promise the customer WORDS by a time."""
    return _work(ctx, f"promise {quote(until)} {quote(words)}", (conversation,), as_json, offline)


@click.command()
@JSON
@OFFLINE
@click.pass_context
def undo(ctx: click.Context, as_json: bool, offline: bool) -> int:
    """Take back your last step."""
    return _work(ctx, "undo", (), as_json, offline)


@click.command()
@click.argument("line")
@click.argument("conversations", nargs=-1, metavar="NUMBER…")
@JSON
@OFFLINE
@click.pass_context
def do(ctx: click.Context, line: str, conversations: tuple[str, ...], as_json: bool, offline: bool) -> int:
    """Run any verb as typed after `:` on the screen; `agentdesk verbs` lists them."""
    return _work(ctx, line, conversations, as_json, offline)
