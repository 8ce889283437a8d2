"""Verbs: all that agentdesk can be told to do, declared once; keys, palette, ``:`` line, scripts and CLI call them.

One call grammar for all of them: ``verb argument key=value``, with quotes around words that belong together.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin

import msgspec

from agentdesk.commands.context import Choice, Context
from agentdesk.errors import UsageError
from agentdesk.model.words import whole_number

Rest = NewType("Rest", str)
"""The type of a last parameter that takes the rest of the line as it was typed, quotes and all."""

Scope = Literal["none", "one", "many"]
Danger = Literal["none", "bulk", "careful"]
Run = Callable[..., Awaitable[str | None]]
F = TypeVar("F", bound=Run)
_MARK = "__agentdesk_verb__"
_EMPTY = inspect.Parameter.empty


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of a verb."""

    name: str
    kind: Literal["text", "number", "decimal", "yes or no", "choice", "rest"]
    required: bool
    default: Any = None
    choices: tuple[str, ...] = ()
    type: Any = str


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """One verb as declared."""

    name: str
    title: str
    run: Run
    doc: str
    contexts: tuple[str, ...]
    scope: Scope
    danger: Danger
    undoable: bool
    visual: bool
    """True when it only moves things on the screen: it runs at once and never asks."""
    online: bool = False
    """True when it talks to a source itself: without a screen the sources are connected first."""
    params: tuple[Param, ...]

    @property
    def usage(self) -> str:
        """The call as it is typed: ``snooze until``; optional arguments in brackets."""
        words = [p.name if p.required else f"[{p.name}]" for p in self.params]
        return " ".join([self.name, *words])

    @property
    def brief(self) -> str:
        """What it does, in one line as it is shown to people."""
        return self.doc.split("\n")[0].rstrip(".").replace("``", "")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call as read from a line, not yet checked against the verb's types."""

    verb: str
    args: tuple[str, ...] = ()
    named: dict[str, str] = {}
    rest: tuple[str, ...] = ()
    """For every argument the line from there on, as it was typed."""


def verb(name: str, *, title: str, contexts: tuple[str, ...] = ("global",), scope: Scope = "none",
         danger: Danger = "none", undoable: bool = False, visual: bool = False,
         online: bool = False) -> Callable[[F], F]:
    """Declare a coroutine function ``(ctx, …typed arguments) -> sentence or None`` as a verb.

    ``scope``: many takes marked rows, one refuses several, none needs none. ``danger``: bulk asks when several are
    marked, careful always asks.
    """

    def declare(run: F) -> F:
        setattr(run, _MARK, {"name": name, "title": title, "contexts": contexts, "scope": scope, "danger": danger,
                             "undoable": undoable, "visual": visual, "online": online})
        return run

    return declare


