"""The shapes that RT answers with, read tolerantly: empty strings for nothing, numbers as text, or the other way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from agentdesk.connectors.items import read as each
from agentdesk.model.clock import DAY, Millis
from agentdesk.model.page import Reject

NOBODY = "Nobody"
SYSTEM = "RT_System"
WRITTEN = frozenset(("Create", "Correspond", "Comment"))
"""Transactions that carry something a person wrote."""


class Person(msgspec.Struct, frozen=True):
    """A user where one is mentioned; ``id`` is the login name."""

    id: str | int = ""
    Name: str = ""
    RealName: str = ""
    EmailAddress: str = ""

    @property
    def login(self) -> str:
        """The login name, which stays the same while names and addresses change."""
        return self.Name or str(self.id)


class Thing(msgspec.Struct, frozen=True):
    """A queue or ticket where one is mentioned."""

    id: str | int = ""
    Name: str = ""


class Values(msgspec.Struct, frozen=True):
    """A custom field with its values."""

    name: str = ""
    values: list[Any] = []


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a ticket's history."""

    id: int
    Type: str
    Created: str
    ObjectId: int
    Creator: Person = Person()
    Field: str = ""
    OldValue: str | int | float = ""
    NewValue: str | int | float = ""
    CustomFields: list[Values] = []

    def field(self, name: str) -> str:
        """The first value of a transaction custom field."""
        for one in self.CustomFields:
            if one.name == name and one.values:
                return str(one.values[0])
        return ""

    @property
    def merged_into(self) -> int | None:
        """The ticket that this one became part of; None for anything else."""
        if self.Field != "MergedInto" or self.Type != "AddLink":
            return None
        number = str(self.NewValue).rpartition("/")[2]
        return int(number) if number.isdecimal() and int(number) != self.ObjectId else None


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket's head."""

    id: int
    Subject: str = ""
    Status: str = ""
    Queue: Thing = Thing()
    Owner: Person = Person()
    Creator: Person = Person()
    Requestor: list[Person] = []
    Cc: list[Person] = []
    Created: str = ""
    LastUpdated: str = ""
    Due: str = ""
    Priority: str | int = ""
    SLA: str = ""
    CustomFields: list[Values] = []

    @property
    def owner(self) -> str:
        """Login of who has it; empty for nobody."""
        return "" if self.Owner.login == NOBODY else self.Owner.login

    def values(self, field: str) -> tuple[str, ...] | None:
        """The values of a custom field; None when the ticket has no such field."""
        for one in self.CustomFields:
            if one.name == field:
                return tuple(str(value) for value in one.values if isinstance(value, str | int | float))
        return None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message; ``Content`` is there only where it was asked for."""

    id: int
    TransactionId: int
    ContentType: str = ""
    Filename: str = ""
    ContentLength: int = 0
    Content: str = ""


TICKET_FIELDS = "Subject,Status,Queue,Owner,Creator,Requestor,Cc,Created,LastUpdated,Due,Priority,SLA,CustomFields"
PERSON = "Name,RealName,EmailAddress"
TICKET_COLUMNS = {
    "fields": TICKET_FIELDS,
    "fields[Queue]": "Name",
    "fields[Owner]": PERSON,
    "fields[Requestor]": PERSON,
    "fields[Cc]": PERSON,
}
TRANSACTION_COLUMNS = {
    "fields": "Type,Creator,Created,ObjectId,Field,OldValue,NewValue,CustomFields",
    "fields[Creator]": PERSON,
}

T = TypeVar("T")


def read(items: Iterable[Any], kind: type[T], where: str) -> tuple[list[T], list[Reject]]:
    """Convert list items one by one; those that do not fit are set aside and the others stay."""
    return each(items, kind, where, one)


def one(item: Any, kind: type[T]) -> T:
    """Convert one item; ValueError or ValidationError when it does not fit."""
    return msgspec.convert(_filled(item, 0), kind, strict=False)


def instant(text: str) -> Millis | None:
    """An ISO time in milliseconds; None where RT means «not set» (1970), or says nothing readable."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    millis = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
    return millis if millis > DAY else None


def _filled(item: Any, depth: int) -> Any:
    """Drop what is empty: RT says "" for no person, no list and no number alike."""
    if depth > 6:
        return None
    if isinstance(item, dict):
        return {name: _filled(value, depth + 1) for name, value in item.items() if value is not None and value != ""}
    if isinstance(item, list):
        return [_filled(value, depth + 1) for value in item if value is not None and value != ""]
    return item
