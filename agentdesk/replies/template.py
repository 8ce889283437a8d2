"""Canned replies: templates that fill in names and then are ordinary text.

The language is a small part of Jinja2: values, ``if``, comments and a few filters. There are no loops, calls,
assignments or sums in it, so that no template can run away, and what a value says is never read as template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from agentdesk.errors import NotFound, Refused

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import SandboxedEnvironment

MAX_TEMPLATE = 10_000
MAX_VALUE = 1_000
MAX_OUTPUT = 50_000
MAX_DEPTH = 25

FILTERS = ("capitalize", "default", "lower", "title", "trim", "upper")
"""The filters that templates may use."""
TESTS = ("defined", "undefined")
"""The tests that templates may use after ``is``."""

_ALLOWED = frozenset({
    "Template", "Output", "TemplateData", "Name", "Getattr", "Const", "If", "CondExpr", "Filter", "Compare", "Operand",
    "And", "Or", "Not", "Test", "Concat",
})
_NAMES = {"For": "a loop", "Call": "a call", "Assign": "an assignment", "Macro": "a macro", "Include": "an include",
          "Getitem": "an index", "List": "a list", "Dict": "a dictionary", "Tuple": "a list"}
_RESERVED = frozenset({"self", "super", "loop", "caller", "varargs", "kwargs"})

Values: TypeAlias = Mapping[str, str | Mapping[str, str]]
"""Texts by name; ``customer``, ``agent`` and ``conversation`` hold texts by name themselves."""


class BadTemplate(Refused):
    """A template that cannot be used; ``line`` says where in its text."""

    def __init__(self, cause: str, line: int = 1) -> None:
        super().__init__("The canned reply cannot be used", f"Line {line}: {cause}", "Mend its template.")
        self.reason = cause
        self.line = line


class Canned(msgspec.Struct, frozen=True, kw_only=True):
    """One canned reply or snippet."""

    name: str
    title: str
    text: str
    """The template."""
    kind: Literal["reply", "snippet"] = "snippet"
    """A whole reply, or a piece to put inside one."""
    tags: tuple[str, ...] = ()
    lang: str = ""
    hints: dict[str, str] = {}
    """What to say when a value is asked for, by its dotted name."""
    source: str = ""
    """Where it comes from: a file, or the help desk."""
    origin: str = ""
    """The source that holds it, such as ``rt:support``; empty for our own."""
    actions: tuple[str, ...] = ()
    """What else a help desk's macro does, as verb calls."""


def names(text: str) -> tuple[str, ...]:
    """The dotted names of the values that a template must have, in order.

    Those that it gives a default or asks for with ``is defined`` are left out.
    """
    tree = _parse(text)
    optional = frozenset(_optional(tree))
    return tuple(name for name in dict.fromkeys(_dotted_names(tree)) if name not in optional)


def missing(text: str, values: Values) -> tuple[str, ...]:
    """The names a person must be asked for: needed, and absent or empty in ``values``."""
    return tuple(name for name in names(text) if not lookup(values, name))


def lookup(values: Values, name: str) -> str:
    """The text that a dotted name stands for; empty when there is none."""
    first, _, rest = name.partition(".")
    found = values.get(first, "")
    if isinstance(found, str):
        return "" if rest else found
    return found.get(rest, "") if rest else ""


def fill(values: Values, name: str, text: str) -> Values:
    """Return ``values`` with ``text`` under a dotted name."""
    first, _, rest = name.partition(".")
    if not rest:
        return {**values, first: text}
    group = values.get(first, {})
    return {**values, first: {**(group if not isinstance(group, str) else {}), rest: text}}


def render(text: str, values: Values) -> str:
    """Fill the template in; NotFound names a value that is missing, BadTemplate what is wrong with it."""
    from jinja2 import UndefinedError

    template = _environment().from_string(_parse(text))
    out: list[str] = []
    size = 0
    try:
        for piece in template.generate(_bounded(values)):
            size += len(piece)
            if size > MAX_OUTPUT:
                cause = f"More than {MAX_OUTPUT} characters"
                raise Refused("The canned reply grows too long", cause, "Make it shorter.")
            out.append(piece)
    except UndefinedError as error:
        lost = next((name for name in names(text) if not lookup(values, name)), "")
        cause = f"There is nothing for «{lost}»" if lost else str(error.message)
        raise NotFound("The canned reply misses a value", cause, "Fill it in, or give it a default.") from None
    return "".join(out)


