"""What looking over the cache found, and how to mend it."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it was promised."""

    area: str
    """file, draft, outbox, ledger, queue, source or sqlite."""
    text: str
    remedy: str = ""
