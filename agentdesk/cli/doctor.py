"""``agentdesk doctor``: looks at everything a desk stands on, and says how to mend what is wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from agentdesk import __version__
from agentdesk.bootstrap import Options, config_file, make_connector, pack_folders
from agentdesk.cli import output
from agentdesk.cli.exits import Exit
from agentdesk.cli.mistakes import mistakes
from agentdesk.cli.session import ask_secret, options_of, run
from agentdesk.config import plugins
from agentdesk.config.schema import Config
from agentdesk.config.sources import SourceConfig
from agentdesk.config.yaml import read_all
from agentdesk.connectors.base import Connector
from agentdesk.desk.telling import able, identity, limits
from agentdesk.errors import DeskError, NotFound, Refused, UsageError
from agentdesk.model.clock import SystemClock
from agentdesk.model.page import Account
from agentdesk.paths import begin_private, in_profile, is_there, places
from agentdesk.replies.packs import check as check_packs
from agentdesk.replies.packs import load as load_packs
from agentdesk.secrets import withdraw
from agentdesk.store import integrity
from agentdesk.store.db import Store
from agentdesk.store.files import is_writable

LIMIT_S = 20
"""Longest that one source may take to answer."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at: level is good, note or bad."""

    area: str
    level: str
    text: str
    remedy: str = ""


def good(area: str, text: str) -> Check:
    """Nothing to mend."""
    return Check(area=area, level="good", text=text)


def bad(area: str, text: str, remedy: str = "") -> Check:
    """Something to mend."""
    return Check(area=area, level="bad", text=text, remedy=remedy)


def note(area: str, text: str, remedy: str = "") -> Check:
    """Worth knowing."""
    return Check(area=area, level="note", text=text, remedy=remedy)


