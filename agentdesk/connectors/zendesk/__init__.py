"""Zendesk Support over its ticketing interface: tickets as conversations, comments as messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import ZendeskSource
from agentdesk.connectors.addresses import label, site
from agentdesk.connectors.login import Ask, SignIn
from agentdesk.model.clock import Clock

if TYPE_CHECKING:
    from agentdesk.connectors.zendesk.connector import ZendeskConnector


def connect(config: ZendeskSource, *, clock: Clock, token: Callable[[], str] | None = None) -> ZendeskConnector:
    """Make the connector; opens nothing."""
    from agentdesk.connectors.zendesk.connector import ZendeskConnector

    return ZendeskConnector(config, clock, token or (lambda: ""))


async def sign_in(ask: Ask, clock: Clock) -> SignIn:
    """Ask where Zendesk is, which kind of token there is, and for it."""
    given = (await ask.text("Where is your Zendesk?", hint="acme.zendesk.com")).strip()
    url = site(given if "." in given or "://" in given else f"{given}.zendesk.com", ("/agent", "/api/v2", "/hc", "/#"))
    kind = await ask.choose("Which token do you have?", (
        ("api", "an API token and your mail address"), ("oauth", "an OAuth access token")))
    settings: dict[str, str | int | tuple[str, ...]] = {"url": url}
    _tell_where(ask, url, kind)
    if kind == "api":
        settings["user"] = (await ask.text("Your mail address in Zendesk", hint="ann@acme.example")).strip()
    secret = await ask.secret("The token")
    return SignIn(name=label(url), settings=settings, secret=secret.strip())


async def renew(ask: Ask, clock: Clock, config: ZendeskSource) -> str:
    """Ask for another token."""
    _tell_where(ask, config.url, "api" if config.user else "oauth")
    return (await ask.secret("The token")).strip()


def _tell_where(ask: Ask, url: str, kind: str) -> None:
    if kind == "api":
        ask.tell(
            "An administrator makes API tokens in the Admin Center under Apps and integrations, APIs, API tokens:\n"
            f"{url}/admin/apps-integrations/apis/api-tokens\n"
            "The token is shown once. With it you act as the agent whose mail address you give, so give your own."
        )
    else:
        ask.tell(
            "An OAuth access token needs the scopes read and write. An administrator sets up the client in the Admin\n"
            f"Center under Apps and integrations, APIs, OAuth clients: {url}/admin/apps-integrations/apis/oauth-clients"
        )
