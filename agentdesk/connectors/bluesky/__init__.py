"""Bluesky and other AT Protocol servers: mentions, replies and quotes as conversations, chat.bsky for direct messages.

The records and calls are those of https://docs.bsky.app/docs/api and https://atproto.com/specs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import BlueskySource
from agentdesk.connectors.login import Ask, SignIn
from agentdesk.model.clock import Clock

if TYPE_CHECKING:
    from agentdesk.connectors.bluesky.connector import BlueskyConnector


def connect(config: BlueskySource, *, clock: Clock, token: Callable[[], str] | None = None) -> BlueskyConnector:
    """Make the connector; opens nothing."""
    from agentdesk.connectors.bluesky.connector import BlueskyConnector

    return BlueskyConnector(config, clock, token or (lambda: ""))


async def sign_in(ask: Ask, clock: Clock) -> SignIn:
    """Ask for the handle and an app password, and find the account's server."""
    from agentdesk.connectors.bluesky.signing import sign_in

    return await sign_in(ask, clock)


async def renew(ask: Ask, clock: Clock, config: BlueskySource) -> str:
    """Ask for another app password."""
    from agentdesk.connectors.bluesky.signing import ask_for_password

    return await ask_for_password(ask)
