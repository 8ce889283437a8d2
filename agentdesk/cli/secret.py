"""Tokens in the keyring or a file: put one in, take it out, see whether each can be read; no value is ever shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from agentdesk import secrets
from agentdesk.bootstrap import read_config
from agentdesk.cli import output
from agentdesk.cli.exits import Exit
from agentdesk.cli.session import options_of, run
from agentdesk.config.sources import SecretRef
from agentdesk.errors import DeskError, NotFound, Refused, UsageError
from agentdesk.paths import disk_error


@click.group()
def secret() -> None:
    """Keep tokens in the keyring or a file, and check those kept elsewhere."""


def _ref(ctx: click.Context, source: str) -> SecretRef:
    """Where the configuration keeps a source's token."""
    sources = read_config(options_of(ctx)).sources
    found = next((one for one in sources if one.full_name == source), None)
    if found is None:
        known = ", ".join(one.full_name for one in sources) or "none"
        raise NotFound(f"There is no source {source}", f"Configured: {known}", "Add it to the configuration first")
    if found.token is None:
        raise UsageError(f"{source} names no place for its token", "", "Add token: {keyring: …} to it")
    return found.token


@secret.command(name="set")
@click.argument("source")
@click.pass_context
def put(ctx: click.Context, source: str) -> None:
    """Put the token of SOURCE into its keyring or file; it is asked for, or read from stdin."""
    ref = _ref(ctx, source)
    value = click.prompt("Token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not value.strip():
        raise UsageError("No token was given", "", "Type it, or pipe it in")
    run(secrets.store(ref, secrets.Secret(value.strip())))
    output.say(f"Kept in {ref.say()}")


@secret.command()
@click.argument("source")
@click.pass_context
def remove(ctx: click.Context, source: str) -> None:
    """Take the token of SOURCE out of its keyring or file."""
    ref = _ref(ctx, source)
    if ref.kind == "file":
        _unlink(Path(ref.value))
    elif ref.kind == "keyring":
        run(secrets.remove(ref))
    else:
        raise Refused(f"The token of {source} is not agentdesk's to remove", f"It is kept elsewhere: {ref.say()}",
                      "Remove it there")
    output.say(f"{ref.say()} is empty now" if ref.kind == "keyring" else f"{ref.say()} is removed")


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(f"{path} cannot be removed", error) from error


@secret.command()
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> int:
    """Say for every source whether its token can be read."""
    rows: list[dict[str, object]] = []
    sources = read_config(options_of(ctx)).sources
    variables = secrets.withdraw(one.token for one in sources)
    for one in sources:
        if one.token is None or one.token.kind == "prompt":
            said = "none" if one.token is None else "asked for at start"
            rows.append({"source": one.full_name, "token": said, "readable": None})
            continue
        try:
            environ = dict(variables) if one.token.kind == "env" else os.environ
            run(secrets.read(one.token, name=one.full_name, environ=environ))
            rows.append({"source": one.full_name, "token": f"readable from {one.token.say()}",
                         "readable": True})
        except DeskError as error:
            rows.append({"source": one.full_name, "token": str(error), "readable": False})
    if as_json:
        output.as_lines(rows)
    else:
        output.table([{"source": row["source"], "token": row["token"]} for row in rows])
    return Exit.FINDINGS if any(row["readable"] is False for row in rows) else Exit.OK
