"""The ledger: what persons and rules decided, one entry each, never changed afterwards."""

from __future__ import annotations

from typing import Any

import msgspec

from agentdesk.model.clock import Millis


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One decision: who, when, what, about which conversation or customer, and by which rule."""

    id: int
    uid: str
    at: Millis
    agent: str
    os_user: str
    action: str
    conversation_id: int | None = None
    customer_id: int | None = None
    source: str = ""
    code: str = ""
    rule: str = ""
    """The rule that decided, when no person did."""
    detail: dict[str, Any] = {}
    undoes: str = ""
    """uid of the entry that this one takes back."""
