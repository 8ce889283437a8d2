"""The only assembler: configuration, store, rules, secrets and connectors become a Desk.

``open_desk`` is quick and needs no network: the first frame can be drawn from what it returns. ``connect`` brings the
sources and may take its time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from agentdesk.config import compiled
from agentdesk.desk.desk import Desk, Later
from agentdesk.errors import DeskError, UsageError
from agentdesk.model.clock import Clock, FastClock, SystemClock
from agentdesk.paths import Places, is_there, make_private, places
from agentdesk.store.db import Db, Store
from agentdesk.sync.holder import identity

if TYPE_CHECKING:
    from agentdesk.config.schema import Config
    from agentdesk.config.sources import SourceConfig
    from agentdesk.connectors.base import Connector
    from agentdesk.connectors.demo.world import DemoWorld, Setup
    from agentdesk.logs import LogFile
    from agentdesk.model.capability import Caps
    from agentdesk.replies.packs import Packs
    from agentdesk.rules.rulebook import Rulebook
    from agentdesk.secrets import Ask

PACKAGE = Path(__file__).resolve().parent
WORLD = "world.json"
COMPILED = "config.compiled"
DEMO_CONFIG = PACKAGE / "connectors" / "demo" / "data" / "config.yaml"
DEMO_AGENT = {"agent.name": "ann", "agent.signature": "^AN"}
"""Who sits at the demo desk unless the command line says otherwise."""


class DemoOptions(msgspec.Struct, frozen=True):
    """How the demo desk runs."""

    seed: int = 1
    speed: float = 1.0
    fresh: bool = False


class Options(msgspec.Struct, frozen=True):
    """What the command line said."""

    profile: str = "default"
    config_path: Path | None = None
    overrides: Mapping[str, object] = msgspec.field(default_factory=dict)
    demo: DemoOptions | None = None
    read_only: bool = False
    safe: bool = False


def config_file(options: Options) -> Path:
    """The configuration file that these options mean; the demo brings its own unless the profile has one."""
    own = options.config_path or places(options.profile).config_file
    return DEMO_CONFIG if options.demo is not None and not is_there(own) else own


def read_config(options: Options) -> Config:
    """The configuration; a ConfigError lists every mistake at once."""
    overrides = {**DEMO_AGENT, **options.overrides} if options.demo is not None else options.overrides
    path, missing_ok = config_file(options), options.config_path is None
    store = places(options.profile).data_dir / COMPILED
    made_of = compiled.inputs(path, os.environ, overrides) if missing_ok or is_there(path) else None
    known = compiled.recall(store, made_of) if made_of is not None else None
    if known is not None:
        return known
    from agentdesk.config.load import load
    from agentdesk.rules.query import problem

    config = load(path, os.environ, overrides, query_problem=problem, missing_ok=missing_ok)
    if made_of is not None and not options.read_only:
        compiled.keep(store, made_of, config)
    return config


def open_desk(options: Options, clock: Clock | None = None) -> Desk:
    """Open the cache; no network, no secrets, no connector is loaded. Rules and packs are made when asked for."""
    where = places(options.profile)
    config = read_config(options)
    make_private(where.data_dir)
    clock = clock or (SystemClock() if options.demo is None else demo_clock(where, options.demo))
    store = Store.open(where.database, clock, read_only=options.read_only)
    zone = ZoneInfo(config.agent.zone) if config.agent.zone else machine_zone()
    warnings = [*store.warnings]
    folders = pack_folders(where, config, options.demo is not None)
    return Desk(store=store, clock=clock, config=config, rulebook=Later(lambda: _rules(config, zone)),
                agent=config.agent.name, packs=Later(lambda: _packs(folders, warnings)), holder=identity(), zone=zone,
                profile=options.profile, warnings=warnings, demo=options.demo is not None,
                config_file=None if options.demo is not None else config_file(options))


def _rules(config: Config, zone: ZoneInfo) -> Rulebook:
    from agentdesk.rules.rulebook import Rulebook

    return Rulebook.build(config, zone)


def _packs(folders: Sequence[Path], warnings: list[str]) -> Packs:
    """The canned replies; what is wrong with them joins the desk's warnings."""
    from agentdesk.config.yaml import read_all
    from agentdesk.replies.packs import load

    packs = load(folders, read_all)
    warnings += packs.problems
    return packs


