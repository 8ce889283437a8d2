"""Connecting a source: the connector asks what it needs, the answers are tried at once, then token and block are kept.

Whoever asks the person (a terminal, a screen) is an ``Ask``; everything said goes through it. Nothing is written before
the server has answered, and nothing is left behind when the person stops.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from agentdesk import secrets
from agentdesk.config import plugins
from agentdesk.config.edit import append_source, prepared, save
from agentdesk.config.example import starter_text
from agentdesk.config.lists import put_map
from agentdesk.config.schema import Config
from agentdesk.config.shape import SOURCE_LABEL
from agentdesk.config.sources import SOURCE_KINDS, SecretRef, SourceBase
from agentdesk.config.words import did_you_mean
from agentdesk.config.yaml import parse
from agentdesk.connectors import registry
from agentdesk.connectors.base import Connector
from agentdesk.connectors.login import Ask, SignIn
from agentdesk.desk import asking, reload
from agentdesk.desk.desk import Desk
from agentdesk.desk.keeping import Keeper, renew, take_back, written
from agentdesk.desk.telling import about
from agentdesk.errors import (
    ConfigError,
    DeskError,
    Refused,
    SecretError,
    SourceError,
    Unavailable,
    UsageError,
)
from agentdesk.model.page import Account
from agentdesk.model.text import inert_line
from agentdesk.rules.query import problem
from agentdesk.secrets import Secret
from agentdesk.store import sources as source_rows

T = TypeVar("T")
TRIAL_S = 60.0
"""Longest that a server may take to say who we are."""
UNTRIED: SecretRef = SecretRef(kind="prompt")
"""Stands for the token's place until there is one."""
NEW = ""
_OWN = re.compile(r"^\S+:\d+: sources(\.\d+|\[\d+\])\.")
"""The place of a mistake in a block that is not written yet."""


async def sign_in(desk: Desk, ask: Ask, kind: str = "", name: str = "") -> str:
    """Connect a new source of ``kind``, or sign in again to the one called ``name``; says what comes next."""
    if desk.config_file is None:
        raise Refused("Nothing can be connected here", "The demo desk keeps no sources of yours",
                      "Leave it and run: agentdesk login")
    if ":" in kind and not name:
        kind, _, name = kind.partition(":")
    person = asking.Person(ask)
    kind = kind or await person.choose("Which kind of source", _kinds())
    if kind == "demo" or kind not in registry.kinds():
        known = [one for one, _ in _kinds()]
        raise UsageError(f"There is no kind of source called {inert_line(kind, limit=60)}{did_you_mean(kind, known)}",
                         f"Known: {', '.join(known)}")
    held = _read(desk).sources
    mine = [one for one in held if one.kind == kind]
    if not name and mine:
        choices = [*((one.name, f"sign in again to {one.full_name}") for one in mine), (NEW, "connect another one")]
        name = await person.choose(f"There is {', '.join(one.full_name for one in mine)} already", choices)
    found = next((one for one in mine if one.name == name), None)
    if found is not None:
        return await Renewal(desk, person, found).run()
    if name:
        _check_label(name)
    return await Beginning(desk, person, kind, name).run()


def _kinds() -> tuple[tuple[str, str], ...]:
    """Every kind that can be connected, with what it is."""
    found = []
    for kind in registry.kinds():
        if kind == "demo":
            continue
        if kind in SOURCE_KINDS:
            words = (SOURCE_KINDS[kind].__doc__ or "").strip().partition("\n")[0].rstrip(".")
        else:
            words = f"from {plugins.package_of(kind)}"
        found.append((kind, str(inert_line(words, limit=120))))
    return tuple(found)


def _read(desk: Desk) -> Config:
    """The configuration as its file stands now."""
    return prepared(_path(desk), lambda text: text, query_problem=problem)[1]


def _path(desk: Desk) -> Path:
    if desk.config_file is None:
        raise Refused("There is no configuration to change", "", "Begin one with agentdesk config init")
    return desk.config_file


def _check_label(label: str) -> None:
    if not re.fullmatch(SOURCE_LABEL.pattern, label) or len(label) > SOURCE_LABEL.most:
        raise UsageError(f"{inert_line(label, limit=60)} cannot be a source's name", f"It {SOURCE_LABEL.words}",
                         "Take a short word, such as acme")


