"""The lock of a release: every dependency stands in it, each with its hashes, and none comes from elsewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / ".ci" / "requirements.txt").read_text(encoding="utf-8")
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==\S+ \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def test_every_dependency_is_pinned_with_its_hashes() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[<>=~ \[;]", each)[0].lower() for each in wanted}
    assert names <= {match[1] for match in PIN.finditer(LOCK)}


def test_nothing_is_pinned_without_hashes_or_taken_from_elsewhere() -> None:
    rest = PIN.sub("", LOCK)
    assert [line for line in rest.splitlines() if line and not line.startswith("    #")] == []
    assert "://" not in LOCK
