"""Files as a source: what any program writes as JSON Lines or CSV, and replies appended to another file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import FileSource
from agentdesk.model.clock import Clock

if TYPE_CHECKING:
    from agentdesk.connectors.file.connector import FileConnector


def connect(config: FileSource, *, clock: Clock, token: Callable[[], str] | None = None) -> FileConnector:
    """Make the connector; opens nothing."""
    from agentdesk.connectors.file.connector import FileConnector

    return FileConnector(config, clock)
