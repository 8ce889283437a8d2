"""What people type for an address, made into one that a configuration takes."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_LABEL = re.compile(r"[^a-z0-9_-]+")
_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")


def site(given: str, cut: tuple[str, ...] = ()) -> str:
    """An address without what follows the server's own part: everything from the first of ``cut`` on is dropped."""
    text = given.strip()
    if text and "://" not in text:
        local = text.split("/")[0].rsplit(":", 1)[0] in _THIS_MACHINE
        text = f"{'http' if local else 'https'}://{text}"
    text = text.split("?")[0]
    for mark in cut:
        text = text.split(mark)[0]
    return text.split("#")[0].rstrip("/")


def label(url: str) -> str:
    """A short name for a source, from its address: the company's part of the host."""
    host = (urlsplit(url).hostname or "").lower()
    parts = [part for part in host.split(".") if part not in ("www", "")]
    usual = ("support", "help", "helpdesk", "desk", "tickets", "zammad", "service")
    picked = parts[1] if len(parts) > 2 and parts[0] in usual else parts[0] if parts else ""
    return _LABEL.sub("-", picked).strip("-_")[:40] or "desk"
