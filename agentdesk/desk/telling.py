"""What a source says of itself when it is tried, in words: who we are there, what we may, and what it hides from us."""

from __future__ import annotations

from agentdesk.connectors.base import Connector
from agentdesk.model.capability import Caps
from agentdesk.model.clock import Millis
from agentdesk.model.page import Account
from agentdesk.model.source import SKEW_TOLD
from agentdesk.rules.times import length_words

_ABLE = (("can_reply", "reply"), ("can_note", "leave notes"), ("can_dm", "write in private"),
         ("can_open", "open tickets"),
         ("can_assign", "assign"), ("can_status", "set the status"), ("can_priority", "set the priority"),
         ("can_tag", "tag"), ("can_like", "like"), ("can_boost", "boost"), ("can_follow", "follow"),
         ("can_edit", "edit"), ("can_delete", "delete"), ("can_approve", "approve replies"),
         ("can_search", "search there"))


def identity(account: Account) -> str:
    """Who the server says we are."""
    name, handle = str(account.name), str(account.handle)
    who = f"{name} ({handle})" if name and handle and name != handle else name or handle or "who we are is not said"
    return f"We are {who}" + (f" on {account.server}" if account.server else "")


def about(account: Account, connector: Connector, now: Millis) -> list[str]:
    """All that is worth knowing, one sentence each."""
    found = [identity(account), able(connector.caps)]
    if account.scopes:
        found.append(f"The token covers: {', '.join(account.scopes)}")
    return [*found, *limits(connector, now), *(f"Mind: {warning}" for warning in account.warnings)]


def able(caps: Caps) -> str:
    """What can be done there from this desk."""
    words = [word for field, word in _ABLE if getattr(caps, field)]
    return f"Here one can {', '.join(words)}" if words else "Here one can only read"


def limits(connector: Connector, now: Millis) -> list[str]:
    """Lengths, requests left, and a clock that is off."""
    caps, found = connector.caps, []
    if caps.can_reply and caps.max_chars is not None:
        found.append(f"A reply may have {caps.max_chars:,} characters")
    budget, skew = connector.budget(), connector.skew()
    if budget is not None:
        until = budget.resets_at
        again = f", anew in {length_words(until - now)}" if until is not None and until > now else ""
        found.append(f"{budget.left:,} of {budget.limit:,} requests left{again}")
    if skew is not None and abs(skew) > SKEW_TOLD:
        way = "behind" if skew > 0 else "ahead of"
        found.append(f"This machine's clock is {length_words(abs(skew))} {way} the server's; set it")
    return found
