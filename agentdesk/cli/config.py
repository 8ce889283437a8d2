"""The configuration from the shell: begin one, find it, check it, see it, and its schema for editors."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from agentdesk.bootstrap import config_file, read_config
from agentdesk.cli import output
from agentdesk.cli.exits import Exit
from agentdesk.cli.mistakes import mistakes
from agentdesk.cli.session import options_of
from agentdesk.config import plugins
from agentdesk.config.example import starter_text
from agentdesk.config.jsonschema import example_block, json_schema
from agentdesk.config.load import explain, title
from agentdesk.config.sources import SourceBase
from agentdesk.config.yaml import parse, read_bytes
from agentdesk.connectors import registry
from agentdesk.errors import ConfigError, Refused
from agentdesk.paths import is_there, make_private, write_private
from agentdesk.rules.query import problem


@click.group()
def config() -> None:
    """Begin, find, check and show the configuration."""


@config.command()
@click.option("--force", is_flag=True, help="Write it over an existing file; the old one is kept beside it.")
@click.pass_context
def init(ctx: click.Context, force: bool) -> None:
    """Write a commented configuration with every setting in it."""
    path = config_file(options_of(ctx))
    if is_there(path):
        if not force:
            raise Refused(f"{path} exists already", "It would be lost", "Edit it, or use --force to begin again")
        kept = path.with_suffix(".yaml.before")
        os.replace(path, kept)
        output.say(f"The old one is now {kept}")
    write_starter(path)


def write_starter(path: Path) -> int:
    """Write the commented configuration unless one is there, and say where it is and what comes next."""
    if not is_there(path):
        make_private(path.parent)
        write_private(path, starter_text().encode())
    output.text(str(path))
    output.say("next: edit it, then agentdesk config validate, then agentdesk doctor")
    return Exit.OK


@config.command()
@click.pass_context
def path(ctx: click.Context) -> None:
    """Print where the configuration is."""
    output.text(str(config_file(options_of(ctx))))


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def validate(ctx: click.Context, file: Path | None, as_json: bool) -> int:
    """Check the configuration; every mistake at once, with file, line and the nearest valid name."""
    options = options_of(ctx)
    if file is not None:
        options = msgspec.structs.replace(options, config_path=file)
    wanted = config_file(options)
    if not is_there(wanted):
        raise ConfigError(f"There is no configuration at {wanted}", "", "agentdesk config init writes one")
    found, problems = mistakes(options)
    if as_json:
        output.as_json({"valid": not problems, "problems": problems})
    elif found is None or problems:
        raise ConfigError(title(len(problems)), "; ".join(problems), "Mend the lines named", tuple(problems))
    else:
        output.text(f"{wanted}: no mistakes; sources: {len(found.sources)}, views: {len(found.views)}")
    return Exit.CONFIG if problems else Exit.OK


@config.command()
@click.option("--origins", is_flag=True, help="Where each given value came from.")
@click.pass_context
def show(ctx: click.Context, origins: bool) -> None:
    """Print the configuration in force, defaults included, as JSON."""
    options = options_of(ctx)
    if origins:
        loaded = explain(config_file(options), os.environ, options.overrides, query_problem=problem,
                         missing_ok=True)
        output.table([{"value": name, "from": spot} for name, spot in loaded.origins.items()])
        return
    print_json(msgspec.to_builtins(read_config(options)))


@config.command()
@click.pass_context
def schema(ctx: click.Context) -> None:
    """Print the JSON Schema, for editors that check YAML as it is typed.

    Kinds that other packages bring are in it once the configuration names them.
    """
    print_json(json_schema(others=list(_named(config_file(options_of(ctx))))))


def _named(path: Path) -> Iterator[type[SourceBase]]:
    """The settings of the kinds of other packages that the configuration names and that can be used."""
    try:
        plain = parse(read_bytes(path, path.name), path.name).plain if is_there(path) else None
    except ConfigError:
        return
    for kind in plugins.named(plain):
        try:
            found = plugins.find(kind)
        except ConfigError as error:
            output.say(str(error))
            continue
        if found is not None:
            yield found.settings


@config.command()
@click.argument("kind")
def example(kind: str) -> None:
    """Print a block for a source of this KIND with every setting that it has."""
    output.text(example_block(registry.settings(kind)))


def print_json(value: object) -> None:
    """Indented JSON, for people."""
    output.text(json.dumps(value, indent=2, ensure_ascii=not output.whole_unicode()))
