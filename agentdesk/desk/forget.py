"""Forgetting a profile: its cache, its tokens and what lies beside them, for a machine that is given back."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from agentdesk import secrets
from agentdesk.config.sources import SecretRef, SourceBase
from agentdesk.errors import DeskError, StoreReadOnly
from agentdesk.paths import Places
from agentdesk.store import drafts, leases, outbox
from agentdesk.store.db import Db


class Kept(msgspec.Struct, frozen=True):
    """What would be lost with a cache."""

    drafts: int
    unsent: int
    busy: tuple[str, ...]
    """Other running processes that work on it."""


def kept(db: Db, alive: Callable[[str], bool], me: str) -> Kept:
    """Count what nobody else has, and find who else is at it."""
    busy = tuple(each for each in leases.holders(db) if each != me and alive(each))
    return Kept(drafts.count(db), outbox.count(db), busy)


async def tokens(sources: Iterable[SourceBase]) -> list[str]:
    """Remove every token that lies in the keyring or a file; say of each what became of it."""
    told = []
    for source in sources:
        if source.token is not None:
            told.append(f"{source.full_name}: {await _token(source.token)}")
    return told


async def _token(ref: SecretRef) -> str:
    try:
        match ref.kind:
            case "keyring":
                await secrets.remove(ref)
                return f"{ref.say()} is removed"
            case "file":
                await asyncio.to_thread(_remove, ref.value)
                return f"{ref.say()} is removed"
            case "prompt":
                return "its token was never kept"
            case _:
                return f"its token stays in the {ref.say()}: revoke it there"
    except (DeskError, OSError) as error:
        said = str(error) if isinstance(error, DeskError) else os.strerror(error.errno or 0)
        return f"{ref.say()} could not be removed: {said}"


def _remove(path: str) -> None:
    Path(path).expanduser().unlink(missing_ok=True)


def wipe(where: Places, *, config: bool) -> list[Path]:
    """Remove the cache with its backups, reports, rescued drafts and, when asked, the configuration; what was removed.

    Other profiles below the same folders stay.
    """
    folders = [where.data_dir, *([where.config_dir] if config else [])]
    gone = []
    for folder in folders:
        if folder.is_symlink():
            raise StoreReadOnly(f"{folder} is a symbolic link", "What it leads to may belong to somebody else",
                                "Remove it by hand")
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name == "profiles":
                continue
            try:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            except OSError as error:
                raise StoreReadOnly(f"{path} cannot be removed", os.strerror(error.errno or 0),
                                    "Remove it by hand, then forget the profile again") from error
            gone.append(path)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return gone
