"""``agentdesk login``: connects a source, or signs in again to one, by asking at the terminal."""

from __future__ import annotations

import shutil
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from agentdesk.cli import output
from agentdesk.cli.session import desk_for, run
from agentdesk.errors import UsageError
from agentdesk.model.text import inert_line


class AtTerminal:
    """Asks at a plain terminal; talk goes to stderr, and what is secret is not echoed."""

    def tell(self, text: str) -> None:
        """Show words, broken between them; an address stays whole, so that it can be copied."""
        room = max(40, shutil.get_terminal_size().columns - 1)
        for line in text.split("\n"):
            output.say(line if line.startswith(("https://", "http://")) else textwrap.fill(
                line, room, break_long_words=False, break_on_hyphens=False))

    async def text(self, title: str, *, hint: str = "", default: str = "") -> str:
        """Ask for one line."""
        shown = f"{title} ({hint})" if hint else title
        with _interruptible():
            return str(click.prompt(_line(shown), default=default, show_default=bool(default), err=True))

    async def secret(self, title: str, *, hint: str = "") -> str:
        """Ask for one line that is not shown."""
        with _interruptible():
            return str(click.prompt(_line(f"{title}, not shown"), hide_input=True, default="", show_default=False,
                                    err=True))

    async def choose(self, title: str, choices: Sequence[tuple[str, str]]) -> str:
        """Ask for one of some values, by its number or its name; Enter takes the first."""
        output.say(f"{title}:")
        width = max(len(value) for value, _ in choices)
        for number, (value, words) in enumerate(choices, 1):
            self.tell(f"  {number:>2}  {value:<{width}}  {words}".rstrip())
        known = {value: value for value, _ in choices if value} | {
            str(number): value for number, (value, _) in enumerate(choices, 1)}
        while True:
            with _interruptible():
                told = str(click.prompt("Number", default="1", err=True)).strip()
            if told in known:
                return known[told]
            output.say(f"One of 1 to {len(choices)}")


def _line(text: str) -> str:
    return str(inert_line(text, limit=300))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let ^C end a question at once: while it waits, nothing else of ours runs that would have to be ended in order."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@click.command()
@click.argument("kind", required=False, default="")
@click.argument("name", required=False, default="")
@click.pass_context
def login(ctx: click.Context, kind: str, name: str) -> None:
    """Connect a source, or sign in again to one.

    KIND is mastodon, bluesky, chatwoot, zammad, zendesk, mail, rss, rt, file or what other packages bring; left out, it
    is asked for. With the NAME of a source that is there already, only its token is renewed.
    """
    if not sys.stdin.isatty():
        raise UsageError("agentdesk login asks questions, and there is nobody to answer", "stdin is no terminal",
                         "Run it at a terminal; or write the block by hand (agentdesk config init) and put the token "
                         "in with agentdesk secret set SOURCE, which reads stdin")
    from agentdesk.desk.connecting import sign_in

    with desk_for(ctx) as desk:
        output.say(run(sign_in(desk, AtTerminal(), kind, name)))
