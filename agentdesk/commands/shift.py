"""Verbs about the desk as a whole: sources and syncing."""

from __future__ import annotations

from agentdesk.commands.context import Context
from agentdesk.commands.registry import verb
from agentdesk.errors import Refused


@verb(name="sync", title="Look for news now", contexts=("global",), scope="none")
async def sync(ctx: Context, source: str = "") -> str:
    """Ask the sources now instead of at their next turn."""
    engine = ctx.desk.engine
    if engine is None:
        raise Refused("No source is connected yet", "", "Wait a moment, or add one to the configuration")
    for name in [source] if source else list(ctx.desk.connectors):
        engine.poke(name)
    return "Looking for news"
