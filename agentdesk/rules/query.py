"""The one filter language: views, search, policies and scripts all select conversations with it.

``parse`` turns text into a tree (see ``terms``), ``matches`` tries it on one conversation; the store compiles the same
tree into SQL. Examples: ``late source:rt``, ``tag:vip -refund``, ``(followers>1000 or vip) age>2h "lost parcel"``.
"""

from __future__ import annotations

import msgspec

from agentdesk.errors import UsageError
from agentdesk.model.clock import Millis
from agentdesk.rules.grammar import Reader
from agentdesk.rules.match import Subject, holds
from agentdesk.rules.terms import And, Node, leaves

MAX_CHARS = 2_000


class Query(msgspec.Struct, frozen=True):
    """A parsed filter; ``str()`` gives text that parses to the same tree."""

    root: Node

    def __str__(self) -> str:
        return str(self.root)

    @property
    def everything(self) -> bool:
        """True when it leaves nothing out."""
        return self.root == And(())

    def names(self, field: str) -> bool:
        """True when the filter says something about ``field`` (a field or a flag)."""
        return any(getattr(leaf, "field", getattr(leaf, "name", "")) == field for leaf in leaves(self.root))


def parse(text: str) -> Query:
    """Read a filter; a mistake is a UsageError that names the place and the nearest word."""
    if len(text) > MAX_CHARS:
        raise UsageError(f"The filter is longer than {MAX_CHARS} characters", remedy="Make it shorter.")
    return Query(Reader(text).read())


def problem(text: str) -> str | None:
    """What is wrong with a filter, for whoever checks it without using it; None when it can be read."""
    try:
        parse(text)
    except UsageError as error:
        return str(error)
    return None


def matches(query: Query, subject: Subject, *, agent: str = "", now: Millis = 0) -> bool:
    """True when ``subject`` is among what ``query`` selects for ``agent`` at ``now``."""
    return holds(query.root, subject, agent, now)
