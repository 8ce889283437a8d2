"""Who holds a lease: the identity of this process, and whether another one still lives."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Alive: TypeAlias = Callable[[str], bool]
"""Says whether the holder of that identity still runs."""


def identity() -> str:
    """This process as ``host:pid:start:random``: never the same twice, not even after the pid is used again."""
    pid = os.getpid()
    return f"{_host()}:{pid}:{_started(pid) or 0}:{uuid.uuid4().hex[:12]}"


def alive(holder: str) -> bool:
    """True while that process may still run: on another host always (its lease must expire), here when it exists."""
    parts = holder.split(":", 3)
    if len(parts) != 4 or not parts[1].isdecimal():
        return False
    if parts[0] != _host():
        return True
    pid = int(parts[1])
    if not _exists(pid):
        return False
    started = _started(pid)
    return started is None or parts[2] in ("0", str(started))


def here(holder: str) -> bool:
    """True when that holder ran on this machine, so that ``alive`` knows for certain."""
    return holder.split(":")[0] == _host()


def _host() -> str:
    return os.uname().nodename.replace(":", "_") or "localhost"


def _started(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None where the system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(stat.rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def _exists(pid: int) -> bool:
    """True when a process of that number runs, whoever owns it; a zombie runs no more."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] in (["Z"], ["X"])
