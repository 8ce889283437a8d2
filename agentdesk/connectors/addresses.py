"""What people type for an address, made into one that a configuration takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from agentdesk.connectors.login import Ask

_LABEL = re.compile(r"[^a-z0-9_-]+")
_SITE = re.compile(r"https?://[^\s/?#@]+(/\S*)?")
_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")


def site(given: str, cut: tuple[str, ...] = ()) -> str:
    """An address without a name before the host and without what follows the server's own part.

    Everything from the first of ``cut`` on is dropped.
    """
    text = given.strip()
    if text and "://" not in text:
        local = text.split("/")[0].rsplit(":", 1)[0] in _THIS_MACHINE
        text = f"{'http' if local else 'https'}://{text}"
    text = text.split("?")[0]
    for mark in cut:
        text = text.split(mark)[0]
    text = text.split("#")[0].rstrip("/")
    scheme, mark, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


async def ask_for_site(ask: Ask, title: str, hint: str, cut: tuple[str, ...]) -> str:
    """Ask where a server is until it can be one."""
    while True:
        url = site(await ask.text(title, hint=hint), cut)
        if _SITE.fullmatch(url):
            return url
        ask.tell(f"That is no address; write it like {hint}")


def label(url: str) -> str:
    """A short name for a source, from its address: the company's part of the host."""
    host = (urlsplit(url).hostname or "").lower()
    parts = [part for part in host.split(".") if part not in ("www", "")]
    usual = ("support", "help", "helpdesk", "desk", "tickets", "zammad", "service")
    picked = parts[1] if len(parts) > 2 and parts[0] in usual else parts[0] if parts else ""
    return _LABEL.sub("-", picked).strip("-_")[:40] or "desk"
