"""Opening the screen: the first frame before anything that it does not need."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from agentdesk.bootstrap import DemoOptions, Options, config_file, connect, disconnect, open_desk
from agentdesk.desk.desk import Desk
from agentdesk.paths import places
from agentdesk.store import conversations
from agentdesk.ui.shell import Shell


def profile_options(profile: str, config_path: Path | None = None, overrides: Mapping[str, object] | None = None, *,
                    safe: bool = False, read_only: bool = False) -> Options:
    """The options of a profile; the one called «demo» is the demo desk, world and all."""
    return Options(profile=profile, config_path=config_path, overrides=overrides or {}, safe=safe, read_only=read_only,
                   demo=DemoOptions() if profile == "demo" else None)


def open_screen(options: Options, shell: Shell | None = None) -> int:
    """Open the screen and give back its exit code."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        from agentdesk.cli import output
        from agentdesk.cli.exits import Exit

        output.say("agentdesk: the screen needs a terminal")
        output.say("  next: agentdesk queue --json works without one; agentdesk sync --watch collects")
        return Exit.USAGE
    gc.disable()  # there is no garbage yet, and looking for it takes a tenth of the start; the app turns it on again
    from agentdesk.ui.start import run_screen

    shell = shell or Shell()
    desk = open_desk(options)
    try:
        given = _ask_first(desk, shell)
        code = run_screen(desk, _verb_modules, shell, keys=None if options.safe else desk.config.keys,
                          themes=() if options.safe else (places(options.profile).themes_dir,),
                          begin=lambda: _begin(desk, options, given),
                          on_crash=lambda error: _report(error, options.profile),
                          first_start=_first_start(desk, options))
    finally:
        desk.store.close()
    return _go_on(code, options)


def _report(error: BaseException, profile: str) -> str:
    """Where the report of a crash is."""
    from agentdesk.logs import report_crash

    return report_crash(error, profile).cause


def _first_start(desk: Desk, options: Options) -> str:
    """Where a configuration would be, when there is none and nothing was ever collected; else empty."""
    empty = not desk.config.sources and options.demo is None
    if not empty or conversations.any_stored(desk.store.reader):
        return ""
    return str(config_file(options))


def _go_on(code: int, options: Options) -> int:
    """What was chosen on the first screen happens after it: the demo, or a configuration to edit."""
    from agentdesk.ui.app import START_DEMO, START_SETUP

    if code == START_DEMO:
        return open_screen(profile_options("demo", overrides=options.overrides, safe=options.safe))
    if code == START_SETUP:
        from agentdesk.cli.config import write_starter

        return write_starter(config_file(options))
    return code


def _verb_modules() -> Sequence[ModuleType]:
    """The verbs that need no screen; imported after the first frame."""
    from agentdesk.commands.everything import VERB_MODULES

    return VERB_MODULES


def _ask_first(desk: Desk, shell: Shell) -> dict[str, str]:
    """Tokens that are kept nowhere, asked for while the terminal is still a plain one."""
    given: dict[str, str] = {}
    for one in desk.config.sources:
        if one.token is not None and one.token.kind == "prompt" and not one.paused:
            from agentdesk.cli.session import ask_secret, run

            shell.leave()
            given[one.full_name] = run(ask_secret(one.full_name))
    return given


async def _begin(desk: Desk, options: Options, given: dict[str, str]) -> None:
    """After the first paint: connect the sources, then collect and send until the screen closes."""

    import asyncio

    from agentdesk.desk import rules_changed

    async def ask(source: str) -> str:
        return given.pop(source)

    await connect(desk, options, ask=ask)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(rules_changed.follow(desk))
            await desk.connected().run()
    finally:
        await disconnect(desk)
