"""``agentdesk``: without a command it opens the desk; every command is imported only when it is called."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from agentdesk import __version__
from agentdesk.config.words import nearest
from agentdesk.errors import DeskError

COMMANDS = {
    "open": "agentdesk.cli.run:open_desk",
    "demo": "agentdesk.cli.run:demo",
    "sync": "agentdesk.cli.run:sync",
    "import": "agentdesk.cli.transfer:import_file",
    "export": "agentdesk.cli.transfer:export",
    "queue": "agentdesk.cli.read:queue",
    "show": "agentdesk.cli.read:show",
    "customer": "agentdesk.cli.read:customer",
    "search": "agentdesk.cli.read:search",
    "drafts": "agentdesk.cli.read:drafts",
    "outbox": "agentdesk.cli.read:outbox",
    "sources": "agentdesk.cli.read:sources",
    "ledger": "agentdesk.cli.read:ledger",
    "reply": "agentdesk.cli.write:reply",
    "note": "agentdesk.cli.write:note",
    "files": "agentdesk.cli.files:files",
    "claim": "agentdesk.cli.work:claim",
    "release": "agentdesk.cli.work:release",
    "assign": "agentdesk.cli.work:assign",
    "snooze": "agentdesk.cli.work:snooze",
    "done": "agentdesk.cli.work:done",
    "reopen": "agentdesk.cli.work:reopen",
    "tag": "agentdesk.cli.work:tag",
    "promise": "agentdesk.cli.work:promise",
    "undo": "agentdesk.cli.work:undo",
    "do": "agentdesk.cli.work:do",
    "report": "agentdesk.cli.report:report",
    "doctor": "agentdesk.cli.doctor:doctor",
    "config": "agentdesk.cli.config:config",
    "login": "agentdesk.cli.login:login",
    "secret": "agentdesk.cli.secret:secret",
    "forget": "agentdesk.cli.forget:forget",
    "keys": "agentdesk.cli.keys:keys",
    "verbs": "agentdesk.cli.keys:verbs",
}
"""Command → where its function is; nothing here is imported before it is needed."""


class ReaderGone(Exception):
    """Whoever read our output went away; click would end with an error that it did not have."""


@contextmanager
def _told_apart() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGone from error


class LazyGroup(click.Group):
    """A group that knows its commands by name only."""

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        with _told_apart():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        with _told_apart():
            try:
                return super().invoke(ctx)
            except DeskError as error:
                from agentdesk.cli import output

                output.complain(error, ctx.params["profile"])
                return error.exit_code

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, name = where.partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None,
                                                                            list[str]]:
        word = args[0]
        if word not in COMMANDS and not word.startswith("-") and not ctx.resilient_parsing:
            near = nearest(word, COMMANDS)
            ctx.fail(f"No such command '{word}'." + (f" Did you mean '{near}'?" if near else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]},
             epilog="Exit codes: 0 done, 1 error, 2 usage, 3 configuration, 4 not found, 5 refused, 6 cache, 7 source, "
                    "8 findings. Data goes to stdout, talk to stderr.")
@click.option("--profile", default=lambda: os.environ.get("AGENTDESK_PROFILE", "default"), metavar="NAME",
              help="Which desk: each profile has its own configuration and cache.")
@click.option("--config", "config_path", type=click.Path(path_type=Path), metavar="FILE",
              help="Another configuration file.")
@click.option("--agent", metavar="NAME", help="Work under this name.")
@click.option("--theme", metavar="NAME", help="Another theme.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with plain characters only.")
@click.option("--safe", is_flag=True, help="Start with default keys and theme.")
@click.version_option(__version__, prog_name="agentdesk")
@click.pass_context
def main(ctx: click.Context, profile: str, config_path: Path | None, agent: str | None, theme: str | None,
         ascii_only: bool, safe: bool) -> int:
    """A terminal desk for the people who answer customers.

    Without a command it opens the desk. `agentdesk demo` shows it with a made-up parcel company.
    """
    overrides: dict[str, Any] = {}
    if agent:
        overrides["agent.name"] = agent
    if theme:
        overrides["ui.theme"] = theme
    if ascii_only:
        overrides["ui.ascii"] = True
    ctx.ensure_object(dict).update(profile=profile, config_path=config_path, overrides=overrides, safe=safe)
    if ctx.invoked_subcommand is None:
        from agentdesk.cli.run import open_desk

        return int(ctx.invoke(open_desk))
    return 0
