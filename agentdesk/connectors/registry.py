"""Which kinds of sources there are, and how their connectors are made; a kind's module is loaded when it is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

from agentdesk.config.sources import SOURCE_KINDS, SourceConfig
from agentdesk.connectors.base import Connector
from agentdesk.errors import ConfigError
from agentdesk.model.clock import Clock

Token: TypeAlias = Callable[[], str]
"""Gives the account's token at the moment it is needed, so that no connector keeps a copy."""

_PACKAGE = "agentdesk.connectors"


def kinds() -> tuple[str, ...]:
    """Every kind of source there is a connector for."""
    return tuple(SOURCE_KINDS)


def needs_token(kind: str) -> bool:
    """True when sources of this kind cannot work without a token."""
    return SOURCE_KINDS[kind].needs_token


def create(config: SourceConfig, *, clock: Clock, token: Token | None = None) -> Connector:
    """Make the connector for one configured source; loads its module, opens nothing."""
    if needs_token(config.kind) and token is None:
        raise ConfigError(
            f"{config.full_name} has no token",
            remedy=f"Name its place in token: of {config.full_name} (keyring, command, env)",
        )
    module: Any = import_module(f"{_PACKAGE}.{config.kind}")
    connector: Connector = module.connect(config, clock=clock, token=token)
    return connector
