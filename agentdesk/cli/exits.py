"""Exit codes, documented in the manual; every error class names its own in ``errors.py``."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the process ends with."""

    OK = 0
    ERROR = 1
    USAGE = 2
    CONFIG = 3
    NOT_FOUND = 4
    REFUSED = 5
    STORE = 6
    SOURCE = 7
    FINDINGS = 8
    """``doctor`` found something to mend, or ``sync`` could not reach every source."""