class Registry:
    """All verbs of one program run, gathered from the modules that declare them."""

    def __init__(self, verbs: Iterable[Verb]) -> None:
        self._verbs: dict[str, Verb] = {}
        for one in verbs:
            if one.name in self._verbs:
                raise ValueError(f"two verbs are called {one.name}")
            self._verbs[one.name] = one

    @classmethod
    def of(cls, modules: Iterable[types.ModuleType]) -> Registry:
        """The verbs declared in these modules, in the order of their lines."""
        found: list[Verb] = []
        for module in modules:
            for thing in vars(module).values():
                facts = getattr(thing, _MARK, None)
                if facts is not None and getattr(thing, "__module__", None) == module.__name__:
                    found.append(Verb(run=thing, doc=inspect.getdoc(thing) or "", params=_params(thing), **facts))
        return cls(found)

    def __iter__(self) -> Iterator[Verb]:
        return iter(self._verbs.values())

    def __contains__(self, name: str) -> bool:
        return name in self._verbs

    def __getitem__(self, name: str) -> Verb:
        """The verb of this name; UsageError naming the nearest ones."""
        found = self._verbs.get(name)
        if found is None:
            near = get_close_matches(name, self._verbs, n=3, cutoff=0.5)
            raise UsageError(f"There is no command {name}", "",
                             f"Nearest: {', '.join(near)}" if near else "? lists what there is")
        return found

    def parse(self, line: str) -> Call:
        """Read ``verb argument key=value``; UsageError when the verb or a quote is off."""
        words = split(line)
        if not words:
            raise UsageError("Nothing was typed", "", "Type a command, or ? for a list")
        one = self[words[0][0]]
        names = {p.name for p in one.params}
        rest_from = next((i for i, p in enumerate(one.params) if p.kind == "rest"), None)
        args: list[str] = []
        named: dict[str, str] = {}
        tails: list[str] = []
        for text, start, quoted in words[1:]:
            key, sep, value = text.partition("=")
            in_rest = rest_from is not None and len(args) > rest_from
            if sep and key in names and not quoted and not in_rest:
                if key in named:
                    raise UsageError(f"{key} is given twice", "", one.usage)
                named[key] = value
                continue
            args.append(text)
            tails.append(line[start:].strip())
        return Call(verb=one.name, args=tuple(args), named=named, rest=tuple(tails))

    def reads(self, line: str) -> bool:
        """Whether a call can be read and its arguments fit."""
        try:
            self.bind(self.parse(line))
        except UsageError:
            return False
        return True

    def bind(self, call: Call) -> tuple[dict[str, Any], list[Param]]:
        """The typed arguments of a call, and the required ones it leaves out; UsageError for one that does not fit."""
        one = self[call.verb]
        values: dict[str, Any] = {}
        free = [p for p in one.params if p.name not in call.named]
        for index, text in enumerate(call.args):
            if index >= len(free):
                raise UsageError(f"{one.name} does not take that many words", f"left over: {text}",
                                 f"Write {one.usage}, with quotes around words that belong together")
            param = free[index]
            if param.kind == "rest":
                values[param.name] = call.rest[index] if index < len(call.rest) else text
                break
            values[param.name] = convert(one, param, text)
        for name, text in call.named.items():
            values[name] = convert(one, next(p for p in one.params if p.name == name), text)
        return values, [p for p in one.params if p.required and p.name not in values]

    async def run(self, ctx: Context, call: Call | str) -> str | None:
        """Carry out a call: check it, ask for what is missing, confirm what is dangerous; a sentence comes back."""
        read = self.parse(call) if isinstance(call, str) else call
        one = self[read.verb]
        values, missing = self.bind(read)
        if one.scope == "one":
            _ = ctx.one
        elif one.scope == "many":
            _ = ctx.many
        for param in missing:
            given = await self._ask(ctx, one, param)
            if given is None:
                return None
            values[param.name] = given
        several = len(ctx.selection) > 1 and one.scope == "many"
        if one.danger == "careful" or (one.danger == "bulk" and several):
            what = f"{len(ctx.selection)} conversations" if several else ""
            if not await ctx.front.confirm(f"{one.title}{': ' + what if what else ''}?", one.doc.split("\n")[0]):
                return None
        return await one.run(ctx, **values)

    async def _ask(self, ctx: Context, one: Verb, param: Param) -> Any:
        """Ask the person for one missing argument."""
        title = f"{one.title}: {param.name.replace('_', ' ')}"
        if param.choices:
            answer = await ctx.front.choose(title, [Choice(c, c.replace("_", " ")) for c in param.choices])
        else:
            def check(text: str) -> str:
                try:
                    convert(one, param, text)
                except UsageError as error:
                    return str(error)
                return ""

            answer = await ctx.front.ask(title, check=check)
        return None if answer is None else convert(one, param, answer)

    def complete(self, line: str, where: str | None = None) -> list[str]:
        """What the last word of an unfinished line may become, whole lines, best first."""
        head, _, last = line.rpartition(" ")
        if not head:
            names = [one.name for one in self if where is None or usable(one, where)]
            starts = [n for n in names if n.startswith(last)]
            return starts + [n for n in names if last and last in n and n not in starts]
        one = self._verbs.get(head.split()[0])
        if one is None:
            return []
        key, sep, value = last.partition("=")
        if sep:
            param = next((p for p in one.params if p.name == key), None)
            return [f"{head} {key}={c}" for c in (param.choices if param else ()) if c.startswith(value)]
        place = sum("=" not in word for word in head.split()[1:])
        here = one.params[place].choices if place < len(one.params) else ()
        given = {word.partition("=")[0] for word in head.split()[1:]}
        keys = [f"{p.name}=" for p in one.params if p.name not in given]
        return [f"{head} {c}" for c in (*here, *keys) if c.startswith(last) and c != last]

    def catalogue(self) -> list[dict[str, Any]]:
        """Every verb as plain data, for ``--json``, the manual and completion."""
        return [{"name": v.name, "title": v.title, "usage": v.usage, "doc": v.doc, "contexts": list(v.contexts),
                 "scope": v.scope, "danger": v.danger, "undoable": v.undoable, "screen_only": v.visual,
                 "arguments": [{"name": p.name, "kind": p.kind, "required": p.required, "choices": list(p.choices)}
                               for p in v.params]} for v in self]


