"""Which kinds of sources there are, and how their connectors are made; a kind's module is loaded when it is used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

from agentdesk.config.schema import SourceConfig
from agentdesk.connectors.base import Connector
from agentdesk.errors import ConfigError
from agentdesk.model.clock import Clock

Token: TypeAlias = Callable[[], str]
"""Gives the account's token at the moment it is needed, so that no connector keeps a copy."""

_MODULES = {
    "demo": "agentdesk.connectors.demo",
    "file": "agentdesk.connectors.file",
    "rt": "agentdesk.connectors.rt",
}
_NEEDS_TOKEN = frozenset({"rt"})


def kinds() -> tuple[str, ...]:
    """Every kind of source there is a connector for."""
    return tuple(_MODULES)


def needs_token(kind: str) -> bool:
    """True when sources of this kind cannot work without a token."""
    return kind in _NEEDS_TOKEN


def create(config: SourceConfig, *, clock: Clock, token: Token | None = None) -> Connector:
    """Make the connector for one configured source; loads its module, opens nothing."""
    if needs_token(config.kind) and token is None:
        raise ConfigError(
            f"{config.full_name} has no token",
            remedy=f"Name its place in token: of {config.full_name} (keyring, command, env)",
        )
    module: Any = import_module(_MODULES[config.kind])
    connector: Connector = module.connect(config, clock=clock, token=token)
    return connector
