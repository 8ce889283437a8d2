"""One headless run: the desk opened for a command, and a front end that cannot ask."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agentdesk.bootstrap import Options, connect, disconnect, open_desk
from agentdesk.cli import output
from agentdesk.cli.exits import Exit
from agentdesk.cli.screen import profile_options
from agentdesk.desk.desk import Desk
from agentdesk.errors import DeskError, NotFound, Refused, UsageError
from agentdesk.model.words import whole_number
from agentdesk.store import conversations

if TYPE_CHECKING:
    from agentdesk.commands.context import Choice, Level
    from agentdesk.commands.registry import Registry
    from agentdesk.config.schema import CommandConfig
    from agentdesk.model.outgoing import OutboxEntry

T = TypeVar("T")


STDIN = "-"
"""The word for numbers that come on stdin."""
NO_SOURCES = "No sources yet: agentdesk login connects one"
"""What a desk without any says."""


class HeadlessFront:
    """A front end for scripts: it never asks, but says which argument would have answered."""

    def __init__(self, shown: list[str] | None = None) -> None:
        self._shown = shown
        """Where what a verb shows is kept for a caller who answers with it; None where it is printed."""

    def _print(self, text: str) -> None:
        if self._shown is None:
            output.text(text)
        else:
            self._shown.append(text)

    async def ask(self, title: str, *, default: str = "", hint: str = "",
                  check: Callable[[str], str] | None = None,
                  complete: Callable[[str], Sequence[str]] | None = None) -> str | None:
        raise UsageError(f"{title}: say it in the call", "There is nobody to ask here", hint and f"For example {hint}")

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        raise UsageError(f"{title}: say it in the call", "There is nobody to ask here",
                         "One of: " + ", ".join(f"{choice.value} ({choice.label})" if choice.value.isdecimal()
                                                else choice.value for choice in choices))

    async def confirm(self, title: str, detail: str = "") -> bool:
        return True

    def tell(self, level: Level, text: str, remedy: str = "") -> None:
        output.say(text + (f" ({remedy})" if remedy else ""))

    async def show(self, screen: str, **args: object) -> None:
        if screen == "output":
            self._print(str(args["text"]))
        elif screen != "composer":
            raise Refused(f"{screen} is for the screen only", "", "Open the desk: agentdesk")

    def write_below(self, conversation_id: int, text: str) -> bool:
        return False

    async def copy(self, text: str) -> str:
        self._print(text)
        return ""


def options_of(ctx: click.Context, *, read_only: bool = False) -> Options:
    """What the command line's global options mean; the profile «demo» is the demo desk, world and all."""
    said = ctx.obj
    return profile_options(said["profile"], said["config_path"], said["overrides"], safe=said["safe"],
                           read_only=read_only)


@contextmanager
def desk_for(ctx: click.Context, *, read_only: bool = False) -> Iterator[Desk]:
    """The desk that the command line's options name, closed at the end."""
    desk = open_desk(options_of(ctx, read_only=read_only))
    desk.at_once = True
    told = 0
    try:
        told = _warn(desk, told)
        yield desk
    finally:
        _warn(desk, told)
        desk.store.close()


def _warn(desk: Desk, told: int) -> int:
    """Say what was found wrong and not said yet; returns how much has been said now."""
    for warning in desk.warnings[told:]:
        output.say(f"agentdesk: {warning}")
    return len(desk.warnings)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Carry out a coroutine to its end."""
    import asyncio

    return asyncio.run(work)


async def ask_secret(source: str) -> str:
    """Ask the person at the terminal for a token that is kept nowhere."""
    if not sys.stdin.isatty():
        raise Refused(f"The token of {source} must be typed in", "There is no terminal to ask on",
                      "Keep it in the keyring, a command, a variable or a file instead")
    import asyncio

    return str(await asyncio.to_thread(click.prompt, f"Token for {source}", hide_input=True, err=True))


def registry(commands: Sequence[CommandConfig] = ()) -> Registry:
    """The verbs that need no screen, and the person's own."""
    from agentdesk.commands.everything import VERB_MODULES
    from agentdesk.commands.registry import Registry
    from agentdesk.commands.scripts import with_scripts

    found, told = with_scripts(Registry.of(VERB_MODULES), commands)
    for words in told:
        output.say(f"agentdesk: {words}")
    return found


