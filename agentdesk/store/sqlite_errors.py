"""SQLite's errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec

from agentdesk.errors import StoreDamaged, StoreError, StoreFull, StoreReadOnly
from agentdesk.store.files import is_full


def in_words(error: apsw.Error, path: Path) -> StoreError:
    """The error of the tree that says what SQLite met, with cause, path and remedy."""
    if isinstance(error, apsw.FullError) or (isinstance(error, apsw.IOError | apsw.CantOpenError)
                                             and is_full(path.parent)):
        return StoreFull("The disk is full", f"There is no room left in {path.parent}",
                         "Free some room; what is on the screen is still there")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return damaged(path, str(error))
    if isinstance(error, apsw.ReadOnlyError | apsw.PermissionsError | apsw.CantOpenError | apsw.AuthError):
        return StoreReadOnly(f"{path} cannot be written", _cause(error),
                             "Make the folder writable, or set AGENTDESK_HOME to one that is")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreError(f"{path} is in use", "Another agentdesk has been writing to it for many seconds",
                          "Try again, or end the other one")
    if isinstance(error, apsw.IOError):
        return StoreError(f"{path} cannot be read or written", _cause(error), "Look at the disk; copy the folder first")
    return StoreError(f"{path} refused a statement", _cause(error), "Run agentdesk doctor")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Around making something of rows: a value that nobody can have written means a damaged file."""
    try:
        yield
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError) as error:
        raise damaged(path, "A row in it is not what was written") from error


def damaged(path: Path, cause: str) -> StoreDamaged:
    """The error for a file whose pages or rows are not what was written."""
    return StoreDamaged(f"{path} is damaged", cause,
                        "Run agentdesk doctor --rescue FILE --aside: what people wrote is saved, the file is kept")


def _cause(error: apsw.Error) -> str:
    return str(error) or type(error).__name__
