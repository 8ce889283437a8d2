"""Zammad over its REST interface: tickets as conversations, articles as messages, each answered on its own channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import ZammadSource
from agentdesk.connectors.addresses import ask_for_site, label
from agentdesk.connectors.login import Ask, SignIn
from agentdesk.model.clock import Clock

if TYPE_CHECKING:
    from agentdesk.connectors.zammad.connector import ZammadConnector


def connect(config: ZammadSource, *, clock: Clock, token: Callable[[], str] | None = None) -> ZammadConnector:
    """Make the connector; opens nothing."""
    from agentdesk.connectors.zammad.connector import ZammadConnector

    return ZammadConnector(config, clock, token or (lambda: ""))


async def sign_in(ask: Ask, clock: Clock) -> SignIn:
    """Ask where Zammad is and for a token of one's own."""
    url = await ask_for_site(ask, "Where is your Zammad?", "https://support.acme.example", ("/api/v1", "/#"))
    return SignIn(name=label(url), settings={"url": url}, secret=await _ask_for_token(ask, url))


async def renew(ask: Ask, clock: Clock, config: ZammadSource) -> str:
    """Ask for another token."""
    return await _ask_for_token(ask, config.url)


async def _ask_for_token(ask: Ask, url: str) -> str:
    ask.tell(
        "Make a token of your own: open your profile picture at the lower left, Profile, Token Access, Create.\n"
        f"That page is {url}/#profile/token_access\n"
        "Give it the permission ticket.agent and no other; an end date is up to you. It is shown once.\n"
        "If Token Access is missing, an administrator allows it under System, API."
    )
    return (await ask.secret("The token")).strip()