class Trial:
    """What a first sign-in and a later one share: trying what was given, and keeping it."""

    def __init__(self, desk: Desk, person: asking.Person, kind: str) -> None:
        self.desk = desk
        self.person = person
        self.kind = kind

    async def guarded(self, work: Awaitable[T]) -> T:
        """What a connector does; mistakes of another package's connector are told in words."""
        try:
            return await work
        except (DeskError, TimeoutError):
            raise
        except Exception as error:
            if self.kind in SOURCE_KINDS:
                raise
            raise ConfigError(f"The connector {self.kind} failed",
                              str(inert_line(f"{type(error).__name__}: {error}", limit=300)),
                              f"Tell the makers of {plugins.package_of(self.kind)}") from error

    async def tried(self, config: SourceBase, secret: Secret | None) -> Account | None:
        """Who the server says we are, told with what it hides; None when the person wants to answer again."""
        while True:
            self.person.tell(f"Trying {config.full_name}")
            try:
                return await self._once(config, secret)
            except (SourceError, ConfigError) as error:
                once_more = [("same", "try once more with the same answers")] if isinstance(error, SourceError) else []
                if await self.person.after(error, once_more) == "again":
                    return None

    async def _once(self, config: SourceBase, secret: Secret | None) -> Account:
        connector = await self.made(config, secret)
        try:
            async with asyncio.timeout(TRIAL_S):
                account = await self.guarded(connector.verify())
            for line in about(account, connector, self.desk.now()):
                self.person.tell(line)
            return account
        except TimeoutError:
            raise Unavailable(f"{config.full_name} did not answer", f"It was given {TRIAL_S:g} seconds",
                              "Check the address, and the network") from None
        finally:
            await connector.close()

    async def made(self, config: SourceBase, secret: Secret | None) -> Connector:
        """The connector; making one may read certificates, which takes longer than a frame."""
        token = secret.reveal if secret is not None else None
        if secret is not None and self.desk.log is not None:
            self.desk.log.learn(secret)
        return await asyncio.to_thread(registry.create, config, clock=self.desk.clock, token=token)

    async def taken_up(self, config: SourceBase, secret: Secret | None) -> bool:
        """Let a running desk use the source at once; False when none runs here. Others hear of it from the cache."""
        kept = [one for one in self.desk.config.sources if one.full_name != config.full_name]
        self.desk.config = msgspec.structs.replace(self.desk.config, sources=(*kept, config))
        if not self.desk.store.writable:
            return False
        await reload.announce(self.desk, config.full_name)
        if self.desk.engine is None:
            return False
        await reload.put_in(self.desk, config, await self.made(config, secret))
        return True


class Beginning(Trial):
    """A source that is not there yet."""

    def __init__(self, desk: Desk, person: asking.Person, kind: str, label: str) -> None:
        super().__init__(desk, person, kind)
        self.label = label

    async def run(self) -> str:
        """Ask, try, choose a name, keep the token, write the block."""
        signed = await self._signed()
        label = self.label or await self._name(signed)
        block = {"kind": self.kind, "name": label, **signed.settings}
        self._settled(block, bool(signed.secret))
        secret = Secret(signed.secret) if signed.secret else None
        ref = None
        if secret is not None:
            keeper = Keeper(self.person, f"{self.kind}:{label}", profile=self.desk.profile,
                            known=self.person.typed(signed.secret), fleeting=signed.fleeting)
            ref = await keeper.keep(secret)
        try:
            config = self._write(block, ref)
        except BaseException:
            if ref is not None:
                await take_back(ref)
            raise
        self.person.tell(f"Written to {_path(self.desk)}")
        running = await self.taken_up(config, secret)
        if running:
            return f"{config.full_name} is connected: its first messages are being fetched"
        call = "agentdesk" if self.desk.profile == "default" else f"agentdesk --profile {self.desk.profile}"
        return f"{config.full_name} is connected. Next: {call} opens the desk, {call} doctor tries all sources"

    async def _signed(self) -> SignIn:
        """Answers that the server has accepted."""
        while True:
            try:
                signed = await self.guarded(self._answers())
                config = self._settled({"kind": self.kind, "name": self._free(signed.name), **signed.settings},
                                       bool(signed.secret))
            except (SourceError, ConfigError, SecretError) as error:
                await self.person.after(error, ())
                continue
            if await self.tried(config, Secret(signed.secret) if signed.secret else None) is not None:
                return signed

    async def _answers(self) -> SignIn:
        ask = getattr(registry.home(self.kind), "sign_in", None)
        if ask is not None:
            signed: SignIn = await ask(self.person, self.desk.clock)
        else:
            signed = await asking.fields(self.person, registry.settings(self.kind))
        if not signed.secret and registry.needs_token(self.kind):
            raise ConfigError(f"A source of the kind {self.kind} needs a token", "None was given", "Answer again")
        return signed

    def _settled(self, block: dict[str, Any], token: bool) -> SourceBase:
        """The answers as the configuration would hold them; a ConfigError says what does not fit."""
        full = {**block, **({"token": written(UNTRIED)} if token else {})}
        try:
            _, config = prepared(_path(self.desk), lambda text: append_source(text, full), begin=starter_text(),
                                 query_problem=problem)
        except ConfigError as error:
            told = "; ".join(_OWN.sub("", problem) for problem in error.problems)
            raise ConfigError("That does not fit", told or error.cause, "Answer again") from error
        return _source(config, f"{block['kind']}:{block['name']}")

    def _write(self, block: dict[str, Any], ref: SecretRef | None) -> SourceBase:
        full = {**block, **({"token": written(ref)} if ref is not None else {})}
        config = save(_path(self.desk), lambda text: append_source(text, full), begin=starter_text(),
                      query_problem=problem)
        return _source(config, f"{block['kind']}:{block['name']}")

    async def _name(self, signed: SignIn) -> str:
        """A label that no other source of this kind has."""
        while True:
            label = (await self.person.text("Name of the source", default=self._free(signed.name), hint=(
                f"what stands behind {self.kind}: in the queue and in queries"))).strip()
            try:
                _check_label(label)
            except UsageError as error:
                self.person.tell(str(error))
                continue
            if label in self._taken():
                self.person.tell(f"{self.kind}:{label} is there already; take another name")
                continue
            return label

    def _taken(self) -> set[str]:
        return {one.name for one in _read(self.desk).sources if one.kind == self.kind}

    def _free(self, offered: str) -> str:
        """A label made from what the connector offers, with a number where it is taken."""
        plain = re.sub(r"[^a-z0-9_.-]+", "-", (self.label or offered).lower()).strip("-._")[:36] or self.kind
        taken, number, label = self._taken(), 1, plain
        while label in taken:
            number += 1
            label = f"{plain}-{number}"
        return label