def problem(text: str) -> tuple[int, str] | None:
    """The line and the reason why a template cannot be used; None when it can."""
    try:
        _parse(text)
    except BadTemplate as error:
        return error.line, error.reason
    return None


@cache
def _environment() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined, UndefinedError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Environment(ImmutableSandboxedEnvironment):
        """Looks values up in our own mappings and nowhere else."""

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, dict) and attribute in obj:
                return obj[attribute]
            return self.undefined(obj=obj if isinstance(obj, dict) else None, name=attribute)

        def is_safe_callable(self, obj: Any) -> bool:
            return False

    def finalize(value: Any) -> Any:
        if isinstance(value, dict):
            raise UndefinedError(f"a name is missing after the dot: one of {', '.join(value)}")
        return value

    environment = Environment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        finalize=finalize,
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


def _parse(text: str) -> nodes.Template:
    """The template as a tree that holds only what is allowed."""
    from jinja2 import TemplateSyntaxError

    if len(text) > MAX_TEMPLATE:
        raise BadTemplate(f"longer than {MAX_TEMPLATE} characters")
    try:
        tree = _environment().parse(text)
        _check(tree, 0)
    except TemplateSyntaxError as error:
        raise BadTemplate(str(error.message), error.lineno) from None
    except RecursionError:
        raise BadTemplate("nested too deeply") from None
    except ValueError:
        raise BadTemplate("a number is too long") from None
    return tree


def _check(node: nodes.Node, depth: int) -> None:
    """Refuse whatever is not in the small language."""
    kind = type(node).__name__
    if depth > MAX_DEPTH:
        raise _bad(node, "it is nested too deeply")
    if kind not in _ALLOWED:
        raise _bad(node, f"{_NAMES.get(kind, f'«{kind.lower()}»')} is not allowed")
    name = getattr(node, "name", "")
    if (kind == "Filter" and name not in FILTERS) or (kind == "Test" and name not in TESTS):
        raise _bad(node, f"there is no {kind.lower()} «{name}»; known are {', '.join(FILTERS + TESTS)}")
    if kind in ("Name", "Getattr"):
        dotted = _dotted(node)
        if not dotted or any(part.startswith("_") for part in dotted.split(".")) or dotted.split(".")[0] in _RESERVED:
            raise _bad(node, f"«{dotted or kind.lower()}» is not a value's name")
    for child in node.iter_child_nodes():
        _check(child, depth + 1)


def _bad(node: nodes.Node, reason: str) -> BadTemplate:
    """The refusal of ``node``, with the line of the first part of it that knows its own."""
    from jinja2 import nodes

    lines = (part.lineno for part in (node, *node.find_all(nodes.Node)) if part.lineno)
    return BadTemplate(reason, next(lines, 1))


def _dotted_names(node: nodes.Node) -> Iterator[str]:
    """Every dotted name below ``node``."""
    name = _dotted(node)
    if name:
        yield name
        return
    for child in node.iter_child_nodes():
        yield from _dotted_names(child)


def _optional(tree: nodes.Template) -> Iterator[str]:
    """The names that may be missing."""
    from jinja2 import nodes

    for node in tree.find_all((nodes.Test, nodes.Filter)):
        if isinstance(node, nodes.Test) or node.name == "default":
            yield _dotted(node.node)


def _dotted(node: nodes.Node) -> str:
    """``customer.name`` for a look-up of names only; empty for anything else."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        before = _dotted(node.node)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _bounded(values: Values) -> dict[str, Any]:
    """The values as plain short strings and dictionaries of such."""
    bounded: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, str):
            bounded[name] = str(value)[:MAX_VALUE]
        else:
            bounded[name] = {key: str(text)[:MAX_VALUE] for key, text in value.items()}
    return bounded