def usable(one: Verb, where: str) -> bool:
    """True when a verb makes sense in a context; global verbs do everywhere."""
    return "global" in one.contexts or where in one.contexts


def split(line: str) -> list[tuple[str, int, bool]]:
    """Words of a line with the place each begins and whether it was quoted; UsageError for an open quote."""
    words: list[tuple[str, int, bool]] = []
    place = 0
    while place < len(line):
        if line[place].isspace():
            place += 1
            continue
        start = place
        word = ""
        quoted = line[place] in "\"'"
        while place < len(line) and not line[place].isspace():
            char = line[place]
            opens = char in "\"'" and (place == start or line[place - 1] == "=")
            if not opens:
                word += char
                place += 1
                continue
            end = line.find(char, place + 1)
            while end > 0 and line[end - 1] == "\\":
                end = line.find(char, end + 1)
            if end < 0:
                raise UsageError("A quote is open", f"from column {place + 1}", f"Close it with {char}")
            word += line[place + 1:end].replace("\\" + char, char)
            place = end + 1
        words.append((word, start, quoted))
    return words


def quote(word: str) -> str:
    """The word as it must be typed to be read back as one."""
    if word and not any(c.isspace() or c in "\"'=" for c in word):
        return word
    return '"' + word.replace('"', '\\"') + '"'


def convert(one: Verb, param: Param, text: str) -> Any:
    """A typed value from a word; UsageError saying what would fit."""
    if param.choices:
        if text not in param.choices:
            near = get_close_matches(text, param.choices, n=1)
            raise UsageError(f"{one.name}: {param.name} cannot be {text!r}", f"Nearest: {near[0]}" if near else "",
                             f"One of {', '.join(param.choices)}")
        return param.type(text) if isinstance(param.type, type) and issubclass(param.type, Enum) else text
    if param.kind == "number":
        number = whole_number(text)
        if number is None:
            raise UsageError(f"{one.name}: {param.name} is a whole number", f"not {text!r}", one.usage)
        return number
    if param.kind == "decimal":
        try:
            return float(text)
        except ValueError:
            raise UsageError(f"{one.name}: {param.name} is a number", f"not {text!r}", one.usage) from None
    if param.kind == "yes or no":
        known: Mapping[str, bool] = {"yes": True, "true": True, "on": True, "1": True,
                                     "no": False, "false": False, "off": False, "0": False}
        if text.lower() not in known:
            raise UsageError(f"{one.name}: {param.name} is yes or no", f"not {text!r}", one.usage)
        return known[text.lower()]
    return text


def _params(run: Run) -> tuple[Param, ...]:
    """The parameters of a verb's function after the context, read from its annotations."""
    found: list[Param] = []
    parameters = list(inspect.signature(run, eval_str=True).parameters.values())[1:]
    for p in parameters:
        if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            raise TypeError(f"{run.__qualname__}: {p.name}: a verb has named parameters only")
        kind, choices, plain = _kind(p.annotation, f"{run.__qualname__}: {p.name}")
        found.append(Param(name=p.name, kind=kind, required=p.default is _EMPTY,
                           default=None if p.default is _EMPTY else p.default, choices=choices, type=plain))
    return tuple(found)


def _kind(annotation: Any, where: str) -> tuple[Any, tuple[str, ...], Any]:
    """How an annotation is read from a word."""
    if get_origin(annotation) in (Union, types.UnionType):
        bare = [part for part in get_args(annotation) if part is not type(None)]
        if len(bare) == 1:
            return _kind(bare[0], where)
    if annotation is Rest:
        return "rest", (), str
    if get_origin(annotation) is Literal:
        return "choice", tuple(str(value) for value in get_args(annotation)), str
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "choice", tuple(str(member.value) for member in annotation), annotation
    simple: dict[Any, str] = {str: "text", int: "number", float: "decimal", bool: "yes or no"}
    if annotation not in simple:
        raise TypeError(f"{where}: {annotation!r} cannot be read from a word")
    return simple[annotation], (), annotation
