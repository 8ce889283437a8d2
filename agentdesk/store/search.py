"""The filter language as SQL, and the search through everything that was ever said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from agentdesk.model.clock import Millis
from agentdesk.model.message import Direction, Hit
from agentdesk.model.text import inert_line
from agentdesk.model.words import tokens
from agentdesk.rules.order import ADVANCE
from agentdesk.rules.query import Query
from agentdesk.rules.terms import ME, NONE, And, Compare, Flag, Is, Node, Not, Or, Phrase, Word
from agentdesk.store.db import Db
from agentdesk.store.sqlite_errors import reading
from agentdesk.store.where import Where

__all__ = ["Hit", "Where", "find_text", "where"]

_NEVER, _ALWAYS = "0", "1"
_COLUMNS = {"state": "c.state", "severity": "c.severity", "assignee": "c.assignee", "incident": "c.incident",
            "lang": "c.lang", "queue": "c.remote_queue", "status": "c.status", "priority": "c.priority",
            "code": "c.disposition_code"}
_INVERSE = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "=": "="}
_ADVANCE = max(ADVANCE.values())
_TERM = re.compile(r'(-?)"([^"]*)"?|(-?)(\S+)')


def where(query: Query, *, agent: str, now: Millis) -> Where:
    """The condition that selects what ``query`` does, for ``agent`` at ``now``."""
    compiler = _Compiler(agent, now, _is_open_only(query.root))
    sql = compiler.compile(query.root)
    return Where(sql=sql, params=tuple(compiler.params), slow=compiler.slow or not _is_quick(query.root))


def find_text(db: Db, text: str, limit: int = 50, before_id: int | None = None) -> list[Hit]:
    """Messages that hold all the words, newest first; words in quotes stand in a row, a minus excludes.

    The last word may be unfinished. ``before_id`` pages on from the last hit.
    """
    match = fts(text)
    if not match:
        return []
    rows = db.rows(
        "SELECT m.id, m.conversation_id, m.source, c.name, m.author_name, m.direction, m.created_at, "
        "snippet(message_text, 0, '', '', '…', 20), c.state FROM message_text AS f "
        "JOIN message AS m ON m.id = f.rowid JOIN conversation AS c ON c.id = m.conversation_id "
        "WHERE message_text MATCH ? AND f.rowid < ? ORDER BY f.rowid DESC LIMIT ?",
        match, before_id if before_id is not None else 2**62, limit)
    letters = dict(db.rows("SELECT name, letter FROM source"))
    with reading(db.path):
        return [Hit(message_id=number, conversation_id=conversation_id, source=source, letter=letters.get(source, "?"),
                    name=name, author=author, direction=Direction(direction), created_at=at,
                    snippet=inert_line(snippet), state=state)
                for number, conversation_id, source, name, author, direction, at, snippet, state in rows]


def fts(text: str) -> str:
    """What somebody typed as a full-text query; empty when there is nothing to look for."""
    wanted: list[str] = []
    unwanted: list[str] = []
    found = list(_TERM.finditer(text))
    for place, each in enumerate(found):
        words = each[2] if each[2] is not None else each[4]
        said = tokens(words)
        if not said:
            continue
        is_last = place == len(found) - 1 and each[2] is None and not text[-1:].isspace()
        term = _quoted(words, open_end=is_last and len(said[-1]) > 1)
        (unwanted if each[1] or each[3] else wanted).append(term)
    if not wanted:
        return ""
    found_by = " AND ".join(dict.fromkeys(wanted))
    return f"({found_by}) NOT ({' OR '.join(dict.fromkeys(unwanted))})" if unwanted else found_by


def _quoted(text: str, *, open_end: bool) -> str:
    inner = text.replace('"', '""').replace("\0", " ")
    return f'"{inner}"*' if open_end else f'"{inner}"'


def _is_open_only(node: Node) -> bool:
    """True when the filter asks for open conversations and nothing else as to their state."""
    terms = node.terms if isinstance(node, And) else (node,)
    return any(isinstance(term, Is) and term.field == "state" and _folded(term.values) == ["open"] for term in terms)


def _is_quick(node: Node) -> bool:
    """True when an index leads to the rows, so that few others are looked at however many there are."""
    terms = node.terms if isinstance(node, And) else (node,)
    open_only = _is_open_only(node)
    return any(_is_narrow(term, open_only) for term in terms) or all(_is_indexed(term, open_only) for term in terms)


def _is_narrow(term: Node, open_only: bool) -> bool:
    """A condition that few conversations meet, with an index over them."""
    if isinstance(term, Flag):
        return term.name in ("draft", "vip", "review") or (term.name == "mine" and open_only)
    if isinstance(term, Compare):
        return term.field == "unsent" and term.op == ">"
    return isinstance(term, Is) and term.field == "id"


def _is_indexed(term: Node, open_only: bool) -> bool:
    """A condition whose rows stand together in an index, in queue order."""
    if isinstance(term, Flag):
        return term.name == "late" and open_only
    if not isinstance(term, Is) or len(term.values) != 1:
        return False
    return term.field == "state" or (open_only and (term.field == "severity" or (
        term.field == "source" and ":" in term.values[0])))


def _folded(values: Iterable[str]) -> list[str]:
    return [value.casefold() for value in values]


class _Compiler:
    """Turns a tree into SQL over ``conversation AS c``, collecting the values to bind."""

    def __init__(self, agent: str, now: Millis, open_only: bool) -> None:
        self.params: list[Any] = []
        self.slow = False
        """True when a row may take long to judge: then the window belongs into a thread."""
        self._agent = agent
        self._now = now
        self._open_only = open_only

    def compile(self, node: Node) -> str:
        """The condition for a tree, in parentheses where it needs them."""
        if isinstance(node, And):
            return " AND ".join(self.compile(term) for term in node.terms) if node.terms else _ALWAYS
        if isinstance(node, Or):
            return f"({' OR '.join(f'({self.compile(term)})' for term in node.terms)})" if node.terms else _NEVER
        if isinstance(node, Not):
            return f"(({self.compile(node.term)}) IS NOT TRUE)"
        if isinstance(node, Flag):
            return self._flag(node.name)
        if isinstance(node, Compare):
            return self._compare(node)
        if isinstance(node, Is):
            return self._is(node)
        return self._speaks(node)

    def _bind(self, value: Any) -> str:
        self.params.append(value)
        return "?"

    def _flag(self, name: str) -> str:
        match name:
            case "mine":
                return self._mine()
            case "late":
                bound = f"c.rank <= {self._now} AND " if self._open_only else ""
                return f"({bound}+c.due_at IS NOT NULL AND +c.due_at <= {self._now})"  # by rank: sorting takes longer
            case "soon":
                bound = f"c.rank > {self._now - _ADVANCE} AND " if self._open_only else ""
                return f"({bound}c.soon_at <= {self._now} AND c.due_at > {self._now})"
            case "draft":
                return "c.has_draft > 0"
            case "vip":
                return "c.customer_id IN (SELECT id FROM customer WHERE vip = 1)"
            case _:
                return f"c.{name} <> 0"

    def _mine(self) -> str:
        if not self._agent:
            return _NEVER
        assigned, claimed = self._named("c.assignee", self._agent), self._claimed(self._agent)
        if not self._open_only:
            return f"(({assigned}) OR ({claimed}))"
        pick = "SELECT c.id FROM conversation AS c WHERE c.state = 'open' AND"  # by the indexes over open ones
        return f"c.id IN ({pick} {assigned} UNION {pick} {claimed})"

    def _named(self, column: str, value: str) -> str:
        """A text column says ``value``, whatever the case."""
        if value.isascii():
            return f"{column} <> '' AND {column} = {self._bind(value)} COLLATE NOCASE"
        return f"{column} <> '' AND casefold({column}) = {self._bind(value.casefold())}"

    def _claimed(self, agent: str) -> str:
        return f"{self._named('c.claim_agent', agent)} AND c.claim_until > {self._now}"

    def _compare(self, node: Compare) -> str:
        if node.field in ("age", "wait", "left"):
            column = {"age": "c.created_at", "wait": "c.unanswered_since", "left": "c.due_at"}[node.field]
            if node.field == "left":
                return f"{column} {node.op} {self._now + node.value}"
            return f"{column} {_INVERSE[node.op]} {self._now - node.value}"
        if node.field == "followers":
            self.slow = True
            return ("(SELECT max(i.followers) FROM identity AS i WHERE i.customer_id = c.customer_id) "
                    f"{node.op} {node.value}")
        return f"c.{node.field} {node.op} {node.value}"

    def _is(self, node: Is) -> str:
        special: dict[str, Callable[[str], str]] = {
            "source": self._source, "channel": self._channel, "kind": self._kind, "tag": self._tag,
            "name": self._name, "claim": self._claim, "id": self._id, "disposition": self._disposition}
        if node.field in ("state", "severity"):
            return self._choice(_COLUMNS[node.field], _folded(node.values))
        one = special.get(node.field) or (lambda value: self._text(node.field, value))
        conditions = [one(value) for value in node.values]
        return conditions[0] if len(conditions) == 1 else f"({' OR '.join(f'({each})' for each in conditions)})"

    def _choice(self, column: str, values: list[str]) -> str:
        """Written out, not bound: so an index over a part of the table can be used."""
        known = [value for value in values if value.isascii() and value.isalpha()]
        if len(known) == 1:
            return f"{column} = '{known[0]}'"
        return f"+{column} IN ({', '.join(repr(value) for value in known)})"

    def _text(self, field: str, value: str) -> str:
        column = _COLUMNS[field]
        if value.casefold() == NONE:
            return f"({column} = '' OR {self._named(column, value)})"
        wanted = self._agent if field == "assignee" and value.casefold() == ME else value
        return f"({self._named(column, wanted)})"

    def _source(self, value: str) -> str:
        name = value.casefold()
        if ":" in name:
            return f"c.source = {self._bind(name)}"
        return (f"+c.source IN (SELECT name FROM source WHERE kind = {self._bind(name)} COLLATE NOCASE "
                f"OR substr(name, instr(name, ':') + 1) = {self._bind(name)} COLLATE NOCASE)")

    def _channel(self, value: str) -> str:
        return f"+c.source IN (SELECT name FROM source WHERE letter = {self._bind(value)} COLLATE NOCASE)"

    def _kind(self, value: str) -> str:
        self.slow = True
        return ("EXISTS (SELECT 1 FROM message AS m WHERE m.conversation_id = c.id AND m.direction = 'in' "
                f"AND m.kind = {self._bind(value.casefold())})")

    def _tag(self, value: str) -> str:
        if value.casefold() == NONE:
            return f"(c.tags = '[]' OR {self._has_tag(value)})"
        return self._has_tag(value)

    def _has_tag(self, value: str) -> str:
        return ("c.tags <> '[]' AND EXISTS (SELECT 1 FROM json_each(c.tags) AS t "
                f"WHERE casefold(t.value) = {self._bind(value.casefold())})")

    def _name(self, value: str) -> str:
        self.slow = True
        part = value.casefold()
        return ("(c.customer_id IN (SELECT customer_id FROM identity WHERE "
                f"instr(casefold(name), {self._bind(part)}) > 0 OR instr(casefold(handle), {self._bind(part)}) > 0) "
                f"OR instr(casefold(c.name), {self._bind(part)}) > 0)")

    def _claim(self, value: str) -> str:
        if value.casefold() == NONE:
            return f"((c.claim_agent <> '' AND c.claim_until > {self._now}) IS NOT TRUE)"
        return f"({self._claimed(self._agent if value.casefold() == ME else value)})"

    def _id(self, value: str) -> str:
        return f"c.id = {int(value)}" if value.isdecimal() and len(value) < 18 else _NEVER

    def _disposition(self, value: str) -> str:
        if value.casefold() == NONE:
            return "c.disposition IS NULL"
        return f"c.disposition = {self._bind(value.casefold())}"

    def _speaks(self, node: Word | Phrase) -> str:
        """A message, the subject or the person's name or handle has the words in a row."""
        self.slow = True
        open_end = isinstance(node, Word)
        match = self._bind(f"{{text}} : {_quoted(node.text, open_end=open_end)}")
        person = " OR ".join(self._says(column, node.text, open_end) for column in ("name", "handle"))
        heads = " OR ".join(self._says(column, node.text, open_end) for column in ("c.subject", "c.name"))
        return ("(c.id IN (SELECT m.conversation_id FROM message_text AS f JOIN message AS m ON m.id = f.rowid "
                f"WHERE message_text MATCH {match}) "
                f"OR c.customer_id IN (SELECT customer_id FROM identity WHERE {person}) OR {heads})")

    def _says(self, column: str, text: str, open_end: bool) -> str:
        """Looks closer only where plain letters make it possible."""
        first = tokens(text)[0]
        near = _ALWAYS
        if first.isascii():
            near = f"({column} LIKE {self._bind(f'%{first}%')} OR octet_length({column}) <> length({column}))"
        return f"({near} AND has_words({column}, {self._bind(text)}, {int(open_end)}))"
