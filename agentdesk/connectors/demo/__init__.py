"""The demo as a kind of source: one part of a made-up world that needs no network and is not kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import DemoSource
from agentdesk.errors import ConfigError
from agentdesk.model.clock import Clock

if TYPE_CHECKING:
    from agentdesk.connectors.demo.connector import DemoConnector


def connect(config: DemoSource, *, clock: Clock, token: Callable[[], str] | None = None) -> DemoConnector:
    """Make one source of a world of its own; ``agentdesk demo`` opens and keeps the whole world instead."""
    from agentdesk.connectors.demo.connector import SOURCES, DemoConnector
    from agentdesk.connectors.demo.world import DemoWorld

    if config.name not in SOURCES:
        raise ConfigError(f"There is no demo source «{config.name}»", "", f"Use one of: {', '.join(SOURCES)}")
    return DemoConnector(DemoWorld.open(None, clock, config.seed), config.name, trouble=config.trouble)
