"""The screen as verbs see it: asking, telling, showing, copying."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from agentdesk.commands.context import Choice, Level
from agentdesk.commands.keymap import TEXT
from agentdesk.errors import Refused
from agentdesk.model.outgoing import OutKind
from agentdesk.ui.terminal import COPY_LIMIT, osc52

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp

SCREENS = {
    "outbox": ("agentdesk.ui.screens.outbox", "OutboxScreen"),
    "ledger": ("agentdesk.ui.screens.ledger", "LedgerScreen"),
    "sources": ("agentdesk.ui.screens.sources", "SourcesScreen"),
    "connect": ("agentdesk.ui.screens.connecting", "ConnectScreen"),
    "drafts": ("agentdesk.ui.screens.drafts", "DraftsScreen"),
    "help": ("agentdesk.ui.screens.help", "HelpScreen"),
    "search": ("agentdesk.ui.screens.search", "SearchScreen"),
    "output": ("agentdesk.ui.screens.output", "OutputScreen"),
    "why": ("agentdesk.ui.screens.why", "WhyScreen"),
}
"""Screens by the name verbs call them; each is imported when it is first shown."""
LOOK_S = 0.1
"""How often a question that waits looks whether it may be asked."""
BESIDE = ("queue", "conversation", "customer")
"""Contexts of the main screen in which nothing is being written."""


class ScreenFront:
    """A person at the terminal."""

    def __init__(self, app: DeskApp, where: str = "") -> None:
        self.app = app
        self.where = where
        """The context of the key that called."""

    async def ask(self, title: str, *, default: str = "", hint: str = "",
                  check: Callable[[str], str] | None = None,
                  complete: Callable[[str], Sequence[str]] | None = None) -> str | None:
        """One line of text."""
        from agentdesk.ui.screens import dialogs

        await self._wait_for_turn()
        return await dialogs.ask(self.app, title, default=default, hint=hint, check=check, complete=complete)

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """One of several."""
        from agentdesk.ui.screens import dialogs

        await self._wait_for_turn()
        return await dialogs.choose(self.app, title, choices)

    async def confirm(self, title: str, detail: str = "") -> bool:
        """Yes or no."""
        from agentdesk.ui.screens import dialogs

        await self._wait_for_turn()
        return await dialogs.confirm(self.app, title, detail)

    async def _wait_for_turn(self) -> None:
        """A question that comes late waits: letters meant for a text that was begun since must not answer it."""
        if self.where in BESIDE and self.app.key_context in TEXT:
            self.tell("info", "A question waits until you have written this")
            while self.app.key_context in TEXT:  # noqa: ASYNC110 - nobody tells of every move of the keys
                await asyncio.sleep(LOOK_S)

    def tell(self, level: Level, text: str, remedy: str = "") -> None:
        """Say something in the last line."""
        self.app.say(level, text, remedy)

    async def show(self, screen: str, **args: Any) -> None:
        """Open a screen, or a part of the main one."""
        main = self.app.main
        if screen == "conversation":
            main.open_conversation(int(args["conversation_id"]))
        elif screen == "composer":
            self._refuse_to_interrupt()
            await main.compose_reply(int(args["conversation_id"]), OutKind(args.get("kind", "reply")),
                                     visibility=str(args.get("visibility", "")), canned=str(args.get("canned", "")),
                                     message_id=int(args.get("message_id", 0)), take=bool(args.get("take", "")))
        elif screen == "customer":
            main.open_conversation(int(args["conversation_id"]))
            main.show_pane("customer")
        elif screen in SCREENS:
            module, name = SCREENS[screen]
            made = getattr(importlib.import_module(module), name)(**args)
            self.app.open_screen(made)
        else:
            raise Refused(f"There is no screen called {screen}", "", f"One of {', '.join(sorted(SCREENS))}")

    def _refuse_to_interrupt(self) -> None:
        """What took long before it could be shown must not take the keys from what was begun meanwhile."""
        main = self.app.main
        if self.where in BESIDE and self.app.screen is main and main.context == "composer":
            raise Refused("You are writing something else by now", "This is kept as a draft", "D lists it")

    def write_below(self, conversation_id: int, text: str) -> bool:
        """Below what stands in the composer, when that is the reply to this conversation; the cursor stays."""
        main = self.app.main
        draft = main.composer.draft if main.writing else None
        if draft is None or (draft.conversation_id, draft.kind) != (conversation_id, OutKind.REPLY):
            return False
        main.composer.refuse_while_sending()
        main.composer.editor.put_below(text)
        return True

    async def copy(self, text: str) -> str:
        """Put text into the clipboard of the terminal the person sits at."""
        data = text.encode("utf-8", "replace")
        if len(data) > COPY_LIMIT:
            raise Refused("That is too much for the clipboard", f"{len(data):,} bytes; terminals take {COPY_LIMIT:,}",
                          "Export the conversation instead")
        self.app.write_raw(osc52(text, os.environ))
        shown = text if len(text) <= 40 else f"{len(text):,} characters"
        return f"Copied {shown}"
