"""Request Tracker 5 over its REST 2.0 interface: tickets as conversations, correspondence as mail to the customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import RtSource
from agentdesk.model.clock import Clock

if TYPE_CHECKING:
    from agentdesk.connectors.rt.connector import RtConnector


def connect(config: RtSource, *, clock: Clock, token: Callable[[], str] | None = None) -> RtConnector:
    """Make the connector; opens nothing."""
    from agentdesk.connectors.rt.connector import RtConnector

    return RtConnector(config, clock, token or (lambda: ""))
