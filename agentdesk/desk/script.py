"""Handing conversations to a program of the person's own, and taking what it says.

What customers wrote reaches it as JSON on its standard input and in variables, never as words of a command line.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from agentdesk import programs
from agentdesk.desk import find
from agentdesk.errors import Refused
from agentdesk.model.clock import SECOND
from agentdesk.model.text import Inert, inert, inert_line

if TYPE_CHECKING:
    from agentdesk.config.schema import CommandConfig
    from agentdesk.desk.desk import Desk

VERSION = 1
"""Of what a program is handed; it grows when a field changes its meaning."""
MESSAGES = 200
MOST = 256 * 1024
LONGEST = 1_000


class Said(msgspec.Struct, frozen=True):
    """What a program left: its output as text that may be shown, and the last line of what it complained of."""

    code: int
    text: Inert
    complaint: Inert


async def run(desk: Desk, command: CommandConfig, ids: Sequence[int]) -> Said:
    """Run a command on these conversations; Refused when it cannot be started or takes too long."""
    argv = (_at_home(command.run[0]), *command.run[1:])
    env = programs.environment(os.environ, variables(desk, command, ids))
    for source in desk.config.sources:
        if source.token is not None and source.token.kind == "env":
            env.pop(source.token.value, None)
    shown = inert_line(command.run[0], limit=100)
    try:
        ended = await programs.run(argv, env, seconds=command.timeout / SECOND, most=MOST,
                                   given=payload(desk, command, ids))
    except TimeoutError:
        raise Refused(f"{command.name} took too long", f"{shown} was ended after {command.timeout / SECOND:g} seconds",
                      f"Give it more time with timeout: of the command {command.name}") from None
    except (OSError, ValueError) as error:
        cause = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "It cannot be run"
        raise Refused(f"{command.name} could not be started", f"{shown}: {cause}",
                      f"Mend run: of the command {command.name}") from error
    lines = ended.err.decode(errors="replace").strip().splitlines()
    complaint = inert_line(lines[-1] if lines else "", limit=300)
    return Said(ended.code, inert(ended.out.decode(errors="replace")), complaint)


def payload(desk: Desk, command: CommandConfig, ids: Sequence[int]) -> bytes:
    """What the program reads: one JSON object with the conversations, their customers and their messages."""
    told: dict[str, Any] = {
        "v": VERSION, "command": command.name, "agent": desk.agent, "now": desk.now(),
        "selection": [{
            "conversation": msgspec.to_builtins(it),
            "customer": msgspec.to_builtins(find.customer(desk, it.customer_id)),
            "messages": [msgspec.to_builtins(each.message) for each in find.thread(desk, it.id, limit=MESSAGES)],
        } for it in (find.conversation(desk, number) for number in ids)],
    }
    return msgspec.json.encode(told) + b"\n"


def variables(desk: Desk, command: CommandConfig, ids: Sequence[int]) -> dict[str, str]:
    """The facts of the first conversation as variables, for programs that need no more."""
    facts = {"COMMAND": command.name, "AGENT": desk.agent, "COUNT": str(len(ids))}
    if ids:
        it = find.conversation(desk, ids[0])
        who = find.customer(desk, it.customer_id)
        handle = next((each.profile.handle for each in who.identities if each.source == it.source), "")
        facts |= {"ID": str(it.id), "SOURCE": it.source, "REF": it.ref, "URL": it.url, "STATE": it.state.value,
                  "CUSTOMER": who.name, "HANDLE": handle}
    return {f"{programs.OWN}{name}": _flat(value) for name, value in facts.items()}


def _at_home(word: str) -> str:
    return os.path.expanduser(word)


def _flat(value: str) -> str:
    return "".join(" " if char in "\r\n\0" else char for char in value)[:LONGEST]
