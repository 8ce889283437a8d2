"""What can be said and which keys say it."""

from __future__ import annotations

from collections.abc import Mapping

import click

from agentdesk.bootstrap import read_config
from agentdesk.cli import output
from agentdesk.cli.session import options_of, registry
from agentdesk.commands.keymap import DEFAULT, stroke


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def keys(ctx: click.Context, as_json: bool) -> None:
    """List the keys by context, those that the configuration changes too; one that it takes away calls nothing."""
    own = read_config(options_of(ctx, read_only=True)).keys
    rows: list[dict[str, object]] = []
    for context in {**DEFAULT, **own}:
        rows += [{"context": context, "keys": chord, "calls": call or ""}
                 for chord, call in _laid(DEFAULT.get(context, {}), own.get(context, {})).items()]
    output.as_lines(rows) if as_json else output.table(rows)


def _laid(shipped: Mapping[str, str], own: Mapping[str, str | None]) -> dict[str, str | None]:
    """The keys as shipped with a person's own over them, however those are spelled."""
    found: dict[str, str | None] = dict(shipped)
    for text, call in own.items():
        try:
            found[" ".join(stroke(part) for part in text.split())] = call
        except ValueError:  # no key at all: config validate says so, and the screen leaves it out
            continue
    return found


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