def machine_zone() -> ZoneInfo:
    """The machine's own time zone; UTC when it does not say."""
    named = os.environ.get("TZ", "").lstrip(":")
    link = os.path.realpath("/etc/localtime")
    for name in (named, link.partition("/zoneinfo/")[2]):
        try:
            if name:
                return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            continue
    return ZoneInfo("UTC")


def pack_folders(where: Places, config: Config, demo: bool) -> list[Path]:
    """Where canned replies are looked for; the person's own come first."""
    folders = [where.packs_dir, *(Path(folder) for folder in config.replies.packs)]
    built_in = PACKAGE / "replies" / "builtin"
    return [*folders, built_in / "harbour_post"] if demo else [*folders, built_in / "starter"]


def demo_clock(where: Places, demo: DemoOptions) -> Clock:
    """The demo's clock: never before the time that its kept world has reached; ``fresh`` forgets world and cache."""
    from agentdesk.connectors.demo.world import DemoWorld

    kept = where.data_dir / WORLD
    if demo.fresh:
        # Opening it refuses while another window runs the demo, before anything is removed.
        DemoWorld.open(kept, SystemClock(), demo.seed, fresh=True).close()
        kept.unlink(missing_ok=True)
        for path in where.data_dir.glob(f"{where.database.name}*"):
            path.unlink()
    now = SystemClock().now()
    return FastClock(demo.speed, start=max(now, DemoWorld.resume_at(kept) or now))


async def connect(desk: Desk, options: Options, *, ask: Ask | None = None, only: str | None = None) -> None:
    """Load the connectors, read the secrets and make the engine; a source that cannot be had is shown, not fatal."""
    from agentdesk.desk import prepare
    from agentdesk.desk.reload import Reload
    from agentdesk.logs import LogFile
    from agentdesk.model.events import SourceChanged
    from agentdesk.sync.engine import Engine

    if desk.log is None:
        desk.log = LogFile(places(options.profile).log_file)
        desk.log.start()
    world = None if options.demo is None else _demo_world(desk, places(options.profile), options.demo)
    reload = Reload(desk, only)
    made = await _configured(desk, ask, only) if world is None else world.connectors()
    caps = {name: connector.caps for name, connector in made.items()}
    kinds = {name: name.partition(":")[0] for name in made}
    if desk.store.writable:
        await desk.store.write(lambda db: _ensure(db, kinds, caps))
    desk.connectors.update(made)
    desk.engine = Engine(desk.store, desk.connectors, desk.rulebook, desk.clock, desk.emit, desk.holder,
                         keep_texts=desk.config.privacy.keep_texts)
    desk.engine.look = reload.look
    for name in made:
        desk.emit(SourceChanged(source=name))
    if only is None:
        _tell_left_behind(desk, made)
    if world is not None and desk.store.writable and not prepare.is_prepared(desk):
        await _first_day(desk, world.setup)


async def disconnect(desk: Desk) -> None:
    """Let go of the sources, of each whatever becomes of the others; leases first, so that others can go on at once."""
    from contextlib import AsyncExitStack

    if desk.engine is not None:
        desk.engine.give_up()
    async with AsyncExitStack() as closing:
        if desk.log is not None:
            closing.callback(desk.log.stop)
            desk.log = None
        for connector in desk.connectors.values():
            closing.push_async_callback(connector.close)


