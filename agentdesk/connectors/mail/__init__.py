"""A mailbox as a source: threads of mails as conversations, read by IMAP, answered by SMTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agentdesk.config.sources import MailSource
from agentdesk.model.clock import Clock

if TYPE_CHECKING:
    from agentdesk.connectors.login import Ask, SignIn
    from agentdesk.connectors.mail.connector import MailConnector


def connect(config: MailSource, *, clock: Clock, token: Callable[[], str] | None = None) -> MailConnector:
    """Make the connector; opens nothing."""
    from agentdesk.connectors.mail.connector import MailConnector

    return MailConnector(config, clock, token or (lambda: ""))


async def sign_in(ask: Ask, clock: Clock) -> SignIn:
    """Ask for an address and its password; the servers are found."""
    from agentdesk.connectors.mail.signin import ask_for_mailbox

    return await ask_for_mailbox(ask)


async def renew(ask: Ask, clock: Clock, config: MailSource) -> str:
    """Ask for another password."""
    from agentdesk.connectors.mail.signin import renew_password

    return await renew_password(ask, config.address, config.auth)
