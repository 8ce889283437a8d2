"""Request Tracker 5 over its REST 2.0 interface: tickets as conversations, correspondence as mail to the customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import RtSource
from agentdesk.connectors.addresses import ask_for_site, label
from agentdesk.connectors.login import Ask, SignIn
from agentdesk.model.clock import Clock

if TYPE_CHECKING:
    from agentdesk.connectors.rt.connector import RtConnector


def connect(config: RtSource, *, clock: Clock, token: Callable[[], str] | None = None) -> RtConnector:
    """Make the connector; opens nothing."""
    from agentdesk.connectors.rt.connector import RtConnector

    return RtConnector(config, clock, token or (lambda: ""))


async def sign_in(ask: Ask, clock: Clock) -> SignIn:
    """Ask where RT is and for a token of the agent's own."""
    url = await ask_for_site(ask, "Where is your RT?", "https://rt.acme.example",
                             ("/REST/", "/Ticket/", "/Search/", "/Prefs/", "/index.html"))
    return SignIn(name=label(url), settings={"url": url}, secret=await _ask_for_token(ask, url))


async def renew(ask: Ask, clock: Clock, config: RtSource) -> str:
    """Ask for another token."""
    return await _ask_for_token(ask, config.url)


async def _ask_for_token(ask: Ask, url: str) -> str:
    ask.tell(
        "Make a token of your own: in RT open Logged in as, Settings, Auth Tokens, Create.\n"
        f"That page is {url}/Prefs/AuthTokens.html\n"
        "It begins with 1- and is shown once. It acts as you: replies carry your name.\n"
        "If Auth Tokens is missing, an administrator gives you the right ManageAuthTokens."
    )
    return (await ask.secret("The token")).strip()
