"""The filter language's fields and syntax tree; a tree prints as the text that parses to it again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, Millis
from agentdesk.model.conversation import Disposition, Severity, State
from agentdesk.model.message import Kind

NONE = "none"
"""The value that stands for «nothing there»: ``assignee:none``."""
ME = "me"
"""The value that stands for the agent who asks: ``claim:me``."""

CHOICES: dict[str, tuple[str, ...]] = {
    "state": tuple(State),
    "severity": (Severity.PRAISE.value, Severity.NORMAL.value, Severity.HIGH.value, Severity.CRITICAL.value),
    "kind": tuple(Kind),
    "disposition": (*Disposition, NONE),
}
"""Fields with a fixed set of values; severity from the least to the worst."""
TEXTS = ("source", "channel", "assignee", "claim", "tag", "incident", "lang", "queue", "status", "priority", "name",
         "code", "id")
"""Fields that are compared with any text, without case."""
NUMBERS = ("followers", "unread", "unsent", "burst", "messages")
"""Fields that are compared with a whole number."""
LENGTHS = ("age", "wait", "left")
"""Fields that are compared with a length of time: since it began, since the first unanswered message, until due."""
FLAGS = ("mine", "late", "soon", "draft", "vip", "indirect", "review")
"""Words that are true or not and stay so in the tree."""
SHORTHANDS = ("praise", "unread", "unsent", "unassigned", "claimed")
"""Words that the parser turns into a field's value."""
FIELDS = (*CHOICES, *TEXTS, *NUMBERS, *LENGTHS)

UNITS: tuple[tuple[str, Millis], ...] = (("w", 7 * DAY), ("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND))

Op = Literal[">", ">=", "<", "<=", "="]

_BARE_VALUE = re.compile(r"[^\s\"(),|\\]+")


class Word(msgspec.Struct, frozen=True):
    """Conversations with a word that begins like this, in messages, subject or names."""

    text: str

    def __str__(self) -> str:
        return self.text


class Phrase(msgspec.Struct, frozen=True):
    """Conversations with exactly these words in a row."""

    text: str

    def __str__(self) -> str:
        return quoted(self.text)


class Flag(msgspec.Struct, frozen=True):
    """One of ``FLAGS``."""

    name: str

    def __str__(self) -> str:
        return self.name


class Is(msgspec.Struct, frozen=True):
    """A field of ``CHOICES`` or ``TEXTS`` has one of ``values``, compared without case.

    ``source`` is met by the full name, its kind or its label; ``name`` by a part of the customer's name or handle;
    ``tag`` by one of the tags; ``kind`` by the kind of any inbound message; ``none`` by an empty field.
    """

    field: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        values = (value if _BARE_VALUE.fullmatch(value) else quoted(value) for value in self.values)
        return f"{self.field}:{','.join(values)}"


class Compare(msgspec.Struct, frozen=True):
    """A field of ``NUMBERS`` or ``LENGTHS`` stands so to ``value``; a field without a value never does."""

    field: str
    op: Op
    value: int

    def __str__(self) -> str:
        value = length_text(self.value) if self.field in LENGTHS else str(self.value)
        return f"{self.field}{self.op}{value}"


class Not(msgspec.Struct, frozen=True):
    """Everything that ``term`` does not match, missing values included."""

    term: Node

    def __str__(self) -> str:
        return f"-({self.term})" if isinstance(self.term, (And, Or)) else f"-{self.term}"


class And(msgspec.Struct, frozen=True):
    """All of ``terms``; an empty one matches everything."""

    terms: tuple[Node, ...]

    def __str__(self) -> str:
        return " ".join(f"({term})" if isinstance(term, Or) else str(term) for term in self.terms)


class Or(msgspec.Struct, frozen=True):
    """At least one of ``terms``."""

    terms: tuple[Node, ...]

    def __str__(self) -> str:
        return " or ".join(str(term) for term in self.terms)


Node: TypeAlias = Word | Phrase | Flag | Is | Compare | Not | And | Or


def quoted(text: str) -> str:
    """Return ``text`` in the quotes of the filter language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def length_text(length: Millis) -> str:
    """Return a length of time in its largest unit that divides it: ``90m``, ``2h``."""
    for unit, size in UNITS:
        if length % size == 0:
            return f"{length // size}{unit}"
    return f"{length}ms"


def both(terms: list[Node]) -> Node:
    """Join with «and», flat: one term stays itself."""
    flat: list[Node] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, And) else (term,))
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def either(terms: list[Node]) -> Node:
    """Join with «or», flat: one term stays itself."""
    flat: list[Node] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Or) else (term,))
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def negate(term: Node) -> Node:
    """Return the opposite; twice gives the term back."""
    return term.term if isinstance(term, Not) else Not(term)


def leaves(node: Node) -> Iterator[Word | Phrase | Flag | Is | Compare]:
    """Yield every term that is not itself made of terms."""
    if isinstance(node, (And, Or)):
        for term in node.terms:
            yield from leaves(term)
    elif isinstance(node, Not):
        yield from leaves(node.term)
    else:
        yield node
