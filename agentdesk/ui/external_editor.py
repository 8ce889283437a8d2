"""Writing in the agent's own editor: the screen steps aside, the clocks and the polling go on."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from agentdesk.errors import Refused
from agentdesk.model.text import inert
from agentdesk.paths import make_private, places

LARGEST = 1_000_000
WATCH_S = 0.5
"""How often to look what the editor has saved."""


def command(configured: str = "") -> list[str]:
    """The editor's argument list: configured, or from VISUAL or EDITOR; Refused when none is set."""
    line = configured or os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise Refused("The editor cannot be started", f"EDITOR cannot be read: {error}",
                      "Set EDITOR to the program's name") from error
    if not words:
        raise Refused("No editor is set", "ui.editor, VISUAL and EDITOR are all empty",
                      "Set one of them, such as EDITOR=nano")
    return words


class OwnEditor:
    """A text in the agent's own editor; it lies among the files of ``profile`` meanwhile.

    ``saved`` hears of what is saved before the editor ends: a line that breaks must not take an hour's work along.
    """

    def __init__(self, text: str, saved: Callable[[str], None], profile: str = "default") -> None:
        self._text = text
        self._saved = saved
        self._profile = profile
        self._path: Path | None = None
        """Where the text lies, while it is there."""

    async def edit(self, app: App[Any], configured: str) -> str:
        """The text as the editor left it, cleaned; Refused when the editor could not be started."""
        words = command(configured)
        folder = places(self._profile).runtime_dir
        make_private(folder)
        handle, name = tempfile.mkstemp(prefix="reply-", suffix=".txt", dir=folder)
        path = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self._text)
            self._path = path
            watching = asyncio.get_running_loop().create_task(self._watch())
            try:
                await _run(app, [*words, name])
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            return await asyncio.to_thread(_read, path)
        finally:
            self._path = None
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            await self.look()

    async def look(self) -> None:
        """Tell what the editor has saved; a file that is not there, or is empty, is being written just now."""
        found = await asyncio.to_thread(_now, self._path) if self._path is not None else ""
        if found and found != self._text and self._path is not None:
            self._text = found
            self._saved(found)


def _now(path: Path) -> str:
    try:
        return _read(path)
    except OSError:
        return ""


async def _run(app: App[Any], words: list[str]) -> None:
    """Give the terminal to the editor until it ends."""
    try:
        with app.suspend():
            process = await asyncio.create_subprocess_exec(*words)
            await process.wait()
    except SuspendNotSupported as error:
        raise Refused("The editor cannot be started here", "This terminal cannot be handed over") from error
    except OSError as error:
        raise Refused("The editor could not be started", f"{words[0]}: {error.strerror or error}",
                      "Check EDITOR; the draft is kept") from error


def _read(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return inert(file.read(LARGEST)).rstrip("\n")
