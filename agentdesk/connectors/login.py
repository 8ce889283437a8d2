"""Signing in to a source: what every kind asks for, so that the command line and the screen can ask alike.

A connector's module may offer ``async def sign_in(ask: Ask, clock: Clock) -> SignIn``; without it the required fields
of its settings are asked for one by one, and the token. It may also offer ``async def renew(ask: Ask, clock: Clock,
config) -> str``, which brings a new token for a source that is configured already; without it the token is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


def again(name: str) -> str:
    """What to do about a dead token of the source ``name``, such as ``mastodon:acme``."""
    kind, _, label = name.partition(":")
    return f"Sign in again: agentdesk login {kind} {label}".rstrip()


class Ask(Protocol):
    """Whoever is asked; every question may be broken off with a Refused."""

    def tell(self, text: str) -> None:
        """Show words: where to get a token, an address to open."""
        ...

    async def text(self, title: str, *, hint: str = "", default: str = "") -> str:
        """Ask for one line."""
        ...

    async def secret(self, title: str, *, hint: str = "") -> str:
        """Ask for one line that is not shown."""
        ...

    async def choose(self, title: str, choices: Sequence[tuple[str, str]]) -> str:
        """Ask for one of some values; each has words beside it."""
        ...


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """What signing in gave: the settings for the configuration, and the token, which never goes there."""

    name: str
    """A label for the source, such as the account's handle; may be changed."""
    settings: dict[str, str | int | tuple[str, ...]]
    """The fields of the source's block besides kind, name and token."""
    secret: str = ""
    fleeting: bool = False
    """True when the token dies within hours, so that only a program can give it."""

    def __repr__(self) -> str:
        """Never show the token."""
        return f"SignIn(name={self.name!r})"
