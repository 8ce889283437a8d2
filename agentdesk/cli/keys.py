"""What can be said and which keys say it."""

from __future__ import annotations

import click

from agentdesk.bootstrap import read_config
from agentdesk.cli import output
from agentdesk.cli.session import options_of, registry
from agentdesk.commands.keymap import DEFAULT


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def keys(as_json: bool) -> None:
    """List the default keys by context."""
    rows: list[dict[str, object]] = [{"context": context, "keys": chord, "calls": call}
                                     for context, bound in DEFAULT.items() for chord, call in bound.items()]
    output.as_lines(rows) if as_json else output.table(rows)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, with arguments.")
@click.pass_context
def verbs(ctx: click.Context, as_json: bool) -> None:
    """List the verbs that `agentdesk do`, keys and the `:` line call, with the programs of your own."""
    found = registry(read_config(options_of(ctx, read_only=True)).commands)
    if as_json:
        output.as_lines(found.catalogue())
    else:
        output.table([{"verb": v.usage, "on": v.scope, "does": v.brief} for v in found])
