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
    links: tuple[Inert, ...] = ()
    """Addresses of pages that the platform has proven to be this person's."""
    blocked: bool = False
    remarks: tuple[Inert, ...] = ()
    """What the platform says of this account that whoever answers should know, in words."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A profile on a named source."""

    source: str
    profile: Profile
    seen_at: Millis
    followed: bool = False
    """True when we follow this person there."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Another customer who may be the same person; only a person's word puts the two together."""

    customer_id: int
    name: Inert
    identities: tuple[Identity, ...]
    why: str
    """What the two have in common, in words."""
    weight: int
    """3: a proven page, 2: a mail address, 1: no more than the same handle."""


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
