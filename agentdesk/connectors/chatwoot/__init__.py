"""Chatwoot over its application API: conversations of every inbox, replies, private notes and what belongs to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import ChatwootSource
from agentdesk.connectors.addresses import label, site
from agentdesk.connectors.login import Ask, SignIn
from agentdesk.model.clock import Clock
from agentdesk.model.words import whole_number

if TYPE_CHECKING:
    from agentdesk.connectors.chatwoot.connector import ChatwootConnector

_ACCOUNT = re.compile(r"/accounts/(\d+)")


def connect(config: ChatwootSource, *, clock: Clock, token: Callable[[], str] | None = None) -> ChatwootConnector:
    """Make the connector; opens nothing."""
    from agentdesk.connectors.chatwoot.connector import ChatwootConnector

    return ChatwootConnector(config, clock, token or (lambda: ""))


async def sign_in(ask: Ask, clock: Clock) -> SignIn:
    """Ask for the address, the account's number unless the address names it, and the agent's access token."""
    given = await ask.text(
        "Chatwoot's address", hint="as the browser shows it: https://app.chatwoot.com/app/accounts/1"
    )
    url = site(given, ("/app/", "/api/"))
    found = _ACCOUNT.search(given)
    number = whole_number(found.group(1)) if found else None
    while number is None:
        hint = "the number after /app/accounts/ in the browser's address"
        number = whole_number((await ask.text("Account number", hint=hint)).strip())
        if number is None:
            ask.tell("That is no number")
    token = await _ask_for_token(ask, url, number)
    return SignIn(name=label(url), settings={"url": url, "account": number}, secret=token)


async def renew(ask: Ask, clock: Clock, config: ChatwootSource) -> str:
    """Ask for the agent's access token again."""
    return await _ask_for_token(ask, config.url, config.account)


async def _ask_for_token(ask: Ask, url: str, number: int) -> str:
    ask.tell(
        f"In Chatwoot open your profile settings: {url}/app/accounts/{number}/profile/settings\n"
        "The access token stands at the end of that page. It acts as you: replies carry your name.\n"
        "A bot's or platform token does not do: it reaches too little."
    )
    return (await ask.secret("Access token", hint="from the end of your profile settings")).strip()
