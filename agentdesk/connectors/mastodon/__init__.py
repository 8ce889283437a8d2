"""The Mastodon family: Mastodon itself, GoToSocial, Pleroma and Akkoma, snac, Pixelfed.

A conversation is what one customer and we said to each other in one thread; see ``threads``. What a server can do is
decided by what it says it is, never by what it answers to; see ``server``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import MastodonSource
from agentdesk.model.clock import Clock

if TYPE_CHECKING:
    from agentdesk.connectors.login import Ask, SignIn
    from agentdesk.connectors.mastodon.connector import MastodonConnector


def connect(config: MastodonSource, *, clock: Clock, token: Callable[[], str] | None = None) -> MastodonConnector:
    """Make the connector; opens nothing."""
    from agentdesk.connectors.mastodon.connector import MastodonConnector

    return MastodonConnector(config, clock, token or (lambda: ""))


async def sign_in(ask: Ask, clock: Clock) -> SignIn:
    """Register agentdesk with the server and let the account's owner allow it in any browser, on any machine."""
    from agentdesk.connectors.mastodon.signing_in import sign_in as begin

    return await begin(ask, clock)


async def renew(ask: Ask, clock: Clock, config: MastodonSource) -> str:
    """Have the account of a configured source allow it anew."""
    from agentdesk.connectors.mastodon.signing_in import renew as begin

    return await begin(ask, clock, config.url)
