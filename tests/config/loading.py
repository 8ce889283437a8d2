"""How the tests of the configuration load a text, and get what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentdesk.config.load import interpret
from agentdesk.config.schema import Config
from agentdesk.config.yaml import parse
from agentdesk.errors import ConfigError

BASE = Path("/home/ann/.config/agentdesk")


def loaded(text: str, environ: Mapping[str, str] | None = None, **more: Any) -> Config:
    """The configuration that ``text`` gives."""
    return interpret(parse(text, "config.yaml"), BASE, environ or {}, **more).config


def mistakes(text: str, environ: Mapping[str, str] | None = None, **more: Any) -> list[str]:
    """The problems that ``text`` is refused for; empty when it loads."""
    try:
        loaded(text, environ, **more)
    except ConfigError as error:
        return list(error.problems)
    return []
