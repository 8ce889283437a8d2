"""What another agentdesk changes while this one runs: sources that are connected, signed in again or taught something.

The configuration is read again when its file is another one; that a token is new, which no file needs to show, is said
in the cache. Sources are taken up at once, everything else counts from the next start, and that is said.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from agentdesk import secrets
from agentdesk.config.load import interpret, load
from agentdesk.config.schema import Config
from agentdesk.config.sources import SourceBase
from agentdesk.config.yaml import parse, read_bytes
from agentdesk.connectors import registry
from agentdesk.connectors.base import Connector
from agentdesk.desk.desk import Desk
from agentdesk.errors import ConfigError, DeskError, Refused, SecretError
from agentdesk.model.events import Notice, SourceChanged
from agentdesk.store import settings
from agentdesk.store import sources as source_rows
from agentdesk.store.db import Db

SIGNED = "signed:"
"""Begins the setting that is another one whenever a source was signed in, and says by which process."""
START_AGAIN = "Start agentdesk again to use it"
Mark = tuple[int, int, int]
"""What tells one state of a file from another."""


async def announce(desk: Desk, name: str) -> None:
    """Say to other processes that a source has a new token, or is new: they read it again."""
    value = f"{uuid.uuid4().hex} {desk.holder}"
    await desk.store.write(lambda db: settings.put(db, SIGNED + name, value))


async def put_in(desk: Desk, config: SourceBase, connector: Connector) -> None:
    """Let a running desk use a source, in the place of the one of the same name."""
    engine = desk.connected()

    def work(db: Db) -> None:
        source_rows.ensure(db, config.full_name, config.kind, connector.caps.letter)
        source_rows.set_caps(db, config.full_name, connector.caps)

    await desk.store.write(work)
    desk.connectors[config.full_name] = connector
    await engine.exchange(connector)
    engine.poke(config.full_name)


class Reload:
    """Looks whether something was changed elsewhere; made before the sources are connected."""

    def __init__(self, desk: Desk, only: str | None = None) -> None:
        self._desk = desk
        self._only = only
        self._mark = self._last = _mark(desk)
        self._text = _text(desk)
        self._signed = self._told()

    async def look(self) -> None:
        """Take up what was changed since the last look; whatever cannot be is said, and all goes on as it was.

        A file that is another one than a look ago may still be being written: it waits for the next.
        """
        names: dict[str, None] = {}
        mark = _mark(self._desk)
        settled, self._last = mark == self._last, mark
        if mark is not None and settled and mark != self._mark:
            self._mark = mark
            names |= dict.fromkeys(await self._read())
        signed = self._told()
        new = [name for name, told in signed.items() if self._signed.get(name) != told
               and told.partition(" ")[2] != self._desk.holder]
        self._signed = signed
        for name in [*names, *(name for name in new if name not in names)]:
            if self._only in (None, name):
                await self._take_up(name)

    def _told(self) -> dict[str, str]:
        return settings.beginning(self._desk.store.reader, SIGNED)

    async def _read(self) -> list[str]:
        """Read the file again; the sources that must be made anew."""
        path = self._desk.config_file
        if path is None:
            return []
        before, self._text = self._text, await asyncio.to_thread(_text, self._desk)
        try:
            fresh = await asyncio.to_thread(load, path, {})
        except ConfigError as error:
            self._say("error", f"The configuration was changed and cannot be used: {error.problems[0]}"
                      if error.problems else f"{error.title}: {error.cause}",
                      "agentdesk config validate names every mistake; this desk goes on as it was")
            self._text = before
            return []
        old = await asyncio.to_thread(_old, before, path, fresh)
        if msgspec.structs.replace(fresh, sources=()) != msgspec.structs.replace(old, sources=()):
            self._say("info", "The configuration was changed: that counts from the next start")
        return self._compare(old, fresh)

    def _compare(self, old: Config, fresh: Config) -> list[str]:
        """Let what can change while it runs change, and say which sources must be made anew."""
        was, now = _by_name(old), _by_name(fresh)
        desk, anew = self._desk, list[str]()
        for name, source in now.items():
            ours = next((one for one in desk.config.sources if one.full_name == name), None)
            if source == was.get(name) or source == ours or self._only not in (None, name):
                continue
            _replace(desk, source)
            if ours is not None and _hears_only(ours, source):
                self._retune(source)
            elif not source.paused:
                anew.append(name)
        for name in was.keys() - now.keys():
            self._say("warning", f"{name} was taken out of the configuration and goes on here",
                      "Start agentdesk again to let it go")
        for name, source in now.items():
            if source.paused and name in was and not was[name].paused:
                self._say("warning", f"{name} is paused in the configuration and goes on here",
                          "Start agentdesk again, or pause it here with p among the sources")
        return anew

    def _retune(self, source: SourceBase) -> None:
        connector = self._desk.connectors.get(source.full_name)
        if connector is not None:
            connector.hear(getattr(source, "listen", ()))
            self._say("info", f"{source.full_name} listens anew: what it leaves out was changed elsewhere")

    async def _take_up(self, name: str) -> None:
        """Make a source anew, with its token as it is now."""
        desk = self._desk
        source = next((one for one in desk.config.sources if one.full_name == name), None)
        if source is None or source.paused:
            return
        known = name in desk.connectors
        try:
            if not desk.store.writable:
                raise Refused("This desk can only read", "", START_AGAIN)
            await put_in(desk, source, await _made(desk, source))
        except DeskError as error:
            self._say("error", f"{name} was changed elsewhere and stays as it was here: {error.title}",
                      error.remedy or START_AGAIN)
            desk.emit(SourceChanged(source=name))
            return
        what = "was changed or signed in again elsewhere and is used so" if known else "was connected elsewhere"
        self._say("info", f"{name} {what}")

    def _say(self, level: Literal["info", "warning", "error"], text: str, remedy: str = "") -> None:
        self._desk.emit(Notice(level=level, text=text, remedy=remedy))


async def _made(desk: Desk, source: SourceBase) -> Connector:
    """The connector with its token; one that only a start can give is refused."""
    token: Callable[[], str] | None = None
    if source.token is not None:
        if source.token.kind in ("env", "prompt"):
            raise SecretError("Its token is read at the start alone", source.token.say(), START_AGAIN)
        secret = await secrets.read(source.token, name=source.full_name)
        token = secret.reveal
        if desk.log is not None:
            desk.log.learn(secret)
    return await asyncio.to_thread(registry.create, source, clock=desk.clock, token=token)


def _replace(desk: Desk, source: SourceBase) -> None:
    """Put a source into the configuration in use, where it stood or at the end."""
    names = [one.full_name for one in desk.config.sources]
    kept = [source if one.full_name == source.full_name else one for one in desk.config.sources]
    desk.config = msgspec.structs.replace(
        desk.config, sources=tuple(kept if source.full_name in names else [*kept, source]))


def _hears_only(one: SourceBase, other: SourceBase) -> bool:
    """True when two states of a source differ by what they listen for alone."""
    if type(one) is not type(other) or not hasattr(one, "listen"):
        return False
    return msgspec.structs.replace(one, listen=()) == msgspec.structs.replace(other, listen=())


def _by_name(config: Config) -> dict[str, SourceBase]:
    return {source.full_name: source for source in config.sources}


def _old(text: str, path: Path, fresh: Config) -> Config:
    """The configuration as it was; where that was none, all that stands there now are new sources."""
    try:
        return interpret(parse(text, path.name), path.parent.absolute(), {}).config
    except ConfigError:
        return msgspec.structs.replace(fresh, sources=())


def _mark(desk: Desk) -> Mark | None:
    """The state of the configuration's file; None while there is none."""
    if desk.config_file is None:
        return None
    try:
        it = os.stat(desk.config_file)
    except OSError:
        return None
    return it.st_mtime_ns, it.st_size, it.st_ino


def _text(desk: Desk) -> str:
    """What the file says; empty while it cannot be read."""
    try:
        return read_bytes(desk.config_file, "config.yaml").decode() if desk.config_file is not None else ""
    except (DeskError, OSError, UnicodeDecodeError):
        return ""
