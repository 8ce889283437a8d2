"""Asking a person what a source needs: an answer is offered again, of a token only is kept that it was typed."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

import msgspec

from agentdesk.config.jsonschema import describe
from agentdesk.config.shape import Place
from agentdesk.config.sources import SourceBase
from agentdesk.config.walk import hints_of, unwrap
from agentdesk.connectors.login import Ask, SignIn
from agentdesk.errors import DeskError, Refused
from agentdesk.model.words import whole_number

ON = (("again", "answer the questions again"), ("stop", "nothing is written"))
"""How one can go on after a mistake."""
BY_ITSELF = "It is tried again by itself"
"""How a remedy begins that holds for a source that is there."""
_SETTING = re.compile(r"\b(?:the )?([a-z_]+):(?=[\s,.]|$)")


class Person:
    """Passes questions on to whoever asks; remembers the answers, and by a sign which secrets were typed."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._signs: set[bytes] = set()
        self._answers: dict[str, str] = {}

    def tell(self, text: str) -> None:
        """Show words."""
        self._ask.tell(text)

    async def text(self, title: str, *, hint: str = "", default: str = "") -> str:
        """Ask for one line; where nothing else is offered, it begins with what was answered before."""
        answer = await self._ask.text(title, hint=hint, default=default or self._answers.get(title, ""))
        self._answers[title] = answer
        return answer

    async def secret(self, title: str, *, hint: str = "") -> str:
        """Ask for one line that is not shown."""
        value = await self._ask.secret(title, hint=hint)
        self._signs.add(_sign(value))
        return value

    async def choose(self, title: str, choices: Sequence[tuple[str, str]]) -> str:
        """Ask for one of some values."""
        return await self._ask.choose(title, choices)

    def typed(self, secret: str) -> bool:
        """True when the person typed this secret, and so has it at hand."""
        return _sign(secret) in self._signs

    async def after(self, error: DeskError, more: Sequence[tuple[str, str]]) -> str:
        """Say what went wrong and ask how to go on; Refused when the person stops."""
        self.tell(str(DeskError(error.title, error.cause, _remedy(error.remedy))))
        way = await self.choose("How to go on", (*more, *ON))
        if way == "stop":
            raise Refused("Nothing was written", "Signing in was stopped", "Begin again at any time")
        return way


def _remedy(told: str) -> str:
    """What helps somebody who is signing in: nothing goes on by itself here, and there are no settings yet."""
    remedy = told.partition("Sign in again:")[0].strip()  # that is what the person is doing
    if remedy.startswith(BY_ITSELF):
        rest = remedy.removeprefix(BY_ITSELF).strip("; ")
        remedy = rest[:1].upper() + rest[1:] if rest.startswith("check ") else ""
    remedy = remedy.replace(" in url:", "").replace(" in the source's configuration", "")
    return _SETTING.sub(lambda found: f"the {'address' if found[1] == 'url' else found[1]}", remedy)


def _sign(secret: str) -> bytes:
    return hashlib.sha256(secret.strip().encode("utf-8", "surrogatepass")).digest()


async def fields(person: Person, settings: type[SourceBase]) -> SignIn:
    """Ask for every field that a kind of source cannot do without, then for its token."""
    answers: dict[str, str | int | tuple[str, ...]] = {}
    person.tell(inspect.cleandoc(settings.__doc__ or ""))
    hints = hints_of(settings)
    for field in msgspec.structs.fields(settings):
        if field.required and field.name != "name":
            answers[field.name] = await _answer(person, field.name, hints[field.name], describe(settings, field.name))
    secret = await person.secret("Token", hint=f"for {settings.kind}") if settings.needs_token else ""
    return SignIn(name=settings.kind, settings=answers, secret=secret.strip())


async def _answer(person: Person, name: str, hint: Any, words: str) -> str | int | tuple[str, ...]:
    """One field, as its type wants it."""
    kind, marks, _ = unwrap(hint)
    title = name.replace("_", " ").capitalize()
    if get_origin(kind) is Literal:
        return await person.choose(title, [(value, words) for value in get_args(kind)])
    if kind is bool:
        return await person.choose(title, (("true", words), ("false", f"not: {words}"))) == "true"
    if get_origin(kind) is tuple:
        told = await person.text(title, hint=f"{words.rstrip('.')}; several with commas between them")
        return tuple(part.strip() for part in told.split(",") if part.strip())
    told = (await person.text(title, hint=words.rstrip("."))).strip()
    if told and any(isinstance(mark, Place) for mark in marks):
        return _whole(told)
    number = whole_number(told) if kind is int else None
    return told if number is None else number


def _whole(path: str) -> str:
    """The path from the top: the person means it from where they are, the configuration from where it lies."""
    return os.path.abspath(os.path.expanduser(path))
