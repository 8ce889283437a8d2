"""The file connector keeps the contract on real files."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentdesk.config.sources import FileSource
from agentdesk.connectors.file.connector import FileConnector
from agentdesk.model.clock import ManualClock
from tests.contract.suite import ConnectorContract, Held, World, skip


class FileWorld(World):
    """A file that somebody else writes."""

    def __init__(self, clock: ManualClock, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = clock
        self.path = folder / "posts.jsonl"
        self.path.touch()
        self.out = Path(f"{self.path}.replies.jsonl")
        self.patch = monkeypatch
        self.number = 0
        self.held: str | None = None
        """What is in the file while its writer has emptied it."""
        self.connector = FileConnector(FileSource(name="shop", path=str(self.path), ours=("acme",)), clock)

    def write(self, **fields: object) -> str:
        """Add a line."""
        self.number += 1
        at = datetime.fromtimestamp(self.clock.now() / 1_000, UTC).isoformat()
        line = {"id": f"p{self.number}", "author": "jane", "author_name": "Jane", "created_at": at, **fields}
        if self.held is not None:
            self.held += json.dumps(line) + "\n"
        else:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")
        return str(line.get("conversation") or line["id"])

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        return self.write(text=text, **({"conversation": thread} if thread else {}))

    async def colleague_answers(self, thread: str, text: str) -> None:
        self.write(text=text, conversation=thread, author="acme")

    def _written(self, text: str) -> list[str]:
        lines = self.out.read_text().splitlines() if self.out.exists() else []
        return [line["direction"] for line in map(json.loads, lines) if line["text"] == text]

    async def copies(self, text: str) -> int:
        return self._written(text).count("out")

    async def notes(self, text: str) -> int:
        return self._written(text).count("note")

    async def restart(self) -> None:
        self.connector = FileConnector(FileSource(name="shop", path=str(self.path), ours=("acme",)), self.clock)

    async def hostile(self, text: str) -> None:
        small = text[:5_000]
        self.write(text=text, author_name=small, handle=small, subject=small, tags=[small], lang=small, status=small,
                   assignee=small, priority=small, url=f"https://example.test/{small}",
                   attachments=[small, {"name": small, "url": small, "mime": small, "alt": small}])
        self.write(text="AAA", id=small[:200], author=small[:200], conversation=small[:200], client_id=small[:200])
        self.write(text="AAA", direction=small)

    async def garbage(self) -> None:
        with self.path.open("ab") as file:
            file.write(b'{"id": "x", "author": "\xff\xfe", "text": 7}\n')

    async def gap(self) -> None:
        self.path.unlink()
        self.path.touch()

    async def delete_thread(self, thread: str) -> None:
        pytest.skip("a reply to a line that was removed is written all the same")

    def hold_back(self, what: Held) -> None:
        """Its writer begins by emptying it."""
        if what == "messages":
            skip("there is one list only")
        if what:
            self.held = self.path.read_text()
        self.path.write_text("" if what else self.held or "")
        self.held = self.held if what else None

    def unreachable(self) -> None:
        self._once("open", OSError(errno.ENOSPC, "No space left on device"), before=True)

    def lose_answer(self) -> None:
        self._once("fsync", OSError(errno.EIO, "Input/output error"), before=False)

    def _once(self, name: str, error: OSError, *, before: bool) -> None:
        real: Callable[..., object] = getattr(os, name)
        failed: list[bool] = []

        def failing(*args: object, **kwargs: object) -> object:
            if failed:
                return real(*args, **kwargs)
            failed.append(True)
            if not before:
                real(*args, **kwargs)
            raise error

        self.patch.setattr(os, name, failing)


class TestFile(ConnectorContract):
    """A growing file of JSON lines."""

    @pytest.fixture
    def world(self, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileWorld:
        return FileWorld(clock, tmp_path, monkeypatch)
