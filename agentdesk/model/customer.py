"""Customers: persons with one or more identities."""

from __future__ import annotations

from typing import Literal

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.text import Inert


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One identity as its source tells it; ``ref`` is the stable id there."""

    ref: str
    handle: Inert = Inert("")
    name: Inert = Inert("")
    url: str = ""
    bio: Inert = Inert("")
    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    created_at: Millis | None = None
    verified: Literal["none", "paid", "domain", "org", "legacy"] = "none"
    bot: bool = False
    lang: str = ""
    contacts: tuple[Inert, ...] = ()
    """Mail addresses and telephone numbers."""
    blocked: bool = False


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A profile on a named source."""

    source: str
    profile: Profile
    seen_at: Millis


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A person as we know them."""

    id: int
    name: Inert
    identities: tuple[Identity, ...] = ()
    vip: bool = False
    note: str = ""
    """What colleagues should know; ours, never sent anywhere."""
    tags: tuple[str, ...] = ()
    first_seen_at: Millis = 0
    conversations: int = 0

    @property
    def reach(self) -> int:
        """The largest number of followers over all identities."""
        return max((i.profile.followers or 0 for i in self.identities), default=0)
