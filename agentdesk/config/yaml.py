"""The one door for YAML: strict, bounded, and with a line for everything that is read.

Plain YAML turns ``no`` into false, ``9:30`` into 570 and ``0600`` into 384, keeps the last of two equal keys and can
be made to explode. Here only true, false, null and plain decimal numbers are more than text; anchors, aliases, tags and
equal keys are refused, and size and depth are bounded.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from agentdesk.errors import ConfigError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40

Plain: TypeAlias = str | int | float | bool | None
Path_: TypeAlias = tuple[str | int, ...]
"""Keys and positions from the root, such as ``("sources", 0, "kind")``."""

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_WORDS: dict[str, Plain] = {"true": True, "false": False, "null": None, "~": None, "": None}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: its text as written, and whether it stood in quotes."""

    file: str
    line: int
    column: int
    text: str
    quoted: bool = False
    end: tuple[int, int] = (0, 0)
    """Line and column just behind its last character."""

    def to_plain(self) -> Plain:
        """True, false, null and plain decimal numbers; everything else is text."""
        if self.quoted:
            return self.text
        if self.text in _WORDS:
            return _WORDS[self.text]
        if _INTEGER.fullmatch(self.text):
            return int(self.text)
        if _FLOAT.fullmatch(self.text):
            return float(self.text)
        return self.text


@dataclass(frozen=True, slots=True)
class List:
    """Values in order."""

    file: str
    line: int
    column: int
    items: tuple[Node, ...]
    flow: bool = False
    """True when written in brackets."""
    end: tuple[int, int] = (0, 0)

    def to_plain(self) -> list[Any]:
        """The values as Python data."""
        return [item.to_plain() for item in self.items]


@dataclass(frozen=True, slots=True)
class Map:
    """Values by key, in the order written; ``keys`` holds where each key stands."""

    file: str
    line: int
    column: int
    entries: dict[str, Node]
    keys: dict[str, Scalar]
    flow: bool = False
    """True when written in braces."""
    end: tuple[int, int] = (0, 0)

    def to_plain(self) -> dict[str, Any]:
        """The values as Python data."""
        return {key: node.to_plain() for key, node in self.entries.items()}


Node: TypeAlias = Scalar | List | Map
Doubles: TypeAlias = list[tuple[Scalar, str]]
"""Keys that stand twice in their map, and what is wrong with each."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document; ``name`` is what messages call its file."""

    name: str
    root: Node

    @property
    def plain(self) -> Any:
        """The document as Python data."""
        return self.root.to_plain()

    def line(self, path: Path_) -> int:
        """The line of the value at ``path``, or of the nearest thing above it that exists."""
        node, line = self.root, self.root.line
        for step in path:
            if isinstance(node, Map) and isinstance(step, str) and step in node.entries:
                line, node = node.keys[step].line, node.entries[step]
            elif isinstance(node, List) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                line = node.line
            else:
                break
        return line

    def problem(self, path: Path_, reason: str) -> str:
        """``config.yaml:14: sources[0].kind: reason``."""
        where = f"{self.name}:{self.line(path)}: "
        return f"{where}{dotted(path)}: {reason}" if path else where + reason


def dotted(path: Path_) -> str:
    """``("sources", 0, "kind")`` as ``sources[0].kind``."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
        else:
            name = step if step.isprintable() and len(step) <= 40 else ascii(step[:40])[1:-1]
            out += f".{name}" if out else name
    return out


def read(path: Path, name: str = "") -> Document:
    """Read a file that holds one document; ConfigError with every problem when it is not strictly well-formed."""
    name = name or path.name
    return parse(read_bytes(path, name), name)


def read_all(path: Path, name: str = "") -> tuple[Document, ...]:
    """Read a file that may hold several documents."""
    name = name or path.name
    return parse_all(read_bytes(path, name), name)


def parse(data: bytes | str, name: str, doubles: Doubles | None = None) -> Document:
    """Like ``read()`` for text that is at hand already.

    With ``doubles`` keys that stand twice are no refusal: the first counts, the others are added there with the reason.
    """
    documents = parse_all(data, name, doubles)
    if len(documents) > 1:
        raise _refuse(name, [f"{name}:{documents[1].root.line}: a second document begins here; only one is allowed"])
    return documents[0] if documents else Document(name, Scalar(name, 1, 1, ""))


def parse_all(data: bytes | str, name: str, doubles: Doubles | None = None) -> tuple[Document, ...]:
    """Like ``read_all()`` for text that is at hand already."""
    builder = _Builder(name, doubles)
    text = _decode(data, name)
    try:
        roots = builder.build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        opened = re.search("flow|quoted", error.context or "")  # told where it begins, not where the file ends
        mark = error.context_mark if opened else error.problem_mark or error.context_mark
        line = min(mark.line, text.rstrip().count("\n")) + 1 if mark is not None else 1
        raise _refuse(name, [*builder.problems, f"{name}:{line}: {_explain(error.problem or '')}"]) from None
    except yaml.YAMLError:
        raise _refuse(name, [*builder.problems, f"{name}: this is not YAML"]) from None
    if builder.problems:
        raise _refuse(name, builder.problems)
    return tuple(Document(name, root) for root in roots)


def _refuse(name: str, problems: list[str]) -> ConfigError:
    return ConfigError(f"{name} cannot be read", "; ".join(problems), "Mend the lines named", tuple(problems))


def read_bytes(path: Path, name: str) -> bytes:
    """The bytes of an ordinary file of bounded size."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ConfigError(f"{name} cannot be read", f"{path} is not an ordinary file", "Name a file")
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        cause = f"{path}: {os.strerror(error.errno or 0)}"
        raise ConfigError(f"{name} cannot be read", cause, "Check the path and its permissions") from error


