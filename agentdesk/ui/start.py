"""From a desk to a running screen: the first frame at once, the libraries after it."""

from __future__ import annotations

import gc
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from agentdesk.commands.keymap import Keymap
from agentdesk.ui.first_frame import painted
from agentdesk.ui.restore_terminal import give_back_when_ended
from agentdesk.ui.terminal import Settings, tell_textual

if TYPE_CHECKING:
    from agentdesk.desk.desk import Desk
    from agentdesk.ui.shell import Shell

Keys = Mapping[str, Mapping[str, str | None]]


def run_screen(desk: Desk, modules: Callable[[], Sequence[ModuleType]], shell: Shell, *, keys: Keys | None = None,
               themes: tuple[Path, ...] = (), begin: Callable[[], Awaitable[None]] | None = None,
               on_crash: Callable[[BaseException], str] | None = None, first_start: str = "") -> int:
    """Show the desk until the agent leaves; the exit code is not 0 when the screen broke down.

    ``modules`` gives those that declare the verbs, those of the screen come on top; ``keys`` is the person's own
    keymap. ``begin`` runs after the first paint; ``on_crash`` writes a report and says where it is. ``shell`` is what
    the terminal shows by now.
    """
    settings = Settings.of(desk.config.ui, os.environ)
    tell_textual(settings, os.environ)
    if not shell.shown:
        give_back_when_ended()
    with painted(desk, settings, themes, Keymap.build(keys), shell) as bare:
        from agentdesk.commands.registry import Registry
        from agentdesk.commands.scripts import with_scripts
        from agentdesk.ui import verbs
        from agentdesk.ui.app import DeskApp

        desk.complete()
        registry, told = with_scripts(Registry.of((*modules(), verbs)), desk.config.commands)
        desk.warnings += told
        keymap = Keymap.build(keys, known=registry.reads)
        desk.warnings += [str(problem) for problem in keymap.problems]
        app = DeskApp(desk, registry, keymap, settings=settings, themes=themes, begin=begin, on_crash=on_crash,
                      take_over=shell.hand_over, first_start=first_start)
    gc.freeze()  # modules are no garbage: the app, when it looks for some, need not look through them
    app.run(mouse=settings.mouse)
    if desk.store.writable:
        shell.keep(str(desk.store.path.parent), bare)
    return app.return_code or 0
