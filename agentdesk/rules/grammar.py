"""The grammar of the filter language: text to tree, each refusal with its place and the nearest word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import NoReturn, cast

import msgspec

from agentdesk.errors import UsageError
from agentdesk.model.words import tokens
from agentdesk.rules.terms import (
    CHOICES,
    FIELDS,
    FLAGS,
    LENGTHS,
    NONE,
    NUMBERS,
    SHORTHANDS,
    UNITS,
    And,
    Compare,
    Flag,
    Is,
    Node,
    Not,
    Op,
    Phrase,
    Word,
    both,
    either,
    negate,
)

MAX_DEPTH = 30
MAX_NUMBER = 10**12

_FIELD = re.compile(r"([A-Za-z_]+)(>=|<=|:|=|>|<)(.*)", re.DOTALL)
_NUMBER = re.compile(r"(\d{1,12})([km]?)", re.IGNORECASE)
_LENGTH = re.compile(r"(\d{1,6})([wdhms])", re.IGNORECASE)
_UNIT = dict(UNITS)
_SCALE = {"": 1, "k": 1_000, "m": 1_000_000}
_SHORT: dict[str, Node] = {
    "praise": Is("severity", ("praise",)),
    "unread": Compare("unread", ">", 0),
    "unsent": Compare("unsent", ">", 0),
    "unassigned": Is("assignee", (NONE,)),
    "claimed": Not(Is("claim", (NONE,))),
}


class _Piece(msgspec.Struct, frozen=True):
    """A term as typed: ``text`` without quotes, ``marks`` where quoted stretches begin and end in it."""

    at: int
    raw: str
    text: str
    whole: bool
    """True when the whole of it stood in one pair of quotes."""


class Reader:
    """Recursive descent over the text; every refusal knows where it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def read(self) -> Node:
        """The whole text as one tree."""
        self._skip()
        if self._end():
            return And(())
        node = self._either()
        if not self._end():
            self._refuse(self.at, self.text[self.at], "There is no opening parenthesis for it.",
                         "Take it out, or put the text in quotes.")
        return node

    def _either(self) -> Node:
        terms = [self._both()]
        while self._keyword("or") or self._sign("|"):
            terms.append(self._both())
        return either(terms)

    def _both(self) -> Node:
        terms: list[Node] = []
        self._skip()
        while not self._end() and self.text[self.at] not in ")|" and not self._peek("or"):
            start = self.at
            if self._keyword("and"):
                if not terms:
                    self._refuse(start, "and", "There is nothing before it.", "Put a term on both sides.")
                if self._end() or self.text[self.at] in ")|" or self._peek("or"):
                    self._refuse(start, "and", "There is nothing after it.", "Put a term on both sides.")
                continue
            terms.append(self._term())
            self._skip()
        if not terms:
            found = self.text[self.at : self.at + 2].strip() or "the end"
            self._refuse(self.at, found, "A term is missing here.",
                         'To search for such a word itself, put it in quotes: "or".')
        return both(terms)

    def _term(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._refuse(self.at, self.text[self.at], "It is nested too deeply.", "Use fewer parentheses.")
        node = self._inner()
        self.depth -= 1
        return node

    def _inner(self) -> Node:
        self._skip()
        start = self.at
        if self._sign("-") or self._keyword("not"):
            if self._end() or self.text[self.at] in ")|" or (self.text[start] == "-" and self.text[self.at].isspace()):
                self._refuse(start, self.text[start : self.at], "There is nothing after it to leave out.",
                             "Write -word, -tag:x or -(a or b).")
            return negate(self._term())
        if self._sign("("):
            node = self._either()
            if not self._sign(")"):
                self._refuse(start, "(", "It is never closed.", "Add a closing parenthesis.")
            return node
        return self._read_piece(self._piece())

    # -- characters ---------------------------------------------------------------------------------------------------

    def _end(self) -> bool:
        return self.at >= len(self.text)

    def _skip(self) -> None:
        while not self._end() and self.text[self.at].isspace():
            self.at += 1

    def _sign(self, sign: str) -> bool:
        self._skip() if sign in "|)" else None
        if self.text.startswith(sign, self.at):
            self.at += 1
            return True
        return False

    def _peek(self, word: str) -> bool:
        end = self.at + len(word)
        after = self.text[end : end + 1]
        return self.text[self.at : end].lower() == word and (not after or after.isspace() or after in "()|")

    def _keyword(self, word: str) -> bool:
        self._skip()
        if not self._peek(word):
            return False
        self.at += len(word)
        self._skip()
        return True

    def _piece(self) -> _Piece:
        start, pairs = self.at, 0
        out: list[str] = []
        while not self._end() and not self.text[self.at].isspace() and self.text[self.at] not in "()|":
            if self.text[self.at] == '"':
                out.append(self._quoted())
                pairs += 1
            else:
                out.append(self.text[self.at])
                self.at += 1
        raw = self.text[start : self.at]
        return _Piece(start, raw, "".join(out), pairs == 1 and len(out) == 1)

    def _quoted(self) -> str:
        start = self.at
        out: list[str] = []
        self.at += 1
        while not self._end():
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return "".join(out)
            if char == "\\" and self.text[self.at + 1 : self.at + 2] in ("\\", '"'):
                self.at += 1
                char = self.text[self.at]
            out.append(char)
            self.at += 1
        return self._refuse(start, self.text[start : start + 20], "The quotes are never closed.", 'Add a closing ".')

    def _refuse(self, at: int, piece: str, cause: str, remedy: str) -> NoReturn:
        raise UsageError(f"The filter cannot be read at position {at + 1}: «{piece}»", cause, remedy)

    # -- terms --------------------------------------------------------------------------------------------------------

    def _read_piece(self, piece: _Piece) -> Node:
        found = None if piece.whole else _FIELD.match(piece.raw)
        if found:
            return self._field(piece, found[1].lower(), found[2], found[3])
        name = piece.raw.lower()
        if not piece.whole:
            if '"' in piece.raw:
                self._refuse(piece.at, piece.raw, "A quote stands inside a word.",
                             'Put the whole in quotes: "two words".')
            if name in FLAGS:
                return Flag(name)
            if name in _SHORT:
                return _SHORT[name]
        if not tokens(piece.text):
            self._refuse(piece.at, piece.raw, "It holds no letter or digit to search for.", "Search for a word.")
        return Phrase(piece.text) if piece.whole else Word(piece.text)

    def _field(self, piece: _Piece, name: str, sign: str, rest: str) -> Node:
        if name in ("is", "has") and sign == ":":
            return self._shorthand(piece, rest)
        if name not in FIELDS:
            self._unknown(piece, name)
        values = self._values(piece, len(piece.raw) - len(rest))
        if name in NUMBERS or name in LENGTHS:
            return self._compare(piece, name, sign, values)
        if name == "severity" and sign in (">", ">=", "<", "<="):
            return self._severity(piece, sign, values)
        if sign not in ":=":
            self._refuse(piece.at, piece.raw, f"«{name}» cannot be compared with «{sign}».", f"Write {name}:value.")
        if name in CHOICES:
            return Is(name, self._choices(piece, name, values))
        return Is(name, tuple(dict.fromkeys(values)))

    def _values(self, piece: _Piece, skip: int) -> list[str]:
        """Split what follows the field's sign at commas outside quotes."""
        inner = Reader(piece.raw[skip:])
        values, current = [], ""
        while not inner._end():
            char = inner.text[inner.at]
            if char == '"':
                current += inner._quoted()
                continue
            inner.at += 1
            if char == ",":
                values.append(current)
                current = ""
            else:
                current += char
        values.append(current)
        if not all(value.strip() for value in values):
            self._refuse(piece.at, piece.raw, "A value is missing.", "Write field:value, several with commas: tag:a,b.")
        return [value.strip() for value in values]

    def _shorthand(self, piece: _Piece, name: str) -> Node:
        name = name.lower()
        if name in FLAGS:
            return Flag(name)
        if name in _SHORT:
            return _SHORT[name]
        return self._refuse(piece.at, piece.raw, f"Nothing is called «{name}».", _nearest(name, (*FLAGS, *SHORTHANDS)))

    def _unknown(self, piece: _Piece, name: str) -> NoReturn:
        near = _nearest(name, (*FIELDS, *FLAGS, *SHORTHANDS))
        self._refuse(piece.at, piece.raw, f"There is no field «{name}».",
                     f'{near} To search for the text itself, put it in quotes: "{piece.text}".')

    def _choices(self, piece: _Piece, name: str, values: list[str]) -> tuple[str, ...]:
        allowed = CHOICES[name]
        chosen: list[str] = []
        for value in (value.lower() for value in values):
            if value == "any" and name == "state":
                chosen.extend(allowed)
            elif value in allowed:
                chosen.append(value)
            else:
                self._refuse(piece.at, piece.raw, f"«{value}» is no {name}.", _nearest(value, allowed))
        return tuple(dict.fromkeys(chosen))

    def _severity(self, piece: _Piece, sign: str, values: list[str]) -> Node:
        order = CHOICES["severity"]
        (mark,) = self._choices(piece, "severity", values[:1])
        place = order.index(mark)
        stands: Callable[[int], bool] = {
            ">": lambda n: n > place, ">=": lambda n: n >= place, "<": lambda n: n < place, "<=": lambda n: n <= place,
        }[sign]
        chosen = tuple(name for n, name in enumerate(order) if stands(n))
        if not chosen:
            self._refuse(piece.at, piece.raw, "No severity stands there.", f"They are, worst last: {', '.join(order)}.")
        return Is("severity", chosen)

    def _compare(self, piece: _Piece, name: str, sign: str, values: list[str]) -> Node:
        (value, *more) = values
        op = cast(Op, "=" if sign == ":" else sign)
        if not more and name in NUMBERS and (number := _NUMBER.fullmatch(value)):
            return Compare(name, op, min(int(number[1]) * _SCALE[number[2].lower()], MAX_NUMBER))
        if not more and name in LENGTHS and (length := _LENGTH.fullmatch(value)):
            return Compare(name, op, int(length[1]) * _UNIT[length[2].lower()])
        needs, example = ("one whole number", "1000") if name in NUMBERS else ("one length of time", "2h")
        return self._refuse(piece.at, piece.raw, f"«{name}» needs {needs}.", f"Write {name}>{example}.")


def _nearest(word: str, among: tuple[str, ...]) -> str:
    """Say which of ``among`` was probably meant, or list them all."""
    near = difflib.get_close_matches(word, among, n=1, cutoff=0.6)
    return f"Did you mean «{near[0]}»?" if near else f"Known are: {', '.join(among)}."