def numbers(words: Sequence[str]) -> tuple[int, ...]:
    """Conversation numbers from words such as ``12`` or ``#12``; ``-`` reads them from stdin, one a line."""
    found: list[int] = []
    for word in words:
        given = sys.stdin.read().split() if word == STDIN else [word]
        for text in given:
            number = whole_number(text.lstrip("#"))
            if number is None:
                raise UsageError(f"{text} is not a conversation's number", "", "agentdesk queue lists them")
            found.append(number)
    return tuple(found)


def one_number(word: str) -> int:
    """The one conversation that a word names."""
    found = numbers([word])
    if len(found) != 1:
        raise UsageError("One conversation's number is needed", f"{len(found) or 'None'} came on stdin",
                         "Name it in the call, or give one on stdin")
    return found[0]


async def call(desk: Desk, line: str, selection: tuple[int, ...], options: Options | None = None,
               shown: list[str] | None = None) -> str | None:
    """Run one verb on conversations, as a key on the screen would; with ``options`` it may talk to its source.

    What it shows goes to stdout, or into ``shown``.
    """
    for number in selection:
        if not conversations.exists(desk.store.reader, number):
            raise NotFound(f"There is no conversation {number}", "It is not in this cache",
                           "agentdesk queue lists them")
    from agentdesk.commands.context import Context

    found = registry(desk.config.commands)
    if options is not None and found[found.parse(line).verb].online:
        await connect(desk, options, ask=ask_secret)
    try:
        return await found.run(Context(desk=desk, front=HeadlessFront(shown), selection=selection, where="shell"), line)
    except DeskError:
        if desk.engine is not None:
            await disconnect(desk)
        raise


async def deliver(desk: Desk, options: Options, offline: bool) -> list[OutboxEntry]:
    """Bring what lies in the outbox to its sources, unless another process does; returns what is left unsettled."""
    from agentdesk.store import outbox as outbox_rows

    waiting = outbox_rows.list(desk.store.reader, unsettled_only=True)
    if waiting and not offline:
        if desk.engine is None:
            await connect(desk, options, ask=ask_secret)
        for source in sorted({entry.source for entry in waiting} & set(desk.connectors)):
            await desk.connected().send_once(source)
        waiting = outbox_rows.list(desk.store.reader, unsettled_only=True)
    if desk.engine is not None:
        await disconnect(desk)
    return waiting


def came_to(entries: Sequence[OutboxEntry]) -> Exit:
    """The exit code of a call that left these unsettled: what only waits is no failure."""
    from agentdesk.model.outgoing import SendState

    states = {entry.state for entry in entries}
    if states & {SendState.REFUSED, SendState.NEEDS_HUMAN}:
        return Exit.SOURCE
    return Exit.REFUSED if SendState.STOPPED in states else Exit.OK


def say_unsettled(desk: Desk, entries: Sequence[OutboxEntry]) -> None:
    """Tell what could not be delivered, and why: what holds the entry up, else what is wrong with its source."""
    from agentdesk.desk import find
    from agentdesk.model.outgoing import SendState

    sources = {it.name: it for it in find.sources(desk)} if entries else {}
    for entry in entries:
        state = "waits" if entry.state in (SendState.HELD, SendState.QUEUED) else entry.state.value.replace("_", " ")
        it = entry if entry.title else sources.get(entry.source, entry)
        what = entry.action.verb.value.replace("_", " ") if entry.action is not None else entry.kind.value
        output.say(f"#{entry.conversation_id} {entry.name}: {what} {state}" + (f": {it.title}" if it.title else "")
                   + (f" ({desk.typed(it.remedy)})" if it.remedy else ""))
