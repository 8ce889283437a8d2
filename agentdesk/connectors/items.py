"""Reading lists of a server's items one by one, so that one that does not fit never hides the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from agentdesk.connectors.foreign import reject, storable
from agentdesk.errors import Rejected
from agentdesk.model.clock import Millis
from agentdesk.model.page import Reject

MAX_DEPTH = 32

T = TypeVar("T")


class TagChange(msgspec.Struct, forbid_unknown_fields=True):
    """What to do to a conversation's tags."""

    add: list[str] = []
    remove: list[str] = []


def read(items: Iterable[Any], kind: type[T], where: str, convert: Callable[[Any, type[T]], T] | None = None
         ) -> tuple[list[T], list[Reject]]:
    """Convert list items, with ``convert`` or as ``one()`` does; what does not fit is set aside, the others stay."""
    good: list[T] = []
    bad: list[Reject] = []
    for item in items:
        try:
            good.append((convert or one)(item, kind))
        except (msgspec.ValidationError, ValueError, RecursionError, OverflowError) as error:
            number = item.get("id", "?") if isinstance(item, dict) else "?"
            bad.append(reject(f"{where} {number}", str(error), item))
    return good, bad


def one(item: Any, kind: type[T]) -> T:
    """Convert one item, with nulls taken for what is not there; ValueError or ValidationError when it does not fit."""
    return msgspec.convert(_without_nulls(item, 0), kind, strict=False)


def instant(text: object) -> Millis | None:
    """An ISO time in milliseconds; None for anything else."""
    try:
        at = datetime.fromisoformat(str(text))
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError, OSError):
        return None


def iso(at: Millis, *, millis: bool = True) -> str:
    """An instant as ISO time in UTC."""
    text = datetime.fromtimestamp(at / 1_000, UTC).isoformat(timespec="milliseconds" if millis else "seconds")
    return text.replace("+00:00", "Z")


def tag_change(value: str, name: str) -> TagChange:
    """The tags that an action's value names; Rejected when it names none."""
    try:
        return msgspec.json.decode(value, type=TagChange)
    except msgspec.DecodeError as error:
        raise Rejected(f"{name}: tags to add and remove are not given", str(error)) from error


def _without_nulls(item: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return None
    if isinstance(item, dict):
        return {storable(name): _without_nulls(value, depth + 1) for name, value in item.items() if value is not None}
    if isinstance(item, list):
        return [_without_nulls(value, depth + 1) for value in item if value is not None]
    return item
