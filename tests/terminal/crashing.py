"""The real program with a mistake put into it at a named place; run as a script, in a process of its own."""

from __future__ import annotations

import sys
from typing import Any

from textual import events

import agentdesk.ui.app as shell
from agentdesk.cli.entry import entry

TOKEN = "tok-3f9c-canary-token"
LETTER = "my card is 4111 canary letter"


def mistake() -> None:
    """Fail with a token and somebody's letter at hand, in the message and in the variables."""
    token, letter = TOKEN, LETTER
    raise RuntimeError(f"could not use {token} for {letter}")


class Crashing(shell.DeskApp):
    """Fails where the command line says."""

    where = ""

    async def on_mount(self) -> None:
        """Before the first frame; Textual calls the base's too."""
        if self.where == "mount":
            mistake()

    async def _painted(self) -> None:
        await super()._painted()
        if self.where == "painted":
            mistake()

    async def on_event(self, event: events.Event) -> None:
        """When F5 is pressed."""
        if isinstance(event, events.Key) and event.key == "f5":
            if self.where == "verb":
                self.work(self._failing())
                return
            if self.where == "worker":
                self.run_worker(self._failing())
                return
            if self.where == "key":
                mistake()
        await super().on_event(event)

    async def _failing(self) -> None:
        mistake()

    def tick(self, now: int) -> None:
        """Every second."""
        if self.where == "tick":
            mistake()
        super().tick(now)


def main(where: str, *words: Any) -> None:
    """Run the program with the mistake in it."""
    Crashing.where = where
    shell.DeskApp = Crashing  # type: ignore[misc]
    sys.argv = ["agentdesk", *words]
    entry()


if __name__ == "__main__":
    main(*sys.argv[1:])