async def _first_day(desk: Desk, setup: Setup) -> None:
    """Fetch the demo's history and put in what the desk of Harbour Post knows before its first day."""
    from agentdesk.desk import inbox, prepare

    for name in desk.connectors:
        await desk.connected().sync_once(name, send=False)
    await prepare.link_persons(desk, setup.same_person)
    for one in setup.customers:
        await prepare.describe(desk, one.who, vip=one.vip, note=one.note, tags=one.tags)
    for snooze in setup.snoozes:
        await prepare.put_aside(desk, snooze.conversation, snooze.until)
    for promise in setup.promises:
        conversation_id = prepare.conversation_of(desk, promise.conversation)
        if conversation_id and promise.due_at > desk.now():
            await inbox.promise(desk, conversation_id, promise.due_at, promise.words, agent=promise.agent)
    await prepare.name_incidents(desk, setup.incidents)
    await prepare.mark_prepared(desk)


def _tell_left_behind(desk: Desk, made: Mapping[str, Connector]) -> None:
    """Name the replies whose source was taken out of the configuration, or has another name there now."""
    from agentdesk.model.events import Notice
    from agentdesk.store import outbox

    configured = {*made, *(source.full_name for source in desk.config.sources)}
    for source, number in outbox.waiting(desk.store.reader).items():
        if source not in configured:
            what = "1 reply waits" if number == 1 else f"{number} replies wait"
            desk.emit(Notice(level="warning", text=f"{what} for {source}, which is not in the configuration",
                             remedy="Put it back under that name, or take them back in the outbox: O"))


def _ensure(db: Db, kinds: Mapping[str, str], caps: Mapping[str, Caps]) -> None:
    from agentdesk.store import sources

    for name, kind in kinds.items():
        sources.ensure(db, name, kind, caps[name].letter)
        sources.set_caps(db, name, caps[name])


def _demo_world(desk: Desk, where: Places, demo: DemoOptions) -> DemoWorld:
    """The embedded world of Harbour Post."""
    from agentdesk.connectors.demo.world import DemoWorld

    return DemoWorld.open(where.data_dir / WORLD, desk.clock, demo.seed, demo.fresh)


async def _configured(desk: Desk, ask: Ask | None, only: str | None) -> dict[str, Connector]:
    """One connector for each source of the configuration that is not paused."""
    from agentdesk.secrets import withdraw

    made: dict[str, Connector] = {}
    wanted = [c for c in desk.config.sources if not c.paused and only in (None, c.full_name)]
    if only is not None and not wanted:
        known = ", ".join(c.full_name for c in desk.config.sources) or "none"
        raise UsageError(f"There is no source {only}", f"Configured: {known}", "agentdesk login connects one")
    variables = withdraw(c.token for c in desk.config.sources)
    for config in wanted:
        try:
            made[config.full_name] = await make_connector(config, desk.clock, ask, variables, desk.log)
        except DeskError as error:
            await _note_missing(desk, config, error)
    return made


async def make_connector(config: SourceConfig, clock: Clock, ask: Ask | None = None,
                         variables: Mapping[str, str] | None = None, log: LogFile | None = None) -> Connector:
    """One connector with its secret; SecretError or ConfigError when it cannot be had.

    ``variables`` holds what ``secrets.withdraw()`` took out of the environment; ``log`` never shows the secret.
    """
    import asyncio

    from agentdesk import secrets
    from agentdesk.connectors import registry

    token = None
    if config.token is not None:
        environ = os.environ if variables is None or config.token.kind != "env" else dict(variables)
        secret = await secrets.read(config.token, name=config.full_name, ask=ask, environ=environ)
        token = secret.reveal
        if log is not None:
            log.learn(secret)
    # Making a connector may build a TLS context, which takes longer than a frame.
    return await asyncio.to_thread(registry.create, config, clock=clock, token=token)


async def _note_missing(desk: Desk, config: SourceConfig, error: DeskError) -> None:
    """A source without a connector stays on the list, with what to do."""
    from agentdesk.model.events import Notice, SourceChanged
    from agentdesk.store import sources

    now, name = desk.now(), config.full_name
    if desk.store.writable:

        def work(db: Db) -> None:
            sources.ensure(db, name, config.kind, config.letter or "?")
            sources.note_failure(db, name, "stopped", error.title, error.cause, error.remedy, now, None)

        await desk.store.write(work)
    desk.emit(Notice(level="error", text=f"{name}: {error.title}", remedy=error.remedy))
    desk.emit(SourceChanged(source=name))
