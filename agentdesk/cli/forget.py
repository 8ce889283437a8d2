"""Forgetting a profile from the shell."""

from __future__ import annotations

import sys

import click

from agentdesk.bootstrap import read_config
from agentdesk.cli import output
from agentdesk.cli.session import options_of, run
from agentdesk.desk import forget as forgetting
from agentdesk.errors import ConfigError, Refused, StoreError, UsageError
from agentdesk.model.clock import SystemClock
from agentdesk.paths import places
from agentdesk.store.db import Store
from agentdesk.sync.holder import alive, identity


@click.command()
@click.option("--yes", "named", metavar="PROFILE", help="Do it without asking; the profile's name, such as default.")
@click.option("--config", "also_config", is_flag=True, help="Forget the configuration, packs and themes as well.")
@click.option("--unsent", is_flag=True, help="Even when drafts or replies would be lost that nobody else has.")
@click.pass_context
def forget(ctx: click.Context, named: str | None, also_config: bool, unsent: bool) -> None:
    """Remove this profile's cache and its tokens from this machine; what is on the platforms stays there."""
    options = options_of(ctx, read_only=True)
    where = places(options.profile)
    _look(ctx, unsent)
    told = f"Everything below {where.data_dir} and the tokens of this profile will be removed"
    output.say(told + (f", and {where.config_dir}" if also_config else ""))
    if named is None and sys.stdin.isatty():
        named = click.prompt(f"Type the profile's name ({options.profile}) to go on", err=True, default="",
                             show_default=False)
    if named != options.profile:
        raise UsageError("Nothing was removed", f"The profile is called {options.profile}",
                         f"Say --yes {options.profile}")
    try:
        sources = read_config(options).sources
    except ConfigError as error:
        sources = ()
        output.say(f"The configuration cannot be read, so no token was removed: {error.title}")
    for line in run(forgetting.tokens(sources)):
        output.say(line)
    gone = forgetting.wipe(where, config=also_config)
    output.text(f"The profile {options.profile} is forgotten" if gone else "There was nothing to forget")


def _look(ctx: click.Context, unsent: bool) -> None:
    """Refuse while another process works on the cache, or while something would be lost."""
    where = places(options_of(ctx).profile)
    if not where.database.exists():
        return
    try:
        store = Store.open(where.database, SystemClock(), read_only=True)
    except StoreError as error:
        output.say(f"The cache cannot be read: {error.title}")
        return
    try:
        found = forgetting.kept(store.reader, alive, identity())
    finally:
        store.close()
    if found.busy:
        raise Refused("This profile is in use", f"Process {found.busy[0].split(':')[1]} works on it", "Close it first")
    if (found.drafts or found.unsent) and not unsent:
        lost = [(found.drafts, "draft", "drafts"), (found.unsent, "unsent reply", "unsent replies")]
        named = " and ".join(f"{number} {one if number == 1 else more}" for number, one, more in lost if number)
        raise Refused(f"{named} would be lost",
                      "They are nowhere else", "Send or discard them, keep a copy (agentdesk export), or say --unsent")