class Renewal(Trial):
    """A source that is there, and whose token is dead."""

    def __init__(self, desk: Desk, person: asking.Person, config: SourceBase) -> None:
        super().__init__(desk, person, config.kind)
        self.config = config
        self._kept = False
        """True when the new token stands in its place already."""

    async def run(self) -> str:
        """Bring a new token, try it, and put it where the old one is; the block stays as it is."""
        if self.config.token is None and not self.config.needs_token:
            raise Refused(f"{self.config.full_name} needs no signing in", "It has no token",
                          "agentdesk doctor says how it stands")
        self.person.tell(f"Signing in again to {self.config.full_name}")
        while True:
            try:
                value = await self._value()
                if not value:
                    raise ConfigError("No token was given", "", "Answer again")
            except (SourceError, ConfigError) as error:
                await self.person.after(error, ())
                continue
            account = await self.tried(self.config, Secret(value))
            if account is not None and await self._is_ours(account):
                break
        secret = Secret(value)
        if not self._kept:
            await self._keep(secret)
        if await self.taken_up(self.config, secret):
            return f"{self.config.full_name} is signed in again and goes on"
        return f"{self.config.full_name} is signed in again. A desk that runs takes it up by itself"

    async def _value(self) -> str:
        """The new token: from the program that gives it, or from the person."""
        ref, ask = self.config.token, getattr(registry.home(self.kind), "renew", None)
        self._kept = ref is not None and ref.kind == "command" and await self.person.choose(
            "Where the new token comes from", (("program", f"the {ref.say()} gives it already"),
                                               ("person", "I make a new one now"))) == "program"
        if self._kept and ref is not None:
            return (await secrets.read(ref)).reveal()
        if ask is None:
            return await self.person.secret(f"The new token of {self.config.full_name}")
        value: str = await self.guarded(ask(self.person, self.desk.clock, self.config))
        return value

    async def _is_ours(self, account: Account) -> bool:
        """True unless the token belongs to another account than before and the person did not mean that."""
        before = next((state.account for state in source_rows.all(self.desk.store.reader)
                       if state.name == self.config.full_name), None)
        if before is None or not before.ref or before.ref == account.ref:
            return True
        self.person.tell(f"This token belongs to {account.handle or account.name}, but {self.config.full_name} was "
                         f"{before.handle or before.name} so far. Two accounts in one source would mix what customers "
                         "wrote to each; another account is better connected as a source of its own.")
        return await self.person.choose("Go on with the other account?", (
            ("no", "answer the questions again"), ("yes", "from now on it is the other account"))) == "yes"

    async def _keep(self, secret: Secret) -> None:
        """Put the token in its place, or find another one and name that in the configuration."""
        if self.config.token is not None:
            try:
                await renew(self.person, self.config.token, secret)
                return
            except SecretError as error:
                self.person.tell(str(error))
        ref = await Keeper(self.person, self.config.full_name, profile=self.desk.profile,
                           known=self.person.typed(secret.reveal())).keep(secret)
        try:
            config = save(_path(self.desk), lambda text: put_map(text, _token_of(text, self.config), written(ref)),
                          query_problem=problem)
        except BaseException:
            await take_back(ref)
            raise
        self.config = _source(config, self.config.full_name)
        self.person.tell(f"Written to {_path(self.desk)}")


def _token_of(text: str, config: SourceBase) -> tuple[str | int, ...]:
    """Where the token of a source stands in the file."""
    blocks: Sequence[Any] = (parse(text, "config.yaml").plain or {}).get("sources") or []
    for at, block in enumerate(blocks):
        if isinstance(block, dict) and f"{block.get('kind')}:{block.get('name')}" == config.full_name:
            return ("sources", at, "token")
    raise Refused(f"{config.full_name} is not in the configuration any more", "", "Start agentdesk again")


def _source(config: Config, name: str) -> SourceBase:
    found: SourceBase = next(one for one in config.sources if one.full_name == name)
    return found
