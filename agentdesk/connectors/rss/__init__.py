"""RSS and Atom feeds as a source that can only be read: everything in them is heard, nothing is addressed to us."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import RssSource
from agentdesk.errors import ConfigError
from agentdesk.model.clock import Clock

if TYPE_CHECKING:
    from agentdesk.connectors.login import Ask, SignIn
    from agentdesk.connectors.rss.connector import RssConnector


def connect(config: RssSource, *, clock: Clock, token: Callable[[], str] | None = None) -> RssConnector:
    """Make the connector; opens nothing."""
    from agentdesk.connectors.rss.connector import RssConnector

    if not config.feeds:
        raise ConfigError(f"{config.full_name} has no feeds", remedy="Name at least one address in feeds:")
    return RssConnector(config, clock)


async def sign_in(ask: Ask, clock: Clock) -> SignIn:
    """Ask for the addresses of feeds until one is left empty."""
    from agentdesk.connectors.addresses import label
    from agentdesk.connectors.login import SignIn

    ask.tell("A feed has an address of its own, often behind a sign of radio waves or the word RSS on a page. "
             "Given a page instead, agentdesk names the feed that the page points to.")
    feeds = [await ask.text("Address of the feed", hint="https://news.example.com/feed.xml")]
    while more := (await ask.text("Another feed, or nothing", hint="press Enter when that was all")).strip():
        feeds.append(more)
    given = tuple(dict.fromkeys(feed.strip() for feed in feeds))
    return SignIn(name=label(given[0]), settings={"feeds": given})
