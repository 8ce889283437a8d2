"""Which kinds of sources there are, and how their connectors are made; a kind's module is loaded when it is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

from agentdesk.config import plugins
from agentdesk.config.sources import SOURCE_KINDS, SourceBase, SourceConfig
from agentdesk.connectors.base import Connector
from agentdesk.errors import ConfigError, DeskError
from agentdesk.model.capability import Caps
from agentdesk.model.clock import Clock
from agentdesk.model.text import inert_line

Token: TypeAlias = Callable[[], str]
"""Gives the account's token at the moment it is needed, so that no connector keeps a copy."""

_PACKAGE = "agentdesk.connectors"
_NEEDED = ("verify", "pull", "thread", "customer", "history", "freeze", "send", "reconcile", "act", "find", "download",
           "canned", "budget", "hear", "hints", "close")
"""What the desk calls; the base class has most of it."""


def kinds() -> tuple[str, ...]:
    """Every kind of source there is a connector for: the built-in ones, then those that other packages bring."""
    return (*SOURCE_KINDS, *dict.fromkeys(offer.kind for offer in plugins.offers() if offer.kind not in SOURCE_KINDS))


def settings(kind: str) -> type[SourceBase]:
    """The settings of a kind; ConfigError when there is no such kind, or its package cannot be used."""
    found = plugins.settings_of(kind)
    if found is None:
        raise _unknown(kind)
    return found


def needs_token(kind: str) -> bool:
    """True when sources of this kind cannot work without a token."""
    return settings(kind).needs_token


def home(kind: str) -> Any:
    """The module, or another package's object, that has the kind's ``connect`` and perhaps its ``sign_in``."""
    if kind in SOURCE_KINDS:
        return import_module(f"{_PACKAGE}.{kind}")
    plugin = plugins.find(kind)
    if plugin is None:
        raise _unknown(kind)
    return plugin.home


def create(config: SourceConfig | SourceBase, *, clock: Clock, token: Token | None = None) -> Connector:
    """Make the connector for one configured source; loads its module, opens nothing."""
    if needs_token(config.kind) and token is None:
        raise ConfigError(
            f"{config.full_name} has no token",
            remedy=f"Name its place in token: of {config.full_name} (keyring, command, env)",
        )
    made = home(config.kind)
    if config.kind in SOURCE_KINDS:
        connector: Connector = made.connect(config, clock=clock, token=token)
        return connector
    try:
        return _checked(config, made.connect(config, clock=clock, token=token))
    except DeskError:
        raise
    except Exception as error:
        said = inert_line(f"{plugins.package_of(config.kind)} failed: {type(error).__name__}: {error}", limit=300)
        raise ConfigError(f"{config.full_name} cannot be connected", str(said),
                          "Tell its makers; the other sources go on") from error


def _checked(config: SourceBase, made: Any) -> Connector:
    """What another package made, once it has the shape of a connector."""
    lacking = [name for name in _NEEDED if not callable(getattr(made, name, None))]
    if not isinstance(getattr(made, "caps", None), Caps):
        lacking.append("caps")
    if getattr(made, "name", None) != config.full_name:
        lacking.append(f"the name {config.full_name}")
    if lacking:
        raise ConfigError(f"{config.full_name} cannot be connected",
                          f"The connector of {plugins.package_of(config.kind)} lacks {', '.join(lacking)}",
                          "docs/connectors.md says what a connector offers")
    connector: Connector = made
    return connector


def _unknown(kind: str) -> ConfigError:
    return ConfigError(f"There is no kind of source called {inert_line(kind, limit=60)}",
                       f"Known: {', '.join(kind for kind in kinds() if kind != 'demo')}",
                       "Another package may bring it: install that beside agentdesk")
