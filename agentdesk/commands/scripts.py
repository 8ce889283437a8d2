"""Programs of the person's own as verbs, by the names that the configuration gives them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from agentdesk.commands.context import Context
from agentdesk.commands.queue import LIST
from agentdesk.commands.registry import Registry, Run, Scope, Verb
from agentdesk.desk import answer, script
from agentdesk.errors import Refused

if TYPE_CHECKING:
    from agentdesk.config.schema import CommandConfig

IN_REPLY = "Put into the reply; read it before you send it"
SCOPES: dict[str, Scope] = {"one": "one", "selection": "many", "none": "none"}


def with_scripts(registry: Registry, commands: Iterable[CommandConfig]) -> tuple[Registry, list[str]]:
    """The verbs and these commands; and, in words, the commands whose names are taken."""
    taken = [one.name for one in commands if one.name in registry]
    mine = [_verb(one) for one in commands if one.name not in registry]
    told = [f"The command {name} is left out: agentdesk has a command of that name already" for name in taken]
    return Registry([*registry, *mine]), told


def _verb(command: CommandConfig) -> Verb:
    return Verb(name=command.name, title=command.title or command.name, run=_runner(command),
                doc=f"Run {command.run[0]}, a program of yours.",
                contexts=("global",) if command.on == "none" else LIST, scope=SCOPES[command.on],
                danger="careful" if command.confirm else "none", undoable=False, visual=False, params=())


def _runner(command: CommandConfig) -> Run:
    async def run(ctx: Context) -> str | None:
        ids: Sequence[int] = {"none": (), "one": ctx.selection[:1], "selection": ctx.selection}[command.on]
        said = await script.run(ctx.desk, command, ids)
        if said.code:
            raise Refused(f"{command.name} ended with {said.code}", said.complaint or said.text[:300],
                          f"Run {command.run[0]} by hand to see why")
        if command.output == "show" and said.text.strip():
            await ctx.front.show("output", title=command.title or command.name, text=said.text)
            return None
        if command.output == "draft" and said.text.strip():
            return await _into_draft(ctx, said.text.strip())
        return said.complaint or f"{command.title or command.name}: done"

    return run


async def _into_draft(ctx: Context, text: str) -> str:
    """Put what it printed into the reply, below what stands there already; a person still sends it."""
    if ctx.front.write_below(ctx.one, text):
        return IN_REPLY
    draft = answer.open_draft(ctx.desk, ctx.one)
    joined = f"{draft.text.rstrip()}\n\n{text}" if draft.text.strip() else text
    await answer.save(ctx.desk, msgspec.structs.replace(draft, text=joined))
    await ctx.front.show("composer", conversation_id=ctx.one, kind=draft.kind.value)
    return IN_REPLY
