"""The command line over a file source: what a script would do, in one process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentdesk.cli.entry import entry


@dataclass(frozen=True)
class Answer:
    """What a run wrote and ended with."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON, one document a line."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Answer]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``agentdesk`` with words, and text on its standard input."""

    def call(*words: str, stdin: str = "") -> Answer:
        monkeypatch.setattr(sys, "argv", ["agentdesk", *words])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            entry()
        said = capsys.readouterr()
        return Answer(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    """A configured file source with three customers in it."""
    path = tmp_path / "posts.jsonl"
    rows = [
        {"id": "1", "author": "jane", "author_name": "Jane Doe", "text": "Where is my parcel?",
         "created_at": "2026-01-05T09:00:00Z"},
        {"id": "2", "author": "bo", "text": "Thank you so much, what a lovely driver!",
         "created_at": "2026-01-05T09:10:00Z"},
        {"id": "3", "author": "kim", "text": "My insulin is late, please help", "created_at": "2026-01-05T09:20:00Z"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder = tmp_path / "home" / "config"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "config.yaml").write_text(
        "agent: {name: ann, signature: ^AN, zone: UTC}\n"
        f"sources:\n  - kind: file\n    name: posts\n    path: {path}\n")
    return path