def _decode(data: bytes | str, name: str) -> str:
    if len(data) > MAX_BYTES:
        raise _refuse(name, [f"{name}: larger than {MAX_BYTES // 1024} KiB"])
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        text.encode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        line = data[: error.start].count(b"\n") + 1 if isinstance(data, bytes) else 1
        raise _refuse(name, [f"{name}:{line}: not UTF-8; save the file in that encoding"]) from None
    found = _CONTROL.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise _refuse(name, [f"{name}:{line}: a control character (U+{ord(found[0]):04X}) is not allowed"])
    return text


def _explain(problem: str) -> str:
    """The parser's complaint in other words; never with text from the file, which could be a secret."""
    if "mapping values are not allowed" in problem:
        return "a colon where none belongs; put quotes around text that holds one"
    if "cannot start any token" in problem:
        return "indent with spaces, and put quotes around text that begins with a sign"
    if "block end" in problem or "expected key" in problem or "'-' indicator" in problem:
        return "the indentation does not fit the lines above"
    if "quoted scalar" in problem or "end of stream" in problem:
        return "quotes or brackets that were opened are not closed"
    if "expected ',' or" in problem or "flow" in problem:
        return "brackets that were opened are not closed, or a comma is missing"
    return "this is not YAML: " + re.sub(r"'[^']*'|\"[^\"]*\"", "…", problem)


@dataclass(slots=True)
class _Open:
    """A list or map whose end has not come yet."""

    line: int
    column: int
    is_map: bool
    flow: bool
    items: list[Node]
    entries: dict[str, Node]
    keys: dict[str, Scalar]
    key: Scalar | None = None
    dropped: bool = False
    """True when the value to come belongs to a key that was refused."""


def _spot(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


class _Builder:
    """Turns the parser's events into nodes without recursion, noting what is refused."""

    def __init__(self, name: str, doubles: Doubles | None = None) -> None:
        self.name = name
        self.problems: list[str] = []
        self._doubles = doubles
        self._open: list[_Open] = []
        self._roots: list[Node] = []

    def build(self, events: Iterator[Any]) -> list[Node]:
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                self._check(event)
            if isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
                self._add(self._scalar(event))
            elif isinstance(event, yaml.CollectionStartEvent):
                self._start(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end(_spot(event.end_mark))
        return self._roots

    def _say(self, line: int, reason: str) -> None:
        self.problems.append(f"{self.name}:{line}: {reason}")

    def _check(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if event.anchor is not None:
            self._say(line, "anchors (&) and aliases (*) are not allowed; write the value out, or put it in quotes")
        if getattr(event, "tag", None) is not None:
            self._say(line, "tags (!) are not allowed; put text that begins with ! in quotes")

    def _scalar(self, event: Any) -> Scalar:
        mark = event.start_mark
        text = "" if isinstance(event, yaml.AliasEvent) else event.value
        quoted = getattr(event, "style", None) not in (None, "")
        return Scalar(self.name, *_spot(mark), text, quoted, _spot(event.end_mark))

    def _start(self, event: Any) -> None:
        mark = event.start_mark
        if len(self._open) >= MAX_DEPTH:
            self._say(mark.line + 1, f"nested deeper than {MAX_DEPTH} levels")
            raise _refuse(self.name, self.problems)
        is_map = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Open(*_spot(mark), is_map, bool(event.flow_style), [], {}, {}))

    def _end(self, end: tuple[int, int]) -> None:
        done = self._open.pop()
        if done.is_map:
            self._add(Map(self.name, done.line, done.column, done.entries, done.keys, done.flow, end))
        else:
            self._add(List(self.name, done.line, done.column, tuple(done.items), done.flow, end))

    def _add(self, node: Node) -> None:
        if not self._open:
            self._roots.append(node)
            return
        parent = self._open[-1]
        if not parent.is_map:
            parent.items.append(node)
        elif parent.key is not None or parent.dropped:
            if parent.key is not None:
                parent.entries[parent.key.text] = node
                parent.keys[parent.key.text] = parent.key
            parent.key, parent.dropped = None, False
        else:
            self._take_key(parent, node)

    def _take_key(self, parent: _Open, node: Node) -> None:
        if not isinstance(node, Scalar):
            self._say(node.line, "a key must be text")
        elif node.text in parent.entries:
            first = parent.keys[node.text].line
            reason = f"the same key stands in line {first} already"
            if self._doubles is None:
                self._say(node.line, f"{dotted((node.text,))}: {reason}")
            else:
                self._doubles.append((node, reason))
        else:
            parent.key = node
            return
        parent.dropped = True
