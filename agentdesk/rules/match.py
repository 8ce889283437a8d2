"""Whether one conversation is among what a filter selects; the meaning that the store's SQL must share."""

from __future__ import annotations

import operator
from collections.abc import Callable

import msgspec

from agentdesk.model.clock import Millis
from agentdesk.model.words import fold, tokens
from agentdesk.rules.terms import ME, NONE, And, Compare, Flag, Is, Node, Not, Or, Phrase, Word


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """All that a filter can ask of a conversation."""

    id: int = 0
    state: str = "open"
    source: str = ""
    channel: str = ""
    """The channel's letter."""
    kinds: tuple[str, ...] = ()
    """Kinds of its inbound messages."""
    severity: str = "normal"
    assignee: str = ""
    claim: str = ""
    """Who holds a claim that has not run out."""
    tags: tuple[str, ...] = ()
    incident: str = ""
    lang: str = ""
    queue: str = ""
    status: str = ""
    priority: str = ""
    disposition: str = ""
    code: str = ""
    names: tuple[str, ...] = ()
    """The customer's name and handles."""
    texts: tuple[str, ...] = ()
    """What a search looks through: subject, names, each message."""
    followers: int | None = None
    unread: int = 0
    unsent: int = 0
    burst: int = 0
    messages: int = 0
    draft: bool = False
    vip: bool = False
    indirect: bool = False
    review: bool = False
    created_at: Millis | None = None
    unanswered_since: Millis | None = None
    due_at: Millis | None = None
    soon_at: Millis | None = None


def holds(node: Node, subject: Subject, agent: str, now: Millis) -> bool:
    """True when ``subject`` meets ``node``."""
    if isinstance(node, And):
        return all(holds(term, subject, agent, now) for term in node.terms)
    if isinstance(node, Or):
        return any(holds(term, subject, agent, now) for term in node.terms)
    if isinstance(node, Not):
        return not holds(node.term, subject, agent, now)
    if isinstance(node, Is):
        return _is(node, subject, agent)
    if isinstance(node, Flag):
        return _flag(node.name, subject, agent, now)
    if isinstance(node, Compare):
        value = _number(node.field, subject, now)
        return value is not None and _OPS[node.op](value, node.value)
    return _speaks(node, subject)


_OPS: dict[str, Callable[[int, int], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq,
}


def _flag(name: str, subject: Subject, agent: str, now: Millis) -> bool:
    if name == "mine":
        return bool(agent) and agent.casefold() in (subject.assignee.casefold(), subject.claim.casefold())
    if name == "late":
        return subject.due_at is not None and subject.due_at <= now
    if name == "soon":
        return subject.soon_at is not None and subject.due_at is not None and subject.soon_at <= now < subject.due_at
    return bool(getattr(subject, name))


def _number(field: str, subject: Subject, now: Millis) -> int | None:
    if field == "age":
        return None if subject.created_at is None else now - subject.created_at
    if field == "wait":
        return None if subject.unanswered_since is None else now - subject.unanswered_since
    if field == "left":
        return None if subject.due_at is None else subject.due_at - now
    value: int | None = getattr(subject, field)
    return value


def _is(term: Is, subject: Subject, agent: str) -> bool:
    held = [value.casefold() for value in _values(term.field, subject) if value]
    for wanted in term.values:
        value = wanted.casefold()
        if value == NONE and not held:
            return True
        if value == ME and term.field in ("assignee", "claim"):
            value = agent.casefold()
        if term.field == "name":
            if any(value in name for name in held):
                return True
        elif value in held:
            return True
    return False


def _values(field: str, subject: Subject) -> tuple[str, ...]:
    if field == "source":
        kind, _, label = subject.source.partition(":")
        return (subject.source, kind, label)
    if field == "id":
        return (str(subject.id),)
    if field in ("tag", "kind", "name"):
        found: tuple[str, ...] = getattr(subject, field + "s")
        return found
    return (getattr(subject, field),)


def _speaks(term: Word | Phrase, subject: Subject) -> bool:
    wanted = tokens(term.text)
    open_end = isinstance(term, Word)
    return any(_runs(wanted, tokens(text), open_end) for text in subject.texts if wanted[0] in fold(text))


def _runs(wanted: list[str], words: list[str], open_end: bool) -> bool:
    """True when ``wanted`` stands in ``words`` in a row; with ``open_end`` the last may be just a word's beginning."""
    size = len(wanted)
    for start in range(len(words) - size + 1):
        run = words[start : start + size]
        if run == wanted or (open_end and run[:-1] == wanted[:-1] and run[-1].startswith(wanted[-1])):
            return True
    return False