@click.command()
@click.option("--offline", is_flag=True, help="Do not ask the sources.")
@click.option("--rescue", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write every intact draft, reply and decision of a damaged cache to FILE as JSON lines.")
@click.option("--aside", is_flag=True, help="With --rescue: then move the damaged cache aside, for a new one.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, one check a line.")
@click.pass_context
def doctor(ctx: click.Context, offline: bool, rescue: Path | None, aside: bool, as_json: bool) -> int:
    """Check configuration, secrets, sources, cache and terminal, and say how to mend each."""
    options = options_of(ctx)
    if rescue is not None:
        return _rescue(options, rescue, aside)
    if aside:
        raise UsageError("Nothing is put aside before it was rescued", "", "Say --rescue FILE as well")
    checks = [msgspec.structs.replace(it, remedy=in_profile(it.remedy, options.profile))
              for it in _all(options, offline)]
    if as_json:
        output.as_lines(checks)
    else:
        marks = {"good": "✓", "note": "·", "bad": "✗"}
        for check in checks:
            output.text(f"{marks[check.level]} {check.area}: {check.text}")
            if check.remedy:
                output.text(f"    {check.remedy}")
    return Exit.FINDINGS if any(c.level == "bad" for c in checks) else Exit.OK


def _rescue(options: Options, target: Path, aside: bool) -> int:
    where = places(options.profile)
    if not where.database.exists():
        raise NotFound(f"There is no cache at {where.database}", "", "Name the profile that has one: --profile NAME")
    if aside and all(check.level != "bad" for check in _cache(options)):
        raise Refused("The cache is sound: it is not put aside", "A new one would start without its drafts",
                      "Leave --aside out to save a copy of what people wrote")
    with begin_private(target) as out:
        counts = integrity.rescue(where.database, out)
        out.flush()
        os.fsync(out.fileno())
    output.table([{"table": name, "rows rescued": str(number)} for name, number in counts.items()])
    if not aside:
        output.say(f"Written to {target}; the cache was not touched")
        return Exit.OK
    moved = integrity.set_aside(where.database, SystemClock().now())
    output.say(f"Written to {target}; the damaged cache is now {moved}")
    output.say("  next: start agentdesk, which collects into a new cache; unsent words are in the file, under draft "
               "and outbox")
    return Exit.OK


def _all(options: Options, offline: bool) -> Iterable[Check]:
    yield good("agentdesk", f"{__version__} on Python {sys.version.split()[0]}")
    config, problems = mistakes(options)
    for problem in problems:
        yield bad("configuration", problem, "Mend the line named; agentdesk config validate looks again")
    if config is not None:
        path = config_file(options)
        if not is_there(path):
            yield note("configuration", "there is none; defaults are used",
                       "agentdesk login begins one with a source, agentdesk config init an empty one")
        elif not problems:
            yield good("configuration", str(path))
        for offer in plugins.clashes():
            yield note("connectors", f"{offer.package} brings the kind {offer.kind}, which is built in",
                       "The built-in one is used; uninstall that package to be rid of this line")
        yield from _packs(options, config)
        yield from run(_sources(config, offline))
    yield from _cache(options)
    yield from _log(options)
    yield from _terminal()


def _packs(options: Options, config: Config) -> Iterable[Check]:
    packs = load_packs(pack_folders(places(options.profile), config, options.demo is not None),
                       read_all)
    for problem in check_packs(packs):
        yield bad("canned replies", problem, "Mend the file; the other replies work")
    yield good("canned replies", f"{len(packs.canned)} usable")


async def _sources(config: Config, offline: bool) -> list[Check]:
    """Every configured source: its secret, then, all at once, whether it answers and as whom it knows us."""
    if not config.sources:
        return [note("sources", "none is configured", "agentdesk demo shows the desk without any")]
    variables = withdraw(one.token for one in config.sources)
    asked = [await _source(one, offline, variables) for one in config.sources]
    return [check for checks in await asyncio.gather(*asked) for check in checks]


async def _source(one: SourceConfig, offline: bool, variables: Mapping[str, str]) -> Coroutine[Any, Any, list[Check]]:
    """Read a source's secret, which may ask the person; gives what is left to do without anybody."""
    area = f"source {one.full_name}"
    package = plugins.package_of(one.kind)
    found = [note(area, f"its connector comes from {package}")] if package else []
    if one.paused:
        return _told([note(area, "paused in the configuration")])
    if offline and one.token is not None and one.token.kind == "prompt":
        return _told([*found, note(area, "its token is asked for at each start")])
    try:
        connector = await make_connector(one, SystemClock(), ask_secret, variables)
    except DeskError as error:
        return _told([*found, _failed(one.full_name, error)])
    if not offline:
        return _answer(one.full_name, connector, found)
    await connector.close()
    return _told([*found, good(area, "its secret can be read" if one.token else "configured")])


async def _told(checks: list[Check]) -> list[Check]:
    """What is known already."""
    return checks


async def _answer(name: str, connector: Connector, found: list[Check]) -> list[Check]:
    """Whether a source answers, within a time."""
    area = f"source {name}"
    try:
        async with asyncio.timeout(LIMIT_S):
            account = await connector.verify()
        return [*found, *_tried(area, account, connector)]
    except DeskError as error:
        return [*found, _failed(name, error)]
    except TimeoutError:
        return [*found, bad(area, f"no answer within {LIMIT_S} seconds", "Is the address right, and the network up?")]
    finally:
        await connector.close()


def _failed(name: str, error: DeskError) -> Check:
    title = error.title.removeprefix(f"{name}: ")
    return bad(f"source {name}", f"{title}. {error.cause}".strip(), error.remedy)


def _tried(area: str, account: Account, connector: Connector) -> Iterable[Check]:
    """What a source says of itself: who we are, what we may, how much is left, and what it hides from us."""
    yield good(area, f"{identity(account)}. {able(connector.caps)}")
    if account.scopes:
        yield note(area, f"The token covers: {', '.join(account.scopes)}")
    for line in limits(connector, SystemClock().now()):
        yield note(area, line)
    for warning in account.warnings:
        yield note(area, f"Mind: {warning}")


def _cache(options: Options) -> Iterable[Check]:
    """The cache's file, re-checked against what is promised about it."""
    path = places(options.profile).database
    yield good("sqlite", f"linked version {integrity.linked_version()}")
    try:
        if not is_there(path):
            yield note("cache", "there is none yet; it is made on first start")
            return
        store = Store.open(path, SystemClock(), read_only=True)
    except DeskError as error:
        remedy = error.remedy or "agentdesk doctor --rescue FILE saves what is intact"
        yield bad("cache", f"{error.title}. {error.cause}".strip(), remedy)
        return
    try:
        findings = integrity.check(store)
        for warning in store.warnings:
            yield note("cache", warning)
    finally:
        store.close()
    for finding in findings:
        yield bad("cache", finding.text, finding.remedy)
    if not is_writable(path):
        yield bad("cache", f"{path.parent} cannot be written: everything can be read, nothing can be changed",
                  "Make the folder and what is in it writable, or set AGENTDESK_HOME to a folder that is")
    if not findings:
        yield good("cache", f"{path} is sound ({path.stat().st_size // 1024:,} KiB)")


def _log(options: Options) -> Iterable[Check]:
    """Where complaints went that no screen showed."""
    path = places(options.profile).log_file
    if os.path.exists(path) and (size := path.stat().st_size):
        yield note("log", f"{path} holds {size // 1024 + 1:,} KiB of what libraries complained of")


def _terminal() -> Iterable[Check]:
    """What the terminal can show; only warnings, since everything has a fallback."""
    if not sys.stdout.isatty():
        yield note("terminal", "not one: stdout is a pipe or a file")
        return
    columns, lines = shutil.get_terminal_size()
    term = os.environ.get("TERM", "")
    look = good if columns >= 60 and lines >= 20 else note
    yield look("terminal", f"{term or 'TERM is not set'}, {columns}×{lines}")
    encoding = (sys.stdout.encoding or "").lower()
    if encoding not in ("utf-8", "utf8"):
        yield note("terminal", f"its encoding is {encoding}", "Start with --ascii, or set LANG to a UTF-8 locale")
    if os.environ.get("COLORTERM", "") not in ("truecolor", "24bit"):
        yield note("terminal", "it does not say that it shows 16 million colours", "The theme plain is made for that")
    if os.environ.get("TMUX"):
        yield note("terminal", "inside tmux", "For copying: set -g set-clipboard on")
